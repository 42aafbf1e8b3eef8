package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// A DataFile is a file that can be mapped. Its methods are called at any time while a section, a view or a modified page of
// it is there.
type DataFile interface {
	Storage
	Size() uint64
}

// FileSections joins a file to what is mapped of it; a file system keeps one for each file, not for each handle (Windows'
// SECTION_OBJECT_POINTERS). It must be read and written through the manager, so that views and file agree.
type FileSections struct {
	Name string // for events and NtQueryVirtualMemory
	File DataFile
	data *controlArea
}

// A Section is a section object: a size and a protection, and the control area whose pages its views show.
type Section struct {
	area       *controlArea
	size       uint64
	protect    uint32
	code       protectCode
	attributes uint32
	closed     bool
}

// SectionInfo is SECTION_BASIC_INFORMATION.
type SectionInfo struct {
	Attributes uint32
	Size       uint64
}

// maxSection bounds a section to the user's address space.
const maxSection = 1 << 47

const sectionAttributes = ntdef.SEC_FILE | ntdef.SEC_IMAGE | ntdef.SEC_RESERVE | ntdef.SEC_COMMIT | ntdef.SEC_NOCACHE |
	ntdef.SEC_WRITECOMBINE | ntdef.SEC_LARGE_PAGES | ntdef.SEC_BASED | ntdef.SEC_NO_CHANGE

// NewSection is NtCreateSection for data: of a file, or, with a nil one, of zeros that a page file backs. Statuses:
// INVALID_PARAMETER_6 (attributes), INVALID_PAGE_PROTECTION, INVALID_PARAMETER_4 (no size), SECTION_TOO_BIG,
// MAPPED_FILE_SIZE_ZERO, COMMITMENT_LIMIT, PRIVILEGE_NOT_HELD for SEC_LARGE_PAGES.
func (m *Manager) NewSection(f *FileSections, size uint64, protect, attributes uint32) (*Section, ntdef.Status) {
	return m.newSection(f, size, protect, attributes, false)
}

// NewLockedSection is NewSection for a caller that holds SeLockMemoryPrivilege, which SEC_LARGE_PAGES wants: a section of at least
// one large page, all of whose frames are taken at once. Its statuses are INVALID_PARAMETER_4 for a size that is no multiple of
// 2 MiB, INVALID_PAGE_PROTECTION for copies, and INSUFFICIENT_RESOURCES where RAM has no such runs of frames left.
func (m *Manager) NewLockedSection(f *FileSections, size uint64, protect, attributes uint32) (*Section, ntdef.Status) {
	return m.newSection(f, size, protect, attributes, true)
}

func (m *Manager) newSection(f *FileSections, size uint64, protect, attributes uint32, lockMemory bool) (*Section, ntdef.Status) {
	kind := attributes & (ntdef.SEC_COMMIT | ntdef.SEC_RESERVE | ntdef.SEC_IMAGE)
	switch {
	case attributes&^sectionAttributes != 0, kind == 0, kind&(kind-1) != 0,
		attributes&ntdef.SEC_LARGE_PAGES != 0 && kind != ntdef.SEC_COMMIT,
		attributes&ntdef.SEC_LARGE_PAGES != 0 && f != nil:
		return nil, ntdef.STATUS_INVALID_PARAMETER_6
	}
	code, ok := encodeProtect(protect &^ (ntdef.PAGE_NOCACHE | ntdef.PAGE_WRITECOMBINE))
	switch {
	case !ok, code.noAccess(), code&codeModifier != 0:
		return nil, ntdef.STATUS_INVALID_PAGE_PROTECTION
	case attributes&ntdef.SEC_LARGE_PAGES != 0 && !lockMemory:
		return nil, ntdef.STATUS_PRIVILEGE_NOT_HELD
	case attributes&ntdef.SEC_LARGE_PAGES != 0 && !code.fitsLarge():
		return nil, ntdef.STATUS_INVALID_PAGE_PROTECTION
	}
	if attributes&ntdef.SEC_NOCACHE != 0 {
		code |= codeNoCache
	} else if attributes&ntdef.SEC_WRITECOMBINE != 0 {
		code |= codeWriteCombine
	}
	s := &Section{size: size, protect: protect, code: code, attributes: attributes}
	var st ntdef.Status
	if f == nil {
		st = m.newAnonymous(s)
	} else {
		s.attributes |= ntdef.SEC_FILE
		st = m.newFileArea(s, f)
	}
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	s.area.sections++
	m.check()
	return s, ntdef.STATUS_SUCCESS
}

