package cpu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// x87State is what x87 instructions read and write.
type x87State struct {
	RAX     uint64
	Flags   uint64
	ST      [8]float80 // ST(0) first
	Control uint16
	Status  uint16
	Tags    uint8     // physical
	Mem     [112]byte // at memBase + window
}

// undefinedC1 are the instructions after which processors differ in C1: the SDM leaves it undefined (FFREE) or has it
// cleared where AMD's manual and processors keep it (FCOMI and its kin).
var undefinedC1 = map[decode.Op]bool{
	decode.FFREE: true, decode.FFREEP: true, decode.FCOMI: true, decode.FCOMIP: true, decode.FUCOMI: true, decode.FUCOMIP: true,
}

// diff lists what changed from a to b by an instruction.
func (a *x87State) diff(b *x87State, code []byte) string {
	var sb strings.Builder
	in, err := decode.Decode(code, 64)
	if err == nil && undefinedC1[in.Op] {
		b.Status &^= x87C1
	}
	if err == nil && (in.Op == decode.FNSTENV || in.Op == decode.FNSAVE) { // pointers and selectors: see TestX87Pointers
		if code[0] == 0x66 {
			clear(b.Mem[6:14])
		} else {
			clear(b.Mem[12:28])
		}
	}
	fmt.Fprintf(&sb, "rax=%x f=%x cw=%x sw=%x tags=%02x", b.RAX, b.Flags&x86.FlagsStatus, b.Control, b.Status, b.Tags)
	for i := range b.ST {
		if a.ST[i] != b.ST[i] {
			fmt.Fprintf(&sb, " st%d=%04x:%016x", i, b.ST[i].se, b.ST[i].frac)
		}
	}
	if a.Mem != b.Mem {
		fmt.Fprintf(&sb, " m=%x", b.Mem)
	}
	return sb.String()
}

// x87Encodings lists the forms under test: memory operands at [rsi], registers with every ST(i) among a few.
func x87Encodings() (codes [][]byte) {
	add := func(b ...byte) { codes = append(codes, b) }
	for _, op := range []byte{0xd8, 0xda, 0xdc, 0xde} {
		for reg := range byte(8) {
			add(op, reg<<3|6)
		}
	}
	for _, m := range [][2]byte{
		{0xd9, 0},
		{0xd9, 2},
		{0xd9, 3},
		{0xd9, 5},
		{0xd9, 7},
		{0xdb, 0},
		{0xdb, 1},
		{0xdb, 2},
		{0xdb, 3},
		{0xdb, 5},
		{0xdb, 7},
		{0xdd, 0},
		{0xdd, 1},
		{0xdd, 2},
		{0xdd, 3},
		{0xdd, 7},
		{0xdf, 0},
		{0xdf, 1},
		{0xdf, 2},
		{0xdf, 3},
		{0xdf, 5},
		{0xdf, 7},
	} {
		add(m[0], m[1]<<3|6)
	}
	for _, i := range []byte{0, 1, 5} {
		for _, base := range []byte{0xc0, 0xc8, 0xd0, 0xd8, 0xe0, 0xe8, 0xf0, 0xf8} {
			add(0xd8, base+i)
		}
		for _, base := range []byte{0xc0, 0xc8, 0xe0, 0xe8, 0xf0, 0xf8} {
			add(0xdc, base+i)
			add(0xde, base+i)
		}
		for _, base := range []byte{0xc0, 0xc8, 0xd0, 0xd8} {
			add(0xda, base+i)
			add(0xdb, base+i)
		}
		for _, m := range [][2]byte{
			{0xd9, 0xc0},
			{0xd9, 0xc8},
			{0xdb, 0xe8},
			{0xdb, 0xf0},
			{0xdd, 0xc0},
			{0xdd, 0xd0},
			{0xdd, 0xd8},
			{0xdd, 0xe0},
			{0xdd, 0xe8},
			{0xdf, 0xe8},
			{0xdf, 0xf0},
			{0xdf, 0xc0},
		} {
			add(m[0], m[1]+i)
		}
	}
	for _, b := range []byte{
		0xd0, 0xe0, 0xe1, 0xe4, 0xe5, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xfa, 0xfc, 0xfd,
	} {
		add(0xd9, b)
	}
	add(0xda, 0xe9)
	add(0xdf, 0x26)
	add(0xdf, 0x36)
	add(0xde, 0xd9)
	add(0xdb, 0xe2)
	add(0xdb, 0xe3)
	add(0xdf, 0xe0)
	for _, m := range [][2]byte{{0xd9, 4}, {0xd9, 6}, {0xdd, 4}, {0xdd, 6}} {
		add(m[0], m[1]<<3|6)
		add(0x66, m[0], m[1]<<3|6) // the 16-bit environment
	}

	return codes
}

