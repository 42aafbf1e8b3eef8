package decode

import "golang.org/x/arch/x86/x86asm"

// byX86asm asks x86asm for the operation and the operands. It is shown a copy of the instruction from which everything
// is gone that it is known to misread and that scan has read already: prefixes without effect, the memory operand's
// address, the immediate. The copy is padded, so that x86asm never meets a truncated instruction.
func (e *encoding) byX86asm() (form, *Error) {
	var buf [maxLen]byte
	e.canonical(&buf)
	x, err := x86asm.Decode(buf[:], int(e.mode))
	if err != nil || x.Op == 0 {
		return form{}, e.refuse()
	}
	if x.Op > x86asm.XTEST || x86Ops[x.Op] == Invalid {
		return form{}, unsupported(x.Op.String())
	}
	f := form{op: x86Ops[x.Op], mem: uint8(x.MemBytes)}
	if implicitArgs(f.op) {
		return f, nil
	}
	for i, a := range x.Args {
		if a == nil || i == 2 && implicitXMM0(f.op) {
			break
		}
		f.args[i] = e.operand(&f, i, a)
	}
	if f.op == XCHG && f.args[1] == Mem { // one order for both operand kinds of 86 and 87
		f.args[0], f.args[1] = f.args[1], f.args[0]
	}
	return f, nil
}

// canonical writes the form of the instruction that x86asm understands: 66, F2 or F3, REX, opcode, ModRM; memory is
// [rAX], immediates are 0.
func (e *encoding) canonical(buf *[maxLen]byte) {
	n := 0
	put := func(b byte) {
		buf[n] = b
		n++
	}
	op, modrm := e.op, e.modrm
	near := e.mode == 64 && e.layoutIsNear()
	if e.data && !near {
		put(0x66)
	}
	if e.rep != 0 && e.omap != mapOne {
		put(e.rep)
	}
	if e.addr && e.omap == mapOne {
		put(0x67) // JCXZ's name
	}
	if e.isMem {
		modrm &= 0x38
	}
	switch {
	case e.omap != mapOne:
	case op == 0x82:
		op = 0x80
	case (op&^1 == 0xc0 || op&^3 == 0xd0) && e.reg() == 6: // SHL's second encoding
		modrm = modrm&^0x38 | 4<<3
	case op&^1 == 0xf6 && e.reg() == 1: // TEST's
		modrm &^= 0x38
	case op&^7 == 0xd8 && !e.isMem:
		op, modrm = x87Alias(op, modrm)
	}
	if e.rex != 0 {
		put(e.rex)
	}
	switch e.omap {
	case map0F:
		put(0x0f)
	case map0F38:
		put(0x0f)
		put(0x38)
	case map0F3A:
		put(0x0f)
		put(0x3a)
	}
	put(op)
	if e.hasModRM {
		put(modrm)
	}
}

// layoutIsNear reports whether the instruction is a near branch, whose operand size in 64-bit mode is 8 whatever the
// prefixes say.
func (e *encoding) layoutIsNear() bool {
	switch layoutOf(e.omap, e.op) {
	case layoutRel, layoutRel8:
		return true
	}
	if e.omap != mapOne {
		return false
	}
	return e.op == 0xc2 || e.op == 0xc3 || e.op == 0xff && (e.reg() == 2 || e.reg() == 4)
}

// x87Alias returns the documented encoding of an x87 register form with several (AMD APM vol. 3 table A-15 has them).
func x87Alias(op, modrm byte) (byte, byte) {
	switch group := modrm & 0xf8; {
	case op == 0xdc && group == 0xd0: // FCOM
		return 0xd8, modrm
	case op == 0xdc && group == 0xd8, op == 0xde && group == 0xd0: // FCOMP
		return 0xd8, modrm&7 | 0xd8
	case op == 0xdd && group == 0xc8, op == 0xdf && group == 0xc8: // FXCH
		return 0xd9, modrm
	case op == 0xd9 && group == 0xd8, op == 0xdf && (group == 0xd0 || group == 0xd8): // FSTP
		return 0xdd, modrm&7 | 0xd8
	}
	return op, modrm
}

// operand translates argument i and notes widths in f.
func (e *encoding) operand(f *form, i int, a x86asm.Arg) Operand {
	switch a := a.(type) {
	case x86asm.Mem:
		return Mem
	case x86asm.Rel:
		return Rel
	case x86asm.Imm:
		if e.immSize == 0 {
			f.one = true
		}
		if f.op == ENTER && i == 1 {
			return Imm2
		}
		return Imm
	case x86asm.Reg:
		o, w := register(a)
		if w != 0 && f.reg == 0 {
			f.reg = w
		}
		if w != 0 && i == 1 {
			f.src = w
		}
		return o
	}
	return None
}

