package winapi

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/nt"
)

type noArgs struct{}

func nothing(*nt.Thread, *noArgs) (uint64, error) { return 0, nil }

func sample() []*DLL {
	return []*DLL{
		{
			Name: "a.dll", Base: 0x180000000,
			Funcs:    []nt.UserFunc{nt.Func("Zebra", nothing), nt.Func("Ant", nothing)},
			Services: []nt.Service{{Name: "NtClose", Number: 0x12}},
			Code: []Code{
				{Name: "Caller", Bytes: []byte{0xe8, 0, 0, 0, 0, 0xc3}, Fixups: []Fixup{{1, "Ant", 0}}, Unwind: []byte{1 | 1<<3, 0, 0, 0}, Handler: "Zebra"},
				{Name: "Inner", Bytes: []byte{0x90, 0x90, 0xc3}, Entry: 2},
			},
			Data: []Data{
				{Name: "first", Bytes: make([]byte, 16), Pointers: []Pointer{{8, "second"}}},
				{Name: "second", Bytes: []byte("text\x00")},
			},
			Forwards: []Forward{{"Away", "b.Ordinary"}},
		},
		{Name: "b.dll", Base: 0x181000000, Funcs: []nt.UserFunc{nt.Func("Ordinary", nothing)}},
	}
}

// TestBuild parses an image back and finds everything that went in.
func TestBuild(t *testing.T) {
	set, err := Build(sample())
	require.NoError(t, err)
	again, err := Build(sample())
	require.NoError(t, err)
	require.Equal(t, set.Images, again.Images, "the bytes depend on the list alone")
	require.Len(t, set.Funcs, 3)
	require.Equal(t, "Ordinary", set.Funcs[2].Name)

	image := set.Images["a.dll"]
	pe, err := loader.ParsePE(bytes.NewReader(image), int64(len(image)))
	require.NoError(t, err)
	exports, err := pe.Exports()
	require.NoError(t, err)
	require.Equal(t, "a.dll", exports.Name)
	var names []string
	for _, x := range exports.Functions {
		names = append(names, x.Name)
		require.Equal(t, x.Name, exports.ByOrdinal(x.Ordinal).Name)
	}
	require.ElementsMatch(t, []string{"Ant", "Away", "Caller", "Inner", "NtClose", "Zebra", "first", "second"}, names)
	require.Equal(t, "b.Ordinary", exports.ByName("Away").Forwarder)

	at := func(name string, n int) []byte {
		b := make([]byte, n)
		require.NoError(t, pe.ReadRVA(exports.ByName(name).RVA, b))
		return b
	}
	require.Equal(t, UserStub(nt.UserFuncBase+1), at("Ant", 11))
	require.Equal(t, []byte{
		0x4c, 0x8b, 0xd1, 0xb8, 0x12, 0, 0, 0, 0xf6, 0x04, 0x25, 0x08, 0x03, 0xfe, 0x7f, 0x01, 0x75, 0x03, 0x0f, 0x05, 0xc3,
		0xcd, 0x2e, 0xc3,
	}, at("NtClose", 24))
	require.Equal(t, []byte{0xc3}, at("Inner", 1), "the export is inside the function")
	caller := exports.ByName("Caller").RVA
	require.Equal(t, exports.ByName("Ant").RVA, caller+5+binary.LittleEndian.Uint32(at("Caller", 5)[1:]))
	require.Equal(t, 0x180000000+uint64(exports.ByName("second").RVA), binary.LittleEndian.Uint64(at("first", 16)[8:]))
	relocs, err := pe.Relocations()
	require.NoError(t, err)
	require.Equal(t, []uint32{exports.ByName("first").RVA + 8}, relocs)
	funcs, err := pe.RuntimeFunctions()
	require.NoError(t, err)
	require.Len(t, funcs, 1)
	require.Equal(t, caller, funcs[0].Begin)
	require.Equal(t, caller+6, funcs[0].End)
	info := make([]byte, 8)
	require.NoError(t, pe.ReadRVA(funcs[0].Unwind, info))
	require.Equal(t, exports.ByName("Zebra").RVA, binary.LittleEndian.Uint32(info[4:]))
}

func TestBuildRefuses(t *testing.T) {
	for want, change := range map[string]func(d []*DLL){
		"two DLLs named a.dll":                       func(d []*DLL) { d[1].Name = "a.dll" },
		"a.dll: Ant is defined twice":                func(d []*DLL) { d[0].Data[0].Name = "Ant" },
		"a.dll: Away is exported twice":              func(d []*DLL) { d[0].Data[1].Name = "Away"; d[0].Data[0].Pointers = nil },
		"a.dll: Caller refers to Nobody, which is":   func(d []*DLL) { d[0].Code[0].Fixups[0].Target = "Nobody" },
		"a.dll: the handler Nobody of Caller is not": func(d []*DLL) { d[0].Code[0].Handler = "Nobody" },
		"a.dll: first points at Nobody, which is":    func(d []*DLL) { d[0].Data[0].Pointers[0].Target = "Nobody" },
	} {
		dlls := sample()
		change(dlls)
		_, err := Build(dlls)
		require.ErrorContains(t, err, want)
	}
}

func TestResolveAPISet(t *testing.T) {
	for name, want := range map[string]string{
		"api-ms-win-crt-heap-l1-1-0.dll":        "ucrtbase.dll",
		"api-ms-win-core-synch-l1-2-0.dll":      "kernel32.dll",
		"api-ms-win-core-rtlsupport-l1-1-0.dll": "ntdll.dll",
		"kernel32.dll":                          "kernel32.dll",
	} {
		require.Equal(t, want, ResolveAPISet(name))
	}
}
