package cpu

import "math/rand/v2"

// A vectorForm is an SSE encoding under test.
type vectorForm struct {
	op    string // mandatory prefix and opcode bytes
	shape vectorShape
	imm   bool // an imm8 follows
	n     int  // how many encodings of it; 0 means one of each shape
	ext   byte // the opcode extension of shapeExt
	fixed bool // the immediate is count
	count byte
}

// vectorShape says which forms of ModRM exist.
type vectorShape uint8

const (
	shapeReg  vectorShape = 1 << iota // a register form
	shapeMem                          // a memory form
	shapeWide                         // also with REX.W
	shapeExt                          // ModRM.reg is part of the opcode
	shapeAny  = shapeReg | shapeMem
)

// encode returns the encodings of a form: registers low and high, and memory at [rsi + 0 or 16 or 32].
func (f vectorForm) encode(rng *rand.Rand) (out [][]byte) {
	put := func(w bool, high, mem bool) {
		var code []byte
		op := f.op
		if op[0] == 0x66 || op[0] == 0xf2 || op[0] == 0xf3 {
			code, op = append(code, op[0]), op[1:]
		}
		reg, rm := byte(rng.IntN(8)), byte(rng.IntN(8))
		for rm == 4 || reg == 4 || reg == 6 {
			reg, rm = byte(rng.IntN(8)), byte(rng.IntN(8))
		}
		rex := byte(0)
		if w {
			rex = 0x48
		}
		if high {
			rex |= 0x40 | byte(rng.IntN(2))<<2
			if !mem {
				rex |= byte(rng.IntN(2))
			}
		}
		if f.shape&shapeExt != 0 {
			reg, rex = f.ext, rex&^4
		}
		if rex != 0 {
			code = append(code, rex)
		}
		code = append(code, op...)
		if mem {
			code = append(code, 0x46|reg<<3, byte(16*rng.IntN(3)))
		} else {
			code = append(code, 0xc0|reg<<3|rm)
		}
		switch {
		case f.fixed:
			code = append(code, f.count)
		case f.imm:
			code = append(code, byte(rng.Uint32()))
		}
		out = append(out, code)
	}
	for i := range max(f.n, 1) {
		for _, w := range []bool{false, true} {
			if w && f.shape&shapeWide == 0 {
				continue
			}
			if f.shape&shapeReg != 0 {
				put(w, false, false)
				put(w, true, false)
			}
			if f.shape&shapeMem != 0 {
				put(w, i&1 != 0, true)
			}
		}
	}
	return out
}

// sseEncodings lists the bytes under test.
func sseEncodings() (codes [][]byte) {
	rng := rand.New(rand.NewPCG(3, 4))
	seen := map[string]bool{}
	for _, f := range sseForms() {
		for _, code := range f.encode(rng) {
			if !seen[string(code)] {
				seen[string(code)] = true
				codes = append(codes, code)
			}
		}
	}
	return codes
}

