package nt

import (
	"cmp"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
)

// A sectionObject is what a section handle refers to.
type sectionObject struct {
	objectHeader
	mm    *ntmm.Section
	image *Section // of an image
	known *node    // a system DLL, whose section is made when it is opened first; nil: of no known one
}

func (*sectionObject) typeName() string { return "Section" }

// ended deletes the section; views stay.
func (o *sectionObject) ended() {
	if o.image != nil {
		o.image.release()
		return
	}
	o.mm.Close()
}

// mappable is a file object whose data can be mapped.
type mappable interface {
	object
	sections() *ntmm.FileSections
	mayMap(protect uint32) bool
}

// Access rights of sections (winnt.h).
const (
	SECTION_QUERY       uint32 = 1
	SECTION_MAP_WRITE   uint32 = 2
	SECTION_MAP_READ    uint32 = 4
	SECTION_MAP_EXECUTE uint32 = 8
	SECTION_EXTEND_SIZE uint32 = 0x10
)

// mapAccess is the right that a view of a protection needs.
func mapAccess(protect uint32) uint32 {
	switch protect & 0xff {
	case ntdef.PAGE_READWRITE:
		return SECTION_MAP_WRITE
	case ntdef.PAGE_EXECUTE_READWRITE:
		return SECTION_MAP_WRITE | SECTION_MAP_EXECUTE
	case ntdef.PAGE_EXECUTE, ntdef.PAGE_EXECUTE_READ, ntdef.PAGE_EXECUTE_WRITECOPY:
		return SECTION_MAP_EXECUTE
	case ntdef.PAGE_NOACCESS, 0:
		return 0
	}
	return SECTION_MAP_READ
}

// mayMap reports whether a file was opened for what a section of a protection does: a write-copy one only reads.
func (f *fileObject) mayMap(protect uint32) bool {
	writes := protect&(ntdef.PAGE_READWRITE|ntdef.PAGE_EXECUTE_READWRITE) != 0
	return f.access&(ntdef.FILE_READ_DATA|ntdef.FILE_EXECUTE) != 0 && (!writes || f.access&ntdef.FILE_WRITE_DATA != 0)
}

// A SectionRequest is the argument of CreateSection. File 0 means page-file-backed memory; Name, of Win32, may be "".
type SectionRequest struct {
	Name       string
	Size       uint64
	Protect    uint32
	Attributes uint32 // SEC_*
	File       ntdef.Handle
	Access     uint32 // SECTION_*; 0: all
	SecurityAttributes

	object *objectAttributes // in place of Name and SecurityAttributes
}

// CreateSection is NtCreateSection. Under a Win32 name a section that is there already is opened: OBJECT_NAME_EXISTS, a success.
// OBJECT_TYPE_MISMATCH where something else has the name.
func (p *Process) CreateSection(r *SectionRequest) (ntdef.Handle, ntdef.Status) {
	a, access := r.object, r.Access
	if a == nil {
		name := p.sys.win32Name(r.Name)
		name.apply(&r.SecurityAttributes)
		a, access = &name, cmp.Or(access, ntdef.GENERIC_ALL)
	}
	var h ntdef.Handle
	o, st := p.newSection(r)
	if st == ntdef.STATUS_SUCCESS {
		h, _, st = createObject(p, a, access, o)
	}
	p.serviced("NtCreateSection", st, sectionParams, r.Size, uint64(r.Protect), uint64(r.Attributes), uint64(r.File), uint64(h))
	return h, st
}

// OpenSection is NtOpenSection of a Win32 name: OBJECT_NAME_NOT_FOUND, OBJECT_TYPE_MISMATCH.
func (p *Process) OpenSection(name string, access uint32) (ntdef.Handle, ntdef.Status) {
	a := p.sys.win32Name(name)
	return p.openSection(&a, access)
}

