package loader

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
)

const narrowBase = 0x10000000

// narrowTables is a PE32 image with the tables that differ in it: their addresses have 4 bytes.
func narrowTables() *testImage {
	b := newTestImage()
	b.narrow = true
	o := b.headers[optionalAt:]
	clear(o[72:240])
	b.put16(peAt+4, MachineI386)
	le.PutUint16(o, 0x10b)
	le.PutUint32(o[28:], narrowBase)
	le.PutUint32(o[72:], 0x200000)
	le.PutUint32(o[76:], 0x1000)
	le.PutUint32(o[80:], 0x100000)
	le.PutUint32(o[84:], 0x2000)
	le.PutUint32(o[88:], 7)
	le.PutUint32(o[92:], 16)

	dll, one := b.str("first.dll"), uint32(b.hint(7, "One"))
	lookup := b.u32(one, 1<<31|513, 0)
	iat := b.u32(one, 1<<31|513, 0)
	b.directory(DirectoryImport, b.u32(lookup, 0, 0, dll, iat, 0, 0, 0, 0, 0))
	// HIGHLOW at 1008h and 1ffeh, and padding.
	b.directory(DirectoryRelocations, b.add([]byte{0, 0x10, 0, 0, 14, 0, 0, 0, 0x08, 0x30, 0xfe, 0x3f, 0, 0}))
	b.directory(DirectoryTLS, b.u32(narrowBase+0x1010, narrowBase+0x1018, narrowBase+0x1000, narrowBase+0x1008, 0x20, 0x300000))
	config := make([]uint32, 23)
	config[0], config[0x3c/4], config[0x48/4], config[0x4c/4], config[0x58/4] = 0x5c, narrowBase+0x1000, narrowBase+0x1008, narrowBase+0x1010, 0x100
	b.directory(DirectoryLoadConfig, b.u32(config...))
	b.directory(DirectoryCOM, b.u32(72, 5<<16|2, 0, 0, COMILOnly|COM32BitPreferred))
	return b
}

// TestImagesFor32Bits reads PE32 images, which are not this machine's to execute.
func TestImagesFor32Bits(t *testing.T) {
	const refusal = "the image is for 32-bit x86 (machine 0x14c), not for x86-64"
	b := narrowTables()
	f := b.file()
	p, err := ParsePE(bytesAt(f), int64(len(f)))
	require.NoError(t, err)
	require.EqualError(t, p.Native(), refusal)
	_, err = ParseMappedPE(bytesAt(b.mapped()))
	require.EqualError(t, err, refusal)
	require.Equal(t, 4, p.Width())
	want := &PE{
		Machine: MachineI386, Characteristics: 0x22, TimeDateStamp: 0x5eed, DllCharacteristics: 0x160, Subsystem: 3,
		MajorSubsystemVersion: 5, MinorSubsystemVersion: 2, MajorOSVersion: 4, MinorOSVersion: 1,
		ImageBase: narrowBase, EntryPoint: 0x1010, SizeOfImage: 0x3000, SizeOfHeaders: 0x200,
		SectionAlignment: 0x1000, FileAlignment: 0x200, CheckSum: 0xc4ec,
		SizeOfStackReserve: 0x200000, SizeOfStackCommit: 0x1000, SizeOfHeapReserve: 0x100000, SizeOfHeapCommit: 0x2000, LoaderFlags: 7,
	}
	require.Empty(t, cmp.Diff(want, p, cmpopts.IgnoreUnexported(PE{}), cmpopts.IgnoreFields(PE{}, "Sections", "Directories")))

	imports, err := p.Imports()
	require.NoError(t, err)
	require.Len(t, imports, 1)
	iat := imports[0].Functions[0].IAT
	require.Equal(t, []Import{{"first.dll", []ImportedFunction{
		{Name: "One", Hint: 7, IAT: iat}, {ByOrdinal: true, Ordinal: 513, IAT: iat + 4},
	}}}, imports)
	fixups, err := p.Fixups()
	require.NoError(t, err)
	require.Equal(t, []uint32{optionalAt + 28, 0x1008, 0x1ffe}, fixups)
	tls, err := p.TLS()
	require.NoError(t, err)
	require.Equal(t, &TLS{
		StartOfRawData: narrowBase + 0x1010, EndOfRawData: narrowBase + 0x1018, AddressOfIndex: narrowBase + 0x1000,
		AddressOfCallBacks: narrowBase + 0x1008, SizeOfZeroFill: 0x20, Characteristics: 0x300000,
	}, tls)
	config, err := p.LoadConfig()
	require.NoError(t, err)
	require.Equal(t, &LoadConfig{
		Size: 0x5c, SecurityCookie: narrowBase + 0x1000, GuardCFCheckFunctionPointer: narrowBase + 0x1008,
		GuardCFDispatchPointer: narrowBase + 0x1010, GuardFlags: 0x100,
	}, config)
	com, err := p.COMHeader()
	require.NoError(t, err)
	require.Equal(t, &COMHeader{2, 5, COMILOnly | COM32BitPreferred}, com)
}

// TestALinkersDLLFor32Bits reads one that a linker made.
func TestALinkersDLLFor32Bits(t *testing.T) {
	f, err := os.ReadFile("../tests/guests/lends.dll")
	require.NoError(t, err)
	p, err := ParsePE(bytesAt(f), int64(len(f)))
	require.NoError(t, err)
	exports, err := p.Exports()
	require.NoError(t, err)
	addresses, answer := exports.ByName("addresses"), exports.ByName("answer")
	relocations, err := p.Relocations()
	require.NoError(t, err)
	require.Equal(t, []uint32{addresses.RVA, addresses.RVA + 0xffe}, relocations)
	var b [4]byte
	require.NoError(t, p.ReadRVA(addresses.RVA, b[:]))
	require.EqualValues(t, p.ImageBase+uint64(answer.RVA), le.Uint32(b[:]))
}
