package physmem

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/pagewalk/pagewalk/x86"
)

// A region is RAM or a device beside the main RAM.
type region struct {
	first, last x86.PhysAddr
	ram         []byte   // nil for a device
	code        []uint64 // as Memory.code
	device      Device
}

// A Device answers for physical addresses that are no RAM. Offsets count from its first address; sizes are 1, 2, 4 or 8
// bytes, and an access never leaves the device.
type Device interface {
	ReadPhys(offset uint64, size int) uint64
	WritePhys(offset uint64, size int, v uint64)
}

// MaxAddress bounds the regions: the last byte that 52-bit physical addresses reach.
const MaxAddress x86.PhysAddr = 1<<52 - 1

// Map adds size bytes of zeroed RAM at an address, both multiples of 4 KiB. Host memory is taken only as frames are touched.
func (m *Memory) Map(at x86.PhysAddr, size uint64) error {
	if err := m.room(at, size); err != nil {
		return fmt.Errorf("RAM at %#x of %#x bytes: %w", uint64(at), size, err)
	}
	ram, err := reserve(size)
	if err != nil {
		return fmt.Errorf("RAM at %#x of %#x bytes: %w", uint64(at), size, err)
	}
	m.insert(region{
		first: at, last: at + x86.PhysAddr(size) - 1, ram: ram, code: make([]uint64, (size/x86.PageSize+63)/64),
	})
	return nil
}

// MapDevice puts a device at an address; both it and the size are multiples of 4 KiB.
func (m *Memory) MapDevice(at x86.PhysAddr, size uint64, d Device) error {
	if err := m.room(at, size); err != nil {
		return fmt.Errorf("device at %#x of %#x bytes: %w", uint64(at), size, err)
	}
	m.insert(region{first: at, last: at + x86.PhysAddr(size) - 1, device: d})
	return nil
}

func (m *Memory) insert(r region) {
	i, _ := slices.BinarySearchFunc(m.regions, r.first, func(r region, pa x86.PhysAddr) int {
		return compare(r.first, pa)
	})
	m.regions = slices.Insert(m.regions, i, r)
}

func compare(a, b x86.PhysAddr) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// room checks that nothing is there yet.
func (m *Memory) room(at x86.PhysAddr, size uint64) error {
	last := at + x86.PhysAddr(size) - 1
	switch {
	case size == 0 || size%x86.PageSize != 0 || at.Offset() != 0:
		return errors.New("want an address and a size that are multiples of 4096")
	case last < at || last > MaxAddress:
		return errors.New("it reaches beyond 52-bit physical addresses")
	case uint64(at) < m.Size():
		return fmt.Errorf("it overlaps RAM at 0x0-%#x", m.Size()-1)
	}
	for i := range m.regions {
		if r := &m.regions[i]; at <= r.last && r.first <= last {
			return fmt.Errorf("it overlaps %#x-%#x", uint64(r.first), uint64(r.last))
		}
	}
	return nil
}

// find returns the region that holds pa, nil where there is none.
func (m *Memory) find(pa x86.PhysAddr) *region {
	i, found := slices.BinarySearchFunc(m.regions, pa, func(r region, pa x86.PhysAddr) int {
		switch {
		case pa < r.first:
			return 1
		case pa > r.last:
			return -1
		}
		return 0
	})
	if !found {
		return nil
	}
	return &m.regions[i]
}

// frame is Frame beyond the main RAM.
func (m *Memory) frame(pa x86.PhysAddr) *Frame {
	r := m.find(pa)
	if r == nil || r.ram == nil {
		return nil
	}
	// The region is a multiple of 4 KiB long, so the whole frame is inside it.
	return (*Frame)(unsafe.Pointer(&r.ram[pa.Page()-r.first]))
}

// codeBit returns the word and the bit of a frame's code mark; nil where there is no RAM.
func (m *Memory) codeBit(pa x86.PhysAddr) (word *uint64, bit uint64) {
	n, code := pa.PFN(), m.code
	if uint64(pa) >= m.Size() {
		r := m.find(pa)
		if r == nil || r.ram == nil {
			return nil, 0
		}
		n, code = (pa - r.first).PFN(), r.code
	}
	return &code[n/64], 1 << (n % 64)
}

// Read fills b, which stays within a page, from RAM or a device; where there is neither the bus reads as ones.
func (m *Memory) Read(pa x86.PhysAddr, b []byte) {
	if f := m.Frame(pa); f != nil {
		copy(b, f[pa.Offset():])
		return
	}
	r := m.find(pa)
	for len(b) > 0 {
		n, v := pieceSize(pa, len(b)), ^uint64(0)
		if r != nil {
			v = r.device.ReadPhys(uint64(pa-r.first), n)
		}
		for i := range n {
			b[i] = byte(v >> (8 * i))
		}
		b, pa = b[n:], pa+x86.PhysAddr(n)
	}
}

// Write stores b, which stays within a page, to RAM or a device; where there is neither it is lost.
func (m *Memory) Write(pa x86.PhysAddr, b []byte) {
	if f := m.Frame(pa); f != nil {
		m.NotifyWrite(pa)
		copy(f[pa.Offset():], b)
		return
	}
	r := m.find(pa)
	if r == nil {
		return
	}
	for len(b) > 0 {
		n, v := pieceSize(pa, len(b)), uint64(0)
		for i := range n {
			v |= uint64(b[i]) << (8 * i)
		}
		r.device.WritePhys(uint64(pa-r.first), n, v)
		b, pa = b[n:], pa+x86.PhysAddr(n)
	}
}

// pieceSize is the largest naturally aligned access of at most n bytes.
func pieceSize(pa x86.PhysAddr, n int) int {
	size := 8
	for size > n || uint64(pa)%uint64(size) != 0 {
		size /= 2
	}
	return size
}

// Ranges returns the RAM, lowest first: the main one and what Map added.
func (m *Memory) Ranges() []Range {
	list := []Range{{0, m.Size()}}
	for i := range m.regions {
		if r := &m.regions[i]; r.ram != nil {
			list = append(list, Range{r.first, uint64(len(r.ram))})
		}
	}
	return list
}

// A Range is a piece of RAM.
type Range struct {
	First x86.PhysAddr
	Size  uint64 // bytes
}
