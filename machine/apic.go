package machine

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/x86"
)

// apic is the local APIC, at its page or, as x2APIC, at MSRs 800h and up. SDM vol. 3A chapter 10. It has one processor to
// talk to: its own.
type apic struct {
	board *Board
	base  uint64 // IA32_APIC_BASE

	irr, isr, tmr [8]uint32
	spiv          uint32
	ldr, dfr      uint32
	icr           uint64
	lvt           [7]uint32 // CMCI, timer, thermal, performance, LINT0, LINT1, error
	esr           uint32

	initial, divide uint32
	start           uint64 // when the timer began to count
	armed           bool
	tscDeadline     uint64
}

const (
	apicEnabled = 1 << 11
	apicX2      = 1 << 10
	apicBoot    = 1 << 8

	spivOn    = 1 << 8
	lvtMasked = 1 << 16

	lvtTimer = 1
	lvtLINT0 = 4
	lvtLINT1 = 5
	lvtError = 6
)

func newAPIC(b *Board) *apic {
	a := &apic{board: b, base: uint64(apicBase) | apicEnabled | apicBoot, spiv: 0xff, dfr: ^uint32(0)}
	for i := range a.lvt {
		a.lvt[i] = lvtMasked
	}
	return a
}

func (a *apic) on() bool { return a.base&apicEnabled != 0 && a.spiv&spivOn != 0 }

// passesPIC reports whether the PIC's output reaches the processor: through LINT0 as ExtINT, or past a disabled APIC.
func (a *apic) passesPIC() bool {
	if !a.on() {
		return true
	}
	return a.lvt[lvtLINT0]&(lvtMasked|7<<8) == 7<<8
}

func highest(set *[8]uint32) int {
	for i := 7; i >= 0; i-- {
		if set[i] != 0 {
			return 32*i + 31 - bits.LeadingZeros32(set[i])
		}
	}
	return -1
}

// raise asks for an interrupt.
func (a *apic) raise(vector uint8) {
	if vector < 16 {
		a.esr |= 1 << 6 // received illegal vector
		return
	}
	a.irr[vector>>5] |= 1 << (vector & 31)
}

func (a *apic) tpr() int { return int(a.board.cpu.TPR()) }

// priority is PPR: the higher of TPR and what is in service.
func (a *apic) priority() int {
	p := a.tpr()
	if s := highest(&a.isr); s >= 0 && s&^15 > p&^15 {
		p = s &^ 15
	}
	return p
}

// pending is the vector that may interrupt now, -1 for none.
func (a *apic) pending() int {
	v := highest(&a.irr)
	if !a.on() || v < 0 || v>>4 <= a.priority()>>4 {
		return -1
	}
	return v
}

// acknowledge moves it into service.
func (a *apic) acknowledge() int {
	v := a.pending()
	if v >= 0 {
		a.irr[v>>5] &^= 1 << (v & 31)
		a.isr[v>>5] |= 1 << (v & 31)
	}
	return v
}

func (a *apic) eoi() {
	if v := highest(&a.isr); v >= 0 {
		a.isr[v>>5] &^= 1 << (v & 31)
		a.board.ioapic.eoi(uint8(v))
	}
}

// The timer. Its clock is one a nanosecond, divided by 1 to 128.

// divisor is what DCR says: 2, 4 … 128, and 1 for 1011b.
func (a *apic) divisor() uint64 {
	n := a.divide&3 | a.divide>>1&4
	if n == 7 {
		return 1
	}
	return 2 << n
}

func (a *apic) timerMode() uint32 { return a.lvt[lvtTimer] >> 17 & 3 }

func (a *apic) deadline() uint64 {
	switch {
	case a.timerMode() == 2:
		if a.tscDeadline == 0 {
			return never
		}
		return a.board.cpu.TimeOfTSC(a.tscDeadline)
	case !a.armed:
		return never
	}
	return a.start + uint64(a.initial)*a.divisor()
}

func (a *apic) tick(now uint64) {
	d := a.deadline()
	if now < d {
		return
	}
	switch a.timerMode() {
	case 1:
		a.start += (now - a.start) / (d - a.start) * (d - a.start)
	case 2:
		a.tscDeadline = 0
	default:
		a.armed = false
	}
	a.local(lvtTimer)
}

// local delivers an interrupt of the local vector table.
func (a *apic) local(n int) {
	e := a.lvt[n]
	if e&lvtMasked != 0 {
		return
	}
	switch e >> 8 & 7 {
	case 0:
		a.raise(uint8(e))
	case 4:
		a.board.cpu.NMI()
	}
}

func (a *apic) current() uint32 {
	if !a.armed || a.timerMode() == 2 {
		return 0
	}
	return a.initial - uint32(min((a.board.now()-a.start)/a.divisor(), uint64(a.initial)))
}

// Registers by their offset in the page, divided by 16: the x2APIC's MSR less 800h (SDM vol. 3A tables 10-1, 10-6).
const (
	regID      = 0x02
	regVersion = 0x03
	regTPR     = 0x08
	regPPR     = 0x0a
	regEOI     = 0x0b
	regLDR     = 0x0d
	regDFR     = 0x0e
	regSPIV    = 0x0f
	regISR     = 0x10
	regTMR     = 0x18
	regIRR     = 0x20
	regESR     = 0x28
	regCMCI    = 0x2f
	regICR     = 0x30
	regICRHigh = 0x31
	regTimer   = 0x32
	regError   = 0x37
	regInitial = 0x38
	regCurrent = 0x39
	regDivide  = 0x3e
	regSelfIPI = 0x3f
)

// lvtIndex is a register's place in the local vector table, -1 where it is none.
func lvtIndex(reg uint32) int {
	switch {
	case reg == regCMCI:
		return 0
	case reg >= regTimer && reg <= regError:
		return int(reg-regTimer) + 1
	}
	return -1
}

