package nt

import (
	"slices"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

type threadState uint8

const (
	threadReady threadState = iota
	threadRunning
	threadWaiting
	threadEnded
)

// threadExit ends one thread; bodies return it like any error.
type threadExit struct{ code uint32 }

func (e *threadExit) Error() string { return "nt: the thread ends" }

// maxThreads bounds a process: each thread is a goroutine and a stack of guest memory.
const maxThreads = 4096

// A ThreadRequest is the argument of CreateThread. Sizes are in bytes; 0 takes the program's own.
type ThreadRequest struct {
	Start, Parameter          uint64
	StackReserve, StackCommit uint64
	Suspended                 bool
}

// CreateThread is NtCreateThreadEx: the thread begins at ntdll!LdrInitializeThunk, as the first one did. NO_MEMORY, QUOTA_EXCEEDED.
func (t *Thread) CreateThread(r *ThreadRequest) (ntdef.Handle, *Thread, ntdef.Status) {
	h, n, st := t.createThread(r)
	t.proc.serviced("NtCreateThreadEx", st, threadParams, r.Start, r.Parameter, r.StackReserve, r.StackCommit, uint64(h))
	return h, n, st
}

var threadParams = []string{"start", "parameter", "stackReserve", "stackCommit", "got"}

func (t *Thread) createThread(r *ThreadRequest) (ntdef.Handle, *Thread, ntdef.Status) {
	p := t.proc
	if len(p.threads) >= maxThreads {
		return 0, nil, ntdef.STATUS_QUOTA_EXCEEDED
	}
	t.sys.lastID += 4
	n := &Thread{sys: t.sys, proc: p, cpu: t.cpu, id: t.sys.lastID, priority: normalBase}
	n.object = &threadObject{thread: n}
	b := builder{p: p, t: n, by: t}
	reserve, commit := r.StackReserve, r.StackCommit
	if reserve == 0 {
		reserve = p.stackReserve
	}
	if commit == 0 {
		commit = p.stackCommit
	}
	if commit > reserve {
		reserve = roundUp(commit, 1<<20)
	}
	if b.newTEB() != nil {
		return 0, nil, ntdef.STATUS_NO_MEMORY
	}
	if b.newStack(reserve, commit) != nil {
		n.freeMemory()
		return 0, nil, ntdef.STATUS_NO_MEMORY
	}
	var err error
	n.newRegisters(func(*cpu.CPU) { err = b.enter(r.Start, r.Parameter) })
	if err != nil {
		n.freeMemory()
		return 0, nil, ntdef.STATUS_NO_MEMORY
	}
	if r.Suspended {
		n.suspended = 1
	}
	p.threads = append(p.threads, n)
	n.start()
	t.sys.makeReady(n)
	return p.handles.add(n.object), n, ntdef.STATUS_SUCCESS
}

// freeMemory gives a thread's stack and TEB back.
func (t *Thread) freeMemory() {
	if base := t.stack.DeallocationStack; base != 0 {
		t.as().Free(&ntmm.Request{Base: base, Type: ntdef.MEM_RELEASE})
	}
	// The first thread's TEB has the PEB behind it, which stays.
	t.as().Free(&ntmm.Request{Base: x86.VirtAddr(t.teb), Size: ntdef.TebSize, Type: ntdef.MEM_RELEASE})
}

// ended is what the executive does with a thread that ends: its mutants are abandoned, its memory goes, who waits for it goes on.
// The last thread takes the process with it: the error is then the process's end.
func (t *Thread) ended(code uint32) error {
	t.exitCode, t.state = code, threadEnded
	for _, m := range t.owned {
		m.owner, m.count, m.abandoned = nil, 0, true
		t.sys.signal(m)
	}
	t.owned = nil
	alive := slices.ContainsFunc(t.proc.threads, func(o *Thread) bool { return o.state != threadEnded })
	if !alive {
		return t.proc.Exit(code)
	}
	t.freeMemory()
	t.proc.threads = slices.DeleteFunc(t.proc.threads, func(o *Thread) bool { return o == t })
	t.sys.signal(t.object)
	return nil
}

// ExitThread returns the error by which a body ends the thread.
func (t *Thread) ExitThread(code uint32) error { return &threadExit{code} }

// IsLastThread reports whether no other thread of the process is alive.
func (t *Thread) IsLastThread() bool {
	return !slices.ContainsFunc(t.proc.threads, func(o *Thread) bool { return o != t && o.state != threadEnded })
}

// thread returns the thread of a handle or of the pseudo handle.
func (t *Thread) thread(h ntdef.Handle) (*Thread, ntdef.Status) {
	if h == ntdef.CurrentThread {
		return t, ntdef.STATUS_SUCCESS
	}
	o, st := of[*threadObject](t.proc, h)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	return o.thread, st
}

// ThreadByHandle returns the thread of a handle or of the pseudo handle: INVALID_HANDLE, OBJECT_TYPE_MISMATCH.
func (t *Thread) ThreadByHandle(h ntdef.Handle) (*Thread, ntdef.Status) { return t.thread(h) }

// OpenThread is NtOpenThread: INVALID_CID where no thread has the identifier.
func (p *Process) OpenThread(id uint64) (ntdef.Handle, ntdef.Status) {
	for _, t := range p.threads {
		if t.id == id {
			return p.handles.add(t.object), ntdef.STATUS_SUCCESS
		}
	}
	return 0, ntdef.STATUS_INVALID_CID
}

// TerminateThread is NtTerminateThread. Another thread ends where it stands, without a word to its DLLs.
func (t *Thread) TerminateThread(h ntdef.Handle, code uint32) (ntdef.Status, error) {
	o, st := t.thread(h)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case o == t:
		return 0, t.ExitThread(code)
	case o.state == threadEnded:
		return ntdef.STATUS_SUCCESS, nil
	}
	o.ending, o.exitCode = true, code
	if w := o.waiting; w != nil && !w.done {
		w.end(t.sys)
	}
	return ntdef.STATUS_SUCCESS, nil
}

