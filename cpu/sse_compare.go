package cpu

import (
	"math"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var sseCompareRows = []row{
	{decode.COMISD, comisd, 0, SSE2, plain},
	{decode.UCOMISD, ucomisd, 0, SSE2, plain},
	{decode.COMISS, comiss, 0, SSE, plain},
	{decode.UCOMISS, ucomiss, 0, SSE, plain},
	{decode.CMPSD, cmpsd, 0, SSE2, plain},
	{decode.CMPSS, cmpss, 0, SSE, plain},
	{decode.CMPPD, cmppd, 0, SSE2, plain},
	{decode.CMPPS, cmpps, 0, SSE, plain},
}

var _ = addRows(sseCompareRows)

// relation is the outcome of a comparison: one bit of four.
type relation uint8

const (
	less relation = 1 << iota
	equal
	greater
	unordered
)

// compare relates a to b. A QNaN is an invalid operand where signal is set.
func (f *floatFormat) compare(a, b uint64, mxcsr uint32, signal bool) (relation, uint32) {
	if f.isNaN(a) || f.isNaN(b) {
		if signal || f.isSNaN(a) || f.isSNaN(b) {
			return unordered, mxIE
		}
		return unordered, 0
	}
	a, da := f.operand(a, mxcsr)
	b, db := f.operand(b, mxcsr)
	return f.order(a, b), da | db
}

// order relates two numbers that are not NaNs.
func (f *floatFormat) order(a, b uint64) relation {
	switch {
	case a == b, f.isZero(a) && f.isZero(b):
		return equal
	case f.key(a) < f.key(b):
		return less
	}
	return greater
}

// key maps numbers to integers of the same order.
func (f *floatFormat) key(v uint64) int64 {
	if v&f.sign() != 0 {
		return -int64(v &^ f.sign())
	}
	return int64(v)
}

// min returns the second operand where either is a NaN or both are zeros. SDM vol. 2B, MINSD.
func (f *floatFormat) min(a, b uint64, mxcsr uint32) (uint64, uint32) {
	return f.choose(a, b, mxcsr, less)
}

// max is min the other way round. SDM vol. 2B, MAXSD.
func (f *floatFormat) max(a, b uint64, mxcsr uint32) (uint64, uint32) {
	return f.choose(a, b, mxcsr, greater)
}

func (f *floatFormat) choose(a, b uint64, mxcsr uint32, first relation) (uint64, uint32) {
	rel, met := f.compare(a, b, mxcsr, true)
	a, _ = f.operand(a, mxcsr)
	b, _ = f.operand(b, mxcsr) // DAZ bears on it beside a NaN too
	if rel == first {
		return a, met
	}
	return b, met
}

// relationFlags has ZF, PF and CF of (U)COMISx; OF, SF and AF are cleared.
var relationFlags = [9]uint64{
	less: x86.FlagCF, equal: x86.FlagZF, greater: 0, unordered: x86.FlagZF | x86.FlagPF | x86.FlagCF,
}

func (c *CPU) compareFlags(f *floatFormat, a, b uint64, signal bool) *x86.Fault {
	rel, met := f.compare(a, b, c.MXCSR, signal)
	if met != 0 {
		if f := c.raiseSIMD(met); f != nil {
			return f
		}
	}
	c.flags.set(relationFlags[rel])
	return nil
}

// compareNormal sets the flags of two doubles that are normal numbers, which meet no exception.
func (c *CPU) compareNormal(a, b uint64) {
	x, y := math.Float64frombits(a), math.Float64frombits(b)
	switch {
	case x < y:
		c.flags.set(x86.FlagCF)
	case x > y:
		c.flags.set(0)
	default:
		c.flags.set(x86.FlagZF)
	}
}

// comisd compares, signalling every NaN. SDM vol. 2A, COMISD.
func comisd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	a := c.xmm(in.Args[0])[0]
	if normal64(a) && normal64(b) {
		c.compareNormal(a, b)
		return nil
	}
	return c.compareFlags(double, a, b, true)
}

// ucomisd compares, signalling SNaNs. SDM vol. 2B, UCOMISD.
func ucomisd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	a := c.xmm(in.Args[0])[0]
	if normal64(a) && normal64(b) {
		c.compareNormal(a, b)
		return nil
	}
	return c.compareFlags(double, a, b, false)
}

// comiss compares, signalling every NaN. SDM vol. 2A, COMISS.
func comiss(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low32(in, in.Args[1])
	if f != nil {
		return f
	}
	return c.compareFlags(single, uint64(uint32(c.xmm(in.Args[0])[0])), uint64(b), true)
}

// ucomiss compares, signalling SNaNs. SDM vol. 2B, UCOMISS.
func ucomiss(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low32(in, in.Args[1])
	if f != nil {
		return f
	}
	return c.compareFlags(single, uint64(uint32(c.xmm(in.Args[0])[0])), uint64(b), false)
}

// predicates lists, for the immediate of CMPxx, the relations that hold and whether QNaNs signal
// (SDM vol. 2A table 3-1). Only bits 2:0 of the immediate count.
var predicates = [8]struct {
	holds  relation
	signal bool
}{
	{equal, false},
	{less, true},
	{less | equal, true},
	{unordered, false},
	{less | greater | unordered, false},
	{equal | greater | unordered, true},
	{greater | unordered, true},
	{less | equal | greater, false},
}

// test is the mask that CMPxx leaves: all ones or 0.
func (f *floatFormat) test(a, b uint64, imm int64, mxcsr uint32) (uint64, uint32) {
	p := &predicates[imm&7]
	rel, met := f.compare(a, b, mxcsr, p.signal)
	if p.holds&rel != 0 {
		return ^uint64(0), met
	}
	return 0, met
}

// cmpsd compares the low doubles into a mask. SDM vol. 2A, CMPSD.
func cmpsd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	r, met := double.test(d[0], b, in.Imm, c.MXCSR)
	if f := c.raiseSIMD(met); f != nil {
		return f
	}
	d[0] = r
	return nil
}

// cmpss compares the low singles into a mask. SDM vol. 2A, CMPSS.
func cmpss(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low32(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	r, met := single.test(uint64(uint32(d[0])), uint64(b), in.Imm, c.MXCSR)
	if f := c.raiseSIMD(met); f != nil {
		return f
	}
	d.setLow32(uint32(r))
	return nil
}

// cmppd compares two doubles into masks. SDM vol. 2A, CMPPD.
func cmppd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	r0, m0 := double.test(d[0], b[0], in.Imm, c.MXCSR)
	r1, m1 := double.test(d[1], b[1], in.Imm, c.MXCSR)
	if f := c.raiseSIMD(m0 | m1); f != nil {
		return f
	}
	*d = XMMReg{r0, r1}
	return nil
}

// cmpps compares four singles into masks. SDM vol. 2A, CMPPS.
func cmpps(c *CPU, in *Inst) *x86.Fault {
	b, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	var r [4]uint32
	var met uint32
	for i := range r {
		v, m := single.test(uint64(d.u32(i)), uint64(b.u32(i)), in.Imm, c.MXCSR)
		r[i], met = uint32(v), met|m
	}
	if f := c.raiseSIMD(met); f != nil {
		return f
	}
	*d = quads(r)
	return nil
}
