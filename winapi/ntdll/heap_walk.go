package ntdll

import (
	"errors"

	"github.com/pagewalk/pagewalk/nt"
)

// Flags of a HeapEntry (minwinbase.h, PROCESS_HEAP_ENTRY).
const (
	PROCESS_HEAP_REGION            = 1
	PROCESS_HEAP_UNCOMMITTED_RANGE = 2
	PROCESS_HEAP_ENTRY_BUSY        = 4
)

// A HeapEntry is one element of a heap as HeapWalk tells of it: a segment, a block, or the uncommitted end of a segment.
type HeapEntry struct {
	Address  uint64
	Size     uint64 // bytes: of a busy block those that were asked for
	Overhead uint8  // bytes
	Region   uint8  // index of the segment
	Flags    uint16
	Large    bool // a block with an allocation of its own

	Committed, Uncommitted, First, Last uint64 // of a segment: bytes, and where its blocks begin and end
}

// NextHeapEntry steps from an element, the zero one to begin with, to the next one: each segment, its blocks by address, its
// uncommitted end; last the blocks with an allocation of their own. It returns false at the end.
func NextHeapEntry(t *nt.Thread, base uint64, e *HeapEntry) (bool, error) {
	h, err := heapOf(t, base)
	if err == nil {
		var more bool
		more, err = h.nextEntry(e)
		if err == nil {
			return more, nil
		}
	}
	return false, heapFailed(t, err)
}

func (h *heap) nextEntry(e *HeapEntry) (bool, error) {
	switch {
	case e.Address == 0:
		return true, h.segmentEntry(e, h.base, 0)
	case e.Flags&PROCESS_HEAP_REGION != 0:
		first, err := h.Load64(e.Address + segFirst)
		if err != nil {
			return false, err
		}
		return true, h.blockEntry(e, first, e.Region)
	case e.Flags&PROCESS_HEAP_UNCOMMITTED_RANGE != 0:
		seg, err := h.segmentOf(e.Address - 1)
		if err != nil {
			return false, err
		}
		return h.behindSegment(e, seg)
	}
	b, err := h.block(e.Address - heapHeader)
	switch {
	case err != nil:
		return false, err
	case b.flags&blockLarge != 0:
		return h.largeEntry(e, e.Address-largeHeader+largeNext, e.Region)
	case b.flags&blockLast == 0:
		return true, h.blockEntry(e, b.next(), e.Region)
	}
	seg, err := h.segmentOf(b.addr)
	if err != nil {
		return false, err
	}
	committed, err := h.Load64(seg + segCommittedEnd)
	if err != nil {
		return false, err
	}
	reserved, err := h.Load64(seg + segReservedEnd)
	if err != nil || reserved == committed {
		more, err2 := h.behindSegment(e, seg)
		return more, errors.Join(err, err2)
	}
	*e = HeapEntry{Address: committed, Size: reserved - committed, Region: e.Region, Flags: PROCESS_HEAP_UNCOMMITTED_RANGE}
	return true, nil
}

// behindSegment goes to the next segment, or to the first large block.
func (h *heap) behindSegment(e *HeapEntry, seg uint64) (bool, error) {
	next, err := h.Load64(seg + segNext)
	if err != nil {
		return false, err
	}
	if next != 0 {
		return true, h.segmentEntry(e, next, e.Region+1)
	}
	return h.largeEntry(e, h.base+heapLarge, e.Region+1)
}

func (h *heap) segmentEntry(e *HeapEntry, seg uint64, region uint8) error {
	var f [3]uint64
	for i, at := range []uint64{segFirst, segCommittedEnd, segReservedEnd} {
		var err error
		if f[i], err = h.Load64(seg + at); err != nil {
			return err
		}
	}
	*e = HeapEntry{
		Address: seg, Size: f[0] - seg, Region: region, Flags: PROCESS_HEAP_REGION,
		Committed: f[1] - seg, Uncommitted: f[2] - f[1], First: f[0], Last: f[2],
	}
	return nil
}

func (h *heap) blockEntry(e *HeapEntry, addr uint64, region uint8) error {
	b, err := h.block(addr)
	if err != nil {
		return err
	}
	*e = HeapEntry{Address: b.user(), Size: b.size() - heapHeader, Overhead: heapHeader, Region: region}
	if b.flags&blockBusy != 0 {
		e.Flags, e.Size = PROCESS_HEAP_ENTRY_BUSY, b.requested()
		e.Overhead = uint8(min(b.size()-e.Size, 255))
	}
	return nil
}

// largeEntry reads the large block that a link points at.
func (h *heap) largeEntry(e *HeapEntry, link uint64, region uint8) (bool, error) {
	at, err := h.Load64(link)
	if err != nil || at == 0 {
		return false, err
	}
	b, err := h.block(at + largeHeader - heapHeader)
	if err != nil {
		return false, err
	}
	*e = HeapEntry{
		Address: b.user(), Size: b.requested(), Overhead: uint8(min(b.size()-b.requested(), 255)), Region: region,
		Flags: PROCESS_HEAP_ENTRY_BUSY, Large: true,
	}
	return true, nil
}

// HeapBlock looks for a busy block of the process heap: its size in bytes, and ok where there is one. Nothing happens where the
// address is not a block's.
func HeapBlock(t *nt.Thread, p uint64) (size uint64, ok bool, err error) {
	if p == 0 || p%heapUnit != 0 {
		return 0, false, nil
	}
	h, err := heapOf(t, 0)
	if err != nil {
		return 0, false, heapFailed(t, err)
	}
	b, err := h.busy(p)
	var damage *heapCorruption
	var fault *nt.UserFault
	if errors.As(err, &damage) || errors.As(err, &fault) {
		return 0, false, nil
	}
	return b.requested(), err == nil, err
}
