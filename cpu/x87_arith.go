package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var x87ArithRows = []row{
	{decode.FADD, farith, 0, X87, plain},
	{decode.FADDP, farith, 0, X87, plain},
	{decode.FIADD, farith, 0, X87, plain},
	{decode.FSUB, farith, 0, X87, plain},
	{decode.FSUBP, farith, 0, X87, plain},
	{decode.FISUB, farith, 0, X87, plain},
	{decode.FSUBR, farith, 0, X87, plain},
	{decode.FSUBRP, farith, 0, X87, plain},
	{decode.FISUBR, farith, 0, X87, plain},
	{decode.FMUL, farith, 0, X87, plain},
	{decode.FMULP, farith, 0, X87, plain},
	{decode.FIMUL, farith, 0, X87, plain},
	{decode.FDIV, farith, 0, X87, plain},
	{decode.FDIVP, farith, 0, X87, plain},
	{decode.FIDIV, farith, 0, X87, plain},
	{decode.FDIVR, farith, 0, X87, plain},
	{decode.FDIVRP, farith, 0, X87, plain},
	{decode.FIDIVR, farith, 0, X87, plain},
	{decode.FSQRT, funary, 0, X87, plain},
	{decode.FRNDINT, funary, 0, X87, plain},
	{decode.FSCALE, fscale, 0, X87, plain},
	{decode.FXTRACT, fxtract, 0, X87, plain},
	{decode.FPREM, fprem, 0, X87, plain},
	{decode.FPREM1, fprem, 0, X87, plain},
}

var _ = addRows(x87ArithRows)

// arith80 says what an arithmetic instruction does: the operation, whether the operands change places, whether memory is an
// integer and whether the stack is popped.
type arith80 struct {
	op                     byte
	reverse, integer, pops bool
}

var arith80s = [decode.NumOps]arith80{
	decode.FADD: {op: '+'}, decode.FADDP: {op: '+', pops: true}, decode.FIADD: {op: '+', integer: true},
	decode.FSUB: {op: '-'}, decode.FSUBP: {op: '-', pops: true}, decode.FISUB: {op: '-', integer: true},
	decode.FSUBR: {op: '-', reverse: true}, decode.FSUBRP: {op: '-', reverse: true, pops: true},
	decode.FISUBR: {op: '-', reverse: true, integer: true},
	decode.FMUL:   {op: '*'}, decode.FMULP: {op: '*', pops: true}, decode.FIMUL: {op: '*', integer: true},
	decode.FDIV: {op: '/'}, decode.FDIVP: {op: '/', pops: true}, decode.FIDIV: {op: '/', integer: true},
	decode.FDIVR: {op: '/', reverse: true}, decode.FDIVRP: {op: '/', reverse: true, pops: true},
	decode.FIDIVR: {op: '/', reverse: true, integer: true},
}

// farith is the four operations in all their forms: ST(0) with memory, or two registers, the destination first.
// SDM vol. 2A, FADD, FDIV, FDIVR, FMUL, FSUB, FSUBR.
func farith(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	kind, u := arith80s[in.Op], &c.FPU
	dst, missing := 0, u.empty(0)
	var b float80
	var met uint16
	if in.Args[0].Class() == decode.Mem {
		var f *x86.Fault
		if b, met, f = c.x87Load(in, kind.integer); f != nil {
			return f
		}
	} else {
		dst = in.Args[0].Num()
		src := in.Args[1].Num()
		b = u.get(src)
		missing = u.empty(dst) || u.empty(src)
	}
	if missing {
		if u.underflow() {
			u.set(dst, indefinite80)
			if kind.pops {
				u.pop()
			}
		}
		return nil
	}
	a := u.get(dst)
	if kind.reverse {
		a, b = b, a
	}
	r := u.rounder()
	v := r.arith(kind.op, a, b, met)
	u.finish(&r, dst, v, kind.pops)
	return nil
}

// x87Before are the exceptions found before anything is computed; unmasked, they keep the others from being noticed.
const x87Before = x87IE | x87DE | x87ZE

// finish records the exceptions of an operation, stores its result where none of the unmasked ones forbids it, and pops.
func (f *fpu) finish(r *rounder, dst int, v float80, pops bool) {
	if r.flags&^f.control&x87Before != 0 {
		f.setC1(false)
		f.met(r.flags & x87Before)
		return
	}
	f.setC1(r.up)
	f.met(r.flags)
	f.set(dst, v)
	if pops {
		f.pop()
	}
}

// nans answers operations with a NaN or an unsupported operand (SDM vol. 1 4.8.3.5 and table 4-7); done is false where
// there is none.
func (r *rounder) nans(a, b float80) (v float80, done bool) {
	ca, cb := a.class(), b.class()
	if ca == unsupported80 || cb == unsupported80 {
		r.flags |= x87IE
		return indefinite80, true
	}
	if ca != nan80 && cb != nan80 {
		return v, false
	}
	if a.isSNaN() || b.isSNaN() {
		r.flags |= x87IE
	}
	switch {
	case cb != nan80:
		v = a
	case ca != nan80:
		v = b
	case a.isSNaN() && !b.isSNaN():
		v = b
	case b.isSNaN() && !a.isSNaN():
		v = a
	case a.frac|quiet80 > b.frac|quiet80, a.frac|quiet80 == b.frac|quiet80 && b.negative():
		v = a
	default:
		v = b
	}
	v.frac |= quiet80
	return v, true
}

