package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var shiftRows = []row{
	{decode.SHL, shl, x86.FlagAF | x86.FlagOF, Base, plain},
	{decode.SHR, shr, x86.FlagAF | x86.FlagOF, Base, plain},
	{decode.SAR, sar, x86.FlagAF | x86.FlagOF, Base, plain},
	{decode.ROL, rol, x86.FlagOF, Base, plain},
	{decode.ROR, ror, x86.FlagOF, Base, plain},
	{decode.RCL, rcl, x86.FlagOF, Base, plain},
	{decode.RCR, rcr, x86.FlagOF, Base, plain},
	{decode.SHLD, shld, x86.FlagAF | x86.FlagOF, Base, plain},
	{decode.SHRD, shrd, x86.FlagAF | x86.FlagOF, Base, plain},
}

var _ = addRows(shiftRows)

// shiftCount returns the count operand masked to 5 bits, 6 for 64-bit operands.
func (c *CPU) shiftCount(in *Inst, o decode.Operand) uint {
	n := uint(in.Imm)
	if o.Class() == decode.GPR {
		n = uint(c.R[RCX])
	}
	if in.Width == 8 {
		return n & 63
	}
	return n & 31
}

func bit(v uint64, n uint) bool { return v>>(n&63)&1 != 0 }

// shl shifts left. A count of zero changes no flag. SDM vol. 2B, SAL/SAR/SHL/SHR.
func shl(c *CPU, in *Inst) *x86.Fault {
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	n, w := c.shiftCount(in, in.Args[1]), 8*uint(in.Width)
	r := a << n & widthMask(in.Width)
	if f := c.commit(in, va, r); f != nil || n == 0 {
		return f
	}
	cf := n <= w && bit(a, w-n)
	c.flags.setResult(r, in.Width, cf, bit(r, w-1) != cf)
	return nil
}

// shr shifts right, filling with zeros. SDM vol. 2B, SAL/SAR/SHL/SHR.
func shr(c *CPU, in *Inst) *x86.Fault {
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	n, w := c.shiftCount(in, in.Args[1]), 8*uint(in.Width)
	r := a >> n
	if f := c.commit(in, va, r); f != nil || n == 0 {
		return f
	}
	// OF is the xor of the two top bits of the result: for a count of 1 the operand's sign, beyond it zero.
	c.flags.setResult(r, in.Width, bit(a, n-1), bit(r, w-1) != bit(r, w-2))
	return nil
}

// sar shifts right, filling with the sign. SDM vol. 2B, SAL/SAR/SHL/SHR.
func sar(c *CPU, in *Inst) *x86.Fault {
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	n := c.shiftCount(in, in.Args[1])
	s := int64(sext(a, in.Width))
	r := uint64(s>>n) & widthMask(in.Width)
	if f := c.commit(in, va, r); f != nil || n == 0 {
		return f
	}
	c.flags.setResult(r, in.Width, s>>(n-1)&1 != 0, false)
	return nil
}

// rol rotates left. SDM vol. 2B, RCL/RCR/ROL/ROR.
func rol(c *CPU, in *Inst) *x86.Fault {
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	n, w := c.shiftCount(in, in.Args[1]), 8*uint(in.Width)
	k := n % w
	r := (a<<k | a>>(w-k)) & widthMask(in.Width)
	if f := c.commit(in, va, r); f != nil || n == 0 {
		return f
	}
	cf := bit(r, 0)
	c.flags.setCFOF(cf, bit(r, w-1) != cf)
	return nil
}

// ror rotates right. SDM vol. 2B, RCL/RCR/ROL/ROR.
func ror(c *CPU, in *Inst) *x86.Fault {
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	n, w := c.shiftCount(in, in.Args[1]), 8*uint(in.Width)
	k := n % w
	r := (a>>k | a<<(w-k)) & widthMask(in.Width)
	if f := c.commit(in, va, r); f != nil || n == 0 {
		return f
	}
	c.flags.setCFOF(bit(r, w-1), bit(r, w-1) != bit(r, w-2))
	return nil
}

// rcl rotates left through CF, a rotation of width+1 bits. SDM vol. 2B, RCL/RCR/ROL/ROR.
func rcl(c *CPU, in *Inst) *x86.Fault {
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	n, w := c.shiftCount(in, in.Args[1]), 8*uint(in.Width)
	r, cf := a, c.flags.cf()
	for range n % (w + 1) {
		out := bit(r, w-1)
		r = r << 1 & widthMask(in.Width)
		if cf {
			r |= 1
		}
		cf = out
	}
	if f := c.commit(in, va, r); f != nil || n == 0 {
		return f
	}
	c.flags.setCFOF(cf, bit(r, w-1) != cf)
	return nil
}

// rcr rotates right through CF. SDM vol. 2B, RCL/RCR/ROL/ROR.
func rcr(c *CPU, in *Inst) *x86.Fault {
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	n, w := c.shiftCount(in, in.Args[1]), 8*uint(in.Width)
	r, cf := a, c.flags.cf()
	for range n % (w + 1) {
		out := bit(r, 0)
		r >>= 1
		if cf {
			r |= 1 << (w - 1)
		}
		cf = out
	}
	if f := c.commit(in, va, r); f != nil || n == 0 {
		return f
	}
	c.flags.setCFOF(cf, bit(r, w-1) != bit(r, w-2))
	return nil
}

// shld shifts the first operand left, filling from the top of the second. A 16-bit count above 16, undefined in the
// SDM, shifts the two operands followed by the first again, as Intel's processors do; AMD's repeat the second. SDM vol. 2B, SHLD.
func shld(c *CPU, in *Inst) *x86.Fault {
	va, d, f := c.modify(in)
	if f != nil {
		return f
	}
	s := c.reg(in.Args[1].Num(), in.Width)
	n, w := c.shiftCount(in, in.Args[2]), 8*uint(in.Width)
	if n == 0 {
		return c.commit(in, va, d) // flags keep; a 32-bit register still zero-extends
	}
	var r uint64
	var cf bool
	if in.Width == 2 {
		wide := d<<32 | s<<16 | d
		r, cf = wide<<n>>32&0xffff, bit(wide, 48-n)
	} else {
		r, cf = (d<<n|s>>(w-n))&widthMask(in.Width), bit(d, w-n)
	}
	if f := c.commit(in, va, r); f != nil {
		return f
	}
	// For counts above 1, where the SDM leaves OF undefined, processors compare the sign with the last bit lost.
	c.flags.setResult(r, in.Width, cf, bit(r, w-1) != cf)
	return nil
}

// shrd shifts the first operand right, filling from the bottom of the second. SDM vol. 2B, SHRD.
func shrd(c *CPU, in *Inst) *x86.Fault {
	va, d, f := c.modify(in)
	if f != nil {
		return f
	}
	s := c.reg(in.Args[1].Num(), in.Width)
	n, w := c.shiftCount(in, in.Args[2]), 8*uint(in.Width)
	if n == 0 {
		return c.commit(in, va, d)
	}
	var r uint64
	var cf bool
	if in.Width == 2 {
		wide := d<<32 | s<<16 | d
		r, cf = wide>>n&0xffff, bit(wide, n-1)
	} else {
		r, cf = (d>>n|s<<(w-n))&widthMask(in.Width), bit(d, n-1)
	}
	if f := c.commit(in, va, r); f != nil {
		return f
	}
	c.flags.setResult(r, in.Width, cf, bit(r, w-1) != bit(r, w-2))
	return nil
}
