package cpu

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var aesRows = []row{
	{decode.AESENC, aesRound(func(s, k XMMReg) XMMReg { return xor128(aesColumns(s, aesForward, 1), k) }), 0, AES, plain},
	{decode.AESENCLAST, aesRound(func(s, k XMMReg) XMMReg { return xor128(aesBytes(s, &aesTables.sbox, 1), k) }), 0, AES, plain},
	{decode.AESDEC, aesRound(func(s, k XMMReg) XMMReg { return xor128(aesColumns(s, aesInverse, 3), k) }), 0, AES, plain},
	{decode.AESDECLAST, aesRound(func(s, k XMMReg) XMMReg { return xor128(aesBytes(s, &aesTables.inverse, 3), k) }), 0, AES, plain},
	{decode.AESIMC, aesRound(func(_, v XMMReg) XMMReg { return aesimc(v) }), 0, AES, plain},
	{decode.AESKEYGENASSIST, aeskeygenassist, 0, AES, plain},
}

var _ = addRows(aesRows)

// aesTables are FIPS 197's S-box and its inverse, and what a byte contributes to a column after MixColumns or its inverse:
// row 0's contribution; those of rows 1 to 3 are its rotations.
var aesTables = newAESTables()

type aesTable struct {
	sbox, inverse [256]byte
	mix, unmix    [256]uint32
}

var (
	aesForward = &aesTables.mix
	aesInverse = &aesTables.unmix
)

func newAESTables() (t aesTable) {
	// p runs through the powers of 3, a generator, and q through those of its inverse.
	p, q := byte(1), byte(1)
	for {
		p ^= gfDouble(p)
		q ^= q << 1
		q ^= q << 2
		q ^= q << 4
		if q&0x80 != 0 {
			q ^= 0x09
		}
		s := q ^ bits.RotateLeft8(q, 1) ^ bits.RotateLeft8(q, 2) ^ bits.RotateLeft8(q, 3) ^ bits.RotateLeft8(q, 4)
		t.sbox[p] = s ^ 0x63
		if p == 1 {
			break
		}
	}
	t.sbox[0] = 0x63
	for i, s := range t.sbox {
		t.inverse[s] = byte(i)
	}
	for i := range 256 {
		s := t.sbox[i]
		t.mix[i] = uint32(gfDouble(s)) | uint32(s)<<8 | uint32(s)<<16 | uint32(gfDouble(s)^s)<<24
		t.unmix[i] = gfInverseMix(t.inverse[i])
	}
	return t
}

// gfDouble doubles in GF(2^8) modulo x^8+x^4+x^3+x+1.
func gfDouble(b byte) byte {
	if b&0x80 != 0 {
		return b<<1 ^ 0x1b
	}
	return b << 1
}

// gfInverseMix is InvMixColumns of a byte in row 0: the multiples by 14, 9, 13 and 11.
func gfInverseMix(b byte) uint32 {
	b2 := gfDouble(b)
	b4 := gfDouble(b2)
	b8 := gfDouble(b4)
	return uint32(b8^b4^b2) | uint32(b8^b)<<8 | uint32(b8^b4^b)<<16 | uint32(b8^b2^b)<<24
}

// aesByte is the byte in a row and column of the state.
func aesByte(s XMMReg, row, column int) byte { return byte(s[column>>1&1] >> (32*(column&1) + 8*row)) }

func xor128(a, b XMMReg) XMMReg { return XMMReg{a[0] ^ b[0], a[1] ^ b[1]} }

// aesColumns is ShiftRows (step 1) or its inverse (step 3), then the S-box and MixColumns by table.
func aesColumns(s XMMReg, table *[256]uint32, step int) (r XMMReg) {
	for c := range 4 {
		v := table[aesByte(s, 0, c)]
		for row := 1; row < 4; row++ {
			v ^= bits.RotateLeft32(table[aesByte(s, row, c+step*row)], 8*row)
		}
		r[c>>1] |= uint64(v) << (32 * (c & 1))
	}
	return r
}

// aesBytes is ShiftRows or its inverse and the S-box.
func aesBytes(s XMMReg, box *[256]byte, step int) (r XMMReg) {
	for c := range 4 {
		for row := range 4 {
			r[c>>1] |= uint64(box[aesByte(s, row, c+step*row)]) << (32*(c&1) + 8*row)
		}
	}
	return r
}

// aesimc is InvMixColumns. SDM vol. 2A, AESIMC.
func aesimc(v XMMReg) (r XMMReg) {
	for c := range 4 {
		var column uint32
		for row := range 4 {
			column ^= bits.RotateLeft32(gfInverseMix(aesByte(v, row, c)), 8*row)
		}
		r[c>>1] |= uint64(column) << (32 * (c & 1))
	}
	return r
}

// aesRound is the shape of the instructions that combine the destination with the source. SDM vol. 2A, AESENC, AESENCLAST,
// AESDEC, AESDECLAST.
func aesRound(f func(s, k XMMReg) XMMReg) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		k, fault := c.xmmSrc(in, in.Args[1])
		if fault != nil {
			return fault
		}
		d := c.xmm(in.Args[0])
		*d = f(*d, k)
		return nil
	}
}

// aeskeygenassist substitutes and rotates two words of the source for a key schedule. SDM vol. 2A, AESKEYGENASSIST.
func aeskeygenassist(c *CPU, in *Inst) *x86.Fault {
	v, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	var d XMMReg
	for i := range 2 {
		var w uint32
		for b := range 4 {
			w |= uint32(aesTables.sbox[byte(v[i]>>(32+8*b))]) << (8 * b)
		}
		d[i] = uint64(w) | uint64(bits.RotateLeft32(w, -8)^uint32(uint8(in.Imm)))<<32
	}
	*c.xmm(in.Args[0]) = d
	return nil
}

var clmulRows = []row{{decode.PCLMULQDQ, pclmulqdq, 0, PCLMULQDQ, plain}}

var _ = addRows(clmulRows)

// pclmulqdq multiplies two halves without carries; bits 0 and 4 of the immediate choose them. SDM vol. 2B, PCLMULQDQ.
func pclmulqdq(c *CPU, in *Inst) *x86.Fault {
	v, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	a, b := d[in.Imm&1], v[in.Imm>>4&1]
	var lo, hi uint64
	for ; b != 0; b &= b - 1 {
		n := bits.TrailingZeros64(b)
		lo ^= a << n
		hi ^= a >> (64 - n)
	}
	*d = XMMReg{lo, hi}
	return nil
}
