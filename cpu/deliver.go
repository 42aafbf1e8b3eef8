package cpu

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// An event is an exception or interrupt on its way through the IDT.
type event struct {
	vector x86.Vector
	kind   eventKind
	code   uint32
	addr   x86.VirtAddr // for #PF
}

type eventKind uint8

const (
	eventFault      eventKind = iota // an exception before its instruction: RF is 1 in the flags that are saved
	eventTrap                        // #DB behind its instruction
	eventBreakpoint                  // #DB in front of its instruction by DR0-DR3
	eventSoft                        // INT n, INT3, INTO: the gate's DPL counts
	eventICE                         // INT1: a software interrupt whose gate's DPL does not
	eventExternal                    // INTR and NMI
)

// hasCode reports whether an exception pushes an error code. SDM vol. 3A table 6-1.
func (e *event) hasCode() bool {
	if e.kind == eventSoft || e.kind == eventICE || e.kind == eventExternal {
		return false
	}
	switch e.vector {
	case x86.VectorDF, x86.VectorTS, x86.VectorNP, x86.VectorSS, x86.VectorGP, x86.VectorPF, x86.VectorAC:
		return true
	}
	return false
}

// ext is the EXT bit of error codes of faults that the delivery itself meets: the event did not come from the program
// (SDM vol. 3A 6.13).
func (e *event) ext() uint32 {
	if e.kind == eventSoft {
		return 0
	}
	return 1
}

// Classes of exceptions that meet another on their delivery. SDM vol. 3A table 6-4.
const (
	classBenign = iota
	classContributory
	classPage
	classDouble
)

func (e *event) class() int {
	if e.kind == eventSoft || e.kind == eventICE || e.kind == eventExternal {
		return classBenign
	}
	switch e.vector {
	case x86.VectorDE, x86.VectorTS, x86.VectorNP, x86.VectorSS, x86.VectorGP:
		return classContributory
	case x86.VectorPF:
		return classPage
	case x86.VectorDF:
		return classDouble
	}
	return classBenign
}

// A Raised is one exception of those that led to a shutdown.
type Raised struct {
	Fault x86.Fault
	RIP   uint64
	CR2   x86.VirtAddr
}

// Shutdown returns, after ExitShutdown, the exceptions that led to it: the first, what each delivery met, and last what
// the delivery of the double fault met.
func (c *CPU) Shutdown() []Raised { return c.story }

// deliver takes an event through the IDT. A fault on the way is delivered in its place, or makes a double fault, or shuts
// the processor down (SDM vol. 3A 6.15, interrupt 8): then it reports true, and c.exit is ExitShutdown.
func (c *CPU) deliver(e event) (exits bool) {
	for n := 0; ; n++ {
		if e.class() == classPage {
			c.MMU.SetCR2(uint64(e.addr))
		}
		if c.OnDeliver != nil {
			c.OnDeliver(e.vector, e.code, e.addr)
		}
		f := c.enter(&e)
		if f == nil {
			return false
		}
		if f.Vector == exitVector {
			return true
		}
		second := event{vector: f.Vector, code: f.Code, addr: f.Addr, kind: eventFault}
		if n == 0 {
			c.story = append(c.story[:0], c.raised(&e))
		}
		c.story = append(c.story, c.raised(&second))
		a, b := e.class(), second.class()
		switch {
		case a == classDouble && b != classBenign:
			c.pending.shutdown = true
			c.updateAttention()
			c.exit = Exit{Kind: ExitShutdown}
			return true
		case b != classBenign && (a == classContributory && b == classContributory || a == classPage):
			if b == classPage {
				c.MMU.SetCR2(uint64(second.addr))
			}
			e = event{vector: x86.VectorDF, kind: eventFault}
		default:
			e = second
		}
	}
}

func (c *CPU) raised(e *event) Raised {
	return Raised{x86.Fault{Vector: e.vector, Code: e.code, Addr: e.addr}, c.RIP, x86.VirtAddr(c.MMU.CR2())}
}

