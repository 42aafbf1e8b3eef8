package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var syncServices = []Service{
	service("NtCreateEvent", Full, ntCreateEvent),
	service("NtOpenEvent", Full, ntOpenEvent),
	service("NtQueryEvent", Full, ntQueryEvent),
	service("NtSetEvent", Full, ntSetEvent),
	service("NtSetEventBoostPriority", Full, ntSetEventBoostPriority),
	service("NtResetEvent", Full, ntResetEvent),
	service("NtClearEvent", Full, ntClearEvent),
	service("NtPulseEvent", Full, ntPulseEvent),
	service("NtCreateMutant", Full, ntCreateMutant),
	service("NtOpenMutant", Full, ntOpenMutant),
	service("NtQueryMutant", Full, ntQueryMutant),
	service("NtReleaseMutant", Full, ntReleaseMutant),
	service("NtCreateSemaphore", Full, ntCreateSemaphore),
	service("NtOpenSemaphore", Full, ntOpenSemaphore),
	service("NtQuerySemaphore", Full, ntQuerySemaphore),
	service("NtReleaseSemaphore", Full, ntReleaseSemaphore),
	service("NtCreateKeyedEvent", Full, ntCreateKeyedEvent),
	service("NtOpenKeyedEvent", Full, ntOpenKeyedEvent),
	service("NtWaitForKeyedEvent", Full, ntWaitForKeyedEvent),
	service("NtReleaseKeyedEvent", Full, ntReleaseKeyedEvent),
	service("NtWaitForSingleObject", Full, ntWaitForSingleObject),
	service("NtWaitForMultipleObjects", Full, ntWaitForMultipleObjects),
	service("NtSignalAndWaitForSingleObject", Full, ntSignalAndWaitForSingleObject),
}

// previous probes where a service stores what was before, which may be NULL, and returns what stores it.
func (t *Thread) previous(at ntdef.Ptr[uint32]) (func(v uint32, st ntdef.Status) (ntdef.Status, error), error) {
	if at != 0 {
		if err := t.Probe(uint64(at), 4, x86.Read|x86.Write); err != nil {
			return nil, err
		}
	}
	return func(v uint32, st ntdef.Status) (ntdef.Status, error) {
		if at == 0 || !st.IsSuccess() {
			return st, nil
		}
		return st, t.Store32(uint64(at), v)
	}, nil
}

// queryStateArgs are the arguments of services that query an object of synchronisation.
type queryStateArgs struct {
	Handle       ntdef.Handle
	Class        uint32
	Buffer       uint64
	Length       uint32
	ReturnLength ntdef.Ptr[uint32]
}

// queryObjectState answers a query whose only class, 0, is of a fixed length: INVALID_INFO_CLASS, INFO_LENGTH_MISMATCH, and what body returns.
func (t *Thread) queryObjectState(a *queryStateArgs, length int, body func(b []byte) ntdef.Status) (ntdef.Status, error) {
	switch {
	case a.Class != 0:
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	case int(a.Length) != length:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	b := make([]byte, length)
	if st := body(b); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if err := t.Write(a.Buffer, b); err != nil {
		return 0, err
	}
	if a.ReturnLength == 0 {
		return ntdef.STATUS_SUCCESS, nil
	}
	return ntdef.STATUS_SUCCESS, t.Store32(uint64(a.ReturnLength), uint32(length))
}

type createEventArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Type             uint32
	InitialState     uint8
}

// Types of events and timers (EVENT_TYPE, TIMER_TYPE).
const (
	notificationType    = 0
	synchronizationType = 1
)

func ntCreateEvent(t *Thread, a *createEventArgs) (ntdef.Status, error) {
	if a.Type > synchronizationType {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	return t.newObject(&namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return t.proc.CreateEvent(r, a.Type == notificationType, a.InitialState != 0)
	})
}

func ntOpenEvent(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, t.proc.OpenEvent)
}

// ntQueryEvent is EVENT_BASIC_INFORMATION: type and state.
func ntQueryEvent(t *Thread, a *queryStateArgs) (ntdef.Status, error) {
	return t.queryObjectState(a, 8, func(b []byte) ntdef.Status {
		e, st := with[*event](t.proc, a.Handle, queryState)
		if st == ntdef.STATUS_SUCCESS {
			binary.LittleEndian.PutUint32(b, flag(!e.manual)*synchronizationType)
			binary.LittleEndian.PutUint32(b[4:], flag(e.state()))
		}
		return st
	})
}

