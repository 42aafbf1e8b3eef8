package cpu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pagewalk/pagewalk/x86"
)

// vectorState is what SSE instructions read and write.
type vectorState struct {
	R     [16]uint64
	Flags uint64
	XMM   [16]XMMReg
	MXCSR uint32
	Mem   [64]byte // at memBase + window
}

// diff lists what changed from a to b as name=value pairs.
func (a *vectorState) diff(b *vectorState) string {
	var sb strings.Builder
	for i := range a.R {
		if a.R[i] != b.R[i] {
			fmt.Fprintf(&sb, "r%d=%x ", i, b.R[i])
		}
	}
	for i := range a.XMM {
		if a.XMM[i] != b.XMM[i] {
			fmt.Fprintf(&sb, "x%d=%016x%016x ", i, b.XMM[i][1], b.XMM[i][0])
		}
	}
	fmt.Fprintf(&sb, "f=%x mx=%x", b.Flags&x86.FlagsStatus, b.MXCSR)
	if a.Mem != b.Mem {
		fmt.Fprintf(&sb, " m=%x", b.Mem)
	}
	return sb.String()
}

// edgeFloat draws a number of a format, biased to the corners.
func edgeFloat(rng *rand.Rand, f *floatFormat) uint64 {
	sign := uint64(rng.IntN(2)) * f.sign()
	frac := rng.Uint64() & f.fracOf()
	switch rng.IntN(4) {
	case 0:
		frac &^= 1<<rng.IntN(int(f.frac)) - 1 // few bits: exact results, ties
	case 1:
		frac = f.fracOf() &^ (1<<rng.IntN(3) - 1)
	}
	exp := func(e int) uint64 { return uint64(e) << f.frac & f.inf() }
	bias := f.bias()
	switch rng.IntN(16) {
	case 0:
		return sign
	case 1:
		return sign | f.inf()
	case 2:
		return sign | f.inf() | f.quiet() | frac
	case 3:
		return sign | f.inf() | 1 | frac&^f.quiet()
	case 4, 5:
		return sign | frac // denormal
	case 6:
		return sign | exp(1+rng.IntN(3)) | frac
	case 7:
		return sign | exp(2*bias-rng.IntN(3)) | frac
	case 8:
		return sign | exp(bias/2+rng.IntN(8)) | frac // whose squares underflow
	case 9:
		return sign | exp(rng.IntN(2*bias)) | frac
	case 10, 11:
		return sign | exp(bias+rng.IntN(66)) | frac // integers
	}
	return sign | exp(bias-4+rng.IntN(8)) | frac
}

// edgeXMM draws a register full of singles, doubles or integers.
func edgeXMM(rng *rand.Rand) (v XMMReg) {
	kind := rng.IntN(3)
	for i := range v {
		switch kind {
		case 0:
			v[i] = edgeFloat(rng, single) | edgeFloat(rng, single)<<32
		case 1:
			v[i] = edgeFloat(rng, double)
		default:
			for j := range 8 {
				b := rng.Uint64() & 0xff
				if rng.IntN(4) == 0 {
					b = []uint64{0, 0x7f, 0x80, 0xff}[rng.IntN(4)]
				}
				v[i] |= b << (8 * j)
			}
			if rng.IntN(3) == 0 {
				v[i] = edge(rng)
			}
		}
	}
	return v
}

// drawVector makes a state in which the instruction cannot fault.
func drawVector(rng *rand.Rand) *vectorState {
	s := &vectorState{Flags: rng.Uint64()&x86.FlagsStatus | x86.FlagR1, MXCSR: mxDefault | uint32(rng.IntN(2))*mxPE}
	if rng.IntN(2) == 0 {
		s.MXCSR = mxDefault | rng.Uint32()&(mxFlags|3<<mxRCShift|mxFTZ|mxDAZ)
	}
	for i := range s.R {
		s.R[i] = edge(rng)
	}
	for i := range s.XMM {
		s.XMM[i] = edgeXMM(rng)
		if i > 0 && rng.IntN(6) == 0 {
			s.XMM[i] = s.XMM[rng.IntN(i)] // equal numbers
		}
		if i > 0 && rng.IntN(8) == 0 {
			s.XMM[i] = XMMReg{s.XMM[i-1][0] + uint64(rng.IntN(3)) - 1, s.XMM[i-1][1] ^ 1<<63} // cancellation
		}
	}
	for i := 0; i < len(s.Mem); i += 16 {
		v := edgeXMM(rng)
		if rng.IntN(6) == 0 {
			v = s.XMM[rng.IntN(16)]
		}
		binary.LittleEndian.PutUint64(s.Mem[i:], v[0])
		binary.LittleEndian.PutUint64(s.Mem[i+8:], v[1])
	}
	if rng.IntN(2) == 0 { // lengths, and strings over a small alphabet
		s.R[RAX], s.R[RDX] = uint64(rng.IntN(24)-4), uint64(rng.IntN(24)-4)
		for i := range s.XMM {
			for j := range 128 / 8 {
				s.XMM[i].insert(int64(j), 1, uint64("ab\x00\xffcd"[rng.IntN(2+i%5)]))
			}
		}
	}
	for i := range s.XMM { // shift counts
		if rng.IntN(5) == 0 {
			s.XMM[i][0] = uint64(rng.IntN(70))
		}
	}
	if rng.IntN(3) == 0 {
		for i := 0; i < len(s.Mem); i += 16 {
			binary.LittleEndian.PutUint64(s.Mem[i:], uint64(rng.IntN(70)))
		}
	}
	s.R[RSP], s.R[RSI], s.R[RDI] = stackTop, memBase+window, memBase+window+uint64(rng.IntN(40))
	return s
}

// vectorCPU has every feature on, advertised or not.
func vectorCPU(t testing.TB) *CPU {
	c := testCPU(t)
	c.features = ^features(0)
	return c
}

func (c *CPU) loadVector(s *vectorState, code []byte) {
	copy(c.R[:16], s.R[:])
	c.SetFlags(s.Flags)
	c.RIP = testCode
	c.XMM, c.MXCSR = s.XMM, s.MXCSR
	c.mem.NotifyWrite(testCode)
	copy(c.mem.Frame(testCode)[:], code)
	copy(c.mem.Frame(memBase + window)[:], s.Mem[:])
}

func (c *CPU) storeVector(s *vectorState) {
	copy(s.R[:], c.R[:16])
	s.Flags, s.XMM, s.MXCSR = c.Flags(), c.XMM, c.MXCSR
	copy(s.Mem[:], c.mem.Frame(memBase + window)[:])
}

// runVector steps one instruction and lists what changed.
func runVector(c *CPU, code []byte, before *vectorState) string {
	c.loadVector(before, code)
	if e := c.Step(); e.Kind != ExitNone {
		return fmt.Sprintf("exit %v %v", e.Kind, e.Fault)
	}
	after := *before
	c.storeVector(&after)
	return before.diff(&after)
}

func TestSSEVectors(t *testing.T) {
	c := vectorCPU(t)
	prepare := func(code []byte, n int) *vectorState { return drawVector(caseSeed(code, n)) }
	vectorSet{
		file: "sse", mode: 64, least: 2000, codes: sseEncodings(),
		show: func(code []byte, n int) string { return fmt.Sprintf("%x", prepare(code, n)) },
		ours: func(code []byte, n int) string { return runVector(c, code, prepare(code, n)) },
		host: func() func(code []byte, n int) string {
			run := newVectorHost(t)
			return func(code []byte, n int) string {
				before := prepare(code, n)
				after := *before
				run(code, &after)
				return before.diff(&after)
			}
		},
	}.test(t)
}
