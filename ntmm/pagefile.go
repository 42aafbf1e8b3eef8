package ntmm

import (
	"fmt"
	"io"
	"math/bits"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Storage is where the pages of a page file lie. Truncate sets its length, bytes that were never written may be anything.
type Storage interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
}

// A PageFile describes one page file: sizes in bytes, multiples of 4 KiB. It is extended from Initial to Maximum when more
// commit is asked for than the limit allows.
type PageFile struct {
	Name             string // as the guest sees it: \??\C:\pagefile.sys
	Storage          Storage
	Initial, Maximum uint64
}

// PageFileUsage is what is known of a page file, in pages.
type PageFileUsage struct {
	Name                         string
	Size, Minimum, Maximum       uint64
	InUse, Peak                  uint64
	Writes, PagesOut, WriteFails uint64
}

// maxPageFiles is how many page files there may be: a PTE has four bits for the number, of which the compressed store has one.
const maxPageFiles = storeNumber

// maxPageFilePages bounds a page file to 1 TiB.
const maxPageFilePages = 1 << 28

// cluster is how many pages one write or read moves at most: 64 KiB.
const cluster = 16

// pageFile is a page file in use. Its first page is never used, as an offset of 0 in a PTE means demand zero.
type pageFile struct {
	PageFileUsage
	number  uint64
	storage Storage
	bitmap  []uint64 // a bit set: the page is taken
	hint    uint64   // where the next run is looked for
	broken  bool     // a write failed: nothing more is written to it
}

// AddPageFile is NtCreatePagingFile: INVALID_PARAMETER_2 (initial size), _3 (maximum), TOO_MANY_PAGING_FILES; the status of a
// host that has no room is DISK_FULL.
func (m *Manager) AddPageFile(p *PageFile) ntdef.Status {
	initial, maximum := p.Initial>>x86.PageShift, max(p.Maximum, p.Initial)>>x86.PageShift
	switch {
	case initial < 2:
		return ntdef.STATUS_INVALID_PARAMETER_2
	case maximum > maxPageFilePages:
		return ntdef.STATUS_INVALID_PARAMETER_3
	case len(m.pageFiles) == maxPageFiles:
		return ntdef.STATUS_TOO_MANY_PAGING_FILES
	}
	f := &pageFile{number: uint64(len(m.pageFiles)), storage: p.Storage}
	f.Name, f.Minimum, f.Maximum = p.Name, initial, maximum
	if !f.extend(initial) {
		return ntdef.STATUS_DISK_FULL
	}
	m.pageFiles = append(m.pageFiles, f)
	m.commit.limit += initial
	return ntdef.STATUS_SUCCESS
}

// extend makes the file a number of pages longer.
func (f *pageFile) extend(pages uint64) bool {
	if err := f.storage.Truncate(int64((f.Size + pages) << x86.PageShift)); err != nil {
		return false
	}
	f.Size += pages
	f.bitmap = append(f.bitmap, make([]uint64, (f.Size+63)/64-uint64(len(f.bitmap)))...)
	f.bitmap[0] |= 1
	return true
}

// extendPageFiles makes room for more commit.
func (m *Manager) extendPageFiles(pages uint64) {
	for _, f := range m.pageFiles {
		pages -= min(pages, m.grow(f, max(pages, pageFileStep)))
		if pages == 0 {
			return
		}
	}
}

// pageFileStep is by how many pages a page file is extended at least, so that a growing guest does not extend page by page.
const pageFileStep = 256

// grow extends a page file by a number of pages, as far as it may be, and returns by how many it did.
func (m *Manager) grow(f *pageFile, pages uint64) uint64 {
	more := min(pages, f.Maximum-f.Size)
	if more == 0 || !f.extend(more) {
		return 0
	}
	m.commit.limit += more
	return more
}

func (f *pageFile) taken(page uint64) bool { return f.bitmap[page/64]>>(page%64)&1 != 0 }

// reserve takes a run of free pages: as near to n as there is at the hint, at least one. n is 0 where the file is full.
func (f *pageFile) reserve(n uint64) (first, got uint64) {
	if f.InUse+1 >= f.Size || f.broken {
		return 0, 0
	}
	page := f.hint
	for looked := uint64(0); looked <= f.Size; {
		if page >= f.Size {
			page = 1
		}
		word := f.bitmap[page/64] >> (page % 64)
		if free := uint64(bits.TrailingZeros64(^word)); free != 0 {
			page, looked = page+free, looked+free
			continue
		}
		break
	}
	first = page
	for got < n && page < f.Size && !f.taken(page) {
		f.bitmap[page/64] |= 1 << (page % 64)
		page++
		got++
	}
	f.hint = page
	f.InUse += got
	f.Peak = max(f.Peak, f.InUse)
	return first, got
}

// release frees one page.
func (f *pageFile) release(page uint64) {
	if !f.taken(page) {
		panic(fmt.Sprintf("ntmm: page %d of %s was freed twice", page, f.Name))
	}
	f.bitmap[page/64] &^= 1 << (page % 64)
	f.InUse--
}

// freeSlot frees the place that an entry names, if it names one.
func (m *Manager) freeSlot(e x86.PTE) {
	switch file, page := slotOf(e); {
	case !isPageFile(e):
	case file == storeNumber:
		m.releaseSlot(uint32(page))
	default:
		m.pageFiles[file].release(page)
	}
}

// pageFileRoom reports whether a page can be written somewhere.
func (m *Manager) pageFileRoom() bool {
	for _, f := range m.pageFiles {
		if !f.broken && f.InUse+1 < f.Size {
			return true
		}
	}
	return false
}

// reserveSlots takes a run of at most n pages in the first file that has room.
func (m *Manager) reserveSlots(n uint64) (file *pageFile, first, got uint64) {
	for _, f := range m.pageFiles {
		if f.InUse > f.Size/4*3 && !f.broken {
			m.grow(f, pageFileStep) // a full file has no runs left
		}
		if first, got = f.reserve(n); got != 0 {
			return f, first, got
		}
	}
	return nil, 0, 0
}

// PageFiles returns what is known of the page files.
func (m *Manager) PageFiles() []PageFileUsage {
	var all []PageFileUsage
	for _, f := range m.pageFiles {
		all = append(all, f.PageFileUsage)
	}
	return all
}
