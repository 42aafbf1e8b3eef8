package mmu

import (
	"encoding/binary"
	"unsafe"

	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/x86"
)

// The accesses that miss the host-pointer cache: translation, page crossing, code frames, addresses without RAM.
// They stay out of line so that the hit paths keep small frames.

//go:noinline
func (m *MMU) load8Slow(va x86.VirtAddr) (uint8, *x86.Fault) {
	if m.exact {
		if p := m.again(va, 1, x86.Read); p != nil {
			return *(*uint8)(p), nil
		}
	}
	var b [1]byte
	f := m.read(va, b[:])
	return b[0], f
}

//go:noinline
func (m *MMU) load16Slow(va x86.VirtAddr) (uint16, *x86.Fault) {
	if m.exact {
		if p := m.again(va, 2, x86.Read); p != nil {
			return *(*uint16)(p), nil
		}
	}
	var b [2]byte
	f := m.read(va, b[:])
	return binary.LittleEndian.Uint16(b[:]), f
}

//go:noinline
func (m *MMU) load32Slow(va x86.VirtAddr) (uint32, *x86.Fault) {
	if m.exact {
		if p := m.again(va, 4, x86.Read); p != nil {
			return *(*uint32)(p), nil
		}
	}
	var b [4]byte
	f := m.read(va, b[:])
	return binary.LittleEndian.Uint32(b[:]), f
}

//go:noinline
func (m *MMU) load64Slow(va x86.VirtAddr) (uint64, *x86.Fault) {
	if m.exact {
		if p := m.again(va, 8, x86.Read); p != nil {
			return *(*uint64)(p), nil
		}
	}
	var b [8]byte
	f := m.read(va, b[:])
	return binary.LittleEndian.Uint64(b[:]), f
}

//go:noinline
func (m *MMU) load128Slow(va x86.VirtAddr) (lo, hi uint64, f *x86.Fault) {
	if m.exact {
		if p := m.again(va, 16, x86.Read); p != nil {
			return *(*uint64)(p), *(*uint64)(unsafe.Add(p, 8)), nil
		}
	}
	var b [16]byte
	f = m.read(va, b[:])
	return binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:]), f
}

//go:noinline
func (m *MMU) store8Slow(va x86.VirtAddr, v uint8) *x86.Fault {
	if m.exact {
		if p := m.again(va, 1, x86.Write); p != nil {
			*(*uint8)(p) = v
			return nil
		}
	}
	b := [1]byte{v}
	return m.write(va, b[:])
}

//go:noinline
func (m *MMU) store16Slow(va x86.VirtAddr, v uint16) *x86.Fault {
	if m.exact {
		if p := m.again(va, 2, x86.Write); p != nil {
			*(*uint16)(p) = v
			return nil
		}
	}
	var b [2]byte
	binary.LittleEndian.PutUint16(b[:], v)
	return m.write(va, b[:])
}

//go:noinline
func (m *MMU) store32Slow(va x86.VirtAddr, v uint32) *x86.Fault {
	if m.exact {
		if p := m.again(va, 4, x86.Write); p != nil {
			*(*uint32)(p) = v
			return nil
		}
	}
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], v)
	return m.write(va, b[:])
}

//go:noinline
func (m *MMU) store64Slow(va x86.VirtAddr, v uint64) *x86.Fault {
	if m.exact {
		if p := m.again(va, 8, x86.Write); p != nil {
			*(*uint64)(p) = v
			return nil
		}
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	return m.write(va, b[:])
}

//go:noinline
func (m *MMU) store128Slow(va x86.VirtAddr, lo, hi uint64) *x86.Fault {
	if m.exact {
		if p := m.again(va, 16, x86.Write); p != nil {
			*(*uint64)(p), *(*uint64)(unsafe.Add(p, 8)) = lo, hi
			return nil
		}
	}
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], lo)
	binary.LittleEndian.PutUint64(b[8:], hi)
	return m.write(va, b[:])
}

// span translates [va, va+n) for an access, n at most 4096: the physical addresses of the first byte and, where the access
// crosses, of the second page. Both are translated before anything changes; on a split the fault's address is the second
// page's base.
func (m *MMU) span(va x86.VirtAddr, n int, a x86.Access) (first, second x86.PhysAddr, split int, f *x86.Fault) {
	split = int(x86.PageSize - va.Offset())
	if first, f = m.Translate(va, a); f != nil || n <= split {
		return first, 0, n, f
	}
	second, f = m.Translate(va+x86.VirtAddr(split), a)
	return first, second, split, f
}

// read fills b, at most 4096 bytes, from va; a fault leaves b as it was.
func (m *MMU) read(va x86.VirtAddr, b []byte) *x86.Fault {
	first, second, split, f := m.span(va, len(b), x86.Read)
	if f != nil {
		return f
	}
	if m.watching {
		m.note(va, len(b), x86.Read)
	}
	m.readPhys(first, b[:split])
	m.readPhys(second, b[split:])
	return nil
}

// write stores b, at most 4096 bytes, at va; a fault leaves memory as it was.
func (m *MMU) write(va x86.VirtAddr, b []byte) *x86.Fault {
	first, second, split, f := m.span(va, len(b), x86.Write)
	if f != nil {
		return f
	}
	if m.watching {
		m.note(va, len(b), x86.Write)
	}
	m.writePhys(first, b[:split])
	m.writePhys(second, b[split:])
	return nil
}

// readPhys reads bytes of one page.
func (m *MMU) readPhys(pa x86.PhysAddr, b []byte) {
	if len(b) > 0 {
		m.mem.Read(pa, b)
	}
}

// writePhys writes bytes of one page.
func (m *MMU) writePhys(pa x86.PhysAddr, b []byte) {
	if len(b) > 0 {
		m.mem.Write(pa, b)
	}
}

// Probe makes sure that [va, va+n), n from 1 to 4096, may be accessed, with every effect of the access but on the bytes
// themselves: a write sets D.
func (m *MMU) Probe(va x86.VirtAddr, n int, a x86.Access) *x86.Fault {
	e := &m.cur[cacheIndex(va)]
	tag, gen := e.read, m.gen
	if a&x86.Write != 0 {
		tag, gen = e.write, m.writeGen
	}
	if uint64(va+x86.VirtAddr(n)-1)&^x86.PageMask|gen == tag && a&(x86.Execute|x86.Implicit) == 0 {
		return nil
	}
	_, _, _, f := m.span(va, n, a)
	return f
}

// Read copies len(b) bytes from va, page by page; on a fault b is partly written.
func (m *MMU) Read(va x86.VirtAddr, b []byte) *x86.Fault {
	for len(b) > 0 {
		n := min(len(b), int(x86.PageSize-va.Offset()))
		if e := &m.cur[cacheIndex(va)]; e.read == uint64(va.Page())|m.gen {
			copy(b[:n], (*physmem.Frame)(e.host)[va.Offset():])
		} else if f := m.read(va, b[:n]); f != nil {
			return f
		}
		b, va = b[n:], va+x86.VirtAddr(n)
	}
	return nil
}

// Write copies b to va. A write of at most 4096 bytes changes nothing if it faults; a longer one ends at the page that
// does.
func (m *MMU) Write(va x86.VirtAddr, b []byte) *x86.Fault {
	for len(b) > 0 {
		n := min(len(b), x86.PageSize)
		if f := m.write(va, b[:n]); f != nil {
			return f
		}
		b, va = b[n:], va+x86.VirtAddr(n)
	}
	return nil
}
