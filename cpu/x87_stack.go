package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var x87StackRows = []row{
	{decode.FXCH, fxch, 0, X87, plain},
	{decode.FLD1, fldConst, 0, X87, plain},
	{decode.FLDZ, fldConst, 0, X87, plain},
	{decode.FLDPI, fldConst, 0, X87, plain},
	{decode.FLDL2E, fldConst, 0, X87, plain},
	{decode.FLDL2T, fldConst, 0, X87, plain},
	{decode.FLDLG2, fldConst, 0, X87, plain},
	{decode.FLDLN2, fldConst, 0, X87, plain},
	{decode.FCHS, fchs, 0, X87, plain},
	{decode.FABS, fchs, 0, X87, plain},
	{decode.FXAM, fxam, 0, X87, plain},
	{decode.FFREE, ffree, 0, X87, plain},
	{decode.FFREEP, ffree, 0, X87, plain},
	{decode.FINCSTP, fincstp, 0, X87, plain},
	{decode.FDECSTP, fincstp, 0, X87, plain},
	{decode.FNOP, func(c *CPU, in *Inst) *x86.Fault { return c.x87Begin(in) }, 0, X87, plain},
	{decode.FCMOVB, fcmov, 0, X87, plain},
	{decode.FCMOVE, fcmov, 0, X87, plain},
	{decode.FCMOVBE, fcmov, 0, X87, plain},
	{decode.FCMOVU, fcmov, 0, X87, plain},
	{decode.FCMOVNB, fcmov, 0, X87, plain},
	{decode.FCMOVNE, fcmov, 0, X87, plain},
	{decode.FCMOVNBE, fcmov, 0, X87, plain},
	{decode.FCMOVNU, fcmov, 0, X87, plain},
}

var _ = addRows(x87StackRows)

// fxch exchanges ST(0) with another register. SDM vol. 2A, FXCH.
func fxch(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u, i := &c.FPU, in.Args[0].Num()
	a, b := u.get(0), u.get(i)
	if u.empty(0) || u.empty(i) {
		if u.empty(0) {
			a = indefinite80
		}
		if u.empty(i) {
			b = indefinite80
		}
		if !u.underflow() {
			return nil
		}
	} else {
		u.setC1(false)
	}
	u.set(0, b)
	u.set(i, a)
	return nil
}

// constants80 are the constants as truncated, and whether rounding up takes the next number (SDM vol. 2A, FLD1…): the unit
// knows them to 66 bits.
var constants80 = [decode.NumOps]struct {
	v       float80
	nearest bool // the nearest number is the next one
	exact   bool
}{
	decode.FLD1:   {one80, false, true},
	decode.FLDZ:   {float80{}, false, true},
	decode.FLDPI:  {float80{0xc90fdaa22168c234, 0x4000}, true, false},
	decode.FLDL2E: {float80{0xb8aa3b295c17f0bb, 0x3fff}, true, false},
	decode.FLDL2T: {float80{0xd49a784bcd1b8afe, 0x4000}, false, false},
	decode.FLDLG2: {float80{0x9a209a84fbcff798, 0x3ffd}, true, false},
	decode.FLDLN2: {float80{0xb17217f7d1cf79ab, 0x3ffe}, true, false},
}

func fldConst(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	k := &constants80[in.Op]
	v := k.v
	rc := c.FPU.rounder().rc
	if !k.exact && (rc == roundUp || rc == roundNearest && k.nearest) {
		v.frac++
	}
	c.FPU.push(v)
	return nil
}

// fchs changes the sign of ST(0), FABS clears it, whatever the number. SDM vol. 2A, FCHS, FABS.
func fchs(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u := &c.FPU
	v := u.get(0)
	if u.empty(0) {
		if u.underflow() {
			u.set(0, indefinite80)
		}
		return nil
	}
	u.setC1(false)
	if in.Op == decode.FABS {
		v = v.abs()
	} else {
		v = v.neg()
	}
	u.set(0, v)
	return nil
}

// fxam classifies ST(0): C1 is the sign, C3 C2 C0 the class. SDM vol. 2A, FXAM.
func fxam(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u := &c.FPU
	v := u.get(0)
	u.status &^= x87C0 | x87C1 | x87C2 | x87C3
	u.setC1(v.negative())
	if u.empty(0) {
		u.status |= x87C3 | x87C0
		return nil
	}
	u.status |= [...]uint16{
		unsupported80: 0, nan80: x87C0, normal80: x87C2, inf80: x87C2 | x87C0, zero80: x87C3, denormal80: x87C3 | x87C2,
	}[v.class()]
	return nil
}

// ffree marks a register empty; FFREEP pops too. SDM vol. 2A, FFREE.
func ffree(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	c.FPU.free(in.Args[0].Num())
	if in.Op == decode.FFREEP {
		c.FPU.pop()
	}
	return nil
}

// fincstp and FDECSTP turn the stack without emptying a register. SDM vol. 2A, FINCSTP.
func fincstp(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	d := 1
	if in.Op == decode.FDECSTP {
		d = -1
	}
	c.FPU.setC1(false)
	c.FPU.setTop(c.FPU.top() + d)
	return nil
}

// fcmov copies a register to ST(0) where RFLAGS say so. SDM vol. 2A, FCMOVcc.
func fcmov(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u, i := &c.FPU, in.Args[1].Num()
	if u.empty(0) || u.empty(i) {
		if u.underflow() {
			u.set(0, indefinite80)
		}
		return nil
	}
	fl := c.Flags()
	cf, zf, pf := fl&x86.FlagCF != 0, fl&x86.FlagZF != 0, fl&x86.FlagPF != 0
	var take bool
	switch in.Op {
	case decode.FCMOVB:
		take = cf
	case decode.FCMOVNB:
		take = !cf
	case decode.FCMOVE:
		take = zf
	case decode.FCMOVNE:
		take = !zf
	case decode.FCMOVBE:
		take = cf || zf
	case decode.FCMOVNBE:
		take = !cf && !zf
	case decode.FCMOVU:
		take = pf
	case decode.FCMOVNU:
		take = !pf
	}
	if take {
		u.set(0, u.get(i))
	}
	return nil
}
