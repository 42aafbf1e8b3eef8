package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// The size of working sets (memoryapi.h) and of the file cache.
var workingSetFuncs = []nt.UserFunc{
	nt.Func("GetProcessWorkingSetSize", getProcessWorkingSetSize),
	nt.Func("GetProcessWorkingSetSizeEx", getProcessWorkingSetSizeEx),
	nt.Func("SetProcessWorkingSetSize", setProcessWorkingSetSize),
	nt.Func("SetProcessWorkingSetSizeEx", setProcessWorkingSetSizeEx),
	nt.Func("GetSystemFileCacheSize", getSystemFileCacheSize),
	nt.Func("SetSystemFileCacheSize", setSystemFileCacheSize),
}

type getWorkingSetSizeArgs struct {
	Process ntdef.Handle
	Minimum ntdef.Ptr[uint64]
	Maximum ntdef.Ptr[uint64]
}

func getProcessWorkingSetSize(t *nt.Thread, a *getWorkingSetSizeArgs) (uint64, error) {
	p, st := t.Process().ProcessFor(a.Process, nt.PROCESS_QUERY_LIMITED_INFORMATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	ws := p.AddressSpace().WorkingSet()
	if err := t.Store64(uint64(a.Minimum), ws.Minimum<<x86.PageShift); err != nil {
		return 0, err
	}
	return 1, t.Store64(uint64(a.Maximum), ws.Maximum<<x86.PageShift)
}

type getWorkingSetSizeExArgs struct {
	Process ntdef.Handle
	Minimum ntdef.Ptr[uint64]
	Maximum ntdef.Ptr[uint64]
	Flags   ntdef.Ptr[uint32]
}

func getProcessWorkingSetSizeEx(t *nt.Thread, a *getWorkingSetSizeExArgs) (uint64, error) {
	ok, err := getProcessWorkingSetSize(t, &getWorkingSetSizeArgs{a.Process, a.Minimum, a.Maximum})
	if err != nil || ok == 0 {
		return ok, err
	}
	p, _ := t.Process().ProcessByHandle(a.Process)
	return 1, t.Store32(uint64(a.Flags), nt.WorkingSetFlags(p.AddressSpace().WorkingSet()))
}

type setWorkingSetSizeArgs struct {
	Process ntdef.Handle
	Minimum uint64
	Maximum uint64
}

func setProcessWorkingSetSize(t *nt.Thread, a *setWorkingSetSizeArgs) (uint64, error) {
	return setProcessWorkingSetSizeEx(t, &setWorkingSetSizeExArgs{a.Process, a.Minimum, a.Maximum, 0})
}

type setWorkingSetSizeExArgs struct {
	Process ntdef.Handle
	Minimum uint64
	Maximum uint64
	Flags   uint32
}

func setProcessWorkingSetSizeEx(t *nt.Thread, a *setWorkingSetSizeExArgs) (uint64, error) {
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_SET_QUOTA)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return boolOf(t, p.SetWorkingSetSize(a.Minimum, a.Maximum, a.Flags))
}

type getSystemFileCacheSizeArgs struct {
	Minimum ntdef.Ptr[uint64]
	Maximum ntdef.Ptr[uint64]
	Flags   ntdef.Ptr[uint32]
}

func getSystemFileCacheSize(t *nt.Thread, a *getSystemFileCacheSizeArgs) (uint64, error) {
	low, high, flags := t.System().FileCacheSize()
	if err := t.Store64(uint64(a.Minimum), low); err != nil {
		return 0, err
	}
	if err := t.Store64(uint64(a.Maximum), high); err != nil {
		return 0, err
	}
	return 1, t.Store32(uint64(a.Flags), flags)
}

type setSystemFileCacheSizeArgs struct {
	Minimum uint64
	Maximum uint64
	Flags   uint32
}

func setSystemFileCacheSize(t *nt.Thread, a *setSystemFileCacheSizeArgs) (uint64, error) {
	return boolOf(t, t.Process().SetFileCacheSize(a.Minimum, a.Maximum, a.Flags))
}
