package ntdef

import "encoding/binary"

// ContextSize is the size in bytes of an x64 CONTEXT record (winnt.h); it is aligned to 16 bytes.
const ContextSize = 0x4d0

// Bits of CONTEXT.ContextFlags (winnt.h).
const (
	CONTEXT_AMD64           uint32 = 0x00100000
	CONTEXT_CONTROL                = CONTEXT_AMD64 | 0x01 // SegSs, Rsp, SegCs, Rip, EFlags
	CONTEXT_INTEGER                = CONTEXT_AMD64 | 0x02 // the other general registers
	CONTEXT_SEGMENTS               = CONTEXT_AMD64 | 0x04 // SegDs, SegEs, SegFs, SegGs
	CONTEXT_FLOATING_POINT         = CONTEXT_AMD64 | 0x08 // FltSave and MxCsr
	CONTEXT_DEBUG_REGISTERS        = CONTEXT_AMD64 | 0x10
	CONTEXT_FULL                   = CONTEXT_CONTROL | CONTEXT_INTEGER | CONTEXT_FLOATING_POINT
	CONTEXT_ALL                    = CONTEXT_FULL | CONTEXT_SEGMENTS | CONTEXT_DEBUG_REGISTERS
	// CONTEXT_UNWOUND_TO_CALL marks a context that was unwound to a call instruction.
	CONTEXT_UNWOUND_TO_CALL uint32 = 0x20000000
)

// Indexes of Context.Regs: the hardware's register numbers, which are also those of unwind codes.
const (
	RegRax = iota
	RegRcx
	RegRdx
	RegRbx
	RegRsp
	RegRbp
	RegRsi
	RegRdi
	RegR8
	RegR9
	RegR10
	RegR11
	RegR12
	RegR13
	RegR14
	RegR15
)

// Offsets in a CONTEXT record.
const (
	ContextFlagsOffset  = 0x30
	ContextRegsOffset   = 0x78 // RAX … R15, eight bytes each
	ContextRspOffset    = 0x98
	ContextRipOffset    = 0xf8
	ContextFltOffset    = 0x100
	contextXmmInFltSave = 0xa0
)

// Context is the CONTEXT record of one x64 thread: its registers.
type Context struct {
	ContextFlags uint32
	MxCsr        uint32
	SegCs        uint16
	SegDs        uint16
	SegEs        uint16
	SegFs        uint16
	SegGs        uint16
	SegSs        uint16
	EFlags       uint32
	Dr           [6]uint64  // DR0 DR1 DR2 DR3 DR6 DR7
	Regs         [16]uint64 // by hardware number: RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15
	Rip          uint64
	FltSave      [512]byte // an FXSAVE64 image: x87, MXCSR, XMM0-15 at 0xa0
}

// DebugOnly reports whether the context's flags name no part but the debug registers.
func (c *Context) DebugOnly() bool { return c.ContextFlags&^CONTEXT_DEBUG_REGISTERS == 0 }

// Rsp returns the stack pointer.
func (c *Context) Rsp() uint64 { return c.Regs[RegRsp] }

// Xmm returns the low and high halves of XMM register n.
func (c *Context) Xmm(n int) (lo, hi uint64) {
	b := c.FltSave[contextXmmInFltSave+16*n:]
	return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
}

// SetXmm sets XMM register n.
func (c *Context) SetXmm(n int, lo, hi uint64) {
	b := c.FltSave[contextXmmInFltSave+16*n:]
	binary.LittleEndian.PutUint64(b, lo)
	binary.LittleEndian.PutUint64(b[8:], hi)
}

// Marshal writes the record to b, which has at least ContextSize bytes. Home space, vector registers and the debug
// fields behind FltSave are zero.
func (c *Context) Marshal(b []byte) {
	le := binary.LittleEndian
	clear(b[:ContextSize])
	le.PutUint32(b[0x30:], c.ContextFlags)
	le.PutUint32(b[0x34:], c.MxCsr)
	for i, s := range [...]uint16{c.SegCs, c.SegDs, c.SegEs, c.SegFs, c.SegGs, c.SegSs} {
		le.PutUint16(b[0x38+2*i:], s)
	}
	le.PutUint32(b[0x44:], c.EFlags)
	for i, v := range c.Dr {
		le.PutUint64(b[0x48+8*i:], v)
	}
	for i, v := range c.Regs {
		le.PutUint64(b[ContextRegsOffset+8*i:], v)
	}
	le.PutUint64(b[ContextRipOffset:], c.Rip)
	copy(b[ContextFltOffset:], c.FltSave[:])
}

// Unmarshal reads the record from b, which has at least ContextSize bytes.
func (c *Context) Unmarshal(b []byte) {
	le := binary.LittleEndian
	c.ContextFlags = le.Uint32(b[0x30:])
	c.MxCsr = le.Uint32(b[0x34:])
	for i, s := range [...]*uint16{&c.SegCs, &c.SegDs, &c.SegEs, &c.SegFs, &c.SegGs, &c.SegSs} {
		*s = le.Uint16(b[0x38+2*i:])
	}
	c.EFlags = le.Uint32(b[0x44:])
	for i := range c.Dr {
		c.Dr[i] = le.Uint64(b[0x48+8*i:])
	}
	for i := range c.Regs {
		c.Regs[i] = le.Uint64(b[ContextRegsOffset+8*i:])
	}
	c.Rip = le.Uint64(b[ContextRipOffset:])
	copy(c.FltSave[:], b[ContextFltOffset:])
}
