package machine

// uart is a 16550A whose transmitter is never busy. National Semiconductor PC16550D data sheet; interrupts on ISA line 4.
type uart struct {
	board          *Board
	input          *input
	ier, lcr, mcr  uint8
	scratch, fcr   uint8
	divisor        uint16
	transmitted    bool // the transmitter-empty interrupt has not been acknowledged
	loop           []byte
	overrun, level bool
}

// Registers by offset from the base port.
const (
	uartData    = 0
	uartIER     = 1
	uartIIR     = 2 // FCR on write
	uartLCR     = 3
	uartMCR     = 4
	uartLSR     = 5
	uartMSR     = 6
	uartScratch = 7

	lcrDLAB = 0x80
	mcrLoop = 0x10
	mcrOut2 = 0x08 // gates the interrupt line on a PC
	lsrData = 0x01
	lsrOver = 0x02
	lsrTHRE = 0x60
	fifo    = 16
)

func (u *uart) dlab() bool { return u.lcr&lcrDLAB != 0 }

func (u *uart) ready() bool {
	if u.mcr&mcrLoop != 0 {
		return len(u.loop) > 0
	}
	return u.input.ready()
}

func (u *uart) in(port uint16, width uint8) uint32 {
	v := uint8(0)
	switch reg := port - 0x3f8; {
	case reg == uartData && u.dlab():
		v = uint8(u.divisor)
	case reg == uartIER && u.dlab():
		v = uint8(u.divisor >> 8)
	case reg == uartData:
		v = u.receive()
	case reg == uartIER:
		v = u.ier
	case reg == uartIIR:
		v = u.identify()
	case reg == uartLCR:
		v = u.lcr
	case reg == uartMCR:
		v = u.mcr
	case reg == uartLSR:
		v = lsrTHRE
		if u.ready() {
			v |= lsrData
		}
		if u.overrun {
			v |= lsrOver
			u.overrun = false
		}
	case reg == uartMSR:
		v = u.modem()
	default:
		v = u.scratch
	}
	u.update()
	return uint32(v)
}

func (u *uart) receive() uint8 {
	if u.mcr&mcrLoop == 0 {
		return u.input.take()
	}
	if len(u.loop) == 0 {
		return 0
	}
	v := u.loop[0]
	u.loop = u.loop[1:]
	return v
}

// modem is the modem status: CTS, DSR and DCD are there, or what MCR loops back.
func (u *uart) modem() uint8 {
	if u.mcr&mcrLoop == 0 {
		return 0xb0
	}
	m := u.mcr
	return m<<3&0x10 | m<<5&0x20 | m<<4&0xc0 // RTS, DTR, OUT1 and OUT2
}

// identify is IIR: the pending interrupt of highest priority; reading it acknowledges the transmitter's.
func (u *uart) identify() uint8 {
	v := uint8(1)
	switch {
	case u.ier&1 != 0 && u.ready():
		v = 4
	case u.ier&2 != 0 && u.transmitted:
		v = 2
		u.transmitted = false
	}
	if u.fcr&1 != 0 {
		v |= 0xc0
	}
	return v
}

func (u *uart) out(port uint16, width uint8, value uint32) {
	v := uint8(value)
	switch reg := port - 0x3f8; {
	case reg == uartData && u.dlab():
		u.divisor = u.divisor&0xff00 | uint16(v)
	case reg == uartIER && u.dlab():
		u.divisor = u.divisor&0x00ff | uint16(v)<<8
	case reg == uartData:
		u.transmit(v)
	case reg == uartIER:
		if v&2 != 0 && u.ier&2 == 0 {
			u.transmitted = true
		}
		u.ier = v & 15
	case reg == uartIIR:
		u.fcr = v
		if v&2 != 0 {
			u.loop = nil
		}
	case reg == uartLCR:
		u.lcr = v
	case reg == uartMCR:
		u.mcr = v & 0x1f
	case reg == uartScratch:
		u.scratch = v
	}
	u.update()
}

func (u *uart) transmit(v uint8) {
	u.transmitted = true
	switch {
	case u.mcr&mcrLoop == 0:
		u.board.out.put(v)
	case len(u.loop) < fifo:
		u.loop = append(u.loop, v)
	default:
		u.overrun = true
	}
}

// update sets the interrupt line.
func (u *uart) update() {
	on := u.mcr&mcrOut2 != 0 && (u.ier&2 != 0 && u.transmitted || u.ier&1 != 0 && u.ready())
	if on != u.level {
		u.level = on
		u.board.raiseIRQ(4, on)
	}
}
