package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// A vad is a virtual address descriptor: one reservation or view, [start, end), both multiples of 4 KiB.
type vad struct {
	start, end x86.VirtAddr

	left, right subtree // beside the bounds: a search reads no more
	priority    uint64
	inTree      bool

	typ       uint32      // MEM_PRIVATE, MEM_MAPPED, MEM_IMAGE
	protect   uint32      // AllocationProtect
	code      protectCode // of untouched pages; an image has its own
	committed bool        // private: untouched pages are committed
	fixed     bool        // a page of the kernel's own: the services leave it alone
	large     bool        // of large pages
	physical  bool        // MEM_PHYSICAL: AWE maps frames into it
	// placeholder: reserved for a view or a reservation that replaces it
	placeholder bool
	replaced    bool // took the place of one
	watch       *writeWatch
	area        *controlArea // of a view
	offset      uint64       // of the view's first page in the area, in pages
}

// A subtree is a VAD with all that are below it in the tree, and what a search for room asks of them: their bounds and the largest
// gap between two of them. It is kept where the pointer is, so that a search or a change reads no VAD beside its way.
type subtree struct {
	root      *vad
	low, high x86.VirtAddr
	gap       uint64
}

func (v *vad) pages() uint64 { return uint64(v.end-v.start) >> x86.PageShift }

// vadTree is a treap by address: both looking up an address and finding room take logarithmic time.
type vadTree struct {
	root subtree
	rng  uint64 // priorities; the shape of the tree is invisible
	n    int
	seen [vadsSeen]*vad // by 64 KiB of addresses: the VAD that was found last; it may have left the tree
}

// vadsSeen is how many lookups a tree remembers: what a program works with is found at once, however much there is besides.
const vadsSeen = 4096

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

// tree returns the subtree of a VAD from what it keeps of the ones below it; nil has an empty one.
func (v *vad) tree() subtree {
	if v == nil {
		return subtree{}
	}
	s := subtree{root: v, low: v.start, high: v.end}
	if l := &v.left; l.root != nil {
		s.low = l.low
		s.gap = max(l.gap, room(l.high, v.start))
	}
	if r := &v.right; r.root != nil {
		s.high = r.high
		s.gap = max(s.gap, r.gap, room(v.end, r.low))
	}
	return s
}

// find returns the VAD that holds va, or nil.
func (t *vadTree) find(va x86.VirtAddr) *vad {
	v := t.next(va)
	if v == nil || va < v.start {
		return nil
	}
	return v
}

// next returns the first VAD that ends above va, or nil.
func (t *vadTree) next(va x86.VirtAddr) *vad {
	seen := &t.seen[va/granularity%vadsSeen]
	if v := *seen; v != nil && v.inTree && va-v.start < v.end-v.start {
		return v
	}
	var best *vad
	for v := t.root.root; v != nil; {
		switch {
		case va >= v.end:
			v = v.right.root
		case va < v.start:
			best, v = v, v.left.root
		default:
			*seen = v
			return v
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
	t.rng += 0x9e3779b97f4a7c15 // splitmix64
	z := t.rng
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	v.priority, v.inTree = z^z>>31, true
	t.root = t.root.insert(v)
	t.n++
}

func (s subtree) insert(v *vad) subtree {
	n := s.root
	switch {
	case n == nil || v.priority > n.priority:
		v.left, v.right = s.split(v.start)
		n = v
	case v.start < n.start:
		n.left = n.left.insert(v)
	default:
		n.right = n.right.insert(v)
	}
	return n.tree()
}

// remove takes a VAD out.
func (t *vadTree) remove(v *vad) {
	t.root = t.root.remove(v)
	v.inTree = false
	t.n--
}

func (s subtree) remove(v *vad) subtree {
	n := s.root
	switch {
	case n == v:
		return merge(n.left, n.right)
	case v.start < n.start:
		n.left = n.left.remove(v)
	default:
		n.right = n.right.remove(v)
	}
	return n.tree()
}

// split divides a tree into the VADs that start below va and the others.
func (s subtree) split(va x86.VirtAddr) (l, r subtree) {
	v := s.root
	switch {
	case v == nil:
		return s, s
	case v.start < va:
		v.right, r = v.right.split(va)
		return v.tree(), r
	}
	l, v.left = v.left.split(va)
	return l, v.tree()
}

// merge joins two trees, the first of which lies below the second.
func merge(l, r subtree) subtree {
	switch {
	case l.root == nil:
		return r
	case r.root == nil:
		return l
	case l.root.priority > r.root.priority:
		l.root.right = merge(l.root.right, r)
		return l.root.tree()
	}
	r.root.left = merge(l, r.root.left)
	return r.root.tree()
}

// lowest returns the lowest base in [low, high) where size bytes are free.
func (t *vadTree) lowest(size uint64, low, high x86.VirtAddr) (x86.VirtAddr, bool) {
	return t.root.lowest(size, low, high)
}

func (s *subtree) lowest(size uint64, low, high x86.VirtAddr) (x86.VirtAddr, bool) {
	if room(low, high) < size {
		return 0, false
	}
	v := s.root
	if v == nil {
		return alignUp(low), true
	}
	if s.hopeless(size, low, high) {
		return 0, false
	}
	if v.end <= low {
		return v.right.lowest(size, low, high)
	}
	if base, ok := v.left.lowest(size, low, min(v.start, high)); ok {
		return base, true
	}
	return v.right.lowest(size, max(v.end, low), high)
}

// highest returns the highest base in [low, high) where size bytes are free.
func (t *vadTree) highest(size uint64, low, high x86.VirtAddr) (x86.VirtAddr, bool) {
	return t.root.highest(size, low, high)
}

func (s *subtree) highest(size uint64, low, high x86.VirtAddr) (x86.VirtAddr, bool) {
	if room(low, high) < size {
		return 0, false
	}
	v := s.root
	if v == nil {
		base := (high - x86.VirtAddr(size)) &^ (granularity - 1)
		return base, base >= low
	}
	if s.hopeless(size, low, high) {
		return 0, false
	}
	if v.start >= high {
		return v.left.highest(size, low, high)
	}
	if base, ok := v.right.highest(size, max(v.end, low), high); ok {
		return base, true
	}
	return v.left.highest(size, low, min(v.start, high))
}

// hopeless reports that a subtree inside [low, high) leaves no gap of size bytes before, in or behind it.
func (s *subtree) hopeless(size uint64, low, high x86.VirtAddr) bool {
	return s.low >= low && s.high <= high && s.gap < size && room(low, s.low) < size && room(s.high, high) < size
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
