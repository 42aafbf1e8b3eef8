package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Fiber local storage (fibersapi.h). There are no fibers but each thread's own.
var flsFuncs = []nt.UserFunc{
	nt.Func("FlsAlloc", flsAlloc),
	nt.Func("FlsFree", flsFree),
	nt.Func("FlsGetValue", flsGetValue),
	nt.Func("FlsSetValue", flsSetValue),
}

// fiberLocals is how many indexes there are, as before Windows 10 2004; index 0 is never given out.
const fiberLocals = 128

// fiberLocal is an index: programs see its number only.
type fiberLocal struct {
	used     bool
	callback uint64 // told of a value that is not NULL when the index or the thread goes, or 0
	values   map[*nt.Thread]uint64
}

type flsAllocArgs struct{ Callback uint64 }

func flsAlloc(t *nt.Thread, a *flsAllocArgs) (uint64, error) {
	s := stateOf(t)
	if s.fiberLocals == nil {
		s.fiberLocals = make([]fiberLocal, fiberLocals)
	}
	for i := 1; i < fiberLocals; i++ {
		if !s.fiberLocals[i].used {
			s.fiberLocals[i] = fiberLocal{used: true, callback: a.Callback, values: map[*nt.Thread]uint64{}}
			return uint64(i), nil
		}
	}
	return tlsOutOfIndexes, ntdll.SetLastError(t, errorNoMoreItems)
}

type flsArgs struct{ Index uint32 }

// fiberLocal returns an index that is in use, or nil.
func (s *state) fiberLocal(index uint32) *fiberLocal {
	if uint64(index) >= uint64(len(s.fiberLocals)) || !s.fiberLocals[index].used {
		return nil
	}
	return &s.fiberLocals[index]
}

func flsFree(t *nt.Thread, a *flsArgs) (uint64, error) {
	f := stateOf(t).fiberLocal(a.Index)
	if f == nil {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	old := *f
	*f = fiberLocal{}
	for _, owner := range t.Process().Threads() {
		if err := old.release(t, owner); err != nil {
			return 0, err
		}
	}
	return 1, nil
}

// release forgets a thread's value and tells the callback of it.
func (f *fiberLocal) release(t, owner *nt.Thread) error {
	v := f.values[owner]
	delete(f.values, owner)
	if f.callback == 0 || v == 0 {
		return nil
	}
	_, err := t.Call(f.callback, v)
	return err
}

func flsGetValue(t *nt.Thread, a *flsArgs) (uint64, error) {
	f := stateOf(t).fiberLocal(a.Index)
	if f == nil {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return f.values[t], ntdll.SetLastError(t, ntdll.ERROR_SUCCESS)
}

type flsSetArgs struct {
	Index uint32
	Value uint64
}

func flsSetValue(t *nt.Thread, a *flsSetArgs) (uint64, error) {
	f := stateOf(t).fiberLocal(a.Index)
	if f == nil {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	f.values[t] = a.Value
	return 1, nil
}

// freeFiberLocals runs when a thread, or with it the process, ends in order.
func freeFiberLocals(t *nt.Thread) error {
	for i := range stateOf(t).fiberLocals {
		f := stateOf(t).fiberLocals[i]
		if err := f.release(t, t); err != nil {
			return err
		}
	}
	return nil
}
