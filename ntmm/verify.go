package ntmm

import (
	"fmt"
	"math/bits"

	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// verify checks what must hold between operations: page tables, VADs, prototype PTEs, PFN entries and lists, page-file
// bitmaps, working sets and the commit charge agree. It walks everything: for tests and the build tag invariants.
func (m *Manager) verify() error {
	v := verifier{m: m, shares: map[uint64]uint32{}, seen: map[uint64]bool{}, slots: make([]uint64, len(m.pageFiles))}
	v.combined = make([]uint32, len(m.combiner.refs))
	for _, as := range m.spaces {
		if err := v.space(as); err != nil {
			return err
		}
	}
	for _, a := range m.areas {
		if a != nil {
			if err := v.area(a); err != nil {
				return err
			}
		}
	}
	for frame, n := range v.shares {
		if p := m.pfns.entry(frame); p.share != n || p.refs != 0 || p.list != listNone {
			return fmt.Errorf("frame %#x is mapped %d times: share count %d, pins %d, list %d", frame, n, p.share, p.refs, p.list)
		}
	}
	if total := m.commit.total; v.commit != total {
		return fmt.Errorf("the pages add up to a commit of %d, charged are %d", v.commit, total)
	}
	if v.tables != m.count.PageTablePages {
		return fmt.Errorf("%d pages of tables, counted are %d", v.tables, m.count.PageTablePages)
	}
	for i, f := range m.pageFiles {
		n := uint64(0)
		for _, w := range f.bitmap {
			n += uint64(bits.OnesCount64(w))
		}
		if n-1 != f.InUse || f.InUse != v.slots[i] {
			return fmt.Errorf("%s: %d pages are taken, %d counted, %d referred to", f.Name, n-1, f.InUse, v.slots[i])
		}
	}
	for page, n := range v.combined {
		if m.combiner.refs[page] != n || (m.combiner.area.proto(uint64(page)) != 0) != (n != 0) {
			return fmt.Errorf("the combined page %d has %d PTEs, counted are %d", page, n, m.combiner.refs[page])
		}
	}
	if err := v.store(); err != nil {
		return err
	}
	if err := v.translations(); err != nil {
		return err
	}
	return v.lists()
}

// translations checks what the TLB would still use: it allows no more than the tables do now.
func (v *verifier) translations() error {
	m := v.m
	var err error
	m.mmu.TLB().Entries(func(t *tlb.Entry) {
		as := m.translated(t.PCID)
		if as == nil || t.VA >= as.high {
			return
		}
		at, e := as.pde(t.VA)
		if t.Size == tlb.Size4K {
			at, e = as.pte(t.VA)
		}
		switch {
		case at == 0, e&x86.PTEPresent == 0, e.Frame() != t.PA, t.Writable && e&x86.PTEWrite == 0,
			!t.NoExec && e&x86.PTENoExec != 0, t.Dirty && e&x86.PTEDirty == 0, (e&x86.PTELarge != 0) != (t.Size != tlb.Size4K):
			err = fmt.Errorf("the TLB has %+v, the tables of %v have %#x", *t, as.cr3, uint64(e))
		}
	})
	return err
}

// translated returns the address space whose translations a PCID's are, nil where nobody will use them.
func (m *Manager) translated(pcid uint16) *AddressSpace {
	cr3 := x86.PhysAddr(m.mmu.CR3())
	for _, as := range m.spaces {
		switch {
		case cr3.Page() == as.cr3 && (m.mmu.CR4()&x86.CR4PCIDE == 0 || uint16(cr3)&0xfff == pcid):
			return as
		case m.mmu.CR4()&x86.CR4PCIDE != 0 && as.pcid == pcid && m.pcids[pcid] == as && !as.stale:
			return as
		}
	}
	return nil
}

type verifier struct {
	m      *Manager
	as     *AddressSpace
	vads   []*vad            // of the space, in address order
	shares map[uint64]uint32 // by frame: valid PTEs
	seen   map[uint64]bool   // frames that something owns
	slots  []uint64          // by page file: references
	stored uint64            // references to the store

	combined []uint32 // by combined page: PTEs
	commit   uint64
	own      uint64 // commit of the space, modulo 2^64
	valid    uint64 // of the space
	locked   uint64
	tables   uint64
}

func (v *verifier) space(as *AddressSpace) error {
	v.as, v.vads, v.own, v.valid, v.locked = as, nil, 0, 0, 0
	if err := v.tree(as.vads.root, 0, ^x86.VirtAddr(0)); err != nil {
		return err
	}
	before := v.tables
	if err := v.table(as.cr3, 4, 0); err != nil {
		return err
	}
	tables, virtual := v.tables-before, uint64(0)
	v.own += tables + uint64(len(as.physical))
	for frame := range as.physical {
		v.seen[frame] = true
	}
	for _, vad := range v.vads {
		virtual += uint64(vad.end - vad.start)
		if vad.area != nil {
			v.own += vad.copied(vad.start, vad.end)
		} else if vad.committed {
			v.own += vad.pages()
		}
	}
	v.commit += v.own
	switch {
	case v.own != as.commit:
		return fmt.Errorf("space %v: a commit of %d, charged are %d", as.cr3, v.own, as.commit)
	case v.valid != as.ws.Size, v.locked != as.ws.Locked:
		return fmt.Errorf("space %v: %d valid pages, %d locked; the working set says %+v", as.cr3, v.valid, v.locked, as.ws)
	case tables != as.tables, virtual != as.virtual:
		return fmt.Errorf("space %v: %d tables, %d bytes; counted are %d and %d", as.cr3, tables, virtual, as.tables, as.virtual)
	}
	return nil
}

// owns notes that a frame has an owner, who must be the only one.
func (v *verifier) owns(frame uint64, what string) error {
	if v.seen[frame] {
		return fmt.Errorf("frame %#x of %s belongs to something else too", frame, what)
	}
	v.seen[frame] = true
	return v.slot(v.m.pfns.entry(frame).original)
}

func (v *verifier) slot(e x86.PTE) error {
	if !isPageFile(e) {
		return nil
	}
	file, page := slotOf(e)
	if file == storeNumber {
		if page == 0 || page >= uint64(len(v.m.store.slots)) || v.m.store.slots[page].size == 0 {
			return fmt.Errorf("the entry %#x names a slot of the store that is free", uint64(e))
		}
		v.stored++
		return nil
	}
	if file >= uint64(len(v.slots)) || page >= v.m.pageFiles[file].Size || !v.m.pageFiles[file].taken(page) {
		return fmt.Errorf("the entry %#x names a page-file page that is free", uint64(e))
	}
	v.slots[file]++
	return nil
}

// tree checks order, bounds and gaps of a subtree whose VADs lie in [low, high).
func (v *verifier) tree(s subtree, low, high x86.VirtAddr) error {
	n := s.root
	if n == nil {
		return nil
	}
	if err := v.tree(n.left, low, n.start); err != nil {
		return err
	}
	v.vads = append(v.vads, n)
	if n.start < low || n.end > high || n.start >= n.end || (n.start|n.end)&x86.PageMask != 0 {
		return fmt.Errorf("VAD %v-%v lies outside %v-%v", n.start, n.end, low, high)
	}
	if err := v.tree(n.right, n.end, high); err != nil {
		return err
	}
	if s != n.tree() {
		return fmt.Errorf("VAD %v-%v has stale bounds or gap", n.start, n.end)
	}
	return nil
}

// table checks one page of tables and what is below it.
func (v *verifier) table(pa x86.PhysAddr, level int, base x86.VirtAddr) error {
	m := v.m
	v.tables++
	if err := v.owns(pa.PFN(), "a page table"); err != nil {
		return err
	}
	used, valid := uint16(0), uint32(0)
	for i := range x86.PhysAddr(ptesPerTable) {
		at := pa + 8*i
		e := m.load(at)
		if e == 0 {
			continue
		}
		used++
		va := base + x86.VirtAddr(i)<<(12+9*(level-1))
		if level == 2 && e&x86.PTELarge != 0 {
			if err := v.largePage(va, e); err != nil {
				return err
			}
			continue
		}
		if level == 1 {
			if inWorkingSet(e) {
				valid++
			}
			if err := v.page(va, at, e); err != nil {
				return err
			}
			continue
		}
		if p := m.pfns.entry(frameOf(e)); p.pte != at {
			return fmt.Errorf("the table at %v is mapped by %v and says %v", e.Frame(), at, p.pte)
		}
		if err := v.table(e.Frame(), level-1, va); err != nil {
			return err
		}
	}
	if p := m.pfns.entry(pa.PFN()); p.used != used || p.share != valid || p.list != listNone || used == 0 && pa != v.as.cr3 {
		return fmt.Errorf("the table at %v has %d entries, %d valid, and counts %d, %d", pa, used, valid, p.used, p.share)
	}
	return nil
}

// page checks one PTE that is not zero.
func (v *verifier) page(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) error {
	vad := v.as.vads.find(va)
	if vad == nil {
		return fmt.Errorf("the PTE %#x of %v belongs to no VAD", uint64(e), va)
	}
	if err := v.slot(e); err != nil {
		return err
	}
	if e&ptePhysical != 0 && e&x86.PTEPresent != 0 {
		p := v.m.pfns.entry(frameOf(e))
		if _, own := v.as.physical[frameOf(e)]; !own || p.pte != at || p.share != 1 || !vad.physical {
			return fmt.Errorf("%v maps frame %#x, which is not the process's", va, frameOf(e))
		}
		return nil
	}
	if e&x86.PTEPresent != 0 {
		v.valid++
		if isLocked(e) {
			v.locked++
		}
	}
	if hasFrame(e) {
		if err := v.mapped(vad, va, at, e); err != nil {
			return err
		}
	}
	if page, combined := v.m.combined(e); combined {
		if page >= uint64(len(v.combined)) || vad.area != nil || e&x86.PTEPresent != 0 && e&(x86.PTEWrite|x86.PTEDirty) != 0 {
			return fmt.Errorf("%v has %#x, the combined page %d", va, uint64(e), page)
		}
		v.combined[page]++
	}
	switch {
	case vad.area != nil:
		if v.m.ownPage(e) && !vad.viewCode(vad.page(va)).writeCopy() {
			v.own++
		}
	case vad.committed && isDecommitted(e):
		v.own--
	case !vad.committed && !isDecommitted(e):
		v.own++
	}
	return nil
}

// largePage checks a PDE that maps a large page.
func (v *verifier) largePage(va x86.VirtAddr, e x86.PTE) error {
	if vad := v.as.vads.find(va); vad == nil || !vad.large {
		return fmt.Errorf("the PDE %#x of %v belongs to no VAD of large pages", uint64(e), va)
	}
	vad := v.as.vads.find(va)
	if a := vad.area; a != nil {
		if frameOf(e) != a.large[vad.page(va)/largeFrames] {
			return fmt.Errorf("the PDE %#x of %v is of another large page", uint64(e), va)
		}
		v.shares[frameOf(e)]++
		return nil
	}
	for frame := frameOf(e); frame < frameOf(e)+largeFrames; frame++ {
		if p := v.m.pfns.entry(frame); p.area != areaLarge || p.share != 1 || p.list != listNone {
			return fmt.Errorf("frame %#x of the large page at %v says %+v", frame, va, *p)
		}
		if err := v.owns(frame, "a large page"); err != nil {
			return err
		}
	}
	return nil
}

// mapped checks a PTE that has a frame, valid or in transition.
func (v *verifier) mapped(vad *vad, va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) error {
	frame := frameOf(e)
	p := v.m.pfns.entry(frame)
	valid := e&x86.PTEPresent != 0
	if valid {
		v.shares[frame]++
	}
	if _, combined := v.m.combined(e); combined {
		return nil
	}
	if p.proto() {
		if !valid || vad.area == nil || frameOf(vad.area.proto(vad.page(va))) != frame {
			return fmt.Errorf("%v has frame %#x of a section that does not have it", va, frame)
		}
		return nil
	}
	s := p.list.state()
	switch {
	case p.pte != at:
		return fmt.Errorf("frame %#x of %v says that its PTE is at %v, it is at %v", frame, va, p.pte, at)
	case !valid && s != PFNStandby && s != PFNModified && s != PFNModifiedNoWrite:
		return fmt.Errorf("frame %#x of %v is in transition and %v", frame, va, s)
	case s == PFNStandby == p.modified && !valid:
		return fmt.Errorf("frame %#x of %v is %v, modified %v", frame, va, s, p.modified)
	}
	return v.owns(frame, "a private page")
}

// area checks the prototype PTEs of a control area.
func (v *verifier) area(a *controlArea) error {
	v.commit += a.charged
	for _, first := range a.large {
		for frame := first; frame < first+largeFrames; frame++ {
			if p := v.m.pfns.entry(frame); p.area != areaLarge || p.share != v.shares[first] || p.list != listNone {
				return fmt.Errorf("frame %#x of a section of large pages says %+v, it is mapped %d times", frame, *p, v.shares[first])
			}
			if err := v.owns(frame, "a section of large pages"); err != nil {
				return err
			}
		}
	}
	var err error
	committed := uint64(0)
	a.eachProto(0, ^uint64(0), func(page uint64, e x86.PTE) {
		committed++
		if e2 := v.slot(e); e2 != nil {
			err = e2
		}
		if !hasFrame(e) {
			return
		}
		frame := frameOf(e)
		p := v.m.pfns.entry(frame)
		switch {
		case p.area != a.number || uint64(p.pte) != page:
			err = fmt.Errorf("page %d of %q has frame %#x, which is page %d of area %d", page, a.name, frame, p.pte, p.area)
		case (e&x86.PTEPresent != 0) != (v.shares[frame] != 0):
			err = fmt.Errorf("page %d of %q is %#x and mapped %d times", page, a.name, uint64(e), v.shares[frame])
		}
		if e2 := v.owns(frame, a.name); e2 != nil {
			err = e2
		}
	})
	if a.reserved && committed != a.charged {
		err = fmt.Errorf("%d pages of a SEC_RESERVE section are committed, %d charged", committed, a.charged)
	}
	return err
}

// store checks the compressed store: every slot is named by the page it is of, the log is in order, and its pages' bytes add up.
func (v *verifier) store() error {
	s := &v.m.store
	live := make([]uint16, len(s.pages))
	used, bytes, prev, end := uint64(0), uint64(0), uint32(0), uint64(0)
	for h := s.oldest; h != 0; h = s.slots[h].next {
		e := &s.slots[h]
		if e.size == 0 || e.prev != prev || e.at < end || e.at+uint64(e.size) > s.end {
			return fmt.Errorf("slot %d of the store is %+v, behind %d, which ends at %d", h, *e, prev, end)
		}
		if named, _ := v.m.reference(e); !isPageFile(named) || named>>pageFileOffsetShift != x86.PTE(h) || !inStore(named) {
			return fmt.Errorf("slot %d of the store, %+v, is named by %#x", h, *e, uint64(named))
		}
		for at := e.at; at < e.at+uint64(e.size); at++ {
			live[at>>x86.PageShift-s.first]++
		}
		used, bytes, prev, end = used+1, bytes+uint64(e.size), h, e.at+uint64(e.size)
	}
	frames := uint64(0)
	for i, p := range s.pages {
		if p.live != live[i] || (p.live != 0) != (p.frame != 0) {
			return fmt.Errorf("page %d of the store's log is %+v, slots have %d bytes of it", i, p, live[i])
		}
		if p.frame == 0 {
			continue
		}
		frames++
		if f := v.m.pfns.entry(uint64(p.frame)); f.area != areaStore || f.list != listNone {
			return fmt.Errorf("frame %#x of the store says %+v", p.frame, *f)
		}
		if err := v.owns(uint64(p.frame), "the store"); err != nil {
			return err
		}
	}
	if used != s.used || used != v.stored || bytes != s.live || frames != s.frames || prev != s.newest {
		return fmt.Errorf("the store has %d slots, %d named, %d bytes, %d frames; it counts %d, %d, %d", used, v.stored, bytes, frames, s.used, s.live, s.frames)
	}
	return nil
}

// lists checks that every frame is owned, or free.
func (v *verifier) lists() error {
	d := &v.m.pfns
	free := uint64(0)
	for id := listID(1); id < listCount; id++ {
		n, prev := uint64(0), uint32(0)
		for f := d.lists[id].head; f != 0; f = d.entry(uint64(f)).next {
			p := d.entry(uint64(f))
			if p.list != id || p.prev != prev {
				return fmt.Errorf("frame %#x is on list %d and says %d, behind %#x", f, id, p.list, p.prev)
			}
			if id == listFree || id == listZeroed {
				free++
				if v.seen[uint64(f)] {
					return fmt.Errorf("frame %#x is free and has an owner", f)
				}
			}
			n, prev = n+1, f
		}
		if n != d.lists[id].n || prev != d.lists[id].tail {
			return fmt.Errorf("list %d has %d frames, its count is %d", id, n, d.lists[id].n)
		}
	}
	if used := uint64(len(v.seen)); used+free != d.frontier-1 {
		return fmt.Errorf("%d frames have an owner and %d are free, %d were taken", used, free, d.frontier-1)
	}
	return nil
}
