package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// What tells about heaps (heapapi.h).
var heapWalkFuncs = []nt.UserFunc{
	nt.Func("HeapWalk", heapWalk),
	nt.Func("HeapSummary", heapSummary),
	nt.Func("HeapQueryInformation", heapQueryInformation),
	nt.Func("HeapSetInformation", heapSetInformation),
}

type heapWalkArgs struct {
	Heap  uint64
	Entry uint64
}

// heapWalk fills a PROCESS_HEAP_ENTRY (minwinbase.h), 40 bytes: the element behind the one that it holds. ERROR_NO_MORE_ITEMS at
// the end.
func heapWalk(t *nt.Thread, a *heapWalkArgs) (uint64, error) {
	var b [40]byte
	if err := t.Read(a.Entry, b[:]); err != nil {
		return 0, err
	}
	e := ntdll.HeapEntry{Address: get64(b[0:]), Flags: uint16(get32(b[12:]) >> 16), Region: uint8(get32(b[12:]) >> 8)}
	more, err := ntdll.NextHeapEntry(t, a.Heap, &e)
	if err != nil {
		return 0, err
	}
	if !more {
		return fail(t, ntdll.ERROR_NO_MORE_ITEMS)
	}
	clear(b[:])
	put64(b[0:], e.Address)
	put32(b[8:], uint32(e.Size))
	put32(b[12:], uint32(e.Overhead)|uint32(e.Region)<<8|uint32(e.Flags)<<16)
	if e.Flags&ntdll.PROCESS_HEAP_REGION != 0 {
		put32(b[16:], uint32(e.Committed))
		put32(b[20:], uint32(e.Uncommitted))
		put64(b[24:], e.First)
		put64(b[32:], e.Last)
	}
	return 1, t.Write(a.Entry, b[:])
}

type heapSummaryArgs struct {
	Heap    uint64
	Flags   uint32
	Summary uint64
}

// heapSummary fills a HEAP_SUMMARY (heapapi.h), 40 bytes: allocated, committed, reserved and the most that may be reserved.
func heapSummary(t *nt.Thread, a *heapSummaryArgs) (uint64, error) {
	const size = 40
	n, err := t.Load32(a.Summary)
	if err != nil {
		return 0, err
	}
	if n != size {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	var allocated, committed, reserved uint64
	for e := (ntdll.HeapEntry{}); ; {
		more, err := ntdll.NextHeapEntry(t, a.Heap, &e)
		if err != nil {
			return 0, err
		}
		if !more {
			break
		}
		switch {
		case e.Flags&ntdll.PROCESS_HEAP_REGION != 0:
			committed += e.Committed
			reserved += e.Committed + e.Uncommitted
		case e.Flags&ntdll.PROCESS_HEAP_ENTRY_BUSY != 0:
			allocated += e.Size
			if e.Large {
				committed += e.Size + uint64(e.Overhead)
				reserved += e.Size + uint64(e.Overhead)
			}
		}
	}
	var b [size]byte
	put32(b[0:], size)
	put64(b[8:], allocated)
	put64(b[16:], committed)
	put64(b[24:], reserved)
	put64(b[32:], reserved)
	return 1, t.Write(a.Summary, b[:])
}

type heapQueryInformationArgs struct {
	Heap   uint64
	Class  uint32
	Buffer uint64
	Length uint64
	Return ntdef.Ptr[uint64]
}

// heapQueryInformation and heapSetInformation are ntdll's with a BOOL.
func heapQueryInformation(t *nt.Thread, a *heapQueryInformationArgs) (uint64, error) {
	st, err := ntdll.QueryHeapInformation(t, a.Heap, a.Class, a.Buffer, a.Length, a.Return)
	if err != nil {
		return 0, err
	}
	return boolOf(t, st)
}

type heapSetInformationArgs struct {
	Heap   uint64
	Class  uint32
	Buffer uint64
	Length uint64
}

func heapSetInformation(t *nt.Thread, a *heapSetInformationArgs) (uint64, error) {
	st, err := ntdll.SetHeapInformation(t, a.Heap, a.Class, a.Buffer, a.Length)
	if err != nil {
		return 0, err
	}
	return boolOf(t, st)
}
