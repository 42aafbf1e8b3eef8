package tlb

import (
	"slices"

	"github.com/pagewalk/pagewalk/x86"
)

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
	// DTLB_LOAD_MISSES, DTLB_STORE_MISSES and ITLB_MISSES.
	Load, Store, Fetch AccessCounters

	Evictions   uint64 // entries that left the hierarchy to make room
	Invalidated uint64 // entries killed by INVLPG and its kin
	Flushes     uint64 // MOV CR3, MOV CR4 and their kin
	FlushKills  uint64 // entries that they killed
	PML4EHits   uint64 // walks that began behind a cached PML4E
	PDPTEHits   uint64 // PDPTE
	PDEHits     uint64 // PDE
}

// AccessCounters count the lookups of one kind of access.
type AccessCounters struct {
	Hits       uint64 // in the first level
	STLBHit    uint64 // STLB_HIT: missed the first level, hit the second
	CausesWalk uint64 // MISS_CAUSES_A_WALK
}

// Sum adds up the kinds.
func (c *Counters) Sum() AccessCounters {
	return AccessCounters{
		c.Load.Hits + c.Store.Hits + c.Fetch.Hits, c.Load.STLBHit + c.Store.STLBHit + c.Fetch.STLBHit,
		c.Load.CausesWalk + c.Store.CausesWalk + c.Fetch.CausesWalk,
	}
}

func (c *Counters) of(a x86.Access) *AccessCounters {
	switch {
	case a&x86.Execute != 0:
		return &c.Fetch
	case a&x86.Write != 0:
		return &c.Store
	}
	return &c.Load
}

// Hierarchy is the translation buffers of one processor.
type Hierarchy struct {
	profile Profile
	ideal   *table // instead of the others
	l1i     []*array
	l1d     []*array
	l2i     []*array
	l2d     []*array // the same as l2i where the second level is shared
	arrays  []*array // all of them
	clock   uint64
	evicted []Entry
	last    Ref

	structures []structureCache // the deepest level first
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
	h.l1i, h.l1d = arrays(p.L1I), arrays(p.L1D)
	if len(p.L2) != 0 {
		h.l2i = arrays(p.L2)
		h.l2d = h.l2i
		h.arrays = slices.Concat(h.l1i, h.l1d, h.l2i)
	} else {
		h.l2i, h.l2d = arrays(p.L2I), arrays(p.L2D)
		h.arrays = slices.Concat(h.l1i, h.l1d, h.l2i, h.l2d)
	}
	h.makeStructures(p.Tables)
	return h
}

// Profile returns what New was given.
func (h *Hierarchy) Profile() Profile { return h.profile }

// Lookup finds the translation of va for an address space, an access of kind a deciding between instructions and data. A
// second-level hit fills the first level. The rights are the caller's to check.
func (h *Hierarchy) Lookup(va x86.VirtAddr, pcid uint16, a x86.Access) (Entry, Level, bool) {
	n := h.Counters.of(a)
	if h.ideal != nil {
		if e := h.ideal.find(va, pcid); e != nil {
			h.last = Ref{ideal: true}
			n.Hits++
			return *e, L1, true
		}
		n.CausesWalk++
		return Entry{}, Miss, false
	}
	first, second := h.levels(a)
	for _, arr := range first {
		if i := arr.find(va, pcid); i >= 0 {
			arr.touch(i)
			h.last = Ref{arr, int32(i), arr.tags[i], false}
			n.Hits++
			return arr.slots[i].Entry, L1, true
		}
	}
	for _, arr := range second {
		if i := arr.find(va, pcid); i >= 0 {
			arr.touch(i)
			n.STLBHit++
			e := arr.slots[i].Entry
			h.evicted = h.evicted[:0]
			h.fill(first, &e)
			h.gone()
			return e, L2, true
		}
	}
	n.CausesWalk++
	return Entry{}, Miss, false
}

// A Ref is where the first level holds a translation. The zero Ref is nowhere.
type Ref struct {
	arr   *array
	i     int32
	tag   uint64
	ideal bool
}

// Last returns where the last Lookup that hit, or the last Insert, has its translation in the first level.
func (h *Hierarchy) Last() Ref { return h.last }

// Again is the Lookup of an access whose translation lies where r says, if it still lies there: of a page that was not
// invalidated since, for the same address space. It reports false, with nothing done, where the entry has made room.
func (h *Hierarchy) Again(r *Ref, a x86.Access) bool {
	if !r.ideal {
		if r.arr == nil || r.arr.tags[r.i] != r.tag {
			return false
		}
		r.arr.touch(int(r.i))
	}
	h.Counters.of(a).Hits++
	return true
}

// levels returns the structures for an access.
func (h *Hierarchy) levels(a x86.Access) (first, second []*array) {
	if a&x86.Execute != 0 {
		return h.l1i, h.l2i
	}
	return h.l1d, h.l2d
}

