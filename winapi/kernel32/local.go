package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// The Local and Global functions of winbase.h: fixed memory is a block of the process heap and its own handle; moveable memory
// has a handle that is no pointer, a lock count, and may be discarded. The two families differ in a few flags only.
var localFuncs = []nt.UserFunc{
	nt.Func("LocalAlloc", localAlloc),
	nt.Func("LocalReAlloc", localReAlloc),
	nt.Func("LocalFree", localFree),
	nt.Func("LocalLock", localLock),
	nt.Func("LocalUnlock", func(t *nt.Thread, a *localArgs) (uint64, error) { return localUnlock(t, a, 0) }),
	nt.Func("LocalSize", localSize),
	nt.Func("LocalFlags", localFlags),
	nt.Func("LocalHandle", localHandle),
	nt.Func("LocalCompact", localCompact),
	nt.Func("LocalShrink", localSize2),
	nt.Func("GlobalAlloc", localAlloc),
	nt.Func("GlobalReAlloc", localReAlloc),
	nt.Func("GlobalFree", localFree),
	nt.Func("GlobalLock", localLock),
	nt.Func("GlobalUnlock", func(t *nt.Thread, a *localArgs) (uint64, error) { return localUnlock(t, a, 1) }),
	nt.Func("GlobalSize", localSize),
	nt.Func("GlobalFlags", localFlags),
	nt.Func("GlobalHandle", localHandle),
	nt.Func("GlobalCompact", localCompact),
}

// Flags of both families (winbase.h). A discardable block says so with GMEM_DISCARDABLE; LMEM_DISCARDABLE has more bits.
const (
	memMoveable      = 0x0002
	memZeroInit      = 0x0040
	memModify        = 0x0080
	memDiscardable   = 0x0100
	memDiscarded     = 0x4000
	memInvalidHandle = 0x8000
	maxLocks         = 0xff
)

// moveable is what the handle of moveable memory refers to.
type moveable struct {
	block       uint64 // 0: discarded
	locks       uint8
	discardable bool
}

// moveables are the process's moveable blocks. Handles are addresses in a reservation of their own, so that none is a pointer to
// anything.
type moveables struct {
	byHandle map[uint64]*moveable
	byBlock  map[uint64]uint64
	free     []uint64
	next     uint64
	end      uint64
}

// handleSpace is how much is reserved for handles at a time: of 16 bytes each, 8 bytes off alignment.
const handleSpace = 1 << 20

func (m *moveables) newHandle(t *nt.Thread) (uint64, bool) {
	if n := len(m.free); n > 0 {
		h := m.free[n-1]
		m.free = m.free[:n-1]
		return h, true
	}
	if m.next == m.end {
		r := ntmm.Request{Size: handleSpace, Type: ntdef.MEM_RESERVE, Protect: ntdef.PAGE_NOACCESS}
		if t.Process().AllocateVirtualMemory(&r) != ntdef.STATUS_SUCCESS {
			return 0, false
		}
		m.next, m.end = uint64(r.Base), uint64(r.Base)+handleSpace
	}
	h := m.next + 8
	m.next += 16
	return h, true
}

func moveablesOf(t *nt.Thread) *moveables {
	s := stateOf(t)
	if s.moveables == nil {
		s.moveables = &moveables{byHandle: map[uint64]*moveable{}, byBlock: map[uint64]uint64{}}
	}
	return s.moveables
}

type localAllocArgs struct {
	Flags uint32
	Size  uint64
}

func localAlloc(t *nt.Thread, a *localAllocArgs) (uint64, error) {
	var flags uint32
	if a.Flags&memZeroInit != 0 {
		flags = ntdll.HEAP_ZERO_MEMORY
	}
	block := uint64(0)
	if a.Flags&memMoveable == 0 || a.Size != 0 {
		var err error
		if block, err = ntdll.AllocateHeap(t, 0, flags, a.Size); err != nil {
			return 0, err
		}
		if block == 0 {
			return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
		}
	}
	if a.Flags&memMoveable == 0 {
		return block, nil
	}
	m := moveablesOf(t)
	h, ok := m.newHandle(t)
	if !ok {
		return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
	}
	m.byHandle[h] = &moveable{block: block, discardable: a.Flags&memDiscardable != 0}
	if block != 0 {
		m.byBlock[block] = h
	}
	return h, nil
}

type localArgs struct{ Handle uint64 }

// find returns what a handle refers to: moveable memory, or, with a nil entry, a fixed block of a size. ok is false where it is
// neither; the last error is then set.
func find(t *nt.Thread, handle uint64) (e *moveable, size uint64, ok bool, err error) {
	if e := moveablesOf(t).byHandle[handle]; e != nil {
		return e, 0, true, nil
	}
	size, ok, err = ntdll.HeapBlock(t, handle)
	if err == nil && !ok {
		err = ntdll.SetLastError(t, ntdll.ERROR_INVALID_HANDLE)
	}
	return nil, size, ok, err
}

// localFree returns NULL, or the handle that it could not free.
func localFree(t *nt.Thread, a *localArgs) (uint64, error) {
	if a.Handle == 0 {
		return 0, nil
	}
	e, _, ok, err := find(t, a.Handle)
	if err != nil || !ok {
		return a.Handle, err
	}
	block := a.Handle
	if e != nil {
		m := moveablesOf(t)
		block = e.block
		delete(m.byHandle, a.Handle)
		delete(m.byBlock, e.block)
		m.free = append(m.free, a.Handle)
	}
	_, err = ntdll.FreeHeap(t, 0, block)
	return 0, err
}

