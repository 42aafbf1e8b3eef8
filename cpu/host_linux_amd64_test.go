package cpu

import (
	"encoding/binary"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pagewalk/pagewalk/internal/hostcpu"
	"github.com/pagewalk/pagewalk/x86"
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

// newFaultHost compiles and starts testdata/faults/faults.c.
func newFaultHost(t testing.TB) func(code []byte, before *faultState) (*faultState, outcome) {
	file := filepath.Join(t.TempDir(), "faults")
	out, err := exec.Command("gcc", "-O1", "-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector", "-mgeneral-regs-only",
		"-Wno-builtin-declaration-mismatch", "-Wl,-Ttext-segment=0x6c5a0000", "-o", file, "testdata/faults/faults.c").CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.Command(file)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	answers, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		require.NoError(t, cmd.Wait())
	})
	type image struct { // struct state of faults.c
		R               [16]uint64
		Flags           uint64
		Control, Status uint16
		Tags            uint8
		_               [19]byte
		MXCSR, _        uint32
		ST              [8]struct{ Frac, SE uint64 }
		XMM             [16]XMMReg
		Mem             [2 * faultSide]byte
	}
	le := binary.LittleEndian
	return func(code []byte, before *faultState) (*faultState, outcome) {
		q := struct {
			Length, Second uint64
			CS, DS, ES, SS uint16
			Code           [16]byte
			S              image
		}{Length: uint64(len(code)), Second: uint64(before.Second)}
		q.CS, q.DS = faultSegments[before.CS].Selector, faultSegments[before.DS].Selector
		q.ES, q.SS = faultSegments[before.ES].Selector, faultSegments[before.SS].Selector
		copy(q.Code[:], code)
		s := &q.S
		s.R, s.Flags, s.MXCSR, s.XMM, s.Mem = before.R, before.Flags, before.MXCSR, before.XMM, before.Mem
		s.Control, s.Status, s.Tags = before.Control, before.Status, before.Tags
		for i, v := range before.ST {
			s.ST[i].Frac, s.ST[i].SE = v.frac, uint64(v.se)
		}
		require.NoError(t, binary.Write(in, le, &q), "%x", code)
		var a struct {
			Trap, Error, Address, RIP uint64
			S                         image
		}
		require.NoError(t, binary.Read(answers, le, &a), "%x ended the oracle: %+v", code, before)
		s = &a.S
		after := &faultState{R: s.R, Flags: s.Flags, Control: s.Control, Status: s.Status, Tags: s.Tags, MXCSR: s.MXCSR, XMM: s.XMM, Mem: s.Mem}
		for i, v := range s.ST {
			after.ST[i] = float80{v.Frac, uint16(v.SE)}
		}
		return after, outcome{x86.Vector(a.Trap), a.Error, a.Address, a.RIP - before.start()}
	}
}
