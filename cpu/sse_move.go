package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var sseMoveRows = []row{
	{decode.MOVAPS, movaps, 0, SSE, plain},
	{decode.MOVAPD, movaps, 0, SSE2, plain},
	{decode.MOVDQA, movaps, 0, SSE2, plain},
	{decode.MOVNTPS, movaps, 0, SSE, plain},
	{decode.MOVNTPD, movaps, 0, SSE2, plain},
	{decode.MOVNTDQ, movaps, 0, SSE2, plain},
	{decode.MOVUPS, movups, 0, SSE, plain},
	{decode.MOVUPD, movups, 0, SSE2, plain},
	{decode.MOVDQU, movups, 0, SSE2, plain},
	{decode.MOVSS, movss, 0, SSE, plain},
	{decode.MOVSD, movsd, 0, SSE2, plain},
	{decode.MOVD, movd, 0, SSE2, plain},
	{decode.MOVQ, movq, 0, SSE2, plain},
	{decode.MOVLPS, movlps, 0, SSE, plain},
	{decode.MOVLPD, movlps, 0, SSE2, plain},
	{decode.MOVHPS, movhps, 0, SSE, plain},
	{decode.MOVHPD, movhps, 0, SSE2, plain},
	{decode.MOVHLPS, movhlps, 0, SSE, plain},
	{decode.MOVLHPS, movlhps, 0, SSE, plain},
	{decode.MOVMSKPS, movmskps, 0, SSE, plain},
	{decode.MOVMSKPD, movmskpd, 0, SSE2, plain},
	{decode.MASKMOVDQU, maskmovdqu, 0, SSE2, plain},
}

var _ = addRows(sseMoveRows)

// movaps moves 16 bytes, aligned in memory; non-temporal hints mean nothing here. SDM vol. 2B, MOVAPS, MOVNTDQ.
func movaps(c *CPU, in *Inst) *x86.Fault {
	if in.Args[0] == decode.Mem {
		return c.store16(in, c.xmm(in.Args[1]))
	}
	if s := in.Args[1]; s.Class() == decode.XMM {
		*c.xmm(in.Args[0]) = *c.xmm(s)
		return nil
	}
	v, f := c.load16(in)
	if f != nil {
		return f
	}
	*c.xmm(in.Args[0]) = v
	return nil
}

// movups moves 16 bytes of any alignment. SDM vol. 2B, MOVUPS, MOVDQU; vol. 2A, LDDQU.
func movups(c *CPU, in *Inst) *x86.Fault {
	switch {
	case in.Args[0] == decode.Mem:
		return c.store16u(in, c.ea(in), c.xmm(in.Args[1]))
	case in.Args[1] == decode.Mem:
		lo, hi, f := c.MMU.Load128(c.ea(in))
		if f != nil {
			return c.memFault(in, f)
		}
		*c.xmm(in.Args[0]) = XMMReg{lo, hi}
	default:
		*c.xmm(in.Args[0]) = *c.xmm(in.Args[1])
	}
	return nil
}

// movss moves 4 bytes: from memory it clears the rest of the register, between registers it keeps it.
// SDM vol. 2B, MOVSS.
func movss(c *CPU, in *Inst) *x86.Fault {
	if in.Args[0] == decode.Mem {
		return c.storeN(in, c.ea(in), 4, uint64(uint32(c.xmm(in.Args[1])[0])))
	}
	v, f := c.low32(in, in.Args[1])
	if f != nil {
		return f
	}
	if d := c.xmm(in.Args[0]); in.Args[1] == decode.Mem {
		*d = XMMReg{uint64(v)}
	} else {
		d.setLow32(v)
	}
	return nil
}

// movsd moves 8 bytes as movss does 4. SDM vol. 2B, MOVSD.
func movsd(c *CPU, in *Inst) *x86.Fault {
	if in.Args[1] == decode.Mem && in.Flags == 0 { // most of them
		v, f := c.MMU.Load64(c.sum(in))
		if f != nil {
			return c.memFault(in, f)
		}
		*c.xmm(in.Args[0]) = XMMReg{v}
		return nil
	}
	if in.Args[0] == decode.Mem {
		return c.storeN(in, c.ea(in), 8, c.xmm(in.Args[1])[0])
	}
	v, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	d[0] = v
	if in.Args[1] == decode.Mem {
		d[1] = 0
	}
	return nil
}

