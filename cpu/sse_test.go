package cpu

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// TestHostArithmeticGivesWhatTheExactOneGives draws numbers that stay on the fast path as often as not.
func TestHostArithmeticGivesWhatTheExactOneGives(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 300_000 {
		op := floatOp(rng.IntN(int(opSqrt)))
		a, b := edgeFloat(rng, double), edgeFloat(rng, double)
		if rng.IntN(3) == 0 { // near cancellation
			b = a ^ uint64(rng.IntN(4)) ^ uint64(rng.IntN(2))<<63
		}
		want, wantMet := softOps[op](double, a, b, mxDefault)
		got, met := op.double(a, b, mxDefault)
		if got != want || met != wantMet {
			t.Fatalf("op %d %#x %#x: %#x %#x, want %#x %#x", op, a, b, got, met, want, wantMet)
		}
		if r, ok := op.quietDouble(a, b); ok {
			require.Equal(t, want, r)
			require.Zero(t, met&^mxPE)
		}
		x, y := uint32(edgeFloat(rng, single)), uint32(edgeFloat(rng, single))
		want, wantMet = softOps[op](single, uint64(x), uint64(y), mxDefault)
		got32, met := op.single(x, y, mxDefault)
		if uint64(got32) != want || met != wantMet {
			t.Fatalf("op %d %#x %#x: %#x %#x, want %#x %#x", op, x, y, got32, met, want, wantMet)
		}
		if r, ok := op.quietSingle(x, y); ok {
			require.EqualValues(t, want, r)
			require.Zero(t, met&^mxPE)
		}
	}
}

// sseStep runs one instruction on a fresh processor that prepare has set up.
func sseStep(t *testing.T, prepare func(c *CPU), code ...byte) (*CPU, Exit) {
	c := program(t, code...)
	c.features = ^features(0)
	prepare(c)
	return c, c.Step()
}

func TestUnmaskedSIMDExceptionKeepsTheDestination(t *testing.T) {
	one, three := math.Float64bits(1), math.Float64bits(3)
	big, tiny := math.Float64bits(math.MaxFloat64), uint64(1)<<52
	snan := uint64(0x7ff0000000000001)
	for _, k := range []struct {
		name     string
		op       byte
		a, b     XMMReg
		unmasked uint32
		want     uint32 // flags in MXCSR afterwards
	}{
		{"inexact", 0x5e, XMMReg{one}, XMMReg{three, one}, mxPE, mxPE},
		{"divide by zero", 0x5e, XMMReg{one}, XMMReg{0, one}, mxZE, mxZE},
		{"invalid", 0x58, XMMReg{snan}, XMMReg{one}, mxIE, mxIE},
		{"denormal", 0x58, XMMReg{1}, XMMReg{one}, mxDE, mxDE},
		{"overflow", 0x58, XMMReg{big}, XMMReg{big}, mxOE, mxOE},
		{"exact underflow", 0x59, XMMReg{tiny}, XMMReg{math.Float64bits(0.5)}, mxUE, mxUE},
		{"an early one hides the late ones of other elements", 0x5e, XMMReg{one, one}, XMMReg{three, 0}, mxZE, mxZE},
		{"an early one shows the early ones of other elements", 0x5e, XMMReg{snan, one}, XMMReg{three, 0}, mxZE, mxZE | mxIE},
		{"a late one shows all", 0x58, XMMReg{1, big}, XMMReg{one, big}, mxOE, mxOE | mxDE | mxPE},
	} {
		t.Run(k.name, func(t *testing.T) {
			c, e := sseStep(t, func(c *CPU) {
				c.XMM[0], c.XMM[1] = k.a, k.b
				c.MXCSR = mxDefault &^ (k.unmasked << mxMaskShift)
			}, 0x66, 0x0f, k.op, 0xc1)
			require.Equal(t, ExitException, e.Kind)
			require.Equal(t, x86.VectorXM, e.Fault.Vector)
			require.Equal(t, k.a, c.XMM[0])
			require.EqualValues(t, testCode, c.RIP)
			require.Equal(t, k.want, c.MXCSR&mxFlags)
		})
	}
}

