package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// effective returns whether a page is committed and its protection code, from its PTE or, where that is zero, its VAD.
func (v *vad) effective(va x86.VirtAddr, e x86.PTE) (committed bool, code protectCode) {
	switch {
	case v.area != nil:
		page := v.page(va)
		if e == 0 {
			return v.area.committed(page), v.viewCode(page)
		}
		return !isProto(e) || v.area.committed(page), codeOf(e)
	case e != 0:
		return !isDecommitted(e), codeOf(e)
	}
	return v.committed, v.code
}

// Protect is NtProtectVirtualMemory: it changes the protection of committed pages of one reservation or view and returns
// that of the first page. Statuses: INVALID_PAGE_PROTECTION, INVALID_PARAMETER_2, _3, CONFLICTING_ADDRESSES, NOT_COMMITTED.
func (as *AddressSpace) Protect(r *Request) (old uint32, st ntdef.Status) {
	defer as.m.check()
	code, ok := encodeProtect(r.Protect &^ ntdef.PAGE_TARGETS_INVALID)
	if !ok || r.Protect&ntdef.PAGE_TARGETS_INVALID != 0 && !code.executable() {
		return 0, ntdef.STATUS_INVALID_PAGE_PROTECTION
	}
	switch {
	case as.noDynamicCode && code.executable():
		return 0, ntdef.STATUS_DYNAMIC_CODE_BLOCKED
	case r.Base >= as.high:
		return 0, ntdef.STATUS_INVALID_PARAMETER_2
	case r.Size == 0, r.Size > uint64(as.high-r.Base):
		return 0, ntdef.STATUS_INVALID_PARAMETER_3
	}
	start, end := r.Base.Page(), pageUp(r.Base+x86.VirtAddr(r.Size))
	v := as.vads.find(start)
	switch {
	case v == nil || end > v.end || v.fixed || v.physical:
		return 0, ntdef.STATUS_CONFLICTING_ADDRESSES
	case code.writeCopy() && v.area == nil:
		return 0, ntdef.STATUS_INVALID_PAGE_PROTECTION
	case v.area != nil && v.area.image == nil && !v.code.permits(code):
		return 0, ntdef.STATUS_SECTION_PROTECTION
	case as.uncommitted(v, start, end) != 0:
		return 0, ntdef.STATUS_NOT_COMMITTED
	}
	_, first := as.attributes(v, start)
	if v.large {
		st = as.protectLarge(start, end, code)
	} else {
		st = as.makeTables(start, end)
	}
	if st != ntdef.STATUS_SUCCESS {
		return 0, st
	}
	for va := start; va < end && !v.large; va += x86.PageSize {
		at, e := as.pte(va)
		if v.area != nil {
			as.protectViewPage(v, va, at, e, code)
		} else {
			as.protectPage(va, at, e, code)
		}
	}
	r.Base, r.Size = start, uint64(end-start)
	as.vadEvent(VADProtect, v, start, end, r.Protect)
	return first.protect(), ntdef.STATUS_SUCCESS
}

// ProhibitDynamicCode makes it impossible to make memory executable but by mapping an image (ProcessDynamicCodePolicy): the
// status is DYNAMIC_CODE_BLOCKED from now on.
func (as *AddressSpace) ProhibitDynamicCode() { as.noDynamicCode = true }

// DynamicCodeProhibited reports whether that was done.
func (as *AddressSpace) DynamicCodeProhibited() bool { return as.noDynamicCode }

// protectViewPage gives a page of a view a protection. While the page is an image's, a write copies it.
func (as *AddressSpace) protectViewPage(v *vad, va x86.VirtAddr, at x86.PhysAddr, e x86.PTE, code protectCode) {
	if as.m.ownPage(e) {
		as.protectPage(va, at, e, code.afterCopy())
		return
	}
	if i := v.area.image; i != nil && !i.shared[v.page(va)] {
		code = code.shared()
	}
	if e&x86.PTEPresent != 0 {
		as.protectPage(va, at, e, code)
		return
	}
	as.setPTE(at, protoPTE(code))
}
