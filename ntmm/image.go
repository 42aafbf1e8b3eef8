package ntmm

import (
	"encoding/binary"
	"io"
	"sort"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// An Image describes an executable file to map. Its pages are as the image is at Base: where that is Delta away from the base that
// the file was linked for, every page gets its fixups when it is read, so that all processes share it (Windows Internals, part 1
// ch. 5, "Image randomization").
type Image struct {
	Name        string // for events
	File        io.ReaderAt
	Base        x86.VirtAddr
	Delta       uint64   // modulo 2^64
	Fixups      []uint32 // RVAs of addresses that move with the image, ascending; not looked at where Delta is 0
	Width       int      // bytes of such an address: 8, or 4 of a 32-bit image
	Size        uint64   // of the image in memory, bytes
	Subsections []Subsection
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

// read fills a frame with a page of a subsection as it is at the image's base; what the file does not have is zero.
func (i *imageArea) read(sub *Subsection, page uint64, b []byte) error {
	if err := i.readAt(sub, int64(page<<x86.PageShift)-int64(sub.RVA), b); err != nil {
		return err
	}
	if i.Delta == 0 {
		return nil
	}
	return i.fix(sub, page, b)
}

// readAt fills b from an offset of a subsection.
func (i *imageArea) readAt(sub *Subsection, off int64, b []byte) error {
	n := min(int64(len(b)), max(int64(sub.FileSize)-off, 0))
	clear(b[n:])
	return readFull(i.File, b[:n], int64(sub.FileOffset)+off)
}

// fix applies the fixups of a page. An address that crosses into it or out of it is read again as a whole.
func (i *imageArea) fix(sub *Subsection, page uint64, b []byte) error {
	width := int64(i.Width)
	start := int64(page << x86.PageShift)
	first := sort.Search(len(i.Fixups), func(n int) bool { return int64(i.Fixups[n])+width > start })
	for _, rva := range i.Fixups[first:] {
		at := int64(rva) - start
		if at >= int64(len(b)) {
			break
		}
		if at >= 0 && at+width <= int64(len(b)) {
			i.move(b[at:])
			continue
		}
		var room [8]byte
		whole := room[:width]
		if err := i.readAt(sub, int64(rva)-int64(sub.RVA), whole); err != nil {
			return err
		}
		i.move(whole)
		if at < 0 {
			copy(b, whole[-at:])
		} else {
			copy(b[at:], whole)
		}
	}
	return nil
}

// move adds the distance from the linked base to the address that b begins with.
func (i *imageArea) move(b []byte) {
	if le := binary.LittleEndian; i.Width == 4 {
		le.PutUint32(b, le.Uint32(b)+uint32(i.Delta))
	} else {
		le.PutUint64(b, le.Uint64(b)+i.Delta)
	}
}
