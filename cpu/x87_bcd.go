package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var x87BCDRows = []row{
	{decode.FBLD, fbld, 0, X87, plain},
	{decode.FBSTP, fbstp, 0, X87, plain},
}

var _ = addRows(x87BCDRows)

// Packed BCD has 18 digits in nine bytes, least significant first, and the sign in the top bit of the tenth
// (SDM vol. 1 4.7).
const (
	bcdBytes = 9
	bcdLimit = 1_000_000_000_000_000_000
)

// fbld pushes a packed BCD integer. A nibble that is no digit counts its value, which the SDM leaves undefined.
// SDM vol. 2A, FBLD.
func fbld(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	var b [10]byte
	va := c.ea(in)
	if f := c.MMU.Read(va, b[:]); f != nil {
		return c.memFault(in, f)
	}
	c.FPU.dp = uint64(va)
	n := int64(0)
	for i := bcdBytes - 1; i >= 0; i-- {
		n = n*100 + int64(b[i]>>4)*10 + int64(b[i]&15)
	}
	c.FPU.push(signed80(fromInt80(n), b[bcdBytes]>>7 != 0))
	return nil
}

// fbstp stores ST(0) rounded to a packed BCD integer and pops it. SDM vol. 2A, FBSTP.
func fbstp(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u, va := &c.FPU, c.ea(in)
	if f := c.MMU.Probe(va, 10, x86.Write); f != nil {
		return c.memFault(in, f)
	}
	u.dp = uint64(va)
	b := [10]byte{7: 0xc0, 8: 0xff, 9: 0xff} // the indefinite
	if u.empty(0) {
		if !u.underflow() {
			return nil
		}
	} else {
		v, r := u.get(0), u.rounder()
		i, ok := r.toInt(v, 64)
		n := uint64(i)
		if i < 0 {
			n = -n
		}
		if !ok || n >= bcdLimit {
			r.flags, r.up = x87IE, false
		}
		u.setC1(r.up)
		if u.met(r.flags) && r.flags&x87IE != 0 {
			return nil
		}
		if r.flags&x87IE == 0 {
			b = packBCD(n, v.negative())
		}
	}
	if f := c.MMU.Write(va, b[:]); f != nil {
		return c.memFault(in, f)
	}
	u.pop()
	return nil
}

// packBCD packs n, which is below bcdLimit.
func packBCD(n uint64, negative bool) (b [10]byte) {
	for i := range bcdBytes {
		b[i] = byte(n%10 | n/10%10<<4)
		n /= 100
	}
	if negative {
		b[bcdBytes] = 0x80
	}
	return b
}
