package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// MapKernelPage maps one page that the kernel writes through the physical address it returns and that user code sees with a
// protection: KUSER_SHARED_DATA. The services leave it alone.
func (as *AddressSpace) MapKernelPage(va x86.VirtAddr, protect uint32) (x86.PhysAddr, ntdef.Status) {
	code, ok := encodeProtect(protect)
	switch {
	case !ok:
		return 0, ntdef.STATUS_INVALID_PAGE_PROTECTION
	case va.Offset() != 0 || va < as.low || va >= as.high:
		return 0, ntdef.STATUS_INVALID_PARAMETER_2
	case !as.vads.free(va, va+x86.PageSize):
		return 0, ntdef.STATUS_CONFLICTING_ADDRESSES
	}
	if st := as.charge(1); st != ntdef.STATUS_SUCCESS {
		return 0, st
	}
	at, _, st := as.makePTE(va)
	if st != ntdef.STATUS_SUCCESS {
		as.release(1)
		return 0, st
	}
	frame, ok := as.m.takeFrame(true)
	if !ok {
		as.release(1)
		as.freeEmptyTables(va, va+x86.PageSize)
		return 0, ntdef.STATUS_NO_MEMORY
	}
	as.m.pfns.entry(frame).pte = at
	as.m.pfns.entry(frame).share = 1
	as.setPTE(at, validPTE(frame, code)|pteLocked)
	as.insertVAD(&vad{start: va, end: va + x86.PageSize, typ: ntdef.MEM_PRIVATE, protect: protect, code: code, committed: true, fixed: true})
	return x86.PhysAddr(frame << x86.PageShift), ntdef.STATUS_SUCCESS
}
