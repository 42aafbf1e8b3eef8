package tlb

import "github.com/pagewalk/pagewalk/x86"

// table is the ideal buffer: an open-addressed hash table of entries, linear probing, at most half full. At maxTable
// entries a new one replaces a neighbour, which a translation buffer may do at any time: a bound on host memory.
type table struct {
	slots []tableSlot
	used  int
	sizes [numSizes]int // entries of each size, so that a lookup probes only for sizes that exist
}

type tableSlot struct {
	Entry
	valid bool
}

const (
	minTable = 1 << 8
	maxTable = 1 << 20
)

func newTable() *table { return &table{slots: make([]tableSlot, minTable)} }

func (t *table) len() int { return t.used }

func hash(vpn uint64, size Size) uint64 {
	h := (vpn + uint64(size)) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

func (t *table) home(va x86.VirtAddr, size Size) int {
	return int(hash(uint64(va)>>size.Shift(), size)) & (len(t.slots) - 1)
}

func (t *table) find(va x86.VirtAddr, pcid uint16) *Entry {
	mask := len(t.slots) - 1
	for size := range numSizes {
		if t.sizes[size] == 0 {
			continue
		}
		for i := t.home(va, size); t.slots[i].valid; i = (i + 1) & mask {
			if e := &t.slots[i].Entry; e.Size == size && e.Covers(va) && (e.Global || e.PCID == pcid) {
				return e
			}
		}
	}
	return nil
}

// insert adds an entry, in the place of an older one of its page, and returns what had to make room for it.
func (t *table) insert(e Entry) (evicted Entry, full bool) {
	if 2*t.used >= len(t.slots) {
		if t.used >= maxTable {
			evicted, full = t.evict(t.home(e.VA, e.Size)), true
		} else {
			t.grow()
		}
	}
	mask := len(t.slots) - 1
	i := t.home(e.VA, e.Size)
	for ; t.slots[i].valid; i = (i + 1) & mask {
		if o := &t.slots[i].Entry; o.Size == e.Size && o.VA == e.VA && (o.Global || o.PCID == e.PCID) {
			*o = e
			return evicted, full
		}
	}
	t.slots[i] = tableSlot{e, true}
	t.used++
	t.sizes[e.Size]++
	return evicted, full
}

// evict removes the first entry from slot i on.
func (t *table) evict(i int) Entry {
	for !t.slots[i].valid {
		i = (i + 1) & (len(t.slots) - 1)
	}
	e := t.slots[i].Entry
	t.delete(i)
	return e
}

func (t *table) grow() {
	old := t.slots
	*t = table{slots: make([]tableSlot, 2*len(old))}
	for i := range old {
		if old[i].valid {
			t.insert(old[i].Entry)
		}
	}
}

// take removes and returns the entry of the page of a size that holds va; insert sees to it that there is one at most.
func (t *table) take(va x86.VirtAddr, size Size, pcid uint16) (Entry, bool) {
	if t.sizes[size] == 0 {
		return Entry{}, false
	}
	mask := len(t.slots) - 1
	for i := t.home(va, size); t.slots[i].valid; i = (i + 1) & mask {
		if e := &t.slots[i].Entry; e.Size == size && e.Covers(va) && (e.Global || e.PCID == pcid) {
			taken := *e
			t.delete(i)
			return taken, true
		}
	}
	return Entry{}, false
}

// delete empties slot i and moves later entries of its run back, so that no probe ends early (Knuth vol. 3, 6.4
// algorithm R).
func (t *table) delete(i int) {
	mask := len(t.slots) - 1
	t.sizes[t.slots[i].Size]--
	t.used--
	for j := i; ; {
		t.slots[i] = tableSlot{}
		for {
			j = (j + 1) & mask
			if !t.slots[j].valid {
				return
			}
			home := t.home(t.slots[j].VA, t.slots[j].Size)
			if (j-home)&mask >= (j-i)&mask {
				break
			}
		}
		t.slots[i] = t.slots[j]
		i = j
	}
}

func (t *table) removeAll(dead func(*Entry) bool) int {
	n := 0
	old := t.slots
	fresh := newTable()
	for i := range old {
		if !old[i].valid {
			continue
		}
		if dead(&old[i].Entry) {
			n++
		} else {
			fresh.insert(old[i].Entry)
		}
	}
	*t = *fresh
	return n
}
