package mmu_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/x86"
)

// TestRules has every function and test that the table of doc.go names.
func TestRules(t *testing.T) {
	functions := map[string]bool{}
	for _, dir := range []string{".", "../tlb", "../cpu", "../tests"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?(\w+)[\[(]`).FindAllSubmatch(text, -1) {
				functions[string(m[1])] = true
			}
		}
	}
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(doc), "//\trule ")
	require.True(t, ok)
	rules := 0
	for _, line := range strings.Split(table, "\n")[1:] {
		row, ok := strings.CutPrefix(line, "//\t")
		if !ok {
			break
		}
		require.Greater(t, len(row), 65, row)
		code, tests := strings.Fields(strings.ReplaceAll(row[44:65], ",", " ")), strings.Fields(strings.ReplaceAll(row[65:], ",", " "))
		require.NotEmpty(t, code, row)
		require.NotEmpty(t, tests, row)
		for _, name := range append(code, tests...) {
			require.True(t, functions[name], "%s: no function %s", row[:44], name)
		}
		for _, name := range tests {
			require.True(t, strings.HasPrefix(name, "Test"), name)
		}
		rules++
	}
	require.Equal(t, 23, rules, "mmu-rules 1 to 23")
}

// TestUpdatesAreLocked has another processor count in the bits of an entry that software may use, by compare-and-swap,
// while the walker sets A and D in it: no count and no bit is lost.
func TestUpdatesAreLocked(t *testing.T) { // rule 12
	w := newWorld(t, mmu.Options{})
	const counts, unit = 5000, 1 << 52
	w.set(1, 0x10000|rw)
	var other sync.WaitGroup
	other.Go(func() {
		for n := 0; n < counts; {
			old := w.mem.Load64(pte(1))
			n0 := old >> 52 & 0x7f
			next := old&^(0x7f<<52|uint64(x86.PTEAccessed|x86.PTEDirty)) | (n0+1)&0x7f*unit
			if w.mem.CompareAndSwap64(pte(1), old, next) {
				n++
			}
		}
	})
	walks := 0
	for done := make(chan struct{}); ; walks++ {
		if walks == 0 {
			go func() { other.Wait(); close(done) }()
		}
		e, f := w.m.Walk(page(1), x86.Write)
		require.Nil(t, f)
		require.True(t, e.Dirty)
		select {
		case <-done:
			_, f := w.m.Walk(page(1), x86.Write)
			require.Nil(t, f)
			e := w.mem.Load64(pte(1))
			require.EqualValues(t, counts&0x7f, e>>52&0x7f, "after %d walks", walks)
			require.Equal(t, x86.PTEAccessed|x86.PTEDirty, x86.PTE(e)&(x86.PTEAccessed|x86.PTEDirty))
			return
		default:
		}
	}
}

// TestMemoryTypes has the PAT's entry that a page and its tables name (SDM vol. 3A 11.12.3), and refuses types that do not
// exist.
func TestMemoryTypes(t *testing.T) { // rule 23
	w := newWorld(t, mmu.Options{})
	require.Equal(t, &x86.Fault{Vector: x86.VectorGP}, w.m.SetPAT(0x0007040600070402))
	require.Nil(t, w.m.SetPAT(0x0504_0100_0607_0106)) // WB WC UC- WB, UC WC WT WP
	const pwt, pcd, pat4K = 1 << 3, 1 << 4, 1 << 7
	types := []string{"WB", "WC", "UC-", "WB", "UC", "WC", "WT", "WP"}
	for i, want := range types {
		e := uint64(0x10000 | rw)
		if i&1 != 0 {
			e |= pwt
		}
		if i&2 != 0 {
			e |= pcd
		}
		if i&4 != 0 {
			e |= pat4K
		}
		w.set(1, e)
		walk := w.m.Inspect(page(1))
		require.Equal(t, want, walk.Memory.String(), "entry %d", i)
	}
}
