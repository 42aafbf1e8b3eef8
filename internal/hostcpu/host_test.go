//go:build linux && amd64

package hostcpu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRunAddsOnTheHost(t *testing.T) {
	h, err := New()
	require.NoError(t, err)
	s := State{Flags: 2}
	s.R[0], s.R[3], s.R[4] = 1<<63, 1<<63, DataBase+0x8000
	s.FX[24], s.FX[25] = 0x80, 0x1f
	s.FX[0] = 0x7f
	s.FX[1] = 3
	h.Run([]byte{0x48, 0x01, 0xd8}, &s) // add rax, rbx
	require.Equal(t, uint64(0), s.R[0])
	require.Equal(t, uint64(0x847), s.Flags&0x8d5|2, "CF PF ZF OF")
	require.Equal(t, uint64(DataBase+0x8000), s.R[4])
}
