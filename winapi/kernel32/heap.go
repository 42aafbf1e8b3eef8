package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// The heap API of heapapi.h that is not ntdll's as it stands.
var heapFuncs = []nt.UserFunc{
	nt.Func("GetProcessHeap", func(t *nt.Thread, _ *noArgs) (uint64, error) { return ntdll.ProcessHeap(t) }),
	nt.Func("HeapCreate", heapCreate),
	nt.Func("HeapDestroy", heapDestroy),
	nt.Func("HeapFree", heapFree),
}

type heapCreateArgs struct {
	Options     uint32
	InitialSize uint64
	MaximumSize uint64
}

// heapCreate makes a heap that grows where no maximum is given.
func heapCreate(t *nt.Thread, a *heapCreateArgs) (uint64, error) {
	flags := a.Options
	reserve := a.MaximumSize
	if reserve == 0 {
		flags |= ntdll.HEAP_GROWABLE
	}
	h, err := ntdll.CreateHeap(t, flags, reserve, a.InitialSize)
	if err == nil && h == 0 {
		return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
	}
	return h, err
}

type heapArgs struct{ Heap uint64 }

// heapDestroy turns the result of RtlDestroyHeap, NULL where the heap is gone, into a BOOL.
func heapDestroy(t *nt.Thread, a *heapArgs) (uint64, error) {
	fn, _, err := ntdll.ProcedureAddress(t, ntdll.ModuleHandle(t, "ntdll.dll"), "RtlDestroyHeap", 0)
	if err != nil {
		return 0, err
	}
	left, err := t.Call(fn, a.Heap)
	if err != nil {
		return 0, err
	}
	if left != 0 {
		return fail(t, ntdll.ERROR_INVALID_HANDLE)
	}
	return 1, nil
}

type heapFreeArgs struct {
	Heap  uint64
	Flags uint32
	Block uint64
}

func heapFree(t *nt.Thread, a *heapFreeArgs) (uint64, error) {
	ok, err := ntdll.FreeHeap(t, a.Heap, a.Block)
	return truth(ok), err
}
