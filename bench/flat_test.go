package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// flat is an operation whose cost must not grow with what there is already: limit is how often the cost among few it may have
// among many.
type flat struct {
	name      string
	few, many int
	limit     float64
	setUp     func(b testing.TB, n int) (batch func()) // a batch is flatBatch operations
}

const flatBatch = 256

var flats = []flat{
	{"demand-zero fault among mapped pages", 1_000, 1_000_000, 1.5, func(b testing.TB, n int) func() {
		s := newSystem(b, 64<<20)
		s.mapPages(b, n)
		base := s.allocate(b, flatBatch<<12, commit, ntdef.PAGE_READWRITE)
		return func() {
			for page := x86.VirtAddr(0); page < flatBatch; page++ {
				s.touch(b, base+page<<12, x86.PFWrite)
			}
			s.ok(b, s.as.Free(&ntmm.Request{Base: base, Size: flatBatch << 12, Type: ntdef.MEM_DECOMMIT}))
			s.ok(b, s.as.Allocate(&ntmm.Request{Base: base, Size: flatBatch << 12, Type: ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE}))
		}
	}},
	{"transition fault among mapped pages", 1_000, 1_000_000, 1.5, func(b testing.TB, n int) func() {
		s := newSystem(b, 64<<20)
		s.mapPages(b, n)
		base := s.allocate(b, flatBatch<<12, commit, ntdef.PAGE_READWRITE)
		return func() {
			for page := x86.VirtAddr(0); page < flatBatch; page++ {
				s.touch(b, base+page<<12, x86.PFWrite)
			}
			s.as.RemoveFromWorkingSet(base, base+flatBatch<<12)
		}
	}},
	{"allocate and free among VADs", 100, 100_000, 3, func(b testing.TB, n int) func() {
		s, _ := withVADs(b, n)
		return func() {
			for range flatBatch {
				r := ntmm.Request{Size: 1 << 20, Type: ntdef.MEM_RESERVE, Protect: ntdef.PAGE_READWRITE}
				s.ok(b, s.as.Allocate(&r))
				s.ok(b, s.as.Free(&ntmm.Request{Base: r.Base, Type: ntdef.MEM_RELEASE}))
			}
		}
	}},
	{"protect among VADs", 100, 100_000, 3, func(b testing.TB, n int) func() {
		s, va := withVADs(b, n)
		return func() {
			for i := range flatBatch {
				p := []uint32{ntdef.PAGE_READONLY, ntdef.PAGE_READWRITE}[i%2]
				_, st := s.as.Protect(&ntmm.Request{Base: va[i], Size: 4096, Protect: p})
				s.ok(b, st)
			}
		}
	}},
	{"query among VADs", 100, 100_000, 3, func(b testing.TB, n int) func() {
		s, va := withVADs(b, n)
		return func() {
			for i := range flatBatch {
				_, st := s.as.Query(va[i])
				s.ok(b, st)
			}
		}
	}},
}

// withVADs has a number of reservations, and the addresses of some of them in random order.
func withVADs(b testing.TB, n int) (*system, []x86.VirtAddr) {
	s := newSystem(b, 1<<30)
	var all []x86.VirtAddr
	for range n {
		all = append(all, s.allocate(b, 4096, commit, ntdef.PAGE_READWRITE))
	}
	r := rand.New(rand.NewPCG(1, 1))
	some := make([]x86.VirtAddr, flatBatch)
	for i := range some {
		some[i] = all[r.IntN(n)]
	}
	return s, some
}

func (s *system) ok(b testing.TB, st ntdef.Status) {
	if st != ntdef.STATUS_SUCCESS {
		b.Fatal(st)
	}
}

// fastest is the shortest of some runs of both, in nanoseconds an operation; they take turns, so that what else the host does meets
// both.
func fastest(few, many func(), runs int) (a, b float64) {
	a, b = math.Inf(1), math.Inf(1)
	for range runs {
		start := time.Now()
		few()
		between := time.Now()
		many()
		a = min(a, float64(between.Sub(start))/flatBatch)
		b = min(b, float64(time.Since(between))/flatBatch)
	}
	return a, b
}

// BenchmarkFlat has what a fault costs among a million mapped pages, and a service among 100,000 reservations, beside what it costs
// among few: ns/few and ns/many an operation, and their ratio.
func BenchmarkFlat(b *testing.B) {
	for _, f := range flats {
		few, many := f.setUp(b, f.few), f.setUp(b, f.many)
		b.Run(fmt.Sprintf("%s/%d-%d", f.name, f.few, f.many), func(b *testing.B) {
			b.ReportAllocs()
			small, large := math.Inf(1), math.Inf(1)
			for b.Loop() {
				x, y := fastest(few, many, 1)
				small, large = min(small, x), min(large, y)
			}
			b.ReportMetric(small, "ns/few")
			b.ReportMetric(large, "ns/many")
			b.ReportMetric(large/small, "ratio")
		})
	}
}