// edge80 draws an 80-bit number, biased to the corners.
func edge80(rng *rand.Rand) float80 {
	v := float80{rng.Uint64() | integer80, uint16(rng.IntN(2)) << 15}
	switch rng.IntN(5) {
	case 0:
		v.frac &= ^uint64(0) << rng.IntN(64)
	case 1:
		v.frac |= 1<<rng.IntN(63) - 1
	case 2:
		v.frac = integer80
	case 3:
		v.frac = ^uint64(0) << (rng.IntN(2) * rng.IntN(42)) // rounds up to the next power of 2
	}
	v.frac |= integer80
	exp := bias80 - 3 + rng.IntN(6)
	switch rng.IntN(20) {
	case 0:
		v.frac, exp = 0, 0
	case 1:
		v.frac, exp = integer80, maxExp80
	case 2:
		v.frac, exp = v.frac|quiet80, maxExp80
	case 3:
		v.frac, exp = v.frac&^quiet80|1, maxExp80
	case 4:
		v.frac, exp = v.frac&^integer80>>rng.IntN(63), 0 // denormal
	case 5:
		exp = 0 // pseudo-denormal
	case 6:
		v.frac &^= integer80 // unnormal: unsupported
	case 7:
		exp = 1 + rng.IntN(70)
	case 8:
		exp = maxExp80 - 1 - rng.IntN(70)
	case 9:
		exp = bias80/2 + rng.IntN(80)
	case 10, 11:
		exp = bias80 + rng.IntN(70)
	case 12:
		exp = bias80 - 1023 - 60 + rng.IntN(70) // where doubles are denormal
	case 13:
		exp = bias80 - 126 - 30 + rng.IntN(40)
	case 14:
		exp = bias80 + 1020 + rng.IntN(6)
	case 15:
		exp = []int{1, bias80 - 1022, bias80 - 126, maxExp80 - 1}[rng.IntN(4)] - rng.IntN(2)
	}
	v.se |= uint16(exp)
	return v
}

// drawX87 makes a state in which nothing is pending; it has digits in memory for FBLD.
func drawX87(code []byte, n int) *x87State {
	rng := caseSeed(code, n)
	s := &x87State{
		RAX: rng.Uint64(), Flags: rng.Uint64()&x86.FlagsStatus | x86.FlagR1,
		Control: 0x37f, Status: uint16(rng.Uint32()) & (x87Top | x87C0 | x87C1 | x87C2 | x87C3), Tags: 0xff,
	}
	if rng.IntN(2) == 0 {
		s.Control = 0x7f | uint16(rng.IntN(4))<<10 | []uint16{0, 0x200, 0x300}[rng.IntN(3)]
	}
	if rng.IntN(3) == 0 {
		s.Control &^= uint16(rng.Uint32()) & x87Masks
	}
	if rng.IntN(2) == 0 { // flags of masked exceptions: an unmasked one would be pending
		s.Status |= uint16(rng.Uint32()) & (s.Control&x87Masks | x87SF)
	}
	switch rng.IntN(4) {
	case 0:
		s.Tags = uint8(rng.Uint32())
	case 1:
		s.Tags = 0
		for i := range 1 + rng.IntN(7) { // as programs have it: the lower part of the stack
			s.Tags |= 1 << ((int(s.Status>>11) + i) & 7)
		}
	}
	for i := range s.ST {
		s.ST[i] = edge80(rng)
		if i > 0 && rng.IntN(5) == 0 {
			s.ST[i] = s.ST[i-1]
			s.ST[i].frac ^= uint64(rng.IntN(3))
			s.ST[i].se ^= uint16(rng.IntN(2)) << 15
		}
	}
	for i := range s.Mem {
		s.Mem[i] = byte(rng.Uint32())
	}
	if in, err := decode.Decode(code, 64); err == nil && in.Op == decode.FBLD {
		for i := range 9 {
			s.Mem[i] = byte(rng.IntN(10) | rng.IntN(10)<<4)
		}
		clear(s.Mem[rng.IntN(10):9])
	} else if rng.IntN(2) == 0 {
		v := edge80(rng)
		binary.LittleEndian.PutUint64(s.Mem[:], v.frac)
		binary.LittleEndian.PutUint16(s.Mem[8:], v.se)
	} else if rng.IntN(2) == 0 {
		binary.LittleEndian.PutUint64(s.Mem[:], edgeFloat(rng, double))
	} else {
		binary.LittleEndian.PutUint64(s.Mem[:], edgeFloat(rng, single))
	}
	return s
}

