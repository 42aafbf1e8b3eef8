package cpu

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var tableRows = []row{
	{decode.LGDT, loadTable, 0, Base, endBlock},
	{decode.LIDT, loadTable, 0, Base, endBlock},
	{decode.SGDT, storeTable, 0, Base, plain},
	{decode.SIDT, storeTable, 0, Base, plain},
	{decode.LLDT, lldt, 0, Base, endBlock},
	{decode.LTR, ltr, 0, Base, endBlock},
	{decode.SLDT, storeSystem, 0, Base, plain},
	{decode.STR, storeSystem, 0, Base, plain},
	{decode.SMSW, storeSystem, 0, Base, plain},
	{decode.LAR, lar, 0, Base, plain},
	{decode.LSL, lar, 0, Base, plain},
	{decode.VERR, verr, 0, Base, plain},
	{decode.VERW, verr, 0, Base, plain},
	{decode.ARPL, arpl, 0, Base, plain},
}

var _ = addRows(tableRows)

// supervisor is #GP(0) above CPL 0.
func (c *CPU) supervisor() *x86.Fault {
	if c.MMU.CPL() != 0 {
		return c.raise(x86.VectorGP)
	}
	return nil
}

// loadTable loads GDTR or IDTR from limit and base. SDM vol. 2A, LGDT/LIDT.
func loadTable(c *CPU, in *Inst) *x86.Fault {
	if f := c.supervisor(); f != nil {
		return f
	}
	var b [10]byte
	n := 6
	if c.is64() {
		n = 10
	}
	if f := c.MMU.Read(c.ea(in), b[:n]); f != nil {
		return c.memFault(in, f)
	}
	base := binary.LittleEndian.Uint64(b[2:])
	if !c.is64() && in.Prefix&decode.Size16 != 0 == (c.key&codeSize == code32) {
		base &= 0xffffff // 16-bit operand size
	}
	if !x86.VirtAddr(base).Canonical() {
		return c.raise(x86.VectorGP)
	}
	t := &c.gdtr
	if in.Op == decode.LIDT {
		t = &c.idtr
	}
	*t = tableRegister{base, binary.LittleEndian.Uint16(b[:])}
	return nil
}

// umip is #GP(0) for the instructions that CR4.UMIP reserves to CPL 0. SDM vol. 3A 2.5.
func (c *CPU) umip() *x86.Fault {
	if c.MMU.CR4()&x86.CR4UMIP != 0 && c.MMU.CPL() != 0 {
		return c.raise(x86.VectorGP)
	}
	return nil
}

// storeTable stores GDTR or IDTR. SDM vol. 2B, SGDT, SIDT.
func storeTable(c *CPU, in *Inst) *x86.Fault {
	if f := c.umip(); f != nil {
		return f
	}
	t := c.gdtr
	if in.Op == decode.SIDT {
		t = c.idtr
	}
	var b [10]byte
	binary.LittleEndian.PutUint16(b[:], t.limit)
	binary.LittleEndian.PutUint64(b[2:], t.base)
	n := 6
	if c.is64() {
		n = 10
	}
	if f := c.MMU.Write(c.ea(in), b[:n]); f != nil {
		return c.memFault(in, f)
	}
	return nil
}

// storeSystem stores LDTR's or TR's selector, or the low word of CR0: 16 bits to memory, zero-extended to a register at the
// operand size. SDM vol. 2B, SLDT, STR, SMSW.
func storeSystem(c *CPU, in *Inst) *x86.Fault {
	if f := c.umip(); f != nil {
		return f
	}
	var v uint64
	switch in.Op {
	case decode.SLDT:
		v = uint64(c.seg[LDTR].Selector)
	case decode.STR:
		v = uint64(c.seg[TR].Selector)
	default:
		v = c.MMU.CR0() // SMSW r32 and r64 show more than the machine status word
	}
	return c.put(in, in.Args[0], in.Width, v)
}

// systemBase reads the upper half of a 16-byte system descriptor in IA-32e mode.
func (c *CPU) systemBase(d *descriptor, s *Segment, sel uint16) *x86.Fault {
	if !c.long() {
		return nil
	}
	va, ok := c.descriptorAt(sel, 16)
	if !ok {
		return c.selectorFault(x86.VectorGP, sel)
	}
	hi, f := c.MMU.LoadSystem64(va + 8)
	if f != nil {
		return f
	}
	s.Base |= hi << 32
	if hi>>40&0x1f != 0 || !x86.VirtAddr(s.Base).Canonical() {
		return c.selectorFault(x86.VectorGP, sel)
	}
	return nil
}

// lldt loads LDTR. SDM vol. 2A, LLDT.
func lldt(c *CPU, in *Inst) *x86.Fault {
	if f := c.supervisor(); f != nil {
		return f
	}
	v, f := c.get(in, in.Args[0], 2)
	if f != nil {
		return f
	}
	sel := uint16(v)
	if null(sel) {
		c.seg[LDTR] = Segment{Selector: sel}
		return nil
	}
	if sel&4 != 0 {
		return c.selectorFault(x86.VectorGP, sel)
	}
	d, f := c.descriptor(sel, x86.VectorGP)
	if f != nil {
		return f
	}
	if d.system() != typeLDT {
		return c.selectorFault(x86.VectorGP, sel)
	}
	if !d.has(AttrP) {
		return c.selectorFault(x86.VectorNP, sel)
	}
	s := d.segment(sel)
	if f := c.systemBase(&d, &s, sel); f != nil {
		return f
	}
	c.seg[LDTR] = s
	return nil
}

