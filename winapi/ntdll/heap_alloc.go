package ntdll

import "github.com/pagewalk/pagewalk/ntdef"

// alloc returns the address of size bytes, aligned to 16, or 0 where the heap has no room. flags: HEAP_ZERO_MEMORY.
func (h *heap) alloc(flags uint32, size uint64) (uint64, error) {
	if size > maxBlock {
		return h.allocLarge(size)
	}
	units := unitsFor(size)
	b, ok, err := h.find(units)
	if err != nil {
		return 0, err
	}
	if !ok {
		if grown, err := h.grow(units); err != nil || !grown {
			return 0, err
		}
		if b, ok, err = h.find(units); err != nil || !ok {
			return 0, err
		}
	}
	if err := h.unlink(b); err != nil {
		return 0, err
	}
	if b, err = h.split(b, units, size); err != nil {
		return 0, err
	}
	if flags&HEAP_ZERO_MEMORY != 0 {
		return b.user(), h.zero(b.user(), size)
	}
	return b.user(), nil
}

func unitsFor(size uint64) uint32 {
	return max(minUnits, uint32((size+heapHeader+heapUnit-1)/heapUnit))
}

// zeros is what zero writes.
var zeros [4096]byte

func (h *heap) zero(va, n uint64) error {
	for n > 0 {
		part := min(n, uint64(len(zeros)))
		if err := h.Write(va, zeros[:part]); err != nil {
			return err
		}
		va, n = va+part, n-part
	}
	return nil
}

// allocLarge gives a request pages of its own, which are zero when they are fresh. Only a heap that grows does it.
func (h *heap) allocLarge(size uint64) (uint64, error) {
	const limit = 1<<36 - 0x10000 // what a block's size field counts, 64 GiB
	if h.flags&HEAP_GROWABLE == 0 || size > limit {
		return 0, nil
	}
	total := align(size+largeHeader, 0x1000)
	protect, err := h.Load32(h.base + heapProtect)
	if err != nil {
		return 0, err
	}
	first, err := h.Load64(h.base + heapLarge)
	if err != nil {
		return 0, err
	}
	at, st := h.reserve(total, protect)
	if st != ntdef.STATUS_SUCCESS {
		return 0, nil
	}
	if h.commit(at, total, protect) != ntdef.STATUS_SUCCESS {
		h.heapOS.release(at)
		return 0, nil
	}
	for _, w := range []struct{ at, v uint64 }{{largeNext, first}, {largePrev, 0}, {largeHeap, h.base}} {
		if err := h.Store64(at+w.at, w.v); err != nil {
			return 0, err
		}
	}
	if first != 0 {
		if err := h.Store64(first+largePrev, at); err != nil {
			return 0, err
		}
	}
	if err := h.Store64(h.base+heapLarge, at); err != nil {
		return 0, err
	}
	b := block{
		addr: at + largeHeader - heapHeader, units: uint32(total / heapUnit), flags: blockBusy | blockLarge,
		unused: uint16(total - largeHeader - size),
	}
	return b.user(), h.put(b)
}

// busy returns the busy block of a caller's address.
func (h *heap) busy(user uint64) (block, error) {
	if user%heapUnit != 0 {
		return block{}, h.corrupt(user-heapHeader, "it is not aligned to 16 bytes")
	}
	b, err := h.block(user - heapHeader)
	if err == nil && b.flags&blockBusy == 0 {
		err = h.corrupt(b.addr, "it is free already")
	}
	return b, err
}

// free takes back what alloc returned.
func (h *heap) free(user uint64) error {
	b, err := h.busy(user)
	if err != nil {
		return err
	}
	if b.flags&blockLarge != 0 {
		return h.freeLarge(b)
	}
	if b, err = h.join(b); err != nil {
		return err
	}
	if b.flags&blockLast != 0 {
		return h.trim(b)
	}
	return h.link(b)
}

func (h *heap) freeLarge(b block) error {
	at := b.user() - largeHeader
	var f [3]uint64
	for i := range f {
		var err error
		if f[i], err = h.Load64(at + 8*uint64(i)); err != nil {
			return err
		}
	}
	next, prev, owner := f[0], f[1], f[2]
	if owner != h.base {
		return h.corrupt(b.addr, "it belongs to another heap")
	}
	from := h.base + heapLarge
	if prev != 0 {
		from = prev + largeNext
	}
	confirm, err := h.Load64(from)
	if err != nil {
		return err
	}
	if confirm != at {
		return h.corrupt(b.addr, "the list of large blocks is damaged")
	}
	if next != 0 {
		if err := h.Store64(next+largePrev, prev); err != nil {
			return err
		}
	}
	if err := h.Store64(from, next); err != nil {
		return err
	}
	h.heapOS.release(at)
	return nil
}

