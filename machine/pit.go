package machine

// pit is an 8254 with its channels 0 (ISA line 0) and 2 (the speaker, read back at port 61h). Intel 8254 data sheet. Modes
// 0, 2 and 3 count; the others count as mode 0.
type pit struct {
	board   *Board
	channel [3]counter
	port61  uint8
}

type counter struct {
	mode, access uint8
	reload       uint32 // 1 to 65536
	start        uint64 // when counting began
	running      bool
	low          uint8 // first byte of a two-byte write
	half         bool  // a two-byte write is half done
	readHigh     bool
	latched      bool
	latch        uint16
	fired        uint64 // periods, or 1, that were told of
}

const pitHz = 1193182

func newPIT(b *Board) *pit { return &pit{board: b} }

// ticks converts nanoseconds to clocks of the chip.
func pitTicks(ns uint64) uint64 { return ns/1e9*pitHz + ns%1e9*pitHz/1e9 }

// pitTime is when a number of clocks have passed.
func pitTime(ticks uint64) uint64 { return ticks/pitHz*1e9 + (ticks%pitHz*1e9+pitHz-1)/pitHz }

// periodic modes begin again by themselves.
func (c *counter) periodic() bool { return c.mode == 2 || c.mode == 3 }

func (c *counter) elapsed(now uint64) uint64 { return pitTicks(now - c.start) }

// count is the present value of the counter.
func (c *counter) count(now uint64) uint16 {
	if !c.running {
		return uint16(c.reload)
	}
	t := c.elapsed(now)
	switch {
	case c.mode == 3:
		return uint16(uint64(c.reload) - t*2%uint64(c.reload))
	case c.periodic():
		return uint16(uint64(c.reload) - t%uint64(c.reload))
	}
	return uint16(uint64(c.reload) - t)
}

// output is the level of OUT.
func (c *counter) output(now uint64) bool {
	if !c.running {
		return c.mode != 0
	}
	t := c.elapsed(now)
	switch c.mode {
	case 2:
		return t%uint64(c.reload) != uint64(c.reload)-1
	case 3:
		return t%uint64(c.reload) < uint64(c.reload+1)/2
	}
	return t >= uint64(c.reload)
}

func (p *pit) deadline() uint64 {
	c := &p.channel[0]
	if !c.running || !c.periodic() && c.fired > 0 {
		return never
	}
	return c.start + pitTime((c.fired+1)*uint64(c.reload))
}

// tick raises line 0 for the periods that ended; several at once are one interrupt, as for a processor that looks late.
func (p *pit) tick(now uint64) {
	c := &p.channel[0]
	if now < p.deadline() {
		return
	}
	if c.periodic() {
		c.fired = c.elapsed(now) / uint64(c.reload)
	} else {
		c.fired = 1
	}
	p.board.raiseIRQ(0, false)
	p.board.raiseIRQ(0, true)
}

func (p *pit) in(port uint16, width uint8) uint32 {
	now := p.board.now()
	if port == 0x61 {
		v := p.port61 & 3
		if p.channel[2].output(now) {
			v |= 0x20
		}
		return uint32(v | uint8(now>>14)&1<<4) // the refresh bit toggles
	}
	if port == 0x43 {
		return 0xff
	}
	c := &p.channel[port&3]
	v := c.count(now)
	if c.latched {
		v = c.latch
	}
	switch {
	case c.access == 1:
		c.latched = false
		return uint32(v & 0xff)
	case c.access == 2:
		c.latched = false
		return uint32(v >> 8)
	case c.readHigh:
		c.readHigh, c.latched = false, false
		return uint32(v >> 8)
	}
	c.readHigh = true
	return uint32(v & 0xff)
}

func (p *pit) out(port uint16, width uint8, value uint32) {
	now, v := p.board.now(), uint8(value)
	switch port {
	case 0x61:
		rising := v&1 != 0 && p.port61&1 == 0
		p.port61 = v
		if c := &p.channel[2]; rising && c.reload > 0 {
			c.start, c.running = now, true
		}
	case 0x43:
		p.command(now, v)
	default:
		p.load(int(port&3), now, v)
	}
}

func (p *pit) command(now uint64, v uint8) {
	n := v >> 6
	if n == 3 { // read-back: latch the counts asked for; status bytes are not kept
		for i := range p.channel {
			if v&0x20 == 0 && v>>(i+1)&1 != 0 {
				c := &p.channel[i]
				c.latch, c.latched, c.readHigh = c.count(now), true, false
			}
		}
		return
	}
	c := &p.channel[n]
	if v&0x30 == 0 {
		c.latch, c.latched, c.readHigh = c.count(now), true, false
		return
	}
	mode := v >> 1 & 7
	if mode > 5 {
		mode -= 4
	}
	*c = counter{mode: mode, access: v >> 4 & 3}
}

func (p *pit) load(n int, now uint64, v uint8) {
	c := &p.channel[n]
	value := uint32(v)
	switch c.access {
	case 2:
		value <<= 8
	case 3:
		if !c.half {
			c.low, c.half = v, true
			return
		}
		c.half = false
		value = uint32(v)<<8 | uint32(c.low)
	}
	if value == 0 {
		value = 0x10000
	}
	c.reload, c.start, c.fired = value, now, 0
	c.running = n != 2 || p.port61&1 != 0
}
