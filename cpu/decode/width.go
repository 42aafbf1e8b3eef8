package decode

// widths returns Inst.Width and Inst.SrcWidth.
func (e *encoding) widths(f *form) (width, src uint8) {
	if w := fixedWidth[f.op]; w != 0 {
		return e.scalarWidths(f, w)
	}
	switch f.op {
	case MOVZX, MOVSX:
		return e.opSize, 1 + e.op&1
	case MOVSXD:
		return e.opSize, min(e.opSize, 4)
	case CRC32:
		return max(f.reg, 4), f.crcSource(e)
	case LAR, LSL:
		return e.opSize, 2
	case ROL, ROR, RCL, RCR, SHL, SHR, SAR:
		w := e.opSize
		if e.op&1 == 0 {
			w = 1
		}
		return w, 1 // CL or an immediate
	case CVTSI2SD, CVTSI2SS:
		w := uint8(4)
		if e.rexW() {
			w = 8
		}
		return w, w
	}
	w := e.width(f)
	return w, w
}

// scalarWidths adds the destination of the conversions to a general register.
func (e *encoding) scalarWidths(f *form, w uint8) (width, src uint8) {
	switch f.op {
	case CVTSD2SI, CVTSS2SI, CVTTSD2SI, CVTTSS2SI:
		return f.reg, w
	}
	return w, w
}

// crcSource is the width of the second operand of CRC32.
func (f *form) crcSource(e *encoding) uint8 {
	if e.op == 0xf0 {
		return 1
	}
	return e.opSize
}

// width is Width of the instructions without a source of another width and without a row in fixedWidth.
func (e *encoding) width(f *form) uint8 {
	switch f.op {
	case PUSH, POP, PUSHF, POPF, ENTER, LEAVE:
		return e.nearWidth()
	case CALL, RET, JMP, Jcc, JCXZ, LOOP, LOOPE, LOOPNE:
		return e.branchWidth()
	case MOVS, CMPS, STOS, LODS, SCAS:
		return e.accumulator()
	case INS, OUTS, IN, OUT:
		return min(e.accumulator(), 4)
	case MOVNTI:
		return max(e.opSize, 4)
	case MOV:
		if e.is(mapOne, 0x8e) || e.is(mapOne, 0x8c) && e.isMem {
			return 2
		}
	case SLDT, STR, SMSW:
		if e.isMem {
			return 2
		}
		return e.opSize
	case SGDT, SIDT, LGDT, LIDT:
		if e.mode == 64 {
			return 10
		}
		return 6
	case FLDENV, FNSTENV:
		if e.opSize == 2 {
			return 14
		}
		return 28
	case FNSAVE, FRSTOR:
		if e.opSize == 2 {
			return 94
		}
		return 108
	case LCALL, LJMP, LDS, LES, LFS, LGS, LSS, CMPXCHG8B, CMPXCHG16B:
		return e.opSize
	case BOUND:
		return e.opSize
	}
	if f.isX87() {
		return e.x87Width(f)
	}
	if w := f.vectorWidth(); w != 0 {
		return w
	}
	switch {
	case f.reg != 0:
		return f.reg
	case f.args[0] == Mem && f.mem != 0:
		return f.mem
	}
	return e.opSize
}

// vectorWidth is 16 where there is an XMM operand, 8 where there is an MMX one, else 0.
func (f *form) vectorWidth() (w uint8) {
	for _, a := range f.args {
		switch a.Class() {
		case XMM:
			return 16
		case MMX:
			w = 8
		}
	}
	switch f.op {
	case PUNPCKLBW, PUNPCKLWD, PUNPCKLDQ:
		if w == 8 {
			return 4
		}
	}
	return w
}

// isX87 reports whether the opcode is one of the escapes D8-DF.
func (f *form) isX87() bool {
	return f.op >= F2XM1 && f.op <= FYL2XP1 && f.op != FXSAVE && f.op != FXRSTOR
}

