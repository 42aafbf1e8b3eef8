package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

var processFuncs = []nt.UserFunc{
	nt.Func("GetCurrentProcess", func(*nt.Thread, *noArgs) (uint64, error) { return uint64(ntdef.CurrentProcess), nil }),
	nt.Func("GetCurrentThread", func(*nt.Thread, *noArgs) (uint64, error) { return uint64(ntdef.CurrentThread), nil }),
	nt.Func("GetCurrentProcessId", func(t *nt.Thread, _ *noArgs) (uint64, error) { return t.Process().ID(), nil }),
	nt.Func("GetCurrentThreadId", func(t *nt.Thread, _ *noArgs) (uint64, error) { return t.ID(), nil }),
	nt.Func("TerminateProcess", terminateProcess),
	nt.Func("OpenProcess", openProcess),
	nt.Func("GetProcessId", getProcessID),
	nt.Func("DuplicateHandle", duplicateHandle),
	nt.Func("GetStartupInfoA", getStartupInfo),
	nt.Func("GetStartupInfoW", getStartupInfo),
	nt.Func("GetCommandLineA", func(t *nt.Thread, _ *noArgs) (uint64, error) { return stateOf(t).commandLineA, nil }),
	nt.Func("GetCommandLineW", getCommandLineW),
	nt.Func("IsDebuggerPresent", func(t *nt.Thread, _ *noArgs) (uint64, error) {
		v, err := t.Load8(t.Process().PEB() + ntdef.PebBeingDebugged)
		return uint64(v), err
	}),
	nt.Func("IsProcessorFeaturePresent", isProcessorFeaturePresent),
}

// state is what the real kernel32 keeps in its data section.
type state struct {
	commandLineA  uint64
	pointerCookie uint64
	fiberLocals   []fiberLocal
	moveables     *moveables
	werFlags      uint32
	environment   uint64 // that replaced the one of the start; 0: none did
	ctrlHandlers  []uint64
}

type stateKey struct{}

func stateOf(t *nt.Thread) *state {
	return t.Process().Local(stateKey{}, func() any { return &state{} }).(*state)
}

// initialize makes the ANSI command line.
func initialize(t *nt.Thread, _ *nt.Module) error {
	line, err := CommandLine(t)
	if err != nil {
		return err
	}
	ansi := ANSI(line)
	va, err := ntdll.AllocateHeap(t, 0, 0, uint64(len(ansi))+1)
	if err != nil {
		return err
	}
	stateOf(t).commandLineA = va
	return t.Write(va, append(ansi, 0))
}

// parameters returns the address of RTL_USER_PROCESS_PARAMETERS.
func parameters(t *nt.Thread) (uint64, error) {
	return t.Load64(t.Process().PEB() + ntdef.PebProcessParameters)
}

// CommandLine returns the text of the command line.
func CommandLine(t *nt.Thread) (string, error) {
	p, err := parameters(t)
	if err != nil {
		return "", err
	}
	return t.UnicodeString(p + ntdef.ParamsCommandLine)
}

func getCommandLineW(t *nt.Thread, _ *noArgs) (uint64, error) {
	p, err := parameters(t)
	if err != nil {
		return 0, err
	}
	return t.Load64(p + ntdef.ParamsCommandLine + 8)
}

type terminateProcessArgs struct {
	Process  ntdef.Handle
	ExitCode uint32
}

func terminateProcess(t *nt.Thread, a *terminateProcessArgs) (uint64, error) {
	p, st := t.Process().ProcessFor(a.Process, nt.PROCESS_TERMINATE)
	if st == ntdef.STATUS_SUCCESS {
		if _, ended := p.ExitStatus(); ended {
			st = ntdef.STATUS_PROCESS_IS_TERMINATING
		}
	}
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, t.TerminateProcess(p, a.ExitCode)
}

type openProcessArgs struct {
	Access  uint32
	Inherit bool
	ID      uint32
}

func openProcess(t *nt.Thread, a *openProcessArgs) (uint64, error) {
	h, st := t.Process().OpenProcess(uint64(a.ID), a.Access, a.Inherit)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return uint64(h), nil
}

func getProcessID(t *nt.Thread, a *processArgs) (uint64, error) {
	p, st := t.Process().ProcessByHandle(a.Process)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return p.ID(), nil
}

type duplicateHandleArgs struct {
	SourceProcess ntdef.Handle
	Source        ntdef.Handle
	TargetProcess ntdef.Handle
	Target        ntdef.Ptr[uint64]
	Access        uint32
	Inherit       bool
	Options       uint32
}

func duplicateHandle(t *nt.Thread, a *duplicateHandleArgs) (uint64, error) {
	h, st := t.DuplicateObject(&nt.DuplicateRequest{
		From: a.SourceProcess, Source: a.Source, To: a.TargetProcess, Access: a.Access, Inherit: a.Inherit, Options: a.Options,
	})
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	if a.Target == 0 {
		return 1, nil
	}
	return 1, t.Store64(uint64(a.Target), uint64(h))
}

type startupInfoArgs struct{ StartupInfo uint64 }

// getStartupInfo fills a STARTUPINFO (processthreadsapi.h): 104 bytes on x64. Nothing was asked for at the start: no
// title, no window, no handles.
func getStartupInfo(t *nt.Thread, a *startupInfoArgs) (uint64, error) {
	var b [104]byte
	put32(b[0:], uint32(len(b)))
	return 0, t.Write(a.StartupInfo, b[:])
}

type processorFeatureArgs struct{ Feature uint32 }

// isProcessorFeaturePresent reads KUSER_SHARED_DATA, as Windows does.
func isProcessorFeaturePresent(t *nt.Thread, a *processorFeatureArgs) (uint64, error) {
	if a.Feature >= 64 {
		return 0, nil
	}
	v, err := t.Load8(ntdef.KUserSharedData + ntdef.KUserProcessorFeatures + uint64(a.Feature))
	return uint64(v), err
}
