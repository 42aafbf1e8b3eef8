package cpu

import "math/bits"

// The functions of the transcendental instructions, on wide numbers.

var (
	widePi     = wide{exp: 1, hi: 0xc90fdaa22168c234, lo: 0xc4c6628b80dc1cd1}
	wideHalfPi = widePi.scale(-1)
	wideLn2    = wide{exp: -1, hi: 0xb17217f7d1cf79ab, lo: 0xc9e3b39803f2f6af}
	wideLog2e  = wide{exp: 0, hi: 0xb8aa3b295c17f0bb, lo: 0xbe87fed0691d3e88}
)

// wideAtans are the arc tangents of k/16.
var wideAtans = [17]wide{
	{},
	{exp: -5, hi: 0xffaaddb967ef4e36, lo: 0xcb2792dc0e2e0d51},
	{exp: -4, hi: 0xfeadd4d5617b6e32, lo: 0xc897989f3e888ef7},
	{exp: -3, hi: 0xbdcbda5e72d81134, lo: 0x7b0b4f881c9c7487},
	{exp: -3, hi: 0xfadbafc96406eb15, lo: 0x6dc79ef5f7a217e5},
	{exp: -2, hi: 0x9b13b9b83f5e5e69, lo: 0xc5abb498d27af328},
	{exp: -2, hi: 0xb7b0ca0f26f78473, lo: 0x8aa32122dcfe4483},
	{exp: -2, hi: 0xd327761e611fe5b6, lo: 0x427c95e9001e7136},
	{exp: -2, hi: 0xed63382b0dda7b45, lo: 0x6fe445ecbc3a8d03},
	{exp: -1, hi: 0x832bf4a6d9867e2a, lo: 0x4b6a09cb61a515c0},
	{exp: -1, hi: 0x8f005d5ef7f59f9b, lo: 0x5c835e1665c43747},
	{exp: -1, hi: 0x9a2f80e671bdda20, lo: 0x4226f8e2204ff3bc},
	{exp: -1, hi: 0xa4bc7d1934f70924, lo: 0x19a87f2a457dac9e},
	{exp: -1, hi: 0xaeac4c38b4d8c080, lo: 0x14725e2f3e52070a},
	{exp: -1, hi: 0xb8053e2bc2319e73, lo: 0xcb2da55210a4443d},
	{exp: -1, hi: 0xc0ce85b8ac526640, lo: 0x89dd62c46e92fa24},
	{exp: -1, hi: 0xc90fdaa22168c234, lo: 0xc4c6628b80dc1cd1},
}

// halfPi66 is π/2 as the unit knows it, in units of 2^-65: π to 66 bits, the precision that processors reduce arguments with
// (SDM vol. 1 8.3.8).
var halfPi66 = uint128{0x3, 0x243f6a8885a308d3}

// reducePi subtracts the nearest multiple of π/2, exactly, and returns its number modulo 4. The exponent is below 63.
func reducePi(x num80) (r wide, quadrant int) {
	if x.exp < -1 {
		return x.wide(), 0
	}
	rem, q := uint128{lo: x.sig}, 0
	for range x.exp + 2 {
		rem = uint128{rem.hi<<1 | rem.lo>>63, rem.lo << 1}
		q <<= 1
		if !rem.below(halfPi66) {
			rem = rem.minus(halfPi66)
			q++
		}
	}
	neg := x.neg
	if rest := halfPi66.minus(rem); rest.below(rem) {
		rem, neg = rest, !neg
		q++
	}
	if x.neg {
		q = -q
	}
	return wide{neg: neg, exp: 127 - 65, hi: rem.hi, lo: rem.lo}.norm(), q & 3
}

// sin is sin a for |a| up to π/4, by a·(1 - a²/2·3·(1 - a²/4·5·(…))).
func (a wide) sin() wide {
	y := a.mul(a)
	p := wideOne
	for n := uint64(2 * y.terms(14)); n > 0; n -= 2 {
		p = wideOne.sub(p.mul(y).divInt(n * (n + 1)))
	}
	return a.mul(p)
}