func TestSIMDExceptionIsUDWithoutOSXMMEXCPT(t *testing.T) {
	_, e := sseStep(t, func(c *CPU) {
		require.Nil(t, c.MMU.SetCR4(c.MMU.CR4()&^x86.CR4OSXMMEXCPT))
		c.MXCSR = 0
		c.XMM[0][0] = math.Float64bits(1)
	}, 0xf2, 0x0f, 0x5e, 0xc1) // divsd xmm0, xmm1: by zero
	require.Equal(t, x86.VectorUD, e.Fault.Vector)
}

// TestMisalignedOperands runs every memory form at an address that is a multiple of 8 only: those of 16 bytes are #GP(0)
// but the ones that exist for that.
func TestMisalignedOperands(t *testing.T) {
	seen := map[decode.Op]bool{}
	for _, code := range sseEncodings() {
		in := decodeOne(t, code)
		isMem := in.Args[0] == decode.Mem || in.Args[1] == decode.Mem
		if !isMem || in.Width != 16 || seen[in.Op] {
			continue
		}
		seen[in.Op] = true
		c, e := sseStep(t, func(c *CPU) { c.R[RSI] += 8 }, code...)
		switch in.Op {
		case decode.MOVUPS, decode.MOVUPD, decode.MOVDQU, decode.LDDQU, decode.PCMPESTRI, decode.PCMPESTRM,
			decode.PCMPISTRI, decode.PCMPISTRM:
			require.Equal(t, ExitNone, e.Kind, "%v", in.Op)
		default:
			require.Equal(t, ExitException, e.Kind, "%v", in.Op)
			require.Equal(t, x86.Fault{Vector: x86.VectorGP}, *e.Fault, "%v", in.Op)
			require.Equal(t, [16]XMMReg{}, c.XMM, "%v", in.Op)
		}
	}
	require.Greater(t, len(seen), 150)
}

func TestLDMXCSRRefusesReservedBits(t *testing.T) {
	for bit := range 32 {
		c, e := sseStep(t, func(c *CPU) {
			require.Nil(t, c.MMU.Store32(memBase+window, 1<<bit))
		}, 0x0f, 0xae, 0x16) // ldmxcsr [rsi]
		if bit < 16 {
			require.Equal(t, ExitNone, e.Kind)
			require.EqualValues(t, 1<<bit, c.MXCSR)
		} else {
			require.Equal(t, x86.VectorGP, e.Fault.Vector)
			require.Equal(t, mxDefault, c.MXCSR)
		}
	}
}

func TestApproximationsAreWithinTheirError(t *testing.T) {
	const bound = 1.5 / 4096
	check := func(got, want float64, x uint32) {
		if math.Abs(got-want) > bound*want {
			t.Fatalf("%#x: %g, want %g", x, got, want)
		}
	}
	for x := uint32(0x00800000); x < 0x7e000000; x += 4099 {
		v := float64(math.Float32frombits(x))
		if 1/v < 0x1p-125 {
			continue
		}
		check(float64(math.Float32frombits(reciprocal(x))), 1/v, x)
		check(float64(math.Float32frombits(reciprocalRoot(x))), 1/math.Sqrt(v), x)
	}
}

func TestApproximationsOfSpecialNumbers(t *testing.T) {
	for _, k := range []struct{ x, rcp, rsqrt uint32 }{
		{0, 0x7f800000, 0x7f800000},
		{1 << 31, 0xff800000, 0xff800000},
		{0x007fffff, 0x7f800000, 0x7f800000}, // a denormal
		{0x3f800000, 0x3f7ff000, 0x3f7ff000}, // the known near miss at 1
		{0x7f800000, 0, 0},
		{0xff800000, 1 << 31, 0xffc00000},
		{0xbf800000, 0xbf7ff000, 0xffc00000},
		{0x7fa00001, 0x7fe00001, 0x7fe00001}, // SNaN
		{0x7f000000, 0, 0x1fb4f800},          // 2^127: a tiny result
	} {
		require.Equal(t, [2]uint32{k.rcp, k.rsqrt}, [2]uint32{reciprocal(k.x), reciprocalRoot(k.x)}, "%#x", k.x)
	}
}

