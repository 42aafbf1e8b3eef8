package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Free is NtFreeVirtualMemory with MEM_DECOMMIT or MEM_RELEASE, the latter also of placeholders (placeholder.go); size 0 means the whole reservation, whose base must then be
// given. Statuses: INVALID_PARAMETER_4 (type), INVALID_PARAMETER_2 (base), _3 (size), MEMORY_NOT_ALLOCATED,
// UNABLE_TO_DELETE_SECTION, FREE_VM_NOT_AT_BASE, UNABLE_TO_FREE_VM. Releasing a part splits the reservation.
func (as *AddressSpace) Free(r *Request) ntdef.Status {
	defer as.m.check()
	switch r.Type {
	case ntdef.MEM_DECOMMIT, ntdef.MEM_RELEASE:
	case ntdef.MEM_RELEASE | ntdef.MEM_COALESCE_PLACEHOLDERS, ntdef.MEM_RELEASE | ntdef.MEM_PRESERVE_PLACEHOLDER:
		if r.Size == 0 {
			return ntdef.STATUS_INVALID_PARAMETER_3
		}
	default:
		return ntdef.STATUS_INVALID_PARAMETER_4
	}
	if r.Base >= as.high {
		return ntdef.STATUS_INVALID_PARAMETER_2
	}
	if r.Size > uint64(as.high-r.Base) {
		return ntdef.STATUS_INVALID_PARAMETER_3
	}
	start, end := r.Base.Page(), pageUp(r.Base+x86.VirtAddr(r.Size))
	if r.Type&ntdef.MEM_COALESCE_PLACEHOLDERS != 0 {
		return as.coalesce(start, end)
	}
	v := as.vads.find(start)
	switch {
	case v == nil:
		return ntdef.STATUS_MEMORY_NOT_ALLOCATED
	case v.area != nil:
		return ntdef.STATUS_UNABLE_TO_DELETE_SECTION
	case !v.isPrivate():
		return ntdef.STATUS_INVALID_PAGE_PROTECTION
	case r.Size == 0 && start != v.start:
		return ntdef.STATUS_FREE_VM_NOT_AT_BASE
	case r.Size == 0:
		end = v.end
	case end > v.end:
		return ntdef.STATUS_UNABLE_TO_FREE_VM
	}
	if v.large && (start != v.start || end != v.end) || !v.isPaged() && r.Type != ntdef.MEM_RELEASE {
		return ntdef.STATUS_UNABLE_TO_FREE_VM
	}
	r.Base, r.Size = start, uint64(end-start)
	if r.Type == ntdef.MEM_DECOMMIT {
		return as.decommit(v, start, end)
	}
	if r.Type&ntdef.MEM_PRESERVE_PLACEHOLDER != 0 {
		return as.preserve(v, start, end)
	}
	as.releaseRange(v, start, end)
	return ntdef.STATUS_SUCCESS
}

// decommit takes the pages of a range back; touching them raises an access violation until they are committed again.
func (as *AddressSpace) decommit(v *vad, start, end x86.VirtAddr) ntdef.Status {
	if v.committed {
		// The pages have to say that they are not what their VAD is.
		if st := as.makeTables(start, end); st != ntdef.STATUS_SUCCESS {
			return st
		}
		released := uint64(0)
		for va := start; va < end; va += x86.PageSize {
			at, e := as.pte(va)
			if e != 0 && isDecommitted(e) {
				continue
			}
			released++
			as.setPTE(at, softPTE(codeDecommitted))
			as.drop(va, e)
		}
		as.release(released)
	} else {
		as.dropRange(v, start, end)
	}
	as.vadEvent(VADDecommit, v, start, end, 0)
	return ntdef.STATUS_SUCCESS
}

// releaseRange frees a range of a reservation; what is left of it on both sides stays as reservations of their own.
func (as *AddressSpace) releaseRange(v *vad, start, end x86.VirtAddr) {
	as.dropRange(v, start, end)
	as.deleteVAD(v)
	if start > v.start {
		low := *v
		low.end = start
		as.insertVAD(&low)
	}
	if end < v.end {
		high := *v
		high.start = end
		as.insertVAD(&high)
	}
	as.vadEvent(VADRelease, v, start, end, 0)
	as.recycle(v)
}
