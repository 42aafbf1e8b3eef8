package loader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Multiboot is the header of a multiboot 1 image (Multiboot Specification 0.6.96, 3.1).
type Multiboot struct {
	Offset int64 // of the header in the file
	Flags  uint32
	// With MultibootAddresses the image is loaded by these, else by its ELF headers.
	HeaderAddr, LoadAddr, LoadEnd, BSSEnd, EntryAddr uint32
}

// Flags of the header.
const (
	MultibootAlign     = 1 << 0 // modules begin on pages
	MultibootMemory    = 1 << 1 // memory information is wanted
	MultibootVideo     = 1 << 2 // a video mode is wanted
	MultibootAddresses = 1 << 16

	multibootMagic  = 0x1badb002
	multibootSearch = 8192
)

// ErrNoMultiboot is the error for an image without a multiboot header.
var ErrNoMultiboot = errors.New("no multiboot header in the first 8192 bytes")

// ParseMultiboot finds the header in the first 8192 bytes.
func ParseMultiboot(r io.ReaderAt) (*Multiboot, error) {
	buf := make([]byte, multibootSearch)
	n, err := r.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("multiboot: %w", err)
	}
	le := binary.LittleEndian
	for off := 0; off+12 <= n; off += 4 {
		flags := le.Uint32(buf[off+4:])
		if le.Uint32(buf[off:]) != multibootMagic || multibootMagic+flags+le.Uint32(buf[off+8:]) != 0 {
			continue
		}
		m := &Multiboot{Offset: int64(off), Flags: flags}
		if unknown := flags & 0xffff &^ (MultibootAlign | MultibootMemory | MultibootVideo); unknown != 0 {
			return nil, fmt.Errorf("multiboot: the header at %#x requires features %#x, which are unknown", off, unknown)
		}
		if flags&MultibootAddresses == 0 {
			return m, nil
		}
		if off+32 > n {
			return nil, fmt.Errorf("multiboot: the header at %#x is cut short", off)
		}
		for i, p := range []*uint32{&m.HeaderAddr, &m.LoadAddr, &m.LoadEnd, &m.BSSEnd, &m.EntryAddr} {
			*p = le.Uint32(buf[off+12+4*i:])
		}
		return m, m.check()
	}
	return nil, ErrNoMultiboot
}

// check refuses addresses that contradict one another.
func (m *Multiboot) check() error {
	switch {
	case m.LoadAddr > m.HeaderAddr || int64(m.HeaderAddr-m.LoadAddr) > m.Offset:
		return fmt.Errorf("multiboot: load_addr %#x and header_addr %#x do not fit a header at %#x", m.LoadAddr, m.HeaderAddr, m.Offset)
	case m.LoadEnd != 0 && m.LoadEnd < m.LoadAddr:
		return fmt.Errorf("multiboot: load_end_addr %#x is below load_addr %#x", m.LoadEnd, m.LoadAddr)
	case m.BSSEnd != 0 && m.BSSEnd < max(m.LoadEnd, m.LoadAddr):
		return fmt.Errorf("multiboot: bss_end_addr %#x is below the end of what is loaded", m.BSSEnd)
	}
	return nil
}

// Segment is the one piece that an image with MultibootAddresses is loaded as; size is the file's.
func (m *Multiboot) Segment(r io.ReaderAt, size int64) (ELFSegment, error) {
	first := m.Offset - int64(m.HeaderAddr-m.LoadAddr)
	n := uint64(size - first)
	if m.LoadEnd != 0 {
		if want := uint64(m.LoadEnd - m.LoadAddr); want > n {
			return ELFSegment{}, fmt.Errorf("multiboot: %#x bytes are to be loaded, and the file has %#x from %#x on", want, n, first)
		} else {
			n = want
		}
	}
	mem := n
	if m.BSSEnd != 0 {
		mem = max(mem, uint64(m.BSSEnd-m.LoadAddr))
	}
	if uint64(m.LoadAddr)+mem > 1<<32 {
		return ELFSegment{}, fmt.Errorf("multiboot: the image ends above 4 GiB")
	}
	return ELFSegment{uint64(m.LoadAddr), uint64(m.LoadAddr), n, mem, io.NewSectionReader(r, first, int64(n))}, nil
}
