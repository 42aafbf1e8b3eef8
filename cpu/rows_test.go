package cpu

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// provenElsewhere are the instructions that no set of vectors has, by where they are proven.
var provenElsewhere = map[string][]decode.Op{
	"tests/kernels/system.asm": {
		decode.CLAC, decode.STAC, decode.IRET, decode.LAR, decode.LSL, decode.VERR, decode.VERW, decode.LCALL, decode.LJMP,
		decode.LRET, decode.LDS, decode.LES, decode.LFS, decode.LGS, decode.LSS, decode.MONITOR, decode.MWAIT,
		decode.RDFSBASE, decode.RDGSBASE, decode.WRFSBASE, decode.WRGSBASE, decode.RDPKRU, decode.WRPKRU, decode.SGDT,
		decode.SIDT, decode.SLDT, decode.STR, decode.SMSW, decode.SYSCALL, decode.SYSENTER, decode.XGETBV, decode.XSETBV,
		decode.RDTSC, decode.RDTSCP,
	},
	"tests/kernels/exceptions.asm":          {decode.ICEBP},
	"TestOpcodeSweep":                       {decode.UD0, decode.UD1},
	"TestCPUID":                             {decode.CPUID},
	"TestXSAVE":                             {decode.XSAVE, decode.XSAVEC, decode.XSAVEOPT, decode.XSAVES, decode.XRSTOR, decode.XRSTORS},
	"TestFXSAVEKeepsWhatFXRSTORLoaded":      {decode.FXSAVE, decode.FXRSTOR},
	"TestApproximationsAreWithinTheirError": {decode.RCPPS, decode.RCPSS, decode.RSQRTPS, decode.RSQRTSS},
	"TestRandomNumbers":                     {decode.RDRAND, decode.RDSEED},
	"TestProcessorNumberAndCounters":        {decode.RDPID, decode.RDPMC},
	"TestInvalidateByPCID":                  {decode.INVPCID},
	"TestCountsAreScans":                    {decode.LZCNT, decode.TZCNT},
}

// TestEveryRowIsProven has every instruction in a set of vectors or in provenElsewhere, and in one of the two.
func TestEveryRowIsProven(t *testing.T) {
	var proven [decode.NumOps]bool
	for mode, codes := range map[decode.Mode][][]byte{64: faultEncodings(t), 32: legacyEncodings(t, 32), 16: legacyEncodings(t, 16)} {
		for _, code := range codes {
			proven[vectorSet{mode: mode}.op(t, code)] = true
		}
	}
	integers, _ := encodings()
	for _, code := range slices.Concat(integers, sseEncodings(), mmxEncodings(), x87Encodings()) {
		proven[decodeOne(t, code).Op] = true
	}
	for _, op := range functionCodes {
		proven[decodeOne(t, []byte{0xd9, op}).Op] = true
	}
	for where, ops := range provenElsewhere {
		for _, op := range ops {
			require.False(t, proven[op], "%v has vectors and need not be proven by %s", op, where)
			proven[op] = true
		}
	}
	for op := range rows {
		if rows[op].body != nil {
			require.True(t, proven[op], "%v is proven nowhere", decode.Op(op))
		}
	}
}

// TestRandomNumbers has RDRAND and RDSEED give the seed's sequence at every width, with CF and no other flag.
func TestRandomNumbers(t *testing.T) {
	code := []byte{0x0f, 0xc7, 0xf0, 0x48, 0x0f, 0xc7, 0xf9, 0x66, 0x0f, 0xc7, 0xf2} // rdrand eax; rdseed rcx; rdrand dx
	run := func(seed uint64) [3]uint64 {
		c := program(t, code...)
		c.SetSeed(seed)
		c.R[RAX], c.R[RDX] = ^uint64(0), ^uint64(0)
		c.SetFlags(x86.FlagsStatus)
		for range 3 {
			require.Equal(t, ExitNone, c.Step().Kind)
			require.Equal(t, x86.FlagCF, c.Flags()&x86.FlagsStatus)
		}
		require.Zero(t, c.R[RAX]>>32, "32 bits clear the upper half")
		require.Equal(t, ^uint64(0)>>16, c.R[RDX]>>16, "16 bits leave the rest")
		return [3]uint64{c.R[RAX], c.R[RCX], c.R[RDX]}
	}
	require.Equal(t, run(1), run(1))
	require.NotEqual(t, run(1), run(2))
}

