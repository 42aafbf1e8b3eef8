package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

var processMemoryFuncs = []nt.UserFunc{
	nt.Func("ReadProcessMemory", readProcessMemory),
	nt.Func("WriteProcessMemory", writeProcessMemory),
}

type processMemoryArgs struct {
	Process ntdef.Handle
	Address uint64
	Buffer  uint64
	Size    uint64
	Copied  ntdef.Ptr[uint64]
}

func readProcessMemory(t *nt.Thread, a *processMemoryArgs) (uint64, error) {
	return copyMemory(t, a, a.Address, a.Buffer)
}

// writeProcessMemory writes to pages that may be executed and not written too: a debugger's breakpoints.
func writeProcessMemory(t *nt.Thread, a *processMemoryArgs) (uint64, error) {
	as := t.Process().AddressSpace()
	info, st := as.Query(x86.VirtAddr(a.Address))
	if st != ntdef.STATUS_SUCCESS || info.Protect != ntdef.PAGE_EXECUTE && info.Protect != ntdef.PAGE_EXECUTE_READ {
		return copyMemory(t, a, a.Buffer, a.Address)
	}
	r := ntmm.Request{Base: x86.VirtAddr(a.Address), Size: a.Size, Protect: ntdef.PAGE_EXECUTE_READWRITE}
	old, st := t.Process().ProtectVirtualMemory(&r)
	if st != ntdef.STATUS_SUCCESS {
		return fail(t, ntdll.ERROR_NOACCESS)
	}
	v, err := copyMemory(t, a, a.Buffer, a.Address)
	r.Protect = old
	t.Process().ProtectVirtualMemory(&r)
	return v, err
}

func copyMemory(t *nt.Thread, a *processMemoryArgs, from, to uint64) (uint64, error) {
	if !t.Process().IsProcess(a.Process) {
		return fail(t, ntdll.ERROR_INVALID_HANDLE)
	}
	done, st := t.CopyMemory(from, to, a.Size)
	if a.Copied != 0 {
		if err := t.Store64(uint64(a.Copied), done); err != nil {
			return failAccess(t, err)
		}
	}
	return boolOf(t, st)
}
