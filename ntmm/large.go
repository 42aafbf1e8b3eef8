package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Large pages: 2 MiB of contiguous frames behind one PDE with PS set. They are committed with their reservation or section, are
// always resident and belong to no working set (Windows Internals, part 1 ch. 5, "Large and small pages"). Those of a section
// (SEC_LARGE_PAGES) are the control area's, and every view maps the same.

// largeFrames is how many frames a large page has; LargePageSize is its size in bytes (GetLargePageMinimum).
const (
	largeFrames   = ptesPerTable
	LargePageSize = tableSpan
)

// The area numbers of frames that no list and no working set ever has: of AWE, of the compressed store, of large pages.
const (
	areaPhysical = ^uint32(0) - iota
	areaStore
	areaLarge
)

// fitsLarge reports whether a large page can have a protection: a hardware entry must say it, and there are no copies.
func (c protectCode) fitsLarge() bool { return !c.noAccess() && !c.guard() && !c.writeCopy() }

// allocateLarge is Allocate with MEM_LARGE_PAGES. Statuses: INVALID_PAGE_PROTECTION (no access, guard), INVALID_PARAMETER_4 and
// _2 for a size or a base that is no multiple of 2 MiB, INSUFFICIENT_RESOURCES where RAM has no such run of frames left, and
// those of a reservation.
func (as *AddressSpace) allocateLarge(r *Request, code protectCode, q Requirements) ntdef.Status {
	switch {
	case !code.fitsLarge():
		return ntdef.STATUS_INVALID_PAGE_PROTECTION
	case r.Size%LargePageSize != 0:
		return ntdef.STATUS_INVALID_PARAMETER_4
	case r.Base%LargePageSize != 0:
		return ntdef.STATUS_INVALID_PARAMETER_2
	}
	start := r.Base
	if start == 0 {
		q.Alignment = max(q.Alignment, LargePageSize)
		var ok bool
		if start, ok = as.choose(r.Size, r.Type&ntdef.MEM_TOP_DOWN != 0, q); !ok {
			return ntdef.STATUS_NO_MEMORY
		}
	} else if !as.vads.free(start, start+x86.VirtAddr(r.Size)) {
		return ntdef.STATUS_CONFLICTING_ADDRESSES
	}
	v := as.newVAD()
	*v = vad{
		start: start, end: start + x86.VirtAddr(r.Size), typ: ntdef.MEM_PRIVATE, protect: r.Protect, code: code, committed: true,
		large: true,
	}
	if st := as.charge(v.pages()); st != ntdef.STATUS_SUCCESS {
		return st
	}
	for va := start; va < v.end; va += LargePageSize {
		if st := as.newLarge(va, code); st != ntdef.STATUS_SUCCESS {
			as.unmapLarge(v, start, va)
			as.release(v.pages())
			return st
		}
	}
	as.insertVAD(v)
	r.Base = start
	as.vadEvent(VADReserveCommit, v, v.start, v.end, v.protect)
	return ntdef.STATUS_SUCCESS
}

// pde returns the address and the value of va's PDE; at is 0 where there is no page directory.
func (as *AddressSpace) pde(va x86.VirtAddr) (at x86.PhysAddr, e x86.PTE) {
	table := as.cr3
	for shift := uint(39); ; shift -= 9 {
		at = table + x86.PhysAddr(uint64(va)>>shift&511*8)
		e = as.m.load(at)
		if shift == 21 {
			return at, e
		}
		if e&(x86.PTEPresent|x86.PTELarge) != x86.PTEPresent {
			return 0, 0
		}
		table = e.Frame()
	}
}

// largeCode is the protection code of the large page that holds va.
func (as *AddressSpace) largeCode(va x86.VirtAddr) protectCode {
	_, e := as.pde(va)
	return codeOf(e)
}

// newLarge maps a new large page.
func (as *AddressSpace) newLarge(va x86.VirtAddr, code protectCode) ntdef.Status {
	first, ok := as.m.newRun()
	if !ok {
		return ntdef.STATUS_INSUFFICIENT_RESOURCES
	}
	st := as.mapLarge(va, first, code)
	if st != ntdef.STATUS_SUCCESS {
		as.m.freeRun(first)
	}
	return st
}

// mapLarge maps a run of frames.
func (as *AddressSpace) mapLarge(va x86.VirtAddr, first uint64, code protectCode) ntdef.Status {
	m := as.m
	at, st := as.makePDE(va)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	for frame := first; frame < first+largeFrames; frame++ {
		m.pfns.entry(frame).share++
	}
	m.pfns.entry(at.PFN()).used++
	m.mem.Store64(at, uint64(validPTE(first, code)|x86.PTELarge))
	return ntdef.STATUS_SUCCESS
}

// mapLargeView maps the large pages of a view, all or none.
func (as *AddressSpace) mapLargeView(v *vad) ntdef.Status {
	for va := v.start; va < v.end; va += LargePageSize {
		if st := as.mapLarge(va, v.area.large[v.page(va)/largeFrames], v.code); st != ntdef.STATUS_SUCCESS {
			as.unmapLarge(v, v.start, va)
			return st
		}
	}
	return ntdef.STATUS_SUCCESS
}