// realloc changes the size of a block and returns its address, 0 where the heap has no room: the block is then as it was.
// flags: HEAP_ZERO_MEMORY for the bytes that are new, HEAP_REALLOC_IN_PLACE_ONLY.
func (h *heap) realloc(flags uint32, user, size uint64) (uint64, error) {
	b, err := h.busy(user)
	if err != nil {
		return 0, err
	}
	old := b.requested()
	done, err := h.resize(b, size)
	if err != nil {
		return 0, err
	}
	if done {
		if flags&HEAP_ZERO_MEMORY != 0 && size > old {
			return user, h.zero(user+old, size-old)
		}
		return user, nil
	}
	if flags&HEAP_REALLOC_IN_PLACE_ONLY != 0 {
		return 0, nil
	}
	to, err := h.alloc(0, size)
	if err != nil || to == 0 {
		return 0, err
	}
	keep := min(old, size)
	if err := h.copy(to, user, keep); err != nil {
		return 0, err
	}
	if flags&HEAP_ZERO_MEMORY != 0 && size > keep {
		if err := h.zero(to+keep, size-keep); err != nil {
			return 0, err
		}
	}
	return to, h.free(user)
}

// resize changes a block's size where it lies, if it can.
func (h *heap) resize(b block, size uint64) (bool, error) {
	if b.flags&blockLarge != 0 {
		if size <= maxBlock || size+largeHeader > b.size() || b.size()-largeHeader-size > 0xffff {
			return false, nil
		}
		b.unused = uint16(b.size() - largeHeader - size)
		return true, h.put(b)
	}
	if size > maxBlock {
		return false, nil
	}
	units := unitsFor(size)
	if units > b.units {
		if b.flags&blockLast != 0 {
			return false, nil
		}
		above, err := h.block(b.next())
		if err != nil || above.flags&blockBusy != 0 || b.units+above.units < units {
			return false, err
		}
		if err := h.unlink(above); err != nil {
			return false, err
		}
		b.units += above.units
		if above.flags&blockLast != 0 {
			b.flags |= blockLast
			seg, err := h.segmentOf(b.addr)
			if err != nil {
				return false, err
			}
			if err := h.Store64(seg+segLast, b.addr); err != nil {
				return false, err
			}
		}
		if err := h.putSized(b); err != nil {
			return false, err
		}
	}
	_, err := h.split(b, units, size)
	return true, err
}

// copy moves n bytes between blocks that do not overlap.
func (h *heap) copy(to, from, n uint64) error {
	var buf [4096]byte
	for n > 0 {
		part := min(n, uint64(len(buf)))
		if err := h.Read(from, buf[:part]); err != nil {
			return err
		}
		if err := h.Write(to, buf[:part]); err != nil {
			return err
		}
		to, from, n = to+part, from+part, n-part
	}
	return nil
}

// each calls f with every block, free ones included: segment by segment from the bottom, then the large ones. It checks
// headers and the sizes that neighbours know of each other.
func (h *heap) each(f func(b block) error) error {
	err := h.segments(func(seg uint64) (bool, error) {
		at, err := h.Load64(seg + segFirst)
		if err != nil {
			return false, err
		}
		end, err := h.Load64(seg + segCommittedEnd)
		if err != nil {
			return false, err
		}
		last, err := h.Load64(seg + segLast)
		if err != nil {
			return false, err
		}
		for prev := uint32(0); ; {
			b, err := h.block(at)
			if err != nil {
				return false, err
			}
			if b.prev != prev || b.units < minUnits || b.next() > end || (b.flags&blockLast != 0) != (at == last) {
				return false, h.corrupt(at, "its neighbours disagree with it")
			}
			if err := f(b); err != nil {
				return false, err
			}
			if at == last {
				if b.next() != end {
					return false, h.corrupt(at, "it does not end with its segment")
				}
				return true, nil
			}
			prev, at = b.units, b.next()
		}
	})
	if err != nil {
		return err
	}
	at, err := h.Load64(h.base + heapLarge)
	for steps := 0; err == nil && at != 0; steps++ {
		if steps == maxListSteps {
			return h.corrupt(at, "the list of large blocks has no end")
		}
		var b block
		if b, err = h.busy(at + largeHeader); err != nil {
			return err
		}
		if err = f(b); err != nil {
			return err
		}
		at, err = h.Load64(at + largeNext)
	}
	return err
}