// TestProcessorNumberAndCounters has RDPID read IA32_TSC_AUX, and RDPMC refuse a counter that is not there or that
// CR4.PCE keeps from CPL 3 (SDM vol. 2B).
func TestProcessorNumberAndCounters(t *testing.T) {
	c := bare(t, 0xf3, 0x0f, 0xc7, 0xf8, 0x0f, 0x33, 0x0f, 0x33) // rdpid rax; rdpmc
	c.msr.tscAux = 7
	require.Equal(t, ExitNone, c.Step().Kind)
	require.EqualValues(t, 7, c.R[RAX])
	c.PMC = func(n uint32) (uint64, bool) { return 0x12_3456_789a, n == 1<<30 }
	c.R[RCX] = 1 << 30
	require.Equal(t, ExitNone, c.Step().Kind)
	require.EqualValues(t, []uint64{0x3456_789a, 0x12}, []uint64{c.R[RAX], c.R[RDX]})
	c.R[RCX] = 1
	require.Equal(t, x86.VectorGP, handled(t, c))

	c = user(t, 0x0f, 0x33)
	c.PMC = func(n uint32) (uint64, bool) { return 1, true }
	require.Equal(t, x86.VectorGP, handled(t, c))
	c = user(t, 0x0f, 0x33)
	c.PMC = func(n uint32) (uint64, bool) { return 1, true }
	require.Nil(t, c.MMU.SetCR4(c.MMU.CR4()|x86.CR4PCE))
	require.Equal(t, ExitNone, c.Step().Kind)
	require.EqualValues(t, 1, c.R[RAX])
}

// TestInvalidateByPCID has INVPCID drop a stale translation by each of its types, and refuse what the SDM has refused
// (vol. 2A INVPCID).
func TestInvalidateByPCID(t *testing.T) {
	const page = 0x30_0000
	put := func(c *CPU, pa x86.PhysAddr, v uint64) {
		binary.LittleEndian.PutUint64(c.mem.Frame(pa)[pa.Offset():], v)
	}
	for typ := range uint64(4) {
		c := bare(t, 0x66, 0x0f, 0x38, 0x82, 0x06) // invpcid rax, [rsi]
		c.R[RAX], c.R[RSI] = typ, 0x20000
		put(c, 0x20008, page)
		_, f := c.MMU.Load8(page)
		require.Nil(t, f)
		put(c, 0x3000+8*(page>>21), 0)
		_, f = c.MMU.Load8(page)
		require.Nil(t, f, "the translation is held")
		require.Equal(t, ExitNone, c.Step().Kind)
		_, f = c.MMU.Load8(page)
		require.NotNil(t, f, "type %d", typ)
	}
	for _, k := range []struct{ typ, pcid, va uint64 }{{4, 0, 0}, {0, 1 << 12, 0}, {0, 0, 1 << 63}, {1, 1, 0}} {
		c := bare(t, 0x66, 0x0f, 0x38, 0x82, 0x06)
		c.R[RAX], c.R[RSI] = k.typ, 0x20000
		put(c, 0x20000, k.pcid)
		put(c, 0x20008, k.va)
		require.Equal(t, x86.VectorGP, handled(t, c), "%+v", k)
	}
	c := user(t, 0x66, 0x0f, 0x38, 0x82, 0x06)
	require.Equal(t, x86.VectorGP, handled(t, c), "CPL 3")
}

// TestCountsAreScans has LZCNT and TZCNT be BSR and BSF, as on processors that do not have them (SDM vol. 2B, TZCNT).
func TestCountsAreScans(t *testing.T) {
	c := testCPU(t)
	rng := caseSeed([]byte("scan"), 0)
	for _, op := range []byte{0xbc, 0xbd} {
		for range 1000 {
			var s testState
			s.R[RCX], s.R[RAX] = edge(rng), edge(rng)
			plain := runCase(c, []byte{0x48, 0x0f, op, 0xc1}, &s, 0)
			require.Equal(t, plain, runCase(c, []byte{0xf3, 0x48, 0x0f, op, 0xc1}, &s, 0))
		}
	}
}
