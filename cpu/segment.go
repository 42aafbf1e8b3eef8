package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// A Segment is a segment register with its hidden part (SDM vol. 3A 3.4.3).
type Segment struct {
	Selector uint16
	Attr     uint16 // descriptor bits 55:40, the limit's among them zero
	Limit    uint32 // the last valid offset; of an expand-down segment the last invalid one
	Base     uint64
}

// Attribute bits of a Segment, at their places in the descriptor's second doubleword, shifted right by 8.
const (
	AttrAccessed uint16 = 1 << 0
	AttrWrite    uint16 = 1 << 1 // data: writable
	AttrRead     uint16 = 1 << 1 // code: readable
	AttrDown     uint16 = 1 << 2 // data: expand-down
	AttrConform  uint16 = 1 << 2 // code: conforming
	AttrCode     uint16 = 1 << 3
	AttrS        uint16 = 1 << 4 // code or data, else a system segment
	AttrP        uint16 = 1 << 7
	AttrAVL      uint16 = 1 << 12
	AttrL        uint16 = 1 << 13
	AttrDB       uint16 = 1 << 14
	AttrG        uint16 = 1 << 15

	attrType = 0xf
)

// dpl is the descriptor privilege level.
func (s *Segment) dpl() uint8 { return uint8(s.Attr >> 5 & 3) }

// usable is false after a null selector was loaded.
func (s *Segment) usable() bool { return s.Attr&AttrP != 0 }

// Numbers of the system segment registers for Segment and SetSegment, after decode.ES … decode.GS.
const (
	LDTR = 6
	TR   = 7
)

// tableRegister is GDTR or IDTR.
type tableRegister struct {
	base  uint64
	limit uint16
}

// Segment returns a segment register.
func (c *CPU) Segment(seg int) Segment {
	s := c.seg[seg]
	if seg == decode.FS || seg == decode.GS {
		s.Base = c.R[slotSegBase+seg]
	}
	return s
}

// SetSegment sets a segment register, hidden part and all, without looking at a descriptor table. Setting CS sets the CPL
// to its RPL.
func (c *CPU) SetSegment(seg int, s Segment) {
	c.seg[seg] = s
	switch seg {
	case decode.FS, decode.GS:
		c.R[slotSegBase+seg] = s.Base
	case decode.CS:
		c.MMU.SetCPL(uint8(s.Selector & 3))
	}
	c.updateMode()
}

// SetGDTR sets the global descriptor-table register: linear base and limit (size less one).
func (c *CPU) SetGDTR(base uint64, limit uint16) { c.gdtr = tableRegister{base, limit} }

// SetIDTR sets the interrupt descriptor-table register.
func (c *CPU) SetIDTR(base uint64, limit uint16) { c.idtr = tableRegister{base, limit} }

// GDTR returns the global descriptor-table register.
func (c *CPU) GDTR() (base uint64, limit uint16) { return c.gdtr.base, c.gdtr.limit }

// IDTR returns the interrupt descriptor-table register.
func (c *CPU) IDTR() (base uint64, limit uint16) { return c.idtr.base, c.idtr.limit }

// raiseCode returns a fault with an error code.
func (c *CPU) raiseCode(v x86.Vector, code uint32) *x86.Fault {
	c.fault = x86.Fault{Vector: v, Code: code}
	return &c.fault
}

// selectorFault is a fault whose error code is a selector with its RPL cut off.
func (c *CPU) selectorFault(v x86.Vector, sel uint16) *x86.Fault {
	return c.raiseCode(v, uint32(sel&^3))
}

// A descriptor is eight bytes of a GDT or LDT and where they stand.
type descriptor struct {
	bits uint64
	at   x86.VirtAddr
}

func (d descriptor) attr() uint16 { return uint16(d.bits>>40) & 0xf0ff }

func (d descriptor) has(bit uint16) bool { return d.attr()&bit != 0 }

func (d descriptor) dpl() uint8 { return uint8(d.bits >> 45 & 3) }

// limit is in bytes.
func (d descriptor) limit() uint32 {
	l := uint32(d.bits&0xffff | d.bits>>32&0xf0000)
	if d.has(AttrG) {
		l = l<<12 | 0xfff
	}
	return l
}

