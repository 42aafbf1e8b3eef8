package decode

// Decode decodes the instruction at the start of code, as a processor in the given mode does; bytes behind it are
// neither read nor needed. The error, if any, is a *Error:
//
//   - ErrTruncated: code ends inside the instruction. An instruction that is cut short never decodes.
//   - ErrTooLong: the instruction has more than 15 bytes.
//   - ErrInvalid: no processor that pagewalk models has it, or LOCK stands where it may not.
//   - ErrUnsupported: it is a known instruction outside the list in Op; Text names it.
//
// Nothing is allocated but for the text of ErrUnsupported and for what x86asm allocates (one small object for some
// operand kinds).
func Decode(code []byte, mode Mode) (Inst, error) {
	e := encoding{code: code, mode: mode}
	if err := e.scan(); err != nil {
		return Inst{}, err
	}
	f, err := e.form()
	if err != nil {
		return Inst{}, err
	}
	if e.lock && !f.lockable() || e.refusesPrefix(&f) {
		return Inst{}, errInvalid
	}
	in := Inst{
		Imm:      e.imm,
		Imm2:     e.imm2,
		Disp:     e.disp,
		Op:       f.op,
		Len:      uint8(e.pos),
		AddrSize: e.addrSize,
		Prefix:   e.prefix(f.op),
		Args:     f.args,
		Base:     e.base,
		Index:    e.index,
		Scale:    e.scale,
		Seg:      e.segment(),
	}
	if f.one {
		in.Imm = 1
	}
	switch f.op {
	case Jcc, SETcc, CMOVcc:
		in.Cond = Cond(e.op & 0x0f)
	case MOV:
		if layoutOf(e.omap, e.op) == layoutMoffs {
			in.Flags |= Moffs
			if e.addrSize != 8 {
				in.Imm &= int64(1)<<(8*e.addrSize) - 1
			}
		}
	}
	in.Width, in.SrcWidth = e.widths(&f)
	return in, nil
}

// form returns what the instruction does to which operands.
func (e *encoding) form() (form, *Error) {
	if e.vex != 0 {
		return form{}, e.unsupportedVEX()
	}
	if f, ok := e.byHand(); ok {
		if f.op == Invalid {
			return form{}, e.refuse()
		}
		return f, nil
	}
	return e.byX86asm()
}

// A form is an operation and its operands: everything about an instruction but sizes, address and immediate.
type form struct {
	op   Op
	args [4]Operand
	reg  uint8 // width in bytes of the first general register among args, 0 where there is none
	src  uint8 // width in bytes of the second argument where it is a general register, else 0
	mem  uint8 // width in bytes of the memory operand as x86asm has it, 0 where it does not say
	one  bool  // the immediate operand is the constant 1 of the opcodes D0 and D1
}

// lockable reports whether LOCK may stand before the instruction: SDM vol. 2A, LOCK.
func (f *form) lockable() bool {
	if f.args[0] != Mem {
		return false
	}
	switch f.op {
	case ADC, ADD, AND, BTC, BTR, BTS, CMPXCHG, CMPXCHG8B, CMPXCHG16B, DEC, INC, NEG, NOT, OR, SBB, SUB, XADD, XCHG, XOR:
		return true
	}
	return false
}

// refusesPrefix reports an instruction whose opcode 66, F2 or F3 turns into none, where x86asm ignores them: those that the
// SDM marks NP, and register forms that exist for other prefixes alone (SDM vol. 2A 3.1.1.1).
func (e *encoding) refusesPrefix(f *form) bool {
	switch f.op {
	case EMMS, MOVNTI, RCPPS, RSQRTPS, SHA1MSG1, SHA1MSG2, SHA1NEXTE, SHA1RNDS4, SHA256MSG1, SHA256MSG2, SHA256RNDS2:
		return e.mandatory() != 0
	case MOVBE:
		return e.rep != 0
	case MOVLPD, MOVHPD:
		return !e.isMem
	}
	return false
}

// prefix returns the prefixes that bear on execution. F2 and F3 do so with string instructions alone; those that set no
// flags take either as REP.
func (e *encoding) prefix(op Op) (p Prefix) {
	if e.lock {
		p |= Lock
	}
	if e.data {
		p |= Size16
	}
	if e.rexW() {
		p |= RexW
	}
	if e.rep != 0 {
		switch op {
		case MOVS, STOS, LODS, INS, OUTS:
			p |= Rep
		case CMPS, SCAS:
			if p |= Rep; e.rep == 0xf2 {
				p ^= Rep | RepNE
			}
		}
	}
	return p
}

// segment returns the segment of the memory operand: the override, or SS where the base is the stack or frame pointer,
// else DS (SDM vol. 1 3.7.4).
func (e *encoding) segment() uint8 {
	switch {
	case e.seg != noSeg:
		return e.seg
	case e.base == 4 || e.base == 5:
		return SS
	}
	return DS
}

// Errors without a particular text.
var (
	errTruncated = &Error{ErrTruncated, "the bytes end inside an instruction"}
	errTooLong   = &Error{ErrTooLong, "an instruction has more than 15 bytes"}
	errInvalid   = &Error{ErrInvalid, "the bytes are no instruction"}
)
