package loader

import (
	"encoding/binary"
	"math"
)

// An Import is what an image takes from one DLL.
type Import struct {
	DLL       string
	Functions []ImportedFunction
}

// An ImportedFunction is one slot of an import address table.
type ImportedFunction struct {
	Name      string // "" where the import is by ordinal
	Hint      uint16 // index at which to look for the name first
	Ordinal   uint16
	ByOrdinal bool
	IAT       uint32 // RVA of the slot, as wide as the image's addresses
}

// maxImports bounds the functions of all import tables, far above any real image's.
const maxImports = 1 << 17

// Imports returns the import directory (PE Format, "The .idata section").
func (p *PE) Imports() ([]Import, error) {
	return p.imports(p.Directories[DirectoryImport].RVA, importLayout{size: 20, lookup: 0, name: 12, iat: 16})
}

// DelayImports returns the delay-load directory: what the image binds at the first call of each function (PE Format,
// "Delay-load import tables"). The addresses of its slots are not the loader's to write.
func (p *PE) DelayImports() ([]Import, error) {
	return p.imports(p.Directories[DirectoryDelayImport].RVA, importLayout{size: 32, name: 4, iat: 12, lookup: 16})
}

// An importLayout has the size of a directory entry and the offsets of its fields.
type importLayout struct{ size, lookup, name, iat int }

func (p *PE) imports(at uint32, layout importLayout) ([]Import, error) {
	if at == 0 {
		return nil, nil
	}
	var list []Import
	r := importReader{p, p.strings(), maxImports}
	entry := make([]byte, layout.size)
	for ; ; at += uint32(layout.size) {
		if err := p.ReadRVA(at, entry); err != nil {
			return nil, err
		}
		le := binary.LittleEndian
		lookup, name, iat := le.Uint32(entry[layout.lookup:]), le.Uint32(entry[layout.name:]), le.Uint32(entry[layout.iat:])
		if name == 0 || iat == 0 {
			return list, nil
		}
		if lookup == 0 {
			lookup = iat // old linkers write no separate look-up table
		}
		dll, err := r.strings.at(name)
		if err != nil {
			return nil, err
		}
		functions, err := r.functions(lookup, iat)
		if err != nil {
			return nil, err
		}
		list = append(list, Import{dll, functions})
	}
}

type importReader struct {
	p       *PE
	strings *stringReader
	left    int
}

// functions reads one look-up table, up to its zero entry.
func (r *importReader) functions(lookup, iat uint32) ([]ImportedFunction, error) {
	var list []ImportedFunction
	width := uint32(r.p.Width())
	for ; ; lookup, iat = lookup+width, iat+width {
		if r.left--; r.left < 0 {
			return nil, errorf(Malformed, "more than %d imports", maxImports)
		}
		var b [8]byte
		if err := r.p.ReadRVA(lookup, b[:width]); err != nil {
			return nil, err
		}
		v := r.p.address(b[:])
		switch {
		case v == 0:
			return list, nil
		case v>>(8*width-1) != 0:
			list = append(list, ImportedFunction{ByOrdinal: true, Ordinal: uint16(v), IAT: iat})
			continue
		case v > math.MaxInt32:
			return nil, errorf(Malformed, "the import at RVA %#x is neither a name nor an ordinal: %#x", lookup, v)
		}
		f := ImportedFunction{IAT: iat}
		if err := r.p.ReadRVA(uint32(v), b[:2]); err != nil {
			return nil, err
		}
		f.Hint = binary.LittleEndian.Uint16(b[:])
		var err error
		if f.Name, err = r.strings.at(uint32(v) + 2); err != nil {
			return nil, err
		}
		list = append(list, f)
	}
}
