package ntmm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

func TestIdenticalPagesAreCombined(t *testing.T) {
	w := newWorld(t, 256)
	base := w.must(0, 8<<12, commitNow, rw)
	page := func(n x86.VirtAddr) x86.VirtAddr { return base + n<<12 }
	for i, seed := range []uint64{1, 2, 1, 1, 3, 2} {
		w.writePage(page(x86.VirtAddr(i)), seed, 4000)
	}
	before := w.m.Counters()
	require.EqualValues(t, 3, w.m.Combine())
	require.NoError(t, w.m.verify())
	require.Zero(t, w.m.Combine(), "once")
	c := w.m.Counters()
	require.EqualValues(t, 2, c.CombinedPages)
	require.EqualValues(t, 5, c.CombinedMappings)
	require.Equal(t, before.AvailablePages()+3, c.AvailablePages())
	require.Equal(t, before.CommittedPages, c.CommittedPages, "all of them stay charged")
	require.Equal(t, rw, w.query(base).Protect)
	require.True(t, w.as.Page(page(0)).Shared)
	require.EqualValues(t, 3, w.as.Page(page(0)).Share)
	require.Equal(t, w.as.Page(page(0)).PFN, w.as.Page(page(3)).PFN)

	// A write makes a page private again and changes nobody else's.
	w.ok(page(2)+5, x86.Write, 0x77)
	require.EqualValues(t, 0x77, w.ok(page(2)+5, x86.Read, 0))
	require.Equal(t, w.readPage(page(0)), w.readPage(page(3)))
	require.NotEqual(t, byte(0x77), w.readPage(page(0))[5])
	c = w.m.Counters()
	require.EqualValues(t, 1, c.WriteCopies-before.WriteCopies)
	require.Equal(t, before.CommittedPages, c.CommittedPages)
	require.False(t, w.as.Page(page(2)).Shared)

	// The last one gone, the combined page goes.
	w.ok(page(0), x86.Write, 1)
	w.ok(page(3), x86.Write, 1)
	require.EqualValues(t, 1, w.m.Counters().CombinedPages)
	require.Equal(t, success, w.free(base, 0, ntdef.MEM_RELEASE))
	c = w.m.Counters()
	require.Zero(t, c.CombinedPages+c.CombinedMappings)
	require.NoError(t, w.m.verify())
}

// TestCombinedPTEs has the formats that the page tables show.
func TestCombinedPTEs(t *testing.T) {
	w := newWorld(t, 256)
	base := w.must(0, 2<<12, commitNow, rw)
	w.writePage(base, 1, 100)
	w.writePage(base+0x1000, 1, 100)
	w.m.Combine()
	_, e := w.as.pte(base)
	require.Equal(t, pteCopyOnWrite, e&(pteCopyOnWrite|x86.PTEWrite|pteSoftWrite), "for reading, until it is written")
	require.Equal(t, codeReadWrite, codeOf(e))
	w.as.EmptyWorkingSet()
	_, e = w.as.pte(base)
	require.Equal(t, ptePrototype|pteCombined|softPTE(codeReadWrite), e, "Prototype, Combined, ProtoAddress")
	require.NoError(t, w.m.verify())
	w.ok(base, x86.Write, 3)
	w.ok(base+0x1000, x86.Read, 0)
	require.EqualValues(t, 1, w.m.Counters().WriteCopies)
	require.NoError(t, w.m.verify())
}

func TestPagesAreCombinedAcrossProcesses(t *testing.T) {
	w := newWorld(t, 256)
	w.pageFile(512, 512)
	one := w.as
	base := w.must(0, 1<<16, commitNow, rw)
	want := w.writePage(base, 7, 4096)
	other, st := w.m.NewAddressSpace(Layout{low, 0x7ffffffeffff})
	require.Equal(t, success, st)
	w.as = other
	require.Nil(t, w.as.Activate())
	there := w.must(0x40000000, 1<<16, commitNow, ntdef.PAGE_EXECUTE_READWRITE)
	w.writePage(there, 7, 4096)
	require.EqualValues(t, 1, w.m.Combine())

	// Out to the page file and back, from both.
	w.m.EmptyWorkingSets()
	w.m.FlushModified()
	w.m.PurgeStandby(7)
	require.NoError(t, w.m.verify())
	require.EqualValues(t, 1, w.m.Counters().PagesOutput, "one page for both")
	require.Equal(t, want, w.readPage(there))
	w.as = one
	require.Nil(t, w.as.Activate())
	require.Equal(t, want, w.readPage(base))
	c := w.m.Counters()
	require.EqualValues(t, 1, c.PageFileFaults)
	require.EqualValues(t, 1, c.TransitionFaults)
	w.ok(base, x86.Write, ^want[0])
	w.as = other
	require.Nil(t, w.as.Activate())
	require.Equal(t, want, w.readPage(there))
	w.as = one
	require.Nil(t, w.as.Activate())
	other.Delete()
	require.Zero(t, w.m.Counters().CombinedPages)
	require.Zero(t, w.m.Counters().PageFilePagesUsed)
	require.NoError(t, w.m.verify())
}

