package mmu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// The world of these tests: 64 frames of RAM, one PML4, PDPT and page directory at 1000h, 2000h and 3000h, a page table at
// 4000h for the first 2 MiB. Pages 0 to 511 of it are not present until a test maps them.
type world struct {
	t   *testing.T
	mem *physmem.Memory
	m   *mmu.MMU
}

const (
	rw   = 7 // present, writable, user
	ro   = 5 // present, user
	nx   = 1 << 63
	glob = 1 << 8
)

func newWorld(t *testing.T, o mmu.Options) *world {
	mem, err := physmem.New(64 * x86.PageSize)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, mem.Close()) })
	w := &world{t, mem, mmu.New(mem, o)}
	mem.Store64(0x1000, 0x2000|rw)
	mem.Store64(0x2000, 0x3000|rw)
	mem.Store64(0x3000, 0x4000|rw)
	for _, f := range []*x86.Fault{
		w.m.SetCR4(x86.CR4PAE | x86.CR4PGE), w.m.SetCR3(0x1000), w.m.SetEFER(x86.EFERLME | x86.EFERNXE),
		w.m.SetCR0(x86.CR0PE | x86.CR0PG | x86.CR0WP),
	} {
		require.Nil(t, f)
	}
	w.m.SetCPL(3)
	return w
}

// pte is the address of the PTE of a page.
func pte(page int) x86.PhysAddr { return 0x4000 + x86.PhysAddr(8*page) }

// page is the address of a page.
func page(n int) x86.VirtAddr { return x86.VirtAddr(n) << 12 }

func (w *world) set(n int, e uint64) { w.mem.Store64(pte(n), e) }

func (w *world) load(va x86.VirtAddr) uint64 {
	v, f := w.m.Load64(va)
	require.Nil(w.t, f, "load of %v", va)
	return v
}

func TestSplitStoreChangesNothingWhereItsSecondPageFaults(t *testing.T) { // mmu-rules 10, 11
	w := newWorld(t, mmu.Options{})
	w.set(1, 0x10000|rw)
	f := w.m.Store64(page(2)-4, ^uint64(0))
	require.Equal(t, &x86.Fault{Vector: x86.VectorPF, Code: x86.PFWrite | x86.PFUser, Addr: page(2)}, f)
	require.Zero(t, w.load(page(2)-8), "the first page is as it was")
	w.set(2, 0x20000|ro)
	f = w.m.Store64(page(2)-4, ^uint64(0))
	require.Equal(t, x86.PFPresent|x86.PFWrite|x86.PFUser, f.Code)
	w.set(2, 0x20000|rw)
	require.Nil(t, w.m.Store64(page(2)-4, 0x1122334455667788))
	require.EqualValues(t, 0x55667788_00000000, w.load(page(2)-8))
	require.EqualValues(t, 0x11223344, w.load(page(2)))
	v, f := w.m.Load64(page(2) - 4)
	require.Nil(t, f)
	require.EqualValues(t, 0x1122334455667788, v)
}

func TestNonCanonicalAddressesRaiseGP(t *testing.T) { // rule 1
	w := newWorld(t, mmu.Options{})
	for _, va := range []x86.VirtAddr{0x0000_8000_0000_0000, 0xffff_7fff_ffff_ffff, 1 << 63} {
		_, f := w.m.Load8(va)
		require.Equal(t, &x86.Fault{Vector: x86.VectorGP}, f)
	}
	w.mem.Store64(0x1000+8*255, 0x2000|rw) // the last page below the hole
	w.mem.Store64(0x2000+8*511, 0x3000|rw)
	w.mem.Store64(0x3000+8*511, 0x4000|rw)
	w.set(511, 0x10000|rw)
	_, f := w.m.Load8(0x7fff_ffff_ffff)
	require.Nil(t, f)
	_, f = w.m.Load64(0x7fff_ffff_fffc)
	require.Equal(t, &x86.Fault{Vector: x86.VectorGP}, f, "the second page of the access is not canonical")
}

