package nt

import (
	"errors"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// exception answers a fault of the processor: it is resolved and the instruction runs again, or it goes to the guest.
func (t *Thread) exception(f *x86.Fault) error {
	var rec ntdef.ExceptionRecord
	switch f.Vector {
	case x86.VectorPF:
		if t.resolve(f, &rec) {
			return nil
		}
	case x86.VectorUD:
		// Ours to have, in a child too: nothing that a parent could be told would be true.
		if u := t.cpu.LastUndefined(); u.Known && uint64(u.Addr) == t.cpu.RIP {
			return t.Stop("unsupported instruction % x: %s", u.Bytes[:u.Len], u.Text)
		}
		rec.Code = ntdef.STATUS_ILLEGAL_INSTRUCTION
	case x86.VectorGP:
		if t.privileged() {
			rec.Code = ntdef.STATUS_PRIVILEGED_INSTRUCTION
		} else {
			accessViolation(&rec, 0, ^uint64(0))
		}
	case x86.VectorSS:
		accessViolation(&rec, 0, ^uint64(0))
	case x86.VectorDE:
		rec.Code = ntdef.STATUS_INTEGER_OVERFLOW
		if t.cpu.DivisorIsZero() {
			rec.Code = ntdef.STATUS_INTEGER_DIVIDE_BY_ZERO
		}
	case x86.VectorDB:
		rec.Code = ntdef.STATUS_SINGLE_STEP
		t.debugException()
		t.cpu.SetFlags(t.cpu.Flags() &^ x86.FlagTF) // a handler that goes on stepping sets it again
	case x86.VectorMF:
		rec.Code, rec.NumParams = x87Status(t.cpu.X87Status()&^t.cpu.X87Control()), 1
	case x86.VectorXM:
		rec.Code, rec.NumParams = simdStatus(t.cpu.MXCSR), 2
		rec.Parameters[1] = uint64(t.cpu.MXCSR)
	case x86.VectorAC:
		rec.Code = ntdef.STATUS_DATATYPE_MISALIGNMENT
	default:
		accessViolation(&rec, 0, ^uint64(0))
	}
	rec.Address = t.cpu.RIP
	return t.raise(&rec)
}

// x87Status maps the unmasked exception flags of the x87 status word in the order in which Windows looks at them.
func x87Status(flags uint16) ntdef.Status {
	switch {
	case flags&1 != 0 && flags&0x40 != 0:
		return ntdef.STATUS_FLOAT_STACK_CHECK
	case flags&1 != 0:
		return ntdef.STATUS_FLOAT_INVALID_OPERATION
	case flags&4 != 0:
		return ntdef.STATUS_FLOAT_DIVIDE_BY_ZERO
	case flags&2 != 0:
		return ntdef.STATUS_FLOAT_DENORMAL_OPERAND
	case flags&8 != 0:
		return ntdef.STATUS_FLOAT_OVERFLOW
	case flags&0x10 != 0:
		return ntdef.STATUS_FLOAT_UNDERFLOW
	}
	return ntdef.STATUS_FLOAT_INEXACT_RESULT
}

// simdStatus maps #XM: faults are found before the operation (IE, DE, ZE), traps after it (OE, UE, PE).
func simdStatus(mxcsr uint32) ntdef.Status {
	if mxcsr&^(mxcsr>>7)&7 != 0 {
		return ntdef.STATUS_FLOAT_MULTIPLE_FAULTS
	}
	return ntdef.STATUS_FLOAT_MULTIPLE_TRAPS
}

// privileged reports whether the #GP at RIP came from an instruction that user mode may not execute.
func (t *Thread) privileged() bool {
	var code [15]byte
	n := 0
	for n < len(code) {
		b, f := t.sys.mmu.Load8(x86.VirtAddr(t.cpu.RIP) + x86.VirtAddr(n))
		if f != nil {
			break
		}
		code[n] = b
		n++
	}
	in, err := decode.Decode(code[:n], 64)
	if err != nil {
		return false
	}
	switch in.Op {
	case decode.HLT, decode.CLI, decode.STI, decode.CLTS, decode.IN, decode.OUT, decode.INS, decode.OUTS, decode.INVD,
		decode.WBINVD, decode.INVLPG, decode.LGDT, decode.LIDT, decode.LLDT, decode.LTR, decode.LMSW, decode.RDMSR,
		decode.WRMSR, decode.RDPMC, decode.SWAPGS, decode.SYSRET, decode.SYSEXIT, decode.XSETBV:
		return true
	case decode.MOV:
		return in.Args[0].Class() == decode.CR || in.Args[1].Class() == decode.CR ||
			in.Args[0].Class() == decode.DR || in.Args[1].Class() == decode.DR
	}
	return false
}

// userFuncFailed turns the error of a built-in function into what run understands. A fault is raised at the stub with
// the registers that the caller passed.
func (t *Thread) userFuncFailed(err error, stub uint64) error {
	var fault *UserFault
	if !errors.As(err, &fault) {
		return err
	}
	c := t.cpu
	c.R[cpu.RCX] = c.R[cpu.R10]
	c.RIP = stub
	rec := fault.Record
	rec.Address = stub
	return t.raise(&rec)
}

// raise delivers an exception at the thread's present registers, first chance.
func (t *Thread) raise(rec *ntdef.ExceptionRecord) error {
	function := t.function
	t.function = nil // RCX is itself again
	ctx := t.capture()
	ctx.ContextFlags |= ntdef.CONTEXT_DEBUG_REGISTERS
	t.function = function
	return t.RaiseException(rec, &ctx, true)
}

// Layout of what KiUserExceptionDispatcher finds at RSP: CONTEXT, EXCEPTION_RECORD, and a machine frame from which its
// unwind information continues (UWOP_PUSH_MACHFRAME), as on Windows 8 and later.
const (
	frameRecord  = 0x4f0
	frameMachine = frameRecord + 0xb0
	frameSize    = frameMachine + 0x28
)

// RaiseException is NtRaiseException: on the first chance the record and the context go to the user stack and the guest
// to KiUserExceptionDispatcher; on the second the process ends with the exception's code. It returns the error that the
// body must return.
func (t *Thread) RaiseException(rec *ntdef.ExceptionRecord, ctx *ntdef.Context, firstChance bool) error {
	if h := t.sys.hooks.Exception; h != nil {
		h(t, rec, firstChance)
	}
	if !firstChance {
		return t.secondChance(rec, ctx)
	}
	rsp := (ctx.Rsp() - frameSize) &^ 63
	var frame [frameSize]byte
	ctx.Marshal(frame[:])
	rec.Marshal(frame[frameRecord:])
	machineFrame(frame[frameMachine:], ctx)
	if err := t.writeFrame(rsp, frame[:]); err != nil {
		// There is no stack to tell the guest anything: Windows ends the process here too.
		return t.secondChance(rec, ctx)
	}
	t.raised = raised{rec: *rec, ctx: *ctx, open: true}
	t.sys.unwatched()
	c := t.cpu
	c.R[cpu.RSP] = rsp
	c.RIP = t.proc.entries.exceptionDispatcher
	c.SetFlags(x86.FlagIF | x86.FlagR1)
	for len(t.calls) > 0 && t.calls[len(t.calls)-1].rsp < rsp {
		t.calls = t.calls[:len(t.calls)-1]
	}
	return errContext
}

// raised is the exception that a thread was told of last.
type raised struct {
	rec    ntdef.ExceptionRecord
	ctx    ntdef.Context
	open   bool   // nothing was continued since
	report string // of one that only ntdll caught
}

// continues looks at where a thread goes on after an exception. Where real DLLs run that is ntdll's own first function if nobody else has
// caught it, which then ends the process: there is no second chance. The stack is as it was only now.
func (t *Thread) continues(to *ntdef.Context) {
	r := &t.raised
	if !r.open {
		return
	}
	r.open, r.report = false, ""
	if m := t.proc.ModuleAt(to.Rip); to.Rsp() > r.ctx.Rsp() && m != nil && m.Name == "ntdll.dll" {
		r.report = t.describe(&r.rec, &r.ctx)
	}
}

// endsBy reports the exception whose code ends the process, where nobody else has caught it.
func (t *Thread) endsBy(code uint32) {
	if r := &t.raised; r.report != "" && uint32(r.rec.Code) == code {
		t.proc.exception = &r.rec
		t.sys.printReport(r.report)
	}
}

// machineFrame writes what a processor pushes for an interrupt at a context.
func machineFrame(b []byte, ctx *ntdef.Context) {
	for i, v := range [...]uint64{ctx.Rip, uint64(ctx.SegCs), uint64(ctx.EFlags), ctx.Rsp(), uint64(ctx.SegSs)} {
		putUint64(b[8*i:], v)
	}
}

// writeFrame writes an exception frame from the top down, so that a stack's guard page grows as pushes would have it.
func (t *Thread) writeFrame(rsp uint64, frame []byte) error {
	for end := rsp + uint64(len(frame)); end > rsp; {
		start := max(rsp, (end-1)&^x86.PageMask)
		if err := t.Write(start, frame[start-rsp:end-rsp]); err != nil {
			return err
		}
		end = start
	}
	return nil
}

// secondChance ends the process with an exception that nobody handled.
func (t *Thread) secondChance(rec *ntdef.ExceptionRecord, ctx *ntdef.Context) error {
	if ctx == nil {
		now := t.capture()
		ctx = &now
	}
	t.proc.exception = rec
	t.sys.printReport(t.describe(rec, ctx))
	return &exitError{code: uint32(rec.Code)}
}
