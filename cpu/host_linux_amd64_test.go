package cpu

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/pagewalk/pagewalk/internal/hostcpu"
	"github.com/stretchr/testify/require"
)

// onHost is the host's processor behind the states of the tests.
type onHost struct {
	*hostcpu.Host
	s hostcpu.State
}

var host = sync.OnceValues(hostcpu.New) // its memory has a fixed address

func mapHost(t testing.TB) *onHost {
	h, err := host()
	require.NoError(t, err)
	require.EqualValues(t, memBase, hostcpu.DataBase)
	return &onHost{Host: h}
}

// The FXSAVE image (SDM vol. 1 10.5.1).
func (h *onHost) putFPU(control, status uint16, tags uint8, mxcsr uint32) {
	binary.LittleEndian.PutUint16(h.s.FX[0:], control)
	binary.LittleEndian.PutUint16(h.s.FX[2:], status)
	h.s.FX[4] = tags
	binary.LittleEndian.PutUint32(h.s.FX[24:], mxcsr)
}

func (h *onHost) status() uint16 { return binary.LittleEndian.Uint16(h.s.FX[2:]) }

func (h *onHost) putST(i int, v float80) {
	binary.LittleEndian.PutUint64(h.s.FX[32+16*i:], v.frac)
	binary.LittleEndian.PutUint16(h.s.FX[40+16*i:], v.se)
}

func (h *onHost) st(i int) float80 {
	return float80{binary.LittleEndian.Uint64(h.s.FX[32+16*i:]), binary.LittleEndian.Uint16(h.s.FX[40+16*i:])}
}

func (h *onHost) putVector(s *vectorState) {
	copy(h.Data[window:], s.Mem[:])
	h.s.R, h.s.Flags = s.R, s.Flags
	for i, v := range s.XMM {
		binary.LittleEndian.PutUint64(h.s.FX[160+16*i:], v[0])
		binary.LittleEndian.PutUint64(h.s.FX[168+16*i:], v[1])
	}
}

func (h *onHost) vector(s *vectorState) {
	s.R, s.Flags, s.MXCSR = h.s.R, h.s.Flags, binary.LittleEndian.Uint32(h.s.FX[24:])
	for i := range s.XMM {
		s.XMM[i] = XMMReg{binary.LittleEndian.Uint64(h.s.FX[160+16*i:]), binary.LittleEndian.Uint64(h.s.FX[168+16*i:])}
	}
	copy(s.Mem[:], h.Data[window:])
}

func newHost(t testing.TB) func(code []byte, s *testState) {
	h := mapHost(t)
	return func(code []byte, s *testState) {
		copy(h.Data[window:], s.Mem[:])
		copy(h.Data[stackTop-memBase-32:], s.Stack[:])
		h.s = hostcpu.State{R: s.R, Flags: s.Flags}
		h.putFPU(0x37f, 0, 0, mxDefault)
		h.Run(code, &h.s)
		s.R, s.Flags = h.s.R, h.s.Flags
		copy(s.Mem[:], h.Data[window:])
		copy(s.Stack[:], h.Data[stackTop-memBase-32:])
	}
}

func newVectorHost(t testing.TB) func(code []byte, s *vectorState) {
	h := mapHost(t)
	return func(code []byte, s *vectorState) {
		h.s = hostcpu.State{}
		h.putFPU(0x37f, 0, 0, s.MXCSR)
		h.putVector(s)
		h.Run(code, &h.s)
		h.vector(s)
	}
}

func newMMXHost(t testing.TB) func(code []byte, before *mmxState) *mmxState {
	h := mapHost(t)
	return func(code []byte, before *mmxState) *mmxState {
		h.s = hostcpu.State{}
		h.putFPU(0x37f, before.Status, before.Tags, before.MXCSR)
		h.putVector(&before.vectorState)
		for i := range before.ST { // the image has ST(0) first
			h.putST(i, before.ST[(int(before.Status>>11)+i)&7])
		}
		h.Run(code, &h.s)
		after := &mmxState{Status: h.status(), Tags: h.s.FX[4]}
		h.vector(&after.vectorState)
		for i := range after.ST {
			after.ST[(int(after.Status>>11)+i)&7] = h.st(i)
		}
		return after
	}
}

func newX87Host(t testing.TB) func(code []byte, before *x87State) *x87State {
	h := mapHost(t)
	return func(code []byte, before *x87State) *x87State {
		copy(h.Data[window:], before.Mem[:])
		h.s = hostcpu.State{Flags: before.Flags}
		h.s.R[RAX], h.s.R[RSI], h.s.R[RSP] = before.RAX, memBase+window, stackTop
		h.putFPU(before.Control, before.Status, before.Tags, mxDefault)
		for i, v := range before.ST {
			h.putST(i, v)
		}
		h.Run(code, &h.s)
		after := &x87State{
			RAX: h.s.R[RAX], Flags: h.s.Flags, Control: binary.LittleEndian.Uint16(h.s.FX[0:]), Status: h.status(), Tags: h.s.FX[4],
		}
		for i := range after.ST {
			after.ST[i] = h.st(i)
		}
		copy(after.Mem[:], h.Data[window:])
		return after
	}
}
