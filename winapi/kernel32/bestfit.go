package kernel32

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed bestfit.txt
var bestFitText string

type bestFitKey struct {
	codePage uint32
	unit     uint16
}

// bestFits maps characters without a byte of their own to the byte that looks most like them.
var bestFits = sync.OnceValue(func() map[bestFitKey]byte {
	m := map[bestFitKey]byte{}
	for line := range strings.Lines(bestFitText) {
		if line[0] == '#' {
			continue
		}
		var k bestFitKey
		var b byte
		if _, err := fmt.Sscanf(line, "%d %x %x", &k.codePage, &k.unit, &b); err != nil {
			panic("kernel32: bestfit.txt: " + err.Error())
		}
		m[k] = b
	}
	return m
})
