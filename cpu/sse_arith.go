package cpu

import (
	"math"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var sseArithRows = []row{
	{decode.ADDSD, addsd, 0, SSE2, plain},
	{decode.SUBSD, subsd, 0, SSE2, plain},
	{decode.MULSD, mulsd, 0, SSE2, plain},
	{decode.DIVSD, divsd, 0, SSE2, plain},
	{decode.SQRTSD, sqrtsd, 0, SSE2, plain},
	{decode.MINSD, scalarDouble(opMin), 0, SSE2, plain},
	{decode.MAXSD, scalarDouble(opMax), 0, SSE2, plain},
	{decode.ADDSS, addss, 0, SSE, plain},
	{decode.SUBSS, subss, 0, SSE, plain},
	{decode.MULSS, mulss, 0, SSE, plain},
	{decode.DIVSS, divss, 0, SSE, plain},
	{decode.SQRTSS, scalarSingle(opSqrt), 0, SSE, plain},
	{decode.MINSS, scalarSingle(opMin), 0, SSE, plain},
	{decode.MAXSS, scalarSingle(opMax), 0, SSE, plain},
	{decode.ADDPD, packedDouble(opAdd), 0, SSE2, plain},
	{decode.SUBPD, packedDouble(opSub), 0, SSE2, plain},
	{decode.MULPD, packedDouble(opMul), 0, SSE2, plain},
	{decode.DIVPD, packedDouble(opDiv), 0, SSE2, plain},
	{decode.SQRTPD, packedDouble(opSqrt), 0, SSE2, plain},
	{decode.MINPD, packedDouble(opMin), 0, SSE2, plain},
	{decode.MAXPD, packedDouble(opMax), 0, SSE2, plain},
	{decode.ADDPS, packedSingle(opAdd), 0, SSE, plain},
	{decode.SUBPS, packedSingle(opSub), 0, SSE, plain},
	{decode.MULPS, packedSingle(opMul), 0, SSE, plain},
	{decode.DIVPS, packedSingle(opDiv), 0, SSE, plain},
	{decode.SQRTPS, packedSingle(opSqrt), 0, SSE, plain},
	{decode.MINPS, packedSingle(opMin), 0, SSE, plain},
	{decode.MAXPS, packedSingle(opMax), 0, SSE, plain},
}

var _ = addRows(sseArithRows)

// floatOp is an operation on two numbers; opSqrt takes the second alone.
type floatOp uint8

const (
	opAdd floatOp = iota
	opSub
	opMul
	opDiv
	opSqrt
	opMin
	opMax
)

var softOps = [...]func(f *floatFormat, a, b uint64, mxcsr uint32) (uint64, uint32){
	opAdd: (*floatFormat).add, opSub: (*floatFormat).sub, opMul: (*floatFormat).mul, opDiv: (*floatFormat).div,
	opSqrt: (*floatFormat).sqrt, opMin: (*floatFormat).min, opMax: (*floatFormat).max,
}

// The host's arithmetic is IEEE's in round-to-nearest with everything masked, so it serves while MXCSR says that and
// operands and result are ordinary: normal, and far enough from the ends of the exponent range. What is left to find
// out is whether the result is exact, and not even that once PE is set, as it soon is in any computation.

// quietMXCSR reports whether the only exception that an ordinary operation can meet is recorded already.
func (c *CPU) quietMXCSR() bool { return c.MXCSR&^0x1f == mxDefault|mxPE }

// normal64 reports whether v is a normal number.
func normal64(v uint64) bool { return (v>>52+1)&0x7ff > 1 }

// normal32 reports whether v is a normal number.
func normal32(v uint32) bool { return (v>>23+1)&0xff > 1 }

// inner64 reports whether the exponent of v is so far from its ends that errors of operations on such numbers are
// representable and underflow cannot happen.
func inner64(v uint64) bool { return v>>52&0x7ff-128 < 0x700 }

// inner32 reports whether v is neither the least nor the largest binade of normal numbers, nor outside them.
func inner32(v uint32) bool { return v>>23&0xff-2 < 0xfc }

// double computes r = a op b.
func (op floatOp) double(a, b uint64, mxcsr uint32) (uint64, uint32) {
	if mxcsr&^mxFlags == mxDefault && inner64(a) && inner64(b) {
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		var r, err float64
		switch op {
		case opAdd:
			r = x + y
			err = sumError(x, y, r)
		case opSub:
			r = x - y
			err = sumError(x, -y, r)
		case opMul:
			r = x * y
			err = math.FMA(x, y, -r)
		case opDiv:
			r = x / y
			err = math.FMA(r, y, -x)
		}
		if v := math.Float64bits(r); inner64(v) {
			if err != 0 {
				return v, mxPE
			}
			return v, 0
		}
	}
	return softOps[op](double, a, b, mxcsr)
}

// sumError is x + y - r, exactly, where r is x + y rounded (Knuth's TwoSum).
func sumError(x, y, r float64) float64 {
	t := r - x
	return (x - (r - t)) + (y - t)
}

// single computes r = a op b.
func (op floatOp) single(a, b uint32, mxcsr uint32) (uint32, uint32) {
	if mxcsr&^mxFlags == mxDefault && inner32(a) && inner32(b) {
		// 53 bits are enough that rounding twice is rounding once, and that no inexact quotient or root looks exact.
		x, y := float64(math.Float32frombits(a)), float64(math.Float32frombits(b))
		var r, err float64
		switch op {
		case opAdd:
			r = x + y
			err = sumError(x, y, r)
		case opSub:
			r = x - y
			err = sumError(x, -y, r)
		case opMul:
			r = x * y
		case opDiv:
			r = x / y
		}
		if v := math.Float32bits(float32(r)); inner32(v) {
			if err != 0 || float64(float32(r)) != r {
				return v, mxPE
			}
			return v, 0
		}
	}
	r, met := softOps[op](single, uint64(a), uint64(b), mxcsr)
	return uint32(r), met
}

// quietDouble computes r = a op b where MXCSR is quiet; ok is false where that has to be done properly.
func (op floatOp) quietDouble(a, b uint64) (r uint64, ok bool) {
	x, y := math.Float64frombits(a), math.Float64frombits(b)
	switch op {
	case opAdd:
		x += y
	case opSub:
		x -= y
	case opMul:
		x *= y
	case opDiv:
		x /= y
	default:
		return 0, false
	}
	r = math.Float64bits(x)
	return r, normal64(a) && normal64(b) && inner64(r)
}

// quietSingle is quietDouble for singles.
func (op floatOp) quietSingle(a, b uint32) (r uint32, ok bool) {
	x, y := math.Float32frombits(a), math.Float32frombits(b)
	switch op {
	case opAdd:
		x += y
	case opSub:
		x -= y
	case opMul:
		x *= y
	case opDiv:
		x /= y
	default:
		return 0, false
	}
	r = math.Float32bits(x)
	return r, normal32(a) && normal32(b) && inner32(r)
}

// scalarDouble is the body of an operation on the low doubles.
func scalarDouble(op floatOp) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		b, f := c.low64(in, in.Args[1])
		if f != nil {
			return f
		}
		return c.lowDouble(op, &c.xmm(in.Args[0])[0], b)
	}
}