func TestServicesOnCombinedPages(t *testing.T) {
	w := newWorld(t, 256)
	w.pageFile(512, 512)
	base := w.must(0, 8<<12, commitNow, rw)
	combine := func() {
		for i := range x86.VirtAddr(8) {
			w.writePage(base+i<<12, 9, 64)
		}
		require.EqualValues(t, 7, w.m.Combine())
	}
	same := func() {
		t.Helper()
		require.NoError(t, w.m.verify())
		want := w.readPage(base + 0x7000)
		for i := range x86.VirtAddr(7) {
			require.Equal(t, want, w.readPage(base+i<<12))
		}
	}
	combine()
	for _, p := range []uint32{ntdef.PAGE_READONLY, ntdef.PAGE_EXECUTE_READWRITE, ntdef.PAGE_NOACCESS, rw | ntdef.PAGE_GUARD, rw} {
		_, st := w.protect(base, 0x2000, p)
		require.Equal(t, success, st)
		require.NoError(t, w.m.verify())
	}
	same()
	require.Equal(t, success, w.as.Lock(&Request{Base: base, Size: 0x1000}))
	w.ok(base, x86.Write, 1)
	require.EqualValues(t, 1, w.as.WorkingSet().Locked, "the copy is locked as the page was")
	require.Equal(t, success, w.as.Unlock(&Request{Base: base, Size: 0x1000}))
	combine()
	r := Request{Base: base, Size: 8 << 12}
	_, st := w.allocate(base, 8<<12, ntdef.MEM_RESET, rw)
	require.Equal(t, success, st)
	require.Equal(t, success, w.as.Offer(&r, 1))
	require.Equal(t, success, w.as.Reclaim(&r))
	same()
	require.Equal(t, success, w.as.Discard(&Request{Base: base, Size: 0x1000}))
	w.as.EmptyWorkingSet()
	require.Equal(t, success, w.as.Discard(&Request{Base: base + 0x1000, Size: 0x1000}))
	require.Equal(t, success, w.free(base+0x2000, 0x1000, ntdef.MEM_DECOMMIT))
	require.NoError(t, w.m.verify())
	require.Zero(t, w.ok(base, x86.Read, 0)+w.ok(base+0x1000, x86.Read, 0))
	w.violates(base+0x2000, x86.Read)
	require.EqualValues(t, 5, w.m.Counters().CombinedMappings)
	w.as.Prefetch(base, base+8<<12)
	require.True(t, w.as.Page(base+0x4000).Valid)
	require.NoError(t, w.m.verify())
}

// TestTicksCombineWhatIsNotUsed has the balance-set manager combine where memory is short, and leave pages in use alone.
func TestTicksCombineWhatIsNotUsed(t *testing.T) {
	w := newWorldOf(t, 256, Config{Combine: true})
	w.pageFile(512, 512)
	base := w.must(0, 150<<12, commitNow, rw)
	for i := range x86.VirtAddr(150) {
		w.writePage(base+i<<12, uint64(i/2), 64)
	}
	w.m.Tick(2 * balanceInterval)
	require.Zero(t, w.m.Counters().PagesCombined, "every page was just used")
	for i := range x86.VirtAddr(20) {
		w.ok(base+i<<12, x86.Read, 0)
	}
	w.m.Tick(4 * balanceInterval)
	require.EqualValues(t, 65, w.m.Counters().PagesCombined)
	require.NoError(t, w.m.verify())
}
