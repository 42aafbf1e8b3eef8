package decode

import (
	"fmt"

	"golang.org/x/arch/x86/x86asm"
)

// unsupported is the error for an instruction by name.
func unsupported(name string) *Error {
	return &Error{ErrUnsupported, name + " is not supported"}
}

// unsupportedVEX names a VEX- or EVEX-encoded instruction as well as x86asm can.
func (e *encoding) unsupportedVEX() *Error {
	var buf [maxLen]byte
	n := map[uint8]int{0xc5: 3, 0xc4: 4, 0x62: 5}[e.vex]
	copy(buf[:], e.code[e.pos-n:e.pos])
	kind := "VEX"
	if e.vex == 0x62 {
		kind = "EVEX"
	}
	if x, err := x86asm.Decode(buf[:], int(e.mode)); err == nil && x.Op != 0 {
		return unsupported(fmt.Sprintf("%v (%s)", x.Op, kind))
	}
	return unsupported(fmt.Sprintf("%s instruction % x", kind, buf[:n]))
}

// refuse is the error for bytes that are none of our instructions: known ones are named.
func (e *encoding) refuse() *Error {
	for i := range others {
		if o := &others[i]; o.matches(e) {
			return unsupported(o.name)
		}
	}
	return errInvalid
}

// An other is an instruction of some processor that pagewalk does not execute, recognised so that a report can name it.
type other struct {
	omap, op uint8
	prefix   uint8 // mandatory prefix; 0 none, anyPrefix whichever
	reg      int8  // ModRM.reg, or anyReg
	rm       int8  // ModRM.rm of a register form, or memory, register, anyRM
	name     string
}

const (
	anyPrefix = 0xff
	anyReg    = -1
	memory    = -1
	regForm   = -2
	anyRM     = -3
)

func (o *other) matches(e *encoding) bool {
	if !e.is(o.omap, o.op) || o.prefix != anyPrefix && o.prefix != e.mandatory() ||
		o.reg != anyReg && uint8(o.reg) != e.reg() {
		return false
	}
	switch o.rm {
	case anyRM:
		return true
	case memory:
		return e.isMem
	case regForm:
		return !e.isMem
	}
	return !e.isMem && uint8(o.rm) == e.rm()
}

// mandatory is the prefix that selects among the instructions of an opcode: F2 and F3 before 66.
func (e *encoding) mandatory() uint8 {
	switch {
	case e.rep != 0:
		return e.rep
	case e.data:
		return 0x66
	}
	return 0
}

