package cpu

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var x87ControlRows = []row{
	{decode.FNINIT, fninit, 0, X87, plain},
	{decode.FNCLEX, fnclex, 0, X87, plain},
	{decode.FNSTSW, fnstsw, 0, X87, plain},
	{decode.FNSTCW, fnstcw, 0, X87, plain},
	{decode.FLDCW, fldcw, 0, X87, plain},
	{decode.FWAIT, fwait, 0, X87, plain},
	{decode.FNSTENV, fnstenv, 0, X87, plain},
	{decode.FLDENV, fldenv, 0, X87, plain},
	{decode.FNSAVE, fnsave, 0, X87, plain},
	{decode.FRSTOR, frstor, 0, X87, plain},
}

var _ = addRows(x87ControlRows)

// fninit resets control, status, tags and pointers; the registers keep their bits. SDM vol. 2A, FINIT.
func fninit(c *CPU, in *Inst) *x86.Fault {
	st := c.FPU.st
	c.FPU.init()
	c.FPU.st = st
	return nil
}

// fnclex clears the exceptions. SDM vol. 2A, FCLEX.
func fnclex(c *CPU, in *Inst) *x86.Fault {
	c.FPU.status &^= x87Masks | x87SF | x87ES | x87B
	return nil
}

// fnstsw stores the status word. SDM vol. 2A, FSTSW.
func fnstsw(c *CPU, in *Inst) *x86.Fault { return c.put(in, in.Args[0], 2, uint64(c.FPU.status)) }

// fnstcw stores the control word. SDM vol. 2A, FSTCW.
func fnstcw(c *CPU, in *Inst) *x86.Fault { return c.put(in, in.Args[0], 2, uint64(c.FPU.control)) }

// fldcw loads the control word; unmasking a pending exception raises it at the next instruction that waits.
// SDM vol. 2A, FLDCW.
func fldcw(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	v, f := c.loadN(in, c.ea(in), 2)
	if f != nil {
		return f
	}
	c.FPU.setControl(uint16(v))
	return nil
}

// setControl sets the control word, of which bit 6 is always 1 and bits 7 and 13 to 15 are 0, and what follows of ES and B.
func (f *fpu) setControl(v uint16) {
	f.control = v&0x1f3f | 0x40
	f.status &^= x87ES | x87B
	f.met(0)
}

// fwait raises pending exceptions. SDM vol. 2D, WAIT.
func fwait(c *CPU, in *Inst) *x86.Fault { return c.x87Wait() }

// fullTags is the 16-bit tag word: 0 valid, 1 zero, 2 special, 3 empty for each physical register (SDM vol. 1 8.1.7).
func (f *fpu) fullTags() uint16 {
	var tags uint16
	for i := range f.st {
		t := uint16(3)
		if f.tags>>i&1 != 0 {
			switch f.st[i].class() {
			case normal80:
				t = 0
			case zero80:
				t = 1
			default:
				t = 2
			}
		}
		tags |= t << (2 * i)
	}
	return tags
}

// An x87Image has room for what FNSAVE stores.
type x87Image [108]byte

// storeEnv builds the environment in its 32-bit or 16-bit form (SDM vol. 1 figures 8-9 to 8-12, protected mode).
func (f *fpu) storeEnv(b []byte) {
	le := binary.LittleEndian
	if len(b) == 14 {
		for i, v := range []uint16{f.control, f.status, f.fullTags(), uint16(f.ip), 0, uint16(f.dp), 0} {
			le.PutUint16(b[2*i:], v)
		}
		return
	}
	for i, v := range []uint32{
		0xffff0000 | uint32(f.control), 0xffff0000 | uint32(f.status), 0xffff0000 | uint32(f.fullTags()),
		uint32(f.ip), uint32(f.opcode&0x7ff) << 16, uint32(f.dp), 0xffff0000,
	} {
		le.PutUint32(b[4*i:], v)
	}
}

func (f *fpu) loadEnv(b []byte) {
	le := binary.LittleEndian
	var tags uint16
	if len(b) == 14 {
		f.control, f.status, tags = le.Uint16(b), le.Uint16(b[2:]), le.Uint16(b[4:])
		f.ip, f.dp = uint64(le.Uint16(b[6:])), uint64(le.Uint16(b[10:]))
	} else {
		f.control, f.status, tags = le.Uint16(b), le.Uint16(b[4:]), le.Uint16(b[8:])
		f.ip, f.dp = uint64(le.Uint32(b[12:])), uint64(le.Uint32(b[20:]))
		f.opcode = uint16(le.Uint32(b[16:])>>16) & 0x7ff
	}
	f.tags = 0
	for i := range f.st {
		if tags>>(2*i)&3 != 3 {
			f.tags |= 1 << i
		}
	}
	f.setControl(f.control)
}

// fnstenv stores the environment and masks every exception. SDM vol. 2A, FSTENV.
func fnstenv(c *CPU, in *Inst) *x86.Fault {
	var image x87Image
	b := image[:in.Width]
	c.FPU.storeEnv(b)
	if f := c.MMU.Write(c.ea(in), b); f != nil {
		return c.memFault(in, f)
	}
	c.FPU.setControl(c.FPU.control | x87Masks)
	return nil
}

// fldenv loads the environment. SDM vol. 2A, FLDENV.
func fldenv(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	var image x87Image
	b := image[:in.Width]
	if f := c.MMU.Read(c.ea(in), b); f != nil {
		return c.memFault(in, f)
	}
	c.FPU.loadEnv(b)
	return nil
}

// fnsave stores the environment and the registers and resets the unit. SDM vol. 2A, FSAVE.
func fnsave(c *CPU, in *Inst) *x86.Fault {
	var image x87Image
	b := image[:in.Width]
	env := int(in.Width) - 80
	c.FPU.storeEnv(b[:env])
	for i := range 8 {
		v := c.FPU.get(i)
		binary.LittleEndian.PutUint64(b[env+10*i:], v.frac)
		binary.LittleEndian.PutUint16(b[env+10*i+8:], v.se)
	}
	if f := c.MMU.Write(c.ea(in), b); f != nil {
		return c.memFault(in, f)
	}
	return fninit(c, in)
}

// frstor loads what FNSAVE stored. SDM vol. 2A, FRSTOR.
func frstor(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	var image x87Image
	b := image[:in.Width]
	if f := c.MMU.Read(c.ea(in), b); f != nil {
		return c.memFault(in, f)
	}
	env := int(in.Width) - 80
	u := &c.FPU
	u.loadEnv(b[:env])
	for i := range 8 {
		u.st[u.phys(i)] = float80{binary.LittleEndian.Uint64(b[env+10*i:]), binary.LittleEndian.Uint16(b[env+10*i+8:])}
	}
	return nil
}
