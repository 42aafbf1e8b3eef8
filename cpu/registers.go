package cpu

import "github.com/pagewalk/pagewalk/cpu/decode"

// Registers is what of a processor belongs to a thread of user mode: a kernel saves it where it switches threads.
type Registers struct {
	r      [16]uint64
	rip    uint64
	flags  uint64
	xmm    [16]XMMReg
	mxcsr  uint32
	fpu    fpu
	fs, gs uint64
}

// SaveRegisters copies the user registers out.
func (c *CPU) SaveRegisters(s *Registers) {
	copy(s.r[:], c.R[:16])
	s.rip, s.flags, s.xmm, s.mxcsr, s.fpu = c.RIP, c.Flags(), c.XMM, c.MXCSR, c.FPU
	s.fs, s.gs = c.SegBase(decode.FS), c.SegBase(decode.GS)
}

// LoadRegisters puts them back.
func (c *CPU) LoadRegisters(s *Registers) {
	copy(c.R[:16], s.r[:])
	c.RIP, c.XMM, c.MXCSR, c.FPU = s.rip, s.xmm, s.mxcsr, s.fpu
	c.SetFlags(s.flags)
	c.SetSegBase(decode.FS, s.fs)
	c.SetSegBase(decode.GS, s.gs)
}
