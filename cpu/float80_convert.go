package cpu

import "math/bits"

// fromInt80 converts an integer, exactly.
func fromInt80(n int64) float80 {
	if n == 0 {
		return float80{}
	}
	u := uint64(n)
	if n < 0 {
		u = -u
	}
	shift := bits.LeadingZeros64(u)
	return signed80(float80{u << shift, uint16(bias80 + 63 - shift)}, n < 0)
}

// fromFloat widens a float32 (23, 8) or float64 (52, 11), exactly: frac and exp are the widths of its fields. A signalling
// NaN stays one; a denormal is told of by x87DE.
func fromFloat(raw uint64, frac, exp uint) (float80, uint16) {
	neg := raw>>(frac+exp)&1 != 0
	e := int(raw >> frac & (1<<exp - 1))
	m := raw & (1<<frac - 1)
	bias := 1<<(exp-1) - 1
	switch {
	case e == 1<<exp-1 && m == 0:
		return signed80(infinity80, neg), 0
	case e == 1<<exp-1:
		return signed80(float80{integer80 | m<<(63-frac), maxExp80}, neg), 0
	case e == 0 && m == 0:
		return signed80(float80{}, neg), 0
	case e == 0:
		n := bits.LeadingZeros64(m)
		return signed80(float80{m << n, uint16(bias80 - bias + 1 - int(frac) + 63 - n)}, neg), x87DE
	}
	return signed80(float80{integer80 | m<<(63-frac), uint16(e - bias + bias80)}, neg), 0
}

// toFloat narrows to a float32 (23, 8) or float64 (52, 11) with the exceptions that this meets.
func (r *rounder) toFloat(v float80, frac, exp uint) uint64 {
	sign := uint64(v.se>>15) << (frac + exp)
	top := uint64(1)<<exp - 1
	bias := 1<<(exp-1) - 1
	switch v.class() {
	case unsupported80:
		r.flags |= x87IE
		return 1<<(frac+exp) | top<<frac | 1<<(frac-1)
	case nan80:
		if v.isSNaN() {
			r.flags |= x87IE
		}
		return sign | top<<frac | (v.frac|quiet80)<<1>>(64-frac)
	case inf80:
		return sign | top<<frac
	case zero80:
		return sign
	}
	// What is denormal at 80 bits underflows here: storing raises no DE.
	u := v.unpack()
	shift := 63 - frac
	e := u.exp + bias
	tiny := e < 1
	// What rounds up to the smallest normal number with an unbounded exponent does not underflow.
	narrow := rounder{rc: r.rc, prec: frac + 1}
	normal := tiny && narrow.roundsToNormal(u.neg, e-bias80, u.sig, 0, false)
	if tiny && !normal && r.unmasked&x87UE != 0 {
		r.flags |= x87UE
		return 0
	}
	if tiny {
		shift += uint(min(1-e, 130))
	}
	sig, rest, sticky := shiftOut(u.sig, 0, shift)
	r.up = r.increments(u.neg, sig&1 != 0, rest, sticky)
	if r.up {
		sig++
	}
	if rest != 0 || sticky {
		r.flags |= x87PE
		if tiny && !normal {
			r.flags |= x87UE
		}
	}
	if tiny {
		return sign | sig // a carry makes the smallest normal number by itself
	}
	if sig>>(frac+1) != 0 {
		sig >>= 1
		e++
	}
	if e >= int(top) {
		r.flags |= x87OE | x87PE
		if r.rc == roundZero || r.rc == roundDown && !u.neg || r.rc == roundUp && u.neg {
			r.up = false
			return sign | (top-1)<<frac | (1<<frac - 1)
		}
		r.up = true
		return sign | top<<frac
	}
	return sign | uint64(e)<<frac | sig&(1<<frac-1)
}

// toInt rounds to an integer of 16, 32 or 64 bits; ok is false where it does not fit.
func (r *rounder) toInt(v float80, width uint) (n int64, ok bool) {
	switch v.class() {
	case unsupported80, nan80, inf80:
		return 0, false
	case zero80:
		return 0, true
	}
	u := v.unpack()
	if u.exp > 63 {
		return 0, false
	}
	sig, rest, sticky := shiftOut(u.sig, 0, uint(min(63-u.exp, 130)))
	r.up = r.increments(u.neg, sig&1 != 0, rest, sticky)
	if r.up {
		if sig++; sig == 0 {
			return 0, false
		}
	}
	if rest != 0 || sticky {
		r.flags |= x87PE
	}
	limit := uint64(1) << (width - 1)
	if u.neg {
		return -int64(sig), sig <= limit
	}
	return int64(sig), sig < limit
}

// toIntegral rounds to an integral number of the same format, for FRNDINT.
func (r *rounder) toIntegral(v float80) float80 {
	u := v.unpack()
	if u.exp >= 63 {
		return v
	}
	drop := uint(min(63-u.exp, 130))
	sig, rest, sticky := shiftOut(u.sig, 0, drop)
	r.up = r.increments(u.neg, sig&1 != 0, rest, sticky)
	if r.up {
		sig++
	}
	if rest != 0 || sticky {
		r.flags |= x87PE
	}
	if sig == 0 {
		return signed80(float80{}, u.neg)
	}
	n := bits.LeadingZeros64(sig)
	return signed80(float80{sig << n, uint16(bias80 + 63 - n)}, u.neg)
}