func (d descriptor) base() uint64 { return d.bits>>16&0xffffff | d.bits>>32&0xff000000 }

// segment is what loading the descriptor through sel leaves in a segment register.
func (d descriptor) segment(sel uint16) Segment {
	return Segment{Selector: sel, Attr: d.attr(), Limit: d.limit(), Base: d.base()}
}

// conforming and the next few read the type field (SDM vol. 3A table 3-1).
func (d descriptor) code() bool { return d.attr()&(AttrS|AttrCode) == AttrS|AttrCode }

func (d descriptor) data() bool { return d.attr()&(AttrS|AttrCode) == AttrS }

func (d descriptor) conforming() bool { return d.code() && d.has(AttrConform) }

func (d descriptor) writable() bool { return d.data() && d.has(AttrWrite) }

func (d descriptor) readable() bool { return d.data() || d.code() && d.has(AttrRead) }

// system is the type of a system descriptor (SDM vol. 3A table 3-2), -1 for code and data.
func (d descriptor) system() int {
	if d.has(AttrS) {
		return -1
	}
	return int(d.attr() & attrType)
}

// System descriptor types.
const (
	typeTSS16     = 1
	typeLDT       = 2
	typeTSS16Busy = 3
	typeCall16    = 4
	typeTask      = 5
	typeInt16     = 6
	typeTrap16    = 7
	typeTSS       = 9
	typeTSSBusy   = 11
	typeCall      = 12
	typeInt       = 14
	typeTrap      = 15
)

// descriptorAt finds the place of a selector's descriptor of size bytes; ok is false where it is not inside its table.
func (c *CPU) descriptorAt(sel uint16, size uint32) (va x86.VirtAddr, ok bool) {
	t := &c.gdtr
	base, limit := t.base, uint32(t.limit)
	if sel&4 != 0 {
		l := &c.seg[LDTR]
		if !l.usable() {
			return 0, false
		}
		base, limit = l.Base, l.Limit
	}
	index := uint32(sel &^ 7)
	if index+size-1 > limit {
		return 0, false
	}
	return c.linearSystem(base + uint64(index)), true
}

// linearSystem cuts the address of a system table to 32 bits outside IA-32e mode.
func (c *CPU) linearSystem(va uint64) x86.VirtAddr {
	if !c.long() {
		va = uint64(uint32(va))
	}
	return x86.VirtAddr(va)
}

// descriptor reads the descriptor of a selector; outside its table it is a fault of vector v with the selector.
func (c *CPU) descriptor(sel uint16, v x86.Vector) (descriptor, *x86.Fault) {
	va, ok := c.descriptorAt(sel, 8)
	if !ok {
		return descriptor{}, c.selectorFault(v, sel)
	}
	bits, f := c.MMU.LoadSystem64(va)
	return descriptor{bits, va}, f
}

// touch sets the accessed bit of a code or data descriptor that is being loaded (SDM vol. 3A 3.4.5.1).
func (c *CPU) touch(d *descriptor) *x86.Fault {
	if d.has(AttrAccessed) {
		return nil
	}
	d.bits |= uint64(AttrAccessed) << 40
	b := [1]byte{byte(d.bits >> 40)}
	return c.MMU.WriteSystem(d.at+5, b[:])
}

// null reports whether a selector is one of the four null ones.
func null(sel uint16) bool { return sel&^3 == 0 }

// loadSelector loads a segment register other than CS, with every check of MOV to a segment register. SDM vol. 2B, MOV.
func (c *CPU) loadSelector(seg int, sel uint16) *x86.Fault {
	if !c.Deliver {
		return c.loadFlat(seg, sel)
	}
	s, f := c.checkSelector(seg, sel)
	if f != nil {
		return f
	}
	c.setData(seg, s)
	return nil
}

// setData puts a checked segment into its register.
func (c *CPU) setData(seg int, s Segment) {
	c.seg[seg] = s
	if seg >= decode.FS {
		c.R[slotSegBase+seg] = s.Base
	}
	if !c.is64() {
		c.updateMode()
	}
}

