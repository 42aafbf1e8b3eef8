package cpu

import (
	"encoding/binary"
	"testing"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// A bare machine for these tests: flat segments, a handler of one HLT for every vector, a TSS.
const (
	bareGDT      = 0x7000
	bareTSS      = 0x7800
	bareIDT      = 0x8000
	bareHandlers = 0x10000 // vector n is handled at bareHandlers + 16n
	bareRSP0     = 0x30000
	bareIST1     = 0x40000
	bareStack    = 0x50000

	selKernelCS = 0x08
	selKernelDS = 0x10
	selUser32   = 0x18 | 3
	selUserDS   = 0x20 | 3
	selUserCS   = 0x28 | 3
	selTSS      = 0x30
	selKernel32 = 0x40
	selAbsent   = 0x48 // data, not present
)

const (
	typeCode64 = 0x00209a00_00000000 | 0xffff | 0xf<<48
	typeCode32 = 0x00cf9a00_0000ffff
	typeData   = 0x00cf9200_0000ffff
	userDPL    = 3 << 45
)

func bare(t testing.TB, code ...byte) *CPU {
	c := program(t, code...)
	put := func(at x86.PhysAddr, v uint64) {
		binary.LittleEndian.PutUint64(c.mem.Frame(at)[at.Offset():], v)
	}
	for i, d := range []uint64{
		0, typeCode64, typeData, typeCode32 | userDPL, typeData | userDPL, typeCode64 | userDPL,
		0x0000890000000067 | bareTSS<<16, 0, typeCode32, typeData &^ (1 << 47),
	} {
		put(bareGDT+x86.PhysAddr(8*i), d)
	}
	put(bareTSS+4, bareRSP0)
	put(bareTSS+36, bareIST1)
	put(bareTSS+0x60, 0xffff<<48) // no I/O bitmap
	for v := range x86.PhysAddr(256) {
		h := uint64(bareHandlers + 16*v)
		put(bareIDT+16*v, h&0xffff|selKernelCS<<16|0x8e<<40|h>>16<<48)
		put(bareIDT+16*v+8, h>>32)
		c.mem.Frame(bareHandlers + 16*v)[(bareHandlers+16*v)&0xfff] = 0xf4
	}
	c.SetGDTR(bareGDT, 0x4f)
	c.SetIDTR(bareIDT, 0xfff)
	c.SetSegment(TR, Segment{selTSS, AttrP | typeTSSBusy, 0x67, bareTSS})
	c.SetSegment(decode.SS, flatData(selKernelDS, 0))
	c.SetSegment(decode.CS, flatCode(selKernelCS, 0, true))
	c.R[RSP] = bareStack
	c.Deliver = true
	return c
}

// user puts a bare machine into 64-bit user mode.
func user(t testing.TB, code ...byte) *CPU {
	c := bare(t, code...)
	c.SetSegment(decode.SS, flatData(selUserDS, 3))
	c.SetSegment(decode.CS, flatCode(selUserCS, 3, true))
	return c
}

// word reads the n-th quadword of the stack.
func word(t testing.TB, c *CPU, n int) uint64 {
	v, f := c.MMU.Load64(x86.VirtAddr(c.R[RSP] + uint64(8*n)))
	require.Nil(t, f)
	return v
}

// handled runs until a handler's HLT and returns its vector.
func handled(t testing.TB, c *CPU) x86.Vector {
	t.Helper()
	e := c.Run(1000)
	require.Equal(t, ExitHalt, e.Kind, "RIP %#x", c.RIP)
	require.GreaterOrEqual(t, c.RIP, uint64(bareHandlers))
	require.Less(t, c.RIP, uint64(bareHandlers+16*256))
	return x86.Vector((c.RIP - bareHandlers) / 16)
}

func TestExceptionsGoThroughTheIDT(t *testing.T) {
	for _, test := range []struct {
		name   string
		code   []byte
		vector x86.Vector
		err    int    // -1: no error code
		length uint64 // of what RIP has passed: 0 for faults
	}{
		{"UD2", []byte{0x0f, 0x0b}, x86.VectorUD, -1, 0},
		{"HLT at CPL 3", []byte{0xf4}, x86.VectorGP, 0, 0},
		{"CLI at CPL 3", []byte{0xfa}, x86.VectorGP, 0, 0},
		{"INT 80h refused", []byte{0xcd, 0x80}, x86.VectorGP, 0x80<<3 | 2, 0},
		{"INT 81h", []byte{0xcd, 0x81}, 0x81, -1, 2},
		{"INT3", []byte{0xcc}, x86.VectorBP, -1, 1},
		{"DIV by 0", []byte{0x31, 0xc9, 0xf7, 0xf1}, x86.VectorDE, -1, 2},
		{"MOV DS, absent", []byte{0x66, 0xb8, 0x4b, 0x00, 0x8e, 0xd8}, x86.VectorGP, 0x48, 4}, // DPL 0 at CPL 3
		{"MOV DS, outside", []byte{0x66, 0xb8, 0xf3, 0x0f, 0x8e, 0xd8}, x86.VectorGP, 0xff0, 4},
		{"MOV SS, null", []byte{0x31, 0xc0, 0x8e, 0xd0}, x86.VectorGP, 0, 2},
		{"page fault", []byte{0x48, 0xa1, 0, 0, 0, 0x80, 0, 0, 0, 0}, x86.VectorPF, 4, 0},
		{"non-canonical", []byte{0x48, 0xa1, 0, 0, 0, 0, 0, 0, 0, 0x80}, x86.VectorGP, 0, 0},
		{"RDMSR at CPL 3", []byte{0x0f, 0x32}, x86.VectorGP, 0, 0},
		{"IN at CPL 3", []byte{0xe4, 0x60}, x86.VectorGP, 0, 0},
		{"MOV CR0 at CPL 3", []byte{0x0f, 0x20, 0xc0}, x86.VectorGP, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, reference := range []bool{false, true} {
				c := user(t, test.code...)
				for _, v := range []int{3, 0x81} { // gates that user mode may use
					c.mem.Frame(bareIDT)[16*v+5] |= 3 << 5
				}
				c.SetFlags(x86.FlagIF | x86.FlagCF)
				if reference {
					for e := (Exit{}); e.Kind != ExitHalt; {
						e = c.Step()
						require.Contains(t, []ExitKind{ExitNone, ExitHalt}, e.Kind)
					}
					require.Equal(t, test.vector, x86.Vector((c.RIP-bareHandlers)/16))
				} else {
					require.Equal(t, test.vector, handled(t, c))
				}
				top := uint64(bareRSP0 - 40)
				if test.err >= 0 {
					top -= 8
				}
				require.Equal(t, top, c.R[RSP])
				n := 0
				if test.err >= 0 {
					require.EqualValues(t, test.err, word(t, c, 0))
					n = 1
				}
				require.EqualValues(t, testCode+test.length, word(t, c, n), "RIP")
				require.EqualValues(t, selUserCS, word(t, c, n+1), "CS")
				soft := test.code[0] == 0xcc || test.code[0] == 0xcd && test.vector == 0x81
				require.Equal(t, !soft, word(t, c, n+2)&x86.FlagRF != 0, "RF")
				require.NotZero(t, word(t, c, n+2)&x86.FlagIF)
				require.EqualValues(t, bareStack, word(t, c, n+3), "RSP")
				require.EqualValues(t, selUserDS, word(t, c, n+4), "SS")
				require.Zero(t, c.Flags()&(x86.FlagIF|x86.FlagRF))
				require.Zero(t, c.Selector(decode.SS))
				require.Zero(t, c.MMU.CPL())
			}
		})
	}
}

