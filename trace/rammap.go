package trace

import (
	"fmt"
	"io"

	"github.com/pagewalk/pagewalk/ntmm"
)

// WriteRAMMap writes what the frames of RAM are used for, by the states that they are in, in KiB: the first page of Sysinternals
// RAMMap, and behind it the standby list by priorities.
func WriteRAMMap(w io.Writer, m *ntmm.Manager) error {
	columns := []ntmm.PFNState{
		ntmm.PFNActive, ntmm.PFNStandby, ntmm.PFNModified, ntmm.PFNModifiedNoWrite, ntmm.PFNTransition, ntmm.PFNZeroed, ntmm.PFNFree, ntmm.PFNBad,
	}
	b := fmt.Appendf(nil, "%-16s%10s%10s%10s%10s%10s%12s%10s%10s%10s\n", "Usage (KiB)", "Total", "Active", "Standby", "Modified", "No-write",
		"Transition", "Zeroed", "Free", "Bad")
	row := func(name string, counts []uint64) {
		total := uint64(0)
		for _, n := range counts {
			total += n
		}
		b = fmt.Appendf(b, "%-16s%10d", name, total*4)
		for _, s := range columns {
			width := 10
			if s == ntmm.PFNTransition {
				width = 12
			}
			b = fmt.Appendf(b, "%*d", width, counts[s]*4)
		}
		b = append(b, '\n')
	}
	uses := m.Uses()
	var all [len(uses[0])]uint64
	for use := range uses {
		row(ntmm.FrameUse(use).String(), uses[use][:])
		for s, n := range uses[use] {
			all[s] += n
		}
	}
	row("Total", all[:])
	c := m.Counters()
	b = fmt.Appendf(b, "%-16s%10s%12s\n", "Priority (KiB)", "Standby", "Repurposed")
	for p, n := range c.StandbyPages {
		b = fmt.Appendf(b, "%-16d%10d%12d\n", p, n*4, c.RepurposedByPriority[p]*4)
	}
	_, err := w.Write(b)
	return err
}
