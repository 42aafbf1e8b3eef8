package mmu_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// A mapping is one page of the staleness tests, at an address of its own, with two frames that the test changes between.
type mapping struct {
	name   string
	va     x86.VirtAddr
	entry  x86.PhysAddr // of the entry that maps it
	size   uint64       // of the leaf: PS or nothing
	global bool
	pcid   uint16 // the address space that has used it
}

// The tables at 1000h to 4000h are newWorld's; PCID 1 has a PML4 of its own at 5000h onto the same tables. The frames of
// 2M pages and of the 1G page are beyond RAM but for their first megabytes: what a page shows is its physical address.
var mappings = []mapping{
	{"4K", 0x10_0000, 0x4000 + 8*0x100, 0, false, 0},
	{"4K global", 0x10_1000, 0x4000 + 8*0x101, 0, true, 0},
	{"2M", 0x40_0000, 0x3000 + 8*2, 1 << 7, false, 0},
	{"2M global", 0x60_0000, 0x3000 + 8*3, 1 << 7, true, 0},
	{"1G", 0x4000_0000, 0x2000 + 8, 1 << 7, false, 0},
	{"1G global", 0x8000_0000, 0x2000 + 16, 1 << 7, true, 0},
	{"4K of another PCID", 0x10_2000, 0x4000 + 8*0x102, 0, false, 1},
	{"2M of another PCID", 0x80_0000, 0x3000 + 8*4, 1 << 7, false, 1},
}

const pcidCR4 = x86.CR4PAE | x86.CR4PGE | x86.CR4PCIDE

func staleWorld(t *testing.T, p tlb.Profile, exact bool) *world {
	w := newWorld(t, mmu.Options{TLB: tlb.New(p), Exact: exact})
	w.mem.Store64(0x5000, 0x2000|rw)
	require.Nil(t, w.m.SetCR4(pcidCR4))
	return w
}

// where is the physical address behind a page, as its address space sees it.
func (w *world) where(k *mapping) x86.PhysAddr {
	w.space(k.pcid, true)
	pa, f := w.m.Translate(k.va, x86.Read)
	require.Nil(w.t, f, k.name)
	w.space(0, true)
	return pa
}

func (w *world) space(pcid uint16, keep bool) {
	cr3 := uint64(0x1000)
	if pcid == 1 {
		cr3 = 0x5001
	}
	if keep {
		cr3 |= 1 << 63
	}
	require.Nil(w.t, w.m.SetCR3(cr3))
}

func (w *world) point(k *mapping, frame uint64) {
	e := frame<<30 | rw | k.size
	if k.global {
		e |= glob
	}
	w.mem.Store64(k.entry, e)
}

const (
	oldFrame = 1
	newFrame = 2
)

// The mappings that an event may kill, by the words of the table.
func kills(words string) func(k *mapping) bool {
	return map[string]func(k *mapping) bool{
		"nothing":            func(*mapping) bool { return false },
		"everything":         func(*mapping) bool { return true },
		"non-global, PCID 0": func(k *mapping) bool { return !k.global && k.pcid == 0 },
		"non-global, PCID 1": func(k *mapping) bool { return !k.global && k.pcid == 1 },
		"non-global":         func(k *mapping) bool { return !k.global },
		"the 4K page":        func(k *mapping) bool { return k.name == "4K" },
		"the global 4K page": func(k *mapping) bool { return k.name == "4K global" },
		"the 2M page":        func(k *mapping) bool { return k.name == "2M" },
		"the global 2M page": func(k *mapping) bool { return k.name == "2M global" },
		"the 1G page":        func(k *mapping) bool { return k.name == "1G" },
		"the global 1G page": func(k *mapping) bool { return k.name == "1G global" },
		"PCID 1's 4K page":   func(k *mapping) bool { return k.name == "4K of another PCID" },
	}[words]
}