func TestIRETQReturnsWhereTheExceptionCameFrom(t *testing.T) {
	c := user(t, 0x0f, 0x0b)
	require.Equal(t, x86.VectorUD, handled(t, c))
	c.mem.NotifyWrite(bareHandlers)
	copy(c.mem.Frame(bareHandlers)[c.RIP&0xfff:], []byte{0x48, 0x83, 0x04, 0x24, 0x02, 0x48, 0xcf}) // add qword [rsp], 2; iretq
	copy(c.mem.Frame(testCode)[2:], []byte{0xcd, 0x90})
	require.Equal(t, x86.VectorGP, handled(t, c))
	require.EqualValues(t, 0x90<<3|2, word(t, c, 0))
	require.EqualValues(t, testCode+2, word(t, c, 1))
	require.EqualValues(t, selUserDS, word(t, c, 5))
	require.EqualValues(t, bareStack, word(t, c, 4))
}

func TestISTAndAlignment(t *testing.T) {
	c := bare(t, 0x0f, 0x0b)
	c.R[RSP] = bareStack - 5
	require.Equal(t, x86.VectorUD, handled(t, c))
	require.EqualValues(t, bareStack-16-40, c.R[RSP])
	require.EqualValues(t, bareStack-5, word(t, c, 3))
	c = bare(t, 0x0f, 0x0b)
	c.mem.Frame(bareIDT)[6*16+4] = 1
	require.Equal(t, x86.VectorUD, handled(t, c))
	require.EqualValues(t, bareIST1-40, c.R[RSP])
}