func (a *apic) read(reg uint32) (v uint32, ok bool) {
	if i := lvtIndex(reg); i >= 0 {
		return a.lvt[i], true
	}
	switch {
	case reg == regID:
		return 0, true
	case reg == regVersion:
		return 6<<16 | 0x15, true
	case reg == regTPR:
		return uint32(a.tpr()), true
	case reg == regPPR:
		return uint32(a.priority()), true
	case reg == regLDR:
		if a.base&apicX2 != 0 {
			return 1, true
		}
		return a.ldr, true
	case reg == regDFR:
		return a.dfr, true
	case reg == regSPIV:
		return a.spiv, true
	case reg >= regISR && reg < regISR+8:
		return a.isr[reg-regISR], true
	case reg >= regTMR && reg < regTMR+8:
		return a.tmr[reg-regTMR], true
	case reg >= regIRR && reg < regIRR+8:
		return a.irr[reg-regIRR], true
	case reg == regESR:
		return a.esr, true
	case reg == regICR:
		return uint32(a.icr), true
	case reg == regICRHigh:
		return uint32(a.icr >> 32), true
	case reg == regInitial:
		return a.initial, true
	case reg == regCurrent:
		return a.current(), true
	case reg == regDivide:
		return a.divide, true
	}
	return 0, false
}

func (a *apic) write(reg, v uint32) bool {
	if i := lvtIndex(reg); i >= 0 {
		a.lvt[i] = v & 0x717ff
		return true
	}
	switch reg {
	case regTPR:
		a.board.cpu.SetTPR(uint8(v))
	case regEOI:
		a.eoi()
	case regLDR:
		a.ldr = v & 0xff000000
	case regDFR:
		a.dfr = v | 0x0fffffff
	case regSPIV:
		a.spiv = v & 0x1ff
	case regESR:
		a.esr = 0
	case regICR:
		a.icr = a.icr&^0xffffffff | uint64(v&0xcdfff)
		a.command()
	case regICRHigh:
		a.icr = a.icr&0xffffffff | uint64(v&0xff000000)<<32
	case regInitial:
		a.initial, a.start, a.armed = v, a.board.now(), v != 0
	case regDivide:
		a.divide = v & 11
	default:
		return false
	}
	a.board.updateINTR()
	return true
}

// command sends what ICR says: to this processor, by number, by itself or in all; others are not there.
func (a *apic) command() {
	self := false
	switch a.icr >> 18 & 3 {
	case 0:
		dest := uint32(a.icr >> 56)
		if a.base&apicX2 != 0 {
			dest = uint32(a.icr >> 32)
		}
		self = dest == 0 || dest == 0xff || dest == ^uint32(0) || a.icr>>11&1 != 0 && dest&(a.ldr>>24) != 0
	case 1, 2:
		self = true
	}
	if !self {
		return
	}
	switch a.icr >> 8 & 7 {
	case 0, 1:
		a.raise(uint8(a.icr))
	case 4:
		a.board.cpu.NMI()
	}
}

// ReadPhys reads a register of the page.
func (a *apic) ReadPhys(offset uint64, size int) uint64 {
	if a.base&(apicEnabled|apicX2) != apicEnabled {
		return ^uint64(0)
	}
	v, _ := a.read(uint32(offset >> 4))
	return uint64(v) >> (8 * (offset & 3))
}

// WritePhys writes one, which takes an aligned doubleword.
func (a *apic) WritePhys(offset uint64, size int, v uint64) {
	if a.base&(apicEnabled|apicX2) == apicEnabled && offset&15 == 0 && size == 4 {
		a.write(uint32(offset>>4), uint32(v))
	}
}

const (
	msrX2First     = 0x800
	msrX2Last      = 0x8ff
	msrTSCDeadline = 0x6e0
)

func (a *apic) readMSR(n uint32) (uint64, bool) {
	switch {
	case n == x86.MSRAPICBase:
		return a.base, true
	case n == msrTSCDeadline:
		return a.tscDeadline, true
	case n < msrX2First || n > msrX2Last || a.base&apicX2 == 0:
		return 0, false
	}
	switch reg := n - msrX2First; reg {
	case regICR:
		return a.icr, true
	case regICRHigh, regDFR:
		return 0, false
	default:
		v, ok := a.read(reg)
		return uint64(v), ok
	}
}

func (a *apic) writeMSR(n uint32, v uint64) bool {
	switch {
	case n == x86.MSRAPICBase:
		return a.rebase(v)
	case n == msrTSCDeadline:
		if a.timerMode() == 2 {
			a.tscDeadline = v
		}
		return true
	case n < msrX2First || n > msrX2Last || a.base&apicX2 == 0:
		return false
	}
	switch reg := n - msrX2First; reg {
	case regICR:
		a.icr = v & 0xffffffff_000cdfff
		a.command()
		a.board.updateINTR()
		return true
	case regSelfIPI:
		a.raise(uint8(v))
		a.board.updateINTR()
		return v>>8 == 0
	case regICRHigh, regDFR, regLDR:
		return false
	default:
		return v>>32 == 0 && a.write(reg, uint32(v))
	}
}

// rebase is a write of IA32_APIC_BASE: on, off, to x2APIC; the page stays where it is. SDM vol. 3A 10.12.5 has the legal
// steps.
func (a *apic) rebase(v uint64) bool {
	const bits = apicEnabled | apicX2
	old, mode := a.base&bits, v&bits
	switch {
	case v&^(bits|apicBoot) != uint64(apicBase), mode == apicX2,
		old == bits && mode == apicEnabled, old == 0 && mode == bits:
		return false
	}
	a.base = v&^apicBoot | apicBoot
	return true
}
