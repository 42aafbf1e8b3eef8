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

	LockMemory bool // the caller holds SeLockMemoryPrivilege, which MEM_LARGE_PAGES wants
}

const (
	allocationTypes = ntdef.MEM_COMMIT | ntdef.MEM_RESERVE | ntdef.MEM_RESET | ntdef.MEM_TOP_DOWN | ntdef.MEM_WRITE_WATCH |
		ntdef.MEM_PHYSICAL | ntdef.MEM_RESET_UNDO | ntdef.MEM_LARGE_PAGES
	placeholderTypes = ntdef.MEM_RESERVE_PLACEHOLDER | ntdef.MEM_REPLACE_PLACEHOLDER
)

// Allocate is NtAllocateVirtualMemory: it reserves, commits, or both, or resets. Statuses: INVALID_PARAMETER_2 (base), _3
// (zero bits), _4 (size), _5 (type), INVALID_PAGE_PROTECTION, CONFLICTING_ADDRESSES, NO_MEMORY, COMMITMENT_LIMIT;
// PRIVILEGE_NOT_HELD and INSUFFICIENT_RESOURCES for MEM_LARGE_PAGES.
func (as *AddressSpace) Allocate(r *Request) ntdef.Status {
	defer as.m.check()
	if r.Type&^allocationTypes != 0 {
		return ntdef.STATUS_INVALID_PARAMETER_5
	}
	return as.allocate(r, Requirements{Highest: as.high - 1})
}

// Requirements are MEM_ADDRESS_REQUIREMENTS: bounds of a place that the manager chooses, Highest inclusive, and its
// alignment. Zeros ask for nothing.
type Requirements struct {
	Lowest, Highest x86.VirtAddr
	Alignment       uint64
}

// AllocateEx is NtAllocateVirtualMemoryEx: Allocate with placeholders and address requirements. INVALID_PARAMETER for
// requirements that make no sense or come with a base, and for a placeholder that is not PAGE_NOACCESS.
func (as *AddressSpace) AllocateEx(r *Request, q Requirements) ntdef.Status {
	defer as.m.check()
	switch {
	case r.Type&^(allocationTypes|placeholderTypes) != 0, !as.reasonable(q, r.Base),
		r.Type&placeholderTypes == placeholderTypes,
		r.Type&placeholderTypes != 0 && r.Type&ntdef.MEM_RESERVE == 0,
		r.Type&ntdef.MEM_RESERVE_PLACEHOLDER != 0 && (r.Protect != ntdef.PAGE_NOACCESS || r.Type&ntdef.MEM_COMMIT != 0),
		r.Type&ntdef.MEM_REPLACE_PLACEHOLDER != 0 && r.Base == 0:
		return ntdef.STATUS_INVALID_PARAMETER
	}
	if q.Highest == 0 {
		q.Highest = as.high - 1
	}
	return as.allocate(r, q)
}

// reasonable reports whether requirements make sense and do not come with a base.
func (as *AddressSpace) reasonable(q Requirements, base x86.VirtAddr) bool {
	switch {
	case q != Requirements{} && base != 0,
		q.Alignment != 0 && (q.Alignment < granularity || q.Alignment&(q.Alignment-1) != 0),
		q.Lowest%granularity != 0, q.Highest != 0 && (q.Highest+1)%x86.PageSize != 0,
		q.Highest >= as.high, q.Highest != 0 && q.Lowest >= q.Highest:
		return false
	}
	return true
}

