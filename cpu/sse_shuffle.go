package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var sseShuffleRows = []row{
	{decode.PACKSSWB, pack(packsswb), 0, SSE2, plain},
	{decode.PACKUSWB, pack(packuswb), 0, SSE2, plain},
	{decode.PACKSSDW, pack(packssdw), 0, SSE2, plain},
	{decode.PUNPCKLBW, unpack(0, punpckbw), 0, SSE2, plain},
	{decode.PUNPCKLWD, unpack(0, punpckwd), 0, SSE2, plain},
	{decode.PUNPCKLDQ, unpack(0, punpckdq), 0, SSE2, plain},
	{decode.PUNPCKLQDQ, unpack(0, punpckqdq), 0, SSE2, plain},
	{decode.PUNPCKHBW, unpack(1, punpckbw), 0, SSE2, plain},
	{decode.PUNPCKHWD, unpack(1, punpckwd), 0, SSE2, plain},
	{decode.PUNPCKHDQ, unpack(1, punpckdq), 0, SSE2, plain},
	{decode.PUNPCKHQDQ, unpack(1, punpckqdq), 0, SSE2, plain},
	{decode.UNPCKLPS, unpack(0, punpckdq), 0, SSE, plain},
	{decode.UNPCKHPS, unpack(1, punpckdq), 0, SSE, plain},
	{decode.UNPCKLPD, unpack(0, punpckqdq), 0, SSE2, plain},
	{decode.UNPCKHPD, unpack(1, punpckqdq), 0, SSE2, plain},
	{decode.PSHUFD, pshufd, 0, SSE2, plain},
	{decode.PSHUFLW, pshuflw, 0, SSE2, plain},
	{decode.PSHUFHW, pshufhw, 0, SSE2, plain},
	{decode.SHUFPS, shufps, 0, SSE, plain},
	{decode.SHUFPD, shufpd, 0, SSE2, plain},
	{decode.PINSRW, pinsrw, 0, SSE2, plain},
	{decode.PEXTRW, pextrw, 0, SSE2, plain},
	{decode.PMOVMSKB, pmovmskb, 0, SSE2, plain},
}

var _ = addRows(sseShuffleRows)

// pack is the body of PACKxxxx: f narrows the elements of 128 bits to 64. SDM vol. 2B, PACKSSWB, PACKUSWB.
func pack(f func(lo, hi uint64) uint64) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		if in.Args[0].Class() == decode.MMX {
			return c.mmx(in)
		}
		b, fault := c.xmmSrc(in, in.Args[1])
		if fault != nil {
			return fault
		}
		d := c.xmm(in.Args[0])
		*d = XMMReg{f(d[0], d[1]), f(b[0], b[1])}
		return nil
	}
}

func packsswb(lo, hi uint64) (r uint64) {
	for i := uint(0); i < 4; i++ {
		r |= uint64(uint8(sat8(int32(int16(lo>>(16*i))))))<<(8*i) | uint64(uint8(sat8(int32(int16(hi>>(16*i))))))<<(32+8*i)
	}
	return r
}

func packuswb(lo, hi uint64) (r uint64) {
	for i := uint(0); i < 4; i++ {
		r |= uint64(satu8(int32(int16(lo>>(16*i)))))<<(8*i) | uint64(satu8(int32(int16(hi>>(16*i)))))<<(32+8*i)
	}
	return r
}

func packssdw(lo, hi uint64) uint64 {
	return uint64(uint16(sat16(int32(lo)))) | uint64(uint16(sat16(int32(lo>>32))))<<16 |
		uint64(uint16(sat16(int32(hi))))<<32 | uint64(uint16(sat16(int32(hi>>32))))<<48
}

// unpack is the body of PUNPCKxxx: f interleaves the elements of two 64-bit halves. The legacy SSE form reads 16
// aligned bytes though it uses 8. SDM vol. 2B, PUNPCKLBW, PUNPCKHBW, UNPCKLPS.
func unpack(half int, f func(a, b uint64) XMMReg) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		if in.Args[0].Class() == decode.MMX {
			return c.mmx(in)
		}
		b, fault := c.xmmSrc(in, in.Args[1])
		if fault != nil {
			return fault
		}
		d := c.xmm(in.Args[0])
		*d = f(d[half], b[half])
		return nil
	}
}

// spreadBytes puts the four bytes of v into the low halves of four words.
func spreadBytes(v uint64) uint64 {
	v = v&0xffff | v&0xffff0000<<16
	return v&0xff_0000_00ff | v&0xff00_0000_ff00<<8
}

