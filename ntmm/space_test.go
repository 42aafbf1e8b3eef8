package ntmm

import (
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/x86"
)

// world is a machine in user mode with one empty address space.
type world struct {
	t      testing.TB
	mem    *physmem.Memory
	mmu    *mmu.MMU
	m      *Manager
	as     *AddressSpace
	events []FaultEvent
}

const (
	commitNow = ntdef.MEM_RESERVE | ntdef.MEM_COMMIT
	rw        = ntdef.PAGE_READWRITE
	low       = x86.VirtAddr(0x10000)
)

func newWorld(t testing.TB, frames uint64) *world { return newWorldOf(t, frames, Config{}) }

// newWorldOf is newWorld with the options of a Config.
func newWorldOf(t testing.TB, frames uint64, c Config) *world {
	mem, err := physmem.New(frames * x86.PageSize)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, mem.Close()) })
	w := &world{t: t, mem: mem, mmu: mmu.New(mem, mmu.Options{})}
	c.Memory, c.MMU = mem, w.mmu
	c.Hooks = &Hooks{Fault: func(e *FaultEvent) { w.events = append(w.events, *e) }}
	w.m, err = NewManager(c)
	require.NoError(t, err)
	var st ntdef.Status
	w.as, st = w.m.NewAddressSpace(Layout{low, 0x7ffffffeffff})
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	for _, f := range []*x86.Fault{
		w.mmu.SetCR3(uint64(w.as.CR3())), w.mmu.SetCR4(x86.CR4PAE | x86.CR4SMEP), w.mmu.SetEFER(x86.EFERLME | x86.EFERNXE),
		w.mmu.SetCR0(x86.CR0PE | x86.CR0PG | x86.CR0WP),
	} {
		require.Nil(t, f)
	}
	w.mmu.SetCPL(3)
	return w
}

func (w *world) allocate(base x86.VirtAddr, size uint64, typ, protect uint32) (x86.VirtAddr, ntdef.Status) {
	r := Request{Base: base, Size: size, Type: typ, Protect: protect}
	st := w.as.Allocate(&r)
	return r.Base, st
}

func (w *world) must(base x86.VirtAddr, size uint64, typ, protect uint32) x86.VirtAddr {
	w.t.Helper()
	base, st := w.allocate(base, size, typ, protect)
	require.Equal(w.t, ntdef.STATUS_SUCCESS, st)
	return base
}

func (w *world) protect(base x86.VirtAddr, size uint64, protect uint32) (uint32, ntdef.Status) {
	r := Request{Base: base, Size: size, Protect: protect}
	return w.as.Protect(&r)
}

func (w *world) free(base x86.VirtAddr, size uint64, typ uint32) ntdef.Status {
	return w.as.Free(&Request{Base: base, Size: size, Type: typ})
}

// access makes one access as a user program would, faults resolved, and returns the byte or the exception.
func (w *world) access(va x86.VirtAddr, a x86.Access, v byte) (byte, Resolution) {
	for range 4 {
		var got byte
		var f *x86.Fault
		switch a {
		case x86.Read:
			got, f = w.mmu.Load8(va)
		case x86.Write:
			f = w.mmu.Store8(va, v)
		default:
			_, _, f = w.mmu.Fetch(va)
		}
		if f == nil {
			return got, Resolution{}
		}
		if r := w.as.Fault(f, UserMode); r.Status != ntdef.STATUS_SUCCESS {
			return 0, r
		}
	}
	w.t.Fatalf("%v of %v faults for ever", a, va)
	return 0, Resolution{}
}

func (w *world) ok(va x86.VirtAddr, a x86.Access, v byte) byte {
	w.t.Helper()
	got, r := w.access(va, a, v)
	require.Equal(w.t, Resolution{}, r, "%v of %v", a, va)
	return got
}

func (w *world) query(va x86.VirtAddr) ntdef.MemoryBasicInformation {
	info, st := w.as.Query(va)
	require.Equal(w.t, ntdef.STATUS_SUCCESS, st)
	return info
}

func violation(access uint64, va x86.VirtAddr) Resolution {
	return Resolution{Status: ntdef.STATUS_ACCESS_VIOLATION, Kind: AccessViolation, NumParams: 2, Params: [3]uint64{access, uint64(va)}}
}

