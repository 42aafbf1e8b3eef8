package cpu

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var arithRows = []row{
	{decode.ADD, add, 0, Base, plain},
	{decode.ADC, adc, 0, Base, plain},
	{decode.SUB, sub, 0, Base, plain},
	{decode.SBB, sbb, 0, Base, plain},
	{decode.CMP, cmp, 0, Base, plain},
	{decode.INC, inc, 0, Base, plain},
	{decode.DEC, dec, 0, Base, plain},
	{decode.NEG, neg, 0, Base, plain},
	{decode.MUL, mul, x86.FlagSF | x86.FlagZF | x86.FlagAF | x86.FlagPF, Base, plain},
	{decode.IMUL, imul, x86.FlagSF | x86.FlagZF | x86.FlagAF | x86.FlagPF, Base, plain},
	{decode.DIV, div, x86.FlagsStatus, Base, plain},
	{decode.IDIV, idiv, x86.FlagsStatus, Base, plain},
	{decode.XADD, xadd, 0, Base, plain},
	{decode.CMPXCHG, cmpxchg, 0, Base, plain},
	{decode.CMPXCHG8B, cmpxchg8b, 0, Base, plain},
	{decode.CMPXCHG16B, cmpxchg16b, 0, CX16, plain},
	{decode.CBW, cbw, 0, Base, plain},
	{decode.CWD, cwd, 0, Base, plain},
	{decode.ADCX, adcx, 0, ADX, plain},
	{decode.ADOX, adox, 0, ADX, plain},
}

var _ = addRows(arithRows)

// add adds the second operand to the first. SDM vol. 2A, ADD.
func add(c *CPU, in *Inst) *x86.Fault {
	b, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	r := a + b
	if f := c.commit(in, va, r); f != nil {
		return f
	}
	c.flags.setAdd(a, b, r, in.Width)
	return nil
}

// adc adds the second operand and CF to the first. SDM vol. 2A, ADC.
func adc(c *CPU, in *Inst) *x86.Fault {
	b, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	r := a + b + c.flags.carry()
	if f := c.commit(in, va, r); f != nil {
		return f
	}
	c.flags.setAdd(a, b, r, in.Width)
	return nil
}

// sub subtracts the second operand from the first. SDM vol. 2B, SUB.
func sub(c *CPU, in *Inst) *x86.Fault {
	b, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	r := a - b
	if f := c.commit(in, va, r); f != nil {
		return f
	}
	c.flags.setSub(a, b, r, in.Width)
	return nil
}

// sbb subtracts the second operand and CF from the first. SDM vol. 2B, SBB.
func sbb(c *CPU, in *Inst) *x86.Fault {
	b, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	r := a - b - c.flags.carry()
	if f := c.commit(in, va, r); f != nil {
		return f
	}
	c.flags.setSub(a, b, r, in.Width)
	return nil
}

// cmp sets the flags of a subtraction. SDM vol. 2A, CMP.
func cmp(c *CPU, in *Inst) *x86.Fault {
	a, f := c.get(in, in.Args[0], in.Width)
	if f != nil {
		return f
	}
	b, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	c.flags.setSub(a, b, a-b, in.Width)
	return nil
}

// inc adds 1 and keeps CF. SDM vol. 2A, INC.
func inc(c *CPU, in *Inst) *x86.Fault {
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	if f := c.commit(in, va, a+1); f != nil {
		return f
	}
	cf := c.flags.cf()
	c.flags.setAdd(a, 1, a+1, in.Width)
	c.flags.setCF(cf)
	return nil
}

// dec subtracts 1 and keeps CF. SDM vol. 2A, DEC.
func dec(c *CPU, in *Inst) *x86.Fault {
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	if f := c.commit(in, va, a-1); f != nil {
		return f
	}
	cf := c.flags.cf()
	c.flags.setSub(a, 1, a-1, in.Width)
	c.flags.setCF(cf)
	return nil
}

// neg subtracts the operand from 0. SDM vol. 2B, NEG.
func neg(c *CPU, in *Inst) *x86.Fault {
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	if f := c.commit(in, va, -a); f != nil {
		return f
	}
	c.flags.setSub(0, a, -a, in.Width)
	return nil
}

// setWide writes a double-width product or the pair quotient and remainder to AX or to rDX:rAX.
func (c *CPU) setWide(width uint8, hi, lo uint64) {
	if width == 1 {
		c.setReg(RAX, 2, hi<<8|lo&0xff)
		return
	}
	c.setReg(RAX, width, lo)
	c.setReg(RDX, width, hi)
}

// mul multiplies AL, AX, EAX or RAX by the operand, unsigned. SDM vol. 2B, MUL.
func mul(c *CPU, in *Inst) *x86.Fault {
	b, f := c.get(in, in.Args[0], in.Width)
	if f != nil {
		return f
	}
	a := c.reg(RAX, in.Width)
	hi, lo := bits.Mul64(a, b)
	if in.Width != 8 {
		hi = lo >> (8 * uint(in.Width))
	}
	c.setWide(in.Width, hi, lo)
	c.flags.setResult(lo, in.Width, hi != 0, hi != 0)
	return nil
}

