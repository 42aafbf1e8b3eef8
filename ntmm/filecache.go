package ntmm

import (
	"io"

	"github.com/pagewalk/pagewalk/x86"
)

// Files and their views show the same bytes: a read takes the pages that are in memory from there, a write changes the file
// and the pages.

// ReadFile reads from a file at an offset, as io.ReaderAt does.
func (m *Manager) ReadFile(f *FileSections, b []byte, off uint64) (int, error) {
	size := f.File.Size()
	if off >= size {
		return 0, io.EOF
	}
	short := uint64(len(b)) > size-off
	if short {
		b = b[:size-off]
	}
	if f.data == nil {
		if err := readFull(f.File, b, int64(off)); err != nil {
			return 0, err
		}
	} else if n, err := f.readPages(m, b, off); err != nil {
		return n, err
	}
	if short {
		return len(b), io.EOF
	}
	return len(b), nil
}

// readPages reads page by page: from memory, or from the file without bringing the page in.
func (f *FileSections) readPages(m *Manager, b []byte, off uint64) (int, error) {
	done := 0
	for done < len(b) {
		at := off + uint64(done)
		part := b[done:min(len(b), done+int(x86.PageSize-at%x86.PageSize))]
		if e := f.data.proto(at >> x86.PageShift); hasFrame(e) {
			copy(part, m.frame(frameOf(e))[at%x86.PageSize:])
		} else if err := readFull(f.File, part, int64(at)); err != nil {
			return done, err
		}
		done += len(part)
	}
	return done, nil
}

// WriteFile writes to a file at an offset, as io.WriterAt does.
func (m *Manager) WriteFile(f *FileSections, b []byte, off uint64) (int, error) {
	n, err := f.File.WriteAt(b, int64(off))
	if f.data == nil {
		return n, err
	}
	for done := 0; done < n; {
		at := off + uint64(done)
		part := b[done:min(n, done+int(x86.PageSize-at%x86.PageSize))]
		if e := f.data.proto(at >> x86.PageShift); hasFrame(e) {
			m.mem.NotifyWrite(x86.PhysAddr(frameOf(e) << x86.PageShift))
			copy(m.frame(frameOf(e))[at%x86.PageSize:], part)
		}
		done += len(part)
	}
	return n, err
}

// CanTruncate reports whether a file may be cut to a size: not below what a view maps (MmCanFileBeTruncated; the service's
// status is STATUS_USER_MAPPED_FILE). What lies in memory behind the new size is forgotten, so the file must be cut next.
func (m *Manager) CanTruncate(f *FileSections, size uint64) bool {
	a := f.data
	if a == nil {
		return true
	}
	pages := (size + x86.PageMask) >> x86.PageShift
	if (a.views != 0 || a.sections != 0) && pages < a.pages {
		return false
	}
	a.eachProto(pages, ^uint64(0), func(page uint64, e x86.PTE) {
		m.freeFrame(frameOf(e))
		a.setProto(page, 0)
	})
	if e := a.proto(size >> x86.PageShift); size%x86.PageSize != 0 && hasFrame(e) {
		clear(m.frame(frameOf(e))[size%x86.PageSize:])
	}
	if a.views == 0 && a.sections == 0 {
		a.pages = min(a.pages, pages)
	}
	m.check()
	return true
}

// IsMapped reports whether a view or a section of the file's data is there: it must not be deleted then.
func (f *FileSections) IsMapped() bool {
	return f.data != nil && (f.data.views != 0 || f.data.sections != 0)
}

// FlushFile writes what is modified in memory, as far as it is known without a look at who maps the file
// (NtFlushBuffersFile). It reports whether everything could be written.
func (m *Manager) FlushFile(f *FileSections) bool {
	return f.data == nil || m.flushArea(f.data, 0, f.data.pages)
}

// CloseFile ends a file's life: modified pages are written, and the file's pages are freed, at once or with its last view.
func (m *Manager) CloseFile(f *FileSections) {
	a := f.data
	if a == nil {
		return
	}
	m.flushArea(a, 0, a.pages)
	f.data = nil
	a.orphan = true
	m.releaseArea(a)
	m.check()
}

// flushArea writes the modified pages of a data file from one page to another and reports whether all could be written.
func (m *Manager) flushArea(a *controlArea, from, to uint64) bool {
	if a.file == nil {
		return true
	}
	good := true
	var run []uint64
	write := func() {
		if len(run) != 0 {
			good = m.saveRun(a, run) && good
			run = run[:0]
		}
	}
	a.eachProto(from, to, func(page uint64, e x86.PTE) {
		if !hasFrame(e) || !m.pfns.entry(frameOf(e)).modified {
			return
		}
		if n := len(run); n == cluster || n != 0 && run[n-1]+1 != page {
			write()
		}
		run = append(run, page)
	})
	write()
	return good
}

// saveRun writes neighbouring resident pages; those that no working set has go on standby.
func (m *Manager) saveRun(a *controlArea, run []uint64) bool {
	if m.writeArea(a, run[0], uint64(len(run))) != nil {
		return false
	}
	for _, page := range run {
		frame := frameOf(a.proto(page))
		p := m.pfns.entry(frame)
		p.modified = false
		if p.list != listNone {
			m.pfns.unlink(frame)
			m.pfns.put(frame, listStandby+listID(p.priority))
		}
	}
	return true
}
