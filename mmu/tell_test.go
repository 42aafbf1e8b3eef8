package mmu_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// TestTheHookSeesWhatTheTLBHolds has the events of a run, one after the other.
func TestTheHookSeesWhatTheTLBHolds(t *testing.T) {
	var got []string
	one := []tlb.Structure{{Sets: 1, Ways: 1, Holds: []tlb.Size{tlb.Size4K, tlb.Size2M, tlb.Size1G}}}
	w := newWorld(t, mmu.Options{
		TLB: tlb.New(tlb.Profile{Name: "one", L1I: one, L1D: one}),
		Hooks: mmu.Hooks{TLB: func(e *mmu.TLBEvent) {
			got = append(got, fmt.Sprintf("%v %#x %d %s", e.Kind, uint64(e.VA), e.Entries, e.Cause))
		}},
	})
	got = nil
	w.set(1, 0x10000|rw)
	w.set(2, 0x20000|rw)
	w.load(page(1))
	w.load(page(1) + 8)
	w.load(page(2))
	w.m.InvalidatePage(page(2))
	w.m.InvalidatePage(page(3))
	w.load(page(1))
	require.Nil(t, w.m.SetCR3(0x1000))
	require.Nil(t, w.m.InvalidatePCID(mmu.InvAll, 0, 0))
	_, f := w.m.Load8(page(9))
	require.NotNil(t, f)
	require.Nil(t, w.m.SetCR4(x86.CR4PAE))
	require.Nil(t, w.m.SetCR4(x86.CR4PAE|x86.CR4FSGSBASE))
	require.Equal(t, []string{
		"fill 0x1000 1 walk",
		"fill 0x2000 1 walk", "evict 0x1000 1 replacement",
		"invalidate 0x2000 1 INVLPG",
		"invalidate 0x3000 0 INVLPG",
		"fill 0x1000 1 walk",
		"flush 0x0 1 MOV CR3",
		"flush 0x0 0 INVPCID",
		"invalidate 0x9000 0 page fault",
		"flush 0x0 0 MOV CR4",
	}, got)
}
