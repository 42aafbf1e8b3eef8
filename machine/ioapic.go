package machine

// ioapic is the I/O APIC of one processor: 24 pins, each with a redirection entry. Intel 82093AA data sheet. Fixed,
// lowest-priority and NMI delivery to the one local APIC; edge and level triggers.
type ioapic struct {
	board  *Board
	index  uint32
	entry  [24]uint64
	levels uint32
}

const (
	redirMasked = 1 << 16
	redirLevel  = 1 << 15
	redirRemote = 1 << 14 // remote IRR: accepted, and no EOI yet
)

func newIOAPIC(b *Board) *ioapic {
	io := &ioapic{board: b}
	for i := range io.entry {
		io.entry[i] = redirMasked
	}
	return io
}

// set changes the level of a pin.
func (io *ioapic) set(pin int, on bool) {
	was := io.levels >> pin & 1
	if !on {
		io.levels &^= 1 << pin
		return
	}
	io.levels |= 1 << pin
	if was == 0 || io.entry[pin]&redirLevel != 0 {
		io.deliver(pin)
	}
}

func (io *ioapic) deliver(pin int) {
	e := &io.entry[pin]
	if *e&redirMasked != 0 || *e&redirLevel != 0 && *e&redirRemote != 0 {
		return
	}
	switch *e >> 8 & 7 {
	case 0, 1:
		if *e&redirLevel != 0 {
			*e |= redirRemote
		}
		io.board.apic.raise(uint8(*e))
	case 4:
		io.board.cpu.NMI()
	}
}

// eoi ends the level-triggered interrupts of a vector; a pin that is still up asks again.
func (io *ioapic) eoi(vector uint8) {
	for pin := range io.entry {
		e := &io.entry[pin]
		if uint8(*e) == vector && *e&redirRemote != 0 {
			*e &^= redirRemote
			if io.levels>>pin&1 != 0 {
				io.deliver(pin)
			}
		}
	}
}

// ReadPhys reads the index or data register.
func (io *ioapic) ReadPhys(offset uint64, size int) uint64 {
	switch offset {
	case 0:
		return uint64(io.index)
	case 0x10:
		return uint64(io.register())
	}
	return 0
}

func (io *ioapic) register() uint32 {
	switch i := io.index; {
	case i == 0 || i == 2:
		return 0
	case i == 1:
		return 0x17<<16 | 0x20
	case i >= 0x10 && i < 0x40:
		return uint32(io.entry[(i-0x10)/2] >> (32 * (i & 1)))
	}
	return 0
}

// WritePhys writes them.
func (io *ioapic) WritePhys(offset uint64, size int, v uint64) {
	switch offset {
	case 0:
		io.index = uint32(v) & 0xff
	case 0x10:
		i := io.index
		if i < 0x10 || i >= 0x40 {
			return
		}
		e := &io.entry[(i-0x10)/2]
		if i&1 != 0 {
			*e = *e&0xffffffff | v<<32
			return
		}
		const readOnly = redirRemote | 1<<12
		*e = *e&(0xffffffff<<32|readOnly) | v&0x1ffff&^readOnly
		if pin := int(i-0x10) / 2; *e&redirLevel != 0 && io.levels>>pin&1 != 0 {
			io.deliver(pin)
		}
	}
}
