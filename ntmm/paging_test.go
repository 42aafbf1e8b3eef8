package ntmm

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/physmem"
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

// A player runs one sequence of services and touches from two processes and notes everything that a guest can see.
type player struct {
	*world
	rng    *rand.Rand
	spaces [2]*AddressSpace
	file   *FileSections
	anon   *Section
	data   *Section
	log    []string
}

func newPlayer(t testing.TB, seed, frames uint64) *player {
	mem, err := physmem.New(frames * x86.PageSize)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, mem.Close()) })
	w := &world{t: t, mem: mem, mmu: mmu.New(mem, mmu.Options{})}
	w.m, err = NewManager(Config{Memory: mem, MMU: w.mmu})
	require.NoError(t, err)
	w.pageFile(2048, 4096)
	p := &player{world: w, rng: rand.New(rand.NewPCG(seed, 11))}
	for i := range p.spaces {
		var st ntdef.Status
		p.spaces[i], st = w.m.NewAddressSpace(Layout{low, 0x7ffffffeffff})
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
	}
	for _, f := range []*x86.Fault{
		w.mmu.SetCR3(uint64(p.spaces[0].CR3())), w.mmu.SetCR4(x86.CR4PAE | x86.CR4SMEP),
		w.mmu.SetEFER(x86.EFERLME | x86.EFERNXE), w.mmu.SetCR0(x86.CR0PE | x86.CR0PG | x86.CR0WP),
		w.mmu.SetCR4(x86.CR4PAE | x86.CR4SMEP | x86.CR4PCIDE),
	} {
		require.Nil(t, f)
	}
	w.mmu.SetCPL(3)
	d := &disk{}
	for i := range 40<<12 - 100 {
		d.data = append(d.data, byte(i>>12+i))
	}
	p.file = &FileSections{Name: "data.bin", File: d}
	var st ntdef.Status
	p.data, st = w.m.NewSection(p.file, 0, rw, ntdef.SEC_COMMIT)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	p.anon, st = w.m.NewSection(nil, 40<<12, ntdef.PAGE_EXECUTE_READWRITE, ntdef.SEC_RESERVE)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	return p
}

// The places that the player works in: one page table's worth, so that the tables leave room in 64 frames.
const (
	playBase  = x86.VirtAddr(0x10000000)
	playSlots = 4
	slotSize  = 0x40000
)

func (p *player) note(format string, args ...any) {
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

func (p *player) step() {
	r := p.rng
	p.as = p.spaces[r.IntN(2)]
	require.Nil(p.t, p.as.Activate())
	slot := playBase + x86.VirtAddr(r.IntN(playSlots))*slotSize
	va := slot + x86.VirtAddr(r.IntN(40))<<12
	n := uint64(1+r.IntN(10)) << 12
	protect := []uint32{rw, rw, rw, ntdef.PAGE_READONLY, ntdef.PAGE_NOACCESS, rw | ntdef.PAGE_GUARD, ntdef.PAGE_WRITECOPY}[r.IntN(7)]
	switch op := r.IntN(40); op {
	case 0, 1:
		_, st := p.allocate(slot, 40<<12, commitNow, rw)
		p.note("reserve %v %v", slot, st)
	case 2:
		p.note("release %v", p.free(slot, 0, ntdef.MEM_RELEASE))
	case 3:
		p.note("decommit %v", p.free(va, n, ntdef.MEM_DECOMMIT))
	case 4:
		_, st := p.allocate(va, n, ntdef.MEM_COMMIT, rw)
		p.note("commit %v", st)
	case 5, 6:
		old, st := p.protect(va, n, protect)
		p.note("protect %#x %v", old, st)
	case 7, 8:
		v := View{Base: slot, Protect: []uint32{0, rw, ntdef.PAGE_WRITECOPY, ntdef.PAGE_READONLY}[r.IntN(4)], CommitSize: n}
		s := p.anon
		if op == 7 {
			s, v.CommitSize = p.data, 0
		}
		p.note("map %v %v", v.Protect, p.as.MapView(s, &v))
	case 9:
		p.note("unmap %v", p.as.UnmapView(va))
	case 10:
		p.as.EmptyWorkingSet()
	case 11:
		fr := Request{Base: slot}
		p.note("flush %v", p.as.Flush(&fr))
	case 12:
		b := make([]byte, 9000)
		_, err := p.m.ReadFile(p.file, b, uint64(r.IntN(37<<12)))
		require.NoError(p.t, err)
		sum := 0
		for i, c := range b {
			sum += int(c) * (i + 1)
		}
		p.note("read %d", sum)
	case 13:
		b := make([]byte, r.IntN(9000))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		_, err := p.m.WriteFile(p.file, b, uint64(r.IntN(37<<12)))
		require.NoError(p.t, err)
	case 14:
		info := p.query(va)
		p.note("query %v", info)
	case 16:
		p.note("discard %v", p.as.Discard(&Request{Base: va, Size: n}))
	case 17:
		_, st := p.allocate(slot, 40<<12, commitNow|ntdef.MEM_WRITE_WATCH, rw)
		p.note("reserve watched %v", st)
	case 18:
		pages, st := p.as.WriteWatch(&Request{Base: va, Size: n}, 5, r.IntN(2) == 0)
		p.note("written %v %v", pages, st)
	case 15:
		p.m.Tick(uint64(len(p.log)) * balanceInterval / 8)
	default:
		for range 6 {
			a := []x86.Access{x86.Read, x86.Read, x86.Write}[r.IntN(3)]
			got, res := p.access(va+x86.VirtAddr(r.IntN(4096)), a, byte(r.Uint32()))
			p.note("%v %v %d %v", a, va, got, res.Status)
			va = slot + x86.VirtAddr(r.IntN(40))<<12
		}
	}
}

func play(t testing.TB, seed, frames uint64, steps int) ([]string, Counters) {
	p := newPlayer(t, seed, frames)
	for i := range steps {
		p.step()
		require.NoError(t, p.m.verify(), "seed %d step %d: %v", seed, i, p.log[max(0, len(p.log)-3):])
	}
	return p.log, p.m.Counters()
}

// FuzzPaging compares what two processes see on a machine with plenty of RAM and on one of 64 frames with a page file.
func FuzzPaging(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		ample, _ := play(t, seed, 4096, 300)
		tight, _ := play(t, seed, 64, 300)
		require.Equal(t, ample, tight)
	})
}

func TestPagingChangesNothingThatAGuestSees(t *testing.T) {
	n := uint64(60)
	if testing.Short() {
		n = 8
	}
	var hard, moved uint64
	for seed := range n {
		ample, rich := play(t, seed, 4096, 250)
		tight, poor := play(t, seed, 64, 250)
		require.Equal(t, ample, tight, "seed %d", seed)
		require.Zero(t, rich.PageFileFaults, "plenty of RAM pages nothing out")
		hard += poor.PageFileFaults
		moved += poor.PagesOutput
	}
	require.Greater(t, hard, n, "the small machine reads its page file")
	require.Greater(t, moved, n)
}
