package xpress

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExamples has the examples of [MS-XCA] 3.1.
func TestExamples(t *testing.T) {
	alphabet := "abcdefghijklmnopqrstuvwxyz"
	for _, c := range []struct{ plain, packed string }{
		{alphabet, "\x3f\x00\x00\x00" + alphabet},
		{strings.Repeat("abc", 100), "\xff\xff\xff\x1fabc\x17\x00\x0f\xff\x26\x01"},
	} {
		b := make([]byte, 400)
		n := Compress(b, []byte(c.plain))
		require.Equal(t, c.packed, string(b[:n]))
		got := make([]byte, len(c.plain))
		require.NoError(t, Decompress(got, b[:n]))
		require.Equal(t, c.plain, string(got))
	}
}

func TestEveryKindOfPageComesBack(t *testing.T) {
	text, err := os.ReadFile("xpress.go")
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	sparse := make([]byte, 4096)
	for range 40 {
		sparse[r.IntN(4096)] = byte(r.Uint32())
	}
	for name, c := range map[string]struct {
		page []byte
		most int
	}{
		"zeros": {make([]byte, 4096), 16}, "text": {text[:4096], 2600}, "sparse": {sparse, 400}, "noise": {noise, 5000},
		"empty": {nil, 4}, "longest": {make([]byte, MaxBlock), 16},
	} {
		b := make([]byte, 5000)
		n := Compress(b, c.page)
		require.Positive(t, n, name)
		require.LessOrEqual(t, n, c.most, name)
		got := make([]byte, len(c.page))
		require.NoError(t, Decompress(got, b[:n]), name)
		require.True(t, bytes.Equal(c.page, got), name)
		require.Zero(t, Compress(b[:n-1], c.page), "%s: no room", name)
	}
}

func TestCorruptBlocksAreRefused(t *testing.T) {
	page := make([]byte, 64)
	for _, b := range []string{
		"", "\x00\x00\x00", "\x00\x00\x00\x00abc", "\xff\xff\xff\xff\x00\x00", "\xff\xff\xff\x7fa\x07\x00", "\xff\xff\xff\x7fa\x07\x00\x0f\xff\xff\xff",
		"\xff\xff\xff\x7fa\x07\x00\x0f\xff\x00\x00\xff\xff\xff\xff",
	} {
		require.ErrorIs(t, Decompress(page, []byte(b)), ErrCorrupt, "%q", b)
	}
}

func FuzzXpress(f *testing.F) {
	f.Add([]byte("abcabcabcabc"))
	f.Add(make([]byte, 300))
	f.Fuzz(func(t *testing.T, b []byte) {
		var page [4096]byte
		_ = Decompress(page[:], b) // must end
		if len(b) > MaxBlock {
			b = b[:MaxBlock]
		}
		packed := make([]byte, len(b)*9/8+16)
		n := Compress(packed, b)
		require.Positive(t, n)
		got := make([]byte, len(b))
		require.NoError(t, Decompress(got, packed[:n]))
		require.True(t, bytes.Equal(b, got))
	})
}

func BenchmarkXpress(b *testing.B) {
	text, err := os.ReadFile("xpress.go")
	require.NoError(b, err)
	page, packed := text[:4096], make([]byte, 4096)
	n := Compress(packed, page)
	b.Run("compress", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(4096)
		for b.Loop() {
			Compress(packed, page)
		}
		b.ReportMetric(4096/float64(n), "ratio")
	})
	b.Run("decompress", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(4096)
		for b.Loop() {
			if Decompress(page, packed[:n]) != nil {
				b.Fatal("corrupt")
			}
		}
	})
}
