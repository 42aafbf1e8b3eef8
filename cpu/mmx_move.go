package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// mmxMovd moves 4 bytes between an MMX register and a general register or memory, zero-extending. SDM vol. 2B, MOVD.
func mmxMovd(c *CPU, in *Inst) *x86.Fault { return c.mmxMove(in, 4) }

// mmxMovq moves 8 bytes between MMX registers, general registers and memory. SDM vol. 2B, MOVD/MOVQ and MOVQ.
func mmxMovq(c *CPU, in *Inst) *x86.Fault { return c.mmxMove(in, 8) }

// movntq stores an MMX register; the non-temporal hint means nothing here. SDM vol. 2B, MOVNTQ.
func movntq(c *CPU, in *Inst) *x86.Fault { return c.mmxMove(in, 8) }

func (c *CPU) mmxMove(in *Inst, width uint8) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	d, s := in.Args[0], in.Args[1]
	if d.Class() != decode.MMX {
		if f := c.put(in, d, width, c.mm(s)&widthMask(width)); f != nil {
			return f
		}
		c.mmxEnter()
		return nil
	}
	v := c.mm(s)
	if s.Class() != decode.MMX {
		var f *x86.Fault
		if v, f = c.get(in, s, width); f != nil {
			return f
		}
	}
	c.mmxEnter()
	c.setMM(d, v)
	return nil
}

// movq2dq moves an MMX register to an XMM one, zero-extending. SDM vol. 2B, MOVQ2DQ.
func movq2dq(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	c.mmxEnter()
	*c.xmm(in.Args[0]) = XMMReg{c.mm(in.Args[1])}
	return nil
}

// movdq2q moves the low half of an XMM register to an MMX one. SDM vol. 2B, MOVDQ2Q.
func movdq2q(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	c.mmxEnter()
	c.setMM(in.Args[0], c.xmm(in.Args[1])[0])
	return nil
}

// maskmovq stores the bytes that the mask picks, at DS:rDI, as MASKMOVDQU does. SDM vol. 2B, MASKMOVQ.
func maskmovq(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	if f := c.maskedStore(in, []uint64{c.mm(in.Args[0])}, []uint64{c.mm(in.Args[1])}); f != nil {
		return f
	}
	c.mmxEnter()
	return nil
}

// pshufw picks four words. SDM vol. 2B, PSHUFW.
func pshufw(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	v, f := c.mmSrc(in, in.Args[1], 8)
	if f != nil {
		return f
	}
	c.mmxEnter()
	c.setMM(in.Args[0], shuffleWords(v, in.Imm))
	return nil
}

// mmxPinsrw inserts a word. SDM vol. 2B, PINSRW.
func mmxPinsrw(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	v, f := c.get(in, in.Args[1], 2)
	if f != nil {
		return f
	}
	c.mmxEnter()
	d, shift := in.Args[0], uint(in.Imm)&3*16
	c.setMM(d, c.mm(d)&^(0xffff<<shift)|v<<shift)
	return nil
}

// mmxPextrw extracts a word, zero-extended. SDM vol. 2B, PEXTRW.
func mmxPextrw(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	c.mmxEnter()
	c.setReg(in.Args[0].Num(), 8, c.mm(in.Args[1])>>(uint(in.Imm)&3*16)&0xffff)
	return nil
}

// mmxPmovmskb gathers eight sign bits. SDM vol. 2B, PMOVMSKB.
func mmxPmovmskb(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	c.mmxEnter()
	c.setReg(in.Args[0].Num(), 8, signs(c.mm(in.Args[1])))
	return nil
}

// mmxPshufb picks bytes of a by the low three bits of b's bytes, or 0 where their top bit is set. SDM vol. 2B, PSHUFB.
func mmxPshufb(a, b uint64) (r uint64) {
	for i := 0; i < 64; i += 8 {
		if p := b >> i & 0xff; p&0x80 == 0 {
			r |= a >> (p & 7 * 8) & 0xff << i
		}
	}
	return r
}

// mmxPalignr takes 8 of the 16 bytes first:second, from the byte that the immediate says. SDM vol. 2B, PALIGNR.
func mmxPalignr(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	b, f := c.mmSrc(in, in.Args[1], 8)
	if f != nil {
		return f
	}
	c.mmxEnter()
	v := XMMReg{}
	if n := uint(uint8(in.Imm)) * 8; n < 128 {
		v = shiftRight(b, c.mm(in.Args[0]), n)
	}
	c.setMM(in.Args[0], v[0])
	return nil
}
