package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var stringRows = []row{
	{decode.MOVS, movs, 0, Base, plain},
	{decode.STOS, stos, 0, Base, plain},
	{decode.LODS, lods, 0, Base, plain},
	{decode.CMPS, cmps, 0, Base, plain},
	{decode.SCAS, scas, 0, Base, plain},
}

var _ = addRows(stringRows)

// repChunk bounds the elements that one execution of a REP instruction commits before Run looks at its budget and at
// interrupts again: the instruction is then resumed from its registers, as after an interrupt on hardware.
const repChunk = 1 << 16

// A REP instruction commits element by element: rCX, rSI and rDI always tell how far it came, so that a fault, or the
// end of a chunk, leaves a restartable instruction (SDM vol. 2B, REP).
//
// repeat runs one element at a time until rCX is zero, the element reports a stop, or the chunk ends. step is the
// signed element size.
func (c *CPU) repeat(in *Inst, element func(c *CPU, in *Inst, step uint64) (stop bool, f *x86.Fault)) *x86.Fault {
	step := uint64(in.Width)
	if c.ctl&x86.FlagDF != 0 {
		step = -step
	}
	if in.Prefix&(decode.Rep|decode.RepNE) == 0 {
		_, f := element(c, in, step)
		return f
	}
	chunk := repChunk
	if c.ctl&x86.FlagTF != 0 { // single step traps behind each element
		chunk = 1
	}
	for range chunk {
		n := c.reg(RCX, in.AddrSize)
		if n == 0 {
			return nil
		}
		stop, f := element(c, in, step)
		if f != nil {
			return f
		}
		c.setReg(RCX, in.AddrSize, n-1)
		if stop {
			return nil
		}
	}
	return c.again(in)
}

// again makes the REP instruction resume at itself if rCX is not zero.
func (c *CPU) again(in *Inst) *x86.Fault {
	if c.reg(RCX, in.AddrSize) == 0 {
		return nil
	}
	c.fault = x86.Fault{Vector: againVector}
	return &c.fault
}

// advance moves rSI or rDI by a signed step at the address size.
func (c *CPU) advance(in *Inst, reg int, step uint64) {
	c.setReg(reg, in.AddrSize, c.reg(reg, in.AddrSize)+step)
}

// source and dest are the linear addresses of seg:[rSI] and ES:[rDI].
func (c *CPU) source(in *Inst) x86.VirtAddr { return c.stringVA(in, int(in.Seg), RSI, false) }

func (c *CPU) dest(in *Inst, write bool) x86.VirtAddr { return c.stringVA(in, decode.ES, RDI, write) }

func (c *CPU) stringVA(in *Inst, seg, reg int, write bool) x86.VirtAddr {
	return c.linear(seg, c.reg(reg, in.AddrSize), int(in.Width), write)
}

// linear is the linear address of width bytes at an offset of a segment, checked as the mode asks.
func (c *CPU) linear(seg int, off uint64, width int, write bool) x86.VirtAddr {
	if c.key&keyChecked != 0 {
		return c.segmented(seg, off, width, write)
	}
	va := off + c.SegBase(seg)
	if !c.is64() {
		va = uint64(uint32(va))
	}
	return x86.VirtAddr(va)
}

// extra stands for instructions in the reports of faults at ES:[rDI].
var extra = Inst{Seg: decode.ES}

// storeDest writes an element to ES:[rDI], loadDest reads one; their faults are never those of a stack segment.
func (c *CPU) storeDest(in *Inst, v uint64) *x86.Fault {
	return c.storeN(&extra, c.dest(in, true), in.Width, v)
}

func (c *CPU) loadDest(in *Inst) (uint64, *x86.Fault) {
	return c.loadN(&extra, c.dest(in, false), in.Width)
}

// blocks runs a forward REP with 64-bit addresses through move, which does at most n elements at once and answers how
// many it did; where it answers 0 one element goes the plain way. Every other REP is repeat's.
func (c *CPU) blocks(in *Inst, move func(c *CPU, in *Inst, n uint64) uint64,
	element func(c *CPU, in *Inst, step uint64) (bool, *x86.Fault),
) *x86.Fault {
	if in.Prefix&decode.Rep == 0 || c.ctl&(x86.FlagDF|x86.FlagTF) != 0 || in.AddrSize != 8 || c.key&keyChecked != 0 {
		return c.repeat(in, element)
	}
	w := uint64(in.Width)
	for done := uint64(0); done < repChunk && c.R[RCX] != 0; {
		n := move(c, in, min(c.R[RCX], x86.PageSize/w))
		if n == 0 {
			if _, f := element(c, in, w); f != nil {
				return f
			}
			n = 1
		}
		c.R[RCX] -= n
		done += n
	}
	return c.again(in)
}

