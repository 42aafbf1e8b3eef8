package ntmm

import (
	"errors"
	"io"
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// A controlArea is what all sections and views of one thing share: of a data file, of an image, or of pages that a page file
// backs. Its prototype PTEs say where each page is, in the formats of page tables; 0 leaves it to the kind of area.
type controlArea struct {
	m        *Manager
	number   uint32 // in Manager.areas
	name     string
	file     DataFile      // of a data file
	files    *FileSections // that names this area
	image    *imageArea    // of an image
	pages    uint64
	protos   map[uint64]*[protoChunk]x86.PTE
	reserved bool     // page-file-backed: a prototype PTE of 0 is not committed (SEC_RESERVE)
	charged  uint64   // commit, of a page-file-backed area
	large    []uint64 // of SEC_LARGE_PAGES: the first frame of each large page; it has no prototype PTEs
	sections int
	views    int
	orphan   bool // the file is gone: the area goes with its last view and section
}

// protoChunk is how many prototype PTEs are allocated at a time: those of one page table.
const protoChunk = ptesPerTable

func (m *Manager) newArea(a controlArea) *controlArea {
	a.m = m
	a.protos = map[uint64]*[protoChunk]x86.PTE{}
	area := &a
	for i := 1; i < len(m.areas); i++ {
		if m.areas[i] == nil {
			a.number, m.areas[i] = uint32(i), area
			return area
		}
	}
	a.number = uint32(len(m.areas))
	m.areas = append(m.areas, area)
	return area
}

// proto returns the prototype PTE of a page.
func (a *controlArea) proto(page uint64) x86.PTE {
	if c := a.protos[page/protoChunk]; c != nil {
		return c[page%protoChunk]
	}
	return 0
}

func (a *controlArea) setProto(page uint64, e x86.PTE) {
	c := a.protos[page/protoChunk]
	if c == nil {
		c = new([protoChunk]x86.PTE)
		a.protos[page/protoChunk] = c
	}
	c[page%protoChunk] = e
}

// eachProto calls f for every prototype PTE from one page to another that is not zero, in order.
func (a *controlArea) eachProto(from, to uint64, f func(page uint64, e x86.PTE)) {
	keys := make([]uint64, 0, len(a.protos))
	for k := range a.protos {
		if k >= from/protoChunk && k*protoChunk < to {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		for i, e := range a.protos[k] {
			if page := k*protoChunk + uint64(i); e != 0 && page >= from && page < to {
				f(page, e)
			}
		}
	}
}

// committed reports whether a page is more than reserved.
func (a *controlArea) committed(page uint64) bool {
	return page < a.pages && (!a.reserved || a.proto(page) != 0)
}

// viewCode is the protection of a page that was not touched: an image's own, or the view's.
func (v *vad) viewCode(page uint64) protectCode {
	if i := v.area.image; i != nil {
		return i.codes[page]
	}
	return v.code
}

// resident makes a page of the area resident and pins it. kind says where it came from.
func (m *Manager) resident(a *controlArea, page uint64) (frame uint64, kind FaultKind, st, param ntdef.Status) {
	e := a.proto(page)
	if hasFrame(e) {
		frame = frameOf(e)
		m.pin(frame)
		m.leaveStore(frame)
		return frame, Transition, ntdef.STATUS_SUCCESS, 0
	}
	if isPageFile(e) {
		return m.protoPageIn(a, page)
	}
	if a.file != nil {
		return m.fileIn(a, page)
	}
	var sub *Subsection
	if a.image != nil {
		sub = a.image.subsection(page)
	}
	frame, ok := m.takeFrame(sub == nil)
	if !ok {
		return 0, NoMemory, ntdef.STATUS_NO_MEMORY, 0
	}
	kind = DemandZero
	if sub != nil {
		kind = MappedFile
		m.count.PageReads++
		if err := a.image.read(sub, page, m.frame(frame)); err != nil {
			m.freeFrame(frame)
			return 0, InPageError, ntdef.STATUS_IN_PAGE_ERROR, ntdef.STATUS_UNSUCCESSFUL
		}
		m.count.PagesInput++
		m.ioEvent(IOMappedFileRead, a.name, page<<x86.PageShift, 1)
	}
	m.adopt(a, page, frame, e)
	m.pfns.entry(frame).refs++
	return frame, kind, ntdef.STATUS_SUCCESS, 0
}

// adopt makes a frame that is on no list a page of the area; original is what its prototype PTE becomes without it.
func (m *Manager) adopt(a *controlArea, page, frame uint64, original x86.PTE) {
	p := m.pfns.entry(frame)
	p.area, p.pte, p.original = a.number, x86.PhysAddr(page), original
	a.setProto(page, transitionPTE(frame, 0))
}

// fileIn reads a page of a data file and, where memory is plentiful, what follows it.
func (m *Manager) fileIn(a *controlArea, page uint64) (frame uint64, kind FaultKind, st, param ntdef.Status) {
	frame, ok := m.takeFrame(false)
	if !ok {
		return 0, NoMemory, ntdef.STATUS_NO_MEMORY, 0
	}
	n := uint64(1)
	for m.plentiful() && n < readAhead && page+n < a.pages && a.proto(page+n) == 0 {
		n++
	}
	m.count.PageReads++
	if err := readFull(a.file, m.io[:n<<x86.PageShift], int64(page<<x86.PageShift)); err != nil {
		m.freeFrame(frame)
		return 0, InPageError, ntdef.STATUS_IN_PAGE_ERROR, ntdef.STATUS_UNSUCCESSFUL
	}
	copy(m.frame(frame), m.io)
	m.adopt(a, page, frame, 0)
	m.pfns.entry(frame).refs++
	for i := uint64(1); i < n; i++ {
		ahead, ok := m.takeFrame(false)
		if !ok {
			n = i
			break
		}
		copy(m.frame(ahead), m.io[i<<x86.PageShift:])
		m.adopt(a, page+i, ahead, 0)
		m.retire(ahead)
	}
	m.count.PagesInput += n
	m.ioEvent(IOMappedFileRead, a.name, page<<x86.PageShift, n)
	return frame, MappedFile, ntdef.STATUS_SUCCESS, 0
}

// readAhead is how many pages a hard fault reads at most: itself and those that follow.
const readAhead = 8

// plentiful reports whether frames for reading ahead can be had without a look for more, which would use the buffer.
func (m *Manager) plentiful() bool { return m.pfns.available() > m.lowPages+readAhead }

// readFull fills b; what the file does not have is zero.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n < len(b) && !errors.Is(err, io.EOF) {
		if err == nil {
			err = io.ErrNoProgress
		}
		return err
	}
	clear(b[n:])
	return nil
}

// releaseArea deletes an area that has no views and no sections: of data files only where the file is gone, else its pages stay
// for the next one.
func (m *Manager) releaseArea(a *controlArea) {
	if a.sections != 0 || a.views != 0 {
		return
	}
	if a.file != nil {
		m.flushArea(a, 0, a.pages) // pages that cannot be written stay modified
		if !a.orphan {
			return
		}
	}
	a.eachProto(0, ^uint64(0), func(_ uint64, e x86.PTE) {
		if hasFrame(e) {
			m.freeFrame(frameOf(e))
		} else {
			m.freeSlot(e)
		}
	})
	a.freeLarge()
	m.commit.release(a.charged)
	m.areas[a.number] = nil
}
