package decode

// maxLen is the longest instruction; a longer one is #GP(0) (SDM vol. 2A 2.3.11).
const maxLen = 15

// Opcode maps.
const (
	mapOne  uint8 = iota // one-byte opcodes
	map0F                // 0F xx
	map0F38              // 0F 38 xx
	map0F3A              // 0F 3A xx
)

// encoding is an instruction taken apart into its fields: prefixes, opcode, ModRM, SIB, displacement, immediate. What
// they mean is decided elsewhere.
type encoding struct {
	code []byte
	pos  int // bytes read
	mode Mode

	lock  bool
	rep   uint8 // the last of F2 and F3, 0 where neither is present
	data  bool  // 66 present
	addr  bool  // 67 present
	seg   uint8 // segment override, noSeg where none
	rex   uint8 // 40…4F, 0 where there is none
	vex   uint8 // C4, C5 or 62: what begins here is VEX- or EVEX-encoded
	omap  uint8
	op    uint8
	modrm uint8

	hasModRM bool
	isMem    bool // ModRM names memory
	opSize   uint8
	addrSize uint8

	base, index, scale uint8
	disp               int32

	imm     int64
	imm2    uint16
	immSize uint8 // bytes of imm, 0 where there is none
}

const noSeg = 0xff

// reg returns ModRM.reg without REX.R: the opcode extension of a group.
func (e *encoding) reg() uint8 { return e.modrm >> 3 & 7 }

// rm returns ModRM.rm without REX.B.
func (e *encoding) rm() uint8 { return e.modrm & 7 }

func (e *encoding) rexW() bool { return e.rex&8 != 0 }

// regNum is ModRM.reg with REX.R.
func (e *encoding) regNum() uint8 { return e.reg() | e.rex<<1&8 }

// rmNum is ModRM.rm with REX.B, where it names a register.
func (e *encoding) rmNum() uint8 { return e.rm() | e.rex<<3&8 }

// is reports whether the opcode is op of map m.
func (e *encoding) is(m, op uint8) bool { return e.omap == m && e.op == op }

// take returns the next n bytes, or nil and the reason.
func (e *encoding) take(n int) ([]byte, *Error) {
	if e.pos+n > maxLen {
		if len(e.code) < maxLen {
			return nil, errTruncated
		}
		return nil, errTooLong
	}
	if e.pos+n > len(e.code) {
		return nil, errTruncated
	}
	b := e.code[e.pos : e.pos+n]
	e.pos += n
	return b, nil
}

