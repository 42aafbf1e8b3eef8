package ntmm

import (
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

// imageArea is what a control area knows of an image.
type imageArea struct {
	Image
	codes  []protectCode // by page
	shared []bool        // by page
	copied uint64        // write-copy pages: what a view charges
}

// maxImagePages bounds an image to 2 GiB.
const maxImagePages = 1 << 19

// NewImageSection makes a section of an image. INVALID_IMAGE_FORMAT where its subsections do not fit it.
func (m *Manager) NewImageSection(img *Image) (*Section, ntdef.Status) {
	pages := uint64(pageUp(x86.VirtAddr(img.Size))) >> x86.PageShift
	if pages == 0 || pages > maxImagePages {
		return nil, ntdef.STATUS_INVALID_IMAGE_FORMAT
	}
	i := &imageArea{Image: *img, codes: make([]protectCode, pages), shared: make([]bool, pages)}
	for n := range i.codes {
		i.codes[n] = codeNoAccess
	}
	for _, sub := range img.Subsections {
		code, ok := encodeProtect(sub.Protect)
		first := uint64(sub.RVA) >> x86.PageShift
		last := (uint64(sub.RVA) + uint64(sub.VirtualSize) + x86.PageMask) >> x86.PageShift
		if !ok || sub.RVA%x86.PageSize != 0 || last > pages {
			return nil, ntdef.STATUS_INVALID_IMAGE_FORMAT
		}
		for n := first; n < last; n++ {
			i.codes[n], i.shared[n] = code, sub.Shared
		}
	}
	a := m.newArea(controlArea{name: img.Name, image: i, pages: pages})
	a.sections++
	// Pages that every view may write are promised once, as those of a page-file-backed section are.
	for n, c := range i.codes {
		switch {
		case c.writeCopy():
			i.copied++
		case c.writable():
			i.shared[n] = true
			a.charged++
		}
	}
	if st := m.chargeCommit(a.charged); st != ntdef.STATUS_SUCCESS {
		m.areas[a.number] = nil
		return nil, st
	}
	return &Section{
		area: a, size: pages << x86.PageShift, protect: ntdef.PAGE_EXECUTE_WRITECOPY, code: codeExecuteWriteCopy,
		attributes: ntdef.SEC_IMAGE | ntdef.SEC_FILE,
	}, ntdef.STATUS_SUCCESS
}

// subsection returns the subsection of a page that the file has bytes for, nil where the page begins as zeros.
func (i *imageArea) subsection(page uint64) *Subsection {
	for n := range i.Subsections {
		sub := &i.Subsections[n]
		off := int64(page<<x86.PageShift) - int64(sub.RVA)
		if off >= 0 && off < int64(min(sub.FileSize, uint32(pageUp(x86.VirtAddr(sub.VirtualSize))))) {
			return sub
		}
	}
	return nil
}

// read fills a frame with a page of a subsection; what the file does not have is zero.
func (i *imageArea) read(sub *Subsection, page uint64, b []byte) error {
	off := int64(page<<x86.PageShift) - int64(sub.RVA)
	n := min(int64(len(b)), int64(sub.FileSize)-off)
	clear(b[n:])
	return readFull(i.File, b[:n], int64(sub.FileOffset)+off)
}