func TestDoubleFaultAndShutdown(t *testing.T) {
	c := user(t, 0x0f, 0x0b)
	c.mem.Frame(bareIDT)[13*16+5] = 0x0e // #GP not present: #NP while a contributory one is delivered
	c.mem.Frame(testCode)[0] = 0xf4
	require.Equal(t, x86.VectorDF, handled(t, c))
	require.Zero(t, word(t, c, 0))

	c = user(t, 0x0f, 0x0b) // #UD is benign: what its delivery meets is delivered alone
	c.mem.Frame(bareIDT)[6*16+5] = 0x0e
	require.Equal(t, x86.VectorNP, handled(t, c))
	require.EqualValues(t, 6<<3|3, word(t, c, 0), "IDT, EXT")

	c = user(t, 0xf4)
	c.SetIDTR(bareIDT, 0x2f)
	e := c.Run(10)
	require.Equal(t, ExitShutdown, e.Kind)
	require.Equal(t, ExitShutdown, c.Run(10).Kind, "for good")
	story := c.Shutdown()
	require.Equal(t, x86.Fault{Vector: x86.VectorGP}, story[0].Fault)
	require.Equal(t, x86.Fault{Vector: x86.VectorGP, Code: 13<<3 | 3}, story[1].Fault)
	require.Equal(t, x86.Fault{Vector: x86.VectorGP, Code: 8<<3 | 3}, story[2].Fault)
	require.EqualValues(t, testCode, story[0].RIP)
}

func TestInterruptsWaitForTheirMoment(t *testing.T) {
	c := bare(t, 0x90, 0xfb, 0x90, 0x90) // nop; sti; nop; nop
	c.SetFlags(0)
	c.SetINTR(true)
	require.Equal(t, ExitINTR, c.Run(100).Kind)
	require.EqualValues(t, testCode+3, c.RIP, "one instruction after STI")
	c.Interrupt(0x20)
	require.EqualValues(t, 0x20, handled(t, c))
	require.EqualValues(t, testCode+3, word(t, c, 0))
	require.Zero(t, word(t, c, 2)&x86.FlagRF)

	c = bare(t, 0x8e, 0xd0, 0x90, 0x90) // mov ss, eax; nop; nop
	c.R[RAX] = selKernelDS
	c.NMI()
	c.pending.nmi = false
	require.Equal(t, ExitBudget, c.Run(1).Kind)
	c.NMI()
	require.Equal(t, ExitBudget, c.Run(1).Kind)
	require.EqualValues(t, testCode+3, c.RIP, "MOV SS holds NMIs off too")
	require.Equal(t, x86.VectorNMI, handled(t, c))
	c.NMI() // held until IRET
	copy(c.mem.Frame(bareHandlers)[0x21:], []byte{0x90, 0x48, 0xcf})
	require.Equal(t, ExitBudget, c.Run(2).Kind)
	require.EqualValues(t, testCode+3, c.RIP)
	require.Equal(t, x86.VectorNMI, handled(t, c))
}

