package cpu

import (
	"math"

	"github.com/pagewalk/pagewalk/x86"
)

// The four operations and the root of scalars, which compilers emit most, try the host's arithmetic at once; see
// sse_arith.go for when it may be kept. SDM vol. 2, ADDSD … SQRTSD.

func addsd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	d := &c.xmm(in.Args[0])[0]
	r := math.Float64bits(math.Float64frombits(*d) + math.Float64frombits(b))
	if c.quietMXCSR() && normal64(*d) && normal64(b) && inner64(r) {
		*d = r
		return nil
	}
	return c.lowDouble(opAdd, d, b)
}

func subsd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	d := &c.xmm(in.Args[0])[0]
	r := math.Float64bits(math.Float64frombits(*d) - math.Float64frombits(b))
	if c.quietMXCSR() && normal64(*d) && normal64(b) && inner64(r) {
		*d = r
		return nil
	}
	return c.lowDouble(opSub, d, b)
}

func mulsd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	d := &c.xmm(in.Args[0])[0]
	r := math.Float64bits(math.Float64frombits(*d) * math.Float64frombits(b))
	if c.quietMXCSR() && normal64(*d) && normal64(b) && inner64(r) {
		*d = r
		return nil
	}
	return c.lowDouble(opMul, d, b)
}

func divsd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	d := &c.xmm(in.Args[0])[0]
	r := math.Float64bits(math.Float64frombits(*d) / math.Float64frombits(b))
	if c.quietMXCSR() && normal64(*d) && normal64(b) && inner64(r) {
		*d = r
		return nil
	}
	return c.lowDouble(opDiv, d, b)
}

func sqrtsd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	d := &c.xmm(in.Args[0])[0]
	if x := math.Float64frombits(b); inner64(b) && x > 0 && c.MXCSR&^mxFlags == mxDefault {
		root := math.Sqrt(x)
		if !c.quietMXCSR() && math.FMA(root, root, -x) != 0 {
			c.MXCSR |= mxPE
		}
		*d = math.Float64bits(root)
		return nil
	}
	return c.lowDouble(opSqrt, d, b)
}

func addss(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low32(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	a := uint32(d[0])
	r := math.Float32bits(math.Float32frombits(a) + math.Float32frombits(b))
	if c.quietMXCSR() && normal32(a) && normal32(b) && inner32(r) {
		d.setLow32(r)
		return nil
	}
	return c.lowSingle(opAdd, d, b)
}

func subss(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low32(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	a := uint32(d[0])
	r := math.Float32bits(math.Float32frombits(a) - math.Float32frombits(b))
	if c.quietMXCSR() && normal32(a) && normal32(b) && inner32(r) {
		d.setLow32(r)
		return nil
	}
	return c.lowSingle(opSub, d, b)
}

func mulss(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low32(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	a := uint32(d[0])
	r := math.Float32bits(math.Float32frombits(a) * math.Float32frombits(b))
	if c.quietMXCSR() && normal32(a) && normal32(b) && inner32(r) {
		d.setLow32(r)
		return nil
	}
	return c.lowSingle(opMul, d, b)
}

func divss(c *CPU, in *Inst) *x86.Fault {
	b, f := c.low32(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	a := uint32(d[0])
	r := math.Float32bits(math.Float32frombits(a) / math.Float32frombits(b))
	if c.quietMXCSR() && normal32(a) && normal32(b) && inner32(r) {
		d.setLow32(r)
		return nil
	}
	return c.lowSingle(opDiv, d, b)
}
