package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// pageFileIn brings a private page back. Where memory is plentiful the pages that follow it, in the address space and in the
// page file, come with it and wait on standby.
func (as *AddressSpace) pageFileIn(f *fault, code protectCode) (FaultKind, ntdef.Status, ntdef.Status) {
	m := as.m
	frame, ok := as.takeFrame(false)
	if !ok {
		return NoMemory, ntdef.STATUS_NO_MEMORY, 0
	}
	f.pte = m.load(f.at) // taking the frame may have moved the page from the store
	file, page := slotOf(f.pte)
	if file == storeNumber {
		m.pfns.entry(frame).original = f.pte
		m.decompress(uint32(page), frame)
		as.mapPrivate(f, frame, code)
		return Compressed, ntdef.STATUS_SUCCESS, 0
	}
	n := uint64(1)
	if m.plentiful() {
		inTable := ptesPerTable - uint64(f.va)>>x86.PageShift%ptesPerTable
		for limit := min(readAhead, inTable); n < limit; n++ {
			nextFile, nextPage := slotOf(m.load(f.at + 8*x86.PhysAddr(n)))
			if !isPageFile(m.load(f.at+8*x86.PhysAddr(n))) || nextFile != file || nextPage != page+n {
				break
			}
		}
	}
	if n = m.readSlots(file, page, n); n == 0 {
		m.freeFrame(frame)
		return InPageError, ntdef.STATUS_IN_PAGE_ERROR, ntdef.STATUS_UNSUCCESSFUL
	}
	copy(m.frame(frame), m.io)
	m.pfns.entry(frame).original = f.pte
	m.giveUpSlot(frame)
	as.mapPrivate(f, frame, code)
	for i := uint64(1); i < n; i++ {
		ahead, ok := m.takeFrame(false)
		if !ok {
			break
		}
		copy(m.frame(ahead), m.io[i<<x86.PageShift:])
		at := f.at + 8*x86.PhysAddr(i)
		e := m.load(at)
		p := m.pfns.entry(ahead)
		p.pte, p.original = at, e
		as.setPTE(at, transitionPTE(ahead, codeOf(e)))
		m.retire(ahead)
	}
	return PageFileIn, ntdef.STATUS_SUCCESS, 0
}

// protoPageIn brings a page of a section back from a page file or the store and pins it.
func (m *Manager) protoPageIn(a *controlArea, page uint64) (frame uint64, kind FaultKind, st, param ntdef.Status) {
	frame, ok := m.takeFrame(false)
	if !ok {
		return 0, NoMemory, ntdef.STATUS_NO_MEMORY, 0
	}
	e := a.proto(page)
	file, slot := slotOf(e)
	if file == storeNumber {
		m.adopt(a, page, frame, e)
		m.pfns.entry(frame).refs++
		m.decompress(uint32(slot), frame)
		return frame, Compressed, ntdef.STATUS_SUCCESS, 0
	}
	if m.readSlots(file, slot, 1) == 0 {
		m.freeFrame(frame)
		return 0, InPageError, ntdef.STATUS_IN_PAGE_ERROR, ntdef.STATUS_UNSUCCESSFUL
	}
	copy(m.frame(frame), m.io)
	m.adopt(a, page, frame, e)
	m.pfns.entry(frame).refs++
	m.giveUpSlot(frame)
	return frame, PageFileIn, ntdef.STATUS_SUCCESS, 0
}

// giveUpSlot frees the place of a page that was read back, where the page files are full: another page can be written there,
// so that RAM and page files together hold all that was promised.
func (m *Manager) giveUpSlot(frame uint64) {
	if m.pageFileRoom() {
		return
	}
	p := m.pfns.entry(frame)
	m.freeSlot(p.original)
	p.original, p.modified = withoutSlot(p.original), true
}

// readSlots reads a run of pages of a page file into the buffer and returns how many it read: where the run cannot be read,
// its first page alone is tried; 0 is an I/O error.
func (m *Manager) readSlots(file, page, n uint64) uint64 {
	f := m.pageFiles[file]
	for {
		m.count.PageReads++
		_, err := f.storage.ReadAt(m.io[:n<<x86.PageShift], int64(page<<x86.PageShift))
		switch {
		case err == nil:
			m.count.PagesInput += n
			m.ioEvent(IOPageFileRead, f.Name, page<<x86.PageShift, n)
			return n
		case n == 1:
			return 0
		}
		n = 1
	}
}
