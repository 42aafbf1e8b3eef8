package cpu

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var farRows = []row{
	{decode.LJMP, ljmp, 0, Base, endBlock},
	{decode.LCALL, lcall, 0, Base, endBlock},
	{decode.LRET, lret, 0, Base, endBlock},
	{decode.IRET, iret, 0, Base, endBlock},
	{decode.LDS, loadFar, 0, Base, endBlock},
	{decode.LES, loadFar, 0, Base, endBlock},
	{decode.LFS, loadFar, 0, Base, endBlock},
	{decode.LGS, loadFar, 0, Base, endBlock},
	{decode.LSS, loadFar, 0, Base, endBlock},
}

var _ = addRows(farRows)

// farPointer returns the operand of a far transfer: the immediate pointer of the 32-bit modes or one in memory.
func (c *CPU) farPointer(in *Inst) (off uint64, sel uint16, f *x86.Fault) {
	if in.Args[0] == decode.Imm {
		return uint64(in.Imm) & widthMask(in.Width), in.Imm2, nil
	}
	va := c.ea(in)
	var b [10]byte
	n := int(in.Width) + 2
	if f := c.MMU.Read(va, b[:n]); f != nil {
		return 0, 0, c.memFault(in, f)
	}
	off = binary.LittleEndian.Uint64(b[:]) & widthMask(in.Width)
	return off, binary.LittleEndian.Uint16(b[in.Width:]), nil
}

// loadFar loads a segment register and a general register from a far pointer. SDM vol. 2A, LDS/LES/LFS/LGS/LSS.
func loadFar(c *CPU, in *Inst) *x86.Fault {
	if in.Args[1].Class() != decode.Mem {
		return c.raise(x86.VectorUD)
	}
	seg := map[decode.Op]int{decode.LDS: decode.DS, decode.LES: decode.ES, decode.LFS: decode.FS, decode.LGS: decode.GS, decode.LSS: decode.SS}[in.Op]
	off, sel, f := c.farPointer(in)
	if f != nil {
		return f
	}
	if f := c.loadSelector(seg, sel); f != nil {
		return f
	}
	c.setReg(in.Args[0].Num(), in.Width, off)
	return nil
}

// A farTarget is a checked destination of a far transfer.
type farTarget struct {
	d     descriptor
	sel   uint16 // with the RPL that CS gets
	off   uint64
	level uint8 // the CPL there
	width uint8 // of what a CALL pushes
	gate  descriptor
	inner bool // a CALL through a gate to a more privileged level
}

// resolve reads and checks the destination of a far JMP or CALL. SDM vol. 2A, JMP and CALL.
func (c *CPU) resolve(in *Inst, call bool) (t farTarget, f *x86.Fault) {
	off, sel, f := c.farPointer(in)
	if f != nil {
		return t, f
	}
	if null(sel) {
		return t, c.raise(x86.VectorGP)
	}
	d, f := c.descriptor(sel, x86.VectorGP)
	if f != nil {
		return t, f
	}
	if d.system() >= 0 {
		return c.throughGate(d, sel, call)
	}
	cpl, rpl := c.MMU.CPL(), uint8(sel&3)
	switch {
	case !d.code(),
		d.conforming() && d.dpl() > cpl,
		!d.conforming() && (rpl > cpl || d.dpl() != cpl),
		c.long() && d.has(AttrL) && d.has(AttrDB):
		return t, c.selectorFault(x86.VectorGP, sel)
	case !d.has(AttrP):
		return t, c.selectorFault(x86.VectorNP, sel)
	}
	t = farTarget{d: d, sel: sel&^3 | uint16(cpl), off: off, level: cpl, width: in.Width}
	return t, c.checkTarget(&t)
}