// Insert adds what a walk for an access of kind a found; an older entry of the same page and address space gives way.
// It returns the entries that left the hierarchy altogether, valid until the next call; so does Evicted after a Lookup.
func (h *Hierarchy) Insert(e Entry, a x86.Access) []Entry {
	h.evicted = h.evicted[:0]
	if h.ideal != nil {
		h.last = Ref{ideal: true}
		if old, ok := h.ideal.insert(e); ok {
			h.Counters.Evictions++
			h.evicted = append(h.evicted, old)
		}
		return h.evicted
	}
	first, second := h.levels(a)
	h.fill(second, &e)
	h.fill(first, &e)
	h.refresh(&e)
	return h.gone()
}

// gone keeps of what a fill replaced the entries that are held nowhere now.
func (h *Hierarchy) gone() []Entry {
	out := h.evicted[:0]
	for _, old := range h.evicted {
		if !h.holds(&old) {
			out = append(out, old)
		}
	}
	h.evicted = out
	h.Counters.Evictions += uint64(len(out))
	return out
}

// Evicted returns the entries that left the hierarchy in the last Insert or in the last Lookup that hit the second level.
func (h *Hierarchy) Evicted() []Entry { return h.evicted }

// refresh replaces copies of the page elsewhere, so that one translation is cached once per page.
func (h *Hierarchy) refresh(e *Entry) {
	for _, arr := range h.arrays {
		if i := arr.find(e.VA, e.PCID); i >= 0 && arr.slots[i].Size == e.Size {
			arr.slots[i].Entry = *e
		}
	}
}

// fill puts an entry into the array of a level that takes its page size; what it replaces goes to evicted.
func (h *Hierarchy) fill(level []*array, e *Entry) {
	h.last = Ref{}
	for _, arr := range level {
		if !arr.holds[e.Size] {
			continue
		}
		i := arr.victim(e)
		if s := &arr.slots[i]; arr.tags[i] != 0 && (s.VA != e.VA || s.Size != e.Size || s.PCID != e.PCID) {
			h.evicted = append(h.evicted, s.Entry)
		}
		arr.put(i, e)
		h.last = Ref{arr, int32(i), arr.tags[i], false}
		return
	}
}

// holds reports whether any level still has an entry.
func (h *Hierarchy) holds(e *Entry) bool {
	for _, arr := range h.arrays {
		if i := arr.find(e.VA, e.PCID); i >= 0 && arr.slots[i].Size == e.Size {
			return true
		}
	}
	return false
}

// InvalidatePage drops every entry of the page that holds va, of the address space and global ones, whatever its size:
// INVLPG (SDM vol. 3A 4.10.4.1), which also drops the address space's paging-structure caches. It returns how many there
// were, whether one of them allowed execution, and the largest page size among them.
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
	for _, arr := range h.arrays {
		for i := arr.find(va, pcid); i >= 0; i = arr.find(va, pcid) {
			killed(&arr.slots[i].Entry)
			arr.empty(i)
		}
	}
	h.DropTables(pcid)
	h.Counters.Invalidated += uint64(n)
	return n, exec, size
}

// Flush drops the entries of one address space but global ones: MOV CR3 (SDM vol. 3A 4.10.4.1).
func (h *Hierarchy) Flush(pcid uint16) {
	h.DropTables(pcid)
	h.flush(func(e *Entry) bool { return !e.Global && e.PCID == pcid })
}

// FlushAll drops everything: MOV CR4 that changes PGE, MOV CR0 that clears PG.
func (h *Hierarchy) FlushAll() {
	h.DropAllTables()
	h.flush(func(*Entry) bool { return true })
}

// Drop drops what a function picks: INVPCID, which sees to the paging-structure caches itself. Its cost is that of a
// flush.
func (h *Hierarchy) Drop(dead func(*Entry) bool) { h.flush(dead) }

func (h *Hierarchy) flush(dead func(*Entry) bool) {
	h.Counters.Flushes++
	n := 0
	if h.ideal != nil {
		n = h.ideal.removeAll(dead)
	}
	for _, arr := range h.arrays {
		n += arr.removeAll(dead)
	}
	h.Counters.FlushKills += uint64(n)
}

// Entries calls f for every entry that is held, more than once where levels or halves hold it, for reports and checks.
func (h *Hierarchy) Entries(f func(e *Entry)) {
	if h.ideal != nil {
		for i := range h.ideal.slots {
			if s := &h.ideal.slots[i]; s.valid {
				f(&s.Entry)
			}
		}
	}
	for _, arr := range h.arrays {
		for i := range arr.slots {
			if arr.tags[i] != 0 {
				f(&arr.slots[i].Entry)
			}
		}
	}
}

// Len returns how many entries the last level holds, for reports.
func (h *Hierarchy) Len() int {
	if h.ideal != nil {
		return h.ideal.len()
	}
	n := 0
	for _, arr := range h.l2d {
		n += arr.len()
	}
	return n
}
