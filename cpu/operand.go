package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// ea returns the linear address of the memory operand: segment base + base + index<<scale + displacement, the sum
// without the segment base cut to the address size (SDM vol. 1 3.7.5). RIP-relative displacements count from the
// block's origin here; normalize sees to that.
func (c *CPU) ea(in *Inst) x86.VirtAddr {
	if in.Flags == 0 {
		return x86.VirtAddr(c.R[in.Base&slotMask] + c.R[in.Index&slotMask]<<(in.Scale&3) + uint64(int64(in.Disp)) +
			c.R[(slotSegBase+in.Seg)&slotMask])
	}
	return c.eaSlow(in)
}

// offset is ea without the segment base: what LEA computes.
func (c *CPU) offset(in *Inst) uint64 {
	a := c.R[in.Base&slotMask] + c.R[in.Index&slotMask]<<(in.Scale&3) + uint64(int64(in.Disp))
	if in.Flags&decode.Moffs != 0 {
		a = uint64(in.Imm)
	}
	if in.Flags&farRIP != 0 {
		a += uint64(in.Off) + uint64(in.Len)
	}
	if in.AddrSize != 8 {
		a &= widthMask(in.AddrSize)
	}
	return a
}

func (c *CPU) eaSlow(in *Inst) x86.VirtAddr {
	if in.Flags&checkedAddr != 0 {
		return c.checkedEA(in)
	}
	va := c.offset(in) + c.R[(slotSegBase+in.Seg)&slotMask]
	if !c.is64() {
		va = uint64(uint32(va))
	}
	return x86.VirtAddr(va)
}

// Bits that normalize adds to Inst.Flags beside the decoder's.
const (
	checkedAddr decode.InstFlags = 1 << 5 // the mode has keyChecked

	farRIP    decode.InstFlags = 1 << 6 // RIP-relative, and the displacement from the block's origin does not fit 32 bits
	shortAddr decode.InstFlags = 1 << 7 // AddrSize is not 8
)

// normalize prepares a decoded instruction for execution in a mode, off bytes from its block's origin.
func normalize(in *Inst, off uint16, k modeKey) {
	in.Off = off
	if k&keyChecked != 0 {
		in.Flags |= checkedAddr
	}
	if in.AddrSize != 8 {
		in.Flags |= shortAddr
	}
	if in.Base == decode.RIPBase {
		d := int64(in.Disp) + int64(off) + int64(in.Len)
		if int64(int32(d)) == d {
			in.Disp = int32(d)
		} else {
			in.Flags |= farRIP
		}
	}
}

// memFault turns the #GP of a non-canonical stack access into the #SS it is (SDM vol. 1 3.3.7.1), and that of poison into
// the reason.
func (c *CPU) memFault(in *Inst, f *x86.Fault) *x86.Fault {
	if f.Vector != x86.VectorGP {
		return f
	}
	if c.refused.Vector != 0 {
		*f, c.refused.Vector = c.refused, 0
	} else if in.Seg == decode.SS {
		f.Vector = x86.VectorSS
	}
	return f
}

// loadN reads width bytes (1, 2, 4 or 8) from the memory operand's address, zero-extended.
func (c *CPU) loadN(in *Inst, va x86.VirtAddr, width uint8) (uint64, *x86.Fault) {
	var v uint64
	var f *x86.Fault
	switch width {
	case 1:
		var b uint8
		b, f = c.MMU.Load8(va)
		v = uint64(b)
	case 2:
		var b uint16
		b, f = c.MMU.Load16(va)
		v = uint64(b)
	case 4:
		var b uint32
		b, f = c.MMU.Load32(va)
		v = uint64(b)
	default:
		v, f = c.MMU.Load64(va)
	}
	if f != nil {
		return 0, c.memFault(in, f)
	}
	return v, nil
}

// storeN writes the low width bytes (1, 2, 4 or 8) of v.
func (c *CPU) storeN(in *Inst, va x86.VirtAddr, width uint8, v uint64) *x86.Fault {
	var f *x86.Fault
	switch width {
	case 1:
		f = c.MMU.Store8(va, uint8(v))
	case 2:
		f = c.MMU.Store16(va, uint16(v))
	case 4:
		f = c.MMU.Store32(va, uint32(v))
	default:
		f = c.MMU.Store64(va, v)
	}
	if f != nil {
		return c.memFault(in, f)
	}
	return nil
}

// reg reads general register n at a width, zero-extended.
func (c *CPU) reg(n int, width uint8) uint64 { return c.R[n&15] & widthMask(width) }

// setReg writes general register n: 4 bytes zero-extend, 1 and 2 keep the upper bits (SDM vol. 1 3.4.1.1).
func (c *CPU) setReg(n int, width uint8, v uint64) {
	r := &c.R[n&15]
	switch width {
	case 8:
		*r = v
	case 4:
		*r = uint64(uint32(v))
	case 2:
		*r = *r&^0xffff | v&0xffff
	default:
		*r = *r&^0xff | v&0xff
	}
}

// widthMask returns a mask of width bytes.
func widthMask(width uint8) uint64 { return ^uint64(0) >> (64 - 8*uint(width)) }

// get reads operand o at a width: general register, immediate or memory.
func (c *CPU) get(in *Inst, o decode.Operand, width uint8) (uint64, *x86.Fault) {
	switch o.Class() {
	case decode.GPR:
		return c.reg(o.Num(), width), nil
	case decode.High8:
		return c.R[o.Num()&3] >> 8 & 0xff, nil
	case decode.Imm:
		return uint64(in.Imm) & widthMask(width), nil
	case decode.Mem:
		return c.loadN(in, c.ea(in), width)
	}
	panic("cpu: " + in.Op.String() + ": operand is not an integer operand")
}

// put writes operand o at a width: general register or memory.
func (c *CPU) put(in *Inst, o decode.Operand, width uint8, v uint64) *x86.Fault {
	switch o.Class() {
	case decode.GPR:
		c.setReg(o.Num(), width, v)
		return nil
	case decode.High8:
		r := &c.R[o.Num()&3]
		*r = *r&^0xff00 | v&0xff<<8
		return nil
	case decode.Mem:
		return c.storeN(in, c.ea(in), width, v)
	}
	panic("cpu: " + in.Op.String() + ": operand cannot be written")
}

// modify reads the destination operand of a read-modify-write, having made sure that it can be written; commit writes
// it to the same place.
func (c *CPU) modify(in *Inst) (va x86.VirtAddr, v uint64, f *x86.Fault) {
	o := in.Args[0]
	if o.Class() != decode.Mem {
		v, f = c.get(in, o, in.Width)
		return 0, v, f
	}
	va = c.ea(in)
	if f = c.MMU.Probe(va, int(in.Width), x86.Read|x86.Write); f != nil {
		return 0, 0, c.memFault(in, f)
	}
	v, f = c.loadN(in, va, in.Width)
	return va, v, f
}

// commit writes the destination operand that modify read.
func (c *CPU) commit(in *Inst, va x86.VirtAddr, v uint64) *x86.Fault {
	if o := in.Args[0]; o.Class() != decode.Mem {
		return c.put(in, o, in.Width, v)
	}
	return c.storeN(in, va, in.Width, v)
}

// raise returns a fault without error code or with code 0.
func (c *CPU) raise(v x86.Vector) *x86.Fault {
	c.fault = x86.Fault{Vector: v}
	return &c.fault
}
