package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Page tables. Each page of tables is a frame whose PFN entry counts the entries that are not zero (UsedPTEs) and knows
// the upper entry that maps it; a page of tables whose count falls to zero is freed.

// tableEntry is what maps a lower table: user, writable, executable. Rights are decided at the leaf.
const tableEntry = x86.PTEPresent | x86.PTEWrite | x86.PTEUser

// ptesPerTable is how many entries a table has, and tableSpan how many bytes of addresses a page table maps.
const (
	ptesPerTable = 512
	tableSpan    = ptesPerTable * x86.PageSize
)

func (m *Manager) load(pa x86.PhysAddr) x86.PTE { return x86.PTE(m.mem.Load64(pa)) }

// pte returns the address and the value of va's PTE; at is 0 where there is no page table.
func (as *AddressSpace) pte(va x86.VirtAddr) (at x86.PhysAddr, e x86.PTE) {
	table := as.cr3
	for shift := uint(39); ; shift -= 9 {
		at = table + x86.PhysAddr(uint64(va)>>shift&511*8)
		e = as.m.load(at)
		if shift == x86.PageShift {
			return at, e
		}
		if e&(x86.PTEPresent|x86.PTELarge) != x86.PTEPresent {
			return 0, 0
		}
		table = e.Frame()
	}
}

// makePTE is pte for an entry that will be written: missing tables are allocated and charged.
func (as *AddressSpace) makePTE(va x86.VirtAddr) (at x86.PhysAddr, e x86.PTE, st ntdef.Status) {
	table := as.cr3
	for shift := uint(39); ; shift -= 9 {
		at = table + x86.PhysAddr(uint64(va)>>shift&511*8)
		e = as.m.load(at)
		if shift == x86.PageShift {
			return at, e, ntdef.STATUS_SUCCESS
		}
		if e&x86.PTEPresent == 0 {
			if e, st = as.newTable(at); st != ntdef.STATUS_SUCCESS {
				as.freeTables(table.PFN()) // one that was made a level higher is not kept empty
				return 0, 0, st
			}
		}
		table = e.Frame()
	}
}

func (as *AddressSpace) newTable(at x86.PhysAddr) (x86.PTE, ntdef.Status) {
	m := as.m
	if st := as.charge(1); st != ntdef.STATUS_SUCCESS {
		return 0, st
	}
	frame, ok := m.takeFrame(true)
	if !ok {
		as.release(1)
		return 0, ntdef.STATUS_NO_MEMORY
	}
	m.count.PageTablePages++
	as.tables++
	m.pfns.entry(frame).pte = at
	e := x86.PTE(frame)<<x86.PageShift | tableEntry
	m.pfns.entry(at.PFN()).used++
	m.mem.Store64(at, uint64(e))
	return e, ntdef.STATUS_SUCCESS
}

// setPTE writes the entry of a page; it keeps its table's counts and the working set's. It does not free an empty table: see
// clearPTE.
func (as *AddressSpace) setPTE(at x86.PhysAddr, e x86.PTE) {
	m := as.m
	old := m.load(at)
	table := m.pfns.entry(at.PFN())
	switch {
	case old == 0 && e != 0:
		table.used++
	case old != 0 && e == 0:
		table.used--
	}
	ws := &as.ws
	switch valid, was := inWorkingSet(e), inWorkingSet(old); {
	case valid && !was:
		table.share++
		ws.Size++
		ws.Peak = max(ws.Peak, ws.Size)
	case was && !valid:
		table.share--
		ws.Size--
	}
	switch locked, was := isLocked(e), isLocked(old); {
	case locked && !was:
		ws.Locked++
	case was && !locked:
		ws.Locked--
	}
	m.mem.Store64(at, uint64(e))
}

// isLocked reports whether an entry is of a page that is locked into the working set.
func isLocked(e x86.PTE) bool { return e&(x86.PTEPresent|pteLocked) == x86.PTEPresent|pteLocked }

// clearPTE makes an entry zero and frees the tables that this empties.
func (as *AddressSpace) clearPTE(at x86.PhysAddr) {
	as.setPTE(at, 0)
	as.freeTables(at.PFN())
}

// freeTables frees a page of tables, and those above it, as far as they are empty.
func (as *AddressSpace) freeTables(frame uint64) {
	m := as.m
	for {
		table := m.pfns.entry(frame)
		if table.used != 0 || frame == as.cr3.PFN() {
			return
		}
		at := table.pte
		m.freeFrame(frame)
		as.release(1)
		m.count.PageTablePages--
		as.tables--
		m.mem.Store64(at, 0)
		frame = at.PFN()
		m.pfns.entry(frame).used--
	}
}

// invalidate forgets what the TLB holds for a page. Another address space than the loaded one forgets everything when it is
// loaded next.
func (as *AddressSpace) invalidate(va x86.VirtAddr) {
	if x86.PhysAddr(as.m.mmu.CR3()).Page() == as.cr3 {
		as.m.mmu.InvalidatePage(va)
	} else {
		as.stale = true
	}
}

// forRange calls f for every entry that is not zero of the pages in [start, end), in address order. f may clear the entry.
func (as *AddressSpace) forRange(start, end x86.VirtAddr, f func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE)) {
	for va := start; va < end; {
		at, _ := as.pte(va)
		if at == 0 {
			va = as.nextTable(va)
			continue
		}
		// One page table; the last f may free it.
		stop := min(end, va&^(tableSpan-1)+tableSpan)
		for left := as.m.pfns.entry(at.PFN()).used; va < stop && left > 0; va, at = va+x86.PageSize, at+8 {
			if e := as.m.load(at); e != 0 {
				left--
				f(va, at, e)
			}
		}
		va = stop
	}
}

// nextTable returns the first address above va that another page table could map, given that va's is absent: upper levels
// that are absent are stepped over whole.
func (as *AddressSpace) nextTable(va x86.VirtAddr) x86.VirtAddr {
	table := as.cr3
	for shift := uint(39); ; shift -= 9 {
		e := as.m.load(table + x86.PhysAddr(uint64(va)>>shift&511*8))
		if e&(x86.PTEPresent|x86.PTELarge) != x86.PTEPresent {
			return va&^(1<<shift-1) + 1<<shift
		}
		table = e.Frame()
	}
}
