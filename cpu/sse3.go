package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var sse3Rows = []row{
	{decode.ADDSUBPS, addsubps, 0, SSE3, plain},
	{decode.ADDSUBPD, addsubpd, 0, SSE3, plain},
	{decode.HADDPS, horizontalSingle(opAdd), 0, SSE3, plain},
	{decode.HSUBPS, horizontalSingle(opSub), 0, SSE3, plain},
	{decode.HADDPD, horizontalDouble(opAdd), 0, SSE3, plain},
	{decode.HSUBPD, horizontalDouble(opSub), 0, SSE3, plain},
	{decode.MOVSHDUP, movshdup, 0, SSE3, plain},
	{decode.MOVSLDUP, movsldup, 0, SSE3, plain},
	{decode.MOVDDUP, movddup, 0, SSE3, plain},
	{decode.LDDQU, movups, 0, SSE3, plain},
}

var _ = addRows(sse3Rows)

// addsubps subtracts the even and adds the odd singles. SDM vol. 2A, ADDSUBPS.
func addsubps(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	var r [4]uint32
	var met uint32
	for i := range r {
		op := opSub
		if i&1 != 0 {
			op = opAdd
		}
		v, m := op.single(d.u32(i), b.u32(i), c.MXCSR)
		r[i], met = v, met|m
	}
	return c.commitXMM(in, quads(r), met)
}

// addsubpd subtracts the low and adds the high doubles. SDM vol. 2A, ADDSUBPD.
func addsubpd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	r0, m0 := opSub.double(d[0], b[0], c.MXCSR)
	r1, m1 := opAdd.double(d[1], b[1], c.MXCSR)
	return c.commitXMM(in, XMMReg{r0, r1}, m0|m1)
}

// horizontalSingle combines neighbours of the first, then of the second operand. SDM vol. 2A, HADDPS, HSUBPS.
func horizontalSingle(op floatOp) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		b, f := c.xmmSrc(in, in.Args[1])
		if f != nil {
			return f
		}
		d := c.xmm(in.Args[0])
		var r [4]uint32
		var met uint32
		for i := range r {
			s := d
			if i >= 2 {
				s = &b
			}
			v, m := op.single(s.u32(i&1*2), s.u32(i&1*2+1), c.MXCSR)
			r[i], met = v, met|m
		}
		return c.commitXMM(in, quads(r), met)
	}
}

// horizontalDouble combines the halves of the first, then of the second operand. SDM vol. 2A, HADDPD, HSUBPD.
func horizontalDouble(op floatOp) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		b, f := c.xmmSrc(in, in.Args[1])
		if f != nil {
			return f
		}
		d := c.xmm(in.Args[0])
		r0, m0 := op.double(d[0], d[1], c.MXCSR)
		r1, m1 := op.double(b[0], b[1], c.MXCSR)
		return c.commitXMM(in, XMMReg{r0, r1}, m0|m1)
	}
}

// movshdup doubles the odd singles. SDM vol. 2B, MOVSHDUP.
func movshdup(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	*c.xmm(in.Args[0]) = quads([4]uint32{b.u32(1), b.u32(1), b.u32(3), b.u32(3)})
	return nil
}

// movsldup doubles the even singles. SDM vol. 2B, MOVSLDUP.
func movsldup(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	*c.xmm(in.Args[0]) = quads([4]uint32{b.u32(0), b.u32(0), b.u32(2), b.u32(2)})
	return nil
}

// movddup doubles the low double. SDM vol. 2B, MOVDDUP.
func movddup(c *CPU, in *Inst) *x86.Fault {
	v, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	*c.xmm(in.Args[0]) = XMMReg{v, v}
	return nil
}
