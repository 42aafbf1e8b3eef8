package loader

import (
	"encoding/binary"
	"strings"
)

// A Symbol is a function of the COFF symbol table.
type Symbol struct {
	Name   string
	RVA    uint32
	Static bool // known in its source file only
	Typed  bool // said to be a function; the others are names of code that an assembler file gave
}

// Bounds of the symbol table: of its records, and of the bytes of its strings.
const (
	maxSymbols     = 1 << 21
	maxSymbolNames = maxStrings
)

// FunctionSymbols returns the functions of the COFF symbol table in its order, nil where a file has none or is mapped: the table lies
// behind the sections and is no part of the image. Linkers of GNU, LLVM and Go write one unless they are told to strip it; Microsoft's do not
// (PE Format, "COFF symbol table").
//
// Functions are the external symbols of sections with code, and the static ones that have a type: sections, labels and data have none, or
// lie elsewhere. Names that begin with a dot are an assembler's or a linker's own. A record that makes no sense names nothing.
func (p *PE) FunctionSymbols() ([]Symbol, error) {
	if p.mapped || p.PointerToSymbolTable == 0 || p.NumberOfSymbols == 0 {
		return nil, nil
	}
	if p.NumberOfSymbols > maxSymbols {
		return nil, errorf(Malformed, "%d symbols: at most %d are read", p.NumberOfSymbols, maxSymbols)
	}
	at, size := int64(p.PointerToSymbolTable), symbolSize*int64(p.NumberOfSymbols)
	if at > p.size || size > p.size-at {
		return nil, errorf(Truncated, "truncated: %d symbols at %#x, but there are only %#x bytes", p.NumberOfSymbols, at, p.size)
	}
	table := make([]byte, size)
	if err := p.readAt(at, table); err != nil {
		return nil, err
	}
	names, err := p.symbolNames(at + size)
	if err != nil {
		return nil, err
	}
	var list []Symbol
	for len(table) > 0 {
		record := table[:symbolSize]
		table = table[min(symbolSize*(1+int(record[symbolAuxiliary])), len(table)):]
		if s, ok := p.functionSymbol(record, names); ok {
			list = append(list, s)
		}
	}
	return list, nil
}

// The layout of a symbol record.
const (
	symbolSize      = 18
	symbolValue     = 8
	symbolSection   = 12
	symbolType      = 14
	symbolClass     = 16
	symbolAuxiliary = 17 // how many records of another layout follow
)

// symbolNames reads the strings behind the symbol table. Offsets into them count their size, which comes first. A file may end without.
func (p *PE) symbolNames(at int64) (string, error) {
	var b [4]byte
	if at > p.size-int64(len(b)) {
		return "", nil
	}
	if err := p.readAt(at, b[:]); err != nil {
		return "", err
	}
	size := binary.LittleEndian.Uint32(b[:])
	if size > maxSymbolNames {
		return "", errorf(Malformed, "the names of the symbols have %d bytes: at most %d are read", size, maxSymbolNames)
	}
	if int64(size) > p.size-at {
		return "", errorf(Truncated, "truncated: the names of the symbols have %#x bytes at %#x, but there are only %#x", size, at, p.size)
	}
	names := make([]byte, size)
	if err := p.readAt(at, names); err != nil {
		return "", err
	}
	return string(names), nil
}

// functionSymbol decodes a record. Its name is a part of names where it is longer than the record has room for.
func (p *PE) functionSymbol(record []byte, names string) (Symbol, bool) {
	const external, static = 2, 3
	le := binary.LittleEndian
	s := Symbol{
		RVA: le.Uint32(record[symbolValue:]), Static: record[symbolClass] == static, Typed: le.Uint16(record[symbolType:]) != 0,
	}
	section := int(int16(le.Uint16(record[symbolSection:]))) - 1 // symbols without one have 0 or less
	switch {
	case record[symbolClass] != external && (!s.Static || !s.Typed):
		return s, false
	case section < 0 || section >= len(p.Sections) || !p.Sections[section].Code() || s.RVA >= p.Sections[section].extent():
		return s, false
	}
	s.RVA += p.Sections[section].VirtualAddress
	if le.Uint32(record) != 0 {
		s.Name, _, _ = strings.Cut(string(record[:symbolValue]), "\x00")
	} else if at := le.Uint32(record[4:]); at >= 4 && int64(at) < int64(len(names)) {
		long := names[at:]
		end := strings.IndexByte(long[:min(len(long), maxString)], 0)
		if end < 0 {
			return s, false
		}
		s.Name = long[:end]
	}
	return s, s.Name != "" && s.Name[0] != '.'
}
