package cpu

import (
	"math"
	"math/bits"
)

// float80 is an 80-bit extended-precision number as it is stored: SDM vol. 1 4.2.
type float80 struct {
	frac uint64 // significand with its explicit integer bit
	se   uint16 // sign in bit 15, biased exponent below
}

const (
	bias80    = 16383
	maxExp80  = 0x7fff
	integer80 = 1 << 63 // the explicit integer bit
	quiet80   = 1 << 62
)

// The special values: the QNaN that masked invalid operations give (SDM vol. 1 4.8.3.7), one and infinity.
var (
	indefinite80 = float80{0xc000000000000000, 0xffff}
	one80        = float80{integer80, bias80}
	infinity80   = float80{integer80, maxExp80}
)

func (a float80) negative() bool { return a.se>>15 != 0 }
func (a float80) exp() int       { return int(a.se & maxExp80) }
func (a float80) neg() float80   { return float80{a.frac, a.se ^ 0x8000} }
func (a float80) abs() float80   { return float80{a.frac, a.se & 0x7fff} }

func signed80(a float80, negative bool) float80 {
	a.se &= 0x7fff
	if negative {
		a.se |= 0x8000
	}
	return a
}

// class80 is what FXAM distinguishes.
type class80 uint8

const (
	unsupported80 class80 = iota // pseudo-NaN, pseudo-infinity, unnormal: invalid operands since the 387
	nan80
	normal80
	inf80
	zero80
	denormal80 // pseudo-denormals too
)

func (a float80) class() class80 {
	switch e := a.exp(); {
	case e == maxExp80 && a.frac&integer80 == 0:
		return unsupported80
	case e == maxExp80 && a.frac<<1 == 0:
		return inf80
	case e == maxExp80:
		return nan80
	case e == 0 && a.frac == 0:
		return zero80
	case e == 0:
		return denormal80
	case a.frac&integer80 == 0:
		return unsupported80
	}
	return normal80
}

func (a float80) isNaN() bool  { return a.class() == nan80 }
func (a float80) isSNaN() bool { return a.class() == nan80 && a.frac&quiet80 == 0 }
func (a float80) isZero() bool { return a.class() == zero80 }
func (a float80) isInf() bool  { return a.class() == inf80 }

// num80 is a finite number that is not zero: (-1)^neg · sig/2^63 · 2^exp with sig's top bit set.
type num80 struct {
	neg bool
	exp int
	sig uint64
}

func (a float80) unpack() num80 {
	e := a.exp()
	if e == 0 {
		e = 1 // denormals and pseudo-denormals
	}
	n := bits.LeadingZeros64(a.frac)
	return num80{a.negative(), e - bias80 - n, a.frac << n}
}

func (a float80) isNormal() bool { return a.frac&integer80 != 0 && (a.se-1)&0x7fff < maxExp80-1 }

// unpackNormal is unpack for normal numbers.
func (a float80) unpackNormal() num80 { return num80{a.negative(), a.exp() - bias80, a.frac} }

// A rounder rounds results to the control word's precision and direction and collects exceptions.
type rounder struct {
	rc    uint8 // roundNearest …
	prec  uint  // bits of significand: 24, 53 or 64
	flags uint16
	up    bool // C1: the result was rounded away from zero
	// unmaskedUnderflow and unmaskedOverflow change results: exponents wrap by 24576 (SDM vol. 1 8.5.4, 8.5.5).
	unmasked uint16
}

// Exception flags of the status word, at the same places as their masks in the control word.
const (
	x87IE uint16 = 1 << 0
	x87DE uint16 = 1 << 1
	x87ZE uint16 = 1 << 2
	x87OE uint16 = 1 << 3
	x87UE uint16 = 1 << 4
	x87PE uint16 = 1 << 5
	x87SF uint16 = 1 << 6
	x87ES uint16 = 1 << 7
)

// increments reports whether a value with discarded bits rest (the first in bit 63) below a last bit odd rounds away from
// zero.
func (r *rounder) increments(neg, odd bool, rest uint64, sticky bool) bool {
	switch r.rc {
	case roundNearest:
		return rest > 1<<63 || rest == 1<<63 && (sticky || odd)
	case roundDown:
		return neg && (rest != 0 || sticky)
	case roundUp:
		return !neg && (rest != 0 || sticky)
	}
	return false
}

