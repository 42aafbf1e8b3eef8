package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var syscallRows = []row{
	{decode.SYSCALL, syscall, 0, Base, endBlock},
	{decode.SYSRET, sysret, 0, Base, endBlock},
	{decode.SYSENTER, sysenter, 0, Base, endBlock},
	{decode.SYSEXIT, sysexit, 0, Base, endBlock},
	{decode.SWAPGS, swapgs, 0, Base, plain},
}

var _ = addRows(syscallRows)

// flatCode and flatData are the hidden parts that the fast system calls load without looking at a table.
func flatCode(sel uint16, dpl uint8, long bool) Segment {
	s := Segment{
		Selector: sel, Limit: 0xffffffff,
		Attr: AttrP | AttrS | AttrCode | AttrRead | AttrAccessed | AttrG | uint16(dpl)<<5,
	}
	if long {
		s.Attr |= AttrL
	} else {
		s.Attr |= AttrDB
	}
	return s
}

func flatData(sel uint16, dpl uint8) Segment {
	return Segment{
		Selector: sel, Limit: 0xffffffff,
		Attr: AttrP | AttrS | AttrWrite | AttrAccessed | AttrG | AttrDB | uint16(dpl)<<5,
	}
}

// cross loads CS and SS flat and changes the privilege level.
func (c *CPU) cross(cs, ss uint16, level uint8, long bool) {
	c.seg[decode.CS] = flatCode(cs, level, long)
	c.seg[decode.SS] = flatData(ss, level)
	c.MMU.SetCPL(level)
	c.updateMode()
}

// syscall saves RIP to RCX and RFLAGS to R11 and enters the kernel: at IA32_LSTAR, or by an exit where the layer above is
// the kernel. Outside 64-bit mode, or with EFER.SCE clear, it is #UD. SDM vol. 2B, SYSCALL.
func syscall(c *CPU, in *Inst) *x86.Fault {
	if !c.Deliver {
		c.R[RCX] = c.next(in)
		c.R[R11] = c.Flags() &^ x86.FlagRF
		return c.leave(Exit{Kind: ExitSyscall})
	}
	if !c.is64() || c.MMU.EFER()&x86.EFERSCE == 0 {
		return c.raise(x86.VectorUD)
	}
	flags := c.Flags() &^ x86.FlagRF
	c.R[RCX], c.R[R11] = c.next(in), flags
	c.RIP = c.msr.lstar
	sel := uint16(c.msr.star >> 32)
	c.cross(sel&^3, sel+8, 0, true)
	c.SetFlags(flags &^ (c.msr.fmask | x86.FlagRF))
	return nil
}

// sysret returns to RCX, or with 32-bit operand size to ECX in compatibility mode. SDM vol. 2B, SYSRET.
func sysret(c *CPU, in *Inst) *x86.Fault {
	if !c.is64() || c.MMU.EFER()&x86.EFERSCE == 0 {
		return c.raise(x86.VectorUD)
	}
	if f := c.supervisor(); f != nil {
		return f
	}
	wide := in.Prefix&decode.RexW != 0
	sel, target := uint16(c.msr.star>>48), c.R[RCX]
	cs := sel
	if wide {
		if !x86.VirtAddr(target).Canonical() {
			return c.raise(x86.VectorGP)
		}
		cs += 16
	} else {
		target = uint64(uint32(target))
	}
	c.RIP = target
	c.cross(cs|3, (sel+8)|3, 3, wide)
	c.SetFlags(c.R[R11] & 0x3c7fd7)
	return nil
}

// sysenter enters the kernel at IA32_SYSENTER_EIP with the stack of IA32_SYSENTER_ESP. SDM vol. 2B, SYSENTER.
func sysenter(c *CPU, in *Inst) *x86.Fault {
	if !c.Deliver {
		return c.raise(x86.VectorUD)
	}
	cs := uint16(c.msr.sysenterCS)
	if null(cs) {
		return c.raise(x86.VectorGP)
	}
	long := c.long()
	c.R[RSP], c.RIP = c.msr.sysenterESP, c.msr.sysenterEIP
	if !long {
		c.R[RSP], c.RIP = uint64(uint32(c.R[RSP])), uint64(uint32(c.RIP))
	}
	c.ctl &^= x86.FlagVM | x86.FlagIF | x86.FlagRF
	c.cross(cs&^3, cs&^3+8, 0, long)
	return nil
}

// sysexit returns to RDX with the stack RCX. SDM vol. 2B, SYSEXIT.
func sysexit(c *CPU, in *Inst) *x86.Fault {
	cs := uint16(c.msr.sysenterCS)
	if c.MMU.CPL() != 0 || null(cs) {
		return c.raise(x86.VectorGP)
	}
	wide := in.Prefix&decode.RexW != 0
	rip, rsp := c.R[RDX], c.R[RCX]
	if wide {
		if !x86.VirtAddr(rip).Canonical() || !x86.VirtAddr(rsp).Canonical() {
			return c.raise(x86.VectorGP)
		}
		cs += 32
	} else {
		rip, rsp = uint64(uint32(rip)), uint64(uint32(rsp))
		cs += 16
	}
	c.RIP, c.R[RSP] = rip, rsp
	c.cross(cs|3, (cs+8)|3, 3, wide)
	return nil
}

// swapgs exchanges the GS base with IA32_KERNEL_GS_BASE. SDM vol. 2B, SWAPGS.
func swapgs(c *CPU, in *Inst) *x86.Fault {
	if !c.is64() {
		return c.raise(x86.VectorUD)
	}
	if f := c.supervisor(); f != nil {
		return f
	}
	gs := &c.R[slotSegBase+decode.GS]
	*gs, c.msr.kernelGS = c.msr.kernelGS, *gs
	return nil
}
