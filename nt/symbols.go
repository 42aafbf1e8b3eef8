package nt

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode"

	"github.com/pagewalk/pagewalk/internal/unwind"
	"github.com/pagewalk/pagewalk/loader"
)

// A symbol is the name of a function and where it is.
type symbol struct {
	rva  uint32
	name string
}

// symbols are the functions of an image, made when a place is first named: one table for all processes that map the image.
//
// .pdata says where a function begins and ends, so that code without a name is not taken for a neighbour that has one. Names are those of
// the exports and of the file's COFF symbol table. Data have no name: nothing says where they end.
type symbols struct {
	once      sync.Once
	named     []symbol                 // by address, one each
	functions []loader.RuntimeFunction // by address
}

// of returns the function that an address lies in and how far behind its name; before it, where a compiler has put a part of the function
// ahead of the rest, or the only name is further inside. A function without a name is sub_ and its RVA, as disassemblers call it. "" where no function is known: in
// data, and in code that .pdata leaves out (leaf functions, thunks, padding) where nothing behind the function below has a name.
func (s *symbols) of(pe *loader.PE, rva uint32) (name string, offset int64) {
	s.once.Do(func() { s.named, s.functions = functionNames(pe), functionRanges(pe) })
	i := slices.IndexFunc(pe.Sections, func(sec loader.Section) bool { return sec.Code() && sec.Holds(rva) })
	if i < 0 {
		return "", 0
	}
	f, inside := s.function(rva)
	if !inside { // what has no entry lies between functions that have one
		f = loader.RuntimeFunction{Begin: max(pe.Sections[i].VirtualAddress, f.End), End: rva}
	}
	if at, ok := s.within(f, rva); ok {
		return at.name, int64(rva) - int64(at.rva)
	}
	if !inside {
		return "", 0
	}
	if whole, err := unwind.Primary(imageMemory{pe}, 0, unwind.Function(f)); err == nil {
		f = loader.RuntimeFunction(whole)
	}
	at, ok := s.within(f, f.Begin)
	if !ok {
		at = symbol{f.Begin, fmt.Sprintf("sub_%x", f.Begin)}
	}
	return at.name, int64(rva) - int64(at.rva)
}

// function returns the range of .pdata that holds an address, or the last below it, which is empty where there is none.
func (s *symbols) function(rva uint32) (f loader.RuntimeFunction, inside bool) {
	i := sort.Search(len(s.functions), func(i int) bool { return s.functions[i].Begin > rva })
	if i == 0 {
		return f, false
	}
	f = s.functions[i-1]
	return f, rva < f.End
}

// within returns the symbol of a function that an address in it is told by: the last up to there, or else the first behind it.
func (s *symbols) within(f loader.RuntimeFunction, rva uint32) (symbol, bool) {
	i := sort.Search(len(s.named), func(i int) bool { return s.named[i].rva > rva })
	switch {
	case i > 0 && s.named[i-1].rva >= f.Begin:
		return s.named[i-1], true
	case i < len(s.named) && s.named[i].rva < f.End:
		return s.named[i], true
	}
	return symbol{}, false
}

// functionNames sorts the names of an image's functions by address, one each: an export before a symbol, a function that is typed before
// one that is not, an external one before a static one, and the first of the alphabet, which of NtClose and ZwClose is the one that is
// spoken of. Tables that make no sense name nothing.
func functionNames(pe *loader.PE) []symbol {
	type candidate struct {
		symbol
		rank int
	}
	var all []candidate
	if exports, err := pe.Exports(); err == nil {
		for _, x := range exports.Functions {
			if x.Name != "" && x.Forwarder == "" {
				all = append(all, candidate{symbol{x.RVA, printable(x.Name)}, 0})
			}
		}
	}
	if functions, err := pe.FunctionSymbols(); err == nil {
		for _, f := range functions {
			rank := 1
			if f.Static {
				rank++
			}
			if !f.Typed {
				rank += 2
			}
			all = append(all, candidate{symbol{f.RVA, printable(f.Name)}, rank})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rva, b.rva), cmp.Compare(a.rank, b.rank), strings.Compare(a.name, b.name))
	})
	all = slices.CompactFunc(all, func(a, b candidate) bool { return a.rva == b.rva })
	named := make([]symbol, len(all))
	for i, c := range all {
		named[i] = c.symbol
	}
	return named
}

// printable makes a name of a file one that a terminal can be shown.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, name)
}

// functionRanges returns .pdata by address, which is how linkers write it.
func functionRanges(pe *loader.PE) []loader.RuntimeFunction {
	all, err := pe.RuntimeFunctions()
	if err != nil {
		return nil
	}
	byAddress := func(a, b loader.RuntimeFunction) int { return cmp.Compare(a.Begin, b.Begin) }
	if !slices.IsSortedFunc(all, byAddress) {
		slices.SortStableFunc(all, byAddress)
	}
	return all
}

// imageMemory is an image as unwinding sees it: at address 0, without relocation.
type imageMemory struct{ pe *loader.PE }

func (m imageMemory) Read(va uint64, b []byte) error {
	if va > 1<<32-1 {
		return unwind.ErrBadTable
	}
	return m.pe.ReadRVA(uint32(va), b)
}

func (m imageMemory) Load8(va uint64) (uint8, error) {
	var b [1]byte
	err := m.Read(va, b[:])
	return b[0], err
}

func (m imageMemory) Load32(va uint64) (uint32, error) {
	var b [4]byte
	err := m.Read(va, b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

func (m imageMemory) Load64(va uint64) (uint64, error) {
	var b [8]byte
	err := m.Read(va, b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

// Symbol returns the function of the image that an address lies in, and how many bytes behind its beginning: Name+0x12, or the name
// alone. A function without a name is sub_ and its RVA. "" where no function is known.
func (m *Module) Symbol(va uint64) string { return m.symbol(va, 0) }

// symbol is Symbol of the function that holds the byte back bytes below an address.
func (m *Module) symbol(va, back uint64) string {
	if m.section == nil || va-back-m.Base >= m.Size {
		return ""
	}
	name, offset := m.section.names.of(m.section.PE, uint32(va-back-m.Base))
	offset += int64(back)
	switch {
	case name == "" || offset == 0:
		return name
	case offset < 0:
		return fmt.Sprintf("%s-%#x", name, -offset)
	}
	return fmt.Sprintf("%s+%#x", name, offset)
}

// Where returns an address as module!function+offset, or module+offset where no function is known; "" where no image holds it.
func (p *Process) Where(va uint64) string { return p.where(va, 0) }

// whereReturns is Where of a return address. It names the function of the call before it, which may be the last instruction of its
// function where the callee does not return.
func (p *Process) whereReturns(va uint64) string { return p.where(va, 1) }

func (p *Process) where(va, back uint64) string {
	m := p.ModuleAt(va - back)
	if m == nil {
		return ""
	}
	if s := m.symbol(va, back); s != "" {
		return strings.TrimSuffix(m.Name, ".dll") + "!" + s
	}
	return fmt.Sprintf("%s+%#x", m.Name, va-m.Base)
}
