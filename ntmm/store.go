package ntmm

import (
	"github.com/pagewalk/pagewalk/ntmm/internal/xpress"
	"github.com/pagewalk/pagewalk/x86"
)

// The compressed store holds modified pages compressed instead of in a page file (Windows Internals, 7th ed., part 1 ch. 5,
// "Memory compression"). As on Windows a page there looks like one in a page file: its PTE has the number of a page file that is
// none, storeNumber, and the number of a slot in place of an offset.
//
//  1. The modified-page writer compresses what is modified. A page that would not save a quarter goes to a page file instead.
//  2. The compressed bytes lie in frames of the guest's RAM, one behind the other: a log, whose page n is the frame pages[n-first].
//     A frame is freed when nothing on it is used any more; so a log that grew has holes, and its oldest part is written anew where
//     they are more than a quarter. Slots, which say what lies where, are host memory, as the PFN database is.
//  3. A page that comes back leaves the store: it is in a working set or in the store, and only while it is on standby in both.
//  4. Where the store is full (storePart), or pages cannot be had otherwise, the oldest pages go on to a page file, as they were
//     before they were compressed.
//
// The store charges no commit: what it holds was promised already, and takes less than that. Its frames are active.
const (
	storeNumber = 15 // in the PTEs
	storePart   = 2  // at most 1/2 of RAM

	maxCompressed = x86.PageSize * 3 / 4 // what is larger is not compressed

	storeLowPages = 4 // pages are made available below so many, as compressing takes some
)

// A slot is one compressed page: 40 bytes.
type slot struct {
	pte        x86.PhysAddr // whose page it is, as in the PFN database
	at         uint64       // in the log
	area       uint32
	prev, next uint32 // older and newer in the log; of a free slot the next free one
	size       uint16 // 0: free
}

// A logPage is a page of the log: live is how many of its bytes slots have; frame is 0 where that is none.
type logPage struct {
	frame uint32
	live  uint16
}

type store struct {
	limit  uint64 // frames; 0: there is no store
	frames uint64 // now
	used   uint64 // slots
	live   uint64 // bytes

	slots          []slot // 0 is nobody's
	free           uint32
	oldest, newest uint32
	pages          []logPage
	first, end     uint64 // the number of pages[0]; where the next bytes go

	packed  [maxCompressed]byte
	scratch [2 * x86.PageSize]byte
}

func (s *store) init(frames uint64) {
	s.limit, s.slots = frames/storePart, make([]slot, 1)
}

// full reports whether the store may have no more frames.
func (s *store) full() bool { return s.frames >= s.limit }

// room reports whether pages can be saved in the store: it is not full, and what came last could be compressed.
func (m *Manager) storeRoom() bool {
	return m.store.limit != 0 && !m.store.full() && m.pfns.lists[listModifiedRaw].n < cluster
}

// inStore reports whether an entry names a slot.
func inStore(e x86.PTE) bool {
	number, _ := slotOf(e)
	return isPageFile(e) && number == storeNumber
}

func (s *store) page(at uint64) *logPage { return &s.pages[at>>x86.PageShift-s.first] }

// needsFrame reports whether a number of bytes at the log's end reach a page that is not there.
func (s *store) needsFrame(n uint64) bool {
	last := s.end + n - 1
	return last>>x86.PageShift >= s.first+uint64(len(s.pages))
}

// appendPage gives the log a page more, whose frame is on no list.
func (m *Manager) appendPage(frame uint64) {
	s := &m.store
	if len(s.pages) == 0 {
		s.first = s.end >> x86.PageShift
	}
	m.mem.NotifyWrite(x86.PhysAddr(frame << x86.PageShift))
	*m.pfns.entry(frame) = pfn{area: areaStore}
	s.pages = append(s.pages, logPage{frame: uint32(frame)})
	s.frames++
}

// appendBytes puts bytes, which there is room for, at the log's end and makes a slot theirs.
func (m *Manager) appendBytes(h uint32, b []byte) {
	s := &m.store
	e := &s.slots[h]
	e.at, e.size, e.prev, e.next = s.end, uint16(len(b)), s.newest, 0
	if s.newest != 0 {
		s.slots[s.newest].next = h
	} else {
		s.oldest = h
	}
	s.newest = h
	s.used++
	s.live += uint64(len(b))
	for len(b) > 0 {
		p := s.page(s.end)
		n := copy(m.frame(uint64(p.frame))[s.end%x86.PageSize:], b)
		p.live += uint16(n)
		s.end += uint64(n)
		b = b[n:]
	}
}