func TestSingleStepAndBreakpoints(t *testing.T) {
	c := bare(t, 0x90, 0x90)
	c.SetFlags(x86.FlagTF)
	require.Equal(t, x86.VectorDB, handled(t, c))
	require.EqualValues(t, testCode+1, word(t, c, 0))
	require.EqualValues(t, x86.DR6Fixed|x86.DR6BS, c.Debug(6))
	require.Zero(t, c.Flags()&x86.FlagTF)

	c = bare(t, 0x90, 0x90, 0x90)
	c.SetDebug(0, testCode+1)
	c.SetDebug(7, 1)
	require.Equal(t, x86.VectorDB, handled(t, c))
	require.EqualValues(t, testCode+1, word(t, c, 0), "before the instruction")
	require.EqualValues(t, x86.DR6Fixed|1, c.Debug(6))
	c.RIP = testCode + 1
	c.SetFlags(x86.FlagRF)
	require.Equal(t, ExitBudget, c.Run(1).Kind, "RF lets it through")
	require.EqualValues(t, testCode+2, c.RIP)
	require.Zero(t, c.Flags()&x86.FlagRF)

	c = bare(t, 0xa3, 0, 0x60, 0, 0, 0, 0, 0, 0, 0x8b, 0x04, 0x25, 0, 0x60, 0, 0) // mov [6000h], eax; mov eax, [6000h]
	c.SetDebug(1, 0x6002)
	c.SetDebug(7, 1<<2|breakWrite<<20|1<<22) // two bytes
	require.Equal(t, x86.VectorDB, handled(t, c))
	require.EqualValues(t, testCode+9, word(t, c, 0), "behind the instruction")
	require.EqualValues(t, x86.DR6Fixed|2, c.Debug(6))
	c.RIP = testCode + 9
	require.Equal(t, ExitBudget, c.Run(1).Kind, "reads are not watched")

	c = bare(t, 0x0f, 0x21, 0xf8) // mov rax, dr7
	c.SetDebug(7, x86.DR7GD)
	require.Equal(t, x86.VectorDB, handled(t, c))
	require.EqualValues(t, x86.DR6Fixed|x86.DR6BD, c.Debug(6))
	require.EqualValues(t, testCode, word(t, c, 0))
}

// TestSingleStepOfREP traps behind each element, RF telling the handler's IRET not to trap again in front of the next.
func TestSingleStepOfREP(t *testing.T) {
	c := bare(t, 0xf3, 0xaa, 0x90) // rep stosb; nop
	c.R[RDI], c.R[RCX] = 0x6000, 2
	c.SetFlags(x86.FlagTF)
	require.Equal(t, x86.VectorDB, handled(t, c))
	require.EqualValues(t, 1, c.R[RCX])
	require.EqualValues(t, testCode, word(t, c, 0))
	require.NotZero(t, word(t, c, 2)&x86.FlagRF)
	c.RIP = testCode
	c.SetFlags(x86.FlagTF | x86.FlagRF)
	require.Equal(t, x86.VectorDB, handled(t, c))
	require.Zero(t, c.R[RCX])
	require.EqualValues(t, testCode+2, word(t, c, 0))
	require.Zero(t, word(t, c, 2)&x86.FlagRF)
}

// TestUnsupportedIsNamed enters what there is not.
func TestUnsupportedIsNamed(t *testing.T) {
	for why, code := range map[string][]byte{
		"real-address mode (CR0.PE cleared)":                      {0x31, 0xc0, 0x0f, 0x22, 0xc0},
		"a task switch (a far JMP or CALL to a TSS or task gate)": {0xea, 0, 0, 0, 0, selTSS, 0},
		"a task switch (a task gate in the IDT)":                  {0xcd, 0x55},
		"virtual-8086 mode (IRETD with VM set)":                   {0x68, 0, 0, 2, 0, 0x6a, 0x40, 0x6a, 0, 0xcf},
		"32-bit and PAE paging (CR0.PG set without EFER.LME)":     {0xb8, 0x11, 0, 0, 0x80, 0x0f, 0x22, 0xc0},
	} {
		c := bare(t, code...)
		c.SetSegment(decode.CS, flatCode(selKernel32, 0, false))
		require.Nil(t, c.MMU.SetCR0(x86.CR0PE|x86.CR0ET))
		require.Nil(t, c.MMU.SetEFER(0))
		c.SetSegment(decode.CS, flatCode(selKernel32, 0, false))
		c.mem.Frame(bareIDT)[8*0x55+5] = 0x85
		require.Equal(t, Exit{Kind: ExitUnsupported, Why: why}, c.Run(10))
	}
}