func TestMaskedStoreTouchesOnlyPickedBytes(t *testing.T) {
	c, e := sseStep(t, func(c *CPU) {
		c.R[RDI] = memBase + memSize + 0x10000 - 8 // the last 8 bytes of RAM that is there
		c.XMM[1] = XMMReg{0x0807060504030201, 0x100f0e0d0c0b0a09}
		c.XMM[2] = XMMReg{0x8000000000000080, 0}
	}, 0x66, 0x0f, 0xf7, 0xca) // maskmovdqu xmm1, xmm2
	require.Equal(t, ExitNone, e.Kind)
	v, f := c.MMU.Load64(memBase + memSize + 0x10000 - 8)
	require.Nil(t, f)
	require.EqualValues(t, 0x0800000000000001, v)
}

func TestFXSAVEKeepsWhatFXRSTORLoaded(t *testing.T) {
	var image, got [fxSize]byte
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range image {
		image[i] = byte(rng.Uint32())
	}
	le := binary.LittleEndian
	le.PutUint16(image[0:], 0x127f)    // control
	le.PutUint16(image[2:], 3<<11|0x3) // status: TOP 3, two flags that the control word masks
	image[4], image[5] = 0x18, 0
	le.PutUint16(image[6:], 0x5d9)
	le.PutUint32(image[24:], 0x9fa5)
	le.PutUint32(image[28:], 0xffff)
	for i := range 8 {
		clear(image[32+16*i+10 : 48+16*i])
	}
	const at = memBase + window + 0x200
	c, e := sseStep(t, func(c *CPU) {
		c.R[RSI] = at
		require.Nil(t, c.MMU.Write(at, image[:]))
	}, 0x48, 0x0f, 0xae, 0x0e) // fxrstor64 [rsi]
	require.Equal(t, ExitNone, e.Kind)
	require.EqualValues(t, 0x9fa5, c.MXCSR)
	require.Equal(t, XMMReg{le.Uint64(image[160+16*5:]), le.Uint64(image[168+16*5:])}, c.XMM[5])
	require.Equal(t, float80{frac: le.Uint64(image[32:]), se: le.Uint16(image[40:])}, c.FPU.st[3], "ST0 with TOP 3")

	c.FXSave(&got)
	copy(image[416:], got[416:]) // not written
	require.Empty(t, gocmp.Diff(image, got))

	image[24+3] = 1 // a reserved bit of MXCSR
	before := c.FPU
	require.False(t, c.FXRestore(&image))
	require.Equal(t, before, c.FPU)
}

// TestFXRSTORCleansTheX87Words has what a processor made of control and status words.
func TestFXRSTORCleansTheX87Words(t *testing.T) {
	for _, k := range []struct{ cw, sw, wantCW, wantSW uint16 }{
		{0xffff, 0xffff, 0x1f7f, 0x7f7f},
		{0xffff, 0x8080, 0x1f7f, 0},
		{0x0000, 0x00ff, 0x0040, 0x80ff},
		{0x0000, 0x0001, 0x0040, 0x8081},
		{0x0000, 0x8080, 0x0040, 0},
		{0x037f, 0x0001, 0x037f, 0x0001},
		{0x037f, 0x3800, 0x037f, 0x3800},
		{0xe080, 0xffff, 0x0040, 0xffff},
	} {
		var image [fxSize]byte
		binary.LittleEndian.PutUint16(image[0:], k.cw)
		binary.LittleEndian.PutUint16(image[2:], k.sw)
		c := program(t)
		require.True(t, c.FXRestore(&image))
		require.Equal(t, [2]uint16{k.wantCW, k.wantSW}, [2]uint16{c.FPU.control, c.FPU.status}, "%#x %#x", k.cw, k.sw)
	}
}

func TestFXSAVENeedsAlignment(t *testing.T) {
	for _, modrm := range []byte{0x06, 0x0e} { // fxsave [rsi], fxrstor [rsi]
		_, e := sseStep(t, func(c *CPU) { c.R[RSI] += 8 }, 0x0f, 0xae, modrm)
		require.Equal(t, x86.VectorGP, e.Fault.Vector)
	}
}

// TestSSEFeaturesAreWhole checks that a feature is advertised only where each of its XMM instructions has a body.
func TestSSEFeaturesAreWhole(t *testing.T) {
	for _, code := range sseEncodings() {
		in := decodeOne(t, code)
		require.NotNil(t, rows[in.Op].body, "%v", in.Op)
	}
}
