package tlb

import "github.com/pagewalk/pagewalk/x86"

// slot is one way of one set.
type slot struct {
	Entry
	valid bool
	used  uint64 // the hierarchy's clock at the last use
}

// array is one set-associative structure.
type array struct {
	sets, ways int
	slots      []slot // set by set
	holds      [numSizes]bool
}

func arrays(structures []Structure) []*array {
	var list []*array
	for _, s := range structures {
		a := &array{sets: s.Sets, ways: s.Ways, slots: make([]slot, s.Sets*s.Ways)}
		for _, size := range s.Holds {
			a.holds[size] = true
		}
		list = append(list, a)
	}
	return list
}

// set returns the ways that may hold the page of va at a size.
func (a *array) set(va x86.VirtAddr, size Size) []slot {
	i := int(va>>size.Shift()) & (a.sets - 1)
	return a.slots[i*a.ways : (i+1)*a.ways]
}

func (a *array) find(va x86.VirtAddr, pcid uint16) *slot {
	for size := range numSizes {
		if !a.holds[size] {
			continue
		}
		set := a.set(va, size)
		for i := range set {
			if s := &set[i]; s.valid && s.Size == size && s.Covers(va) && (s.Global || s.PCID == pcid) {
				return s
			}
		}
	}
	return nil
}

// victim returns the way that an entry goes to: its own old one, an empty one, or the least recently used.
func (a *array) victim(e *Entry) *slot {
	set := a.set(e.VA, e.Size)
	best := &set[0]
	for i := range set {
		s := &set[i]
		if s.valid && s.Size == e.Size && s.VA == e.VA && (s.PCID == e.PCID || s.Global) {
			return s
		}
		if !s.valid && best.valid || s.valid == best.valid && s.used < best.used {
			best = s
		}
	}
	return best
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
