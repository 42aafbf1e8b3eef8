package cpu

import (
	"github.com/pagewalk/pagewalk/x86"
)

// attention is a bit of CPU.ctl beside the flags: set where Run has to look up before or after the next instruction.
const attention uint64 = 1 << 63

// events are what waits for an instruction boundary.
type events struct {
	shadow     uint8 // interrupts are held off until the next instruction is done
	fresh      bool  // the shadow was cast by the instruction that has just run
	entered    bool  // that instruction went through a gate: INT n
	intr       bool  // the level of INTR
	nmi        bool  // an NMI waits
	nmiBlocked bool  // one is being handled: until IRET
	watched    bool  // DR7 enables something
	hits       uint64
	shutdown   bool
}

// What cast an interrupt shadow.
const (
	shadowSTI   uint8 = 1 // holds maskable interrupts off
	shadowMovSS uint8 = 2 // and NMIs and debug exceptions (SDM vol. 3A 6.8.3)
)

func (p *events) any() bool { return p.nmi || p.intr || p.watched || p.shutdown }

// shadow holds interrupts off until the instruction after the present one is done.
func (c *CPU) shadow(kind uint8) {
	c.pending.shadow, c.pending.fresh = kind, true
	c.updateAttention()
}

// updateAttention follows every change of what waits and of RFLAGS.IF and RF.
func (c *CPU) updateAttention() {
	p := &c.pending
	if c.ctl&x86.FlagRF != 0 || p.shadow != 0 || p.nmi && !p.nmiBlocked || p.intr && c.ctl&x86.FlagIF != 0 ||
		p.watched || p.shutdown {
		c.ctl |= attention
	} else {
		c.ctl &^= attention
	}
}

// SetINTR sets the level of the INTR pin. While it is up and RFLAGS.IF lets it through, Run returns ExitINTR: the board then
// acknowledges its interrupt controller and calls Interrupt.
func (c *CPU) SetINTR(on bool) {
	c.pending.intr = on
	c.updateAttention()
}

// NMI asks for a non-maskable interrupt, which is taken at the next boundary outside an NMI handler.
func (c *CPU) NMI() {
	c.pending.nmi = true
	c.updateAttention()
}

// PendingNMI reports whether an NMI waits and is not held off by another that is being handled.
func (c *CPU) PendingNMI() bool { return c.pending.nmi && !c.pending.nmiBlocked }

// InterruptsOff reports whether a HLT could be ended by an NMI alone.
func (c *CPU) InterruptsOff() bool { return c.ctl&x86.FlagIF == 0 }

// Interrupt delivers an external interrupt through the IDT, as after an acknowledge cycle.
func (c *CPU) Interrupt(v x86.Vector) {
	c.updateMode()
	c.deliver(event{vector: v, kind: eventExternal})
}

// before looks at what waits in front of an instruction, in the order of SDM vol. 3A table 6-2. It reports whether the
// instruction has to wait, and whether c.exit is to be returned.
func (c *CPU) before() (done, exits bool) {
	p := &c.pending
	switch {
	case p.shutdown:
		c.exit = Exit{Kind: ExitShutdown}
		return true, true
	case p.nmi && !p.nmiBlocked && p.shadow != shadowMovSS:
		p.nmi, p.nmiBlocked = false, true
		return true, c.deliver(event{vector: x86.VectorNMI, kind: eventExternal})
	case p.intr && c.ctl&x86.FlagIF != 0 && p.shadow == 0:
		c.exit = Exit{Kind: ExitINTR}
		return true, true
	case p.watched && c.ctl&x86.FlagRF == 0 && p.shadow != shadowMovSS:
		if hits := c.codeBreakpoints(); hits != 0 {
			c.dr[6] |= hits
			return true, c.debugException(eventBreakpoint)
		}
	}
	return false, false
}

// after looks at the traps of an instruction that retired: single step, data and I/O breakpoints. With leaves the
// instruction has an exit of its own; where the layer above is the kernel that exit comes alone.
func (c *CPU) after(trap, leaves bool) (exits bool) {
	p := &c.pending
	hits := p.hits
	p.hits = 0
	if p.watched {
		hits |= c.dataBreakpoints()
	}
	if p.shadow == shadowMovSS {
		p.hits = hits // they come behind the next instruction (SDM vol. 3A 6.8.3)
		return false
	}
	if leaves && !c.Deliver {
		return false
	}
	if trap {
		hits |= x86.DR6BS
	}
	if hits == 0 {
		return false
	}
	c.dr[6] |= hits
	return c.debugException(eventTrap)
}

// debugException is #DB, delivered or as an exit.
func (c *CPU) debugException(kind eventKind) (exits bool) {
	if !c.Deliver {
		c.exit = Exit{Kind: ExitException, Fault: c.raise(x86.VectorDB)}
		return true
	}
	return c.deliver(event{vector: x86.VectorDB, kind: kind})
}
