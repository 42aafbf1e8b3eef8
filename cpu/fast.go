package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

//go:generate go run ./internal/fastgen

// fastForms holds, by operation, a function that returns a specialised body for an instruction's shape, or nil where the
// row's own body has to do. A fast form must leave exactly the state that the body leaves: FuzzFastForms compares.
var fastForms = [decode.NumOps]func(in *Inst) body{
	decode.ADD:  func(in *Inst) body { return pickBinary(fastADD, in) },
	decode.SUB:  func(in *Inst) body { return pickBinary(fastSUB, in) },
	decode.CMP:  func(in *Inst) body { return pickBinary(fastCMP, in) },
	decode.AND:  func(in *Inst) body { return pickBinary(fastAND, in) },
	decode.OR:   func(in *Inst) body { return pickBinary(fastOR, in) },
	decode.XOR:  func(in *Inst) body { return pickBinary(fastXOR, in) },
	decode.TEST: func(in *Inst) body { return pickBinary(fastTEST, in) },
	decode.MOV:  func(in *Inst) body { return pickBinary(fastMOV, in) },

	decode.SHL: func(in *Inst) body { return pickShift(&shlForms, in) },
	decode.SHR: func(in *Inst) body { return pickShift(&shrForms, in) },
	decode.SAR: func(in *Inst) body { return pickShift(&sarForms, in) },
	decode.ROL: func(in *Inst) body { return pickShift(&rolForms, in) },
	decode.ROR: func(in *Inst) body { return pickShift(&rorForms, in) },
	decode.INC: func(in *Inst) body { return pickUnary(&incForms, in) },
	decode.DEC: func(in *Inst) body { return pickUnary(&decForms, in) },
	decode.LEA: pickLea,

	decode.IMUL:   pickImul,
	decode.MOVZX:  pickMovzx,
	decode.MOVSX:  pickMovsx,
	decode.MOVSXD: pickMovsx,
	decode.PUSH:   pickPush,
	decode.POP:    pickPop,
	decode.RET:    pickRet,
	decode.CALL:   pickCall,
	decode.JMP:    pickJmp,
	decode.Jcc:    func(in *Inst) body { return jccForms[in.Cond&15] },
	decode.SETcc:  pickSetcc,
	decode.CMOVcc: pickCmov,

	decode.ADDSD:  vectorForms{rr: addsdRR, rm: addsdRM}.pick,
	decode.SUBSD:  vectorForms{rr: subsdRR, rm: subsdRM}.pick,
	decode.MULSD:  vectorForms{rr: mulsdRR, rm: mulsdRM}.pick,
	decode.DIVSD:  vectorForms{rr: divsdRR, rm: divsdRM}.pick,
	decode.ADDSS:  vectorForms{rr: addssRR, rm: addssRM}.pick,
	decode.SUBSS:  vectorForms{rr: subssRR, rm: subssRM}.pick,
	decode.MULSS:  vectorForms{rr: mulssRR, rm: mulssRM}.pick,
	decode.DIVSS:  vectorForms{rr: divssRR, rm: divssRM}.pick,
	decode.MOVSD:  vectorForms{movsdRR, movsdRM, movsdMR}.pick,
	decode.MOVSS:  vectorForms{rm: movssRM, mr: movssMR}.pick,
	decode.MOVAPS: vectorForms{movupsRR, movapsRM, movapsMR}.pick,
	decode.MOVAPD: vectorForms{movupsRR, movapsRM, movapsMR}.pick,
	decode.MOVDQA: vectorForms{movupsRR, movapsRM, movapsMR}.pick,
	decode.MOVUPS: vectorForms{movupsRR, movupsRM, movupsMR}.pick,
	decode.MOVUPD: vectorForms{movupsRR, movupsRM, movupsMR}.pick,
	decode.MOVDQU: vectorForms{movupsRR, movupsRM, movupsMR}.pick,
	decode.PXOR:   vectorForms{rr: pxorRR}.pick,
	decode.XORPS:  vectorForms{rr: pxorRR}.pick,
	decode.XORPD:  vectorForms{rr: pxorRR}.pick,
}

// Indexes of fastBinary.
const (
	fastADD = iota
	fastSUB
	fastCMP
	fastAND
	fastOR
	fastXOR
	fastTEST
	fastMOV
)

// sum is ea for the instructions without Inst.Flags.
func (c *CPU) sum(in *Inst) x86.VirtAddr {
	return x86.VirtAddr(c.R[in.Base&slotMask] + c.R[in.Index&slotMask]<<(in.Scale&3) + uint64(int64(in.Disp)) +
		c.R[(slotSegBase+in.Seg)&slotMask])
}

// jump takes a direct branch.
func (c *CPU) jump(in *Inst) *x86.Fault {
	t := c.R[slotOrigin] + uint64(in.Off) + uint64(in.Len) + uint64(in.Imm)
	if uint64(int64(t)<<16>>16) != t {
		return c.raise(x86.VectorGP)
	}
	c.RIP = t
	return nil
}

