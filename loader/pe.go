package loader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// The machines whose images are read (winnt.h, IMAGE_FILE_MACHINE_*).
const (
	MachineI386  = 0x14c
	MachineAMD64 = 0x8664
)

// Indexes of PE.Directories (PE Format, "Optional header data directories").
const (
	DirectoryExport      = 0
	DirectoryImport      = 1
	DirectoryException   = 3
	DirectoryRelocations = 5
	DirectoryDebug       = 6
	DirectoryTLS         = 9
	DirectoryLoadConfig  = 10
	DirectoryDelayImport = 13
	DirectoryCOM         = 14 // of managed code
)

// A Directory locates one table of an image.
type Directory struct{ RVA, Size uint32 }

// PE is a parsed image: PE32+ for x86-64, or PE32 for i386, which only lends its data. Field names are those of the format's
// specification.
type PE struct {
	Machine               uint16
	Characteristics       uint16
	TimeDateStamp         uint32
	PointerToSymbolTable  uint32 // file offset; 0: none
	NumberOfSymbols       uint32 // records, auxiliary ones too
	DllCharacteristics    uint16
	Subsystem             uint16
	MajorSubsystemVersion uint16
	MinorSubsystemVersion uint16
	MajorOSVersion        uint16
	MinorOSVersion        uint16
	ImageBase             uint64
	EntryPoint            uint32 // RVA; 0: none
	SizeOfCode            uint32
	SizeOfImage           uint32
	SizeOfHeaders         uint32
	SectionAlignment      uint32
	FileAlignment         uint32
	CheckSum              uint32
	SizeOfStackReserve    uint64
	SizeOfStackCommit     uint64
	SizeOfHeapReserve     uint64
	SizeOfHeapCommit      uint64
	LoaderFlags           uint32
	Directories           [16]Directory
	Sections              []Section

	r      io.ReaderAt
	mapped bool  // offsets are RVAs
	size   int64 // of the file; of the image where mapped
}

// A Section is one section header. Sizes are in bytes.
type Section struct {
	Name             string
	VirtualAddress   uint32 // RVA, a multiple of SectionAlignment
	VirtualSize      uint32
	PointerToRawData uint32
	SizeOfRawData    uint32
	Characteristics  uint32
}

// maxSections is what Windows loads (PE Format, "COFF file header").
const maxSections = 96

