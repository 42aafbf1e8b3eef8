package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var sse41FloatRows = []row{
	{decode.ROUNDSS, roundss, 0, SSE41, plain},
	{decode.ROUNDSD, roundsd, 0, SSE41, plain},
	{decode.ROUNDPS, roundps, 0, SSE41, plain},
	{decode.ROUNDPD, roundpd, 0, SSE41, plain},
	{decode.DPPS, dpps, 0, SSE41, plain},
	{decode.DPPD, dppd, 0, SSE41, plain},
}

var _ = addRows(sse41FloatRows)

// integral rounds to an integral number as the immediate of ROUNDxx says: bits 1:0 are the mode, bit 2 takes MXCSR's
// instead, bit 3 keeps silent about inexact results. Denormals are no exception here.
func (f *floatFormat) integral(v uint64, imm int64, mxcsr uint32) (uint64, uint32) {
	rc := uint32(imm) & 3
	if imm&4 != 0 {
		rc = mxcsr >> mxRCShift & 3
	}
	if f.isNaN(v) {
		return f.nan(v, v)
	}
	if mxcsr&mxDAZ != 0 && f.isDenormal(v) {
		return v & f.sign(), 0
	}
	if f.isInf(v) || f.isZero(v) {
		return v, 0
	}
	u := f.unpack(v)
	if u.exp >= int(f.frac) {
		return v, 0
	}
	n, exact := u.integer(rc)
	r := v & f.sign()
	if n != 0 {
		whole, _ := f.round(unpacked{exp: 62, sig: n}, mxDefault) // at most frac+1 bits: exact
		r |= whole
	}
	if exact || imm&8 != 0 {
		return r, 0
	}
	return r, mxPE
}

// roundss rounds the low single. SDM vol. 2B, ROUNDSS.
func roundss(c *CPU, in *Inst) *x86.Fault {
	v, f := c.low32(in, in.Args[1])
	if f != nil {
		return f
	}
	r, met := single.integral(uint64(v), in.Imm, c.MXCSR)
	if f := c.raiseSIMD(met); f != nil {
		return f
	}
	c.xmm(in.Args[0]).setLow32(uint32(r))
	return nil
}

// roundsd rounds the low double. SDM vol. 2B, ROUNDSD.
func roundsd(c *CPU, in *Inst) *x86.Fault {
	v, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	r, met := double.integral(v, in.Imm, c.MXCSR)
	if f := c.raiseSIMD(met); f != nil {
		return f
	}
	c.xmm(in.Args[0])[0] = r
	return nil
}

// roundps rounds four singles. SDM vol. 2B, ROUNDPS.
func roundps(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	var r [4]uint32
	var met uint32
	for i := range r {
		v, m := single.integral(uint64(b.u32(i)), in.Imm, c.MXCSR)
		r[i], met = uint32(v), met|m
	}
	return c.commitXMM(in, quads(r), met)
}

// roundpd rounds two doubles. SDM vol. 2B, ROUNDPD.
func roundpd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	r0, m0 := double.integral(b[0], in.Imm, c.MXCSR)
	r1, m1 := double.integral(b[1], in.Imm, c.MXCSR)
	return c.commitXMM(in, XMMReg{r0, r1}, m0|m1)
}

// dpps multiplies the singles that the upper half of the immediate picks, adds the products in pairs and then the pairs,
// and puts the sum where the lower half says, 0 elsewhere. Each step rounds. SDM vol. 2A, DPPS.
func dpps(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	var e [4]uint32
	var met uint32
	step := func(op floatOp, x, y uint32) uint32 {
		r, m := op.single(x, y, c.MXCSR)
		met |= m
		return r
	}
	for i := range e {
		if in.Imm>>(4+i)&1 != 0 {
			e[i] = step(opMul, d.u32(i), b.u32(i))
		}
	}
	sum := step(opAdd, step(opAdd, e[0], e[1]), step(opAdd, e[2], e[3]))
	for i := range e {
		e[i] = 0
		if in.Imm>>i&1 != 0 {
			e[i] = sum
		}
	}
	return c.commitXMM(in, quads(e), met)
}

// dppd is dpps with two doubles. SDM vol. 2A, DPPD.
func dppd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	var e XMMReg
	var met uint32
	for i := range e {
		if in.Imm>>(4+i)&1 != 0 {
			r, m := opMul.double(d[i], b[i], c.MXCSR)
			e[i], met = r, met|m
		}
	}
	sum, m := opAdd.double(e[0], e[1], c.MXCSR)
	for i := range e {
		e[i] = 0
		if in.Imm>>i&1 != 0 {
			e[i] = sum
		}
	}
	return c.commitXMM(in, e, met|m)
}
