package ntmm

import (
	"errors"
	"io"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// An Image describes an executable file to map.
type Image struct {
	Name          string // for events
	File          io.ReaderAt
	PreferredBase x86.VirtAddr
	Size          uint64 // of the image in memory, bytes
	Subsections   []Subsection
}

// A Subsection is a run of pages with one protection and one place in the file: the headers, or a section. All in bytes.
type Subsection struct {
	RVA, VirtualSize     uint32
	FileOffset, FileSize uint32
	Protect              uint32 // a PAGE_ protection
	Shared               bool   // writes are seen by every view
}

// A Section is an image section: its pages are read once and shared by every view.
type Section struct {
	m      *Manager
	image  Image
	codes  []protectCode // by page
	shared []bool        // by page
	frames []uint64      // by page: the prototype PTEs; 0 where not in memory
	views  int
}

// maxImagePages bounds an image to 2 GiB.
const maxImagePages = 1 << 19

// NewImageSection makes a section of an image. INVALID_IMAGE_FORMAT where its subsections do not fit it.
func (m *Manager) NewImageSection(img *Image) (*Section, ntdef.Status) {
	pages := uint64(pageUp(x86.VirtAddr(img.Size))) >> x86.PageShift
	if pages == 0 || pages > maxImagePages {
		return nil, ntdef.STATUS_INVALID_IMAGE_FORMAT
	}
	s := &Section{
		m: m, image: *img, codes: make([]protectCode, pages), shared: make([]bool, pages), frames: make([]uint64, pages),
	}
	for i := range s.codes {
		s.codes[i] = codeNoAccess
	}
	for _, sub := range img.Subsections {
		code, ok := encodeProtect(sub.Protect)
		first := uint64(sub.RVA) >> x86.PageShift
		last := (uint64(sub.RVA) + uint64(sub.VirtualSize) + x86.PageMask) >> x86.PageShift
		if !ok || sub.RVA%x86.PageSize != 0 || last > pages {
			return nil, ntdef.STATUS_INVALID_IMAGE_FORMAT
		}
		for i := first; i < last; i++ {
			s.codes[i], s.shared[i] = code, sub.Shared
		}
	}
	m.sections = append(m.sections, s)
	return s, ntdef.STATUS_SUCCESS
}

// Name returns the image's name.
func (s *Section) Name() string { return s.image.Name }

// copyPages counts the write-copy pages from one page index to another: what a view of them charges.
func (s *Section) copyPages(from, to uint64) uint64 {
	n := uint64(0)
	for _, c := range s.codes[from:to] {
		if c.writeCopy() {
			n++
		}
	}
	return n
}

// A View says where a section is to be mapped; Base 0 leaves the choice to the manager. Base and Size are returned.
type View struct {
	Base    x86.VirtAddr
	Size    uint64
	TopDown bool
}

// MapView maps a whole image. STATUS_IMAGE_NOT_AT_BASE is the success of a place that is not the preferred one. Other
// statuses: MAPPED_ALIGNMENT, INVALID_PARAMETER_3 (base), CONFLICTING_ADDRESSES, NO_MEMORY, COMMITMENT_LIMIT.
func (as *AddressSpace) MapView(s *Section, view *View) ntdef.Status {
	defer as.check()
	size := uint64(len(s.codes)) << x86.PageShift
	base := view.Base
	switch {
	case base%granularity != 0:
		return ntdef.STATUS_MAPPED_ALIGNMENT
	case base != 0 && (base < as.low || base >= as.high || uint64(as.high-base) < size):
		return ntdef.STATUS_INVALID_PARAMETER_3
	case base != 0 && !as.vads.free(base, base+x86.VirtAddr(size)):
		return ntdef.STATUS_CONFLICTING_ADDRESSES
	case base == 0:
		place := as.vads.lowest
		if view.TopDown {
			place = as.vads.highest
		}
		var ok bool
		if base, ok = place(size, as.low, as.high); !ok {
			return ntdef.STATUS_NO_MEMORY
		}
	}
	if st := as.m.commit.charge(s.copyPages(0, uint64(len(s.codes)))); st != ntdef.STATUS_SUCCESS {
		return st
	}
	v := &vad{
		start: base, end: base + x86.VirtAddr(size), typ: ntdef.MEM_IMAGE, protect: ntdef.PAGE_EXECUTE_WRITECOPY,
		section: s, name: s.image.Name,
	}
	as.vads.insert(v)
	s.views++
	view.Base, view.Size = base, size
	as.vadEvent(VADMap, v, v.start, v.end, v.protect)
	if base != s.image.PreferredBase {
		return ntdef.STATUS_IMAGE_NOT_AT_BASE
	}
	return ntdef.STATUS_SUCCESS
}

// UnmapView unmaps the view that holds va. NOT_MAPPED_VIEW where none does.
func (as *AddressSpace) UnmapView(va x86.VirtAddr) ntdef.Status {
	v := as.vads.find(va)
	if v == nil || v.section == nil {
		return ntdef.STATUS_NOT_MAPPED_VIEW
	}
	as.removeVAD(v)
	v.section.views--
	as.vadEvent(VADUnmap, v, v.start, v.end, 0)
	return ntdef.STATUS_SUCCESS
}

// subsection returns the subsection of a page that the file has bytes for, nil where the page begins as zeros.
func (s *Section) subsection(page uint64) *Subsection {
	for i := range s.image.Subsections {
		sub := &s.image.Subsections[i]
		off := int64(page<<x86.PageShift) - int64(sub.RVA)
		if off >= 0 && off < int64(min(sub.FileSize, uint32(pageUp(x86.VirtAddr(sub.VirtualSize))))) {
			return sub
		}
	}
	return nil
}

// read fills a frame with a page of a subsection; what the file does not have is zero.
func (s *Section) read(sub *Subsection, page uint64, b []byte) error {
	off := int64(page<<x86.PageShift) - int64(sub.RVA)
	n := min(int64(len(b)), int64(sub.FileSize)-off)
	got, err := s.image.File.ReadAt(b[:n], int64(sub.FileOffset)+off)
	if int64(got) == n || errors.Is(err, io.EOF) {
		err = nil
	}
	clear(b[got:])
	return err
}
