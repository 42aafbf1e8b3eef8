package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// xmm returns the XMM register that an operand names.
func (c *CPU) xmm(o decode.Operand) *XMMReg { return &c.XMM[o&15] }

// load16 reads 16 bytes that must be aligned: #GP(0), as every SSE instruction has it but the MOVU family and LDDQU
// (SDM vol. 1 10.4.1.1).
func (c *CPU) load16(in *Inst) (v XMMReg, f *x86.Fault) {
	va := c.sum(in)
	if in.Flags != 0 {
		va = c.eaSlow(in)
	}
	if va&15 != 0 {
		return v, c.raise(x86.VectorGP)
	}
	lo, hi, f := c.MMU.Load128(va)
	if f != nil {
		return v, c.memFault(in, f)
	}
	return XMMReg{lo, hi}, nil
}

// load16u reads 16 bytes at any address.
func (c *CPU) load16u(in *Inst, va x86.VirtAddr) (v XMMReg, f *x86.Fault) {
	lo, hi, f := c.MMU.Load128(va)
	if f != nil {
		return v, c.memFault(in, f)
	}
	return XMMReg{lo, hi}, nil
}

// store16 writes 16 aligned bytes.
func (c *CPU) store16(in *Inst, v *XMMReg) *x86.Fault {
	va := c.ea(in)
	if va&15 != 0 {
		return c.raise(x86.VectorGP)
	}
	return c.store16u(in, va, v)
}

// store16u writes 16 bytes at any address.
func (c *CPU) store16u(in *Inst, va x86.VirtAddr, v *XMMReg) *x86.Fault {
	if f := c.MMU.Store128(va, v[0], v[1]); f != nil {
		return c.memFault(in, f)
	}
	return nil
}

// xmmSrc reads operand o: an XMM register whole, or Inst.Width bytes of memory zero-extended, 16 of them aligned.
func (c *CPU) xmmSrc(in *Inst, o decode.Operand) (v XMMReg, f *x86.Fault) {
	if o.Class() == decode.XMM {
		return *c.xmm(o), nil
	}
	if in.Width == 16 {
		return c.load16(in)
	}
	v[0], f = c.loadN(in, c.ea(in), in.Width)
	return v, f
}

// low64 reads the low 64 bits of an XMM register or 8 bytes of memory.
func (c *CPU) low64(in *Inst, o decode.Operand) (uint64, *x86.Fault) {
	if o.Class() == decode.XMM {
		return c.XMM[o&15][0], nil
	}
	va := c.sum(in)
	if in.Flags != 0 {
		va = c.eaSlow(in)
	}
	v, f := c.MMU.Load64(va)
	if f != nil {
		return 0, c.memFault(in, f)
	}
	return v, nil
}

// low32 reads the low 32 bits of an XMM register or 4 bytes of memory.
func (c *CPU) low32(in *Inst, o decode.Operand) (uint32, *x86.Fault) {
	if o.Class() == decode.XMM {
		return uint32(c.XMM[o&15][0]), nil
	}
	va := c.sum(in)
	if in.Flags != 0 {
		va = c.eaSlow(in)
	}
	v, f := c.MMU.Load32(va)
	if f != nil {
		return 0, c.memFault(in, f)
	}
	return v, nil
}

// setLow32 replaces the low 32 bits.
func (r *XMMReg) setLow32(v uint32) { r[0] = r[0]&^0xffffffff | uint64(v) }

// u32 returns 32-bit element i of 4.
func (r *XMMReg) u32(i int) uint32 { return uint32(r[i>>1&1] >> (i & 1 * 32)) }

// quads packs four 32-bit elements.
func quads(e [4]uint32) XMMReg {
	return XMMReg{uint64(e[0]) | uint64(e[1])<<32, uint64(e[2]) | uint64(e[3])<<32}
}

// elements unpacks four 32-bit elements.
func (r *XMMReg) elements() [4]uint32 { return [4]uint32{r.u32(0), r.u32(1), r.u32(2), r.u32(3)} }
