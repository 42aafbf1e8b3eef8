package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Placeholders are reservations that are split, joined and replaced without ever being free in between (memoryapi.h,
// VirtualAlloc2 and VirtualFree).

// preserve is MEM_RELEASE|MEM_PRESERVE_PLACEHOLDER: a part of a placeholder becomes one of its own, a whole private
// allocation becomes a placeholder. Statuses: INVALID_PARAMETER_3 (no size), CONFLICTING_ADDRESSES.
func (as *AddressSpace) preserve(v *vad, start, end x86.VirtAddr) ntdef.Status {
	whole := start == v.start && end == v.end
	switch {
	case v.placeholder && whole:
		return ntdef.STATUS_CONFLICTING_ADDRESSES
	case !v.placeholder && !whole:
		return ntdef.STATUS_CONFLICTING_ADDRESSES
	}
	as.releaseRange(v, start, end)
	as.insertPlaceholder(start, end)
	return ntdef.STATUS_SUCCESS
}

func (as *AddressSpace) insertPlaceholder(start, end x86.VirtAddr) {
	v := &vad{
		start: start, end: end, typ: ntdef.MEM_PRIVATE, protect: ntdef.PAGE_NOACCESS, code: codeNoAccess, placeholder: true,
	}
	as.insertVAD(v)
	as.vadEvent(VADReserve, v, start, end, v.protect)
}

// coalesce is MEM_RELEASE|MEM_COALESCE_PLACEHOLDERS: the placeholders that fill a range exactly become one.
// CONFLICTING_ADDRESSES where they do not.
func (as *AddressSpace) coalesce(start, end x86.VirtAddr) ntdef.Status {
	var all []*vad
	for at := start; at < end; {
		v := as.vads.find(at)
		if v == nil || !v.placeholder || v.start != at || v.end > end {
			return ntdef.STATUS_CONFLICTING_ADDRESSES
		}
		all, at = append(all, v), v.end
	}
	if len(all) < 2 {
		return ntdef.STATUS_CONFLICTING_ADDRESSES
	}
	for _, v := range all {
		as.deleteVAD(v)
	}
	as.insertPlaceholder(start, end)
	return ntdef.STATUS_SUCCESS
}

// UnmapViewEx is NtUnmapViewOfSectionEx: with MEM_PRESERVE_PLACEHOLDER a view that replaced a placeholder leaves one
// behind; another view refuses it: CONFLICTING_ADDRESSES. INVALID_PARAMETER for other flags.
func (as *AddressSpace) UnmapViewEx(va x86.VirtAddr, flags uint32) ntdef.Status {
	const unmapWithTransientBoost = 1
	if flags&^(unmapWithTransientBoost|ntdef.MEM_PRESERVE_PLACEHOLDER) != 0 {
		return ntdef.STATUS_INVALID_PARAMETER
	}
	v := as.vads.find(va)
	if flags&ntdef.MEM_PRESERVE_PLACEHOLDER == 0 || v == nil || v.area == nil {
		return as.UnmapView(va)
	}
	if !v.replaced {
		return ntdef.STATUS_CONFLICTING_ADDRESSES
	}
	st := as.UnmapView(va)
	as.insertPlaceholder(v.start, v.end)
	as.m.check()
	return st
}
