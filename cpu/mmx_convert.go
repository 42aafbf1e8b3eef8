package cpu

import (
	"math"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var mmxConvertRows = []row{
	{decode.CVTPI2PS, cvtpi2ps, 0, SSE, plain},
	{decode.CVTPI2PD, cvtpi2pd, 0, SSE2, plain},
	{decode.CVTPS2PI, cvtps2pi, 0, SSE, plain},
	{decode.CVTTPS2PI, cvtps2pi, 0, SSE, plain},
	{decode.CVTPD2PI, cvtpd2pi, 0, SSE2, plain},
	{decode.CVTTPD2PI, cvtpd2pi, 0, SSE2, plain},
}

var _ = addRows(mmxConvertRows)

// These conversions turn the x87 unit to MMX as soon as they have their operands, before a SIMD exception that the numbers
// raise (recorded from an AMD processor).

// pi reads the two integers of CVTPI2PS and CVTPI2PD; from memory they leave the x87 unit alone.
func (c *CPU) pi(in *Inst) (v uint64, f *x86.Fault) {
	if in.Args[1].Class() == decode.MMX {
		if f = c.x87Wait(); f != nil {
			return 0, f
		}
	}
	v, f = c.mmSrc(in, in.Args[1], 8)
	if in.Args[1].Class() == decode.MMX {
		c.mmxEnter()
	}
	return v, f
}

// cvtpi2ps converts two 32-bit integers to the low two singles. SDM vol. 2A, CVTPI2PS.
func cvtpi2ps(c *CPU, in *Inst) *x86.Fault {
	v, f := c.pi(in)
	if f != nil {
		return f
	}
	r0, m0 := single.fromInt(int64(int32(v)), c.MXCSR)
	r1, m1 := single.fromInt(int64(v)>>32, c.MXCSR)
	if f := c.raiseSIMD(m0 | m1); f != nil {
		return f
	}
	c.xmm(in.Args[0])[0] = r0 | r1<<32
	return nil
}

// cvtpi2pd converts two 32-bit integers to doubles, exactly. SDM vol. 2A, CVTPI2PD.
func cvtpi2pd(c *CPU, in *Inst) *x86.Fault {
	v, f := c.pi(in)
	if f != nil {
		return f
	}
	*c.xmm(in.Args[0]) = XMMReg{math.Float64bits(float64(int32(v))), math.Float64bits(float64(int32(v >> 32)))}
	return nil
}

// cvtps2pi converts the low two singles to integers, CVTTPS2PI by truncation. SDM vol. 2A, CVTPS2PI.
func cvtps2pi(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	v, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	rc := c.rounding()
	if in.Op == decode.CVTTPS2PI {
		rc = roundZero
	}
	r0, m0 := single.toInt(v&math.MaxUint32, 32, rc, c.MXCSR)
	r1, m1 := single.toInt(v>>32, 32, rc, c.MXCSR)
	return c.commitMM(in, r0&math.MaxUint32|r1<<32, m0|m1)
}

// cvtpd2pi converts two doubles to integers, CVTTPD2PI by truncation. SDM vol. 2A, CVTPD2PI.
func cvtpd2pi(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	v, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	rc := c.rounding()
	if in.Op == decode.CVTTPD2PI {
		rc = roundZero
	}
	r0, m0 := double.toInt(v[0], 32, rc, c.MXCSR)
	r1, m1 := double.toInt(v[1], 32, rc, c.MXCSR)
	return c.commitMM(in, r0&math.MaxUint32|r1<<32, m0|m1)
}

// commitMM raises what was met or stores the result.
func (c *CPU) commitMM(in *Inst, r uint64, met uint32) *x86.Fault {
	c.mmxEnter()
	if f := c.raiseSIMD(met); f != nil {
		return f
	}
	c.setMM(in.Args[0], r)
	return nil
}
