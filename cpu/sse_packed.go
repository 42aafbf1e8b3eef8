package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// A laneOp combines 64 bits of the first operand with the same bits of the second: all that is known of a packed
// integer operation whose elements stay in their places. XMM forms apply it twice, MMX forms once.
type laneOp func(a, b uint64) uint64

// laneRow joins an instruction to its laneOp.
type laneRow struct {
	op      decode.Op
	f       laneOp
	feature Feature // of the XMM form
}

// laneOps is indexed by decode.Op.
var laneOps [decode.NumOps]laneOp

// addLanes adds rows of lane operations.
func addLanes(group []laneRow) bool {
	for _, r := range group {
		laneOps[r.op] = r.f
		addRows([]row{{r.op, runLanes, 0, r.feature, plain}})
	}
	return true
}

// SDM vol. 2B under each name; vol. 2A for ANDPS and its kin.
var sseLaneRows = []laneRow{
	{decode.PAND, pand, SSE2},
	{decode.PANDN, pandn, SSE2},
	{decode.POR, por, SSE2},
	{decode.PXOR, pxor, SSE2},
	{decode.ANDPS, pand, SSE},
	{decode.ANDNPS, pandn, SSE},
	{decode.ORPS, por, SSE},
	{decode.XORPS, pxor, SSE},
	{decode.ANDPD, pand, SSE2},
	{decode.ANDNPD, pandn, SSE2},
	{decode.ORPD, por, SSE2},
	{decode.XORPD, pxor, SSE2},
	{decode.PADDB, paddb, SSE2},
	{decode.PADDW, paddw, SSE2},
	{decode.PADDD, paddd, SSE2},
	{decode.PADDQ, paddq, SSE2},
	{decode.PSUBB, psubb, SSE2},
	{decode.PSUBW, psubw, SSE2},
	{decode.PSUBD, psubd, SSE2},
	{decode.PSUBQ, psubq, SSE2},
	{decode.PADDSB, bytesOf(func(a, b int8) int8 { return sat8(int32(a) + int32(b)) }), SSE2},
	{decode.PADDSW, wordsOf(func(a, b int16) int16 { return sat16(int32(a) + int32(b)) }), SSE2},
	{decode.PADDUSB, paddusb, SSE2},
	{decode.PADDUSW, wordsOf(func(a, b uint16) uint16 { return satu16(int32(a) + int32(b)) }), SSE2},
	{decode.PSUBSB, bytesOf(func(a, b int8) int8 { return sat8(int32(a) - int32(b)) }), SSE2},
	{decode.PSUBSW, wordsOf(func(a, b int16) int16 { return sat16(int32(a) - int32(b)) }), SSE2},
	{decode.PSUBUSB, psubusb, SSE2},
	{decode.PSUBUSW, wordsOf(func(a, b uint16) uint16 { return satu16(int32(a) - int32(b)) }), SSE2},
	{decode.PCMPEQB, pcmpeqb, SSE2},
	{decode.PCMPEQW, pcmpeqw, SSE2},
	{decode.PCMPEQD, pcmpeqd, SSE2},
	{decode.PCMPGTB, pcmpgtb, SSE2},
	{decode.PCMPGTW, pcmpgtw, SSE2},
	{decode.PCMPGTD, dwordsOf(func(a, b int32) int32 { return -int32(bool8(a > b)) }), SSE2},
	{decode.PMULLW, wordsOf(func(a, b int16) int16 { return int16(int32(a) * int32(b)) }), SSE2},
	{decode.PMULHW, wordsOf(func(a, b int16) int16 { return int16(int32(a) * int32(b) >> 16) }), SSE2},
	{decode.PMULHUW, wordsOf(func(a, b uint16) uint16 { return uint16(uint32(a) * uint32(b) >> 16) }), SSE2},
	{decode.PMULUDQ, func(a, b uint64) uint64 { return uint64(uint32(a)) * uint64(uint32(b)) }, SSE2},
	{decode.PMADDWD, pmaddwd, SSE2},
	{decode.PAVGB, bytesOf(func(a, b uint8) uint8 { return uint8((uint32(a) + uint32(b) + 1) >> 1) }), SSE2},
	{decode.PAVGW, wordsOf(func(a, b uint16) uint16 { return uint16((uint32(a) + uint32(b) + 1) >> 1) }), SSE2},
	{decode.PMINUB, pminub, SSE2},
	{decode.PMAXUB, pmaxub, SSE2},
	{decode.PMINSW, pminsw, SSE2},
	{decode.PMAXSW, pmaxsw, SSE2},
	{decode.PSADBW, psadbw, SSE2},
}

var _ = addLanes(sseLaneRows)

// runLanes is the body of every instruction with a laneOp.
func runLanes(c *CPU, in *Inst) *x86.Fault {
	if in.Args[0].Class() == decode.MMX {
		return c.mmx(in)
	}
	op := laneOps[in.Op]
	d := c.xmm(in.Args[0])
	if s := in.Args[1]; s.Class() == decode.XMM {
		b := c.xmm(s)
		d[0], d[1] = op(d[0], b[0]), op(d[1], b[1])
		return nil
	}
	b, f := c.load16(in)
	if f != nil {
		return f
	}
	d[0], d[1] = op(d[0], b[0]), op(d[1], b[1])
	return nil
}

