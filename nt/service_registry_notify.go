package nt

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// keyChangeArgs are the arguments behind the keys that are watched.
type keyChangeArgs struct {
	Event            ntdef.Handle
	ApcRoutine       uint64
	ApcContext       uint64
	IoStatusBlock    uint64
	CompletionFilter uint32
	WatchTree        uint8 // a BOOLEAN
	Buffer           uint64
	BufferSize       uint32
	Asynchronous     uint8 // a BOOLEAN
}

type notifyChangeKeyArgs struct {
	Key ntdef.Handle
	keyChangeArgs
}

func ntNotifyChangeKey(t *Thread, a *notifyChangeKeyArgs) (ntdef.Status, error) {
	return t.notifyChangeKey(a.Key, &a.keyChangeArgs)
}

// notifyChangeKey waits for a change of a key, or has an event set and an APC called at it.
func (t *Thread) notifyChangeKey(key ntdef.Handle, a *keyChangeArgs) (ntdef.Status, error) {
	if err := t.Probe(a.IoStatusBlock, 16, x86.Write); err != nil {
		return 0, err
	}
	if a.CompletionFilter&^(notifyAll|notifyAgnostic) != 0 {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	if _, st := t.proc.key(key, KEY_NOTIFY); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	o, _ := of[*keyObject](t.proc, key)
	n := &keyNotification{thread: t, routine: a.ApcRoutine, context: a.ApcContext, ioStatus: a.IoStatusBlock}
	switch {
	case a.Asynchronous == 0:
		n.event, n.routine = &event{}, 0
	case a.Event != 0:
		var st ntdef.Status
		if n.event, st = with[*event](t.proc, a.Event, modifyState); st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		n.event.set = false
	}
	if st := o.watchKey(n, a.CompletionFilter&notifyAll, a.WatchTree != 0); st != ntdef.STATUS_PENDING || a.Asynchronous != 0 {
		return st, nil
	}
	if _, err := t.wait([]dispatcher{n.event}, false, Infinite, false); err != nil {
		return 0, err
	}
	return n.status, nil
}

type notifyChangeMultipleKeysArgs struct {
	Key    ntdef.Handle
	Count  uint32
	Others uint64
	keyChangeArgs
}

func ntNotifyChangeMultipleKeys(t *Thread, a *notifyChangeMultipleKeysArgs) (ntdef.Status, error) {
	switch {
	case a.Count > 1:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case a.Count == 1:
		t.sys.refuse("NtNotifyChangeMultipleKeys: a second key")
		return ntdef.STATUS_NOT_IMPLEMENTED, nil
	}
	return t.notifyChangeKey(a.Key, &a.keyChangeArgs)
}
