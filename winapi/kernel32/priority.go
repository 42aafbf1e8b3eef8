package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Priority classes of processes, and how processes and threads treat hard errors (processthreadsapi.h, errhandlingapi.h).
var priorityFuncs = []nt.UserFunc{
	nt.Func("GetErrorMode", func(t *nt.Thread, _ *noArgs) (uint64, error) { return uint64(errorMode(t)), nil }),
	nt.Func("GetPriorityClass", getPriorityClass),
	nt.Func("GetThreadErrorMode", getThreadErrorMode),
	nt.Func("SetErrorMode", setErrorMode),
	nt.Func("SetPriorityClass", setPriorityClass),
	nt.Func("SetThreadErrorMode", setThreadErrorMode),
}

// priorityClasses are the Win32 flags of the native classes (winbase.h, *_PRIORITY_CLASS). Where several are given, CreateProcess takes
// the first.
var priorityClasses = [...]struct {
	flag  uint32
	class uint8
}{
	{0x0040, nt.PriorityClassIdle},
	{0x4000, nt.PriorityClassBelowNormal},
	{0x0020, nt.PriorityClassNormal},
	{0x8000, nt.PriorityClassAboveNormal},
	{0x0080, nt.PriorityClassHigh},
	{0x0100, nt.PriorityClassRealTime},
}

// priorityClassOf is the class among the flags of CreateProcess, 0 for none. Who may not have the real-time one gets the high one.
func priorityClassOf(t *nt.Thread, flags uint32) uint8 {
	for _, c := range priorityClasses {
		switch {
		case flags&c.flag == 0:
		case c.class == nt.PriorityClassRealTime && !t.Process().Holds(nt.SeIncreaseBasePriorityPrivilege):
			return nt.PriorityClassHigh
		default:
			return c.class
		}
	}
	return 0
}

func getPriorityClass(t *nt.Thread, a *processArgs) (uint64, error) {
	p, st := t.Process().ProcessFor(a.Process, nt.PROCESS_QUERY_LIMITED_INFORMATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	for _, c := range priorityClasses {
		if c.class == p.PriorityClass() {
			return uint64(c.flag), nil
		}
	}
	return fail(t, ntdll.ERROR_INVALID_PARAMETER)
}

type setPriorityClassArgs struct {
	Process ntdef.Handle
	Class   uint32
}

// setPriorityClass takes one class alone, or begins or ends background mode, of the current process only.
func setPriorityClass(t *nt.Thread, a *setPriorityClassArgs) (uint64, error) {
	const backgroundBegin, backgroundEnd = 0x100000, 0x200000          // PROCESS_MODE_BACKGROUND_*
	const errorAlreadyBackground, errorNotBackground uint32 = 402, 403 // ERROR_PROCESS_MODE_*
	if a.Class == backgroundBegin || a.Class == backgroundEnd {
		p, st := t.Process().ProcessFor(a.Process, nt.PROCESS_SET_INFORMATION)
		switch {
		case st != ntdef.STATUS_SUCCESS:
			return failStatus(t, st)
		case p != t.Process():
			return fail(t, ntdll.ERROR_INVALID_PARAMETER)
		case p.SetBackground(a.Class == backgroundBegin):
			return 1, nil
		case a.Class == backgroundBegin:
			return fail(t, errorAlreadyBackground)
		}
		return fail(t, errorNotBackground)
	}
	for _, c := range priorityClasses {
		if c.flag != a.Class {
			continue
		}
		p, st := t.Process().ProcessFor(a.Process, nt.PROCESS_SET_INFORMATION)
		if st == ntdef.STATUS_SUCCESS {
			st = p.SetPriorityClass(priorityClassOf(t, a.Class))
		}
		return boolOf(t, st)
	}
	return fail(t, ntdll.ERROR_INVALID_PARAMETER)
}

// Error modes (winbase.h, SEM_*).
const (
	failCriticalErrors     = 0x0001
	noGPFaultErrorBox      = 0x0002
	noAlignmentFaultExcept = 0x0004
	noOpenFileErrorBox     = 0x8000
)

// errorMode is the process's as Win32 has it: the native bit 0 says that critical errors are reported.
func errorMode(t *nt.Thread) uint32 { return t.Process().ErrorMode() ^ failCriticalErrors }

type modeArgs struct{ Mode uint32 }

// setErrorMode returns the mode before. SEM_NOALIGNMENTFAULTEXCEPT stays once it is set.
func setErrorMode(t *nt.Thread, a *modeArgs) (uint64, error) {
	was := errorMode(t)
	t.Process().SetErrorMode((a.Mode | was&noAlignmentFaultExcept) ^ failCriticalErrors)
	return uint64(was), nil
}

// threadModes pairs the modes that a thread may have with the bits of TEB.HardErrorMode (ntrtl.h, RTL_ERRORMODE_*).
var threadModes = [...]struct{ win32, native uint32 }{
	{failCriticalErrors, 0x10}, {noGPFaultErrorBox, 0x20}, {noOpenFileErrorBox, 0x40},
}

func threadErrorMode(t *nt.Thread) (mode uint32, err error) {
	native, err := t.Load32(t.TEB() + ntdef.TebHardErrorMode)
	for _, m := range threadModes {
		if native&m.native != 0 {
			mode |= m.win32
		}
	}
	return mode, err
}

func getThreadErrorMode(t *nt.Thread, _ *noArgs) (uint64, error) {
	mode, err := threadErrorMode(t)
	return uint64(mode), err
}

type threadErrorModeArgs struct {
	Mode uint32
	Old  ntdef.Ptr[uint32]
}

func setThreadErrorMode(t *nt.Thread, a *threadErrorModeArgs) (uint64, error) {
	native, left := uint32(0), a.Mode
	for _, m := range threadModes {
		if a.Mode&m.win32 != 0 {
			native |= m.native
			left &^= m.win32
		}
	}
	if left != 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	was, err := threadErrorMode(t)
	if err != nil {
		return 0, err
	}
	if a.Old != 0 {
		if err := t.Store32(uint64(a.Old), was); err != nil {
			return 0, err
		}
	}
	return 1, t.Store32(t.TEB()+ntdef.TebHardErrorMode, native)
}
