package cpu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// memBase and memSize are the window that instructions under test may touch: where hostcpu maps data on the host.
const (
	memBase   = 0x1000_0000
	memSize   = 1 << 16
	window    = 0x4000 // what is random and compared: around RSI, from memBase+window
	windowLen = 0x200
)

// testState is the part of the machine that integer instructions read and write.
type testState struct {
	R     [16]uint64
	Flags uint64
	Mem   [windowLen]byte // at memBase + window
	Stack [64]byte        // around RSP
}

const stackTop = memBase + 0x8000

// encode builds every variant of a form: operand sizes, register and memory operands, low and high registers.
func (f form) encode(rng *rand.Rand) [][]byte {
	var out [][]byte
	sizes := map[string][]string{"b": {"b"}, "v": {"w", "d", "q"}, "d": {"d", "q"}, "q": {"w", "d"}, "1": {"d"}}[f.sizes]
	for _, size := range sizes {
		for variant := range 4 {
			if f.modrm < 0 && variant > 1 {
				break
			}
			if f.modrm < 0 && variant == 1 && f.sizes != "b" {
				break
			}
			mem := variant&1 == 1
			if f.modrm >= 0 && (mem && f.mem == regOnly || !mem && f.mem == memOnly) {
				continue
			}
			var code []byte
			op := f.op
			if size == "w" {
				code = append(code, 0x66)
			}
			if op[0] == 0xf3 || op[0] == 0xf2 || op[0] == 0x66 {
				code, op = append(code, op[0]), op[1:]
			}
			rex := byte(0)
			if size == "q" {
				rex = 0x48
			}
			reg, rm := byte(rng.IntN(8)), byte(rng.IntN(8))
			for rm == 4 || f.care == careDiv && (rm == 0 || rm == 2) || f.care == careIdiv && (rm == 0 || rm == 2) {
				rm = byte(rng.IntN(8)) // not RSP, not the dividend
			}
			for reg == 4 {
				reg = byte(rng.IntN(8))
			}
			if variant >= 2 {
				rex |= 0x40 // SPL…DIL instead of AH…BH, and R8-R15
				if f.modrm == anyReg {
					rex |= 4 * byte(rng.IntN(2))
				}
				if !mem {
					rex |= byte(rng.IntN(2))
				}
			}
			if size == "b" && rex == 0 && !mem && f.care != careNone && rm >= 4 {
				rm = 3 // AH and DH are part of the dividend
			}
			if rex != 0 {
				code = append(code, rex)
			}
			code = append(code, op...)
			if f.modrm >= 0 {
				if f.modrm != anyReg {
					reg = byte(f.modrm)
				}
				if mem {
					code = append(code, 0x46|reg<<3, byte(0x10*(1+rng.IntN(6)))) // [rsi+disp8]
				} else {
					code = append(code, 0xc0|reg<<3|rm)
				}
			}
			n := f.imm
			if n == immZ {
				switch n = 4; {
				case size == "w":
					n = 2
				case size == "q" && op[0]&0xf8 == 0xb8: // MOV r64, imm64
					n = 8
				}
			}
			if n == 3 { // ENTER: size, level
				code = append(code, byte(rng.IntN(16)*8), 0, 0)
			} else {
				for range n {
					code = append(code, byte(rng.Uint32()))
				}
			}
			out = append(out, code)
		}
	}
	return out
}

// edge draws a value biased to the corners of its width.
func edge(rng *rand.Rand) uint64 {
	switch rng.IntN(8) {
	case 0:
		return uint64(rng.IntN(4)) - 2
	case 1:
		return 1 << rng.IntN(64)
	case 2:
		return 1<<rng.IntN(64) - 1
	case 3:
		return uint64(int64(int8(rng.Uint32())))
	case 4:
		return uint64(int64(int32(rng.Uint32())))
	}
	return rng.Uint64()
}

