package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// Instructions that 64-bit mode does not have: decimal arithmetic, PUSHA and POPA, SALC.
var bcdRows = []row{
	{decode.AAA, aaa, x86.FlagOF | x86.FlagSF | x86.FlagZF | x86.FlagPF, Base, plain},
	{decode.AAS, aaa, x86.FlagOF | x86.FlagSF | x86.FlagZF | x86.FlagPF, Base, plain},
	{decode.AAD, aad, x86.FlagOF | x86.FlagAF | x86.FlagCF, Base, plain},
	{decode.AAM, aam, x86.FlagOF | x86.FlagAF | x86.FlagCF, Base, plain},
	{decode.DAA, daa, x86.FlagOF, Base, plain},
	{decode.DAS, daa, x86.FlagOF, Base, plain},
	{decode.PUSHA, pusha, 0, Base, plain},
	{decode.POPA, popa, 0, Base, plain},
	{decode.SALC, salc, 0, Base, plain},
}

var _ = addRows(bcdRows)

// aaa adjusts AX after an addition of unpacked digits, aas after a subtraction. SDM vol. 2A, AAA, AAS.
func aaa(c *CPU, in *Inst) *x86.Fault {
	ax := c.R[RAX] & 0xffff
	adjust := ax&15 > 9 || c.flags.af()
	if adjust && in.Op == decode.AAA {
		ax += 0x106
	} else if adjust {
		ax -= 0x106
	}
	ax &= 0xff0f
	c.setReg(RAX, 2, ax)
	c.flags.setLogic(ax&0xff, 1)
	c.setCarries(adjust, adjust)
	return nil
}

// setCarries replaces CF and AF.
func (c *CPU) setCarries(cf, af bool) {
	v := c.flags.status() &^ (x86.FlagCF | x86.FlagAF)
	if cf {
		v |= x86.FlagCF
	}
	if af {
		v |= x86.FlagAF
	}
	c.flags.set(v)
}

// aad makes AL = AH·base + AL for a division of unpacked digits. SDM vol. 2A, AAD.
func aad(c *CPU, in *Inst) *x86.Fault {
	al := c.R[RAX] + c.R[RAX]>>8&0xff*uint64(uint8(in.Imm))
	c.setReg(RAX, 2, al&0xff)
	c.flags.setLogic(al&0xff, 1)
	return nil
}

// aam splits AL by a base into AH and AL; base 0 is #DE. SDM vol. 2A, AAM.
func aam(c *CPU, in *Inst) *x86.Fault {
	al, base := uint8(c.R[RAX]), uint8(in.Imm)
	if base == 0 {
		return c.raise(x86.VectorDE)
	}
	c.setReg(RAX, 2, uint64(al/base)<<8|uint64(al%base))
	c.flags.setLogic(uint64(al%base), 1)
	return nil
}

// daa adjusts AL after an addition of packed digits, das after a subtraction. SDM vol. 2A, DAA, DAS.
func daa(c *CPU, in *Inst) *x86.Fault {
	old := uint8(c.R[RAX])
	low := old&15 > 9 || c.flags.af()
	high := old > 0x99 || c.flags.cf()
	al, cf := old, high
	if in.Op == decode.DAA {
		if low {
			al += 6
		}
		if high {
			al += 0x60
		}
	} else {
		if low {
			cf = cf || old < 6
			al -= 6
		}
		if high {
			al -= 0x60
		}
	}
	c.setReg(RAX, 1, uint64(al))
	c.flags.setLogic(uint64(al), 1)
	c.setCarries(cf, low)
	return nil
}

// pusha pushes the eight general registers, RSP as it was before. SDM vol. 2B, PUSHA/PUSHAD.
func pusha(c *CPU, in *Inst) *x86.Fault {
	words := make([]uint64, 0, 8)
	for _, r := range [...]int{RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI} {
		words = append(words, c.R[r])
	}
	return c.pushFrame(in.Width, 0, words)
}

// popa pops them; RSP's value is skipped. SDM vol. 2B, POPA/POPAD.
func popa(c *CPU, in *Inst) *x86.Fault {
	order := [...]int{RDI, RSI, RBP, RSP, RBX, RDX, RCX, RAX}
	var v [8]uint64
	for i := range order {
		x, f := c.peekN(in.Width, uint64(i)*uint64(in.Width))
		if f != nil {
			return f
		}
		v[i] = x
	}
	c.setSP(c.R[RSP] + 8*uint64(in.Width))
	for i, r := range order {
		if r != RSP {
			c.setReg(r, in.Width, v[i])
		}
	}
	return nil
}

// salc sets AL to CF's value in every bit. AMD APM vol. 3 appendix A; SDM lists the opcode as undefined.
func salc(c *CPU, in *Inst) *x86.Fault {
	c.setReg(RAX, 1, -c.flags.carry())
	return nil
}