func TestStaleTranslationsLastUntilInvalidated(t *testing.T) { // rules 14, 16, 17
	for _, exact := range []bool{false, true} {
		w := newWorld(t, mmu.Options{Exact: exact})
		w.mem.Store64(0x10000, 1)
		w.mem.Store64(0x20000, 2)
		w.set(1, 0x10000|rw)
		require.EqualValues(t, 1, w.load(page(1)))
		w.set(1, 0x20000|rw)
		require.EqualValues(t, 1, w.load(page(1)), "the old translation")
		w.m.InvalidatePage(page(1) + 0x123)
		require.EqualValues(t, 2, w.load(page(1)), "the new one after INVLPG")
		w.set(1, 0)
		require.EqualValues(t, 2, w.load(page(1)))
		require.Nil(t, w.m.SetCR3(0x1000))
		_, f := w.m.Load64(page(1))
		require.Equal(t, x86.VectorPF, f.Vector, "after MOV CR3")
		w.set(1, 0x10000|rw)
		require.EqualValues(t, 1, w.load(page(1)), "an entry that was not present is never cached")
	}
}

func TestGlobalPagesSurviveCR3(t *testing.T) { // rules 15, 17, 18
	w := newWorld(t, mmu.Options{})
	w.mem.Store64(0x10000, 1)
	w.set(1, 0x10000|rw|glob)
	require.EqualValues(t, 1, w.load(page(1)))
	w.set(1, 0)
	require.Nil(t, w.m.SetCR3(0x1000))
	require.EqualValues(t, 1, w.load(page(1)))
	require.Nil(t, w.m.SetCR4(x86.CR4PAE))
	_, f := w.m.Load64(page(1))
	require.NotNil(t, f, "a change of CR4.PGE forgets them")
}

func TestRightsGrantedLaterWorkWithoutInvalidation(t *testing.T) { // rule 14: a permission miss walks again
	w := newWorld(t, mmu.Options{})
	w.set(1, 0x10000|ro)
	w.load(page(1))
	require.NotNil(t, w.m.Store8(page(1), 1))
	w.load(page(1))
	w.set(1, 0x10000|rw)
	require.Nil(t, w.m.Store8(page(1), 1))
}

func TestDirtyIsSetByTheFirstWriteThroughACleanTranslation(t *testing.T) { // rules 12, 13
	w := newWorld(t, mmu.Options{})
	w.set(1, 0x10000|rw)
	w.load(page(1))
	require.EqualValues(t, 0x10000|rw|x86.PTEAccessed, w.mem.Load64(pte(1)))
	require.Nil(t, w.m.Store8(page(1), 1))
	require.EqualValues(t, 0x10000|rw|x86.PTEAccessed|x86.PTEDirty, w.mem.Load64(pte(1)))
}

func TestAFaultSetsNoBitOfTheLeaf(t *testing.T) { // rule 12
	w := newWorld(t, mmu.Options{})
	w.set(1, 0x10000|ro)
	require.NotNil(t, w.m.Store8(page(1), 1))
	require.EqualValues(t, 0x10000|ro, w.mem.Load64(pte(1)))
	require.EqualValues(t, 0x2000|rw|x86.PTEAccessed, w.mem.Load64(0x1000))
}

func TestWriteProtectActsAtOnce(t *testing.T) { // rules 5, 19
	w := newWorld(t, mmu.Options{})
	w.set(1, 0x10000|ro)
	w.m.SetCPL(0)
	require.NotNil(t, w.m.Store8(page(1), 1))
	require.Nil(t, w.m.SetCR0(x86.CR0PE|x86.CR0PG))
	require.Nil(t, w.m.Store8(page(1), 1))
	require.Nil(t, w.m.SetCR0(x86.CR0PE|x86.CR0PG|x86.CR0WP))
	require.NotNil(t, w.m.Store8(page(1), 1))
}

func TestPrivilegeSwitchKeepsTranslationsApart(t *testing.T) { // rules 4, 6, 7
	w := newWorld(t, mmu.Options{})
	w.set(1, 0x10000|3) // supervisor
	w.m.SetCPL(0)
	w.load(page(1))
	w.m.SetCPL(3)
	_, f := w.m.Load64(page(1))
	require.Equal(t, x86.PFPresent|x86.PFUser, f.Code)
	require.Nil(t, w.m.SetCR4(x86.CR4PAE|x86.CR4SMEP|x86.CR4SMAP))
	w.set(2, 0x20000|rw)
	w.load(page(2))
	w.m.SetCPL(0)
	_, f = w.m.Load64(page(2))
	require.NotNil(t, f, "SMAP")
	w.m.SetAC(true)
	w.load(page(2))
	w.m.SetAC(false)
	_, f = w.m.Load64(page(2))
	require.NotNil(t, f, "AC acts at once")
	_, _, f = w.m.Fetch(page(2))
	require.Equal(t, x86.PFPresent|x86.PFFetch, f.Code, "SMEP")
}

