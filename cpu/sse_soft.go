package cpu

import "math/bits"

// The exact arithmetic of SSE, in every rounding mode and with every exception: the oracle for the host arithmetic that
// sse_arith.go prefers where it gives the same. Numbers are bit patterns of a floatFormat in the low bits of a uint64;
// results come with the exceptions met, as MXCSR flags.
//
// Between unpacking and rounding a finite number other than zero is sig/2^62 * 2^exp with bit 62 of sig the highest one
// set. Bit 0 of sig stands for everything below it that is not zero, which is enough to round correctly: at least nine
// bits lie below the last one kept.

// floatFormat is an IEEE 754 binary interchange format.
type floatFormat struct {
	frac uint // bits of fraction
	exp  uint // bits of exponent
}

var (
	single = &floatFormat{23, 8}
	double = &floatFormat{52, 11}
)

func (f *floatFormat) bias() int       { return 1<<(f.exp-1) - 1 }
func (f *floatFormat) sign() uint64    { return 1 << (f.frac + f.exp) }
func (f *floatFormat) inf() uint64     { return (1<<f.exp - 1) << f.frac }
func (f *floatFormat) quiet() uint64   { return 1 << (f.frac - 1) }
func (f *floatFormat) fracOf() uint64  { return 1<<f.frac - 1 }
func (f *floatFormat) indef() uint64   { return f.sign() | f.inf() | f.quiet() } // the default NaN
func (f *floatFormat) largest() uint64 { return f.inf() - 1 }

func (f *floatFormat) isNaN(v uint64) bool      { return v&^f.sign() > f.inf() }
func (f *floatFormat) isSNaN(v uint64) bool     { return f.isNaN(v) && v&f.quiet() == 0 }
func (f *floatFormat) isInf(v uint64) bool      { return v&^f.sign() == f.inf() }
func (f *floatFormat) isZero(v uint64) bool     { return v&^f.sign() == 0 }
func (f *floatFormat) isDenormal(v uint64) bool { return v&f.inf() == 0 && v&f.fracOf() != 0 }

// operand applies DAZ and returns the denormal-operand exception.
func (f *floatFormat) operand(v uint64, mxcsr uint32) (uint64, uint32) {
	if !f.isDenormal(v) {
		return v, 0
	}
	if mxcsr&mxDAZ != 0 {
		return v & f.sign(), 0
	}
	return v, mxDE
}

// unpacked is a finite number that is not zero.
type unpacked struct {
	neg bool
	exp int
	sig uint64
}

func (f *floatFormat) unpack(v uint64) unpacked {
	u := unpacked{neg: v&f.sign() != 0, exp: int(v>>f.frac&(1<<f.exp-1)) - f.bias(), sig: v & f.fracOf() << (62 - f.frac)}
	if v&f.inf() != 0 {
		u.sig |= 1 << 62
		return u
	}
	n := bits.LeadingZeros64(u.sig) - 1
	u.sig <<= n
	u.exp += 1 - n
	return u
}

// jam shifts right and keeps in bit 0 whether a one was lost.
func jam(v uint64, n uint) uint64 {
	if n == 0 {
		return v
	}
	if n >= 64 {
		n = 63
		if v>>63 != 0 {
			return 1
		}
	}
	r := v >> n
	if v<<(64-n) != 0 {
		r |= 1
	}
	return r
}

// roundBits drops the low n bits of v, rounding. exact reports that they were zero.
func roundBits(v uint64, n uint, neg bool, rc uint32) (r uint64, exact bool) {
	low, half := v&(1<<n-1), uint64(1)<<(n-1)
	r = v >> n
	up := false
	switch rc {
	case roundNearest:
		up = low > half || low == half && r&1 != 0
	case roundDown:
		up = neg && low != 0
	case roundUp:
		up = !neg && low != 0
	}
	if up {
		r++
	}
	return r, low == 0
}

// round packs u, which need not be normalized.
func (f *floatFormat) round(u unpacked, mxcsr uint32) (r uint64, met uint32) {
	rc, sign := mxcsr>>mxRCShift&3, uint64(0)
	if u.neg {
		sign = f.sign()
	}
	n := bits.LeadingZeros64(u.sig) - 1
	if n < 0 {
		u.sig = jam(u.sig, 1)
	} else {
		u.sig <<= n
	}
	u.exp -= n
	drop, biased := 62-f.frac, u.exp+f.bias()
	full, exact := roundBits(u.sig, drop, u.neg, rc) // with an unbounded exponent
	if biased <= 0 {
		tiny := biased < 0 || full>>(f.frac+1) == 0 // after rounding (SDM vol. 1 4.9.1.5)
		switch {
		case tiny && mxcsr&mxUM == 0: // exact or not; the fault keeps the destination
			if !exact {
				met = mxPE
			}
			return 0, met | mxUE
		case tiny && mxcsr&mxFTZ != 0:
			return sign, mxUE | mxPE
		}
		r, exact = roundBits(jam(u.sig, uint(1-biased)), drop, u.neg, rc)
		if !exact {
			met = mxPE
			if tiny {
				met |= mxUE
			}
		}
		return sign | r, met
	}
	if full>>(f.frac+1) != 0 {
		full >>= 1
		biased++
	}
	if !exact {
		met = mxPE
	}
	if biased < 1<<f.exp-1 {
		return sign | uint64(biased)<<f.frac | full&f.fracOf(), met
	}
	if mxcsr&(mxOE<<mxMaskShift) == 0 {
		return 0, met | mxOE
	}
	if rc == roundZero || rc == roundDown && !u.neg || rc == roundUp && u.neg {
		return sign | f.largest(), met | mxOE | mxPE
	}
	return sign | f.inf(), met | mxOE | mxPE
}

