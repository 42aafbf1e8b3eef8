package physmem

import (
	"sync/atomic"
	"unsafe"

	"github.com/pagewalk/pagewalk/x86"
)

// word returns the aligned 8 bytes at pa, nil where there is no RAM. The pointer is sound: pa&^7 is below the length of
// base, which is a multiple of 4096, and base is page-aligned; the same holds for other regions.
func (m *Memory) word(pa x86.PhysAddr) *uint64 {
	if uint64(pa) >= uint64(len(m.base)) {
		r := m.find(pa)
		if r == nil || r.ram == nil {
			return nil
		}
		return (*uint64)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(r.ram)), (pa-r.first)&^7))
	}
	return (*uint64)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(m.base)), pa&^7))
}

// Load64 reads the 8-byte entry at pa, a multiple of 8; all ones where there is no RAM. It assumes a little-endian host,
// which every port with an mmap is.
func (m *Memory) Load64(pa x86.PhysAddr) uint64 {
	if w := m.word(pa); w != nil {
		return *w
	}
	return ^uint64(0)
}

// Store64 writes the 8-byte entry at pa, a multiple of 8, as a device or the kernel would: code in the frame is told of.
func (m *Memory) Store64(pa x86.PhysAddr, v uint64) {
	if w := m.word(pa); w != nil {
		m.NotifyWrite(pa)
		*w = v
	}
}

// CompareAndSwap64 replaces the 8-byte entry at pa if it still is old, as the locked update of accessed and dirty bits
// does (SDM vol. 3A 4.8). Where there is no RAM the bus accepts the write and forgets it.
func (m *Memory) CompareAndSwap64(pa x86.PhysAddr, old, v uint64) bool {
	w := m.word(pa)
	if w == nil {
		return old == ^uint64(0)
	}
	m.NotifyWrite(pa)
	return atomic.CompareAndSwapUint64(w, old, v)
}