// movd moves 4 bytes between an XMM register and a general register or memory, zero-extending. SDM vol. 2B, MOVD.
func movd(c *CPU, in *Inst) *x86.Fault {
	if usesMMX(in) {
		return c.mmx(in)
	}
	if d := in.Args[0]; d.Class() != decode.XMM {
		return c.put(in, d, 4, uint64(uint32(c.xmm(in.Args[1])[0])))
	}
	v, f := c.get(in, in.Args[1], 4)
	if f != nil {
		return f
	}
	*c.xmm(in.Args[0]) = XMMReg{v}
	return nil
}

// movq moves 8 bytes between an XMM register and another, a general register or memory, zero-extending.
// SDM vol. 2B, MOVD/MOVQ and MOVQ.
func movq(c *CPU, in *Inst) *x86.Fault {
	if usesMMX(in) {
		return c.mmx(in)
	}
	d, s := in.Args[0], in.Args[1]
	if d.Class() != decode.XMM {
		return c.put(in, d, 8, c.xmm(s)[0])
	}
	var v uint64
	var f *x86.Fault
	if s.Class() == decode.XMM {
		v = c.xmm(s)[0]
	} else if v, f = c.get(in, s, 8); f != nil {
		return f
	}
	*c.xmm(d) = XMMReg{v}
	return nil
}

// movlps moves 8 bytes between memory and the low half. SDM vol. 2B, MOVLPS.
func movlps(c *CPU, in *Inst) *x86.Fault { return c.moveHalf(in, 0) }

// movhps moves 8 bytes between memory and the high half. SDM vol. 2B, MOVHPS.
func movhps(c *CPU, in *Inst) *x86.Fault { return c.moveHalf(in, 1) }

func (c *CPU) moveHalf(in *Inst, half int) *x86.Fault {
	if in.Args[0] == decode.Mem {
		return c.storeN(in, c.ea(in), 8, c.xmm(in.Args[1])[half])
	}
	v, f := c.loadN(in, c.ea(in), 8)
	if f != nil {
		return f
	}
	c.xmm(in.Args[0])[half] = v
	return nil
}

// movhlps moves the high half of the source to the low half. SDM vol. 2B, MOVHLPS.
func movhlps(c *CPU, in *Inst) *x86.Fault {
	c.xmm(in.Args[0])[0] = c.xmm(in.Args[1])[1]
	return nil
}

// movlhps moves the low half of the source to the high half. SDM vol. 2B, MOVLHPS.
func movlhps(c *CPU, in *Inst) *x86.Fault {
	c.xmm(in.Args[0])[1] = c.xmm(in.Args[1])[0]
	return nil
}

// movmskps gathers four sign bits. SDM vol. 2B, MOVMSKPS.
func movmskps(c *CPU, in *Inst) *x86.Fault {
	s := c.xmm(in.Args[1])
	c.setReg(in.Args[0].Num(), 8, s[0]>>31&1|s[0]>>62&2|s[1]>>29&4|s[1]>>60&8)
	return nil
}

// movmskpd gathers two sign bits. SDM vol. 2B, MOVMSKPD.
func movmskpd(c *CPU, in *Inst) *x86.Fault {
	s := c.xmm(in.Args[1])
	c.setReg(in.Args[0].Num(), 8, s[0]>>63|s[1]>>62&2)
	return nil
}

// maskmovdqu stores the bytes of the first operand whose mask byte in the second has its top bit set, at DS:rDI. All 16
// bytes need to be writable only where the mask says so; with a mask of zero nothing is touched, which the SDM leaves
// to the implementation. SDM vol. 2B, MASKMOVDQU.
func maskmovdqu(c *CPU, in *Inst) *x86.Fault {
	src, mask := c.xmm(in.Args[0]), c.xmm(in.Args[1])
	return c.maskedStore(in, src[:], mask[:])
}

// maskedStore is MASKMOVDQU and MASKMOVQ.
func (c *CPU) maskedStore(in *Inst, src, mask []uint64) *x86.Fault {
	va := c.linear(int(in.Seg), c.reg(RDI, in.AddrSize), 8*len(src), true)
	picked := func(i int) bool { return mask[i/8]>>(i%8*8+7)&1 != 0 }
	for i := range 8 * len(src) {
		if picked(i) {
			if f := c.MMU.Probe(va+x86.VirtAddr(i), 1, x86.Write); f != nil {
				return c.memFault(in, f)
			}
		}
	}
	for i := range 8 * len(src) {
		if picked(i) {
			if f := c.MMU.Store8(va+x86.VirtAddr(i), uint8(src[i/8]>>(i%8*8))); f != nil {
				return c.memFault(in, f)
			}
		}
	}
	return nil
}
