package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// fpu is the state of the x87 unit: SDM vol. 1 8.1.
type fpu struct {
	st      [8]float80 // physical registers R0 … R7
	control uint16
	status  uint16 // TOP is in bits 13:11
	tags    uint8  // one bit a physical register: 1 = not empty (the abridged tag word of FXSAVE)
	// opcode is what FXRSTOR or FLDENV put there: processors store one only for unmasked exceptions, and only some
	// (SDM vol. 1 8.1.9.1).
	opcode uint16
	ip, dp uint64 // of the last instruction that was not a control instruction, and of its memory operand
}

// init puts the unit into the state of FNINIT with every register +0.0: SDM vol. 3A table 9-1.
func (f *fpu) init() { *f = fpu{control: 0x037f} }

// Condition codes of the status word.
const (
	x87C0  uint16 = 1 << 8
	x87C1  uint16 = 1 << 9
	x87C2  uint16 = 1 << 10
	x87C3  uint16 = 1 << 14
	x87B   uint16 = 1 << 15
	x87Top uint16 = 7 << 11

	x87Masks uint16 = 0x3f
)

func (f *fpu) top() int          { return int(f.status >> 11 & 7) }
func (f *fpu) setTop(n int)      { f.status = f.status&^x87Top | uint16(n&7)<<11 }
func (f *fpu) phys(i int) int    { return (f.top() + i) & 7 }
func (f *fpu) empty(i int) bool  { return f.tags>>f.phys(i)&1 == 0 }
func (f *fpu) get(i int) float80 { return f.st[f.phys(i)] }

func (f *fpu) set(i int, v float80) {
	p := f.phys(i)
	f.st[p] = v
	f.tags |= 1 << p
}

func (f *fpu) free(i int) { f.tags &^= 1 << f.phys(i) }

func (f *fpu) pop() {
	f.free(0)
	f.setTop(f.top() + 1)
}

// met records exceptions; it reports whether one of them is unmasked. ES and B follow.
func (f *fpu) met(flags uint16) bool {
	f.status |= flags
	if f.status&^f.control&x87Masks != 0 {
		f.status |= x87ES | x87B
	}
	return flags&^f.control&x87Masks != 0
}

// setC1 sets or clears C1.
func (f *fpu) setC1(on bool) {
	f.status &^= x87C1
	if on {
		f.status |= x87C1
	}
}

// underflow records a stack underflow; the masked answer is the indefinite. It reports whether the exception is masked.
func (f *fpu) underflow() bool {
	f.setC1(false)
	return !f.met(x87IE | x87SF)
}

// x87Wait raises #MF for a pending unmasked exception, as CR0.NE has it: what every x87 instruction does first but those
// whose name starts with FN.
func (c *CPU) x87Wait() *x86.Fault {
	if c.FPU.status&x87ES != 0 {
		return c.raise(x86.VectorMF)
	}
	return nil
}

// x87Begin is x87Wait for instructions that handlers may ask about: those that are not control instructions.
func (c *CPU) x87Begin(in *Inst) *x86.Fault {
	if f := c.x87Wait(); f != nil {
		return f
	}
	c.FPU.ip = c.origin() + uint64(in.Off)
	return nil
}

// rounder returns one for the control word's rounding and precision.
func (f *fpu) rounder() rounder {
	r := rounder{rc: uint8(f.control >> 10 & 3), prec: 64, unmasked: ^f.control & x87Masks}
	switch f.control >> 8 & 3 {
	case 0:
		r.prec = 24
	case 2:
		r.prec = 53
	}
	return r
}

// push pushes a value; on a full stack the masked answer is the indefinite.
func (f *fpu) push(v float80) {
	if !f.empty(-1) {
		f.setC1(true)
		if f.met(x87IE | x87SF) {
			return
		}
		v = indefinite80
	} else {
		f.setC1(false)
	}
	f.setTop(f.top() - 1)
	f.set(0, v)
}

// x87Load reads the memory operand of FLD, FILD and the arithmetic forms as an 80-bit number, with the exceptions that the
// conversion meets. integer operands are those of FILD and FIADD and their kin.
func (c *CPU) x87Load(in *Inst, integer bool) (v float80, met uint16, f *x86.Fault) {
	va := c.ea(in)
	if in.Width == 10 {
		v.frac, f = c.MMU.Load64(va)
		if f == nil {
			v.se, f = c.MMU.Load16(va + 8)
		}
		if f != nil {
			return v, 0, c.memFault(in, f)
		}
		c.FPU.dp = uint64(va)
		return v, 0, nil
	}
	raw, f := c.loadN(in, va, in.Width)
	if f != nil {
		return v, 0, f
	}
	c.FPU.dp = uint64(va)
	switch {
	case integer:
		shift := 64 - 8*uint(in.Width)
		return fromInt80(int64(raw<<shift) >> shift), 0, nil
	case in.Width == 4:
		v, met = fromFloat(raw, 23, 8)
	default:
		v, met = fromFloat(raw, 52, 11)
	}
	return v, met, nil
}