// checkSelector returns what a segment register other than CS would hold.
func (c *CPU) checkSelector(seg int, sel uint16) (Segment, *x86.Fault) {
	cpl, rpl := c.MMU.CPL(), uint8(sel&3)
	if null(sel) {
		if seg == decode.SS && (!c.is64() || cpl == 3 || rpl != cpl) {
			return Segment{}, c.raise(x86.VectorGP)
		}
		return Segment{Selector: sel}, nil
	}
	d, f := c.descriptor(sel, x86.VectorGP)
	if f != nil {
		return Segment{}, f
	}
	absent := x86.VectorNP
	if seg == decode.SS {
		if rpl != cpl || !d.writable() || d.dpl() != cpl {
			return Segment{}, c.selectorFault(x86.VectorGP, sel)
		}
		absent = x86.VectorSS
	} else if !d.readable() || !d.conforming() && (rpl > d.dpl() || cpl > d.dpl()) {
		return Segment{}, c.selectorFault(x86.VectorGP, sel)
	}
	if !d.has(AttrP) {
		return Segment{}, c.selectorFault(absent, sel)
	}
	if f := c.touch(&d); f != nil {
		return Segment{}, f
	}
	return d.segment(sel), nil
}

// loadFlat loads DS, ES, FS or GS with a flat user selector or null where the layer above answers for descriptor tables
// (Deliver is off): other selectors are #GP(selector).
func (c *CPU) loadFlat(seg int, sel uint16) *x86.Fault {
	if seg == decode.SS && (null(sel) || sel != c.seg[decode.SS].Selector) ||
		!null(sel) && sel != c.seg[decode.SS].Selector && sel != c.seg[seg].Selector {
		return c.selectorFault(x86.VectorGP, sel)
	}
	c.seg[seg].Selector = sel
	if seg != decode.SS && (null(sel) || seg < decode.FS) {
		c.SetSegBase(seg, 0)
	}
	return nil
}

// poison is an address that every access faults at: what a memory operand outside its segment has.
const poison = x86.VirtAddr(1) << 62

// segmented returns the linear address of width bytes at an offset of a segment, having checked limit, rights and, where
// EFLAGS.AC asks for it, alignment; poison with the reason in c.refused where the access may not be. Width 0 checks rights
// only.
func (c *CPU) segmented(seg int, off uint64, width int, write bool) x86.VirtAddr {
	return c.alignedOrPoison(c.limited(seg, off, width, write), alignment(width))
}

// limited is segmented without alignment. SDM vol. 3A 5.3, 5.4.
func (c *CPU) limited(seg int, off uint64, width int, write bool) x86.VirtAddr {
	c.refused.Vector = 0
	base := c.R[slotSegBase+seg]
	if c.is64() {
		return x86.VirtAddr(off + base)
	}
	s := &c.seg[seg]
	last := off + uint64(max(width, 1)) - 1
	ok := s.usable()
	switch {
	case s.Attr&AttrCode != 0:
		ok = ok && s.Attr&AttrRead != 0 && !write && last <= uint64(s.Limit)
	case write && s.Attr&AttrWrite == 0:
		ok = false
	case s.Attr&AttrDown != 0:
		top := uint64(0xffff)
		if s.Attr&AttrDB != 0 {
			top = 0xffffffff
		}
		ok = ok && off > uint64(s.Limit) && last <= top
	default:
		ok = ok && last <= uint64(s.Limit)
	}
	if !ok {
		c.refused = x86.Fault{Vector: x86.VectorGP}
		if seg == decode.SS {
			c.refused.Vector = x86.VectorSS
		}
		return poison
	}
	return x86.VirtAddr(uint32(off + base))
}

// alignedOrPoison checks alignment to a power of two where it is asked for. SDM vol. 3A table 6-7.
func (c *CPU) alignedOrPoison(va x86.VirtAddr, to uint64) x86.VirtAddr {
	if c.aligned && uint64(va)&(to-1) != 0 && va.Canonical() {
		c.refused = x86.Fault{Vector: x86.VectorAC}
		return poison
	}
	return va
}