// ExitCode returns the thread's exit code; ok is false while it runs.
func (t *Thread) ExitCode() (code uint32, ok bool) { return t.exitCode, t.state == threadEnded }

// maxSuspend is the most that suspensions nest.
const maxSuspend = 127

// Suspend is NtSuspendThread: how often the thread was suspended before. SUSPEND_COUNT_EXCEEDED.
func (t *Thread) Suspend(o *Thread) (uint32, ntdef.Status, error) {
	if o.suspended == maxSuspend {
		return 0, ntdef.STATUS_SUSPEND_COUNT_EXCEEDED, nil
	}
	o.suspended++
	if o == t {
		t.sys.makeReady(t)
		return o.suspended - 1, ntdef.STATUS_SUCCESS, t.leave()
	}
	return o.suspended - 1, ntdef.STATUS_SUCCESS, nil
}

// Resume is NtResumeThread.
func (t *Thread) Resume() uint32 {
	was := t.suspended
	if was > 0 {
		t.suspended--
	}
	return was
}

// Priority returns the thread's priority relative to its process's, from -15 to 15; SetPriority sets it.
func (t *Thread) Priority() int32 { return t.relative }

// SetPriority gives the thread a priority: INVALID_PARAMETER for one that Windows does not know.
func (t *Thread) SetPriority(relative int32) ntdef.Status {
	base := normalBase + relative
	switch {
	case relative == -15:
		base = 1
	case relative == 15:
		base = 15
	case relative < -2 || relative > 2:
		return ntdef.STATUS_INVALID_PARAMETER
	}
	t.relative = relative
	if t.state == threadReady && t != t.sys.sched.current {
		q := &t.sys.sched.ready[t.priority]
		*q = slices.DeleteFunc(*q, func(o *Thread) bool { return o == t })
		t.priority = uint8(base)
		t.sys.makeReady(t)
		return ntdef.STATUS_SUCCESS
	}
	t.priority = uint8(base)
	return ntdef.STATUS_SUCCESS
}