// jumpIf takes a conditional direct branch. The host does not branch on taken, which the guest's data decide: it predicts
// once, where the following block is found.
func (c *CPU) jumpIf(in *Inst, taken bool) *x86.Fault {
	t := c.R[slotOrigin] + uint64(in.Off) + uint64(in.Len) + uint64(in.Imm)
	if uint64(int64(t)<<16>>16) != t && taken {
		return c.raise(x86.VectorGP)
	}
	rip := c.RIP
	if taken {
		rip = t
	}
	c.RIP = rip
	return nil
}

// widthIndex is the position of a width in [3]body; -1 where there is no fast form.
func widthIndex(width uint8) int {
	switch width {
	case 1:
		return 0
	case 4:
		return 1
	case 8:
		return 2
	}
	return -1
}

// longIndex is the position of a width in [2]body.
func longIndex(width uint8) int { return widthIndex(width) - 1 }

func isGPR(o decode.Operand) bool { return o.Class() == decode.GPR }

// isMem reports whether o is the memory operand and its address a plain sum.
func isMem(in *Inst, o decode.Operand) bool { return o.Class() == decode.Mem && in.Flags == 0 }

func pickBinary(i int, in *Inst) body {
	w := widthIndex(in.Width)
	if w < 0 {
		return nil
	}
	f, d, s := &fastBinary[i], in.Args[0], in.Args[1]
	switch {
	case isGPR(d) && isGPR(s):
		return f.rr[w]
	case isGPR(d) && s == decode.Imm:
		return f.ri[w]
	case isGPR(d) && isMem(in, s):
		return f.rm[w]
	case isMem(in, d) && isGPR(s):
		return f.mr[w]
	case isMem(in, d) && s == decode.Imm:
		return f.mi[w]
	}
	return nil
}

// pickShift chooses among forms by immediate and by CL.
func pickShift(forms *[2][2]body, in *Inst) body {
	w := longIndex(in.Width)
	switch {
	case w < 0 || !isGPR(in.Args[0]):
		return nil
	case isGPR(in.Args[1]):
		return forms[1][w]
	case uint(in.Imm)&(8*uint(in.Width)-1) == 0:
		return nil
	}
	return forms[0][w]
}

func pickUnary(forms *[2]body, in *Inst) body {
	if w := longIndex(in.Width); w >= 0 && isGPR(in.Args[0]) {
		return forms[w]
	}
	return nil
}

func pickLea(in *Inst) body {
	if w := longIndex(in.Width); w >= 0 && in.Flags == 0 && in.Seg < decode.FS {
		return leaForms[w]
	}
	return nil
}

func pickImul(in *Inst) body {
	w := longIndex(in.Width)
	if w < 0 || in.Args[1] == decode.None {
		return nil
	}
	switch {
	case in.Args[2] == decode.None && isGPR(in.Args[1]):
		return [2]body{imulRR32, imulRR64}[w]
	case isGPR(in.Args[1]) && in.Args[2] == decode.Imm:
		return [2]body{imulRRI32, imulRRI64}[w]
	}
	return nil
}

func imulRR64(c *CPU, in *Inst) *x86.Fault {
	d := &c.R[in.Args[0]&15]
	hi, lo := mulSigned(*d, c.R[in.Args[1]&15])
	*d = lo
	over := (hi ^ uint64(int64(lo)>>63)) != 0
	c.flags.setResult64(lo, over)
	return nil
}

func imulRRI64(c *CPU, in *Inst) *x86.Fault {
	hi, lo := mulSigned(c.R[in.Args[1]&15], uint64(in.Imm))
	c.R[in.Args[0]&15] = lo
	c.flags.setResult64(lo, hi != uint64(int64(lo)>>63))
	return nil
}

func imulRR32(c *CPU, in *Inst) *x86.Fault {
	d := &c.R[in.Args[0]&15]
	r := int64(int32(*d)) * int64(int32(c.R[in.Args[1]&15]))
	*d = uint64(uint32(r))
	c.flags.setResult64(uint64(int64(int32(r))), int64(int32(r)) != r)
	return nil
}

func imulRRI32(c *CPU, in *Inst) *x86.Fault {
	r := int64(int32(c.R[in.Args[1]&15])) * int64(int32(in.Imm))
	c.R[in.Args[0]&15] = uint64(uint32(r))
	c.flags.setResult64(uint64(int64(int32(r))), int64(int32(r)) != r)
	return nil
}

// extend picks by source width, source shape and destination width (32 or 64 bits).
func extend(in *Inst, forms *[3][2][2]body) body {
	w := longIndex(in.Width)
	i := map[uint8]int{1: 0, 2: 1, 4: 2}[in.SrcWidth]
	if w < 0 {
		return nil
	}
	switch {
	case isGPR(in.Args[1]):
		return forms[i][0][w]
	case isMem(in, in.Args[1]):
		return forms[i][1][w]
	}
	return nil
}

