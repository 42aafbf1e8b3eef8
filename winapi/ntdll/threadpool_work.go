package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Work objects, and callbacks that are made once.
var poolWorkFuncs = []nt.UserFunc{
	allocator("TpAllocWork", AllocWork),
	nt.Func("TpPostWork", tpPostWork),
	waiter("TpWaitForWork", "work"),
	releaser("TpReleaseWork", "work"),
	nt.Func("TpSimpleTryPost", SimpleTryPost),
}

// AllocWork is TpAllocWork: INVALID_PARAMETER, NO_MEMORY.
func AllocWork(t *nt.Thread, a *PoolCallback) (uint64, ntdef.Status, error) {
	return allocate(t, "work", a, func(*pools, *poolObject) ntdef.Status { return ntdef.STATUS_SUCCESS })
}

func tpPostWork(t *nt.Thread, a *poolObjectArgs) (uint64, error) {
	return ofObject(t, "work", a.Object, func(_ *pools, o *poolObject) (uint64, error) {
		st := o.post(t, func(t *nt.Thread, instance uint64) error {
			_, err := t.Call(o.callback, instance, o.context, o.at)
			return err
		})
		if st != ntdef.STATUS_SUCCESS {
			return 0, RaiseStatus(t, st) // the function has no result
		}
		return 0, nil
	})
}

// SimpleTryPost is TpSimpleTryPost: a callback that is made once. INVALID_PARAMETER, NO_MEMORY, INSUFFICIENT_RESOURCES.
func SimpleTryPost(t *nt.Thread, a *PoolCallback) (uint64, error) {
	return postOnce(t, a, func(o *poolObject) func(t *nt.Thread, instance uint64) error {
		return func(t *nt.Thread, instance uint64) error {
			_, err := t.Call(o.callback, instance, o.context)
			return err
		}
	})
}

// postOnce has a callback made that has no object of the program's.
func postOnce(t *nt.Thread, a *PoolCallback, call func(o *poolObject) func(t *nt.Thread, instance uint64) error) (uint64, error) {
	s := poolsOf(t)
	o, st, err := s.newObject(t, "callback", a)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return uint64(st), err
	}
	st = o.post(t, call(o))
	o.released = true
	return uint64(st), s.settleObject(t, o)
}
