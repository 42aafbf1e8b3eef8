package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Working sets. A working set is the valid PTEs of an address space, no more: age and lock are bits of the PTE, and the
// trimmer's hand goes round the page tables, of which those without a valid entry are stepped over.

// WorkingSet is the size and the limits of a working set, in pages.
type WorkingSet struct {
	Size, Peak       uint64
	Minimum, Maximum uint64
	HardMinimum      bool // never trimmed below Minimum
	HardMaximum      bool // never more than Maximum
	Locked           uint64
}

// The limits of a process that did not choose its own (GetProcessWorkingSetSize on Windows 10: 200 KB and 1380 KB), and
// the least that a process may ask for.
const (
	defaultMinimum = 50
	defaultMaximum = 345
	leastMinimum   = 20
)

// WorkingSet returns the working set.
func (as *AddressSpace) WorkingSet() WorkingSet { return as.ws }

// SetWorkingSet sets the limits: INVALID_PARAMETER for a minimum below 20 pages or above the maximum. A smaller hard maximum
// trims at once.
func (as *AddressSpace) SetWorkingSet(minimum, maximum uint64, hardMinimum, hardMaximum bool) ntdef.Status {
	if minimum > maximum || minimum < leastMinimum {
		return ntdef.STATUS_INVALID_PARAMETER
	}
	if minimum > as.m.pfns.frames/2 {
		return ntdef.STATUS_INSUFFICIENT_RESOURCES
	}
	ws := &as.ws
	ws.Minimum, ws.Maximum, ws.HardMinimum, ws.HardMaximum = minimum, maximum, hardMinimum, hardMaximum
	if hardMaximum && ws.Size > maximum {
		as.trim(ws.Size - maximum)
	}
	as.m.check()
	return ntdef.STATUS_SUCCESS
}

// EmptyWorkingSet takes every page that is not locked out of the working set.
func (as *AddressSpace) EmptyWorkingSet() {
	as.forValid(0, as.high, func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
		if e&pteLocked == 0 {
			as.evict(va, at, e)
		}
	})
	as.m.check()
}

// nextValid returns the first valid PTE at va or above; at is 0 where there is none.
func (as *AddressSpace) nextValid(va x86.VirtAddr) (x86.VirtAddr, x86.PhysAddr, x86.PTE) {
	m := as.m
	for va < as.high {
		at, _ := as.pte(va)
		if at == 0 {
			va = as.nextTable(va)
			continue
		}
		stop := va&^(tableSpan-1) + tableSpan
		if m.pfns.entry(at.PFN()).share != 0 {
			for ; va < stop; va, at = va+x86.PageSize, at+8 {
				if e := m.load(at); inWorkingSet(e) {
					return va, at, e
				}
			}
		}
		va = stop
	}
	return 0, 0, 0
}

// forValid calls f for every valid PTE of [start, end).
func (as *AddressSpace) forValid(start, end x86.VirtAddr, f func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE)) {
	for va := start; ; va += x86.PageSize {
		var at x86.PhysAddr
		var e x86.PTE
		if va, at, e = as.nextValid(va); at == 0 || va >= end {
			return
		}
		f(va, at, e)
	}
}

// evict takes one page out of the working set.
func (as *AddressSpace) evict(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
	m := as.m
	frame := frameOf(e)
	p := m.pfns.entry(frame)
	as.noteDirty(va, e, p)
	if page, combined := m.combined(e); combined {
		as.setPTE(at, combinedPTE(page, codeOf(e)))
	} else if p.proto() {
		as.setPTE(at, protoPTE(codeOf(e)))
	} else {
		as.setPTE(at, transitionPTE(frame, codeOf(e)))
	}
	as.invalidate(va)
	m.wsEvent(WSTrim, as, va, frame)
	m.unshare(frame)
}

// noteDirty carries the D bit of a valid PTE over to its PFN entry and its write watch.
func (as *AddressSpace) noteDirty(va x86.VirtAddr, e x86.PTE, p *pfn) {
	if e&x86.PTEDirty == 0 {
		return
	}
	p.modified, p.reset = true, false
	if as.watches != 0 {
		if v := as.vads.find(va); v != nil && v.watch != nil {
			v.watch.set(va)
		}
	}
}

// trim takes pages out of the working set until want are out or all were looked at twice: a page that was used since the
// hand came by last gets its second chance. Modified pages stay where nothing could save them.
func (as *AddressSpace) trim(want uint64) (got uint64) {
	m := as.m
	room := m.pageFileRoom() || m.storeRoom()
	for left := 2*as.ws.Size + 2; left > 0 && got < want; left-- {
		va, at, e := as.nextValid(as.hand)
		if at == 0 {
			as.hand = 0
			continue
		}
		as.hand = va + x86.PageSize
		switch {
		case e&pteLocked != 0:
		case e&x86.PTEAccessed != 0:
			as.setPTE(at, e&^(x86.PTEAccessed|pteAge))
			as.invalidate(va)
		case !room && m.needsPageFile(e):
		default:
			as.evict(va, at, e)
			got++
		}
	}
	return got
}

