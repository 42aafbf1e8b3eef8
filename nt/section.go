package nt

import (
	"io"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// A sectionObject is what a section handle refers to.
type sectionObject struct {
	mm    *ntmm.Section
	image *Section // of an image
}

func (*sectionObject) typeName() string { return "Section" }

// closed deletes the section with its last handle; views stay.
func (o *sectionObject) closed() { o.mm.Close() }

// mappable is a file object whose data can be mapped.
type mappable interface {
	object
	sections() *ntmm.FileSections
}

// CreateSection is NtCreateSection without a name. file 0 means page-file-backed memory.
func (p *Process) CreateSection(size uint64, protect, attributes uint32, file ntdef.Handle) (ntdef.Handle, ntdef.Status) {
	o, st := p.newSection(size, protect, attributes, file)
	var h ntdef.Handle
	if st == ntdef.STATUS_SUCCESS {
		h = p.handles.add(o)
	}
	p.serviced("NtCreateSection", st, sectionParams, size, uint64(protect), uint64(attributes), uint64(file), uint64(h))
	return h, st
}

func (p *Process) newSection(size uint64, protect, attributes uint32, file ntdef.Handle) (*sectionObject, ntdef.Status) {
	var f *ntmm.FileSections
	if file != 0 {
		o := p.handles.get(file)
		m, ok := o.(mappable)
		switch {
		case o == nil:
			return nil, ntdef.STATUS_INVALID_HANDLE
		case !ok:
			return nil, ntdef.STATUS_INVALID_FILE_FOR_SECTION
		}
		f = m.sections()
	}
	if attributes&ntdef.SEC_IMAGE != 0 && attributes&(ntdef.SEC_COMMIT|ntdef.SEC_RESERVE) == 0 {
		return p.newImageObject(f)
	}
	mm, st := p.sys.mm.NewSection(f, size, protect, attributes)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	return &sectionObject{mm: mm}, st
}

// newImageObject makes an image section of a file.
func (p *Process) newImageObject(f *ntmm.FileSections) (*sectionObject, ntdef.Status) {
	if f == nil || f.File.Size() == 0 {
		return nil, ntdef.STATUS_INVALID_FILE_FOR_SECTION
	}
	size := int64(f.File.Size())
	file := io.NewSectionReader(f.File, 0, size)
	pe, err := loader.ParsePE(file, size)
	if err != nil {
		return nil, imageStatus(err)
	}
	sec, st := p.sys.newImageSection(f.Name, file, pe)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
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

// MapSection is NtMapViewOfSection.
func (p *Process) MapSection(h ntdef.Handle, v *ntmm.View) ntdef.Status {
	o, st := p.section(h)
	if st == ntdef.STATUS_SUCCESS {
		if o.image != nil && v.Base == 0 {
			v.Base = p.imageBase(o.image)
		}
		st = p.as.MapView(o.mm, v)
		if o.image != nil && st.IsSuccess() {
			p.addModule(&Module{Name: o.image.Name, Path: o.image.Path, Base: uint64(v.Base), Size: v.Size})
		}
	}
	p.serviced("NtMapViewOfSection", st, viewParams, uint64(h), uint64(v.Base), v.Size, v.Offset, uint64(v.Protect))
	return st
}

// UnmapSection is NtUnmapViewOfSectionEx.
func (p *Process) UnmapSection(va uint64, flags uint32) ntdef.Status {
	m := p.ModuleAt(va)
	st := p.as.UnmapViewEx(x86.VirtAddr(va), flags)
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
