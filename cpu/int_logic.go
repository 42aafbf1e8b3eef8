package cpu

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var logicRows = []row{
	{decode.AND, and, x86.FlagAF, Base, plain},
	{decode.OR, or, x86.FlagAF, Base, plain},
	{decode.XOR, xor, x86.FlagAF, Base, plain},
	{decode.TEST, test, x86.FlagAF, Base, plain},
	{decode.NOT, not, 0, Base, plain},
	{decode.BT, bt, x86.FlagOF | x86.FlagSF | x86.FlagAF | x86.FlagPF, Base, plain},
	{decode.BTS, bts, x86.FlagOF | x86.FlagSF | x86.FlagAF | x86.FlagPF, Base, plain},
	{decode.BTR, btr, x86.FlagOF | x86.FlagSF | x86.FlagAF | x86.FlagPF, Base, plain},
	{decode.BTC, btc, x86.FlagOF | x86.FlagSF | x86.FlagAF | x86.FlagPF, Base, plain},
	{decode.BSF, bsf, x86.FlagsStatus &^ x86.FlagZF, Base, plain},
	{decode.BSR, bsr, x86.FlagsStatus &^ x86.FlagZF, Base, plain},
	// F3 0F BC and BD are TZCNT and LZCNT only on processors with BMI1 and ABM, which are not advertised: without
	// them the prefix is ignored (SDM vol. 2B, TZCNT).
	{decode.TZCNT, bsf, x86.FlagsStatus &^ x86.FlagZF, Base, plain},
	{decode.LZCNT, bsr, x86.FlagsStatus &^ x86.FlagZF, Base, plain},
	{decode.POPCNT, popcnt, 0, POPCNT, plain},
	{decode.BSWAP, bswap, 0, Base, plain},
	{decode.MOVBE, movbe, 0, MOVBE, plain},
	{decode.CRC32, crc32, 0, SSE42, plain},
}

var _ = addRows(logicRows)

// logic is the common shape of AND, OR and XOR: only the operator differs.
func logic(c *CPU, in *Inst, op func(a, b uint64) uint64) *x86.Fault {
	b, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	r := op(a, b)
	if f := c.commit(in, va, r); f != nil {
		return f
	}
	c.flags.setLogic(r, in.Width)
	return nil
}

// and is the bitwise AND. SDM vol. 2A, AND.
func and(c *CPU, in *Inst) *x86.Fault {
	return logic(c, in, func(a, b uint64) uint64 { return a & b })
}

// or is the bitwise OR. SDM vol. 2B, OR.
func or(c *CPU, in *Inst) *x86.Fault {
	return logic(c, in, func(a, b uint64) uint64 { return a | b })
}

// xor is the bitwise exclusive OR. SDM vol. 2D, XOR.
func xor(c *CPU, in *Inst) *x86.Fault {
	return logic(c, in, func(a, b uint64) uint64 { return a ^ b })
}

// test sets the flags of an AND. SDM vol. 2B, TEST.
func test(c *CPU, in *Inst) *x86.Fault {
	a, f := c.get(in, in.Args[0], in.Width)
	if f != nil {
		return f
	}
	b, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	c.flags.setLogic(a&b, in.Width)
	return nil
}

// not complements the operand; no flag changes. SDM vol. 2B, NOT.
func not(c *CPU, in *Inst) *x86.Fault {
	va, a, f := c.modify(in)
	if f != nil {
		return f
	}
	return c.commit(in, va, ^a)
}

// bitTest is the common shape of BT, BTS, BTR and BTC: op returns the new word for the bit's mask. With a register
// offset and a memory operand the offset is signed and reaches beyond the operand (SDM vol. 2A, BT).
func bitTest(c *CPU, in *Inst, writes bool, op func(a, m uint64) uint64) *x86.Fault {
	n, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	w := 8 * uint64(in.Width)
	dst := in.Args[0]
	if dst.Class() != decode.Mem {
		a := c.reg(dst.Num(), in.Width)
		m := uint64(1) << (n & (w - 1))
		if writes {
			c.setReg(dst.Num(), in.Width, op(a, m))
		}
		c.flags.setCF(a&m != 0)
		return nil
	}
	off := c.offset(in)
	if in.Args[1].Class() != decode.Imm {
		off += uint64(int64(sext(n, in.Width)) >> 3 &^ (int64(in.Width) - 1))
	}
	va := c.linear(int(in.Seg), off&widthMask(in.AddrSize), int(in.Width), writes)
	if writes {
		if f := c.MMU.Probe(va, int(in.Width), x86.Read|x86.Write); f != nil {
			return c.memFault(in, f)
		}
	}
	a, f := c.loadN(in, va, in.Width)
	if f != nil {
		return f
	}
	m := uint64(1) << (n & (w - 1))
	if writes {
		if f := c.storeN(in, va, in.Width, op(a, m)); f != nil {
			return f
		}
	}
	c.flags.setCF(a&m != 0)
	return nil
}

