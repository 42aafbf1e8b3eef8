package cpu

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// x87Program steps over the instructions of code and returns the processor.
func x87Program(t *testing.T, steps int, code ...byte) *CPU {
	c := vectorCPU(t)
	c.R[RSI], c.RIP = memBase+window, testCode
	copy(c.mem.Frame(testCode)[:], code)
	for range steps {
		require.Equal(t, ExitNone, c.Step().Kind)
	}
	return c
}

// TestX87Pointers has the environment name the last instruction that was not a control instruction, and its operand.
func TestX87Pointers(t *testing.T) {
	c := x87Program(t, 5,
		0xd9, 0xe8, // fld1
		0xd8, 0x46, 0x40, // fadd dword [rsi+0x40]
		0xd9, 0x7e, 0x50, // fnstcw [rsi+0x50]
		0xd9, 0x6e, 0x50, // fldcw [rsi+0x50]
		0xd9, 0x36) // fnstenv [rsi]
	env := c.mem.Frame(memBase + window)[:28]
	le := binary.LittleEndian
	require.EqualValues(t, testCode+2, le.Uint32(env[12:]))
	require.EqualValues(t, memBase+window+0x40, le.Uint32(env[20:]))
	require.EqualValues(t, 0xffff037f, le.Uint32(env), "what is stored has the masks of before")

	c = x87Program(t, 3, 0xd9, 0xe8, 0xdb, 0xe3, 0xd9, 0x36) // fld1; fninit; fnstenv [rsi]
	env = c.mem.Frame(memBase + window)[:28]
	require.Zero(t, le.Uint32(env[12:]))
}

// TestX87FaultsLeaveTheUnit has page faults come before any change, so that the instruction can run again.
func TestX87FaultsLeaveTheUnit(t *testing.T) {
	for _, code := range [][]byte{
		{0xdb, 0x28},
		{0xd8, 0x00},
		{0xdf, 0x20},
		{0xdb, 0x38},
		{0xdd, 0x18},
		{0xdf, 0x30},
		{0xdf, 0x38},
		{0xdd, 0x30},
		{0xdd, 0x20},
		{0xd9, 0x30},
		{0xd9, 0x20},
		{0xd8, 0x18},
		{0xd9, 0x28},
		{0x0f, 0x7f, 0x00},
		{0x0f, 0xfc, 0x00},
	} { // at [rax]
		c := x87Program(t, 2, append([]byte{0xd9, 0xe8, 0xd9, 0xeb}, code...)...)
		c.R[RAX] = 0x4000_0000 // beyond the tables
		before := c.FPU
		e := c.Step()
		require.Equal(t, ExitException, e.Kind, "%x", code)
		require.Equal(t, x86.VectorPF, e.Fault.Vector, "%x", code)
		before.ip = c.FPU.ip
		require.Equal(t, before, c.FPU, "%x", code)
		require.EqualValues(t, testCode+4, c.RIP)
	}
}

// BenchmarkX87 runs loops of 2000 instructions, FSIN and the like on an operand that they hardly change.
func BenchmarkX87(b *testing.B) {
	for _, k := range []struct {
		name string
		code []byte
	}{
		{"FLD+FSTP/ST", []byte{0xd9, 0xc0, 0xdd, 0xd9}},
		{"FLD+FSTP/m64", []byte{0xdd, 0x06, 0xdd, 0x1e}},
		{"FLD+FSTP/m80", []byte{0xdb, 0x2e, 0xdb, 0x3e}},
		{"FILD+FISTP/m32", []byte{0xdb, 0x46, 0x10, 0xdb, 0x5e, 0x10}},
		{"FADD", []byte{0xd8, 0xc1}},
		{"FMUL", []byte{0xd8, 0xca}},
		{"FDIV", []byte{0xd8, 0xf2}},
		{"FSQRT", []byte{0xd9, 0xfa}},
		{"FUCOMI", []byte{0xdb, 0xe9}},
		{"FSIN", []byte{0xd9, 0xfe}},
		{"FCOS", []byte{0xd9, 0xff}},
		{"MMX/PADDW", []byte{0x0f, 0xfd, 0xc1}},
	} {
		b.Run(k.name, func(b *testing.B) {
			var code []byte
			for range 60 / len(k.code) * 2 {
				code = append(code, k.code...)
			}
			back := int32(-len(code) - 5)
			code = append(code, 0xe9, byte(back), byte(back>>8), byte(back>>16), byte(back>>24))
			c := program(b, code...)
			c.features = ^features(0)
			for range 3 {
				c.FPU.push(float80{0xc90fdaa22168c235, bias80 - 1})
			}
			c.FPU.set(2, one80)
			binary.LittleEndian.PutUint64(c.mem.Frame(memBase + window)[:], math.Float64bits(0.75))
			const n = 2000
			b.ReportAllocs()
			for b.Loop() {
				if e := c.Run(n); e.Kind != ExitBudget {
					b.Fatal(e.Kind, e.Fault)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/inst")
		})
	}
}

// TestX87Allocations has instructions not allocate.
func TestX87Allocations(t *testing.T) {
	// fld [rsi]; fmul st, st; fsin; fstp [rsi]; fnsave [rsi+64]; frstor; fnstenv; fldenv; emms; maskmovq mm0, mm1; emms; jmp
	c := program(t, 0xdd, 0x06, 0xd8, 0xc8, 0xd9, 0xfe, 0xdd, 0x1e, 0xdd, 0x76, 0x40, 0xdd, 0x66, 0x40, 0xd9, 0x76, 0x40,
		0xd9, 0x66, 0x40, 0x0f, 0x77, 0x0f, 0xf7, 0xc1, 0x0f, 0x77, 0xeb, 0xe3)
	binary.LittleEndian.PutUint64(c.mem.Frame(memBase + window)[:], math.Float64bits(0.75))
	c.R[RSI] = memBase + window
	c.R[RDI] = memBase + window + 512
	require.Equal(t, ExitBudget, c.Run(48).Kind)
	require.Zero(t, testing.AllocsPerRun(100, func() { c.Run(48) }))
	require.Zero(t, c.FPU.tags)
}
