package ntmm

import (
	"iter"
	"slices"
	"unsafe"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// A Layout bounds the user part of an address space: Low is the first address that may be mapped, High the last, one less
// than a multiple of 64 KiB.
type Layout struct{ Low, High x86.VirtAddr }

// AddressSpace is one process's user address space.
type AddressSpace struct {
	m     *Manager
	cr3   x86.PhysAddr
	low   x86.VirtAddr
	high  x86.VirtAddr // exclusive
	vads  vadTree
	stack *Stack

	ws      WorkingSet
	hand    x86.VirtAddr // where the trimmer looks next
	trimmed uint64       // the round of trimming that looked here last

	commit, commitPeak uint64 // private pages promised
	quota              *Quota // of its job, nil: none
	virtual, peak      uint64 // bytes of addresses in use
	tables             uint64 // pages of page tables
	peakVADs           uint64
	viewPages          uint64
	peakViewPages      uint64
	faults             uint64
	spare              []*vad              // released ones, to be used again
	watches            int                 // VADs with a write watch
	physical           map[uint64]struct{} // frames of AWE
	priority           uint8               // of pages that fault in
	noDynamicCode      bool
	pcid               uint16
	stale              bool // translations of this space may be cached that no longer hold
}

// SpaceCounters are one process's counts: pages, but for VirtualSize, in bytes.
type SpaceCounters struct {
	PageFaults                 uint64
	VirtualSize, PeakVirtual   uint64
	Committed, PeakCommitted   uint64
	PageTables                 uint64
	Private, Shareable, Shared uint64 // of the working set; Shared are pages that another one has too
	SharedCommit               uint64 // of the page-file-backed sections that it has views of
	NonPagedPool, PeakNonPaged uint64 // bytes: its VADs
	PagedPool, PeakPaged       uint64 // bytes: the prototype PTEs of its views
}

// vadBytes is what a VAD costs, a charge to the nonpaged pool on Windows; prototypeBytes what a page of a view costs there.
const (
	vadBytes       = uint64(unsafe.Sizeof(vad{}))
	prototypeBytes = 8
)

// Counters returns the counts of the moment.
func (as *AddressSpace) Counters() SpaceCounters {
	c := SpaceCounters{
		PageFaults: as.faults, VirtualSize: as.virtual, PeakVirtual: as.peak, Committed: as.commit,
		PeakCommitted: as.commitPeak, PageTables: as.tables,
	}
	c.NonPagedPool, c.PeakNonPaged = uint64(as.vads.n)*vadBytes, as.peakVADs*vadBytes
	c.PagedPool, c.PeakPaged = as.viewPages*prototypeBytes, as.peakViewPages*prototypeBytes
	seen := map[*controlArea]bool{}
	for v := as.vads.next(0); v != nil; v = as.vads.next(v.end) {
		if a := v.area; a != nil && a.image == nil && a.file == nil && !seen[a] {
			seen[a] = true
			c.SharedCommit += a.charged
		}
	}
	as.forValid(0, as.high, func(_ x86.VirtAddr, _ x86.PhysAddr, e x86.PTE) {
		switch p := as.m.pfns.entry(frameOf(e)); {
		case !p.proto():
			c.Private++
		case p.share > 1:
			c.Shareable++
			c.Shared++
		default:
			c.Shareable++
		}
	})
	return c
}

// A Stack is the running thread's stack: guard pages inside it grow it.
type Stack struct {
	DeallocationStack x86.VirtAddr // the lowest address of the reservation
	Limit             x86.VirtAddr // of what is committed, moves down
	Base              x86.VirtAddr // the address behind the highest byte
	Guarantee         uint64       // bytes kept for handlers of a stack overflow (SetThreadStackGuarantee)
}

// NewAddressSpace returns an empty address space with its PML4. STATUS_NO_MEMORY or STATUS_COMMITMENT_LIMIT where there is no
// frame for it.
func (m *Manager) NewAddressSpace(l Layout) (*AddressSpace, ntdef.Status) {
	as := &AddressSpace{m: m, low: l.Low, high: l.High + 1, ws: WorkingSet{Minimum: defaultMinimum, Maximum: defaultMaximum}, priority: normalPriority}
	if st := as.charge(1); st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	frame, ok := m.takeFrame(true)
	if !ok {
		as.release(1)
		return nil, ntdef.STATUS_NO_MEMORY
	}
	m.count.PageTablePages++
	as.tables++
	as.cr3 = x86.PhysAddr(frame << x86.PageShift)
	m.spaces = append(m.spaces, as)
	as.pcid = uint16(len(m.spaces) % len(m.pcids))
	return as, ntdef.STATUS_SUCCESS
}

// Activate loads the address space into the processor: CR3, with the space's PCID where CR4.PCIDE is set. Translations of a
// PCID are kept where they still hold.
func (as *AddressSpace) Activate() *x86.Fault {
	m := as.m
	v := uint64(as.cr3)
	if m.mmu.CR4()&x86.CR4PCIDE != 0 {
		v |= uint64(as.pcid)
		if m.pcids[as.pcid] == as && !as.stale {
			v |= 1 << 63
		}
		m.pcids[as.pcid] = as
	}
	as.stale = false
	return m.mmu.SetCR3(v)
}

// CR3 returns the physical address of the PML4.
func (as *AddressSpace) CR3() x86.PhysAddr { return as.cr3 }

// Layout returns the bounds.
func (as *AddressSpace) Layout() Layout { return Layout{as.low, as.high - 1} }

// SetStack names the stack of the thread that runs.
func (as *AddressSpace) SetStack(s *Stack) { as.stack = s }

// Delete frees everything that the address space holds. It must not be the one that the processor has loaded.
func (as *AddressSpace) Delete() {
	m := as.m
	for as.vads.n != 0 {
		as.removeVAD(as.vads.root.root)
	}
	for frame := range as.physical {
		m.freeFrame(frame)
		as.release(1)
	}
	m.freeFrame(as.cr3.PFN())
	as.release(1)
	m.count.PageTablePages--
	m.spaces = slices.DeleteFunc(m.spaces, func(s *AddressSpace) bool { return s == as })
	if m.pcids[as.pcid] == as {
		m.pcids[as.pcid] = nil
	}
	m.check()
}

// insertVAD and deleteVAD keep the size of the address space with the tree.
func (as *AddressSpace) insertVAD(v *vad) {
	if v.watch != nil {
		as.watches++
	}
	as.vads.insert(v)
	as.virtual += uint64(v.end - v.start)
	as.peak = max(as.peak, as.virtual)
	as.peakVADs = max(as.peakVADs, uint64(as.vads.n))
	if v.area != nil {
		as.viewPages += v.pages()
		as.peakViewPages = max(as.peakViewPages, as.viewPages)
	}
}

func (as *AddressSpace) deleteVAD(v *vad) {
	if v.watch != nil {
		as.watches--
	}
	as.vads.remove(v)
	as.virtual -= uint64(v.end - v.start)
	if v.area != nil {
		as.viewPages -= v.pages()
	}
}

// maxSpare is how many released VADs are kept.
const maxSpare = 64

// newVAD returns a VAD to be filled, one that was released where there is one: a program that reserves and releases in a loop
// leaves the host no garbage.
func (as *AddressSpace) newVAD() *vad {
	if n := len(as.spare); n > 0 {
		v := as.spare[n-1]
		as.spare = as.spare[:n-1]
		return v
	}
	return new(vad)
}

// recycle keeps a VAD that nothing refers to.
func (as *AddressSpace) recycle(v *vad) {
	if len(as.spare) < maxSpare {
		*v = vad{}
		as.spare = append(as.spare, v)
	}
}

// removeVAD frees a VAD's pages and the VAD.
func (as *AddressSpace) removeVAD(v *vad) {
	as.dropRange(v, v.start, v.end)
	as.deleteVAD(v)
	if v.area != nil {
		v.area.views--
		as.m.releaseArea(v.area)
	}
}

// dropRange makes the PTEs of a part of a VAD zero, frees the frames and releases the commit.
func (as *AddressSpace) dropRange(v *vad, start, end x86.VirtAddr) {
	if v.large {
		as.unmapLarge(v, start, end)
		if v.area == nil {
			as.release(v.pages())
		}
		return
	}
	charged := uint64(0)
	switch {
	case v.area != nil:
		charged = v.copied(start, end)
	case v.committed:
		charged = uint64(end-start) >> x86.PageShift
	}
	as.forRange(start, end, func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
		switch {
		case v.area != nil:
			if as.m.ownPage(e) && !v.viewCode(v.page(va)).writeCopy() {
				charged++ // a copy of a page that was not write-copy when it was mapped
			}
		case v.physical:
		case v.committed && isDecommitted(e):
			charged--
		case !v.committed && !isDecommitted(e):
			charged++
		}
		as.dropPage(va, at, e)
	})
	as.release(charged)
}