func (c *CPU) lowDouble(op floatOp, d *uint64, b uint64) *x86.Fault {
	r, met := op.double(*d, b, c.MXCSR)
	if met != 0 {
		if f := c.raiseSIMD(met); f != nil {
			return f
		}
	}
	*d = r
	return nil
}

// scalarSingle is the body of an operation on the low singles.
func scalarSingle(op floatOp) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		b, f := c.low32(in, in.Args[1])
		if f != nil {
			return f
		}
		return c.lowSingle(op, c.xmm(in.Args[0]), b)
	}
}

func (c *CPU) lowSingle(op floatOp, d *XMMReg, b uint32) *x86.Fault {
	r, met := op.single(uint32(d[0]), b, c.MXCSR)
	if met != 0 {
		if f := c.raiseSIMD(met); f != nil {
			return f
		}
	}
	d.setLow32(r)
	return nil
}

// packedDouble is the body of an operation on two doubles.
func packedDouble(op floatOp) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		b, f := c.xmmSrc(in, in.Args[1])
		if f != nil {
			return f
		}
		d := c.xmm(in.Args[0])
		if c.quietMXCSR() {
			r0, ok0 := op.quietDouble(d[0], b[0])
			r1, ok1 := op.quietDouble(d[1], b[1])
			if ok0 && ok1 {
				*d = XMMReg{r0, r1}
				return nil
			}
		}
		r0, m0 := op.double(d[0], b[0], c.MXCSR)
		r1, m1 := op.double(d[1], b[1], c.MXCSR)
		if m0|m1 != 0 {
			if f := c.raiseSIMD(m0 | m1); f != nil {
				return f
			}
		}
		*d = XMMReg{r0, r1}
		return nil
	}
}

// packedSingle is the body of an operation on four singles.
func packedSingle(op floatOp) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		b, f := c.xmmSrc(in, in.Args[1])
		if f != nil {
			return f
		}
		d := c.xmm(in.Args[0])
		if c.quietMXCSR() {
			r0, ok0 := op.quietSingle(uint32(d[0]), uint32(b[0]))
			r1, ok1 := op.quietSingle(uint32(d[0]>>32), uint32(b[0]>>32))
			r2, ok2 := op.quietSingle(uint32(d[1]), uint32(b[1]))
			r3, ok3 := op.quietSingle(uint32(d[1]>>32), uint32(b[1]>>32))
			if ok0 && ok1 && ok2 && ok3 {
				*d = quads([4]uint32{r0, r1, r2, r3})
				return nil
			}
		}
		var r [4]uint32
		var met uint32
		for i := range r {
			var m uint32
			r[i], m = op.single(d.u32(i), b.u32(i), c.MXCSR)
			met |= m
		}
		if met != 0 {
			if f := c.raiseSIMD(met); f != nil {
				return f
			}
		}
		*d = quads(r)
		return nil
	}
}
