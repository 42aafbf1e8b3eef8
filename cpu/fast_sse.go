package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// Fast forms of the moves and the scalar arithmetic that compilers emit for floating-point code.

// vectorForms are bodies by shape: between registers, from memory, to memory.
type vectorForms struct{ rr, rm, mr body }

func (forms vectorForms) pick(in *Inst) body {
	d, s := in.Args[0], in.Args[1]
	switch {
	case isXMM(d) && isXMM(s):
		return forms.rr
	case isXMM(d) && isMem(in, s):
		return forms.rm
	case isMem(in, d) && isXMM(s):
		return forms.mr
	}
	return nil
}

func isXMM(o decode.Operand) bool { return o.Class() == decode.XMM }

func movupsRR(c *CPU, in *Inst) *x86.Fault {
	c.XMM[in.Args[0]&15] = c.XMM[in.Args[1]&15]
	return nil
}

func movupsRM(c *CPU, in *Inst) *x86.Fault {
	lo, hi, f := c.MMU.Load128(c.sum(in))
	if f != nil {
		return c.memFault(in, f)
	}
	c.XMM[in.Args[0]&15] = XMMReg{lo, hi}
	return nil
}

func movupsMR(c *CPU, in *Inst) *x86.Fault {
	v := &c.XMM[in.Args[1]&15]
	if f := c.MMU.Store128(c.sum(in), v[0], v[1]); f != nil {
		return c.memFault(in, f)
	}
	return nil
}

func movapsRM(c *CPU, in *Inst) *x86.Fault {
	va := c.sum(in)
	if va&15 != 0 {
		return c.raise(x86.VectorGP)
	}
	lo, hi, f := c.MMU.Load128(va)
	if f != nil {
		return c.memFault(in, f)
	}
	c.XMM[in.Args[0]&15] = XMMReg{lo, hi}
	return nil
}

func movapsMR(c *CPU, in *Inst) *x86.Fault {
	va := c.sum(in)
	if va&15 != 0 {
		return c.raise(x86.VectorGP)
	}
	v := &c.XMM[in.Args[1]&15]
	if f := c.MMU.Store128(va, v[0], v[1]); f != nil {
		return c.memFault(in, f)
	}
	return nil
}

func movsdRR(c *CPU, in *Inst) *x86.Fault {
	c.XMM[in.Args[0]&15][0] = c.XMM[in.Args[1]&15][0]
	return nil
}

func movsdRM(c *CPU, in *Inst) *x86.Fault {
	v, f := c.MMU.Load64(c.sum(in))
	if f != nil {
		return c.memFault(in, f)
	}
	c.XMM[in.Args[0]&15] = XMMReg{v}
	return nil
}

func movsdMR(c *CPU, in *Inst) *x86.Fault {
	if f := c.MMU.Store64(c.sum(in), c.XMM[in.Args[1]&15][0]); f != nil {
		return c.memFault(in, f)
	}
	return nil
}

func movssRM(c *CPU, in *Inst) *x86.Fault {
	v, f := c.MMU.Load32(c.sum(in))
	if f != nil {
		return c.memFault(in, f)
	}
	c.XMM[in.Args[0]&15] = XMMReg{uint64(v)}
	return nil
}

func movssMR(c *CPU, in *Inst) *x86.Fault {
	if f := c.MMU.Store32(c.sum(in), uint32(c.XMM[in.Args[1]&15][0])); f != nil {
		return c.memFault(in, f)
	}
	return nil
}

func pxorRR(c *CPU, in *Inst) *x86.Fault {
	d, s := &c.XMM[in.Args[0]&15], &c.XMM[in.Args[1]&15]
	d[0] ^= s[0]
	d[1] ^= s[1]
	return nil
}
