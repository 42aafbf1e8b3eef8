package tlb

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/x86"
)

// slot is one way of one set.
type slot struct {
	Entry
	valid bool
	used  uint64 // the array's clock at the last use
}

// array is one set-associative structure.
type array struct {
	sets, ways int
	slots      []slot // set by set
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
		a := &array{sets: s.Sets, ways: s.Ways, slots: make([]slot, s.Sets*s.Ways), policy: s.Policy, random: 0x9e3779b97f4a7c15}
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

func (s *slot) is(va x86.VirtAddr, pcid uint16, size Size) bool {
	return s.valid && s.Size == size && s.Covers(va) && (s.Global || s.PCID == pcid)
}

func (a *array) find(va x86.VirtAddr, pcid uint16) *slot {
	for size := range numSizes {
		if !a.holds[size] {
			continue
		}
		hint := &a.recent[va>>size.Shift()&(1<<recentBits-1)]
		if s := &a.slots[*hint]; s.is(va, pcid, size) {
			return s
		}
		first := a.set(va, size)
		set := a.slots[first : first+a.ways]
		for i := range set {
			if s := &set[i]; s.is(va, pcid, size) {
				*hint = int32(first + i)
				return s
			}
		}
	}
	return nil
}

// touch notes the use of a slot.
func (a *array) touch(s *slot) {
	a.clock++
	s.used = a.clock
	if a.policy != PLRU {
		return
	}
	i := a.set(s.VA, s.Size)
	way := 0
	for &a.slots[i+way] != s {
		way++
	}
	tree := a.tree[i/a.ways*treeWords:][:treeWords]
	leaves := a.leaves()
	for n := leaves + way; n > 1; n /= 2 { // each node above points to the other half
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

// victim returns the way that an entry goes to: its own old one, an empty one, or the policy's.
func (a *array) victim(e *Entry) *slot {
	first := a.set(e.VA, e.Size)
	set := a.slots[first : first+a.ways]
	var empty *slot
	best := &set[0]
	for i := range set {
		s := &set[i]
		switch {
		case !s.valid:
			if empty == nil {
				empty = s
			}
		case s.Size == e.Size && s.VA == e.VA && (s.PCID == e.PCID || s.Global):
			return s
		case s.used < best.used:
			best = s
		}
	}
	if empty != nil {
		return empty
	}
	switch a.policy {
	case PLRU:
		return &set[a.oldest(first/a.ways)]
	case Random:
		a.random ^= a.random << 13
		a.random ^= a.random >> 7
		a.random ^= a.random << 17
		return &set[a.random%uint64(a.ways)]
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
		if s := &a.slots[i]; s.valid && dead(&s.Entry) {
			*s = slot{}
			n++
		}
	}
	return n
}

func (a *array) len() int {
	n := 0
	for i := range a.slots {
		if a.slots[i].valid {
			n++
		}
	}
	return n
}
