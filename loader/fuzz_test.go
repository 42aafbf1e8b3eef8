package loader

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParsePE holds every parser to its promises on any bytes, as a file and as memory: no panic, no error but a
// *FormatError of one line, nothing longer than its bound.
func FuzzParsePE(f *testing.F) {
	f.Add(allTables().file())
	f.Add(allTables().mapped())
	f.Add(newTestImage().file())
	f.Add(withSymbols(allTables(), testSymbols...))
	f.Add(narrowTables().file())
	for _, name := range []string{"tiny.exe", "lends.dll"} {
		file, err := os.ReadFile("../tests/guests/" + name)
		require.NoError(f, err)
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := ParsePE(bytesAt(data), int64(len(data))); err != nil {
			requireFormatError(t, err)
		} else {
			for _, s := range p.Sections {
				require.LessOrEqual(t, len(s.Name), 8)
			}
			parseTables(t, p)
		}
		if p, err := ParseMappedPE(bytesAt(data)); err != nil {
			requireFormatError(t, err)
		} else {
			parseTables(t, p)
		}
	})
}

func requireFormatError(t *testing.T, err error) {
	t.Helper()
	var fe *FormatError
	require.ErrorAs(t, err, &fe)
	require.NotEmpty(t, fe.Reason)
	require.NotContains(t, fe.Reason, "\n")
}

func parseTables(t *testing.T, p *PE) {
	t.Helper()
	parsers := []func() ([]Import, error){p.Imports, p.DelayImports}
	for _, parse := range parsers {
		imports, err := parse()
		if err != nil {
			requireFormatError(t, err)
		}
		for _, i := range imports {
			require.Less(t, len(i.DLL), maxString)
			for _, fn := range i.Functions {
				require.Less(t, len(fn.Name), maxString)
			}
		}
	}
	if x, err := p.Exports(); err != nil {
		requireFormatError(t, err)
	} else {
		for _, e := range x.Functions {
			require.NotNil(t, x.ByOrdinal(e.Ordinal))
			require.False(t, strings.Contains(e.Name, "\x00"))
			if e.Name != "" {
				require.Equal(t, e.Name, x.ByName(e.Name).Name)
			}
		}
	}
	if _, err := p.Relocations(); err != nil {
		requireFormatError(t, err)
	}
	if _, err := p.TLS(); err != nil {
		requireFormatError(t, err)
	}
	if _, err := p.LoadConfig(); err != nil {
		requireFormatError(t, err)
	}
	if _, _, err := p.GuardFunctions(); err != nil {
		requireFormatError(t, err)
	}
	if _, err := p.Fixups(); err != nil {
		requireFormatError(t, err)
	}
	if _, err := p.COMHeader(); err != nil {
		requireFormatError(t, err)
	}
	p.ExDllCharacteristics()
	if _, err := p.RuntimeFunctions(); err != nil {
		requireFormatError(t, err)
	}
	symbols, err := p.FunctionSymbols()
	if err != nil {
		requireFormatError(t, err)
	}
	for _, s := range symbols {
		require.NotEmpty(t, s.Name)
		require.Less(t, len(s.Name), maxString)
		require.True(t, slices.ContainsFunc(p.Sections, func(sec Section) bool { return sec.Code() && sec.Holds(s.RVA) }))
	}
}

// BenchmarkParsePE reads everything there is in a program of 40 KB.
func BenchmarkParsePE(b *testing.B) {
	file := guests(b)["hello.exe"]
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		p, err := ParsePE(bytesAt(file), int64(len(file)))
		require.NoError(b, err)
		tablesOf(b, p)
	}
}
