package decode

// Op is an instruction by its SDM mnemonic, with these merges: Jcc, SETcc and CMOVcc carry the condition in Inst.Cond;
// MOVS, CMPS, STOS, LODS, SCAS, INS and OUTS are the string instructions of all widths (MOVSD and CMPSD are the SSE2
// ones); CBW is also CWDE and CDQE, CWD also CDQ and CQO, JCXZ also JECXZ and JRCXZ, PUSHF, POPF, PUSHA, POPA and IRET
// those of every width (Inst.Width); INT3 is CC alone, INT covers CD ib; CALL, JMP and RET are near, LCALL, LJMP and
// LRET far; FXSAVE, XSAVE and their kin have REX.W in Inst.Prefix.
type Op uint16

// The operations.
const (
	Invalid Op = iota
	AAA
	AAD
	AAM
	AAS
	ADC
	ADCX
	ADD
	ADDPD
	ADDPS
	ADDSD
	ADDSS
	ADDSUBPD
	ADDSUBPS
	ADOX
	AESDEC
	AESDECLAST
	AESENC
	AESENCLAST
	AESIMC
	AESKEYGENASSIST
	AND
	ANDNPD
	ANDNPS
	ANDPD
	ANDPS
	ARPL
	BLENDPD
	BLENDPS
	BLENDVPD
	BLENDVPS
	BOUND
	BSF
	BSR
	BSWAP
	BT
	BTC
	BTR
	BTS
	CALL
	CBW
	CLAC
	CLC
	CLD
	CLFLUSH
	CLFLUSHOPT
	CLI
	CLTS
	CLWB
	CMC
	CMOVcc
	CMP
	CMPPD
	CMPPS
	CMPS
	CMPSD
	CMPSS
	CMPXCHG
	CMPXCHG16B
	CMPXCHG8B
	COMISD
	COMISS
	CPUID
	CRC32
	CVTDQ2PD
	CVTDQ2PS
	CVTPD2DQ
	CVTPD2PI
	CVTPD2PS
	CVTPI2PD
	CVTPI2PS
	CVTPS2DQ
	CVTPS2PD
	CVTPS2PI
	CVTSD2SI
	CVTSD2SS
	CVTSI2SD
	CVTSI2SS
	CVTSS2SD
	CVTSS2SI
	CVTTPD2DQ
	CVTTPD2PI
	CVTTPS2DQ
	CVTTPS2PI
	CVTTSD2SI
	CVTTSS2SI
	CWD
	DAA
	DAS
	DEC
	DIV
	DIVPD
	DIVPS
	DIVSD
	DIVSS
	DPPD
	DPPS
	EMMS
	ENDBR32
	ENDBR64
	ENTER
	EXTRACTPS
	F2XM1
	FABS
	FADD
	FADDP
	FBLD
	FBSTP
	FCHS
	FCMOVB
	FCMOVBE
	FCMOVE
	FCMOVNB
	FCMOVNBE
	FCMOVNE
	FCMOVNU
	FCMOVU
	FCOM
	FCOMI
	FCOMIP
	FCOMP
	FCOMPP
	FCOS
	FDECSTP
	FDIV
	FDIVP
	FDIVR
	FDIVRP
	FFREE
	FFREEP
	FIADD
	FICOM
	FICOMP
	FIDIV
	FIDIVR
	FILD
	FIMUL
	FINCSTP
	FIST
	FISTP
	FISTTP
	FISUB
	FISUBR
	FLD
	FLD1
	FLDCW
	FLDENV
	FLDL2E
	FLDL2T
	FLDLG2
	FLDLN2
	FLDPI
	FLDZ
	FMUL
	FMULP
	FNCLEX
	FNINIT
	FNOP
	FNSAVE
	FNSTCW
	FNSTENV
	FNSTSW
	FPATAN
	FPREM
	FPREM1
	FPTAN
	FRNDINT
	FRSTOR
	FSCALE
	FSIN
	FSINCOS
	FSQRT
	FST
	FSTP
	FSUB
	FSUBP
	FSUBR
	FSUBRP
	FTST
	FUCOM
	FUCOMI
	FUCOMIP
	FUCOMP
	FUCOMPP
	FWAIT
	FXAM
	FXCH
	FXRSTOR
	FXSAVE
	FXTRACT
	FYL2X
	FYL2XP1
	HADDPD
	HADDPS
	HLT
	HSUBPD
	HSUBPS
	ICEBP
	IDIV
	IMUL
	IN
	INC
	INS
	INSERTPS
	INT
	INT3
	INTO
	INVD
	INVLPG
	INVPCID
	IRET
	JCXZ
	JMP
	Jcc
	LAHF
	LAR
	LCALL
	LDDQU
	LDMXCSR
	LDS
	LEA
	LEAVE
	LES
	LFENCE
	LFS
	LGDT
	LGS
	LIDT
	LJMP
	LLDT
	LMSW
	LODS
	LOOP
	LOOPE
	LOOPNE
	LRET
	LSL
	LSS
	LTR
	LZCNT
	MASKMOVDQU
	MASKMOVQ
	MAXPD
	MAXPS
	MAXSD
	MAXSS
	MFENCE
	MINPD
	MINPS
	MINSD
	MINSS
	MONITOR
	MOV
	MOVAPD
	MOVAPS
	MOVBE
	MOVD
	MOVDDUP
	MOVDQ2Q
	MOVDQA
	MOVDQU
	MOVHLPS
	MOVHPD
	MOVHPS
	MOVLHPS
	MOVLPD
	MOVLPS
	MOVMSKPD
	MOVMSKPS
	MOVNTDQ
	MOVNTDQA
	MOVNTI
	MOVNTPD
	MOVNTPS
	MOVNTQ
	MOVNTSD
	MOVNTSS
	MOVQ
	MOVQ2DQ
	MOVS
	MOVSD
	MOVSHDUP
	MOVSLDUP
	MOVSS
	MOVSX
	MOVSXD
	MOVUPD
	MOVUPS
	MOVZX
	MPSADBW
	MUL
	MULPD
	MULPS
	MULSD
	MULSS
	MWAIT
	NEG
	NOP
	NOT
	OR
	ORPD
	ORPS
	OUT
	OUTS
	PABSB
	PABSD
	PABSW
	PACKSSDW
	PACKSSWB
	PACKUSDW
	PACKUSWB
	PADDB
	PADDD
	PADDQ
	PADDSB
	PADDSW
	PADDUSB
	PADDUSW
	PADDW
	PALIGNR
	PAND
	PANDN
	PAUSE
	PAVGB
	PAVGW
	PBLENDVB
	PBLENDW
	PCLMULQDQ
	PCMPEQB
	PCMPEQD
	PCMPEQQ
	PCMPEQW
	PCMPESTRI
	PCMPESTRM
	PCMPGTB
	PCMPGTD
	PCMPGTQ
	PCMPGTW
	PCMPISTRI
	PCMPISTRM
	PEXTRB
	PEXTRD
	PEXTRQ
	PEXTRW
	PHADDD
	PHADDSW
	PHADDW
	PHMINPOSUW
	PHSUBD
	PHSUBSW
	PHSUBW
	PINSRB
	PINSRD
	PINSRQ
	PINSRW
	PMADDUBSW
	PMADDWD
	PMAXSB
	PMAXSD
	PMAXSW
	PMAXUB
	PMAXUD
	PMAXUW
	PMINSB
	PMINSD
	PMINSW
	PMINUB
	PMINUD
	PMINUW
	PMOVMSKB
	PMOVSXBD
	PMOVSXBQ
	PMOVSXBW
	PMOVSXDQ
	PMOVSXWD
	PMOVSXWQ
	PMOVZXBD
	PMOVZXBQ
	PMOVZXBW
	PMOVZXDQ
	PMOVZXWD
	PMOVZXWQ
	PMULDQ
	PMULHRSW
	PMULHUW
	PMULHW
	PMULLD
	PMULLW
	PMULUDQ
	POP
	POPA
	POPCNT
	POPF
	POR
	PREFETCH
	PREFETCHNTA
	PREFETCHT0
	PREFETCHT1
	PREFETCHT2
	PREFETCHW
	PSADBW
	PSHUFB
	PSHUFD
	PSHUFHW
	PSHUFLW
	PSHUFW
	PSIGNB
	PSIGND
	PSIGNW
	PSLLD
	PSLLDQ
	PSLLQ
	PSLLW
	PSRAD
	PSRAW
	PSRLD
	PSRLDQ
	PSRLQ
	PSRLW
	PSUBB
	PSUBD
	PSUBQ
	PSUBSB
	PSUBSW
	PSUBUSB
	PSUBUSW
	PSUBW
	PTEST
	PUNPCKHBW
	PUNPCKHDQ
	PUNPCKHQDQ
	PUNPCKHWD
	PUNPCKLBW
	PUNPCKLDQ
	PUNPCKLQDQ
	PUNPCKLWD
	PUSH
	PUSHA
	PUSHF
	PXOR
	RCL
	RCPPS
	RCPSS
	RCR
	RDFSBASE
	RDGSBASE
	RDMSR
	RDPID
	RDPKRU
	RDPMC
	RDRAND
	RDSEED
	RDTSC
	RDTSCP
	RET
	ROL
	ROR
	ROUNDPD
	ROUNDPS
	ROUNDSD
	ROUNDSS
	RSM
	RSQRTPS
	RSQRTSS
	SAHF
	SALC
	SAR
	SBB
	SCAS
	SETcc
	SFENCE
	SGDT
	SHA1MSG1
	SHA1MSG2
	SHA1NEXTE
	SHA1RNDS4
	SHA256MSG1
	SHA256MSG2
	SHA256RNDS2
	SHL
	SHLD
	SHR
	SHRD
	SHUFPD
	SHUFPS
	SIDT
	SLDT
	SMSW
	SQRTPD
	SQRTPS
	SQRTSD
	SQRTSS
	STAC
	STC
	STD
	STI
	STMXCSR
	STOS
	STR
	SUB
	SUBPD
	SUBPS
	SUBSD
	SUBSS
	SWAPGS
	SYSCALL
	SYSENTER
	SYSEXIT
	SYSRET
	TEST
	TZCNT
	UCOMISD
	UCOMISS
	UD0
	UD1
	UD2
	UNPCKHPD
	UNPCKHPS
	UNPCKLPD
	UNPCKLPS
	VERR
	VERW
	WBINVD
	WRFSBASE
	WRGSBASE
	WRMSR
	WRPKRU
	XADD
	XCHG
	XGETBV
	XLAT
	XOR
	XORPD
	XORPS
	XRSTOR
	XRSTORS
	XSAVE
	XSAVEC
	XSAVEOPT
	XSAVES
	XSETBV
	NumOps // the number of operations, Invalid included
)