// register translates a register and returns its width in bytes if it is a general one.
func register(r x86asm.Reg) (Operand, uint8) {
	for _, c := range &registerClasses {
		if r >= c.first && r <= c.last {
			return c.class + Operand(r-c.first), c.width
		}
	}
	return None, 0
}

var registerClasses = [...]struct {
	first, last x86asm.Reg
	class       Operand
	width       uint8
}{
	{x86asm.RAX, x86asm.R15, GPR, 8},
	{x86asm.EAX, x86asm.R15L, GPR, 4},
	{x86asm.AL, x86asm.BL, GPR, 1},
	{x86asm.AH, x86asm.BH, High8, 1},
	{x86asm.SPB, x86asm.R15B, GPR | 4, 1},
	{x86asm.AX, x86asm.R15W, GPR, 2},
	{x86asm.X0, x86asm.X15, XMM, 0},
	{x86asm.M0, x86asm.M7, MMX, 0},
	{x86asm.F0, x86asm.F7, ST, 0},
	{x86asm.ES, x86asm.GS, Seg, 0},
}

// implicitArgs reports the instructions whose memory operands x86asm lists although nothing encodes them.
func implicitArgs(op Op) bool {
	switch op {
	case MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS, XLAT:
		return true
	}
	return false
}

// implicitXMM0 reports the instructions whose third operand is XMM0 without being encoded.
func implicitXMM0(op Op) bool {
	switch op {
	case BLENDVPD, BLENDVPS, PBLENDVB, SHA256RNDS2:
		return true
	}
	return false
}

// x86Ops translates x86asm's operations.
var x86Ops = func() (t [x86asm.XTEST + 1]Op) {
	byName := make(map[string]Op, NumOps)
	for op := Invalid + 1; op < NumOps; op++ {
		byName[op.String()] = op
	}
	for merged, names := range mergedOps {
		for _, n := range names {
			byName[n] = merged
		}
	}
	for x := range x86asm.XTEST + 1 {
		t[x] = byName[x.String()]
	}
	return t
}()

// mergedOps lists the x86asm names that share an Op under another name, and those that mean something else than in Op.
var mergedOps = map[Op][]string{
	Jcc:      {"JA", "JAE", "JB", "JBE", "JE", "JG", "JGE", "JL", "JLE", "JNE", "JNO", "JNP", "JNS", "JO", "JP", "JS"},
	SETcc:    {"SETA", "SETAE", "SETB", "SETBE", "SETE", "SETG", "SETGE", "SETL", "SETLE", "SETNE", "SETNO", "SETNP", "SETNS", "SETO", "SETP", "SETS"},
	CMOVcc:   {"CMOVA", "CMOVAE", "CMOVB", "CMOVBE", "CMOVE", "CMOVG", "CMOVGE", "CMOVL", "CMOVLE", "CMOVNE", "CMOVNO", "CMOVNP", "CMOVNS", "CMOVO", "CMOVP", "CMOVS"},
	MOVS:     {"MOVSB", "MOVSW", "MOVSD", "MOVSQ"},
	CMPS:     {"CMPSB", "CMPSW", "CMPSD", "CMPSQ"},
	STOS:     {"STOSB", "STOSW", "STOSD", "STOSQ"},
	LODS:     {"LODSB", "LODSW", "LODSD", "LODSQ"},
	SCAS:     {"SCASB", "SCASW", "SCASD", "SCASQ"},
	INS:      {"INSB", "INSW", "INSD"},
	OUTS:     {"OUTSB", "OUTSW", "OUTSD"},
	MOVSD:    {"MOVSD_XMM"},
	CMPSD:    {"CMPSD_XMM"},
	CBW:      {"CWDE", "CDQE"},
	CWD:      {"CDQ", "CQO"},
	JCXZ:     {"JECXZ", "JRCXZ"},
	IRET:     {"IRETD", "IRETQ"},
	PUSHF:    {"PUSHFD", "PUSHFQ"},
	POPF:     {"POPFD", "POPFQ"},
	PUSHA:    {"PUSHAD"},
	POPA:     {"POPAD"},
	XLAT:     {"XLATB"},
	FXSAVE:   {"FXSAVE64"},
	FXRSTOR:  {"FXRSTOR64"},
	XSAVE:    {"XSAVE64"},
	XRSTOR:   {"XRSTOR64"},
	XSAVEOPT: {"XSAVEOPT64"},
	XSAVEC:   {"XSAVEC64"},
	XSAVES:   {"XSAVES64"},
	XRSTORS:  {"XRSTORS64"},
}
