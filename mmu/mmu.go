package mmu

import (
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// Options configure an MMU.
type Options struct {
	TLB         *tlb.Hierarchy // nil: the ideal profile
	MaxPhysAddr uint8          // width of physical addresses in bits, 36 to 52; 0 means 40
	Exact       bool           // every access goes through the TLB model
	Hooks       Hooks
}

// Hooks are told of walks and of what the TLB holds; nil ones cost nothing.
type Hooks struct {
	Walk func(*Walk, *x86.Fault) // after every walk; the fault is nil where it succeeded
	TLB  func(*TLBEvent)
}

// Counters count what the page walker did.
type Counters struct {
	Walks         uint64
	EntriesRead   uint64
	AccessedSet   uint64 // entries whose A bit a walk set
	DirtySet      uint64
	Faults        uint64
	SpuriousWalks uint64 // walks that a cached translation without the needed right caused and that succeeded

	// Walks that found a page, by its size: DTLB_LOAD_MISSES, DTLB_STORE_MISSES and ITLB_MISSES.WALK_COMPLETED_4K, _2M_4M
	// and _1G.
	LoadWalks, StoreWalks, FetchWalks [3]uint64
}

// MMU is one processor's memory-management unit. It owns CR0, CR2, CR3, CR4, EFER, PKRU, the CPL and EFLAGS.AC.
type MMU struct {
	// First, for the fast path: the host-pointer cache of the present privilege, and the generations of its tags.
	cur           *[cacheSize]cacheEntry
	gen, writeGen uint64

	mem         *physmem.Memory
	tlb         *tlb.Hierarchy
	cost        tlb.Cycles // of its profile
	cycles      uint64
	exact       bool
	maxPhys     uint8
	reserved    x86.PTE // bits 51:MAXPHYADDR
	cr0         uint64
	cr2         uint64
	cr3         uint64
	cr4         uint64
	efer        uint64
	pat         uint64
	pkru        uint32
	pkrs        uint32
	cpl         uint8
	ac          bool
	epoch       uint64
	fault       x86.Fault
	user, super *[cacheSize]cacheEntry
	// In exact mode cur is none, which is never filled, and shadow is the cache of the present privilege, whose entries
	// are good as long as refs find them in the first level.
	none, shadow        *[cacheSize]cacheEntry
	refs                *[cacheSize]refs
	userRefs, superRefs *[cacheSize]refs
	hooks               Hooks
	watch               [4]watchpoint
	watching            bool
	watchHits           uint8

	// Counters may be read and reset at any time.
	Counters Counters
}

// New returns an MMU with paging off, in the state after reset.
func New(mem *physmem.Memory, o Options) *MMU {
	if o.TLB == nil {
		o.TLB = tlb.New(tlb.Profile{})
	}
	if o.MaxPhysAddr == 0 {
		o.MaxPhysAddr = 40
	}
	m := &MMU{
		mem: mem, tlb: o.TLB, exact: o.Exact, maxPhys: o.MaxPhysAddr, hooks: o.Hooks,
		cr0: x86.CR0PE | x86.CR0ET, pat: patReset, cost: o.TLB.Profile().Cycles,
		user: new([cacheSize]cacheEntry), super: new([cacheSize]cacheEntry),
	}
	m.reserved = x86.PTEFrame &^ (1<<o.MaxPhysAddr - 1)
	if m.exact {
		m.none, m.userRefs, m.superRefs = new([cacheSize]cacheEntry), new([cacheSize]refs), new([cacheSize]refs)
	}
	m.choose()
	m.forget()
	return m
}

// Memory returns the physical memory that the MMU translates to.
func (m *MMU) Memory() *physmem.Memory { return m.mem }

// TLB returns the translation buffer.
func (m *MMU) TLB() *tlb.Hierarchy { return m.tlb }

// Exact reports whether every access goes through the TLB model.
func (m *MMU) Exact() bool { return m.exact }

// MaxPhysAddr returns the width of physical addresses in bits, what CPUID 80000008h reports in AL.
func (m *MMU) MaxPhysAddr() uint8 { return m.maxPhys }

// Cycles returns what translations have taken beyond first-level hits, by the profile of the TLB. It is exact where every
// access goes through the model.
func (m *MMU) Cycles() uint64 { return m.cycles }

// CPL returns the current privilege level.
func (m *MMU) CPL() uint8 { return m.cpl }

// SetCPL sets the current privilege level, 0 to 3.
func (m *MMU) SetCPL(cpl uint8) {
	m.cpl = cpl
	m.choose()
}

// choose takes the caches of the present privilege.
func (m *MMU) choose() {
	m.cur, m.refs = m.super, m.superRefs
	m.epoch &^= epochUser
	if m.cpl == 3 {
		m.cur, m.refs = m.user, m.userRefs
		m.epoch |= epochUser
	}
	if m.exact {
		m.cur, m.shadow = m.none, m.cur
	}
}

// SetAC tells the MMU EFLAGS.AC, which SMAP looks at.
func (m *MMU) SetAC(ac bool) {
	if m.ac != ac && m.cr4&x86.CR4SMAP != 0 {
		m.clear()
	}
	m.ac = ac
}

// PKRU returns the protection-key rights of user pages.
func (m *MMU) PKRU() uint32 { return m.pkru }

// SetPKRU is WRPKRU: it takes effect at once (SDM vol. 3A 4.6.2).
func (m *MMU) SetPKRU(v uint32) {
	m.pkru = v
	m.forget()
}

// PKRS returns the protection-key rights of supervisor pages.
func (m *MMU) PKRS() uint32 { return m.pkrs }

// SetPKRS is WRMSR to IA32_PKRS: it takes effect at once (SDM vol. 3A 4.6.2).
func (m *MMU) SetPKRS(v uint32) {
	m.pkrs = v
	m.forget()
}

// FetchEpoch changes whenever a translation used for fetching may have changed; block chains are valid within one. User
// and supervisor mode have epochs of their own, to which a return to the mode returns.
func (m *MMU) FetchEpoch() uint64 { return m.epoch }

// Bit 0 of the epoch is user mode, the rest counts.
const (
	epochUser = 1
	epochStep = 2
)

// MarkCode notes that decoded code was taken from the frame of pa: the next store to it is told to physical memory's
// OnCodeWrite.
func (m *MMU) MarkCode(pa x86.PhysAddr) {
	if m.mem.IsCode(pa) {
		return
	}
	m.mem.MarkCode(pa)
	m.clearWrites() // pages of the frame may be anywhere in the cache
}

// InvalidatePage is INVLPG: it forgets the page that holds va, of the current PCID or global; a non-canonical address does
// nothing (SDM vol. 2A, INVLPG).
func (m *MMU) InvalidatePage(va x86.VirtAddr) {
	if !va.Canonical() {
		return
	}
	m.invalidate(va, "INVLPG")
}

// invalidate drops what is cached of a page.
func (m *MMU) invalidate(va x86.VirtAddr, cause string) {
	n, exec, size := m.tlb.InvalidatePage(va, m.pcid())
	if exec {
		m.epoch += epochStep
	}
	m.clearPage(va, size)
	m.tell(&TLBEvent{Kind: TLBInvalidated, VA: va, Entries: n, Cause: cause})
}

// forget drops the host-pointer cache and every chained fetch; the TLB keeps what it has.
func (m *MMU) forget() {
	m.epoch += epochStep
	m.clear()
}

// clearPage drops the page of a size that holds va; the pieces of a large page go with everything else.
func (m *MMU) clearPage(va x86.VirtAddr, size tlb.Size) {
	if size != tlb.Size4K {
		m.clear()
		return
	}
	for _, c := range []*[cacheSize]cacheEntry{m.user, m.super} {
		if e := &c[cacheIndex(va)]; m.holds(e, va) {
			*e = cacheEntry{}
		}
	}
}

// drop removes what the TLB evicted from the host-pointer cache.
func (m *MMU) drop(e *tlb.Entry) {
	if !e.NoExec {
		m.epoch += epochStep
	}
	m.clearPage(e.VA, e.Size)
	m.tell(&TLBEvent{Kind: TLBEvicted, VA: e.VA, Entry: *e, Entries: 1, Cause: "replacement"})
}

// pcid is the process-context identifier of the address space: CR3[11:0] with CR4.PCIDE, else 0.
func (m *MMU) pcid() uint16 {
	if m.cr4&x86.CR4PCIDE == 0 {
		return 0
	}
	return uint16(m.cr3 & 0xfff)
}

// gp is #GP(0).
func (m *MMU) gp() *x86.Fault {
	m.fault = x86.Fault{Vector: x86.VectorGP}
	return &m.fault
}
