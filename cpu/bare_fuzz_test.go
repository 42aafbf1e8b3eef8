package cpu

import (
	"testing"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// FuzzBareMetal runs bytes as code of every mode and privilege on a bare machine, by Step and by Run: no panic, no run
// without end, and the same state. Handlers return from exceptions behind the first byte of what faulted.
func FuzzBareMetal(f *testing.F) {
	f.Add(byte(0), []byte{0x0f, 0x22, 0xc0, 0x0f, 0x01, 0x10})
	f.Add(byte(1), []byte{0xcd, 0x20, 0x9c, 0x9d, 0xcf})
	f.Add(byte(2), []byte{0x60, 0x61, 0x37, 0x9a, 0, 0, 0, 0, 8, 0})
	f.Add(byte(3), []byte{0x8e, 0xd0, 0xfb, 0xf4, 0xca, 0, 0})
	f.Add(byte(5), []byte{0x0f, 0x30, 0x0f, 0x32, 0x0f, 0x07, 0x0f, 0x05})
	f.Fuzz(func(t *testing.T, mode byte, code []byte) {
		a, b := fuzzMachine(t, mode, code), fuzzMachine(t, mode, code)
		const limit = 300
		for a.IC < limit {
			ic := a.IC
			e := a.Run(1)
			for b.IC < a.IC { // a REP instruction may take several budgets
				if fe := b.Step(); fe.Kind != ExitNone {
					require.Equal(t, e.Kind, fe.Kind)
					if fe.Kind == ExitPort {
						require.Equal(t, e, fe)
						b.CompleteIn(uint32(b.IC) * 0x9e3779b1)
					}
					break
				}
			}
			if e.Kind == ExitPort {
				a.CompleteIn(uint32(a.IC) * 0x9e3779b1)
			}
			if e.Kind != ExitBudget && e.Kind != ExitPort && e.Kind != ExitTPR {
				break
			}
			if a.IC == ic { // an exception was delivered, or a part of a REP
				continue
			}
			require.Equal(t, a.RIP, b.RIP)
			require.Equal(t, a.R[:16], b.R[:16])
			require.Equal(t, a.Flags(), b.Flags())
			require.Equal(t, a.seg, b.seg)
			require.Equal(t, a.XMM, b.XMM)
		}
	})
}

// fuzzMachine is a bare machine in one of six states: code size and privilege.
func fuzzMachine(t *testing.T, mode byte, code []byte) *CPU {
	c := bare(t, code...)
	for v := range 256 {
		at := bareHandlers + 16*v
		// A handler drops the error code where there is one, steps over a byte and returns.
		h := []byte{0x48, 0xff, 0x04, 0x24, 0x48, 0xcf} // inc qword [rsp]; iretq
		switch v {
		case 8, 10, 11, 12, 13, 14, 17:
			h = append([]byte{0x48, 0x83, 0xc4, 0x08}, h...) // add rsp, 8
		}
		copy(c.mem.Frame(x86.PhysAddr(at))[at&0xfff:], h)
		c.mem.Frame(bareIDT)[16*v+5] |= 3 << 5
	}
	for i := range 16 {
		c.R[i] = uint64(i) * 0x1003
	}
	c.R[RSP] = bareStack
	level := uint8(0)
	if mode%2 == 1 {
		level = 3
	}
	cs, ds := uint16(selKernelCS), uint16(selKernelDS)
	if level == 3 {
		cs, ds = selUserCS, selUserDS
	}
	s := flatCode(cs, level, true)
	switch mode / 2 % 3 {
	case 1:
		s = flatCode(cs, level, false)
	case 2:
		s = flatCode(cs, level, false)
		s.Attr &^= AttrDB
		s.Limit = 0xffff
		s.Base = testCode
		c.RIP = 0
	}
	for _, seg := range []int{decode.ES, decode.SS, decode.DS, decode.FS, decode.GS} {
		c.SetSegment(seg, flatData(ds, level))
	}
	c.SetSegment(decode.CS, s)
	return c
}
