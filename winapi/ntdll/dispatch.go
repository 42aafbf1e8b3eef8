package ntdll

import (
	"encoding/binary"
	"errors"

	"github.com/pagewalk/pagewalk/internal/unwind"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Offsets in DISPATCHER_CONTEXT (winnt.h, x64).
const (
	dispatcherControlPc       = 0x00
	dispatcherImageBase       = 0x08
	dispatcherFunctionEntry   = 0x10
	dispatcherEstablisher     = 0x18
	dispatcherTargetIp        = 0x20
	dispatcherContextRecord   = 0x28
	dispatcherLanguageHandler = 0x30
	dispatcherHandlerData     = 0x38
	dispatcherHistoryTable    = 0x40
	dispatcherScopeIndex      = 0x48
	dispatcherSize            = 0x50
)

// dispatcherContext is a DISPATCHER_CONTEXT: what a language handler learns of the frame that it is called for.
type dispatcherContext struct {
	controlPc, imageBase, functionEntry, establisher, targetIP uint64
	contextRecord, languageHandler, handlerData, historyTable  uint64
	scopeIndex                                                 uint32
}

func (d *dispatcherContext) fields() [9]*uint64 {
	return [...]*uint64{
		&d.controlPc, &d.imageBase, &d.functionEntry, &d.establisher, &d.targetIP,
		&d.contextRecord, &d.languageHandler, &d.handlerData, &d.historyTable,
	}
}

func (d *dispatcherContext) store(t *nt.Thread, va uint64) error {
	var b [dispatcherSize]byte
	for i, p := range d.fields() {
		binary.LittleEndian.PutUint64(b[8*i:], *p)
	}
	binary.LittleEndian.PutUint32(b[dispatcherScopeIndex:], d.scopeIndex)
	return t.Write(va, b[:])
}

func loadDispatcherContext(t *nt.Thread, va uint64) (d dispatcherContext, err error) {
	var b [dispatcherSize]byte
	if err := t.Read(va, b[:]); err != nil {
		return d, err
	}
	for i, p := range d.fields() {
		*p = binary.LittleEndian.Uint64(b[8*i:])
	}
	d.scopeIndex = binary.LittleEndian.Uint32(b[dispatcherScopeIndex:])
	return d, nil
}

// stackLimits are the bounds of the thread's stack, in which every frame must lie.
type stackLimits struct {
	low, high uint64
}

func loadStackLimits(t *nt.Thread) (s stackLimits, err error) {
	if s.low, err = t.Load64(t.TEB() + ntdef.TebStackLimit); err != nil {
		return s, err
	}
	s.high, err = t.Load64(t.TEB() + ntdef.TebStackBase)
	return s, err
}

// holds reports whether a frame lies on the stack and is aligned as frames are.
func (s stackLimits) holds(frame uint64) bool {
	return frame >= s.low && frame < s.high && frame&7 == 0
}

// frames bounds how many frames a stack can hold: more are a cycle that someone's unwind information made.
func (s stackLimits) frames() uint64 {
	const most = 1 << 22
	if s.high < s.low {
		return 0
	}
	return min((s.high-s.low)/8, most)
}

// scratchOf returns the scratch frame of a built-in function that exception_code.go calls, and the code that it calls
// handlers by.
func scratchOf(t *nt.Thread) (scratch, execute uint64, err error) {
	scratch = t.CPU().R[ntdef.RegRsp] + 8
	execute, err = t.Load64(scratch + scratchExecute)
	return scratch, execute, err
}

type dispatchExceptionArgs struct {
	ExceptionRecord ntdef.Ptr[ntdef.ExceptionRecord]
	ContextRecord   ntdef.Ptr[ntdef.Context]
}

// dispatchException is RtlDispatchException: vectored handlers first, then the handlers of the frames from the one that
// caused the exception outwards. It returns TRUE to continue with the context, FALSE where nobody handled the exception.
// A handler that unwinds never returns.
func dispatchException(t *nt.Thread, a *dispatchExceptionArgs) (uint64, error) {
	scratch, execute, err := scratchOf(t)
	if err != nil {
		return 0, err
	}
	d := dispatcher{t: t, scratch: scratch, execute: execute, record: uint64(a.ExceptionRecord), context: uint64(a.ContextRecord)}
	if d.limits, err = loadStackLimits(t); err != nil {
		return 0, err
	}
	if d.flags, err = t.Load32(d.record + 4); err != nil {
		return 0, err
	}
	if err := storePointers(t, scratch+scratchPointers, d.record, d.context); err != nil {
		return 0, err
	}
	handled, err := callVectored(t, &exceptionStateOf(t).vectored, scratch+scratchPointers)
	if err == nil && !handled {
		handled, err = d.frames()
	}
	if err != nil || !handled {
		return 0, err
	}
	_, err = callVectored(t, &exceptionStateOf(t).continued, scratch+scratchPointers)
	return 1, err
}

// storePointers writes an EXCEPTION_POINTERS.
func storePointers(t *nt.Thread, va, record, context uint64) error {
	if err := t.Store64(va, record); err != nil {
		return err
	}
	return t.Store64(va+8, context)
}

// A dispatcher is one dispatch in progress.
type dispatcher struct {
	t       *nt.Thread
	limits  stackLimits
	scratch uint64
	execute uint64
	record  uint64
	context uint64
	flags   uint32 // EXCEPTION_RECORD.ExceptionFlags
	nested  uint64 // the frame up to which frames have seen an exception within their handler
}

// frames walks the stack and calls handlers. A stack that cannot be walked ends the search: nobody is left to ask.
func (d *dispatcher) frames() (handled bool, err error) {
	t := d.t
	ctx, err := t.LoadContext(d.context)
	if err != nil {
		return false, err
	}
	w := threadUnwinder(t)
	for range d.limits.frames() {
		if !d.limits.holds(ctx.Rsp()) {
			break
		}
		pc := ctx.Rip
		f, ok, err := w.Lookup(pc)
		if err != nil {
			return false, d.invalid(err)
		}
		if !ok {
			if err := unwind.PopRip(t, &ctx); err != nil {
				return false, d.invalid(err)
			}
			if ctx.Rip == 0 {
				return false, nil
			}
			continue
		}
		u, err := w.VirtualUnwind(ntdef.UNW_FLAG_EHANDLER, f.Base, pc, f.Function, &ctx, nil)
		if err != nil {
			return false, d.invalid(err)
		}
		if !d.limits.holds(u.Establisher) {
			return false, d.invalid(unwind.ErrBadTable)
		}
		if u.Handler != 0 {
			done, err := d.handle(dispatcherContext{
				controlPc: pc, imageBase: f.Base, functionEntry: f.VA, establisher: u.Establisher,
				languageHandler: u.Handler, handlerData: u.HandlerData,
			}, &ctx)
			if err != nil || done {
				return done, err
			}
		}
		if ctx.Rip == 0 {
			return false, nil
		}
	}
	return false, d.invalid(unwind.ErrBadTable)
}

// invalid notes that the stack cannot be walked any further. Errors that say so end here; others, a guest that left a
// callback for example, are returned.
func (d *dispatcher) invalid(err error) error {
	var fault *nt.UserFault
	if !errors.As(err, &fault) && !errors.Is(err, unwind.ErrBadTable) {
		return err
	}
	return d.setFlags(d.flags | ntdef.EXCEPTION_STACK_INVALID)
}

func (d *dispatcher) setFlags(flags uint32) error {
	d.flags = flags
	return d.t.Store32(d.record+4, flags)
}

// handle calls the handler of one frame. ctx is the frame's caller; it moves where the handler names another frame.
func (d *dispatcher) handle(dc dispatcherContext, ctx *ntdef.Context) (handled bool, err error) {
	t := d.t
	for {
		dc.contextRecord = d.scratch + scratchContext
		if err := t.StoreContext(dc.contextRecord, ctx); err != nil {
			return false, err
		}
		if err := dc.store(t, d.scratch+scratchDispatcher); err != nil {
			return false, err
		}
		if err := d.setFlags(d.flags); err != nil {
			return false, err
		}
		v, err := t.Call(d.execute, d.record, dc.establisher, d.context, d.scratch+scratchDispatcher)
		if err != nil {
			return false, err
		}
		flags, err := t.Load32(d.record + 4)
		if err != nil {
			return false, err
		}
		d.flags |= flags & ntdef.EXCEPTION_NONCONTINUABLE
		after, err := loadDispatcherContext(t, d.scratch+scratchDispatcher)
		if err != nil {
			return false, err
		}
		if d.nested == dc.establisher {
			d.nested = 0
			d.flags &^= ntdef.EXCEPTION_NESTED_CALL
		}
		switch uint32(v) {
		case ntdef.ExceptionContinueExecution:
			if d.flags&ntdef.EXCEPTION_NONCONTINUABLE != 0 {
				return false, raiseWithin(t, ntdef.STATUS_NONCONTINUABLE_EXCEPTION, d.record)
			}
			return true, nil
		case ntdef.ExceptionContinueSearch:
			return false, nil
		case ntdef.ExceptionNestedException:
			d.flags |= ntdef.EXCEPTION_NESTED_CALL
			d.nested = max(d.nested, after.establisher)
			return false, nil
		case ntdef.ExceptionCollidedUnwind:
			// The exception came out of an unwind handler: go on at the frame that was being unwind.Frame.
			if *ctx, err = t.LoadContext(after.contextRecord); err != nil {
				return false, err
			}
			if _, err := d.resume(&after, ctx, ntdef.UNW_FLAG_EHANDLER); err != nil {
				return false, err
			}
			dc = after
			if dc.languageHandler == 0 {
				return false, nil
			}
		default:
			return false, raiseWithin(t, ntdef.STATUS_INVALID_DISPOSITION, d.record)
		}
	}
}

// resume unwinds the frame that a collided unwind was at.
func (d *dispatcher) resume(dc *dispatcherContext, ctx *ntdef.Context, kind uint32) (unwind.Frame, error) {
	f, err := unwind.LoadFunction(d.t, dc.functionEntry)
	if err != nil {
		return unwind.Frame{}, err
	}
	return threadUnwinder(d.t).VirtualUnwind(kind, dc.imageBase, dc.controlPc, f, ctx, nil)
}