// takeLarge takes the frames of a section of large pages, whose commit is charged.
func (a *controlArea) takeLarge() ntdef.Status {
	for range a.pages / largeFrames {
		first, ok := a.m.newRun()
		if !ok {
			a.freeLarge()
			return ntdef.STATUS_INSUFFICIENT_RESOURCES
		}
		a.large = append(a.large, first)
	}
	return ntdef.STATUS_SUCCESS
}

func (a *controlArea) freeLarge() {
	for _, first := range a.large {
		a.m.freeRun(first)
	}
	a.large = nil
}

// newRun is takeRun for frames that are to be no page's but a large one's.
func (m *Manager) newRun() (first uint64, ok bool) {
	if first, ok = m.takeRun(); ok {
		for frame := first; frame < first+largeFrames; frame++ {
			m.pfns.entry(frame).area = areaLarge
		}
	}
	return first, ok
}

func (m *Manager) freeRun(first uint64) {
	for frame := first; frame < first+largeFrames; frame++ {
		m.freeFrame(frame)
	}
}

// makePDE is pde for an entry that will be written. No page table is there: the range was free.
func (as *AddressSpace) makePDE(va x86.VirtAddr) (at x86.PhysAddr, st ntdef.Status) {
	table := as.cr3
	for shift := uint(39); ; shift -= 9 {
		at = table + x86.PhysAddr(uint64(va)>>shift&511*8)
		if shift == 21 {
			return at, ntdef.STATUS_SUCCESS
		}
		e := as.m.load(at)
		if e&x86.PTEPresent == 0 {
			if e, st = as.newTable(at); st != ntdef.STATUS_SUCCESS {
				if table != as.cr3 {
					as.freeTables(table.PFN())
				}
				return 0, st
			}
		}
		table = e.Frame()
	}
}

// unmapLarge unmaps the large pages of a part of a VAD; those that are no section's are freed.
func (as *AddressSpace) unmapLarge(v *vad, start, end x86.VirtAddr) {
	m := as.m
	for va := start; va < end; va += LargePageSize {
		at, e := as.pde(va)
		m.mem.Store64(at, 0)
		as.invalidate(va)
		m.pfns.entry(at.PFN()).used--
		as.freeTables(at.PFN())
		if v.area == nil {
			m.freeRun(frameOf(e))
			continue
		}
		for frame := frameOf(e); frame < frameOf(e)+largeFrames; frame++ {
			m.pfns.entry(frame).share--
		}
	}
}

// protectLarge gives whole large pages a protection: INVALID_PARAMETER_3 for parts of one.
func (as *AddressSpace) protectLarge(start, end x86.VirtAddr, code protectCode) ntdef.Status {
	if (start|end)%LargePageSize != 0 {
		return ntdef.STATUS_INVALID_PARAMETER_3
	}
	if !code.fitsLarge() {
		return ntdef.STATUS_INVALID_PAGE_PROTECTION
	}
	for va := start; va < end; va += LargePageSize {
		at, e := as.pde(va)
		as.m.mem.Store64(at, uint64(validPTE(frameOf(e), code)|x86.PTELarge|e&(x86.PTEAccessed|x86.PTEDirty)))
		as.invalidate(va)
	}
	return ntdef.STATUS_SUCCESS
}

// takeRun returns the first of 512 contiguous frames of zeros, aligned to 2 MiB: those that were never used, else a run in
// which all are available. The search is linear in RAM: a machine that wants large pages asks early.
func (m *Manager) takeRun() (uint64, bool) {
	d := &m.pfns
	if first := (d.frontier + largeFrames - 1) &^ (largeFrames - 1); first+largeFrames <= d.frames {
		for d.frontier < first {
			d.put(d.fresh(), listZeroed)
		}
		for range largeFrames {
			*d.entry(d.fresh()) = pfn{}
		}
		return first, true
	}
	for first := uint64(largeFrames); first+largeFrames <= d.frontier; first += largeFrames {
		if !d.allAvailable(first) {
			continue
		}
		for frame := first; frame < first+largeFrames; frame++ {
			p := d.entry(frame)
			zero := p.list == listZeroed
			if p.list.state() == PFNStandby {
				m.repurpose(frame)
			} else {
				d.unlink(frame)
			}
			*p = pfn{}
			if !zero {
				pa := x86.PhysAddr(frame << x86.PageShift)
				m.mem.NotifyWrite(pa)
				clear(m.mem.Frame(pa)[:])
			}
		}
		return first, true
	}
	return 0, false
}

func (d *pfnDatabase) allAvailable(first uint64) bool {
	for frame := first; frame < first+largeFrames; frame++ {
		switch d.entry(frame).list.state() {
		case PFNFree, PFNZeroed, PFNStandby:
		default:
			return false
		}
	}
	return true
}
