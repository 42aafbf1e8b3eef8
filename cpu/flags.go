package cpu

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/x86"
)

// flags holds the six status flags unevaluated, in two words that every arithmetic result leaves behind:
//
//	res  the result, sign-extended to 64 bits: ZF is res == 0
//	aux  bit 63     CF: the carry or borrow out of the top bit
//	     bit 62     the carry into the top bit: OF is bit 63 xor bit 62
//	     bit 3      AF: the carry out of bit 3
//	     bit 0      SF is bit 63 of res, xor this bit
//	     bits 15:8  PF is the even parity of the low byte of res xor this byte
//
// The last two fields are zero after arithmetic; they exist so that any combination of flags (POPF, SAHF, COMISD) fits
// the same two words and no reader has to ask which instruction came last.
type flags struct{ res, aux uint64 }

const (
	auxCF   = 1 << 63
	auxTop  = 3 << 62
	auxAF   = 1 << 3
	auxSign = 1 << 0
)

func (f *flags) cf() bool { return int64(f.aux) < 0 }
func (f *flags) of() bool { return int64(f.aux^f.aux<<1) < 0 }
func (f *flags) zf() bool { return f.res == 0 }
func (f *flags) sf() bool { return int64(f.res^f.aux<<63) < 0 }
func (f *flags) pf() bool { return bits.OnesCount8(uint8(f.res^f.aux>>8))&1 == 0 }
func (f *flags) af() bool { return f.aux&auxAF != 0 }
func (f *flags) lt() bool { return f.sf() != f.of() }
func (f *flags) be() bool { return one(f.cf())|one(f.zf()) != 0 }
func (f *flags) le() bool { return one(f.lt())|one(f.zf()) != 0 }

// one returns 1 for true, without a branch.
func one(b bool) uint64 {
	var v uint64
	if b {
		v = 1
	}
	return v
}

// carry returns CF as 0 or 1.
func (f *flags) carry() uint64 { return f.aux >> 63 }

// sext sign-extends the low width bytes of v.
func sext(v uint64, width uint8) uint64 {
	s := 64 - 8*uint(width)
	return uint64(int64(v<<(s&63)) >> (s & 63))
}

// setAdd records r = a + b (+ carry) at a width; bits of a, b, r above it are ignored.
func (f *flags) setAdd(a, b, r uint64, width uint8) {
	cv := a&b | (a|b)&^r // bit i: carry out of bit i
	f.res = sext(r, width)
	f.aux = cv<<((64-8*uint(width))&63)&auxTop | cv&auxAF
}

// setSub records r = a - b (- borrow) at a width.
func (f *flags) setSub(a, b, r uint64, width uint8) {
	cv := ^a&b | (^a|b)&r // bit i: borrow out of bit i
	f.res = sext(r, width)
	f.aux = cv<<((64-8*uint(width))&63)&auxTop | cv&auxAF
}

// setLogic records a logical result: CF, OF and AF clear (AF is undefined in the SDM, zero on processors).
func (f *flags) setLogic(r uint64, width uint8) { f.res, f.aux = sext(r, width), 0 }

// setResult records a result with explicit CF and OF and AF clear, as shifts do.
func (f *flags) setResult(r uint64, width uint8, cf, of bool) {
	f.res = sext(r, width)
	f.aux = 0
	f.setCFOF(cf, of)
}

// setCFOF replaces CF and OF and keeps the rest.
func (f *flags) setCFOF(cf, of bool) {
	f.aux &^= auxTop
	if cf {
		f.aux |= auxCF
	}
	if cf != of {
		f.aux |= auxCF >> 1
	}
}

// setCF replaces CF and keeps the rest, OF included.
func (f *flags) setCF(cf bool) { f.setCFOF(cf, f.of()) }

// setZF replaces ZF and keeps the rest.
func (f *flags) setZF(z bool) {
	b := f.status() &^ x86.FlagZF
	if z {
		b |= x86.FlagZF
	}
	f.set(b)
}

// status returns the six flags at their RFLAGS positions.
func (f *flags) status() uint64 {
	var v uint64
	if f.cf() {
		v |= x86.FlagCF
	}
	if f.pf() {
		v |= x86.FlagPF
	}
	if f.af() {
		v |= x86.FlagAF
	}
	if f.zf() {
		v |= x86.FlagZF
	}
	if f.sf() {
		v |= x86.FlagSF
	}
	if f.of() {
		v |= x86.FlagOF
	}
	return v
}

// set stores six explicit flags.
func (f *flags) set(v uint64) {
	f.res, f.aux = 0, 0
	if v&x86.FlagZF == 0 {
		f.res = 0x100 // not zero, low byte of even parity, positive
	}
	if v&x86.FlagSF != 0 {
		f.aux |= auxSign
	}
	if v&x86.FlagPF == 0 {
		f.aux |= 1 << 8
	}
	if v&x86.FlagAF != 0 {
		f.aux |= auxAF
	}
	f.setCFOF(v&x86.FlagCF != 0, v&x86.FlagOF != 0)
}

