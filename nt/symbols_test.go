package nt

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/ntdef"
)

// A namedImage is a PE file of code from 0x1000 and data from 0x2000, to be named in three ways.
type namedImage struct {
	exports   []symbol
	functions [][3]uint32       // .pdata: begin, end, and 0 or the begin of the primary
	symbols   []loader.Symbol   // COFF
	indirect  map[uint32]uint32 // begin of a function whose entry shares that of another
}

const (
	namedCode, namedData = 0x1000, 0x2000
	namedBase            = 0x140000000
)

// parse writes the file and parses it.
func (n *namedImage) parse(t *testing.T) *loader.PE {
	t.Helper()
	le := binary.LittleEndian
	data := make([]byte, 0x1000)
	at := uint32(0)
	add := func(b []byte) uint32 {
		rva := namedData + at
		at += uint32(copy(data[at:], b))
		return rva
	}
	words := func(v ...uint32) (b []byte) {
		for _, w := range v {
			b = le.AppendUint32(b, w)
		}
		return b
	}
	f := make([]byte, 0x200, 0x3000)
	copy(f, "MZ")
	f[0x3c] = 0x80
	copy(f[0x80:], "PE\x00\x00")
	coff, opt := f[0x84:], f[0x98:]
	le.PutUint16(coff, loader.MachineAMD64)
	le.PutUint16(coff[2:], 2)
	le.PutUint16(coff[16:], 240)
	le.PutUint16(opt, 0x20b)
	le.PutUint64(opt[24:], namedBase)
	le.PutUint32(opt[32:], 0x1000)
	le.PutUint32(opt[36:], 0x200)
	le.PutUint32(opt[56:], 0x3000)
	le.PutUint32(opt[60:], 0x200)
	le.PutUint32(opt[108:], 16)
	for i, s := range [][3]uint32{{namedCode, 0x200, 0x60000020}, {namedData, 0x1200, 0x40000040}} {
		h := f[0x98+240+40*i:]
		copy(h, words(0, 0, 0x1000, s[0], 0x1000, s[1], 0, 0, 0, s[2]))
	}
	directory := func(i int, rva, size uint32) { copy(opt[112+8*i:], words(rva, size)) }

	var ordinals []byte
	var addresses, names []uint32
	for i, x := range n.exports {
		addresses = append(addresses, x.rva)
		names = append(names, add(append([]byte(x.name), 0)))
		ordinals = le.AppendUint16(ordinals, uint16(i))
	}
	count := uint32(len(n.exports))
	dir := words(0, 0, 0, 0, 1, count, count, add(words(addresses...)), add(words(names...)), add(ordinals))
	directory(loader.DirectoryExport, add(dir), 40)

	at = (at + 3) &^ 3
	entries := map[uint32]uint32{} // where the entry of a function is, by its begin
	begin := namedData + at
	for i, fn := range n.functions {
		entries[fn[0]] = begin + 12*uint32(i)
	}
	at += 12 * uint32(len(n.functions))
	for i, fn := range n.functions {
		info := namedData + at
		switch {
		case n.indirect[fn[0]] != 0:
			info = entries[n.indirect[fn[0]]] | 1
		case fn[2] == 0:
			add([]byte{1, 0, 0, 0})
		default:
			primary := entries[fn[2]] - namedData
			add([]byte{1 | ntdef.UNW_FLAG_CHAININFO<<3, 0, 0, 0})
			add(data[primary:][:12])
		}
		copy(data[begin-namedData+12*uint32(i):], words(fn[0], fn[1], info))
	}
	directory(loader.DirectoryException, begin, 12*uint32(len(n.functions)))

	f = append(f, make([]byte, 0x1000)...)
	f = append(f, data...)
	le.PutUint32(coff[8:], uint32(len(f)))
	le.PutUint32(coff[12:], uint32(len(n.symbols)))
	table := words(0)
	for _, s := range n.symbols {
		r := make([]byte, 18)
		copy(r, words(0, uint32(len(table)), s.RVA-namedCode, 1))
		table = append(append(table, s.Name...), 0)
		if r[16] = 2; s.Static {
			r[16] = 3
		}
		if s.Typed {
			r[14] = 0x20
		}
		f = append(f, r...)
	}
	le.PutUint32(table, uint32(len(table)))
	f = append(f, table...)
	pe, err := loader.ParsePE(bytes.NewReader(f), int64(len(f)))
	require.NoError(t, err)
	return pe
}

func (n *namedImage) module(t *testing.T) *Module {
	return &Module{Name: "named.dll", Base: namedBase, Size: 0x3000, section: &Section{PE: n.parse(t)}}
}

func static(rva uint32, name string) loader.Symbol {
	return loader.Symbol{Name: name, RVA: rva, Static: true, Typed: true}
}