// page returns the number of va's page in the control area of its view.
func (v *vad) page(va x86.VirtAddr) uint64 { return v.offset + uint64(va-v.start)>>x86.PageShift }

// isDecommitted reports whether an entry other than zero says that its page is not committed.
func isDecommitted(e x86.PTE) bool {
	return e&x86.PTEPresent == 0 && e&(pteTransition|ptePageFile) == 0 && codeOf(e) == codeDecommitted
}

// ownPage reports whether an entry of a view is of a page that is the address space's own: a copy.
func (m *Manager) ownPage(e x86.PTE) bool {
	if hasFrame(e) {
		return !m.pfns.entry(frameOf(e)).proto()
	}
	return e != 0 && !isProto(e)
}

// dropPage makes one entry zero and frees what it holds.
func (as *AddressSpace) dropPage(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
	as.clearPTE(at)
	as.drop(va, e)
}

// drop frees what an entry held that is no longer there: a private page or its place in a page file; a section's page loses
// one share.
func (as *AddressSpace) drop(va x86.VirtAddr, e x86.PTE) {
	m := as.m
	if e&x86.PTEPresent != 0 {
		if e&ptePhysical != 0 {
			as.dropPhysical(va, e)
			return
		}
		as.invalidate(va)
		as.noteDirty(va, e, m.pfns.entry(frameOf(e)))
	}
	page, combined := m.combined(e)
	switch {
	case combined:
		if e&x86.PTEPresent != 0 {
			m.unshare(frameOf(e))
		}
		m.dropCombined(page)
	case !hasFrame(e):
		m.freeSlot(e)
	case m.pfns.entry(frameOf(e)).proto():
		m.unshare(frameOf(e))
	default:
		m.freeFrame(frameOf(e))
	}
}

// Regions returns every region of the address space in address order, free ones too, as Query reports them.
func (as *AddressSpace) Regions() iter.Seq[ntdef.MemoryBasicInformation] {
	return func(yield func(ntdef.MemoryBasicInformation) bool) {
		for va := x86.VirtAddr(0); va < as.high; {
			info, st := as.Query(va)
			if st != ntdef.STATUS_SUCCESS || !yield(info) {
				return
			}
			va = x86.VirtAddr(info.BaseAddress + info.RegionSize)
		}
	}
}

// StateFree is MEM_FREE, for callers that look for room.
const StateFree = ntdef.MEM_FREE
