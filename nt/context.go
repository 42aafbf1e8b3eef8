package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Context returns the thread's registers as RtlCaptureContext called from here would see them: inside a built-in
// function those of its caller behind the call, in guest code those of the moment.
func (t *Thread) Context() (ntdef.Context, error) {
	ctx := t.capture()
	if t.function != nil {
		rip, err := t.Load64(ctx.Rsp())
		if err != nil {
			return ctx, err
		}
		ctx.Rip = rip
		ctx.Regs[ntdef.RegRsp] += 8
	}
	return ctx, nil
}

// capture returns the registers with RIP and RSP as they are. Inside a stub RCX is what the caller passed.
func (t *Thread) capture() ntdef.Context {
	c := t.cpu
	ctx := ntdef.Context{
		ContextFlags: ntdef.CONTEXT_FULL | ntdef.CONTEXT_SEGMENTS,
		MxCsr:        c.MXCSR,
		SegCs:        c.Selector(decode.CS), SegDs: c.Selector(decode.DS), SegEs: c.Selector(decode.ES),
		SegFs: c.Selector(decode.FS), SegGs: c.Selector(decode.GS), SegSs: c.Selector(decode.SS),
		EFlags: uint32(c.Flags()),
		Rip:    c.RIP,
	}
	copy(ctx.Regs[:], c.R[:16])
	if t.function != nil {
		ctx.Regs[ntdef.RegRcx] = c.R[cpu.R10]
	}
	c.FXSave(&ctx.FltSave)
	return ctx
}

// ContextOf returns the registers of another thread, which does not run.
func (t *Thread) ContextOf(o *Thread) (ctx ntdef.Context) {
	if o == t {
		return t.capture()
	}
	var own cpu.Registers
	t.cpu.SaveRegisters(&own)
	t.cpu.LoadRegisters(&o.saved)
	ctx = o.capture()
	t.cpu.LoadRegisters(&own)
	return ctx
}

// SetContextOf loads the parts of a context that its flags name into another thread. One that waits inside of a built-in function
// goes on in there: ACCESS_DENIED.
func (t *Thread) SetContextOf(o *Thread, ctx *ntdef.Context) ntdef.Status {
	if o.function != nil || o.state == threadWaiting {
		return ntdef.STATUS_ACCESS_DENIED
	}
	var own cpu.Registers
	t.cpu.SaveRegisters(&own)
	t.cpu.LoadRegisters(&o.saved)
	_ = o.SetContext(ctx)
	t.cpu.SaveRegisters(&o.saved)
	t.cpu.LoadRegisters(&own)
	return ntdef.STATUS_SUCCESS
}

// Where FXSAVE keeps MXCSR, and the bits of it that exist (SDM vol. 1 table 10-2): reserved ones in a context are ignored.
const (
	mxcsrInFltSave = 0x18
	mxcsrMask      = 0xffff
)

// userFlags are the RFLAGS bits that a context can set; the others keep the values of user mode.
const userFlags = x86.FlagsStatus | x86.FlagDF | x86.FlagTF | x86.FlagAC | x86.FlagNT | x86.FlagID | x86.FlagRF

// SetContext loads the parts of a context that its flags name, as NtContinue does, and returns the error that the body
// must return. Nested calls whose frames lie below the new stack pointer are abandoned. A context whose RIP is not
// canonical faults when it runs, as on hardware.
func (t *Thread) SetContext(ctx *ntdef.Context) error {
	c := t.cpu
	has := func(part uint32) bool { return ctx.ContextFlags&part == part }
	if has(ntdef.CONTEXT_INTEGER) {
		rsp := c.R[cpu.RSP]
		copy(c.R[:16], ctx.Regs[:])
		c.R[cpu.RSP] = rsp
	}
	if has(ntdef.CONTEXT_CONTROL) {
		c.R[cpu.RSP] = ctx.Rsp()
		c.RIP = ctx.Rip
		c.SetFlags(uint64(ctx.EFlags)&userFlags | x86.FlagIF | x86.FlagR1)
	}
	if has(ntdef.CONTEXT_FLOATING_POINT) {
		image := ctx.FltSave
		binary.LittleEndian.PutUint32(image[mxcsrInFltSave:], ctx.MxCsr&mxcsrMask)
		c.FXRestore(&image)
	}
	if has(ntdef.CONTEXT_CONTROL) {
		for len(t.calls) > 0 && t.calls[len(t.calls)-1].rsp < ctx.Rsp() {
			t.calls = t.calls[:len(t.calls)-1]
		}
	}
	return errContext
}