// runX87 steps one instruction and lists what changed.
func runX87(c *CPU, code []byte, before *x87State) string {
	after, e := stepX87(c, code, before)
	if e.Kind != ExitNone {
		return fmt.Sprintf("exit %v %v", e.Kind, e.Fault)
	}
	return before.diff(after, code)
}

func stepX87(c *CPU, code []byte, before *x87State) (*x87State, Exit) {
	c.R[RAX], c.R[RSI], c.RIP = before.RAX, memBase+window, testCode
	c.SetFlags(before.Flags)
	u := &c.FPU
	*u = fpu{control: before.Control, status: before.Status, tags: before.Tags}
	for i, v := range before.ST {
		u.st[u.phys(i)] = v
	}
	c.mem.NotifyWrite(testCode)
	copy(c.mem.Frame(testCode)[:], code)
	copy(c.mem.Frame(memBase + window)[:], before.Mem[:])
	e := c.Step()
	after := &x87State{RAX: c.R[RAX], Flags: c.Flags(), Control: u.control, Status: u.status, Tags: u.tags}
	for i := range after.ST {
		after.ST[i] = u.get(i)
	}
	copy(after.Mem[:], c.mem.Frame(memBase + window)[:])
	return after, e
}

// TestX87Vectors has exceptions that the instruction itself meets unmasked too, for it is the next instruction that raises
// them; none is pending before.
func TestX87Vectors(t *testing.T) {
	c := vectorCPU(t)
	vectorSet{
		file: "x87", mode: 64, least: 2000, codes: x87Encodings(),
		show: func(code []byte, n int) string { return fmt.Sprintf("%x", drawX87(code, n)) },
		ours: func(code []byte, n int) string { return runX87(c, code, drawX87(code, n)) },
		host: func() func(code []byte, n int) string {
			run := newX87Host(t)
			return func(code []byte, n int) string {
				before := drawX87(code, n)
				return before.diff(run(code, before), code)
			}
		},
	}.test(t)
}

// TestX87Unmasked has what happens with unmasked exceptions: the operation's result stays away where the manual says so,
// and the next instruction that waits raises #MF (SDM vol. 1 8.6, 8.7).
func TestX87Unmasked(t *testing.T) {
	c := vectorCPU(t)
	u := &c.FPU
	u.init()
	u.control &^= x87ZE
	u.push(float80{})
	u.push(one80)
	copy(c.mem.Frame(testCode)[:], []byte{0xd8, 0xf1, 0xdf, 0xe0, 0xd9, 0xe8}) // fdiv st,st(1); fnstsw ax; fld1
	c.RIP = testCode
	require.Equal(t, ExitNone, c.Step().Kind)
	require.Equal(t, one80, u.get(0), "a division by zero that is unmasked leaves its operands")
	require.Equal(t, ExitNone, c.Step().Kind, "FNSTSW does not wait")
	require.Equal(t, x87ZE|x87ES|x87B, uint16(c.R[RAX])&(x87ZE|x87ES|x87B))
	e := c.Step()
	require.Equal(t, ExitException, e.Kind)
	require.Equal(t, x86.Fault{Vector: x86.VectorMF}, *e.Fault)
	require.EqualValues(t, testCode+4, c.RIP)

	u.init()
	u.control &^= x87OE
	u.push(float80{integer80, maxExp80 - 1})
	u.push(float80{integer80, maxExp80 - 1})
	copy(c.mem.Frame(testCode)[:], []byte{0xd8, 0xc9}) // fmul st,st(1)
	c.mem.NotifyWrite(testCode)
	c.RIP = testCode
	require.Equal(t, ExitNone, c.Step().Kind)
	require.Equal(t, float80{integer80, 2*(maxExp80-1-bias80) - 24576 + bias80}, u.get(0), "the exponent is wrapped")

	var in decode.Inst
	require.Nil(t, fninit(c, &in))
	require.Equal(t, uint16(0x37f), u.control)
	require.Zero(t, u.status)
	require.Zero(t, u.tags)
}