// spreadWords puts the two words of v into the low halves of two doublewords.
func spreadWords(v uint64) uint64 { return v&0xffff | v&0xffff0000<<16 }

func punpckbw(a, b uint64) XMMReg {
	return XMMReg{spreadBytes(a) | spreadBytes(b)<<8, spreadBytes(a>>32) | spreadBytes(b>>32)<<8}
}

func punpckwd(a, b uint64) XMMReg {
	return XMMReg{spreadWords(a) | spreadWords(b)<<16, spreadWords(a>>32) | spreadWords(b>>32)<<16}
}

func punpckdq(a, b uint64) XMMReg { return XMMReg{a&0xffffffff | b<<32, a>>32 | b>>32<<32} }

func punpckqdq(a, b uint64) XMMReg { return XMMReg{a, b} }

// pshufd picks four doublewords. SDM vol. 2B, PSHUFD.
func pshufd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	i := int(in.Imm)
	*c.xmm(in.Args[0]) = quads([4]uint32{b.u32(i & 3), b.u32(i >> 2 & 3), b.u32(i >> 4 & 3), b.u32(i >> 6 & 3)})
	return nil
}

// shuffleWords picks four words of 64 bits.
func shuffleWords(v uint64, imm int64) (r uint64) {
	for i := 0; i < 4; i++ {
		r |= v >> (imm >> (2 * i) & 3 * 16) & 0xffff << (16 * i)
	}
	return r
}

// pshuflw picks four words within the low half. SDM vol. 2B, PSHUFLW.
func pshuflw(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	*c.xmm(in.Args[0]) = XMMReg{shuffleWords(b[0], in.Imm), b[1]}
	return nil
}

// pshufhw picks four words within the high half. SDM vol. 2B, PSHUFHW.
func pshufhw(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	*c.xmm(in.Args[0]) = XMMReg{b[0], shuffleWords(b[1], in.Imm)}
	return nil
}

// shufps picks two singles of each operand. SDM vol. 2B, SHUFPS.
func shufps(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d, i := c.xmm(in.Args[0]), int(in.Imm)
	*d = quads([4]uint32{d.u32(i & 3), d.u32(i >> 2 & 3), b.u32(i >> 4 & 3), b.u32(i >> 6 & 3)})
	return nil
}

// shufpd picks one double of each operand. SDM vol. 2B, SHUFPD.
func shufpd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	*d = XMMReg{d[in.Imm&1], b[in.Imm>>1&1]}
	return nil
}

// insert replaces the element of width bytes at index i, which wraps.
func (r *XMMReg) insert(i int64, width uint8, v uint64) {
	at := uint(i) * uint(width) & 15
	half, shift := at>>3, at&7*8
	m := widthMask(width) << shift
	r[half&1] = r[half&1]&^m | v<<shift&m
}

// extract returns the element of width bytes at index i, which wraps.
func (r *XMMReg) extract(i int64, width uint8) uint64 {
	at := uint(i) * uint(width) & 15
	return r[at>>3&1] >> (at & 7 * 8) & widthMask(width)
}

// pinsrw inserts a word. SDM vol. 2B, PINSRW.
func pinsrw(c *CPU, in *Inst) *x86.Fault {
	if usesMMX(in) {
		return c.mmx(in)
	}
	v, f := c.get(in, in.Args[1], 2)
	if f != nil {
		return f
	}
	c.xmm(in.Args[0]).insert(in.Imm, 2, v)
	return nil
}

// pextrw extracts a word, zero-extended in a register. SDM vol. 2B, PEXTRW.
func pextrw(c *CPU, in *Inst) *x86.Fault {
	if usesMMX(in) {
		return c.mmx(in)
	}
	return c.putElement(in, 2)
}

// putElement stores an element; a general register takes it zero-extended to 64 bits.
func (c *CPU) putElement(in *Inst, width uint8) *x86.Fault {
	v := c.xmm(in.Args[1]).extract(in.Imm, width)
	if d := in.Args[0]; d.Class() == decode.GPR {
		c.setReg(d.Num(), 8, v)
		return nil
	}
	return c.storeN(in, c.ea(in), width, v)
}

// signs gathers the top bits of eight bytes.
func signs(v uint64) uint64 { return v & topBytes * 0x0002040810204081 >> 56 }

// pmovmskb gathers sixteen sign bits. SDM vol. 2B, PMOVMSKB.
func pmovmskb(c *CPU, in *Inst) *x86.Fault {
	if usesMMX(in) {
		return c.mmx(in)
	}
	s := c.xmm(in.Args[1])
	c.setReg(in.Args[0].Num(), 8, signs(s[0])|signs(s[1])<<8)
	return nil
}
