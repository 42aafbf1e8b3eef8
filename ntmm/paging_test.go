package ntmm

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// disk is a file in memory whose reads and writes can fail.
type disk struct {
	data                []byte
	failRead, failWrite bool
	reads, writes       int
}

var errMedium = errors.New("medium error")

func (d *disk) ReadAt(b []byte, off int64) (int, error) {
	d.reads++
	if d.failRead {
		return 0, errMedium
	}
	if off >= int64(len(d.data)) {
		return 0, io.EOF
	}
	n := copy(b, d.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (d *disk) WriteAt(b []byte, off int64) (int, error) {
	d.writes++
	if d.failWrite {
		return 0, errMedium
	}
	if need := off + int64(len(b)); need > int64(len(d.data)) {
		d.data = append(d.data, make([]byte, need-int64(len(d.data)))...)
	}
	return copy(d.data[off:], b), nil
}

func (d *disk) Truncate(size int64) error {
	if size <= int64(len(d.data)) {
		d.data = d.data[:size]
		return nil
	}
	d.data = append(d.data, make([]byte, size-int64(len(d.data)))...)
	return nil
}

func (d *disk) Size() uint64 { return uint64(len(d.data)) }

// pageFileOf gives a world a page file of some pages, which may grow to more.
func (w *world) pageFile(pages, maximum uint64) *disk {
	d := &disk{}
	require.Equal(w.t, ntdef.STATUS_SUCCESS, w.m.AddPageFile(&PageFile{
		Name: `\??\C:\pagefile.sys`, Storage: d, Initial: pages << 12, Maximum: maximum << 12,
	}))
	return d
}

// fill writes a value of its own to every page of a range.
func (w *world) fill(base x86.VirtAddr, pages int) {
	w.t.Helper()
	for i := range pages {
		w.ok(base+x86.VirtAddr(i)<<12+8, x86.Write, byte(i*7+1))
	}
}

func (w *world) checkFilled(base x86.VirtAddr, pages int) {
	w.t.Helper()
	for i := range pages {
		require.Equal(w.t, byte(i*7+1), w.ok(base+x86.VirtAddr(i)<<12+8, x86.Read, 0), "page %d", i)
	}
}

func TestMoreMemoryThanRAM(t *testing.T) {
	w := newWorld(t, 64)
	d := w.pageFile(512, 512)
	base := w.must(0, 256<<12, commitNow, rw)
	w.fill(base, 256)
	w.checkFilled(base, 256)
	c := w.m.Counters()
	require.NoError(t, w.m.verify())
	require.Greater(t, c.PageFileFaults, uint64(20))
	require.Greater(t, c.PagesOutput, uint64(190))
	require.Less(t, c.PageWrites, c.PagesOutput/8, "writes are clustered")
	require.EqualValues(t, d.reads, c.PageReads)
	require.EqualValues(t, d.writes, c.PageWrites)
	require.Equal(t, c.PageFaults, c.DemandZeroFaults+c.TransitionFaults+c.PageFileFaults)

	require.Equal(t, ntdef.STATUS_SUCCESS, w.free(base, 0, ntdef.MEM_RELEASE))
	require.Zero(t, w.m.Counters().PageFilePagesUsed, "the page file's pages are freed with the memory")
	require.NoError(t, w.m.verify())
}

func TestReadAheadBringsNeighbours(t *testing.T) {
	w := newWorld(t, 256)
	w.pageFile(512, 512)
	base := w.must(0, 64<<12, commitNow, rw)
	w.fill(base, 64)
	w.as.EmptyWorkingSet()
	for w.m.writeModified() {
	}
	for frame := w.m.repurposeAny(); frame != 0; frame = w.m.repurposeAny() {
		w.m.pfns.entry(frame).original = 0
		w.m.freeFrame(frame)
	}
	before := w.m.Counters()
	w.checkFilled(base, 64)
	c := w.m.Counters()
	require.EqualValues(t, 8, c.PageFileFaults-before.PageFileFaults)
	require.EqualValues(t, 56, c.TransitionFaults-before.TransitionFaults)
	require.EqualValues(t, 64, c.PagesInput-before.PagesInput)
	require.NoError(t, w.m.verify())
}

func TestTransitionFaultsAreSoft(t *testing.T) {
	w := newWorld(t, 256)
	d := w.pageFile(512, 512)
	base := w.must(0, 16<<12, commitNow, rw)
	w.fill(base, 16)
	w.as.EmptyWorkingSet()
	require.Zero(t, w.as.WorkingSet().Size)
	require.EqualValues(t, 16, w.m.Counters().ModifiedPages)
	require.NoError(t, w.m.verify())
	w.checkFilled(base, 16)
	c := w.m.Counters()
	require.EqualValues(t, 16, c.TransitionFaults)
	require.Zero(t, c.ModifiedPages)
	require.Zero(t, d.reads+d.writes)
}

func TestPagesThatOnlyWereReadNeedNoPageFile(t *testing.T) {
	w := newWorld(t, 64)
	w.m.commit.limit = 1000
	base := w.must(0, 500<<12, commitNow, rw)
	for i := range x86.VirtAddr(500) {
		require.Zero(t, w.ok(base+i<<12, x86.Read, 0))
	}
	require.NoError(t, w.m.verify())
	require.Positive(t, w.m.Counters().TransitionRepurposed)
}

func TestPageFileReadErrorIsAnInPageErrorAndLosesNothing(t *testing.T) {
	w := newWorld(t, 64)
	d := w.pageFile(512, 512)
	base := w.must(0, 200<<12, commitNow, rw)
	w.fill(base, 200)
	_, e := w.as.pte(base)
	require.True(t, isPageFile(e), "the first page was pushed out")
	d.failRead = true
	_, r := w.access(base+8, x86.Read, 0)
	require.Equal(t, Resolution{
		Status: ntdef.STATUS_IN_PAGE_ERROR, Kind: InPageError, NumParams: 3,
		Params: [3]uint64{0, uint64(base) + 8, uint64(ntdef.STATUS_UNSUCCESSFUL)},
	}, r)
	require.NoError(t, w.m.verify())
	d.failRead = false
	w.checkFilled(base, 200)
}

func TestPageFileWriteErrorLeavesThePagesInMemory(t *testing.T) {
	w := newWorld(t, 64)
	d := w.pageFile(512, 512)
	d.failWrite = true
	base := w.must(0, 200<<12, commitNow, rw)
	n := 0
	for ; ; n++ {
		if _, r := w.access(base+x86.VirtAddr(n)<<12+8, x86.Write, byte(n*7+1)); r.Status != ntdef.STATUS_SUCCESS {
			require.Equal(t, ntdef.STATUS_NO_MEMORY, r.Status)
			break
		}
	}
	require.EqualValues(t, 1, w.m.PageFiles()[0].WriteFails)
	require.NoError(t, w.m.verify())
	w.checkFilled(base, n)
}

func TestPageFileGrowsWithTheCommit(t *testing.T) {
	w := newWorld(t, 64)
	w.pageFile(16, 1000)
	require.EqualValues(t, 63+16, w.m.Counters().CommitLimit)
	base := w.must(0, 300<<12, commitNow, rw)
	c := w.m.Counters()
	require.GreaterOrEqual(t, c.CommitLimit, c.CommittedPages)
	require.Less(t, c.PageFilePages, uint64(1000))
	w.fill(base, 300)
	w.checkFilled(base, 300)
	_, st := w.allocate(0, 1000<<12, commitNow, rw)
	require.Equal(t, ntdef.STATUS_COMMITMENT_LIMIT, st, "not beyond the maximum")
	require.NoError(t, w.m.verify())
}

// TestRAMAndPageFileHoldAllThatWasPromised fills the commit to its limit and goes through it in both directions.
func TestRAMAndPageFileHoldAllThatWasPromised(t *testing.T) {
	w := newWorld(t, 64)
	w.pageFile(128, 128)
	pages := int(w.m.Counters().CommitLimit-w.m.Counters().CommittedPages) - 8 // tables, and a page to move through
	base := w.must(0, uint64(pages)<<12, commitNow, rw)
	w.fill(base, pages)
	for range 3 {
		w.checkFilled(base, pages)
		w.fill(base, pages)
		for i := pages - 1; i >= 0; i-- {
			require.Equal(t, byte(i*7+1), w.ok(base+x86.VirtAddr(i)<<12+8, x86.Read, 0))
		}
	}
	require.NoError(t, w.m.verify())
}

func TestHardMaximumHolds(t *testing.T) {
	w := newWorld(t, 256)
	w.pageFile(512, 512)
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.SetWorkingSet(20, 30, false, true))
	base := w.must(0, 100<<12, commitNow, rw)
	w.fill(base, 100)
	w.checkFilled(base, 100)
	require.LessOrEqual(t, w.as.WorkingSet().Peak, uint64(30))
	require.NoError(t, w.m.verify())
}

func TestLockedPagesStay(t *testing.T) {
	w := newWorld(t, 64)
	w.pageFile(512, 512)
	base := w.must(0, 256<<12, commitNow, rw)
	lock := Request{Base: base + 0x1234, Size: 0x2000}
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.Lock(&lock))
	require.Equal(t, Request{Base: base + 0x1000, Size: 0x3000}, lock)
	w.fill(base, 256)
	for i := range x86.VirtAddr(3) {
		_, e := w.as.pte(base + 0x1000 + i<<12)
		require.NotZero(t, e&x86.PTEPresent)
	}
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.Unlock(&lock))
	require.Equal(t, ntdef.STATUS_NOT_LOCKED, w.as.Unlock(&lock))
	require.Equal(t, ntdef.STATUS_WORKING_SET_QUOTA, w.as.Lock(&Request{Base: base, Size: 60 << 12}))
	_, st := w.protect(base, 0x1000, rw|ntdef.PAGE_GUARD)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_GUARD_PAGE_VIOLATION, w.as.Lock(&Request{Base: base, Size: 1}))
	require.NoError(t, w.m.verify())
}

func TestTickZeroesAgesAndTrims(t *testing.T) {
	w := newWorld(t, 512)
	w.pageFile(512, 512)
	base := w.must(0, 480<<12, commitNow, rw)
	w.fill(base, 480)
	require.Equal(t, ntdef.STATUS_SUCCESS, w.free(base, 8<<12, ntdef.MEM_DECOMMIT))
	c := w.m.Counters()
	require.EqualValues(t, 8, c.FreePages)
	w.m.Tick(zeroInterval)
	require.Zero(t, w.m.Counters().FreePages)
	require.EqualValues(t, c.ZeroedPages+8, w.m.Counters().ZeroedPages)
	for i := range uint64(4) {
		w.m.Tick(balanceInterval * (i + 2))
		require.NoError(t, w.m.verify())
	}
	got := w.m.Counters()
	require.GreaterOrEqual(t, got.AvailablePages()+got.ModifiedPages, uint64(512/trimmingWhenLess))
	for i := 8; i < 480; i++ {
		require.Equal(t, byte(i*7+1), w.ok(base+x86.VirtAddr(i)<<12+8, x86.Read, 0))
	}
}
