package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// How much memory the machine has (sysinfoapi.h, memoryapi.h).
var memoryStatusFuncs = []nt.UserFunc{
	nt.Func("GlobalMemoryStatus", globalMemoryStatus),
	nt.Func("GlobalMemoryStatusEx", globalMemoryStatusEx),
	nt.Func("GetPhysicallyInstalledSystemMemory", getPhysicallyInstalledSystemMemory),
	nt.Func("CreateMemoryResourceNotification", createMemoryResourceNotification),
	nt.Func("QueryMemoryResourceNotification", queryMemoryResourceNotification),
	nt.Func("GetMemoryErrorHandlingCapabilities", getMemoryErrorHandlingCapabilities),
	nt.Func("RegisterBadMemoryNotification", registerBadMemoryNotification),
	nt.Func("UnregisterBadMemoryNotification", unregisterBadMemoryNotification),
}

type bufferOnlyArgs struct{ Buffer uint64 }

// memoryStatus returns the load in percent and the six amounts of MEMORYSTATUS(EX) in bytes: physical, page file (the commit
// limit), virtual; of each the total and what is available.
func memoryStatus(t *nt.Thread) (load uint32, amounts [6]uint64) {
	c := t.System().Memory().Counters()
	as := t.Process().AddressSpace()
	virtual := uint64(as.Layout().High-as.Layout().Low) + 1
	pages := [4]uint64{c.PhysicalPages, c.AvailablePages(), c.CommitLimit, c.CommitLimit - c.CommittedPages}
	for i, n := range pages {
		amounts[i] = n << x86.PageShift
	}
	amounts[4], amounts[5] = virtual, virtual-as.Counters().VirtualSize
	return uint32(100 * (c.PhysicalPages - c.AvailablePages()) / c.PhysicalPages), amounts
}

func globalMemoryStatusEx(t *nt.Thread, a *bufferOnlyArgs) (uint64, error) {
	const size = 64
	n, err := t.Load32(a.Buffer)
	if err != nil {
		return 0, err
	}
	if n != size {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	load, amounts := memoryStatus(t)
	var b [size]byte
	put32(b[0:], size)
	put32(b[4:], load)
	for i, v := range amounts {
		put64(b[8+8*i:], v)
	}
	return 1, t.Write(a.Buffer, b[:])
}

func globalMemoryStatus(t *nt.Thread, a *bufferOnlyArgs) (uint64, error) {
	const size = 56
	load, amounts := memoryStatus(t)
	var b [size]byte
	put32(b[0:], size)
	put32(b[4:], load)
	for i, v := range amounts {
		put64(b[8+8*i:], v)
	}
	return 0, t.Write(a.Buffer, b[:])
}

// getPhysicallyInstalledSystemMemory is in KiB.
func getPhysicallyInstalledSystemMemory(t *nt.Thread, a *bufferOnlyArgs) (uint64, error) {
	if a.Buffer == 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return 1, t.Store64(a.Buffer, t.System().MMU().Memory().Size()>>10)
}

type createNotificationArgs struct{ Type uint32 }

func createMemoryResourceNotification(t *nt.Thread, a *createNotificationArgs) (uint64, error) {
	if a.Type > uint32(ntmm.HighMemory) {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	h, st := t.Process().OpenMemoryCondition(ntmm.MemoryCondition(a.Type))
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return uint64(h), nil
}

type queryNotificationArgs struct {
	Notification ntdef.Handle
	State        ntdef.Ptr[uint32]
}

func queryMemoryResourceNotification(t *nt.Thread, a *queryNotificationArgs) (uint64, error) {
	if a.Notification == 0 || a.State == 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	set, st := t.Process().MemoryConditionState(a.Notification)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, t.Store32(uint64(a.State), uint32(truth(set)))
}

// getMemoryErrorHandlingCapabilities: the RAM never fails.
func getMemoryErrorHandlingCapabilities(t *nt.Thread, a *bufferOnlyArgs) (uint64, error) {
	if a.Buffer == 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return 1, t.Store32(a.Buffer, 0)
}

// registerBadMemoryNotification needs the machine's support for failing memory (GetMemoryErrorHandlingCapabilities).
func registerBadMemoryNotification(t *nt.Thread, _ *bufferOnlyArgs) (uint64, error) {
	return fail(t, ntdll.ERROR_NOT_SUPPORTED)
}

func unregisterBadMemoryNotification(t *nt.Thread, _ *bufferOnlyArgs) (uint64, error) {
	return fail(t, ntdll.ERROR_INVALID_PARAMETER)
}
