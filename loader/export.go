package loader

import (
	"encoding/binary"
	"sort"
)

// Exports is the export directory of an image (PE Format, "The .edata section").
type Exports struct {
	Name      string // of the DLL, as its linker knew it
	Base      uint32 // the first ordinal
	Functions []Export
	byName    []int // indexes into Functions, sorted by name
	byOrdinal map[uint32]int
}

// An Export is one exported function or variable. A function with several names has an entry for each.
type Export struct {
	Name      string // "" where it is exported by ordinal only
	Ordinal   uint32
	RVA       uint32
	Forwarder string // "DLL.Name" or "DLL.#ordinal" where the export is another DLL's
}

// maxExports bounds the tables: an ordinal has 16 bits.
const maxExports = 1 << 16

// Exports parses the export directory; an image without one exports nothing.
func (p *PE) Exports() (*Exports, error) {
	x := &Exports{byOrdinal: map[uint32]int{}}
	dir := p.Directories[DirectoryExport]
	if dir.RVA == 0 {
		return x, nil
	}
	var d [40]byte
	if err := p.ReadRVA(dir.RVA, d[:]); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	x.Base = le.Uint32(d[16:])
	functions, names := le.Uint32(d[20:]), le.Uint32(d[24:])
	addresses, namePointers, ordinals := le.Uint32(d[28:]), le.Uint32(d[32:]), le.Uint32(d[36:])
	if functions > maxExports || names > maxExports {
		return nil, errorf(Malformed, "%d exports with %d names: at most %d are possible", functions, names, maxExports)
	}
	strings := p.strings()
	if rva := le.Uint32(d[12:]); rva != 0 {
		name, err := strings.at(rva)
		if err != nil {
			return nil, err
		}
		x.Name = name
	}
	named := make(map[uint32]bool)
	for i := range names {
		var ptr [4]byte
		var ord [2]byte
		if err := p.ReadRVA(namePointers+4*i, ptr[:]); err != nil {
			return nil, err
		}
		if err := p.ReadRVA(ordinals+2*i, ord[:]); err != nil {
			return nil, err
		}
		index := uint32(le.Uint16(ord[:]))
		if index >= functions {
			return nil, errorf(Malformed, "export name %d refers to function %d of %d", i, index, functions)
		}
		name, err := strings.at(le.Uint32(ptr[:]))
		if err != nil {
			return nil, err
		}
		if err := p.addExport(x, strings, addresses, index, name); err != nil {
			return nil, err
		}
		named[index] = true
	}
	for i := range functions {
		if !named[i] {
			if err := p.addExport(x, strings, addresses, i, ""); err != nil {
				return nil, err
			}
		}
	}
	sort.Slice(x.byName, func(i, j int) bool { return x.Functions[x.byName[i]].Name < x.Functions[x.byName[j]].Name })
	return x, nil
}

func (p *PE) addExport(x *Exports, strings *stringReader, addresses, index uint32, name string) error {
	var b [4]byte
	if err := p.ReadRVA(addresses+4*index, b[:]); err != nil {
		return err
	}
	e := Export{Name: name, Ordinal: x.Base + index, RVA: binary.LittleEndian.Uint32(b[:])}
	if e.RVA == 0 {
		return nil // a gap in the ordinals
	}
	// An address inside the export directory is that of a forwarder string.
	if dir := p.Directories[DirectoryExport]; e.RVA-dir.RVA < dir.Size {
		target, err := strings.at(e.RVA)
		if err != nil {
			return err
		}
		e.Forwarder, e.RVA = target, 0
	}
	if name != "" {
		x.byName = append(x.byName, len(x.Functions))
	}
	x.byOrdinal[e.Ordinal] = len(x.Functions)
	x.Functions = append(x.Functions, e)
	return nil
}

// ByName returns the export of a name, nil where there is none. Names are case-sensitive.
func (x *Exports) ByName(name string) *Export {
	i := sort.Search(len(x.byName), func(i int) bool { return x.Functions[x.byName[i]].Name >= name })
	if i == len(x.byName) || x.Functions[x.byName[i]].Name != name {
		return nil
	}
	return &x.Functions[x.byName[i]]
}

// ByOrdinal returns the export of an ordinal, nil where there is none.
func (x *Exports) ByOrdinal(ordinal uint32) *Export {
	i, ok := x.byOrdinal[ordinal]
	if !ok {
		return nil
	}
	return &x.Functions[i]
}