var staleness = []struct {
	rule  string // of mmu-rules
	event string
	do    func(m *mmu.MMU) *x86.Fault
	kills string
}{
	{"16", "INVLPG of a 4K page", invlpg(0x10_0123), "the 4K page"},
	{"16", "INVLPG of a global 4K page", invlpg(0x10_1fff), "the global 4K page"},
	{"16", "INVLPG anywhere in a 2M page", invlpg(0x5f_f000), "the 2M page"},
	{"16", "INVLPG anywhere in a global 2M page", invlpg(0x60_0000), "the global 2M page"},
	{"16", "INVLPG anywhere in a 1G page", invlpg(0x7fff_ffff), "the 1G page"},
	{"16", "INVLPG anywhere in a global 1G page", invlpg(0x8765_4321), "the global 1G page"},
	{"16", "INVLPG of a page of another PCID", invlpg(0x10_2000), "nothing"},
	{"16", "INVLPG of what is not canonical", invlpg(1 << 63), "nothing"},
	{"17", "MOV CR3", func(m *mmu.MMU) *x86.Fault { return m.SetCR3(0x1000) }, "non-global, PCID 0"},
	{"17", "MOV CR3 with bit 63", func(m *mmu.MMU) *x86.Fault { return m.SetCR3(0x1000 | 1<<63) }, "nothing"},
	{"17", "MOV CR3 to another PCID", func(m *mmu.MMU) *x86.Fault { return m.SetCR3(0x5001) }, "non-global, PCID 1"},
	{"18", "MOV CR4 that changes nothing", setCR4(pcidCR4), "nothing"},
	{"18", "MOV CR4 that clears PGE", setCR4(pcidCR4 &^ x86.CR4PGE), "everything"},
	{"18", "MOV CR4 that clears PCIDE", setCR4(pcidCR4 &^ x86.CR4PCIDE), "everything"},
	{"18", "MOV CR4 that sets SMEP", setCR4(pcidCR4 | x86.CR4SMEP), "non-global, PCID 0"},
	{"18", "MOV CR4 that sets SMAP", setCR4(pcidCR4 | x86.CR4SMAP), "nothing"},
	{"18", "MOV CR4 that sets PKE", setCR4(pcidCR4 | x86.CR4PKE), "nothing"},
	{"19", "MOV CR0 that clears WP", setCR0(x86.CR0PE | x86.CR0PG), "nothing"},
	{"19", "WRPKRU", func(m *mmu.MMU) *x86.Fault { m.SetPKRU(0xc); return nil }, "nothing"},
	{"20", "INVPCID type 0", invpcid(mmu.InvAddress, 0, 0x10_0000), "the 4K page"},
	{"20", "INVPCID type 0 of a 2M page", invpcid(mmu.InvAddress, 0, 0x5f_0000), "the 2M page"},
	{"20", "INVPCID type 0 of a global page", invpcid(mmu.InvAddress, 0, 0x10_1000), "nothing"},
	{"20", "INVPCID type 0 of another PCID", invpcid(mmu.InvAddress, 1, 0x10_2000), "PCID 1's 4K page"},
	{"20", "INVPCID type 1", invpcid(mmu.InvContext, 0, 0), "non-global, PCID 0"},
	{"20", "INVPCID type 1 of another PCID", invpcid(mmu.InvContext, 1, 0), "non-global, PCID 1"},
	{"20", "INVPCID type 2", invpcid(mmu.InvAll, 0, 0), "everything"},
	{"20", "INVPCID type 3", invpcid(mmu.InvNonGlobal, 0, 0), "non-global"},
}

func invlpg(va x86.VirtAddr) func(m *mmu.MMU) *x86.Fault {
	return func(m *mmu.MMU) *x86.Fault { m.InvalidatePage(va); return nil }
}

func setCR4(v uint64) func(m *mmu.MMU) *x86.Fault {
	return func(m *mmu.MMU) *x86.Fault { return m.SetCR4(v) }
}

func setCR0(v uint64) func(m *mmu.MMU) *x86.Fault {
	return func(m *mmu.MMU) *x86.Fault { return m.SetCR0(v) }
}

func invpcid(typ, pcid, va uint64) func(m *mmu.MMU) *x86.Fault {
	return func(m *mmu.MMU) *x86.Fault { return m.InvalidatePCID(typ, pcid, va) }
}

// TestStaleness has each page show its old frame, after its entry has changed, until the event that kills its translation,
// and its new one behind it, in every profile, with and without the host-pointer cache. A page that an event does not kill
// shows the old frame still: the models hold few pages, and none of these makes room for another.
func TestStaleness(t *testing.T) { // rules 15 to 20
	for _, name := range tlb.Names() {
		p, err := tlb.ByName(name)
		require.NoError(t, err)
		for _, exact := range []bool{false, true} {
			for _, s := range staleness {
				t.Run(fmt.Sprintf("%s/%v/%s", name, exact, s.event), func(t *testing.T) {
					w, dead := staleWorld(t, p, exact), kills(s.kills)
					require.NotNil(t, dead, s.kills)
					for i := range mappings {
						w.point(&mappings[i], oldFrame)
					}
					for i := range mappings {
						require.Equal(t, x86.PhysAddr(oldFrame)<<30, w.where(&mappings[i]), mappings[i].name)
					}
					for i := range mappings {
						w.point(&mappings[i], newFrame)
					}
					for i := range mappings {
						require.Equal(t, x86.PhysAddr(oldFrame)<<30, w.where(&mappings[i]), "%s, before the event", mappings[i].name)
					}
					require.Nil(t, s.do(w.m))
					if w.m.CR4()&x86.CR4PCIDE == 0 { // bit 63 and PCIDs are gone
						for i := range mappings {
							pa, f := w.m.Translate(mappings[i].va, x86.Read)
							require.Nil(t, f)
							require.Equal(t, x86.PhysAddr(newFrame)<<30, pa, mappings[i].name)
						}
						return
					}
					for i := range mappings {
						k := &mappings[i]
						want := oldFrame
						if dead(k) {
							want = newFrame
						}
						require.Equal(t, x86.PhysAddr(want)<<30, w.where(k), k.name)
					}
				})
			}
		}
	}
}

