package nt

import (
	"fmt"
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
)

// Events, mutants and semaphores. Each method is the service of its name without the pointers; names and rights are an
// ObjectRequest's.

// An ObjectRequest is how an object is asked for by Win32: Name is below the session's directory, "" for none, and an object that has
// it already is opened.
type ObjectRequest struct {
	Name   string
	Access uint32 // rights of the handle; 0: all
	SecurityAttributes

	object *objectAttributes // of a service, in place of Name and SecurityAttributes
}

// request returns what an ObjectRequest asks for.
func (p *Process) request(r *ObjectRequest) (*objectAttributes, uint32) {
	if r.object != nil {
		return r.object, r.Access
	}
	a := p.sys.win32Name(r.Name)
	a.apply(&r.SecurityAttributes)
	if r.Access == 0 {
		return &a, ntdef.GENERIC_ALL
	}
	return &a, r.Access
}

// create makes an object as a request says; open opens one.
func create[T object](p *Process, r *ObjectRequest, o T) (ntdef.Handle, ntdef.Status) {
	a, access := p.request(r)
	h, _, st := createObject(p, a, access, o)
	return h, st
}

func open[T object](p *Process, r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
	a, access := p.request(r)
	h, _, st := openObject[T](p, a, access)
	return h, st
}

// Rights of events, mutants, semaphores and timers (winnt.h): each has one to look at the state and most have one to change it.
const (
	queryState  = 1
	modifyState = 2
)

// event is signaled until it is reset, or until one thread has seen it.
type event struct {
	objectHeader
	waitList
	manual, set bool
	condition   func() bool // of an event of the kernel's own, which nobody sets
}

func (*event) typeName() string        { return "Event" }
func (e *event) signaled(*Thread) bool { return e.state() }
func (e *event) take(*Thread) bool     { e.set = e.set && e.manual; return false }

func (e *event) state() bool {
	if e.condition != nil {
		return e.condition()
	}
	return e.set
}

// CreateEvent is NtCreateEvent; OBJECT_NAME_EXISTS is a success.
func (p *Process) CreateEvent(r *ObjectRequest, manual, set bool) (ntdef.Handle, ntdef.Status) {
	return create(p, r, &event{manual: manual, set: set})
}

// OpenEvent is NtOpenEvent.
func (p *Process) OpenEvent(r *ObjectRequest) (ntdef.Handle, ntdef.Status) { return open[*event](p, r) }

// SetEvent is NtSetEvent; it returns whether the event was set.
func (p *Process) SetEvent(h ntdef.Handle) (was bool, st ntdef.Status) {
	e, st := with[*event](p, h, modifyState)
	if st == ntdef.STATUS_SUCCESS {
		was, e.set = e.set, true
		p.sys.signal(e)
	}
	return was, st
}

// ResetEvent is NtResetEvent.
func (p *Process) ResetEvent(h ntdef.Handle) (was bool, st ntdef.Status) {
	e, st := with[*event](p, h, modifyState)
	if st == ntdef.STATUS_SUCCESS {
		was, e.set = e.set, false
	}
	return was, st
}

// PulseEvent is NtPulseEvent: those that wait now, or the first of them, go on.
func (p *Process) PulseEvent(h ntdef.Handle) (was bool, st ntdef.Status) {
	e, st := with[*event](p, h, modifyState)
	if st == ntdef.STATUS_SUCCESS {
		was, e.set = e.set, true
		p.sys.signal(e)
		e.set = false
	}
	return was, st
}

// mutant belongs to a thread, as often as it was taken.
type mutant struct {
	objectHeader
	waitList
	owner     *Thread
	count     uint32
	abandoned bool
}

func (*mutant) typeName() string { return "Mutant" }

func (m *mutant) describe() string {
	if m.owner == nil {
		return "Mutant"
	}
	return fmt.Sprintf("Mutant (of thread %d)", m.owner.id)
}

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

// CreateMutant is NtCreateMutant.
func (t *Thread) CreateMutant(r *ObjectRequest, owned bool) (ntdef.Handle, ntdef.Status) {
	m := &mutant{}
	h, st := create(t.proc, r, m)
	if owned && st == ntdef.STATUS_SUCCESS {
		m.take(t)
	}
	return h, st
}

// OpenMutant is NtOpenMutant.
func (p *Process) OpenMutant(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
	return open[*mutant](p, r)
}

// ReleaseMutant is NtReleaseMutant: the count before, 1 less than the times that it is still held for; MUTANT_NOT_OWNED by another thread.
func (t *Thread) ReleaseMutant(h ntdef.Handle) (was int32, st ntdef.Status) {
	m, st := of[*mutant](t.proc, h)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return 0, st
	case m.owner != t:
		return 0, ntdef.STATUS_MUTANT_NOT_OWNED
	}
	was = m.state()
	if m.count--; m.count == 0 {
		m.owner = nil
		t.owned = slices.DeleteFunc(t.owned, func(o *mutant) bool { return o == m })
		t.sys.signal(m)
	}
	return was, st
}

// state is the count that the services tell: 1 where nobody holds the mutant, 0 and less where someone does.
func (m *mutant) state() int32 { return int32(1 - int64(m.count)) }

type semaphore struct {
	objectHeader
	waitList
	count, maximum int32
}

func (*semaphore) typeName() string        { return "Semaphore" }
func (s *semaphore) signaled(*Thread) bool { return s.count > 0 }
func (s *semaphore) take(*Thread) bool     { s.count--; return false }

// CreateSemaphore is NtCreateSemaphore: INVALID_PARAMETER for counts that make no sense.
func (p *Process) CreateSemaphore(r *ObjectRequest, count, maximum int32) (ntdef.Handle, ntdef.Status) {
	if maximum <= 0 || count < 0 || count > maximum {
		return 0, ntdef.STATUS_INVALID_PARAMETER
	}
	return create(p, r, &semaphore{count: count, maximum: maximum})
}

// OpenSemaphore is NtOpenSemaphore.
func (p *Process) OpenSemaphore(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
	return open[*semaphore](p, r)
}

// ReleaseSemaphore is NtReleaseSemaphore: the count before, SEMAPHORE_LIMIT_EXCEEDED where it would pass its maximum.
func (p *Process) ReleaseSemaphore(h ntdef.Handle, n int32) (int32, ntdef.Status) {
	if n <= 0 {
		return 0, ntdef.STATUS_INVALID_PARAMETER
	}
	s, st := with[*semaphore](p, h, modifyState)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return 0, st
	case int64(s.count)+int64(n) > int64(s.maximum):
		return 0, ntdef.STATUS_SEMAPHORE_LIMIT_EXCEEDED
	}
	was := s.count
	s.count += n
	p.sys.signal(s)
	return was, st
}
