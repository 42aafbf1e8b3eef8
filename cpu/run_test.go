package cpu

import (
	"testing"

	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// program loads code at testCode with the stack and RSI as vectors have them.
func program(t testing.TB, code ...byte) *CPU {
	c := testCPU(t)
	s := &testState{Flags: x86.FlagR1}
	s.R[RSP], s.R[RSI] = stackTop, memBase+window
	c.load(s, code)
	return c
}

func TestBudgetIsExactInsideABlock(t *testing.T) {
	c := program(t, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xeb, 0xf6) // inc eax ×4; jmp back
	for want := uint64(1); want < 40; want++ {
		require.Equal(t, ExitBudget, c.Run(1).Kind)
		require.Equal(t, want, c.IC)
		require.Equal(t, want/5*4+min(want%5, 4), c.R[RAX], "after %d", want)
	}
}

func TestStoreIntoTheExecutingBlockTakesEffectAtTheNextInstruction(t *testing.T) {
	c := program(t,
		0xc6, 0x05, 0x01, 0x00, 0x00, 0x00, 0x02, // mov byte [rip+1], 2: the immediate of the next instruction
		0xb0, 0x01, // mov al, 1
		0x0f, 0x0b) // ud2
	e := c.Run(10)
	require.Equal(t, ExitException, e.Kind)
	require.Equal(t, x86.VectorUD, e.Fault.Vector)
	require.EqualValues(t, 2, c.R[RAX])
	require.EqualValues(t, 2, c.IC)
	require.EqualValues(t, testCode+9, c.RIP)
}

func TestStoreIntoALinkedBlockKillsIt(t *testing.T) {
	// loop: mov al,1 ; jmp next ; next: add [patched], 1 ; dec ecx ; jnz loop: each round the immediate grows.
	c := program(t,
		0xb0, 0x00, // mov al, imm
		0xeb, 0x00, // jmp +0
		0xfe, 0x05, 0xf7, 0xff, 0xff, 0xff, // inc byte [rip-9]: the immediate
		0xff, 0xc9, // dec ecx
		0x75, 0xf2, // jnz loop
		0x0f, 0x0b)
	c.R[RCX] = 5
	e := c.Run(1000)
	require.Equal(t, x86.VectorUD, e.Fault.Vector)
	require.EqualValues(t, 4, c.R[RAX], "the last round reads the immediate after four increments")
}

func TestInstructionAcrossPagesFollowsTheSecondPage(t *testing.T) {
	c := program(t)
	page := x86.PhysAddr(testCode)
	code := []byte{0xb8, 0x11, 0x22, 0x33, 0x44} // mov eax, 0x44332211
	copy(c.mem.Frame(page)[x86.PageSize-2:], code[:2])
	copy(c.mem.Frame(page + x86.PageSize)[:], append(code[2:], 0x0f, 0x0b))
	run := func() {
		c.RIP = testCode + x86.PageSize - 2
		require.Equal(t, ExitException, c.Run(10).Kind)
	}
	run()
	require.EqualValues(t, 0x44332211, c.R[RAX])
	require.Nil(t, c.MMU.Store8(testCode+x86.PageSize, 0x99))
	run()
	require.EqualValues(t, 0x44339911, c.R[RAX])
}

func TestFaultLeavesTheStateOfTheInstructionBefore(t *testing.T) {
	c := program(t,
		0xff, 0xc0, // inc eax
		0x48, 0x01, 0x04, 0x25, 0x00, 0x00, 0x00, 0x50, // add [0x50000000], rax: beyond RAM, but mapped
		0xff, 0xc0)
	c.R[RBX] = 1 << 47                                                                      // not canonical
	copy(c.mem.Frame(testCode)[2:], []byte{0x48, 0x01, 0x03, 0x90, 0x90, 0x90, 0x90, 0x90}) // add [rbx], rax
	e := c.Run(10)
	require.Equal(t, ExitException, e.Kind)
	require.Equal(t, x86.Fault{Vector: x86.VectorGP}, *e.Fault)
	require.EqualValues(t, testCode+2, c.RIP)
	require.EqualValues(t, 1, c.IC)
	c.R[RSP], c.RIP = 1<<47+8, testCode
	copy(c.mem.Frame(testCode)[:], []byte{0x50}) // push rax
	c.mem.NotifyWrite(testCode)
	require.Equal(t, x86.Fault{Vector: x86.VectorSS}, *c.Run(1).Fault, "stack accesses raise #SS")
}

func TestUnknownBytesRaiseUDWithAReport(t *testing.T) {
	c := program(t, 0xc5, 0xf8, 0x77) // vzeroupper: AVX is not advertised
	e := c.Run(1)
	require.Equal(t, x86.VectorUD, e.Fault.Vector)
	u := c.LastUndefined()
	require.True(t, u.Known)
	require.EqualValues(t, testCode, u.Addr)
	require.Equal(t, []byte{0xc5, 0xf8, 0x77}, u.Bytes[:3])
}

func TestRepIsInterruptibleAndBounded(t *testing.T) {
	c := program(t, 0xf3, 0xaa, 0x90) // rep stosb
	c.R[RDI], c.R[RCX], c.R[RAX] = memBase, 0xf000, 0x5a
	for c.R[RCX] != 0 {
		require.Equal(t, ExitBudget, c.Run(1).Kind)
	}
	require.EqualValues(t, memBase+0xf000, c.R[RDI])
	require.Equal(t, byte(0x5a), c.mem.Frame(memBase + 0xe000)[0xfff])
}

func TestRunAllocatesNothing(t *testing.T) {
	c := program(t, 0x50, 0x58, 0x48, 0x8b, 0x06, 0x48, 0x89, 0x06, 0xff, 0xc9, 0x75, 0xf4) // push; pop; load; store; dec; jnz
	c.Run(1000)
	require.Zero(t, testing.AllocsPerRun(100, func() { c.Run(1000) }))
}

// TestTrapFlag steps through a program that sets TF itself: #DB after the instruction behind POPF, on both engines.
func TestTrapFlag(t *testing.T) {
	for _, run := range []func(c *CPU) Exit{func(c *CPU) Exit { return c.Run(100) }, func(c *CPU) Exit {
		for {
			if e := c.Step(); e.Kind != ExitNone {
				return e
			}
		}
	}} {
		c := program(t,
			0x9c,                         // pushfq
			0x80, 0x4c, 0x24, 0x01, 0x01, // or byte [rsp+1], 1
			0x9d,       // popfq
			0xff, 0xc0, // inc eax
			0xff, 0xc0) // inc eax
		c.R[RSP] = memBase + 0x800
		e := run(c)
		require.Equal(t, ExitException, e.Kind)
		require.Equal(t, x86.VectorDB, e.Fault.Vector)
		require.EqualValues(t, testCode+9, c.RIP)
		require.EqualValues(t, 1, c.R[RAX])
		require.EqualValues(t, 4, c.IC)
		e = run(c)
		require.Equal(t, x86.VectorDB, e.Fault.Vector, "and after each that follows")
		require.EqualValues(t, testCode+11, c.RIP)
	}
}