// denormals notes denormal operands.
func (r *rounder) denormals(met uint16, operands ...float80) {
	for _, v := range operands {
		if v.class() == denormal80 {
			r.flags |= x87DE
		}
	}
	r.flags |= met & x87DE
}

// invalid is the answer to an operation without a result.
func (r *rounder) invalid() float80 {
	r.flags = r.flags&^x87DE | x87IE
	return indefinite80
}

// arith is a op b.
func (r *rounder) arith(op byte, a, b float80, met uint16) float80 {
	if a.isNormal() && b.isNormal() && met == 0 { // nearly always
		x, y := a.unpackNormal(), b.unpackNormal()
		switch op {
		case '-':
			y.neg = !y.neg
			return r.add(x, y)
		case '+':
			return r.add(x, y)
		case '*':
			return r.mul(x, y)
		}
		return r.div(x, y)
	}
	if v, done := r.nans(a, b); done {
		return v
	}
	r.denormals(met, a, b)
	neg := a.negative() != b.negative()
	switch op {
	case '-':
		return r.sum(a, b.neg())
	case '+':
		return r.sum(a, b)
	case '*':
		switch {
		case a.isInf() && b.isZero() || a.isZero() && b.isInf():
			return r.invalid()
		case a.isInf() || b.isInf():
			return signed80(infinity80, neg)
		case a.isZero() || b.isZero():
			return signed80(float80{}, neg)
		}
		return r.mul(a.unpack(), b.unpack())
	}
	switch {
	case a.isInf() && b.isInf() || a.isZero() && b.isZero():
		return r.invalid()
	case a.isInf():
		return signed80(infinity80, neg)
	case b.isZero():
		r.flags = r.flags&^x87DE | x87ZE
		return signed80(infinity80, neg)
	case a.isZero() || b.isInf():
		return signed80(float80{}, neg)
	}
	return r.div(a.unpack(), b.unpack())
}

func (r *rounder) sum(a, b float80) float80 {
	switch {
	case a.isInf() && b.isInf():
		if a.negative() != b.negative() {
			return r.invalid()
		}
		return a
	case a.isInf():
		return a
	case b.isInf():
		return b
	case a.isZero() && b.isZero():
		if a.negative() != b.negative() {
			return signed80(float80{}, r.rc == roundDown)
		}
		return a
	case a.isZero():
		return r.pass(b)
	case b.isZero():
		return r.pass(a)
	}
	return r.add(a.unpack(), b.unpack())
}

// pass rounds a number to the precision.
func (r *rounder) pass(v float80) float80 {
	u := v.unpack()
	return r.round(u.neg, u.exp, u.sig, 0, false)
}

// funary is FSQRT and FRNDINT. SDM vol. 2A, FSQRT, FRNDINT.
func funary(c *CPU, in *Inst) *x86.Fault {
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
	r, v := u.rounder(), u.get(0)
	if nan, done := r.nans(v, one80); done {
		v = nan
	} else if !v.isZero() {
		r.denormals(0, v)
		switch {
		case in.Op == decode.FRNDINT && v.isInf():
		case in.Op == decode.FRNDINT:
			v = r.toIntegral(v)
		case v.negative():
			v = r.invalid()
		case !v.isInf():
			v = r.sqrt(v.unpack())
		}
	}
	u.finish(&r, 0, v, false)
	return nil
}

// fscale multiplies ST(0) by 2 to the power of ST(1) truncated. SDM vol. 2A, FSCALE.
func fscale(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u := &c.FPU
	if u.empty(0) || u.empty(1) {
		if u.underflow() {
			u.set(0, indefinite80)
		}
		return nil
	}
	a, b := u.get(0), u.get(1)
	r := u.rounder()
	r.prec = 64 // precision control does not apply (SDM vol. 1 8.1.5.2)
	u.finish(&r, 0, r.scale(a, b), false)
	return nil
}

func (r *rounder) scale(a, b float80) float80 {
	if v, done := r.nans(a, b); done {
		return v
	}
	switch {
	case b.isInf() && !b.negative() && a.isZero(), b.isInf() && b.negative() && a.isInf():
		return r.invalid()
	case a.isInf() || a.isZero():
		r.denormals(0, b)
		return a
	}
	r.denormals(0, a, b)
	switch {
	case b.isInf() && b.negative():
		return signed80(float80{}, a.negative())
	case b.isInf():
		return signed80(infinity80, a.negative())
	}
	n := 0
	if !b.isZero() {
		e := b.unpack()
		switch {
		case e.exp >= 17:
			n = 1 << 17
		case e.exp >= 0:
			n = int(e.sig >> (63 - e.exp))
		}
		if e.neg {
			n = -n
		}
	}
	x := a.unpack()
	return r.round(x.neg, x.exp+n, x.sig, 0, false)
}