// ofEveryKind is an image whose functions lie in the order of what is claimed of them.
func ofEveryKind() *namedImage {
	return &namedImage{
		exports: []symbol{{0x1000, "ZwOpen"}, {0x1000, "NtOpen"}, {0x2010, "data"}},
		functions: [][3]uint32{
			{0x1080, 0x10a0, 0}, // first here, so that those that chain to it find it
			{0x1000, 0x1020, 0},
			{0x1020, 0x1040, 0},
			{0x1040, 0x1060, 0},
			{0x1060, 0x1070, 0x1080},
			{0x10a0, 0x10b0, 0x1080},
			{0x10b0, 0x10c0, 0x1080},
			{0x10c0, 0x10d0, 0x1040},
			{0x10e0, 0x10f0, 0},
			{0x1100, 0x1110, 0},
			{0x1120, 0x1130, 0},
		},
		indirect: map[uint32]uint32{0x1100: 0x1020},
		symbols: []loader.Symbol{
			{Name: "open", RVA: 0x1000, Typed: true},
			static(0x1020, "helper"), static(0x1080, "whole"), static(0x10b0, "whole.cold"),
			{Name: "leaf", RVA: 0x10d0},
			static(0x10e0, "last"),
			{Name: "inner", RVA: 0x1128, Typed: true},
		},
	}
}

func TestEveryAddressOfCodeIsInItsFunction(t *testing.T) {
	m := ofEveryKind().module(t)
	for _, c := range []struct {
		claim string
		rva   uint64
		want  string
	}{
		{"an export comes before a symbol, the first of the alphabet before its alias", 0x1000, "NtOpen"},
		{"the last byte of a function", 0x101f, "NtOpen+0x1f"},
		{"an internal function is not its exported neighbour", 0x1024, "helper+0x4"},
		{"a function without a name has its address", 0x1040, "sub_1040"},
		{"and an offset", 0x1046, "sub_1040+0x6"},
		{"a part ahead of its function", 0x1064, "whole-0x1c"},
		{"the function itself", 0x1084, "whole+0x4"},
		{"a part behind its function", 0x10a4, "whole+0x24"},
		{"a part with a name of its own", 0x10b4, "whole.cold+0x4"},
		{"a part of a function without a name", 0x10c4, "sub_1040+0x84"},
		{"a leaf function without an entry", 0x10d2, "leaf+0x2"},
		{"the function behind it", 0x10e2, "last+0x2"},
		{"code behind a function is not the function's", 0x10f4, ""},
		{"an entry that shares another's", 0x1104, "helper+0xe4"},
		{"a name further inside is the function's all the same", 0x1122, "inner-0x6"},
		{"and is told by from there on", 0x112a, "inner+0x2"},
		{"the rest of the section", 0x1ff0, ""},
		{"data", 0x2014, ""},
		{"headers", 0x10, ""},
		{"outside", 0x3000, ""},
	} {
		require.Equal(t, c.want, m.Symbol(namedBase+c.rva), "%s: %#x", c.claim, c.rva)
	}
}

func TestAReturnAddressBelongsToTheCallBeforeIt(t *testing.T) {
	p := &Process{}
	p.modules = append(p.modules, ofEveryKind().module(t))
	require.Equal(t, "named!sub_1040", p.Where(namedBase+0x1040))
	require.Equal(t, "named!helper+0x20", p.whereReturns(namedBase+0x1040), "the callee of a last instruction never returns")
	require.Equal(t, "named!helper+0x8", p.whereReturns(namedBase+0x1028))
	require.Equal(t, "named.dll+0x10f4", p.whereReturns(namedBase+0x10f4))
	require.Equal(t, "", p.whereReturns(namedBase))
}

func TestOneOfSeveralNamesIsChosenAlike(t *testing.T) {
	all := []loader.Symbol{
		{Name: "a_label", RVA: 0x1000},
		static(0x1000, "a_static"),
		{Name: "external", RVA: 0x1000, Typed: true},
		{Name: "external2", RVA: 0x1000, Typed: true},
	}
	for n := len(all); n > 0; n-- {
		image := &namedImage{symbols: all[:n]}
		require.Equal(t, []string{"a_label", "a_static", "external", "external"}[n-1], image.module(t).Symbol(namedBase+0x1000))
	}
}

func TestAnImageWithoutFunctionTableNamesTheNearest(t *testing.T) {
	m := (&namedImage{exports: []symbol{{0x1010, "first"}, {0x1100, "second"}}}).module(t)
	require.Equal(t, "", m.Symbol(namedBase+0x1008))
	require.Equal(t, "first+0xe8", m.Symbol(namedBase+0x10f8))
	require.Equal(t, "second", m.Symbol(namedBase+0x1100))
	require.Equal(t, "second+0xeff", m.Symbol(namedBase+0x1fff))
}

// A chain that never ends, and names that would do something to a terminal.
func TestBadImagesAreNamedToo(t *testing.T) {
	image := &namedImage{
		functions: [][3]uint32{{0x1000, 0x1010, 0}, {0x1010, 0x1020, 0}, {0x1030, 0x1020, 0}},
		indirect:  map[uint32]uint32{0x1000: 0x1010, 0x1010: 0x1000},
		symbols:   []loader.Symbol{static(0x1020, "red\x1b[31m\xff")},
	}
	m := image.module(t)
	require.Equal(t, "sub_1000+0x2", m.Symbol(namedBase+0x1002))
	require.Equal(t, "red?[31m\ufffd+0x1", m.Symbol(namedBase+0x1021))
	require.Equal(t, "red?[31m\ufffd+0x18", m.Symbol(namedBase+0x1038), "an entry that ends before it begins holds nothing")
}
