package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

var workingSetServices = []Service{
	service("NtLockVirtualMemory", Partial("the calling process"), ntLockVirtualMemory),
	service("NtUnlockVirtualMemory", Partial("the calling process"), ntUnlockVirtualMemory),
	service("NtGetWriteWatch", Partial("the calling process"), ntGetWriteWatch),
	service("NtResetWriteWatch", Partial("the calling process"), ntResetWriteWatch),
	service("NtSetInformationVirtualMemory", Partial("prefetch, page priority, removal from the working set; the calling process"), ntSetInformationVirtualMemory),
	service("NtCreatePagingFile", Partial("STATUS_PRIVILEGE_NOT_HELD: no process holds SeCreatePagefilePrivilege"), ntCreatePagingFile),
}

type lockVirtualMemoryArgs struct {
	Process     ntdef.Handle
	BaseAddress ntdef.Ptr[uint64]
	RegionSize  ntdef.Ptr[uint64]
	MapType     uint32
}

// mapProcess is the MapType that locks into the working set; mapSystem, into memory, needs a privilege.
const (
	mapProcess = 1
	mapSystem  = 2
)

func ntLockVirtualMemory(t *Thread, a *lockVirtualMemoryArgs) (ntdef.Status, error) {
	return t.lock(a, t.as().Lock)
}

func ntUnlockVirtualMemory(t *Thread, a *lockVirtualMemoryArgs) (ntdef.Status, error) {
	return t.lock(a, t.as().Unlock)
}

func (t *Thread) lock(a *lockVirtualMemoryArgs, do func(*ntmm.Request) ntdef.Status) (ntdef.Status, error) {
	switch {
	case a.MapType == 0 || a.MapType&^(mapProcess|mapSystem) != 0:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case a.MapType&mapSystem != 0:
		return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
	}
	r, err := t.loadRequest(a.BaseAddress, a.RegionSize)
	if err != nil {
		return 0, err
	}
	if !t.proc.IsProcess(a.Process) {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	if st := do(&r); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return ntdef.STATUS_SUCCESS, t.storeRequest(&r, a.BaseAddress, a.RegionSize)
}

type getWriteWatchArgs struct {
	Process     ntdef.Handle
	Flags       uint32
	BaseAddress uint64
	RegionSize  uint64
	Addresses   uint64
	Count       ntdef.Ptr[uint64]
	Granularity ntdef.Ptr[uint32]
}

func ntGetWriteWatch(t *Thread, a *getWriteWatchArgs) (ntdef.Status, error) {
	const writeWatchFlagReset = 1
	for _, p := range []struct{ at, n uint64 }{{uint64(a.Count), 8}, {uint64(a.Granularity), 4}} {
		if err := t.Probe(p.at, p.n, x86.Read|x86.Write); err != nil {
			return 0, err
		}
	}
	room, err := t.Load64(uint64(a.Count))
	switch {
	case err != nil:
		return 0, err
	case a.Flags&^uint32(writeWatchFlagReset) != 0:
		return ntdef.STATUS_INVALID_PARAMETER_2, nil
	case room == 0 || room > uint64(t.as().Layout().High)/8:
		return ntdef.STATUS_INVALID_PARAMETER_5, nil
	case !t.proc.IsProcess(a.Process):
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	r := ntmm.Request{Base: x86.VirtAddr(a.BaseAddress), Size: a.RegionSize}
	// The pages are looked at before any is reset: the array itself may fault.
	pages, st := t.as().WriteWatch(&r, room, false)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	b := make([]byte, 8*len(pages))
	for i, va := range pages {
		binary.LittleEndian.PutUint64(b[8*i:], uint64(va))
	}
	if err := t.Probe(a.Addresses, max(8, uint64(len(b))), x86.Write); err != nil {
		return 0, err
	}
	if a.Flags&writeWatchFlagReset != 0 {
		t.as().WriteWatch(&r, room, true)
	}
	if err := t.Write(a.Addresses, b); err != nil {
		return 0, err
	}
	if err := t.Store32(uint64(a.Granularity), x86.PageSize); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.Store64(uint64(a.Count), uint64(len(pages)))
}

type resetWriteWatchArgs struct {
	Process     ntdef.Handle
	BaseAddress uint64
	RegionSize  uint64
}

func ntResetWriteWatch(t *Thread, a *resetWriteWatchArgs) (ntdef.Status, error) {
	if !t.proc.IsProcess(a.Process) {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	return t.as().ResetWriteWatch(&ntmm.Request{Base: x86.VirtAddr(a.BaseAddress), Size: a.RegionSize}), nil
}

type setInformationVirtualMemoryArgs struct {
	Process   ntdef.Handle
	Class     uint32
	Count     uint64
	Addresses uint64 // MEMORY_RANGE_ENTRY: address and bytes
	Buffer    uint64
	Length    uint32
}

func ntSetInformationVirtualMemory(t *Thread, a *setInformationVirtualMemoryArgs) (ntdef.Status, error) {
	const prefetch, pagePriority, removeFromWorkingSet = 0, 1, 7
	const maxRanges = 1 << 16
	switch {
	case a.Class != prefetch && a.Class != pagePriority && a.Class != removeFromWorkingSet:
		return ntdef.STATUS_INVALID_PARAMETER_2, nil
	case a.Count == 0 || a.Count > maxRanges:
		return ntdef.STATUS_INVALID_PARAMETER_3, nil
	case a.Buffer == 0:
		return ntdef.STATUS_INVALID_PARAMETER_5, nil
	case a.Length != 4:
		return ntdef.STATUS_INVALID_PARAMETER_6, nil
	case !t.proc.IsProcess(a.Process):
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	value, err := t.Load32(a.Buffer)
	if err != nil {
		return 0, err
	}
	b := make([]byte, 16*a.Count)
	if err := t.Read(a.Addresses, b); err != nil {
		return 0, err
	}
	type span struct{ start, end x86.VirtAddr }
	var spans []span
	for ; len(b) > 0; b = b[16:] {
		start, n := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		high := uint64(t.as().Layout().High) + 1
		if n == 0 || start >= high || n > high-start {
			return ntdef.STATUS_INVALID_PARAMETER_4, nil
		}
		spans = append(spans, span{x86.VirtAddr(start), x86.VirtAddr(start + n)})
	}
	for _, s := range spans {
		switch a.Class {
		case prefetch:
			t.as().Prefetch(s.start, s.end)
		case pagePriority:
			t.as().SetPagePriority(s.start, s.end, uint8(min(value, 7)))
		case removeFromWorkingSet:
			t.as().RemoveFromWorkingSet(s.start, s.end)
		}
	}
	return ntdef.STATUS_SUCCESS, nil
}

type createPagingFileArgs struct{ Name, Minimum, Maximum, Priority uint64 }

func ntCreatePagingFile(*Thread, *createPagingFileArgs) (ntdef.Status, error) {
	return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
}