// TestStatuses has the lines of the table of services, each an input and its status.
func TestStatuses(t *testing.T) {
	const (
		S = ntdef.STATUS_SUCCESS
		X = 0x7ffffffeffff
	)
	w := newWorld(t, 4096)
	base := w.must(0x50000000, 0x40000, ntdef.MEM_RESERVE, rw)
	w.must(base+0x10000, 0x3000, ntdef.MEM_COMMIT, rw)
	other := w.must(0x50040000, 0x10000, commitNow, rw)
	for _, c := range []struct {
		name string
		r    Request
		want ntdef.Status
	}{
		{"zero bits 21", Request{Size: 4096, ZeroBits: 21, Type: ntdef.MEM_RESERVE, Protect: rw}, ntdef.STATUS_NO_MEMORY},
		{"zero bits 22", Request{Size: 4096, ZeroBits: 22, Type: ntdef.MEM_RESERVE, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_3},
		{"zero bits 31", Request{Size: 4096, ZeroBits: 31, Type: ntdef.MEM_RESERVE, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_3},
		{"zero bits as a mask", Request{Size: 4096, ZeroBits: 0xffffffff, Type: ntdef.MEM_RESERVE, Protect: rw}, S},
		{"size 0", Request{Type: ntdef.MEM_RESERVE, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_4},
		{"huge size", Request{Size: 1 << 63, Type: ntdef.MEM_RESERVE, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_4},
		{"base below 64 KiB", Request{Base: 0x1000, Size: 4096, Type: ntdef.MEM_RESERVE, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_2},
		{"base of the kernel", Request{Base: 0xffff800000000000, Size: 4096, Type: ntdef.MEM_RESERVE, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_2},
		{"end beyond the user's", Request{Base: X &^ 0xffff, Size: 0x20000, Type: ntdef.MEM_RESERVE, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_2},
		{"no type", Request{Size: 4096, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_5},
		{"unknown type", Request{Size: 4096, Type: 1, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_5},
		{"PHYSICAL|COMMIT", Request{Size: 4096, Type: ntdef.MEM_PHYSICAL | ntdef.MEM_COMMIT, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_5},
		{"RESET|COMMIT", Request{Base: base, Size: 4096, Type: ntdef.MEM_RESET | ntdef.MEM_COMMIT, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_5},
		{"RESET of what is not committed", Request{Base: base, Size: 4096, Type: ntdef.MEM_RESET, Protect: rw}, ntdef.STATUS_NOT_COMMITTED},
		{"RESET of free memory", Request{Base: 0x60000000, Size: 4096, Type: ntdef.MEM_RESET, Protect: rw}, ntdef.STATUS_CONFLICTING_ADDRESSES},
		{"write watch without reserve", Request{Base: base, Size: 4096, Type: ntdef.MEM_WRITE_WATCH | ntdef.MEM_COMMIT, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_5},
		{"placeholder without Ex", Request{Size: 0x10000, Type: ntdef.MEM_RESERVE | ntdef.MEM_RESERVE_PLACEHOLDER, Protect: ntdef.PAGE_NOACCESS}, ntdef.STATUS_INVALID_PARAMETER_5},
		{"large pages without commit", Request{Size: 2 << 20, Type: ntdef.MEM_RESERVE | ntdef.MEM_LARGE_PAGES, Protect: rw}, ntdef.STATUS_INVALID_PARAMETER_5},
		{"large pages without the privilege", Request{Size: 2 << 20, Type: commitNow | ntdef.MEM_LARGE_PAGES, Protect: rw}, ntdef.STATUS_PRIVILEGE_NOT_HELD},
		{"AWE that is not read-write", Request{Size: 4096, Type: ntdef.MEM_RESERVE | ntdef.MEM_PHYSICAL, Protect: ntdef.PAGE_READONLY}, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"protection 0", Request{Size: 4096, Type: ntdef.MEM_RESERVE}, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"two protections", Request{Size: 4096, Type: ntdef.MEM_RESERVE, Protect: 6}, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"write-copy", Request{Size: 4096, Type: ntdef.MEM_RESERVE, Protect: ntdef.PAGE_WRITECOPY}, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"guard of no access", Request{Size: 4096, Type: ntdef.MEM_RESERVE, Protect: ntdef.PAGE_NOACCESS | ntdef.PAGE_GUARD}, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"targets invalid without execute", Request{Size: 4096, Type: ntdef.MEM_RESERVE, Protect: rw | ntdef.PAGE_TARGETS_INVALID}, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"reserve over a reservation", Request{Base: base + 0x20000, Size: 4096, Type: ntdef.MEM_RESERVE, Protect: rw}, ntdef.STATUS_CONFLICTING_ADDRESSES},
		{"commit nowhere", Request{Base: 0x60000000, Size: 4096, Type: ntdef.MEM_COMMIT, Protect: rw}, ntdef.STATUS_CONFLICTING_ADDRESSES},
		{"commit over two reservations", Request{Base: base + 0x3f000, Size: 0x2000, Type: ntdef.MEM_COMMIT, Protect: rw}, ntdef.STATUS_CONFLICTING_ADDRESSES},
		{"more than the commit limit", Request{Size: 4097 << 12, Type: commitNow, Protect: rw}, ntdef.STATUS_COMMITMENT_LIMIT},
	} {
		require.Equal(t, c.want, w.as.Allocate(&c.r), c.name)
		require.NoError(t, w.m.verify(), c.name)
	}
	r := Request{Base: 0x70001010, Size: 0x7000, Type: ntdef.MEM_RESERVE, Protect: rw}
	require.Equal(t, S, w.as.Allocate(&r))
	require.Equal(t, Request{Base: 0x70000000, Size: 0x9000, Type: ntdef.MEM_RESERVE, Protect: rw}, r)

	for _, c := range []struct {
		name string
		base x86.VirtAddr
		size uint64
		typ  uint32
		want ntdef.Status
	}{
		{"release off the base", base + 0x1000, 0, ntdef.MEM_RELEASE, ntdef.STATUS_FREE_VM_NOT_AT_BASE},
		{"decommit off the base", base + 0x1000, 0, ntdef.MEM_DECOMMIT, ntdef.STATUS_FREE_VM_NOT_AT_BASE},
		{"release of two reservations", base, 0x50000, ntdef.MEM_RELEASE, ntdef.STATUS_UNABLE_TO_FREE_VM},
		{"release of free memory", 0x60000000, 0, ntdef.MEM_RELEASE, ntdef.STATUS_MEMORY_NOT_ALLOCATED},
		{"both types", base, 0, ntdef.MEM_RELEASE | ntdef.MEM_DECOMMIT, ntdef.STATUS_INVALID_PARAMETER_4},
		{"no type", base, 0, 0, ntdef.STATUS_INVALID_PARAMETER_4},
	} {
		require.Equal(t, c.want, w.free(c.base, c.size, c.typ), c.name)
	}
	for _, c := range []struct {
		name    string
		base    x86.VirtAddr
		size    uint64
		protect uint32
		want    ntdef.Status
	}{
		{"uncommitted", base, 4096, rw, ntdef.STATUS_NOT_COMMITTED},
		{"partly uncommitted", base + 0x12000, 0x2000, rw, ntdef.STATUS_NOT_COMMITTED},
		{"two reservations", base + 0x3f000, 0x2000, rw, ntdef.STATUS_CONFLICTING_ADDRESSES},
		{"free", 0x60000000, 4096, rw, ntdef.STATUS_CONFLICTING_ADDRESSES},
		{"write-copy of private memory", other, 4096, ntdef.PAGE_WRITECOPY, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"no protection", other, 4096, 0, ntdef.STATUS_INVALID_PAGE_PROTECTION},
	} {
		_, st := w.protect(c.base, c.size, c.protect)
		require.Equal(t, c.want, st, c.name)
	}
	_, st := w.as.Query(X + 1)
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, st, "query above the user's addresses")
	require.NoError(t, w.m.verify())
}

func TestReservedMemoryIsNotThere(t *testing.T) {
	w := newWorld(t, 64)
	base := w.must(0, 0x20000, ntdef.MEM_RESERVE, rw)
	require.Equal(t, ntdef.MemoryBasicInformation{
		BaseAddress: uint64(base), AllocationBase: uint64(base), AllocationProtect: rw, RegionSize: 0x20000,
		State: ntdef.MEM_RESERVE, Type: ntdef.MEM_PRIVATE,
	}, w.query(base))
	_, r := w.access(base+8, x86.Write, 1)
	require.Equal(t, violation(1, base+8), r)
	before := w.m.Counters().CommittedPages
	w.must(base+0x1000, 0x1000, ntdef.MEM_COMMIT, ntdef.PAGE_READONLY)
	require.Zero(t, w.ok(base+0x1fff, x86.Read, 0))
	_, r = w.access(base+0x1008, x86.Write, 1)
	require.Equal(t, violation(1, base+0x1008), r)
	_, r = w.access(base+0x1000, x86.Execute, 0)
	require.Equal(t, violation(8, base+0x1000), r)
	require.EqualValues(t, 1+3, w.m.Counters().CommittedPages-before, "the page and three tables")
	require.Equal(t, ntdef.STATUS_SUCCESS, w.free(base, 0, ntdef.MEM_RELEASE))
	require.Equal(t, before, w.m.Counters().CommittedPages, "empty tables are given back")
	require.NoError(t, w.m.verify())
}

// Each page wants three tables of its own: wherever the memory ends, none of them is left without an entry.
func TestNoTableIsKeptForAPageThatDidNotCome(t *testing.T) {
	for frames := uint64(16); frames < 24; frames++ {
		w := newWorld(t, frames)
		st := ntdef.STATUS_SUCCESS
		for i := uint64(1); st == ntdef.STATUS_SUCCESS; i++ {
			r := Request{Base: x86.VirtAddr(i << 39), Size: x86.PageSize, Type: commitNow, Protect: rw}
			if st = w.as.Allocate(&r); st == ntdef.STATUS_SUCCESS {
				_, res := w.access(r.Base, x86.Write, 1)
				st = res.Status
			}
			require.NoError(t, w.m.verify(), "%d frames", frames)
		}
		require.NotEqual(t, ntdef.STATUS_ACCESS_VIOLATION, st)
	}
}

func TestGuardIsOnePageAndOneShot(t *testing.T) {
	w := newWorld(t, 64)
	base := w.must(0, 0x3000, commitNow, rw)
	w.ok(base+0x1000, x86.Write, 7)
	old, st := w.protect(base, 0x3000, rw|ntdef.PAGE_GUARD)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.EqualValues(t, rw, old)
	require.EqualValues(t, rw|ntdef.PAGE_GUARD, w.query(base).Protect)
	_, r := w.access(base+0x1234, x86.Read, 0)
	require.Equal(t, Resolution{
		Status: ntdef.STATUS_GUARD_PAGE_VIOLATION, Kind: Guard, NumParams: 2, Params: [3]uint64{0, uint64(base + 0x1234)},
	}, r)
	require.EqualValues(t, 7, w.ok(base+0x1000, x86.Read, 0), "the contents are kept")
	require.EqualValues(t, 0x1000, w.query(base).RegionSize, "the pages beside it keep their guard")
	require.EqualValues(t, rw|ntdef.PAGE_GUARD, w.query(base+0x2000).Protect)
	old, _ = w.protect(base+0x2000, 1, rw)
	require.EqualValues(t, rw|ntdef.PAGE_GUARD, old)
	require.NoError(t, w.m.verify())
}

func TestDecommittedPagesReadZeroWhenCommittedAgain(t *testing.T) {
	for _, typ := range []uint32{commitNow, ntdef.MEM_RESERVE} {
		w := newWorld(t, 64)
		base := w.must(0, 0x4000, typ, rw)
		w.must(base, 0x4000, ntdef.MEM_COMMIT, rw)
		w.ok(base+0x1000, x86.Write, 9)
		active := w.m.Counters().ActivePages
		require.Equal(t, ntdef.STATUS_SUCCESS, w.free(base+0x1000, 0x1000, ntdef.MEM_DECOMMIT))
		require.Equal(t, active-1, w.m.Counters().ActivePages)
		_, r := w.access(base+0x1000, x86.Read, 0)
		require.Equal(t, violation(0, base+0x1000), r)
		w.must(base+0x1000, 0x1000, ntdef.MEM_COMMIT, rw)
		require.Zero(t, w.ok(base+0x1000, x86.Read, 0), "a dirty frame is zeroed before it is given again")
		require.NoError(t, w.m.verify())
	}
}

func TestPartialReleaseSplits(t *testing.T) {
	w := newWorld(t, 64)
	base := w.must(0, 0x30000, commitNow, rw)
	w.ok(base, x86.Write, 1)
	w.ok(base+0x20000, x86.Write, 2)
	require.Equal(t, ntdef.STATUS_SUCCESS, w.free(base+0x10000, 0x10000, ntdef.MEM_RELEASE))
	require.EqualValues(t, ntdef.MEM_FREE, w.query(base+0x10000).State)
	require.EqualValues(t, 1, w.ok(base, x86.Read, 0))
	require.EqualValues(t, 2, w.ok(base+0x20000, x86.Read, 0))
	require.EqualValues(t, base+0x20000, w.query(base+0x20000).AllocationBase)
	require.Equal(t, base+0x10000, w.must(0, 0x10000, ntdef.MEM_RESERVE, rw), "the hole is the lowest room")
	require.NoError(t, w.m.verify())
}

func TestTopDown(t *testing.T) {
	w := newWorld(t, 64)
	require.EqualValues(t, 0x7ffffffe0000, w.must(0, 0x10000, ntdef.MEM_RESERVE|ntdef.MEM_TOP_DOWN, rw))
	require.EqualValues(t, 0x7ffffffc0000, w.must(0, 0x11000, ntdef.MEM_RESERVE|ntdef.MEM_TOP_DOWN, rw))
	require.Equal(t, low, w.must(0, 0x1000, ntdef.MEM_RESERVE, rw))
}

func TestStackGrowsByItsGuardAndOverflows(t *testing.T) {
	w := newWorld(t, 64)
	base := w.must(0, 0x10000, ntdef.MEM_RESERVE, rw)
	top := base + 0x10000
	w.must(top-0x1000, 0x1000, ntdef.MEM_COMMIT, rw)
	w.must(top-0x2000, 0x1000, ntdef.MEM_COMMIT, rw|ntdef.PAGE_GUARD)
	s := &Stack{DeallocationStack: base, Limit: top - 0x1000, Base: top}
	w.as.SetStack(s)
	va := top - 0x2000
	for ; ; va -= 0x1000 {
		_, r := w.access(va, x86.Write, 1)
		if r.Status != ntdef.STATUS_SUCCESS {
			require.Equal(t, ntdef.STATUS_STACK_OVERFLOW, r.Status)
			break
		}
		require.Equal(t, va, s.Limit)
		require.EqualValues(t, rw|ntdef.PAGE_GUARD, w.query(va-0x1000).Protect, "the guard is one page below")
	}
	require.Equal(t, base+0x1000, s.Limit)
	w.ok(s.Limit, x86.Write, 1)
	_, r := w.access(base, x86.Write, 1)
	require.Equal(t, violation(1, base), r, "the last page is never committed")
	require.NoError(t, w.m.verify())
}

// file is an image file whose page n is filled with n, and whose reads can fail.
type file struct{ fail bool }

func (f *file) ReadAt(b []byte, at int64) (int, error) {
	if f.fail {
		return 0, errors.New("medium error")
	}
	for i := range b {
		b[i] = byte((at + int64(i)) >> 12)
	}
	if at+int64(len(b)) > 0x5000 {
		return max(0, int(0x5000-at)), io.EOF
	}
	return len(b), nil
}

func (w *world) section(f *file) *Section {
	s, st := w.m.NewImageSection(&Image{
		Name: "a.dll", File: f, Base: 0x180000000, Size: 0x6000,
		Subsections: []Subsection{
			{RVA: 0, VirtualSize: 0x400, FileOffset: 0, FileSize: 0x400, Protect: ntdef.PAGE_READONLY},
			{RVA: 0x1000, VirtualSize: 0x2000, FileOffset: 0x1000, FileSize: 0x2000, Protect: ntdef.PAGE_EXECUTE_READ},
			{RVA: 0x3000, VirtualSize: 0x2000, FileOffset: 0x3000, FileSize: 0x1000, Protect: ntdef.PAGE_WRITECOPY},
			{RVA: 0x5000, VirtualSize: 0x1000, FileOffset: 0x4000, FileSize: 0x1000, Protect: ntdef.PAGE_READWRITE, Shared: true},
		},
	})
	require.Equal(w.t, ntdef.STATUS_SUCCESS, st)
	return s
}

func TestImagePages(t *testing.T) {
	w := newWorld(t, 64)
	s := w.section(&file{})
	view := View{Base: 0x180000000}
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.MapView(s, &view))
	base := view.Base
	kind := func() FaultKind { return w.events[len(w.events)-1].Kind }

	require.EqualValues(t, 2, w.ok(base+0x2000, x86.Read, 0))
	require.Equal(t, MappedFile, kind())
	w.ok(base+0x2000, x86.Execute, 0)
	_, r := w.access(base+0x2000, x86.Write, 1)
	require.Equal(t, violation(1, base+0x2000), r)
	require.EqualValues(t, ntdef.PAGE_WRITECOPY, w.query(base+0x3000).Protect, ".data before its first write")
	require.EqualValues(t, 3, w.ok(base+0x3001, x86.Read, 0))
	w.ok(base+0x3000, x86.Write, 99)
	require.Equal(t, CopyOnWrite, kind())
	require.EqualValues(t, 99, w.ok(base+0x3000, x86.Read, 0))
	require.EqualValues(t, 3, w.ok(base+0x3001, x86.Read, 0))
	require.EqualValues(t, rw, w.query(base+0x3000).Protect, "and after it")
	require.Zero(t, w.ok(base+0x4000, x86.Read, 0), "beyond the file's bytes")
	require.NoError(t, w.m.verify())

	second := View{}
	require.Equal(t, ntdef.STATUS_IMAGE_NOT_AT_BASE, w.as.MapView(s, &second))
	w.ok(base+0x5000, x86.Write, 55)
	require.EqualValues(t, 55, w.ok(second.Base+0x5000, x86.Read, 0), "a shared section is one page for all")
	require.EqualValues(t, 3, w.ok(second.Base+0x3000, x86.Read, 0), "the other view's copy is its own")
	require.Equal(t, Transition, kind())
	require.EqualValues(t, ntdef.MEM_IMAGE, w.query(second.Base).Type)
	require.Equal(t, ntdef.STATUS_UNABLE_TO_DELETE_SECTION, w.free(base, 0, ntdef.MEM_RELEASE))
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.UnmapView(second.Base+0x3000), "an inner address is allowed")
	require.Equal(t, ntdef.STATUS_NOT_MAPPED_VIEW, w.as.UnmapView(second.Base))
	require.NoError(t, w.m.verify())
}

func TestImagePageMadeWritableIsCopied(t *testing.T) {
	w := newWorld(t, 64)
	view := View{}
	w.as.MapView(w.section(&file{}), &view)
	text := view.Base + 0x1000
	before := w.m.Counters().CommittedPages
	old, st := w.protect(text, 0x1000, ntdef.PAGE_EXECUTE_READWRITE)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.EqualValues(t, ntdef.PAGE_EXECUTE_READ, old)
	require.EqualValues(t, ntdef.PAGE_EXECUTE_WRITECOPY, w.query(text).Protect)
	w.ok(text, x86.Write, 0xcc)
	require.EqualValues(t, ntdef.PAGE_EXECUTE_READWRITE, w.query(text).Protect)
	require.Greater(t, w.m.Counters().CommittedPages, before, "the copy is charged")
	old, _ = w.protect(text, 0x1000, ntdef.PAGE_EXECUTE_READ)
	require.EqualValues(t, ntdef.PAGE_EXECUTE_READWRITE, old)
	require.EqualValues(t, 0xcc, w.ok(text, x86.Read, 0))
	require.NoError(t, w.m.verify())
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.UnmapView(text))
}

func TestReadErrorIsAnInPageError(t *testing.T) {
	w := newWorld(t, 64)
	f := &file{fail: true}
	view := View{}
	w.as.MapView(w.section(f), &view)
	_, r := w.access(view.Base+0x1008, x86.Read, 0)
	require.Equal(t, Resolution{
		Status: ntdef.STATUS_IN_PAGE_ERROR, Kind: InPageError, NumParams: 3,
		Params: [3]uint64{0, uint64(view.Base) + 0x1008, uint64(ntdef.STATUS_UNSUCCESSFUL)},
	}, r)
	require.NoError(t, w.m.verify(), "nothing is lost")
	f.fail = false
	require.EqualValues(t, 1, w.ok(view.Base+0x1008, x86.Read, 0))
}

func TestOutOfFramesIsAStatus(t *testing.T) {
	mem, err := physmem.New(64 * x86.PageSize)
	require.NoError(t, err)
	defer mem.Close()
	w := newWorld(t, 64)
	w.m.commit.limit = 1000 // as if there were a page file
	base := w.must(0, 100<<12, commitNow, rw)
	var last Resolution
	for va := base; va < base+100<<12; va += x86.PageSize {
		if _, last = w.access(va, x86.Write, 1); last.Status != ntdef.STATUS_SUCCESS {
			break
		}
	}
	require.Equal(t, ntdef.STATUS_NO_MEMORY, last.Status)
	require.NoError(t, w.m.verify())
	require.Equal(t, ntdef.STATUS_SUCCESS, w.free(base, 0, ntdef.MEM_RELEASE))
	w.ok(w.must(0, 0x1000, commitNow, rw), x86.Write, 1)
}

func TestFaultsAllocateNothing(t *testing.T) {
	if checked {
		t.Skip("the invariants' checker allocates")
	}
	w := newWorld(t, 4096)
	w.m.hooks = Hooks{}
	base := w.must(0, 4000<<12, commitNow, rw)
	va := base
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if f := w.mmu.Store8(va, 1); f == nil || w.as.Fault(f, UserMode).Kind != DemandZero {
			t.Fatal("no demand-zero fault")
		}
		va += x86.PageSize
	}))
}

func TestRegionsCoverTheAddressSpace(t *testing.T) {
	w := newWorld(t, 64)
	w.must(0x50000000, 0x3000, commitNow, rw)
	w.must(0x51000000, 0x10000, ntdef.MEM_RESERVE, rw)
	next := uint64(0)
	n := 0
	for r := range w.as.Regions() {
		require.Equal(t, next, r.BaseAddress)
		next += r.RegionSize
		n++
	}
	require.EqualValues(t, 0x7fffffff0000, next)
	require.Equal(t, 5, n)
}

// TestFaultEvent compares a whole event.
func TestFaultEvent(t *testing.T) {
	w := newWorld(t, 64)
	base := w.must(0, 0x2000, commitNow, rw)
	w.ok(base+0x1010, x86.Write, 1)
	require.Len(t, w.events, 1)
	e := w.events[0]
	require.Empty(t, cmp.Diff(FaultEvent{
		Addr: base + 0x1010, Access: x86.Write, Code: x86.PFWrite | x86.PFUser, Kind: DemandZero,
		PTEAddr: e.PTEAddr, PTEAfter: validPTE(e.PFN, codeReadWrite), PFN: e.PFN,
		Region: Region{Start: base, End: base + 0x2000, Type: ntdef.MEM_PRIVATE, Protect: rw},
	}, e))
	require.NotZero(t, e.PFN)
}

// A model is the naive memory manager: every page of 4 MiB with its state.
type model map[x86.VirtAddr]*modelPage

type modelPage struct {
	id        int // of the reservation; 0: free
	committed bool
	protect   uint32
	data      byte
}

const (
	modelBase  = x86.VirtAddr(0x10000000)
	modelPages = 192
)

// FuzzAddressSpace plays random services and touches on the product and on the model.
func FuzzAddressSpace(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { playModel(t, seed, 200) })
}

func TestAgainstTheModel(t *testing.T) {
	n := uint64(150)
	if testing.Short() {
		n = 20
	}
	for seed := range n {
		playModel(t, seed, 150)
	}
}

func playModel(t testing.TB, seed uint64, steps int) {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(t, 1024)
	pages := make(model)
	for i := range x86.VirtAddr(modelPages) {
		pages[modelBase+i<<12] = &modelPage{}
	}
	nextID := 1
	protections := []uint32{
		rw, rw, rw, ntdef.PAGE_READONLY, ntdef.PAGE_NOACCESS, ntdef.PAGE_EXECUTE_READ, ntdef.PAGE_EXECUTE_READWRITE,
		rw | ntdef.PAGE_GUARD, ntdef.PAGE_READONLY | ntdef.PAGE_GUARD, rw | ntdef.PAGE_NOCACHE,
	}
	// all reports whether every page of a range satisfies a condition, the first page given.
	all := func(va x86.VirtAddr, n int, cond func(first, p *modelPage) bool) bool {
		first := pages[va]
		for i := range x86.VirtAddr(n) {
			if p := pages[va+i<<12]; p == nil || !cond(first, p) {
				return false
			}
		}
		return true
	}
	each := func(va x86.VirtAddr, n int, f func(p *modelPage)) {
		for i := range x86.VirtAddr(n) {
			f(pages[va+i<<12])
		}
	}
	one := func(first, p *modelPage) bool { return p.id != 0 && p.id == first.id }
	for step := range steps {
		va := modelBase + x86.VirtAddr(rng.IntN(modelPages))<<12
		n := 1 + rng.IntN(12)
		size := uint64(n) << 12
		protect := protections[rng.IntN(len(protections))]
		switch op := rng.IntN(12); op {
		case 0, 1: // reserve, half of the time committed
			va &^= granularity - 1
			typ := ntdef.MEM_RESERVE
			if op == 1 {
				typ = commitNow
			}
			_, st := w.allocate(va, size, typ, protect)
			want := all(va, n, func(_, p *modelPage) bool { return p.id == 0 })
			if beyond := pages[va+x86.VirtAddr(n-1)<<12] == nil; beyond {
				want = st == ntdef.STATUS_SUCCESS // the last pages lie outside of the model: give them back
				if want {
					require.Equal(t, ntdef.STATUS_SUCCESS, w.free(va, 0, ntdef.MEM_RELEASE))
				}
				continue
			}
			require.Equal(t, want, st == ntdef.STATUS_SUCCESS, "seed %d step %d: reserve %v+%#x: %v", seed, step, va, size, st)
			if want {
				each(va, n, func(p *modelPage) { *p = modelPage{nextID, op == 1, protect, 0} })
				nextID++
			}
		case 2, 3:
			_, st := w.allocate(va, size, ntdef.MEM_COMMIT, protect)
			want := all(va, n, one)
			require.Equal(t, want, st == ntdef.STATUS_SUCCESS, "seed %d step %d: commit %v+%#x: %v", seed, step, va, size, st)
			if want {
				each(va, n, func(p *modelPage) { p.committed, p.protect = true, protect })
			}
		case 4:
			st := w.free(va, size, ntdef.MEM_DECOMMIT)
			want := all(va, n, one)
			require.Equal(t, want, st == ntdef.STATUS_SUCCESS, "seed %d step %d: decommit %v+%#x: %v", seed, step, va, size, st)
			if want {
				each(va, n, func(p *modelPage) { p.committed, p.data = false, 0 })
			}
		case 5:
			st := w.free(va, size, ntdef.MEM_RELEASE)
			want := all(va, n, one)
			require.Equal(t, want, st == ntdef.STATUS_SUCCESS, "seed %d step %d: release %v+%#x: %v", seed, step, va, size, st)
			if want {
				id := pages[va].id
				each(va, n, func(p *modelPage) { *p = modelPage{} })
				for p := va + x86.VirtAddr(n)<<12; pages[p] != nil && pages[p].id == id; p += 0x1000 {
					pages[p].id = nextID // what is behind the hole is a reservation of its own
				}
				nextID++
			}
		case 6, 7:
			old, st := w.protect(va, size, protect)
			want := all(va, n, func(first, p *modelPage) bool { return one(first, p) && p.committed })
			require.Equal(t, want, st == ntdef.STATUS_SUCCESS, "seed %d step %d: protect %v+%#x: %v", seed, step, va, size, st)
			if want {
				require.Equal(t, pages[va].protect, old)
				each(va, n, func(p *modelPage) { p.protect = protect })
			}
		case 8:
			checkQuery(t, w, pages, va)
		default:
			checkTouch(t, w, pages[va], va, rng)
		}
		require.NoError(t, w.m.verify(), "seed %d step %d", seed, step)
	}
}

func checkTouch(t testing.TB, w *world, p *modelPage, va x86.VirtAddr, rng *rand.Rand) {
	a := []x86.Access{x86.Read, x86.Write, x86.Execute}[rng.IntN(3)]
	v := byte(rng.Uint32() | 1)
	got, r := w.access(va, a, v)
	allowed := p.committed
	switch p.protect &^ (ntdef.PAGE_GUARD | ntdef.PAGE_NOCACHE) {
	case ntdef.PAGE_NOACCESS:
		allowed = false
	case ntdef.PAGE_READONLY:
		allowed = allowed && a == x86.Read
	case rw:
		allowed = allowed && a != x86.Execute
	case ntdef.PAGE_EXECUTE_READ:
		allowed = allowed && a != x86.Write
	}
	switch {
	case p.committed && p.protect&ntdef.PAGE_GUARD != 0:
		require.Equal(t, ntdef.STATUS_GUARD_PAGE_VIOLATION, r.Status)
		p.protect &^= ntdef.PAGE_GUARD
	case !allowed:
		require.Equal(t, violation(exceptionAccess(a), va), r)
	default:
		require.Equal(t, Resolution{}, r)
		if a == x86.Read {
			require.Equal(t, p.data, got)
		}
		if a == x86.Write {
			p.data = v
		}
	}
}

func checkQuery(t testing.TB, w *world, pages model, va x86.VirtAddr) {
	info := w.query(va)
	p := pages[va]
	switch {
	case p.id == 0:
		require.EqualValues(t, ntdef.MEM_FREE, info.State)
		return
	case !p.committed:
		require.EqualValues(t, ntdef.MEM_RESERVE, info.State)
		require.Zero(t, info.Protect)
	default:
		require.EqualValues(t, ntdef.MEM_COMMIT, info.State)
		require.Equal(t, p.protect, info.Protect)
	}
	end := va
	for q := p; q != nil && q.id == p.id && q.committed == p.committed && (!p.committed || q.protect == p.protect); q = pages[end] {
		end += 0x1000
	}
	require.EqualValues(t, end-va, info.RegionSize)
}
