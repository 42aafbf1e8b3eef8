package ntdll

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// jumpFuncs are setjmp, and the work of longjmp (exception_code.go). The C run-times forward theirs here.
var jumpFuncs = []nt.UserFunc{
	nt.Func("_setjmp", setjmp),
	nt.Func("_setjmpex", setjmp),
	nt.Func("PagewalkLongjmp", longjmp),
}

// Layout of a _JUMP_BUFFER (setjmp.h, x64).
const (
	jumpFrame  = 0x00 // the establisher frame of setjmp's caller; 0: longjmp unwinds nothing
	jumpRegs   = 0x08 // as jumpRegisters lists them
	jumpRip    = 0x50
	jumpMxCsr  = 0x58
	jumpFpCsr  = 0x5c // x87 control word
	jumpXmm6   = 0x60 // XMM6 to XMM15
	jumpSize   = 0x100
	jumpVector = 10
)

var jumpRegisters = [...]int{
	ntdef.RegRbx, ntdef.RegRsp, ntdef.RegRbp, ntdef.RegRsi, ntdef.RegRdi,
	ntdef.RegR12, ntdef.RegR13, ntdef.RegR14, ntdef.RegR15,
}

type setjmpArgs struct {
	Env   uint64
	Frame uint64
}

// setjmp stores the nonvolatile registers as its caller finds them at the return.
func setjmp(t *nt.Thread, a *setjmpArgs) (uint64, error) {
	ctx, err := t.Context()
	if err != nil {
		return 0, err
	}
	var b [jumpSize]byte
	le := binary.LittleEndian
	le.PutUint64(b[jumpFrame:], a.Frame)
	for i, r := range jumpRegisters {
		le.PutUint64(b[jumpRegs+8*i:], ctx.Regs[r])
	}
	le.PutUint64(b[jumpRip:], ctx.Rip)
	le.PutUint32(b[jumpMxCsr:], ctx.MxCsr)
	copy(b[jumpFpCsr:jumpFpCsr+2], ctx.FltSave[0:2])
	for i := range jumpVector {
		lo, hi := ctx.Xmm(6 + i)
		le.PutUint64(b[jumpXmm6+16*i:], lo)
		le.PutUint64(b[jumpXmm6+16*i+8:], hi)
	}
	return 0, t.Write(a.Env, b[:])
}

// loadJumpBuffer puts the registers of a _JUMP_BUFFER into a context and returns its frame.
func loadJumpBuffer(t *nt.Thread, va uint64, ctx *ntdef.Context) (frame uint64, err error) {
	var b [jumpSize]byte
	if err := t.Read(va, b[:]); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	for i, r := range jumpRegisters {
		ctx.Regs[r] = le.Uint64(b[jumpRegs+8*i:])
	}
	ctx.Rip = le.Uint64(b[jumpRip:])
	ctx.MxCsr = le.Uint32(b[jumpMxCsr:])
	copy(ctx.FltSave[0:2], b[jumpFpCsr:jumpFpCsr+2])
	for i := range jumpVector {
		ctx.SetXmm(6+i, le.Uint64(b[jumpXmm6+16*i:]), le.Uint64(b[jumpXmm6+16*i+8:]))
	}
	return le.Uint64(b[jumpFrame:]), nil
}

type longjmpArgs struct {
	Env   uint64
	Value uint32
}

// longjmp returns from setjmp a second time, with 1 for a value of 0. Where the buffer names a frame the stack is unwound
// to it, so that __finally blocks run.
func longjmp(t *nt.Thread, a *longjmpArgs) (uint64, error) {
	scratch, execute, err := scratchOf(t)
	if err != nil {
		return 0, err
	}
	ctx, err := t.Context()
	if err != nil {
		return 0, err
	}
	frame, err := loadJumpBuffer(t, a.Env, &ctx)
	if err != nil {
		return 0, err
	}
	value := uint64(max(a.Value, 1))
	if frame == 0 {
		ctx.Regs[ntdef.RegRax] = value
		return 0, t.SetContext(&ctx)
	}
	rec := ntdef.ExceptionRecord{Code: ntdef.STATUS_LONGJUMP, NumParams: 1}
	rec.Parameters[0] = a.Env
	if err := t.StoreExceptionRecord(scratch+scratchRecord, &rec); err != nil {
		return 0, err
	}
	return 0, unwindFrom(t, scratch, scratchLarge, execute, unwindRequest{
		frame: frame, ip: ctx.Rip, record: scratch + scratchRecord, value: value, storage: scratch + scratchContext,
	})
}