// draw makes a state in which the instruction cannot fault.
func draw(rng *rand.Rand, in *Inst, c care) *testState {
	s := &testState{Flags: rng.Uint64()&(x86.FlagsStatus|x86.FlagDF) | x86.FlagR1}
	for i := range s.R {
		s.R[i] = edge(rng)
	}
	for i := 0; i < len(s.Mem); i += 8 {
		binary.LittleEndian.PutUint64(s.Mem[i:], edge(rng))
	}
	for i := 0; i < len(s.Stack); i += 8 {
		binary.LittleEndian.PutUint64(s.Stack[i:], edge(rng))
	}
	if c != careString {
		s.Flags &^= x86.FlagDF
	}
	s.R[RSP], s.R[RSI] = stackTop, memBase+window+0x80
	if in.Op == decode.LEAVE || in.Op == decode.ENTER {
		s.R[RBP] = stackTop + 8
	}
	put := func(o decode.Operand, v uint64) { // the divisor or bit offset
		switch o.Class() {
		case decode.GPR:
			s.R[o.Num()] = v
		case decode.High8:
			s.R[o.Num()] = s.R[o.Num()]&^0xff00 | v&0xff<<8
		case decode.Mem:
			binary.LittleEndian.PutUint64(s.Mem[0x80+int(in.Disp):], v)
		}
	}
	w := 8 * uint(in.Width)
	switch c {
	case careDiv:
		d := edge(rng)&widthMask(in.Width) | 1
		put(in.Args[0], d)
		if hi := edge(rng) % d; in.Width == 1 {
			s.R[RAX] = s.R[RAX]&^0xff00 | hi<<8
		} else {
			s.R[RDX] = hi
		}
	case careIdiv:
		d := int64(sext(edge(rng), in.Width))
		if d == 0 || d == -1 {
			d = 3
		}
		put(in.Args[0], uint64(d))
		a := int64(sext(s.R[RAX], in.Width))
		if in.Width == 1 {
			s.R[RAX] = s.R[RAX]&^0xffff | uint64(a)&0xffff
		} else {
			s.R[RDX] = uint64(a >> (w - 1))
		}
	case careBits:
		if in.Args[1].Class() == decode.GPR && in.Args[0].Class() == decode.Mem {
			n := in.Args[1].Num()
			s.R[n] = s.R[n]&^widthMask(in.Width) | uint64(rng.IntN(0x400)-0x200)&widthMask(in.Width)
		}
	case careString:
		s.R[RDI] = memBase + window + uint64(rng.IntN(0x100)) + 0x80
		s.R[RCX] = uint64(rng.IntN(9))
	case careFlags:
		v := binary.LittleEndian.Uint64(s.Stack[32:]) & (x86.FlagsStatus | x86.FlagDF)
		binary.LittleEndian.PutUint64(s.Stack[32:], v|x86.FlagIF)
	case careXlat:
		s.R[RBX] = memBase + window
	}
	return s
}

// testCPU is a processor with the data window, one code page and identity-mapped tables.
func testCPU(t testing.TB) *CPU {
	mem, err := physmem.New(memBase + memSize + 0x10000)
	require.NoError(t, err)
	c := New(mmu.New(mem, mmu.Options{}))
	c.features = ^features(0) // rows are tested before CPUID tells of them
	setLongMode(t, c)
	return c
}

// setLongMode builds identity tables of 2 MiB user pages below 1 GiB at physical 0x1000 and enters 64-bit user mode.
func setLongMode(t testing.TB, c *CPU) {
	put := func(pa x86.PhysAddr, v uint64) { binary.LittleEndian.PutUint64(c.mem.Frame(pa)[pa.Offset():], v) }
	put(0x1000, 0x2007)
	put(0x2000, 0x3007)
	for i := range x86.PhysAddr(512) {
		put(0x3000+i*8, uint64(i)<<21|0x87)
	}
	m := c.MMU
	for _, f := range []*x86.Fault{
		m.SetCR4(x86.CR4PAE | x86.CR4OSFXSR | x86.CR4OSXMMEXCPT | x86.CR4FSGSBASE | x86.CR4PGE),
		m.SetCR3(0x1000), m.SetEFER(x86.EFERLME | x86.EFERNXE | x86.EFERSCE),
		m.SetCR0(x86.CR0PE | x86.CR0PG | x86.CR0WP | x86.CR0ET | x86.CR0NE | x86.CR0MP),
	} {
		require.Nil(t, f)
	}
	m.SetCPL(3)
}

const testCode = 0x20_0000

// load puts a state and code into the CPU; store reads the state back.
func (c *CPU) load(s *testState, code []byte) {
	copy(c.R[:16], s.R[:])
	c.SetFlags(s.Flags | x86.FlagIF) // as in every user program: PUSHF shows it
	c.RIP = testCode
	c.mem.NotifyWrite(testCode)
	copy(c.mem.Frame(testCode)[:], code)
	copy(c.mem.Frame(memBase + window)[:], s.Mem[:])
	copy(c.mem.Frame(stackTop - x86.PageSize)[x86.PageSize-32:], s.Stack[:32])
	copy(c.mem.Frame(stackTop)[:], s.Stack[32:])
}

func (c *CPU) store(s *testState) {
	copy(s.R[:], c.R[:16])
	s.Flags = c.Flags()
	copy(s.Mem[:], c.mem.Frame(memBase + window)[:])
	copy(s.Stack[:32], c.mem.Frame(stackTop - x86.PageSize)[x86.PageSize-32:])
	copy(s.Stack[32:], c.mem.Frame(stackTop)[:])
}

