package nt

import (
	"fmt"
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
)

// keyedEvent brings threads of one process together by a key, mostly an address: who waits and who releases wait for each other
// (Windows Internals, part 1 ch. 3, "Keyed events"). As an object to wait for it is always signaled.
type keyedEvent struct {
	objectHeader
	waitList
	waits, releases []keyedWait // in the order in which they began
}

type keyedWait struct {
	key   uint64
	block *waitBlock
}

func (*keyedEvent) typeName() string      { return "KeyedEvent" }
func (*keyedEvent) signaled(*Thread) bool { return true }
func (*keyedEvent) take(*Thread) bool     { return false }

// Rights of keyed events (ntexapi.h).
const (
	keyedEventWait = 1
	keyedEventWake = 2
)

// KeyedEvent waits for a release of a key (NtWaitForKeyedEvent), or releases a wait (NtReleaseKeyedEvent): each waits for the other.
// Handle 0 is the system's own event. INVALID_PARAMETER_1 for an odd key, INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED,
// TIMEOUT, USER_APC, ALERTED.
func (t *Thread) KeyedEvent(h ntdef.Handle, key uint64, release, alertable bool, timeout uint64) (ntdef.Status, error) {
	if key&1 != 0 {
		return ntdef.STATUS_INVALID_PARAMETER_1, nil
	}
	e, st := t.sys.keyedEvent, ntdef.STATUS_SUCCESS
	if h != 0 {
		access := uint32(keyedEventWait)
		if release {
			access = keyedEventWake
		}
		e, st = with[*keyedEvent](t.proc, h, access)
	}
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	mine, theirs, verb := &e.waits, &e.releases, "a release of"
	if release {
		mine, theirs, verb = theirs, mine, "a wait for"
	}
	for i, other := range *theirs {
		if w := other.block; other.key == key && w.thread.proc == t.proc && !w.done {
			*theirs = slices.Delete(*theirs, i, i+1)
			w.status = ntdef.STATUS_SUCCESS
			w.end(t.sys)
			return ntdef.STATUS_SUCCESS, nil
		}
	}
	if st, ok := t.interrupted(alertable); ok {
		return st, nil
	}
	if timeout == 0 {
		return ntdef.STATUS_TIMEOUT, nil
	}
	w := &waitBlock{thread: t, alert: alertable, what: fmt.Sprintf("%s key %#x of %s", verb, key, describe(e))}
	*mine = append(*mine, keyedWait{key, w})
	st, err := t.block(w, timeout)
	*mine = slices.DeleteFunc(*mine, func(k keyedWait) bool { return k.block == w })
	return st, err
}