// mulSigned returns the product of two sign-extended factors as hi:lo of 128 bits.
func mulSigned(a, b uint64) (hi, lo uint64) {
	hi, lo = bits.Mul64(a, b)
	hi -= uint64(int64(a)>>63)&b + uint64(int64(b)>>63)&a
	return hi, lo
}

// imul is the signed multiplication with one, two or three operands. SDM vol. 2A, IMUL.
func imul(c *CPU, in *Inst) *x86.Fault {
	one := in.Args[1] == decode.None
	dst, x, y := in.Args[0], in.Args[0], in.Args[1]
	if in.Args[2] != decode.None {
		x, y = in.Args[1], in.Args[2]
	}
	if one {
		y = decode.GPR // rAX
	}
	a, f := c.get(in, x, in.Width)
	if f != nil {
		return f
	}
	b, f := c.get(in, y, in.Width)
	if f != nil {
		return f
	}
	hi, lo := mulSigned(sext(a, in.Width), sext(b, in.Width))
	over := hi != uint64(int64(lo)>>63) || sext(lo, in.Width) != lo
	if one {
		if in.Width != 8 {
			hi = lo >> (8 * uint(in.Width))
		}
		c.setWide(in.Width, hi, lo)
	} else if f := c.put(in, dst, in.Width, lo); f != nil {
		return f
	}
	c.flags.setResult(lo, in.Width, over, over)
	return nil
}

// div divides AX or rDX:rAX by the operand, unsigned; the flags keep. SDM vol. 2A, DIV.
func div(c *CPU, in *Inst) *x86.Fault {
	d, f := c.get(in, in.Args[0], in.Width)
	if f != nil {
		return f
	}
	hi, lo := c.dividend(in.Width)
	if d == 0 || hi >= d {
		return c.raise(x86.VectorDE)
	}
	var q, r uint64
	if in.Width == 8 {
		q, r = bits.Div64(hi, lo, d)
	} else {
		n := hi<<(8*uint(in.Width)) | lo
		q, r = n/d, n%d
	}
	c.setWide(in.Width, r, q)
	return nil
}

// dividend returns the two halves of AX or rDX:rAX.
func (c *CPU) dividend(width uint8) (hi, lo uint64) {
	if width == 1 {
		return c.R[RAX] >> 8 & 0xff, c.R[RAX] & 0xff
	}
	return c.reg(RDX, width), c.reg(RAX, width)
}

// idiv divides AX or rDX:rAX by the operand, signed, truncating towards zero. SDM vol. 2A, IDIV.
func idiv(c *CPU, in *Inst) *x86.Fault {
	d, f := c.get(in, in.Args[0], in.Width)
	if f != nil {
		return f
	}
	if d == 0 {
		return c.raise(x86.VectorDE)
	}
	hi, lo := c.dividend(in.Width)
	var q, r uint64
	if in.Width == 8 {
		var ok bool
		if q, r, ok = divSigned128(hi, lo, d); !ok {
			return c.raise(x86.VectorDE)
		}
	} else {
		w := 8 * uint(in.Width)
		n := int64(sext(hi<<w|lo, 2*in.Width))
		s := int64(sext(d, in.Width))
		if s == -1 { // avoid the one overflow of the host's own division
			q, r = uint64(-n), 0
			if n == -1<<63 {
				return c.raise(x86.VectorDE)
			}
		} else {
			q, r = uint64(n/s), uint64(n%s)
		}
		if sext(q, in.Width) != q {
			return c.raise(x86.VectorDE)
		}
	}
	c.setWide(in.Width, r, q)
	return nil
}