func (p *Process) openSection(a *objectAttributes, access uint32) (ntdef.Handle, ntdef.Status) {
	h, _, st := openObject[*sectionObject](p, a, access)
	p.serviced("NtOpenSection", st, sectionParams[4:], uint64(h))
	return h, st
}

func (p *Process) newSection(r *SectionRequest) (*sectionObject, ntdef.Status) {
	var f *ntmm.FileSections
	var o object
	if r.File != 0 {
		o = p.handles.get(r.File)
		m, ok := o.(mappable)
		switch {
		case o == nil:
			return nil, ntdef.STATUS_INVALID_HANDLE
		case !ok:
			return nil, ntdef.STATUS_INVALID_FILE_FOR_SECTION
		case !m.mayMap(r.Protect):
			return nil, ntdef.STATUS_ACCESS_DENIED
		}
		if f = m.sections(); f.File == nil {
			return nil, ntdef.STATUS_INVALID_FILE_FOR_SECTION // a folder
		}
	}
	if r.Attributes&ntdef.SEC_IMAGE != 0 && r.Attributes&(ntdef.SEC_COMMIT|ntdef.SEC_RESERVE) == 0 {
		return p.newImageObject(o)
	}
	newSection := p.sys.mm.NewSection
	if r.Attributes&ntdef.SEC_LARGE_PAGES != 0 && p.callerHolds(SeLockMemoryPrivilege) {
		newSection = p.sys.mm.NewLockedSection
	}
	mm, st := newSection(f, r.Size, r.Protect, r.Attributes)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	return &sectionObject{mm: mm}, st
}

// newImageObject makes an image section of a file.
func (p *Process) newImageObject(o object) (*sectionObject, ntdef.Status) {
	f, ok := o.(*fileObject)
	if !ok || f.node.content == nil || f.node.content.Size() == 0 {
		return nil, ntdef.STATUS_INVALID_FILE_FOR_SECTION
	}
	sec, st := p.sys.fileImage(f.node)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	sec.objects++
	return &sectionObject{mm: sec.mm, image: sec}, st
}

// section returns the section of a handle: INVALID_HANDLE, OBJECT_TYPE_MISMATCH.
func (p *Process) section(h ntdef.Handle) (*sectionObject, ntdef.Status) {
	o := p.handles.get(h)
	if o == nil {
		return nil, ntdef.STATUS_INVALID_HANDLE
	}
	s, ok := o.(*sectionObject)
	if !ok {
		return nil, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	}
	return s, ntdef.STATUS_SUCCESS
}

// MapSection is NtMapViewOfSection: a view of a section of this process in another one, or in itself.
func (p *Process) MapSection(h ntdef.Handle, into *Process, v *ntmm.View) ntdef.Status {
	o, st := p.section(h)
	if st == ntdef.STATUS_SUCCESS {
		if need := mapAccess(v.Protect); p.handles.granted(h)&need != need {
			st = ntdef.STATUS_ACCESS_DENIED
		}
	}
	if st == ntdef.STATUS_SUCCESS {
		if o.image != nil {
			_, st = into.mapImage(o.image, v)
		} else {
			st = into.mapData(o.mm, v)
		}
	}
	p.serviced("NtMapViewOfSection", st, viewParams, uint64(h), uint64(v.Base), v.Size, v.Offset, uint64(v.Protect))
	return st
}

// UnmapSection is NtUnmapViewOfSectionEx.
func (p *Process) UnmapSection(va uint64, flags uint32) ntdef.Status {
	m := p.ModuleAt(va)
	st := p.unmap(va, flags)
	p.serviced("NtUnmapViewOfSection", st, mapParams[:1], va)
	if st == ntdef.STATUS_SUCCESS && m != nil {
		p.removeModule(m.Base)
	}
	return st
}

var (
	sectionParams = []string{"size", "protect", "attributes", "file", "got"}
	viewParams    = []string{"section", "base", "size", "offset", "protect"}
)
