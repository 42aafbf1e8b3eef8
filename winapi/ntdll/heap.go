package ntdll

import (
	"fmt"
	"math/bits"

	"github.com/pagewalk/pagewalk/ntdef"
)

// The heap of RtlAllocateHeap and its relatives.
//
// A heap is one or more segments of reserved address space, committed from the bottom as it is needed. The committed part
// of a segment behind its header is a row of blocks without gaps. Each block starts with a 16-byte header that holds its
// size, the size of the block below it, its flags, how many bytes of it the caller did not ask for, and a check word over
// all of that, the block's address and a secret of the heap: a header that a program overwrote is found before it is
// believed. Two free blocks never touch. Free blocks are on doubly linked lists by size, with a bitmap of the lists that
// are not empty; sizes below 64 units of 16 bytes have a list each, above it there are four lists to a power of two.
//
// Requests over maxBlock get an allocation of their own. All of this lives in guest memory and is read and written there:
// the heap of a traced program faults page by page as a real one does.

// heapOS is what a heap needs of the system: memory and the virtual-memory services.
type heapOS interface {
	Load8(va uint64) (uint8, error)
	Load16(va uint64) (uint16, error)
	Load32(va uint64) (uint32, error)
	Load64(va uint64) (uint64, error)
	Read(va uint64, b []byte) error
	Store32(va uint64, v uint32) error
	Store64(va uint64, v uint64) error
	Write(va uint64, b []byte) error
	// reserve finds size bytes of address space, commit backs whole pages of it with protect.
	reserve(size uint64, protect uint32) (uint64, ntdef.Status)
	commit(va, size uint64, protect uint32) ntdef.Status
	decommit(va, size uint64) ntdef.Status
	release(va uint64) ntdef.Status
}

// Flags of RtlCreateHeap and RtlAllocateHeap (heapapi.h).
const (
	HEAP_NO_SERIALIZE          uint32 = 0x1
	HEAP_GROWABLE              uint32 = 0x2
	HEAP_GENERATE_EXCEPTIONS   uint32 = 0x4
	HEAP_ZERO_MEMORY           uint32 = 0x8
	HEAP_REALLOC_IN_PLACE_ONLY uint32 = 0x10
	HEAP_CREATE_ENABLE_EXECUTE uint32 = 0x40000
	heapUnit                          = 16
	heapHeader                        = 16 // of a block
	minUnits                          = 2  // a header and two links
	maxBlock                          = 0xff000
	segmentGrain                      = 0x10000
	defaultSegment                    = 0x100000
	maxSegment                        = 0x4000000
	decommitThreshold                 = 0x40000
	maxListSteps                      = 1 << 20 // of lists in guest memory, which a guest may have tied into a ring
	heapSignature                     = 0xeeffeeff
	segmentSignature                  = 0xffeeffee
)

// Offsets in a segment; the first one begins with the heap's own header. The signatures, Flags and ForceFlags lie where
// Windows 10 has them: programs look.
const (
	segSignature    = 0x10
	segNext         = 0x18
	segHeap         = 0x20
	segReservedEnd  = 0x28
	segCommittedEnd = 0x30
	segFirst        = 0x38
	segLast         = 0x40 // the block that ends at segCommittedEnd
	segHeaderSize   = 0x50

	heapFlags       = 0x70
	heapForceFlags  = 0x74
	heapProtect     = 0x78
	heapSecret      = 0x7c
	heapLocks       = 0x80
	heapSign        = 0x98
	heapLarge       = 0xa0 // first block with an allocation of its own
	heapSegmentSize = 0xa8 // of the next segment
	heapBitmap      = 0xb0 // two 64-bit words
	heapBins        = 0x100
	heapBinCount    = 128
	heapHeaderSize  = heapBins + 8*heapBinCount
)

// Offsets in an allocation of its own. Its block header lies in the last 16 bytes before the caller's.
const (
	largeNext   = 0x00
	largePrev   = 0x08
	largeHeap   = 0x10
	largeHeader = 0x40
)

// A heap is one heap of a process, by its address.
type heap struct {
	heapOS
	base   uint64
	secret uint32
	flags  uint32
}

// A heapCorruption says which block is not what the heap wrote.
type heapCorruption struct {
	heap, block uint64
	what        string
}

func (e *heapCorruption) Error() string {
	return fmt.Sprintf("heap %#x: block %#x: %s", e.heap, e.block, e.what)
}