// savedFlags is the image of RFLAGS that an event pushes. SDM vol. 3B 17.3.1.1: RF is 1 in that of a fault.
func (c *CPU) savedFlags(e *event) uint64 {
	v := c.Flags()
	if e.kind == eventFault {
		v |= x86.FlagRF
	}
	return v
}

// enter takes an event through its gate; a fault changes nothing. SDM vol. 3A 6.12, 6.14.
func (c *CPU) enter(e *event) *x86.Fault {
	if !c.long() {
		return c.enterProtected(e)
	}
	index := uint32(e.vector)
	code := index<<3 | 2 | e.ext()
	if index*16+15 > uint32(c.idtr.limit) {
		return c.raiseCode(x86.VectorGP, code)
	}
	at := x86.VirtAddr(c.idtr.base + uint64(index)*16)
	lo, f := c.MMU.LoadSystem64(at)
	if f != nil {
		return f
	}
	hi, f := c.MMU.LoadSystem64(at + 8)
	if f != nil {
		return f
	}
	gate := descriptor{bits: lo}
	cpl := c.MMU.CPL()
	switch typ := gate.system(); {
	case typ != typeInt && typ != typeTrap, e.kind == eventSoft && gate.dpl() < cpl:
		return c.raiseCode(x86.VectorGP, code)
	case !gate.has(AttrP):
		return c.raiseCode(x86.VectorNP, code)
	}
	d, f := c.handler(uint16(lo>>16), e.ext())
	if f != nil {
		return f
	}
	sel := uint16(lo >> 16)
	if !d.has(AttrL) || d.has(AttrDB) {
		return c.raiseCode(x86.VectorGP, uint32(sel&^3)|e.ext())
	}
	target := lo&0xffff | lo>>32&0xffff0000 | hi<<32
	level := cpl
	if !d.conforming() {
		level = d.dpl()
	}
	sp := c.sp()
	if ist := lo >> 32 & 7; ist != 0 {
		sp, f = c.tssStack(28+8*uint32(ist), e.ext())
	} else if level < cpl {
		sp, f = c.tssStack(4+8*uint32(level), e.ext())
	}
	if f != nil {
		return f
	}
	if !x86.VirtAddr(sp).Canonical() {
		return c.raiseCode(x86.VectorSS, e.ext())
	}
	sp &^= 15
	var frame [48]byte
	n := 40
	words := [6]uint64{c.RIP, uint64(c.seg[decode.CS].Selector), c.savedFlags(e), c.R[RSP], uint64(c.seg[decode.SS].Selector)}
	if e.hasCode() {
		copy(words[1:], words[:5])
		words[0] = uint64(e.code)
		n = 48
	}
	for i, w := range words[:n/8] {
		binary.LittleEndian.PutUint64(frame[8*i:], w)
	}
	c.MMU.SetCPL(level)
	if f := c.writeFrame(x86.VirtAddr(sp-uint64(n)), frame[:n]); f != nil {
		c.MMU.SetCPL(cpl)
		if f.Vector == x86.VectorGP {
			return c.raiseCode(x86.VectorSS, e.ext())
		}
		return f
	}
	if !x86.VirtAddr(target).Canonical() {
		c.MMU.SetCPL(cpl)
		return c.raiseCode(x86.VectorGP, e.ext())
	}
	if f := c.touch(&d); f != nil {
		c.MMU.SetCPL(cpl)
		return f
	}
	if level != cpl {
		c.seg[decode.SS] = Segment{Selector: uint16(level)}
	}
	c.R[RSP], c.RIP = sp-uint64(n), target
	c.arrive(&d, sel&^3|uint16(level), gate.system() == typeInt)
	return nil
}