// checkTarget makes sure that the offset lies in the segment.
func (c *CPU) checkTarget(t *farTarget) *x86.Fault {
	if c.long() && t.d.has(AttrL) {
		if !x86.VirtAddr(t.off).Canonical() {
			return c.raise(x86.VectorGP)
		}
		return nil
	}
	t.off &= 0xffffffff
	if t.off > uint64(t.d.limit()) {
		return c.raise(x86.VectorGP)
	}
	return nil
}

// throughGate follows a call gate; other system descriptors are refused, task switches of protected mode by name.
func (c *CPU) throughGate(g descriptor, sel uint16, call bool) (t farTarget, f *x86.Fault) {
	cpl := c.MMU.CPL()
	long := c.long()
	switch typ := g.system(); {
	case typ == typeCall:
		t.width = 4
		if long {
			t.width = 8
		}
	case typ == typeCall16 && !long:
		t.width = 2
	case !long && (typ == typeTask || typ == typeTSS || typ == typeTSS16):
		return t, c.unsupported("a task switch (a far JMP or CALL to a TSS or task gate)")
	default:
		return t, c.selectorFault(x86.VectorGP, sel)
	}
	if g.dpl() < cpl || uint8(sel&3) > g.dpl() {
		return t, c.selectorFault(x86.VectorGP, sel)
	}
	t.off = g.bits&0xffff | g.bits>>32&0xffff0000
	if t.width == 2 {
		t.off &= 0xffff
	}
	if long {
		va, ok := c.descriptorAt(sel, 16)
		if !ok {
			return t, c.selectorFault(x86.VectorGP, sel)
		}
		hi, f := c.MMU.LoadSystem64(va + 8)
		if f != nil {
			return t, f
		}
		if hi>>40&0x1f != 0 {
			return t, c.selectorFault(x86.VectorGP, sel)
		}
		t.off |= hi << 32
	}
	if !g.has(AttrP) {
		return t, c.selectorFault(x86.VectorNP, sel)
	}
	code := uint16(g.bits >> 16)
	if null(code) {
		return t, c.raise(x86.VectorGP)
	}
	d, f := c.descriptor(code, x86.VectorGP)
	if f != nil {
		return t, f
	}
	switch {
	case !d.code() || d.dpl() > cpl,
		!call && !d.conforming() && d.dpl() != cpl,
		long && (!d.has(AttrL) || d.has(AttrDB)):
		return t, c.selectorFault(x86.VectorGP, code)
	case !d.has(AttrP):
		return t, c.selectorFault(x86.VectorNP, code)
	}
	t.d, t.gate, t.level = d, g, cpl
	if !d.conforming() && d.dpl() < cpl {
		t.level, t.inner = d.dpl(), true
	}
	t.sel = code&^3 | uint16(t.level)
	return t, c.checkTarget(&t)
}

// arriveFar loads CS:RIP.
func (c *CPU) arriveFar(t *farTarget) *x86.Fault {
	if f := c.touch(&t.d); f != nil {
		return f
	}
	c.RIP = t.off
	c.MMU.SetCPL(t.level)
	c.seg[decode.CS] = t.d.segment(t.sel)
	c.updateMode()
	return nil
}

// ljmp jumps far. SDM vol. 2A, JMP.
func ljmp(c *CPU, in *Inst) *x86.Fault {
	t, f := c.resolve(in, false)
	if f != nil {
		return f
	}
	return c.arriveFar(&t)
}

// lcall calls far. SDM vol. 2A, CALL.
func lcall(c *CPU, in *Inst) *x86.Fault {
	t, f := c.resolve(in, true)
	if f != nil {
		return f
	}
	back := []uint64{uint64(c.seg[decode.CS].Selector), c.next(in)}
	switch {
	case !t.inner:
		f = c.pushFrame(t.width, 0, back)
	case c.long():
		f = c.callInner64(&t, back)
	default:
		f = c.callInner(&t, back)
	}
	if f != nil {
		return f
	}
	return c.arriveFar(&t)
}

