package cpu

import (
	"encoding/binary"
	"testing"

	"github.com/pagewalk/pagewalk/internal/hostcpu"
	"github.com/stretchr/testify/require"
)

func newX87Host(t testing.TB) func(code []byte, before *x87State) *x87State {
	h, err := hostcpu.New()
	require.NoError(t, err)
	require.EqualValues(t, memBase, hostcpu.DataBase)
	return func(code []byte, before *x87State) *x87State {
		copy(h.Data[window:], before.Mem[:])
		var s hostcpu.State
		s.Flags = before.Flags
		s.R[RAX], s.R[RSI], s.R[RSP] = before.RAX, memBase+window, stackTop
		le := binary.LittleEndian
		le.PutUint16(s.FX[0:], before.Control)
		le.PutUint16(s.FX[2:], before.Status)
		s.FX[4] = before.Tags
		le.PutUint32(s.FX[24:], mxDefault)
		for i, v := range before.ST {
			le.PutUint64(s.FX[32+16*i:], v.frac)
			le.PutUint16(s.FX[40+16*i:], v.se)
		}
		h.Run(code, &s)
		after := &x87State{
			RAX: s.R[RAX], Flags: s.Flags, Control: le.Uint16(s.FX[0:]), Status: le.Uint16(s.FX[2:]), Tags: s.FX[4],
		}
		for i := range after.ST {
			after.ST[i] = float80{le.Uint64(s.FX[32+16*i:]), le.Uint16(s.FX[40+16*i:])}
		}
		copy(after.Mem[:], h.Data[window:])
		return after
	}
}
