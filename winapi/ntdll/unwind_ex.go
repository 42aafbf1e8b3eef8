package ntdll

import (
	"errors"

	"github.com/pagewalk/pagewalk/internal/unwind"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

type unwindExArgs struct {
	TargetFrame     uint64
	TargetIp        uint64
	ExceptionRecord ntdef.Ptr[ntdef.ExceptionRecord]
	ReturnValue     uint64
}

// unwindEx is the work of RtlUnwindEx. The arguments on the stack, the caller's CONTEXT and history table, lie above the
// scratch frame.
func unwindEx(t *nt.Thread, a *unwindExArgs) (uint64, error) {
	scratch, execute, err := scratchOf(t)
	if err != nil {
		return 0, err
	}
	const fifth = scratchLarge + 0x28
	storage, err := t.Load64(scratch + fifth)
	if err != nil {
		return 0, err
	}
	history, err := t.Load64(scratch + fifth + 8)
	if err != nil {
		return 0, err
	}
	if storage == 0 {
		storage = scratch + scratchContext
	}
	return 0, unwindFrom(t, scratch, scratchLarge, execute, unwindRequest{
		a.TargetFrame, a.TargetIp, uint64(a.ExceptionRecord), a.ReturnValue, storage, history,
	})
}

// An unwindRequest holds the arguments of RtlUnwindEx.
type unwindRequest struct {
	frame   uint64 // establisher of the frame to unwind to; 0 unwinds the whole stack
	ip      uint64 // where to continue in it
	record  uint64 // EXCEPTION_RECORD; 0 makes one of STATUS_UNWIND
	value   uint64 // of RAX there
	storage uint64 // a CONTEXT that handlers see the frame's registers in
	history uint64
}

// unwindFrom calls the unwind handlers of the frames from the caller of the scratch frame of size bytes outwards up to the target's, and
// continues there. The error it returns must be returned by the body: the function has no result.
func unwindFrom(t *nt.Thread, scratch, size, execute uint64, r unwindRequest) error {
	limits, err := loadStackLimits(t)
	if err != nil {
		return err
	}
	ctx, err := t.Context()
	if err != nil {
		return err
	}
	caller := scratch + size
	if ctx.Rip, err = t.Load64(caller); err != nil {
		return err
	}
	ctx.Regs[ntdef.RegRsp] = caller + 8
	if r.record == 0 {
		r.record = scratch + scratchRecord
		rec := ntdef.ExceptionRecord{Code: ntdef.STATUS_UNWIND, Address: ctx.Rip}
		if err := t.StoreExceptionRecord(r.record, &rec); err != nil {
			return err
		}
	}
	flags, err := t.Load32(r.record + 4)
	if err != nil {
		return err
	}
	flags |= ntdef.EXCEPTION_UNWINDING
	if r.frame == 0 {
		flags |= ntdef.EXCEPTION_EXIT_UNWIND
	}
	e := unwinding{t: t, r: r, limits: limits, scratch: scratch, execute: execute, flags: flags, ctx: ctx}
	return e.run()
}

// An unwinding is one RtlUnwindEx in progress.
type unwinding struct {
	t       *nt.Thread
	r       unwindRequest
	limits  stackLimits
	scratch uint64
	execute uint64
	flags   uint32
	ctx     ntdef.Context // of the frame that is unwind.Frame
}

func (e *unwinding) run() error {
	t := e.t
	w := threadUnwinder(t)
	for range e.limits.frames() {
		if !e.limits.holds(e.ctx.Rsp()) || e.ctx.Rip == 0 {
			break
		}
		pc := e.ctx.Rip
		f, ok, err := w.Lookup(pc)
		if err != nil {
			return e.failed(err)
		}
		if !ok {
			if err := unwind.PopRip(t, &e.ctx); err != nil {
				return e.failed(err)
			}
			continue
		}
		e.ctx.Regs[ntdef.RegRax] = e.r.value
		above := e.ctx
		u, err := w.VirtualUnwind(ntdef.UNW_FLAG_UHANDLER, f.Base, pc, f.Function, &above, nil)
		if err != nil {
			return e.failed(err)
		}
		if !e.limits.holds(u.Establisher) {
			return raiseWithin(t, ntdef.STATUS_BAD_STACK, e.r.record)
		}
		if e.r.frame != 0 && e.r.frame < u.Establisher {
			return raiseWithin(t, ntdef.STATUS_INVALID_UNWIND_TARGET, e.r.record)
		}
		if u.Handler != 0 {
			u.Establisher, err = e.handle(dispatcherContext{
				controlPc: pc, imageBase: f.Base, functionEntry: f.VA, establisher: u.Establisher, targetIP: e.r.ip,
				languageHandler: u.Handler, handlerData: u.HandlerData, historyTable: e.r.history,
			}, &above)
			if err != nil {
				return err
			}
		}
		if u.Establisher == e.r.frame {
			return e.arrive()
		}
		e.ctx = above
	}
	return e.finish()
}

// failed says what a stack that cannot be walked means: bad unwind information is an exception of its own.
func (e *unwinding) failed(err error) error {
	var fault *nt.UserFault
	switch {
	case errors.Is(err, unwind.ErrBadTable):
		return raiseWithin(e.t, ntdef.STATUS_BAD_FUNCTION_TABLE, e.r.record)
	case errors.As(err, &fault):
		return raiseWithin(e.t, ntdef.STATUS_BAD_STACK, e.r.record)
	}
	return err
}

// handle calls the unwind handler of a frame, and of those where an earlier unwind was when this one met it. above becomes
// the caller of the last of them, whose frame it returns.
func (e *unwinding) handle(dc dispatcherContext, above *ntdef.Context) (uint64, error) {
	t := e.t
	for {
		flags := e.flags
		if dc.establisher == e.r.frame {
			flags |= ntdef.EXCEPTION_TARGET_UNWIND
		}
		if err := t.Store32(e.r.record+4, flags); err != nil {
			return 0, err
		}
		dc.contextRecord = e.r.storage
		if err := t.StoreContext(dc.contextRecord, &e.ctx); err != nil {
			return 0, err
		}
		if err := dc.store(t, e.scratch+scratchDispatcher); err != nil {
			return 0, err
		}
		v, err := t.Call(e.execute, e.r.record, dc.establisher, dc.contextRecord, e.scratch+scratchDispatcher)
		if err != nil {
			return 0, err
		}
		e.flags &^= ntdef.EXCEPTION_COLLIDED_UNWIND
		if err := t.Store32(e.r.record+4, e.flags); err != nil {
			return 0, err
		}
		after, err := loadDispatcherContext(t, e.scratch+scratchDispatcher)
		if err != nil {
			return 0, err
		}
		// A handler may have changed the registers that the target is continued with.
		if e.ctx, err = t.LoadContext(after.contextRecord); err != nil {
			return 0, err
		}
		switch uint32(v) {
		case ntdef.ExceptionContinueSearch:
			return dc.establisher, nil
		case ntdef.ExceptionCollidedUnwind:
			f, err := unwind.LoadFunction(t, after.functionEntry)
			if err != nil {
				return 0, err
			}
			e.ctx.Regs[ntdef.RegRax] = e.r.value
			*above = e.ctx
			if _, err := threadUnwinder(t).VirtualUnwind(ntdef.UNW_FLAG_NHANDLER, after.imageBase, after.controlPc, f, above, nil); err != nil {
				return 0, e.failed(err)
			}
			e.flags |= ntdef.EXCEPTION_COLLIDED_UNWIND
			dc = after
			dc.targetIP = e.r.ip
		default:
			return 0, raiseWithin(t, ntdef.STATUS_INVALID_DISPOSITION, e.r.record)
		}
	}
}

// arrive continues in the target frame.
func (e *unwinding) arrive() error {
	rec, err := e.t.LoadExceptionRecord(e.r.record)
	if err != nil {
		return err
	}
	if rec.Code != ntdef.STATUS_UNWIND_CONSOLIDATE {
		e.ctx.Rip = e.r.ip
	}
	return restoreContext(e.t, e.scratch, &e.ctx, e.r.record, &rec)
}

// finish ends an unwind that met no target: the exit unwind of a stack is done, any other lost its way.
func (e *unwinding) finish() error {
	rec, err := e.t.LoadExceptionRecord(e.r.record)
	if err != nil {
		return err
	}
	if e.r.frame != 0 {
		return raiseWithin(e.t, ntdef.STATUS_INVALID_UNWIND_TARGET, e.r.record)
	}
	return e.t.RaiseException(&rec, &e.ctx, false)
}