// cos is cos a for |a| up to π/4.
func (a wide) cos() wide {
	y := a.mul(a)
	p := wideOne
	for n := uint64(2 * y.terms(15)); n > 0; n -= 2 {
		p = wideOne.sub(p.mul(y).divInt(n * (n - 1)))
	}
	return p
}

// terms says how many of at most most terms of a power series in y, whose coefficients are at most 1, matter: the first
// always does, if by its sign alone.
func (y wide) terms(most int) int {
	if y.exp >= -1 {
		return most
	}
	return min(most, 130/-(y.exp+1)+1)
}

// tan is the tangent of a number.
func tan(x num80) wide {
	if x.exp < -55 { // x + x³/3, which is x and something more
		return x.wide()
	}
	sin, cos := sinCos(x)
	return sin.div(cos)
}

// sinCos returns the sine and cosine of a number.
func sinCos(x num80) (sin, cos wide) {
	r, q := reducePi(x)
	sin, cos = r.sin(), r.cos()
	if q&1 != 0 {
		sin, cos = cos, sin.negate()
	}
	if q&2 != 0 {
		sin, cos = sin.negate(), cos.negate()
	}
	return sin, cos
}

// exp2m1 is 2^a - 1 for |a| up to 1, by t·(1 + t/2·(1 + t/3·(…))) with t = a·ln 2.
func (a wide) exp2m1() wide {
	t := a.mul(wideLn2)
	p := wideOne
	for n := uint64(t.terms(32)) + 1; n > 1; n-- {
		p = wideOne.add(p.mul(t).divInt(n))
	}
	return t.mul(p)
}

// atanh2 is 2·artanh s for |s| up to 0.18: the logarithm of (1+s)/(1-s).
func (s wide) atanh2() wide {
	y := s.mul(s)
	var p wide
	for n := y.terms(27); n >= 0; n-- {
		p = wideOne.divInt(uint64(2*n + 1)).add(p.mul(y))
	}
	return s.mul(p).scale(1)
}

// log2 is the binary logarithm of a positive number that is not 1.
func (a wide) log2() wide {
	k := a.exp
	a.exp = 0
	if a.hi >= 0xb504f333f9de6484 { // √2: the significand comes to lie around 1
		a.exp--
		k++
	}
	s := a.sub(wideOne).div(a.add(wideOne))
	return wideInt(k).add(s.atanh2().mul(wideLog2e))
}

// log2p1 is the binary logarithm of 1+a, for a from √½-1 to √2-1 without forming the sum.
func (a wide) log2p1() wide {
	if a.exp >= -2 && (a.exp >= -1 || a.neg) {
		return wideOne.add(a).log2()
	}
	return a.div(wideTwo.add(a)).atanh2().mul(wideLog2e)
}

// atan is arctan a for a from 0 to 1: the arc tangent of the nearest k/16 below, and of the rest (a-k/16)/(1+a·k/16) by its
// series.
func (a wide) atan() wide {
	k := 0
	if a.exp >= -4 {
		k = int(a.hi >> (59 - a.exp))
	}
	s := a
	if k != 0 {
		c := wideInt(k).scale(-4)
		s = a.sub(c).div(wideOne.add(a.mul(c)))
	}
	y := s.mul(s)
	var p wide
	for n := y.terms(16); n >= 0; n-- {
		p = wideOne.divInt(uint64(2*n + 1)).sub(p.mul(y))
	}
	return wideAtans[k].add(s.mul(p))
}

// atan2 is the angle of the point (x, y), whose coordinates are not zero.
func atan2(y, x num80) wide {
	ax, ay := x.wide(), y.wide()
	ax.neg, ay.neg = false, false
	swap := ay.exp > ax.exp || ay.exp == ax.exp && ay.hi > ax.hi
	if swap {
		ax, ay = ay, ax
	}
	a := ay.div(ax).atan()
	if swap {
		a = wideHalfPi.sub(a)
	}
	if x.neg {
		a = widePi.sub(a)
	}
	a.neg = y.neg
	return a
}

func (a uint128) below(b uint128) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

func (a uint128) minus(b uint128) uint128 {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	return uint128{a.hi - b.hi - borrow, lo}
}
