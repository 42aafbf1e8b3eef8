// Package decode turns x86 machine code into a compact Inst.
package decode

import "fmt"

// Operand names one operand in one byte: a class in the high nibble, a register number in the low one.
type Operand uint8

// Operand classes. A register's number is its hardware number (RAX 0 … R15 15).
const (
	None  Operand = 0x00
	GPR   Operand = 0x10 // general register at the operand's width; with width 1 the low byte (SPL, not AH)
	High8 Operand = 0x20 // AH CH DH BH: number 0-3 of the register whose bits 15:8 they are
	XMM   Operand = 0x30
	MMX   Operand = 0x40
	ST    Operand = 0x50 // x87 stack register ST(n)
	Seg   Operand = 0x60 // ES CS SS DS FS GS = 0…5
	CR    Operand = 0x70
	DR    Operand = 0x80
	Mem   Operand = 0x90 // the one memory operand of the instruction
	Imm   Operand = 0xa0 // Inst.Imm
	Imm2  Operand = 0xb0 // Inst.Imm2: the second immediate of ENTER, EXTRQ, far pointers' selector
	Rel   Operand = 0xc0 // branch target, Inst.Imm bytes after the end of the instruction
)

// Class returns the class of o.
func (o Operand) Class() Operand { return o & 0xf0 }

// Num returns the register number of o.
func (o Operand) Num() int { return int(o & 0x0f) }

// Prefix bits of an instruction as they bear on execution.
type Prefix uint8

// The prefixes.
const (
	Lock   Prefix = 1 << 0
	Rep    Prefix = 1 << 1 // F3 where it means REP/REPE (string instructions, PAUSE-like hints excluded)
	RepNE  Prefix = 1 << 2 // F2 where it means REPNE
	Size16 Prefix = 1 << 3 // 66 present
	RexW   Prefix = 1 << 4
)

// Segment numbers; SegDefault in Inst.Seg never occurs: the decoder resolves DS or SS.
const (
	ES = iota
	CS
	SS
	DS
	FS
	GS
)

// NoReg in Base or Index means none; RIPBase in Base means RIP-relative (Disp counts from the end of the instruction).
const (
	NoReg   uint8 = 0xff
	RIPBase uint8 = 0xfe
)

// Cond is a condition code: the low nibble of Jcc, SETcc and CMOVcc opcodes (SDM vol. 2 app. B.1.4.7).
type Cond uint8

// Inst is one decoded instruction. It holds no pointers and is 40 bytes or less.
type Inst struct {
	Imm  int64 // immediate, sign-extended to 64 bits; the absolute address of a moffs operand is in Imm with Base=NoReg, Index=NoReg, Moffs set
	Disp int32
	Op   Op
	Off  uint16 // offset of the instruction in its block; 0 from Decode. Maintained by the block engine

	Len      uint8 // 1…15
	Width    uint8 // operation width in bytes: 1, 2, 4, 8 for integer; memory operand width in bytes for all others
	SrcWidth uint8 // width in bytes of the source where it differs: MOVZX/MOVSX/MOVSXD, CVT*, CRC32; else = Width
	AddrSize uint8 // 2, 4 or 8
	Prefix   Prefix
	Cond     Cond

	Args  [4]Operand // destination first (Intel order), explicit operands only
	Base  uint8      // of the memory operand
	Index uint8
	Scale uint8 // shift count 0…3
	Seg   uint8 // segment of the memory operand, override applied; string instructions: of the source
	Imm2  uint16
	Flags InstFlags
}

// InstFlags are properties decided at decode time.
type InstFlags uint8

// The flags.
const (
	Moffs InstFlags = 1 << 0 // Imm is the absolute address of the memory operand
)

// Mode is the code size: 16, 32 or 64 (CS.L, CS.D).
type Mode uint8

// ErrKind says why Decode failed.
type ErrKind uint8

// The reasons.
const (
	ErrTruncated   ErrKind = iota + 1 // the bytes end inside the instruction: fetch more
	ErrInvalid                        // #UD on every processor we model
	ErrUnsupported                    // a real instruction that pagewalk does not know: #UD and a report
	ErrTooLong                        // more than 15 bytes: #GP
)

// Error is what Decode returns for bytes that are no instruction.
type Error struct {
	Kind ErrKind
	Text string
}

// Error describes the failure.
func (e *Error) Error() string { return fmt.Sprintf("decode: %s", e.Text) }
