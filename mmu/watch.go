package mmu

import "github.com/pagewalk/pagewalk/x86"

// A watchpoint is a range of linear addresses whose accesses are noted: what data breakpoints need. Pages that hold one
// are kept out of the host-pointer cache, so that accesses elsewhere cost nothing.
type watchpoint struct {
	first, last x86.VirtAddr
	kind        x86.Access // 0: not in use
}

// Watch sets watchpoint i, 0 to 3, to the n bytes from va, for reads and writes as in a; n of 0 takes it away.
func (m *MMU) Watch(i int, va x86.VirtAddr, n int, a x86.Access) {
	w := watchpoint{}
	if n > 0 {
		w = watchpoint{va, va + x86.VirtAddr(n) - 1, a}
	}
	if m.watch[i] == w {
		return
	}
	m.watch[i] = w
	m.watching = false
	for _, w := range m.watch {
		m.watching = m.watching || w.kind != 0
	}
	m.clear()
}

// Watched returns the watchpoints that were met since it was last called, one bit each.
func (m *MMU) Watched() uint8 {
	hits := m.watchHits
	m.watchHits = 0
	return hits
}

// note notes an access of n bytes.
func (m *MMU) note(va x86.VirtAddr, n int, a x86.Access) {
	for i := range m.watch {
		if w := &m.watch[i]; w.kind&a != 0 && va <= w.last && w.first < va+x86.VirtAddr(n) {
			m.watchHits |= 1 << i
		}
	}
}

// watches reports whether a page holds a watchpoint.
func (m *MMU) watches(page x86.VirtAddr) bool {
	for i := range m.watch {
		if w := &m.watch[i]; w.kind != 0 && (w.first.Page() == page || w.last.Page() == page) {
			return true
		}
	}
	return false
}
