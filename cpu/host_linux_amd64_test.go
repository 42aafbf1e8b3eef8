package cpu

import (
	"encoding/binary"
	"testing"

	"github.com/pagewalk/pagewalk/internal/hostcpu"
	"github.com/stretchr/testify/require"
)

type realHost struct{ h *hostcpu.Host }

func newHost(t testing.TB) hostRunner {
	h, err := hostcpu.New()
	require.NoError(t, err)
	require.EqualValues(t, memBase, hostcpu.DataBase)
	return realHost{h}
}

func (r realHost) run(code []byte, s *testState) {
	copy(r.h.Data[window:], s.Mem[:])
	copy(r.h.Data[stackTop-memBase-32:], s.Stack[:])
	hs := hostcpu.State{R: s.R, Flags: s.Flags}
	binary.LittleEndian.PutUint16(hs.FX[0:], 0x37f)
	binary.LittleEndian.PutUint32(hs.FX[24:], 0x1f80)
	r.h.Run(code, &hs)
	s.R, s.Flags = hs.R, hs.Flags
	copy(s.Mem[:], r.h.Data[window:])
	copy(s.Stack[:], r.h.Data[stackTop-memBase-32:])
}
