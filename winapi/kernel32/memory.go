package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// The virtual API of memoryapi.h: thin rows over the services. The services' hook sees what they ask for.
var memoryFuncs = []nt.UserFunc{
	nt.Func("VirtualAlloc", virtualAlloc),
	nt.Func("VirtualFree", virtualFree),
	nt.Func("VirtualProtect", virtualProtect),
	nt.Func("VirtualQuery", virtualQuery),
	nt.Func("VirtualAllocEx", virtualAllocEx),
	nt.Func("VirtualFreeEx", virtualFreeEx),
	nt.Func("VirtualProtectEx", virtualProtectEx),
	nt.Func("VirtualQueryEx", virtualQueryEx),
	nt.Func("VirtualAllocExNuma", virtualAllocExNuma),
	nt.Func("VirtualLock", virtualLock),
	nt.Func("VirtualUnlock", virtualUnlock),
	nt.Func("GetWriteWatch", getWriteWatch),
	nt.Func("ResetWriteWatch", resetWriteWatch),
	nt.Func("GetLargePageMinimum", getLargePageMinimum),
	nt.Func("FlushInstructionCache", flushInstructionCache),
	nt.Func("GetSystemInfo", getSystemInfo),
	nt.Func("GetNativeSystemInfo", getSystemInfo),
}

// The Ex functions take a process.

type virtualAllocExArgs struct {
	Process        ntdef.Handle
	Address        uint64
	Size           uint64
	AllocationType uint32
	Protect        uint32
}

func virtualAllocEx(t *nt.Thread, a *virtualAllocExArgs) (uint64, error) {
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return allocateIn(t, p, &virtualAllocArgs{a.Address, a.Size, a.AllocationType, a.Protect})
}

type virtualAllocExNumaArgs struct {
	Process        ntdef.Handle
	Address        uint64
	Size           uint64
	AllocationType uint32
	Protect        uint32
	Node           uint32
}