// next returns the next byte.
func (e *encoding) next() (byte, *Error) {
	b, err := e.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// signed reads a little-endian number of n bytes (1, 2, 4, 8), sign-extended.
func (e *encoding) signed(n int) (int64, *Error) {
	b, err := e.take(n)
	if err != nil {
		return 0, err
	}
	var v uint64
	for i := n - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	shift := 64 - 8*uint(n)
	return int64(v<<shift) >> shift, nil
}

// scan takes the instruction apart. It reads no byte behind the instruction.
func (e *encoding) scan() *Error {
	if err := e.scanPrefixes(); err != nil {
		return err
	}
	e.setSizes()
	if e.vex != 0 {
		return nil
	}
	if err := e.scanOpcode(); err != nil {
		return err
	}
	l := layoutOf(e.omap, e.op)
	if l == layoutInvalid || e.mode == 64 && e.omap == mapOne && invalidIn64(e.op) {
		return errInvalid
	}
	if l.hasModRM() {
		if err := e.scanModRM(l); err != nil {
			return err
		}
	}
	return e.scanImmediate(l)
}

// scanPrefixes reads prefixes and leaves the first opcode byte in op. A REX prefix counts only immediately before the
// opcode (SDM vol. 2A 2.2.1); of F2 and F3, and of the segment overrides, the last counts.
func (e *encoding) scanPrefixes() *Error {
	e.seg, e.base, e.index = noSeg, NoReg, NoReg
	for {
		b, err := e.next()
		if err != nil {
			return err
		}
		switch b {
		case 0xf0:
			e.lock = true
		case 0xf2, 0xf3:
			e.rep = b
		case 0x66:
			e.data = true
		case 0x67:
			e.addr = true
		case 0x64, 0x65:
			e.seg = FS + b&1
		case 0x26, 0x2e, 0x36, 0x3e:
			if e.mode != 64 { // null prefixes in 64-bit mode, SDM vol. 2A 2.1.1: FS and GS stay in force
				e.seg = b >> 3 & 3
			}
		case 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f:
			if e.mode == 64 {
				e.rex = b
				continue
			}
			e.op = b
			return nil
		case 0xc4, 0xc5, 0x62:
			e.op = b
			return e.scanVEX(b)
		default:
			e.op = b
			return nil
		}
		e.rex = 0
	}
}

// scanVEX decides whether C4, C5 and 62 begin a VEX or EVEX prefix. Outside 64-bit mode they are LES, LDS and BOUND
// unless the next byte, as ModRM, would name a register.
func (e *encoding) scanVEX(b byte) *Error {
	if e.mode != 64 {
		if e.pos >= len(e.code) {
			return errTruncated
		}
		if e.mode == 16 || e.code[e.pos]>>6 != 3 {
			return nil
		}
	}
	n := 2 // payload and opcode
	switch b {
	case 0xc4:
		n = 3
	case 0x62:
		n = 4
	}
	if _, err := e.take(n); err != nil {
		return err
	}
	if e.lock || e.rep != 0 || e.data || e.rex != 0 {
		return errInvalid // SDM vol. 2A 2.3.2-2.3.4
	}
	e.vex = b
	return nil
}

// setSizes decides the operand and address size in bytes.
func (e *encoding) setSizes() {
	wide := e.mode != 16
	e.opSize = 4
	if e.data == wide {
		e.opSize = 2
	}
	if e.rexW() {
		e.opSize = 8
	}
	switch {
	case e.mode == 64 && !e.addr:
		e.addrSize = 8
	case e.mode == 64 || e.addr != wide:
		e.addrSize = 4
	default:
		e.addrSize = 2
	}
}

// scanOpcode reads the bytes behind an 0F.
func (e *encoding) scanOpcode() (err *Error) {
	if e.op != 0x0f {
		return nil
	}
	e.omap = map0F
	if e.op, err = e.next(); err != nil {
		return err
	}
	switch e.op {
	case 0x38:
		e.omap = map0F38
	case 0x3a:
		e.omap = map0F3A
	default:
		return nil
	}
	e.op, err = e.next()
	return err
}

// scanModRM reads ModRM, SIB and displacement.
func (e *encoding) scanModRM(l layout) (err *Error) {
	if e.modrm, err = e.next(); err != nil {
		return err
	}
	e.hasModRM = true
	if e.modrm>>6 == 3 || l == layoutRegisters {
		return nil
	}
	e.isMem = true
	if e.addrSize == 2 {
		return e.scanMem16()
	}
	mod, rm := e.modrm>>6, e.rm()
	switch {
	case rm == 4:
		sib, err := e.next()
		if err != nil {
			return err
		}
		if x := sib>>3&7 | e.rex<<2&8; x != 4 { // RSP cannot be an index; R12 can
			e.index, e.scale = x, sib>>6
		}
		rm = sib & 7
		if rm == 5 && mod == 0 {
			return e.scanDisp(4)
		}
	case rm == 5 && mod == 0:
		if e.mode == 64 {
			e.base = RIPBase
		}
		return e.scanDisp(4)
	}
	e.base = rm | e.rex<<3&8
	switch mod {
	case 1:
		return e.scanDisp(1)
	case 2:
		return e.scanDisp(4)
	}
	return nil
}

// scanMem16 reads a memory operand of 16-bit addressing, SDM vol. 2A table 2-1.
func (e *encoding) scanMem16() *Error {
	const bx, bp, si, di = 3, 5, 6, 7
	mod, rm := e.modrm>>6, e.rm()
	if mod == 0 && rm == 6 {
		return e.scanDisp(2)
	}
	pair := [8][2]uint8{{bx, si}, {bx, di}, {bp, si}, {bp, di}, {si, NoReg}, {di, NoReg}, {bp, NoReg}, {bx, NoReg}}[rm]
	e.base, e.index = pair[0], pair[1]
	if mod == 0 {
		return nil
	}
	return e.scanDisp(int(mod))
}

// scanDisp reads a displacement of n bytes, sign-extended.
func (e *encoding) scanDisp(n int) *Error {
	d, err := e.signed(n)
	e.disp = int32(d)
	return err
}

// nearWidth is the operand size of stack operations and near branches: in 64-bit mode 8, or 2 with a 66 prefix.
func (e *encoding) nearWidth() uint8 {
	if e.mode == 64 && e.opSize != 2 {
		return 8
	}
	return e.opSize
}

// branchWidth is that of near branches: in 64-bit mode 8, the 66 prefix being ignored as Intel processors do (SDM vol.
// 2D table A-1, superscript f64; AMD's obey it).
func (e *encoding) branchWidth() uint8 {
	if e.mode == 64 {
		return 8
	}
	return e.opSize
}

// scanImmediate reads what follows ModRM.
func (e *encoding) scanImmediate(l layout) (err *Error) {
	long := int(min(e.opSize, 4)) // an operand-size immediate is at most 4 bytes
	switch l {
	case layoutImm8, layoutModRMImm8:
		return e.scanImm(1)
	case layoutUimm8, layoutModRMUimm8:
		err = e.scanImm(1)
		e.imm &= 0xff
	case layoutImm, layoutModRMImm:
		return e.scanImm(long)
	case layoutUimm16:
		err = e.scanImm(2)
		e.imm &= 0xffff
	case layoutImmFull:
		return e.scanImm(int(e.opSize))
	case layoutRel8:
		return e.scanImm(1)
	case layoutRel:
		return e.scanImm(int(min(e.branchWidth(), 4)))
	case layoutMoffs:
		return e.scanImm(int(e.addrSize))
	case layoutTest:
		if e.reg() > 1 {
			return nil
		}
		if e.op == 0xf6 {
			return e.scanImm(1)
		}
		return e.scanImm(long)
	case layoutEnter:
		if err = e.scanImm(2); err != nil {
			return err
		}
		e.imm &= 0xffff
		level, err := e.next()
		e.imm2 = uint16(level)
		return err
	case layoutFar:
		if err = e.scanImm(int(e.opSize)); err != nil {
			return err
		}
		e.imm &= int64(1)<<(8*e.opSize) - 1
		sel, err := e.signed(2)
		e.imm2 = uint16(sel)
		return err
	}
	return err
}

func (e *encoding) scanImm(n int) (err *Error) {
	e.imm, err = e.signed(n)
	e.immSize = uint8(n)
	return err
}
