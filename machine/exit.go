package machine

import "strings"

// exitPort is QEMU's isa-debug-exit: a write of V ends the run with the process's exit code (V<<1)|1, cut to 8 bits.
type exitPort struct{ board *Board }

func (p *exitPort) in(uint16, uint8) uint32 { return 0 }

func (p *exitPort) out(port uint16, width uint8, v uint32) {
	p.board.result = &Result{Reason: Exited, Code: int(v<<1|1) & 0xff}
}

// shutdownPort is Bochs's and older QEMU's: the word Shutdown, written byte by byte, ends the run with code 0.
type shutdownPort struct {
	board *Board
	text  strings.Builder
}

func (p *shutdownPort) in(uint16, uint8) uint32 { return 0xff }

func (p *shutdownPort) out(port uint16, width uint8, v uint32) {
	const word = "Shutdown"
	p.text.WriteByte(byte(v))
	switch s := p.text.String(); {
	case s == word:
		p.board.result = &Result{Reason: Exited}
	case !strings.HasPrefix(word, s):
		p.text.Reset()
		if byte(v) == word[0] {
			p.text.WriteByte(byte(v))
		}
	}
}

// console is port E9h: what is written goes to the output, and reading tells that it is there.
type console struct{ output *output }

func (c *console) in(uint16, uint8) uint32 { return 0xe9 }

func (c *console) out(port uint16, width uint8, v uint32) { c.output.put(byte(v)) }

// firmware is as much of QEMU's fw_cfg as guests look at: a selector at 510h, data bytes at 511h.
type firmware struct {
	ram      uint64
	selected uint16
	offset   int
}

// Items of fw_cfg.
const (
	fwSignature = 0x00
	fwID        = 0x01
	fwRAMSize   = 0x03
	fwCPUs      = 0x05
	fwMaxCPUs   = 0x0f
)

func (f *firmware) out(port uint16, width uint8, v uint32) {
	if port == 0x510 {
		f.selected, f.offset = uint16(v), 0
	}
}

func (f *firmware) in(port uint16, width uint8) uint32 {
	if port == 0x510 {
		return ^uint32(0)
	}
	v := uint64(0)
	switch f.selected {
	case fwSignature:
		v = 'Q' | 'E'<<8 | 'M'<<16 | 'U'<<24
	case fwID, fwCPUs, fwMaxCPUs:
		v = 1
	case fwRAMSize:
		v = f.ram
	}
	if f.offset > 7 {
		return 0
	}
	v >>= 8 * f.offset
	f.offset++
	return uint32(v & 0xff)
}