func (h *heap) corrupt(block uint64, what string) error {
	return &heapCorruption{h.base, block, what}
}

// openHeap returns the heap at base; ok is false where there is none.
func openHeap(os heapOS, base uint64) (h heap, ok bool, err error) {
	if base == 0 || base&0xfff != 0 {
		return h, false, nil
	}
	sign, err := os.Load32(base + heapSign)
	if err != nil || sign != heapSignature {
		return h, false, err
	}
	h = heap{heapOS: os, base: base}
	if h.secret, err = os.Load32(base + heapSecret); err != nil {
		return h, false, err
	}
	h.flags, err = os.Load32(base + heapFlags)
	return h, true, err
}

// newHeap reserves a heap, commits its beginning and returns it; nil where the system has no room. reserve 0 means one
// that can grow from a default size.
func newHeap(os heapOS, flags uint32, reserve, commit uint64, secret uint32) (*heap, error) {
	const most = 1 << 47 // the user half of the address space
	if reserve > most || commit > most {
		return nil, nil
	}
	if reserve == 0 {
		reserve = defaultSegment
	}
	h := &heap{heapOS: os, secret: secret, flags: flags}
	protect := uint32(ntdef.PAGE_READWRITE)
	if flags&HEAP_CREATE_ENABLE_EXECUTE != 0 {
		protect = ntdef.PAGE_EXECUTE_READWRITE
	}
	commit = align(max(commit, heapHeaderSize+minUnits*heapUnit), 0x1000)
	reserve = align(max(reserve, commit), segmentGrain)
	base, st := os.reserve(reserve, protect)
	if st != ntdef.STATUS_SUCCESS {
		return nil, nil
	}
	if os.commit(base, commit, protect) != ntdef.STATUS_SUCCESS {
		os.release(base)
		return nil, nil
	}
	h.base = base
	for _, w := range []struct {
		at uint64
		v  uint32
	}{
		{heapFlags, flags},
		{heapForceFlags, flags & (HEAP_NO_SERIALIZE | HEAP_GENERATE_EXCEPTIONS | HEAP_ZERO_MEMORY)},
		{heapProtect, protect},
		{heapSecret, secret},
		{heapSign, heapSignature},
	} {
		if err := os.Store32(base+w.at, w.v); err != nil {
			return nil, err
		}
	}
	if err := os.Store64(base+heapSegmentSize, min(2*reserve, maxSegment)); err != nil {
		return nil, err
	}
	return h, h.initSegment(base, heapHeaderSize, base+reserve, base+commit)
}

// initSegment writes a segment's header and makes its committed part one free block.
func (h *heap) initSegment(seg, first, reservedEnd, committedEnd uint64) error {
	if err := h.Store32(seg+segSignature, segmentSignature); err != nil {
		return err
	}
	first += seg
	for _, w := range []struct{ at, v uint64 }{
		{segNext, 0}, {segHeap, h.base}, {segReservedEnd, reservedEnd}, {segCommittedEnd, committedEnd}, {segFirst, first}, {segLast, first},
	} {
		if err := h.Store64(seg+w.at, w.v); err != nil {
			return err
		}
	}
	b := block{addr: first, units: uint32((committedEnd - first) / heapUnit), flags: blockLast}
	return h.link(b)
}

// segments calls f with the address of every segment until it returns false.
func (h *heap) segments(f func(seg uint64) (bool, error)) error {
	seg := h.base
	for steps := 0; seg != 0; steps++ {
		if steps == maxListSteps {
			return h.corrupt(seg, "the list of segments has no end")
		}
		sign, err := h.Load32(seg + segSignature)
		if err != nil {
			return err
		}
		if sign != segmentSignature {
			return h.corrupt(seg, "a segment's signature is damaged")
		}
		more, err := f(seg)
		if err != nil || !more {
			return err
		}
		if seg, err = h.Load64(seg + segNext); err != nil {
			return err
		}
	}
	return nil
}

// segmentOf returns the segment whose committed part holds a block.
func (h *heap) segmentOf(addr uint64) (found uint64, err error) {
	err = h.segments(func(seg uint64) (bool, error) {
		first, err := h.Load64(seg + segFirst)
		if err != nil {
			return false, err
		}
		end, err := h.Load64(seg + segCommittedEnd)
		if err == nil && addr >= first && addr < end {
			found = seg
		}
		return found == 0, err
	})
	if err == nil && found == 0 {
		err = h.corrupt(addr, "it lies in no segment")
	}
	return found, err
}