var opNames = [NumOps]string{
	Invalid:         "(invalid)",
	AAA:             "AAA",
	AAD:             "AAD",
	AAM:             "AAM",
	AAS:             "AAS",
	ADC:             "ADC",
	ADCX:            "ADCX",
	ADD:             "ADD",
	ADDPD:           "ADDPD",
	ADDPS:           "ADDPS",
	ADDSD:           "ADDSD",
	ADDSS:           "ADDSS",
	ADDSUBPD:        "ADDSUBPD",
	ADDSUBPS:        "ADDSUBPS",
	ADOX:            "ADOX",
	AESDEC:          "AESDEC",
	AESDECLAST:      "AESDECLAST",
	AESENC:          "AESENC",
	AESENCLAST:      "AESENCLAST",
	AESIMC:          "AESIMC",
	AESKEYGENASSIST: "AESKEYGENASSIST",
	AND:             "AND",
	ANDNPD:          "ANDNPD",
	ANDNPS:          "ANDNPS",
	ANDPD:           "ANDPD",
	ANDPS:           "ANDPS",
	ARPL:            "ARPL",
	BLENDPD:         "BLENDPD",
	BLENDPS:         "BLENDPS",
	BLENDVPD:        "BLENDVPD",
	BLENDVPS:        "BLENDVPS",
	BOUND:           "BOUND",
	BSF:             "BSF",
	BSR:             "BSR",
	BSWAP:           "BSWAP",
	BT:              "BT",
	BTC:             "BTC",
	BTR:             "BTR",
	BTS:             "BTS",
	CALL:            "CALL",
	CBW:             "CBW",
	CLAC:            "CLAC",
	CLC:             "CLC",
	CLD:             "CLD",
	CLFLUSH:         "CLFLUSH",
	CLFLUSHOPT:      "CLFLUSHOPT",
	CLI:             "CLI",
	CLTS:            "CLTS",
	CLWB:            "CLWB",
	CMC:             "CMC",
	CMOVcc:          "CMOVcc",
	CMP:             "CMP",
	CMPPD:           "CMPPD",
	CMPPS:           "CMPPS",
	CMPS:            "CMPS",
	CMPSD:           "CMPSD",
	CMPSS:           "CMPSS",
	CMPXCHG:         "CMPXCHG",
	CMPXCHG16B:      "CMPXCHG16B",
	CMPXCHG8B:       "CMPXCHG8B",
	COMISD:          "COMISD",
	COMISS:          "COMISS",
	CPUID:           "CPUID",
	CRC32:           "CRC32",
	CVTDQ2PD:        "CVTDQ2PD",
	CVTDQ2PS:        "CVTDQ2PS",
	CVTPD2DQ:        "CVTPD2DQ",
	CVTPD2PI:        "CVTPD2PI",
	CVTPD2PS:        "CVTPD2PS",
	CVTPI2PD:        "CVTPI2PD",
	CVTPI2PS:        "CVTPI2PS",
	CVTPS2DQ:        "CVTPS2DQ",
	CVTPS2PD:        "CVTPS2PD",
	CVTPS2PI:        "CVTPS2PI",
	CVTSD2SI:        "CVTSD2SI",
	CVTSD2SS:        "CVTSD2SS",
	CVTSI2SD:        "CVTSI2SD",
	CVTSI2SS:        "CVTSI2SS",
	CVTSS2SD:        "CVTSS2SD",
	CVTSS2SI:        "CVTSS2SI",
	CVTTPD2DQ:       "CVTTPD2DQ",
	CVTTPD2PI:       "CVTTPD2PI",
	CVTTPS2DQ:       "CVTTPS2DQ",
	CVTTPS2PI:       "CVTTPS2PI",
	CVTTSD2SI:       "CVTTSD2SI",
	CVTTSS2SI:       "CVTTSS2SI",
	CWD:             "CWD",
	DAA:             "DAA",
	DAS:             "DAS",
	DEC:             "DEC",
	DIV:             "DIV",
	DIVPD:           "DIVPD",
	DIVPS:           "DIVPS",
	DIVSD:           "DIVSD",
	DIVSS:           "DIVSS",
	DPPD:            "DPPD",
	DPPS:            "DPPS",
	EMMS:            "EMMS",
	ENDBR32:         "ENDBR32",
	ENDBR64:         "ENDBR64",
	ENTER:           "ENTER",
	EXTRACTPS:       "EXTRACTPS",
	F2XM1:           "F2XM1",
	FABS:            "FABS",
	FADD:            "FADD",
	FADDP:           "FADDP",
	FBLD:            "FBLD",
	FBSTP:           "FBSTP",
	FCHS:            "FCHS",
	FCMOVB:          "FCMOVB",
	FCMOVBE:         "FCMOVBE",
	FCMOVE:          "FCMOVE",
	FCMOVNB:         "FCMOVNB",
	FCMOVNBE:        "FCMOVNBE",
	FCMOVNE:         "FCMOVNE",
	FCMOVNU:         "FCMOVNU",
	FCMOVU:          "FCMOVU",
	FCOM:            "FCOM",
	FCOMI:           "FCOMI",
	FCOMIP:          "FCOMIP",
	FCOMP:           "FCOMP",
	FCOMPP:          "FCOMPP",
	FCOS:            "FCOS",
	FDECSTP:         "FDECSTP",
	FDIV:            "FDIV",
	FDIVP:           "FDIVP",
	FDIVR:           "FDIVR",
	FDIVRP:          "FDIVRP",
	FFREE:           "FFREE",
	FFREEP:          "FFREEP",
	FIADD:           "FIADD",
	FICOM:           "FICOM",
	FICOMP:          "FICOMP",
	FIDIV:           "FIDIV",
	FIDIVR:          "FIDIVR",
	FILD:            "FILD",
	FIMUL:           "FIMUL",
	FINCSTP:         "FINCSTP",
	FIST:            "FIST",
	FISTP:           "FISTP",
	FISTTP:          "FISTTP",
	FISUB:           "FISUB",
	FISUBR:          "FISUBR",
	FLD:             "FLD",
	FLD1:            "FLD1",
	FLDCW:           "FLDCW",
	FLDENV:          "FLDENV",
	FLDL2E:          "FLDL2E",
	FLDL2T:          "FLDL2T",
	FLDLG2:          "FLDLG2",
	FLDLN2:          "FLDLN2",
	FLDPI:           "FLDPI",
	FLDZ:            "FLDZ",
	FMUL:            "FMUL",
	FMULP:           "FMULP",
	FNCLEX:          "FNCLEX",
	FNINIT:          "FNINIT",
	FNOP:            "FNOP",
	FNSAVE:          "FNSAVE",
	FNSTCW:          "FNSTCW",
	FNSTENV:         "FNSTENV",
	FNSTSW:          "FNSTSW",
	FPATAN:          "FPATAN",
	FPREM:           "FPREM",
	FPREM1:          "FPREM1",
	FPTAN:           "FPTAN",
	FRNDINT:         "FRNDINT",
	FRSTOR:          "FRSTOR",
	FSCALE:          "FSCALE",
	FSIN:            "FSIN",
	FSINCOS:         "FSINCOS",
	FSQRT:           "FSQRT",
	FST:             "FST",
	FSTP:            "FSTP",
	FSUB:            "FSUB",
	FSUBP:           "FSUBP",
	FSUBR:           "FSUBR",
	FSUBRP:          "FSUBRP",
	FTST:            "FTST",
	FUCOM:           "FUCOM",
	FUCOMI:          "FUCOMI",
	FUCOMIP:         "FUCOMIP",
	FUCOMP:          "FUCOMP",
	FUCOMPP:         "FUCOMPP",
	FWAIT:           "FWAIT",
	FXAM:            "FXAM",
	FXCH:            "FXCH",
	FXRSTOR:         "FXRSTOR",
	FXSAVE:          "FXSAVE",
	FXTRACT:         "FXTRACT",
	FYL2X:           "FYL2X",
	FYL2XP1:         "FYL2XP1",
	HADDPD:          "HADDPD",
	HADDPS:          "HADDPS",
	HLT:             "HLT",
	HSUBPD:          "HSUBPD",
	HSUBPS:          "HSUBPS",
	ICEBP:           "ICEBP",
	IDIV:            "IDIV",
	IMUL:            "IMUL",
	IN:              "IN",
	INC:             "INC",
	INS:             "INS",
	INSERTPS:        "INSERTPS",
	INT:             "INT",
	INT3:            "INT3",
	INTO:            "INTO",
	INVD:            "INVD",
	INVLPG:          "INVLPG",
	INVPCID:         "INVPCID",
	IRET:            "IRET",
	JCXZ:            "JCXZ",
	JMP:             "JMP",
	Jcc:             "Jcc",
	LAHF:            "LAHF",
	LAR:             "LAR",
	LCALL:           "LCALL",
	LDDQU:           "LDDQU",
	LDMXCSR:         "LDMXCSR",
	LDS:             "LDS",
	LEA:             "LEA",
	LEAVE:           "LEAVE",
	LES:             "LES",
	LFENCE:          "LFENCE",
	LFS:             "LFS",
	LGDT:            "LGDT",
	LGS:             "LGS",
	LIDT:            "LIDT",
	LJMP:            "LJMP",
	LLDT:            "LLDT",
	LMSW:            "LMSW",
	LODS:            "LODS",
	LOOP:            "LOOP",
	LOOPE:           "LOOPE",
	LOOPNE:          "LOOPNE",
	LRET:            "LRET",
	LSL:             "LSL",
	LSS:             "LSS",
	LTR:             "LTR",
	LZCNT:           "LZCNT",
	MASKMOVDQU:      "MASKMOVDQU",
	MASKMOVQ:        "MASKMOVQ",
	MAXPD:           "MAXPD",
	MAXPS:           "MAXPS",
	MAXSD:           "MAXSD",
	MAXSS:           "MAXSS",
	MFENCE:          "MFENCE",
	MINPD:           "MINPD",
	MINPS:           "MINPS",
	MINSD:           "MINSD",
	MINSS:           "MINSS",
	MONITOR:         "MONITOR",
	MOV:             "MOV",
	MOVAPD:          "MOVAPD",
	MOVAPS:          "MOVAPS",
	MOVBE:           "MOVBE",
	MOVD:            "MOVD",
	MOVDDUP:         "MOVDDUP",
	MOVDQ2Q:         "MOVDQ2Q",
	MOVDQA:          "MOVDQA",
	MOVDQU:          "MOVDQU",
	MOVHLPS:         "MOVHLPS",
	MOVHPD:          "MOVHPD",
	MOVHPS:          "MOVHPS",
	MOVLHPS:         "MOVLHPS",
	MOVLPD:          "MOVLPD",
	MOVLPS:          "MOVLPS",
	MOVMSKPD:        "MOVMSKPD",
	MOVMSKPS:        "MOVMSKPS",
	MOVNTDQ:         "MOVNTDQ",
	MOVNTDQA:        "MOVNTDQA",
	MOVNTI:          "MOVNTI",
	MOVNTPD:         "MOVNTPD",
	MOVNTPS:         "MOVNTPS",
	MOVNTQ:          "MOVNTQ",
	MOVNTSD:         "MOVNTSD",
	MOVNTSS:         "MOVNTSS",
	MOVQ:            "MOVQ",
	MOVQ2DQ:         "MOVQ2DQ",
	MOVS:            "MOVS",
	MOVSD:           "MOVSD",
	MOVSHDUP:        "MOVSHDUP",
	MOVSLDUP:        "MOVSLDUP",
	MOVSS:           "MOVSS",
	MOVSX:           "MOVSX",
	MOVSXD:          "MOVSXD",
	MOVUPD:          "MOVUPD",
	MOVUPS:          "MOVUPS",
	MOVZX:           "MOVZX",
	MPSADBW:         "MPSADBW",
	MUL:             "MUL",
	MULPD:           "MULPD",
	MULPS:           "MULPS",
	MULSD:           "MULSD",
	MULSS:           "MULSS",
	MWAIT:           "MWAIT",
	NEG:             "NEG",
	NOP:             "NOP",
	NOT:             "NOT",
	OR:              "OR",
	ORPD:            "ORPD",
	ORPS:            "ORPS",
	OUT:             "OUT",
	OUTS:            "OUTS",
	PABSB:           "PABSB",
	PABSD:           "PABSD",
	PABSW:           "PABSW",
	PACKSSDW:        "PACKSSDW",
	PACKSSWB:        "PACKSSWB",
	PACKUSDW:        "PACKUSDW",
	PACKUSWB:        "PACKUSWB",
	PADDB:           "PADDB",
	PADDD:           "PADDD",
	PADDQ:           "PADDQ",
	PADDSB:          "PADDSB",
	PADDSW:          "PADDSW",
	PADDUSB:         "PADDUSB",
	PADDUSW:         "PADDUSW",
	PADDW:           "PADDW",
	PALIGNR:         "PALIGNR",
	PAND:            "PAND",
	PANDN:           "PANDN",
	PAUSE:           "PAUSE",
	PAVGB:           "PAVGB",
	PAVGW:           "PAVGW",
	PBLENDVB:        "PBLENDVB",
	PBLENDW:         "PBLENDW",
	PCLMULQDQ:       "PCLMULQDQ",
	PCMPEQB:         "PCMPEQB",
	PCMPEQD:         "PCMPEQD",
	PCMPEQQ:         "PCMPEQQ",
	PCMPEQW:         "PCMPEQW",
	PCMPESTRI:       "PCMPESTRI",
	PCMPESTRM:       "PCMPESTRM",
	PCMPGTB:         "PCMPGTB",
	PCMPGTD:         "PCMPGTD",
	PCMPGTQ:         "PCMPGTQ",
	PCMPGTW:         "PCMPGTW",
	PCMPISTRI:       "PCMPISTRI",
	PCMPISTRM:       "PCMPISTRM",
	PEXTRB:          "PEXTRB",
	PEXTRD:          "PEXTRD",
	PEXTRQ:          "PEXTRQ",
	PEXTRW:          "PEXTRW",
	PHADDD:          "PHADDD",
	PHADDSW:         "PHADDSW",
	PHADDW:          "PHADDW",
	PHMINPOSUW:      "PHMINPOSUW",
	PHSUBD:          "PHSUBD",
	PHSUBSW:         "PHSUBSW",
	PHSUBW:          "PHSUBW",
	PINSRB:          "PINSRB",
	PINSRD:          "PINSRD",
	PINSRQ:          "PINSRQ",
	PINSRW:          "PINSRW",
	PMADDUBSW:       "PMADDUBSW",
	PMADDWD:         "PMADDWD",
	PMAXSB:          "PMAXSB",
	PMAXSD:          "PMAXSD",
	PMAXSW:          "PMAXSW",
	PMAXUB:          "PMAXUB",
	PMAXUD:          "PMAXUD",
	PMAXUW:          "PMAXUW",
	PMINSB:          "PMINSB",
	PMINSD:          "PMINSD",
	PMINSW:          "PMINSW",
	PMINUB:          "PMINUB",
	PMINUD:          "PMINUD",
	PMINUW:          "PMINUW",
	PMOVMSKB:        "PMOVMSKB",
	PMOVSXBD:        "PMOVSXBD",
	PMOVSXBQ:        "PMOVSXBQ",
	PMOVSXBW:        "PMOVSXBW",
	PMOVSXDQ:        "PMOVSXDQ",
	PMOVSXWD:        "PMOVSXWD",
	PMOVSXWQ:        "PMOVSXWQ",
	PMOVZXBD:        "PMOVZXBD",
	PMOVZXBQ:        "PMOVZXBQ",
	PMOVZXBW:        "PMOVZXBW",
	PMOVZXDQ:        "PMOVZXDQ",
	PMOVZXWD:        "PMOVZXWD",
	PMOVZXWQ:        "PMOVZXWQ",
	PMULDQ:          "PMULDQ",
	PMULHRSW:        "PMULHRSW",
	PMULHUW:         "PMULHUW",
	PMULHW:          "PMULHW",
	PMULLD:          "PMULLD",
	PMULLW:          "PMULLW",
	PMULUDQ:         "PMULUDQ",
	POP:             "POP",
	POPA:            "POPA",
	POPCNT:          "POPCNT",
	POPF:            "POPF",
	POR:             "POR",
	PREFETCH:        "PREFETCH",
	PREFETCHNTA:     "PREFETCHNTA",
	PREFETCHT0:      "PREFETCHT0",
	PREFETCHT1:      "PREFETCHT1",
	PREFETCHT2:      "PREFETCHT2",
	PREFETCHW:       "PREFETCHW",
	PSADBW:          "PSADBW",
	PSHUFB:          "PSHUFB",
	PSHUFD:          "PSHUFD",
	PSHUFHW:         "PSHUFHW",
	PSHUFLW:         "PSHUFLW",
	PSHUFW:          "PSHUFW",
	PSIGNB:          "PSIGNB",
	PSIGND:          "PSIGND",
	PSIGNW:          "PSIGNW",
	PSLLD:           "PSLLD",
	PSLLDQ:          "PSLLDQ",
	PSLLQ:           "PSLLQ",
	PSLLW:           "PSLLW",
	PSRAD:           "PSRAD",
	PSRAW:           "PSRAW",
	PSRLD:           "PSRLD",
	PSRLDQ:          "PSRLDQ",
	PSRLQ:           "PSRLQ",
	PSRLW:           "PSRLW",
	PSUBB:           "PSUBB",
	PSUBD:           "PSUBD",
	PSUBQ:           "PSUBQ",
	PSUBSB:          "PSUBSB",
	PSUBSW:          "PSUBSW",
	PSUBUSB:         "PSUBUSB",
	PSUBUSW:         "PSUBUSW",
	PSUBW:           "PSUBW",
	PTEST:           "PTEST",
	PUNPCKHBW:       "PUNPCKHBW",
	PUNPCKHDQ:       "PUNPCKHDQ",
	PUNPCKHQDQ:      "PUNPCKHQDQ",
	PUNPCKHWD:       "PUNPCKHWD",
	PUNPCKLBW:       "PUNPCKLBW",
	PUNPCKLDQ:       "PUNPCKLDQ",
	PUNPCKLQDQ:      "PUNPCKLQDQ",
	PUNPCKLWD:       "PUNPCKLWD",
	PUSH:            "PUSH",
	PUSHA:           "PUSHA",
	PUSHF:           "PUSHF",
	PXOR:            "PXOR",
	RCL:             "RCL",
	RCPPS:           "RCPPS",
	RCPSS:           "RCPSS",
	RCR:             "RCR",
	RDFSBASE:        "RDFSBASE",
	RDGSBASE:        "RDGSBASE",
	RDMSR:           "RDMSR",
	RDPID:           "RDPID",
	RDPKRU:          "RDPKRU",
	RDPMC:           "RDPMC",
	RDRAND:          "RDRAND",
	RDSEED:          "RDSEED",
	RDTSC:           "RDTSC",
	RDTSCP:          "RDTSCP",
	RET:             "RET",
	ROL:             "ROL",
	ROR:             "ROR",
	ROUNDPD:         "ROUNDPD",
	ROUNDPS:         "ROUNDPS",
	ROUNDSD:         "ROUNDSD",
	ROUNDSS:         "ROUNDSS",
	RSM:             "RSM",
	RSQRTPS:         "RSQRTPS",
	RSQRTSS:         "RSQRTSS",
	SAHF:            "SAHF",
	SALC:            "SALC",
	SAR:             "SAR",
	SBB:             "SBB",
	SCAS:            "SCAS",
	SETcc:           "SETcc",
	SFENCE:          "SFENCE",
	SGDT:            "SGDT",
	SHA1MSG1:        "SHA1MSG1",
	SHA1MSG2:        "SHA1MSG2",
	SHA1NEXTE:       "SHA1NEXTE",
	SHA1RNDS4:       "SHA1RNDS4",
	SHA256MSG1:      "SHA256MSG1",
	SHA256MSG2:      "SHA256MSG2",
	SHA256RNDS2:     "SHA256RNDS2",
	SHL:             "SHL",
	SHLD:            "SHLD",
	SHR:             "SHR",
	SHRD:            "SHRD",
	SHUFPD:          "SHUFPD",
	SHUFPS:          "SHUFPS",
	SIDT:            "SIDT",
	SLDT:            "SLDT",
	SMSW:            "SMSW",
	SQRTPD:          "SQRTPD",
	SQRTPS:          "SQRTPS",
	SQRTSD:          "SQRTSD",
	SQRTSS:          "SQRTSS",
	STAC:            "STAC",
	STC:             "STC",
	STD:             "STD",
	STI:             "STI",
	STMXCSR:         "STMXCSR",
	STOS:            "STOS",
	STR:             "STR",
	SUB:             "SUB",
	SUBPD:           "SUBPD",
	SUBPS:           "SUBPS",
	SUBSD:           "SUBSD",
	SUBSS:           "SUBSS",
	SWAPGS:          "SWAPGS",
	SYSCALL:         "SYSCALL",
	SYSENTER:        "SYSENTER",
	SYSEXIT:         "SYSEXIT",
	SYSRET:          "SYSRET",
	TEST:            "TEST",
	TZCNT:           "TZCNT",
	UCOMISD:         "UCOMISD",
	UCOMISS:         "UCOMISS",
	UD0:             "UD0",
	UD1:             "UD1",
	UD2:             "UD2",
	UNPCKHPD:        "UNPCKHPD",
	UNPCKHPS:        "UNPCKHPS",
	UNPCKLPD:        "UNPCKLPD",
	UNPCKLPS:        "UNPCKLPS",
	VERR:            "VERR",
	VERW:            "VERW",
	WBINVD:          "WBINVD",
	WRFSBASE:        "WRFSBASE",
	WRGSBASE:        "WRGSBASE",
	WRMSR:           "WRMSR",
	WRPKRU:          "WRPKRU",
	XADD:            "XADD",
	XCHG:            "XCHG",
	XGETBV:          "XGETBV",
	XLAT:            "XLAT",
	XOR:             "XOR",
	XORPD:           "XORPD",
	XORPS:           "XORPS",
	XRSTOR:          "XRSTOR",
	XRSTORS:         "XRSTORS",
	XSAVE:           "XSAVE",
	XSAVEC:          "XSAVEC",
	XSAVEOPT:        "XSAVEOPT",
	XSAVES:          "XSAVES",
	XSETBV:          "XSETBV",
}

// String returns the mnemonic.
func (op Op) String() string {
	if op < NumOps {
		return opNames[op]
	}
	return "(invalid)"
}
