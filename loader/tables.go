package loader

import (
	"encoding/binary"
	"slices"
)

// Relocations returns the RVAs of the addresses, of the image's width, that move with the image, in the file's order: every DIR64 entry
// of the .reloc section, every HIGHLOW one of a PE32 image. Other types, which no linker writes, are an error (PE Format, "The .reloc
// section").
func (p *PE) Relocations() ([]uint32, error) {
	const absolute, highLow, dir64 = 0, 3, 10
	kind, kindName := uint16(dir64), "x86-64 images have DIR64 only"
	if p.Width() == 4 {
		kind, kindName = highLow, "i386 images have HIGHLOW only"
	}
	dir := p.Directories[DirectoryRelocations]
	var list []uint32
	for off := uint32(0); off+8 <= dir.Size; {
		var h [8]byte
		if err := p.ReadRVA(dir.RVA+off, h[:]); err != nil {
			return nil, err
		}
		le := binary.LittleEndian
		page, size := le.Uint32(h[0:]), le.Uint32(h[4:])
		if size == 0 {
			return list, nil
		}
		if size < 8 || size > dir.Size-off || size > 8+2*0x10000 {
			return nil, errorf(Malformed, "a relocation block of %d bytes at RVA %#x", size, dir.RVA+off)
		}
		entries := make([]byte, size-8)
		if err := p.ReadRVA(dir.RVA+off+8, entries); err != nil {
			return nil, err
		}
		for ; len(entries) >= 2; entries = entries[2:] {
			e := le.Uint16(entries)
			switch e >> 12 {
			case absolute: // padding
			case kind:
				list = append(list, page+uint32(e&0xfff))
			default:
				return nil, errorf(Malformed, "relocation type %d at RVA %#x: %s", e>>12, page+uint32(e&0xfff), kindName)
			}
		}
		off += size
	}
	return list, nil
}

// Relocatable reports whether an image runs at any base. One whose relocations were taken out says so (IMAGE_FILE_RELOCS_STRIPPED); one
// that has none otherwise, such as a DLL of resources or of managed code, has no addresses in it.
func (p *PE) Relocatable() bool {
	const relocsStripped = 1
	return p.Characteristics&relocsStripped == 0
}

// Fixups returns what Relocations does and the address of the image base in the header, ascending and each once: everything that
// changes where an image is linked for another base.
func (p *PE) Fixups() ([]uint32, error) {
	list, err := p.Relocations()
	if err != nil {
		return nil, err
	}
	var at [4]byte
	if err := p.readAt(0x3c, at[:]); err != nil {
		return nil, err
	}
	const optional = 24 // behind the signature and the COFF header
	list = append(list, binary.LittleEndian.Uint32(at[:])+optional+p.imageBaseAt())
	slices.Sort(list)
	return slices.Compact(list), nil
}

// TLS is the thread-local-storage directory; its addresses are virtual, not RVAs (PE Format, "The .tls section").
type TLS struct {
	StartOfRawData, EndOfRawData uint64 // the template
	AddressOfIndex               uint64 // where the loader writes the module's index, 32 bits
	AddressOfCallBacks           uint64 // a zero-terminated array of functions
	SizeOfZeroFill               uint32
	Characteristics              uint32
}

// TLS returns the thread-local-storage directory, nil where there is none.
func (p *PE) TLS() (*TLS, error) {
	dir := p.Directories[DirectoryTLS]
	if dir.RVA == 0 {
		return nil, nil
	}
	w := p.Width()
	b := make([]byte, 4*w+8)
	if err := p.ReadRVA(dir.RVA, b); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	t := &TLS{
		StartOfRawData: p.address(b[0:]), EndOfRawData: p.address(b[w:]), AddressOfIndex: p.address(b[2*w:]),
		AddressOfCallBacks: p.address(b[3*w:]), SizeOfZeroFill: le.Uint32(b[4*w:]), Characteristics: le.Uint32(b[4*w+4:]),
	}
	if t.EndOfRawData < t.StartOfRawData || t.EndOfRawData-t.StartOfRawData > uint64(p.SizeOfImage) {
		return nil, errorf(Malformed, "a TLS template from %#x to %#x", t.StartOfRawData, t.EndOfRawData)
	}
	return t, nil
}

