package cpu

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// SDM vol. 2B under each name.
var ssse3LaneRows = []laneRow{
	{decode.PABSB, bytesOf(func(_, b int8) int8 { return max(b, -b) }), SSSE3},
	{decode.PABSW, wordsOf(func(_, b int16) int16 { return max(b, -b) }), SSSE3},
	{decode.PABSD, dwordsOf(func(_, b int32) int32 { return max(b, -b) }), SSSE3},
	{decode.PSIGNB, bytesOf(func(a, b int8) int8 { return a * (bool8(b > 0) - bool8(b < 0)) }), SSSE3},
	{decode.PSIGNW, wordsOf(func(a, b int16) int16 { return a * int16(bool8(b > 0)-bool8(b < 0)) }), SSSE3},
	{decode.PSIGND, dwordsOf(func(a, b int32) int32 { return a * int32(bool8(b > 0)-bool8(b < 0)) }), SSSE3},
	{decode.PMULHRSW, wordsOf(func(a, b int16) int16 { return int16((int32(a)*int32(b)>>14 + 1) >> 1) }), SSSE3},
	{decode.PMADDUBSW, pmaddubsw, SSSE3},
}

var _ = addLanes(ssse3LaneRows)

var ssse3Rows = []row{
	{decode.PHADDW, pack(phaddw), 0, SSSE3, plain},
	{decode.PHADDD, pack(phaddd), 0, SSSE3, plain},
	{decode.PHADDSW, pack(phaddsw), 0, SSSE3, plain},
	{decode.PHSUBW, pack(phsubw), 0, SSSE3, plain},
	{decode.PHSUBD, pack(phsubd), 0, SSSE3, plain},
	{decode.PHSUBSW, pack(phsubsw), 0, SSSE3, plain},
	{decode.PSHUFB, pshufb, 0, SSSE3, plain},
	{decode.PALIGNR, palignr, 0, SSSE3, plain},
}

var _ = addRows(ssse3Rows)

// pmaddubsw multiplies unsigned bytes of a with signed ones of b and adds neighbours, saturated.
func pmaddubsw(a, b uint64) (r uint64) {
	for i := 0; i < 64; i += 16 {
		sum := int32(uint8(a>>i))*int32(int8(b>>i)) + int32(uint8(a>>(i+8)))*int32(int8(b>>(i+8)))
		r |= uint64(uint16(sat16(sum))) << i
	}
	return r
}

// neighbours combines neighbouring words of 128 bits.
func neighbours(lo, hi uint64, f func(a, b int32) int16) (r uint64) {
	for i := 0; i < 2; i++ {
		r |= uint64(uint16(f(int32(int16(lo>>(32*i))), int32(int16(lo>>(32*i+16)))))) << (16 * i)
		r |= uint64(uint16(f(int32(int16(hi>>(32*i))), int32(int16(hi>>(32*i+16)))))) << (16*i + 32)
	}
	return r
}

func phaddw(lo, hi uint64) uint64 {
	return neighbours(lo, hi, func(a, b int32) int16 { return int16(a + b) })
}

func phsubw(lo, hi uint64) uint64 {
	return neighbours(lo, hi, func(a, b int32) int16 { return int16(a - b) })
}

func phaddsw(lo, hi uint64) uint64 {
	return neighbours(lo, hi, func(a, b int32) int16 { return sat16(a + b) })
}

func phsubsw(lo, hi uint64) uint64 {
	return neighbours(lo, hi, func(a, b int32) int16 { return sat16(a - b) })
}

func phaddd(lo, hi uint64) uint64 {
	return uint64(uint32(lo)+uint32(lo>>32)) | (hi+hi>>32)<<32
}

func phsubd(lo, hi uint64) uint64 {
	return uint64(uint32(lo)-uint32(lo>>32)) | (hi-hi>>32)<<32
}

// bytes returns the sixteen bytes of r.
func (r *XMMReg) bytes() (b [16]uint8) {
	binary.LittleEndian.PutUint64(b[:], r[0])
	binary.LittleEndian.PutUint64(b[8:], r[1])
	return b
}

// fromBytes packs sixteen bytes.
func fromBytes(b *[16]uint8) XMMReg {
	return XMMReg{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
}

// pshufb picks bytes by the low four bits of control bytes, or 0 where their top bit is set. SDM vol. 2B, PSHUFB.
func pshufb(c *CPU, in *Inst) *x86.Fault {
	if usesMMX(in) {
		return c.mmx(in)
	}
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	src, pick := d.bytes(), b.bytes()
	for i, p := range pick {
		if p&0x80 != 0 {
			pick[i] = 0
		} else {
			pick[i] = src[p&15]
		}
	}
	*d = fromBytes(&pick)
	return nil
}

// palignr takes 16 of the 32 bytes first:second, from the byte that the immediate says. SDM vol. 2B, PALIGNR.
func palignr(c *CPU, in *Inst) *x86.Fault {
	if usesMMX(in) {
		return c.mmx(in)
	}
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d, n := c.xmm(in.Args[0]), uint(uint8(in.Imm))*8
	switch {
	case n >= 256:
		*d = XMMReg{}
	case n >= 128:
		*d = shiftRight(d[0], d[1], n-128)
	default:
		low, high := shiftRight(b[0], b[1], n), shiftLeft(d[0], d[1], 128-n)
		*d = XMMReg{low[0] | high[0], low[1] | high[1]}
	}
	return nil
}