// Flags returns RFLAGS.
func (c *CPU) Flags() uint64 { return c.flags.status() | c.ctl&^attention }

// SetFlags replaces RFLAGS; bit 1 reads as 1, bits 3, 5, 15 and 63:22 as 0 (SDM vol. 1 3.4.3).
func (c *CPU) SetFlags(v uint64) {
	c.flags.set(v)
	old := c.ctl
	c.ctl = v&(x86.FlagTF|x86.FlagIF|x86.FlagDF|x86.FlagIOPL|x86.FlagNT|x86.FlagRF|x86.FlagVM|x86.FlagAC|x86.FlagVIF|x86.FlagVIP|x86.FlagID) | x86.FlagR1
	c.MMU.SetAC(v&x86.FlagAC != 0)
	if (old^v)&x86.FlagAC != 0 {
		c.updateMode()
	}
	c.updateAttention()
}

// cond evaluates a condition code (SDM vol. 2 table B-10).
func (c *CPU) cond(cc uint8) bool {
	f := &c.flags
	var r bool
	switch cc >> 1 & 7 {
	case 0:
		r = f.of()
	case 1:
		r = f.cf()
	case 2:
		r = f.zf()
	case 3:
		r = f.cf() || f.zf()
	case 4:
		r = f.sf()
	case 5:
		r = f.pf()
	case 6:
		r = f.lt()
	default:
		r = f.zf() || f.lt()
	}
	return r != (cc&1 != 0)
}

// The setters of the fast forms, one a width.

func (f *flags) setAdd64(a, b, r uint64) {
	f.res, f.aux = r, (a&b|(a|b)&^r)&(auxTop|auxAF)
}

func (f *flags) setSub64(a, b, r uint64) {
	f.res, f.aux = r, (^a&b|(^a|b)&r)&(auxTop|auxAF)
}

func (f *flags) setLogic64(r uint64) { f.res, f.aux = r, 0 }

func (f *flags) setAdd32(a, b, r uint32) {
	cv := uint64(a&b | (a|b)&^r)
	f.res, f.aux = uint64(int64(int32(r))), cv<<32&auxTop|cv&auxAF
}

func (f *flags) setSub32(a, b, r uint32) {
	cv := uint64(^a&b | (^a|b)&r)
	f.res, f.aux = uint64(int64(int32(r))), cv<<32&auxTop|cv&auxAF
}

func (f *flags) setLogic32(r uint32) { f.res, f.aux = uint64(int64(int32(r))), 0 }

func (f *flags) setAdd8(a, b, r uint8) {
	cv := uint64(a&b | (a|b)&^r)
	f.res, f.aux = uint64(int64(int8(r))), cv<<56&auxTop|cv&auxAF
}

func (f *flags) setSub8(a, b, r uint8) {
	cv := uint64(^a&b | (^a|b)&r)
	f.res, f.aux = uint64(int64(int8(r))), cv<<56&auxTop|cv&auxAF
}

func (f *flags) setLogic8(r uint8) { f.res, f.aux = uint64(int64(int8(r))), 0 }

// setShift64 and setShift32 take CF and OF as 0 or 1.
func (f *flags) setShift64(r, cf, of uint64) { f.res, f.aux = r, cf<<63|(cf^of)<<62 }

func (f *flags) setShift32(r uint32, cf, of uint64) {
	f.res, f.aux = uint64(int64(int32(r))), cf<<63|(cf^of)<<62
}

// setRotate takes CF and CF xor OF as 0 or 1 and keeps the other flags.
func (f *flags) setRotate(cf, top uint64) { f.aux = f.aux&^auxTop | cf<<63 | top<<62 }

// setResult64 records a sign-extended product that overflowed (CF and OF set) or did not.
func (f *flags) setResult64(r uint64, over bool) {
	f.res, f.aux = r, 0
	if over {
		f.aux = auxCF
	}
}

// setInc64 … setDec32 record r = a ± 1 with CF kept: OF is set for the one result that wrapped the sign, AF by the low
// nibble.
func (f *flags) setInc64(r uint64) { f.setIncDec(r, r == 1<<63, r&15 == 0) }
func (f *flags) setDec64(r uint64) { f.setIncDec(r, r == 1<<63-1, r&15 == 15) }
func (f *flags) setInc32(r uint32) {
	f.setIncDec(uint64(int64(int32(r))), r == 1<<31, r&15 == 0)
}

func (f *flags) setDec32(r uint32) {
	f.setIncDec(uint64(int64(int32(r))), r == 1<<31-1, r&15 == 15)
}

func (f *flags) setIncDec(r uint64, of, af bool) {
	aux := f.aux & auxCF
	aux |= aux >> 1 // carry into the top bit equal to CF: OF clear
	if of {
		aux ^= auxCF >> 1
	}
	if af {
		aux |= auxAF
	}
	f.res, f.aux = r, aux
}