// LoadConfig has the fields of the load configuration that the loader needs; addresses are virtual. Fields that an older
// linker did not write are 0 (PE Format, "The load configuration structure").
type LoadConfig struct {
	Size                        uint32
	SecurityCookie              uint64
	GuardCFCheckFunctionPointer uint64
	GuardCFDispatchPointer      uint64
	GuardFlags                  uint32
}

// LoadConfig returns the load configuration, nil where there is none.
func (p *PE) LoadConfig() (*LoadConfig, error) {
	dir := p.Directories[DirectoryLoadConfig]
	if dir.RVA == 0 {
		return nil, nil
	}
	var b [0x94]byte
	if err := p.ReadRVA(dir.RVA, b[:4]); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	size := le.Uint32(b[:])
	if err := p.ReadRVA(dir.RVA, b[:min(size, uint32(len(b)))]); err != nil {
		return nil, err
	}
	if p.Width() == 4 {
		return &LoadConfig{
			Size: size, SecurityCookie: p.address(b[0x3c:]), GuardCFCheckFunctionPointer: p.address(b[0x48:]),
			GuardCFDispatchPointer: p.address(b[0x4c:]), GuardFlags: le.Uint32(b[0x58:]),
		}, nil
	}
	return &LoadConfig{
		Size: size, SecurityCookie: p.address(b[0x58:]), GuardCFCheckFunctionPointer: p.address(b[0x70:]),
		GuardCFDispatchPointer: p.address(b[0x78:]), GuardFlags: le.Uint32(b[0x90:]),
	}, nil
}

// ExDllCharacteristics returns IMAGE_DLLCHARACTERISTICS_EX_*, which the debug directory has; 0 where it does not (PE Format, "Extended DLL
// characteristics").
func (p *PE) ExDllCharacteristics() uint32 {
	const entry, maxEntries, exDllCharacteristics = 28, 64, 20
	dir, le := p.Directories[DirectoryDebug], binary.LittleEndian
	for i := range min(dir.Size/entry, maxEntries) {
		var b [entry]byte
		if p.ReadRVA(dir.RVA+entry*i, b[:]) != nil {
			return 0
		}
		if le.Uint32(b[12:]) == exDllCharacteristics && le.Uint32(b[16:]) >= 4 && p.ReadRVA(le.Uint32(b[20:]), b[:4]) == nil {
			return le.Uint32(b[:])
		}
	}
	return 0
}

// COMHeader has what of the header of managed code decides where it may run (ECMA-335, partition II, "CLI header").
type COMHeader struct {
	MajorRuntimeVersion, MinorRuntimeVersion uint16
	Flags                                    uint32 // COM_*
}

// Flags of a COMHeader (corhdr.h, COMIMAGE_FLAGS_*).
const (
	COMILOnly         = 1 // no code for any machine
	COM32BitRequired  = 2
	COM32BitPreferred = 0x20000
)

// COMHeader returns the header of managed code, nil where there is none.
func (p *PE) COMHeader() (*COMHeader, error) {
	dir := p.Directories[DirectoryCOM]
	if dir.RVA == 0 {
		return nil, nil
	}
	var b [20]byte
	if err := p.ReadRVA(dir.RVA, b[:]); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	return &COMHeader{le.Uint16(b[4:]), le.Uint16(b[6:]), le.Uint32(b[16:])}, nil
}

// A RuntimeFunction is one entry of .pdata: a function's range and its unwind information, all RVAs (x64 exception
// handling, "struct RUNTIME_FUNCTION").
type RuntimeFunction struct{ Begin, End, Unwind uint32 }

// maxRuntimeFunctions is far above what real images have, and bounds what a file can make us keep.
const maxRuntimeFunctions = 1 << 21

// RuntimeFunctions returns the exception directory, sorted by Begin as the linker wrote it. PE32 images have none.
func (p *PE) RuntimeFunctions() ([]RuntimeFunction, error) {
	if p.Machine != MachineAMD64 {
		return nil, nil
	}
	dir := p.Directories[DirectoryException]
	var list []RuntimeFunction
	for off := uint32(0); off+12 <= min(dir.Size, 12*maxRuntimeFunctions); off += 12 {
		var b [12]byte
		if err := p.ReadRVA(dir.RVA+off, b[:]); err != nil {
			return nil, err
		}
		le := binary.LittleEndian
		if le.Uint32(b[4:]) == 0 {
			break // padding
		}
		list = append(list, RuntimeFunction{le.Uint32(b[0:]), le.Uint32(b[4:]), le.Uint32(b[8:])})
	}
	return list, nil
}