// bytesOf applies f to eight bytes.
func bytesOf[T int8 | uint8](f func(a, b T) T) laneOp {
	return func(a, b uint64) (r uint64) {
		for i := 0; i < 64; i += 8 {
			r |= uint64(uint8(f(T(a>>i), T(b>>i)))) << i
		}
		return r
	}
}

// wordsOf applies f to four words.
func wordsOf[T int16 | uint16](f func(a, b T) T) laneOp {
	return func(a, b uint64) (r uint64) {
		for i := 0; i < 64; i += 16 {
			r |= uint64(uint16(f(T(a>>i), T(b>>i)))) << i
		}
		return r
	}
}

// dwordsOf applies f to two doublewords.
func dwordsOf[T int32 | uint32](f func(a, b T) T) laneOp {
	return func(a, b uint64) uint64 {
		return uint64(uint32(f(T(a), T(b)))) | uint64(uint32(f(T(a>>32), T(b>>32))))<<32
	}
}

func bool8(b bool) int8 {
	if b {
		return 1
	}
	return 0
}

func sat8(v int32) int8     { return int8(max(-0x80, min(v, 0x7f))) }
func sat16(v int32) int16   { return int16(max(-0x8000, min(v, 0x7fff))) }
func satu8(v int32) uint8   { return uint8(max(0, min(v, 0xff))) }
func satu16(v int32) uint16 { return uint16(max(0, min(v, 0xffff))) }

func pand(a, b uint64) uint64  { return a & b }
func pandn(a, b uint64) uint64 { return ^a & b }
func por(a, b uint64) uint64   { return a | b }
func pxor(a, b uint64) uint64  { return a ^ b }
func paddq(a, b uint64) uint64 { return a + b }
func psubq(a, b uint64) uint64 { return a - b }

// The top bits of bytes and words: with them masked, carries stay inside the elements, and their own sums are xors.
const (
	topBytes = 0x8080808080808080
	topWords = 0x8000800080008000
)

func paddb(a, b uint64) uint64 { return (a&^topBytes + b&^topBytes) ^ (a^b)&topBytes }
func paddw(a, b uint64) uint64 { return (a&^topWords + b&^topWords) ^ (a^b)&topWords }
func paddd(a, b uint64) uint64 { return uint64(uint32(a)+uint32(b)) | (a>>32+b>>32)<<32 }
func psubb(a, b uint64) uint64 { return ((a | topBytes) - b&^topBytes) ^ (a^^b)&topBytes }
func psubw(a, b uint64) uint64 { return ((a | topWords) - b&^topWords) ^ (a^^b)&topWords }
func psubd(a, b uint64) uint64 { return uint64(uint32(a)-uint32(b)) | (a>>32-b>>32)<<32 }

// atLeastBytes is a mask of the bytes of a that are not below those of b, unsigned.
func atLeastBytes(a, b uint64) uint64 {
	t := (a | topBytes) - b&^topBytes // top bits: the low seven bits are
	return (a&^b | ^(a^b)&t) & topBytes >> 7 * 0xff
}

// atLeastWords is atLeastBytes with words.
func atLeastWords(a, b uint64) uint64 {
	t := (a | topWords) - b&^topWords
	return (a&^b | ^(a^b)&t) & topWords >> 15 * 0xffff
}

func pminub(a, b uint64) uint64 {
	m := atLeastBytes(a, b)
	return b&m | a&^m
}

func pmaxub(a, b uint64) uint64 {
	m := atLeastBytes(a, b)
	return a&m | b&^m
}

func psubusb(a, b uint64) uint64 { return psubb(a, b) & atLeastBytes(a, b) }
func paddusb(a, b uint64) uint64 { return ^psubusb(^a, b) }
func pcmpgtb(a, b uint64) uint64 { return ^atLeastBytes(b^topBytes, a^topBytes) }
func pcmpgtw(a, b uint64) uint64 { return ^atLeastWords(b^topWords, a^topWords) }

func pminsw(a, b uint64) uint64 {
	m := atLeastWords(a^topWords, b^topWords)
	return b&m | a&^m
}

func pmaxsw(a, b uint64) uint64 {
	m := atLeastWords(a^topWords, b^topWords)
	return a&m | b&^m
}

// pcmpeqb: the top bit of each byte of z tells that some bit of the byte of a^b is set; spread is 0xff times that.
func pcmpeqb(a, b uint64) uint64 {
	v := a ^ b
	z := (v&^topBytes + ^uint64(topBytes) | v) & topBytes
	return ^(z >> 7 * 0xff)
}

func pcmpeqw(a, b uint64) uint64 {
	v := a ^ b
	z := (v&^topWords + ^uint64(topWords) | v) & topWords
	return ^(z >> 15 * 0xffff)
}

func pcmpeqd(a, b uint64) (r uint64) {
	if v := a ^ b; v == 0 {
		return ^uint64(0)
	} else if uint32(v) == 0 {
		return 0xffffffff
	} else if v>>32 == 0 {
		return 0xffffffff << 32
	}
	return 0
}

func pmaddwd(a, b uint64) uint64 {
	pair := func(i int) uint64 {
		return uint64(uint32(int32(int16(a>>i))*int32(int16(b>>i)) + int32(int16(a>>(i+16)))*int32(int16(b>>(i+16)))))
	}
	return pair(0) | pair(32)<<32
}

func psadbw(a, b uint64) (sum uint64) {
	for i := 0; i < 64; i += 8 {
		x, y := a>>i&0xff, b>>i&0xff
		sum += max(x, y) - min(x, y)
	}
	return sum
}
