package cpu

import (
	"fmt"

	"github.com/pagewalk/pagewalk/x86"
)

// ExitKind says why Step or Run returned.
type ExitKind uint8

// The exits.
const (
	ExitNone        ExitKind = iota // Step only: the instruction retired, nothing else happened
	ExitBudget                      // the budget is spent
	ExitException                   // Exit.Fault was raised; RIP is at the faulting instruction, nothing was committed
	ExitInterrupt                   // INT3, INT n or INTO retired; RIP is behind it, Exit.Vector and Exit.Len say which
	ExitSyscall                     // SYSCALL retired; RIP is behind it, RCX and R11 are as the SDM says
	ExitHalt                        // HLT retired
	ExitPort                        // IN, OUT, INS or OUTS: Exit.Port, Width, In, Value; CompleteIn takes the answer of an input
	ExitINTR                        // INTR is up and let through: acknowledge it and call Interrupt
	ExitTPR                         // CR8 was written
	ExitShutdown                    // a fault while a double fault was delivered; Shutdown tells the story
	ExitUnsupported                 // the guest entered what pagewalk does not have: Exit.Why names it
)

var exitNames = [...]string{
	"none", "budget", "exception", "interrupt", "syscall", "halt", "port", "INTR", "TPR", "shutdown", "unsupported",
}

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
	In     bool       // ExitPort: IN or INS, else OUT or OUTS
	Value  uint32     // ExitPort: what OUT or OUTS puts out
	Why    string     // ExitUnsupported
}

// exitVector marks the fault by which a body asks Run to return c.exit after retiring the instruction.
const exitVector x86.Vector = 0xff

// leave makes Run return e once the instruction has retired.
func (c *CPU) leave(e Exit) *x86.Fault {
	c.exit = e
	c.fault = x86.Fault{Vector: exitVector}
	return &c.fault
}

// unsupported ends the run by name where the guest asks for a part of the architecture that pagewalk does not have.
func (c *CPU) unsupported(why string) *x86.Fault {
	return c.leave(Exit{Kind: ExitUnsupported, Why: why})
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
