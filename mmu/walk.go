package mmu

import (
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// Translate returns the physical address of one byte for an access, with every effect that the access has: A and D bits,
// TLB fills, the fault. Without paging addresses are physical.
func (m *MMU) Translate(va x86.VirtAddr, a x86.Access) (x86.PhysAddr, *x86.Fault) {
	if !va.Canonical() {
		return 0, m.gp()
	}
	if m.cr0&x86.CR0PG == 0 {
		m.fill(va, x86.PhysAddr(va), a)
		return x86.PhysAddr(va), nil
	}
	e, level, cached := m.tlb.Lookup(va, m.pcid(), a)
	if level == tlb.L2 {
		m.cycles += m.cost.L2Hit
		for _, old := range m.tlb.Evicted() {
			m.drop(&old)
		}
	}
	if cached && m.denied(&e, a) == allowed && (a&x86.Write == 0 || e.Dirty) {
		pa := e.PA + x86.PhysAddr(uint64(va)&(1<<e.Size.Shift()-1))
		m.fill(va, pa, a)
		return pa, nil
	}
	// A right that the entry lacks may have been granted since, and a first write must set D: walk again.
	if cached {
		m.Counters.SpuriousWalks++
	}
	f := m.walk(va, a, &e, m.tlb.HasTables())
	if f != nil {
		m.invalidate(va, "page fault") // SDM vol. 3A 4.10.4.1
		return 0, f
	}
	m.tell(&TLBEvent{Kind: TLBFilled, VA: e.VA, Entry: e, Entries: 1, Cause: "walk"})
	for _, old := range m.tlb.Insert(e, a) {
		m.drop(&old)
	}
	pa := e.PA + x86.PhysAddr(uint64(va)&(1<<e.Size.Shift()-1))
	m.fill(va, pa, a)
	return pa, nil
}

// Walk does what the page walker does for an access, and no more: it reads the tables in memory, checks every right, sets A
// and D bits, and returns the translation or the fault. The TLB is neither asked nor filled. Paging must be on and va
// canonical.
func (m *MMU) Walk(va x86.VirtAddr, a x86.Access) (e tlb.Entry, f *x86.Fault) {
	f = m.walk(va, a, &e, false)
	return e, f
}

// walk reads the tables for va and fills e, beginning where the paging-structure caches lead if caches is set.
// SDM vol. 3A 4.5, 4.10.3.
func (m *MMU) walk(va x86.VirtAddr, a x86.Access, e *tlb.Entry, caches bool) *x86.Fault {
	m.Counters.Walks++
	*e = tlb.Entry{PCID: m.pcid(), Writable: true, User: true}
	table, top := x86.PhysAddr(m.cr3)&x86.PhysAddr(x86.PTEFrame), 4
	if caches {
		if t, level := m.tlb.LookupTables(va, e.PCID); level <= 4 {
			table, top = t.Table, level-1
			e.Writable, e.User, e.NoExec = t.Writable, t.User, t.NoExec
			m.cycles += m.cost.TableHit
		}
	}
	for level := top; ; level-- {
		shift := uint(12 + 9*(level-1))
		at := table + x86.PhysAddr(uint64(va)>>shift&511*8)
		pte := x86.PTE(m.mem.Load64(at))
		m.Counters.EntriesRead++
		m.cycles += m.cost.WalkStep
		if pte&x86.PTEPresent == 0 {
			return m.walked(va, m.pageFault(va, a, 0))
		}
		leaf := level == 1 || pte&x86.PTELarge != 0
		if pte&m.reservedBits(level, leaf) != 0 {
			return m.walked(va, m.pageFault(va, a, x86.PFPresent|x86.PFReserved))
		}
		e.Writable = e.Writable && pte&x86.PTEWrite != 0
		e.User = e.User && pte&x86.PTEUser != 0
		e.NoExec = e.NoExec || pte&x86.PTENoExec != 0
		set := x86.PTEAccessed
		if leaf {
			e.Size = tlb.Size(level - 1)
			e.Key = uint8(pte >> x86.PTEKeyShift & 15)
			if bits := m.denied(e, a); bits != allowed {
				return m.walked(va, m.pageFault(va, a, x86.PFPresent|bits))
			}
			if a&x86.Write != 0 {
				set |= x86.PTEDirty
			}
		}
		if pte&set != set {
			if !m.mem.CompareAndSwap64(at, uint64(pte), uint64(pte|set)) {
				level++ // another agent changed the entry: read it again
				continue
			}
			m.countAD(pte, set)
		}
		if leaf {
			mask := x86.PhysAddr(1)<<shift - 1
			e.VA, e.PA = va&^x86.VirtAddr(mask), pte.Frame()&^mask
			e.Dirty = (pte|set)&x86.PTEDirty != 0
			e.Global = pte&x86.PTEGlobal != 0 && m.cr4&x86.CR4PGE != 0
			m.countWalk(a, e.Size)
			return m.walked(va, nil)
		}
		table = pte.Frame()
		if caches {
			m.tlb.InsertTable(va, e.PCID, level, tlb.TableEntry{
				Table: table, Writable: e.Writable, User: e.User, NoExec: e.NoExec,
			})
		}
	}
}

func (m *MMU) countWalk(a x86.Access, size tlb.Size) {
	switch {
	case a&x86.Execute != 0:
		m.Counters.FetchWalks[size]++
	case a&x86.Write != 0:
		m.Counters.StoreWalks[size]++
	default:
		m.Counters.LoadWalks[size]++
	}
}

func (m *MMU) countAD(old, set x86.PTE) {
	if old&x86.PTEAccessed == 0 {
		m.Counters.AccessedSet++
	}
	if set&^old&x86.PTEDirty != 0 {
		m.Counters.DirtySet++
	}
}

// walked tells the hook.
func (m *MMU) walked(va x86.VirtAddr, f *x86.Fault) *x86.Fault {
	if f != nil {
		m.Counters.Faults++
	}
	if h := m.hooks.Walk; h != nil {
		w := m.Inspect(va)
		h(&w, f)
	}
	return f
}

// reservedBits returns the bits of an entry that must be zero: bits 51:MAXPHYADDR everywhere, XD without NXE, PS in a
// PML4E, the low frame bits of large pages but PAT. SDM vol. 3A 4.5, tables 4-15 to 4-20.
func (m *MMU) reservedBits(level int, leaf bool) x86.PTE {
	r := m.reserved
	if m.efer&x86.EFERNXE == 0 {
		r |= x86.PTENoExec
	}
	switch {
	case level == 4:
		r |= x86.PTELarge
	case level == 3 && leaf:
		r |= 0x3fffe000
	case level == 2 && leaf:
		r |= 0x1fe000
	}
	return r
}

// allowed is what denied returns for an access that the rights allow; no set of error-code bits has it.
const allowed = ^uint32(0)

// denied checks the rights of a translation for an access and returns the error-code bits beside P and the access's own,
// or allowed. SDM vol. 3A 4.6.
func (m *MMU) denied(e *tlb.Entry, a x86.Access) uint32 {
	user := m.cpl == 3 && a&x86.Implicit == 0
	if a&x86.Execute != 0 {
		if e.NoExec || user && !e.User || !user && e.User && m.cr4&x86.CR4SMEP != 0 {
			return 0
		}
		return allowed
	}
	var key uint32
	keys, rights, write := m.cr4&x86.CR4PKE, m.pkru, user || m.cr0&x86.CR0WP != 0
	if !e.User {
		keys, rights, write = m.cr4&x86.CR4PKS, m.pkrs, m.cr0&x86.CR0WP != 0
	}
	if keys != 0 { // the bit is set even if another right is missing too
		rights >>= 2 * e.Key
		const accessDisable, writeDisable = 1, 2
		if rights&accessDisable != 0 || rights&writeDisable != 0 && a&x86.Write != 0 && write {
			key = x86.PFKey
		}
	}
	switch {
	case key != 0, user && !e.User,
		!user && e.User && m.cr4&x86.CR4SMAP != 0 && (a&x86.Implicit != 0 || !m.ac),
		a&x86.Write != 0 && !e.Writable && (user || m.cr0&x86.CR0WP != 0):
		return key
	}
	return allowed
}

// pageFault is #PF at va with the error code of an access and some bits. SDM vol. 3A 4.7.
func (m *MMU) pageFault(va x86.VirtAddr, a x86.Access, code uint32) *x86.Fault {
	if a&x86.Write != 0 {
		code |= x86.PFWrite
	}
	if m.cpl == 3 && a&x86.Implicit == 0 {
		code |= x86.PFUser
	}
	if a&x86.Execute != 0 && (m.cr4&x86.CR4SMEP != 0 || m.cr4&x86.CR4PAE != 0 && m.efer&x86.EFERNXE != 0) {
		code |= x86.PFFetch
	}
	m.fault = x86.Fault{Vector: x86.VectorPF, Code: code, Addr: va}
	return &m.fault
}
