package cpu

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// SDM vol. 2B under each name. Words are numbered from bit 0 up; the manual's W0 is often the topmost.
var shaRows = []row{
	{decode.SHA1RNDS4, sha(sha1rnds4), 0, SHA, plain},
	{decode.SHA1NEXTE, sha(sha1nexte), 0, SHA, plain},
	{decode.SHA1MSG1, sha(sha1msg1), 0, SHA, plain},
	{decode.SHA1MSG2, sha(sha1msg2), 0, SHA, plain},
	{decode.SHA256RNDS2, sha256rnds2, 0, SHA, plain},
	{decode.SHA256MSG1, sha(sha256msg1), 0, SHA, plain},
	{decode.SHA256MSG2, sha(sha256msg2), 0, SHA, plain},
}

var _ = addRows(shaRows)

// dwords are the four 32-bit words of a register, the lowest first.
type dwords [4]uint32

func (v XMMReg) dwords() dwords {
	return dwords{uint32(v[0]), uint32(v[0] >> 32), uint32(v[1]), uint32(v[1] >> 32)}
}

func (d dwords) xmm() XMMReg {
	return XMMReg{uint64(d[0]) | uint64(d[1])<<32, uint64(d[2]) | uint64(d[3])<<32}
}

func rotl(v uint32, n int) uint32 { return bits.RotateLeft32(v, n) }

// sha is the shape of the instructions that combine destination, source and immediate.
func sha(f func(a, b dwords, imm uint8) dwords) body {
	return func(c *CPU, in *Inst) *x86.Fault {
		v, fault := c.xmmSrc(in, in.Args[1])
		if fault != nil {
			return fault
		}
		d := c.xmm(in.Args[0])
		*d = f(d.dwords(), v.dwords(), uint8(in.Imm)).xmm()
		return nil
	}
}

// sha1rnds4 does four rounds of SHA-1; the immediate chooses function and constant.
func sha1rnds4(a, w dwords, imm uint8) dwords {
	k := [4]uint32{0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6}[imm&3]
	var e uint32 // the first of the words already has E added
	for i := 3; i >= 0; i-- {
		b, c, d := a[2], a[1], a[0]
		f := b ^ c ^ d
		switch imm & 3 {
		case 0:
			f = b&c ^ ^b&d
		case 2:
			f = b&c ^ b&d ^ c&d
		}
		t := f + rotl(a[3], 5) + w[i] + e + k
		e = d
		a = dwords{c, rotl(b, 30), a[3], t}
	}
	return a
}

func sha1nexte(a, b dwords, _ uint8) dwords {
	b[3] += rotl(a[3], 30)
	return b
}

func sha1msg1(a, b dwords, _ uint8) dwords {
	return dwords{b[2] ^ a[0], b[3] ^ a[1], a[0] ^ a[2], a[1] ^ a[3]}
}

func sha1msg2(a, b dwords, _ uint8) dwords {
	w16 := rotl(a[3]^b[2], 1)
	return dwords{rotl(a[0]^w16, 1), rotl(a[1]^b[0], 1), rotl(a[2]^b[1], 1), w16}
}

// sha256rnds2 does two rounds of SHA-256 with the message words, constants added, in XMM0.
func sha256rnds2(c *CPU, in *Inst) *x86.Fault {
	v, fault := c.xmmSrc(in, in.Args[1])
	if fault != nil {
		return fault
	}
	dst := c.xmm(in.Args[0])
	x, y, wk := dst.dwords(), v.dwords(), c.XMM[0].dwords()
	a, b, e, f := y[3], y[2], y[1], y[0]
	cc, d, g, h := x[3], x[2], x[1], x[0]
	for i := range 2 {
		t1 := (e&f ^ ^e&g) + (rotl(e, -6) ^ rotl(e, -11) ^ rotl(e, -25)) + wk[i] + h
		t2 := (a&b ^ a&cc ^ b&cc) + (rotl(a, -2) ^ rotl(a, -13) ^ rotl(a, -22))
		h, g, f, e = g, f, e, d+t1
		d, cc, b, a = cc, b, a, t1+t2
	}
	*dst = dwords{f, e, b, a}.xmm()
	return nil
}

func sha256msg1(a, b dwords, _ uint8) dwords {
	s := func(w uint32) uint32 { return rotl(w, -7) ^ rotl(w, -18) ^ w>>3 }
	return dwords{a[0] + s(a[1]), a[1] + s(a[2]), a[2] + s(a[3]), a[3] + s(b[0])}
}

func sha256msg2(a, b dwords, _ uint8) dwords {
	s := func(w uint32) uint32 { return rotl(w, -17) ^ rotl(w, -19) ^ w>>10 }
	w16, w17 := a[0]+s(b[2]), a[1]+s(b[3])
	return dwords{w16, w17, a[2] + s(w16), a[3] + s(w17)}
}
