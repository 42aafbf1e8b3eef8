package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// Offers, discards and prefetches (memoryapi.h, Windows 8 and 8.1). The first three return an error code, not a BOOL.
var offerFuncs = []nt.UserFunc{
	nt.Func("OfferVirtualMemory", offerVirtualMemory),
	nt.Func("ReclaimVirtualMemory", reclaimVirtualMemory),
	nt.Func("DiscardVirtualMemory", discardVirtualMemory),
	nt.Func("PrefetchVirtualMemory", prefetchVirtualMemory),
}

// wholePages checks what the three want: a range of whole pages.
func wholePages(a *rangeArgs) bool { return (a.Address|a.Size)%x86.PageSize == 0 && a.Size != 0 }

type offerArgs struct {
	Address  uint64
	Size     uint64
	Priority uint32
}

func offerVirtualMemory(t *nt.Thread, a *offerArgs) (uint64, error) {
	r := rangeArgs{a.Address, a.Size}
	if !wholePages(&r) {
		return ntdll.ERROR_INVALID_PARAMETER, nil
	}
	return uint64(ntdll.DosError(t.Process().AddressSpace().Offer(r.request(), int(a.Priority)))), nil
}

// reclaimVirtualMemory returns ERROR_BUSY where contents were lost.
func reclaimVirtualMemory(t *nt.Thread, a *rangeArgs) (uint64, error) {
	if !wholePages(a) {
		return ntdll.ERROR_INVALID_PARAMETER, nil
	}
	st := t.Process().AddressSpace().Reclaim(a.request())
	if st == ntdef.STATUS_UNSUCCESSFUL {
		return ntdll.ERROR_BUSY, nil
	}
	return uint64(ntdll.DosError(st)), nil
}

func discardVirtualMemory(t *nt.Thread, a *rangeArgs) (uint64, error) {
	if !wholePages(a) {
		return ntdll.ERROR_INVALID_PARAMETER, nil
	}
	return uint64(ntdll.DosError(t.Process().AddressSpace().Discard(a.request()))), nil
}

type prefetchArgs struct {
	Process ntdef.Handle
	Count   uint64
	Entries uint64 // WIN32_MEMORY_RANGE_ENTRY: address and bytes
	Flags   uint32
}

func prefetchVirtualMemory(t *nt.Thread, a *prefetchArgs) (uint64, error) {
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_VM_OPERATION)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return failStatus(t, st)
	case a.Flags != 0:
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	st, err := t.SetVirtualMemory(p, nt.VmPrefetchInformation, a.Entries, a.Count, a.Flags)
	return result(t, st, err)
}
