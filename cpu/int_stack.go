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

// stackFault turns a #GP of a stack access into #SS.
func stackFault(f *x86.Fault) *x86.Fault {
	if f.Vector == x86.VectorGP {
		f.Vector = x86.VectorSS
	}
	return f
}

// pushN stores v below the stack pointer and then moves it.
func (c *CPU) pushN(width uint8, v uint64) *x86.Fault {
	sp := c.R[RSP] - uint64(width)
	var f *x86.Fault
	switch width {
	case 8:
		f = c.MMU.Store64(x86.VirtAddr(sp), v)
	case 4:
		f = c.MMU.Store32(x86.VirtAddr(sp), uint32(v))
	default:
		f = c.MMU.Store16(x86.VirtAddr(sp), uint16(v))
	}
	if f != nil {
		return stackFault(f)
	}
	c.R[RSP] = sp
	return nil
}

// peekN reads the top of the stack, offset bytes above the stack pointer.
func (c *CPU) peekN(width uint8, offset uint64) (uint64, *x86.Fault) {
	va := x86.VirtAddr(c.R[RSP] + offset)
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
		return 0, stackFault(f)
	}
	return v, nil
}

// push decrements the stack pointer and stores the operand; PUSH RSP stores the old value. SDM vol. 2B, PUSH.
func push(c *CPU, in *Inst) *x86.Fault {
	o := in.Args[0]
	if o.Class() == decode.Seg {
		return c.pushN(in.Width, uint64(c.sel[o.Num()%6]))
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
	o := in.Args[0]
	if o.Class() == decode.Seg {
		if f := c.loadSelector(o.Num(), uint16(v)); f != nil {
			return f
		}
		c.R[RSP] += uint64(in.Width)
		return nil
	}
	c.R[RSP] += uint64(in.Width)
	if f := c.put(in, o, in.Width, v); f != nil {
		c.R[RSP] -= uint64(in.Width)
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
	if uint64(c.MMU.CPL()) > c.ctl>>12&3 {
		keep |= x86.FlagIF
	}
	old := c.Flags()
	if in.Width == 2 {
		keep |= ^uint64(0xffff)
	}
	c.R[RSP] += uint64(in.Width)
	c.SetFlags((v&^keep | old&keep) &^ x86.FlagRF)
	return nil
}

// enter makes a stack frame, with level nesting pointers. SDM vol. 2A, ENTER.
func enter(c *CPU, in *Inst) *x86.Fault {
	size, level := uint64(uint16(in.Imm)), uint(in.Imm2&31)
	w := uint64(in.Width)
	sp, frame := c.R[RSP], c.R[RSP]-w
	// Everything below is checked first: the frame pushes and, as on processors, a write at the new stack pointer.
	low := sp - w*uint64(level+1)
	if level == 0 {
		low = sp - w
	}
	if f := c.MMU.Probe(x86.VirtAddr(low), int(sp-low), x86.Write); f != nil {
		return stackFault(f)
	}
	if f := c.MMU.Probe(x86.VirtAddr(low-size), int(w), x86.Write); f != nil {
		return stackFault(f)
	}
	var links [32]uint64
	n := 0
	for i := uint(1); i < level; i++ {
		v, f := c.stackLoad(c.R[RBP]-uint64(i)*w, in.Width)
		if f != nil {
			return f
		}
		links[n] = v
		n++
	}
	if level > 0 {
		links[n] = frame
		n++
	}
	_ = c.pushN(in.Width, c.R[RBP])
	for _, v := range links[:n] {
		_ = c.pushN(in.Width, v)
	}
	c.setReg(RBP, in.Width, frame)
	c.R[RSP] -= size
	return nil
}

// stackLoad reads width bytes at a stack address.
func (c *CPU) stackLoad(addr uint64, width uint8) (uint64, *x86.Fault) {
	return c.peekN(width, addr-c.R[RSP])
}

// leave releases a stack frame. SDM vol. 2A, LEAVE.
func leave(c *CPU, in *Inst) *x86.Fault {
	v, f := c.stackLoad(c.R[RBP], in.Width)
	if f != nil {
		return f
	}
	c.R[RSP] = c.R[RBP] + uint64(in.Width)
	c.setReg(RBP, in.Width, v)
	return nil
}
