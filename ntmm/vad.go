package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// A vad is a virtual address descriptor: one reservation or view, [start, end), both multiples of 4 KiB.
type vad struct {
	start, end x86.VirtAddr
	typ        uint32      // MEM_PRIVATE, MEM_MAPPED, MEM_IMAGE
	protect    uint32      // AllocationProtect
	code       protectCode // of untouched pages; an image has its own
	committed  bool        // private: untouched pages are committed
	fixed      bool        // a page of the kernel's own: the services leave it alone
	large      bool        // of large pages
	physical   bool        // MEM_PHYSICAL: AWE maps frames into it
	// placeholder: reserved for a view or a reservation that replaces it
	placeholder bool
	replaced    bool // took the place of one
	watch       *writeWatch
	area        *controlArea // of a view
	offset      uint64       // of the view's first page in the area, in pages

	left, right *vad
	priority    uint64
	low, high   x86.VirtAddr // bounds of the subtree
	gap         uint64       // the largest gap between two VADs of the subtree
}

func (v *vad) pages() uint64 { return uint64(v.end-v.start) >> x86.PageShift }

// vadTree is a treap by address. Each node keeps its subtree's bounds and largest inner gap, so that both looking up an
// address and finding room take logarithmic time.
type vadTree struct {
	root *vad
	rng  uint64 // priorities; the shape of the tree is invisible
	n    int
}

// granularity is the allocation granularity: reservations begin at its multiples.
const granularity = 64 << 10

func alignUp(va x86.VirtAddr) x86.VirtAddr { return (va + granularity - 1) &^ (granularity - 1) }

// room is how many bytes a reservation between two VADs can have.
func room(from, to x86.VirtAddr) uint64 {
	if from = alignUp(from); from >= to {
		return 0
	}
	return uint64(to - from)
}

func (v *vad) update() {
	v.low, v.high, v.gap = v.start, v.end, 0
	if l := v.left; l != nil {
		v.low = l.low
		v.gap = max(l.gap, room(l.high, v.start))
	}
	if r := v.right; r != nil {
		v.high = r.high
		v.gap = max(v.gap, r.gap, room(v.end, r.low))
	}
}

// find returns the VAD that holds va, or nil.
func (t *vadTree) find(va x86.VirtAddr) *vad {
	v := t.root
	for v != nil {
		switch {
		case va < v.start:
			v = v.left
		case va >= v.end:
			v = v.right
		default:
			return v
		}
	}
	return nil
}

// next returns the first VAD that ends above va, or nil.
func (t *vadTree) next(va x86.VirtAddr) *vad {
	var best *vad
	for v := t.root; v != nil; {
		if va < v.end {
			best, v = v, v.left
		} else {
			v = v.right
		}
	}
	return best
}

// free reports whether no VAD touches [start, end).
func (t *vadTree) free(start, end x86.VirtAddr) bool {
	v := t.next(start)
	return v == nil || v.start >= end
}

// insert adds a VAD to a place that is free.
func (t *vadTree) insert(v *vad) {
	t.rng = t.rng*6364136223846793005 + 1442695040888963407
	v.priority = t.rng ^ t.rng>>33
	v.left, v.right = nil, nil
	l, r := split(t.root, v.start)
	v.update()
	t.root = merge(merge(l, v), r)
	t.n++
}

// remove takes a VAD out.
func (t *vadTree) remove(v *vad) {
	l, r := split(t.root, v.start)
	_, r = split(r, v.end)
	t.root = merge(l, r)
	t.n--
}

// split divides a tree into the VADs that start below va and the others.
func split(v *vad, va x86.VirtAddr) (l, r *vad) {
	if v == nil {
		return nil, nil
	}
	if v.start < va {
		v.right, r = split(v.right, va)
		v.update()
		return v, r
	}
	l, v.left = split(v.left, va)
	v.update()
	return l, v
}

func merge(l, r *vad) *vad {
	switch {
	case l == nil:
		return r
	case r == nil:
		return l
	case l.priority > r.priority:
		l.right = merge(l.right, r)
		l.update()
		return l
	}
	r.left = merge(l, r.left)
	r.update()
	return r
}

// lowest returns the lowest base in [low, high) where size bytes are free.
func (t *vadTree) lowest(size uint64, low, high x86.VirtAddr) (x86.VirtAddr, bool) {
	return lowest(t.root, size, low, high)
}

func lowest(v *vad, size uint64, low, high x86.VirtAddr) (x86.VirtAddr, bool) {
	if room(low, high) < size {
		return 0, false
	}
	if v == nil {
		return alignUp(low), true
	}
	if v.hopeless(size, low, high) {
		return 0, false
	}
	if v.end <= low {
		return lowest(v.right, size, low, high)
	}
	if base, ok := lowest(v.left, size, low, min(v.start, high)); ok {
		return base, true
	}
	return lowest(v.right, size, max(v.end, low), high)
}

// highest returns the highest base in [low, high) where size bytes are free.
func (t *vadTree) highest(size uint64, low, high x86.VirtAddr) (x86.VirtAddr, bool) {
	return highest(t.root, size, low, high)
}

func highest(v *vad, size uint64, low, high x86.VirtAddr) (x86.VirtAddr, bool) {
	if room(low, high) < size {
		return 0, false
	}
	if v == nil {
		base := (high - x86.VirtAddr(size)) &^ (granularity - 1)
		return base, base >= low
	}
	if v.hopeless(size, low, high) {
		return 0, false
	}
	if v.start >= high {
		return highest(v.left, size, low, high)
	}
	if base, ok := highest(v.right, size, max(v.end, low), high); ok {
		return base, true
	}
	return highest(v.left, size, low, min(v.start, high))
}

// hopeless reports that a subtree inside [low, high) leaves no gap of size bytes before, in or behind it.
func (v *vad) hopeless(size uint64, low, high x86.VirtAddr) bool {
	return v.low >= low && v.high <= high && v.gap < size && room(low, v.low) < size && room(v.high, high) < size
}

// isPrivate reports whether the VAD is memory of its process alone that the virtual services manage.
func (v *vad) isPrivate() bool { return v.typ == ntdef.MEM_PRIVATE && !v.fixed }

// isPaged reports whether the VAD is private memory whose pages come and go one by one.
func (v *vad) isPaged() bool { return v.isPrivate() && !v.large && !v.physical }

// name returns the name of the file that is mapped, "" where there is none.
func (v *vad) name() string {
	if v.area == nil {
		return ""
	}
	return v.area.name
}
