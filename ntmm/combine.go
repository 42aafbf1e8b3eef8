package ntmm

import (
	"bytes"
	"encoding/binary"

	"github.com/pagewalk/pagewalk/x86"
)

// Combining of identical private pages (Windows Internals, 7th ed., part 1 ch. 5, "Memory combining"). Pages of private memory
// that have the same bytes become one page, of an area that no section has; their PTEs map it for reading, or, not valid, name its
// prototype PTE with the Combined bit set. A write makes the page private again, as one to a copy-on-write page does. The
// commit of all of them stays charged, so that this can always be done.

const (
	pteCombined       x86.PTE = 1 << 11 // invalid, with ptePrototype: bits 63:16 are the page's number
	combinedPageShift         = 16
)

// combiner is what the manager knows of combined pages.
type combiner struct {
	area *controlArea // nil before the first pass
	refs []uint32     // by page of the area: PTEs, valid or not
	free []uint64     // pages of the area that are not used
}

// combinedPTE is the invalid entry of a page that was combined with others.
func combinedPTE(page uint64, c protectCode) x86.PTE {
	return x86.PTE(page)<<combinedPageShift | ptePrototype | pteCombined | softPTE(c)
}

// isCombined reports whether an entry that is not valid is of a page that was combined with others.
func isCombined(e x86.PTE) bool {
	const both = ptePrototype | pteCombined
	return e&(x86.PTEPresent|both) == both
}

// combined returns which page of the combined ones an entry is of.
func (m *Manager) combined(e x86.PTE) (page uint64, ok bool) {
	if isCombined(e) {
		return uint64(e >> combinedPageShift), true
	}
	if m.combiner.area == nil || e&x86.PTEPresent == 0 {
		return 0, false
	}
	p := m.pfns.entry(frameOf(e))
	return uint64(p.pte), p.area == m.combiner.area.number
}

// mapping is the hardware entry for a private page's frame: a combined one cannot be written.
func (m *Manager) mapping(frame uint64, c protectCode) x86.PTE {
	e := validPTE(frame, c)
	if a := m.combiner.area; a != nil && m.pfns.entry(frame).area == a.number && c.writable() {
		return e&^(x86.PTEWrite|pteSoftWrite) | pteCopyOnWrite
	}
	return e
}

// Combine makes identical private pages of all working sets one and returns how many frames that freed
// (NtSetSystemInformation, SystemCombinePhysicalMemoryInformation).
func (m *Manager) Combine() uint64 {
	defer m.check()
	return m.combine(0)
}

// combine is Combine for pages that the balance-set manager found unused so many times.
func (m *Manager) combine(age x86.PTE) uint64 {
	c := &m.combiner
	if c.area == nil {
		c.area = m.newArea(controlArea{name: "combined pages", sections: 1})
	}
	before := m.count.PagesCombined
	known := map[uint64]candidate{}
	c.area.eachProto(0, ^uint64(0), func(_ uint64, e x86.PTE) {
		if hasFrame(e) {
			known[hashPage(m.frame(frameOf(e)))] = candidate{frame: frameOf(e)}
		}
	})
	for _, as := range m.spaces {
		var v *vad
		as.forValid(0, as.high, func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
			if v == nil || va >= v.end {
				v = as.vads.next(va)
			}
			p := m.pfns.entry(frameOf(e))
			if !v.isPaged() || v.watch != nil || isLocked(e) || p.proto() || p.reset || e&pteAge>>ageShift < age {
				return
			}
			page := m.frame(frameOf(e))
			h := hashPage(page)
			first, ok := known[h]
			switch {
			case !ok:
				known[h] = candidate{as, va, at, frameOf(e)}
			case bytes.Equal(page, m.frame(first.frame)):
				if first.as != nil {
					m.share(&first)
					known[h] = candidate{frame: first.frame}
				}
				as.join(va, at, e, first.frame)
			}
		})
	}
	return m.count.PagesCombined - before
}

// A candidate is a page that others may be the same as: a private one, or, without an address space, a combined one.
type candidate struct {
	as    *AddressSpace
	va    x86.VirtAddr
	at    x86.PhysAddr
	frame uint64
}

// hashPage is a hash of a page's bytes, the same on every machine.
func hashPage(b []byte) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * 0xff51afd7ed558ccd
		h ^= h >> 32
	}
	return h
}

// share makes a private page a combined one, of which one PTE is there.
func (m *Manager) share(c *candidate) {
	p := m.pfns.entry(c.frame)
	e := m.load(c.at)
	c.as.noteDirty(c.va, e, p)
	page := m.combiner.newPage()
	p.area, p.pte = m.combiner.area.number, x86.PhysAddr(page)
	m.combiner.area.setProto(page, x86.PTE(c.frame)<<x86.PageShift|x86.PTEPresent)
	c.as.setPTE(c.at, m.mapping(c.frame, codeOf(e))|e&(x86.PTEAccessed|pteAge))
	c.as.invalidate(c.va)
}

// newPage returns the number of a page that one PTE has.
func (c *combiner) newPage() uint64 {
	if n := len(c.free); n != 0 {
		page := c.free[n-1]
		c.free = c.free[:n-1]
		c.refs[page] = 1
		return page
	}
	c.refs = append(c.refs, 1)
	return uint64(len(c.refs) - 1)
}

// join maps a combined page in place of a private one with the same bytes.
func (as *AddressSpace) join(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE, frame uint64) {
	m := as.m
	m.mapCombined(frame)
	m.combiner.refs[m.pfns.entry(frame).pte]++
	as.setPTE(at, m.mapping(frame, codeOf(e))|e&(x86.PTEAccessed|pteAge))
	as.invalidate(va)
	m.freeFrame(frameOf(e))
	m.count.PagesCombined++
}

// mapCombined counts one valid PTE more of a combined page that is in memory.
func (m *Manager) mapCombined(frame uint64) {
	m.pfns.unlink(frame)
	m.leaveStore(frame)
	p := m.pfns.entry(frame)
	p.share++
	m.combiner.area.setProto(uint64(p.pte), x86.PTE(frame)<<x86.PageShift|x86.PTEPresent)
}

// dropCombined takes one PTE off a combined page, which goes with its last one.
func (m *Manager) dropCombined(page uint64) {
	c := &m.combiner
	if c.refs[page]--; c.refs[page] != 0 {
		return
	}
	if e := c.area.proto(page); hasFrame(e) {
		m.freeFrame(frameOf(e))
	} else {
		m.freeSlot(e)
	}
	c.area.setProto(page, 0)
	c.free = append(c.free, page)
}