func TestPCIDKeepsAddressSpacesApart(t *testing.T) { // rule 17
	w := newWorld(t, mmu.Options{})
	require.Nil(t, w.m.SetCR4(x86.CR4PAE|x86.CR4PCIDE))
	w.mem.Store64(0x10000, 1)
	w.set(1, 0x10000|rw)
	w.load(page(1))
	require.Nil(t, w.m.SetCR3(0x1001))
	w.set(1, 0)
	_, f := w.m.Load64(page(1))
	require.NotNil(t, f, "PCID 1 has no translation")
	require.Nil(t, w.m.SetCR3(1<<63|0x1000))
	require.EqualValues(t, 0x1000, w.m.CR3(), "bit 63 is not stored")
	require.EqualValues(t, 1, w.load(page(1)), "PCID 0 kept its own")
	require.Nil(t, w.m.SetCR3(0x1000))
	_, f = w.m.Load64(page(1))
	require.NotNil(t, f, "without bit 63 it is flushed")
}

func TestControlRegistersRefuse(t *testing.T) { // rules 17, 18, 19
	w := newWorld(t, mmu.Options{MaxPhysAddr: 40})
	gp := &x86.Fault{Vector: x86.VectorGP}
	for name, f := range map[string]func() *x86.Fault{
		"CR0.PG without PE":             func() *x86.Fault { return w.m.SetCR0(x86.CR0PG) },
		"CR0.NW without CD":             func() *x86.Fault { return w.m.SetCR0(w.m.CR0() | x86.CR0NW) },
		"CR0 above 31":                  func() *x86.Fault { return w.m.SetCR0(w.m.CR0() | 1<<32) },
		"CR3 above MAXPHYADDR":          func() *x86.Fault { return w.m.SetCR3(1 << 40) },
		"CR4 reserved":                  func() *x86.Fault { return w.m.SetCR4(w.m.CR4() | 1<<63) },
		"CR4.LA57":                      func() *x86.Fault { return w.m.SetCR4(w.m.CR4() | x86.CR4LA57) },
		"CR4.PAE cleared in long mode":  func() *x86.Fault { return w.m.SetCR4(0) },
		"EFER reserved":                 func() *x86.Fault { return w.m.SetEFER(w.m.EFER() | 1<<1) },
		"EFER.LME changed while paging": func() *x86.Fault { return w.m.SetEFER(x86.EFERNXE) },
	} {
		require.Equal(t, gp, f(), name)
	}
	require.Nil(t, w.m.SetCR3(0x1005))
	require.Equal(t, gp, w.m.SetCR4(w.m.CR4()|x86.CR4PCIDE), "PCIDE with a PCID in CR3")
	fresh := mmu.New(w.mem, mmu.Options{})
	require.Equal(t, gp, fresh.SetCR0(x86.CR0PE|x86.CR0PG), "paging without EFER.LME")
}

func TestStoreToCodeIsToldBeforeItHappens(t *testing.T) {
	w := newWorld(t, mmu.Options{})
	w.set(1, 0x10000|rw)
	w.set(2, 0x10000|rw) // the same frame again
	require.Nil(t, w.m.Store8(page(1), 1))
	require.Nil(t, w.m.Store8(page(2), 1))
	var told []x86.PhysAddr
	w.mem.OnCodeWrite = func(pa x86.PhysAddr) {
		told = append(told, pa)
		require.EqualValues(t, 1, w.mem.Frame(pa)[8], "the byte is still the old one")
	}
	w.mem.Frame(0x10000)[8] = 1
	w.m.MarkCode(0x10123)
	require.Nil(t, w.m.Store8(page(2)+8, 9))
	require.Equal(t, []x86.PhysAddr{0x10000}, told)
	require.Nil(t, w.m.Store8(page(1)+8, 10))
	require.Len(t, told, 1, "once a mark")
}

func TestFetchEpochFollowsWhatFetchesMayHaveUsed(t *testing.T) {
	w := newWorld(t, mmu.Options{})
	w.set(1, 0x10000|rw)
	w.set(2, 0x20000|rw|nx)
	_, _, f := w.m.Fetch(page(1))
	require.Nil(t, f)
	w.load(page(2))
	epoch := w.m.FetchEpoch()
	w.m.InvalidatePage(page(2))
	w.load(page(2))
	require.Equal(t, epoch, w.m.FetchEpoch(), "pages without execute do not matter")
	w.m.InvalidatePage(page(1))
	require.NotEqual(t, epoch, w.m.FetchEpoch())
	epoch = w.m.FetchEpoch()
	require.Nil(t, w.m.SetCR3(0x1000))
	require.NotEqual(t, epoch, w.m.FetchEpoch())
}