// undefined returns the flags that the SDM leaves undefined for this case.
func undefined(in *Inst, s *testState) uint64 {
	u := rows[in.Op].undef
	var n uint64
	count := func(o decode.Operand) {
		n = uint64(in.Imm)
		if o.Class() == decode.GPR {
			n = s.R[RCX]
		}
		if n &= 31; in.Width == 8 {
			n = n | uint64(in.Imm)&32
			if o.Class() == decode.GPR {
				n = s.R[RCX] & 63
			}
		}
	}
	w := 8 * uint64(in.Width)
	switch in.Op {
	case decode.SHL, decode.SHR, decode.SAR:
		count(in.Args[1])
		if n == 1 {
			u &^= x86.FlagOF
		}
		if n >= w {
			u |= x86.FlagCF
		}
	case decode.ROL, decode.ROR, decode.RCL, decode.RCR:
		if count(in.Args[1]); n == 1 {
			u &^= x86.FlagOF
		}
	case decode.SHLD, decode.SHRD:
		if count(in.Args[2]); n == 1 {
			u &^= x86.FlagOF
		}
		if n > w {
			u = x86.FlagsStatus
		}
	}
	if n == 0 && u&x86.FlagOF != 0 && slices.Contains([]decode.Op{decode.SHL, decode.SHR, decode.SAR, decode.ROL, decode.ROR, decode.RCL, decode.RCR, decode.SHLD, decode.SHRD}, in.Op) {
		u = 0 // a count of zero changes no flag
	}
	return u
}

// diff lists what changed from a to b as name=value pairs, undefined flags masked.
func diff(a, b *testState, undef uint64) string {
	var sb strings.Builder
	for i := range a.R {
		if a.R[i] != b.R[i] {
			fmt.Fprintf(&sb, " %x=%x", i, b.R[i])
		}
	}
	const seen = x86.FlagsStatus | x86.FlagDF
	fmt.Fprintf(&sb, " f=%x", b.Flags&seen&^undef)
	bytes := func(name string, x, y []byte) {
		for i := 0; i < len(x); i += 8 {
			if v := binary.LittleEndian.Uint64(y[i:]); v != binary.LittleEndian.Uint64(x[i:]) {
				fmt.Fprintf(&sb, " %s%x=%x", name, i, v)
			}
		}
	}
	bytes("m", a.Mem[:], b.Mem[:])
	bytes("s", a.Stack[:], b.Stack[:])
	return sb.String()[1:]
}

// encodings lists the bytes under test with their preparation.
func encodings() (codes [][]byte, cares map[string]care) {
	cares = map[string]care{}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, f := range integerForms() {
		for _, code := range f.encode(rng) {
			in, err := decode.Decode(code, 64)
			if err == nil && f.care == careBits && in.Args[0].Class() == decode.Mem && in.Args[1] == decode.GPR|RSI {
				continue // the bit offset would be the base address
			}
			if _, dup := cares[string(code)]; !dup {
				cares[string(code)] = f.care
				codes = append(codes, code)
			}
		}
	}
	return codes, cares
}

// unspecified is the outcome of a case whose result no two vendors agree on: a 16-bit SHLD or SHRD by more than 16.
const unspecified = " ?"

func isUnspecified(in *Inst, s *testState) bool {
	if in.Op != decode.SHLD && in.Op != decode.SHRD || in.Width != 2 {
		return false
	}
	n := uint64(in.Imm)
	if in.Args[2].Class() == decode.GPR {
		n = s.R[RCX]
	}
	return n&31 > 16
}

// runCase steps one instruction and lists what changed.
func runCase(c *CPU, code []byte, before *testState, undef uint64) string {
	if in, err := decode.Decode(code, 64); err == nil && isUnspecified(&in, before) {
		return unspecified
	}
	c.load(before, code)
	if e := c.Step(); e.Kind != ExitNone {
		return fmt.Sprintf("exit %v %v", e.Kind, e.Fault)
	}
	after := *before
	c.store(&after)
	return diff(before, &after, undef)
}

// TestIntegerVectors has what can neither fault nor branch; the flags that a row leaves undefined are masked.
func TestIntegerVectors(t *testing.T) {
	codes, cares := encodings()
	prepare := func(code []byte, n int) (Inst, *testState) {
		in := decodeOne(t, code)
		return in, draw(caseSeed(code, n), &in, cares[string(code)])
	}
	c := testCPU(t)
	vectorSet{
		file: "int", mode: 64, least: 2000, codes: codes,
		show: func(code []byte, n int) string {
			_, before := prepare(code, n)
			return fmt.Sprintf("%x flags %x", before.R, before.Flags)
		},
		ours: func(code []byte, n int) string {
			in, before := prepare(code, n)
			return runCase(c, code, before, undefined(&in, before))
		},
		host: func() func(code []byte, n int) string {
			run := newHost(t)
			return func(code []byte, n int) string {
				in, before := prepare(code, n)
				if isUnspecified(&in, before) {
					return unspecified
				}
				after := *before
				run(code, &after)
				return diff(before, &after, undefined(&in, before))
			}
		},
	}.test(t)
}
