package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// PageInfo is what is known of one page of an address space.
type PageInfo struct {
	Valid    bool // in the working set
	Share    uint32
	Protect  uint32 // of a valid page, a PAGE_ protection
	Code     uint8  // the same as a protection code of five bits
	Shared   bool   // the page belongs to a section
	Locked   bool
	Large    bool // of a large page
	Priority uint8
	PFN      uint64   // of a page that is in memory
	State    PFNState // of that frame
}

// Page returns what is known of the page that holds va; all zeros for one that is nowhere.
func (as *AddressSpace) Page(va x86.VirtAddr) PageInfo {
	var i PageInfo
	v := as.vads.find(va)
	if v == nil {
		return i
	}
	if v.large {
		_, e := as.pde(va)
		code := codeOf(e)
		return PageInfo{
			Valid: true, Large: true, Locked: true, Share: as.m.pfns.entry(frameOf(e)).share, Shared: v.area != nil, Protect: code.protect(), Code: uint8(code),
			PFN: frameOf(e) + uint64(va)>>x86.PageShift%largeFrames, State: PFNActive,
		}
	}
	_, e := as.pte(va)
	if committed, _ := v.effective(va, e); !committed {
		return i
	}
	i.Shared = v.area != nil && !as.m.ownPage(e)
	if i.Shared && e&x86.PTEPresent == 0 {
		if p := v.area.proto(v.page(va)); hasFrame(p) {
			as.frameInfo(&i, frameOf(p))
		}
		return i
	}
	if page, combined := as.m.combined(e); combined {
		i.Shared = true
		if p := as.m.combiner.area.proto(page); !hasFrame(e) && hasFrame(p) {
			as.frameInfo(&i, frameOf(p))
		}
	}
	if !hasFrame(e) {
		return i
	}
	as.frameInfo(&i, frameOf(e))
	if i.Valid = e&x86.PTEPresent != 0; i.Valid {
		i.Share, i.Locked = as.m.pfns.entry(frameOf(e)).share, isLocked(e)
		i.Protect, i.Code = codeOf(e).protect(), uint8(codeOf(e))
	}
	return i
}

func (as *AddressSpace) frameInfo(i *PageInfo, frame uint64) {
	p := as.m.pfns.entry(frame)
	i.PFN, i.Priority, i.State = frame, p.priority, p.list.state()
}

// ResidentPages calls f for every page of the working set in address order.
func (as *AddressSpace) ResidentPages(f func(va x86.VirtAddr, i PageInfo)) {
	as.forValid(0, as.high, func(va x86.VirtAddr, _ x86.PhysAddr, _ x86.PTE) { f(va, as.Page(va)) })
}

// RegionInfo is MEMORY_REGION_INFORMATION: a whole reservation or view.
type RegionInfo struct {
	Base      x86.VirtAddr
	Size      uint64
	Committed uint64 // bytes charged for it
	Protect   uint32
	Type      uint32 // MEM_PRIVATE, MEM_MAPPED, MEM_IMAGE
	File      bool   // a view of a data file or an image
}

// Region returns the reservation or view that holds va: INVALID_ADDRESS where there is none.
func (as *AddressSpace) Region(va x86.VirtAddr) (RegionInfo, ntdef.Status) {
	v := as.vads.find(va)
	if v == nil {
		return RegionInfo{}, ntdef.STATUS_INVALID_ADDRESS
	}
	i := RegionInfo{Base: v.start, Size: uint64(v.end - v.start), Protect: v.protect, Type: v.typ, File: v.name() != ""}
	if v.area != nil {
		i.Committed = v.copied(v.start, v.end) << x86.PageShift
	} else {
		i.Committed = i.Size - as.uncommitted(v, v.start, v.end)<<x86.PageShift
	}
	return i, ntdef.STATUS_SUCCESS
}

// Prefetch brings the pages of a range that lie in page files and files into the working set; what cannot be had is left
// (PrefetchVirtualMemory gives no promise).
func (as *AddressSpace) Prefetch(start, end x86.VirtAddr) {
	for va := start.Page(); va < end; {
		v := as.vads.next(va)
		if v == nil || v.start >= end {
			return
		}
		for va = max(va, v.start); va < min(v.end, end); va += x86.PageSize {
			at, e := as.pte(va)
			if at == 0 && v.area == nil {
				va = as.nextTable(va) - x86.PageSize
				continue
			}
			if as.elsewhere(v, va, e) {
				as.Fault(&x86.Fault{Vector: x86.VectorPF, Code: x86.PFUser, Addr: va}, KernelMode)
			}
		}
	}
}

// elsewhere reports whether a page may be read and has contents that are not in the working set.
func (as *AddressSpace) elsewhere(v *vad, va x86.VirtAddr, e x86.PTE) bool {
	committed, code := v.effective(va, e)
	if !committed || code.noAccess() || code.guard() || e&x86.PTEPresent != 0 {
		return false
	}
	return isPageFile(e) || hasFrame(e) || isCombined(e) || v.area != nil && !as.m.ownPage(e) && !v.area.beginsAsZeros(v.page(va))
}

// SetPagePriority gives the pages of a range that are in the working set a priority from 0 to 7: of the standby list that
// they will go to.
func (as *AddressSpace) SetPagePriority(start, end x86.VirtAddr, priority uint8) {
	as.forValid(start.Page(), end, func(_ x86.VirtAddr, _ x86.PhysAddr, e x86.PTE) {
		as.m.pfns.entry(frameOf(e)).priority = min(priority, priorities-1)
	})
}

// SetDefaultPriority gives the pages that fault in from now on a priority from 0 to 7 (ProcessPagePriority).
func (as *AddressSpace) SetDefaultPriority(priority uint8) { as.priority = min(priority, priorities-1) }

// RemoveFromWorkingSet takes the pages of a range that are not locked out of the working set.
func (as *AddressSpace) RemoveFromWorkingSet(start, end x86.VirtAddr) {
	as.forValid(start.Page(), end, func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
		if e&pteLocked == 0 {
			as.evict(va, at, e)
		}
	})
	as.m.check()
}
