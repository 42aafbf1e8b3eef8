package cpu

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var sse42Rows = []row{
	{decode.PCMPESTRI, pcmpstri, 0, SSE42, plain},
	{decode.PCMPISTRI, pcmpstri, 0, SSE42, plain},
	{decode.PCMPESTRM, pcmpstrm, 0, SSE42, plain},
	{decode.PCMPISTRM, pcmpstrm, 0, SSE42, plain},
}

var _ = addRows(sse42Rows)

// Fields of the immediate of the string comparisons (SDM vol. 2B 4.1).
const (
	stringWords  = 1 << 0 // elements are words, not bytes
	stringSigned = 1 << 1
	stringNegate = 1 << 4 // the result is inverted,
	stringMasked = 1 << 5 // but only for valid elements of the second operand
	stringTop    = 1 << 6 // index of the highest bit, or a mask of elements instead of bits
)

// Aggregations, bits 3:2 of the immediate.
const (
	equalAny = iota
	inRanges
	equalEach
	equalOrdered
)

// A stringOperand is an operand unpacked; its first len elements are valid.
type stringOperand struct {
	e   [16]int32
	len int
}

// stringElements unpacks a register.
func stringElements(r *XMMReg, imm int64) (s stringOperand, n int) {
	width := uint8(1)
	n = 16
	if imm&stringWords != 0 {
		width, n = 2, 8
	}
	for i := range n {
		v := r.extract(int64(i), width)
		if imm&stringSigned != 0 {
			v = sext(v, width)
		}
		s.e[i] = int32(v)
	}
	return s, n
}

// terminated sets the length to the position of the first zero.
func (s *stringOperand) terminated(n int) {
	for s.len = 0; s.len < n && s.e[s.len] != 0; s.len++ {
	}
}

// counted sets the length to the magnitude of rAX or rDX, at most n.
func (s *stringOperand) counted(v uint64, width uint8, n int) {
	v = sext(v, width)
	if int64(v) < 0 {
		v = -v
	}
	s.len = int(min(v, uint64(n)))
}

// compareStrings returns the result bits and the number of elements, with the flags set. The memory operand need not be
// aligned.
func (c *CPU) compareStrings(in *Inst) (result uint32, n int, f *x86.Fault) {
	b := XMMReg{}
	if s := in.Args[1]; s.Class() == decode.XMM {
		b = *c.xmm(s)
	} else if b, f = c.load16u(in, c.ea(in)); f != nil {
		return 0, 0, f
	}
	x, n := stringElements(c.xmm(in.Args[0]), in.Imm)
	y, _ := stringElements(&b, in.Imm)
	if in.Op == decode.PCMPESTRI || in.Op == decode.PCMPESTRM {
		width := uint8(4)
		if in.Prefix&decode.RexW != 0 {
			width = 8
		}
		x.counted(c.R[RAX], width, n)
		y.counted(c.R[RDX], width, n)
	} else {
		x.terminated(n)
		y.terminated(n)
	}
	result = aggregate(&x, &y, n, int(in.Imm>>2&3))
	switch {
	case in.Imm&stringNegate == 0:
	case in.Imm&stringMasked != 0:
		result ^= 1<<y.len - 1
	default:
		result ^= 1<<n - 1
	}
	var flags uint64
	if result != 0 {
		flags |= x86.FlagCF
	}
	if y.len < n {
		flags |= x86.FlagZF
	}
	if x.len < n {
		flags |= x86.FlagSF
	}
	if result&1 != 0 {
		flags |= x86.FlagOF
	}
	c.flags.set(flags)
	return result, n, nil
}

// aggregate compares x with y, one bit of the result for each element of y. Elements beyond the lengths compare as
// table 4-7 of SDM vol. 2B says.
func aggregate(x, y *stringOperand, n, how int) (result uint32) {
	for j := range n {
		hit := false
		switch how {
		case equalAny:
			for i := range x.len {
				hit = hit || j < y.len && x.e[i] == y.e[j]
			}
		case inRanges:
			for i := 0; i+1 < x.len; i += 2 {
				hit = hit || j < y.len && y.e[j] >= x.e[i] && y.e[j] <= x.e[i+1]
			}
		case equalEach:
			hit = j < x.len && j < y.len && x.e[j] == y.e[j] || j >= x.len && j >= y.len
		default:
			hit = true
			for i := 0; i < x.len && i+j < n; i++ {
				hit = hit && i+j < y.len && x.e[i] == y.e[i+j]
			}
		}
		if hit {
			result |= 1 << j
		}
	}
	return result
}

// pcmpstri returns the index of the lowest or highest set bit in ECX, the number of elements if there is none.
// SDM vol. 2B, PCMPESTRI, PCMPISTRI.
func pcmpstri(c *CPU, in *Inst) *x86.Fault {
	r, n, f := c.compareStrings(in)
	if f != nil {
		return f
	}
	switch {
	case r == 0:
	case in.Imm&stringTop != 0:
		n = bits.Len32(r) - 1
	default:
		n = bits.TrailingZeros32(r)
	}
	c.R[RCX] = uint64(n)
	return nil
}

// pcmpstrm returns the result bits, or a mask of whole elements, in XMM0. SDM vol. 2B, PCMPESTRM, PCMPISTRM.
func pcmpstrm(c *CPU, in *Inst) *x86.Fault {
	r, n, f := c.compareStrings(in)
	if f != nil {
		return f
	}
	if in.Imm&stringTop == 0 {
		c.XMM[0] = XMMReg{uint64(r)}
		return nil
	}
	width := uint8(16 / n)
	c.XMM[0] = XMMReg{}
	for i := range n {
		if r>>i&1 != 0 {
			c.XMM[0].insert(int64(i), width, ^uint64(0))
		}
	}
	return nil
}
