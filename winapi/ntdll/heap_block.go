package ntdll

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/ntdef"
)

// A block is the header of a block of a heap, decoded.
//
//	0  size in units of 16 bytes, header included (of a large block: of its whole allocation)
//	4  size in units of the block below, 0 for the first of a segment
//	8  flags (16 bits)
//	a  bytes at the end that the caller did not ask for (16 bits)
//	c  check word
//
// A free block continues with the links of its free list, next and previous, 8 bytes each.
type block struct {
	addr   uint64 // of the header
	units  uint32
	prev   uint32
	flags  uint16
	unused uint16
}

const (
	blockBusy  = 1
	blockLast  = 2 // of the committed part of its segment
	blockLarge = 4 // an allocation of its own

	freeNext = heapHeader
	freePrev = heapHeader + 8
)

func (b block) size() uint64 { return uint64(b.units) * heapUnit }

// user returns the address of the caller's bytes.
func (b block) user() uint64 { return b.addr + heapHeader }

// requested returns how many bytes the caller asked for.
func (b block) requested() uint64 {
	if b.flags&blockLarge != 0 {
		return b.size() - largeHeader - uint64(b.unused)
	}
	return b.size() - heapHeader - uint64(b.unused)
}

func (b block) next() uint64  { return b.addr + b.size() }
func (b block) below() uint64 { return b.addr - uint64(b.prev)*heapUnit }

// check mixes the fields of a header with its address and the heap's secret.
func (b block) check(secret uint32) uint32 {
	x := b.units*0x9e3779b1 ^ bits.RotateLeft32(b.prev*0x85ebca77, 9)
	x ^= (uint32(b.flags) | uint32(b.unused)<<16) * 0xc2b2ae3d
	x ^= uint32(b.addr>>4) * 0x27d4eb2f
	return x ^ x>>15 ^ secret
}

// block reads a header and checks it.
func (h *heap) block(addr uint64) (block, error) {
	lo, err := h.Load64(addr)
	if err != nil {
		return block{}, err
	}
	hi, err := h.Load64(addr + 8)
	if err != nil {
		return block{}, err
	}
	b := block{addr, uint32(lo), uint32(lo >> 32), uint16(hi), uint16(hi >> 16)}
	if uint32(hi>>32) != b.check(h.secret) {
		return b, h.corrupt(addr, "its header is damaged")
	}
	return b, nil
}

// put writes a header.
func (h *heap) put(b block) error {
	if err := h.Store64(b.addr, uint64(b.units)|uint64(b.prev)<<32); err != nil {
		return err
	}
	return h.Store64(b.addr+8, uint64(b.flags)|uint64(b.unused)<<16|uint64(b.check(h.secret))<<32)
}

// putSized writes the header of a block whose size may have changed, and tells the block above of it.
func (h *heap) putSized(b block) error {
	if err := h.put(b); err != nil || b.flags&blockLast != 0 {
		return err
	}
	above, err := h.block(b.next())
	if err != nil {
		return err
	}
	above.prev = b.units
	return h.put(above)
}

// link writes a free block and puts it at the head of its list.
func (h *heap) link(b block) error {
	b.flags &^= blockBusy
	b.unused = 0
	if err := h.putSized(b); err != nil {
		return err
	}
	bin := binOf(b.units)
	head := h.base + heapBins + 8*uint64(bin)
	next, err := h.Load64(head)
	if err != nil {
		return err
	}
	if err := h.Store64(b.addr+freeNext, next); err != nil {
		return err
	}
	if err := h.Store64(b.addr+freePrev, 0); err != nil {
		return err
	}
	if next != 0 {
		if err := h.Store64(next+freePrev, b.addr); err != nil {
			return err
		}
	}
	if err := h.Store64(head, b.addr); err != nil {
		return err
	}
	return h.mark(bin, true)
}

// unlink takes a free block off its list; a link that its neighbours do not confirm is corruption.
func (h *heap) unlink(b block) error {
	next, err := h.Load64(b.addr + freeNext)
	if err != nil {
		return err
	}
	prev, err := h.Load64(b.addr + freePrev)
	if err != nil {
		return err
	}
	bin := binOf(b.units)
	from := h.base + heapBins + 8*uint64(bin)
	head := prev == 0
	if !head {
		from = prev + freeNext
	}
	confirm, err := h.Load64(from)
	if err != nil {
		return err
	}
	if confirm != b.addr {
		return h.corrupt(b.addr, "its free list is damaged")
	}
	if next != 0 {
		confirm, err := h.Load64(next + freePrev)
		if err != nil {
			return err
		}
		if confirm != b.addr {
			return h.corrupt(b.addr, "its free list is damaged")
		}
		if err := h.Store64(next+freePrev, prev); err != nil {
			return err
		}
	}
	if err := h.Store64(from, next); err != nil {
		return err
	}
	if head && next == 0 {
		return h.mark(bin, false)
	}
	return nil
}