// alignment is what an operand of a width has to be aligned to: 80-bit numbers to 8 bytes, far pointers to their offset;
// 16-byte operands are takesUnaligned's or check themselves.
func alignment(width int) uint64 {
	switch width {
	case 2, 14, 94: // and the x87 unit's environment and state, by their words
		return 2
	case 4, 6, 28, 108:
		return 4
	case 8, 10:
		return 8
	}
	return 1
}

// readsFirst are the instructions whose first operand, where it is memory, is not written.
var readsFirst = func() (t [decode.NumOps]bool) {
	for _, op := range []decode.Op{
		decode.CMP, decode.TEST, decode.BT, decode.PUSH, decode.CALL, decode.JMP, decode.LCALL, decode.LJMP, decode.MUL,
		decode.IMUL, decode.DIV, decode.IDIV, decode.LDMXCSR, decode.FXRSTOR, decode.XRSTOR, decode.FLD, decode.FILD,
		decode.FBLD, decode.FLDCW, decode.FLDENV, decode.FRSTOR, decode.FADD, decode.FMUL, decode.FCOM, decode.FCOMP,
		decode.FSUB, decode.FSUBR, decode.FDIV, decode.FDIVR, decode.FIADD, decode.FIMUL, decode.FICOM, decode.FICOMP,
		decode.FISUB, decode.FISUBR, decode.FIDIV, decode.FIDIVR, decode.CLFLUSH, decode.CLFLUSHOPT, decode.CLWB,
		decode.PREFETCH, decode.PREFETCHNTA, decode.PREFETCHT0, decode.PREFETCHT1, decode.PREFETCHT2, decode.PREFETCHW,
		decode.LGDT, decode.LIDT, decode.LLDT, decode.LTR, decode.LMSW, decode.VERR, decode.VERW, decode.INVLPG, decode.ARPL,
	} {
		t[op] = true
	}
	return t
}()

// memWidth is the width in bytes of the memory operand.
func memWidth(in *Inst) int {
	switch in.Op {
	case decode.MOVZX, decode.MOVSX, decode.MOVSXD, decode.CRC32, decode.LAR, decode.LSL,
		decode.CVTSD2SI, decode.CVTSS2SI, decode.CVTTSD2SI, decode.CVTTSS2SI, decode.CVTSI2SD, decode.CVTSI2SS:
		return int(in.SrcWidth)
	case decode.LCALL, decode.LJMP, decode.LDS, decode.LES, decode.LFS, decode.LGS, decode.LSS:
		return int(in.Width) + 2
	case decode.BOUND:
		return 2 * int(in.Width)
	case decode.CMPXCHG8B:
		return 8
	case decode.CMPXCHG16B:
		return 16
	case decode.FXSAVE, decode.FXRSTOR:
		return 512
	case decode.MOV:
		if in.Args[0].Class() == decode.Seg || in.Args[1].Class() == decode.Seg {
			return 2
		}
	}
	return int(in.Width)
}

// checkedEA is the linear address of the memory operand where keyChecked asks for a look at it first.
func (c *CPU) checkedEA(in *Inst) x86.VirtAddr {
	write := in.Args[0].Class() == decode.Mem && !readsFirst[in.Op]
	width := memWidth(in)
	va := c.limited(int(in.Seg), c.offset(in), width, write)
	to := alignment(width)
	switch {
	case in.Op == decode.BOUND: // each bound by itself
		to = uint64(in.Width)
	case in.Width == 16 && takesUnaligned[in.Op]:
		to = 16
	}
	return c.alignedOrPoison(va, to)
}

// takesUnaligned are the instructions whose 16-byte operand may be misaligned, where EFLAGS.AC does not ask for it; the
// others raise #GP themselves, before #AC (SDM vol. 3A 6.15, interrupt 17).
var takesUnaligned = [decode.NumOps]bool{
	decode.MOVUPS: true, decode.MOVUPD: true, decode.MOVDQU: true, decode.LDDQU: true,
	decode.PCMPESTRI: true, decode.PCMPESTRM: true, decode.PCMPISTRI: true, decode.PCMPISTRM: true,
}
