package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
)

type createKeyedEventArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Flags            uint32
}

func ntCreateKeyedEvent(t *Thread, a *createKeyedEventArgs) (ntdef.Status, error) {
	if a.Flags != 0 {
		return ntdef.STATUS_INVALID_PARAMETER_4, nil
	}
	return t.newObject(&namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return create(t.proc, r, &keyedEvent{})
	})
}

func ntOpenKeyedEvent(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) { return open[*keyedEvent](t.proc, r) })
}

type keyedEventArgs struct {
	Handle    ntdef.Handle
	Key       uint64
	Alertable uint8
	Timeout   ntdef.Ptr[int64]
}

func ntWaitForKeyedEvent(t *Thread, a *keyedEventArgs) (ntdef.Status, error) {
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	return t.KeyedEvent(a.Handle, a.Key, false, a.Alertable != 0, timeout)
}

func ntReleaseKeyedEvent(t *Thread, a *keyedEventArgs) (ntdef.Status, error) {
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	return t.KeyedEvent(a.Handle, a.Key, true, a.Alertable != 0, timeout)
}

type waitForSingleArgs struct {
	Handle    ntdef.Handle
	Alertable uint8
	Timeout   ntdef.Ptr[int64]
}

func ntWaitForSingleObject(t *Thread, a *waitForSingleArgs) (ntdef.Status, error) {
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	return t.Wait([]ntdef.Handle{a.Handle}, false, timeout, a.Alertable != 0)
}

type waitForMultipleArgs struct {
	Count     uint32
	Handles   uint64
	Type      uint32 // WAIT_TYPE: 0 all, 1 any
	Alertable uint8
	Timeout   ntdef.Ptr[int64]
}

func ntWaitForMultipleObjects(t *Thread, a *waitForMultipleArgs) (ntdef.Status, error) {
	const waitAll, waitAny = 0, 1
	switch {
	case a.Count == 0 || a.Count > maximumWaitObjects:
		return ntdef.STATUS_INVALID_PARAMETER_1, nil
	case a.Type > waitAny:
		return ntdef.STATUS_INVALID_PARAMETER_3, nil
	}
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	b := make([]byte, 8*a.Count)
	if err := t.Read(a.Handles, b); err != nil {
		return 0, err
	}
	handles := make([]ntdef.Handle, a.Count)
	for i := range handles {
		handles[i] = ntdef.Handle(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return t.Wait(handles, a.Type == waitAll, timeout, a.Alertable != 0)
}

type signalAndWaitArgs struct {
	Signal, Wait ntdef.Handle
	Alertable    uint8
	Timeout      ntdef.Ptr[int64]
}

func ntSignalAndWaitForSingleObject(t *Thread, a *signalAndWaitArgs) (ntdef.Status, error) {
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	return t.SignalAndWait(a.Signal, a.Wait, timeout, a.Alertable != 0)
}

// SignalAndWait is NtSignalAndWaitForSingleObject: it sets an event, releases a mutant or a semaphore once, and waits for another object.
// Nothing is signaled where the wait cannot begin. OBJECT_TYPE_MISMATCH for what cannot be signaled.
func (t *Thread) SignalAndWait(signal, wait ntdef.Handle, timeout uint64, alertable bool) (ntdef.Status, error) {
	o := t.proc.handles.get(signal)
	if o == nil {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	if _, st := t.waitable(wait); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	var st ntdef.Status
	switch o.(type) {
	case *event:
		_, st = t.proc.SetEvent(signal)
	case *mutant:
		_, st = t.ReleaseMutant(signal)
	case *semaphore:
		_, st = t.proc.ReleaseSemaphore(signal, 1)
	default:
		st = ntdef.STATUS_OBJECT_TYPE_MISMATCH
	}
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.Wait([]ntdef.Handle{wait}, false, timeout, alertable)
}
