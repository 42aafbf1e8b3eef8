package ntmm

import "github.com/pagewalk/pagewalk/x86"

// Usage is what one reservation or view takes, in pages: the columns of VMMap.
type Usage struct {
	RegionInfo
	CommittedPages uint64 // that may be touched: of views all pages but reserved ones
	PrivatePages   uint64 // charged to the process: of views the copies that there are
	WS             uint64 // in the working set
	PrivateWS      uint64
	ShareableWS    uint64 // of sections
	SharedWS       uint64 // mapped by more than one PTE
	LockedWS       uint64
	Blocks         uint64 // runs of pages of one state and protection
}

// Usages calls f for every reservation and view in address order.
func (as *AddressSpace) Usages(f func(u *Usage)) {
	for v := as.vads.next(0); v != nil; v = as.vads.next(v.end) {
		u := as.usage(v)
		f(&u)
	}
}

func (as *AddressSpace) usage(v *vad) Usage {
	var u Usage
	u.RegionInfo, _ = as.Region(v.start)
	for va := v.start; va < v.end; u.Blocks++ {
		committed, code := as.attributes(v, va)
		end := as.runEnd(v, va, committed, code)
		if committed && !code.noAccess() || committed && v.area == nil {
			u.CommittedPages += uint64(end-va) >> x86.PageShift
		}
		va = end
	}
	switch {
	case v.area == nil:
		u.PrivatePages = u.CommittedPages
	default:
		as.forRange(v.start, v.end, func(_ x86.VirtAddr, _ x86.PhysAddr, e x86.PTE) {
			if as.m.ownPage(e) {
				u.PrivatePages++
			}
		})
	}
	if v.large {
		u.WS, u.LockedWS = v.pages(), v.pages()
		if v.area == nil {
			u.PrivateWS = u.WS
		} else {
			u.ShareableWS = u.WS
			for va := v.start; va < v.end; va += LargePageSize {
				if as.Page(va).Share > 1 {
					u.SharedWS += largeFrames
				}
			}
		}
		return u
	}
	as.forValid(v.start, v.end, func(_ x86.VirtAddr, _ x86.PhysAddr, e x86.PTE) {
		u.WS++
		if isLocked(e) {
			u.LockedWS++
		}
		p := as.m.pfns.entry(frameOf(e))
		if !p.proto() {
			u.PrivateWS++
			return
		}
		u.ShareableWS++
		if p.share > 1 {
			u.SharedWS++
		}
	})
	return u
}