// movs copies seg:[rSI] to ES:[rDI]. SDM vol. 2B, MOVS.
func movs(c *CPU, in *Inst) *x86.Fault { return c.blocks(in, movsBlock, movsElement) }

func movsBlock(c *CPU, in *Inst, n uint64) uint64 {
	w := uint64(in.Width)
	s := c.MMU.Span(c.source(in), int(n*w), x86.Read)
	if uint64(len(s)) < w {
		return 0
	}
	d := c.MMU.Span(c.dest(in, true), len(s), x86.Write)
	n = uint64(len(d)) / w
	if n == 0 {
		return 0
	}
	if gap := hostGap(d, s); gap < n*w {
		// The destination begins inside the source: elements propagate forward, so copy at most the gap at a time.
		if n = gap / w; n == 0 {
			return 0
		}
	}
	copy(d[:n*w], s[:n*w])
	c.R[RSI] += n * w
	c.R[RDI] += n * w
	return n
}

func movsElement(c *CPU, in *Inst, step uint64) (bool, *x86.Fault) {
	v, f := c.loadN(in, c.source(in), in.Width)
	if f != nil {
		return false, f
	}
	if f := c.storeDest(in, v); f != nil {
		return false, f
	}
	c.advance(in, RSI, step)
	c.advance(in, RDI, step)
	return false, nil
}

// stos stores rAX to ES:[rDI]. SDM vol. 2B, STOS.
func stos(c *CPU, in *Inst) *x86.Fault { return c.blocks(in, stosBlock, stosElement) }

func stosBlock(c *CPU, in *Inst, n uint64) uint64 {
	w := uint64(in.Width)
	d := c.MMU.Span(c.dest(in, true), int(n*w), x86.Write)
	n = uint64(len(d)) / w
	if n == 0 {
		return 0
	}
	fill(d[:n*w], c.R[RAX], int(w))
	c.R[RDI] += n * w
	return n
}

// fill repeats the low w bytes of v over d, whose length is a multiple of w.
func fill(d []byte, v uint64, w int) {
	for i := range w {
		d[i] = byte(v >> (8 * i))
	}
	for n := w; n < len(d); n *= 2 {
		copy(d[n:], d[:n])
	}
}

func stosElement(c *CPU, in *Inst, step uint64) (bool, *x86.Fault) {
	if f := c.storeDest(in, c.R[RAX]); f != nil {
		return false, f
	}
	c.advance(in, RDI, step)
	return false, nil
}

// lods loads rAX from seg:[rSI]. SDM vol. 2A, LODS.
func lods(c *CPU, in *Inst) *x86.Fault { return c.repeat(in, lodsElement) }

func lodsElement(c *CPU, in *Inst, step uint64) (bool, *x86.Fault) {
	v, f := c.loadN(in, c.source(in), in.Width)
	if f != nil {
		return false, f
	}
	c.setReg(RAX, in.Width, v)
	c.advance(in, RSI, step)
	return false, nil
}

// cmps compares seg:[rSI] with ES:[rDI]; REPE and REPNE stop by ZF. SDM vol. 2A, CMPS.
func cmps(c *CPU, in *Inst) *x86.Fault { return c.repeat(in, cmpsElement) }

func cmpsElement(c *CPU, in *Inst, step uint64) (bool, *x86.Fault) {
	a, f := c.loadN(in, c.source(in), in.Width)
	if f != nil {
		return false, f
	}
	b, f := c.loadDest(in)
	if f != nil {
		return false, f
	}
	c.flags.setSub(a, b, a-b, in.Width)
	c.advance(in, RSI, step)
	c.advance(in, RDI, step)
	return c.stops(in), nil
}

// scas compares rAX with ES:[rDI]. SDM vol. 2B, SCAS.
func scas(c *CPU, in *Inst) *x86.Fault { return c.repeat(in, scasElement) }

func scasElement(c *CPU, in *Inst, step uint64) (bool, *x86.Fault) {
	b, f := c.loadDest(in)
	if f != nil {
		return false, f
	}
	a := c.reg(RAX, in.Width)
	c.flags.setSub(a, b, a-b, in.Width)
	c.advance(in, RDI, step)
	return c.stops(in), nil
}

// stops reports whether REPE or REPNE ends with the current ZF.
func (c *CPU) stops(in *Inst) bool { return c.flags.zf() == (in.Prefix&decode.RepNE != 0) }
