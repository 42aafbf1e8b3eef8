package ntmm

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// writePage fills a page with bytes of which a number are noise, and returns them.
func (w *world) writePage(va x86.VirtAddr, seed uint64, noise int) []byte {
	w.t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	b := make([]byte, x86.PageSize)
	for i := range noise {
		b[i] = byte(r.Uint32())
	}
	binary.LittleEndian.PutUint64(b[4088:], seed)
	w.ok(va, x86.Write, 0)
	require.Nil(w.t, w.mmu.Write(va, b))
	return b
}

func (w *world) readPage(va x86.VirtAddr) []byte {
	w.t.Helper()
	w.ok(va, x86.Read, 0)
	b := make([]byte, x86.PageSize)
	require.Nil(w.t, w.mmu.Read(va, b))
	return b
}

func TestCompressionHoldsMoreThanRAM(t *testing.T) {
	w := newWorldOf(t, 64, Config{Compress: true})
	w.m.commit.limit = 1000 // what does not fit would be lost
	base := w.must(0, 200<<12, commitNow, rw)
	w.fill(base, 200)
	require.NoError(t, w.m.verify())
	c := w.m.Counters()
	require.Greater(t, c.StorePages, uint64(150))
	require.Less(t, c.StoreFrames, uint64(8), "each page is a few dozen bytes")
	require.Equal(t, c.PhysicalPages, c.ActivePages+c.AvailablePages()+c.ModifiedPages)
	w.checkFilled(base, 200)
	c = w.m.Counters()
	require.Greater(t, c.CompressedFaults, uint64(100))
	require.Equal(t, c.PageFaults, c.DemandZeroFaults+c.TransitionFaults+c.CompressedFaults)
	require.Equal(t, c.PagesDecompressed, c.CompressedFaults)
	require.Zero(t, c.PageReads+c.PageWrites+c.NoMemoryFaults)
	require.Equal(t, success, w.free(base, 0, ntdef.MEM_RELEASE))
	c = w.m.Counters()
	require.Zero(t, c.StorePages+c.StoreFrames+c.StoreBytes, "the store's frames are freed with the memory")
	require.NoError(t, w.m.verify())
}

func TestIncompressiblePagesGoToThePageFile(t *testing.T) {
	w := newWorldOf(t, 64, Config{Compress: true})
	w.pageFile(512, 512)
	base := w.must(0, 100<<12, commitNow, rw)
	want := map[x86.VirtAddr][]byte{}
	for i := range x86.VirtAddr(100) {
		want[base+i<<12] = w.writePage(base+i<<12, uint64(i), 4096)
	}
	c := w.m.Counters()
	require.Greater(t, c.PagesIncompressible, uint64(40))
	require.Equal(t, c.PagesIncompressible, c.PagesOutput+w.m.pfns.lists[listModifiedRaw].n)
	require.Zero(t, c.PagesCompressed)
	for va, b := range want {
		require.Equal(t, b, w.readPage(va))
	}
	require.NoError(t, w.m.verify())
}

// Without a page file, pages that cannot be compressed are not trimmed in vain.
func TestWhatCannotBeSavedStaysInTheWorkingSet(t *testing.T) {
	w := newWorldOf(t, 128, Config{Compress: true})
	w.m.commit.limit = 1000
	base := w.must(0, 300<<12, commitNow, rw)
	n := x86.VirtAddr(0)
	for ; ; n++ {
		if _, r := w.access(base+n<<12, x86.Write, 1); r.Status != success {
			require.Equal(t, ntdef.STATUS_NO_MEMORY, r.Status)
			break
		}
		w.writePage(base+n<<12, uint64(n), 4096)
	}
	require.Greater(t, n, x86.VirtAddr(100))
	require.Greater(t, w.as.WorkingSet().Size, uint64(60))
	require.LessOrEqual(t, w.m.pfns.lists[listModifiedRaw].n, uint64(3*cluster))
	require.NoError(t, w.m.verify())
}