func localLock(t *nt.Thread, a *localArgs) (uint64, error) {
	e, _, ok, err := find(t, a.Handle)
	switch {
	case err != nil || !ok:
		return 0, err
	case e == nil:
		return a.Handle, nil
	case e.block == 0:
		return fail(t, ntdll.ERROR_DISCARDED)
	case e.locks < maxLocks:
		e.locks++
	}
	return e.block, nil
}

// localUnlock returns whether the block is locked still; of fixed memory GlobalUnlock says so and LocalUnlock does not.
func localUnlock(t *nt.Thread, a *localArgs, fixed uint64) (uint64, error) {
	e, _, ok, err := find(t, a.Handle)
	switch {
	case err != nil || !ok:
		return 0, err
	case e == nil && fixed != 0:
		return fixed, nil
	case e == nil || e.locks == 0:
		return fail(t, ntdll.ERROR_NOT_LOCKED)
	case e.locks == maxLocks:
		return 1, nil // the count stuck
	}
	e.locks--
	if e.locks != 0 {
		return 1, nil
	}
	return 0, ntdll.SetLastError(t, ntdll.ERROR_SUCCESS)
}

func localSize(t *nt.Thread, a *localArgs) (uint64, error) {
	e, size, ok, err := find(t, a.Handle)
	switch {
	case err != nil || !ok:
		return 0, err
	case e == nil:
		return size, nil
	case e.block == 0:
		return 0, nil
	}
	return ntdll.SizeHeap(t, 0, e.block)
}

type localShrinkArgs struct {
	Handle uint64
	Size   uint32
}

// localSize2 is LocalShrink, which shrinks nothing and returns the size, as since Windows 95.
func localSize2(t *nt.Thread, a *localShrinkArgs) (uint64, error) {
	return localSize(t, &localArgs{a.Handle})
}

func localFlags(t *nt.Thread, a *localArgs) (uint64, error) {
	e, _, ok, err := find(t, a.Handle)
	switch {
	case err != nil || !ok:
		return memInvalidHandle, err
	case e == nil:
		return 0, nil
	}
	flags := uint64(e.locks)
	if e.discardable {
		flags |= memDiscardable
	}
	if e.block == 0 {
		flags |= memDiscarded
	}
	return flags, nil
}

// localHandle finds the handle of a block: of fixed memory the block itself.
func localHandle(t *nt.Thread, a *localArgs) (uint64, error) {
	m := moveablesOf(t)
	if m.byHandle[a.Handle] != nil {
		return a.Handle, nil
	}
	if h := m.byBlock[a.Handle]; h != 0 {
		return h, nil
	}
	_, _, ok, err := find(t, a.Handle)
	if err != nil || !ok {
		return 0, err
	}
	return a.Handle, nil
}

type localReAllocArgs struct {
	Handle uint64
	Size   uint64
	Flags  uint32
}

func localReAlloc(t *nt.Thread, a *localReAllocArgs) (uint64, error) {
	e, _, ok, err := find(t, a.Handle)
	if err != nil || !ok {
		return 0, err
	}
	var flags uint32
	if a.Flags&memZeroInit != 0 {
		flags = ntdll.HEAP_ZERO_MEMORY
	}
	if a.Flags&memModify != 0 {
		return localModify(t, a, e)
	}
	if e == nil {
		if a.Flags&memMoveable == 0 {
			flags |= ntdll.HEAP_REALLOC_IN_PLACE_ONLY
		}
		block, err := ntdll.ReAllocateHeap(t, 0, flags, a.Handle, a.Size)
		if err == nil && block == 0 {
			return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
		}
		return block, err
	}
	m := moveablesOf(t)
	old := e.block
	switch {
	case a.Size == 0 && a.Flags&memMoveable != 0: // LocalDiscard, GlobalDiscard
		if e.locks != 0 {
			return fail(t, ntdll.ERROR_INVALID_PARAMETER)
		}
		e.block = 0
		delete(m.byBlock, old)
		_, err = ntdll.FreeHeap(t, 0, old)
		return a.Handle, err
	case old == 0:
		e.block, err = ntdll.AllocateHeap(t, 0, flags, a.Size)
	default:
		if e.locks != 0 && a.Flags&memMoveable == 0 {
			flags |= ntdll.HEAP_REALLOC_IN_PLACE_ONLY
		}
		e.block, err = ntdll.ReAllocateHeap(t, 0, flags, old, a.Size)
	}
	if err != nil || e.block == 0 {
		e.block = old
		if err == nil {
			return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
		}
		return 0, err
	}
	delete(m.byBlock, old)
	m.byBlock[e.block] = a.Handle
	return a.Handle, nil
}

// localModify changes attributes: moveable memory becomes discardable or not, fixed memory moveable, with a handle of its own.
func localModify(t *nt.Thread, a *localReAllocArgs, e *moveable) (uint64, error) {
	switch {
	case e != nil:
		e.discardable = a.Flags&memDiscardable != 0
		return a.Handle, nil
	case a.Flags&memMoveable == 0:
		return a.Handle, nil
	}
	m := moveablesOf(t)
	h, ok := m.newHandle(t)
	if !ok {
		return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
	}
	m.byHandle[h], m.byBlock[a.Handle] = &moveable{block: a.Handle}, h
	return h, nil
}

type localCompactArgs struct{ MinFree uint64 }

// localCompact has nothing to compact: blocks of the heap do not move.
func localCompact(*nt.Thread, *localCompactArgs) (uint64, error) { return 0, nil }
