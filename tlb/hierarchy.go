package tlb

import "github.com/pagewalk/pagewalk/x86"

// An Entry is one cached translation.
type Entry struct {
	VA       x86.VirtAddr // of the page
	PA       x86.PhysAddr // of its frame
	PCID     uint16
	Size     Size
	Key      uint8 // protection key
	Writable bool  // the AND of R/W over all levels
	User     bool  // the AND of U/S
	NoExec   bool  // the OR of XD
	Dirty    bool  // of the leaf when it was filled: a write through an entry without it walks again
	Global   bool
}

// Covers reports whether va is in the entry's page.
func (e *Entry) Covers(va x86.VirtAddr) bool { return (va^e.VA)>>e.Size.Shift() == 0 }

// A Level says where a lookup hit.
type Level uint8

// The levels.
const (
	Miss Level = iota
	L1
	L2
)

// Counters count lookups since the last reset, under the names of Intel's performance events.
type Counters struct {
	Hits        uint64 // first-level hits, instructions and data
	STLBHit     uint64 // STLB_HIT: missed the first level, hit the second
	CausesWalk  uint64 // MISS_CAUSES_A_WALK
	Evictions   uint64 // entries that left the hierarchy to make room
	Invalidated uint64 // entries killed by INVLPG and its kin
	Flushes     uint64 // MOV CR3, MOV CR4 and their kin
	FlushKills  uint64 // entries that they killed
}

// Hierarchy is the translation buffers of one processor.
type Hierarchy struct {
	profile Profile
	ideal   *table // instead of the others
	l1i     []*array
	l1d     []*array
	l2      []*array
	clock   uint64
	evicted []Entry
	// Counters may be read and reset at any time.
	Counters Counters
}

// New returns empty translation buffers.
func New(p Profile) *Hierarchy {
	h := &Hierarchy{profile: p, evicted: make([]Entry, 0, 4)}
	if len(p.L1D) == 0 {
		h.ideal = newTable()
		return h
	}
	h.l1i, h.l1d, h.l2 = arrays(p.L1I), arrays(p.L1D), arrays(p.L2)
	return h
}

// Profile returns what New was given.
func (h *Hierarchy) Profile() Profile { return h.profile }

// Lookup finds the translation of va for an address space, an access of kind a deciding between instructions and data. A
// second-level hit fills the first level. The rights are the caller's to check.
func (h *Hierarchy) Lookup(va x86.VirtAddr, pcid uint16, a x86.Access) (Entry, Level, bool) {
	if h.ideal != nil {
		if e := h.ideal.find(va, pcid); e != nil {
			h.Counters.Hits++
			return *e, L1, true
		}
		h.Counters.CausesWalk++
		return Entry{}, Miss, false
	}
	h.clock++
	first := h.first(a)
	for _, arr := range first {
		if s := arr.find(va, pcid); s != nil {
			s.used = h.clock
			h.Counters.Hits++
			return s.Entry, L1, true
		}
	}
	for _, arr := range h.l2 {
		if s := arr.find(va, pcid); s != nil {
			s.used = h.clock
			h.Counters.STLBHit++
			e := s.Entry
			h.fill(first, &e)
			return e, L2, true
		}
	}
	h.Counters.CausesWalk++
	return Entry{}, Miss, false
}

func (h *Hierarchy) first(a x86.Access) []*array {
	if a&x86.Execute != 0 {
		return h.l1i
	}
	return h.l1d
}

// Insert adds what a walk for an access of kind a found; an older entry of the same page and address space gives way.
// It returns the entries that left the hierarchy altogether, valid until the next call.
func (h *Hierarchy) Insert(e Entry, a x86.Access) []Entry {
	h.evicted = h.evicted[:0]
	if h.ideal != nil {
		if old, ok := h.ideal.insert(e); ok {
			h.Counters.Evictions++
			h.evicted = append(h.evicted, old)
		}
		return h.evicted
	}
	h.fill(h.l2, &e)
	h.fill(h.first(a), &e)
	h.refresh(&e)
	out := h.evicted[:0]
	for _, old := range h.evicted {
		if !h.holds(&old) {
			out = append(out, old)
		}
	}
	h.Counters.Evictions += uint64(len(out))
	return out
}

