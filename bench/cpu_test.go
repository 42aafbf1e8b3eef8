package bench

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// kernels are endless loops in machine code.
var kernels = []struct{ name, code string }{
	// A xorshift generator summed: shifts, xor, imul, test, two conditional branches; no memory.
	{"alu", "4889c248c1e20d4831d04889c248c1ea074831d04889c248c1e2114831d04889c2490fafd04801d3f6c30174034831cb48ffc14c39c975c8ebc6"},
	// Load, add, store, read-modify-write, byte load, push and pop over two 4 KiB pages.
	{"loadstore", "488b04ce4801c8488904cf480104ce0fb6140e525b48ffc181e1ff01000075e0ebde"},
	// fib(15) by recursion: calls, returns, stack frames.
	{"call", "b90f000000e802000000ebf4534883ec204889cb4883f901761e488d4bffe8e9ffffff4889442408488d4bfee8dbffffff4803442408eb034889d84889d9488d09904883c4205bc3"},
}

const (
	codeAt = 0x20_0000
	dataAt = 0x40_0000
)

// BenchmarkCPU runs each kernel through the block engine; one op is a million instructions.
func BenchmarkCPU(b *testing.B) {
	for _, k := range kernels {
		b.Run(k.name, func(b *testing.B) {
			c := machine(b, k.code)
			const budget = 1_000_000
			for range 64 { // a budget may end inside a block, whose rest is decoded as a block of its own
				c.Run(budget)
			}
			b.ReportAllocs()
			for b.Loop() {
				if e := c.Run(budget); e.Kind != cpu.ExitBudget {
					b.Fatalf("%v %v at %#x", e.Kind, e.Fault, c.RIP)
				}
			}
			b.ReportMetric(budget*float64(b.N)/b.Elapsed().Seconds()/1e6, "MIPS")
		})
	}
}

// machine is a processor in 64-bit user mode under 4 KiB identity page tables for 8 MiB, with code at codeAt.
func machine(b *testing.B, code string) *cpu.CPU {
	const frames = 2048 // 8 MiB
	mem, err := physmem.New(frames * x86.PageSize)
	require.NoError(b, err)
	put := func(pa x86.PhysAddr, v uint64) { binary.LittleEndian.PutUint64(mem.Frame(pa)[pa.Offset():], v) }
	put(0x1000, 0x2007)
	put(0x2000, 0x3007)
	for i := range x86.PhysAddr(4) {
		put(0x3000+i*8, uint64(0x4000+i*x86.PageSize)|7)
	}
	for i := range x86.PhysAddr(frames) {
		put(0x4000+i*8, uint64(i)<<x86.PageShift|7)
	}
	m := mmu.New(mem, mmu.Options{})
	for _, f := range []*x86.Fault{
		m.SetCR4(x86.CR4PAE), m.SetCR3(0x1000), m.SetEFER(x86.EFERLME | x86.EFERNXE),
		m.SetCR0(x86.CR0PE | x86.CR0PG | x86.CR0WP),
	} {
		require.Nil(b, f)
	}
	m.SetCPL(3)
	c := cpu.New(m)
	text, err := hex.DecodeString(code)
	require.NoError(b, err)
	copy(mem.Frame(codeAt)[:], text)
	c.RIP = codeAt
	c.R[cpu.RAX], c.R[cpu.R8], c.R[cpu.R9] = 88172645463325252, 0x9e3779b97f4a7c15, 1<<40
	c.R[cpu.RSI], c.R[cpu.RDI], c.R[cpu.RSP] = dataAt, dataAt+x86.PageSize, dataAt+0x8000
	return c
}
