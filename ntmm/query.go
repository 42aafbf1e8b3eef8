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
	if v.large {
		return true, as.largeCode(va)
	}
	_, e := as.pte(va)
	if committed, code = v.effective(va, e); !committed {
		code = 0
	}
	return committed, code
}

// runEnd returns the end of the run of pages from va on with the same attributes.
func (as *AddressSpace) runEnd(v *vad, va x86.VirtAddr, committed bool, code protectCode) x86.VirtAddr {
	if v.large {
		for va = va&^(LargePageSize-1) + LargePageSize; va < v.end && as.largeCode(va) == code; va += LargePageSize {
		}
		return va
	}
	for va += x86.PageSize; va < v.end; {
		at, e := as.pte(va)
		if at == 0 && v.uniform(va) {
			// A whole table's pages are as the VAD says.
			c := v.committed
			if v.area != nil {
				c = !v.area.reserved
			}
			if c != committed || committed && v.code != code {
				return va
			}
			next := as.nextTable(va)
			if v.area != nil {
				next = min(next, va+x86.VirtAddr(protoChunk-v.page(va)%protoChunk)<<x86.PageShift)
			}
			va = next
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

// uniform reports whether the pages from va on that have no PTE, as far as one page of prototype PTEs goes, are all alike.
func (v *vad) uniform(va x86.VirtAddr) bool {
	return v.area == nil || v.area.image == nil && v.area.protos[v.page(va)/protoChunk] == nil
}