// nan is the result where a or b is a NaN: the first of them, quieted (SDM vol. 1 table 4-7, SSE).
func (f *floatFormat) nan(a, b uint64) (r uint64, met uint32) {
	if f.isSNaN(a) || f.isSNaN(b) {
		met = mxIE
	}
	if f.isNaN(a) {
		return a | f.quiet(), met
	}
	return b | f.quiet(), met
}

// operands applies what is common to the arithmetic of two operands; done is set where a NaN is the result.
func (f *floatFormat) operands(a, b uint64, mxcsr uint32) (x, y, r uint64, met uint32, done bool) {
	if f.isNaN(a) || f.isNaN(b) {
		r, met = f.nan(a, b)
		return a, b, r, met, true
	}
	x, dx := f.operand(a, mxcsr)
	y, dy := f.operand(b, mxcsr)
	return x, y, 0, dx | dy, false
}

func (f *floatFormat) sub(a, b uint64, mxcsr uint32) (uint64, uint32) {
	if f.isNaN(b) {
		return f.nan(a, b)
	}
	return f.add(a, b^f.sign(), mxcsr)
}

func (f *floatFormat) add(a, b uint64, mxcsr uint32) (uint64, uint32) {
	a, b, r, met, done := f.operands(a, b, mxcsr)
	if done {
		return r, met
	}
	switch {
	case f.isInf(a) && f.isInf(b) && a != b:
		return f.indef(), mxIE
	case f.isInf(a):
		return a, met
	case f.isInf(b):
		return b, met
	case f.isZero(a) && f.isZero(b):
		if a != b {
			return f.zeroDifference(mxcsr), met
		}
		return a, met
	case f.isZero(a):
		return f.rounded(f.unpack(b), mxcsr, met)
	case f.isZero(b):
		return f.rounded(f.unpack(a), mxcsr, met)
	}
	x, y := f.unpack(a), f.unpack(b)
	if x.exp < y.exp || x.exp == y.exp && x.sig < y.sig {
		x, y = y, x
	}
	small := jam(y.sig, uint(x.exp-y.exp))
	if x.neg == y.neg {
		x.sig += small
	} else if x.sig -= small; x.sig == 0 {
		return f.zeroDifference(mxcsr), met
	}
	return f.rounded(x, mxcsr, met)
}

// zeroDifference is x - x.
func (f *floatFormat) zeroDifference(mxcsr uint32) uint64 {
	if mxcsr>>mxRCShift&3 == roundDown {
		return f.sign()
	}
	return 0
}

func (f *floatFormat) rounded(u unpacked, mxcsr, met uint32) (uint64, uint32) {
	r, m := f.round(u, mxcsr)
	return r, met | m
}

func (f *floatFormat) mul(a, b uint64, mxcsr uint32) (uint64, uint32) {
	a, b, r, met, done := f.operands(a, b, mxcsr)
	if done {
		return r, met
	}
	sign := (a ^ b) & f.sign()
	switch {
	case f.isInf(a) && f.isZero(b), f.isZero(a) && f.isInf(b):
		return f.indef(), mxIE
	case f.isInf(a), f.isInf(b):
		return sign | f.inf(), met
	case f.isZero(a), f.isZero(b):
		return sign, met
	}
	x, y := f.unpack(a), f.unpack(b)
	hi, lo := bits.Mul64(x.sig, y.sig) // 2^124 … 2^126
	sig := hi<<2 | lo>>62
	if lo<<2 != 0 {
		sig |= 1
	}
	return f.rounded(unpacked{sign != 0, x.exp + y.exp, sig}, mxcsr, met)
}

func (f *floatFormat) div(a, b uint64, mxcsr uint32) (uint64, uint32) {
	a, b, r, met, done := f.operands(a, b, mxcsr)
	if done {
		return r, met
	}
	sign := (a ^ b) & f.sign()
	switch {
	case f.isInf(a) && f.isInf(b), f.isZero(a) && f.isZero(b):
		return f.indef(), mxIE
	case f.isInf(a):
		return sign | f.inf(), met
	case f.isInf(b), f.isZero(a):
		return sign, met
	case f.isZero(b):
		return sign | f.inf(), mxZE // a denormal dividend goes unnoticed
	}
	x, y := f.unpack(a), f.unpack(b)
	if x.sig < y.sig {
		x.sig <<= 1
		x.exp--
	}
	q, rem := bits.Div64(x.sig>>2, x.sig<<62, y.sig) // 2^62 … 2^63
	if rem != 0 {
		q |= 1
	}
	return f.rounded(unpacked{sign != 0, x.exp - y.exp, q}, mxcsr, met)
}

func (f *floatFormat) sqrt(_, a uint64, mxcsr uint32) (uint64, uint32) {
	if f.isNaN(a) {
		return f.nan(a, a)
	}
	a, met := f.operand(a, mxcsr)
	switch {
	case f.isZero(a):
		return a, met
	case a&f.sign() != 0:
		return f.indef(), mxIE
	case f.isInf(a):
		return a, met
	}
	x := f.unpack(a)
	hi, lo := x.sig>>2, x.sig<<62 // the radicand times 2^62: 2^124 … 2^125
	if x.exp&1 != 0 {
		hi, lo = hi<<1|lo>>63, lo<<1
	}
	root := uint64(0)
	for bit := uint64(1) << 62; bit != 0; bit >>= 1 {
		if h, l := bits.Mul64(root|bit, root|bit); h < hi || h == hi && l <= lo {
			root |= bit
		}
	}
	if h, l := bits.Mul64(root, root); h != hi || l != lo {
		root |= 1
	}
	return f.rounded(unpacked{false, x.exp >> 1, root}, mxcsr, met)
}