var x87Rows = []row{
	{decode.FLD, fld, 0, X87, plain},
	{decode.FILD, fild, 0, X87, plain},
	{decode.FST, fst, 0, X87, plain},
	{decode.FSTP, fst, 0, X87, plain},
	{decode.FIST, fist, 0, X87, plain},
	{decode.FISTP, fist, 0, X87, plain},
	{decode.FISTTP, fist, 0, SSE3, plain},
}

var _ = addRows(x87Rows)

// fld pushes a number. SDM vol. 2A, FLD.
func fld(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u := &c.FPU
	if in.Args[0].Class() == decode.ST {
		i := in.Args[0].Num()
		v := u.get(i)
		if u.empty(i) {
			if u.underflow() {
				u.setTop(u.top() - 1)
				u.set(0, indefinite80)
			}
			return nil
		}
		u.push(v)
		return nil
	}
	v, met, f := c.x87Load(in, false)
	if f != nil {
		return f
	}
	if u.empty(-1) {
		if v.isSNaN() && in.Width != 10 {
			v.frac |= quiet80
			met = x87IE
		}
		if u.met(met) && met&x87IE != 0 {
			u.setC1(false)
			return nil
		}
	}
	u.push(v)
	return nil
}

// fild pushes an integer. SDM vol. 2A, FILD.
func fild(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	v, _, f := c.x87Load(in, true)
	if f != nil {
		return f
	}
	c.FPU.push(v)
	return nil
}

// fst stores ST(0), and FSTP pops it. SDM vol. 2A, FST/FSTP.
func fst(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u := &c.FPU
	mem := in.Args[0].Class() == decode.Mem
	if mem { // a page fault comes before the unit changes
		va := c.ea(in)
		if f := c.MMU.Probe(va, int(in.Width), x86.Write); f != nil {
			return c.memFault(in, f)
		}
		u.dp = uint64(va)
	}
	v := u.get(0)
	if u.empty(0) {
		if !u.underflow() {
			return nil
		}
		v = indefinite80
	} else {
		u.setC1(false)
	}
	if !mem {
		u.set(in.Args[0].Num(), v)
	} else if done, f := c.x87Store(in, v); f != nil || !done {
		return f
	}
	if in.Op == decode.FSTP {
		u.pop()
	}
	return nil
}

// x87Store writes a number to the memory operand of FST or FSTP; done is false where an unmasked exception keeps it from
// being written. The operand has been probed.
func (c *CPU) x87Store(in *Inst, v float80) (done bool, f *x86.Fault) {
	u, va := &c.FPU, c.ea(in)
	if in.Width == 10 {
		if f := c.storeN(in, va, 8, v.frac); f != nil {
			return false, f
		}
		return true, c.storeN(in, va+8, 2, uint64(v.se))
	}
	r := u.rounder()
	var raw uint64
	if in.Width == 4 {
		raw = r.toFloat(v, 23, 8)
	} else {
		raw = r.toFloat(v, 52, 11)
	}
	if serious := r.flags & (x87IE | x87OE | x87UE); serious&^u.control != 0 {
		u.setC1(false)
		u.met(serious)
		return false, nil // to memory, unmasked overflow and underflow store nothing (SDM vol. 1 8.5.4)
	}
	u.setC1(r.up)
	u.met(r.flags)
	return true, c.storeN(in, va, in.Width, raw)
}

// fist stores ST(0) as an integer, FISTP pops it, FISTTP truncates whatever the rounding. SDM vol. 2A, FIST/FISTP, FISTTP.
func fist(c *CPU, in *Inst) *x86.Fault {
	if f := c.x87Begin(in); f != nil {
		return f
	}
	u := &c.FPU
	va := c.ea(in)
	if f := c.MMU.Probe(va, int(in.Width), x86.Write); f != nil {
		return c.memFault(in, f)
	}
	u.dp = uint64(va)
	v := u.get(0)
	r := u.rounder()
	if in.Op == decode.FISTTP {
		r.rc = roundZero
	}
	width := 8 * uint(in.Width)
	var raw uint64
	if u.empty(0) {
		if !u.underflow() {
			return nil
		}
		raw = 1 << (width - 1)
	} else {
		n, ok := r.toInt(v, width)
		if !ok {
			r.flags, r.up = x87IE, false
			n = -1 << (width - 1)
		}
		u.setC1(r.up)
		if u.met(r.flags) && r.flags&x87IE != 0 {
			return nil
		}
		raw = uint64(n)
	}
	if f := c.storeN(in, va, in.Width, raw); f != nil {
		return f
	}
	if in.Op != decode.FIST {
		u.pop()
	}
	return nil
}
