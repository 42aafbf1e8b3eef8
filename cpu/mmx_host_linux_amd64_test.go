package cpu

import (
	"encoding/binary"
	"testing"

	"github.com/pagewalk/pagewalk/internal/hostcpu"
	"github.com/stretchr/testify/require"
)

func newMMXHost(t testing.TB) func(code []byte, before *mmxState) string {
	h, err := hostcpu.New()
	require.NoError(t, err)
	require.EqualValues(t, memBase, hostcpu.DataBase)
	return func(code []byte, before *mmxState) string {
		copy(h.Data[window:], before.Mem[:])
		s := hostcpu.State{R: before.R, Flags: before.Flags}
		le := binary.LittleEndian
		le.PutUint16(s.FX[0:], 0x37f)
		le.PutUint16(s.FX[2:], before.Status)
		s.FX[4] = before.Tags
		le.PutUint32(s.FX[24:], before.MXCSR)
		top := int(before.Status >> 11)
		for i := range before.ST { // the image has ST(0) first
			v := before.ST[(top+i)&7]
			le.PutUint64(s.FX[32+16*i:], v.frac)
			le.PutUint16(s.FX[40+16*i:], v.se)
		}
		for i, v := range before.XMM {
			le.PutUint64(s.FX[160+16*i:], v[0])
			le.PutUint64(s.FX[168+16*i:], v[1])
		}
		h.Run(code, &s)
		after := mmxState{Status: le.Uint16(s.FX[2:]), Tags: s.FX[4]}
		after.R, after.Flags, after.MXCSR = s.R, s.Flags, le.Uint32(s.FX[24:])
		top = int(after.Status >> 11)
		for i := range after.ST {
			after.ST[(top+i)&7] = float80{le.Uint64(s.FX[32+16*i:]), le.Uint16(s.FX[40+16*i:])}
		}
		for i := range after.XMM {
			after.XMM[i] = XMMReg{le.Uint64(s.FX[160+16*i:]), le.Uint64(s.FX[168+16*i:])}
		}
		copy(after.Mem[:], h.Data[window:])
		return before.diff(&after)
	}
}
