package unwind

import "github.com/pagewalk/pagewalk/ntdef"

// An epilogue is the end of a function as the x64 calling convention allows it: one `add rsp,imm` or
// `lea rsp,[frame register+disp]`, pops of general registers, and a return or a jump out of the function.
type epilogue struct {
	*Unwinder
	base uint64
	fn   Function
	info *unwindInfo
}

// contains reports whether the instructions from pc on are the rest of an epilogue.
func (e *epilogue) contains(pc uint64) (bool, error) {
	in, err := e.decode(pc)
	if err != nil {
		return false, err
	}
	if in.kind == epilogAdd || in.kind == epilogLea {
		pc += in.size
		if in, err = e.decode(pc); err != nil {
			return false, err
		}
	}
	const most = 16 // one pop a register
	for pops := 0; in.kind == epilogPop && pops < most; pops++ {
		pc += in.size
		if in, err = e.decode(pc); err != nil {
			return false, err
		}
	}
	return in.kind == epilogReturn || in.kind == epilogJump, nil
}

// finish executes the epilogue from pc on, up to and including the return; a jump out of the function counts as one,
// since the code that it reaches returns to the same caller.
func (e *epilogue) finish(pc uint64, ctx *ntdef.Context, ptrs *Pointers) error {
	rsp := &ctx.Regs[ntdef.RegRsp]
	for {
		in, err := e.decode(pc)
		if err != nil {
			return err
		}
		switch in.kind {
		case epilogAdd:
			*rsp += in.value
		case epilogLea:
			*rsp = ctx.Regs[e.info.frameReg] + in.value
		case epilogPop:
			if err := restore(e.Memory, in.reg, *rsp, ctx, ptrs); err != nil {
				return err
			}
			*rsp += 8
		default:
			return PopRip(e.Memory, ctx)
		}
		pc += in.size
	}
}

type epilogKind uint8

const (
	epilogOther epilogKind = iota
	epilogAdd
	epilogLea
	epilogPop
	epilogReturn
	epilogJump
)

// An epilogInst is one instruction of an epilogue.
type epilogInst struct {
	kind  epilogKind
	size  uint64
	reg   uint8  // that epilogPop loads
	value uint64 // that epilogAdd adds, displacement of epilogLea
}

// decode recognises the instruction at pc if it may stand in an epilogue.
func (e *epilogue) decode(pc uint64) (epilogInst, error) {
	var in epilogInst
	b, err := e.Memory.Load8(pc)
	if err != nil {
		return in, err
	}
	var rex uint8
	at := pc
	if b&0xf0 == 0x40 {
		rex = b
		at++
		if b, err = e.Memory.Load8(at); err != nil {
			return in, err
		}
	}
	at++ // behind the opcode
	switch {
	case b&0xf8 == 0x58 && rex&^1&0xf == 0: // pop r64
		in = epilogInst{kind: epilogPop, reg: b&7 | rex&1<<3}
	case rex == 0 && b == 0xc3:
		in.kind = epilogReturn
	case rex == 0 && b == 0xc2: // ret imm16
		in.kind = epilogReturn
		at += 2
	case rex == 0 && b == 0xf3: // rep ret, which compilers write for the branch predictor of the AMD K8
		next, err := e.Memory.Load8(at)
		if err != nil {
			return in, err
		}
		if next == 0xc3 {
			in.kind = epilogReturn
		}
	case rex == 0 && b == 0xeb:
		d, err := e.Memory.Load8(at)
		if err != nil {
			return in, err
		}
		at++
		in.kind, err = e.jump(at + uint64(int64(int8(d))))
		if err != nil {
			return in, err
		}
	case rex == 0 && b == 0xe9:
		d, err := e.Memory.Load32(at)
		if err != nil {
			return in, err
		}
		at += 4
		in.kind, err = e.jump(at + uint64(int64(int32(d))))
		if err != nil {
			return in, err
		}
	case b == 0xff: // jmp through memory, or jmp r64 with REX.W, the mark of a tail call
		modrm, err := e.Memory.Load8(at)
		if err != nil {
			return in, err
		}
		if modrm>>3&7 == 4 && (modrm == 0x25 || rex&8 != 0) {
			in.kind = epilogJump
		}
	case rex == 0x48 && (b == 0x83 || b == 0x81): // add rsp,imm
		modrm, err := e.Memory.Load8(at)
		if err != nil || modrm != 0xc4 {
			return in, err
		}
		return e.displaced(pc, at+1, epilogAdd, b == 0x83)
	case rex&0xfe == 0x48 && b == 0x8d: // lea rsp,[frame+disp]
		modrm, err := e.Memory.Load8(at)
		if err != nil {
			return in, err
		}
		mod, rm := modrm>>6, modrm&7|rex&1<<3
		if modrm>>3&7 != ntdef.RegRsp || mod == 0 || mod == 3 || e.info.frameReg == 0 || rm != e.info.frameReg {
			return in, nil
		}
		at++
		if modrm&7 == 4 { // R12 needs a SIB byte
			at++
		}
		return e.displaced(pc, at, epilogLea, mod == 1)
	}
	in.size = at - pc
	return in, nil
}

// displaced reads the 8-bit or 32-bit constant at that ends an instruction.
func (e *epilogue) displaced(pc, at uint64, kind epilogKind, short bool) (in epilogInst, err error) {
	in.kind = kind
	if short {
		d, err := e.Memory.Load8(at)
		in.value, in.size = uint64(int64(int8(d))), at+1-pc
		return in, err
	}
	d, err := e.Memory.Load32(at)
	in.value, in.size = uint64(int64(int32(d))), at+4-pc
	return in, err
}

// jump classifies a direct jump. One out of the function ends an epilogue, and so does one to its first instruction, as
// a tail call to itself is; one to another fragment of the same function does not.
func (e *epilogue) jump(target uint64) (epilogKind, error) {
	if rva := target - e.base; rva >= uint64(e.fn.Begin) && rva < uint64(e.fn.End) {
		if rva == uint64(e.fn.Begin) && e.info.flags&ntdef.UNW_FLAG_CHAININFO == 0 {
			return epilogJump, nil
		}
		return epilogOther, nil
	}
	if e.Lookup == nil {
		return epilogJump, nil
	}
	other, ok, err := e.Lookup(target)
	if err != nil || !ok || other.Base != e.base {
		return epilogJump, err
	}
	to, err := Primary(e.Memory, other.Base, other.Function)
	if err != nil {
		return epilogOther, err
	}
	from, err := Primary(e.Memory, e.base, e.fn)
	if err != nil {
		return epilogOther, err
	}
	if from.Begin == to.Begin && target-e.base != uint64(to.Begin) {
		return epilogOther, nil
	}
	return epilogJump, nil
}
