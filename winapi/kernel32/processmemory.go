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
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_VM_READ)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return copied(t, a, func() (uint64, ntdef.Status) { return t.CopyBetween(p, a.Address, t.Process(), a.Buffer, a.Size) })
}

// writeProcessMemory writes to pages that may be executed and not written too: a debugger's breakpoints.
func writeProcessMemory(t *nt.Thread, a *processMemoryArgs) (uint64, error) {
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_VM_WRITE|nt.PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	write := func() (uint64, ntdef.Status) { return t.CopyBetween(t.Process(), a.Buffer, p, a.Address, a.Size) }
	info, st := p.AddressSpace().Query(x86.VirtAddr(a.Address))
	if st != ntdef.STATUS_SUCCESS || info.Protect != ntdef.PAGE_EXECUTE && info.Protect != ntdef.PAGE_EXECUTE_READ {
		return copied(t, a, write)
	}
	r := ntmm.Request{Base: x86.VirtAddr(a.Address), Size: a.Size, Protect: ntdef.PAGE_EXECUTE_READWRITE}
	old, st := p.ProtectVirtualMemory(&r)
	if st != ntdef.STATUS_SUCCESS {
		return fail(t, ntdll.ERROR_NOACCESS)
	}
	v, err := copied(t, a, write)
	r.Protect = old
	p.ProtectVirtualMemory(&r)
	return v, err
}

// copied runs a copy and stores its count.
func copied(t *nt.Thread, a *processMemoryArgs, run func() (uint64, ntdef.Status)) (uint64, error) {
	done, st := run()
	if a.Copied != 0 {
		if err := t.Store64(uint64(a.Copied), done); err != nil {
			return failAccess(t, err)
		}
	}
	return boolOf(t, st)
}
