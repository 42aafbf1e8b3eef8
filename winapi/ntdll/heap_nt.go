package ntdll

import (
	"errors"
	"fmt"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// threadOS is a thread's memory and its process's services as a heap sees them.
type threadOS struct {
	*nt.Thread
}

func (o threadOS) reserve(size uint64, protect uint32) (uint64, ntdef.Status) {
	r := ntmm.Request{Size: size, Type: ntdef.MEM_RESERVE, Protect: protect}
	st := o.Process().AllocateVirtualMemory(&r)
	if st == ntdef.STATUS_SUCCESS {
		o.Process().MarkHeap(uint64(r.Base), true)
	}
	return uint64(r.Base), st
}

func (o threadOS) commit(va, size uint64, protect uint32) ntdef.Status {
	r := ntmm.Request{Base: x86.VirtAddr(va), Size: size, Type: ntdef.MEM_COMMIT, Protect: protect}
	return o.Process().AllocateVirtualMemory(&r)
}

func (o threadOS) decommit(va, size uint64) ntdef.Status {
	r := ntmm.Request{Base: x86.VirtAddr(va), Size: size, Type: ntdef.MEM_DECOMMIT}
	return o.Process().FreeVirtualMemory(&r)
}

func (o threadOS) release(va uint64) ntdef.Status {
	o.Process().MarkHeap(va, false)
	r := ntmm.Request{Base: x86.VirtAddr(va), Type: ntdef.MEM_RELEASE}
	return o.Process().FreeVirtualMemory(&r)
}

// createProcessHeap makes the default heap with the sizes that the PEB took from the program's headers, and fills
// PEB.ProcessHeap.
func createProcessHeap(t *nt.Thread) error {
	peb := t.Process().PEB()
	reserve, err := t.Load64(peb + ntdef.PebHeapSegmentReserve)
	if err != nil {
		return err
	}
	commit, err := t.Load64(peb + ntdef.PebHeapSegmentCommit)
	if err != nil {
		return err
	}
	if err := t.Store32(peb+ntdef.PebMaximumNumberOfHeaps, maxHeaps); err != nil {
		return err
	}
	if err := t.Store64(peb+ntdef.PebProcessHeaps, peb+heapList); err != nil {
		return err
	}
	base, err := CreateHeap(t, HEAP_GROWABLE, reserve, commit)
	if err != nil {
		return err
	}
	if base == 0 {
		return cannotStart(t, &loadError{ntdef.STATUS_NO_MEMORY, fmt.Sprintf("no memory for the process heap of %#x bytes", reserve)})
	}
	return t.Store64(peb+ntdef.PebProcessHeap, base)
}

// The list of heaps that PEB.ProcessHeaps points at fills the rest of the PEB's page, as on Windows.
const (
	heapList = 0x800
	maxHeaps = (ntdef.PebSize - heapList) / 8
)

// CreateHeap is RtlCreateHeap without a caller's base and lock: it returns the heap's address, 0 where there is no memory.
func CreateHeap(t *nt.Thread, flags uint32, reserve, commit uint64) (uint64, error) {
	peb := t.Process().PEB()
	n, err := t.Load32(peb + ntdef.PebNumberOfHeaps)
	if err != nil || n >= maxHeaps {
		return 0, err
	}
	secret, err := t.Load32(ntdef.KUserSharedData + ntdef.KUserCookie)
	if err != nil {
		return 0, err
	}
	const known = HEAP_NO_SERIALIZE | HEAP_GROWABLE | HEAP_GENERATE_EXCEPTIONS | HEAP_ZERO_MEMORY | HEAP_CREATE_ENABLE_EXECUTE
	h, err := newHeap(threadOS{t}, flags&known, reserve, commit, secret+0x9e3779b9*n)
	if err != nil || h == nil {
		return 0, err
	}
	if err := t.Store64(peb+heapList+8*uint64(n), h.base); err != nil {
		return 0, err
	}
	return h.base, t.Store32(peb+ntdef.PebNumberOfHeaps, n+1)
}

// heapOf opens a heap; 0 names the process heap.
func heapOf(t *nt.Thread, base uint64) (heap, error) {
	if base == 0 {
		var err error
		if base, err = ProcessHeap(t); err != nil {
			return heap{}, err
		}
	}
	h, ok, err := openHeap(threadOS{t}, base)
	if err == nil && !ok {
		err = &heapCorruption{base, base, "it is no heap"}
	}
	return h, err
}

// ProcessHeap returns the address of the default heap.
func ProcessHeap(t *nt.Thread) (uint64, error) {
	return t.Load64(t.Process().PEB() + ntdef.PebProcessHeap)
}

// AllocateHeap is RtlAllocateHeap: size bytes aligned to 16, or 0 where the heap has no room. Heap 0 is the process heap.
// flags: HEAP_ZERO_MEMORY, HEAP_GENERATE_EXCEPTIONS (STATUS_NO_MEMORY is then raised). A damaged heap ends the process.
func AllocateHeap(t *nt.Thread, base uint64, flags uint32, size uint64) (uint64, error) {
	h, err := heapOf(t, base)
	if err != nil {
		return 0, heapFailed(t, err)
	}
	flags |= h.flags
	p, err := h.alloc(flags, size)
	return noMemory(t, flags, p, err)
}

// noMemory ends an allocation: where it got nothing, the exception that the flags ask for is raised.
func noMemory(t *nt.Thread, flags uint32, p uint64, err error) (uint64, error) {
	if err != nil {
		return 0, heapFailed(t, err)
	}
	if p == 0 && flags&HEAP_GENERATE_EXCEPTIONS != 0 {
		return 0, RaiseStatus(t, ntdef.STATUS_NO_MEMORY)
	}
	return p, nil
}

// ReAllocateHeap is RtlReAllocateHeap: the address of the block with its new size, 0 where the heap has no room (the block
// is then as it was). flags also: HEAP_REALLOC_IN_PLACE_ONLY.
func ReAllocateHeap(t *nt.Thread, base uint64, flags uint32, p, size uint64) (uint64, error) {
	h, err := heapOf(t, base)
	if err != nil {
		return 0, heapFailed(t, err)
	}
	flags |= h.flags
	p, err = h.realloc(flags, p, size)
	return noMemory(t, flags, p, err)
}

// FreeHeap is RtlFreeHeap. A NULL block is nothing to free; a damaged one ends the process.
func FreeHeap(t *nt.Thread, base uint64, p uint64) (bool, error) {
	if p == 0 {
		return true, nil
	}
	h, err := heapOf(t, base)
	if err == nil {
		err = h.free(p)
	}
	return err == nil, heapFailed(t, err)
}

// SizeHeap is RtlSizeHeap: how many bytes the block at p was asked for.
func SizeHeap(t *nt.Thread, base uint64, p uint64) (uint64, error) {
	h, err := heapOf(t, base)
	if err != nil {
		return 0, heapFailed(t, err)
	}
	b, err := h.busy(p)
	if err != nil {
		return 0, heapFailed(t, err)
	}
	return b.requested(), nil
}

// heapFailed turns a damaged heap into the end of the process with STATUS_HEAP_CORRUPTION, as Windows does for 64-bit
// programs (HeapEnableTerminationOnCorruption): no handler sees it. Other errors stay.
func heapFailed(t *nt.Thread, err error) error {
	var damage *heapCorruption
	if !errors.As(err, &damage) {
		return err
	}
	ctx, err := t.Context()
	if err != nil {
		return err
	}
	rec := ntdef.ExceptionRecord{
		Code: ntdef.STATUS_HEAP_CORRUPTION, Flags: ntdef.EXCEPTION_NONCONTINUABLE, Address: ctx.Rip, NumParams: 2,
	}
	rec.Parameters[0], rec.Parameters[1] = damage.heap, damage.block
	return t.RaiseException(&rec, &ctx, false)
}
