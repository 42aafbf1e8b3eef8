package crt

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Heap returns the C names of the process heap. A failure sets errno to ENOMEM.
func Heap(f Flavor) []nt.UserFunc {
	return []nt.UserFunc{
		bind(f, "_msize", msize),
		bind(f, "calloc", calloc),
		bind(f, "free", free),
		bind(f, "malloc", malloc),
		bind(f, "realloc", realloc),
	}
}

type (
	mallocArgs  struct{ Size uint64 }
	callocArgs  struct{ Count, Size uint64 }
	reallocArgs struct{ Block, Size uint64 }
	blockArgs   struct{ Block uint64 }
)

// allocated is a function's result: the block, or NULL with errno.
func (s *state) allocated(t *nt.Thread, va uint64, err error) (uint64, error) {
	if err == nil && va == 0 {
		err = s.setErrno(t, enomem)
	}
	return va, err
}

func malloc(s *state, t *nt.Thread, a *mallocArgs) (uint64, error) {
	va, err := ntdll.AllocateHeap(t, 0, 0, a.Size)
	return s.allocated(t, va, err)
}

func calloc(s *state, t *nt.Thread, a *callocArgs) (uint64, error) {
	if a.Size != 0 && a.Count > ^uint64(0)/a.Size {
		return s.allocated(t, 0, nil)
	}
	va, err := ntdll.AllocateHeap(t, 0, ntdll.HEAP_ZERO_MEMORY, a.Count*a.Size)
	return s.allocated(t, va, err)
}

// realloc allocates where there is no block and frees it where there is no size.
func realloc(s *state, t *nt.Thread, a *reallocArgs) (uint64, error) {
	switch {
	case a.Block == 0:
		return malloc(s, t, &mallocArgs{a.Size})
	case a.Size == 0:
		_, err := ntdll.FreeHeap(t, 0, a.Block)
		return 0, err
	}
	va, err := ntdll.ReAllocateHeap(t, 0, 0, a.Block, a.Size)
	return s.allocated(t, va, err)
}

func free(_ *state, t *nt.Thread, a *blockArgs) (uint64, error) {
	_, err := ntdll.FreeHeap(t, 0, a.Block)
	return 0, err
}

func msize(s *state, t *nt.Thread, a *blockArgs) (uint64, error) {
	if a.Block == 0 {
		return ^uint64(0), s.setErrno(t, einval)
	}
	return ntdll.SizeHeap(t, 0, a.Block)
}
