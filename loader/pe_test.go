package loader

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
)

func bytesAt(b []byte) io.ReaderAt { return bytes.NewReader(b) }

func TestHeadersAreReadAsTheFormatSays(t *testing.T) {
	newTestImage().both(t, func(t *testing.T, p *PE) {
		want := &PE{
			Machine: MachineAMD64, Characteristics: 0x22, TimeDateStamp: 0x5eed, DllCharacteristics: 0x160, Subsystem: 3,
			MajorSubsystemVersion: 5, MinorSubsystemVersion: 2, MajorOSVersion: 4, MinorOSVersion: 1,
			ImageBase: testBase, EntryPoint: 0x1010, SizeOfImage: 0x3000, SizeOfHeaders: 0x200,
			SectionAlignment: 0x1000, FileAlignment: 0x200, CheckSum: 0xc4ec,
			SizeOfStackReserve: 0x200000, SizeOfStackCommit: 0x1000, SizeOfHeapReserve: 0x100000, SizeOfHeapCommit: 0x2000,
			Sections: []Section{{".all", 0x1000, 0x20, 0x200, 0x20, 0xe0000060}},
		}
		if diff := cmp.Diff(want, p, cmpopts.IgnoreUnexported(PE{})); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRefusalsNameTheFault: each message goes to the user's terminal as it is.
func TestRefusalsNameTheFault(t *testing.T) {
	change := func(f func(b *testImage)) []byte {
		b := newTestImage()
		f(b)
		return b.file()
	}
	good := newTestImage().file()
	for _, c := range []struct {
		name string
		file []byte
		kind Kind
		want string
	}{
		{"empty", nil, NotExecutable, "the file is empty"},
		{"one byte", []byte("M"), NotMZ, "not a PE image: it begins with 4d, not with MZ"},
		{"ELF", []byte("\x7fELF\x02\x01\x01"), NotExecutable, "an ELF file, not a PE image"},
		{"script", []byte("#!/bin/sh\n"), NotExecutable, "a script, not a PE image"},
		{"text", []byte("hello"), NotMZ, "not a PE image: it begins with 68 65 6c 6c, not with MZ"},
		{"DOS header cut", []byte("MZ"), Truncated, "truncated: 64 bytes at 0x0, but there are only 0x2"},
		{"PE header cut", good[:peAt], NotPE, "not a PE image: the PE header would be at 0x80, but there are only 0x80 bytes"},
		{"no PE", change(func(b *testImage) { b.headers[peAt] = 'N' }), NotPE, "not a PE image: no PE signature at 0x80"},
		{
			"32-bit", change(func(b *testImage) { b.put16(peAt+4, 0x14c) }), Malformed,
			"the optional header of 240 bytes is not that of a PE32 image",
		},
		{
			"ARM64", change(func(b *testImage) { b.put16(peAt+4, 0xaa64) }), WrongMachine,
			"the image is for ARM64 (machine 0xaa64), not for x86-64",
		},
		{
			"RISC-V", change(func(b *testImage) { b.put16(peAt+4, 0x5064) }), WrongMachine,
			"the image is for machine 0x5064, not for x86-64",
		},
		{
			"PE32", change(func(b *testImage) { b.put16(optionalAt, 0x10b) }), WrongMachine,
			"a PE32 (32-bit) image: only PE32+ for x86-64 is supported",
		},
		{
			"no optional header", change(func(b *testImage) { b.put16(peAt+20, 0) }), Malformed,
			"the optional header of 0 bytes is not that of a PE32+ image",
		},
		{
			"short optional header", change(func(b *testImage) { b.put16(peAt+20, 120) }), Malformed,
			"the optional header of 120 bytes has no room for 16 data directories",
		},
		{
			"sections", change(func(b *testImage) { b.put16(peAt+6, 97) }), Malformed,
			"the image has 97 sections: Windows loads at most 96",
		},
		{
			"section alignment", change(func(b *testImage) { b.put32(optionalAt+32, 0x200) }), Malformed,
			"section alignment 0x200: want a power of 2 of at least 0x1000",
		},
		{
			"file alignment", change(func(b *testImage) { b.put32(optionalAt+36, 0x300) }), Malformed,
			"file alignment 0x300 is not a power of 2",
		},
		{"image size", change(func(b *testImage) { b.put32(optionalAt+56, 0) }), Malformed, "image size 0x0"},
		{
			"headers beyond the image", change(func(b *testImage) { b.put32(optionalAt+60, 0x4000) }), Malformed,
			"headers of 0x4000 bytes in an image of 0x3000",
		},
		{
			"headers beyond the file", change(func(b *testImage) { b.put32(optionalAt+60, 0x1000) }), Truncated,
			"truncated: the headers have 0x1000 bytes, the file 0x220",
		},
		{
			"base", change(func(b *testImage) { b.put32(optionalAt+24, 0x1000) }), Malformed,
			"image base 0x100001000 is not a multiple of 64 KiB",
		},
		{
			"entry", change(func(b *testImage) { b.put32(optionalAt+16, 0x3000) }), Malformed,
			"entry point 0x3000 is outside the image of 0x3000 bytes",
		},
		{
			"section not aligned", change(func(b *testImage) { b.put32(sectionAt+12, 0x1800) }), Malformed,
			`section ".all" at 0x1800 is not aligned to 0x1000`,
		},
		{
			"section name with a line break", change(func(b *testImage) {
				copy(b.headers[sectionAt:], "a\nb\x00")
				b.put32(sectionAt+12, 0)
			}), Malformed,
			`section "a\nb" at 0x0 overlaps what ends at 0x200`,
		},
		{
			"section over the headers", change(func(b *testImage) { b.put32(sectionAt+12, 0) }), Malformed,
			`section ".all" at 0x0 overlaps what ends at 0x200`,
		},
		{
			"section beyond the image", change(func(b *testImage) { b.virtualSize = 0x2001 }), Malformed,
			`section ".all" ends at 0x3001, the image at 0x3000`,
		},
		{
			"section beyond the file", good[:len(good)-1], Truncated,
			`truncated: section ".all" ends at 0x220, the file at 0x21f`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParsePE(bytesAt(c.file), int64(len(c.file)))
			require.EqualError(t, err, c.want)
			var fe *FormatError
			require.ErrorAs(t, err, &fe)
			require.Equal(t, c.kind, fe.Kind)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestEveryTruncationIsAnError(t *testing.T) {
	f := allTables().file()
	for n := range f {
		_, err := ParsePE(bytesAt(f[:n]), int64(n))
		var fe *FormatError
		require.ErrorAs(t, err, &fe, "%d of %d bytes", n, len(f))
	}
}

type failingReader struct{ err error }

func (r failingReader) ReadAt([]byte, int64) (int, error) { return 0, r.err }

func TestTheReadersErrorIsPassedOn(t *testing.T) {
	fault := errors.New("guest fault")
	_, err := ParsePE(failingReader{fault}, 4096)
	require.ErrorIs(t, err, fault)
	_, err = ParseMappedPE(failingReader{fault})
	require.ErrorIs(t, err, fault)
	_, err = ParsePE(failingReader{io.EOF}, 4096)
	require.EqualError(t, err, "truncated at 0x0", "a file that is shorter than its size said")
}

func TestReadRVASeesTheImageAsMemory(t *testing.T) {
	b := newTestImage()
	b.add([]byte("end of data"))
	b.virtualSize = 0x1800
	f := b.file()
	p, err := ParsePE(bytesAt(f), int64(len(f)))
	require.NoError(t, err)

	var two [2]byte
	require.NoError(t, p.ReadRVA(0, two[:]))
	require.Equal(t, "MZ", string(two[:]), "the headers are mapped at 0")

	got := make([]byte, 16)
	require.NoError(t, p.ReadRVA(0x1020, got))
	require.Equal(t, "end of data\x00\x00\x00\x00\x00", string(got), "zeros follow the data of the file")

	require.NoError(t, p.ReadRVA(0x2ff0, got), "the last page is whole")
	require.Equal(t, make([]byte, 16), got)
	require.EqualError(t, p.ReadRVA(0x2ff1, got), "16 bytes at RVA 0x2ff1 are in no section")
	require.EqualError(t, p.ReadRVA(0xfff, got), "16 bytes at RVA 0xfff are in no section")
	require.EqualError(t, p.ReadRVA(0xfffffff8, got), "16 bytes at RVA 0xfffffff8 are in no section")
}

func TestStringsEndWithin4096Bytes(t *testing.T) {
	for _, c := range []struct {
		length int
		err    string
	}{{4095, ""}, {4096, "the string at RVA 0x1020 has no end within 4096 bytes"}} {
		b := newTestImage()
		rva := b.str(strings.Repeat("x", c.length))
		f := b.file()
		p, err := ParsePE(bytesAt(f), int64(len(f)))
		require.NoError(t, err)
		s, err := p.strings().at(rva)
		if c.err != "" {
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Len(t, s, c.length)
	}
}