type previousArgs struct {
	Handle   ntdef.Handle
	Previous ntdef.Ptr[uint32]
}

// changeEvent calls one of the methods that change an event and tells the state before.
func (t *Thread) changeEvent(a *previousArgs, change func(ntdef.Handle) (bool, ntdef.Status)) (ntdef.Status, error) {
	store, err := t.previous(a.Previous)
	if err != nil {
		return 0, err
	}
	was, st := change(a.Handle)
	return store(flag(was), st)
}

func ntSetEvent(t *Thread, a *previousArgs) (ntdef.Status, error) {
	return t.changeEvent(a, t.proc.SetEvent)
}

func ntResetEvent(t *Thread, a *previousArgs) (ntdef.Status, error) {
	return t.changeEvent(a, t.proc.ResetEvent)
}

func ntPulseEvent(t *Thread, a *previousArgs) (ntdef.Status, error) {
	return t.changeEvent(a, t.proc.PulseEvent)
}

func ntClearEvent(t *Thread, a *handleOnlyArgs) (ntdef.Status, error) {
	_, st := t.proc.ResetEvent(a.Handle)
	return st, nil
}

// ntSetEventBoostPriority is NtSetEvent: the scheduler boosts nobody.
func ntSetEventBoostPriority(t *Thread, a *handleOnlyArgs) (ntdef.Status, error) {
	_, st := t.proc.SetEvent(a.Handle)
	return st, nil
}

type createMutantArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Owned            uint8
}

func ntCreateMutant(t *Thread, a *createMutantArgs) (ntdef.Status, error) {
	return t.newObject(&namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return t.CreateMutant(r, a.Owned != 0)
	})
}

func ntOpenMutant(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, t.proc.OpenMutant)
}

// ntQueryMutant is MUTANT_BASIC_INFORMATION: the count, whether the caller is the owner, whether one ended with it; class 1 is the owner's
// CLIENT_ID.
func ntQueryMutant(t *Thread, a *queryStateArgs) (ntdef.Status, error) {
	const ownerInformation = 1
	le, q := binary.LittleEndian, *a
	length := 8
	if a.Class == ownerInformation {
		length, q.Class = 16, 0
	}
	return t.queryObjectState(&q, length, func(b []byte) ntdef.Status {
		m, st := with[*mutant](t.proc, a.Handle, queryState)
		switch {
		case st != ntdef.STATUS_SUCCESS:
		case a.Class == ownerInformation && m.owner != nil:
			le.PutUint64(b, m.owner.proc.id)
			le.PutUint64(b[8:], m.owner.id)
		case a.Class != ownerInformation:
			le.PutUint32(b, uint32(m.state()))
			b[4], b[5] = byte(flag(m.owner == t)), byte(flag(m.abandoned))
		}
		return st
	})
}

func ntReleaseMutant(t *Thread, a *previousArgs) (ntdef.Status, error) {
	store, err := t.previous(a.Previous)
	if err != nil {
		return 0, err
	}
	was, st := t.ReleaseMutant(a.Handle)
	return store(uint32(was), st)
}

type createSemaphoreArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Count, Maximum   int32
}

func ntCreateSemaphore(t *Thread, a *createSemaphoreArgs) (ntdef.Status, error) {
	return t.newObject(&namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return t.proc.CreateSemaphore(r, a.Count, a.Maximum)
	})
}

func ntOpenSemaphore(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, t.proc.OpenSemaphore)
}

// ntQuerySemaphore is SEMAPHORE_BASIC_INFORMATION: the count and its maximum.
func ntQuerySemaphore(t *Thread, a *queryStateArgs) (ntdef.Status, error) {
	return t.queryObjectState(a, 8, func(b []byte) ntdef.Status {
		s, st := with[*semaphore](t.proc, a.Handle, queryState)
		if st == ntdef.STATUS_SUCCESS {
			binary.LittleEndian.PutUint32(b, uint32(s.count))
			binary.LittleEndian.PutUint32(b[4:], uint32(s.maximum))
		}
		return st
	})
}

type releaseSemaphoreArgs struct {
	Handle   ntdef.Handle
	Count    int32
	Previous ntdef.Ptr[uint32]
}

func ntReleaseSemaphore(t *Thread, a *releaseSemaphoreArgs) (ntdef.Status, error) {
	store, err := t.previous(a.Previous)
	if err != nil {
		return 0, err
	}
	was, st := t.proc.ReleaseSemaphore(a.Handle, a.Count)
	return store(uint32(was), st)
}
