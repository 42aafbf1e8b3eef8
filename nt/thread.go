package nt

import (
	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// Thread is one guest thread. Its methods may be called from the bodies of built-in functions only.
type Thread struct {
	sys  *System
	proc *Process
	cpu  *cpu.CPU
	teb  uint64
	// tebSize is what goes with the TEB when the thread ends.
	tebSize uint64
	id      uint64
	stack   ntmm.Stack
	// wineStart is a region that is there until the thread has begun; see wineClears.
	wineStart uint64
	calls     []callFrame // nested calls in progress, innermost last
	function  *activeFunc // the built-in function that runs, nil in guest code

	object    *threadObject
	state     threadState
	inService bool          // a row of the service table runs
	saved     cpu.Registers // while another thread runs
	baton     chan struct{}
	left      chan struct{} // closed when its goroutine has ended
	waiting   *waitBlock
	requests  []*ioRequest    // that are pending
	port      *completionPort // that it asked for a packet last
	counted   bool            // it is one of the port's threads that run
	worker    *worker         // nil: no factory made it
	apcs      []*apc
	deliver   bool     // the next of them, on the way back to user mode
	quiet     []uint64 // contexts to which special APCs come back that were not waited for
	alerted   bool
	idAlerted bool // by its identifier
	owned     []*mutant
	priority  uint8
	relative  int32
	suspended uint32
	ending    bool // it was terminated
	exitCode  uint32
	recontext bool // another thread has set its registers while it waited in a service

	stackGiven     bool   // its maker made the stack and keeps it
	first          uint64 // where its first CONTEXT lies, 0 once it has begun
	entry          uint64 // ThreadQuerySetWin32StartAddress
	name           string
	made, finished uint64 // system times; finished is 0 while it runs
	ran            uint64 // instructions, but for those since it got the baton
	switches       uint32 // how often it got it
	hidden         bool   // from debuggers, which there are none of
	noBoost        bool   // priority boosts are off; there are none
	codeOptOut     bool   // of the policy against dynamic code
	io, page       uint32 // I/O and memory priority
	background     background
	debug          debugRegisters
	raised         raised

	impersonating *token // nil: nobody
}

// newThread makes a thread of a process, of which the scheduler does not know yet.
func (s *System) newThread(p *Process, id uint64) *Thread {
	t := &Thread{
		sys: s, proc: p, cpu: s.cpu, id: id, priority: uint8(p.basePriority()), made: s.SystemTime(), io: ioPriorityNormal, page: ntmm.NormalPriority,
	}
	t.object = &threadObject{objectHeader: objectHeader{uses: 1}, thread: t}
	return t
}

// CPUTime returns how many nanoseconds the thread has run.
func (t *Thread) CPUTime() uint64 {
	if t == t.sys.sched.current {
		return t.ran + t.sys.cpu.IC - t.sys.sched.since
	}
	return t.ran
}

// CPUTime returns how many nanoseconds the process's threads have run.
func (p *Process) CPUTime() uint64 {
	n := p.ran
	for _, t := range p.threads {
		n += t.CPUTime()
	}
	return n
}

// Created returns the system time at which the thread was made.
func (t *Thread) Created() uint64 { return t.made }

// Process returns the thread's process.
func (t *Thread) Process() *Process { return t.proc }

// System returns the machine.
func (t *Thread) System() *System { return t.sys }

// CPU returns the processor with the thread's registers in it.
func (t *Thread) CPU() *cpu.CPU { return t.cpu }

// TEB returns the address of the thread environment block.
func (t *Thread) TEB() uint64 { return t.teb }

// ID returns the thread's identifier, a multiple of 4.
func (t *Thread) ID() uint64 { return t.id }

// RIP returns the address of the guest instruction that executes; inside a built-in function, of its stub.
func (t *Thread) RIP() uint64 {
	if t.function != nil {
		return t.function.stub
	}
	return t.cpu.RIP
}

// Function returns the name of the built-in function that runs, "" in guest code.
func (t *Thread) Function() string {
	if t.function != nil {
		return t.function.fn.Name
	}
	return ""
}

func (t *Thread) as() *ntmm.AddressSpace { return t.proc.as }

// SetStackGuarantee keeps bytes, a multiple of pages, of the stack for handlers of its overflow and returns what was kept before;
// 0 asks only. INVALID_PARAMETER for more than the stack has.
func (t *Thread) SetStackGuarantee(bytes uint64) (old uint64, st ntdef.Status) {
	old = t.stack.Guarantee
	switch {
	case bytes == 0:
	case bytes > uint64(t.stack.Base-t.stack.DeallocationStack)/2:
		return old, ntdef.STATUS_INVALID_PARAMETER
	default:
		t.stack.Guarantee = max(old, bytes)
		_ = t.Store32(t.teb+ntdef.TebGuaranteedStackBytes, uint32(t.stack.Guarantee))
	}
	return old, ntdef.STATUS_SUCCESS
}

// publishStackLimit copies the stack limit to the TEB, where stack probes and handlers look for it.
func (t *Thread) publishStackLimit() {
	// A guest may have freed its own TEB; then nobody can look.
	_ = t.Store64(t.teb+ntdef.TebStackLimit, uint64(t.stack.Limit))
}

// Selectors of 64-bit user mode, the same on every x64 Windows.
const (
	userCS = 0x33
	userDS = 0x2b // also SS, ES, GS
	userFS = 0x53
)

// initCPU puts the processor into 64-bit user mode as Windows starts a thread: MXCSR 1f80h, x87 control word 27fh
// (53-bit precision), GS at the TEB.
func (t *Thread) initCPU() {
	c := t.cpu
	for seg, sel := range [...]uint16{decode.ES: userDS, decode.CS: userCS, decode.SS: userDS, decode.DS: userDS, decode.FS: userFS, decode.GS: userDS} {
		c.SetSelector(seg, sel)
	}
	c.SetSegBase(decode.GS, t.teb)
	c.SetFlags(x86.FlagIF | x86.FlagR1)
	c.FXRestore(&[512]byte{mxcsrInFltSave: initialMXCSR & 0xff, mxcsrInFltSave + 1: initialMXCSR >> 8})
	c.MXCSR = initialMXCSR
	c.SetX87Control(initialFPUControl)
}

const (
	initialMXCSR      = 0x1f80
	initialFPUControl = 0x027f
)
