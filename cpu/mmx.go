package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// MMX registers are the significands of the physical x87 registers (SDM vol. 1 9.2.2): MM0 is R0's, whatever TOP is.
// Every MMX instruction but EMMS first takes the unit over, see mmxEnter.

var mmxRows = []row{
	{decode.EMMS, emms, 0, MMX, plain},
	{decode.PSHUFW, pshufw, 0, SSE, plain},
	{decode.MOVNTQ, movntq, 0, SSE, plain},
	{decode.MASKMOVQ, maskmovq, 0, SSE, plain},
	{decode.MOVQ2DQ, movq2dq, 0, SSE2, plain},
	{decode.MOVDQ2Q, movdq2q, 0, SSE2, plain},
}

var _ = addRows(mmxRows)

// mmxLaneOps are the instructions with a laneOp that have an MMX form.
var mmxLaneOps = []decode.Op{
	decode.PAND, decode.PANDN, decode.POR, decode.PXOR,
	decode.PADDB, decode.PADDW, decode.PADDD, decode.PADDQ, decode.PSUBB, decode.PSUBW, decode.PSUBD, decode.PSUBQ,
	decode.PADDSB, decode.PADDSW, decode.PADDUSB, decode.PADDUSW,
	decode.PSUBSB, decode.PSUBSW, decode.PSUBUSB, decode.PSUBUSW,
	decode.PCMPEQB, decode.PCMPEQW, decode.PCMPEQD, decode.PCMPGTB, decode.PCMPGTW, decode.PCMPGTD,
	decode.PMULLW, decode.PMULHW, decode.PMULHUW, decode.PMULUDQ, decode.PMADDWD,
	decode.PAVGB, decode.PAVGW, decode.PMINUB, decode.PMAXUB, decode.PMINSW, decode.PMAXSW, decode.PSADBW,
	decode.PABSB, decode.PABSW, decode.PABSD, decode.PSIGNB, decode.PSIGNW, decode.PSIGND,
	decode.PMULHRSW, decode.PMADDUBSW,
}

var mmxShiftOps = []decode.Op{
	decode.PSLLW, decode.PSLLD, decode.PSLLQ, decode.PSRLW, decode.PSRLD, decode.PSRLQ, decode.PSRAW, decode.PSRAD,
}

var (
	_ = addMMX(mmxBodies(mmxLaneOps, mmxLanes))
	_ = addMMX(mmxBodies(mmxShiftOps, mmxShift))
	_ = addMMX(map[decode.Op]body{
		decode.MOVD: mmxMovd, decode.MOVQ: mmxMovq,
		decode.PINSRW: mmxPinsrw, decode.PEXTRW: mmxPextrw, decode.PMOVMSKB: mmxPmovmskb,
		decode.PACKSSWB: mmxBinary(packsswb), decode.PACKUSWB: mmxBinary(packuswb), decode.PACKSSDW: mmxBinary(packssdw),
		decode.PUNPCKLBW: mmxUnpack(0, punpckbw), decode.PUNPCKHBW: mmxUnpack(1, punpckbw),
		decode.PUNPCKLWD: mmxUnpack(0, punpckwd), decode.PUNPCKHWD: mmxUnpack(1, punpckwd),
		decode.PUNPCKLDQ: mmxUnpack(0, punpckdq), decode.PUNPCKHDQ: mmxUnpack(1, punpckdq),
		decode.PHADDW: mmxBinary(phaddw), decode.PHADDD: mmxBinary(phaddd), decode.PHADDSW: mmxBinary(phaddsw),
		decode.PHSUBW: mmxBinary(phsubw), decode.PHSUBD: mmxBinary(phsubd), decode.PHSUBSW: mmxBinary(phsubsw),
		decode.PSHUFB: mmxBinary(mmxPshufb), decode.PALIGNR: mmxPalignr,
	})
)

func mmxBodies(ops []decode.Op, b body) map[decode.Op]body {
	m := make(map[decode.Op]body, len(ops))
	for _, op := range ops {
		m[op] = b
	}
	return m
}

// mmxEnter is what an MMX instruction does to the x87 unit: TOP becomes 0 and no register is empty (SDM vol. 3A 13.2).
func (c *CPU) mmxEnter() {
	c.FPU.setTop(0)
	c.FPU.tags = 0xff
}

// mm returns the MMX register that an operand names. Bits 3 of numbers, from REX, mean nothing (SDM vol. 2A 2.2.1.2).
func (c *CPU) mm(o decode.Operand) uint64 { return c.FPU.st[o&7].frac }

// setMM writes an MMX register; sign and exponent of the x87 register become ones.
func (c *CPU) setMM(o decode.Operand, v uint64) { c.FPU.st[o&7] = float80{frac: v, se: 0xffff} }

// mmSrc reads an MMX register, or width bytes of memory.
func (c *CPU) mmSrc(in *Inst, o decode.Operand, width uint8) (uint64, *x86.Fault) {
	if o.Class() == decode.MMX {
		return c.mm(o), nil
	}
	return c.loadN(in, c.ea(in), width)
}

// mmxBinary is the body of an operation on two 64-bit operands. SDM vol. 2B under each name.
func mmxBinary(f func(a, b uint64) uint64) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		if fault := c.x87Wait(); fault != nil {
			return fault
		}
		b, fault := c.mmSrc(in, in.Args[1], 8)
		if fault != nil {
			return fault
		}
		c.mmxEnter()
		c.setMM(in.Args[0], f(c.mm(in.Args[0]), b))
		return nil
	}
}

// mmxLanes is the body of every MMX form with a laneOp.
func mmxLanes(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	b, f := c.mmSrc(in, in.Args[1], 8)
	if f != nil {
		return f
	}
	c.mmxEnter()
	c.setMM(in.Args[0], laneOps[in.Op](c.mm(in.Args[0]), b))
	return nil
}

// mmxShift shifts by an immediate or by the second operand. SDM vol. 2B, PSLLW … PSRAD.
func mmxShift(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	count := uint64(uint8(in.Imm))
	if in.Args[1] != decode.Imm {
		var f *x86.Fault
		if count, f = c.mmSrc(in, in.Args[1], 8); f != nil {
			return f
		}
	}
	c.mmxEnter()
	c.setMM(in.Args[0], laneOps[in.Op](c.mm(in.Args[0]), count))
	return nil
}

// mmxUnpack interleaves the elements of the low or the high halves; the low ones take 4 bytes of memory.
func mmxUnpack(half uint, f func(a, b uint64) XMMReg) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		if fault := c.x87Wait(); fault != nil {
			return fault
		}
		width := uint8(4 + 4*half)
		b, fault := c.mmSrc(in, in.Args[1], width)
		if fault != nil {
			return fault
		}
		c.mmxEnter()
		c.setMM(in.Args[0], f(c.mm(in.Args[0]), b)[half&1])
		return nil
	}
}

// emms leaves the unit to x87 code: every register is empty. SDM vol. 2A, EMMS.
func emms(c *CPU, _ *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	c.FPU.setTop(0)
	c.FPU.tags = 0
	return nil
}