func TestFastSystemCalls(t *testing.T) {
	c := user(t, 0x0f, 0x05)
	require.True(t, c.WriteMSR(x86.MSRSTAR, selKernelCS<<32|(selUser32&^3)<<48))
	require.True(t, c.WriteMSR(x86.MSRLSTAR, bareHandlers))
	require.True(t, c.WriteMSR(x86.MSRFMask, x86.FlagIF|x86.FlagDF))
	c.SetFlags(x86.FlagIF | x86.FlagDF | x86.FlagCF)
	require.Equal(t, ExitBudget, c.Run(1).Kind)
	require.EqualValues(t, bareHandlers, c.RIP)
	require.EqualValues(t, testCode+2, c.R[RCX])
	require.EqualValues(t, x86.FlagIF|x86.FlagDF|x86.FlagCF|x86.FlagR1, c.R[R11])
	require.EqualValues(t, x86.FlagCF|x86.FlagR1, c.Flags())
	require.Zero(t, c.MMU.CPL())
	require.EqualValues(t, selKernelCS, c.Selector(decode.CS))
	require.EqualValues(t, selKernelDS, c.Selector(decode.SS))
	c.mem.NotifyWrite(bareHandlers)
	copy(c.mem.Frame(bareHandlers)[:], []byte{0x48, 0x0f, 0x07}) // sysretq
	require.Equal(t, ExitBudget, c.Run(1).Kind)
	require.EqualValues(t, testCode+2, c.RIP)
	require.EqualValues(t, 3, c.MMU.CPL())
	require.EqualValues(t, selUserCS, c.Selector(decode.CS))
	require.NotZero(t, c.Flags()&x86.FlagIF)
}

// TestCompatibilityMode runs 32-bit code under a 64-bit kernel and comes back by INT.
func TestCompatibilityMode(t *testing.T) {
	c := bare(t,
		0x60,             // pushad
		0x40,             // inc eax (a REX prefix in 64-bit mode)
		0x67, 0x8b, 0x07, // mov eax, [bx]
		0x9c, // pushfd
		0x37, // aaa
		0xcd, 0x90)
	c.mem.Frame(bareIDT)[0x90*16+5] |= 3 << 5
	c.SetSegment(decode.SS, flatData(selUserDS, 3))
	c.SetSegment(decode.DS, flatData(selUserDS, 3))
	c.SetSegment(decode.CS, flatCode(selUser32, 3, false))
	c.R[RAX], c.R[RBX] = 0xffffffff, 0xabcd6000
	c.mem.Frame(0x6000)[0] = 0x1b
	require.EqualValues(t, 0x90, handled(t, c))
	require.EqualValues(t, 0x101, c.R[RAX])
	require.EqualValues(t, testCode+9, word(t, c, 0))
	require.EqualValues(t, selUser32, word(t, c, 1))
	require.EqualValues(t, bareStack-36, word(t, c, 3), "eight registers and the flags of four bytes")
	v, f := c.MMU.Load32(bareStack - 20)
	require.Nil(t, f)
	require.EqualValues(t, bareStack, v, "PUSHAD stores the old ESP")
}

// TestSegmentLimits reads and writes at the ends of segments in compatibility mode.
func TestSegmentLimits(t *testing.T) {
	for _, test := range []struct {
		name string
		seg  Segment
		code []byte
		bad  bool
		v    x86.Vector
	}{
		{"inside", Segment{selUserDS, AttrP | AttrS | AttrWrite, 0xfff, 0x6000}, []byte{0xa1, 0xfc, 0x0f, 0, 0}, false, 0},
		{"across the limit", Segment{selUserDS, AttrP | AttrS | AttrWrite, 0xfff, 0x6000}, []byte{0xa1, 0xfd, 0x0f, 0, 0}, true, x86.VectorGP},
		{"read-only", Segment{selUserDS, AttrP | AttrS, 0xfff, 0x6000}, []byte{0xa3, 0, 0, 0, 0}, true, x86.VectorGP},
		{"read of read-only", Segment{selUserDS, AttrP | AttrS, 0xfff, 0x6000}, []byte{0xa1, 0, 0, 0, 0}, false, 0},
		{"null", Segment{}, []byte{0xa1, 0, 0, 0, 0}, true, x86.VectorGP},
		{"expand-down, below", Segment{selUserDS, AttrP | AttrS | AttrWrite | AttrDown | AttrDB, 0xfff, 0x6000}, []byte{0xa1, 0xff, 0x0f, 0, 0}, true, x86.VectorGP},
		{"expand-down, above", Segment{selUserDS, AttrP | AttrS | AttrWrite | AttrDown | AttrDB, 0xfff, 0x6000}, []byte{0xa1, 0, 0x10, 0, 0}, false, 0},
		{"write to CS", Segment{}, []byte{0x2e, 0xa3, 0, 0, 0, 0}, true, x86.VectorGP},
		{"stack limit", Segment{}, []byte{0x36, 0xa1, 0, 0, 0, 0x10}, true, x86.VectorSS},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := bare(t, append(test.code, 0xcd, 0x90)...)
			c.mem.Frame(bareIDT)[0x90*16+5] |= 3 << 5
			ss := flatData(selUserDS, 3)
			ss.Limit = 0xfffffff
			c.SetSegment(decode.SS, ss)
			c.SetSegment(decode.DS, test.seg)
			c.SetSegment(decode.CS, flatCode(selUser32, 3, false))
			want := x86.Vector(0x90)
			if test.bad {
				want = test.v
			}
			require.Equal(t, want, handled(t, c))
			if test.bad {
				require.Zero(t, word(t, c, 0))
			}
		})
	}
}