// divSigned128 divides hi:lo by d, all signed; ok is false where the quotient does not fit 64 bits.
func divSigned128(hi, lo, d uint64) (q, r uint64, ok bool) {
	negN, negD := int64(hi) < 0, int64(d) < 0
	if negN {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	if negD {
		d = -d
	}
	if hi >= d {
		return 0, 0, false
	}
	q, r = bits.Div64(hi, lo, d)
	if negN != negD {
		if q > 1<<63 {
			return 0, 0, false
		}
		q = -q
	} else if q > 1<<63-1 {
		return 0, 0, false
	}
	if negN {
		r = -r
	}
	return q, r, true
}

// xadd exchanges and adds. SDM vol. 2D, XADD.
func xadd(c *CPU, in *Inst) *x86.Fault {
	b, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	r := a + b
	if in.Args[0].Class() == decode.Mem {
		if f := c.commit(in, va, r); f != nil {
			return f
		}
		_ = c.put(in, in.Args[1], in.Width, a)
	} else {
		// The source is written first: XADD r,r with one register leaves the sum.
		_ = c.put(in, in.Args[1], in.Width, a)
		_ = c.put(in, in.Args[0], in.Width, r)
	}
	c.flags.setAdd(a, b, r, in.Width)
	return nil
}

// cmpxchg compares rAX with the destination and stores the source if equal; the destination is written either way.
// SDM vol. 2A, CMPXCHG.
func cmpxchg(c *CPU, in *Inst) *x86.Fault {
	va, d, f := c.modify(in)
	if f != nil {
		return f
	}
	s, _ := c.get(in, in.Args[1], in.Width)
	a := c.reg(RAX, in.Width)
	if a != d {
		s = d
	}
	// A register destination is not written on a mismatch: EAX alone is (and zero-extended) then.
	if a == d || in.Args[0].Class() == decode.Mem {
		if f := c.commit(in, va, s); f != nil {
			return f
		}
	}
	if a != d {
		c.setReg(RAX, in.Width, d)
	}
	c.flags.setSub(a, d, a-d, in.Width)
	return nil
}

// cmpxchg8b compares EDX:EAX with 8 bytes of memory and stores ECX:EBX if equal. SDM vol. 2A, CMPXCHG8B.
func cmpxchg8b(c *CPU, in *Inst) *x86.Fault {
	va := c.ea(in)
	if f := c.MMU.Probe(va, 8, x86.Read|x86.Write); f != nil {
		return c.memFault(in, f)
	}
	m, f := c.loadN(in, va, 8)
	if f != nil {
		return f
	}
	eq := m == c.R[RDX]<<32|c.reg(RAX, 4)
	n := m
	if eq {
		n = c.R[RCX]<<32 | c.reg(RBX, 4)
	}
	if f := c.storeN(in, va, 8, n); f != nil {
		return f
	}
	if !eq {
		c.R[RAX], c.R[RDX] = m&0xffffffff, m>>32
	}
	c.flags.setZF(eq)
	return nil
}

// cmpxchg16b is the 16-byte form; its operand must be aligned. SDM vol. 2A, CMPXCHG16B.
func cmpxchg16b(c *CPU, in *Inst) *x86.Fault {
	va := c.ea(in)
	if va&15 != 0 {
		return c.raise(x86.VectorGP)
	}
	if f := c.MMU.Probe(va, 16, x86.Read|x86.Write); f != nil {
		return c.memFault(in, f)
	}
	lo, hi, f := c.MMU.Load128(va)
	if f != nil {
		return c.memFault(in, f)
	}
	eq := lo == c.R[RAX] && hi == c.R[RDX]
	nlo, nhi := lo, hi
	if eq {
		nlo, nhi = c.R[RBX], c.R[RCX]
	}
	if f := c.MMU.Store128(va, nlo, nhi); f != nil {
		return c.memFault(in, f)
	}
	if !eq {
		c.R[RAX], c.R[RDX] = lo, hi
	}
	c.flags.setZF(eq)
	return nil
}

// cbw sign-extends AL to AX, AX to EAX (CWDE) or EAX to RAX (CDQE). SDM vol. 2A, CBW.
func cbw(c *CPU, in *Inst) *x86.Fault {
	c.setReg(RAX, in.Width, sext(c.R[RAX], in.Width/2))
	return nil
}

// cwd fills DX, EDX (CDQ) or RDX (CQO) with the sign of rAX. SDM vol. 2A, CWD.
func cwd(c *CPU, in *Inst) *x86.Fault {
	c.setReg(RDX, in.Width, uint64(int64(sext(c.R[RAX], in.Width))>>63))
	return nil
}

// adcx adds with CF alone, adox with OF alone. SDM vol. 2A, ADCX.
func adcx(c *CPU, in *Inst) *x86.Fault {
	b, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	r, carry := addCarry(c.reg(in.Args[0].Num(), in.Width), b, c.flags.carry(), in.Width)
	c.setReg(in.Args[0].Num(), in.Width, r)
	c.flags.setCF(carry)
	return nil
}

// adox is ADCX for OF. SDM vol. 2A, ADOX.
func adox(c *CPU, in *Inst) *x86.Fault {
	b, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	var of uint64
	if c.flags.of() {
		of = 1
	}
	r, carry := addCarry(c.reg(in.Args[0].Num(), in.Width), b, of, in.Width)
	c.setReg(in.Args[0].Num(), in.Width, r)
	c.flags.setCFOF(c.flags.cf(), carry)
	return nil
}

// addCarry adds at a width and returns the carry out of it.
func addCarry(a, b, carry uint64, width uint8) (uint64, bool) {
	r, out := bits.Add64(a, b, carry)
	if width != 8 {
		out = r >> (8 * uint(width)) & 1
	}
	return r, out != 0
}

// DivisorIsZero tells, after a #DE at RIP, whether DIV or IDIV divided by zero; else the quotient did not fit. Systems
// that give the two different names look at the instruction, as this does.
func (c *CPU) DivisorIsZero() bool {
	var buf [maxInst]byte
	va := x86.VirtAddr(c.RIP)
	n := 0
	for n < len(buf) {
		pa, f := c.MMU.Translate(va+x86.VirtAddr(n), x86.Execute)
		if f != nil {
			break
		}
		buf[n] = c.codeBytes(pa)[0]
		n++
	}
	in, err := decode.Decode(buf[:n], c.key.decoder())
	if err != nil || in.Op != decode.DIV && in.Op != decode.IDIV {
		return false
	}
	c.R[slotOrigin] = c.RIP
	normalize(&in, 0, c.key)
	v, f := c.get(&in, in.Args[0], in.Width)
	return f == nil && v == 0
}