// x87Width is the width of an x87 memory operand; 10 with registers, 2 for FNSTSW AX.
func (e *encoding) x87Width(f *form) uint8 {
	switch {
	case f.args[0] != Mem:
		if f.op == FNSTSW {
			return 2
		}
		return 10
	case f.op == FLDCW || f.op == FNSTCW || f.op == FNSTSW:
		return 2
	case f.op == FBLD || f.op == FBSTP:
		return 10
	}
	return x87Widths[e.op&7][e.reg()]
}

// x87Widths has the bytes of the memory operands of D8-DF, /0-/7.
var x87Widths = [8][8]uint8{
	{4, 4, 4, 4, 4, 4, 4, 4},
	{4, 0, 4, 4, 0, 2, 0, 2},
	{4, 4, 4, 4, 4, 4, 4, 4},
	{4, 4, 4, 4, 0, 10, 0, 10},
	{8, 8, 8, 8, 8, 8, 8, 8},
	{8, 8, 8, 8, 0, 0, 0, 2},
	{2, 2, 2, 2, 2, 2, 2, 2},
	{2, 2, 2, 2, 10, 8, 10, 8},
}

// fixedWidth has the width of the memory operand of operations that have one whatever the registers and prefixes; with
// registers only, what memory would have. The vector operations that are not here are as wide as their registers.
var fixedWidth = [NumOps]uint8{
	// bytes
	CLFLUSH: 1, CLFLUSHOPT: 1, CLWB: 1, INVLPG: 1, PEXTRB: 1, PINSRB: 1, SETcc: 1, SALC: 1, XLAT: 1, PREFETCH: 1,
	PREFETCHNTA: 1, PREFETCHT0: 1, PREFETCHT1: 1, PREFETCHT2: 1, PREFETCHW: 1,
	// words
	ARPL: 2, LLDT: 2, LMSW: 2, LTR: 2, PEXTRW: 2, PINSRW: 2, PMOVSXBQ: 2, PMOVZXBQ: 2, VERR: 2, VERW: 2,
	// doublewords
	ADDSS: 4, CMPSS: 4, COMISS: 4, CVTSS2SD: 4, CVTSS2SI: 4, CVTTSS2SI: 4, DIVSS: 4, EXTRACTPS: 4, INSERTPS: 4,
	LDMXCSR: 4, MAXSS: 4, MINSS: 4, MOVD: 4, MOVMSKPD: 4, MOVMSKPS: 4, MOVNTSS: 4, MOVSS: 4, MULSS: 4, PEXTRD: 4,
	PINSRD: 4, PMOVMSKB: 4, PMOVSXBD: 4, PMOVSXWQ: 4, PMOVZXBD: 4, PMOVZXWQ: 4, RCPSS: 4, ROUNDSS: 4, RSQRTSS: 4,
	SQRTSS: 4, STMXCSR: 4, SUBSS: 4, UCOMISS: 4,
	// quadwords
	ADDSD: 8, CMPSD: 8, COMISD: 8, CVTDQ2PD: 8, CVTPI2PD: 8, CVTPI2PS: 8, CVTPS2PD: 8, CVTPS2PI: 8, CVTSD2SI: 8,
	CVTSD2SS: 8, CVTTPS2PI: 8, CVTTSD2SI: 8, DIVSD: 8, MAXSD: 8, MINSD: 8, MOVDDUP: 8, MOVDQ2Q: 8, MOVHPD: 8, MOVHPS: 8,
	MOVLPD: 8, MOVLPS: 8, MOVNTQ: 8, MOVNTSD: 8, MOVQ: 8, MOVQ2DQ: 8, MOVSD: 8, MULSD: 8, PEXTRQ: 8, PINSRQ: 8,
	PMOVSXBW: 8, PMOVSXDQ: 8, PMOVSXWD: 8, PMOVZXBW: 8, PMOVZXDQ: 8, PMOVZXWD: 8, ROUNDSD: 8, SQRTSD: 8, SUBSD: 8,
	UCOMISD: 8,
	// longer
	CVTPD2PI: 16, CVTTPD2PI: 16, INVPCID: 16,
}
