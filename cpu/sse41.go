package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// SDM vol. 2B under each name.
var sse41LaneRows = []laneRow{
	{decode.PMINSB, bytesOf(func(a, b int8) int8 { return min(a, b) }), SSE41},
	{decode.PMAXSB, bytesOf(func(a, b int8) int8 { return max(a, b) }), SSE41},
	{decode.PMINUW, wordsOf(func(a, b uint16) uint16 { return min(a, b) }), SSE41},
	{decode.PMAXUW, wordsOf(func(a, b uint16) uint16 { return max(a, b) }), SSE41},
	{decode.PMINSD, dwordsOf(func(a, b int32) int32 { return min(a, b) }), SSE41},
	{decode.PMAXSD, dwordsOf(func(a, b int32) int32 { return max(a, b) }), SSE41},
	{decode.PMINUD, dwordsOf(func(a, b uint32) uint32 { return min(a, b) }), SSE41},
	{decode.PMAXUD, dwordsOf(func(a, b uint32) uint32 { return max(a, b) }), SSE41},
	{decode.PMULLD, dwordsOf(func(a, b uint32) uint32 { return a * b }), SSE41},
	{decode.PMULDQ, func(a, b uint64) uint64 { return uint64(int64(int32(a)) * int64(int32(b))) }, SSE41},
	{decode.PCMPEQQ, func(a, b uint64) uint64 { return uint64(-int64(bool8(a == b))) }, SSE41},
	{decode.PCMPGTQ, func(a, b uint64) uint64 { return uint64(-int64(bool8(int64(a) > int64(b)))) }, SSE42},
}

var _ = addLanes(sse41LaneRows)

var sse41Rows = []row{
	{decode.PACKUSDW, pack(packusdw), 0, SSE41, plain},
	{decode.PMOVSXBW, widen(1, 2, true), 0, SSE41, plain},
	{decode.PMOVSXBD, widen(1, 4, true), 0, SSE41, plain},
	{decode.PMOVSXBQ, widen(1, 8, true), 0, SSE41, plain},
	{decode.PMOVSXWD, widen(2, 4, true), 0, SSE41, plain},
	{decode.PMOVSXWQ, widen(2, 8, true), 0, SSE41, plain},
	{decode.PMOVSXDQ, widen(4, 8, true), 0, SSE41, plain},
	{decode.PMOVZXBW, widen(1, 2, false), 0, SSE41, plain},
	{decode.PMOVZXBD, widen(1, 4, false), 0, SSE41, plain},
	{decode.PMOVZXBQ, widen(1, 8, false), 0, SSE41, plain},
	{decode.PMOVZXWD, widen(2, 4, false), 0, SSE41, plain},
	{decode.PMOVZXWQ, widen(2, 8, false), 0, SSE41, plain},
	{decode.PMOVZXDQ, widen(4, 8, false), 0, SSE41, plain},
	{decode.PINSRB, insertElement(1), 0, SSE41, plain},
	{decode.PINSRD, insertElement(4), 0, SSE41, plain},
	{decode.PINSRQ, insertElement(8), 0, SSE41, plain},
	{decode.PEXTRB, extractElement(1), 0, SSE41, plain},
	{decode.PEXTRD, extractElement(4), 0, SSE41, plain},
	{decode.PEXTRQ, extractElement(8), 0, SSE41, plain},
	{decode.EXTRACTPS, extractElement(4), 0, SSE41, plain},
	{decode.INSERTPS, insertps, 0, SSE41, plain},
	{decode.PBLENDW, blend(2), 0, SSE41, plain},
	{decode.BLENDPS, blend(4), 0, SSE41, plain},
	{decode.BLENDPD, blend(8), 0, SSE41, plain},
	{decode.PBLENDVB, blendv(1), 0, SSE41, plain},
	{decode.BLENDVPS, blendv(4), 0, SSE41, plain},
	{decode.BLENDVPD, blendv(8), 0, SSE41, plain},
	{decode.PTEST, ptest, 0, SSE41, plain},
	{decode.MOVNTDQA, movaps, 0, SSE41, plain},
	{decode.MPSADBW, mpsadbw, 0, SSE41, plain},
	{decode.PHMINPOSUW, phminposuw, 0, SSE41, plain},
}

var _ = addRows(sse41Rows)

func packusdw(lo, hi uint64) uint64 {
	return uint64(satu16(int32(lo))) | uint64(satu16(int32(lo>>32)))<<16 |
		uint64(satu16(int32(hi)))<<32 | uint64(satu16(int32(hi>>32)))<<48
}

