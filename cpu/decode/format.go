package decode

import (
	"fmt"
	"strings"
)

var condNames = [16]string{"o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"}

// String returns the name of the condition as it ends Jcc, SETcc and CMOVcc: o, no, b, ae, e, ne, be, a, s, …
func (c Cond) String() string { return condNames[c&15] }

// Mnemonic returns the instruction's name in lower case, conditions and string widths spelled out: jne, movsb.
func (in *Inst) Mnemonic() string {
	name := strings.ToLower(in.Op.String())
	switch in.Op {
	case Jcc, SETcc, CMOVcc:
		return strings.TrimSuffix(name, "cc") + in.Cond.String()
	case MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS:
		return name + map[uint8]string{1: "b", 2: "w", 4: "d", 8: "q"}[in.Width]
	case CBW:
		return map[uint8]string{2: "cbw", 4: "cwde", 8: "cdqe"}[in.Width]
	case JCXZ:
		return map[uint8]string{2: "jcxz", 4: "jecxz", 8: "jrcxz"}[in.AddrSize]
	case CWD:
		return map[uint8]string{2: "cwd", 4: "cdq", 8: "cqo"}[in.Width]
	}
	return name
}

// String returns the instruction in Intel syntax; a branch target counts from the instruction: jmp .+0x10.
func (in Inst) String() string {
	return in.text(func() string { return fmt.Sprintf(".%+#x", in.Imm+int64(in.Len)) })
}

// Text returns the instruction at an address in Intel syntax, branch targets absolute.
func (in *Inst) Text(addr uint64) string {
	return in.text(func() string { return fmt.Sprintf("%#x", addr+uint64(in.Len)+uint64(in.Imm)) })
}

func (in *Inst) text(target func() string) string {
	var b strings.Builder
	switch {
	case in.Prefix&Lock != 0:
		b.WriteString("lock ")
	case in.Prefix&Rep != 0:
		b.WriteString("rep ")
	case in.Prefix&RepNE != 0:
		b.WriteString("repne ")
	}
	b.WriteString(in.Mnemonic())
	for i, a := range in.Args {
		if a == None {
			break
		}
		b.WriteString([]string{" ", ", "}[min(i, 1)])
		width := in.Width
		switch {
		case i == 2 && a.Class() == GPR: // the count of SHLD and SHRD
			width = 1
		case (in.Op == PEXTRW || in.Op == PINSRW || in.Op == PEXTRB || in.Op == PINSRB) && a.Class() == GPR:
			width = 4
		case in.Op == IN && i == 1 || in.Op == OUT && i == 0: // DX
			width = 2
		case i > 0 && in.Op != OUT:
			width = in.SrcWidth
		}
		b.WriteString(in.operandText(a, width, target))
	}
	return b.String()
}

var (
	regNames  = [16]string{"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "8", "9", "10", "11", "12", "13", "14", "15"}
	segNames  = [8]string{"es", "cs", "ss", "ds", "fs", "gs", "seg6", "seg7"}
	sizeNames = map[uint8]string{
		1: "byte", 2: "word", 4: "dword", 6: "fword", 8: "qword", 10: "tbyte", 16: "xmmword",
	}
)

// regName names general register n at a width of 1, 2, 4 or 8 bytes.
func regName(n int, width uint8) string {
	name := regNames[n&15]
	if n >= 8 {
		return "r" + name + map[uint8]string{1: "b", 2: "w", 4: "d"}[width]
	}
	switch width {
	case 1:
		return strings.TrimSuffix(name, "x") + "l"
	case 4:
		return "e" + name
	case 8:
		return "r" + name
	}
	return name
}

func (in *Inst) operandText(a Operand, width uint8, target func() string) string {
	switch n := a.Num(); a.Class() {
	case GPR:
		return regName(n, width)
	case High8:
		return string("acdb"[n&3]) + "h"
	case XMM:
		return fmt.Sprintf("xmm%d", n)
	case MMX:
		return fmt.Sprintf("mm%d", n)
	case ST:
		return fmt.Sprintf("st(%d)", n)
	case Seg:
		return segNames[n&7]
	case CR:
		return fmt.Sprintf("cr%d", n)
	case DR:
		return fmt.Sprintf("dr%d", n)
	case Imm:
		return fmt.Sprintf("%#x", uint64(in.Imm)&(^uint64(0)>>(64-8*min(uint(in.Width), 8))))
	case Imm2:
		return fmt.Sprintf("%#x", in.Imm2)
	case Rel:
		return target()
	}
	return in.memText(width)
}

func (in *Inst) memText(width uint8) string {
	var b strings.Builder
	if size := sizeNames[width]; size != "" && in.Op != LEA && in.Op != FXSAVE && in.Op != FXRSTOR {
		b.WriteString(size + " ptr ")
	}
	if in.Seg == FS || in.Seg == GS {
		b.WriteString(segNames[in.Seg] + ":")
	}
	b.WriteByte('[')
	sep := ""
	switch {
	case in.Flags&Moffs != 0:
		fmt.Fprintf(&b, "%#x", uint64(in.Imm))
	case in.Base == RIPBase:
		b.WriteString("rip")
		sep = "+"
	case in.Base != NoReg:
		b.WriteString(regName(int(in.Base), in.AddrSize))
		sep = "+"
	}
	if in.Index != NoReg {
		fmt.Fprintf(&b, "%s%s*%d", sep, regName(int(in.Index), in.AddrSize), 1<<in.Scale)
		sep = "+"
	}
	switch {
	case in.Flags&Moffs != 0:
	case sep == "":
		fmt.Fprintf(&b, "%#x", uint64(int64(in.Disp)))
	case in.Disp != 0:
		fmt.Fprintf(&b, "%+#x", in.Disp)
	}
	b.WriteByte(']')
	return b.String()
}
