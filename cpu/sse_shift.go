package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// sseShiftRows join packed shifts to laneOps whose second operand is the count, the same for all elements.
var sseShiftRows = []laneRow{
	{decode.PSLLW, psllw, SSE2},
	{decode.PSLLD, pslld, SSE2},
	{decode.PSLLQ, psllq, SSE2},
	{decode.PSRLW, psrlw, SSE2},
	{decode.PSRLD, psrld, SSE2},
	{decode.PSRLQ, psrlq, SSE2},
	{decode.PSRAW, psraw, SSE2},
	{decode.PSRAD, psrad, SSE2},
}

var _ = addShifts(sseShiftRows)

var sseByteShiftRows = []row{
	{decode.PSLLDQ, pslldq, 0, SSE2, plain},
	{decode.PSRLDQ, psrldq, 0, SSE2, plain},
}

var _ = addRows(sseByteShiftRows)

func addShifts(group []laneRow) bool {
	for _, r := range group {
		laneOps[r.op] = r.f
		addRows([]row{{r.op, packedShift, 0, r.feature, plain}})
	}
	return true
}

// packedShift shifts by an immediate or by the low 64 bits of the second operand. SDM vol. 2B, PSLLW … PSRAD.
func packedShift(c *CPU, in *Inst) *x86.Fault {
	if in.Args[0].Class() == decode.MMX {
		return c.mmx(in)
	}
	count := uint64(uint8(in.Imm))
	if in.Args[1] != decode.Imm {
		v, f := c.xmmSrc(in, in.Args[1])
		if f != nil {
			return f
		}
		count = v[0]
	}
	op, d := laneOps[in.Op], c.xmm(in.Args[0])
	d[0], d[1] = op(d[0], count), op(d[1], count)
	return nil
}

// Counts of the element's width or more clear, in arithmetic shifts spread the sign.

func psllw(a, n uint64) uint64 {
	if n > 15 {
		return 0
	}
	return a << n & (0xffff << n & 0xffff * 0x0001000100010001)
}

func psrlw(a, n uint64) uint64 {
	if n > 15 {
		return 0
	}
	return a >> n & (0xffff >> n * 0x0001000100010001)
}

func pslld(a, n uint64) uint64 {
	if n > 31 {
		return 0
	}
	return uint64(uint32(a)<<n) | a>>32<<(32+n)
}

func psrld(a, n uint64) uint64 {
	if n > 31 {
		return 0
	}
	return uint64(uint32(a)>>n) | a>>32>>n<<32
}

func psllq(a, n uint64) uint64 { return a << n }
func psrlq(a, n uint64) uint64 { return a >> n }

func psraw(a, n uint64) (r uint64) {
	n = min(n, 15)
	for i := 0; i < 64; i += 16 {
		r |= uint64(uint16(int16(a>>i)>>n)) << i
	}
	return r
}

func psrad(a, n uint64) uint64 {
	n = min(n, 31)
	return uint64(uint32(int32(a)>>n)) | uint64(int64(a)>>32>>n)<<32
}

// pslldq shifts the register left by bytes. SDM vol. 2B, PSLLDQ.
func pslldq(c *CPU, in *Inst) *x86.Fault {
	d, n := c.xmm(in.Args[0]), min(uint(uint8(in.Imm)), 16)*8
	*d = shiftLeft(d[0], d[1], n)
	return nil
}

// psrldq shifts the register right by bytes. SDM vol. 2B, PSRLDQ.
func psrldq(c *CPU, in *Inst) *x86.Fault {
	d, n := c.xmm(in.Args[0]), min(uint(uint8(in.Imm)), 16)*8
	*d = shiftRight(d[0], d[1], n)
	return nil
}

// shiftLeft shifts 128 bits left by n, up to 128; see shiftRight.
func shiftLeft(lo, hi uint64, n uint) XMMReg {
	return XMMReg{lo << n, hi<<n | lo<<(n-64) | lo>>(64-n)}
}

// shiftRight shifts 128 bits right by n, up to 128. Go shifts by 64 or more, and so by a negative count turned unsigned,
// give 0: one of the two terms beside lo>>n is.
func shiftRight(lo, hi uint64, n uint) XMMReg {
	return XMMReg{lo>>n | hi<<(64-n) | hi>>(n-64), hi >> n}
}