// widen extends the low elements. SDM vol. 2B, PMOVSX, PMOVZX.
func widen(from, to uint8, signed bool) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		b, f := c.xmmSrc(in, in.Args[1])
		if f != nil {
			return f
		}
		var r XMMReg
		for i := range int64(16 / to) {
			v := b.extract(i, from)
			if signed {
				v = sext(v, from)
			}
			r.insert(i, to, v)
		}
		*c.xmm(in.Args[0]) = r
		return nil
	}
}

// insertElement is the body of PINSRB, PINSRD and PINSRQ. SDM vol. 2B, PINSRB.
func insertElement(width uint8) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		v, f := c.get(in, in.Args[1], width)
		if f != nil {
			return f
		}
		c.xmm(in.Args[0]).insert(in.Imm, width, v)
		return nil
	}
}

// extractElement is the body of PEXTRB, PEXTRD, PEXTRQ and EXTRACTPS. SDM vol. 2B, PEXTRB; vol. 2A, EXTRACTPS.
func extractElement(width uint8) body {
	return func(c *CPU, in *Inst) *x86.Fault { return c.putElement(in, width) }
}

// insertps inserts a single, picked by bits 7:6 of the immediate where it comes from a register, and clears those of
// bits 3:0. SDM vol. 2A, INSERTPS.
func insertps(c *CPU, in *Inst) *x86.Fault {
	var v uint32
	if s := in.Args[1]; s.Class() == decode.XMM {
		v = c.xmm(s).u32(int(in.Imm) >> 6 & 3)
	} else {
		var f *x86.Fault
		if v, f = c.low32(in, s); f != nil {
			return f
		}
	}
	d := c.xmm(in.Args[0])
	e := d.elements()
	e[in.Imm>>4&3] = v
	for i := range e {
		if in.Imm>>i&1 != 0 {
			e[i] = 0
		}
	}
	*d = quads(e)
	return nil
}

// blend takes the elements whose bit of the immediate is set from the second operand. SDM vol. 2A, BLENDPS.
func blend(width uint8) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		b, f := c.xmmSrc(in, in.Args[1])
		if f != nil {
			return f
		}
		d := c.xmm(in.Args[0])
		for i := range int64(16 / width) {
			if in.Imm>>i&1 != 0 {
				d.insert(i, width, b.extract(i, width))
			}
		}
		return nil
	}
}

// blendv takes the elements whose top bit is set in XMM0 from the second operand. SDM vol. 2A, BLENDVPS.
func blendv(width uint8) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		b, f := c.xmmSrc(in, in.Args[1])
		if f != nil {
			return f
		}
		d, mask := c.xmm(in.Args[0]), c.XMM[0]
		for i := range int64(16 / width) {
			if mask.extract(i, width)>>(8*width-1) != 0 {
				d.insert(i, width, b.extract(i, width))
			}
		}
		return nil
	}
}

// ptest sets ZF where first AND second is 0 and CF where NOT first AND second is. SDM vol. 2B, PTEST.
func ptest(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	var flags uint64
	if d[0]&b[0]|d[1]&b[1] == 0 {
		flags |= x86.FlagZF
	}
	if b[0]&^d[0]|b[1]&^d[1] == 0 {
		flags |= x86.FlagCF
	}
	c.flags.set(flags)
	return nil
}

// mpsadbw sums absolute differences of four bytes of the second operand against eight overlapping groups of the first.
// SDM vol. 2B, MPSADBW.
func mpsadbw(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	x, y := d.bytes(), b.bytes()
	xo, yo := int(in.Imm>>2&1)*4, int(in.Imm&3)*4
	for i := range 8 {
		sum := 0
		for j := range 4 {
			p, q := int(x[xo+i+j]), int(y[yo+j])
			sum += max(p, q) - min(p, q)
		}
		d.insert(int64(i), 2, uint64(sum))
	}
	return nil
}

// phminposuw finds the least word and its lowest index. SDM vol. 2B, PHMINPOSUW.
func phminposuw(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	least, at := b.extract(0, 2), int64(0)
	for i := int64(1); i < 8; i++ {
		if v := b.extract(i, 2); v < least {
			least, at = v, i
		}
	}
	*c.xmm(in.Args[0]) = XMMReg{least | uint64(at)<<16}
	return nil
}
