package cpu

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// mmxState is what MMX instructions read and write.
type mmxState struct {
	vectorState
	ST     [8]float80 // physical registers
	Status uint16
	Tags   uint8
}

func (a *mmxState) diff(b *mmxState) string {
	var sb strings.Builder
	fmt.Fprintf(&sb, "%s sw=%x tags=%02x", a.vectorState.diff(&b.vectorState), b.Status, b.Tags)
	for i := range b.ST {
		if a.ST[i] != b.ST[i] {
			fmt.Fprintf(&sb, " r%d=%04x:%016x", i, b.ST[i].se, b.ST[i].frac)
		}
	}
	return sb.String()
}

func drawMMX(rng *rand.Rand) *mmxState {
	s := &mmxState{vectorState: *drawVector(rng), Status: uint16(rng.Uint32()) & 0x7f7f, Tags: uint8(rng.Uint32())}
	for i := range s.ST {
		s.ST[i] = float80{edgeXMM(rng)[0], uint16(rng.Uint32())}
		switch rng.IntN(6) {
		case 0:
			s.ST[i].frac = uint64(rng.IntN(70)) // shift counts
		case 1:
			s.ST[i].frac = s.ST[0].frac
		}
	}
	return s
}

// mmxEncodings lists the bytes under test.
func mmxEncodings() (codes [][]byte) {
	var fs []vectorForm
	all := func(shape vectorShape, ops ...string) {
		for _, op := range ops {
			fs = append(fs, vectorForm{op: op, shape: shape})
		}
	}
	for _, op := range []byte("\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6f\x7f\x74\x75\x76" +
		"\xd1\xd2\xd3\xd4\xd5\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf" +
		"\xe0\xe1\xe2\xe3\xe4\xe5\xe8\xe9\xea\xeb\xec\xed\xee\xef" +
		"\xf1\xf2\xf3\xf4\xf5\xf6\xf8\xf9\xfa\xfb\xfc\xfd\xfe") {
		all(shapeAny, "\x0f"+string([]byte{op}))
	}
	for _, op := range "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x1c\x1d\x1e" {
		all(shapeAny, "\x0f\x38"+string(op))
	}
	all(shapeAny|shapeWide, "\x0f\x6e", "\x0f\x7e")
	all(shapeMem, "\x0f\xe7")
	all(shapeReg, "\x0f\xd7", "\x0f\xf7", "\xf3\x0f\xd6", "\xf2\x0f\xd6")
	all(shapeAny, "\x0f\x2a", "\x0f\x2c", "\x0f\x2d", "\x66\x0f\x2a", "\x66\x0f\x2c", "\x66\x0f\x2d")
	for ext, op := range []string{2: "\x0f\x71", 4: "\x0f\x71", 6: "\x0f\x71"} {
		if op == "" {
			continue
		}
		for _, n := range []byte{0, 1, 5, 8, 15, 16, 31, 32, 63, 64, 200} {
			fs = append(fs, vectorForm{op: "\x0f\x71", shape: shapeReg | shapeExt, ext: byte(ext), imm: true, count: n, fixed: true},
				vectorForm{op: "\x0f\x72", shape: shapeReg | shapeExt, ext: byte(ext), imm: true, count: n, fixed: true})
			if ext != 4 {
				fs = append(fs,
					vectorForm{op: "\x0f\x73", shape: shapeReg | shapeExt, ext: byte(ext), imm: true, count: n, fixed: true})
			}
		}
	}
	for _, op := range []string{"\x0f\x70", "\x0f\xc4", "\x0f\x3a\x0f"} {
		fs = append(fs, vectorForm{op: op, shape: shapeAny, imm: true, n: 6})
	}
	fs = append(fs, vectorForm{op: "\x0f\xc5", shape: shapeReg, imm: true, n: 6})
	for _, n := range []byte{0, 3, 7, 8, 12, 15, 16, 40} {
		fs = append(fs, vectorForm{op: "\x0f\x3a\x0f", shape: shapeAny, imm: true, fixed: true, count: n})
	}
	rng, seen := rand.New(rand.NewPCG(5, 6)), map[string]bool{}
	codes = append(codes, []byte{0x0f, 0x77})
	for _, f := range fs {
		for _, code := range f.encode(rng) {
			if !seen[string(code)] {
				seen[string(code)] = true
				codes = append(codes, code)
			}
		}
	}
	return codes
}

