package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var x87FunctionRows = []row{
	{decode.FSIN, ftrig, 0, X87, plain},
	{decode.FCOS, ftrig, 0, X87, plain},
	{decode.FSINCOS, ftrig, 0, X87, plain},
	{decode.FPTAN, ftrig, 0, X87, plain},
	{decode.F2XM1, f2xm1, 0, X87, plain},
	{decode.FYL2X, fbinary, 0, X87, plain},
	{decode.FYL2XP1, fbinary, 0, X87, plain},
	{decode.FPATAN, fbinary, 0, X87, plain},
}

var _ = addRows(x87FunctionRows)

// functionRounder returns the rounder of a transcendental instruction: precision control does not apply.
func (f *fpu) functionRounder() rounder {
	r := f.rounder()
	r.prec = 64
	return r
}

// ftrig is the trigonometric instructions: FSIN and FCOS replace ST(0); FSINCOS pushes the cosine after the sine and FPTAN
// a 1 after the tangent. Arguments from 2^63 on set C2 and nothing else. SDM vol. 2A, FSIN, FCOS, FSINCOS, FPTAN.
func ftrig(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u := &c.FPU
	pushes := in.Op == decode.FSINCOS || in.Op == decode.FPTAN
	u.status &^= x87C2
	if u.empty(0) || pushes && !u.empty(-1) {
		full := !u.empty(0)
		masked := u.underflow()
		u.setC1(full)
		if masked {
			u.set(0, indefinite80)
			if pushes {
				u.setTop(u.top() - 1)
				u.set(0, indefinite80)
			}
		}
		return nil
	}
	r, v := u.functionRounder(), u.get(0)
	if v.class() == normal80 && v.exp() >= bias80+63 {
		u.setC1(false)
		u.status |= x87C2
		return nil
	}
	first, second := r.trig(in.Op, v)
	if r.flags&^u.control&x87Before == 0 && pushes {
		u.finish(&r, 0, first, false)
		up := r.up
		u.push(second)
		u.setC1(up)
		return nil
	}
	u.finish(&r, 0, first, false)
	return nil
}

// trig computes the one or two results of a trigonometric instruction.
func (r *rounder) trig(op decode.Op, v float80) (first, second float80) {
	if nan, done := r.nans(v, one80); done {
		return nan, nan
	}
	if v.isInf() {
		return r.invalid(), indefinite80
	}
	if v.isZero() {
		if op == decode.FCOS {
			return one80, one80
		}
		return v, one80
	}
	r.denormals(0, v)
	if op == decode.FPTAN {
		return r.wide(tan(v.unpack())), one80
	}
	sin, cos := sinCos(v.unpack())
	switch op {
	case decode.FSIN:
		return r.wide(sin), v
	case decode.FCOS:
		return r.wide(cos), v
	}
	first = r.wide(sin)
	return first, r.wide(cos)
}

// f2xm1 computes 2^ST(0) - 1. SDM vol. 2A, F2XM1.
func f2xm1(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u := &c.FPU
	if u.empty(0) {
		if u.underflow() {
			u.set(0, indefinite80)
		}
		return nil
	}
	r, v := u.functionRounder(), u.get(0)
	if nan, done := r.nans(v, one80); done {
		v = nan
	} else if !v.isZero() {
		r.denormals(0, v)
		switch {
		case v.isInf() && v.negative():
			v = one80.neg()
		case v.isInf():
		case v == one80.neg():
			v = r.inexact(float80{integer80, bias80 - 1 | 0x8000})
		case v.exp() >= bias80: // 2^1 - 1; undefined above, where AMD's processors leave the operand too
			v = r.inexact(v)
		default:
			v = r.wide(v.unpack().wide().exp2m1())
		}
	}
	u.finish(&r, 0, v, false)
	return nil
}