// refresh replaces copies of the page in the other first level, so that one translation is cached once per page.
func (h *Hierarchy) refresh(e *Entry) {
	for _, arrays := range [][]*array{h.l1i, h.l1d} {
		for _, arr := range arrays {
			if s := arr.find(e.VA, e.PCID); s != nil && s.Size == e.Size {
				s.Entry = *e
			}
		}
	}
}

// fill puts an entry into the array of a level that takes its page size; what it replaces goes to evicted.
func (h *Hierarchy) fill(level []*array, e *Entry) {
	for _, arr := range level {
		if !arr.holds[e.Size] {
			continue
		}
		s := arr.victim(e)
		if s.valid && (s.VA != e.VA || s.Size != e.Size || s.PCID != e.PCID) {
			h.evicted = append(h.evicted, s.Entry)
		}
		*s = slot{Entry: *e, valid: true, used: h.clock}
		return
	}
}

// holds reports whether any level still has an entry.
func (h *Hierarchy) holds(e *Entry) bool {
	for _, level := range [][]*array{h.l1i, h.l1d, h.l2} {
		for _, arr := range level {
			if s := arr.find(e.VA, e.PCID); s != nil && s.Size == e.Size {
				return true
			}
		}
	}
	return false
}

// InvalidatePage drops every entry of the page that holds va, of the address space and global ones, whatever its size:
// INVLPG (SDM vol. 3A 4.10.4.1). It returns how many there were,
// whether one of them allowed execution, and the largest page size among them.
func (h *Hierarchy) InvalidatePage(va x86.VirtAddr, pcid uint16) (n int, exec bool, size Size) {
	killed := func(e *Entry) {
		n++
		exec = exec || !e.NoExec
		size = max(size, e.Size)
	}
	if h.ideal != nil {
		for s := range numSizes {
			if e, ok := h.ideal.take(va, s, pcid); ok {
				killed(&e)
			}
		}
	}
	for _, level := range [][]*array{h.l1i, h.l1d, h.l2} {
		for _, arr := range level {
			for s := arr.find(va, pcid); s != nil; s = arr.find(va, pcid) {
				killed(&s.Entry)
				*s = slot{}
			}
		}
	}
	h.Counters.Invalidated += uint64(n)
	return n, exec, size
}

// Flush drops the entries of one address space but global ones: MOV CR3 (SDM vol. 3A 4.10.4.1).
func (h *Hierarchy) Flush(pcid uint16) {
	h.flush(func(e *Entry) bool { return !e.Global && e.PCID == pcid })
}

// FlushAll drops everything: MOV CR4 that changes PGE, MOV CR0 that clears PG.
func (h *Hierarchy) FlushAll() { h.flush(func(*Entry) bool { return true }) }

// Drop drops what a function picks: INVPCID. Its cost is that of a flush.
func (h *Hierarchy) Drop(dead func(*Entry) bool) { h.flush(dead) }

func (h *Hierarchy) flush(dead func(*Entry) bool) {
	h.Counters.Flushes++
	n := 0
	if h.ideal != nil {
		n = h.ideal.removeAll(dead)
	}
	for _, level := range [][]*array{h.l1i, h.l1d, h.l2} {
		for _, arr := range level {
			n += arr.removeAll(dead)
		}
	}
	h.Counters.FlushKills += uint64(n)
}

// Len returns how many entries the last level holds, for reports.
func (h *Hierarchy) Len() int {
	if h.ideal != nil {
		return h.ideal.len()
	}
	n := 0
	for _, arr := range h.l2 {
		n += arr.len()
	}
	return n
}