var others = [...]other{
	{map0F, 0x01, 0, 0, 0, "ENCLV"},
	{map0F, 0x01, 0, 0, 1, "VMCALL"},
	{map0F, 0x01, 0, 0, 2, "VMLAUNCH"},
	{map0F, 0x01, 0, 0, 3, "VMRESUME"},
	{map0F, 0x01, 0, 0, 4, "VMXOFF"},
	{map0F, 0x01, 0, 0, 5, "PCONFIG"},
	{map0F, 0x01, 0, 1, 7, "ENCLS"},
	{map0F, 0x01, 0, 2, 4, "VMFUNC"},
	{map0F, 0x01, 0, 2, 5, "XEND"},
	{map0F, 0x01, 0, 2, 6, "XTEST"},
	{map0F, 0x01, 0, 2, 7, "ENCLU"},
	{map0F, 0x01, 0, 3, 0, "VMRUN"},
	{map0F, 0x01, 0, 3, 1, "VMMCALL"},
	{map0F, 0x01, 0, 3, 2, "VMLOAD"},
	{map0F, 0x01, 0, 3, 3, "VMSAVE"},
	{map0F, 0x01, 0, 3, 4, "STGI"},
	{map0F, 0x01, 0, 3, 5, "CLGI"},
	{map0F, 0x01, 0, 3, 6, "SKINIT"},
	{map0F, 0x01, 0, 3, 7, "INVLPGA"},
	{map0F, 0x01, 0xf3, 5, memory, "RSTORSSP"},
	{map0F, 0x01, 0, 5, 0, "SERIALIZE"},
	{map0F, 0x01, 0xf2, 5, 0, "XSUSLDTRK"},
	{map0F, 0x01, 0xf2, 5, 1, "XRESLDTRK"},
	{map0F, 0x01, 0xf3, 5, 0, "SETSSBSY"},
	{map0F, 0x01, 0xf3, 5, 2, "SAVEPREVSSP"},
	{map0F, 0x01, 0xf3, 5, 4, "UIRET"},
	{map0F, 0x01, 0xf3, 5, 5, "TESTUI"},
	{map0F, 0x01, 0xf3, 5, 6, "CLUI"},
	{map0F, 0x01, 0xf3, 5, 7, "STUI"},
	{map0F, 0x01, 0, 7, 2, "MONITORX"},
	{map0F, 0x01, 0, 7, 3, "MWAITX"},
	{map0F, 0x01, 0, 7, 4, "CLZERO"},
	{map0F, 0x01, 0, 7, 5, "RDPRU"},
	{map0F, 0x01, 0, 7, 6, "INVLPGB"},
	{map0F, 0x01, 0, 7, 7, "TLBSYNC"},
	{map0F, 0x37, 0, anyReg, anyRM, "GETSEC"},
	{map0F, 0x78, 0, anyReg, anyRM, "VMREAD"},
	{map0F, 0x79, 0, anyReg, anyRM, "VMWRITE"},
	{map0F, 0x78, 0x66, 0, regForm, "EXTRQ"},
	{map0F, 0x79, 0x66, anyReg, regForm, "EXTRQ"},
	{map0F, 0x78, 0xf2, anyReg, regForm, "INSERTQ"},
	{map0F, 0x79, 0xf2, anyReg, regForm, "INSERTQ"},
	{map0F, 0xae, 0xf3, 4, anyRM, "PTWRITE"},
	{map0F, 0xae, 0xf3, 5, regForm, "INCSSP"},
	{map0F, 0xae, 0xf3, 6, memory, "CLRSSBSY"},
	{map0F, 0xae, 0xf3, 6, regForm, "UMONITOR"},
	{map0F, 0xae, 0xf2, 6, regForm, "UMWAIT"},
	{map0F, 0xae, 0x66, 6, regForm, "TPAUSE"},
	{map0F, 0xc7, 0, 6, memory, "VMPTRLD"},
	{map0F, 0xc7, 0x66, 6, memory, "VMCLEAR"},
	{map0F, 0xc7, 0xf3, 6, memory, "VMXON"},
	{map0F, 0xc7, 0, 7, memory, "VMPTRST"},
	{map0F, 0xc7, 0xf3, 6, regForm, "SENDUIPI"},
	{map0F38, 0x80, 0x66, anyReg, memory, "INVEPT"},
	{map0F38, 0x81, 0x66, anyReg, memory, "INVVPID"},
	{map0F38, 0xcf, 0x66, anyReg, anyRM, "GF2P8MULB"},
	{map0F38, 0xf5, 0x66, anyReg, memory, "WRUSS"},
	{map0F38, 0xf6, 0, anyReg, memory, "WRSS"},
	{map0F38, 0xf8, 0x66, anyReg, memory, "MOVDIR64B"},
	{map0F38, 0xf8, 0xf2, anyReg, memory, "ENQCMD"},
	{map0F38, 0xf8, 0xf3, anyReg, memory, "ENQCMDS"},
	{map0F38, 0xf9, 0, anyReg, memory, "MOVDIRI"},
	{map0F38, 0xfc, anyPrefix, anyReg, memory, "RAO-INT instruction"},
	{map0F38, 0xd8, 0xf3, anyReg, memory, "AES Key Locker instruction"},
	{map0F38, 0xdc, 0xf3, anyReg, anyRM, "AES Key Locker instruction"},
	{map0F38, 0xdd, 0xf3, anyReg, memory, "AES Key Locker instruction"},
	{map0F38, 0xde, 0xf3, anyReg, memory, "AES Key Locker instruction"},
	{map0F38, 0xdf, 0xf3, anyReg, memory, "AES Key Locker instruction"},
	{map0F38, 0xfa, 0xf3, anyReg, regForm, "ENCODEKEY128"},
	{map0F38, 0xfb, 0xf3, anyReg, regForm, "ENCODEKEY256"},
	{map0F3A, 0xce, 0x66, anyReg, anyRM, "GF2P8AFFINEQB"},
	{map0F3A, 0xcf, 0x66, anyReg, anyRM, "GF2P8AFFINEINVQB"},
	{map0F3A, 0xf0, 0xf3, 0, 0, "HRESET"},
}
