package ntmm

import "github.com/pagewalk/pagewalk/x86"

// takeFrame returns a frame that is on no list: of zeros, or with whatever its last use left. A page of zeros comes from
// the zeroed list, then the free one, then from standby by priority; any other page from the free list first (Windows
// Internals, part 1 ch. 5, "Page list dynamics"). ok is false where nothing can be had even after trimming and writing.
func (m *Manager) takeFrame(zeroed bool) (uint64, bool) {
	d := &m.pfns
	if d.available() <= m.lowPages {
		m.replenish()
	}
	lists := [...]listID{listFree, listZeroed}
	if zeroed {
		lists = [...]listID{listZeroed, listFree}
	}
	frame, dirty := uint64(0), true
	for _, id := range lists {
		if frame = uint64(d.lists[id].head); frame != 0 {
			d.unlink(frame)
			dirty = id == listFree
			break
		}
		if id == listZeroed {
			if frame = d.fresh(); frame != 0 {
				dirty = false
				break
			}
		}
	}
	if frame == 0 {
		if frame = m.repurposeAny(); frame == 0 {
			return 0, false
		}
	}
	*d.entry(frame) = pfn{priority: normalPriority}
	if dirty {
		pa := x86.PhysAddr(frame << x86.PageShift)
		m.mem.NotifyWrite(pa)
		if zeroed {
			clear(m.mem.Frame(pa)[:])
		}
	}
	return frame, true
}

// takeFrame is the manager's, for a page that gets the space's priority.
func (as *AddressSpace) takeFrame(zeroed bool) (uint64, bool) {
	frame, ok := as.m.takeFrame(zeroed)
	if ok {
		as.m.pfns.entry(frame).priority = as.priority
	}
	return frame, ok
}

// frame returns the contents of a frame.
func (m *Manager) frame(frame uint64) []byte {
	return m.mem.Frame(x86.PhysAddr(frame << x86.PageShift))[:]
}

// repurposeAny takes the first page of the standby list with the lowest priority. 0 where standby is empty.
func (m *Manager) repurposeAny() uint64 {
	for id := listStandby; id < listModified; id++ {
		if frame := uint64(m.pfns.lists[id].head); frame != 0 {
			m.repurpose(frame)
			return frame
		}
	}
	return 0
}

// repurpose takes a page off standby: its PTE says from then on where the contents are.
func (m *Manager) repurpose(frame uint64) {
	m.pfns.unlink(frame)
	p := m.pfns.entry(frame)
	m.count.TransitionRepurposed++
	m.count.RepurposedByPriority[p.priority]++
	m.forget(frame)
}

// forget takes a frame's page away from it: its PTE, or its prototype PTE, becomes the original one.
func (m *Manager) forget(frame uint64) {
	p := m.pfns.entry(frame)
	switch e := p.original; {
	case p.proto():
		m.areas[p.area].setProto(uint64(p.pte), e)
	case p.reset:
		m.mem.Store64(p.pte, uint64(withCode(e, codeOf(m.load(p.pte)))|pteLost))
	default:
		m.mem.Store64(p.pte, uint64(withCode(e, codeOf(m.load(p.pte)))))
	}
}

// freeFrame gives a frame back, and with it its place in a page file.
func (m *Manager) freeFrame(frame uint64) {
	d := &m.pfns
	p := d.entry(frame)
	d.unlink(frame)
	m.freeSlot(p.original)
	m.mem.NotifyWrite(x86.PhysAddr(frame << x86.PageShift))
	*p = pfn{}
	d.put(frame, listFree)
}

// unshare takes one valid PTE off a page's count. The page that no working set has goes on the list of its kind.
func (m *Manager) unshare(frame uint64) {
	p := m.pfns.entry(frame)
	p.share--
	if p.share == 0 && p.refs == 0 {
		m.retire(frame)
	}
}

// retire puts a page that no working set has on the modified list, or on standby.
func (m *Manager) retire(frame uint64) {
	p := m.pfns.entry(frame)
	id := listStandby + listID(p.priority)
	if p.modified {
		id = listModified
		m.freeSlot(p.original) // what is there is older
		p.original = withoutSlot(p.original)
	}
	if p.proto() {
		a := m.areas[p.area]
		a.setProto(uint64(p.pte), transitionPTE(frame, 0))
		if p.modified && a.file != nil {
			id = listModifiedMapped
		}
	}
	m.pfns.put(frame, id)
}

// pin keeps a frame off the lists while work is done with it; unpin ends that.
func (m *Manager) pin(frame uint64) {
	m.pfns.unlink(frame)
	m.pfns.entry(frame).refs++
}

func (m *Manager) unpin(frame uint64) {
	p := m.pfns.entry(frame)
	p.refs--
	if p.refs == 0 && p.share == 0 {
		m.retire(frame)
	}
}

// zeroPages is the zero-page thread: it clears at most n free pages.
func (m *Manager) zeroPages(n int) {
	d := &m.pfns
	for ; n > 0 && d.lists[listFree].head != 0; n-- {
		frame := uint64(d.lists[listFree].head)
		d.unlink(frame)
		clear(m.frame(frame))
		d.put(frame, listZeroed)
	}
}
