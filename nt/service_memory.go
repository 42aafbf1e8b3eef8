package nt

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

var memoryServices = []Service{
	service("NtAllocateVirtualMemory", Partial("MEM_RESERVE, MEM_COMMIT, MEM_TOP_DOWN; the calling process"), ntAllocateVirtualMemory),
	service("NtFreeVirtualMemory", Partial("MEM_DECOMMIT, MEM_RELEASE; the calling process"), ntFreeVirtualMemory),
	service("NtProtectVirtualMemory", Partial("the calling process"), ntProtectVirtualMemory),
	service("NtQueryVirtualMemory", Partial("MemoryBasicInformation; the calling process"), ntQueryVirtualMemory),
	service("NtReadVirtualMemory", Partial("the calling process"), ntReadVirtualMemory),
	service("NtWriteVirtualMemory", Partial("the calling process"), ntWriteVirtualMemory),
	service("NtUnmapViewOfSection", Partial("images; the calling process"), ntUnmapViewOfSection),
	service("NtFlushInstructionCache", Full, ntFlushInstructionCache),
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
	if !isProcess(a.Process) {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	r.ZeroBits, r.Type, r.Protect = a.ZeroBits, a.Type, a.Protect
	if st := t.as().Allocate(&r); st != ntdef.STATUS_SUCCESS {
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
	if !isProcess(a.Process) {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	r.Type = a.FreeType
	if st := t.as().Free(&r); st != ntdef.STATUS_SUCCESS {
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
	if !isProcess(a.Process) {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	r.Protect = a.NewProtect
	old, st := t.as().Protect(&r)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if err := t.Store32(uint64(a.OldProtect), old); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.storeRequest(&r, a.BaseAddress, a.RegionSize)
}

type queryVirtualMemoryArgs struct {
	Process      ntdef.Handle
	BaseAddress  uint64
	Class        uint32
	Buffer       uint64
	Length       uint64
	ReturnLength ntdef.Ptr[uint64]
}

func ntQueryVirtualMemory(t *Thread, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	const memoryBasicInformation = 0
	switch {
	case !isProcess(a.Process):
		return ntdef.STATUS_INVALID_HANDLE, nil
	case a.Class != memoryBasicInformation:
		t.sys.warn("NtQueryVirtualMemory: class %d is not implemented (at %s)", a.Class, t.proc.Where(t.cpu.RIP))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	case a.Length < ntdef.MemoryBasicInformationSize:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	info, st := t.as().Query(x86.VirtAddr(a.BaseAddress))
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	var buf [ntdef.MemoryBasicInformationSize]byte
	info.Marshal(buf[:])
	if err := t.Write(a.Buffer, buf[:]); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.storeLength(a.ReturnLength, uint64(len(buf)))
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
	return t.copyMemory(a, a.BaseAddress, a.Buffer)
}

func ntWriteVirtualMemory(t *Thread, a *copyVirtualMemoryArgs) (ntdef.Status, error) {
	return t.copyMemory(a, a.Buffer, a.BaseAddress)
}

// copyMemory copies page by page. A source that ends early gives STATUS_PARTIAL_COPY, a destination STATUS_ACCESS_VIOLATION;
// the count of bytes copied so far is stored either way.
func (t *Thread) copyMemory(a *copyVirtualMemoryArgs, from, to uint64) (ntdef.Status, error) {
	if !isProcess(a.Process) {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	var page [x86.PageSize]byte
	var done uint64
	st := ntdef.STATUS_SUCCESS
	for done < a.Size {
		part := page[:min(a.Size-done, uint64(pagePart(from+done, len(page))))]
		if t.Read(from+done, part) != nil {
			st = ntdef.STATUS_PARTIAL_COPY
			break
		}
		if t.Write(to+done, part) != nil {
			st = ntdef.STATUS_ACCESS_VIOLATION
			break
		}
		done += uint64(len(part))
	}
	return st, t.storeLength(a.Copied, done)
}

type unmapViewOfSectionArgs struct {
	Process     ntdef.Handle
	BaseAddress uint64
}

func ntUnmapViewOfSection(t *Thread, a *unmapViewOfSectionArgs) (ntdef.Status, error) {
	if !isProcess(a.Process) {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	m := t.proc.ModuleAt(a.BaseAddress)
	st := t.as().UnmapView(x86.VirtAddr(a.BaseAddress))
	if st == ntdef.STATUS_SUCCESS && m != nil {
		t.proc.removeModule(m.Base)
	}
	return st, nil
}

type flushInstructionCacheArgs struct {
	Process     ntdef.Handle
	BaseAddress uint64
	Size        uint64
}

// ntFlushInstructionCache has nothing to flush: the processor sees every write to code, as x86 does (SDM vol. 3A 12.6).
func ntFlushInstructionCache(t *Thread, a *flushInstructionCacheArgs) (ntdef.Status, error) {
	if !isProcess(a.Process) {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	return ntdef.STATUS_SUCCESS, nil
}