// round makes a number of sign neg, exponent exp of the top bit, significand hi:lo with hi's top bit set, and nonzero bits
// below where sticky.
func (r *rounder) round(neg bool, exp int, hi, lo uint64, sticky bool) float80 {
	const wrap = 24576
	tiny := exp < 1-bias80
	if tiny && r.unmasked&x87UE != 0 && !r.roundsToNormal(neg, exp, hi, lo, sticky) {
		r.flags |= x87UE
		exp += wrap
		tiny = false
		if exp < 1-bias80 { // FSCALE only: SDM vol. 1 8.5.5
			r.flags |= x87PE
			return signed80(float80{}, neg)
		}
	}
	shift := 64 - r.prec
	if tiny {
		shift += uint(min(1-bias80-exp, 130))
	}
	sig, rest, more := shiftOut(hi, lo, shift)
	sticky = sticky || more
	inexact := rest != 0 || sticky
	r.up = r.increments(neg, sig&1 != 0, rest, sticky)
	if r.up {
		sig++
	}
	if inexact {
		r.flags |= x87PE
		if tiny && !r.roundsToNormal(neg, exp, hi, lo, sticky) {
			r.flags |= x87UE
		}
	}
	if tiny {
		// sig counts units of the smallest denormal at this precision; a carry into the integer bit is the smallest normal.
		frac := sig << (64 - r.prec)
		if r.prec == 64 && sig == 0 && shift >= 64 || frac == 0 {
			return signed80(float80{}, neg)
		}
		e := uint16(0)
		if frac&integer80 != 0 {
			e = 1
		}
		return signed80(float80{frac, e}, neg)
	}
	if sig == 0 && r.prec == 64 || r.prec < 64 && sig>>r.prec != 0 {
		exp++
		sig = 1 << (r.prec - 1)
	}
	frac := sig << (64 - r.prec)
	if exp > bias80 {
		r.flags |= x87OE
		if r.unmasked&x87OE != 0 {
			if exp > bias80+wrap { // FSCALE only: SDM vol. 1 8.5.4
				r.flags |= x87PE
				r.up = true
				return signed80(infinity80, neg)
			}
			return signed80(float80{frac, uint16((exp - wrap + bias80) & maxExp80)}, neg)
		}
		r.flags |= x87PE
		return r.overflow(neg)
	}
	return signed80(float80{frac, uint16(exp + bias80)}, neg)
}

// roundsToNormal reports whether a number just below the smallest normal one reaches it when rounded with an unbounded
// exponent: tininess is detected after rounding (SDM vol. 1 4.9.1.5).
func (r *rounder) roundsToNormal(neg bool, exp int, hi, lo uint64, sticky bool) bool {
	if exp != -bias80 {
		return false
	}
	sig, rest, more := shiftOut(hi, lo, 64-r.prec)
	return sig == ^uint64(0)>>(64-r.prec) && r.increments(neg, true, rest, sticky || more)
}

// overflow is infinity, or the largest number where the direction points to it.
func (r *rounder) overflow(neg bool) float80 {
	if r.rc == roundZero || r.rc == roundDown && !neg || r.rc == roundUp && neg {
		r.up = false
		return signed80(float80{^uint64(0) << (64 - r.prec), maxExp80 - 1}, neg)
	}
	r.up = true
	return signed80(infinity80, neg)
}

// shiftOut shifts hi:lo right so that n bits of hi leave: sig is what stays of hi, rest the bits that left, aligned to bit
// 63, and sticky whether there were more.
func shiftOut(hi, lo uint64, n uint) (sig, rest uint64, sticky bool) {
	switch {
	case n == 0:
		return hi, lo, false
	case n < 64:
		return hi >> n, hi<<(64-n) | lo>>n, lo<<(64-n) != 0
	case n == 64:
		return 0, hi, lo != 0
	case n < 128:
		return 0, hi >> (n - 64), hi<<(128-n) != 0 || lo != 0
	}
	return 0, 0, hi != 0 || lo != 0
}

