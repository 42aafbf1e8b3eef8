package tlb

import "github.com/pagewalk/pagewalk/x86"

// A TableEntry is what a paging-structure cache keeps of the entries above a page: the table that the walk goes on with
// and the rights that it has by then (SDM vol. 3A 4.10.3).
type TableEntry struct {
	Table    x86.PhysAddr // of the next table
	Writable bool
	User     bool
	NoExec   bool
}

// structureSlot is an entry of a paging-structure cache.
type structureSlot struct {
	TableEntry
	tag   uint64 // the address above the level's bits
	pcid  uint16
	valid bool
	used  uint64
}

// structureCache holds entries of one level: 2 for PDEs, 3 for PDPTEs, 4 for PML4Es.
type structureCache struct {
	slots []structureSlot
	level int
	hits  *uint64
}

func structureTag(va x86.VirtAddr, level int) uint64 {
	return uint64(va) & (1<<48 - 1) >> (3 + 9*level)
}

// LookupTables returns the deepest entry that the paging-structure caches hold for va, and its level: 2 for a PDE, 3 for a
// PDPTE, 4 for a PML4E; 5 where they hold none.
func (h *Hierarchy) LookupTables(va x86.VirtAddr, pcid uint16) (e TableEntry, level int) {
	for i := range h.structures {
		c := &h.structures[i]
		tag := structureTag(va, c.level)
		for j := range c.slots {
			if s := &c.slots[j]; s.valid && s.tag == tag && s.pcid == pcid {
				h.clock++
				s.used = h.clock
				*c.hits++
				return s.TableEntry, c.level
			}
		}
	}
	return TableEntry{}, 5
}

// InsertTable adds what a walk read at a level of 2 to 4, an entry that maps no page.
func (h *Hierarchy) InsertTable(va x86.VirtAddr, pcid uint16, level int, e TableEntry) {
	for i := range h.structures {
		c := &h.structures[i]
		if c.level != level {
			continue
		}
		tag := structureTag(va, level)
		best := &c.slots[0]
		for j := range c.slots {
			s := &c.slots[j]
			if s.valid && s.tag == tag && s.pcid == pcid {
				best = s
				break
			}
			if !s.valid && best.valid || s.valid == best.valid && s.used < best.used {
				best = s
			}
		}
		h.clock++
		*best = structureSlot{TableEntry: e, tag: tag, pcid: pcid, valid: true, used: h.clock}
	}
}

// HasTables reports whether there are paging-structure caches.
func (h *Hierarchy) HasTables() bool { return len(h.structures) != 0 }

// DropTables drops the entries of the paging-structure caches of one PCID, whatever the address: INVLPG and page faults
// (SDM vol. 3A 4.10.4.1).
func (h *Hierarchy) DropTables(pcid uint16) {
	for i := range h.structures {
		slots := h.structures[i].slots
		for j := range slots {
			if slots[j].pcid == pcid {
				slots[j] = structureSlot{}
			}
		}
	}
}

// DropAllTables drops the entries of every PCID.
func (h *Hierarchy) DropAllTables() {
	for i := range h.structures {
		clear(h.structures[i].slots)
	}
}

func (h *Hierarchy) makeStructures(t Tables) {
	for _, k := range []struct {
		n, level int
		hits     *uint64
	}{{t.PDE, 2, &h.Counters.PDEHits}, {t.PDPTE, 3, &h.Counters.PDPTEHits}, {t.PML4E, 4, &h.Counters.PML4EHits}} {
		if k.n != 0 {
			h.structures = append(h.structures, structureCache{make([]structureSlot, k.n), k.level, k.hits})
		}
	}
}
