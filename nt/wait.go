package nt

import (
	"fmt"
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
)

// A dispatcher object can be waited for (Windows Internals, part 1 ch. 3, "Low-IRQL synchronization").
type dispatcher interface {
	object
	// signaled reports whether a thread's wait for the object is over, take what that does to the object; abandoned says that the
	// owner of a mutant ended with it.
	signaled(t *Thread) bool
	take(t *Thread) (abandoned bool)
	wait() *waitList
}

// waitList are the waits for an object in the order in which they began.
type waitList struct{ blocks []*waitBlock }

func (w *waitList) wait() *waitList { return w }

// waitBlock is one thread's wait.
type waitBlock struct {
	thread  *Thread
	objects []dispatcher
	all     bool
	alert   bool // APCs end it
	status  ntdef.Status
	done    bool
	timer   *deadline
	what    string // of a wait that is for no object
}

// waitsFor describes what a thread waits for.
func (t *Thread) waitsFor() string {
	w := t.waiting
	switch {
	case w == nil:
		return "nothing"
	case w.what != "":
		return w.what
	case len(w.objects) == 1:
		return "a " + w.objects[0].typeName()
	}
	return fmt.Sprintf("%d objects", len(w.objects))
}

// satisfied tries to end a wait.
func (w *waitBlock) satisfied() bool {
	if w.all {
		for _, o := range w.objects {
			if !o.signaled(w.thread) {
				return false
			}
		}
		w.status = ntdef.STATUS_WAIT_0
		for _, o := range w.objects {
			if o.take(w.thread) {
				w.status = ntdef.STATUS_ABANDONED_WAIT_0
			}
		}
		return true
	}
	for i, o := range w.objects {
		if o.signaled(w.thread) {
			w.status = ntdef.STATUS_WAIT_0 + ntdef.Status(i)
			if o.take(w.thread) {
				w.status = ntdef.STATUS_ABANDONED_WAIT_0 + ntdef.Status(i)
			}
			return true
		}
	}
	return false
}

// end ends a wait and makes its thread ready.
func (w *waitBlock) end(s *System) {
	w.leave(s)
	s.makeReady(w.thread)
}

// leave takes a wait off all lists.
func (w *waitBlock) leave(s *System) {
	for _, o := range w.objects {
		l := o.wait()
		l.blocks = slices.DeleteFunc(l.blocks, func(b *waitBlock) bool { return b == w })
	}
	if w.timer != nil {
		s.cancel(w.timer)
	}
	w.done = true
}

// signal ends the waits that an object's new state satisfies, the oldest first.
func (s *System) signal(o dispatcher) {
	for _, w := range slices.Clone(o.wait().blocks) {
		if !o.signaled(w.thread) && !w.all {
			if _, owned := o.(*mutant); !owned {
				return
			}
			continue
		}
		if !w.done && w.satisfied() {
			w.end(s)
		}
	}
}

// Infinite is the timeout of a wait that nothing but its objects end.
const Infinite = ^uint64(0)

// wait waits for objects for at most some nanoseconds: WAIT_0 and the index, or 0 for all; ABANDONED_WAIT_0, TIMEOUT, USER_APC.
func (t *Thread) wait(objects []dispatcher, all bool, timeout uint64, alertable bool) (ntdef.Status, error) {
	w := &waitBlock{thread: t, objects: objects, all: all, alert: alertable}
	if len(objects) > 0 && w.satisfied() {
		return w.status, nil
	}
	if alertable && len(t.apcs) > 0 {
		return ntdef.STATUS_USER_APC, t.runAPCs()
	}
	if timeout == 0 {
		return ntdef.STATUS_TIMEOUT, nil
	}
	return t.block(w, timeout)
}

// block waits for the end of a wait that is not over.
func (t *Thread) block(w *waitBlock, timeout uint64) (ntdef.Status, error) {
	s := t.sys
	for _, o := range w.objects {
		l := o.wait()
		l.blocks = append(l.blocks, w)
	}
	if timeout != Infinite {
		w.timer = s.after(s.Now()+timeout, func() {
			w.timer, w.status = nil, ntdef.STATUS_TIMEOUT
			w.end(s)
		})
	}
	t.waiting, t.state = w, threadWaiting
	err := t.leave()
	t.waiting = nil
	if err != nil {
		return 0, err
	}
	if w.status == ntdef.STATUS_USER_APC {
		return w.status, t.runAPCs()
	}
	return w.status, nil
}

