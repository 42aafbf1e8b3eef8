package ntmm

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// A Request is the argument of Allocate, Free and Protect. Base and Size are rounded and returned.
type Request struct {
	Base     x86.VirtAddr
	Size     uint64
	ZeroBits uint64
	Type     uint32 // MEM_ flags
	Protect  uint32 // PAGE_ flags
}

const allocationTypes = ntdef.MEM_COMMIT | ntdef.MEM_RESERVE | ntdef.MEM_RESET | ntdef.MEM_TOP_DOWN | ntdef.MEM_WRITE_WATCH |
	ntdef.MEM_PHYSICAL | ntdef.MEM_RESET_UNDO | ntdef.MEM_LARGE_PAGES

// Allocate is NtAllocateVirtualMemory: it reserves, commits, or both. Statuses: INVALID_PARAMETER_2 (base), _3 (zero bits),
// _4 (size), _5 (type), INVALID_PAGE_PROTECTION, CONFLICTING_ADDRESSES, NO_MEMORY, COMMITMENT_LIMIT; NOT_SUPPORTED for the
// types that package doc names.
func (as *AddressSpace) Allocate(r *Request) ntdef.Status {
	defer as.check()
	high, st := as.zeroBits(r.ZeroBits)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	switch kind := r.Type & (ntdef.MEM_COMMIT | ntdef.MEM_RESERVE | ntdef.MEM_RESET | ntdef.MEM_RESET_UNDO); {
	case r.Type&^allocationTypes != 0, kind == 0,
		kind&(ntdef.MEM_RESET|ntdef.MEM_RESET_UNDO) != 0 && r.Type&(r.Type-1) != 0,
		r.Type&ntdef.MEM_PHYSICAL != 0 && kind != ntdef.MEM_RESERVE:
		return ntdef.STATUS_INVALID_PARAMETER_5
	case r.Type&(ntdef.MEM_RESET|ntdef.MEM_RESET_UNDO|ntdef.MEM_PHYSICAL|ntdef.MEM_WRITE_WATCH|ntdef.MEM_LARGE_PAGES) != 0:
		return ntdef.STATUS_NOT_SUPPORTED
	}
	code, ok := encodeProtect(r.Protect &^ ntdef.PAGE_TARGETS_INVALID)
	if !ok || code.writeCopy() || r.Protect&ntdef.PAGE_TARGETS_INVALID != 0 && !code.executable() {
		return ntdef.STATUS_INVALID_PAGE_PROTECTION
	}
	if r.Size == 0 || r.Size > uint64(as.high) {
		return ntdef.STATUS_INVALID_PARAMETER_4
	}
	if r.Base != 0 && (r.Base < as.low || r.Base >= as.high || uint64(as.high-r.Base) < r.Size) {
		return ntdef.STATUS_INVALID_PARAMETER_2
	}
	if r.Type&ntdef.MEM_RESERVE != 0 || r.Base == 0 {
		return as.reserve(r, code, high)
	}
	return as.commitPages(r, code)
}

// zeroBits returns the exclusive bound that the argument of that name puts on addresses: up to 21 counts the zero bits of a
// 32-bit address, from 32 on it is a mask of which the bits up to its highest may be set.
func (as *AddressSpace) zeroBits(z uint64) (x86.VirtAddr, ntdef.Status) {
	switch {
	case z == 0:
		return as.high, ntdef.STATUS_SUCCESS
	case z >= 32:
		return min(as.high, 1<<bits.Len64(z)), ntdef.STATUS_SUCCESS
	case z > 21:
		return 0, ntdef.STATUS_INVALID_PARAMETER_3
	}
	return min(as.high, 1<<(32-z)), ntdef.STATUS_SUCCESS
}

