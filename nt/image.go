package nt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// systemDirectory is where system DLLs are for the guest.
const systemDirectory = `C:\Windows\System32\`

// addBuiltin puts built-in DLLs into the system directory where it has none of their names.
func (s *System) addBuiltin(images map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(images)) {
		n, folder, _, st := s.volumes.find(systemDirectory + name)
		if n != nil {
			continue
		}
		if st != ntdef.STATUS_OBJECT_NAME_NOT_FOUND {
			return fmt.Errorf("system image %s: %v", name, st)
		}
		n = s.volumes.newNode(name, folder, false)
		n.content, n.attributes = builtinFile{images[name]}, ntdef.FILE_ATTRIBUTE_READONLY
		n.sections.Name, n.sections.File = n.path(), n.content
	}
	return nil
}

// builtinFile is the file of a built-in DLL. It cannot change.
type builtinFile struct{ data []byte }

func (f builtinFile) Size() uint64 { return uint64(len(f.data)) }

func (f builtinFile) ReadAt(b []byte, off int64) (int, error) {
	return bytes.NewReader(f.data).ReadAt(b, off)
}

func (builtinFile) WriteAt([]byte, int64) (int, error) { return 0, fs.ErrPermission }
func (builtinFile) Truncate(int64) error               { return fs.ErrPermission }
func (builtinFile) Close() error                       { return nil }

// A Section is an image section: an opened PE file. One for another machine than this only lends its data.
type Section struct {
	Name  string // file name
	Path  string // guest path
	PE    *loader.PE
	names symbols
	mm    *ntmm.Section
	base  x86.VirtAddr // in every process where that place is free

	system   *System
	exported *loader.Exports // exports; nil until somebody asks

	node          *node // the file of a volume that it is of, as it was then; nil: not of one
	written, size uint64
	kept          bool // in System.programs
	objects       int  // section objects
}

// exports parses the export directory, once: ntdll's is looked at for every process. Nobody changes what it returns.
func (s *Section) exports() (*loader.Exports, error) {
	if s.exported != nil {
		return s.exported, nil
	}
	exports, err := s.PE.Exports()
	if err == nil {
		s.exported = exports
	}
	return exports, err
}

// release ends one section object; the section goes with the last where nobody keeps it. Views stay.
func (s *Section) release() {
	s.objects--
	if s.objects == 0 && !s.kept {
		s.close()
	}
}

// newImageSection makes the section of a parsed image.
func (s *System) newImageSection(guestPath string, file io.ReaderAt, pe *loader.PE) (*Section, ntdef.Status) {
	base := s.imageBase(pe)
	img := &ntmm.Image{
		Name: guestBase(guestPath), File: file, Base: x86.VirtAddr(base), Size: uint64(pe.SizeOfImage),
		Subsections: []ntmm.Subsection{{
			VirtualSize: pe.SizeOfHeaders, FileSize: pe.SizeOfHeaders, Protect: ntdef.PAGE_READONLY,
		}},
	}
	for _, sec := range pe.Sections {
		img.Subsections = append(img.Subsections, subsection(&sec))
	}
	if base != pe.ImageBase {
		fixups, err := pe.Fixups()
		if err != nil {
			s.dlls.free(base)
			return nil, imageStatus(err)
		}
		img.Delta, img.Fixups, img.Width = base-pe.ImageBase, fixups, pe.Width()
	}
	mm, st := s.mm.NewImageSection(img)
	if st != ntdef.STATUS_SUCCESS {
		s.dlls.free(base)
		return nil, st
	}
	return &Section{Name: img.Name, Path: guestPath, PE: pe, mm: mm, base: x86.VirtAddr(base), system: s}, st
}

// close ends the section itself; views stay.
func (s *Section) close() {
	s.system.dlls.free(uint64(s.base))
	s.mm.Close()
}

// programSection returns the image section of a program: processes of one program share it.
func (s *System) programSection(prog *Program, pe *loader.PE) (*Section, ntdef.Status) {
	key := strings.ToLower(prog.Path)
	if sec := s.programs[key]; sec != nil {
		return sec, ntdef.STATUS_SUCCESS
	}
	sec, st := s.newImageSection(prog.Path, prog.File, pe)
	if st == ntdef.STATUS_SUCCESS {
		s.keepProgram(key, sec)
	}
	return sec, st
}

// maxKept is how many image sections are kept at least while nothing is mapped from them.
const maxKept = 256

// keepProgram keeps an image section for the next that maps its file.
func (s *System) keepProgram(key string, sec *Section) {
	if s.programs == nil {
		s.programs = map[string]*Section{}
	}
	s.forget(key)
	if len(s.programs) >= maxKept {
		for k, old := range s.programs {
			if old.objects == 0 && !old.mm.Viewed() {
				s.forget(k)
			}
		}
	}
	sec.kept = true
	s.programs[key] = sec
}

// forget lets go of the image section that is kept for a file.
func (s *System) forget(key string) {
	sec := s.programs[key]
	if sec == nil {
		return
	}
	delete(s.programs, key)
	sec.kept = false
	if sec.objects == 0 {
		sec.close()
	}
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
		sec, st := p.sys.imageAt(guestFolder(p.program.Path) + name)
		switch st {
		case ntdef.STATUS_FILE_IS_A_DIRECTORY, ntdef.STATUS_OBJECT_PATH_NOT_FOUND:
			st = ntdef.STATUS_OBJECT_NAME_NOT_FOUND
		}
		return sec, st
	}
	return p.sys.systemFile(name)
}

// ntdll returns the image section of ntdll.dll, without which there is no process.
func (s *System) ntdll() (*Section, error) {
	sec, st := s.systemFile("ntdll.dll")
	switch st {
	case ntdef.STATUS_SUCCESS:
		if err := sec.PE.Native(); err != nil {
			return nil, fmt.Errorf("system image ntdll.dll: %w", err)
		}
		return sec, nil
	case ntdef.STATUS_OBJECT_NAME_NOT_FOUND:
		return nil, errors.New("there is no ntdll.dll among the system images")
	}
	return nil, fmt.Errorf("system image ntdll.dll: %v", st)
}

// systemFile returns the image section of a file of the system directory.
func (s *System) systemFile(name string) (*Section, ntdef.Status) {
	return s.imageAt(systemDirectory + name)
}

// imageAt returns the image section of the file at a full path.
func (s *System) imageAt(path string) (*Section, ntdef.Status) {
	n, _, _, st := s.volumes.find(path)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return nil, st
	case n.folder:
		return nil, ntdef.STATUS_FILE_IS_A_DIRECTORY
	}
	if st := n.open(); st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	return s.fileImage(n)
}

// fileImage returns the image section of an open file: all that map it share its pages.
func (s *System) fileImage(n *node) (*Section, ntdef.Status) {
	key := strings.ToLower(n.path())
	size := n.content.Size()
	if sec := s.programs[key]; sec != nil && (sec.node == nil || sec.node == n && sec.written == n.written && sec.size == size) {
		return sec, ntdef.STATUS_SUCCESS
	}
	file := io.NewSectionReader(n.content, 0, int64(size))
	pe, err := loader.ParsePE(file, int64(size))
	if err != nil {
		return nil, imageStatus(err)
	}
	sec, st := s.newImageSection(n.path(), file, pe)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	sec.node, sec.written, sec.size = n, n.written, size
	s.keepProgram(key, sec)
	return sec, st
}

// imageStatus is the status of an attempt to make an image section of a file that is no image.
func imageStatus(err error) ntdef.Status {
	var format *loader.FormatError
	if errors.As(err, &format) && format.Kind == loader.NotMZ {
		return ntdef.STATUS_INVALID_IMAGE_NOT_MZ
	}
	return ntdef.STATUS_INVALID_IMAGE_FORMAT
}

// MapViewOfSection maps an image at its section's base, or elsewhere where that is taken. Two other statuses are successes:
// STATUS_IMAGE_NOT_AT_BASE, whose loader has to relocate, and before it STATUS_IMAGE_MACHINE_TYPE_MISMATCH, of an image that only lends
// its data.
func (p *Process) MapViewOfSection(sec *Section) (*Module, ntdef.Status) {
	var view ntmm.View
	m, st := p.mapImage(sec, &view)
	p.serviced("NtMapViewOfSection", st, mapParams, uint64(view.Base), view.Size)
	return m, st
}

// mapImage maps an image; where the view does not say otherwise, at its section's base, or elsewhere where that is taken.
func (p *Process) mapImage(sec *Section, v *ntmm.View) (*Module, ntdef.Status) {
	asked := *v
	if sec.PE.Width() == 4 && asked.ZeroBits == 0 {
		asked.ZeroBits = 1<<31 - 1 // what it has of addresses has room for no more
	}
	if v.Base == 0 {
		v.Base = sec.base
	}
	st := p.as.MapView(sec.mm, v)
	if asked.Base == 0 && (st == ntdef.STATUS_CONFLICTING_ADDRESSES || st == ntdef.STATUS_INVALID_PARAMETER_3) && sec.PE.Relocatable() {
		*v = asked
		v.TopDown = true
		st = p.as.MapView(sec.mm, v)
	}
	if !st.IsSuccess() {
		return nil, st
	}
	if st := p.markImage(sec, uint64(v.Base)); st != ntdef.STATUS_SUCCESS {
		p.as.UnmapView(v.Base)
		return nil, st
	}
	if sec.PE.Native() != nil {
		st = ntdef.STATUS_IMAGE_MACHINE_TYPE_MISMATCH
	} else {
		p.sys.noteImage(sec)
	}
	m := &Module{Name: sec.Name, Path: sec.Path, Base: uint64(v.Base), Size: v.Size, section: sec}
	p.addModule(m)
	return m, st
}

// UnmapViewOfSection unmaps the image that holds an address.
func (p *Process) UnmapViewOfSection(va uint64) ntdef.Status {
	m := p.ModuleAt(va)
	st := p.unmap(va, 0)
	p.serviced("NtUnmapViewOfSection", st, mapParams[:1], va)
	if st == ntdef.STATUS_SUCCESS && m != nil {
		p.removeModule(m.Base)
	}
	return st
}

var mapParams = []string{"base", "size"}
