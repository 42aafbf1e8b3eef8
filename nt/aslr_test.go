package nt_test

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// An image without relocations lies where it wants to only if they were taken out: .NET's assemblies have none, share one preferred
// base, and are mapped wherever there is room.
func TestImageWithoutRelocations(t *testing.T) {
	const stripped, secImage, wholeDirectory = 1, 0x1000000, 8
	for characteristics, want := range map[uint16]string{stripped: "STATUS_CONFLICTING_ADDRESSES", 0: "STATUS_IMAGE_NOT_AT_BASE"} {
		exe, err := os.ReadFile("../tests/guests/tiny.exe")
		require.NoError(t, err)
		le := binary.LittleEndian
		header := exe[le.Uint32(exe[0x3c:]):]
		le.PutUint16(header[22:], le.Uint16(header[22:])&^stripped|characteristics)
		le.PutUint64(header[24+112+5*wholeDirectory:], 0)

		c := newCaller(t)
		file, _, st := c.p.CreateFile(&nt.OpenRequest{
			Path: `C:\Temp\image.dll`, Access: ntdef.GENERIC_READ | ntdef.GENERIC_WRITE | ntdef.FILE_EXECUTE, Disposition: ntdef.FILE_CREATE,
		})
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		_, st = c.p.WriteFile(file, exe)
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		section := c.cell(0)
		c.must("NtCreateSection", section, 0xf000d, 0, 0, uint64(ntdef.PAGE_EXECUTE_READ), secImage, uint64(file))
		mapped := func() (uint64, string) {
			base := c.cell(0)
			st := c.call("NtMapViewOfSection", c.u64(section), ^uint64(0), base, 0, 0, 0, c.cell(0), 1, 0, uint64(ntdef.PAGE_EXECUTE_READ))
			return c.u64(base), st.String()
		}
		first, status := mapped()
		require.Equal(t, "STATUS_SUCCESS", status)
		second, status := mapped()
		require.Equal(t, want, status)
		if characteristics == 0 {
			require.NotEqual(t, first, second)
			require.Equal(t, "MZ", string(c.get(second, 2)))
		}
	}
}
