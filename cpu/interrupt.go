package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var interruptRows = []row{
	{decode.INT3, int3, 0, Base, endBlock},
	{decode.INT, intn, 0, Base, endBlock},
	{decode.INTO, into, 0, Base, endBlock},
	{decode.ICEBP, icebp, 0, Base, endBlock},
	{decode.BOUND, bound, 0, Base, plain},
	{decode.CLI, cli, 0, Base, endBlock},
	{decode.STI, cli, 0, Base, endBlock},
	{decode.HLT, hlt, 0, Base, endBlock},
}

var _ = addRows(interruptRows)

// software is INT n: an exit where the layer above is the kernel, else through the IDT. RIP is behind the instruction there;
// a fault on the way leaves it in front.
func (c *CPU) software(in *Inst, v x86.Vector, kind eventKind) *x86.Fault {
	if !c.Deliver {
		return c.leave(Exit{Kind: ExitInterrupt, Vector: v, Len: in.Len})
	}
	old := c.RIP
	c.RIP = c.next(in)
	if f := c.enter(&event{vector: v, kind: kind}); f != nil {
		c.RIP = old
		return f
	}
	return nil
}

// int3 is the breakpoint trap. SDM vol. 2A, INT n/INTO/INT3/INT1.
func int3(c *CPU, in *Inst) *x86.Fault { return c.software(in, x86.VectorBP, eventSoft) }

// intn is the software interrupt. SDM vol. 2A, INT n/INTO/INT3/INT1.
func intn(c *CPU, in *Inst) *x86.Fault { return c.software(in, x86.Vector(in.Imm), eventSoft) }

// into is the overflow trap, if OF is set. SDM vol. 2A, INT n/INTO/INT3/INT1.
func into(c *CPU, in *Inst) *x86.Fault {
	if !c.flags.of() {
		return nil
	}
	return c.software(in, x86.VectorOF, eventSoft)
}

// icebp is INT1: #DB whatever the gate's DPL. SDM vol. 2A, INT n/INTO/INT3/INT1.
func icebp(c *CPU, in *Inst) *x86.Fault { return c.software(in, x86.VectorDB, eventICE) }

// bound is #BR if a signed index is outside two bounds in memory. SDM vol. 2A, BOUND.
func bound(c *CPU, in *Inst) *x86.Fault {
	va := c.ea(in)
	lo, f := c.loadN(in, va, in.Width)
	if f != nil {
		return f
	}
	hi, f := c.loadN(in, va+x86.VirtAddr(in.Width), in.Width)
	if f != nil {
		return f
	}
	i := int64(sext(c.reg(in.Args[0].Num(), in.Width), in.Width))
	if i < int64(sext(lo, in.Width)) || i > int64(sext(hi, in.Width)) {
		return c.raise(x86.VectorBR)
	}
	return nil
}

// cli clears and sti sets RFLAGS.IF, for a CPL that IOPL allows. STI from 0 holds interrupts off for one instruction more.
// SDM vol. 2A CLI, vol. 2B STI.
func cli(c *CPU, in *Inst) *x86.Fault {
	if uint64(c.MMU.CPL()) > c.iopl() {
		return c.raise(x86.VectorGP)
	}
	if in.Op == decode.CLI {
		c.ctl &^= x86.FlagIF
		c.updateAttention()
		return nil
	}
	was := c.ctl & x86.FlagIF
	c.ctl |= x86.FlagIF
	if was == 0 {
		c.shadow(shadowSTI)
	}
	return nil
}

// hlt leaves to the board at CPL 0. SDM vol. 2A, HLT.
func hlt(c *CPU, in *Inst) *x86.Fault {
	if f := c.supervisor(); f != nil {
		return f
	}
	return c.leave(Exit{Kind: ExitHalt})
}