// reserve makes a new VAD, committed or not.
func (as *AddressSpace) reserve(r *Request, code protectCode, high x86.VirtAddr) ntdef.Status {
	start := r.Base &^ (granularity - 1)
	end := pageUp(r.Base + x86.VirtAddr(r.Size))
	if r.Base == 0 {
		size := uint64(end)
		var ok bool
		if r.Type&ntdef.MEM_TOP_DOWN != 0 {
			start, ok = as.vads.highest(size, as.low, high)
		} else {
			start, ok = as.vads.lowest(size, as.low, high)
		}
		if !ok {
			return ntdef.STATUS_NO_MEMORY
		}
		end = start + x86.VirtAddr(size)
	} else if !as.vads.free(start, end) {
		return ntdef.STATUS_CONFLICTING_ADDRESSES
	}
	v := &vad{
		start: start, end: end, typ: ntdef.MEM_PRIVATE, protect: r.Protect &^ ntdef.PAGE_TARGETS_INVALID,
		code: code, committed: r.Type&ntdef.MEM_COMMIT != 0 || r.Type&ntdef.MEM_RESERVE == 0,
	}
	kind := VADReserve
	if v.committed {
		kind = VADReserveCommit
		if st := as.m.commit.charge(v.pages()); st != ntdef.STATUS_SUCCESS {
			return st
		}
	}
	as.vads.insert(v)
	r.Base, r.Size = start, uint64(end-start)
	as.vadEvent(kind, v, start, end, v.protect)
	return ntdef.STATUS_SUCCESS
}

// commitPages commits pages of one reservation. Pages that are committed already get the new protection.
func (as *AddressSpace) commitPages(r *Request, code protectCode) ntdef.Status {
	start, end := r.Base.Page(), pageUp(r.Base+x86.VirtAddr(r.Size))
	v := as.vads.find(start)
	if v == nil || end > v.end || !v.isPrivate() {
		return ntdef.STATUS_CONFLICTING_ADDRESSES
	}
	fresh := as.uncommitted(v, start, end)
	if st := as.m.commit.charge(fresh); st != ntdef.STATUS_SUCCESS {
		return st
	}
	if st := as.makeTables(start, end); st != ntdef.STATUS_SUCCESS {
		as.m.commit.release(fresh)
		return st
	}
	for va := start; va < end; va += x86.PageSize {
		at, e := as.pte(va)
		as.protectPage(va, at, e, code)
	}
	r.Base, r.Size = start, uint64(end-start)
	as.vadEvent(VADCommit, v, start, end, r.Protect)
	return ntdef.STATUS_SUCCESS
}

// makeTables makes sure that every page of a range has a page table, so that nothing fails half way.
func (as *AddressSpace) makeTables(start, end x86.VirtAddr) ntdef.Status {
	for va := start; va < end; va = va&^(tableSpan-1) + tableSpan {
		if _, _, st := as.makePTE(va); st != ntdef.STATUS_SUCCESS {
			as.freeEmptyTables(start, va)
			return st
		}
	}
	return ntdef.STATUS_SUCCESS
}

// freeEmptyTables frees the page tables of a range that have no entry.
func (as *AddressSpace) freeEmptyTables(start, end x86.VirtAddr) {
	for va := start; va < end; va = va&^(tableSpan-1) + tableSpan {
		if at, e := as.pte(va); at != 0 && e == 0 && as.m.pfns.entry(at.PFN()).used == 0 {
			as.clearPTE(at)
		}
	}
}

// uncommitted counts the pages of a private range that are not committed.
func (as *AddressSpace) uncommitted(v *vad, start, end x86.VirtAddr) uint64 {
	n := uint64(end-start) >> x86.PageShift
	if v.committed {
		n = 0
	}
	as.forRange(start, end, func(_ x86.VirtAddr, _ x86.PhysAddr, e x86.PTE) {
		switch {
		case v.committed && isDecommitted(e):
			n++
		case !v.committed && !isDecommitted(e):
			n--
		}
	})
	return n
}

// protectPage gives one committed page, or one that is being committed, a protection.
func (as *AddressSpace) protectPage(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE, code protectCode) {
	if !hasFrame(e) {
		as.setPTE(at, softPTE(code))
		return
	}
	if code.guard() || code.noAccess() {
		as.setPTE(at, transitionPTE(frameOf(e), code))
	} else {
		as.setPTE(at, validPTE(frameOf(e), code)|accessedDirty(e))
	}
	if e&x86.PTEPresent != 0 {
		as.m.mmu.InvalidatePage(va)
	}
}

// accessedDirty returns the A and D bits of a valid entry.
func accessedDirty(e x86.PTE) x86.PTE {
	if e&x86.PTEPresent == 0 {
		return 0
	}
	return e & (x86.PTEAccessed | x86.PTEDirty)
}

func pageUp(va x86.VirtAddr) x86.VirtAddr { return (va + x86.PageMask) &^ x86.PageMask }
