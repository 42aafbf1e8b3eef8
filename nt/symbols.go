package nt

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/pagewalk/pagewalk/loader"
)

// symbol is an exported name and where it is.
type symbol struct {
	rva  uint32
	name string
}

// symbols are the exports of an image by address, made when first asked for: one table for all processes that map the image.
type symbols struct {
	once   sync.Once
	sorted []symbol
}

// of returns the export nearest below an address, in the same section of the image; "" where there is none.
func (s *symbols) of(pe *loader.PE, rva uint32) (name string, offset uint32) {
	s.once.Do(func() { s.sorted = exportedNames(pe) })
	i := sort.Search(len(s.sorted), func(i int) bool { return s.sorted[i].rva > rva })
	if i == 0 {
		return "", 0
	}
	at := s.sorted[i-1]
	for _, sec := range pe.Sections {
		if end := sec.VirtualAddress + max(sec.VirtualSize, sec.SizeOfRawData); rva >= sec.VirtualAddress && rva < end {
			if at.rva < sec.VirtualAddress {
				return "", 0
			}
			return at.name, rva - at.rva
		}
	}
	return "", 0
}

// exportedNames sorts the named exports of an image, one name an address: the first of the alphabet, which of NtClose and ZwClose is the
// one that is spoken of.
func exportedNames(pe *loader.PE) []symbol {
	exports, err := pe.Exports()
	if err != nil {
		return nil // places are then offsets
	}
	all := make([]symbol, 0, len(exports.Functions))
	for _, x := range exports.Functions {
		if x.Name != "" && x.Forwarder == "" {
			all = append(all, symbol{x.RVA, x.Name})
		}
	}
	slices.SortFunc(all, func(a, b symbol) int { return cmp.Or(cmp.Compare(a.rva, b.rva), strings.Compare(a.name, b.name)) })
	return slices.CompactFunc(all, func(a, b symbol) bool { return a.rva == b.rva })
}

// Symbol returns the export nearest below an address of the image and how many bytes behind it the address lies: Name+0x12, or the name
// alone. "" where nothing is exported there.
func (m *Module) Symbol(va uint64) string {
	if m.section == nil || va-m.Base >= m.Size {
		return ""
	}
	name, offset := m.section.names.of(m.section.PE, uint32(va-m.Base))
	if name == "" || offset == 0 {
		return name
	}
	return fmt.Sprintf("%s+%#x", name, offset)
}

// Where returns an address as module!export+offset, or module+offset where nothing is exported; "" where no image holds it.
func (p *Process) Where(va uint64) string {
	m := p.ModuleAt(va)
	if m == nil {
		return ""
	}
	if s := m.Symbol(va); s != "" {
		return strings.TrimSuffix(m.Name, ".dll") + "!" + s
	}
	return fmt.Sprintf("%s+%#x", m.Name, va-m.Base)
}
