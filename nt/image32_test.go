package nt_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// imageSection makes a file and an image section of it.
func (c *caller) imageSection(path string, image []byte) uint64 {
	file, _, st := c.p.CreateFile(&nt.OpenRequest{
		Path: path, Access: ntdef.GENERIC_READ | ntdef.GENERIC_WRITE | ntdef.FILE_EXECUTE, Disposition: ntdef.FILE_CREATE,
	})
	require.Equal(c.t, ntdef.STATUS_SUCCESS, st)
	_, st = c.p.WriteFile(file, image)
	require.Equal(c.t, ntdef.STATUS_SUCCESS, st)
	section := c.cell(0)
	c.must("NtCreateSection", section, 0xf000d, 0, 0, uint64(ntdef.PAGE_EXECUTE_READ), uint64(ntdef.SEC_IMAGE), uint64(file))
	return c.u64(section)
}

// mapImage maps a view of all of a section where the memory manager likes it.
func (c *caller) mapImage(section uint64) (base uint64, st ntdef.Status) {
	at := c.cell(0)
	st = c.call("NtMapViewOfSection", section, ^uint64(0), at, 0, 0, 0, c.cell(0), 1, 0, uint64(ntdef.PAGE_EXECUTE_READ))
	return c.u64(at), st
}

// information is the section's SECTION_IMAGE_INFORMATION.
func (c *caller) information(section uint64) []byte {
	b := c.room(64)
	c.must("NtQuerySection", section, 1, b, 64, 0)
	return c.get(b, 64)
}

// TestImagesFor32BitsLendTheirData maps a 32-bit DLL: its addresses are as at the base of its section, below 2 GB, and the status says
// for whom its code is.
func TestImagesFor32BitsLendTheirData(t *testing.T) {
	dll, err := os.ReadFile("../tests/guests/lends.dll")
	require.NoError(t, err)
	pe, err := loader.ParsePE(bytes.NewReader(dll), int64(len(dll)))
	require.NoError(t, err)
	exports, err := pe.Exports()
	require.NoError(t, err)
	addresses, answer := uint64(exports.ByName("addresses").RVA), exports.ByName("answer").RVA
	le := binary.LittleEndian

	c := newCaller(t)
	section := c.imageSection(`C:\Temp\lends.dll`, dll)
	base, st := c.mapImage(section)
	require.Equal(t, "STATUS_IMAGE_MACHINE_TYPE_MISMATCH", st.String())
	require.Greater(t, base, uint64(0x50000000))
	require.Less(t, base, uint64(0x78000000))
	require.Equal(t, base+uint64(answer), uint64(le.Uint32(c.get(base+addresses, 4))))
	across := uint64(le.Uint32(c.get(base+addresses+0xffe, 4)))
	require.Equal(t, "across the end of a page\x00", string(c.get(across, 25)))
	header := base + uint64(le.Uint32(dll[0x3c:]))
	require.Equal(t, base, uint64(le.Uint32(c.get(header+24+28, 4))))

	again, st := c.mapImage(section)
	require.Equal(t, "STATUS_IMAGE_MACHINE_TYPE_MISMATCH", st.String())
	require.NotEqual(t, base, again)
	require.Less(t, again, uint64(1<<31))
	require.Equal(t, c.get(base+addresses, 0x1010), c.get(again+addresses, 0x1010), "the pages are the same ones")

	info := c.information(section)
	require.Equal(t, base, le.Uint64(info), "no entry point")
	require.Equal(t, uint16(loader.MachineI386), le.Uint16(info[48:]))
	require.EqualValues(t, 4|0x10, info[51], "dynamically relocated, below 4 GB")
	original := c.cell(0)
	c.must("NtQuerySection", section, 3, original, 8, 0)
	require.EqualValues(t, 0x10000000, c.u64(original))
	moved := c.cell(0)
	c.must("NtQuerySection", section, 2, moved, 8, 0)
	require.Equal(t, base, 0x10000000+c.u64(moved))

	_, _, _, st = c.p.Thread().CreateProcess(&nt.ProcessRequest{Path: `C:\Temp\lends.dll`, CommandLine: "lends"})
	require.Equal(t, "STATUS_INVALID_IMAGE_WIN_32", st.String(), "nobody executes it")
}

// TestManagedImages has what SECTION_IMAGE_INFORMATION says of managed code: whether there is no other, and on what it runs.
func TestManagedImages(t *testing.T) {
	const neither, ilOnly, required, preferred = 0, loader.COMILOnly, loader.COM32BitRequired, loader.COM32BitPreferred
	const nativeReady, only, prefer = 1, 2, 0x20
	for _, c := range []struct {
		name         string
		major, minor uint16
		flags        uint32
		want         byte
	}{
		{"any.dll", 2, 5, ilOnly, nativeReady | only},
		{"old.dll", 2, 0, ilOnly, only},
		{"narrow.dll", 2, 5, ilOnly | required, only},
		{"preferred.dll", 2, 5, ilOnly | required | preferred, only | prefer},
		{"mixed.dll", 2, 5, neither, 0},
	} {
		dll, err := os.ReadFile("../tests/guests/lends.dll")
		require.NoError(t, err)
		pe, err := loader.ParsePE(bytes.NewReader(dll), int64(len(dll)))
		require.NoError(t, err)
		data := pe.Sections[1]
		require.True(t, strings.HasPrefix(data.Name, ".data"))
		le := binary.LittleEndian
		le.PutUint32(dll[le.Uint32(dll[0x3c:])+24+96+8*loader.DirectoryCOM:], data.VirtualAddress+0x100)
		header := dll[data.PointerToRawData+0x100:]
		le.PutUint16(header[4:], c.major)
		le.PutUint16(header[6:], c.minor)
		le.PutUint32(header[16:], c.flags)

		call := newCaller(t)
		section := call.imageSection(`C:\Temp\`+c.name, dll)
		require.Equal(t, c.want|4|0x10, call.information(section)[51], c.name)
		_, st := call.mapImage(section)
		require.Equal(t, "STATUS_IMAGE_MACHINE_TYPE_MISMATCH", st.String(), c.name)
	}
}
