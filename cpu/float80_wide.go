package cpu

import "math/bits"

// A wide is a number with 128 bits of significand, in which transcendental functions are computed: hi:lo/2^127 · 2^exp with
// hi's top bit set, or 0 where hi is. Operations truncate: a result is off by less than 2^-126 of its size, and the
// functions, a few dozen operations each, by less than 2^-116. Rounding that to 64 bits goes wrong once in 2^52 results.
type wide struct {
	neg    bool
	exp    int
	hi, lo uint64
}

var (
	wideOne = wide{hi: 1 << 63}
	wideTwo = wide{hi: 1 << 63, exp: 1}
)

func (n num80) wide() wide  { return wide{neg: n.neg, exp: n.exp, hi: n.sig} }
func (a wide) negate() wide { a.neg = !a.neg; return a }
func (a wide) isZero() bool { return a.hi == 0 }
func (a wide) scale(n int) wide {
	a.exp += n
	return a
}

// wideInt is an integer.
func wideInt(n int) wide {
	if n == 0 {
		return wide{}
	}
	return fromInt80(int64(n)).unpack().wide()
}

// norm shifts the top bit of hi:lo up.
func (a wide) norm() wide {
	if a.hi == 0 {
		if a.lo == 0 {
			return wide{}
		}
		a.hi, a.lo, a.exp = a.lo, 0, a.exp-64
	}
	n := bits.LeadingZeros64(a.hi)
	a.hi, a.lo, a.exp = a.hi<<n|a.lo>>(64-n), a.lo<<n, a.exp-n
	return a
}

func (a wide) add(b wide) wide {
	switch {
	case a.isZero():
		return b
	case b.isZero():
		return a
	case a.exp < b.exp || a.exp == b.exp && (a.hi < b.hi || a.hi == b.hi && a.lo < b.lo):
		a, b = b, a
	}
	n := uint(min(a.exp-b.exp, 128))
	lo := b.lo>>n | b.hi<<(64-n) | b.hi>>(n-64) // of the last two one is 0, as Go shifts
	hi := b.hi >> n
	if n == 128 && a.neg != b.neg {
		lo = 1 // however little is subtracted, the difference is below a: rounding by direction shows it
	}
	if a.neg != b.neg {
		var borrow uint64
		a.lo, borrow = bits.Sub64(a.lo, lo, 0)
		a.hi, _ = bits.Sub64(a.hi, hi, borrow)
		return a.norm()
	}
	var carry uint64
	a.lo, carry = bits.Add64(a.lo, lo, 0)
	a.hi, carry = bits.Add64(a.hi, hi, carry)
	if carry != 0 {
		a.hi, a.lo, a.exp = a.hi>>1|1<<63, a.lo>>1|a.hi<<63, a.exp+1
	}
	return a
}

func (a wide) sub(b wide) wide { return a.add(b.negate()) }

func (a wide) mul(b wide) wide {
	if a.isZero() || b.isZero() {
		return wide{}
	}
	h1, _ := bits.Mul64(a.lo, b.hi)
	h2, _ := bits.Mul64(a.hi, b.lo)
	hi, lo := bits.Mul64(a.hi, b.hi)
	lo, c1 := bits.Add64(lo, h1, 0)
	lo, c2 := bits.Add64(lo, h2, 0)
	r := wide{a.neg != b.neg, a.exp + b.exp + 1, hi + c1 + c2, lo}
	if r.hi>>63 == 0 {
		r.hi, r.lo, r.exp = r.hi<<1|r.lo>>63, r.lo<<1, r.exp-1
	}
	return r
}

// divInt divides by an integer from 1 to 2^31.
func (a wide) divInt(n uint64) wide {
	hi, rem := a.hi/n, a.hi%n
	lo, rem := bits.Div64(rem, a.lo, n)
	below, _ := bits.Div64(rem, 0, n) // bits that the normalization brings up
	k := bits.LeadingZeros64(hi)
	if hi == 0 {
		return wide{}
	}
	return wide{a.neg, a.exp - k, hi<<k | lo>>(64-k), lo<<k | below>>(64-k)}
}

// div divides by a number that is not zero.
func (a wide) div(b wide) wide {
	if a.isZero() {
		return a
	}
	// The reciprocal of b by Newton from its upper 64 bits: 1/b in 2^-64 steps, then one step to full precision.
	q, _ := bits.Div64(1<<63-1, ^uint64(0), b.hi|1) // about 2^127/b.hi, in [2^63, 2^64)
	x := wide{hi: q, exp: -1 - b.exp}.norm()
	m := wide{exp: b.exp, hi: b.hi, lo: b.lo}
	for range 2 {
		x = x.add(x.mul(wideOne.sub(m.mul(x))))
	}
	r := a.mul(x)
	r.neg = a.neg != b.neg
	return r
}

// wide rounds to 80 bits. The value is one of a transcendental function, so never exact.
func (r *rounder) wide(a wide) float80 { return r.round(a.neg, a.exp, a.hi, a.lo, true) }
