package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// What run-times ask and set at their start: handlers of console signals, which never come, and the
// registers of threads that they suspended.
var runtimeFuncs = []nt.UserFunc{
	nt.Func("GetProcessAffinityMask", getProcessAffinityMask),
	nt.Func("GetThreadContext", getThreadContext),
	nt.Func("OutputDebugStringA", noDebugger),
	nt.Func("OutputDebugStringW", noDebugger),
	nt.Func("RaiseFailFastException", raiseFailFast),
	nt.Func("SetConsoleCtrlHandler", setConsoleCtrlHandler),
	nt.Func("SetProcessAffinityMask", setProcessAffinityMask),
	nt.Func("SetProcessPriorityBoost", setProcessPriorityBoost),
	nt.Func("SetThreadAffinityMask", setThreadAffinityMask),
	nt.Func("SetThreadContext", setThreadContext),
	nt.Func("WerGetFlags", werGetFlags),
	nt.Func("WerSetFlags", func(t *nt.Thread, a *modeArgs) (uint64, error) { stateOf(t).werFlags = a.Mode; return 0, nil }),
}

// noDebugger drops a text for the debugger, which there is none of.
func noDebugger(*nt.Thread, *pointerArgs) (uint64, error) { return 0, nil }

type affinityArgs struct {
	Process          ntdef.Handle
	Process2, System ntdef.Ptr[uint64]
}

// getProcessAffinityMask: there is one processor.
func getProcessAffinityMask(t *nt.Thread, a *affinityArgs) (uint64, error) {
	if _, st := t.Process().ProcessByHandle(a.Process); st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	if err := t.Store64(uint64(a.Process2), 1); err != nil {
		return 0, err
	}
	return 1, t.Store64(uint64(a.System), 1)
}

type setAffinityArgs struct {
	Handle ntdef.Handle
	Mask   uint64
}

func setProcessAffinityMask(t *nt.Thread, a *setAffinityArgs) (uint64, error) {
	if a.Mask != 1 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return 1, nil
}

func setThreadAffinityMask(t *nt.Thread, a *setAffinityArgs) (uint64, error) {
	if a.Mask&1 == 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return withThread(t, a.Handle, 0, func(*nt.Thread) (uint64, error) { return 1, nil })
}

type boostArgs struct {
	Process ntdef.Handle
	Disable bool
}

// setProcessPriorityBoost: priorities are never boosted.
func setProcessPriorityBoost(t *nt.Thread, a *boostArgs) (uint64, error) {
	_, st := t.Process().ProcessByHandle(a.Process)
	return boolOf(t, st)
}

type ctrlHandlerArgs struct {
	Handler uint64
	Add     bool
}

// setConsoleCtrlHandler keeps the handlers; no console sends them anything.
func setConsoleCtrlHandler(t *nt.Thread, a *ctrlHandlerArgs) (uint64, error) {
	s := stateOf(t)
	if a.Handler == 0 {
		return 1, nil
	}
	if a.Add {
		s.ctrlHandlers = append(s.ctrlHandlers, a.Handler)
		return 1, nil
	}
	for i, h := range s.ctrlHandlers {
		if h == a.Handler {
			s.ctrlHandlers = append(s.ctrlHandlers[:i], s.ctrlHandlers[i+1:]...)
			return 1, nil
		}
	}
	return fail(t, ntdll.ERROR_INVALID_PARAMETER)
}

type werArgs struct {
	Process ntdef.Handle
	Flags   ntdef.Ptr[uint32]
}

func werGetFlags(t *nt.Thread, a *werArgs) (uint64, error) {
	return 0, t.Store32(uint64(a.Flags), stateOf(t).werFlags)
}

type failFastArgs struct {
	Record, Context uint64
	Flags           uint32
}

// raiseFailFast ends the process without handlers, with the exception of the record.
func raiseFailFast(t *nt.Thread, a *failFastArgs) (uint64, error) {
	rec := ntdef.ExceptionRecord{Code: ntdef.STATUS_FAIL_FAST_EXCEPTION, Flags: ntdef.EXCEPTION_NONCONTINUABLE, Address: t.RIP()}
	if a.Record != 0 {
		var err error
		if rec, err = t.LoadExceptionRecord(a.Record); err != nil {
			return 0, err
		}
	}
	ctx, err := t.Context()
	if err != nil {
		return 0, err
	}
	return 0, t.RaiseException(&rec, &ctx, false)
}

type threadContextArgs struct {
	Handle  ntdef.Handle
	Context uint64
}

// getThreadContext fills a CONTEXT of a thread that does not run.
func getThreadContext(t *nt.Thread, a *threadContextArgs) (uint64, error) {
	return withThread(t, a.Handle, 0, func(o *nt.Thread) (uint64, error) {
		flags, err := t.Load32(a.Context + ntdef.ContextFlagsOffset)
		if err != nil {
			return failAccess(t, err)
		}
		now, err := t.ContextOf(o)
		if err == nil {
			err = t.StoreContextParts(a.Context, &now, flags)
		}
		if err != nil {
			return failAccess(t, err)
		}
		return 1, nil
	})
}

func setThreadContext(t *nt.Thread, a *threadContextArgs) (uint64, error) {
	return withThread(t, a.Handle, 0, func(o *nt.Thread) (uint64, error) {
		ctx, err := t.LoadContext(a.Context)
		if err != nil {
			return failAccess(t, err)
		}
		if o == t && !ctx.DebugOnly() {
			return 0, t.SetContext(&ctx)
		}
		return boolOf(t, t.SetContextOf(o, &ctx))
	})
}