// add adds finite numbers that are not zero.
func (r *rounder) add(x, y num80) float80 {
	if x.exp < y.exp || x.exp == y.exp && x.sig < y.sig {
		x, y = y, x
	}
	hi, lo, sticky := shiftOut(y.sig, 0, uint(min(x.exp-y.exp, 200)))
	if x.neg == y.neg {
		sum, carry := bits.Add64(x.sig, hi, 0)
		if carry != 0 {
			return r.round(x.neg, x.exp+1, sum>>1|1<<63, sum<<63|lo>>1, sticky || lo&1 != 0)
		}
		return r.round(x.neg, x.exp, sum, lo, sticky)
	}
	// x - y with the bits below lo as a borrow that leaves ones: sticky stays true.
	var borrow uint64
	if sticky {
		borrow = 1
	}
	low, b := bits.Sub64(0, lo, borrow)
	high, _ := bits.Sub64(x.sig, hi, b)
	if high == 0 && low == 0 && !sticky {
		return signed80(float80{}, r.rc == roundDown)
	}
	return r.normalize(x.neg, x.exp, high, low, sticky)
}

// normalize shifts the top bit of hi:lo up and rounds.
func (r *rounder) normalize(neg bool, exp int, hi, lo uint64, sticky bool) float80 {
	if hi == 0 {
		hi, lo, exp = lo, 0, exp-64
	}
	n := bits.LeadingZeros64(hi)
	return r.round(neg, exp-n, hi<<n|lo>>(64-n), lo<<n, sticky)
}

func (r *rounder) mul(x, y num80) float80 {
	hi, lo := bits.Mul64(x.sig, y.sig)
	return r.normalize(x.neg != y.neg, x.exp+y.exp+1, hi, lo, false)
}

func (r *rounder) div(x, y num80) float80 {
	exp := x.exp - y.exp
	num, low := x.sig, uint64(0)
	if num >= y.sig {
		num, low = num>>1, num<<63
	} else {
		exp--
	}
	q, rem := bits.Div64(num, low, y.sig)
	rest, rem2 := bits.Div64(rem, 0, y.sig)
	return r.round(x.neg != y.neg, exp, q, rest, rem2 != 0)
}

func (r *rounder) sqrt(x num80) float80 {
	// The root of sig·2^(63+odd) has 64 bits; 64 more come from the remainder by bit-wise digits.
	exp := x.exp
	hi, lo := x.sig>>1, x.sig<<63
	if exp&1 != 0 {
		hi, lo = x.sig, 0
	}
	exp >>= 1
	root, rem := sqrt128(hi, lo)
	// rem = n - root², below 2·root+1: one more bit decides rounding, the rest is sticky.
	var rest uint64
	if rem.hi != 0 || rem.lo > root {
		rest = 3 << 62 // above one half: (root+½)² = root² + root + ¼
	} else if rem.lo != 0 {
		rest = 1 << 62
	}
	return r.round(false, exp, root, rest, rem.hi != 0 || rem.lo != 0)
}

type uint128 struct{ hi, lo uint64 }

// sqrt128 is the integer square root of hi:lo, whose top bit or the one below is set, and what remains.
func sqrt128(hi, lo uint64) (root uint64, rem uint128) {
	root = uint64(math.Sqrt(float64(hi))) << 32
	if root == 0 || hi>>62 == 3 && root>>63 == 0 {
		root = math.MaxUint64
	}
	// Newton from the estimate; Div64 needs hi < root.
	for range 6 {
		if hi >= root {
			root = math.MaxUint64
			continue
		}
		q, _ := bits.Div64(hi, lo, root)
		sum, carry := bits.Add64(q, root, 0)
		next := sum>>1 | carry<<63
		if next == root {
			break
		}
		root = next
	}
	for {
		h, l := bits.Mul64(root, root)
		d, b := bits.Sub64(lo, l, 0)
		e, b := bits.Sub64(hi, h, b)
		if b != 0 {
			root--
			continue
		}
		// (root+1)² is still not above while the remainder exceeds 2·root.
		if twice := (uint128{root >> 63, root << 1}); e > twice.hi || e == twice.hi && d > twice.lo {
			root++
			continue
		}
		return root, uint128{e, d}
	}
}
