package cpu

import (
	"math"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var sseApproxRows = []row{
	{decode.RCPSS, approximateLow(reciprocal), 0, SSE, plain},
	{decode.RCPPS, approximateAll(reciprocal), 0, SSE, plain},
	{decode.RSQRTSS, approximateLow(reciprocalRoot), 0, SSE, plain},
	{decode.RSQRTPS, approximateAll(reciprocalRoot), 0, SSE, plain},
}

var _ = addRows(sseApproxRows)

// The approximations are what tables give that hold, for the middle of each of 2048 intervals of the significand (for
// roots: of 1024 intervals of each of two binades), the result rounded to 12 bits of fraction. That is within the
// relative error of 1.5*2^-12 which the SDM grants; processors differ in the bits. They read neither MXCSR nor set its
// flags: denormal operands are zeros, tiny results are zeros, and an SNaN becomes a QNaN in silence.

// twelve rounds a positive normal number to 12 bits of fraction and packs it, tiny ones as 0.
func twelve(v float64, sign uint32) uint32 {
	const drop = 52 - 12
	b := math.Float64bits(v) + 1<<(drop-1)
	exp := int(b>>52) - 1023 + 127
	if exp < 1 {
		return sign
	}
	return sign | uint32(exp)<<23 | uint32(b>>drop&0xfff)<<11
}

// reciprocal approximates 1/x. SDM vol. 2B, RCPPS.
func reciprocal(x uint32) uint32 {
	sign := x & (1 << 31)
	switch exp := x >> 23 & 0xff; {
	case exp == 0:
		return sign | 0x7f800000
	case exp == 0xff && x<<9 != 0:
		return x | 1<<22
	case exp == 0xff:
		return sign
	}
	middle := x&^(1<<31)&^0xfff | 0x800
	return twelve(1/float64(math.Float32frombits(middle)), sign)
}

// reciprocalRoot approximates 1/sqrt(x). SDM vol. 2B, RSQRTPS.
func reciprocalRoot(x uint32) uint32 {
	sign := x & (1 << 31)
	switch exp := x >> 23 & 0xff; {
	case exp == 0:
		return sign | 0x7f800000
	case exp == 0xff && x<<9 != 0:
		return x | 1<<22
	case sign != 0:
		return 0xffc00000
	case exp == 0xff:
		return 0
	}
	middle := x&^0x1fff | 0x1000
	return twelve(1/math.Sqrt(float64(math.Float32frombits(middle))), 0)
}

func approximateLow(f func(uint32) uint32) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		v, fault := c.low32(in, in.Args[1])
		if fault != nil {
			return fault
		}
		c.xmm(in.Args[0]).setLow32(f(v))
		return nil
	}
}

func approximateAll(f func(uint32) uint32) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		v, fault := c.xmmSrc(in, in.Args[1])
		if fault != nil {
			return fault
		}
		*c.xmm(in.Args[0]) = quads([4]uint32{f(v.u32(0)), f(v.u32(1)), f(v.u32(2)), f(v.u32(3))})
		return nil
	}
}
