package main

import (
	"fmt"
	"io"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/tlb"
)

// printRows writes lines of a name and a number.
func printRows(w io.Writer, rows []statsRow) {
	for _, row := range rows {
		fmt.Fprintf(w, "%-19s%12d\n", row.name, row.value)
	}
}

type statsRow struct {
	name  string
	value uint64
}

// printTranslations writes what the TLB and the page walker did, under the names of Intel's events; cycles are 0 without
// a timing profile.
func printTranslations(w io.Writer, t *tlb.Counters, m *mmu.Counters, cycles uint64) {
	fmt.Fprintf(w, "%-19s%12s%12s%12s\n", "TLB", "loads", "stores", "fetches")
	line := func(name string, load, store, fetch uint64) {
		fmt.Fprintf(w, "%-19s%12d%12d%12d\n", name, load, store, fetch)
	}
	line("  hits", t.Load.Hits, t.Store.Hits, t.Fetch.Hits)
	line("  STLB_HIT", t.Load.STLBHit, t.Store.STLBHit, t.Fetch.STLBHit)
	line("  CAUSES_A_WALK", t.Load.CausesWalk, t.Store.CausesWalk, t.Fetch.CausesWalk)
	for size, name := range []string{"  COMPLETED_4K", "  COMPLETED_2M_4M", "  COMPLETED_1G"} {
		line(name, m.LoadWalks[size], m.StoreWalks[size], m.FetchWalks[size])
	}
	printRows(w, []statsRow{
		{"page walks", m.Walks},
		{"  entries read", m.EntriesRead},
		{"  from a PDE", t.PDEHits},
		{"  from a PDPTE", t.PDPTEHits},
		{"  from a PML4E", t.PML4EHits},
		{"  accessed bits set", m.AccessedSet},
		{"  dirty bits set", m.DirtySet},
		{"  faults", m.Faults},
		{"  spurious", m.SpuriousWalks},
		{"TLB evictions", t.Evictions},
		{"  by INVLPG", t.Invalidated},
		{"  flushes", t.Flushes},
		{"  entries flushed", t.FlushKills},
		{"translation cycles", cycles},
	})
}