// needsPageFile reports whether a page would be on the modified list, with a new place in a page file as its only way off
// it. One that has a place gives that back first.
func (m *Manager) needsPageFile(e x86.PTE) bool {
	p := m.pfns.entry(frameOf(e))
	return (e&x86.PTEDirty != 0 || p.modified) && !isPageFile(p.original) && (!p.proto() || m.areas[p.area].file == nil)
}

// age makes every page that was not used since the last time older, up to 3.
func (as *AddressSpace) age() {
	as.forValid(0, as.high, func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
		switch {
		case e&x86.PTEAccessed != 0:
			as.setPTE(at, e&^(x86.PTEAccessed|pteAge))
			as.invalidate(va)
		case e&pteAge != pteAge:
			as.setPTE(at, e+1<<ageShift)
		}
	})
}

// trimAny trims the address space that is furthest above its minimum, or, where none is, the largest whose minimum is soft.
// It reports whether a page came out.
func (m *Manager) trimAny(want uint64) bool {
	for pass := range 2 {
		m.trimRound++ // each space is asked at most once a pass
		for {
			var best *AddressSpace
			excess := uint64(0)
			for _, as := range m.spaces {
				n := as.ws.Size
				if pass == 0 || as.ws.HardMinimum {
					n -= min(n, as.ws.Minimum)
				}
				if n > excess && as.trimmed != m.trimRound {
					best, excess = as, n
				}
			}
			if best == nil {
				break
			}
			best.trimmed = m.trimRound
			if best.trim(min(want, excess)) != 0 {
				return true
			}
		}
	}
	return false
}

// makeRoom keeps a hard maximum: a page that comes pushes another one out.
func (as *AddressSpace) makeRoom() {
	if as.ws.HardMaximum && as.ws.Size >= as.ws.Maximum {
		as.trim(as.ws.Size - as.ws.Maximum + 1)
	}
}

// Lock is NtLockVirtualMemory: it brings the pages of a range in and keeps them in the working set. Base and Size are
// rounded and returned. Statuses: INVALID_PARAMETER_2, _3, ACCESS_VIOLATION where a page cannot be read,
// GUARD_PAGE_VIOLATION, WORKING_SET_QUOTA where the minimum working set would be all locked.
func (as *AddressSpace) Lock(r *Request) ntdef.Status {
	start, end, st := as.userRange(r)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	const spare = 8 // pages of the minimum that the process runs in
	if as.ws.Locked+uint64(end-start)>>x86.PageShift+spare > as.ws.Minimum {
		return ntdef.STATUS_WORKING_SET_QUOTA
	}
	for va := start; va < end; va += x86.PageSize {
		for {
			at, e := as.pte(va)
			if as.neverLeaves(va, e) {
				break
			}
			if e&x86.PTEPresent != 0 {
				as.setPTE(at, e|pteLocked)
				break
			}
			f := x86.Fault{Vector: x86.VectorPF, Code: x86.PFUser, Addr: va}
			if res := as.Fault(&f, KernelMode); res.Status != ntdef.STATUS_SUCCESS {
				as.unlock(start, va)
				return res.Status
			}
		}
	}
	as.m.check()
	return ntdef.STATUS_SUCCESS
}

// Unlock is NtUnlockVirtualMemory: NOT_LOCKED where a page of the range is not locked, and then nothing changes.
func (as *AddressSpace) Unlock(r *Request) ntdef.Status {
	start, end, st := as.userRange(r)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	for va := start; va < end; va += x86.PageSize {
		_, e := as.pte(va)
		if as.neverLeaves(va, e) {
			continue
		}
		if !isLocked(e) || as.vads.find(va).fixed {
			return ntdef.STATUS_NOT_LOCKED
		}
	}
	as.unlock(start, end)
	as.m.check()
	return ntdef.STATUS_SUCCESS
}

// neverLeaves reports whether a page is in memory without being in the working set: a large one, or one that AWE maps.
func (as *AddressSpace) neverLeaves(va x86.VirtAddr, e x86.PTE) bool {
	if e&x86.PTEPresent != 0 {
		return e&ptePhysical != 0
	}
	v := as.vads.find(va)
	return v != nil && v.large
}

func (as *AddressSpace) unlock(start, end x86.VirtAddr) {
	for va := start; va < end; va += x86.PageSize {
		if at, e := as.pte(va); at != 0 {
			as.setPTE(at, e&^pteLocked)
		}
	}
}

// userRange rounds a range to pages: INVALID_PARAMETER_2 for a base that is not the user's, _3 for a size of 0 or beyond
// the address space.
func (as *AddressSpace) userRange(r *Request) (start, end x86.VirtAddr, st ntdef.Status) {
	switch {
	case r.Base >= as.high:
		return 0, 0, ntdef.STATUS_INVALID_PARAMETER_2
	case r.Size == 0, r.Size > uint64(as.high-r.Base):
		return 0, 0, ntdef.STATUS_INVALID_PARAMETER_3
	}
	start, end = r.Base.Page(), pageUp(r.Base+x86.VirtAddr(r.Size))
	r.Base, r.Size = start, uint64(end-start)
	return start, end, ntdef.STATUS_SUCCESS
}