// fxtract splits ST(0): the exponent replaces it, the significand is pushed. SDM vol. 2A, FXTRACT.
func fxtract(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u := &c.FPU
	if u.empty(0) || !u.empty(-1) {
		full := !u.empty(0)
		masked := u.underflow()
		u.setC1(full)
		if masked {
			u.set(0, indefinite80)
			u.setTop(u.top() - 1)
			u.set(0, indefinite80)
		}
		return nil
	}
	v, r := u.get(0), u.rounder()
	exp, sig := v, v
	if nan, done := r.nans(v, one80); done {
		exp, sig = nan, nan
	} else {
		switch {
		case v.isInf():
			exp = infinity80
		case v.isZero():
			r.flags |= x87ZE
			exp = signed80(infinity80, true)
		default:
			r.denormals(0, v)
			x := v.unpack()
			exp, sig = fromInt80(int64(x.exp)), signed80(float80{x.sig, bias80}, x.neg)
		}
	}
	u.setC1(false)
	if u.met(r.flags) {
		return nil
	}
	u.set(0, exp)
	u.push(sig)
	return nil
}

// fprem subtracts multiples of ST(1) from ST(0), at most 63 bits of quotient at a time: C2 says that there is more to do,
// else C0 C3 C1 are the quotient's low bits. FPREM1 rounds the quotient to nearest. SDM vol. 2A, FPREM, FPREM1.
func fprem(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u := &c.FPU
	u.status &^= x87C1 | x87C2
	if u.empty(0) || u.empty(1) {
		if u.underflow() {
			u.set(0, indefinite80)
		}
		return nil
	}
	a, b := u.get(0), u.get(1)
	r := u.rounder()
	r.prec = 64
	v, q, partial := r.rem(a, b, in.Op == decode.FPREM1)
	if r.flags&^u.control&x87Before != 0 {
		r.flags &= x87Before
	} else {
		if r.flags&x87IE == 0 && !a.isNaN() && !b.isNaN() {
			u.status &^= x87C0 | x87C3
		}
		if partial {
			u.status |= x87C2
		}
		for i, bit := range []uint16{x87C1, x87C3, x87C0} {
			if q>>i&1 != 0 && !partial {
				u.status |= bit
			}
		}
		u.set(0, v)
	}
	u.met(r.flags)
	return nil
}

// rem is the remainder of a by b, with the low bits of the quotient.
func (r *rounder) rem(a, b float80, nearest bool) (v float80, q uint64, partial bool) {
	if v, done := r.nans(a, b); done {
		return v, 0, false
	}
	if a.isInf() || b.isZero() {
		return r.invalid(), 0, false
	}
	r.denormals(0, a, b)
	switch {
	case a.isZero():
		return a, 0, false
	case b.isInf():
		return r.pass(a), 0, false
	}
	x, y := a.unpack(), b.unpack()
	d := x.exp - y.exp
	if d < -1 || d < 0 && !nearest {
		return r.round(x.neg, x.exp, x.sig, 0, false), 0, false
	}
	if d >= 64 {
		// Reduce by some power of two between 2^32 and 2^63 below.
		n := 32 + d%32
		low := remShift(x.sig, y.sig, n, &q)
		if low == 0 {
			return signed80(float80{}, x.neg), 0, true
		}
		return r.normalize(x.neg, x.exp-n, low, 0, false), 0, true
	}
	exp := y.exp
	var rest uint64
	if d < 0 { // exponents differ by one: a is below b, but may be above half of it
		rest = x.sig >> 1
		odd := x.sig&1 != 0
		half := y.sig >> 1
		if rest < half || rest == half && !odd && y.sig&1 == 0 || rest == half && !odd && y.sig&1 != 0 {
			return r.round(x.neg, x.exp, x.sig, 0, false), 0, false
		}
		// b - a, negative, in units of half a last place of b.
		hi, lo := y.sig, uint64(0)
		sub, borrow := x.sig>>1, x.sig<<63
		l, bb := subBorrow(lo, borrow)
		return r.normalize(!x.neg, exp, hi-sub-bb, l, false), 1, false
	}
	rest = remShift(x.sig, y.sig, d, &q)
	neg := x.neg
	if nearest {
		twice := rest << 1
		if rest>>63 != 0 || twice > y.sig || twice == y.sig && q&1 != 0 {
			rest = y.sig - rest
			neg = !neg
			q++
		}
	}
	if rest == 0 {
		return signed80(float80{}, x.neg), q, false
	}
	return r.normalize(neg, exp, rest, 0, false), q, false
}

func subBorrow(a, b uint64) (d, borrow uint64) {
	if a < b {
		return a - b, 1
	}
	return a - b, 0
}

// remShift is x·2^n modulo y, with the quotient's low bits in q; x and y have their top bits set.
func remShift(x, y uint64, n int, q *uint64) uint64 {
	*q = 0
	if x >= y {
		x -= y
		*q = 1
	}
	for range n {
		carry := x>>63 != 0
		x <<= 1
		*q <<= 1
		if carry || x >= y {
			x -= y
			*q |= 1
		}
	}
	return x
}
