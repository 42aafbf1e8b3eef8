package machine

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/x86"
)

// pic is the pair of 8259As of a PC: the second hangs on line 2 of the first. Intel 8259A data sheet. Only edge-triggered,
// fully nested operation is modelled, with specific, non-specific and automatic end of interrupt.
type pic struct{ chip [2]pic8259 }

type pic8259 struct {
	irr, isr, imr uint8
	lines         uint8
	base          uint8
	step          int // ICW expected next, 0 where none is
	icw4          bool
	auto          bool
	readISR       bool
}

func newPIC() *pic {
	p := &pic{}
	p.chip[0].imr, p.chip[1].imr = 0xff, 0xff
	return p
}

// set changes the level of line 0 to 15.
func (p *pic) set(line int, on bool) {
	c, bit := &p.chip[line>>3], uint8(1)<<(line&7)
	if on && c.lines&bit == 0 {
		c.irr |= bit
	}
	if on {
		c.lines |= bit
	} else {
		c.lines &^= bit
		c.irr &^= bit
	}
}

// request is the line of highest priority that asks and is above what is in service; -1 for none.
func (c *pic8259) request(cascade bool) int {
	irr := c.irr
	if cascade {
		irr |= 1 << 2
	}
	line := bits.TrailingZeros8(irr &^ c.imr)
	if line == 8 || line >= bits.TrailingZeros8(c.isr) {
		return -1
	}
	return line
}

func (p *pic) line() int { return p.chip[0].request(p.chip[1].request(false) >= 0) }

func (p *pic) pending() bool { return p.line() >= 0 }

// acknowledge is the INTA cycle: the vector, with the line now in service.
func (p *pic) acknowledge() x86.Vector {
	line := p.line()
	if line < 0 {
		return x86.Vector(p.chip[0].base + 7) // spurious
	}
	p.chip[0].serve(line)
	if line != 2 {
		return x86.Vector(p.chip[0].base + uint8(line))
	}
	slave := p.chip[1].request(false)
	p.chip[1].serve(slave)
	return x86.Vector(p.chip[1].base + uint8(slave))
}

func (c *pic8259) serve(line int) {
	c.irr &^= 1 << line
	if !c.auto {
		c.isr |= 1 << line
	}
}

func (p *pic) in(port uint16, width uint8) uint32 {
	c := &p.chip[port>>7&1]
	switch {
	case port&1 != 0:
		return uint32(c.imr)
	case c.readISR:
		return uint32(c.isr)
	}
	return uint32(c.irr)
}

func (p *pic) out(port uint16, width uint8, value uint32) {
	c, v := &p.chip[port>>7&1], uint8(value)
	if port&1 != 0 {
		c.data(v)
		return
	}
	switch {
	case v&0x10 != 0: // ICW1
		*c = pic8259{lines: c.lines, step: 2, icw4: v&1 != 0}
	case v&0x08 != 0: // OCW3
		if v&2 != 0 {
			c.readISR = v&1 != 0
		}
	default: // OCW2
		switch v >> 5 {
		case 1, 5:
			c.isr &= c.isr - 1
		case 3, 7:
			c.isr &^= 1 << (v & 7)
		}
	}
}

// data takes ICW2 to ICW4 while the chip is being set up, else the mask.
func (c *pic8259) data(v uint8) {
	switch c.step {
	case 0:
		c.imr = v
	case 2:
		c.base = v &^ 7
		c.step = 3
	case 3:
		c.step = 0
		if c.icw4 {
			c.step = 4
		}
	case 4:
		c.auto = v&2 != 0
		c.step = 0
	}
}
