package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

var workingSetServices = []Service{
	service("NtLockVirtualMemory", Full, ntLockVirtualMemory),
	service("NtUnlockVirtualMemory", Full, ntUnlockVirtualMemory),
	service("NtGetWriteWatch", Full, ntGetWriteWatch),
	service("NtResetWriteWatch", Full, ntResetWriteWatch),
}

type lockVirtualMemoryArgs struct {
	Process     ntdef.Handle
	BaseAddress ntdef.Ptr[uint64]
	RegionSize  ntdef.Ptr[uint64]
	MapType     uint32
}

// The MapTypes: into the working set, and into memory, which wants SeLockMemoryPrivilege. A page that is locked into the working set
// is in memory, so that the second adds nothing here.
const (
	mapProcess = 1
	mapSystem  = 2
)

func ntLockVirtualMemory(t *Thread, a *lockVirtualMemoryArgs) (ntdef.Status, error) {
	return t.lock(a, (*ntmm.AddressSpace).Lock)
}

func ntUnlockVirtualMemory(t *Thread, a *lockVirtualMemoryArgs) (ntdef.Status, error) {
	return t.lock(a, (*ntmm.AddressSpace).Unlock)
}

func (t *Thread) lock(a *lockVirtualMemoryArgs, do func(*ntmm.AddressSpace, *ntmm.Request) ntdef.Status) (ntdef.Status, error) {
	switch {
	case a.MapType == 0 || a.MapType&^(mapProcess|mapSystem) != 0:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case a.MapType&mapSystem != 0 && !t.proc.Holds(SeLockMemoryPrivilege):
		return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
	}
	r, err := t.loadRequest(a.BaseAddress, a.RegionSize)
	if err != nil {
		return 0, err
	}
	p, st := t.proc.MemoryOf(a.Process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if st := do(p.as, &r); st != ntdef.STATUS_SUCCESS {
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
	p, st := t.proc.MemoryOf(a.Process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	r := ntmm.Request{Base: x86.VirtAddr(a.BaseAddress), Size: a.RegionSize}
	return t.WriteWatch(p, a.Flags, r, a.Addresses, a.Count, a.Granularity)
}

// WriteWatch is NtGetWriteWatch: the addresses of the pages that were written go to an array, their number to where the array's length
// was. Statuses: INVALID_PARAMETER_2 (flags), _5 (no room), those of the memory manager.
func (t *Thread) WriteWatch(
	p *Process, flags uint32, r ntmm.Request, addresses uint64, count ntdef.Ptr[uint64], granularity ntdef.Ptr[uint32],
) (ntdef.Status, error) {
	const writeWatchFlagReset = 1
	for _, cell := range []struct{ at, n uint64 }{{uint64(count), 8}, {uint64(granularity), 4}} {
		if err := t.Probe(cell.at, cell.n, x86.Read|x86.Write); err != nil {
			return 0, err
		}
	}
	room, err := t.Load64(uint64(count))
	switch {
	case err != nil:
		return 0, err
	case flags&^uint32(writeWatchFlagReset) != 0:
		return ntdef.STATUS_INVALID_PARAMETER_2, nil
	case room == 0 || room > uint64(p.as.Layout().High)/8:
		return ntdef.STATUS_INVALID_PARAMETER_5, nil
	}
	// The pages are looked at before any is reset: the array itself may fault.
	pages, st := p.as.WriteWatch(&r, room, false)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	b := make([]byte, 8*len(pages))
	for i, va := range pages {
		binary.LittleEndian.PutUint64(b[8*i:], uint64(va))
	}
	if err := t.Probe(addresses, max(8, uint64(len(b))), x86.Write); err != nil {
		return 0, err
	}
	if flags&writeWatchFlagReset != 0 {
		p.as.WriteWatch(&r, room, true)
	}
	if err := t.Write(addresses, b); err != nil {
		return 0, err
	}
	if err := t.Store32(uint64(granularity), x86.PageSize); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.Store64(uint64(count), uint64(len(pages)))
}

type resetWriteWatchArgs struct {
	Process     ntdef.Handle
	BaseAddress uint64
	RegionSize  uint64
}

func ntResetWriteWatch(t *Thread, a *resetWriteWatchArgs) (ntdef.Status, error) {
	p, st := t.proc.MemoryOf(a.Process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return p.as.ResetWriteWatch(&ntmm.Request{Base: x86.VirtAddr(a.BaseAddress), Size: a.RegionSize}), nil
}
