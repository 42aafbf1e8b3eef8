package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var moveRows = []row{
	{decode.MOV, mov, 0, Base, plain},
	{decode.MOVZX, movzx, 0, Base, plain},
	{decode.MOVSX, movsx, 0, Base, plain},
	{decode.MOVSXD, movsx, 0, Base, plain},
	{decode.MOVNTI, mov, 0, SSE2, plain},
	{decode.LEA, lea, 0, Base, plain},
	{decode.XCHG, xchg, 0, Base, plain},
	{decode.CMOVcc, cmovcc, 0, Base, plain},
	{decode.SETcc, setcc, 0, Base, plain},
	{decode.XLAT, xlat, 0, Base, plain},
	{decode.LAHF, lahf, 0, Base, plain},
	{decode.SAHF, sahf, 0, Base, plain},
	{decode.CLC, clc, 0, Base, plain},
	{decode.STC, stc, 0, Base, plain},
	{decode.CMC, cmc, 0, Base, plain},
	{decode.CLD, cld, 0, Base, plain},
	{decode.STD, std, 0, Base, plain},
}

var _ = addRows(moveRows)

// mov copies the source to the destination: general registers, memory, immediates and segment selectors.
// SDM vol. 2B, MOV.
func mov(c *CPU, in *Inst) *x86.Fault {
	switch src, dst := in.Args[1], in.Args[0]; {
	case src.Class() == decode.Seg:
		if dst.Class() == decode.Mem { // to memory always 16 bits
			return c.storeN(in, c.ea(in), 2, uint64(c.seg[src.Num()%6].Selector))
		}
		return c.put(in, dst, in.Width, uint64(c.seg[src.Num()%6].Selector))
	case dst.Class() == decode.Seg:
		return movSeg(c, in)
	case src.Class() == decode.CR || src.Class() == decode.DR || dst.Class() == decode.CR || dst.Class() == decode.DR:
		return movControl(c, in)
	}
	v, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	return c.put(in, in.Args[0], in.Width, v)
}

// movSeg loads a segment register; a load of SS holds interrupts and debug exceptions off until the next instruction is
// done. SDM vol. 2B, MOV.
func movSeg(c *CPU, in *Inst) *x86.Fault {
	v, f := c.get(in, in.Args[1], 2)
	if f != nil {
		return f
	}
	seg := in.Args[0].Num()
	if f := c.loadSelector(seg, uint16(v)); f != nil {
		return f
	}
	if seg == decode.SS {
		c.shadow(shadowMovSS)
	}
	return nil
}

// movzx zero-extends the source. SDM vol. 2B, MOVZX.
func movzx(c *CPU, in *Inst) *x86.Fault {
	v, f := c.get(in, in.Args[1], in.SrcWidth)
	if f != nil {
		return f
	}
	c.setReg(in.Args[0].Num(), in.Width, v)
	return nil
}

// movsx sign-extends the source. SDM vol. 2B, MOVSX/MOVSXD.
func movsx(c *CPU, in *Inst) *x86.Fault {
	v, f := c.get(in, in.Args[1], in.SrcWidth)
	if f != nil {
		return f
	}
	c.setReg(in.Args[0].Num(), in.Width, sext(v, in.SrcWidth))
	return nil
}

// lea stores the offset of the memory operand; no segment base, no access. SDM vol. 2A, LEA.
func lea(c *CPU, in *Inst) *x86.Fault {
	c.setReg(in.Args[0].Num(), in.Width, c.offset(in))
	return nil
}

// xchg exchanges the operands. SDM vol. 2D, XCHG.
func xchg(c *CPU, in *Inst) *x86.Fault {
	if in.Args[0].Class() != decode.Mem && in.Args[1].Class() == decode.Mem {
		in2 := *in
		in2.Args[0], in2.Args[1] = in.Args[1], in.Args[0]
		in = &in2
	}
	b, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	if f := c.commit(in, va, b); f != nil {
		return f
	}
	return c.put(in, in.Args[1], in.Width, a)
}

// cmovcc moves on a condition. The source is read either way, and a 32-bit destination zero-extends either way.
// SDM vol. 2A, CMOVcc.
func cmovcc(c *CPU, in *Inst) *x86.Fault {
	v, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	n := in.Args[0].Num()
	if !c.cond(uint8(in.Cond)) {
		v = c.reg(n, in.Width)
	}
	c.setReg(n, in.Width, v)
	return nil
}

// setcc stores a condition as a byte. SDM vol. 2B, SETcc.
func setcc(c *CPU, in *Inst) *x86.Fault {
	var v uint64
	if c.cond(uint8(in.Cond)) {
		v = 1
	}
	return c.put(in, in.Args[0], 1, v)
}

// xlat loads AL from a table: segment:[rBX + AL]. SDM vol. 2D, XLAT.
func xlat(c *CPU, in *Inst) *x86.Fault {
	a := (c.R[RBX] + c.R[RAX]&0xff) & widthMask(in.AddrSize)
	v, f := c.loadN(in, c.linear(int(in.Seg), a, 1, false), 1)
	if f != nil {
		return f
	}
	c.setReg(RAX, 1, v)
	return nil
}

// lahf loads SF, ZF, AF, PF and CF into AH. SDM vol. 2A, LAHF.
func lahf(c *CPU, in *Inst) *x86.Fault {
	c.R[RAX] = c.R[RAX]&^0xff00 | c.Flags()&0xff<<8
	return nil
}

// sahf stores AH into SF, ZF, AF, PF and CF. SDM vol. 2B, SAHF.
func sahf(c *CPU, in *Inst) *x86.Fault {
	ah := c.R[RAX] >> 8 & (x86.FlagsStatus &^ x86.FlagOF)
	c.flags.set(c.flags.status()&x86.FlagOF | ah)
	return nil
}

// clc clears CF. SDM vol. 2A, CLC.
func clc(c *CPU, in *Inst) *x86.Fault { c.flags.setCF(false); return nil }

// stc sets CF. SDM vol. 2B, STC.
func stc(c *CPU, in *Inst) *x86.Fault { c.flags.setCF(true); return nil }

// cmc complements CF. SDM vol. 2A, CMC.
func cmc(c *CPU, in *Inst) *x86.Fault { c.flags.setCF(!c.flags.cf()); return nil }

// cld clears DF. SDM vol. 2A, CLD.
func cld(c *CPU, in *Inst) *x86.Fault { c.ctl &^= x86.FlagDF; return nil }

// std sets DF. SDM vol. 2B, STD.
func std(c *CPU, in *Inst) *x86.Fault { c.ctl |= x86.FlagDF; return nil }