func runMMX(c *CPU, code []byte, before *mmxState) string {
	c.loadVector(&before.vectorState, code)
	c.FPU = fpu{control: 0x37f, status: before.Status, tags: before.Tags, st: before.ST}
	if e := c.Step(); e.Kind != ExitNone {
		return fmt.Sprintf("exit %v %v", e.Kind, e.Fault)
	}
	after := mmxState{vectorState: before.vectorState, ST: c.FPU.st, Status: c.FPU.status, Tags: c.FPU.tags}
	c.storeVector(&after.vectorState)
	return before.diff(&after)
}

func TestMMXVectors(t *testing.T) {
	c := vectorCPU(t)
	prepare := func(code []byte, n int) *mmxState { return drawMMX(caseSeed(code, n)) }
	vectorSet{
		file: "mmx", mode: 64, least: 2000, codes: mmxEncodings(),
		show: func(code []byte, n int) string { return fmt.Sprintf("%x", prepare(code, n)) },
		ours: func(code []byte, n int) string { return runMMX(c, code, prepare(code, n)) },
		host: func() func(code []byte, n int) string {
			run := newMMXHost(t)
			return func(code []byte, n int) string {
				before := prepare(code, n)
				return before.diff(run(code, before))
			}
		},
	}.test(t)
}

// TestMMXWaits has a pending unmasked x87 exception come before an MMX instruction changes or reads anything, EMMS too,
// and not before a conversion from memory that does not touch the unit (SDM vol. 3A 13.4).
func TestMMXWaits(t *testing.T) {
	for _, k := range []struct {
		code []byte
		want ExitKind
	}{
		{[]byte{0x0f, 0xfc, 0xc1}, ExitException},       // paddb mm0, mm1
		{[]byte{0x0f, 0xfc, 0x06}, ExitException},       // paddb mm0, [rsi], unmapped
		{[]byte{0x0f, 0x77}, ExitException},             // emms
		{[]byte{0x0f, 0x6e, 0xc0}, ExitException},       // movd mm0, eax
		{[]byte{0x66, 0x0f, 0x2a, 0xc0}, ExitException}, // cvtpi2pd xmm0, mm0
		{[]byte{0x66, 0x0f, 0x2a, 0x07}, ExitNone},      // cvtpi2pd xmm0, [rdi]
		{[]byte{0x66, 0x0f, 0xfc, 0xc1}, ExitNone},      // paddb xmm0, xmm1
	} {
		c := vectorCPU(t)
		c.FPU.control, c.FPU.status = 0x37e, x87IE|x87ES|x87B|5<<11
		c.R[RSI], c.R[RDI], c.RIP = 1<<46, memBase+window, testCode
		copy(c.mem.Frame(testCode)[:], k.code)
		before := c.FPU
		e := c.Step()
		require.Equal(t, k.want, e.Kind, "%x", k.code)
		if k.want == ExitException {
			require.Equal(t, x86.Fault{Vector: x86.VectorMF}, *e.Fault, "%x", k.code)
			require.EqualValues(t, testCode, c.RIP)
		}
		require.Equal(t, before, c.FPU, "%x", k.code)
	}
}

// TestMMXForms has a body for every instruction that names an MMX register.
func TestMMXForms(t *testing.T) {
	forms := 0
	for _, prefix := range [][]byte{{0x0f}, {0x66, 0x0f}, {0xf3, 0x0f}, {0xf2, 0x0f}, {0x0f, 0x38}, {0x0f, 0x3a}} {
		for op := range 256 {
			for reg := range byte(8) {
				code := append(append([]byte{}, prefix...), byte(op), 0xc0|reg<<3|1, 1)
				in, err := decode.Decode(code, 64)
				if err != nil || !usesMMX(&in) {
					continue
				}
				c := vectorCPU(t)
				c.R[RDI], c.RIP = memBase+window, testCode
				copy(c.mem.Frame(testCode)[:], code)
				e := c.Step()
				require.Equal(t, ExitNone, e.Kind, "%x %v", code, in.Op)
				forms++
			}
		}
	}
	require.Greater(t, forms, 500)
}
