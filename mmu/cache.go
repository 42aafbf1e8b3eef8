package mmu

import (
	"unsafe"

	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// The host-pointer cache. An entry is valid for a kind of access where its tag is the page's address with the present
// generation in the low 12 bits; one comparison of the page of the access's last byte against the tag of the page of its
// first catches a miss and a page crossing both. A new generation empties the cache at once: generations count from 1 to
// 4095, and then the entries are cleared, so that a zero tag never matches. Write tags have a generation of their own.
//
// Why the pointers are sound: host is a *physmem.Frame of 4096 bytes; an access at offset va&0xfff that passed the
// comparison ends inside the same page, so inside the frame. Frames live as long as their Memory.

const (
	cacheSize = 1 << 14
	lastGen   = x86.PageMask
)

type cacheEntry struct {
	read, write, exec uint64
	host              unsafe.Pointer
	pa                x86.PhysAddr // of the frame
}

func cacheIndex(va x86.VirtAddr) uint64 { return uint64(va) >> x86.PageShift % cacheSize }

// holds reports whether a slot is of va's page.
func (m *MMU) holds(e *cacheEntry, va x86.VirtAddr) bool {
	page := uint64(va.Page())
	return e.read == page|m.gen || e.exec == page|m.gen || e.write == page|m.writeGen
}

// clear forgets everything in the cache.
func (m *MMU) clear() {
	m.gen++
	m.clearWrites()
}

// clearWrites forgets what may be written.
func (m *MMU) clearWrites() {
	m.writeGen++
	if m.gen <= lastGen && m.writeGen <= lastGen {
		return
	}
	clear(m.user[:]) // an assignment of both would have a frame of 640 KB, and every thread a stack for it
	clear(m.super[:])
	m.gen, m.writeGen = 1, 1
}

// fill notes that an access of kind a to va, translated to pa, needs no further check until something is forgotten.
func (m *MMU) fill(va x86.VirtAddr, pa x86.PhysAddr, a x86.Access) {
	if a&x86.Implicit != 0 || m.watching && m.watches(va.Page()) && a&x86.Execute == 0 {
		return
	}
	i := cacheIndex(va)
	if m.exact {
		*m.refs[i].of(a) = m.tlb.Last()
		m.fillSlot(&m.shadow[i], va, pa, a)
		return
	}
	m.fillSlot(&m.cur[i], va, pa, a)
}

// refs are where the first level of the TLB has a page for data and for instructions.
type refs struct{ data, fetch tlb.Ref }

func (r *refs) of(a x86.Access) *tlb.Ref {
	if a&x86.Execute != 0 {
		return &r.fetch
	}
	return &r.data
}

// again is an access in exact mode that ends in the page it begins in, whose translation the cache knows and the first
// level of the TLB has still: the lookup is done, and counts. nil is any other.
func (m *MMU) again(va x86.VirtAddr, n uint64, a x86.Access) unsafe.Pointer {
	i := cacheIndex(va)
	e := &m.shadow[i]
	tag, gen := e.read, m.gen
	if a == x86.Write {
		tag, gen = e.write, m.writeGen
	}
	if (uint64(va)+n-1)&^x86.PageMask|gen != tag || !m.tlb.Again(&m.refs[i].data, a) {
		return nil
	}
	return unsafe.Add(e.host, uint64(va)&x86.PageMask)
}

// fillSlot fills one slot of the cache.
func (m *MMU) fillSlot(e *cacheEntry, va x86.VirtAddr, pa x86.PhysAddr, a x86.Access) {
	frame := m.mem.Frame(pa)
	if frame == nil {
		return
	}
	page := uint64(va.Page())
	if e.pa != pa.Page() || !m.holds(e, va) {
		*e = cacheEntry{host: unsafe.Pointer(frame), pa: pa.Page()}
	}
	switch {
	case a&x86.Execute != 0:
		e.exec = page | m.gen
	case a&x86.Write != 0:
		// A page that may be written may be read. Stores to decoded code must be seen.
		e.read = page | m.gen
		if !m.mem.IsCode(pa) {
			e.write = page | m.writeGen
		}
	default:
		e.read = page | m.gen
	}
}

// hit reads or writes through an entry that passed the comparison.
func hit[T uint8 | uint16 | uint32 | uint64](e *cacheEntry, va x86.VirtAddr) *T {
	return (*T)(unsafe.Add(e.host, uint64(va)&x86.PageMask))
}

// Load8 reads a byte.
func (m *MMU) Load8(va x86.VirtAddr) (uint8, *x86.Fault) {
	if e := &m.cur[cacheIndex(va)]; uint64(va)&^x86.PageMask|m.gen == e.read {
		return *hit[uint8](e, va), nil
	}
	return m.load8Slow(va)
}

// Load16 reads two bytes, little-endian, at any alignment.
func (m *MMU) Load16(va x86.VirtAddr) (uint16, *x86.Fault) {
	if e := &m.cur[cacheIndex(va)]; uint64(va+1)&^x86.PageMask|m.gen == e.read {
		return *hit[uint16](e, va), nil
	}
	return m.load16Slow(va)
}

// Load32 reads four bytes.
func (m *MMU) Load32(va x86.VirtAddr) (uint32, *x86.Fault) {
	if e := &m.cur[cacheIndex(va)]; uint64(va+3)&^x86.PageMask|m.gen == e.read {
		return *hit[uint32](e, va), nil
	}
	return m.load32Slow(va)
}

// Load64 reads eight bytes.
func (m *MMU) Load64(va x86.VirtAddr) (uint64, *x86.Fault) {
	if e := &m.cur[cacheIndex(va)]; uint64(va+7)&^x86.PageMask|m.gen == e.read {
		return *hit[uint64](e, va), nil
	}
	return m.load64Slow(va)
}

// Load128 returns the low and the high half of 16 bytes; no alignment is asked.
func (m *MMU) Load128(va x86.VirtAddr) (lo, hi uint64, f *x86.Fault) {
	if e := &m.cur[cacheIndex(va)]; uint64(va+15)&^x86.PageMask|m.gen == e.read {
		return *hit[uint64](e, va), *hit[uint64](e, va+8), nil
	}
	return m.load128Slow(va)
}

// Store8 writes a byte.
func (m *MMU) Store8(va x86.VirtAddr, v uint8) *x86.Fault {
	if e := &m.cur[cacheIndex(va)]; uint64(va)&^x86.PageMask|m.writeGen == e.write {
		*hit[uint8](e, va) = v
		return nil
	}
	return m.store8Slow(va, v)
}

// Store16 writes two bytes. A store that faults, on either page, changes nothing.
func (m *MMU) Store16(va x86.VirtAddr, v uint16) *x86.Fault {
	if e := &m.cur[cacheIndex(va)]; uint64(va+1)&^x86.PageMask|m.writeGen == e.write {
		*hit[uint16](e, va) = v
		return nil
	}
	return m.store16Slow(va, v)
}

// Store32 writes four bytes.
func (m *MMU) Store32(va x86.VirtAddr, v uint32) *x86.Fault {
	if e := &m.cur[cacheIndex(va)]; uint64(va+3)&^x86.PageMask|m.writeGen == e.write {
		*hit[uint32](e, va) = v
		return nil
	}
	return m.store32Slow(va, v)
}

// Store64 writes eight bytes.
func (m *MMU) Store64(va x86.VirtAddr, v uint64) *x86.Fault {
	if e := &m.cur[cacheIndex(va)]; uint64(va+7)&^x86.PageMask|m.writeGen == e.write {
		*hit[uint64](e, va) = v
		return nil
	}
	return m.store64Slow(va, v)
}

// Store128 writes 16 bytes.
func (m *MMU) Store128(va x86.VirtAddr, lo, hi uint64) *x86.Fault {
	if e := &m.cur[cacheIndex(va)]; uint64(va+15)&^x86.PageMask|m.writeGen == e.write {
		*hit[uint64](e, va) = lo
		*hit[uint64](e, va+8) = hi
		return nil
	}
	return m.store128Slow(va, lo, hi)
}

// Fetch translates va for an instruction fetch and returns its frame (nil where there is no RAM) and physical address.
func (m *MMU) Fetch(va x86.VirtAddr) (*physmem.Frame, x86.PhysAddr, *x86.Fault) {
	if e := &m.cur[cacheIndex(va)]; uint64(va)&^x86.PageMask|m.gen == e.exec {
		return (*physmem.Frame)(e.host), e.pa + x86.PhysAddr(va.Offset()), nil
	}
	if m.exact {
		i := cacheIndex(va)
		if e := &m.shadow[i]; uint64(va)&^x86.PageMask|m.gen == e.exec && m.tlb.Again(&m.refs[i].fetch, x86.Execute) {
			return (*physmem.Frame)(e.host), e.pa + x86.PhysAddr(va.Offset()), nil
		}
	}
	pa, f := m.Translate(va, x86.Execute)
	if f != nil {
		return nil, 0, f
	}
	return m.mem.Frame(pa), pa, nil
}

// Span returns the host bytes from va to the end of its page, n of them at most, for an access; nil where the access must
// go element by element: it is not in the cache after a probe, or goes to decoded code. The bytes are valid until the next
// call of any method. In exact mode the span is one lookup.
func (m *MMU) Span(va x86.VirtAddr, n int, a x86.Access) []byte {
	if n <= 0 {
		return nil
	}
	cache := m.cur
	if m.exact {
		cache = m.shadow
	}
	e := &cache[cacheIndex(va)]
	tag, gen := &e.read, m.gen
	if a&x86.Write != 0 {
		tag, gen = &e.write, m.writeGen
	}
	if *tag != uint64(va.Page())|gen || m.exact && !m.tlb.Again(&m.refs[cacheIndex(va)].data, a) {
		// Faults are the element's to report, at its own address and with nothing before it lost.
		if _, f := m.Translate(va, a); f != nil || *tag != uint64(va.Page())|gen {
			return nil
		}
	}
	frame := (*physmem.Frame)(e.host)
	off := va.Offset()
	return frame[off:min(off+uint64(n), x86.PageSize)]
}