// ltr loads TR and marks the TSS busy. SDM vol. 2A, LTR.
func ltr(c *CPU, in *Inst) *x86.Fault {
	if f := c.supervisor(); f != nil {
		return f
	}
	v, f := c.get(in, in.Args[0], 2)
	if f != nil {
		return f
	}
	sel := uint16(v)
	if null(sel) {
		return c.raise(x86.VectorGP)
	}
	if sel&4 != 0 {
		return c.selectorFault(x86.VectorGP, sel)
	}
	d, f := c.descriptor(sel, x86.VectorGP)
	if f != nil {
		return f
	}
	if t := d.system(); t != typeTSS && (t != typeTSS16 || c.long()) {
		return c.selectorFault(x86.VectorGP, sel)
	}
	if !d.has(AttrP) {
		return c.selectorFault(x86.VectorNP, sel)
	}
	s := d.segment(sel)
	if f := c.systemBase(&d, &s, sel); f != nil {
		return f
	}
	const busy = 2
	b := [1]byte{byte(d.bits>>40) | busy}
	if f := c.MMU.WriteSystem(d.at+5, b[:]); f != nil {
		return f
	}
	s.Attr |= busy
	c.seg[TR] = s
	return nil
}

// visible reads the descriptor of LAR, LSL, VERR and VERW: ok is false where the selector names nothing that the present
// privilege may see. SDM vol. 3A 5.10.
func (c *CPU) visible(sel uint16) (d descriptor, ok bool, f *x86.Fault) {
	if null(sel) {
		return d, false, nil
	}
	va, ok := c.descriptorAt(sel, 8)
	if !ok {
		return d, false, nil
	}
	bits, f := c.MMU.LoadSystem64(va)
	if f != nil {
		return d, false, f
	}
	d = descriptor{bits, va}
	if d.conforming() {
		return d, true, nil
	}
	return d, c.MMU.CPL() <= d.dpl() && uint8(sel&3) <= d.dpl(), nil
}

// lar loads access rights or the limit in bytes where ZF tells that they are visible. SDM vol. 2A, LAR, LSL.
func lar(c *CPU, in *Inst) *x86.Fault {
	v, f := c.get(in, in.Args[1], 2)
	if f != nil {
		return f
	}
	d, ok, f := c.visible(uint16(v))
	if f != nil {
		return f
	}
	if typ := d.system(); ok && typ >= 0 {
		ok = c.hasRights(in.Op, typ)
	}
	c.flags.setZF(ok)
	if !ok {
		return nil
	}
	r := uint64(d.limit())
	if in.Op == decode.LAR {
		r = d.bits >> 32 & 0xffff00 // the limit's nibble is undefined in the SDM and stays on processors
	}
	c.setReg(in.Args[0].Num(), in.Width, r)
	return nil
}

// hasRights reports whether LAR or LSL answers for a system descriptor's type. SDM vol. 2A, tables 3-53 and 3-55.
func (c *CPU) hasRights(op decode.Op, typ int) bool {
	switch typ {
	case typeLDT, typeTSS, typeTSSBusy:
		return true
	case typeCall:
		return op == decode.LAR
	case typeTSS16, typeTSS16Busy:
		return !c.long()
	case typeCall16, typeTask:
		return op == decode.LAR && !c.long()
	}
	return false
}

// verr sets ZF if a segment can be read (VERR) or written (VERW). SDM vol. 2B, VERR/VERW.
func verr(c *CPU, in *Inst) *x86.Fault {
	v, f := c.get(in, in.Args[0], 2)
	if f != nil {
		return f
	}
	d, ok, f := c.visible(uint16(v))
	if f != nil {
		return f
	}
	if in.Op == decode.VERR {
		ok = ok && d.readable()
	} else {
		ok = ok && d.writable()
	}
	c.flags.setZF(ok)
	return nil
}

// arplVA is the operand's address where it is written.
func (c *CPU) arplVA(in *Inst) x86.VirtAddr {
	if in.Args[0].Class() != decode.Mem {
		return 0
	}
	return c.segmented(int(in.Seg), c.offset(in), 2, true)
}

// arpl raises the RPL of the destination to that of the source; ZF tells that it did. The destination is only read where it
// stays (recorded from an AMD processor). SDM vol. 2A, ARPL.
func arpl(c *CPU, in *Inst) *x86.Fault {
	d, f := c.get(in, in.Args[0], 2)
	if f != nil {
		return f
	}
	s := c.reg(in.Args[1].Num(), 2)
	less := d&3 < s&3
	if less {
		if f := c.commit(in, c.arplVA(in), d&^3|s&3); f != nil {
			return f
		}
	}
	c.flags.setZF(less)
	return nil
}