func virtualAllocExNuma(t *nt.Thread, a *virtualAllocExNumaArgs) (uint64, error) {
	if !nt.ValidNode(a.Node) {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return virtualAllocEx(t, &virtualAllocExArgs{a.Process, a.Address, a.Size, a.AllocationType, a.Protect})
}

type virtualFreeExArgs struct {
	Process  ntdef.Handle
	Address  uint64
	Size     uint64
	FreeType uint32
}

func virtualFreeEx(t *nt.Thread, a *virtualFreeExArgs) (uint64, error) {
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return freeIn(t, p, &virtualFreeArgs{a.Address, a.Size, a.FreeType})
}

type virtualProtectExArgs struct {
	Process    ntdef.Handle
	Address    uint64
	Size       uint64
	NewProtect uint32
	OldProtect ntdef.Ptr[uint32]
}

func virtualProtectEx(t *nt.Thread, a *virtualProtectExArgs) (uint64, error) {
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return protectIn(t, p, &virtualProtectArgs{a.Address, a.Size, a.NewProtect, a.OldProtect})
}

type virtualQueryExArgs struct {
	Process ntdef.Handle
	Address uint64
	Buffer  ntdef.Ptr[ntdef.MemoryBasicInformation]
	Length  uint64
}

func virtualQueryEx(t *nt.Thread, a *virtualQueryExArgs) (uint64, error) {
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_QUERY_INFORMATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return queryIn(t, p, &virtualQueryArgs{a.Address, a.Buffer, a.Length})
}

type virtualAllocArgs struct {
	Address        uint64
	Size           uint64
	AllocationType uint32
	Protect        uint32
}

func virtualAlloc(t *nt.Thread, a *virtualAllocArgs) (uint64, error) {
	return allocateIn(t, t.Process(), a)
}

func allocateIn(t *nt.Thread, p *nt.Process, a *virtualAllocArgs) (uint64, error) {
	// An address that rounds down to 0 is not "anywhere".
	if a.Address != 0 && a.Address < 0x10000 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	r := ntmm.Request{Base: x86.VirtAddr(a.Address), Size: a.Size, Type: a.AllocationType, Protect: a.Protect}
	if st := p.AllocateVirtualMemory(&r); st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return uint64(r.Base), nil
}

type virtualFreeArgs struct {
	Address  uint64
	Size     uint64
	FreeType uint32
}

// virtualFree refuses what the service allows: releasing a part of what is no placeholder.
func virtualFree(t *nt.Thread, a *virtualFreeArgs) (uint64, error) { return freeIn(t, t.Process(), a) }

func freeIn(t *nt.Thread, p *nt.Process, a *virtualFreeArgs) (uint64, error) {
	if a.FreeType == ntdef.MEM_RELEASE && a.Size != 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	r := ntmm.Request{Base: x86.VirtAddr(a.Address), Size: a.Size, Type: a.FreeType}
	return boolOf(t, p.FreeVirtualMemory(&r))
}

type virtualProtectArgs struct {
	Address    uint64
	Size       uint64
	NewProtect uint32
	OldProtect ntdef.Ptr[uint32]
}

// virtualProtect refuses a NULL old protection, as the service does.
func virtualProtect(t *nt.Thread, a *virtualProtectArgs) (uint64, error) {
	return protectIn(t, t.Process(), a)
}

func protectIn(t *nt.Thread, p *nt.Process, a *virtualProtectArgs) (uint64, error) {
	if a.OldProtect == 0 {
		return fail(t, ntdll.ERROR_NOACCESS)
	}
	if err := t.Probe(uint64(a.OldProtect), 4, x86.Read|x86.Write); err != nil {
		return failAccess(t, err)
	}
	r := ntmm.Request{Base: x86.VirtAddr(a.Address), Size: a.Size, Protect: a.NewProtect}
	old, st := p.ProtectVirtualMemory(&r)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, t.Store32(uint64(a.OldProtect), old)
}

type virtualQueryArgs struct {
	Address uint64
	Buffer  ntdef.Ptr[ntdef.MemoryBasicInformation]
	Length  uint64
}

func virtualQuery(t *nt.Thread, a *virtualQueryArgs) (uint64, error) {
	return queryIn(t, t.Process(), a)
}

func queryIn(t *nt.Thread, p *nt.Process, a *virtualQueryArgs) (uint64, error) {
	if a.Length < ntdef.MemoryBasicInformationSize {
		return fail(t, ntdll.ERROR_BAD_LENGTH)
	}
	if err := t.Probe(uint64(a.Buffer), ntdef.MemoryBasicInformationSize, x86.Write); err != nil {
		return failAccess(t, err)
	}
	info, st := p.QueryVirtualMemory(a.Address)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	var b [ntdef.MemoryBasicInformationSize]byte
	info.Marshal(b[:])
	return ntdef.MemoryBasicInformationSize, t.Write(uint64(a.Buffer), b[:])
}

type rangeArgs struct {
	Address uint64
	Size    uint64
}

func (a *rangeArgs) request() *ntmm.Request {
	return &ntmm.Request{Base: x86.VirtAddr(a.Address), Size: a.Size}
}

func virtualLock(t *nt.Thread, a *rangeArgs) (uint64, error) {
	return boolOf(t, t.Process().AddressSpace().Lock(a.request()))
}

func virtualUnlock(t *nt.Thread, a *rangeArgs) (uint64, error) {
	return boolOf(t, t.Process().AddressSpace().Unlock(a.request()))
}

type getWriteWatchArgs struct {
	Flags       uint32
	BaseAddress uint64
	RegionSize  uint64
	Addresses   uint64
	Count       ntdef.Ptr[uint64]
	Granularity ntdef.Ptr[uint32]
}

// watchFailed is what the two functions over write watch return where they fail.
const watchFailed = 1<<32 - 1

// getWriteWatch returns 0, or watchFailed with the last error set.
func getWriteWatch(t *nt.Thread, a *getWriteWatchArgs) (uint64, error) {
	r := ntmm.Request{Base: x86.VirtAddr(a.BaseAddress), Size: a.RegionSize}
	st, err := t.WriteWatch(t.Process(), a.Flags, r, a.Addresses, a.Count, a.Granularity)
	if ok, err := result(t, st, err); err != nil || ok == 0 {
		return watchFailed, err
	}
	return 0, nil
}

func resetWriteWatch(t *nt.Thread, a *rangeArgs) (uint64, error) {
	if st := t.Process().AddressSpace().ResetWriteWatch(a.request()); st != ntdef.STATUS_SUCCESS {
		_, err := failStatus(t, st)
		return watchFailed, err
	}
	return 0, nil
}

func getLargePageMinimum(*nt.Thread, *noArgs) (uint64, error) { return 2 << 20, nil }

type flushInstructionCacheArgs struct {
	Process ntdef.Handle
	Address uint64
	Size    uint64
}

// flushInstructionCache has nothing to do: the processor sees every write to code.
func flushInstructionCache(t *nt.Thread, a *flushInstructionCacheArgs) (uint64, error) {
	_, st := t.Process().ProcessFor(a.Process, nt.PROCESS_VM_WRITE)
	return boolOf(t, st)
}

type getSystemInfoArgs struct{ SystemInfo uint64 }

// getSystemInfo fills a SYSTEM_INFO (sysinfoapi.h): 48 bytes on x64.
func getSystemInfo(t *nt.Thread, a *getSystemInfoArgs) (uint64, error) {
	layout := t.Process().AddressSpace().Layout()
	var b [48]byte
	put32(b[0:], 9) // PROCESSOR_ARCHITECTURE_AMD64
	put32(b[4:], x86.PageSize)
	put64(b[8:], uint64(layout.Low))
	put64(b[16:], uint64(layout.High))
	put64(b[24:], 1)     // dwActiveProcessorMask
	put32(b[32:], 1)     // dwNumberOfProcessors
	put32(b[36:], 8664)  // PROCESSOR_AMD_X8664
	put32(b[40:], 65536) // dwAllocationGranularity
	put32(b[44:], 6)     // wProcessorLevel: the family
	return 0, t.Write(a.SystemInfo, b[:])
}