// sseForms lists the SSE encodings but RCPxS and RSQRTxS, which are approximations.
func sseForms() (fs []vectorForm) {
	all := func(shape vectorShape, ops ...string) {
		for _, op := range ops {
			fs = append(fs, vectorForm{op: op, shape: shape})
		}
	}
	// Moves.
	all(shapeAny, "\x0f\x28", "\x66\x0f\x28", "\x66\x0f\x6f", "\x0f\x10", "\x66\x0f\x10", "\xf3\x0f\x6f", "\xf3\x0f\x10",
		"\xf2\x0f\x10", "\x0f\x29", "\x66\x0f\x29", "\x66\x0f\x7f", "\x0f\x11", "\x66\x0f\x11", "\xf3\x0f\x7f",
		"\xf3\x0f\x11", "\xf2\x0f\x11", "\xf3\x0f\x7e", "\x66\x0f\xd6", "\x0f\x12", "\x0f\x16")
	all(shapeMem, "\x0f\x2b", "\x66\x0f\x2b", "\x66\x0f\xe7", "\x0f\x13", "\x66\x0f\x12", "\x66\x0f\x13", "\x0f\x17",
		"\x66\x0f\x16", "\x66\x0f\x17")
	all(shapeAny|shapeWide, "\x66\x0f\x6e", "\x66\x0f\x7e")
	all(shapeReg|shapeWide, "\x0f\x50", "\x66\x0f\x50")
	all(shapeReg, "\x66\x0f\xf7")
	// Arithmetic.
	for _, op := range []string{"\x51", "\x58", "\x59", "\x5c", "\x5d", "\x5e", "\x5f"} {
		all(shapeAny, "\x0f"+op, "\x66\x0f"+op, "\xf3\x0f"+op, "\xf2\x0f"+op)
	}
	// Comparisons.
	all(shapeAny, "\x0f\x2e", "\x66\x0f\x2e", "\x0f\x2f", "\x66\x0f\x2f")
	for _, op := range []string{"\x0f\xc2", "\x66\x0f\xc2", "\xf3\x0f\xc2", "\xf2\x0f\xc2"} {
		fs = append(fs, vectorForm{op: op, shape: shapeAny, imm: true, n: 6})
	}
	// Conversions.
	all(shapeAny|shapeWide, "\xf3\x0f\x2a", "\xf2\x0f\x2a", "\xf3\x0f\x2c", "\xf2\x0f\x2c", "\xf3\x0f\x2d", "\xf2\x0f\x2d")
	all(shapeAny, "\x0f\x5a", "\x66\x0f\x5a", "\xf3\x0f\x5a", "\xf2\x0f\x5a", "\x0f\x5b", "\x66\x0f\x5b", "\xf3\x0f\x5b",
		"\xf3\x0f\xe6", "\xf2\x0f\xe6", "\x66\x0f\xe6")
	// Packed integers and logic.
	for _, ops := range []string{
		"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x74\x75\x76",
		"\xd1\xd2\xd3\xd4\xd5\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf",
		"\xe0\xe1\xe2\xe3\xe4\xe5\xe8\xe9\xea\xeb\xec\xed\xee\xef",
		"\xf1\xf2\xf3\xf4\xf5\xf6\xf8\xf9\xfa\xfb\xfc\xfd\xfe",
	} {
		for i := range len(ops) {
			all(shapeAny, "\x66\x0f"+ops[i:i+1])
		}
	}
	for _, op := range []string{"\x54", "\x55", "\x56", "\x57", "\x14", "\x15"} {
		all(shapeAny, "\x0f"+op, "\x66\x0f"+op)
	}
	for _, op := range []string{"\x66\x0f\x70", "\xf2\x0f\x70", "\xf3\x0f\x70", "\x0f\xc6", "\x66\x0f\xc6"} {
		fs = append(fs, vectorForm{op: op, shape: shapeAny, imm: true, n: 4})
	}
	for _, g := range []struct {
		op   string
		exts []int
	}{{"\x66\x0f\x71", []int{2, 4, 6}}, {"\x66\x0f\x72", []int{2, 4, 6}}, {"\x66\x0f\x73", []int{2, 3, 6, 7}}} {
		for _, ext := range g.exts {
			for _, n := range []byte{0, 1, 5, 8, 15, 16, 31, 33, 63, 64, 200} {
				fs = append(fs, vectorForm{op: g.op, shape: shapeReg | shapeExt, ext: byte(ext), imm: true, count: n, fixed: true})
			}
		}
	}
	fs = append(fs, vectorForm{op: "\x66\x0f\xc4", shape: shapeAny, imm: true, n: 4},
		vectorForm{op: "\x66\x0f\xc5", shape: shapeReg, imm: true, n: 4})
	all(shapeReg, "\x66\x0f\xd7")
	// SSE3.
	all(shapeAny, "\x66\x0f\xd0", "\xf2\x0f\xd0", "\x66\x0f\x7c", "\xf2\x0f\x7c", "\x66\x0f\x7d", "\xf2\x0f\x7d",
		"\xf3\x0f\x12", "\xf3\x0f\x16", "\xf2\x0f\x12")
	all(shapeMem, "\xf2\x0f\xf0")
	// SSSE3.
	for _, op := range "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x1c\x1d\x1e" {
		all(shapeAny, "\x66\x0f\x38"+string(op))
	}
	fs = append(fs, vectorForm{op: "\x66\x0f\x3a\x0f", shape: shapeAny, imm: true, n: 4})
	for _, n := range []byte{0, 3, 8, 15, 16, 20, 31, 32} {
		fs = append(fs, vectorForm{op: "\x66\x0f\x3a\x0f", shape: shapeAny, imm: true, fixed: true, count: n})
	}
	// SSE4.1.
	for _, op := range "\x10\x14\x15\x17\x20\x21\x22\x23\x24\x25\x28\x29\x2b\x30\x31\x32\x33\x34\x35\x37" +
		"\x38\x39\x3a\x3b\x3c\x3d\x3e\x3f\x40\x41" {
		all(shapeAny, "\x66\x0f\x38"+string(op))
	}
	all(shapeMem, "\x66\x0f\x38\x2a")
	for _, op := range "\x08\x09\x0a\x0b\x0c\x0d\x0e\x14\x15\x17\x20\x21\x40\x41\x42" {
		fs = append(fs, vectorForm{op: "\x66\x0f\x3a" + string(op), shape: shapeAny, imm: true, n: 6})
	}
	fs = append(fs, vectorForm{op: "\x66\x0f\x3a\x16", shape: shapeAny | shapeWide, imm: true, n: 4},
		vectorForm{op: "\x66\x0f\x3a\x22", shape: shapeAny | shapeWide, imm: true, n: 4})
	// SSE4.2.
	all(shapeAny, "\x66\x0f\x38\x37")
	for _, op := range "\x60\x61\x62\x63" {
		for imm := range 128 {
			shape := shapeReg
			if imm%5 == 0 {
				shape |= shapeMem
			}
			if op < 0x62 && imm%4 == 0 {
				shape |= shapeWide
			}
			fs = append(fs, vectorForm{op: "\x66\x0f\x3a" + string(op), shape: shape, imm: true, fixed: true, count: byte(imm)})
		}
	}
	// AES, carry-less multiplication, SHA.
	all(shapeAny, "\x66\x0f\x38\xdb", "\x66\x0f\x38\xdc", "\x66\x0f\x38\xdd", "\x66\x0f\x38\xde", "\x66\x0f\x38\xdf",
		"\x0f\x38\xc8", "\x0f\x38\xc9", "\x0f\x38\xca", "\x0f\x38\xcb", "\x0f\x38\xcc", "\x0f\x38\xcd")
	for _, op := range []string{"\x66\x0f\x3a\xdf", "\x66\x0f\x3a\x44", "\x0f\x3a\xcc"} {
		fs = append(fs, vectorForm{op: op, shape: shapeAny, imm: true, n: 8})
	}
	return fs
}
