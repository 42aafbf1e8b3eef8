package ntmm

import (
	"github.com/pagewalk/pagewalk/x86"
)

// replenish gets pages back when few are available: modified pages are written, and where there are none working sets are
// trimmed. It is synchronous: the guest's instruction that needs a page waits.
func (m *Manager) replenish() {
	if m.pfns.available() != 0 && m.count.PageFaults < m.barren {
		return
	}
	target := m.lowPages + 4*cluster
	for m.pfns.available() < target {
		if m.writeMapped() || m.writeModified() || m.trimAny(cluster) {
			continue
		}
		// What is compressed is far cheaper to have back than what lies in a page file: it goes there only in need.
		if m.pfns.available() <= m.lowPages && (m.squeezeStore() || m.writeStore()) {
			continue
		}
		// Nothing more to get: look again when the guest has gone on.
		m.barren = m.count.PageFaults + 256
		return
	}
}

// writeModified saves one run of modified pages, in the compressed store where there is one, and reports whether there were any
// (Windows Internals, part 1 ch. 5, "Modified page writer").
func (m *Manager) writeModified() bool {
	s := &m.store
	if s.limit == 0 {
		return m.writeList(listModified)
	}
	if m.pfns.lists[listModified].n != 0 {
		if s.full() {
			m.writeStore()
		}
		if m.compressModified() {
			return true
		}
	}
	return m.writeList(listModifiedRaw) || m.writeList(listModified)
}

// writeList writes one run of modified pages to a page file and reports whether there were any. A place is chosen only now, so
// that pages trimmed together lie together.
func (m *Manager) writeList(id listID) bool {
	d := &m.pfns
	l := &d.lists[id]
	if l.n == 0 {
		return false
	}
	file, first, n := m.reserveSlots(min(l.n, cluster))
	if file == nil {
		return false
	}
	frame := uint64(l.head)
	for i := range n {
		copy(m.io[i<<x86.PageShift:], m.frame(frame))
		frame = uint64(d.entry(frame).next)
	}
	if !m.writeSlots(file, first, n) {
		return true // another file may do
	}
	for i := range n {
		frame := uint64(l.head)
		p := d.entry(frame)
		d.unlink(frame)
		p.modified = false
		p.original = pageFilePTE(file.number, first+i, codeOf(p.original))
		d.put(frame, listStandby+listID(p.priority))
	}
	return true
}

// writeSlots writes the buffer's first n pages to places that were reserved. A file that cannot be written is not used again.
func (m *Manager) writeSlots(file *pageFile, first, n uint64) bool {
	if _, err := file.storage.WriteAt(m.io[:n<<x86.PageShift], int64(first<<x86.PageShift)); err != nil {
		for i := range n {
			file.release(first + i)
		}
		file.broken = true
		file.WriteFails++
		return false
	}
	m.ioEvent(IOPageFileWrite, file.Name, first<<x86.PageShift, n)
	m.count.PageWrites++
	m.count.PagesOutput += n
	file.Writes++
	file.PagesOut += n
	return true
}

// writeMapped writes one run of modified pages of a data file to it (the mapped page writer). Pages that cannot be written
// stay in memory, on the modified-no-write list.
func (m *Manager) writeMapped() bool {
	frame := uint64(m.pfns.lists[listModifiedMapped].head)
	if frame == 0 {
		return false
	}
	p := m.pfns.entry(frame)
	a, first := m.areas[p.area], uint64(p.pte)
	n := uint64(1)
	for n < cluster {
		e := a.proto(first + n)
		if !hasFrame(e) || m.pfns.entry(frameOf(e)).list != listModifiedMapped {
			break
		}
		n++
	}
	err := m.writeArea(a, first, n)
	for i := range n {
		frame := frameOf(a.proto(first + i))
		p := m.pfns.entry(frame)
		m.pfns.unlink(frame)
		if err != nil {
			m.pfns.put(frame, listModifiedNo)
			continue
		}
		p.modified = false
		m.pfns.put(frame, listStandby+listID(p.priority))
	}
	return true
}

// writeArea writes n resident pages of a data file, at most a cluster; what lies behind the file's end is not written.
func (m *Manager) writeArea(a *controlArea, first, n uint64) error {
	for i := range n {
		copy(m.io[i<<x86.PageShift:], m.frame(frameOf(a.proto(first+i))))
	}
	off := first << x86.PageShift
	size := a.file.Size()
	if off < size {
		if _, err := a.file.WriteAt(m.io[:min(n<<x86.PageShift, size-off)], int64(off)); err != nil {
			m.count.MappedWriteFails++
			return err
		}
	}
	m.ioEvent(IOMappedFileWrite, a.name, off, n)
	m.count.MappedPageWrites++
	m.count.MappedPagesOutput += n
	m.count.PageWrites++
	m.count.PagesOutput += n
	return nil
}

// A second of virtual time, and of what the threads of the memory manager do in it.
const (
	balanceInterval  = 1_000_000_000 // instructions between two runs of the balance-set manager
	zeroInterval     = 10_000_000    // between two of the zero-page thread
	zeroPagesAtOnce  = 64
	modifiedMaximum  = 4 // modified pages are written once there are more than 1/4 of RAM
	agingWhenBelow   = 2 // working sets age while less than 1/2 of RAM is available
	trimmingWhenLess = 8 // and are trimmed below 1/8
)

// Tick does what is due at an instruction count: zero pages, age and trim working sets, write modified pages. What happens
// depends on the count alone, so that a run is reproducible.
func (m *Manager) Tick(ic uint64) {
	if ic >= m.nextZero {
		m.nextZero = ic + zeroInterval
		m.zeroPages(zeroPagesAtOnce)
	}
	if ic < m.nextBalance {
		return
	}
	m.nextBalance = ic + balanceInterval
	d := &m.pfns
	if d.available() < d.frames/agingWhenBelow {
		for _, as := range m.spaces {
			as.age()
		}
		if m.combines {
			m.combine(1)
		}
	}
	for d.available() < d.frames/trimmingWhenLess && m.trimAny(cluster) {
	}
	for d.modified() > d.frames/modifiedMaximum && (m.writeMapped() || m.writeModified()) {
	}
	m.check()
}
