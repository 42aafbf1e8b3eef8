package cpu

import (
	"math"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var sseConvertRows = []row{
	{decode.CVTSI2SD, cvtsi2sd, 0, SSE2, plain},
	{decode.CVTSI2SS, cvtsi2ss, 0, SSE, plain},
	{decode.CVTSD2SI, cvtsd2si, 0, SSE2, plain},
	{decode.CVTTSD2SI, cvttsd2si, 0, SSE2, plain},
	{decode.CVTSS2SI, cvtss2si, 0, SSE, plain},
	{decode.CVTTSS2SI, cvttss2si, 0, SSE, plain},
	{decode.CVTSD2SS, cvtsd2ss, 0, SSE2, plain},
	{decode.CVTSS2SD, cvtss2sd, 0, SSE2, plain},
	{decode.CVTPD2PS, cvtpd2ps, 0, SSE2, plain},
	{decode.CVTPS2PD, cvtps2pd, 0, SSE2, plain},
	{decode.CVTDQ2PD, cvtdq2pd, 0, SSE2, plain},
	{decode.CVTDQ2PS, cvtdq2ps, 0, SSE2, plain},
	{decode.CVTPD2DQ, cvtpd2dq, 0, SSE2, plain},
	{decode.CVTTPD2DQ, cvttpd2dq, 0, SSE2, plain},
	{decode.CVTPS2DQ, cvtps2dq, 0, SSE2, plain},
	{decode.CVTTPS2DQ, cvttps2dq, 0, SSE2, plain},
}

var _ = addRows(sseConvertRows)

// fromInt converts a signed integer.
func (f *floatFormat) fromInt(v int64, mxcsr uint32) (uint64, uint32) {
	if v == 0 {
		return 0, 0
	}
	u := unpacked{neg: v < 0, exp: 62, sig: uint64(v)}
	if u.neg {
		u.sig = -u.sig
	}
	return f.round(u, mxcsr)
}

// toInt converts to a signed integer of n bits; what does not fit becomes the integer indefinite, the least one, and
// is invalid (SDM vol. 1 4.9.1.1). Denormals are no exception here.
func (f *floatFormat) toInt(v uint64, n uint, rc, mxcsr uint32) (uint64, uint32) {
	indefinite := uint64(1) << (n - 1)
	if v&f.inf() == f.inf() {
		return indefinite, mxIE
	}
	if mxcsr&mxDAZ != 0 && f.isDenormal(v) || f.isZero(v) {
		return 0, 0
	}
	u := f.unpack(v)
	if u.exp > 63 {
		return indefinite, mxIE
	}
	r, exact := u.integer(rc)
	limit := indefinite // magnitudes below it fit
	if u.neg {
		limit++
	}
	if r >= limit {
		return indefinite, mxIE
	}
	if u.neg {
		r = -r
	}
	if !exact {
		return r, mxPE
	}
	return r, 0
}

// integer rounds the magnitude to an integer; exp is at most 63.
func (u unpacked) integer(rc uint32) (r uint64, exact bool) {
	switch {
	case u.exp == 63:
		return u.sig << 1, true
	case u.exp == 62:
		return u.sig, true
	case u.exp < -1:
		u.sig, u.exp = 1, -1 // below a half, whatever it is
	}
	return roundBits(u.sig, uint(62-u.exp), u.neg, rc)
}

// convert converts v from format f to another.
func (f *floatFormat) convert(v uint64, to *floatFormat, mxcsr uint32) (uint64, uint32) {
	var sign uint64
	if v&f.sign() != 0 {
		sign = to.sign()
	}
	switch {
	case f.isNaN(v):
		var met uint32
		if f.isSNaN(v) {
			met = mxIE
		}
		payload := v & f.fracOf() << (63 - f.frac) >> (63 - to.frac)
		return sign | to.inf() | to.quiet() | payload&to.fracOf(), met
	case f.isInf(v):
		return sign | to.inf(), 0
	}
	v, met := f.operand(v, mxcsr)
	if f.isZero(v) {
		return sign, met
	}
	return to.rounded(f.unpack(v), mxcsr, met)
}

// rounding is MXCSR.RC.
func (c *CPU) rounding() uint32 { return c.MXCSR >> mxRCShift & 3 }

// intSource reads the signed 32- or 64-bit integer operand.
func (c *CPU) intSource(in *Inst) (int64, *x86.Fault) {
	v, f := c.get(in, in.Args[1], in.SrcWidth)
	return int64(sext(v, in.SrcWidth)), f
}

// cvtsi2sd converts an integer to a double. SDM vol. 2A, CVTSI2SD.
func cvtsi2sd(c *CPU, in *Inst) *x86.Fault {
	v, f := c.intSource(in)
	if f != nil {
		return f
	}
	r, met := math.Float64bits(float64(v)), uint32(0)
	if v != int64(int32(v)) { // else exact
		if r, met = double.fromInt(v, c.MXCSR); met != 0 {
			if f := c.raiseSIMD(met); f != nil {
				return f
			}
		}
	}
	c.xmm(in.Args[0])[0] = r
	return nil
}

// cvtsi2ss converts an integer to a single. SDM vol. 2A, CVTSI2SS.
func cvtsi2ss(c *CPU, in *Inst) *x86.Fault {
	v, f := c.intSource(in)
	if f != nil {
		return f
	}
	r, met := single.fromInt(v, c.MXCSR)
	if f := c.raiseSIMD(met); f != nil {
		return f
	}
	c.xmm(in.Args[0]).setLow32(uint32(r))
	return nil
}

// cvtsd2si converts a double to an integer, rounded as MXCSR says. SDM vol. 2A, CVTSD2SI.
func cvtsd2si(c *CPU, in *Inst) *x86.Fault { return c.doubleToInt(in, c.rounding()) }

// cvttsd2si converts a double to an integer by truncation. SDM vol. 2A, CVTTSD2SI.
func cvttsd2si(c *CPU, in *Inst) *x86.Fault { return c.doubleToInt(in, roundZero) }

// cvtss2si converts a single to an integer, rounded as MXCSR says. SDM vol. 2A, CVTSS2SI.
func cvtss2si(c *CPU, in *Inst) *x86.Fault { return c.singleToInt(in, c.rounding()) }

// cvttss2si converts a single to an integer by truncation. SDM vol. 2A, CVTTSS2SI.
func cvttss2si(c *CPU, in *Inst) *x86.Fault { return c.singleToInt(in, roundZero) }

func (c *CPU) doubleToInt(in *Inst, rc uint32) *x86.Fault {
	v, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	if x := math.Float64frombits(v); rc == roundZero && normal64(v) && x > -1<<31 && x < 1<<31 {
		n := int64(x)
		if float64(n) == x || c.MXCSR&(mxPE|mxPM) == mxPE|mxPM { // an inexact result changes nothing
			c.setReg(in.Args[0].Num(), in.Width, uint64(n))
			return nil
		}
	}
	return c.putInt(in, double, v, rc)
}

func (c *CPU) singleToInt(in *Inst, rc uint32) *x86.Fault {
	v, f := c.low32(in, in.Args[1])
	if f != nil {
		return f
	}
	return c.putInt(in, single, uint64(v), rc)
}

func (c *CPU) putInt(in *Inst, from *floatFormat, v uint64, rc uint32) *x86.Fault {
	r, met := from.toInt(v, 8*uint(in.Width), rc, c.MXCSR)
	if f := c.raiseSIMD(met); f != nil {
		return f
	}
	c.setReg(in.Args[0].Num(), in.Width, r)
	return nil
}

// cvtsd2ss rounds a double to a single. SDM vol. 2A, CVTSD2SS.
func cvtsd2ss(c *CPU, in *Inst) *x86.Fault {
	v, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	r, met := double.convert(v, single, c.MXCSR)
	if f := c.raiseSIMD(met); f != nil {
		return f
	}
	c.xmm(in.Args[0]).setLow32(uint32(r))
	return nil
}

// cvtss2sd widens a single. SDM vol. 2A, CVTSS2SD.
func cvtss2sd(c *CPU, in *Inst) *x86.Fault {
	v, f := c.low32(in, in.Args[1])
	if f != nil {
		return f
	}
	d := c.xmm(in.Args[0])
	if normal32(v) {
		d[0] = math.Float64bits(float64(math.Float32frombits(v)))
		return nil
	}
	r, met := single.convert(uint64(v), double, c.MXCSR)
	if f := c.raiseSIMD(met); f != nil {
		return f
	}
	d[0] = r
	return nil
}

// commitXMM raises what was met or stores the result.
func (c *CPU) commitXMM(in *Inst, r XMMReg, met uint32) *x86.Fault {
	if met != 0 {
		if f := c.raiseSIMD(met); f != nil {
			return f
		}
	}
	*c.xmm(in.Args[0]) = r
	return nil
}

// cvtpd2ps rounds two doubles to singles and clears the high half. SDM vol. 2A, CVTPD2PS.
func cvtpd2ps(c *CPU, in *Inst) *x86.Fault {
	v, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	r0, m0 := double.convert(v[0], single, c.MXCSR)
	r1, m1 := double.convert(v[1], single, c.MXCSR)
	return c.commitXMM(in, XMMReg{r0 | r1<<32}, m0|m1)
}

// cvtps2pd widens two singles. SDM vol. 2A, CVTPS2PD.
func cvtps2pd(c *CPU, in *Inst) *x86.Fault {
	v, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	r0, m0 := single.convert(v&math.MaxUint32, double, c.MXCSR)
	r1, m1 := single.convert(v>>32, double, c.MXCSR)
	return c.commitXMM(in, XMMReg{r0, r1}, m0|m1)
}

// cvtdq2pd converts two 32-bit integers, exactly. SDM vol. 2A, CVTDQ2PD.
func cvtdq2pd(c *CPU, in *Inst) *x86.Fault {
	v, f := c.low64(in, in.Args[1])
	if f != nil {
		return f
	}
	*c.xmm(in.Args[0]) = XMMReg{math.Float64bits(float64(int32(v))), math.Float64bits(float64(int32(v >> 32)))}
	return nil
}

// cvtdq2ps converts four 32-bit integers. SDM vol. 2A, CVTDQ2PS.
func cvtdq2ps(c *CPU, in *Inst) *x86.Fault {
	v, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	var r [4]uint32
	var met uint32
	for i := range r {
		e, m := single.fromInt(int64(int32(v.u32(i))), c.MXCSR)
		r[i], met = uint32(e), met|m
	}
	return c.commitXMM(in, quads(r), met)
}

// cvtpd2dq converts two doubles to 32-bit integers and clears the high half. SDM vol. 2A, CVTPD2DQ.
func cvtpd2dq(c *CPU, in *Inst) *x86.Fault { return c.doublesToInts(in, c.rounding()) }

// cvttpd2dq is cvtpd2dq by truncation. SDM vol. 2A, CVTTPD2DQ.
func cvttpd2dq(c *CPU, in *Inst) *x86.Fault { return c.doublesToInts(in, roundZero) }

// cvtps2dq converts four singles to 32-bit integers. SDM vol. 2A, CVTPS2DQ.
func cvtps2dq(c *CPU, in *Inst) *x86.Fault { return c.singlesToInts(in, c.rounding()) }

// cvttps2dq is cvtps2dq by truncation. SDM vol. 2A, CVTTPS2DQ.
func cvttps2dq(c *CPU, in *Inst) *x86.Fault { return c.singlesToInts(in, roundZero) }

func (c *CPU) doublesToInts(in *Inst, rc uint32) *x86.Fault {
	v, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	r0, m0 := double.toInt(v[0], 32, rc, c.MXCSR)
	r1, m1 := double.toInt(v[1], 32, rc, c.MXCSR)
	return c.commitXMM(in, XMMReg{r0&math.MaxUint32 | r1<<32}, m0|m1)
}

func (c *CPU) singlesToInts(in *Inst, rc uint32) *x86.Fault {
	v, f := c.xmmSrc(in, in.Args[1])
	if f != nil {
		return f
	}
	var r [4]uint32
	var met uint32
	for i := range r {
		e, m := single.toInt(uint64(v.u32(i)), 32, rc, c.MXCSR)
		r[i], met = uint32(e), met|m
	}
	return c.commitXMM(in, quads(r), met)
}
