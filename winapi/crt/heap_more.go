package crt

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// HeapTools returns the functions of malloc.h beyond the C standard: blocks of an alignment, in-place growth, walks over the
// heap, and operator new and delete, which are malloc and free.
func HeapTools(f Flavor) []nt.UserFunc {
	return []nt.UserFunc{
		bind(f, "??2@YAPEAX_K@Z", malloc),
		bind(f, "??3@YAXPEAX@Z", free),
		bind(f, "??_U@YAPEAX_K@Z", malloc),
		bind(f, "??_V@YAXPEAX@Z", free),
		bind(f, "_aligned_free", alignedFree),
		bind(f, "_aligned_malloc", alignedMalloc),
		bind(f, "_aligned_msize", alignedMsize),
		bind(f, "_aligned_offset_malloc", alignedOffsetMalloc),
		bind(f, "_aligned_realloc", alignedRealloc),
		bind(f, "_expand", expand),
		nt.Func("_heapchk", heapchk),
		nt.Func("_heapmin", func(*nt.Thread, *noArgs) (uint64, error) { return 0, nil }), // free pages were given back already
		nt.Func("_heapwalk", heapwalk),
		bind(f, "_recalloc", recalloc),
	}
}

type (
	alignedArgs       struct{ Size, Alignment uint64 }
	alignedOffsetArgs struct{ Size, Alignment, Offset uint64 }
	alignedBlockArgs  struct{ Block, Size, Alignment uint64 }
	heapwalkArgs      struct{ Entry uint64 }
)

// linkOf is where the address of an aligned block's heap block lies: in the last whole 8 bytes below it.
func linkOf(va uint64) uint64 { return va&^7 - 8 }

func alignedMalloc(s *state, t *nt.Thread, a *alignedArgs) (uint64, error) {
	return alignedOffsetMalloc(s, t, &alignedOffsetArgs{a.Size, a.Alignment, 0})
}

// alignedOffsetMalloc aligns the byte at an offset of the block. An alignment that is no power of two is EINVAL.
func alignedOffsetMalloc(s *state, t *nt.Thread, a *alignedOffsetArgs) (uint64, error) {
	const link = 8
	if bits.OnesCount64(a.Alignment) != 1 || a.Offset != 0 && a.Offset >= a.Size {
		return 0, s.setErrno(t, einval)
	}
	alignment := max(a.Alignment, link)
	total := a.Size + alignment + link + 7
	if total < a.Size || alignment > 1<<47 {
		return s.allocated(t, 0, nil)
	}
	block, err := ntdll.AllocateHeap(t, 0, 0, total)
	if err != nil || block == 0 {
		return s.allocated(t, block, err)
	}
	va := (block+link+7+a.Offset+alignment-1)&^(alignment-1) - a.Offset
	return va, t.Store64(linkOf(va), block)
}

func alignedFree(_ *state, t *nt.Thread, a *blockArgs) (uint64, error) {
	if a.Block == 0 {
		return 0, nil
	}
	block, err := t.Load64(linkOf(a.Block))
	if err != nil {
		return 0, err
	}
	_, err = ntdll.FreeHeap(t, 0, block)
	return 0, err
}

// alignedSize is how many bytes a block has behind its aligned address.
func alignedSize(t *nt.Thread, va uint64) (uint64, error) {
	block, err := t.Load64(linkOf(va))
	if err != nil {
		return 0, err
	}
	n, err := ntdll.SizeHeap(t, 0, block)
	return n - (va - block), err
}

// alignedMsize is the size that was asked for: the slack of the alignment is behind it.
func alignedMsize(s *state, t *nt.Thread, a *alignedBlockArgs) (uint64, error) {
	if a.Block == 0 {
		return ^uint64(0), s.setErrno(t, einval)
	}
	block, err := t.Load64(linkOf(a.Block))
	if err != nil {
		return 0, err
	}
	n, err := ntdll.SizeHeap(t, 0, block)
	return n - max(a.Size, 8) - 15, err // the second argument is the alignment
}

func alignedRealloc(s *state, t *nt.Thread, a *alignedBlockArgs) (uint64, error) {
	switch {
	case a.Block == 0:
		return alignedMalloc(s, t, &alignedArgs{a.Size, a.Alignment})
	case a.Size == 0:
		return alignedFree(s, t, &blockArgs{a.Block})
	}
	to, err := alignedMalloc(s, t, &alignedArgs{a.Size, a.Alignment})
	if err != nil || to == 0 {
		return to, err
	}
	have, err := alignedSize(t, a.Block)
	if err != nil {
		return 0, err
	}
	if err := move(t, to, a.Block, min(have, a.Size)); err != nil {
		return 0, err
	}
	_, err = alignedFree(s, t, &blockArgs{a.Block})
	return to, err
}

// expand changes a block's size where it lies.
func expand(s *state, t *nt.Thread, a *reallocArgs) (uint64, error) {
	if a.Block == 0 {
		return 0, s.setErrno(t, einval)
	}
	va, err := ntdll.ReAllocateHeap(t, 0, ntdll.HEAP_REALLOC_IN_PLACE_ONLY, a.Block, a.Size)
	return s.allocated(t, va, err)
}

type recallocArgs struct{ Block, Count, Size uint64 }

// recalloc is realloc whose growth is of zeros.
func recalloc(s *state, t *nt.Thread, a *recallocArgs) (uint64, error) {
	if a.Size != 0 && a.Count > ^uint64(0)/a.Size {
		return s.allocated(t, 0, nil)
	}
	n := a.Count * a.Size
	switch {
	case a.Block == 0:
		return calloc(s, t, &callocArgs{a.Count, a.Size})
	case n == 0:
		return free(s, t, &blockArgs{a.Block})
	}
	va, err := ntdll.ReAllocateHeap(t, 0, ntdll.HEAP_ZERO_MEMORY, a.Block, n)
	return s.allocated(t, va, err)
}

// What the walks return (malloc.h).
const (
	heapOK  = -2 & (1<<32 - 1) // _HEAPOK
	heapEnd = -5 & (1<<32 - 1) // _HEAPEND
)

// heapchk walks the whole process heap; a damaged one ends the process.
func heapchk(t *nt.Thread, _ *noArgs) (uint64, error) {
	for e := (ntdll.HeapEntry{}); ; {
		if more, err := ntdll.NextHeapEntry(t, 0, &e); err != nil || !more {
			return heapOK, err
		}
	}
}

// heapwalk fills a _HEAPINFO, the address, the size and whether the block is in use, with the block behind the one that it holds.
func heapwalk(t *nt.Thread, a *heapwalkArgs) (uint64, error) {
	va, err := t.Load64(a.Entry)
	if err != nil {
		return 0, err
	}
	e := ntdll.HeapEntry{Address: va}
	for {
		more, err := ntdll.NextHeapEntry(t, 0, &e)
		if err != nil || !more {
			return heapEnd, err
		}
		if e.Flags&(ntdll.PROCESS_HEAP_REGION|ntdll.PROCESS_HEAP_UNCOMMITTED_RANGE) == 0 {
			break
		}
	}
	used := uint32(0) // _FREEENTRY
	if e.Flags&ntdll.PROCESS_HEAP_ENTRY_BUSY != 0 {
		used = 1 // _USEDENTRY
	}
	if err := t.Store64(a.Entry, e.Address); err != nil {
		return 0, err
	}
	if err := t.Store64(a.Entry+8, e.Size); err != nil {
		return 0, err
	}
	return heapOK, t.Store32(a.Entry+16, used)
}