// TestStoreGoesOnToThePageFile fills the store with pages that save a third, so that it has to give the oldest up.
func TestStoreGoesOnToThePageFile(t *testing.T) {
	w := newWorldOf(t, 64, Config{Compress: true})
	d := w.pageFile(512, 512)
	base := w.must(0, 200<<12, commitNow, rw)
	want := map[x86.VirtAddr][]byte{}
	for i := range x86.VirtAddr(200) {
		want[base+i<<12] = w.writePage(base+i<<12, uint64(i), 2500)
	}
	c := w.m.Counters()
	require.NoError(t, w.m.verify())
	require.LessOrEqual(t, c.StoreFrames, uint64(32), "half of RAM")
	require.Greater(t, c.StorePages, c.StoreFrames)
	require.Positive(t, c.StorePagesOutput)
	require.Equal(t, c.PagesOutput, c.StorePagesOutput)
	require.EqualValues(t, d.writes, c.PageWrites)
	for i := range x86.VirtAddr(200) {
		require.Equal(t, want[base+i<<12], w.readPage(base+i<<12), "page %d", i)
	}
	c = w.m.Counters()
	require.Equal(t, c.PageReads, c.PageFileFaults)
	require.LessOrEqual(t, c.PagesDecompressed+c.StorePagesOutput+c.StorePages, c.PagesCompressed)
	require.NoError(t, w.m.verify())
}

// TestRAMAndPageFileHoldAllWithAStore is TestRAMAndPageFileHoldAllThatWasPromised with pages that compress by little, by much and not at all.
func TestRAMAndPageFileHoldAllWithAStore(t *testing.T) {
	w := newWorldOf(t, 64, Config{Compress: true})
	w.pageFile(128, 128)
	pages := int(w.m.Counters().CommitLimit-w.m.Counters().CommittedPages) - 8 // tables, and pages to move through
	base := w.must(0, uint64(pages)<<12, commitNow, rw)
	r := rand.New(rand.NewPCG(5, 5))
	want := make([][]byte, pages)
	for round := range 4 {
		for i := range pages {
			if round > 0 {
				require.Equal(t, want[i], w.readPage(base+x86.VirtAddr(i)<<12), "page %d", i)
			}
			want[i] = w.writePage(base+x86.VirtAddr(i)<<12, r.Uint64(), []int{0, 1000, 2000, 2900, 4096}[r.IntN(5)])
		}
		require.NoError(t, w.m.verify())
	}
	for i := pages - 1; i >= 0; i-- {
		require.Equal(t, want[i], w.readPage(base+x86.VirtAddr(i)<<12), "page %d", i)
	}
	c := w.m.Counters()
	require.Positive(t, c.StorePagesOutput)
	require.Positive(t, c.PagesIncompressible)
	require.Zero(t, c.NoMemoryFaults)
}

func TestStandbyPageLeavesTheStoreWhenItComesBack(t *testing.T) {
	w := newWorldOf(t, 256, Config{Compress: true})
	base := w.must(0, 16<<12, commitNow, rw)
	w.fill(base, 16)
	w.as.EmptyWorkingSet()
	w.m.FlushModified()
	c := w.m.Counters()
	require.EqualValues(t, 16, c.StorePages)
	require.EqualValues(t, 16, c.StandbyPages[normalPriority], "on standby the page is in memory too")
	w.checkFilled(base, 16)
	c = w.m.Counters()
	require.EqualValues(t, 16, c.TransitionFaults)
	require.Zero(t, c.StorePages+c.StoreFrames)
	require.NoError(t, w.m.verify())
}

// TestStoreAgainstAModel puts pages of all sizes in and takes them out in random order: holes are closed, nothing is mixed up.
func TestStoreAgainstAModel(t *testing.T) {
	w := newWorldOf(t, 512, Config{Compress: true})
	w.m.commit.limit = 10_000
	const pages = 600
	base := w.must(0, pages<<12, commitNow, rw)
	r := rand.New(rand.NewPCG(9, 9))
	want := make([][]byte, pages)
	for i := range want {
		want[i] = w.writePage(base+x86.VirtAddr(i)<<12, uint64(i), r.IntN(2200))
	}
	for step := range 3000 {
		i := r.IntN(pages)
		va := base + x86.VirtAddr(i)<<12
		switch r.IntN(3) {
		case 0:
			want[i] = w.writePage(va, uint64(step), r.IntN(2200))
		case 1:
			require.Equal(t, want[i], w.readPage(va))
		default:
			w.as.RemoveFromWorkingSet(va, va+x86.PageSize)
		}
		if step%100 == 0 {
			require.NoError(t, w.m.verify())
			s := &w.m.store
			require.LessOrEqual(t, s.frames<<12, s.live*4/3+s.live/4+6*x86.PageSize)
		}
	}
}