func (as *AddressSpace) allocate(r *Request, q Requirements) ntdef.Status {
	high, st := as.zeroBits(r.ZeroBits)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	q.Highest = min(q.Highest, high-1)
	switch kind := r.Type & (ntdef.MEM_COMMIT | ntdef.MEM_RESERVE | ntdef.MEM_RESET | ntdef.MEM_RESET_UNDO); {
	case kind == 0,
		kind&(ntdef.MEM_RESET|ntdef.MEM_RESET_UNDO) != 0 && r.Type&(r.Type-1) != 0,
		r.Type&ntdef.MEM_PHYSICAL != 0 && kind != ntdef.MEM_RESERVE,
		r.Type&ntdef.MEM_WRITE_WATCH != 0 && kind&ntdef.MEM_RESERVE == 0,
		r.Type&ntdef.MEM_LARGE_PAGES != 0 && kind != ntdef.MEM_RESERVE|ntdef.MEM_COMMIT:
		return ntdef.STATUS_INVALID_PARAMETER_5
	case kind == ntdef.MEM_RESET:
		return as.reset(r)
	case kind == ntdef.MEM_RESET_UNDO:
		return as.undoReset(r)
	case r.Type&ntdef.MEM_LARGE_PAGES != 0 && !r.LockMemory:
		return ntdef.STATUS_PRIVILEGE_NOT_HELD
	case r.Type&ntdef.MEM_PHYSICAL != 0 && r.Protect != ntdef.PAGE_READWRITE:
		return ntdef.STATUS_INVALID_PAGE_PROTECTION
	}
	code, ok := encodeProtect(r.Protect &^ ntdef.PAGE_TARGETS_INVALID)
	if as.noDynamicCode && code.executable() {
		return ntdef.STATUS_DYNAMIC_CODE_BLOCKED
	}
	if !ok || code.writeCopy() || r.Protect&ntdef.PAGE_TARGETS_INVALID != 0 && !code.executable() {
		return ntdef.STATUS_INVALID_PAGE_PROTECTION
	}
	if r.Size == 0 || r.Size > uint64(as.high) {
		return ntdef.STATUS_INVALID_PARAMETER_4
	}
	if r.Base != 0 && (r.Base < as.low || r.Base >= as.high || uint64(as.high-r.Base) < r.Size) {
		return ntdef.STATUS_INVALID_PARAMETER_2
	}
	if r.Type&ntdef.MEM_LARGE_PAGES != 0 {
		return as.allocateLarge(r, code, q)
	}
	if r.Type&ntdef.MEM_RESERVE != 0 || r.Base == 0 {
		return as.reserve(r, code, q)
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
func (as *AddressSpace) reserve(r *Request, code protectCode, q Requirements) ntdef.Status {
	start := r.Base &^ (granularity - 1)
	end := pageUp(r.Base + x86.VirtAddr(r.Size))
	replace := r.Type&ntdef.MEM_REPLACE_PLACEHOLDER != 0
	switch {
	case replace:
		start = r.Base.Page() // a placeholder may begin at any page
		if old := as.vads.find(start); old == nil || !old.placeholder || old.start != start || old.end != end {
			return ntdef.STATUS_CONFLICTING_ADDRESSES
		}
	case r.Base == 0:
		size := uint64(end)
		var ok bool
		if start, ok = as.choose(size, r.Type&ntdef.MEM_TOP_DOWN != 0, q); !ok {
			return ntdef.STATUS_NO_MEMORY
		}
		end = start + x86.VirtAddr(size)
	case !as.vads.free(start, end):
		return ntdef.STATUS_CONFLICTING_ADDRESSES
	}
	v := as.newVAD()
	*v = vad{
		start: start, end: end, typ: ntdef.MEM_PRIVATE, protect: r.Protect &^ ntdef.PAGE_TARGETS_INVALID,
		code: code, committed: r.Type&ntdef.MEM_COMMIT != 0 || r.Type&ntdef.MEM_RESERVE == 0,
		placeholder: r.Type&ntdef.MEM_RESERVE_PLACEHOLDER != 0, replaced: replace,
		physical: r.Type&ntdef.MEM_PHYSICAL != 0,
	}
	if r.Type&ntdef.MEM_WRITE_WATCH != 0 {
		v.watch = &writeWatch{start, map[uint64]uint64{}}
	}
	kind := VADReserve
	if v.committed {
		kind = VADReserveCommit
		if st := as.charge(v.pages()); st != ntdef.STATUS_SUCCESS {
			as.recycle(v)
			return st
		}
	}
	if replace {
		as.deleteVAD(as.vads.find(start))
	}
	as.insertVAD(v)
	r.Base, r.Size = start, uint64(end-start)
	as.vadEvent(kind, v, start, end, v.protect)
	return ntdef.STATUS_SUCCESS
}

// choose finds room for a reservation within requirements: with an alignment beyond the granularity, by trying the lowest or
// the highest room and moving on by what it lacks.
func (as *AddressSpace) choose(size uint64, topDown bool, q Requirements) (x86.VirtAddr, bool) {
	low, high := max(as.low, q.Lowest), q.Highest+1
	align := x86.VirtAddr(max(q.Alignment, granularity))
	for {
		find := as.vads.lowest
		if topDown {
			find = as.vads.highest
		}
		at, ok := find(size, low, high)
		if !ok || at%align == 0 {
			return at, ok
		}
		if topDown {
			at &^= align - 1
			high = at + x86.VirtAddr(size)
		} else {
			at = (at + align - 1) &^ (align - 1)
			low = at
		}
		if at < low || at >= high {
			return 0, false
		}
	}
}

// commitPages commits pages of one reservation. Pages that are committed already get the new protection.
func (as *AddressSpace) commitPages(r *Request, code protectCode) ntdef.Status {
	start, end := r.Base.Page(), pageUp(r.Base+x86.VirtAddr(r.Size))
	v := as.vads.find(start)
	if v != nil && end <= v.end && v.area != nil && v.area.reserved {
		return as.commitReserved(r, v, code)
	}
	if v == nil || end > v.end || !v.isPaged() || v.placeholder {
		return ntdef.STATUS_CONFLICTING_ADDRESSES
	}
	fresh := as.uncommitted(v, start, end)
	if st := as.charge(fresh); st != ntdef.STATUS_SUCCESS {
		return st
	}
	if st := as.makeTables(start, end); st != ntdef.STATUS_SUCCESS {
		as.release(fresh)
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

// commitReserved commits pages of a view of a SEC_RESERVE section.
func (as *AddressSpace) commitReserved(r *Request, v *vad, code protectCode) ntdef.Status {
	start, end := r.Base.Page(), pageUp(r.Base+x86.VirtAddr(r.Size))
	if !v.code.permits(code) {
		return ntdef.STATUS_SECTION_PROTECTION
	}
	if st := as.makeTables(start, end); st != ntdef.STATUS_SUCCESS {
		return st
	}
	if st := as.commitView(v, start, end); st != ntdef.STATUS_SUCCESS {
		as.freeEmptyTables(start, end)
		return st
	}
	for va := start; va < end; va += x86.PageSize {
		at, e := as.pte(va)
		as.protectViewPage(v, va, at, e, code)
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
		if at, _ := as.pte(va); at != 0 {
			as.freeTables(at.PFN())
		}
	}
}

// uncommitted counts the pages of a range that are not committed.
func (as *AddressSpace) uncommitted(v *vad, start, end x86.VirtAddr) uint64 {
	n := uint64(end-start) >> x86.PageShift
	if a := v.area; a != nil {
		if !a.reserved {
			return 0
		}
		a.eachProto(v.page(start), v.page(end-1)+1, func(uint64, x86.PTE) { n-- })
		return n
	}
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

// protectPage gives one committed page, or one that is being committed, a protection. A page that no access may reach as it
// stands leaves the working set.
func (as *AddressSpace) protectPage(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE, code protectCode) {
	if e&x86.PTEPresent == 0 {
		as.setPTE(at, withCode(e, code))
		return
	}
	if code.guard() || code.noAccess() {
		as.evict(va, at, e)
		as.setPTE(at, withCode(as.m.load(at), code))
		return
	}
	as.setPTE(at, as.m.mapping(frameOf(e), code)|e&(x86.PTEAccessed|x86.PTEDirty|pteLocked|pteAge))
	as.invalidate(va)
}

func pageUp(va x86.VirtAddr) x86.VirtAddr { return (va + x86.PageMask) &^ x86.PageMask }
