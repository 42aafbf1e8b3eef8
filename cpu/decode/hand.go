package decode

// byHand decodes the opcodes that x86asm does not know or gets wrong. ok is false where x86asm is to be asked; an op of
// Invalid means that there is no such instruction.
func (e *encoding) byHand() (f form, ok bool) {
	switch e.omap {
	case mapOne:
		return e.handOne()
	case map0F:
		return e.hand0F()
	case map0F38:
		if e.op == 0xf6 {
			return e.handADX()
		}
	}
	return form{}, false
}

// op returns the form of an instruction without operands.
func simple(op Op) (form, bool) { return form{op: op}, true }

// invalid is the form of bytes that are no instruction.
func invalid() (form, bool) { return form{}, true }

// rmOperand returns the operand of ModRM.rm: memory or a general register of two bytes or more.
func (e *encoding) rmOperand() Operand {
	if e.isMem {
		return Mem
	}
	return GPR | Operand(e.rmNum())
}

// rmForm returns the form of an instruction with the one operand r/m.
func (e *encoding) rmForm(op Op) (form, bool) {
	return form{op: op, args: [4]Operand{e.rmOperand()}, reg: e.opSize}, true
}

// memForm returns the form of an instruction with the one operand m.
func (e *encoding) memForm(op Op) (form, bool) {
	return form{op: op, args: [4]Operand{Mem}}, true
}

func (e *encoding) handOne() (f form, ok bool) {
	switch e.op {
	case 0x90:
		switch {
		case e.rex&1 != 0:
			return form{op: XCHG, args: [4]Operand{GPR | 8, GPR}, reg: e.opSize, src: e.opSize}, true
		case e.rep == 0xf3:
			return simple(PAUSE)
		}
		return simple(NOP)
	case 0x8e:
		if e.reg() == CS || e.reg() > GS {
			return invalid()
		}
		return form{op: MOV, args: [4]Operand{Seg | Operand(e.reg()), e.rmOperand()}}, true
	case 0x9a:
		return form{op: LCALL, args: [4]Operand{Imm, Imm2}}, true
	case 0xea:
		return form{op: LJMP, args: [4]Operand{Imm, Imm2}}, true
	case 0xa0, 0xa1:
		return form{op: MOV, args: [4]Operand{GPR, Mem}, reg: e.accumulator()}, true
	case 0xa2, 0xa3:
		return form{op: MOV, args: [4]Operand{Mem, GPR}, reg: e.accumulator()}, true
	case 0xcc:
		return simple(INT3)
	case 0xcd:
		return form{op: INT, args: [4]Operand{Imm}}, true
	case 0xd6:
		return simple(SALC)
	case 0xdb: // 8087 and 80287 leftovers: FNENI, FNDISI, FNSETPM do nothing
		if e.modrm == 0xe0 || e.modrm == 0xe1 || e.modrm == 0xe4 {
			return simple(FNOP)
		}
	}
	return form{}, false
}

// accumulator is the width of AL or rAX in an opcode whose bit 0 is the w bit.
func (e *encoding) accumulator() uint8 {
	if e.op&1 == 0 {
		return 1
	}
	return e.opSize
}

func (e *encoding) hand0F() (f form, ok bool) {
	switch e.op {
	case 0x01:
		return e.handGroup7()
	case 0x0d:
		return e.handHint([8]Op{PREFETCH, PREFETCHW, NOP, NOP, NOP, NOP, NOP, NOP})
	case 0x18:
		return e.handHint([8]Op{PREFETCHNTA, PREFETCHT0, PREFETCHT1, PREFETCHT2, NOP, NOP, NOP, NOP})
	case 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1f: // BND* and CLDEMOTE too are NOPs where they are not advertised
		return e.rmForm(NOP)
	case 0x1e: // RDSSP too is a NOP where it is not advertised
		switch {
		case e.rep == 0xf3 && e.modrm == 0xfa:
			return simple(ENDBR64)
		case e.rep == 0xf3 && e.modrm == 0xfb:
			return simple(ENDBR32)
		}
		return e.rmForm(NOP)
	case 0x20, 0x22:
		return e.handControl(CR, 1<<0|1<<2|1<<3|1<<4|1<<8)
	case 0x21, 0x23:
		return e.handControl(DR, 0xff)
	case 0xae:
		return e.handGroup15()
	case 0xb9:
		return e.handUD(UD1)
	case 0xff:
		return e.handUD(UD0)
	case 0xc7:
		return e.handGroup9()
	}
	return form{}, false
}

// handHint decodes the prefetch groups; with a register they are NOPs.
func (e *encoding) handHint(ops [8]Op) (form, bool) {
	if !e.isMem {
		return e.rmForm(NOP)
	}
	return e.rmForm(ops[e.reg()])
}