func pickMovzx(in *Inst) body {
	return extend(in, &[3][2][2]body{
		{{movzxRR8, movzxRR8}, {movzxRM8, movzxRM8}},
		{{movzxRR16, movzxRR16}, {movzxRM16, movzxRM16}},
	})
}

func pickMovsx(in *Inst) body {
	return extend(in, &[3][2][2]body{
		{{nil, movsxRR8to64}, {nil, nil}},
		{{nil, nil}, {nil, nil}},
		{{nil, movsxRR32to64}, {nil, movsxRM32to64}},
	})
}

func movzxRR8(c *CPU, in *Inst) *x86.Fault {
	c.R[in.Args[0]&15] = c.R[in.Args[1]&15] & 0xff
	return nil
}

func movzxRR16(c *CPU, in *Inst) *x86.Fault {
	c.R[in.Args[0]&15] = c.R[in.Args[1]&15] & 0xffff
	return nil
}

func movzxRM8(c *CPU, in *Inst) *x86.Fault {
	v, f := c.MMU.Load8(c.sum(in))
	if f != nil {
		return c.memFault(in, f)
	}
	c.R[in.Args[0]&15] = uint64(v)
	return nil
}

func movzxRM16(c *CPU, in *Inst) *x86.Fault {
	v, f := c.MMU.Load16(c.sum(in))
	if f != nil {
		return c.memFault(in, f)
	}
	c.R[in.Args[0]&15] = uint64(v)
	return nil
}

func movsxRR8to64(c *CPU, in *Inst) *x86.Fault {
	c.R[in.Args[0]&15] = uint64(int64(int8(c.R[in.Args[1]&15])))
	return nil
}

func movsxRR32to64(c *CPU, in *Inst) *x86.Fault {
	c.R[in.Args[0]&15] = uint64(int64(int32(c.R[in.Args[1]&15])))
	return nil
}

func movsxRM32to64(c *CPU, in *Inst) *x86.Fault {
	v, f := c.MMU.Load32(c.sum(in))
	if f != nil {
		return c.memFault(in, f)
	}
	c.R[in.Args[0]&15] = uint64(int64(int32(v)))
	return nil
}

func pickPush(in *Inst) body {
	if in.Width == 8 && isGPR(in.Args[0]) {
		return pushR64
	}
	return nil
}

func pushR64(c *CPU, in *Inst) *x86.Fault {
	sp := c.R[RSP] - 8
	if f := c.MMU.Store64(x86.VirtAddr(sp), c.R[in.Args[0]&15]); f != nil {
		return c.stackFault(f)
	}
	c.R[RSP] = sp
	return nil
}

func pickPop(in *Inst) body {
	if in.Width == 8 && isGPR(in.Args[0]) {
		return popR64
	}
	return nil
}

func popR64(c *CPU, in *Inst) *x86.Fault {
	v, f := c.MMU.Load64(x86.VirtAddr(c.R[RSP]))
	if f != nil {
		return c.stackFault(f)
	}
	c.R[RSP] += 8
	c.R[in.Args[0]&15] = v
	return nil
}

func pickRet(in *Inst) body {
	if in.Width == 8 && in.Args[0] == decode.None {
		return ret64
	}
	return nil
}

func ret64(c *CPU, in *Inst) *x86.Fault {
	t, f := c.MMU.Load64(x86.VirtAddr(c.R[RSP]))
	if f != nil {
		return c.stackFault(f)
	}
	if uint64(int64(t)<<16>>16) != t {
		return c.raise(x86.VectorGP)
	}
	c.RIP = t
	c.R[RSP] += 8
	return nil
}

func pickCall(in *Inst) body {
	if in.Width == 8 && in.Args[0] == decode.Rel {
		return callRel64
	}
	return nil
}

func callRel64(c *CPU, in *Inst) *x86.Fault {
	next := c.R[slotOrigin] + uint64(in.Off) + uint64(in.Len)
	t := next + uint64(in.Imm)
	if uint64(int64(t)<<16>>16) != t {
		return c.raise(x86.VectorGP)
	}
	sp := c.R[RSP] - 8
	if f := c.MMU.Store64(x86.VirtAddr(sp), next); f != nil {
		return c.stackFault(f)
	}
	c.R[RSP] = sp
	c.RIP = t
	return nil
}

func pickJmp(in *Inst) body {
	if in.Args[0] == decode.Rel {
		return jmpRel
	}
	return nil
}

func jmpRel(c *CPU, in *Inst) *x86.Fault { return c.jump(in) }

func pickSetcc(in *Inst) body {
	if isGPR(in.Args[0]) {
		return setccForms[in.Cond&15]
	}
	return nil
}

func pickCmov(in *Inst) body {
	if w := longIndex(in.Width); w >= 0 && isGPR(in.Args[1]) {
		return cmovForms[in.Cond&15][w]
	}
	return nil
}
