package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Query is NtQueryVirtualMemory, class MemoryBasicInformation: the run of pages from va's page on that have one state and
// protection. INVALID_PARAMETER for an address that is not the user's.
func (as *AddressSpace) Query(va x86.VirtAddr) (ntdef.MemoryBasicInformation, ntdef.Status) {
	var info ntdef.MemoryBasicInformation
	if va >= as.high {
		return info, ntdef.STATUS_INVALID_PARAMETER
	}
	va = va.Page()
	info.BaseAddress = uint64(va)
	v := as.vads.next(va)
	if v == nil || va < v.start {
		end := as.high
		if v != nil {
			end = v.start
		}
		info.State, info.Protect = ntdef.MEM_FREE, ntdef.PAGE_NOACCESS
		info.RegionSize = uint64(end - va)
		return info, ntdef.STATUS_SUCCESS
	}
	info.AllocationBase, info.AllocationProtect, info.Type = uint64(v.start), v.protect, v.typ
	committed, code := as.attributes(v, va)
	end := as.runEnd(v, va, committed, code)
	info.RegionSize = uint64(end - va)
	info.State = ntdef.MEM_RESERVE
	if committed {
		info.State, info.Protect = ntdef.MEM_COMMIT, code.protect()
	}
	return info, ntdef.STATUS_SUCCESS
}

func (as *AddressSpace) attributes(v *vad, va x86.VirtAddr) (committed bool, code protectCode) {
	_, e := as.pte(va)
	if committed, code = v.effective(va, e); !committed {
		code = 0
	}
	return committed, code
}

// runEnd returns the end of the run of pages from va on with the same attributes.
func (as *AddressSpace) runEnd(v *vad, va x86.VirtAddr, committed bool, code protectCode) x86.VirtAddr {
	for va += x86.PageSize; va < v.end; {
		at, e := as.pte(va)
		if at == 0 && v.section == nil {
			// A whole table's pages are as the VAD says.
			if v.committed != committed || committed && v.code != code {
				return va
			}
			va = as.nextTable(va)
			continue
		}
		c, p := v.effective(va, e)
		if c != committed || committed && p != code {
			return va
		}
		va += x86.PageSize
	}
	return min(va, v.end)
}
