package ntdll

import (
	"errors"

	"github.com/pagewalk/pagewalk/internal/unwind"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Exceptions arrive at KiUserExceptionDispatcher (exception_code.go), which asks RtlDispatchException (dispatch.go) for a
// handler and continues with the context it leaves, or raises the exception for the second and last time. A handler that
// takes the exception unwinds the stack to its frame with RtlUnwindEx (unwind_ex.go).

// exceptionFuncs are ntdll's exports about exceptions and unwinding.
var exceptionFuncs = concat([]nt.UserFunc{
	nt.Func("RtlRaiseException", rtlRaiseException),
	nt.Func("RtlRaiseStatus", rtlRaiseStatus),
	nt.Func("RtlCaptureContext", rtlCaptureContext),
	nt.Func("PagewalkRestoreContext", rtlRestoreContext),
	nt.Func("RtlSetUnhandledExceptionFilter", rtlSetUnhandledExceptionFilter),
	nt.Func("PagewalkDispatchException", dispatchException),
	nt.Func("PagewalkUnwindEx", unwindEx),
	nt.Func("PagewalkUnwind", rtlUnwind),
	nt.Func("PagewalkCSpecificHandler", cSpecificHandler),
	nt.Func("PagewalkThreadStartHandler", threadStartHandler),
}, unwindFuncs, vectoredFuncs, jumpFuncs)

func concat(lists ...[]nt.UserFunc) (all []nt.UserFunc) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

type raiseExceptionArgs struct {
	ExceptionRecord ntdef.Ptr[ntdef.ExceptionRecord]
}

// rtlRaiseException raises a caller's exception at the caller.
func rtlRaiseException(t *nt.Thread, a *raiseExceptionArgs) (uint64, error) {
	rec, err := t.LoadExceptionRecord(uint64(a.ExceptionRecord))
	if err != nil {
		return 0, err
	}
	return 0, RaiseException(t, &rec)
}

// RaiseException is RtlRaiseException: the exception happens at the return of the function that runs. The error must be
// returned by its body.
func RaiseException(t *nt.Thread, rec *ntdef.ExceptionRecord) error {
	ctx, err := t.Context()
	if err != nil {
		return err
	}
	if ctx.Rip == 0 { // the thread begins: nobody has called
		ctx.Rip = t.RIP()
	}
	rec.Address = ctx.Rip
	return t.RaiseException(rec, &ctx, true)
}

type raiseStatusArgs struct {
	Status uint32
}

func rtlRaiseStatus(t *nt.Thread, a *raiseStatusArgs) (uint64, error) {
	return 0, RaiseStatus(t, ntdef.Status(a.Status))
}

// RaiseStatus is RtlRaiseStatus: an exception without parameters after which the caller cannot continue.
func RaiseStatus(t *nt.Thread, st ntdef.Status) error {
	return RaiseException(t, &ntdef.ExceptionRecord{Code: st, Flags: ntdef.EXCEPTION_NONCONTINUABLE})
}

// raiseWithin raises an exception about the handling of another one, whose record is at record.
func raiseWithin(t *nt.Thread, st ntdef.Status, record uint64) error {
	return RaiseException(t, &ntdef.ExceptionRecord{Code: st, Flags: ntdef.EXCEPTION_NONCONTINUABLE, Record: record})
}

// badTable turns unusable unwind information into the exception that Windows raises for it.
func badTable(t *nt.Thread, err error) error {
	if errors.Is(err, unwind.ErrBadTable) {
		return RaiseStatus(t, ntdef.STATUS_BAD_FUNCTION_TABLE)
	}
	return err
}

type contextArgs struct {
	ContextRecord ntdef.Ptr[ntdef.Context]
}

// rtlCaptureContext stores the caller's registers as of its return. Home space and debug registers of the record stay.
func rtlCaptureContext(t *nt.Thread, a *contextArgs) (uint64, error) {
	ctx, err := t.Context()
	if err != nil {
		return 0, err
	}
	var b [ntdef.ContextSize]byte
	ctx.Marshal(b[:])
	const debugRegisters = 0x48
	if err := t.Write(uint64(a.ContextRecord)+ntdef.ContextFlagsOffset, b[ntdef.ContextFlagsOffset:debugRegisters]); err != nil {
		return 0, err
	}
	return 0, storeUnwound(t, uint64(a.ContextRecord), &ctx)
}

type restoreContextArgs struct {
	ContextRecord   ntdef.Ptr[ntdef.Context]
	ExceptionRecord ntdef.Ptr[ntdef.ExceptionRecord]
}

// rtlRestoreContext is the work of RtlRestoreContext.
func rtlRestoreContext(t *nt.Thread, a *restoreContextArgs) (uint64, error) {
	ctx, err := t.LoadContext(uint64(a.ContextRecord))
	if err != nil {
		return 0, err
	}
	if a.ExceptionRecord == 0 {
		return 0, t.SetContext(&ctx)
	}
	rec, err := t.LoadExceptionRecord(uint64(a.ExceptionRecord))
	if err != nil {
		return 0, err
	}
	scratch, _, err := scratchOf(t)
	if err != nil {
		return 0, err
	}
	return 0, restoreContext(t, scratch, &ctx, uint64(a.ExceptionRecord), &rec)
}

// restoreContext continues with a context as RtlRestoreContext documents it: STATUS_LONGJUMP takes the registers from the
// jump buffer of its first parameter, STATUS_UNWIND_CONSOLIDATE continues where a callback says.
func restoreContext(t *nt.Thread, scratch uint64, ctx *ntdef.Context, record uint64, rec *ntdef.ExceptionRecord) error {
	switch {
	case rec.Code == ntdef.STATUS_LONGJUMP && rec.NumParams >= 1:
		if _, err := loadJumpBuffer(t, rec.Parameters[0], ctx); err != nil {
			return err
		}
	case rec.Code == ntdef.STATUS_UNWIND_CONSOLIDATE && rec.NumParams >= 1:
		return consolidate(t, scratch, ctx, record, rec.Parameters[0])
	}
	return t.SetContext(ctx)
}

// consolidate calls a callback on top of the stack as it is, in a frame whose caller is the context's: a C++ catch block
// runs so, while the exception that it handles is still on the stack.
func consolidate(t *nt.Thread, scratch uint64, ctx *ntdef.Context, record, callback uint64) error {
	code, err := t.Load64(scratch + scratchConsolidate)
	if err != nil {
		return err
	}
	frame := (scratch - 16 - machineFrameOffset - machineFrameSize) &^ 63
	if err := t.StoreContext(frame, ctx); err != nil {
		return err
	}
	for _, w := range []struct{ at, v uint64 }{{0x00, ctx.Rip}, {0x08, uint64(ctx.SegCs)}, {0x10, uint64(ctx.EFlags)}, {0x18, ctx.Rsp()}, {0x20, uint64(ctx.SegSs)}} {
		if err := t.Store64(frame+machineFrameOffset+w.at, w.v); err != nil {
			return err
		}
	}
	in := *ctx
	in.Rip = code
	in.Regs[ntdef.RegRsp] = frame
	in.Regs[ntdef.RegRax] = callback
	in.Regs[ntdef.RegRcx] = record
	return t.SetContext(&in)
}

type unwindArgs struct {
	TargetFrame     uint64
	TargetIp        uint64
	ExceptionRecord ntdef.Ptr[ntdef.ExceptionRecord]
	ReturnValue     uint64
}

// rtlUnwind is the work of RtlUnwind: RtlUnwindEx with a context of its own.
func rtlUnwind(t *nt.Thread, a *unwindArgs) (uint64, error) {
	scratch, execute, err := scratchOf(t)
	if err != nil {
		return 0, err
	}
	return 0, unwindFrom(t, scratch, scratchLarge, execute, unwindRequest{
		frame: a.TargetFrame, ip: a.TargetIp, record: uint64(a.ExceptionRecord), value: a.ReturnValue,
		storage: scratch + scratchContext,
	})
}

type setUnhandledExceptionFilterArgs struct {
	Filter uint64
}

func rtlSetUnhandledExceptionFilter(t *nt.Thread, a *setUnhandledExceptionFilterArgs) (uint64, error) {
	return SetUnhandledExceptionFilter(t, a.Filter), nil
}

// SetUnhandledExceptionFilter sets the function that is asked about exceptions no frame handles, 0 for none, and returns
// the one before.
func SetUnhandledExceptionFilter(t *nt.Thread, filter uint64) (old uint64) {
	s := exceptionStateOf(t)
	old, s.filter = s.filter, filter
	return old
}

// UnhandledException asks the program's filter about the EXCEPTION_POINTERS at pointers and returns its answer, an
// EXCEPTION_ constant of 32 bits; without a filter, EXCEPTION_CONTINUE_SEARCH.
func UnhandledException(t *nt.Thread, pointers uint64) (uint32, error) {
	s := exceptionStateOf(t)
	if s.filter == 0 {
		return ntdef.EXCEPTION_CONTINUE_SEARCH, nil
	}
	v, err := t.Call(s.filter, pointers)
	return uint32(v), err
}

type handlerArgs struct {
	ExceptionRecord   ntdef.Ptr[ntdef.ExceptionRecord]
	EstablisherFrame  uint64
	ContextRecord     ntdef.Ptr[ntdef.Context]
	DispatcherContext uint64
}

// threadStartHandler is the language handler of RtlUserThreadStart, the outermost frame of a thread: the unhandled-exception
// filter decides. EXCEPTION_EXECUTE_HANDLER ends the process with the exception's code; if the filter passes, nobody
// handles the exception, and it is raised for the second time.
func threadStartHandler(t *nt.Thread, a *handlerArgs) (uint64, error) {
	rec, err := t.LoadExceptionRecord(uint64(a.ExceptionRecord))
	if err != nil {
		return 0, err
	}
	if rec.Flags&ntdef.EXCEPTION_UNWIND != 0 {
		return ntdef.ExceptionContinueSearch, nil
	}
	scratch, _, err := scratchOf(t)
	if err != nil {
		return 0, err
	}
	pointers := scratch + scratchPointers
	if err := storePointers(t, pointers, uint64(a.ExceptionRecord), uint64(a.ContextRecord)); err != nil {
		return 0, err
	}
	v, err := UnhandledException(t, pointers)
	switch {
	case err != nil:
		return 0, err
	case int32(v) < 0:
		return ntdef.ExceptionContinueExecution, nil
	case v != 0:
		return 0, t.Process().Exit(uint32(rec.Code))
	}
	return ntdef.ExceptionContinueSearch, nil
}
