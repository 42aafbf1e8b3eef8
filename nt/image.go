package nt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// A systemImage is a file of C:\Windows\System32.
type systemImage struct {
	name string
	data []byte
	pe   *loader.PE
	sec  *Section // made when first opened
}

// systemDirectory is where system images are for the guest.
const systemDirectory = `C:\Windows\System32\`

func systemImages(files map[string][]byte) (map[string]*systemImage, error) {
	images := make(map[string]*systemImage, len(files))
	for name, data := range files {
		pe, err := loader.ParsePE(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return nil, fmt.Errorf("system image %s: %w", name, err)
		}
		images[strings.ToLower(name)] = &systemImage{name: name, data: data, pe: pe}
	}
	if images["ntdll.dll"] == nil {
		return nil, errors.New("no ntdll.dll among the system images")
	}
	return images, nil
}

// A Section is an image section: an opened PE file.
type Section struct {
	Name string // file name
	Path string // guest path
	PE   *loader.PE
	mm   *ntmm.Section
	base x86.VirtAddr // where ASLR put the program that it is of; 0: not yet
}

// newImageSection makes the section of a parsed image.
func (s *System) newImageSection(guestPath string, file io.ReaderAt, pe *loader.PE) (*Section, ntdef.Status) {
	img := &ntmm.Image{
		Name: guestBase(guestPath), File: file, PreferredBase: x86.VirtAddr(pe.ImageBase), Size: uint64(pe.SizeOfImage),
		Subsections: []ntmm.Subsection{{
			VirtualSize: pe.SizeOfHeaders, FileSize: pe.SizeOfHeaders, Protect: ntdef.PAGE_READONLY,
		}},
	}
	for _, sec := range pe.Sections {
		img.Subsections = append(img.Subsections, subsection(&sec))
	}
	mm, st := s.mm.NewImageSection(img)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	return &Section{Name: img.Name, Path: guestPath, PE: pe, mm: mm}, st
}

// programSection returns the image section of a program: processes of one program share it.
func (s *System) programSection(prog *Program, pe *loader.PE) (*Section, ntdef.Status) {
	key := strings.ToLower(prog.Path)
	if sec := s.programs[key]; sec != nil {
		return sec, ntdef.STATUS_SUCCESS
	}
	sec, st := s.newImageSection(prog.Path, prog.File, pe)
	if st == ntdef.STATUS_SUCCESS {
		if s.programs == nil {
			s.programs = map[string]*Section{}
		}
		s.programs[key] = sec
	}
	return sec, st
}

// Section characteristics (PE format, "Section flags").
const (
	scnExecute = 0x20000000
	scnRead    = 0x40000000
	scnWrite   = 0x80000000
	scnShared  = 0x10000000
)

// subsection translates a section header. Writable sections are write-copied unless they are shared (Windows Internals,
// part 1 ch. 5, "Section objects").
func subsection(sec *loader.Section) ntmm.Subsection {
	sub := ntmm.Subsection{
		RVA: sec.VirtualAddress, VirtualSize: sec.VirtualSize, FileOffset: sec.PointerToRawData, FileSize: sec.SizeOfRawData,
		Shared: sec.Characteristics&scnShared != 0,
	}
	if sub.VirtualSize == 0 {
		sub.VirtualSize = sub.FileSize
	}
	if sub.FileOffset == 0 {
		sub.FileSize = 0
	}
	x, w := sec.Characteristics&scnExecute != 0, sec.Characteristics&scnWrite != 0
	switch {
	case x && w && sub.Shared:
		sub.Protect = ntdef.PAGE_EXECUTE_READWRITE
	case x && w:
		sub.Protect = ntdef.PAGE_EXECUTE_WRITECOPY
	case x && sec.Characteristics&scnRead == 0:
		sub.Protect = ntdef.PAGE_EXECUTE
	case x:
		sub.Protect = ntdef.PAGE_EXECUTE_READ
	case w && sub.Shared:
		sub.Protect = ntdef.PAGE_READWRITE
	case w:
		sub.Protect = ntdef.PAGE_WRITECOPY
	case sec.Characteristics&scnRead != 0:
		sub.Protect = ntdef.PAGE_READONLY
	default:
		sub.Protect = ntdef.PAGE_NOACCESS
	}
	return sub
}

// OpenImageSection opens a DLL by file name, in the program's folder or C:\Windows\System32 as system says, and makes
// an image section of it (NtOpenFile and NtCreateSection with SEC_IMAGE). STATUS_OBJECT_NAME_NOT_FOUND where there is none.
func (p *Process) OpenImageSection(name string, system bool) (*Section, ntdef.Status) {
	name = strings.ToLower(name)
	if strings.ContainsAny(name, `\/:`) {
		return nil, ntdef.STATUS_OBJECT_NAME_INVALID
	}
	if !system {
		return p.openFolderImage(name)
	}
	img := p.sys.images[name]
	if img == nil {
		return nil, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	}
	if img.sec == nil {
		sec, st := p.sys.newImageSection(systemDirectory+img.name, bytes.NewReader(img.data), img.pe)
		if st != ntdef.STATUS_SUCCESS {
			return nil, st
		}
		img.sec = sec
	}
	return img.sec, ntdef.STATUS_SUCCESS
}

// maxImage bounds the size of a DLL file beside the program.
const maxImage = 1 << 30

func (p *Process) openFolderImage(name string) (*Section, ntdef.Status) {
	if p.folder == nil {
		return nil, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	}
	entries, err := fs.ReadDir(p.folder, ".")
	if err != nil {
		return nil, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	}
	for _, e := range entries {
		if !strings.EqualFold(e.Name(), name) || e.IsDir() {
			continue
		}
		if info, err := e.Info(); err != nil || info.Size() > maxImage {
			return nil, ntdef.STATUS_INVALID_IMAGE_FORMAT
		}
		data, err := fs.ReadFile(p.folder, e.Name())
		if err != nil {
			return nil, ntdef.STATUS_ACCESS_DENIED
		}
		pe, err := loader.ParsePE(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return nil, imageStatus(err)
		}
		folder := strings.TrimSuffix(p.program.Path, p.program.Name)
		return p.sys.newImageSection(folder+e.Name(), bytes.NewReader(data), pe)
	}
	return nil, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
}

// imageStatus is the status of an attempt to make an image section of a file that is no image.
func imageStatus(err error) ntdef.Status {
	var format *loader.FormatError
	if errors.As(err, &format) {
		switch format.Kind {
		case loader.NotMZ:
			return ntdef.STATUS_INVALID_IMAGE_NOT_MZ
		case loader.WrongMachine:
			return ntdef.STATUS_IMAGE_MACHINE_TYPE_MISMATCH
		}
	}
	return ntdef.STATUS_INVALID_IMAGE_FORMAT
}

// MapViewOfSection maps an image at the place that ASLR gives it. STATUS_IMAGE_NOT_AT_BASE is a success: the loader has
// to relocate.
func (p *Process) MapViewOfSection(sec *Section) (*Module, ntdef.Status) {
	view := ntmm.View{Base: p.imageBase(sec)}
	st := p.as.MapView(sec.mm, &view)
	if view.Base != 0 && (st == ntdef.STATUS_CONFLICTING_ADDRESSES || st == ntdef.STATUS_INVALID_PARAMETER_3) && sec.relocatable() {
		view = ntmm.View{TopDown: true}
		st = p.as.MapView(sec.mm, &view)
	}
	p.serviced("NtMapViewOfSection", st, mapParams, uint64(view.Base), view.Size)
	if st != ntdef.STATUS_SUCCESS && st != ntdef.STATUS_IMAGE_NOT_AT_BASE {
		return nil, st
	}
	m := &Module{Name: sec.Name, Path: sec.Path, Base: uint64(view.Base), Size: view.Size}
	p.addModule(m)
	return m, st
}

// UnmapViewOfSection unmaps the image that holds an address.
func (p *Process) UnmapViewOfSection(va uint64) ntdef.Status {
	m := p.ModuleAt(va)
	st := p.as.UnmapView(x86.VirtAddr(va))
	p.serviced("NtUnmapViewOfSection", st, mapParams[:1], va)
	if st == ntdef.STATUS_SUCCESS && m != nil {
		p.removeModule(m.Base)
	}
	return st
}

var mapParams = []string{"base", "size"}