// fbinary is the functions of ST(1) and ST(0) that replace ST(1) and pop. SDM vol. 2A, FYL2X, FYL2XP1, FPATAN.
func fbinary(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u := &c.FPU
	if u.empty(0) || u.empty(1) {
		if u.underflow() {
			u.set(1, indefinite80)
			u.pop()
		}
		return nil
	}
	x, y := u.get(0), u.get(1)
	r := u.functionRounder()
	v, done := r.nans(x, y)
	if !done {
		switch in.Op {
		case decode.FPATAN:
			v = r.atan2(y, x)
		case decode.FYL2X:
			v = r.yl2x(y, x)
		default:
			v = r.yl2xp1(y, x)
		}
	}
	u.finish(&r, 1, v, true)
	return nil
}

// inexact reports an exact result as inexact, which the functions always do when they compute.
func (r *rounder) inexact(v float80) float80 {
	r.flags |= x87PE
	if v.class() == denormal80 {
		r.flags |= x87UE
	}
	return v
}

// yl2x is y·log2 x: SDM vol. 2A, table 3-46.
func (r *rounder) yl2x(y, x float80) float80 {
	switch {
	case x.isZero():
		if y.isZero() {
			return r.invalid()
		}
		if !y.isInf() {
			r.flags |= x87ZE
		}
		return signed80(infinity80, !y.negative())
	case x.negative():
		return r.invalid()
	}
	below := x.exp() < bias80 // x is below 1
	neg := y.negative() != below
	switch {
	case x == one80 && y.isInf(), x.isInf() && y.isZero():
		return r.invalid()
	case x.isInf() || y.isInf():
		r.denormals(0, x, y)
		return signed80(infinity80, neg)
	case x == one80:
		r.denormals(0, y)
		return signed80(float80{}, y.negative())
	case y.isZero():
		r.denormals(0, x)
		return signed80(float80{}, neg)
	}
	r.denormals(0, x, y)
	n := x.unpack()
	if n.sig == integer80 { // a power of 2: its logarithm is an integer
		return r.inexact(r.mul(y.unpack(), fromInt80(int64(n.exp)).unpack()))
	}
	return r.wide(y.unpack().wide().mul(n.wide().log2()))
}

// yl2xp1 is y·log2(x+1): SDM vol. 2A, table 3-47. It leaves x undefined beyond ±(1-√½): what has a logarithm gets it, and
// from -1 down the operand is the result, as AMD's processors have it.
func (r *rounder) yl2xp1(y, x float80) float80 {
	neg := y.negative() != x.negative()
	switch {
	case x.isZero() && y.isInf(), x.isInf() && (x.negative() || y.isZero()):
		return r.invalid()
	case x.isInf():
		r.denormals(0, y)
		return signed80(infinity80, neg)
	case x.negative() && x.exp() >= bias80:
		r.denormals(0, y)
		return r.inexact(x)
	case x.isZero() || y.isZero():
		r.denormals(0, x, y)
		return signed80(float80{}, neg)
	case y.isInf():
		r.denormals(0, x)
		return signed80(infinity80, neg)
	}
	r.denormals(0, x, y)
	return r.wide(y.unpack().wide().mul(x.unpack().wide().log2p1()))
}

// atan2 is the angle of (x, y): SDM vol. 2A, table 3-30.
func (r *rounder) atan2(y, x float80) float80 {
	r.denormals(0, x, y)
	angle := func(eighths int) float80 { // of a full circle's half
		a := widePi.mul(wideInt(eighths)).scale(-2)
		a.neg = y.negative()
		return r.wide(a)
	}
	switch {
	case y.isInf() && x.isInf() && x.negative():
		return angle(3)
	case y.isInf() && x.isInf():
		return angle(1)
	case y.isInf() || x.isZero() && !y.isZero():
		return angle(2)
	case x.negative() && (x.isInf() || y.isZero()):
		return angle(4)
	case x.isInf() || y.isZero():
		return signed80(float80{}, y.negative())
	}
	return r.wide(atan2(y.unpack(), x.unpack()))
}
