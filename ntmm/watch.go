package ntmm

import (
	"math/bits"
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// writeWatch is what a reservation made with MEM_WRITE_WATCH remembers: a bit for each page that was written. Pages of the
// working set say it by their D bits, which are collected when someone asks or when the page leaves.
type writeWatch struct {
	base  x86.VirtAddr
	words map[uint64]uint64 // 64 pages each; no zero words
}

func (w *writeWatch) set(va x86.VirtAddr) {
	page := uint64(va-w.base) >> x86.PageShift
	w.words[page/64] |= 1 << (page % 64)
}

// take returns the written pages of a range in address order, as many as there is room for, and forgets them if told to.
func (w *writeWatch) take(start, end x86.VirtAddr, room uint64, reset bool) []x86.VirtAddr {
	first, last := uint64(start-w.base)>>x86.PageShift, uint64(end-w.base)>>x86.PageShift
	var keys []uint64
	for k := range w.words {
		if k >= first/64 && k*64 < last {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var pages []x86.VirtAddr
	for _, k := range keys {
		for word := w.words[k]; word != 0; word &= word - 1 {
			page := k*64 + uint64(bits.TrailingZeros64(word))
			if page < first || page >= last {
				continue
			}
			if uint64(len(pages)) == room {
				return pages
			}
			pages = append(pages, w.base+x86.VirtAddr(page)<<x86.PageShift)
			if reset {
				w.clear(page)
			}
		}
	}
	return pages
}

func (w *writeWatch) clear(page uint64) {
	if w.words[page/64] &^= 1 << (page % 64); w.words[page/64] == 0 {
		delete(w.words, page/64)
	}
}

// WriteWatch is NtGetWriteWatch: the pages of a range that were written since the watch was reset, at most room of them in
// address order; reset forgets those that are returned. INVALID_PARAMETER_2 or _3 for a range that is no user's,
// INVALID_PARAMETER_1 for one that is not part of one reservation with a watch.
func (as *AddressSpace) WriteWatch(r *Request, room uint64, reset bool) ([]x86.VirtAddr, ntdef.Status) {
	w, start, end, st := as.watched(r)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	return w.take(start, end, room, reset), ntdef.STATUS_SUCCESS
}

// ResetWriteWatch is NtResetWriteWatch, with the statuses of WriteWatch.
func (as *AddressSpace) ResetWriteWatch(r *Request) ntdef.Status {
	w, start, end, st := as.watched(r)
	if st == ntdef.STATUS_SUCCESS {
		w.take(start, end, ^uint64(0), true)
	}
	return st
}

// watched finds the watch of a range and collects the D bits.
func (as *AddressSpace) watched(r *Request) (*writeWatch, x86.VirtAddr, x86.VirtAddr, ntdef.Status) {
	start, end, st := as.userRange(r)
	if st != ntdef.STATUS_SUCCESS {
		return nil, 0, 0, st
	}
	v := as.vads.find(start)
	if v == nil || v.watch == nil || end > v.end {
		return nil, 0, 0, ntdef.STATUS_INVALID_PARAMETER_1
	}
	as.forValid(start, end, func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
		if e&x86.PTEDirty != 0 {
			as.noteDirty(va, e, as.m.pfns.entry(frameOf(e)))
			as.setPTE(at, e&^x86.PTEDirty)
			as.invalidate(va)
		}
	})
	return v.watch, start, end, ntdef.STATUS_SUCCESS
}
