package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var stackRows = []row{
	{decode.PUSH, push, 0, Base, plain},
	{decode.POP, pop, 0, Base, plain},
	{decode.PUSHF, pushf, 0, Base, plain},
	{decode.POPF, popf, 0, Base, endBlock},
	{decode.ENTER, enter, 0, Base, plain},
	{decode.LEAVE, leave, 0, Base, plain},
}

var _ = addRows(stackRows)

// stackFault turns a #GP of a stack access into #SS, or into what segmented refused it for.
func (c *CPU) stackFault(f *x86.Fault) *x86.Fault {
	if f.Vector != x86.VectorGP {
		return f
	}
	if c.refused.Vector != 0 {
		*f, c.refused.Vector = c.refused, 0
	} else {
		f.Vector = x86.VectorSS
	}
	return f
}

// sp returns the stack pointer at the stack's width: 64 bits in 64-bit mode, else by SS.B (SDM vol. 1 6.2.3).
func (c *CPU) sp() uint64 { return c.R[RSP] & c.stackMask() }

func (c *CPU) stackMask() uint64 {
	switch {
	case c.is64():
		return ^uint64(0)
	case c.seg[decode.SS].Attr&AttrDB != 0:
		return 0xffffffff
	}
	return 0xffff
}

// setSP sets the stack pointer at the stack's width; with a 16-bit stack the upper bits stay.
func (c *CPU) setSP(v uint64) {
	switch m := c.stackMask(); m {
	case 0xffff:
		c.setReg(RSP, 2, v)
	default:
		c.R[RSP] = v & m
	}
}

// stackVA is the linear address of width bytes at a stack offset, checked as the mode asks.
func (c *CPU) stackVA(sp uint64, width uint8, write bool) x86.VirtAddr {
	if c.key&(codeSize|keyChecked) == code64 {
		return x86.VirtAddr(sp)
	}
	sp &= c.stackMask()
	if c.key&keyChecked != 0 {
		return c.segmented(decode.SS, sp, int(width), write)
	}
	return x86.VirtAddr(uint32(sp + c.R[slotSegBase+decode.SS]))
}

// pushN stores v below the stack pointer and then moves it.
func (c *CPU) pushN(width uint8, v uint64) *x86.Fault {
	sp := c.R[RSP] - uint64(width)
	if f := c.stackStore(sp, width, v); f != nil {
		return f
	}
	c.setSP(sp)
	return nil
}

// stackStore writes width bytes at a stack offset.
func (c *CPU) stackStore(sp uint64, width uint8, v uint64) *x86.Fault {
	va := c.stackVA(sp, width, true)
	var f *x86.Fault
	switch width {
	case 8:
		f = c.MMU.Store64(va, v)
	case 4:
		f = c.MMU.Store32(va, uint32(v))
	default:
		f = c.MMU.Store16(va, uint16(v))
	}
	if f != nil {
		return c.stackFault(f)
	}
	return nil
}

// peekN reads the top of the stack, offset bytes above the stack pointer.
func (c *CPU) peekN(width uint8, offset uint64) (uint64, *x86.Fault) {
	return c.stackLoad(c.R[RSP]+offset, width)
}

// stackLoad reads width bytes at a stack offset.
func (c *CPU) stackLoad(sp uint64, width uint8) (uint64, *x86.Fault) {
	va := c.stackVA(sp, width, false)
	var v uint64
	var f *x86.Fault
	switch width {
	case 8:
		v, f = c.MMU.Load64(va)
	case 4:
		var w uint32
		w, f = c.MMU.Load32(va)
		v = uint64(w)
	default:
		var w uint16
		w, f = c.MMU.Load16(va)
		v = uint64(w)
	}
	if f != nil {
		return 0, c.stackFault(f)
	}
	return v, nil
}

// push decrements the stack pointer and stores the operand; PUSH RSP stores the old value. SDM vol. 2B, PUSH.
func push(c *CPU, in *Inst) *x86.Fault {
	o := in.Args[0]
	if o.Class() == decode.Seg {
		return c.pushN(in.Width, uint64(c.seg[o.Num()%6].Selector))
	}
	v, f := c.get(in, o, in.Width)
	if f != nil {
		return f
	}
	return c.pushN(in.Width, v)
}

