package mmu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// TestExactModeCountsEveryAccess has each load, store and fetch be a lookup, of two pages where it crosses, and its use count
// for the replacement.
func TestExactModeCountsEveryAccess(t *testing.T) {
	for _, name := range tlb.Names() {
		p, err := tlb.ByName(name)
		require.NoError(t, err)
		w := newWorld(t, mmu.Options{TLB: tlb.New(p), Exact: true})
		for i := 1; i < 4; i++ {
			w.set(i, uint64(i)<<16|rw)
		}
		for i := range x86.VirtAddr(100) {
			w.load(page(1) + i*8)
			require.Nil(t, w.m.Store32(page(2)+i*8, uint32(i)))
			_, _, f := w.m.Fetch(page(3) + i)
			require.Nil(t, f)
		}
		w.load(page(2) - 4)
		n := &w.m.TLB().Counters
		require.Equal(t, tlb.AccessCounters{Hits: 99 + 2, CausesWalk: 1}, n.Load, name)
		require.EqualValues(t, 100, n.Store.Hits+n.Store.STLBHit+n.Store.CausesWalk, name)
		require.EqualValues(t, 100, n.Fetch.Hits+n.Fetch.STLBHit+n.Fetch.CausesWalk, name)
		require.LessOrEqual(t, w.m.Counters.Walks, uint64(4), name)
	}
}

// TestExactModeUsesCount has a page that accesses go on with stay in a set that others fight for.
func TestExactModeUsesCount(t *testing.T) {
	two := []tlb.Structure{{Sets: 1, Ways: 2, Holds: []tlb.Size{tlb.Size4K, tlb.Size2M, tlb.Size1G}}}
	w := newWorld(t, mmu.Options{TLB: tlb.New(tlb.Profile{Name: "two", L1I: two, L1D: two}), Exact: true})
	for i := 1; i < 5; i++ {
		w.set(i, uint64(i)<<16|rw)
	}
	w.load(page(1))
	w.load(page(2))
	for i := range 20 {
		w.load(page(1)) // through the cache, and yet a use
		w.load(page(2 + i%3))
	}
	n := w.m.TLB().Counters.Load
	require.EqualValues(t, 20, n.Hits-1, "page 1, and page 2 once")
	w.set(1, 9<<16|rw)
	w.m.InvalidatePage(page(1))
	pa, f := w.m.Translate(page(1), x86.Read)
	require.Nil(t, f)
	require.EqualValues(t, 9<<16, pa)
}
