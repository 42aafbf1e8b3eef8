// goroutines is a Go program for Windows: goroutines, channels, maps, garbage, files, time, and a nil dereference that is recovered.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"
)

type tree struct {
	left, right *tree
	n           int
}

func grow(depth int) *tree {
	if depth == 0 {
		return &tree{n: 1}
	}
	t := &tree{left: grow(depth - 1), right: grow(depth - 1)}
	t.n = t.left.n + t.right.n
	return t
}

func main() {
	var wg sync.WaitGroup
	ch := make(chan int, 10)
	for i := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range 100 {
				ch <- i * j
			}
		}()
	}
	go func() { wg.Wait(); close(ch) }()
	sum := 0
	for v := range ch {
		sum += v
	}
	fmt.Println("sum", sum)

	words := map[string]int{}
	for i := range 2000 {
		words[fmt.Sprint("word", i%50)] += i
	}
	var keys []string
	for k := range words {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	fmt.Println(len(keys), keys[0], words[keys[0]], strings.Join(keys[:3], ","))

	leaves := 0
	for range 30 {
		leaves += grow(12).n // garbage
	}
	runtime.GC()
	fmt.Println("leaves", leaves)

	start := time.Now()
	time.Sleep(20 * time.Millisecond)
	fmt.Println("slept", time.Since(start) >= 20*time.Millisecond)
	var once sync.Once
	var mu sync.RWMutex
	total := 0
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			once.Do(func() { total = 1000 })
			mu.Lock()
			total++
			mu.Unlock()
		}()
	}
	wg.Wait()
	fmt.Println("total", total)

	name := "goroutines.tmp"
	err := os.WriteFile(name, []byte("written and read"), 0o644)
	b, err2 := os.ReadFile(name)
	info, err3 := os.Stat(name)
	fmt.Println(string(b), info.Size(), err, err2, err3, os.Remove(name))
	_, err = os.Open("no such file")
	fmt.Println(os.IsNotExist(err))

	defer func() {
		fmt.Println("recovered:", recover())
		os.Exit(len(os.Args) + 2)
	}()
	var t *tree
	t.n = 1
}