// ParsePE parses an image file of a size. Native tells whether its code is for this machine.
func ParsePE(r io.ReaderAt, size int64) (*PE, error) {
	p := &PE{r: r, size: size}
	if err := p.foreign(); err != nil {
		return nil, err
	}
	if err := p.headers(); err != nil {
		return nil, err
	}
	for i := range p.Sections {
		if err := p.checkSection(i); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// ParseMappedPE parses an image that is mapped to be executed: r reads its memory, offset 0 being the base address. Nothing beyond the
// headers is read before it is asked for.
func ParseMappedPE(r io.ReaderAt) (*PE, error) {
	p := &PE{r: r, mapped: true, size: math.MaxUint32}
	if err := p.headers(); err != nil {
		return nil, err
	}
	if err := p.Native(); err != nil {
		return nil, err
	}
	p.size = int64(p.SizeOfImage)
	return p, nil
}

// FileSize returns the size of the file in bytes; of a mapped image, that of the image.
func (p *PE) FileSize() int64 { return p.size }

// foreign recognises what people try to run and names it.
func (p *PE) foreign() error {
	if p.size == 0 {
		return errorf(NotExecutable, "the file is empty")
	}
	head := make([]byte, min(p.size, 4))
	if err := p.readAt(0, head); err != nil {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return errorf(NotExecutable, "an ELF file, not a PE image")
	case bytes.HasPrefix(head, []byte("#!")):
		return errorf(NotExecutable, "a script, not a PE image")
	case !bytes.HasPrefix(head, []byte("MZ")):
		return errorf(NotMZ, "not a PE image: it begins with % x, not with MZ", head)
	}
	return nil
}

// headers reads the DOS, COFF and optional headers and the section table.
func (p *PE) headers() error {
	var dos [0x40]byte
	if err := p.readAt(0, dos[:]); err != nil {
		return err
	}
	le := binary.LittleEndian
	if le.Uint16(dos[:]) != 'M'|'Z'<<8 {
		return errorf(NotMZ, "not a PE image: no MZ signature")
	}
	at := int64(le.Uint32(dos[0x3c:]))
	var coff [24]byte
	if err := p.readAt(at, coff[:]); err != nil {
		return p.noPE(err, "the PE header would be at %#x", at)
	}
	if string(coff[:4]) != "PE\x00\x00" {
		return errorf(NotPE, "not a PE image: no PE signature at %#x", at)
	}
	p.Machine = le.Uint16(coff[4:])
	sections := int(le.Uint16(coff[6:]))
	p.TimeDateStamp = le.Uint32(coff[8:])
	p.PointerToSymbolTable, p.NumberOfSymbols = le.Uint32(coff[12:]), le.Uint32(coff[16:])
	optionalSize := int(le.Uint16(coff[20:]))
	p.Characteristics = le.Uint16(coff[22:])
	if p.Machine != MachineAMD64 && p.Machine != MachineI386 {
		return p.Native()
	}
	if err := p.optional(at+24, optionalSize); err != nil {
		return err
	}
	if sections > maxSections {
		return errorf(Malformed, "the image has %d sections: Windows loads at most %d", sections, maxSections)
	}
	table := at + 24 + int64(optionalSize)
	for i := range sections {
		var h [40]byte
		if err := p.readAt(table+40*int64(i), h[:]); err != nil {
			return err
		}
		name, _, _ := bytes.Cut(h[:8], []byte{0})
		p.Sections = append(p.Sections, Section{
			Name:             string(name),
			VirtualSize:      le.Uint32(h[8:]),
			VirtualAddress:   le.Uint32(h[12:]),
			SizeOfRawData:    le.Uint32(h[16:]),
			PointerToRawData: le.Uint32(h[20:]),
			Characteristics:  le.Uint32(h[36:]),
		})
	}
	return nil
}

// Native returns nil where the image is for x86-64, else what says that it cannot run here.
func (p *PE) Native() error {
	if p.Machine == MachineAMD64 {
		return nil
	}
	return errorf(WrongMachine, "the image is for %s, not for x86-64", machineName(p.Machine))
}

// Width is how many bytes an address has in the image: 4 in a PE32 image, 8 in a PE32+ one.
func (p *PE) Width() int {
	if p.Machine == MachineI386 {
		return 4
	}
	return 8
}

// address reads an address of the image's width, or what is as wide.
func (p *PE) address(b []byte) uint64 {
	if p.Width() == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// noPE turns the error of a read beyond the end into that of a file without PE headers.
func (p *PE) noPE(err error, format string, args ...any) error {
	var fe *FormatError
	if errors.As(err, &fe) {
		return errorf(NotPE, "not a PE image: "+format+", but there are only %#x bytes", append(args, p.size)...)
	}
	return err
}

func machineName(m uint16) string {
	switch m {
	case MachineI386:
		return "32-bit x86 (machine 0x14c)"
	case 0xaa64:
		return "ARM64 (machine 0xaa64)"
	case 0x1c4:
		return "32-bit ARM (machine 0x1c4)"
	}
	return fmt.Sprintf("machine %#x", m)
}

// optional reads the optional header: of a PE32+ image for x86-64, of a PE32 one for i386.
func (p *PE) optional(at int64, size int) error {
	magic, format, fixed := uint16(0x20b), "PE32+", 112 // up to the data directories
	if p.Machine == MachineI386 {
		magic, format, fixed = 0x10b, "PE32", 96
	}
	b := make([]byte, min(size, fixed+16*8))
	if err := p.readAt(at, b); err != nil {
		return err
	}
	le := binary.LittleEndian
	if p.Machine == MachineAMD64 && len(b) >= 2 && le.Uint16(b) == 0x10b {
		return errorf(WrongMachine, "a PE32 (32-bit) image: only PE32+ for x86-64 is supported")
	}
	if len(b) < fixed || le.Uint16(b) != magic {
		return errorf(Malformed, "the optional header of %d bytes is not that of a %s image", size, format)
	}
	p.SizeOfCode, p.EntryPoint = le.Uint32(b[4:]), le.Uint32(b[16:])
	p.ImageBase = p.address(b[p.imageBaseAt():])
	p.SectionAlignment, p.FileAlignment = le.Uint32(b[32:]), le.Uint32(b[36:])
	p.MajorOSVersion, p.MinorOSVersion = le.Uint16(b[40:]), le.Uint16(b[42:])
	p.MajorSubsystemVersion, p.MinorSubsystemVersion = le.Uint16(b[48:]), le.Uint16(b[50:])
	p.SizeOfImage, p.SizeOfHeaders = le.Uint32(b[56:]), le.Uint32(b[60:])
	p.CheckSum = le.Uint32(b[64:])
	p.Subsystem, p.DllCharacteristics = le.Uint16(b[68:]), le.Uint16(b[70:])
	for i, size := range []*uint64{&p.SizeOfStackReserve, &p.SizeOfStackCommit, &p.SizeOfHeapReserve, &p.SizeOfHeapCommit} {
		*size = p.address(b[72+p.Width()*i:])
	}
	p.LoaderFlags = le.Uint32(b[fixed-8:])
	count := int(min(le.Uint32(b[fixed-4:]), 16))
	for i := range count {
		d := b[fixed:]
		if len(d) < 8*(i+1) {
			return errorf(Malformed, "the optional header of %d bytes has no room for %d data directories", size, count)
		}
		p.Directories[i] = Directory{le.Uint32(d[8*i:]), le.Uint32(d[8*i+4:])}
	}
	return p.checkOptional()
}

// imageBaseAt is where in the optional header the image base is.
func (p *PE) imageBaseAt() uint32 {
	if p.Width() == 4 {
		return 28 // behind BaseOfData, which PE32+ does without
	}
	return 24
}

func (p *PE) checkOptional() error {
	switch {
	case p.SectionAlignment < 0x1000 || p.SectionAlignment&(p.SectionAlignment-1) != 0:
		// Smaller alignments map an image's sections as one: drivers have them, programs do not.
		return errorf(Malformed, "section alignment %#x: want a power of 2 of at least 0x1000", p.SectionAlignment)
	case p.FileAlignment == 0 || p.FileAlignment&(p.FileAlignment-1) != 0:
		return errorf(Malformed, "file alignment %#x is not a power of 2", p.FileAlignment)
	case p.SizeOfImage == 0 || p.SizeOfImage > 1<<31:
		return errorf(Malformed, "image size %#x", p.SizeOfImage)
	case p.SizeOfHeaders == 0 || p.SizeOfHeaders > p.SizeOfImage:
		return errorf(Malformed, "headers of %#x bytes in an image of %#x", p.SizeOfHeaders, p.SizeOfImage)
	case !p.mapped && int64(p.SizeOfHeaders) > p.size:
		return errorf(Truncated, "truncated: the headers have %#x bytes, the file %#x", p.SizeOfHeaders, p.size)
	case p.ImageBase%0x10000 != 0:
		return errorf(Malformed, "image base %#x is not a multiple of 64 KiB", p.ImageBase)
	case p.EntryPoint >= p.SizeOfImage:
		return errorf(Malformed, "entry point %#x is outside the image of %#x bytes", p.EntryPoint, p.SizeOfImage)
	}
	return nil
}

// extent returns the bytes that a section takes in memory.
func (s *Section) extent() uint32 {
	if s.VirtualSize == 0 {
		return s.SizeOfRawData // old linkers leave the size out
	}
	return s.VirtualSize
}

// Holds reports whether an RVA lies in the section.
func (s *Section) Holds(rva uint32) bool {
	return rva >= s.VirtualAddress && rva-s.VirtualAddress < s.extent()
}

// Code reports whether the section holds code.
func (s *Section) Code() bool {
	const code, execute = 0x00000020, 0x20000000
	return s.Characteristics&(code|execute) != 0
}

// checkSection holds a section to the file and the image: sections ascend without overlap.
func (p *PE) checkSection(i int) error {
	s := &p.Sections[i]
	end := uint64(s.VirtualAddress) + uint64(s.extent())
	floor := uint64(p.SizeOfHeaders)
	if i > 0 {
		prev := &p.Sections[i-1]
		floor = uint64(prev.VirtualAddress) + uint64(max(prev.extent(), 1))
	}
	raw := uint64(s.PointerToRawData) + uint64(s.SizeOfRawData)
	switch {
	case s.VirtualAddress%p.SectionAlignment != 0:
		return errorf(Malformed, "section %q at %#x is not aligned to %#x", s.Name, s.VirtualAddress, p.SectionAlignment)
	case uint64(s.VirtualAddress) < floor:
		return errorf(Malformed, "section %q at %#x overlaps what ends at %#x", s.Name, s.VirtualAddress, floor)
	case end > alignUp(uint64(p.SizeOfImage), uint64(p.SectionAlignment)):
		return errorf(Malformed, "section %q ends at %#x, the image at %#x", s.Name, end, p.SizeOfImage)
	case s.PointerToRawData != 0 && raw > uint64(p.size):
		return errorf(Truncated, "truncated: section %q ends at %#x, the file at %#x", s.Name, raw, p.size)
	}
	return nil
}

func alignUp(v, to uint64) uint64 { return (v + to - 1) &^ (to - 1) }

// readAt fills b from an offset of the file or an RVA of the mapped image.
func (p *PE) readAt(at int64, b []byte) error {
	if at < 0 || at > p.size || int64(len(b)) > p.size-at {
		return errorf(Truncated, "truncated: %d bytes at %#x, but there are only %#x", len(b), at, p.size)
	}
	n, err := p.r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		return errorf(Truncated, "truncated at %#x", at+int64(n))
	}
	return err
}

// ReadRVA fills b from the image at an RVA. Bytes of a section beyond its data in the file are zero, up to the page that
// its last byte lies in. A range may not cross sections.
func (p *PE) ReadRVA(rva uint32, b []byte) error {
	if p.mapped {
		return p.readAt(int64(rva), b)
	}
	const pageSize = 0x1000
	end := uint64(rva) + uint64(len(b))
	if end <= uint64(p.SizeOfHeaders) {
		return p.readAt(int64(rva), b)
	}
	for i := range p.Sections {
		s := &p.Sections[i]
		if rva < s.VirtualAddress || end > uint64(s.VirtualAddress)+alignUp(uint64(s.extent()), pageSize) {
			continue
		}
		off, n := rva-s.VirtualAddress, 0
		if s.PointerToRawData != 0 && off < s.SizeOfRawData {
			n = int(min(uint64(len(b)), uint64(s.SizeOfRawData-off)))
			if err := p.readAt(int64(s.PointerToRawData)+int64(off), b[:n]); err != nil {
				return err
			}
		}
		clear(b[n:])
		return nil
	}
	return errorf(Malformed, "%d bytes at RVA %#x are in no section", len(b), rva)
}

// Bounds of the names in an image: of each, and of all that one table refers to (entries may share a name).
const (
	maxString  = 4096
	maxStrings = 32 << 20
)

// A stringReader reads the zero-terminated strings of one table. Those of a file it reads a page at a time, as they lie together; memory
// is read byte by byte, so that nothing behind a string is touched.
type stringReader struct {
	p    *PE
	left int
	page []byte // what was read last, at RVA base
	base uint32
}

func (p *PE) strings() *stringReader { return &stringReader{p: p, left: maxStrings} }

func (r *stringReader) at(rva uint32) (string, error) {
	var s []byte
	for start := rva; len(s) < maxString; rva++ {
		c, err := r.byte(rva)
		if err != nil {
			return "", err
		}
		if r.left--; r.left < 0 {
			return "", errorf(Malformed, "the names of one table exceed %d bytes at RVA %#x", maxStrings, start)
		}
		if c == 0 {
			return string(s), nil
		}
		s = append(s, c)
	}
	return "", errorf(Malformed, "the string at RVA %#x has no end within %d bytes", rva-maxString, maxString)
}

func (r *stringReader) byte(rva uint32) (byte, error) {
	const size = 0x1000
	if rva-r.base < uint32(len(r.page)) {
		return r.page[rva-r.base], nil
	}
	if !r.p.mapped {
		if r.page == nil {
			r.page = make([]byte, size)
		}
		if r.base = rva &^ (size - 1); r.p.ReadRVA(r.base, r.page) == nil {
			return r.page[rva-r.base], nil
		}
		r.page = nil // the table's string may lie in it all the same
	}
	var c [1]byte
	err := r.p.ReadRVA(rva, c[:])
	return c[0], err
}
