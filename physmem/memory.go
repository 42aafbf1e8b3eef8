package physmem

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/pagewalk/pagewalk/x86"
)

// A Frame is one 4 KiB page of guest RAM.
type Frame [x86.PageSize]byte

// MaxSize is the largest RAM that New accepts.
const MaxSize = 64 << 30

// Memory is what physical addresses reach: RAM from address 0, and what Map and MapDevice add. It is not safe for concurrent
// use.
type Memory struct {
	base    []byte
	code    []uint64 // one bit a frame: it holds decoded code
	regions []region // sorted by address

	// OnCodeWrite, where set, is told before the first write to a frame marked by MarkCode; the mark is cleared first.
	OnCodeWrite func(frame x86.PhysAddr)
}

// New returns size bytes of zeroed RAM; size is a positive multiple of 4 KiB, at most MaxSize. Close gives it back.
func New(size uint64) (*Memory, error) {
	if size == 0 || size%x86.PageSize != 0 || size > MaxSize {
		return nil, fmt.Errorf("RAM of %d bytes: want a multiple of 4096 from 4096 to %d", size, uint64(MaxSize))
	}
	base, err := reserve(size)
	if err != nil {
		return nil, fmt.Errorf("RAM of %d bytes: %w", size, err)
	}
	return &Memory{base: base, code: make([]uint64, (size/x86.PageSize+63)/64)}, nil
}

// Close gives the memory back to the host. Nothing may touch it afterwards.
func (m *Memory) Close() error {
	var errs []error
	if m.base != nil {
		errs = append(errs, release(m.base))
	}
	for i := range m.regions {
		if ram := m.regions[i].ram; ram != nil {
			errs = append(errs, release(ram))
		}
	}
	m.base, m.regions = nil, nil
	return errors.Join(errs...)
}

// Size returns the size in bytes of the RAM from address 0.
func (m *Memory) Size() uint64 { return uint64(len(m.base)) }

// Frame returns the frame that holds pa, nil where there is no RAM.
func (m *Memory) Frame(pa x86.PhysAddr) *Frame {
	if uint64(pa) >= uint64(len(m.base)) {
		return m.frame(pa)
	}
	// base is a multiple of 4 KiB long, so the whole frame is inside it.
	return (*Frame)(unsafe.Pointer(&m.base[pa.Page()]))
}

// MarkCode notes that decoded code was taken from the frame of pa; where there is no RAM it does nothing.
func (m *Memory) MarkCode(pa x86.PhysAddr) {
	if word, bit := m.codeBit(pa); word != nil {
		*word |= bit
	}
}

// IsCode reports whether the frame of pa is marked.
func (m *Memory) IsCode(pa x86.PhysAddr) bool {
	word, bit := m.codeBit(pa)
	return word != nil && *word&bit != 0
}

// NotifyWrite must be called before bytes of the frame of pa change by other means than the MMU (a frame is reused, a
// device writes): it clears a code mark and tells OnCodeWrite.
func (m *Memory) NotifyWrite(pa x86.PhysAddr) {
	word, bit := m.codeBit(pa)
	if word == nil || *word&bit == 0 {
		return
	}
	*word &^= bit
	if m.OnCodeWrite != nil {
		m.OnCodeWrite(pa.Page())
	}
}
