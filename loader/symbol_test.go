package loader

import (
	"bytes"
	"debug/pe"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// A testSymbol is one record of a symbol table, and how many auxiliary records follow.
type testSymbol struct {
	name      string
	value     uint32
	section   int16
	typ       uint16
	class     byte
	auxiliary byte
}

// testSymbols are what the linkers of GNU, LLVM and Go write, and what is no function among it.
var testSymbols = []testSymbol{
	{".file", 0, -2, 0, 103, 1},
	{"main", 0x10, 1, 0x20, 2, 1},
	{"eightchr", 0x12, 1, 0x20, 3, 0},
	{"ninechars", 0x14, 1, 0x308, 3, 0}, // older Go
	{"___chkstk_ms", 0x16, 1, 0, 2, 0},  // assembler
	{".text", 0x10, 1, 0, 3, 1},         // the section
	{"static_label", 0x11, 1, 0, 3, 0},
	{".l_start", 0x11, 1, 0, 6, 0},
	{".hidden", 0x11, 1, 0x20, 2, 0},
	{"undefined", 0, 0, 0x20, 2, 0},
	{"absolute", 0x10, -1, 0x20, 2, 0},
	{"no_section", 0x10, 2, 0x20, 2, 0},
	{"end", 0x20, 1, 0x20, 3, 0}, // behind the section's last byte, as runtime.etext
	{"", 0x10, 1, 0x20, 2, 0},
}

// withSymbols appends a symbol table and its names to the image's file.
func withSymbols(b *testImage, symbols ...testSymbol) []byte {
	b.put32(peAt+12, uint32(len(b.headers)+len(b.data)))
	var table []byte
	names, count := make([]byte, 4), 0
	for _, s := range symbols {
		var r [symbolSize]byte
		if len(s.name) <= 8 {
			copy(r[:], s.name)
		} else {
			le.PutUint32(r[4:], uint32(len(names)))
			names = append(append(names, s.name...), 0)
		}
		le.PutUint32(r[symbolValue:], s.value)
		le.PutUint16(r[symbolSection:], uint16(s.section))
		le.PutUint16(r[symbolType:], s.typ)
		r[symbolClass], r[symbolAuxiliary] = s.class, s.auxiliary
		table = append(table, r[:]...)
		table = append(table, bytes.Repeat([]byte("main\x00\x00\x00\x00\x10\x00\x00\x00\x01\x00\x20\x00\x02\x00"), int(s.auxiliary))...)
		count += 1 + int(s.auxiliary)
	}
	b.put32(peAt+16, uint32(count))
	le.PutUint32(names, uint32(len(names)))
	return append(append(b.file(), table...), names...)
}

func parseBytes(t testing.TB, file []byte) *PE {
	t.Helper()
	p, err := ParsePE(bytesAt(file), int64(len(file)))
	require.NoError(t, err)
	return p
}

func TestFunctionSymbolsAreThoseOfCode(t *testing.T) {
	got, err := parseBytes(t, withSymbols(newTestImage(), testSymbols...)).FunctionSymbols()
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]Symbol{
		{Name: "main", RVA: 0x1010, Typed: true},
		{Name: "eightchr", RVA: 0x1012, Static: true, Typed: true},
		{Name: "ninechars", RVA: 0x1014, Static: true, Typed: true},
		{Name: "___chkstk_ms", RVA: 0x1016},
	}, got))
}

func TestADataSectionHasNoFunctions(t *testing.T) {
	b := newTestImage()
	b.put32(sectionAt+36, 0xc0000040)
	got, err := parseBytes(t, withSymbols(b, testSymbols...)).FunctionSymbols()
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestImagesWithoutSymbols(t *testing.T) {
	b := newTestImage()
	file := withSymbols(b, testSymbols...)
	stripped, err := parseBytes(t, newTestImage().file()).FunctionSymbols()
	require.NoError(t, err)
	require.Empty(t, stripped)
	mapped, err := ParseMappedPE(bytesAt(b.mapped()))
	require.NoError(t, err)
	require.NotZero(t, mapped.NumberOfSymbols)
	got, err := mapped.FunctionSymbols()
	require.NoError(t, err)
	require.Empty(t, got, "the table is not mapped")

	names := bytes.LastIndex(file, []byte("ninechars")) - 4
	got, err = parseBytes(t, file[:names]).FunctionSymbols()
	require.NoError(t, err)
	require.Len(t, got, 2, "without strings there are short names only")
}

func TestBadSymbolTables(t *testing.T) {
	table := len(newTestImage().file())
	for _, c := range []struct {
		name  string
		patch func(file []byte) []byte
		want  string // of the error; "": none, and no symbol
	}{
		{"more records than the file has", func(f []byte) []byte { le.PutUint32(f[peAt+16:], 1000); return f }, "1000 symbols at"},
		{"too many records", func(f []byte) []byte { le.PutUint32(f[peAt+16:], 1<<31); return f }, "at most 2097152"},
		{"a table behind the end", func(f []byte) []byte { le.PutUint32(f[peAt+12:], 1<<31); return f }, "symbols at 0x80000000"},
		{"names behind the end", func(f []byte) []byte { le.PutUint32(f[table+symbolSize:], 1000); return f }, "truncated: the names"},
		{"names without end", func(f []byte) []byte { le.PutUint32(f[table+symbolSize:], 1<<31); return f }, "the names of the symbols have"},
		{"a name behind the names", func(f []byte) []byte { le.PutUint32(f[table+4:], 1000); return f }, ""},
		{"a name in the size of the names", func(f []byte) []byte { le.PutUint32(f[table+4:], 3); return f }, ""},
		{"a name that does not end", func(f []byte) []byte { f[len(f)-1] = 'x'; return f }, ""},
		{"auxiliary records behind the end", func(f []byte) []byte { f[table+symbolAuxiliary], f[table+symbolClass] = 255, 103; return f }, ""},
		{"a value that overflows", func(f []byte) []byte { le.PutUint32(f[table+symbolValue:], 0xfffffff0); return f }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := c.patch(withSymbols(newTestImage(), testSymbol{"a long name", 0x10, 1, 0x20, 2, 0}))
			got, err := parseBytes(t, file).FunctionSymbols()
			require.Empty(t, got)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			requireFormatError(t, err)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestAVeryLongSymbolNamesNothing(t *testing.T) {
	got, err := parseBytes(t, withSymbols(newTestImage(),
		testSymbol{strings.Repeat("x", maxString), 0x10, 1, 0x20, 2, 0}, testSymbol{"main", 0x11, 1, 0x20, 2, 0})).FunctionSymbols()
	require.NoError(t, err)
	require.Equal(t, []Symbol{{Name: "main", RVA: 0x1011, Typed: true}}, got)
}

// TestSymbolsOfGuestsAgreeWithDebugPE compares the functions that a C compiler says are such.
func TestSymbolsOfGuestsAgreeWithDebugPE(t *testing.T) {
	seen := 0
	for name, file := range guests(t) {
		ref, err := pe.NewFile(bytes.NewReader(file))
		require.NoError(t, err)
		var want, ours []string
		for _, s := range ref.Symbols {
			if s.SectionNumber == 1 && s.Type == 0x20 {
				want = append(want, s.Name)
			}
		}
		got, err := parseBytes(t, file).FunctionSymbols()
		require.NoError(t, err)
		for _, s := range got {
			if s.Typed {
				ours = append(ours, s.Name)
			}
		}
		require.Equal(t, want, ours, name)
		seen += len(want)
	}
	require.Greater(t, seen, 500)
}
