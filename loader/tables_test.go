package loader

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestImportsByNameAndByOrdinal(t *testing.T) {
	allTables().both(t, func(t *testing.T, p *PE) {
		got, err := p.Imports()
		require.NoError(t, err)
		require.Len(t, got, 2)
		first, old := got[0].Functions, got[1].Functions
		require.Len(t, first, 3)
		require.Len(t, old, 1)
		want := []Import{
			{"first.dll", []ImportedFunction{
				{Name: "One", Hint: 7, IAT: first[0].IAT},
				{Ordinal: 513, ByOrdinal: true, IAT: first[0].IAT + 8},
				{Name: "Two", IAT: first[0].IAT + 16},
			}},
			{"OLD.dll", []ImportedFunction{{Name: "Two", IAT: old[0].IAT}}}, // no look-up table: the IAT is its own
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		var slot [8]byte
		require.NoError(t, p.ReadRVA(first[1].IAT, slot[:]))
		require.Equal(t, uint64(1<<63|513), le.Uint64(slot[:]), "IAT is where the slot lies")
	})
}

func TestDelayImportsAreApart(t *testing.T) {
	allTables().both(t, func(t *testing.T, p *PE) {
		got, err := p.DelayImports()
		require.NoError(t, err)
		require.Len(t, got, 1)
		want := []Import{{"late.dll", []ImportedFunction{{Name: "Late", Hint: 3, IAT: got[0].Functions[0].IAT}}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		var slot [8]byte
		require.NoError(t, p.ReadRVA(got[0].Functions[0].IAT, slot[:]))
		require.Equal(t, uint64(testBase+0x1018), le.Uint64(slot[:]), "the slot holds the address of the thunk")
	})
}

func TestExportsByNameOrdinalAndForwarder(t *testing.T) {
	allTables().both(t, func(t *testing.T, p *PE) {
		x, err := p.Exports()
		require.NoError(t, err)
		require.Equal(t, "all.dll", x.Name)
		require.Equal(t, uint32(10), x.Base)
		alpha := Export{Name: "alpha", Ordinal: 10, RVA: 0x1010}
		omega := Export{Name: "omega", Ordinal: 10, RVA: 0x1010}
		unnamed := Export{Ordinal: 12, RVA: 0x1018}
		forward := Export{Name: "forward", Ordinal: 13, Forwarder: "other.Function"}
		if diff := cmp.Diff([]Export{omega, alpha, forward, unnamed}, x.Functions); diff != "" {
			t.Error(diff)
		}
		for _, want := range []Export{alpha, omega, forward} {
			require.Equal(t, &want, x.ByName(want.Name))
		}
		require.Equal(t, &unnamed, x.ByOrdinal(12))
		require.Equal(t, &forward, x.ByOrdinal(13))
		require.Equal(t, uint32(0x1010), x.ByOrdinal(10).RVA)
		for _, absent := range []string{"", "Alpha", "alph", "alphaa", "zeta"} {
			require.Nil(t, x.ByName(absent), "%q", absent)
		}
		for _, absent := range []uint32{0, 9, 11, 14} {
			require.Nil(t, x.ByOrdinal(absent), "ordinal %d", absent)
		}
	})
}

func TestRelocationsAreDIR64Addresses(t *testing.T) {
	allTables().both(t, func(t *testing.T, p *PE) {
		got, err := p.Relocations()
		require.NoError(t, err)
		require.Equal(t, []uint32{0x1008, 0x1ff8, 0x1010, 0x2020}, got)
	})
}

func TestTLSLoadConfigAndRuntimeFunctions(t *testing.T) {
	allTables().both(t, func(t *testing.T, p *PE) {
		tls, err := p.TLS()
		require.NoError(t, err)
		require.Equal(t, &TLS{
			StartOfRawData: testBase + 0x1010, EndOfRawData: testBase + 0x1018, AddressOfIndex: testBase + 0x1000,
			AddressOfCallBacks: testBase + 0x1008, SizeOfZeroFill: 0x20, Characteristics: 0x300000,
		}, tls)

		config, err := p.LoadConfig()
		require.NoError(t, err)
		require.Equal(t, &LoadConfig{
			Size: 0x140, SecurityCookie: testBase + 0x1000, GuardCFCheckFunctionPointer: testBase + 0x1008,
			GuardCFDispatchPointer: testBase + 0x1010, GuardFlags: 0x10014500,
		}, config)

		functions, err := p.RuntimeFunctions()
		require.NoError(t, err)
		require.Equal(t, []RuntimeFunction{{0x1010, 0x1018, 0x1100}, {0x1018, 0x1020, 0x1104}}, functions)
	})
}

func TestAnImageWithoutTablesHasNone(t *testing.T) {
	newTestImage().both(t, func(t *testing.T, p *PE) {
		imports, err := p.Imports()
		require.NoError(t, err)
		require.Empty(t, imports)
		delayed, err := p.DelayImports()
		require.NoError(t, err)
		require.Empty(t, delayed)
		exports, err := p.Exports()
		require.NoError(t, err)
		require.Empty(t, exports.Functions)
		require.Nil(t, exports.ByName("x"))
		require.Nil(t, exports.ByOrdinal(1))
		relocations, err := p.Relocations()
		require.NoError(t, err)
		require.Empty(t, relocations)
		tls, err := p.TLS()
		require.NoError(t, err)
		require.Nil(t, tls)
		config, err := p.LoadConfig()
		require.NoError(t, err)
		require.Nil(t, config)
		functions, err := p.RuntimeFunctions()
		require.NoError(t, err)
		require.Empty(t, functions)
	})
}

func TestAnOldLoadConfigHasNoGuardFields(t *testing.T) {
	b := newTestImage()
	addLoadConfig(b)
	le.PutUint32(b.data[0x20:], 0x70) // ends before the guard fields
	b.both(t, func(t *testing.T, p *PE) {
		config, err := p.LoadConfig()
		require.NoError(t, err)
		require.Equal(t, &LoadConfig{Size: 0x70, SecurityCookie: testBase + 0x1000}, config)
	})
}

// TestDamagedTablesNameTheFault runs against files only: both forms share the parsers of tables.
func TestDamagedTablesNameTheFault(t *testing.T) {
	imports := func(p *PE) error { _, err := p.Imports(); return err }
	exports := func(p *PE) error { _, err := p.Exports(); return err }
	relocations := func(p *PE) error { _, err := p.Relocations(); return err }
	tls := func(p *PE) error { _, err := p.TLS(); return err }
	for _, c := range []struct {
		name  string
		build func(b *testImage)
		parse func(p *PE) error
		want  string
	}{
		{"imports outside", func(b *testImage) {
			b.directory(DirectoryImport, 0x8000)
		}, imports, "20 bytes at RVA 0x8000 are in no section"},
		{"import table without end", func(b *testImage) {
			dll, lookup := b.str("x.dll"), b.u64(1<<63|1)
			b.directory(DirectoryImport, b.u32(lookup+32, 0, 0, dll, lookup))
			b.data = append(b.data, bytes.Repeat([]byte{0xff}, 0x1000-len(b.data))...)
		}, imports, "8 bytes at RVA 0x2000 are in no section"},
		{"import neither name nor ordinal", func(b *testImage) {
			dll, lookup := b.str("x.dll"), b.u64(0x1_00001000, 0)
			b.directory(DirectoryImport, b.u32(lookup, 0, 0, dll, lookup, 0, 0, 0, 0, 0))
		}, imports, "the import at RVA 0x1028 is neither a name nor an ordinal: 0x100001000"},
		{"names shared by many entries", func(b *testImage) {
			name := b.str(strings.Repeat("x", 4000))
			list := make([]uint64, 10000)
			for i := range list {
				list[i] = uint64(name - 2)
			}
			lookup := b.u64(list...)
			b.directory(DirectoryImport, b.u32(lookup, 0, 0, name, lookup))
			b.put32(optionalAt+56, 0x20000)
		}, imports, "the names of one table exceed 33554432 bytes at RVA 0x1020"},
		{"too many exports", func(b *testImage) {
			addExports(b)
			le.PutUint32(b.data[le.Uint32(b.headers[optionalAt+112:])-testSection+20:], 1<<16+1)
		}, exports, "65537 exports with 3 names: at most 65536 are possible"},
		{"an export name of no function", func(b *testImage) {
			addExports(b)
			le.PutUint32(b.data[le.Uint32(b.headers[optionalAt+112:])-testSection+20:], 3)
		}, exports, "export name 2 refers to function 3 of 3"},
		{"relocation type", func(b *testImage) {
			b.directory(DirectoryRelocations, b.u32(0x1000, 12, 0x3123))
		}, relocations, "relocation type 3 at RVA 0x1123: x86-64 images have DIR64 only"},
		{"relocation block too small", func(b *testImage) {
			b.directory(DirectoryRelocations, b.u32(0x1000, 4))
		}, relocations, "a relocation block of 4 bytes at RVA 0x1020"},
		{"relocation block too large", func(b *testImage) {
			b.directory(DirectoryRelocations, b.u32(0x1000, 16))
		}, relocations, "a relocation block of 16 bytes at RVA 0x1020"},
		{"TLS template backwards", func(b *testImage) {
			b.directory(DirectoryTLS, b.u64(testBase+2, testBase+1, 0, 0, 0))
		}, tls, "a TLS template from 0x140000002 to 0x140000001"},
		{"TLS template too large", func(b *testImage) {
			b.directory(DirectoryTLS, b.u64(testBase, testBase+0x3001, 0, 0, 0))
		}, tls, "a TLS template from 0x140000000 to 0x140003001"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newTestImage()
			c.build(b)
			f := b.file()
			p, err := ParsePE(bytesAt(f), int64(len(f)))
			require.NoError(t, err)
			err = c.parse(p)
			require.EqualError(t, err, c.want)
			var fe *FormatError
			require.ErrorAs(t, err, &fe)
			require.Equal(t, Malformed, fe.Kind)
		})
	}
}
