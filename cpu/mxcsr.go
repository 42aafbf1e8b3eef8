package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// Bits of MXCSR (SDM vol. 1 10.2.3). The six exception flags are sticky; the mask of each lies mxMaskShift higher.
const (
	mxIE uint32 = 1 << 0 // invalid operation
	mxDE uint32 = 1 << 1 // denormal operand
	mxZE uint32 = 1 << 2 // divide by zero
	mxOE uint32 = 1 << 3 // overflow
	mxUE uint32 = 1 << 4 // underflow
	mxPE uint32 = 1 << 5 // inexact result

	mxDAZ       uint32 = 1 << 6 // denormal operands are zeros
	mxMaskShift        = 7
	mxUM        uint32 = mxUE << mxMaskShift
	mxPM        uint32 = mxPE << mxMaskShift
	mxRCShift          = 13
	mxFTZ       uint32 = 1 << 15 // tiny results are zeros while underflow is masked

	mxFlags   uint32 = 0x3f
	mxBefore         = mxIE | mxDE | mxZE // what is found before anything is computed
	mxDefault uint32 = 0x1f80
	mxValid   uint32 = 0xffff // MXCSR_MASK: setting any other bit is #GP(0)
)

// Values of MXCSR.RC, also of the immediate of ROUNDxx.
const (
	roundNearest = iota
	roundDown
	roundUp
	roundZero
)

// raiseSIMD records the exceptions that an instruction met. It returns the fault if one is unmasked; the instruction
// must not have changed anything by then. Those found before computing keep the later ones from being noticed
// (SDM vol. 1 11.5.3).
func (c *CPU) raiseSIMD(met uint32) *x86.Fault {
	unmasked := met &^ (c.MXCSR >> mxMaskShift)
	if unmasked == 0 {
		c.MXCSR |= met
		return nil
	}
	if unmasked&mxBefore != 0 {
		met &= mxBefore
	}
	c.MXCSR |= met
	if c.MMU.CR4()&x86.CR4OSXMMEXCPT == 0 {
		return c.raise(x86.VectorUD)
	}
	return c.raise(x86.VectorXM)
}

var mxcsrRows = []row{
	{decode.LDMXCSR, ldmxcsr, 0, SSE, plain},
	{decode.STMXCSR, stmxcsr, 0, SSE, plain},
}

var _ = addRows(mxcsrRows)

// ldmxcsr loads MXCSR. Setting a flag whose exception is unmasked raises nothing by itself. SDM vol. 2A, LDMXCSR.
func ldmxcsr(c *CPU, in *Inst) *x86.Fault {
	v, f := c.loadN(in, c.ea(in), 4)
	if f != nil {
		return f
	}
	if uint32(v)&^mxValid != 0 {
		return c.raise(x86.VectorGP)
	}
	c.MXCSR = uint32(v)
	return nil
}

// stmxcsr stores MXCSR. SDM vol. 2B, STMXCSR.
func stmxcsr(c *CPU, in *Inst) *x86.Fault { return c.storeN(in, c.ea(in), 4, uint64(c.MXCSR)) }
