package nt

import (
	"cmp"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// maxThreads bounds a process, maxAllThreads the machine: each thread is a goroutine and a stack of guest memory.
const (
	maxThreads    = 4096
	maxAllThreads = 16384
)

// A ThreadRequest is the argument of CreateThread. Sizes are in bytes; 0 takes the program's own.
type ThreadRequest struct {
	Process                   *Process // nil: the caller's
	Start, Parameter          uint64
	StackReserve, StackCommit uint64
	Suspended                 bool
	ZeroBits                  uint64 // of the stack's address, as NtAllocateVirtualMemory counts them
	TEBFlags                  uint16 // bits of TEB.SameTebFlags
	Hidden                    bool   // from debuggers
	Access                    uint32 // of the handle; 0: all
	SecurityAttributes

	// NtCreateThread's: where the thread begins, behind LdrInitializeThunk, and on what stack. nil: Start, on one of its own.
	Context *ntdef.Context
	Stack   *InitialStack
}

// InitialStack is a stack that the caller of NtCreateThread has made: addresses of its top, of its committed part and of all of it.
type InitialStack struct{ Base, Limit, Allocation uint64 }

// CreateThread is NtCreateThreadEx: the thread begins at ntdll!LdrInitializeThunk, as the first one did. NO_MEMORY, QUOTA_EXCEEDED,
// PROCESS_IS_TERMINATING.
func (t *Thread) CreateThread(r *ThreadRequest) (ntdef.Handle, *Thread, ntdef.Status) {
	h, n, st := t.createThread(r)
	t.proc.serviced("NtCreateThreadEx", st, threadParams, r.Start, r.Parameter, r.StackReserve, r.StackCommit, uint64(h))
	return h, n, st
}

var threadParams = []string{"start", "parameter", "stackReserve", "stackCommit", "got"}

func (t *Thread) createThread(r *ThreadRequest) (ntdef.Handle, *Thread, ntdef.Status) {
	n, st := t.newUserThread(r)
	if st != ntdef.STATUS_SUCCESS {
		return 0, nil, st
	}
	h := ntdef.Handle(0)
	st = t.proc.secure(n.object, r.security, nil, false)
	if st == ntdef.STATUS_SUCCESS {
		h, st = t.proc.creatorHandle(n.object, cmp.Or(r.Access, ntdef.GENERIC_ALL), flag(r.Inherit)*objInherit)
	}
	if st != ntdef.STATUS_SUCCESS {
		t.sys.unprotect(&n.object.security)
		n.freeMemory()
		return 0, nil, st
	}
	n.launch()
	return h, n, ntdef.STATUS_SUCCESS
}

// newUserThread makes a thread with all that it has of memory. It does not run before it is launched.
func (t *Thread) newUserThread(r *ThreadRequest) (*Thread, ntdef.Status) {
	p := cmp.Or(r.Process, t.proc)
	switch {
	case p.exited:
		return nil, ntdef.STATUS_PROCESS_IS_TERMINATING
	case len(p.threads) >= maxThreads, t.sys.threadCount() >= maxAllThreads:
		return nil, ntdef.STATUS_QUOTA_EXCEEDED
	}
	t.sys.lastID += 4
	n := t.sys.newThread(p, t.sys.lastID)
	n.entry, n.hidden, n.suspended = r.Start, r.Hidden, flag(r.Suspended)
	by := t
	if p != t.proc {
		by = n
	}
	if err := t.asThread(n, func() error { return n.build(r, by) }); err != nil {
		n.freeMemory()
		return nil, ntdef.STATUS_NO_MEMORY
	}
	return n, ntdef.STATUS_SUCCESS
}

// launch lets a thread that was made run.
func (t *Thread) launch() {
	t.proc.threads = append(t.proc.threads, t)
	t.start()
	t.sys.makeReady(t)
}

// build makes the thread's TEB, stack and first registers; by is the thread whose accesses write them.
func (t *Thread) build(r *ThreadRequest, by *Thread) error {
	p := t.proc
	b := builder{p: p, t: t, by: by}
	reserve, commit := cmp.Or(r.StackReserve, p.stackReserve), cmp.Or(r.StackCommit, p.stackCommit)
	if commit > reserve {
		reserve = roundUp(commit, 1<<20)
	}
	if err := b.newTEB(); err != nil {
		return err
	}
	b.bits = r.ZeroBits
	if r.Stack != nil {
		if err := b.givenStack(r.Stack); err != nil {
			return err
		}
	} else if err := b.newStack(reserve, commit); err != nil {
		return err
	}
	if r.TEBFlags != 0 {
		if err := by.Store16(t.teb+ntdef.TebSameTebFlags, r.TEBFlags); err != nil {
			return err
		}
	}
	if r.Context == nil {
		return b.enter(r.Start, r.Parameter)
	}
	t.initCPU()
	return b.enterContext(r.Context)
}

// givenStack takes the stack that NtCreateThread's caller has made.
func (b *builder) givenStack(s *InitialStack) error {
	b.t.stackGiven = true
	b.t.stack = ntmm.Stack{Limit: x86.VirtAddr(s.Limit), Base: x86.VirtAddr(s.Base), DeallocationStack: x86.VirtAddr(s.Allocation)}
	return b.fillTEB(s.Base, s.Limit, s.Allocation)
}

func (s *System) threadCount() (n int) {
	for _, p := range s.procs {
		n += len(p.threads)
	}
	return n
}

// asThread runs body with another thread's registers and address space; the registers are then the other's own.
func (t *Thread) asThread(n *Thread, body func() error) error {
	var own cpu.Registers
	t.cpu.SaveRegisters(&own)
	away := n.proc != t.proc
	if away {
		t.sys.sched.current = n
		n.proc.attach()
	}
	err := body()
	t.cpu.SaveRegisters(&n.saved)
	if away {
		t.sys.sched.current = t
		if !t.proc.exited { // as one has whose end made another process's worker
			t.proc.attach()
		}
	}
	t.cpu.LoadRegisters(&own)
	return err
}