// TestStaleTables has an entry above a page, which only the paging-structure caches hold, be used until an event that drops
// them: INVLPG of any page of the PCID, MOV CR3, a page fault (SDM vol. 3A 4.10.3, 4.10.4).
func TestStaleTables(t *testing.T) { // rules 14, 16, 17, 18, 20, 21
	events := map[string]struct {
		do    func(w *world)
		kills bool
	}{
		"nothing":                        {func(*world) {}, false},
		"INVLPG of another page":         {func(w *world) { w.m.InvalidatePage(0x4000_0000) }, true},
		"MOV CR3":                        {func(w *world) { require.Nil(w.t, w.m.SetCR3(0x1000)) }, true},
		"MOV CR3 with bit 63":            {func(w *world) { require.Nil(w.t, w.m.SetCR3(0x1000|1<<63)) }, false},
		"MOV CR3 there and back":         {func(w *world) { w.space(1, false); w.space(0, true) }, false},
		"MOV CR4.PGE":                    {func(w *world) { require.Nil(w.t, w.m.SetCR4(pcidCR4&^x86.CR4PGE)) }, true},
		"a page fault":                   {func(w *world) { _, f := w.m.Load8(0x1f_f000); require.NotNil(w.t, f) }, true},
		"INVPCID of another PCID":        {func(w *world) { require.Nil(w.t, w.m.InvalidatePCID(mmu.InvContext, 1, 0)) }, false},
		"INVPCID of an address":          {func(w *world) { require.Nil(w.t, w.m.InvalidatePCID(mmu.InvAddress, 0, 0x4000_0000)) }, true},
		"INVPCID of all but the globals": {func(w *world) { require.Nil(w.t, w.m.InvalidatePCID(mmu.InvNonGlobal, 0, 0)) }, true},
	}
	for _, name := range tlb.Names() {
		p, err := tlb.ByName(name)
		require.NoError(t, err)
		for event, k := range events {
			w := staleWorld(t, p, false)
			w.mem.Store64(0x6000+8*0x11, newFrame<<30|rw)
			w.set(0x10, oldFrame<<30|rw)
			w.set(0x11, oldFrame<<30|rw)
			_, f := w.m.Translate(page(0x10), x86.Read) // which reads the PML4E, the PDPTE and the PDE
			require.Nil(t, f)
			w.mem.Store64(0x3000, 0x6000|rw) // another page table
			k.do(w)
			pa, f := w.m.Translate(page(0x11), x86.Read)
			require.Nil(t, f)
			want := newFrame
			if p.Tables.PDE != 0 && !k.kills {
				want = oldFrame
			}
			require.Equal(t, x86.PhysAddr(want)<<30, pa, "%s: %s", name, event)
		}
	}
}

// TestTablesAreCachedOnceAccessed has the paging-structure caches keep no entry that is absent or has a reserved bit, and
// keep the rights of what is above: a table made writable is not so before it is invalidated.
func TestTablesAreCachedOnceAccessed(t *testing.T) { // rule 21
	p, err := tlb.ByName("zen4")
	require.NoError(t, err)
	for name, entry := range map[string]uint64{"absent": 0, "reserved": 0x4000 | rw | 1<<51} {
		w := staleWorld(t, p, false)
		w.set(0x10, oldFrame<<30|rw)
		w.mem.Store64(0x3000, entry)
		_, f := w.m.Translate(page(0x10), x86.Read)
		require.NotNil(t, f, name)
		w.mem.Store64(0x3000, 0x4000|rw)
		_, f = w.m.Translate(page(0x10), x86.Read)
		require.Nil(t, f, name)
	}
	w := staleWorld(t, p, false)
	w.set(0x10, oldFrame<<30|rw)
	w.set(0x11, oldFrame<<30|rw)
	w.mem.Store64(0x3000, 0x4000|ro)
	_, f := w.m.Translate(page(0x10), x86.Read)
	require.Nil(t, f)
	require.EqualValues(t, 0x4000|ro|x86.PTEAccessed, w.mem.Load64(0x3000), "what is cached is accessed")
	w.mem.Store64(0x3000, 0x4000|rw)
	_, f = w.m.Translate(page(0x11), x86.Write)
	require.NotNil(t, f, "the cached PDE is read-only")
	_, f = w.m.Translate(page(0x11), x86.Write)
	require.Nil(t, f, "the fault has dropped it")
}