// Sleep waits for some nanoseconds: SUCCESS, or USER_APC where one came.
func (t *Thread) Sleep(nanoseconds uint64, alertable bool) (ntdef.Status, error) {
	if alertable && len(t.apcs) > 0 {
		return ntdef.STATUS_USER_APC, t.runAPCs()
	}
	if nanoseconds == 0 {
		_, err := t.Yield()
		return ntdef.STATUS_SUCCESS, err
	}
	what := "the end of its sleep"
	if nanoseconds == Infinite {
		what = "nothing: it sleeps for ever"
	}
	st, err := t.block(&waitBlock{thread: t, alert: alertable, what: what}, nanoseconds)
	if st == ntdef.STATUS_TIMEOUT {
		st = ntdef.STATUS_SUCCESS
	}
	return st, err
}

// An apc is a call that a thread makes when it waits alertably.
type apc struct {
	fn   uint64
	args [3]uint64
}

// QueueAPC is NtQueueApcThread: fn is called with the arguments in the thread, which waits for it or will.
func (t *Thread) QueueAPC(fn uint64, args [3]uint64) {
	t.apcs = append(t.apcs, apc{fn, args})
	if w := t.waiting; w != nil && w.alert && !w.done {
		w.status = ntdef.STATUS_USER_APC
		w.end(t.sys)
	}
}

func (t *Thread) runAPCs() error {
	for len(t.apcs) > 0 {
		a := t.apcs[0]
		t.apcs = t.apcs[1:]
		if _, err := t.Call(a.fn, a.args[:]...); err != nil {
			return err
		}
	}
	return nil
}

// WaitAddress waits until an address is woken (RtlWaitOnAddress): SUCCESS or TIMEOUT. The caller looks at the memory itself; nothing
// can happen between its look and the wait. what is for the report of a deadlock.
func (t *Thread) WaitAddress(what string, va, timeout uint64) (ntdef.Status, error) {
	if timeout == 0 {
		return ntdef.STATUS_TIMEOUT, nil
	}
	w := &waitBlock{thread: t, what: fmt.Sprintf("%s %#x", what, va)}
	p := t.proc
	if p.addresses == nil {
		p.addresses = map[uint64][]*waitBlock{}
	}
	p.addresses[va] = append(p.addresses[va], w)
	st, err := t.block(w, timeout)
	if list := slices.DeleteFunc(p.addresses[va], func(b *waitBlock) bool { return b == w }); len(list) > 0 {
		p.addresses[va] = list
	} else {
		delete(p.addresses, va)
	}
	return st, err
}

// WakeAddress wakes the first thread that waits for an address, or all.
func (p *Process) WakeAddress(va uint64, all bool) {
	for _, w := range slices.Clone(p.addresses[va]) {
		if w.done {
			continue
		}
		w.status = ntdef.STATUS_SUCCESS
		w.end(p.sys)
		if !all {
			return
		}
	}
}

// The dispatcher objects.

// event is signaled until it is reset, or until one thread has seen it.
type event struct {
	objectHeader
	waitList
	manual, set bool
}

func (*event) typeName() string        { return "Event" }
func (e *event) signaled(*Thread) bool { return e.set }
func (e *event) take(*Thread) bool     { e.set = e.set && e.manual; return false }

// mutant belongs to a thread, as often as it was taken.
type mutant struct {
	objectHeader
	waitList
	owner     *Thread
	count     uint32
	abandoned bool
}

func (*mutant) typeName() string          { return "Mutant" }
func (m *mutant) signaled(t *Thread) bool { return m.owner == nil || m.owner == t }
func (m *mutant) take(t *Thread) bool {
	if m.owner == nil {
		t.owned = append(t.owned, m)
	}
	m.owner = t
	m.count++
	was := m.abandoned
	m.abandoned = false
	return was
}

type semaphore struct {
	objectHeader
	waitList
	count, maximum int32
}

func (*semaphore) typeName() string        { return "Semaphore" }
func (s *semaphore) signaled(*Thread) bool { return s.count > 0 }
func (s *semaphore) take(*Thread) bool     { s.count--; return false }

// timer is signaled at a time, and again every period.
type timer struct {
	objectHeader
	waitList
	manual, set bool
	due         *deadline
	period      uint64 // nanoseconds; 0: once
}

func (*timer) typeName() string        { return "Timer" }
func (t *timer) signaled(*Thread) bool { return t.set }
func (t *timer) take(*Thread) bool     { t.set = t.set && t.manual; return false }

