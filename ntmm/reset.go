package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// reset is MEM_RESET: the contents of committed private pages need not be saved. They stay as long as nobody takes the frame.
func (as *AddressSpace) reset(r *Request) ntdef.Status {
	v, start, end, st := as.privateRange(r)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	as.forRange(start, end, func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) { as.resetPage(va, at, e) })
	as.vadEvent(VADReset, v, start, end, 0)
	return ntdef.STATUS_SUCCESS
}

func (as *AddressSpace) resetPage(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
	m := as.m
	if isPageFile(e) {
		m.freeSlot(e)
		as.setPTE(at, withoutSlot(e)|pteLost)
		return
	}
	if !hasFrame(e) {
		return
	}
	frame := frameOf(e)
	p := m.pfns.entry(frame)
	if p.proto() {
		return // combined: the others want it
	}
	if e&x86.PTEDirty != 0 && e&x86.PTEPresent != 0 {
		as.noteDirty(va, e, p)
		as.setPTE(at, e&^x86.PTEDirty)
		as.invalidate(va)
	}
	m.freeSlot(p.original)
	p.original, p.modified, p.reset = softPTE(codeOf(e)), false, true
	if p.list != listNone {
		m.pfns.unlink(frame)
		m.retire(frame)
	}
}

// undoReset is MEM_RESET_UNDO: the contents are to be kept again. UNSUCCESSFUL where some were lost, which then read as zeros.
func (as *AddressSpace) undoReset(r *Request) ntdef.Status {
	v, start, end, st := as.privateRange(r)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	as.forRange(start, end, func(_ x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
		if !hasFrame(e) {
			if e&pteLost != 0 && !isProto(e) {
				as.setPTE(at, e&^pteLost)
				st = ntdef.STATUS_UNSUCCESSFUL
			}
			return
		}
		frame := frameOf(e)
		p := as.m.pfns.entry(frame)
		if !p.reset {
			return
		}
		p.reset, p.modified, p.priority = false, true, normalPriority
		if p.list != listNone {
			as.m.pfns.unlink(frame)
			as.m.retire(frame)
		}
	})
	as.vadEvent(VADResetUndo, v, start, end, 0)
	return st
}

// privateRange checks a range of committed pages of one private reservation and rounds it: CONFLICTING_ADDRESSES for what is
// not, NOT_COMMITTED, and those of userRange.
func (as *AddressSpace) privateRange(r *Request) (*vad, x86.VirtAddr, x86.VirtAddr, ntdef.Status) {
	start, end, st := as.userRange(r)
	if st != ntdef.STATUS_SUCCESS {
		return nil, 0, 0, st
	}
	v := as.vads.find(start)
	switch {
	case v == nil || end > v.end || !v.isPaged():
		return nil, 0, 0, ntdef.STATUS_CONFLICTING_ADDRESSES
	case as.uncommitted(v, start, end) != 0:
		return nil, 0, 0, ntdef.STATUS_NOT_COMMITTED
	}
	return v, start, end, ntdef.STATUS_SUCCESS
}

// Offer is OfferVirtualMemory: the pages leave the working set, to be the first, by a priority from 1 (very low) to 4
// (normal), that others get; their contents need not be saved.
func (as *AddressSpace) Offer(r *Request, priority int) ntdef.Status {
	if priority < 1 || priority > 4 {
		return ntdef.STATUS_INVALID_PARAMETER
	}
	if _, _, _, st := as.privateRange(r); st != ntdef.STATUS_SUCCESS {
		return st
	}
	defer as.m.check()
	st := as.reset(r)
	as.forRange(r.Base, r.Base+x86.VirtAddr(r.Size), func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
		if !hasFrame(e) || isLocked(e) {
			return
		}
		frame := frameOf(e)
		if as.m.pfns.entry(frame).proto() {
			return
		}
		if e&x86.PTEPresent == 0 {
			as.m.pfns.unlink(frame)
			as.m.pfns.entry(frame).priority = uint8(priority)
			as.m.retire(frame)
			return
		}
		as.m.pfns.entry(frame).priority = uint8(priority)
		as.evict(va, at, e)
	})
	return st
}

// Reclaim is ReclaimVirtualMemory: UNSUCCESSFUL where contents were lost.
func (as *AddressSpace) Reclaim(r *Request) ntdef.Status {
	defer as.m.check()
	return as.undoReset(r)
}

// Discard is DiscardVirtualMemory: the contents are given up at once; the pages read as zeros until they are written.
func (as *AddressSpace) Discard(r *Request) ntdef.Status {
	v, start, end, st := as.privateRange(r)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	defer as.m.check()
	as.forRange(start, end, func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
		if isLocked(e) || !hasFrame(e) && !isPageFile(e) && !isCombined(e) {
			return
		}
		as.setPTE(at, softPTE(codeOf(e)))
		as.drop(va, e)
	})
	as.vadEvent(VADReset, v, start, end, 0)
	return ntdef.STATUS_SUCCESS
}
