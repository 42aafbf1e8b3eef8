package cpu

import (
	"encoding/binary"
	"testing"

	"github.com/pagewalk/pagewalk/internal/hostcpu"
	"github.com/stretchr/testify/require"
)

func newVectorHost(t testing.TB) func(code []byte, s *vectorState) {
	h, err := hostcpu.New()
	require.NoError(t, err)
	require.EqualValues(t, memBase, hostcpu.DataBase)
	return func(code []byte, s *vectorState) {
		copy(h.Data[window:], s.Mem[:])
		hs := hostcpu.State{R: s.R, Flags: s.Flags}
		le := binary.LittleEndian
		le.PutUint16(hs.FX[0:], 0x37f)
		le.PutUint32(hs.FX[24:], s.MXCSR)
		for i, v := range s.XMM {
			le.PutUint64(hs.FX[160+16*i:], v[0])
			le.PutUint64(hs.FX[168+16*i:], v[1])
		}
		h.Run(code, &hs)
		s.R, s.Flags, s.MXCSR = hs.R, hs.Flags, le.Uint32(hs.FX[24:])
		for i := range s.XMM {
			s.XMM[i] = XMMReg{le.Uint64(hs.FX[160+16*i:]), le.Uint64(hs.FX[168+16*i:])}
		}
		copy(s.Mem[:], h.Data[window:])
	}
}