// bytes copies what a slot has to a buffer.
func (m *Manager) bytes(h uint32, b []byte) []byte {
	s := &m.store
	e := &s.slots[h]
	b = b[:e.size]
	for done := 0; done < len(b); {
		at := e.at + uint64(done)
		done += copy(b[done:], m.frame(uint64(s.page(at).frame))[at%x86.PageSize:])
	}
	return b
}

// detach takes a slot's bytes out of the log; the slot has no place then.
func (m *Manager) detach(h uint32) {
	s := &m.store
	e := &s.slots[h]
	if e.size == 0 {
		panic("ntmm: a page left the store twice")
	}
	older, newer := &s.oldest, &s.newest
	if e.prev != 0 {
		older = &s.slots[e.prev].next
	}
	if e.next != 0 {
		newer = &s.slots[e.next].prev
	}
	*older, *newer = e.next, e.prev
	s.used--
	s.live -= uint64(e.size)
	for at, end := e.at, e.at+uint64(e.size); at < end; {
		n := min(end, at&^x86.PageMask+x86.PageSize) - at
		p := s.page(at)
		if p.live -= uint16(n); p.live == 0 {
			m.freeFrame(uint64(p.frame))
			p.frame = 0
			s.frames--
		}
		at += n
	}
	e.size = 0
	// Pages without a frame are forgotten at both ends. Behind the last one a new page begins.
	for len(s.pages) > 0 && s.pages[0].frame == 0 {
		s.pages = s.pages[1:]
		s.first++
	}
	for n := len(s.pages); n > 0 && s.pages[n-1].frame == 0; n-- {
		s.pages = s.pages[:n-1]
	}
	if top := (s.first + uint64(len(s.pages))) << x86.PageShift; s.end > top || len(s.pages) == 0 {
		s.end = top
	}
}

// release frees a slot.
func (m *Manager) releaseSlot(h uint32) {
	m.detach(h)
	s := &m.store
	s.slots[h] = slot{next: s.free}
	s.free = h
}

func (s *store) newSlot(area uint32, pte x86.PhysAddr) uint32 {
	h := s.free
	if h != 0 {
		s.free = s.slots[h].next
	} else {
		h = uint32(len(s.slots))
		s.slots = append(s.slots, slot{})
	}
	s.slots[h] = slot{area: area, pte: pte}
	return h
}

// compressModified compresses at most a cluster of the oldest modified pages, which puts them on standby, or, where that saves
// too little, on the list of those that go to a page file as they are. It reports whether there was one.
func (m *Manager) compressModified() bool {
	l := &m.pfns.lists[listModified]
	n := 0
	for ; n < cluster && l.n != 0 && !m.store.full(); n++ {
		m.compressPage(uint64(l.head))
	}
	for m.store.fragmented() && m.compactStore() {
	}
	return n != 0
}

func (m *Manager) compressPage(frame uint64) {
	s, d := &m.store, &m.pfns
	p := d.entry(frame)
	d.unlink(frame)
	n := xpress.Compress(s.packed[:], m.frame(frame))
	if n == 0 {
		m.count.PagesIncompressible++
		d.put(frame, listModifiedRaw)
		return
	}
	m.count.PagesCompressed++
	h := s.newSlot(p.area, p.pte)
	p.modified = false
	p.original = pageFilePTE(storeNumber, uint64(h), codeOf(p.original))
	if s.needsFrame(uint64(n)) {
		other := m.takeAvailable()
		if other == 0 {
			// There is no frame but the page's own, whose bytes are saved.
			m.forget(frame)
			other = frame
		}
		m.appendPage(other)
	}
	m.appendBytes(h, s.packed[:n])
	if p.list == listNone && p.area != areaStore {
		d.put(frame, listStandby+listID(p.priority))
	}
}

// takeAvailable returns a frame that is on no list without making more available; 0 where there is none.
func (m *Manager) takeAvailable() uint64 {
	d := &m.pfns
	for _, id := range []listID{listFree, listZeroed} {
		if frame := uint64(d.lists[id].head); frame != 0 {
			d.unlink(frame)
			return frame
		}
	}
	if frame := d.fresh(); frame != 0 {
		return frame
	}
	return m.repurposeAny()
}

