package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// What a process says about its own memory (processthreadsapi.h).
var mitigationFuncs = []nt.UserFunc{
	nt.Func("SetThreadStackGuarantee", setThreadStackGuarantee),
	nt.Func("SetProcessDEPPolicy", setProcessDEPPolicy),
	nt.Func("GetSystemDEPPolicy", func(*nt.Thread, *noArgs) (uint64, error) { return depOptIn, nil }),
	nt.Func("GetProcessMitigationPolicy", getProcessMitigationPolicy),
	nt.Func("SetProcessMitigationPolicy", setProcessMitigationPolicy),
	nt.Func("GetProcessInformation", getProcessInformation),
	nt.Func("SetProcessInformation", setProcessInformation),
}

// depOptIn is the system's policy on Windows 10; 64-bit processes have DEP whatever it says.
const depOptIn = 2

type stackGuaranteeArgs struct{ Bytes ntdef.Ptr[uint32] }

// setThreadStackGuarantee keeps bytes of the stack for handlers of a stack overflow, and returns what was kept before. 0 asks.
func setThreadStackGuarantee(t *nt.Thread, a *stackGuaranteeArgs) (uint64, error) {
	want, err := t.Load32(uint64(a.Bytes))
	if err != nil {
		return failAccess(t, err)
	}
	old, st := t.SetStackGuarantee(uint64(want+x86.PageMask) &^ x86.PageMask)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, t.Store32(uint64(a.Bytes), uint32(old))
}

type depPolicyArgs struct{ Flags uint32 }

// setProcessDEPPolicy is for 32-bit processes.
func setProcessDEPPolicy(t *nt.Thread, _ *depPolicyArgs) (uint64, error) {
	return fail(t, ntdll.ERROR_NOT_SUPPORTED)
}

type mitigationPolicyArgs struct {
	Process ntdef.Handle
	Policy  uint32
	Buffer  uint64
	Length  uint64
}

// getProcessMitigationPolicy: the structures of the policies are flags, but that of DEP, which is permanent.
func getProcessMitigationPolicy(t *nt.Thread, a *mitigationPolicyArgs) (uint64, error) {
	p, st := t.Process().ProcessFor(a.Process, nt.PROCESS_QUERY_INFORMATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	flags, st := p.MitigationPolicy(a.Policy)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	const processDEPPolicy = 0
	var b [8]byte
	n := 4
	if put32(b[:], flags); a.Policy == processDEPPolicy {
		n, b[4] = 8, 1
	}
	if a.Length != uint64(n) {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	if err := t.Write(a.Buffer, b[:n]); err != nil {
		return failAccess(t, err)
	}
	return 1, nil
}

type setMitigationPolicyArgs struct {
	Policy uint32
	Buffer uint64
	Length uint64
}

func setProcessMitigationPolicy(t *nt.Thread, a *setMitigationPolicyArgs) (uint64, error) {
	if a.Length != 4 && a.Length != 8 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	v, err := t.Load32(a.Buffer)
	if err != nil {
		return failAccess(t, err)
	}
	return boolOf(t, t.Process().SetMitigationPolicy(a.Policy, v))
}

type processInformationArgs struct {
	Process ntdef.Handle
	Class   uint32
	Buffer  uint64
	Size    uint32
}

const processMemoryPriority = 0

// getProcessInformation knows ProcessMemoryPriority, a MEMORY_PRIORITY_INFORMATION.
func getProcessInformation(t *nt.Thread, a *processInformationArgs) (uint64, error) {
	p, err := memoryPriorityArgs(t, a, nt.PROCESS_QUERY_INFORMATION)
	if err != nil || p == nil {
		return 0, err
	}
	return 1, t.Store32(a.Buffer, p.PagePriority())
}

func setProcessInformation(t *nt.Thread, a *processInformationArgs) (uint64, error) {
	p, err := memoryPriorityArgs(t, a, nt.PROCESS_SET_INFORMATION)
	if err != nil || p == nil {
		return 0, err
	}
	v, err := t.Load32(a.Buffer)
	if err != nil {
		return failAccess(t, err)
	}
	return boolOf(t, p.SetPagePriority(v))
}

// memoryPriorityArgs returns the process, or nil with the last error set.
func memoryPriorityArgs(t *nt.Thread, a *processInformationArgs, access uint32) (*nt.Process, error) {
	p, st := t.Process().MemoryOf(a.Process, access)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return nil, ntdll.SetLastError(t, ntdll.DosError(st))
	case a.Class != processMemoryPriority:
		return nil, ntdll.SetLastError(t, ntdll.ERROR_NOT_SUPPORTED)
	case a.Size != 4:
		return nil, ntdll.SetLastError(t, ntdll.ERROR_BAD_LENGTH)
	}
	return p, nil
}