// threadObject is signaled once its thread has ended.
type threadObject struct {
	objectHeader
	waitList
	thread *Thread
}

func (*threadObject) typeName() string           { return "Thread" }
func (o *threadObject) signaled(*Thread) bool    { return o.thread.state == threadEnded }
func (o *threadObject) take(*Thread) bool        { return false }
func (o *processObject) signaled(*Thread) bool   { return o.proc.exited }
func (o *processObject) take(*Thread) bool       { return false }
func (m *memoryCondition) signaled(*Thread) bool { return m.mm.Condition(m.condition) }
func (m *memoryCondition) take(*Thread) bool     { return false }

// Wait is NtWaitForSingleObject and NtWaitForMultipleObjects by handles, at most 64; timeout is in nanoseconds, Infinite for none.
// INVALID_HANDLE, OBJECT_TYPE_MISMATCH for what cannot be waited for, INVALID_PARAMETER_1 for their number.
func (t *Thread) Wait(handles []ntdef.Handle, all bool, timeout uint64, alertable bool) (ntdef.Status, error) {
	const maximumWaitObjects = 64
	if len(handles) == 0 || len(handles) > maximumWaitObjects {
		return ntdef.STATUS_INVALID_PARAMETER_1, nil
	}
	objects := make([]dispatcher, len(handles))
	for i, h := range handles {
		o := t.proc.resolve(t, h)
		if o == nil {
			return ntdef.STATUS_INVALID_HANDLE, nil
		}
		d, ok := o.(dispatcher)
		if !ok {
			return ntdef.STATUS_OBJECT_TYPE_MISMATCH, nil
		}
		if slices.Contains(objects[:i], d) && all {
			return ntdef.STATUS_INVALID_PARAMETER_MIX, nil
		}
		objects[i] = d
	}
	return t.wait(objects, all, timeout, alertable)
}

// resolve is get with the pseudo handles of the process and the thread.
func (p *Process) resolve(t *Thread, h ntdef.Handle) object {
	switch h {
	case ntdef.CurrentProcess:
		return p.object
	case ntdef.CurrentThread:
		return t.object
	}
	return p.handles.get(h)
}

// named makes a handle to a new object, or opens the one that has its name: OBJECT_NAME_EXISTS then.
func makeNamed[T object](p *Process, name string, o T) (ntdef.Handle, ntdef.Status) {
	if name != "" {
		h, _, st := openNamed[T](p, name, ^uint32(0))
		if st == ntdef.STATUS_SUCCESS {
			return h, ntdef.STATUS_OBJECT_NAME_EXISTS
		}
		if st != ntdef.STATUS_OBJECT_NAME_NOT_FOUND {
			return 0, st
		}
		p.sys.names.insert(name, o)
	}
	return p.handles.add(o), ntdef.STATUS_SUCCESS
}

// of returns the object of a handle: INVALID_HANDLE, OBJECT_TYPE_MISMATCH.
func of[T object](p *Process, h ntdef.Handle) (T, ntdef.Status) {
	var none T
	o := p.handles.get(h)
	if o == nil {
		return none, ntdef.STATUS_INVALID_HANDLE
	}
	v, ok := o.(T)
	if !ok {
		return none, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	}
	return v, ntdef.STATUS_SUCCESS
}

// CreateEvent is NtCreateEvent; OBJECT_NAME_EXISTS is a success.
func (p *Process) CreateEvent(name string, manual, set bool) (ntdef.Handle, ntdef.Status) {
	return makeNamed(p, name, &event{manual: manual, set: set})
}

// OpenEvent is NtOpenEvent.
func (p *Process) OpenEvent(name string) (ntdef.Handle, ntdef.Status) {
	h, _, st := openNamed[*event](p, name, ^uint32(0))
	return h, st
}

// SetEvent is NtSetEvent; it returns whether the event was set.
func (p *Process) SetEvent(h ntdef.Handle) (was bool, st ntdef.Status) {
	e, st := of[*event](p, h)
	if st == ntdef.STATUS_SUCCESS {
		was, e.set = e.set, true
		p.sys.signal(e)
	}
	return was, st
}

// ResetEvent is NtResetEvent.
func (p *Process) ResetEvent(h ntdef.Handle) (was bool, st ntdef.Status) {
	e, st := of[*event](p, h)
	if st == ntdef.STATUS_SUCCESS {
		was, e.set = e.set, false
	}
	return was, st
}