// decompress fills a frame with the page of a slot and frees the slot. The page is modified then: nothing else has it.
func (m *Manager) decompress(h uint32, frame uint64) {
	s := &m.store
	if err := xpress.Decompress(m.frame(frame), m.bytes(h, s.packed[:])); err != nil {
		panic("ntmm: the store is damaged: " + err.Error())
	}
	m.releaseSlot(h)
	m.count.PagesDecompressed++
	p := m.pfns.entry(frame)
	p.original, p.modified = withoutSlot(p.original), true
}

// leaveStore frees the slot of a page on standby that comes back.
func (m *Manager) leaveStore(frame uint64) {
	if p := m.pfns.entry(frame); inStore(p.original) {
		m.freeSlot(p.original)
		p.original, p.modified = withoutSlot(p.original), true
	}
}

// fragmented reports whether more than a quarter of the log's bytes are nobody's, two pages aside.
func (s *store) fragmented() bool {
	all := s.frames << x86.PageShift
	return all-s.live > all/4+2*x86.PageSize
}

// compactStore moves what begins on the log's oldest page to its end. It reports whether that could be done.
func (m *Manager) compactStore() bool {
	s := &m.store
	if s.used < 2 {
		return false
	}
	page, size := s.slots[s.oldest].at>>x86.PageShift, uint64(0)
	var moved [x86.PageSize / 4]uint32 // 4 bytes are the least that a page takes
	n := 0
	for h := s.oldest; h != 0 && s.slots[h].at>>x86.PageShift == page; h = s.slots[h].next {
		size += uint64(s.slots[h].size)
		moved[n] = h
		n++
	}
	if size > x86.PageSize && m.pfns.available() == 0 {
		return false // the frame that it gives back may not do
	}
	at := 0
	var ends [len(moved)]int
	for i, h := range moved[:n] {
		at += len(m.bytes(h, s.scratch[at:]))
		ends[i] = at
		m.detach(h)
	}
	at = 0
	for i, h := range moved[:n] {
		b := s.scratch[at:ends[i]]
		at = ends[i]
		if s.needsFrame(uint64(len(b))) {
			m.appendPage(m.takeAvailable())
		}
		m.appendBytes(h, b)
	}
	return true
}

// squeezeStore closes the log's holes where they add up to frames. It reports whether it freed any.
func (m *Manager) squeezeStore() bool {
	s := &m.store
	before := s.frames
	for n := len(s.pages); n > 0 && s.frames<<x86.PageShift-s.live >= 2*x86.PageSize && m.compactStore(); n-- {
	}
	return s.frames < before
}

// writeStore writes a run of the store's oldest pages to a page file, as they were. It reports whether it wrote any.
func (m *Manager) writeStore() bool {
	s := &m.store
	if s.used == 0 {
		return false
	}
	file, first, n := m.reserveSlots(min(s.used, cluster))
	if file == nil {
		return false
	}
	h := s.oldest
	for i := range n {
		b := m.io[i<<x86.PageShift:][:x86.PageSize]
		if err := xpress.Decompress(b, m.bytes(h, s.packed[:])); err != nil {
			panic("ntmm: the store is damaged: " + err.Error())
		}
		h = s.slots[h].next
	}
	if !m.writeSlots(file, first, n) {
		return true
	}
	m.count.StorePagesOutput += n
	for i := range n {
		h := s.oldest
		m.redirect(&s.slots[h], file.number, first+i)
		m.releaseSlot(h)
	}
	return true
}

// reference returns where the entry is that names a slot: of a page on standby its original PTE, else the PTE, or the prototype PTE,
// whose address is nil then.
func (m *Manager) reference(s *slot) (e x86.PTE, original *x86.PTE) {
	if s.area == 0 {
		e = m.load(s.pte)
	} else {
		e = m.areas[s.area].proto(uint64(s.pte))
	}
	if hasFrame(e) {
		p := m.pfns.entry(frameOf(e))
		return p.original, &p.original
	}
	return e, nil
}

// redirect makes what names a slot name a place in a page file.
func (m *Manager) redirect(s *slot, file, page uint64) {
	e, original := m.reference(s)
	e = pageFilePTE(file, page, codeOf(e))
	switch {
	case original != nil:
		*original = e
	case s.area == 0:
		m.mem.Store64(s.pte, uint64(e))
	default:
		m.areas[s.area].setProto(uint64(s.pte), e)
	}
}