// mark notes in the bitmap whether a free list has blocks.
func (h *heap) mark(bin int, some bool) error {
	at := h.base + heapBitmap + 8*uint64(bin/64)
	word, err := h.Load64(at)
	if err != nil {
		return err
	}
	was := word
	word &^= 1 << (bin % 64)
	if some {
		word |= 1 << (bin % 64)
	}
	if word == was {
		return nil
	}
	return h.Store64(at, word)
}

// find returns a free block of at least units; ok is false where there is none. In the list of its own size class a
// block may be too small; every block of a higher list is large enough.
func (h *heap) find(units uint32) (b block, ok bool, err error) {
	bin := binOf(units)
	for bin < heapBinCount {
		word, err := h.Load64(h.base + heapBitmap + 8*uint64(bin/64))
		if err != nil {
			return b, false, err
		}
		word &= ^uint64(0) << (bin % 64)
		if word == 0 {
			bin = (bin/64 + 1) * 64
			continue
		}
		bin = bin&^63 + bits.TrailingZeros64(word)
		at, err := h.Load64(h.base + heapBins + 8*uint64(bin))
		for steps := 0; err == nil && at != 0; steps++ {
			if steps == maxListSteps {
				return b, false, h.corrupt(at, "its free list has no end")
			}
			if b, err = h.block(at); err != nil {
				return b, false, err
			}
			if b.flags&blockBusy != 0 {
				return b, false, h.corrupt(at, "a busy block is on a free list")
			}
			if b.units >= units {
				return b, true, nil
			}
			at, err = h.Load64(at + freeNext)
		}
		if err != nil {
			return b, false, err
		}
		bin++
	}
	return b, false, nil
}

// split makes the block b, which is on no list, a busy one of units with size requested bytes; what remains becomes free.
func (h *heap) split(b block, units uint32, size uint64) (block, error) {
	b.flags |= blockBusy
	if b.units-units < minUnits {
		b.unused = uint16(b.size() - heapHeader - size)
		return b, h.put(b)
	}
	rest := block{addr: b.addr + uint64(units)*heapUnit, units: b.units - units, prev: units, flags: b.flags & blockLast}
	b.units = units
	b.unused = uint16(b.size() - heapHeader - size)
	b.flags &^= blockLast
	if err := h.put(b); err != nil {
		return b, err
	}
	rest, err := h.join(rest)
	if err != nil {
		return b, err
	}
	if rest.flags&blockLast != 0 {
		seg, err := h.segmentOf(rest.addr)
		if err != nil {
			return b, err
		}
		if err := h.Store64(seg+segLast, rest.addr); err != nil {
			return b, err
		}
	}
	return b, h.link(rest)
}

// join merges a block that becomes free with its free neighbours, which leave their lists. Both neighbours' headers are
// read, and thereby checked, before anything changes.
func (h *heap) join(b block) (block, error) {
	var above, below block
	var err error
	above.flags, below.flags = blockBusy, blockBusy
	if b.flags&blockLast == 0 {
		if above, err = h.block(b.next()); err != nil {
			return b, err
		}
	}
	if b.prev != 0 {
		if below, err = h.block(b.below()); err != nil {
			return b, err
		}
	}
	if above.flags&blockBusy == 0 {
		if err := h.unlink(above); err != nil {
			return b, err
		}
		b.units += above.units
		b.flags |= above.flags & blockLast
	}
	if below.flags&blockBusy == 0 {
		if err := h.unlink(below); err != nil {
			return b, err
		}
		below.units += b.units
		below.flags |= b.flags & blockLast
		b = below
	}
	return b, nil
}

// trim puts the last block of a segment on its list after giving memory back: of a large free block all but the first
// pages, and a segment, except the first, that holds nothing else.
func (h *heap) trim(b block) error {
	seg, err := h.segmentOf(b.addr)
	if err != nil {
		return err
	}
	first, err := h.Load64(seg + segFirst)
	if err != nil {
		return err
	}
	if first == b.addr && seg != h.base {
		return h.dropSegment(seg)
	}
	if err := h.Store64(seg+segLast, b.addr); err != nil {
		return err
	}
	if b.size() >= decommitThreshold {
		end := b.next()
		keep := align(b.addr+segmentGrain, 0x1000)
		if h.decommit(keep, end-keep) == ntdef.STATUS_SUCCESS {
			if err := h.Store64(seg+segCommittedEnd, keep); err != nil {
				return err
			}
			b.units = uint32((keep - b.addr) / heapUnit)
		}
	}
	return h.link(b)
}

// dropSegment releases a segment that holds no busy block.
func (h *heap) dropSegment(seg uint64) error {
	next, err := h.Load64(seg + segNext)
	if err != nil {
		return err
	}
	err = h.segments(func(s uint64) (bool, error) {
		n, err := h.Load64(s + segNext)
		if err == nil && n == seg {
			return false, h.Store64(s+segNext, next)
		}
		return true, err
	})
	if err == nil {
		h.release(seg)
	}
	return err
}
