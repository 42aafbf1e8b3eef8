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
	alert   bool // APCs and alerts end it
	byID    bool // an alert by the thread's identifier does
	status  ntdef.Status
	done    bool
	timer   *deadline
	what    string // of a wait that is for no object
	fire    func() // of a wait that no thread waits for
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
		return describe(w.objects[0])
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
	if w.fire != nil {
		w.fire()
		return
	}
	w.thread.unpause()
	s.makeReady(w.thread)
}

// leave takes a wait off all lists.
func (w *waitBlock) leave(s *System) {
	for _, o := range w.objects {
		l := o.wait()
		l.blocks = slices.DeleteFunc(l.blocks, func(b *waitBlock) bool { return b == w })
		if t, ok := o.(*timer); ok {
			t.released()
		}
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

// wait waits for objects for at most some nanoseconds: WAIT_0 and the index, or 0 for all; ABANDONED_WAIT_0, TIMEOUT, USER_APC, ALERTED.
func (t *Thread) wait(objects []dispatcher, all bool, timeout uint64, alertable bool) (ntdef.Status, error) {
	w := &waitBlock{thread: t, objects: objects, all: all, alert: alertable}
	if len(objects) > 0 && w.satisfied() {
		return w.status, nil
	}
	if st, ok := t.interrupted(alertable); ok {
		return st, nil
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
	t.pause()
	t.waiting, t.state = w, threadWaiting
	err := t.leave()
	t.waiting = nil
	if err != nil {
		return 0, err
	}
	t.deliver = t.deliver || w.status == ntdef.STATUS_USER_APC
	return w.status, nil
}

// Sleep waits for some nanoseconds: SUCCESS, or USER_APC or ALERTED where one came.
func (t *Thread) Sleep(nanoseconds uint64, alertable bool) (ntdef.Status, error) {
	if st, ok := t.interrupted(alertable); ok {
		return st, nil
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

// threadObject is signaled once its thread has ended.
type threadObject struct {
	objectHeader
	waitList
	thread *Thread
}

func (*threadObject) typeName() string         { return "Thread" }
func (o *threadObject) signaled(*Thread) bool  { return o.thread.state == threadEnded }
func (o *threadObject) take(*Thread) bool      { return false }
func (o *processObject) signaled(*Thread) bool { return o.proc.exited }
func (o *processObject) take(*Thread) bool     { return false }

// maximumWaitObjects is how many objects a wait may be for (winnt.h).
const maximumWaitObjects = 64

// Wait is NtWaitForSingleObject and NtWaitForMultipleObjects by handles, at most 64; timeout is in nanoseconds, Infinite for none.
// INVALID_HANDLE, OBJECT_TYPE_MISMATCH for what cannot be waited for, INVALID_PARAMETER_1 for their number.
func (t *Thread) Wait(handles []ntdef.Handle, all bool, timeout uint64, alertable bool) (ntdef.Status, error) {
	if len(handles) == 0 || len(handles) > maximumWaitObjects {
		return ntdef.STATUS_INVALID_PARAMETER_1, nil
	}
	objects := make([]dispatcher, len(handles))
	for i, h := range handles {
		d, st := t.waitable(h)
		if st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		if slices.Contains(objects[:i], d) && all {
			return ntdef.STATUS_INVALID_PARAMETER_MIX, nil
		}
		objects[i] = d
	}
	return t.wait(objects, all, timeout, alertable)
}

// waitable returns the object of a handle to wait for: INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED without SYNCHRONIZE.
func (t *Thread) waitable(h ntdef.Handle) (dispatcher, ntdef.Status) {
	switch h {
	case ntdef.CurrentProcess:
		return t.proc.object, ntdef.STATUS_SUCCESS
	case ntdef.CurrentThread:
		return t.object, ntdef.STATUS_SUCCESS
	}
	return with[dispatcher](t.proc, h, synchronize)
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

// of returns the object of a handle whatever its rights: INVALID_HANDLE, OBJECT_TYPE_MISMATCH.
func of[T object](p *Process, h ntdef.Handle) (T, ntdef.Status) { return with[T](p, h, 0) }

// with is of where the handle has some rights: ACCESS_DENIED.
func with[T object](p *Process, h ntdef.Handle, access uint32) (T, ntdef.Status) {
	var none T
	e := p.handles.entry(h)
	if e == nil {
		return none, ntdef.STATUS_INVALID_HANDLE
	}
	v, ok := e.object.(T)
	switch {
	case !ok:
		return none, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	case e.access&access != access:
		return none, ntdef.STATUS_ACCESS_DENIED
	}
	return v, ntdef.STATUS_SUCCESS
}