// grow makes room for a block of units: it commits more of a segment or adds one. The result is false where the heap may
// not grow or the system has no memory.
func (h *heap) grow(units uint32) (bool, error) {
	grown := false
	err := h.segments(func(seg uint64) (bool, error) {
		var err error
		grown, err = h.extend(seg, units)
		return !grown, err
	})
	if err != nil || grown || h.flags&HEAP_GROWABLE == 0 {
		return grown, err
	}
	return h.addSegment(units)
}

// extend commits as much more of a segment as a block of units at its end needs.
func (h *heap) extend(seg uint64, units uint32) (bool, error) {
	var f [3]uint64
	for i, at := range []uint64{segReservedEnd, segCommittedEnd, segLast} {
		var err error
		if f[i], err = h.Load64(seg + at); err != nil {
			return false, err
		}
	}
	reservedEnd, committedEnd := f[0], f[1]
	last, err := h.block(f[2])
	if err != nil {
		return false, err
	}
	need := uint64(units) * heapUnit
	if last.flags&blockBusy == 0 {
		need -= min(need, last.size())
	}
	if need > reservedEnd-committedEnd {
		return false, nil
	}
	n := min(align(need, segmentGrain), reservedEnd-committedEnd)
	protect, err := h.Load32(h.base + heapProtect)
	if err != nil || h.commit(committedEnd, n, protect) != ntdef.STATUS_SUCCESS {
		return false, err
	}
	if err := h.Store64(seg+segCommittedEnd, committedEnd+n); err != nil {
		return false, err
	}
	more := uint32(n / heapUnit)
	if last.flags&blockBusy == 0 {
		if err := h.unlink(last); err != nil {
			return false, err
		}
		last.units += more
		return true, h.link(last)
	}
	last.flags &^= blockLast
	if err := h.put(last); err != nil {
		return false, err
	}
	b := block{addr: committedEnd, units: more, prev: last.units, flags: blockLast}
	if err := h.Store64(seg+segLast, b.addr); err != nil {
		return false, err
	}
	return true, h.link(b)
}

// addSegment reserves a further segment, twice the last one's size where the system has that much.
func (h *heap) addSegment(units uint32) (bool, error) {
	want, err := h.Load64(h.base + heapSegmentSize)
	if err != nil {
		return false, err
	}
	protect, err := h.Load32(h.base + heapProtect)
	if err != nil {
		return false, err
	}
	commit := align(segHeaderSize+uint64(units)*heapUnit, segmentGrain)
	size := max(want, commit)
	seg, st := h.reserve(size, protect)
	for st != ntdef.STATUS_SUCCESS && size > commit {
		size = max(size/2, commit)
		seg, st = h.reserve(size, protect)
	}
	if st != ntdef.STATUS_SUCCESS {
		return false, nil
	}
	if h.commit(seg, commit, protect) != ntdef.STATUS_SUCCESS {
		h.release(seg)
		return false, nil
	}
	if err := h.initSegment(seg, segHeaderSize, seg+size, seg+commit); err != nil {
		return false, err
	}
	next, err := h.Load64(h.base + segNext)
	if err != nil {
		return false, err
	}
	if err := h.Store64(seg+segNext, next); err != nil {
		return false, err
	}
	if err := h.Store64(h.base+segNext, seg); err != nil {
		return false, err
	}
	return true, h.Store64(h.base+heapSegmentSize, min(2*want, maxSegment))
}

// destroy gives every segment and every large block back.
func (h *heap) destroy() error {
	var all []uint64
	for at := heapLarge + h.base; ; {
		if len(all) == maxListSteps {
			return h.corrupt(at, "the list of large blocks has no end")
		}
		next, err := h.Load64(at)
		if err != nil {
			return err
		}
		if next == 0 {
			break
		}
		all = append(all, next)
		at = next + largeNext
	}
	err := h.segments(func(seg uint64) (bool, error) {
		all = append(all, seg)
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, va := range all {
		h.release(va)
	}
	return nil
}

// align rounds up to a power of two.
func align(n, unit uint64) uint64 { return (n + unit - 1) &^ (unit - 1) }

// binOf returns the free list of blocks of a size.
func binOf(units uint32) int {
	if units < 64 {
		return int(units)
	}
	log := bits.Len32(units) - 1 // 6 and up
	return min(64+4*(log-6)+int(units>>(log-2)&3), heapBinCount-1)
}
