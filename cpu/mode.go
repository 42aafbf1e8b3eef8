package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// A modeKey is everything beside its bytes that decides how code runs. Blocks are decoded under one and found by it, so
// that nothing in it has to be asked again for each instruction.
type modeKey uint8

const (
	code64   modeKey = 0 // CS.L in long mode
	code32   modeKey = 1 // CS.D: compatibility or protected mode
	code16   modeKey = 2
	codeSize modeKey = 3

	keyChecked modeKey = 1 << 2 // some segment is not flat, or alignment is checked: memory operands are looked at first
	keyTS      modeKey = 1 << 3 // CR0.TS: x87, MMX and SSE are #NM
	keyEM      modeKey = 1 << 4 // CR0.EM: x87 is #NM, MMX and SSE are #UD
	keyNoSSE   modeKey = 1 << 5 // CR4.OSFXSR clear: SSE is #UD
)

// decodeModes are the decoder's names of the code sizes.
var decodeModes = [...]decode.Mode{code64: 64, code32: 32, code16: 16}

func (k modeKey) decoder() decode.Mode { return decodeModes[k&codeSize] }

// long reports whether the processor is in IA-32e mode: 64-bit or compatibility mode.
func (c *CPU) long() bool { return c.MMU.EFER()&x86.EFERLMA != 0 }

// is64 reports whether 64-bit code runs.
func (c *CPU) is64() bool { return c.key&codeSize == code64 }

// updateMode brings what is derived from the segments and control registers up to date. It follows every change of them.
func (c *CPU) updateMode() {
	cs := &c.seg[decode.CS]
	var k modeKey
	switch {
	case cs.Attr&AttrL != 0 && c.long():
		k = code64
	case cs.Attr&AttrDB != 0:
		k = code32
	default:
		k = code16
	}
	cr0, cr4 := c.MMU.CR0(), c.MMU.CR4()
	if k == code64 {
		for seg := decode.ES; seg <= decode.DS; seg++ {
			c.R[slotSegBase+seg] = 0
		}
	} else {
		for seg := decode.ES; seg <= decode.DS; seg++ {
			c.R[slotSegBase+seg] = c.seg[seg].Base
		}
		if !c.flat() {
			k |= keyChecked
		}
	}
	if cr0&x86.CR0AM != 0 && c.ctl&x86.FlagAC != 0 && c.MMU.CPL() == 3 {
		k |= keyChecked
		c.aligned = true
	} else {
		c.aligned = false
	}
	if cr0&x86.CR0TS != 0 {
		k |= keyTS
	}
	if cr0&x86.CR0EM != 0 {
		k |= keyEM
	}
	if cr4&x86.CR4OSFXSR == 0 {
		k |= keyNoSSE
	}
	base, limit := cs.Base, cs.Limit
	if k&codeSize == code64 {
		base, limit = 0, 0
	}
	if base != c.csBase || limit != c.csLimit {
		c.csBase, c.csLimit = base, limit
		c.csEpoch += 1 << epochBits // links are by RIP: they lead elsewhere now
	}
	c.key = k
	c.context = c.csEpoch | uint64(k)
	c.updateAttention()
}

// flat reports whether DS, ES and SS are base 0, 4 GiB, writable, and FS and GS either that or unused in their limits.
func (c *CPU) flat() bool {
	for _, seg := range [...]int{decode.ES, decode.SS, decode.DS, decode.FS, decode.GS} {
		s := &c.seg[seg]
		if s.Limit != 0xffffffff || s.Attr&(AttrP|AttrS|AttrCode|AttrDown|AttrWrite) != AttrP|AttrS|AttrWrite {
			return false
		}
		if seg < decode.FS && s.Base != 0 {
			return false
		}
	}
	return c.seg[decode.SS].Attr&AttrDB != 0
}

// epochBits is the width of the mode key in the epoch of links.
const epochBits = 48

// epoch is what links between blocks are valid for: one state of the fetch translations, one mode, one CS.
func (c *CPU) epoch() uint64 { return c.MMU.FetchEpoch()<<8 ^ c.context }

// fetchAddr is the linear address that RIP names: CS.base is added outside 64-bit mode, and the sum cut to 32 bits.
func (c *CPU) fetchAddr(rip uint64) x86.VirtAddr {
	if c.is64() {
		return x86.VirtAddr(rip)
	}
	return x86.VirtAddr(uint32(rip + c.csBase))
}

// gate returns what stands in the way of an instruction in a mode: #NM and #UD of CR0.TS, CR0.EM and CR4.OSFXSR
// (SDM vol. 3A table 2-2, 13.1.1), or nil.
func gate(k modeKey, in *Inst) body {
	if k&(keyTS|keyEM|keyNoSSE) == 0 {
		return nil
	}
	switch unit(in) {
	case unitX87:
		if k&(keyTS|keyEM) != 0 {
			return runNoDevice
		}
	case unitWait:
		if k&keyTS != 0 {
			return runWait
		}
	case unitMMX:
		switch {
		case k&keyEM != 0:
			return runUndefined
		case k&keyTS != 0:
			return runNoDevice
		}
	case unitSSE:
		switch {
		case k&(keyEM|keyNoSSE) != 0:
			return runUndefined
		case k&keyTS != 0:
			return runNoDevice
		}
	}
	return nil
}

// The units whose use CR0 and CR4 control.
const (
	unitInteger = iota
	unitX87     // and FXSAVE, FXRSTOR
	unitWait
	unitMMX
	unitSSE
)

// unit returns the unit that an instruction uses. Instructions of the SSE extensions that touch no XMM or MMX register
// (MOVNTI, fences, prefetches, CRC32 …) are integer ones (SDM vol. 2A, their exception lists).
func unit(in *Inst) int {
	switch in.Op {
	case decode.FWAIT:
		return unitWait
	case decode.FXSAVE, decode.FXRSTOR:
		return unitX87
	case decode.EMMS:
		return unitMMX
	case decode.LDMXCSR, decode.STMXCSR:
		return unitSSE
	}
	if rows[in.Op].feature == X87 {
		return unitX87
	}
	u := unitInteger
	for _, a := range in.Args {
		switch a.Class() {
		case decode.XMM:
			return unitSSE
		case decode.MMX:
			u = unitMMX
		}
	}
	return u
}

// runNoDevice raises #NM.
func runNoDevice(c *CPU, in *Inst) *x86.Fault { return c.raise(x86.VectorNM) }

// runWait is FWAIT with CR0.TS set: #NM if CR0.MP is set too. SDM vol. 2B, WAIT/FWAIT.
func runWait(c *CPU, in *Inst) *x86.Fault {
	if c.MMU.CR0()&x86.CR0MP != 0 {
		return c.raise(x86.VectorNM)
	}
	return rows[in.Op].body(c, in)
}