// newAnonymous makes the area of a page-file-backed section: SEC_COMMIT charges it whole.
func (m *Manager) newAnonymous(s *Section) ntdef.Status {
	switch {
	case s.size == 0, s.isLarge() && s.size%LargePageSize != 0:
		return ntdef.STATUS_INVALID_PARAMETER_4
	case s.size > maxSection:
		return ntdef.STATUS_SECTION_TOO_BIG
	}
	s.size = uint64(pageUp(x86.VirtAddr(s.size)))
	a := controlArea{pages: s.size >> x86.PageShift, reserved: s.attributes&ntdef.SEC_RESERVE != 0}
	if !a.reserved {
		if st := m.chargeCommit(a.pages); st != ntdef.STATUS_SUCCESS {
			return st
		}
		a.charged = a.pages
	}
	s.area = m.newArea(a)
	if !s.isLarge() {
		return ntdef.STATUS_SUCCESS
	}
	st := s.area.takeLarge()
	if st != ntdef.STATUS_SUCCESS {
		m.releaseArea(s.area)
	}
	return st
}

func (s *Section) isLarge() bool { return s.attributes&ntdef.SEC_LARGE_PAGES != 0 }

// newFileArea finds or makes the area of a data file. A section larger than the file extends it, where it may be written.
func (m *Manager) newFileArea(s *Section, f *FileSections) ntdef.Status {
	have := f.File.Size()
	switch {
	case s.size == 0 && have == 0:
		return ntdef.STATUS_MAPPED_FILE_SIZE_ZERO
	case s.size == 0:
		s.size = have
	case s.size > have && (!s.code.writable() || s.size > maxSection):
		return ntdef.STATUS_SECTION_TOO_BIG
	case s.size > have:
		if f.File.Truncate(int64(s.size)) != nil {
			return ntdef.STATUS_DISK_FULL
		}
	}
	if f.data == nil {
		f.data = m.newArea(controlArea{name: f.Name, file: f.File, files: f})
	}
	s.area = f.data
	s.area.pages = max(s.area.pages, (s.size+x86.PageMask)>>x86.PageShift)
	return ntdef.STATUS_SUCCESS
}

// Close deletes the section object. Views stay.
func (s *Section) Close() {
	if s.closed {
		return
	}
	s.closed = true
	s.area.sections--
	m := s.area.m
	m.releaseArea(s.area)
	m.check()
}

// Name returns the name of the file behind the section, "" where there is none.
func (s *Section) Name() string { return s.area.name }

// Viewed reports whether the area of the section has a view.
func (s *Section) Viewed() bool { return s.area.views > 0 }

// Info is NtQuerySection, class SectionBasicInformation.
func (s *Section) Info() SectionInfo { return SectionInfo{s.attributes, s.size} }

// Protect returns the protection that the section was made with.
func (s *Section) Protect() uint32 { return s.protect }

// IsImage reports whether the section is of an image.
func (s *Section) IsImage() bool { return s.area.image != nil }

// Extend is NtExtendSection: a section of a data file and the file itself grow; a smaller size changes nothing. It returns
// the section's size. SECTION_NOT_EXTENDED for images, page-file-backed sections and sections that may not be written.
func (s *Section) Extend(size uint64) (uint64, ntdef.Status) {
	a := s.area
	if a.file == nil || !s.code.writable() || size > maxSection {
		return s.size, ntdef.STATUS_SECTION_NOT_EXTENDED
	}
	if size <= s.size {
		return s.size, ntdef.STATUS_SUCCESS
	}
	if size > a.file.Size() && a.file.Truncate(int64(size)) != nil {
		return s.size, ntdef.STATUS_DISK_FULL
	}
	s.size = size
	a.pages = max(a.pages, (size+x86.PageMask)>>x86.PageShift)
	return size, ntdef.STATUS_SUCCESS
}
