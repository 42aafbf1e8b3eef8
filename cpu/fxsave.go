package cpu

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var fxsaveRows = []row{
	{decode.FXSAVE, fxsave, 0, FXSR, plain},
	{decode.FXRSTOR, fxrstor, 0, FXSR, plain},
}

var _ = addRows(fxsaveRows)

// Offsets in the image of FXSAVE (SDM vol. 1 table 10-2).
const (
	fxSize      = 512
	fxStored    = 416 // what FXSAVE writes; the rest is left as it was
	fxControl   = 0
	fxStatus    = 2
	fxTags      = 4
	fxOpcode    = 6
	fxIP        = 8
	fxDP        = 16
	fxMXCSR     = 24
	fxMXCSRMask = 28
	fxST        = 32
	fxXMM       = 160
)

// FXSave writes the x87, SSE and MXCSR state to an image of FXSAVE64, whose bytes from 416 on it leaves alone.
func (c *CPU) FXSave(image *[fxSize]byte) { c.fxsave((*[fxStored]byte)(image[:]), true) }

// FXRestore loads what FXSave wrote. It reports false, and changes nothing, where MXCSR has a reserved bit set.
func (c *CPU) FXRestore(image *[fxSize]byte) bool {
	return c.fxrstor((*[fxStored]byte)(image[:]), true)
}

// fxsave builds the image; wide is REX.W, with 64-bit pointers instead of a selector and 32 bits.
func (c *CPU) fxsave(b *[fxStored]byte, wide bool) {
	le, f := binary.LittleEndian, &c.FPU
	le.PutUint16(b[fxControl:], f.control)
	le.PutUint16(b[fxStatus:], f.status)
	b[fxTags], b[fxTags+1] = f.tags, 0
	le.PutUint16(b[fxOpcode:], f.opcode&0x7ff)
	ip, dp := f.ip, f.dp
	if !wide { // the selectors read as 0: processors that deprecate FCS and FDS (CPUID.7:EBX[13]) store that
		ip, dp = uint64(uint32(ip)), uint64(uint32(dp))
	}
	le.PutUint64(b[fxIP:], ip)
	le.PutUint64(b[fxDP:], dp)
	le.PutUint32(b[fxMXCSR:], c.MXCSR)
	le.PutUint32(b[fxMXCSRMask:], mxValid)
	top := int(f.status >> 11 & 7)
	for i := range 8 {
		st := &f.st[(top+i)&7]
		e := b[fxST+16*i:]
		le.PutUint64(e, st.frac)
		le.PutUint64(e[8:], uint64(st.se))
	}
	for i := range c.XMM {
		le.PutUint64(b[fxXMM+16*i:], c.XMM[i][0])
		le.PutUint64(b[fxXMM+16*i+8:], c.XMM[i][1])
	}
}

// fxrstor loads an image.
func (c *CPU) fxrstor(b *[fxStored]byte, wide bool) bool {
	le, f := binary.LittleEndian, &c.FPU
	mxcsr := le.Uint32(b[fxMXCSR:])
	if mxcsr&^mxValid != 0 {
		return false
	}
	c.MXCSR = mxcsr
	f.control = le.Uint16(b[fxControl:])&0x1f3f | 0x40
	f.status = le.Uint16(b[fxStatus:]) &^ (1<<7 | 1<<15)
	if f.status&^f.control&0x3f != 0 { // ES and B follow from the flags and masks
		f.status |= 1<<7 | 1<<15
	}
	f.tags = b[fxTags]
	f.opcode = le.Uint16(b[fxOpcode:]) & 0x7ff
	f.ip, f.dp = le.Uint64(b[fxIP:]), le.Uint64(b[fxDP:])
	if !wide {
		f.ip, f.dp = uint64(uint32(f.ip)), uint64(uint32(f.dp))
	}
	top := int(f.status >> 11 & 7)
	for i := range 8 {
		e := b[fxST+16*i:]
		f.st[(top+i)&7] = float80{frac: le.Uint64(e), se: le.Uint16(e[8:])}
	}
	for i := range c.XMM {
		c.XMM[i] = XMMReg{le.Uint64(b[fxXMM+16*i:]), le.Uint64(b[fxXMM+16*i+8:])}
	}
	return true
}

// fxsave stores the x87, SSE and MXCSR state. SDM vol. 2A, FXSAVE.
func fxsave(c *CPU, in *Inst) *x86.Fault {
	va := c.ea(in)
	if va&15 != 0 {
		return c.raise(x86.VectorGP)
	}
	var b [fxStored]byte
	c.fxsave(&b, in.Prefix&decode.RexW != 0)
	if f := c.MMU.Write(va, b[:]); f != nil {
		return c.memFault(in, f)
	}
	return nil
}

// fxrstor loads the x87, SSE and MXCSR state. SDM vol. 2A, FXRSTOR.
func fxrstor(c *CPU, in *Inst) *x86.Fault {
	va := c.ea(in)
	if va&15 != 0 {
		return c.raise(x86.VectorGP)
	}
	var b [fxStored]byte
	if f := c.MMU.Read(va, b[:]); f != nil {
		return c.memFault(in, f)
	}
	if !c.fxrstor(&b, in.Prefix&decode.RexW != 0) {
		return c.raise(x86.VectorGP)
	}
	return nil
}
