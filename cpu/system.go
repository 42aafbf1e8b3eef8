package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var systemRows = []row{
	{decode.CPUID, cpuid, 0, Base, plain},
	{decode.RDTSC, rdtsc, 0, Base, readsIC},
	{decode.RDTSCP, rdtscp, 0, RDTSCP, readsIC},
	{decode.RDPID, rdpid, 0, RDPID, plain},
	{decode.RDRAND, rdrand, 0, RDRAND, plain},
	{decode.RDSEED, rdrand, 0, RDSEED, plain},
	{decode.RDFSBASE, rdbase, 0, FSGSBASE, plain},
	{decode.RDGSBASE, rdbase, 0, FSGSBASE, plain},
	{decode.WRFSBASE, wrbase, 0, FSGSBASE, plain},
	{decode.WRGSBASE, wrbase, 0, FSGSBASE, plain},
	{decode.LFENCE, nop, 0, SSE2, plain},
	{decode.MFENCE, nop, 0, SSE2, plain},
	{decode.SFENCE, nop, 0, SSE, plain},
	{decode.CLFLUSH, clflush, 0, SSE2, plain},
	{decode.CLFLUSHOPT, clflush, 0, CLFLUSHOPT, plain},
	{decode.CLWB, clflush, 0, CLWB, plain},
	{decode.PREFETCHNTA, nop, 0, SSE, plain},
	{decode.PREFETCHT0, nop, 0, SSE, plain},
	{decode.PREFETCHT1, nop, 0, SSE, plain},
	{decode.PREFETCHT2, nop, 0, SSE, plain},
	{decode.PREFETCHW, nop, 0, SSE, plain},
	{decode.PREFETCH, nop, 0, SSE, plain},
}

var _ = addRows(systemRows)

// rdtsc reads the time-stamp counter into EDX:EAX. SDM vol. 2B, RDTSC.
func rdtsc(c *CPU, in *Inst) *x86.Fault {
	if f := c.timeDenied(); f != nil {
		return f
	}
	t := c.tsc()
	c.R[RAX], c.R[RDX] = t&0xffffffff, t>>32
	return nil
}

// rdtscp also reads IA32_TSC_AUX into ECX. SDM vol. 2B, RDTSCP.
func rdtscp(c *CPU, in *Inst) *x86.Fault {
	if f := rdtsc(c, in); f != nil {
		return f
	}
	c.R[RCX] = c.msr.tscAux
	return nil
}

// rdpid reads IA32_TSC_AUX. SDM vol. 2B, RDPID.
func rdpid(c *CPU, in *Inst) *x86.Fault {
	c.R[in.Args[0].Num()] = c.msr.tscAux
	return nil
}

// rdrand returns the next number of a splitmix64 sequence that starts at the CPU's seed: reproducible, never failing
// (CF=1, the other flags clear). RDSEED shares it. SDM vol. 2B, RDRAND.
func rdrand(c *CPU, in *Inst) *x86.Fault {
	c.rng += 0x9e3779b97f4a7c15
	z := c.rng
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	c.setReg(in.Args[0].Num(), in.Width, z^z>>31)
	c.flags.set(x86.FlagCF)
	return nil
}

// fsgs names the segment of RD/WR FS/GS BASE.
func fsgs(in *Inst) int {
	if in.Op == decode.RDGSBASE || in.Op == decode.WRGSBASE {
		return decode.GS
	}
	return decode.FS
}

// rdbase reads the base of FS or GS. SDM vol. 2B, RDFSBASE/RDGSBASE.
func rdbase(c *CPU, in *Inst) *x86.Fault {
	if c.MMU.CR4()&x86.CR4FSGSBASE == 0 {
		return c.raise(x86.VectorUD)
	}
	c.setReg(in.Args[0].Num(), in.Width, c.SegBase(fsgs(in)))
	return nil
}

// wrbase writes it; a non-canonical address is #GP(0). SDM vol. 2D, WRFSBASE/WRGSBASE.
func wrbase(c *CPU, in *Inst) *x86.Fault {
	if c.MMU.CR4()&x86.CR4FSGSBASE == 0 {
		return c.raise(x86.VectorUD)
	}
	v := c.reg(in.Args[0].Num(), in.Width)
	if !x86.VirtAddr(v).Canonical() {
		return c.raise(x86.VectorGP)
	}
	c.SetSegBase(fsgs(in), v)
	return nil
}

// clflush touches its operand like a one-byte read; there is no data cache to flush. SDM vol. 2A, CLFLUSH.
func clflush(c *CPU, in *Inst) *x86.Fault {
	_, f := c.loadN(in, c.ea(in), 1)
	return f
}
