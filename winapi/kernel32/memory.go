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
	nt.Func("FlushInstructionCache", flushInstructionCache),
	nt.Func("GetSystemInfo", getSystemInfo),
	nt.Func("GetNativeSystemInfo", getSystemInfo),
}

type virtualAllocArgs struct {
	Address        uint64
	Size           uint64
	AllocationType uint32
	Protect        uint32
}

func virtualAlloc(t *nt.Thread, a *virtualAllocArgs) (uint64, error) {
	// An address that rounds down to 0 is not "anywhere".
	if a.Address != 0 && a.Address < 0x10000 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	r := ntmm.Request{Base: x86.VirtAddr(a.Address), Size: a.Size, Type: a.AllocationType, Protect: a.Protect}
	if st := t.Process().AllocateVirtualMemory(&r); st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return uint64(r.Base), nil
}

type virtualFreeArgs struct {
	Address  uint64
	Size     uint64
	FreeType uint32
}

// virtualFree refuses what the service allows: releasing a part.
func virtualFree(t *nt.Thread, a *virtualFreeArgs) (uint64, error) {
	if a.FreeType&ntdef.MEM_RELEASE != 0 && a.Size != 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	r := ntmm.Request{Base: x86.VirtAddr(a.Address), Size: a.Size, Type: a.FreeType}
	return boolOf(t, t.Process().FreeVirtualMemory(&r))
}

type virtualProtectArgs struct {
	Address    uint64
	Size       uint64
	NewProtect uint32
	OldProtect ntdef.Ptr[uint32]
}

// virtualProtect refuses a NULL old protection, as the service does.
func virtualProtect(t *nt.Thread, a *virtualProtectArgs) (uint64, error) {
	if a.OldProtect == 0 {
		return fail(t, ntdll.ERROR_NOACCESS)
	}
	if err := t.Probe(uint64(a.OldProtect), 4, x86.Read|x86.Write); err != nil {
		return failAccess(t, err)
	}
	r := ntmm.Request{Base: x86.VirtAddr(a.Address), Size: a.Size, Protect: a.NewProtect}
	old, st := t.Process().ProtectVirtualMemory(&r)
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
	if a.Length < ntdef.MemoryBasicInformationSize {
		return fail(t, ntdll.ERROR_BAD_LENGTH)
	}
	if err := t.Probe(uint64(a.Buffer), ntdef.MemoryBasicInformationSize, x86.Write); err != nil {
		return failAccess(t, err)
	}
	info, st := t.Process().QueryVirtualMemory(a.Address)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	var b [ntdef.MemoryBasicInformationSize]byte
	info.Marshal(b[:])
	return ntdef.MemoryBasicInformationSize, t.Write(uint64(a.Buffer), b[:])
}

type flushInstructionCacheArgs struct {
	Process ntdef.Handle
	Address uint64
	Size    uint64
}

// flushInstructionCache has nothing to do: the processor sees every write to code.
func flushInstructionCache(t *nt.Thread, a *flushInstructionCacheArgs) (uint64, error) {
	if a.Process != ntdef.CurrentProcess {
		return fail(t, ntdll.ERROR_INVALID_HANDLE)
	}
	return 1, nil
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