// handUD decodes UD0 and UD1, which have operands that are never read.
func (e *encoding) handUD(op Op) (form, bool) {
	return form{op: op, args: [4]Operand{GPR | Operand(e.regNum()), e.rmOperand()}, reg: e.opSize, src: e.opSize}, true
}

// handControl decodes moves to (0F 22, 0F 23) and from control and debug registers; exist has a bit for each register.
func (e *encoding) handControl(class Operand, exist uint16) (form, bool) {
	n := e.regNum()
	if exist>>n&1 == 0 {
		return invalid()
	}
	w := min(e.branchWidth(), 8)
	if e.mode != 64 {
		w = 4
	}
	r, g := class|Operand(n), GPR|Operand(e.rmNum())
	if e.op&2 != 0 {
		return form{op: MOV, args: [4]Operand{r, g}, reg: w, src: w}, true
	}
	return form{op: MOV, args: [4]Operand{g, r}, reg: w}, true
}

// handGroup7 decodes 0F 01.
func (e *encoding) handGroup7() (form, bool) {
	if e.isMem {
		switch e.reg() {
		case 0:
			return e.memForm(SGDT)
		case 1:
			return e.memForm(SIDT)
		case 2:
			return e.memForm(LGDT)
		case 3:
			return e.memForm(LIDT)
		case 4:
			return e.rmForm(SMSW)
		case 6:
			return e.rmForm(LMSW)
		case 7:
			return e.memForm(INVLPG)
		}
		return invalid()
	}
	switch e.reg() {
	case 4:
		return e.rmForm(SMSW)
	case 6:
		return e.rmForm(LMSW)
	}
	if e.mandatory() != 0 && e.modrm != 0xf8 && e.modrm != 0xf9 { // SWAPGS and RDTSCP ignore them
		return invalid()
	}
	switch e.modrm {
	case 0xc8:
		return simple(MONITOR)
	case 0xc9:
		return simple(MWAIT)
	case 0xca:
		return simple(CLAC)
	case 0xcb:
		return simple(STAC)
	case 0xd0:
		return simple(XGETBV)
	case 0xd1:
		return simple(XSETBV)
	case 0xee:
		return simple(RDPKRU)
	case 0xef:
		return simple(WRPKRU)
	case 0xf8:
		if e.mode == 64 {
			return simple(SWAPGS)
		}
	case 0xf9:
		return simple(RDTSCP)
	}
	return invalid()
}

// handGroup9 decodes 0F C7.
func (e *encoding) handGroup9() (form, bool) {
	if !e.isMem {
		switch {
		case e.reg() == 6 && e.rep == 0:
			return e.rmForm(RDRAND)
		case e.reg() == 7 && e.rep == 0:
			return e.rmForm(RDSEED)
		case e.reg() == 7 && e.rep == 0xf3:
			return form{op: RDPID, args: [4]Operand{e.rmOperand()}, reg: e.branchWidth()}, true
		}
		return invalid()
	}
	switch {
	case e.reg() == 1 && e.rexW():
		return e.memForm(CMPXCHG16B)
	case e.reg() == 1:
		return e.memForm(CMPXCHG8B)
	case e.rep != 0 || e.data:
	case e.reg() == 3:
		return e.memForm(XRSTORS)
	case e.reg() == 4:
		return e.memForm(XSAVEC)
	case e.reg() == 5:
		return e.memForm(XSAVES)
	}
	return invalid()
}

// handGroup15 decodes 0F AE. The fences ignore ModRM.rm.
func (e *encoding) handGroup15() (form, bool) {
	ops := [8]Op{FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, XSAVE, XRSTOR, XSAVEOPT, CLFLUSH}
	switch {
	case e.isMem && e.rep != 0:
		return invalid()
	case e.isMem && e.data:
		ops = [8]Op{6: CLWB, 7: CLFLUSHOPT}
	case e.isMem:
	case e.rep == 0xf3 && e.mode == 64:
		ops = [8]Op{RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE}
		if op := ops[e.reg()]; op != Invalid {
			w := max(e.opSize, 4) // a 66 prefix is ignored
			return form{op: op, args: [4]Operand{e.rmOperand()}, reg: w}, true
		}
		return invalid()
	case e.rep != 0 || e.data:
		return invalid()
	default:
		ops = [8]Op{5: LFENCE, 6: MFENCE, 7: SFENCE}
		return simple(ops[e.reg()])
	}
	return e.memForm(ops[e.reg()])
}

// handADX decodes 0F 38 F6.
func (e *encoding) handADX() (form, bool) {
	f := form{args: [4]Operand{GPR | Operand(e.regNum()), e.rmOperand()}}
	f.reg = 4
	if e.rexW() {
		f.reg = 8
	}
	switch {
	case e.rep == 0xf3:
		f.op = ADOX
	case e.rep == 0 && e.data:
		f.op = ADCX
	}
	return f, true
}