// writeFrame writes a frame of at most 48 bytes, or nothing. The words are pushed from the highest down, so that a fault
// is that of the highest which cannot be written and the one CR2 names.
func (c *CPU) writeFrame(va x86.VirtAddr, frame []byte) *x86.Fault {
	// Probed first, the words cannot fault below.
	step := len(frame) - 8
	if va.Offset()+uint64(len(frame)) > x86.PageSize {
		step = 8
	}
	for i := len(frame) - 8; i >= 0; i -= step {
		if f := c.MMU.Probe(va+x86.VirtAddr(i), 8, x86.Write); f != nil {
			return f
		}
	}
	for i := 0; i < len(frame); i += 8 {
		if f := c.MMU.Store64(va+x86.VirtAddr(i), binary.LittleEndian.Uint64(frame[i:])); f != nil {
			return f
		}
	}
	return nil
}

// handler reads and checks the code segment of a gate.
func (c *CPU) handler(sel uint16, ext uint32) (descriptor, *x86.Fault) {
	if null(sel) {
		return descriptor{}, c.raiseCode(x86.VectorGP, ext)
	}
	code := uint32(sel&^3) | ext
	va, ok := c.descriptorAt(sel, 8)
	if !ok {
		return descriptor{}, c.raiseCode(x86.VectorGP, code)
	}
	bits, f := c.MMU.LoadSystem64(va)
	if f != nil {
		return descriptor{}, f
	}
	d := descriptor{bits, va}
	switch {
	case !d.code() || d.dpl() > c.MMU.CPL():
		return d, c.raiseCode(x86.VectorGP, code)
	case !d.has(AttrP):
		return d, c.raiseCode(x86.VectorNP, code)
	}
	return d, nil
}

// arrive is the end of every delivery: CS, the flags, what the handler begins with.
func (c *CPU) arrive(d *descriptor, sel uint16, interrupt bool) {
	c.seg[decode.CS] = d.segment(sel)
	c.ctl &^= x86.FlagTF | x86.FlagNT | x86.FlagRF | x86.FlagVM
	if interrupt {
		c.ctl &^= x86.FlagIF
	}
	c.pending.shadow = 0
	c.pending.entered = true
	c.updateMode()
}

// tssStack reads a stack pointer of the 64-bit TSS: 4+8n is RSPn, 28+8n is ISTn. SDM vol. 3A 7.7.
func (c *CPU) tssStack(offset, ext uint32) (uint64, *x86.Fault) {
	tr := &c.seg[TR]
	if offset+7 > tr.Limit {
		return 0, c.raiseCode(x86.VectorTS, uint32(tr.Selector&^3)|ext)
	}
	return c.MMU.LoadSystem64(x86.VirtAddr(tr.Base + uint64(offset)))
}

// enterProtected takes an event through an 8-byte gate of protected mode. SDM vol. 3A 6.12.1.
func (c *CPU) enterProtected(e *event) *x86.Fault {
	index, ext := uint32(e.vector), e.ext()
	code := index<<3 | 2 | ext
	if index*8+7 > uint32(c.idtr.limit) {
		return c.raiseCode(x86.VectorGP, code)
	}
	bits, f := c.MMU.LoadSystem64(c.linearSystem(c.idtr.base + uint64(index)*8))
	if f != nil {
		return f
	}
	gate, cpl := descriptor{bits: bits}, c.MMU.CPL()
	width := uint8(4)
	switch gate.system() {
	case typeInt, typeTrap:
	case typeInt16, typeTrap16:
		width = 2
	case typeTask:
		return c.unsupported("a task switch (a task gate in the IDT)")
	default:
		return c.raiseCode(x86.VectorGP, code)
	}
	if e.kind == eventSoft && gate.dpl() < cpl {
		return c.raiseCode(x86.VectorGP, code)
	}
	if !gate.has(AttrP) {
		return c.raiseCode(x86.VectorNP, code)
	}
	sel := uint16(bits >> 16)
	d, f := c.handler(sel, ext)
	if f != nil {
		return f
	}
	target := bits&0xffff | bits>>32&0xffff0000
	if width == 2 {
		target &= 0xffff
	}
	level := cpl
	if !d.conforming() {
		level = d.dpl()
	}
	words := [6]uint64{c.Flags(), uint64(c.seg[decode.CS].Selector), c.RIP, uint64(e.code)}
	words[0] = c.savedFlags(e)
	list := words[:3]
	if e.hasCode() {
		list = words[:4]
	}
	if target > uint64(d.limit()) {
		return c.raiseCode(x86.VectorGP, ext)
	}
	if level < cpl {
		old := [2]uint64{uint64(c.seg[decode.SS].Selector), c.R[RSP]}
		f = c.pushInner(level, width, ext, old[:], list)
	} else {
		f = c.pushFrame(width, ext, list)
	}
	if f != nil {
		return f
	}
	c.RIP = target
	c.MMU.SetCPL(level)
	c.arrive(&d, sel&^3|uint16(level), gate.system()&1 == 0)
	return c.touch(&d)
}

