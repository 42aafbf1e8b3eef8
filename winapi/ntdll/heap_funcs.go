package ntdll

import (
	"errors"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// heapFuncs are ntdll's heap exports (winternl.h, ntifs.h "RtlCreateHeap" and following; heapapi.h for the flags).
var heapFuncs = []nt.UserFunc{
	nt.Func("RtlCreateHeap", rtlCreateHeap),
	nt.Func("RtlDestroyHeap", rtlDestroyHeap),
	nt.Func("RtlAllocateHeap", rtlAllocateHeap),
	nt.Func("RtlReAllocateHeap", rtlReAllocateHeap),
	nt.Func("RtlFreeHeap", rtlFreeHeap),
	nt.Func("RtlSizeHeap", rtlSizeHeap),
	nt.Func("RtlValidateHeap", rtlValidateHeap),
	nt.Func("RtlCompactHeap", rtlCompactHeap),
	nt.Func("RtlLockHeap", rtlLockHeap),
	nt.Func("RtlUnlockHeap", rtlUnlockHeap),
	nt.Func("RtlGetProcessHeaps", rtlGetProcessHeaps),
	nt.Func("RtlQueryHeapInformation", rtlQueryHeapInformation),
	nt.Func("RtlSetHeapInformation", rtlSetHeapInformation),
}

// truth is a BOOLEAN result.
func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

type createHeapArgs struct {
	Flags       uint32
	HeapBase    uint64
	ReserveSize uint64
	CommitSize  uint64
	Lock        uint64
	Parameters  uint64
}

// rtlCreateHeap makes heaps in memory of their own only: one at a caller's address is refused with NULL.
func rtlCreateHeap(t *nt.Thread, a *createHeapArgs) (uint64, error) {
	if a.HeapBase != 0 {
		return 0, t.Stop("RtlCreateHeap at a caller's address (%#x) is not implemented", a.HeapBase)
	}
	return CreateHeap(t, a.Flags, a.ReserveSize, a.CommitSize)
}

type heapArgs struct {
	Heap uint64
}

// rtlDestroyHeap returns NULL when the heap is gone, the heap where it may not go: the process heap stays.
func rtlDestroyHeap(t *nt.Thread, a *heapArgs) (uint64, error) {
	own, err := ProcessHeap(t)
	if err != nil || a.Heap == 0 || a.Heap == own {
		return a.Heap, err
	}
	h, err := heapOf(t, a.Heap)
	if err == nil {
		err = h.destroy()
	}
	if err != nil {
		return 0, heapFailed(t, err)
	}
	return 0, forgetHeap(t, a.Heap)
}

// forgetHeap takes a heap off the PEB's list.
func forgetHeap(t *nt.Thread, base uint64) error {
	peb := t.Process().PEB()
	n, err := t.Load32(peb + ntdef.PebNumberOfHeaps)
	if err != nil {
		return err
	}
	n = min(n, maxHeaps)
	found := false
	for i := range uint64(n) {
		at := peb + heapList + 8*i
		v, err := t.Load64(at)
		if err != nil {
			return err
		}
		if found {
			if err := t.Store64(at-8, v); err != nil {
				return err
			}
		}
		found = found || v == base
	}
	if !found {
		return nil
	}
	return t.Store32(peb+ntdef.PebNumberOfHeaps, n-1)
}

type allocateHeapArgs struct {
	Heap  uint64
	Flags uint32
	Size  uint64
}

func rtlAllocateHeap(t *nt.Thread, a *allocateHeapArgs) (uint64, error) {
	return AllocateHeap(t, a.Heap, a.Flags, a.Size)
}

type reAllocateHeapArgs struct {
	Heap    uint64
	Flags   uint32
	Pointer uint64
	Size    uint64
}

func rtlReAllocateHeap(t *nt.Thread, a *reAllocateHeapArgs) (uint64, error) {
	return ReAllocateHeap(t, a.Heap, a.Flags, a.Pointer, a.Size)
}

type heapBlockArgs struct {
	Heap    uint64
	Flags   uint32
	Pointer uint64
}

func rtlFreeHeap(t *nt.Thread, a *heapBlockArgs) (uint64, error) {
	ok, err := FreeHeap(t, a.Heap, a.Pointer)
	return truth(ok), err
}

func rtlSizeHeap(t *nt.Thread, a *heapBlockArgs) (uint64, error) {
	return SizeHeap(t, a.Heap, a.Pointer)
}

// rtlValidateHeap checks one block, or all of them for NULL, and reports what it found: it does not end the process.
func rtlValidateHeap(t *nt.Thread, a *heapBlockArgs) (uint64, error) {
	h, err := heapOf(t, a.Heap)
	if err == nil {
		if a.Pointer != 0 {
			_, err = h.busy(a.Pointer)
		} else {
			err = h.each(func(block) error { return nil })
		}
	}
	var damage *heapCorruption
	var fault *nt.UserFault
	if errors.As(err, &damage) || errors.As(err, &fault) {
		return 0, nil
	}
	return truth(err == nil), err
}

type compactHeapArgs struct {
	Heap  uint64
	Flags uint32
}

// rtlCompactHeap returns the size of the largest free block; free blocks are always merged already.
func rtlCompactHeap(t *nt.Thread, a *compactHeapArgs) (uint64, error) {
	h, err := heapOf(t, a.Heap)
	var largest uint64
	if err == nil {
		err = h.each(func(b block) error {
			if b.flags&blockBusy == 0 {
				largest = max(largest, b.size()-heapHeader)
			}
			return nil
		})
	}
	return largest, heapFailed(t, err)
}

// rtlLockHeap counts: the process has one thread, which may lock a heap as often as it likes.
func rtlLockHeap(t *nt.Thread, a *heapArgs) (uint64, error) {
	return changeLock(t, a.Heap, func(n uint32) (uint32, bool) { return n + 1, true })
}

func rtlUnlockHeap(t *nt.Thread, a *heapArgs) (uint64, error) {
	return changeLock(t, a.Heap, func(n uint32) (uint32, bool) { return n - 1, n > 0 })
}

func changeLock(t *nt.Thread, base uint64, change func(uint32) (uint32, bool)) (uint64, error) {
	h, err := heapOf(t, base)
	if err != nil {
		return 0, heapFailed(t, err)
	}
	n, err := h.Load32(h.base + heapLocks)
	if err != nil {
		return 0, err
	}
	n, ok := change(n)
	if !ok || h.flags&HEAP_NO_SERIALIZE != 0 {
		return 0, nil
	}
	return 1, h.Store32(h.base+heapLocks, n)
}

type getProcessHeapsArgs struct {
	Count uint32
	Heaps uint64
}

// rtlGetProcessHeaps stores at most Count heaps and returns how many there are.
func rtlGetProcessHeaps(t *nt.Thread, a *getProcessHeapsArgs) (uint64, error) {
	peb := t.Process().PEB()
	n, err := t.Load32(peb + ntdef.PebNumberOfHeaps)
	if err != nil {
		return 0, err
	}
	list := make([]byte, 8*min(n, a.Count, maxHeaps))
	if err := t.Read(peb+heapList, list); err != nil {
		return 0, err
	}
	return uint64(n), t.Write(a.Heaps, list)
}

// Classes of HEAP_INFORMATION_CLASS (winnt.h).
const (
	heapCompatibilityInformation      = 0
	heapEnableTerminationOnCorruption = 1
)

type heapInformationArgs struct {
	Heap   uint64
	Class  uint32
	Buffer uint64
	Length uint64
	Return ntdef.Ptr[uint64]
}

func rtlQueryHeapInformation(t *nt.Thread, a *heapInformationArgs) (uint64, error) {
	st, err := QueryHeapInformation(t, a.Heap, a.Class, a.Buffer, a.Length, a.Return)
	return uint64(st), err
}

// QueryHeapInformation is RtlQueryHeapInformation. It answers HeapCompatibilityInformation: 2, the low-fragmentation front end,
// for heaps that can have it, which is what Windows uses since Vista without being asked; else 0.
func QueryHeapInformation(t *nt.Thread, base uint64, class uint32, buffer, length uint64, needed ntdef.Ptr[uint64]) (ntdef.Status, error) {
	if class != heapCompatibilityInformation {
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	h, err := heapOf(t, base)
	if err != nil {
		return 0, heapFailed(t, err)
	}
	if needed != 0 {
		if err := t.Store64(uint64(needed), 4); err != nil {
			return 0, err
		}
	}
	if length < 4 {
		return ntdef.STATUS_BUFFER_TOO_SMALL, nil
	}
	front := uint32(0)
	if h.lowFragmentation() {
		front = lowFragmentationHeap
	}
	return ntdef.STATUS_SUCCESS, t.Store32(buffer, front)
}

// lowFragmentationHeap is the value of HeapCompatibilityInformation for the low-fragmentation front end.
const lowFragmentationHeap = 2

// lowFragmentation reports whether a heap may have the front end: it grows and serialises. This heap's lists are segregated by
// size from the start.
func (h *heap) lowFragmentation() bool {
	return h.flags&(HEAP_GROWABLE|HEAP_NO_SERIALIZE) == HEAP_GROWABLE
}

type setHeapInformationArgs struct {
	Heap   uint64
	Class  uint32
	Buffer uint64
	Length uint64
}

func rtlSetHeapInformation(t *nt.Thread, a *setHeapInformationArgs) (uint64, error) {
	st, err := SetHeapInformation(t, a.Heap, a.Class, a.Buffer, a.Length)
	return uint64(st), err
}

// SetHeapInformation is RtlSetHeapInformation. It knows HeapEnableTerminationOnCorruption, which is how heaps behave anyhow, and
// the low-fragmentation front end, which a heap has or cannot have: UNSUCCESSFUL then, and for other values.
func SetHeapInformation(t *nt.Thread, base uint64, class uint32, buffer, length uint64) (ntdef.Status, error) {
	switch class {
	case heapEnableTerminationOnCorruption:
		return ntdef.STATUS_SUCCESS, nil
	case heapCompatibilityInformation:
	default:
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	if length < 4 {
		return ntdef.STATUS_BUFFER_TOO_SMALL, nil
	}
	v, err := t.Load32(buffer)
	if err != nil {
		return 0, err
	}
	h, err := heapOf(t, base)
	if err != nil {
		return 0, heapFailed(t, err)
	}
	if v != lowFragmentationHeap || !h.lowFragmentation() {
		return ntdef.STATUS_UNSUCCESSFUL, nil
	}
	return ntdef.STATUS_SUCCESS, nil
}