// callInner64 switches to the stack of the TSS and pushes SS:RSP and the return address there.
func (c *CPU) callInner64(t *farTarget, back []uint64) *x86.Fault {
	sp, f := c.tssStack(4+8*uint32(t.level), 0)
	if f != nil {
		return f
	}
	cpl, is64 := c.MMU.CPL(), c.key
	var frame [32]byte
	for i, w := range [4]uint64{back[1], back[0], c.R[RSP], uint64(c.seg[decode.SS].Selector)} {
		binary.LittleEndian.PutUint64(frame[8*i:], w)
	}
	c.MMU.SetCPL(t.level)
	if f := c.MMU.Write(x86.VirtAddr(sp-32), frame[:]); f != nil {
		c.MMU.SetCPL(cpl)
		c.key = is64
		if f.Vector == x86.VectorGP {
			return c.raise(x86.VectorSS)
		}
		return f
	}
	c.R[RSP] = sp - 32
	c.seg[decode.SS] = Segment{Selector: uint16(t.level)}
	return nil
}

// callInner does it for protected mode, copying as many parameters as the gate says.
func (c *CPU) callInner(t *farTarget, back []uint64) *x86.Fault {
	old := []uint64{uint64(c.seg[decode.SS].Selector), c.R[RSP]}
	n := int(t.gate.bits >> 32 & 31)
	params := make([]uint64, n)
	for i := range params {
		v, f := c.stackLoad(c.R[RSP]+uint64(n-1-i)*uint64(t.width), t.width)
		if f != nil {
			return f
		}
		params[i] = v
	}
	return c.pushInner(t.level, t.width, 0, old, params, back)
}

// lret returns far, to the same or a less privileged level. SDM vol. 2B, RET.
func lret(c *CPU, in *Inst) *x86.Fault {
	w := uint64(in.Width)
	release := uint64(0)
	if in.Args[0] == decode.Imm {
		release = uint64(uint16(in.Imm))
	}
	off, f := c.peekN(in.Width, 0)
	if f != nil {
		return f
	}
	cs, f := c.peekN(in.Width, w)
	if f != nil {
		return f
	}
	return c.returnTo(in.Width, uint16(cs), off, 2*w+release, release, nil)
}

// iret returns from an interrupt handler. SDM vol. 2A, IRET/IRETD/IRETQ.
func iret(c *CPU, in *Inst) *x86.Fault {
	if c.ctl&x86.FlagNT != 0 { // a return to the previous task, of which there is none
		if c.long() {
			return c.raise(x86.VectorGP)
		}
		return c.unsupported("a task switch (IRET with RFLAGS.NT)")
	}
	w := uint64(in.Width)
	var v [3]uint64
	for i := range v {
		x, f := c.peekN(in.Width, uint64(i)*w)
		if f != nil {
			return f
		}
		v[i] = x
	}
	if !c.long() && in.Width == 4 && v[2]&x86.FlagVM != 0 && c.MMU.CPL() == 0 {
		return c.unsupported("virtual-8086 mode (IRETD with VM set)")
	}
	if f := c.returnTo(in.Width, uint16(v[1]), v[0], 3*w, 0, &v[2]); f != nil {
		return f
	}
	c.pending.nmiBlocked = false
	c.updateAttention()
	return nil
}