// pop loads the operand from the stack. A memory operand addressed by RSP uses the value after the increment, and POP
// RSP keeps the popped value. SDM vol. 2B, POP.
func pop(c *CPU, in *Inst) *x86.Fault {
	v, f := c.peekN(in.Width, 0)
	if f != nil {
		return f
	}
	o, old := in.Args[0], c.R[RSP]
	if o.Class() == decode.Seg {
		mask := c.stackMask() // of the stack that was popped from
		if f := c.loadSelector(o.Num(), uint16(v)); f != nil {
			return f
		}
		c.R[RSP] = old&^mask | (old+uint64(in.Width))&mask
		if o.Num() == decode.SS {
			c.shadow(shadowMovSS)
		}
		return nil
	}
	c.setSP(old + uint64(in.Width))
	if f := c.put(in, o, in.Width, v); f != nil {
		c.R[RSP] = old
		return f
	}
	return nil
}

// pushf stores RFLAGS without VM and RF. SDM vol. 2B, PUSHF.
func pushf(c *CPU, in *Inst) *x86.Fault {
	return c.pushN(in.Width, c.Flags()&^(x86.FlagVM|x86.FlagRF))
}

// popf loads RFLAGS: at CPL 3 neither IOPL nor (with IOPL 0) IF changes. SDM vol. 2B, POPF.
func popf(c *CPU, in *Inst) *x86.Fault {
	v, f := c.peekN(in.Width, 0)
	if f != nil {
		return f
	}
	keep := x86.FlagVM | x86.FlagVIF | x86.FlagVIP
	if c.MMU.CPL() > 0 {
		keep |= x86.FlagIOPL
	}
	if uint64(c.MMU.CPL()) > c.iopl() {
		keep |= x86.FlagIF
	}
	old := c.Flags()
	if in.Width == 2 {
		keep |= ^uint64(0xffff)
	}
	c.setSP(c.R[RSP] + uint64(in.Width))
	c.SetFlags((v&^keep | old&keep) &^ x86.FlagRF)
	return nil
}

// enter makes a stack frame, with level nesting pointers. SDM vol. 2A, ENTER.
func enter(c *CPU, in *Inst) *x86.Fault {
	size, level := uint64(uint16(in.Imm)), uint(in.Imm2&31)
	w, sp := uint64(in.Width), c.R[RSP]
	frame := (sp - w) & c.stackMask()
	// Everything is checked first: the frame's pushes and, as on processors, a write at the new stack pointer.
	links := uint64(level + 1)
	for i := uint64(1); i <= links; i++ {
		if f := c.stackProbe(sp-i*w, in.Width); f != nil {
			return f
		}
	}
	if f := c.stackProbe(sp-links*w-size, in.Width); f != nil {
		return f
	}
	for i := uint64(1); i < uint64(level); i++ {
		if _, f := c.stackLoad(c.R[RBP]-i*w, in.Width); f != nil {
			return f
		}
	}
	_ = c.pushN(in.Width, c.R[RBP])
	for i := uint64(1); i < uint64(level); i++ { // one after the other, as the frames may overlap
		v, _ := c.stackLoad(c.R[RBP]-i*w, in.Width)
		_ = c.pushN(in.Width, v)
	}
	if level > 0 {
		_ = c.pushN(in.Width, frame)
	}
	c.setReg(RBP, in.Width, frame)
	c.setSP(c.R[RSP] - size)
	return nil
}

// stackProbe makes sure that width bytes at a stack offset can be written.
func (c *CPU) stackProbe(sp uint64, width uint8) *x86.Fault {
	if f := c.MMU.Probe(c.stackVA(sp, width, true), int(width), x86.Write); f != nil {
		return c.stackFault(f)
	}
	return nil
}

// leave releases a stack frame. SDM vol. 2A, LEAVE.
func leave(c *CPU, in *Inst) *x86.Fault {
	v, f := c.stackLoad(c.R[RBP], in.Width)
	if f != nil {
		return f
	}
	c.setSP(c.R[RBP] + uint64(in.Width))
	c.setReg(RBP, in.Width, v)
	return nil
}
