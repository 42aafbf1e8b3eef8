package loader

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// cfg.exe has a table of four functions with a byte of flags each, one of them suppressed.
func TestGuardFunctions(t *testing.T) {
	file, err := os.ReadFile("../tests/guests/cfg.exe")
	require.NoError(t, err)
	p, err := ParsePE(bytesAt(file), int64(len(file)))
	require.NoError(t, err)
	list, ok, err := p.GuardFunctions()
	require.NoError(t, err)
	require.True(t, ok)
	require.Len(t, list, 4)
	var flags []uint8
	for _, f := range list {
		flags = append(flags, f.Flags)
	}
	require.Equal(t, []uint8{0, 0, GuardSuppressed, 0}, flags)
	require.Zero(t, list[0].RVA%16)
	require.Equal(t, list[0].RVA+17, list[1].RVA)

	// A table that does not fit the image is refused; without the characteristic nothing is looked at.
	at := p.Directories[DirectoryLoadConfig].RVA
	for _, s := range p.Sections {
		if off := at - s.VirtualAddress; off < s.SizeOfRawData {
			binary.LittleEndian.PutUint64(file[s.PointerToRawData+off+guardFunctionTable+8:], 1<<19)
		}
	}
	_, _, err = p.GuardFunctions()
	require.ErrorContains(t, err, "guarded functions")
	p.DllCharacteristics &^= guardCFCharacter
	_, ok, err = p.GuardFunctions()
	require.NoError(t, err)
	require.False(t, ok)
}
