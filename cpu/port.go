package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var portRows = []row{
	{decode.IN, portIO, 0, Base, endBlock},
	{decode.OUT, portIO, 0, Base, endBlock},
	{decode.INS, portString, 0, Base, endBlock},
	{decode.OUTS, portString, 0, Base, endBlock},
}

var _ = addRows(portRows)

// allowPort is #GP(0) where neither IOPL nor the I/O permission bitmap of the TSS lets a port through. SDM vol. 1 19.5.
func (c *CPU) allowPort(port uint16, width uint8) *x86.Fault {
	if uint64(c.MMU.CPL()) <= c.iopl() {
		return nil
	}
	tr := &c.seg[TR]
	if !c.Deliver || tr.Attr&attrType&^2 != typeTSS || tr.Limit < 0x67 {
		return c.raise(x86.VectorGP)
	}
	word := func(at uint32) (uint16, *x86.Fault) {
		if at+1 > tr.Limit {
			return 0, c.raise(x86.VectorGP)
		}
		var b [2]byte
		f := c.MMU.ReadSystem(c.linearSystem(tr.Base+uint64(at)), b[:])
		return uint16(b[0]) | uint16(b[1])<<8, f
	}
	base, f := word(0x66)
	if f != nil {
		return f
	}
	bits, f := word(uint32(base) + uint32(port)/8)
	if f != nil {
		return f
	}
	if bits>>(port%8)&(1<<width-1) != 0 {
		return c.raise(x86.VectorGP)
	}
	return nil
}

// portIO leaves to the board for IN and OUT. SDM vol. 2A IN, vol. 2B OUT.
func portIO(c *CPU, in *Inst) *x86.Fault {
	isIn := in.Op == decode.IN
	port := in.Args[0]
	if isIn {
		port = in.Args[1]
	}
	p := uint16(c.R[RDX])
	if port.Class() == decode.Imm {
		p = uint16(uint8(in.Imm))
	}
	if f := c.allowPort(p, in.Width); f != nil {
		return f
	}
	c.watchPort(p, in.Width)
	c.portWait = *in
	return c.leave(Exit{Kind: ExitPort, Port: p, Width: in.Width, In: isIn, Value: uint32(c.reg(RAX, in.Width))})
}

// portString leaves to the board for one element of INS or OUTS; with REP the instruction is met again until rCX is zero,
// which does not spare it the check of the port.
// SDM vol. 2A INS, vol. 2B OUTS.
func portString(c *CPU, in *Inst) *x86.Fault {
	p := uint16(c.R[RDX])
	if f := c.allowPort(p, in.Width); f != nil {
		return f
	}
	rep := in.Prefix&(decode.Rep|decode.RepNE) != 0
	if rep && c.reg(RCX, in.AddrSize) == 0 {
		return nil
	}
	step := uint64(in.Width)
	if c.ctl&x86.FlagDF != 0 {
		step = -step
	}
	e := Exit{Kind: ExitPort, Port: p, Width: in.Width, In: in.Op == decode.INS}
	if e.In {
		va := c.dest(in, true)
		if f := c.MMU.Probe(va, int(in.Width), x86.Write); f != nil {
			return c.memFault(&extra, f)
		}
		c.portWait = *in
		c.portWait.Imm = int64(va)
		c.advance(in, RDI, step)
	} else {
		v, f := c.loadN(in, c.source(in), in.Width)
		if f != nil {
			return f
		}
		e.Value = uint32(v)
		c.advance(in, RSI, step)
	}
	c.watchPort(p, in.Width)
	if rep {
		n := c.reg(RCX, in.AddrSize) - 1
		c.setReg(RCX, in.AddrSize, n)
		if n&widthMask(in.AddrSize) != 0 {
			c.RIP = c.origin() + uint64(in.Off) // again
		}
	}
	return c.leave(e)
}

// CompleteIn gives the processor what the port of the last ExitPort with In answered, before the next Run.
func (c *CPU) CompleteIn(v uint32) {
	in := &c.portWait
	if in.Op == decode.INS {
		// It was probed, and nothing ran since.
		_ = c.storeN(&extra, x86.VirtAddr(in.Imm), in.Width, uint64(v))
		return
	}
	c.setReg(RAX, in.Width, uint64(v))
}
