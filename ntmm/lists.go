package ntmm

import "github.com/pagewalk/pagewalk/x86"

// What an administrator does to the page lists (RAMMap's "Empty" menu; NtSetSystemInformation, SystemMemoryListInformation).

// EmptyWorkingSets takes every page that is not locked out of every working set.
func (m *Manager) EmptyWorkingSets() {
	for _, as := range m.spaces {
		as.EmptyWorkingSet()
	}
}

// FlushModified writes the modified pages, as far as there is room for them, which puts them on standby.
func (m *Manager) FlushModified() {
	for m.writeMapped() || m.writeModified() {
	}
	m.check()
}

// PurgeStandby frees the standby pages of a priority or lower: their contents have to be read again.
func (m *Manager) PurgeStandby(priority int) {
	d := &m.pfns
	for id := listStandby; id <= listStandby+listID(priority); id++ {
		for d.lists[id].head != 0 {
			frame := uint64(d.lists[id].head)
			m.repurpose(frame)
			m.count.TransitionRepurposed-- // nobody else got it
			m.count.RepurposedByPriority[d.entry(frame).priority]--
			d.entry(frame).original = 0 // the place in a page file is its PTE's now
			m.freeFrame(frame)
		}
	}
	m.check()
}

// FilePages counts the pages of data files that are in memory.
func (m *Manager) FilePages() uint64 {
	n := uint64(0)
	for _, a := range m.areas {
		if a != nil && a.file != nil {
			a.eachProto(0, ^uint64(0), func(_ uint64, e x86.PTE) {
				if hasFrame(e) {
					n++
				}
			})
		}
	}
	return n
}

// SharedCommit counts the pages that page-file-backed sections are charged.
func (m *Manager) SharedCommit() uint64 {
	n := uint64(0)
	for _, a := range m.areas {
		if a != nil {
			n += a.charged
		}
	}
	return n
}