// PulseEvent is NtPulseEvent: those that wait now, or the first of them, go on.
func (p *Process) PulseEvent(h ntdef.Handle) ntdef.Status {
	e, st := of[*event](p, h)
	if st == ntdef.STATUS_SUCCESS {
		e.set = true
		p.sys.signal(e)
		e.set = false
	}
	return st
}

// CreateMutant is NtCreateMutant.
func (t *Thread) CreateMutant(name string, owned bool) (ntdef.Handle, ntdef.Status) {
	m := &mutant{}
	h, st := makeNamed(t.proc, name, m)
	if owned && st == ntdef.STATUS_SUCCESS {
		m.take(t)
	}
	return h, st
}

// OpenMutant is NtOpenMutant.
func (p *Process) OpenMutant(name string) (ntdef.Handle, ntdef.Status) {
	h, _, st := openNamed[*mutant](p, name, ^uint32(0))
	return h, st
}

// ReleaseMutant is NtReleaseMutant: MUTANT_NOT_OWNED by another thread.
func (t *Thread) ReleaseMutant(h ntdef.Handle) ntdef.Status {
	m, st := of[*mutant](t.proc, h)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st
	case m.owner != t:
		return ntdef.STATUS_MUTANT_NOT_OWNED
	}
	if m.count--; m.count == 0 {
		m.owner = nil
		t.owned = slices.DeleteFunc(t.owned, func(o *mutant) bool { return o == m })
		t.sys.signal(m)
	}
	return st
}

// CreateSemaphore is NtCreateSemaphore: INVALID_PARAMETER for counts that make no sense.
func (p *Process) CreateSemaphore(name string, count, maximum int32) (ntdef.Handle, ntdef.Status) {
	if maximum <= 0 || count < 0 || count > maximum {
		return 0, ntdef.STATUS_INVALID_PARAMETER
	}
	return makeNamed(p, name, &semaphore{count: count, maximum: maximum})
}

// OpenSemaphore is NtOpenSemaphore.
func (p *Process) OpenSemaphore(name string) (ntdef.Handle, ntdef.Status) {
	h, _, st := openNamed[*semaphore](p, name, ^uint32(0))
	return h, st
}

// ReleaseSemaphore is NtReleaseSemaphore: the count before, SEMAPHORE_LIMIT_EXCEEDED where it would pass its maximum.
func (p *Process) ReleaseSemaphore(h ntdef.Handle, n int32) (int32, ntdef.Status) {
	s, st := of[*semaphore](p, h)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return 0, st
	case n <= 0:
		return 0, ntdef.STATUS_INVALID_PARAMETER
	case int64(s.count)+int64(n) > int64(s.maximum):
		return 0, ntdef.STATUS_SEMAPHORE_LIMIT_EXCEEDED
	}
	was := s.count
	s.count += n
	p.sys.signal(s)
	return was, st
}

// CreateTimer is NtCreateTimer.
func (p *Process) CreateTimer(name string, manual bool) (ntdef.Handle, ntdef.Status) {
	return makeNamed(p, name, &timer{manual: manual})
}

// SetTimer is NtSetTimer: due is a virtual time in nanoseconds, period may be 0. An APC is queued each time where fn is not 0.
func (t *Thread) SetTimer(h ntdef.Handle, due, period, fn, arg uint64) ntdef.Status {
	o, st := of[*timer](t.proc, h)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	s := t.sys
	if o.due != nil {
		s.cancel(o.due)
	}
	o.set, o.period = false, period
	var fire func()
	fire = func() {
		o.set, o.due = true, nil
		if fn != 0 && t.state != threadEnded {
			now := s.SystemTime()
			t.QueueAPC(fn, [3]uint64{arg, now & 0xffffffff, now >> 32})
		}
		s.signal(o)
		if o.period != 0 {
			due += o.period
			o.due = s.after(due, fire)
		}
	}
	o.due = s.after(due, fire)
	return st
}

// CancelTimer is NtCancelTimer.
func (p *Process) CancelTimer(h ntdef.Handle) ntdef.Status {
	o, st := of[*timer](p, h)
	if st == ntdef.STATUS_SUCCESS && o.due != nil {
		p.sys.cancel(o.due)
		o.due = nil
	}
	return st
}

// closed stops a timer with its last handle.
func (t *timer) closed() { t.period = 0 }
