package loader

import (
	"bytes"
	"debug/pe"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
)

// guests returns the guest programs by name.
func guests(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("../tests/guests/*.exe")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(names), 7)
	m := map[string][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		m[filepath.Base(name)] = b
	}
	return m
}

// TestGuestsAgreeWithDebugPE compares what debug/pe gives: headers, sections with their contents, and imports by name.
func TestGuestsAgreeWithDebugPE(t *testing.T) {
	for name, file := range guests(t) {
		t.Run(name, func(t *testing.T) {
			p, err := ParsePE(bytesAt(file), int64(len(file)))
			require.NoError(t, err)
			ref, err := pe.NewFile(bytes.NewReader(file))
			require.NoError(t, err)
			o := ref.OptionalHeader.(*pe.OptionalHeader64)

			want := &PE{
				PointerToSymbolTable: ref.PointerToSymbolTable, NumberOfSymbols: ref.NumberOfSymbols,
				Machine: ref.Machine, Characteristics: ref.Characteristics, TimeDateStamp: ref.TimeDateStamp,
				DllCharacteristics: o.DllCharacteristics, Subsystem: o.Subsystem,
				MajorSubsystemVersion: o.MajorSubsystemVersion, MinorSubsystemVersion: o.MinorSubsystemVersion,
				SizeOfCode: o.SizeOfCode, LoaderFlags: o.LoaderFlags, MajorOSVersion: o.MajorOperatingSystemVersion, MinorOSVersion: o.MinorOperatingSystemVersion,
				ImageBase: o.ImageBase, EntryPoint: o.AddressOfEntryPoint,
				SizeOfImage: o.SizeOfImage, SizeOfHeaders: o.SizeOfHeaders,
				SectionAlignment: o.SectionAlignment, FileAlignment: o.FileAlignment, CheckSum: o.CheckSum,
				SizeOfStackReserve: o.SizeOfStackReserve, SizeOfStackCommit: o.SizeOfStackCommit,
				SizeOfHeapReserve: o.SizeOfHeapReserve, SizeOfHeapCommit: o.SizeOfHeapCommit,
			}
			for i, d := range o.DataDirectory {
				want.Directories[i] = Directory{d.VirtualAddress, d.Size}
			}
			for _, s := range ref.Sections {
				want.Sections = append(want.Sections, Section{
					s.Name, s.VirtualAddress, s.VirtualSize, s.Offset, s.Size, s.Characteristics,
				})
			}
			if diff := cmp.Diff(want, p, cmpopts.IgnoreUnexported(PE{})); diff != "" {
				t.Error(diff)
			}

			for _, s := range ref.Sections {
				data, err := s.Data()
				require.NoError(t, err)
				if s.Offset == 0 {
					continue // .bss: debug/pe makes up its contents
				}
				got := make([]byte, min(uint32(len(data)), s.VirtualSize))
				require.NoError(t, p.ReadRVA(s.VirtualAddress, got))
				require.Equal(t, data[:len(got)], got, s.Name)
			}

			symbols, err := ref.ImportedSymbols()
			require.NoError(t, err)
			imports, err := p.Imports()
			require.NoError(t, err)
			var ours []string
			for _, i := range imports {
				for _, f := range i.Functions {
					ours = append(ours, f.Name+":"+i.DLL)
				}
			}
			sort.Strings(symbols)
			sort.Strings(ours)
			require.Equal(t, symbols, ours)
		})
	}
}

// TestGuestsParseAlikeMapped maps each guest as its sections say and parses the memory.
func TestGuestsParseAlikeMapped(t *testing.T) {
	for name, file := range guests(t) {
		t.Run(name, func(t *testing.T) {
			p, err := ParsePE(bytesAt(file), int64(len(file)))
			require.NoError(t, err)
			m, err := ParseMappedPE(sectionReader{p})
			require.NoError(t, err)
			require.Equal(t, tablesOf(t, p), tablesOf(t, m))
			if diff := cmp.Diff(p, m, cmpopts.IgnoreUnexported(PE{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestGuestsHaveWhatTheLoaderNeeds pins facts that objdump reports.
func TestGuestsHaveWhatTheLoaderNeeds(t *testing.T) {
	all := guests(t)
	parse := func(name string) tables {
		p, err := ParsePE(bytesAt(all[name]), int64(len(all[name])))
		require.NoError(t, err)
		return tablesOf(t, p)
	}
	tiny := parse("tiny.exe")
	require.Equal(t, []string{"KERNEL32.dll!ExitProcess", "KERNEL32.dll!GetStdHandle", "KERNEL32.dll!WriteFile"}, tiny.importNames())
	require.Nil(t, tiny.TLS)

	hello := parse("hello.exe")
	require.NotNil(t, hello.TLS, "mingw's run-time has TLS callbacks")
	require.NotZero(t, hello.TLS.AddressOfCallBacks)
	require.NotEmpty(t, hello.Relocations)
	require.Greater(t, len(hello.RuntimeFunctions), 50)
	require.True(t, sort.SliceIsSorted(hello.RuntimeFunctions, func(i, j int) bool {
		return hello.RuntimeFunctions[i].Begin < hello.RuntimeFunctions[j].Begin
	}))
	require.Contains(t, strings.Join(hello.importNames(), " "), "msvcrt.dll!__getmainargs")
	require.Contains(t, strings.Join(parse("hello_ucrt.exe").importNames(), " "), "api-ms-win-crt-")
}

// tables is everything that the table parsers return.
type tables struct {
	Imports, DelayImports []Import
	Exports               *Exports
	Relocations           []uint32
	TLS                   *TLS
	LoadConfig            *LoadConfig
	RuntimeFunctions      []RuntimeFunction
}

func tablesOf(t testing.TB, p *PE) (x tables) {
	t.Helper()
	var err [7]error
	x.Imports, err[0] = p.Imports()
	x.DelayImports, err[1] = p.DelayImports()
	x.Exports, err[2] = p.Exports()
	x.Relocations, err[3] = p.Relocations()
	x.TLS, err[4] = p.TLS()
	x.LoadConfig, err[5] = p.LoadConfig()
	x.RuntimeFunctions, err[6] = p.RuntimeFunctions()
	for _, err := range err {
		require.NoError(t, err)
	}
	return x
}

// importNames returns dll!function for each import, sorted.
func (x tables) importNames() (names []string) {
	for _, i := range x.Imports {
		for _, f := range i.Functions {
			names = append(names, i.DLL+"!"+f.Name)
		}
	}
	sort.Strings(names)
	return names
}

// A sectionReader reads an image as its memory.
type sectionReader struct{ p *PE }

func (r sectionReader) ReadAt(b []byte, at int64) (int, error) {
	if at < 0 || at > 1<<31 {
		return 0, io.EOF
	}
	if err := r.p.ReadRVA(uint32(at), b); err != nil {
		return 0, err
	}
	return len(b), nil
}