func TestAlignmentCheck(t *testing.T) {
	c := user(t, 0x8b, 0x03, 0x8b, 0x43, 0x01) // mov eax, [rbx]; mov eax, [rbx+1]
	require.Nil(t, c.MMU.SetCR0(c.MMU.CR0()|x86.CR0AM))
	c.R[RBX] = 0x6000
	c.SetFlags(x86.FlagAC)
	require.Equal(t, x86.VectorAC, handled(t, c))
	require.Zero(t, word(t, c, 0))
	require.EqualValues(t, testCode+2, word(t, c, 1))
}

func TestDeviceNotAvailable(t *testing.T) {
	for _, test := range []struct {
		name     string
		code     []byte
		cr0, cr4 uint64 // toggled
		want     x86.Vector
	}{
		{"x87, TS", []byte{0xd9, 0xe8}, x86.CR0TS, 0, x86.VectorNM},
		{"x87, EM", []byte{0xd9, 0xe8}, x86.CR0EM, 0, x86.VectorNM},
		{"MMX, TS", []byte{0x0f, 0xef, 0xc0}, x86.CR0TS, 0, x86.VectorNM},
		{"MMX, EM", []byte{0x0f, 0xef, 0xc0}, x86.CR0EM, 0, x86.VectorUD},
		{"SSE, TS", []byte{0x0f, 0x57, 0xc0}, x86.CR0TS, 0, x86.VectorNM},
		{"SSE, OSFXSR", []byte{0x0f, 0x57, 0xc0}, 0, x86.CR4OSFXSR, x86.VectorUD},
		{"FWAIT, TS and MP", []byte{0x9b}, x86.CR0TS, 0, x86.VectorNM},
		{"integer SSE4.2, TS", []byte{0xf2, 0x0f, 0x38, 0xf0, 0xc0, 0xf4}, x86.CR0TS, 0, 0xff},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := bare(t, test.code...)
			require.Nil(t, c.MMU.SetCR0(c.MMU.CR0()^test.cr0))
			require.Nil(t, c.MMU.SetCR4(c.MMU.CR4()^test.cr4))
			if test.want == 0xff {
				require.Equal(t, ExitHalt, c.Run(10).Kind)
				require.EqualValues(t, testCode+len(test.code), c.RIP)
				return
			}
			require.Equal(t, test.want, handled(t, c))
		})
	}
}

// TestPorts reads a port into AL and a string of ports into memory, and obeys the TSS bitmap.
func TestPorts(t *testing.T) {
	c := bare(t, 0xe4, 0x60, 0xf3, 0x6c, 0xf4) // in al, 60h; rep insb; hlt
	c.R[RDX], c.R[RDI], c.R[RCX] = 0x1f0, 0x6000, 3
	e := c.Run(100)
	require.Equal(t, Exit{Kind: ExitPort, Port: 0x60, Width: 1, In: true}, e)
	c.CompleteIn(0x5a)
	require.EqualValues(t, 0x5a, c.R[RAX])
	for i := range 3 {
		e = c.Run(100)
		require.Equal(t, ExitPort, e.Kind)
		require.EqualValues(t, 0x1f0, e.Port)
		c.CompleteIn(uint32(0x41 + i))
	}
	require.Equal(t, ExitHalt, c.Run(100).Kind)
	require.Equal(t, "ABC", string(c.mem.Frame(0x6000)[:3]))

	c = user(t, 0xe6, 0x61, 0xe6, 0x62) // out 61h, al; out 62h, al
	c.SetSegment(TR, Segment{selTSS, AttrP | typeTSSBusy, 0x67 + 0x20, bareTSS})
	frame := c.mem.Frame(bareTSS)
	binary.LittleEndian.PutUint16(frame[0x866:], 0x68)
	frame[0x868+0x61/8] = 1 << 2 // port 62h
	require.Equal(t, ExitPort, c.Run(10).Kind)
	require.Equal(t, x86.VectorGP, handled(t, c))
}