// bt copies a bit to CF. SDM vol. 2A, BT.
func bt(c *CPU, in *Inst) *x86.Fault { return bitTest(c, in, false, nil) }

// bts copies a bit to CF and sets it. SDM vol. 2A, BTS.
func bts(c *CPU, in *Inst) *x86.Fault {
	return bitTest(c, in, true, func(a, m uint64) uint64 { return a | m })
}

// btr copies a bit to CF and clears it. SDM vol. 2A, BTR.
func btr(c *CPU, in *Inst) *x86.Fault {
	return bitTest(c, in, true, func(a, m uint64) uint64 { return a &^ m })
}

// btc copies a bit to CF and complements it. SDM vol. 2A, BTC.
func btc(c *CPU, in *Inst) *x86.Fault {
	return bitTest(c, in, true, func(a, m uint64) uint64 { return a ^ m })
}

// bsf finds the lowest set bit. A zero source sets ZF and leaves the destination as it was (undefined in the SDM,
// defined so in the APM and so on every processor), without zero-extending it. SDM vol. 2A, BSF.
func bsf(c *CPU, in *Inst) *x86.Fault { return bitScan(c, in, bits.TrailingZeros64) }

// bsr finds the highest set bit. SDM vol. 2A, BSR.
func bsr(c *CPU, in *Inst) *x86.Fault {
	return bitScan(c, in, func(v uint64) int { return bits.Len64(v) - 1 })
}

func bitScan(c *CPU, in *Inst, find func(uint64) int) *x86.Fault {
	v, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	if v != 0 {
		c.setReg(in.Args[0].Num(), in.Width, uint64(find(v)))
	}
	c.flags.setZF(v == 0)
	return nil
}

// popcnt counts the set bits; ZF tells of none, the other flags clear. SDM vol. 2B, POPCNT.
func popcnt(c *CPU, in *Inst) *x86.Fault {
	v, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	c.setReg(in.Args[0].Num(), in.Width, uint64(bits.OnesCount64(v)))
	var fl uint64
	if v == 0 {
		fl = x86.FlagZF
	}
	c.flags.set(fl)
	return nil
}

// bswap reverses the bytes of a register; the 16-bit form, undefined in the SDM, clears it as processors do.
// SDM vol. 2A, BSWAP.
func bswap(c *CPU, in *Inst) *x86.Fault {
	n := in.Args[0].Num()
	c.setReg(n, in.Width, swapBytes(c.reg(n, in.Width), in.Width))
	if in.Width == 2 {
		c.setReg(n, 2, 0)
	}
	return nil
}

func swapBytes(v uint64, width uint8) uint64 { return bits.ReverseBytes64(v) >> (64 - 8*uint(width)) }

// movbe moves and reverses the bytes. SDM vol. 2B, MOVBE.
func movbe(c *CPU, in *Inst) *x86.Fault {
	v, f := c.get(in, in.Args[1], in.Width)
	if f != nil {
		return f
	}
	return c.put(in, in.Args[0], in.Width, swapBytes(v, in.Width))
}

// crc32 accumulates the CRC-32C (polynomial 0x11EDC6F41, bit-reflected) of the source. SDM vol. 2A, CRC32.
func crc32(c *CPU, in *Inst) *x86.Fault {
	v, f := c.get(in, in.Args[1], in.SrcWidth)
	if f != nil {
		return f
	}
	crc := uint32(c.R[in.Args[0].Num()])
	for range in.SrcWidth {
		crc ^= uint32(v & 0xff)
		for range 8 {
			crc = crc>>1 ^ -(crc&1)&0x82f63b78
		}
		v >>= 8
	}
	c.R[in.Args[0].Num()] = uint64(crc)
	return nil
}
