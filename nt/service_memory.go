package nt

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

var memoryServices = []Service{
	service("NtAllocateVirtualMemory", Full, ntAllocateVirtualMemory),
	service("NtAllocateVirtualMemoryEx", Partial("address requirements, NUMA nodes, placeholders; no attributes but ZERO_PAGES_OPTIONAL"), ntAllocateVirtualMemoryEx),
	service("NtFreeVirtualMemory", Full, ntFreeVirtualMemory),
	service("NtProtectVirtualMemory", Full, ntProtectVirtualMemory),
	service("NtQueryVirtualMemory", Partial("classes 0 to 8, 10, 11"), ntQueryVirtualMemory),
	service("NtReadVirtualMemory", Full, ntReadVirtualMemory),
	service("NtWriteVirtualMemory", Full, ntWriteVirtualMemory),
	service("NtFlushInstructionCache", Full, ntFlushInstructionCache),
	service("NtFlushProcessWriteBuffers", Full, ntFlushProcessWriteBuffers),
}

type allocateVirtualMemoryArgs struct {
	Process     ntdef.Handle
	BaseAddress ntdef.Ptr[uint64]
	ZeroBits    uint64
	RegionSize  ntdef.Ptr[uint64]
	Type        uint32
	Protect     uint32
}

func ntAllocateVirtualMemory(t *Thread, a *allocateVirtualMemoryArgs) (ntdef.Status, error) {
	r, err := t.loadRequest(a.BaseAddress, a.RegionSize)
	if err != nil {
		return 0, err
	}
	p, st := t.proc.MemoryOf(a.Process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	r.ZeroBits, r.Type, r.Protect, r.LockMemory = a.ZeroBits, a.Type, a.Protect, t.proc.Holds(SeLockMemoryPrivilege)
	if st := p.allocate(&r, p.as.Allocate); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return ntdef.STATUS_SUCCESS, t.storeRequest(&r, a.BaseAddress, a.RegionSize)
}

type allocateVirtualMemoryExArgs struct {
	Process     ntdef.Handle
	BaseAddress ntdef.Ptr[uint64]
	RegionSize  ntdef.Ptr[uint64]
	Type        uint32
	Protect     uint32
	Parameters  uint64
	Count       uint32
}

func ntAllocateVirtualMemoryEx(t *Thread, a *allocateVirtualMemoryExArgs) (ntdef.Status, error) {
	r, err := t.loadRequest(a.BaseAddress, a.RegionSize)
	if err != nil {
		return 0, err
	}
	x, st, err := t.LoadExtendedParameters(a.Parameters, a.Count, false)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return st, err
	}
	p, st := t.proc.MemoryOf(a.Process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	r.Type, r.Protect = a.Type, a.Protect
	if st := p.AllocateVirtualMemoryEx(&r, x.Requirements); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return ntdef.STATUS_SUCCESS, t.storeRequest(&r, a.BaseAddress, a.RegionSize)
}

// loadRequest reads a base address and a size, both of which must be writable too.
func (t *Thread) loadRequest(base, size ntdef.Ptr[uint64]) (r ntmm.Request, err error) {
	for _, p := range []ntdef.Ptr[uint64]{base, size} {
		if err := t.Probe(uint64(p), 8, x86.Read|x86.Write); err != nil {
			return r, err
		}
	}
	va, err := t.Load64(uint64(base))
	if err != nil {
		return r, err
	}
	r.Base = x86.VirtAddr(va)
	r.Size, err = t.Load64(uint64(size))
	return r, err
}

func (t *Thread) storeRequest(r *ntmm.Request, base, size ntdef.Ptr[uint64]) error {
	if err := t.Store64(uint64(base), uint64(r.Base)); err != nil {
		return err
	}
	return t.Store64(uint64(size), r.Size)
}

type freeVirtualMemoryArgs struct {
	Process     ntdef.Handle
	BaseAddress ntdef.Ptr[uint64]
	RegionSize  ntdef.Ptr[uint64]
	FreeType    uint32
}

func ntFreeVirtualMemory(t *Thread, a *freeVirtualMemoryArgs) (ntdef.Status, error) {
	r, err := t.loadRequest(a.BaseAddress, a.RegionSize)
	if err != nil {
		return 0, err
	}
	p, st := t.proc.MemoryOf(a.Process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	r.Type = a.FreeType
	if t.sys.wine() && wineRefuses(&r) {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	if st := p.free(&r); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return ntdef.STATUS_SUCCESS, t.storeRequest(&r, a.BaseAddress, a.RegionSize)
}

type protectVirtualMemoryArgs struct {
	Process     ntdef.Handle
	BaseAddress ntdef.Ptr[uint64]
	RegionSize  ntdef.Ptr[uint64]
	NewProtect  uint32
	OldProtect  ntdef.Ptr[uint32]
}

func ntProtectVirtualMemory(t *Thread, a *protectVirtualMemoryArgs) (ntdef.Status, error) {
	r, err := t.loadRequest(a.BaseAddress, a.RegionSize)
	if err != nil {
		return 0, err
	}
	if err := t.Probe(uint64(a.OldProtect), 4, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	p, st := t.proc.MemoryOf(a.Process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	r.Protect = a.NewProtect
	old, st := p.protect(&r)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if err := t.Store32(uint64(a.OldProtect), old); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.storeRequest(&r, a.BaseAddress, a.RegionSize)
}

// storeLength writes an optional 64-bit length.
func (t *Thread) storeLength(p ntdef.Ptr[uint64], n uint64) error {
	if p == 0 {
		return nil
	}
	return t.Store64(uint64(p), n)
}

type copyVirtualMemoryArgs struct {
	Process     ntdef.Handle
	BaseAddress uint64
	Buffer      uint64
	Size        uint64
	Copied      ntdef.Ptr[uint64]
}

func ntReadVirtualMemory(t *Thread, a *copyVirtualMemoryArgs) (ntdef.Status, error) {
	p, st := t.proc.MemoryOf(a.Process, PROCESS_VM_READ)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	done, st := t.CopyBetween(p, a.BaseAddress, t.proc, a.Buffer, a.Size)
	return st, t.storeLength(a.Copied, done)
}

func ntWriteVirtualMemory(t *Thread, a *copyVirtualMemoryArgs) (ntdef.Status, error) {
	p, st := t.proc.MemoryOf(a.Process, PROCESS_VM_WRITE)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	done, st := t.CopyBetween(t.proc, a.Buffer, p, a.BaseAddress, a.Size)
	return st, t.storeLength(a.Copied, done)
}

// CopyBetween copies page by page from one process to another and returns how many bytes it copied. A source that ends early gives
// STATUS_PARTIAL_COPY, a destination STATUS_ACCESS_VIOLATION; PROCESS_IS_TERMINATING where one has ended.
func (t *Thread) CopyBetween(source *Process, from uint64, target *Process, to, size uint64) (done uint64, st ntdef.Status) {
	if source.exited || target.exited {
		return 0, ntdef.STATUS_PROCESS_IS_TERMINATING
	}
	var page [x86.PageSize]byte
	for done < size {
		part := page[:min(size-done, uint64(pagePart(from+done, len(page))))]
		if t.in(source, func(th *Thread) error { return th.Read(from+done, part) }) != nil {
			st = ntdef.STATUS_PARTIAL_COPY
			break
		}
		if t.in(target, func(th *Thread) error { return th.Write(to+done, part) }) != nil {
			st = ntdef.STATUS_ACCESS_VIOLATION
			break
		}
		done += uint64(len(part))
	}
	return done, st
}

type flushInstructionCacheArgs struct {
	Process     ntdef.Handle
	BaseAddress uint64
	Size        uint64
}

// ntFlushInstructionCache has nothing to flush: the processor sees every write to code, as x86 does (SDM vol. 3A 12.6).
func ntFlushInstructionCache(t *Thread, a *flushInstructionCacheArgs) (ntdef.Status, error) {
	_, st := t.proc.ProcessFor(a.Process, PROCESS_VM_WRITE)
	return st, nil
}

type flushProcessWriteBuffersArgs struct{}

// ntFlushProcessWriteBuffers has the other processors see what this one wrote: there are none.
func ntFlushProcessWriteBuffers(*Thread, *flushProcessWriteBuffersArgs) (ntdef.Status, error) {
	return ntdef.STATUS_SUCCESS, nil
}