// TestEnteringLongMode goes from flat protected mode without paging to 64-bit mode as a multiboot kernel does, from there
// by far return into compatibility mode and by far call back. The code, as nasm has it:
//
//	lgdt [gdtr]; mov eax, cr4; or eax, 20h; mov cr4, eax; mov eax, 1000h; mov cr3, eax
//	mov ecx, 0c0000080h; rdmsr; or eax, 101h; wrmsr; mov eax, cr0; or eax, 80000001h; mov cr0, eax
//	jmp 8:lmode
//	lmode: mov ax, 10h; mov ds, ax; mov ss, ax; mov rsp, 50000h; push 40h; lea rax, [rel compat]; push rax; retfq
//	compat: mov eax, 12345678h; call 8:back; hlt
//	back: mov rbx, [rsp]; hlt
func TestEnteringLongMode(t *testing.T) {
	c := bare(t,
		0x0f, 0x01, 0x15, 0x68, 0x00, 0x20, 0x00, 0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x20, 0x0f, 0x22, 0xe0,
		0xb8, 0x00, 0x10, 0x00, 0x00, 0x0f, 0x22, 0xd8, 0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32, 0x0d,
		0x01, 0x01, 0x00, 0x00, 0x0f, 0x30, 0x0f, 0x20, 0xc0, 0x0d, 0x01, 0x00, 0x00, 0x80, 0x0f, 0x22,
		0xc0, 0xea, 0x38, 0x00, 0x20, 0x00, 0x08, 0x00, 0x66, 0xb8, 0x10, 0x00, 0x8e, 0xd8, 0x8e, 0xd0,
		0xbc, 0x00, 0x00, 0x05, 0x00, 0x6a, 0x40, 0x48, 0x8d, 0x05, 0x03, 0x00, 0x00, 0x00, 0x50, 0x48,
		0xcb, 0xb8, 0x78, 0x56, 0x34, 0x12, 0x9a, 0x5e, 0x00, 0x20, 0x00, 0x08, 0x00, 0xf4, 0x48, 0x8b,
		0x1c, 0x24, 0xf4, 0x90, 0x90, 0x90, 0x90, 0x90, 0x4f, 0x00, 0x00, 0x70, 0x00, 0x00,
	)
	m := c.MMU
	flat := flatCode(8, 0, false)
	c.SetSegment(decode.CS, flat)
	c.SetSegment(decode.SS, flatData(16, 0))
	require.Nil(t, m.SetCR0(x86.CR0PE|x86.CR0ET))
	require.Nil(t, m.SetCR4(0))
	require.Nil(t, m.SetEFER(0))
	c.SetSegment(decode.CS, flat)
	e := c.Run(1000)
	require.Equal(t, ExitHalt, e.Kind, "RIP %#x, %v", c.RIP, c.Shutdown())
	require.True(t, c.is64())
	require.EqualValues(t, 0x12345678, c.R[RAX])
	require.EqualValues(t, 0x40, c.R[RBX]>>32, "the far call pushed 32-bit CS and EIP")
	require.EqualValues(t, 0x50000-8, c.R[RSP])
	require.NotZero(t, m.EFER()&x86.EFERLMA)
}

// BenchmarkFaultThroughIDT is a page fault of user mode, its handler's IRETQ, and the retry.
func BenchmarkFaultThroughIDT(b *testing.B) {
	c := user(b, 0xa1, 0, 0, 0, 0x80, 0, 0, 0, 0) // mov eax, [80000000h]
	c.mem.NotifyWrite(bareHandlers + 14*16)
	copy(c.mem.Frame(bareHandlers)[14*16:], []byte{0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf}) // add rsp, 8; iretq
	b.ReportAllocs()
	for b.Loop() {
		c.Run(3) // the fault, ADD, IRETQ
	}
	if c.RIP != testCode {
		b.Fatalf("RIP %#x", c.RIP)
	}
}
