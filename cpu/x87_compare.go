package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var x87CompareRows = []row{
	{decode.FCOM, fcom, 0, X87, plain},
	{decode.FCOMP, fcom, 0, X87, plain},
	{decode.FCOMPP, fcom, 0, X87, plain},
	{decode.FUCOM, fcom, 0, X87, plain},
	{decode.FUCOMP, fcom, 0, X87, plain},
	{decode.FUCOMPP, fcom, 0, X87, plain},
	{decode.FICOM, fcom, 0, X87, plain},
	{decode.FICOMP, fcom, 0, X87, plain},
	{decode.FTST, fcom, 0, X87, plain},
	{decode.FCOMI, fcomi, 0, X87, plain},
	{decode.FCOMIP, fcomi, 0, X87, plain},
	{decode.FUCOMI, fcomi, 0, X87, plain},
	{decode.FUCOMIP, fcomi, 0, X87, plain},
}

var _ = addRows(x87CompareRows)

// ordering is the outcome of a comparison.
type ordering uint8

const (
	lessThan ordering = iota
	equalTo
	greaterThan
	unorderedWith
)

// compare80 orders two numbers. A quiet comparison is invalid for signalling NaNs only.
func compare80(a, b float80, quiet bool) (o ordering, flags uint16) {
	ca, cb := a.class(), b.class()
	if ca == unsupported80 || cb == unsupported80 {
		return unorderedWith, x87IE
	}
	if ca == nan80 || cb == nan80 {
		if !quiet || a.isSNaN() || b.isSNaN() {
			flags = x87IE
		}
		return unorderedWith, flags
	}
	if ca == denormal80 || cb == denormal80 {
		flags = x87DE
	}
	if ca == zero80 && cb == zero80 {
		return equalTo, flags
	}
	if a.negative() != b.negative() {
		if a.negative() {
			return lessThan, flags
		}
		return greaterThan, flags
	}
	// Of one sign: pseudo-denormals have the exponent 1 in truth.
	ea, eb := max(a.exp(), 1), max(b.exp(), 1)
	o = equalTo
	switch {
	case ea < eb || ea == eb && a.frac < b.frac:
		o = lessThan
	case ea > eb || a.frac > b.frac:
		o = greaterThan
	}
	if a.negative() && o != equalTo {
		o = greaterThan - o
	}
	return o, flags
}

// fcom compares ST(0) with a register, memory, an integer or zero and sets C3 C2 C0. SDM vol. 2A, FCOM, FUCOM, FICOM,
// FTST.
func fcom(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u := &c.FPU
	var b float80
	var met uint16
	missing := u.empty(0)
	switch in.Args[0].Class() {
	case decode.Mem:
		var f *x86.Fault
		if b, met, f = c.x87Load(in, in.Op == decode.FICOM || in.Op == decode.FICOMP); f != nil {
			return f
		}
	default:
		i := 1
		if in.Args[0].Class() == decode.ST {
			i = in.Args[0].Num()
		}
		if in.Op != decode.FTST {
			b = u.get(i)
			missing = missing || u.empty(i)
		}
	}
	quiet := in.Op == decode.FUCOM || in.Op == decode.FUCOMP || in.Op == decode.FUCOMPP
	o, flags := compare80(u.get(0), b, quiet)
	if o != unorderedWith {
		flags |= met
	}
	if missing {
		o, flags = unorderedWith, x87IE|x87SF
	}
	u.setC1(false)
	u.status = u.status&^(x87C0|x87C2|x87C3) |
		[...]uint16{lessThan: x87C0, equalTo: x87C3, greaterThan: 0, unorderedWith: x87C0 | x87C2 | x87C3}[o]
	if u.met(flags) { // the condition codes are set even so, but nothing is popped
		return nil
	}
	switch in.Op {
	case decode.FCOMP, decode.FUCOMP, decode.FICOMP:
		u.pop()
	case decode.FCOMPP, decode.FUCOMPP:
		u.pop()
		u.pop()
	}
	return nil
}

// fcomi compares two registers and sets ZF, PF and CF; OF, SF and AF are cleared. SDM vol. 2A, FCOMI.
func fcomi(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u, i := &c.FPU, in.Args[1].Num()
	quiet := in.Op == decode.FUCOMI || in.Op == decode.FUCOMIP
	o, flags := compare80(u.get(0), u.get(i), quiet)
	if u.empty(0) || u.empty(i) {
		o, flags = unorderedWith, x87IE|x87SF
	}
	u.setC1(false)
	c.flags.set([...]uint64{
		lessThan: x86.FlagCF, equalTo: x86.FlagZF, greaterThan: 0, unorderedWith: x86.FlagCF | x86.FlagPF | x86.FlagZF,
	}[o])
	if u.met(flags) { // the flags are set even so, but nothing is popped
		return nil
	}
	if in.Op == decode.FCOMIP || in.Op == decode.FUCOMIP {
		u.pop()
	}
	return nil
}
