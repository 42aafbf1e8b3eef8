package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var branchRows = []row{
	{decode.JMP, jmp, 0, Base, endBlock},
	{decode.Jcc, jcc, 0, Base, endBlock},
	{decode.JCXZ, jcxz, 0, Base, endBlock},
	{decode.LOOP, loop, 0, Base, endBlock},
	{decode.LOOPE, loop, 0, Base, endBlock},
	{decode.LOOPNE, loop, 0, Base, endBlock},
	{decode.CALL, call, 0, Base, endBlock},
	{decode.RET, ret, 0, Base, endBlock},
	{decode.UD0, ud, 0, Base, endBlock},
	{decode.UD1, ud, 0, Base, endBlock},
	{decode.UD2, ud, 0, Base, endBlock},
	{decode.NOP, nop, 0, Base, plain},
	{decode.PAUSE, nop, 0, Base, plain},
	{decode.ENDBR64, nop, 0, Base, plain},
	{decode.ENDBR32, nop, 0, Base, plain},
}

var _ = addRows(branchRows)

// reach cuts a branch target to the operand size and checks it: outside the canonical range or CS.limit it is #GP(0) with
// RIP at the branch (SDM vol. 1 3.3.7.1, vol. 2A JMP).
func (c *CPU) reach(in *Inst, target uint64) (uint64, *x86.Fault) {
	if c.is64() {
		if !x86.VirtAddr(target).Canonical() {
			return 0, c.raise(x86.VectorGP)
		}
		return target, nil
	}
	target &= widthMask(in.Width)
	if target > uint64(c.csLimit) {
		return 0, c.raise(x86.VectorGP)
	}
	return target, nil
}

// branch sets RIP.
func (c *CPU) branch(in *Inst, target uint64) *x86.Fault {
	target, f := c.reach(in, target)
	if f != nil {
		return f
	}
	c.RIP = target
	return nil
}

// target returns where a near branch goes.
func (c *CPU) target(in *Inst) (uint64, *x86.Fault) {
	if in.Args[0] == decode.Rel {
		return c.next(in) + uint64(in.Imm), nil
	}
	return c.get(in, in.Args[0], in.Width)
}

// jmp jumps near. SDM vol. 2A, JMP.
func jmp(c *CPU, in *Inst) *x86.Fault {
	t, f := c.target(in)
	if f != nil {
		return f
	}
	return c.branch(in, t)
}

// jcc jumps on a condition. SDM vol. 2A, Jcc.
func jcc(c *CPU, in *Inst) *x86.Fault {
	if !c.cond(uint8(in.Cond)) {
		return nil
	}
	return c.branch(in, c.next(in)+uint64(in.Imm))
}

// jcxz jumps if CX, ECX or RCX is zero, by address size. SDM vol. 2A, Jcc.
func jcxz(c *CPU, in *Inst) *x86.Fault {
	if c.reg(RCX, in.AddrSize) != 0 {
		return nil
	}
	return c.branch(in, c.next(in)+uint64(in.Imm))
}

// loop decrements rCX and jumps while it is not zero and, for LOOPE and LOOPNE, ZF agrees. SDM vol. 2A, LOOP/LOOPcc.
func loop(c *CPU, in *Inst) *x86.Fault {
	n := c.reg(RCX, in.AddrSize) - 1
	taken := n&widthMask(in.AddrSize) != 0
	switch in.Op {
	case decode.LOOPE:
		taken = taken && c.flags.zf()
	case decode.LOOPNE:
		taken = taken && !c.flags.zf()
	}
	if taken {
		if f := c.branch(in, c.next(in)+uint64(in.Imm)); f != nil {
			return f
		}
	}
	c.setReg(RCX, in.AddrSize, n)
	return nil
}

// call pushes the return address and jumps near. SDM vol. 2A, CALL.
func call(c *CPU, in *Inst) *x86.Fault {
	t, f := c.target(in)
	if f != nil {
		return f
	}
	if t, f = c.reach(in, t); f != nil {
		return f
	}
	if f := c.pushN(in.Width, c.next(in)); f != nil {
		return f
	}
	c.RIP = t
	return nil
}

// ret pops the return address and releases Imm bytes more. SDM vol. 2B, RET.
func ret(c *CPU, in *Inst) *x86.Fault {
	t, f := c.peekN(in.Width, 0)
	if f != nil {
		return f
	}
	if f := c.branch(in, t); f != nil {
		return f
	}
	sp := c.R[RSP] + uint64(in.Width)
	if in.Args[0] == decode.Imm {
		sp += uint64(uint16(in.Imm))
	}
	c.setSP(sp)
	return nil
}

// ud raises #UD. SDM vol. 2B, UD.
func ud(c *CPU, in *Inst) *x86.Fault { return c.raise(x86.VectorUD) }

// nop does nothing. SDM vol. 2B, NOP.
func nop(c *CPU, in *Inst) *x86.Fault { return nil }