// pushFrame pushes words on the present stack, or nothing; a stack fault has error code ext.
func (c *CPU) pushFrame(width uint8, ext uint32, words []uint64) *x86.Fault {
	old := c.R[RSP]
	for i := range words {
		if f := c.stackProbe(old-uint64(width)*uint64(i+1), width); f != nil {
			if f.Vector == x86.VectorSS {
				f.Code = ext
			}
			return f
		}
	}
	for _, w := range words {
		if f := c.pushN(width, w); f != nil {
			c.R[RSP] = old
			return f
		}
	}
	return nil
}

// pushInner switches to the stack that the TSS names for a more privileged level and pushes words there; on a fault
// everything is as before. SDM vol. 3A 6.12.1, 5.8.5.
func (c *CPU) pushInner(level, width uint8, ext uint32, lists ...[]uint64) *x86.Fault {
	ss, sp, f := c.innerStack(level, ext)
	if f != nil {
		return f
	}
	oldSS, oldSP, oldCPL := c.seg[decode.SS], c.R[RSP], c.MMU.CPL()
	c.seg[decode.SS] = ss
	c.MMU.SetCPL(level)
	c.updateMode()
	c.R[RSP] = sp
	for _, words := range lists {
		if f := c.pushFrame(width, uint32(ss.Selector&^3)|ext, words); f != nil {
			c.seg[decode.SS], c.R[RSP] = oldSS, oldSP
			c.MMU.SetCPL(oldCPL)
			c.updateMode()
			return f
		}
	}
	return nil
}

// innerStack reads and checks SS:ESP of a level from the TSS of protected mode.
func (c *CPU) innerStack(level uint8, ext uint32) (Segment, uint64, *x86.Fault) {
	tr := &c.seg[TR]
	at, width := uint32(2+4*uint32(level)), uint32(2)
	if tr.Attr&attrType&^2 == typeTSS {
		at, width = 4+8*uint32(level), 4
	}
	if at+width+1 > tr.Limit {
		return Segment{}, 0, c.raiseCode(x86.VectorTS, uint32(tr.Selector&^3)|ext)
	}
	v, f := c.MMU.LoadSystem64(c.linearSystem(tr.Base + uint64(at)))
	if f != nil {
		return Segment{}, 0, f
	}
	sp := v & (1<<(8*width) - 1)
	sel := uint16(v >> (8 * width))
	code := uint32(sel&^3) | ext
	if null(sel) {
		return Segment{}, 0, c.raiseCode(x86.VectorTS, ext)
	}
	va, ok := c.descriptorAt(sel, 8)
	if !ok {
		return Segment{}, 0, c.raiseCode(x86.VectorTS, code)
	}
	bits, f := c.MMU.LoadSystem64(va)
	if f != nil {
		return Segment{}, 0, f
	}
	d := descriptor{bits, va}
	switch {
	case uint8(sel&3) != level || !d.writable() || d.dpl() != level:
		return Segment{}, 0, c.raiseCode(x86.VectorTS, code)
	case !d.has(AttrP):
		return Segment{}, 0, c.raiseCode(x86.VectorSS, code)
	}
	if f := c.touch(&d); f != nil {
		return Segment{}, 0, f
	}
	return d.segment(sel), sp, nil
}
