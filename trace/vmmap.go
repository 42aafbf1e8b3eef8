package trace

import (
	"fmt"
	"io"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// A MapRow is one row of VMMap's view of a process: all regions of a type. Sizes are in bytes.
type MapRow struct {
	Type                                      string
	Size, Committed, Private                  uint64
	TotalWS, PrivateWS, ShareableWS, SharedWS uint64
	LockedWS                                  uint64
	Blocks                                    uint64
	Largest                                   uint64 // region
}

// The rows, by VMMap's names and in its order.
const (
	rowTotal = iota
	rowImage
	rowMappedFile
	rowShareable
	rowHeap
	rowManagedHeap
	rowStack
	rowPrivateData
	rowPageTable
	rowUnusable
	rowFree
	rowCount
)

var rowNames = [rowCount]string{
	"Total", "Image", "Mapped File", "Shareable", "Heap", "Managed Heap", "Stack", "Private Data", "Page Table", "Unusable", "Free",
}

// VMMap returns the rows of Sysinternals VMMap for a process. A managed heap would be the .NET run-time's: there is none.
// Unusable is what lies between the end of a region and the next multiple of 64 KiB. The total is of what is in use.
func VMMap(p *nt.Process) []MapRow {
	rows := make([]MapRow, rowCount)
	for i := range rows {
		rows[i].Type = rowNames[i]
	}
	add := func(i int, r MapRow) {
		for _, row := range []*MapRow{&rows[i], &rows[rowTotal]} {
			if row == &rows[rowTotal] && i == rowFree {
				continue
			}
			row.Size += r.Size
			row.Committed += r.Committed
			row.Private += r.Private
			row.TotalWS += r.TotalWS
			row.PrivateWS += r.PrivateWS
			row.ShareableWS += r.ShareableWS
			row.SharedWS += r.SharedWS
			row.LockedWS += r.LockedWS
			row.Blocks += r.Blocks
			row.Largest = max(row.Largest, r.Largest)
		}
	}
	const granularity = 64 << 10
	as := p.AddressSpace()
	at := as.Layout().Low
	gap := func(to x86.VirtAddr) {
		usable := min((at+granularity-1)&^(granularity-1), to)
		if n := uint64(usable - at); n > 0 {
			add(rowUnusable, MapRow{Size: n, Blocks: 1, Largest: n})
		}
		if n := uint64(to - usable); n > 0 {
			add(rowFree, MapRow{Size: n, Blocks: 1, Largest: n})
		}
	}
	as.Usages(func(u *ntmm.Usage) {
		gap(u.Base)
		at = u.Base + x86.VirtAddr(u.Size)
		add(rowOf(p, u), MapRow{
			Size: u.Size, Committed: u.CommittedPages << x86.PageShift, Private: u.PrivatePages << x86.PageShift,
			TotalWS: u.WS << x86.PageShift, PrivateWS: u.PrivateWS << x86.PageShift, ShareableWS: u.ShareableWS << x86.PageShift,
			SharedWS: u.SharedWS << x86.PageShift, LockedWS: u.LockedWS << x86.PageShift, Blocks: u.Blocks, Largest: u.Size,
		})
	})
	gap(as.Layout().High + 1)
	tables := as.Counters().PageTables << x86.PageShift
	add(rowPageTable, MapRow{Size: tables, Committed: tables, Private: tables, TotalWS: tables, PrivateWS: tables})
	return rows
}

func rowOf(p *nt.Process, u *ntmm.Usage) int {
	switch {
	case u.Type == ntdef.MEM_IMAGE:
		return rowImage
	case u.Type == ntdef.MEM_MAPPED && u.File:
		return rowMappedFile
	case u.Type == ntdef.MEM_MAPPED:
		return rowShareable
	case p.IsHeap(uint64(u.Base)):
		return rowHeap
	case p.IsStack(uint64(u.Base)):
		return rowStack
	}
	return rowPrivateData
}

// WriteVMMap writes the rows as a table, in KiB.
func WriteVMMap(w io.Writer, rows []MapRow) error {
	_, err := fmt.Fprintf(w, "%-14s%14s%11s%9s%9s%11s%14s%11s%11s%8s%14s\n", "Type (KiB)", "Size", "Committed", "Private", "Total WS",
		"Private WS", "Shareable WS", "Shared WS", "Locked WS", "Blocks", "Largest")
	for _, r := range rows {
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%-14s%14d%11d%9d%9d%11d%14d%11d%11d%8d%14d\n", r.Type, r.Size>>10, r.Committed>>10, r.Private>>10,
			r.TotalWS>>10, r.PrivateWS>>10, r.ShareableWS>>10, r.SharedWS>>10, r.LockedWS>>10, r.Blocks, r.Largest>>10)
	}
	return err
}
