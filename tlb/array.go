package tlb

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/x86"
)

// slot is one way of one set.
type slot struct {
	Entry
	used uint64 // the array's clock at the last use
}

// array is one set-associative structure.
type array struct {
	sets, ways int
	slots      []slot   // set by set
	tags       []uint64 // of the slots, so that a search runs over few bytes: see tag
	count      [numSizes]int
	holds      [numSizes]bool
	policy     Policy
	clock      uint64
	tree       []uint64 // PLRU: the bits of each set, the root at bit 1, the children of n at 2n and 2n+1; 4 words for 256 ways
	random     uint64   // xorshift
	// recent remembers where pages were found last, by the low bits of their numbers, so that a large set need not be
	// searched again.
	recent [1 << recentBits]int32
}

const (
	recentBits = 6
	treeWords  = maxWays / 64
)

func arrays(structures []Structure) []*array {
	var list []*array
	for _, s := range structures {
		a := &array{sets: s.Sets, ways: s.Ways, slots: make([]slot, s.Sets*s.Ways), tags: make([]uint64, s.Sets*s.Ways), policy: s.Policy, random: 0x9e3779b97f4a7c15}
		if s.Policy == PLRU {
			a.tree = make([]uint64, s.Sets*treeWords)
		}
		for _, size := range s.Holds {
			a.holds[size] = true
		}
		list = append(list, a)
	}
	return list
}

// set returns the index of the first way that may hold the page of va at a size.
func (a *array) set(va x86.VirtAddr, size Size) int {
	return (int(va>>size.Shift()) & (a.sets - 1)) * a.ways
}

// tag is a page's number and size with a bit that says that there is one; 0 is an empty slot's.
func tag(va x86.VirtAddr, size Size) uint64 {
	return uint64(va)>>size.Shift()<<size.Shift() | uint64(size)<<1 | 1
}

// find returns the index of a page's slot, -1 where there is none.
func (a *array) find(va x86.VirtAddr, pcid uint16) int {
	for size := range numSizes {
		if a.count[size] == 0 {
			continue
		}
		want := tag(va, size)
		hint := &a.recent[va>>size.Shift()&(1<<recentBits-1)]
		if s := &a.slots[*hint]; a.tags[*hint] == want && (s.Global || s.PCID == pcid) {
			return int(*hint)
		}
		first := a.set(va, size)
		for i, t := range a.tags[first : first+a.ways] {
			if s := &a.slots[first+i]; t == want && (s.Global || s.PCID == pcid) {
				*hint = int32(first + i)
				return first + i
			}
		}
	}
	return -1
}

// put fills a slot, and empty empties it.
func (a *array) put(i int, e *Entry) {
	a.empty(i)
	a.slots[i] = slot{Entry: *e}
	a.tags[i] = tag(e.VA, e.Size)
	a.count[e.Size]++
	a.touch(i)
}

func (a *array) empty(i int) {
	if a.tags[i] != 0 {
		a.count[a.slots[i].Size]--
	}
	a.slots[i], a.tags[i] = slot{}, 0
}

// touch notes the use of a slot.
func (a *array) touch(i int) {
	a.clock++
	a.slots[i].used = a.clock
	if a.policy != PLRU {
		return
	}
	tree := a.tree[i/a.ways*treeWords:][:treeWords]
	for n := a.leaves() + i%a.ways; n > 1; n /= 2 { // each node above points to the other half
		parent := n / 2
		if n&1 == 0 {
			tree[parent/64] |= 1 << (parent % 64)
		} else {
			tree[parent/64] &^= 1 << (parent % 64)
		}
	}
}

// leaves is the number of leaves of the tree: the ways, rounded up to a power of two.
func (a *array) leaves() int { return 1 << bits.Len(uint(a.ways-1)) }

// victim returns the slot that an entry goes to: its own old one, an empty one, or the policy's.
func (a *array) victim(e *Entry) int {
	first := a.set(e.VA, e.Size)
	want, free := tag(e.VA, e.Size), -1
	for i, t := range a.tags[first : first+a.ways] {
		switch {
		case t == 0 && free < 0:
			free = first + i
		case t == want:
			if s := &a.slots[first+i]; s.PCID == e.PCID || s.Global {
				return first + i
			}
		}
	}
	if free >= 0 {
		return free
	}
	switch a.policy {
	case PLRU:
		return first + a.oldest(first/a.ways)
	case Random:
		a.random ^= a.random << 13
		a.random ^= a.random >> 7
		a.random ^= a.random << 17
		return first + int(a.random%uint64(a.ways))
	}
	best := first
	for i := first + 1; i < first+a.ways; i++ {
		if a.slots[i].used < a.slots[best].used {
			best = i
		}
	}
	return best
}

// oldest follows the tree of a set to the way that its bits point to. Where ways are no power of two, the right half may
// hold none.
func (a *array) oldest(set int) int {
	tree := a.tree[set*treeWords:][:treeWords]
	n, low, size := 1, 0, a.leaves()
	for size > 1 {
		size /= 2
		n *= 2
		if tree[n/2/64]>>(n/2%64)&1 != 0 && low+size < a.ways {
			n++
			low += size
		}
	}
	return low
}

func (a *array) removeAll(dead func(*Entry) bool) int {
	n := 0
	for i := range a.slots {
		if a.tags[i] != 0 && dead(&a.slots[i].Entry) {
			a.empty(i)
			n++
		}
	}
	return n
}

func (a *array) len() int { return a.count[Size4K] + a.count[Size2M] + a.count[Size1G] }
