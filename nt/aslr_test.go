package nt_test

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// An image without relocations lies where it wants to only if they were taken out: .NET's assemblies have none, share one preferred
// base, and are mapped wherever there is room.
func TestImageWithoutRelocations(t *testing.T) {
	const stripped, wholeDirectory = 1, 8
	for characteristics, want := range map[uint16]string{stripped: "STATUS_CONFLICTING_ADDRESSES", 0: "STATUS_IMAGE_NOT_AT_BASE"} {
		exe, err := os.ReadFile("../tests/guests/tiny.exe")
		require.NoError(t, err)
		le := binary.LittleEndian
		header := exe[le.Uint32(exe[0x3c:]):]
		le.PutUint16(header[22:], le.Uint16(header[22:])&^stripped|characteristics)
		le.PutUint64(header[24+112+5*wholeDirectory:], 0)

		c := newCaller(t)
		section := c.imageSection(`C:\Temp\image.dll`, exe)
		mapped := func() (uint64, string) {
			base, st := c.mapImage(section)
			return base, st.String()
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
