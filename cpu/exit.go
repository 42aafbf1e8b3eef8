package cpu

import (
	"fmt"

	"github.com/pagewalk/pagewalk/x86"
)

// ExitKind says why Step or Run returned.
type ExitKind uint8

// The exits.
const (
	ExitNone      ExitKind = iota // Step only: the instruction retired, nothing else happened
	ExitBudget                    // the budget is spent
	ExitException                 // Exit.Fault was raised; RIP is at the faulting instruction, nothing was committed
	ExitInterrupt                 // INT3, INT n or INTO retired; RIP is behind it, Exit.Vector and Exit.Len say which
	ExitSyscall                   // SYSCALL retired; RIP is behind it, RCX and R11 are as the SDM says
	ExitHalt                      // HLT retired
	ExitPort                      // IN or OUT: Exit.Port, Width, In; the answer of IN goes to AL, AX or EAX by the caller
)

var exitNames = [...]string{"none", "budget", "exception", "interrupt", "syscall", "halt", "port"}

// String returns the name of the kind.
func (k ExitKind) String() string {
	if int(k) < len(exitNames) {
		return exitNames[k]
	}
	return fmt.Sprintf("exit %d", uint8(k))
}

// Exit is what the layer above answers before it calls Run again.
type Exit struct {
	Kind   ExitKind
	Fault  *x86.Fault // ExitException; owned by the CPU or its MMU, valid until the next Run
	Vector x86.Vector // ExitInterrupt
	Len    uint8      // ExitInterrupt: length of the instruction, 1 for INT3
	Port   uint16     // ExitPort
	Width  uint8      // ExitPort: 1, 2 or 4 bytes
	In     bool       // ExitPort: IN, else OUT
}

// exitVector marks the fault by which a body asks Run to return c.exit after retiring the instruction.
const exitVector x86.Vector = 0xff

// leave makes Run return e once the instruction has retired.
func (c *CPU) leave(e Exit) *x86.Fault {
	c.exit = e
	c.fault = x86.Fault{Vector: exitVector}
	return &c.fault
}

// Undefined describes the last #UD that came from bytes which pagewalk does not execute.
type Undefined struct {
	Addr  x86.VirtAddr
	Bytes [15]byte
	Len   int    // how many of Bytes were fetched
	Text  string // why: the decoder's reason, or the mnemonic and the CPUID feature that is off
	Known bool   // a real instruction that pagewalk lacks, not one that every processor refuses
}

// LastUndefined returns what is known of the most recent #UD.
func (c *CPU) LastUndefined() Undefined { return c.undef }
