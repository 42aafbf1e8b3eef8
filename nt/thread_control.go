package nt

import (
	"cmp"
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

type threadState uint8

const (
	threadNew threadState = iota // the scheduler does not know of it
	threadReady
	threadRunning
	threadWaiting
	threadEnded
)

// threadExit ends one thread; bodies return it like any error.
type threadExit struct{ code uint32 }

func (e *threadExit) Error() string { return "nt: the thread ends" }

// freeMemory gives a thread's TEB back, and the stack that was made for it.
func (t *Thread) freeMemory() {
	if base := t.stack.DeallocationStack; base != 0 && !t.stackGiven {
		t.as().Free(&ntmm.Request{Base: base, Type: ntdef.MEM_RELEASE})
	}
	// The first thread's TEB has the PEB behind it, which stays. That of a thread which was terminated stays in the list that Wine's
	// ntdll links TEBs into, and its kernel never unmaps one.
	if !t.ending || !t.sys.wine() {
		t.as().Free(&ntmm.Request{Base: x86.VirtAddr(t.teb), Size: t.tebSize, Type: ntdef.MEM_RELEASE})
	}
	t.stack = ntmm.Stack{}
}

// ended is what the executive does with a thread that ends: its mutants are abandoned, its memory goes, who waits for it goes on.
// The last thread takes the process with it: the error is then the process's end.
func (t *Thread) ended(code uint32) error {
	t.exitCode, t.state = code, threadEnded
	t.cancelRequests()
	t.sys.abandon(t)
	alive := slices.ContainsFunc(t.proc.threads, func(o *Thread) bool { return o.state != threadEnded })
	if !alive {
		return t.proc.Exit(code)
	}
	t.gone()
	return nil
}

// gone takes a thread that has ended off its process: its memory goes, who waits for it goes on.
func (t *Thread) gone() {
	t.finished = t.sys.SystemTime()
	t.serves(nil)
	t.worker.left()
	t.freeMemory()
	t.proc.threads = slices.DeleteFunc(t.proc.threads, func(o *Thread) bool { return o == t })
	t.proc.ran += t.ran
	t.linger()
	t.sys.signal(t.object)
}

// linger keeps a thread that has ended where its identifier finds it, as long as it has handles.
func (t *Thread) linger() {
	if t.object.handles > 0 {
		t.sys.lingering = append(t.sys.lingering, t)
	}
	t.sys.unuse(t.object)
}

// ended forgets a thread that has ended with its last handle.
func (o *threadObject) ended() {
	s := o.thread.sys
	s.lingering = slices.DeleteFunc(s.lingering, func(t *Thread) bool { return t == o.thread })
}

// allThreads returns the threads of a process by identifier, those that have ended and still have handles too.
func (p *Process) allThreads() []*Thread {
	all := slices.Clone(p.threads)
	for _, t := range p.sys.lingering {
		if t.proc == p {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b *Thread) int { return cmp.Compare(a.id, b.id) })
	return all
}

// EndOthers is NtTerminateProcess without a process: the other threads of the caller's process end where they stand.
func (t *Thread) EndOthers(code uint32) {
	for _, o := range slices.Clone(t.proc.threads) {
		if o != t && o.state != threadEnded {
			o.kill()
			o.exitCode = code
			t.sys.abandon(o)
			o.gone()
		}
	}
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
func (p *Process) OpenThread(id uint64, access uint32, inherit bool) (ntdef.Handle, ntdef.Status) {
	t := p.sys.threadByID(id)
	if t == nil {
		return 0, ntdef.STATUS_INVALID_CID
	}
	return p.openHandle(t.object, access, flag(inherit)*objInherit)
}

// threadByID returns the thread with an identifier, nil where there is none.
func (s *System) threadByID(id uint64) *Thread {
	for _, p := range s.procs {
		for _, t := range p.threads {
			if t.id == id {
				return t
			}
		}
	}
	for _, t := range s.lingering {
		if t.id == id {
			return t
		}
	}
	return nil
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
	switch {
	case o.state == threadEnded || o.ending:
		return 0, ntdef.STATUS_THREAD_IS_TERMINATING, nil
	case o.suspended == maxSuspend:
		return 0, ntdef.STATUS_SUSPEND_COUNT_EXCEEDED, nil
	}
	o.suspended++
	o.pause()
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
	if t.state != threadWaiting {
		t.unpause()
	}
	return was
}

// Priority returns the thread's priority relative to its process's, from -15 to 15; SetPriority sets it.
func (t *Thread) Priority() int32 { return t.relative }

// The ends of the range of relative priorities (winbase.h, THREAD_PRIORITY_*).
const (
	timeCritical = 15
	idle         = -15

	lowRealTime = 16 // the lowest priority of the real-time range
)

// SetPriority gives the thread a priority: INVALID_PARAMETER for one that Windows does not know.
func (t *Thread) SetPriority(relative int32) ntdef.Status {
	priority, st := t.proc.threadPriority(relative)
	if st == ntdef.STATUS_SUCCESS {
		t.relative = relative
		t.setPriority(priority)
	}
	return st
}

// threadPriority is the priority of the process's threads that have a relative one: INVALID_PARAMETER.
func (p *Process) threadPriority(relative int32) (uint8, ntdef.Status) {
	base := p.basePriority()
	realTime := base >= lowRealTime
	switch {
	case relative == idle && realTime:
		return lowRealTime, ntdef.STATUS_SUCCESS
	case relative == idle:
		return 1, ntdef.STATUS_SUCCESS
	case relative == timeCritical && realTime:
		return priorities - 1, ntdef.STATUS_SUCCESS
	case relative == timeCritical:
		return lowRealTime - 1, ntdef.STATUS_SUCCESS
	case relative < -2 || relative > 2:
		return 0, ntdef.STATUS_INVALID_PARAMETER
	}
	return uint8(base + relative), ntdef.STATUS_SUCCESS
}

// setPriority moves the thread to another priority, from 1 to 31.
func (t *Thread) setPriority(priority uint8) {
	if t.state == threadReady && t != t.sys.sched.current {
		q := &t.sys.sched.ready[t.priority]
		*q = slices.DeleteFunc(*q, func(o *Thread) bool { return o == t })
		t.priority = priority
		t.sys.makeReady(t)
		return
	}
	t.priority = priority
}