// returnTo is the common end of far RET and IRET: the stack pointer moves by used bytes; what lies above is SS:RSP where the
// privilege level falls, and for IRET in 64-bit mode always. release bytes of parameters go from the outer stack too.
func (c *CPU) returnTo(width uint8, sel uint16, off, used, release uint64, flags *uint64) *x86.Fault {
	if null(sel) {
		return c.raise(x86.VectorGP)
	}
	d, f := c.descriptor(sel, x86.VectorGP)
	if f != nil {
		return f
	}
	cpl, rpl := c.MMU.CPL(), uint8(sel&3)
	switch {
	case rpl < cpl || !d.code(),
		d.conforming() && d.dpl() > rpl,
		!d.conforming() && d.dpl() != rpl,
		c.long() && d.has(AttrL) && d.has(AttrDB):
		return c.selectorFault(x86.VectorGP, sel)
	case !d.has(AttrP):
		return c.selectorFault(x86.VectorNP, sel)
	}
	t := farTarget{d: d, sel: sel, off: off, level: rpl}
	toLong := c.long() && d.has(AttrL)
	outer := rpl > cpl
	ss, sp := c.seg[decode.SS], c.R[RSP]+used
	if outer || flags != nil && c.is64() {
		if sp, f = c.peekN(width, used); f != nil {
			return f
		}
		sel, f := c.peekN(width, used+uint64(width))
		if f != nil {
			return f
		}
		if ss, f = c.returnStack(uint16(sel), rpl, toLong); f != nil {
			return f
		}
		sp += release
	}
	if f := c.checkTarget(&t); f != nil {
		return f
	}
	var image uint64
	if flags != nil {
		image = c.returnFlags(width, *flags)
	}
	if outer || flags != nil && c.is64() {
		c.seg[decode.SS] = ss
		c.moveSP(width, sp, toLong)
	} else {
		c.setSP(sp)
	}
	if f := c.arriveFar(&t); f != nil {
		return f
	}
	if flags != nil {
		c.SetFlags(image)
	}
	if outer {
		c.dropSegments(rpl)
	}
	return nil
}

// moveSP sets the stack pointer that was popped, at the width of the new stack.
func (c *CPU) moveSP(width uint8, sp uint64, toLong bool) {
	switch {
	case toLong:
		c.R[RSP] = sp & widthMask(width)
	case c.seg[decode.SS].Attr&AttrDB != 0:
		c.R[RSP] = uint64(uint32(sp))
	default:
		c.setReg(RSP, 2, sp)
	}
}

// returnStack checks the SS that a return pops.
func (c *CPU) returnStack(sel uint16, level uint8, toLong bool) (Segment, *x86.Fault) {
	if null(sel) {
		if toLong && level != 3 && uint8(sel&3) == level {
			return Segment{Selector: sel}, nil
		}
		return Segment{}, c.raise(x86.VectorGP)
	}
	d, f := c.descriptor(sel, x86.VectorGP)
	if f != nil {
		return Segment{}, f
	}
	switch {
	case uint8(sel&3) != level || !d.writable() || d.dpl() != level:
		return Segment{}, c.selectorFault(x86.VectorGP, sel)
	case !d.has(AttrP):
		return Segment{}, c.selectorFault(x86.VectorSS, sel)
	}
	return d.segment(sel), c.touch(&d)
}

// returnFlags is RFLAGS after an IRET: what may change depends on CPL and IOPL before it.
func (c *CPU) returnFlags(width uint8, v uint64) uint64 {
	keep := x86.FlagVM | x86.FlagVIF | x86.FlagVIP
	if c.MMU.CPL() > 0 {
		keep |= x86.FlagIOPL
	} else {
		keep &^= x86.FlagVIF | x86.FlagVIP
	}
	if uint64(c.MMU.CPL()) > c.iopl() {
		keep |= x86.FlagIF
	}
	if width == 2 {
		keep |= ^uint64(0xffff)
	}
	return v&^keep | c.Flags()&keep
}

// iopl is RFLAGS.IOPL.
func (c *CPU) iopl() uint64 { return c.ctl >> 12 & 3 }

// dropSegments empties the data segment registers that the outer level may not use. SDM vol. 2B, RET.
func (c *CPU) dropSegments(cpl uint8) {
	for _, seg := range [...]int{decode.ES, decode.DS, decode.FS, decode.GS} {
		s := &c.seg[seg]
		conforming := s.Attr&(AttrCode|AttrConform) == AttrCode|AttrConform
		if s.usable() && !conforming && s.dpl() < cpl {
			*s = Segment{}
			if seg >= decode.FS {
				c.R[slotSegBase+seg] = 0
			}
		}
	}
	c.updateMode()
}