// TestTheCacheHoldsWhatTheTLBHolds runs more pages through a TLB of two entries: what falls out of it must walk again.
func TestTheCacheHoldsWhatTheTLBHolds(t *testing.T) {
	two := []tlb.Structure{{Sets: 1, Ways: 2, Holds: []tlb.Size{tlb.Size4K}}}
	w := newWorld(t, mmu.Options{TLB: tlb.New(tlb.Profile{Name: "two", L1I: two, L1D: two})})
	for n := 1; n <= 3; n++ {
		w.set(n, uint64(n)<<16|rw)
		w.mem.Store64(x86.PhysAddr(n)<<16, uint64(n))
	}
	w.load(page(1))
	w.load(page(2))
	w.set(1, 0)
	require.EqualValues(t, 1, w.load(page(1)), "still cached")
	w.load(page(3)) // evicts page 1, the least recently used as the TLB sees it
	_, f := w.m.Load64(page(1))
	require.NotNil(t, f)
}

func TestSpan(t *testing.T) {
	w := newWorld(t, mmu.Options{})
	w.set(1, 0x10000|ro)
	require.Len(t, w.m.Span(page(1)+0xff0, 100, x86.Read), 16, "to the end of the page")
	require.Len(t, w.m.Span(page(1), 100, x86.Read), 100)
	require.Nil(t, w.m.Span(page(1), 100, x86.Write))
	require.Nil(t, w.m.Span(page(2), 100, x86.Read))
	w.set(3, 0x30000|rw)
	w.m.MarkCode(0x30000)
	require.Nil(t, w.m.Span(page(3), 8, x86.Write), "stores to code are seen one by one")
}

func TestAddressesWithoutRAM(t *testing.T) {
	w := newWorld(t, mmu.Options{})
	w.set(1, 1<<30|rw)
	require.Equal(t, ^uint64(0), w.load(page(1)))
	require.Nil(t, w.m.Store64(page(1), 1))
	require.Equal(t, ^uint64(0), w.load(page(1)))
	require.Nil(t, w.m.Span(page(1), 8, x86.Read))
	frame, pa, f := w.m.Fetch(page(1) + 5)
	require.Nil(t, f)
	require.Nil(t, frame)
	require.EqualValues(t, 1<<30+5, pa)
}

func TestInspectHasNoEffect(t *testing.T) {
	w := newWorld(t, mmu.Options{})
	w.set(1, 0x10000|rw|nx)
	before := *w.m
	walk := w.m.Inspect(page(1) + 0x10)
	require.Equal(t, before.Counters, w.m.Counters)
	require.Equal(t, uint64(0x10000|rw|nx), w.mem.Load64(pte(1)))
	require.Equal(t, "PML4E[0x1000]=0x2007 PDPTE[0x2000]=0x3007 PDE[0x3000]=0x4007 PTE[0x4008]=0x8000000000010007 maps 0x10010 (4K, rw-u)",
		walk.String())
	require.Equal(t, "PML4E[0x1000]=0x2007 PDPTE[0x2000]=0x3007 PDE[0x3000]=0x4007 PTE[0x4010]=0x0 is not present",
		w.m.Inspect(page(2)).String())
}

func TestNothingIsAllocated(t *testing.T) {
	w := newWorld(t, mmu.Options{})
	w.set(1, 0x10000|rw)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		w.m.InvalidatePage(page(1))
		_, _ = w.m.Load64(page(1))
		_ = w.m.Store64(page(1), 1)
		_, _ = w.m.Load64(page(2) - 4) // a fault on the second page
		_, _, _ = w.m.Fetch(page(1))
	}))
}

// TestGenerationsWrap flushes more often than the host-pointer cache has generations: nothing old comes back.
func TestGenerationsWrap(t *testing.T) {
	w := newWorld(t, mmu.Options{})
	for n := range uint64(9000) {
		frame := 0x10000 + n%8<<12
		w.mem.Store64(x86.PhysAddr(frame), n)
		w.set(1, frame|rw)
		require.Nil(t, w.m.SetCR3(0x1000))
		require.Equal(t, n, w.load(page(1)))
		require.Nil(t, w.m.Store64(page(1)+8, n))
		require.Equal(t, n, w.mem.Load64(x86.PhysAddr(frame)+8))
	}
}
