package ntmm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

func (w *world) large(size uint64, protect uint32, privilege bool) (x86.VirtAddr, ntdef.Status) {
	r := Request{Size: size, Type: commitNow | ntdef.MEM_LARGE_PAGES, Protect: protect, LockMemory: privilege}
	st := w.as.Allocate(&r)
	require.NoError(w.t, w.m.verify())
	return r.Base, st
}

func TestLargePages(t *testing.T) {
	w := newWorld(t, 4096)
	_, st := w.large(LargePageSize, rw, false)
	require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, st)
	_, st = w.large(4096, rw, true)
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER_4, st)
	_, st = w.large(LargePageSize, ntdef.PAGE_NOACCESS, true)
	require.Equal(t, ntdef.STATUS_INVALID_PAGE_PROTECTION, st)

	before := w.m.Counters()
	base, st := w.large(2*LargePageSize, rw, true)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Zero(t, base%LargePageSize)
	size := w.as.WorkingSet().Size
	w.ok(base+LargePageSize+12345, x86.Write, 7)
	require.Equal(t, byte(7), w.ok(base+LargePageSize+12345, x86.Read, 0))
	c := w.m.Counters()
	require.Equal(t, before.PageFaults, c.PageFaults, "large pages are there from the start")
	require.Equal(t, size, w.as.WorkingSet().Size, "and in no working set")
	require.EqualValues(t, 1024, c.CommittedPages-before.CommittedPages-(c.PageTablePages-before.PageTablePages))

	// Each 2 MiB has a protection of its own, parts of it have none.
	_, st = w.as.Protect(&Request{Base: base, Size: 4096, Protect: ntdef.PAGE_READONLY})
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER_3, st)
	old, st := w.as.Protect(&Request{Base: base, Size: LargePageSize, Protect: ntdef.PAGE_READONLY})
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, rw, old)
	info, _ := w.as.Query(base + 4096)
	require.Equal(t, uint64(LargePageSize-4096), info.RegionSize)
	require.Equal(t, ntdef.PAGE_READONLY, info.Protect)
	info, _ = w.as.Query(base + LargePageSize)
	require.Equal(t, rw, info.Protect)
	r := w.as.Fault(&x86.Fault{Vector: x86.VectorPF, Code: x86.PFUser | x86.PFWrite | x86.PFPresent, Addr: base}, UserMode)
	require.Equal(t, ntdef.STATUS_ACCESS_VIOLATION, r.Status)
	require.True(t, w.as.Page(base).Large)

	require.Equal(t, ntdef.STATUS_UNABLE_TO_FREE_VM, w.free(base, 4096, ntdef.MEM_DECOMMIT))
	require.Equal(t, ntdef.STATUS_UNABLE_TO_FREE_VM, w.free(base, LargePageSize, ntdef.MEM_RELEASE))
	require.Equal(t, ntdef.STATUS_CONFLICTING_ADDRESSES, w.as.Allocate(&Request{Base: base, Size: 4096, Type: ntdef.MEM_COMMIT, Protect: rw}))
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.Lock(&Request{Base: base, Size: 4096}))
	w.as.EmptyWorkingSet()
	require.Equal(t, ntdef.STATUS_SUCCESS, w.free(base, 0, ntdef.MEM_RELEASE))
	require.NoError(t, w.m.verify())
	require.Equal(t, before.CommittedPages, w.m.Counters().CommittedPages)
}

// Where no run of frames was never used, one is put together from free and standby frames, whose contents are zeroed.
func TestLargePagesFromUsedFrames(t *testing.T) {
	w := newWorld(t, 2048)
	w.pageFile(4096, 4096)
	base := w.must(0, 1500<<12, commitNow, rw)
	w.fill(base, 1500)
	_, st := w.large(2*LargePageSize, rw, true)
	require.Equal(t, ntdef.STATUS_INSUFFICIENT_RESOURCES, st)
	require.Equal(t, ntdef.STATUS_SUCCESS, w.free(base, 0, ntdef.MEM_RELEASE))
	base, st = w.large(2*LargePageSize, rw, true)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	for off := x86.VirtAddr(0); off < 2*LargePageSize; off += 4096 {
		require.Zero(t, w.ok(base+off+8, x86.Read, 0))
	}
}

func TestAddressWindowing(t *testing.T) {
	w := newWorld(t, 256)
	w.pageFile(512, 512)
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER_5,
		w.as.Allocate(&Request{Size: 1 << 16, Type: commitNow | ntdef.MEM_PHYSICAL, Protect: rw}))
	require.Equal(t, ntdef.STATUS_INVALID_PAGE_PROTECTION,
		w.as.Allocate(&Request{Size: 1 << 16, Type: ntdef.MEM_RESERVE | ntdef.MEM_PHYSICAL, Protect: ntdef.PAGE_READONLY}))
	base := w.must(0, 1<<16, ntdef.MEM_RESERVE|ntdef.MEM_PHYSICAL, rw)
	frames, st := w.as.AllocatePhysical(4)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Len(t, frames, 4)
	require.NoError(t, w.m.verify())

	at := func(pages ...int) (all []x86.VirtAddr) {
		for _, p := range pages {
			all = append(all, base+x86.VirtAddr(p)<<12)
		}
		return all
	}
	w.violates(base, x86.Read)
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.MapPhysical(at(0, 1), frames[:2]))
	size := w.as.WorkingSet().Size
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.Lock(&Request{Base: base, Size: 0x2000}), "they never leave")
	require.Equal(t, ntdef.STATUS_ACCESS_VIOLATION, w.as.Lock(&Request{Base: base, Size: 0x3000}))
	require.NoError(t, w.m.verify())
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.Unlock(&Request{Base: base, Size: 0x2000}))
	w.ok(base+5, x86.Write, 42)
	w.ok(base+0x1005, x86.Write, 43)
	require.Equal(t, size, w.as.WorkingSet().Size)

	// A window moves: the same bytes elsewhere. One page has one address.
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER_3, w.as.MapPhysical(at(9), frames[:1]))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER_3, w.as.MapPhysical(at(9, 10), []uint64{frames[2], frames[2]}))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER_3, w.as.MapPhysical(at(9), []uint64{1}))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER_1, w.as.MapPhysical([]x86.VirtAddr{0x70000000}, frames[2:3]))
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.MapPhysical(at(0, 1), []uint64{frames[1], frames[0]}), "two pages change places")
	require.Equal(t, byte(43), w.ok(base+5, x86.Read, 0))
	require.Equal(t, byte(42), w.ok(base+0x1005, x86.Read, 0))
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.MapPhysical(at(0, 1), nil))
	w.violates(base, x86.Read)
	require.NoError(t, w.m.verify())
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.MapPhysical(at(7), frames[:1]))
	require.Equal(t, byte(42), w.ok(base+0x7005, x86.Read, 0))

	// Nothing trims it; freeing unmaps.
	w.as.EmptyWorkingSet()
	require.Equal(t, byte(42), w.ok(base+0x7005, x86.Read, 0))
	n, st := w.as.FreePhysical([]uint64{frames[0], 1 << 40})
	require.Equal(t, ntdef.STATUS_CONFLICTING_ADDRESSES, st)
	require.EqualValues(t, 1, n)
	w.violates(base+0x7005, x86.Read)
	require.Equal(t, ntdef.STATUS_CONFLICTING_ADDRESSES, w.as.Allocate(&Request{Base: base, Size: 4096, Type: ntdef.MEM_COMMIT, Protect: rw}))
	require.Equal(t, ntdef.STATUS_SUCCESS, w.as.MapPhysical(at(3), frames[1:2]))
	require.Equal(t, ntdef.STATUS_SUCCESS, w.free(base, 0, ntdef.MEM_RELEASE))
	require.NoError(t, w.m.verify())
	_, st = w.as.AllocatePhysical(10000)
	require.Equal(t, ntdef.STATUS_SUCCESS, st, "as many as there are")
	require.NoError(t, w.m.verify())
}

func (w *world) violates(va x86.VirtAddr, a x86.Access) {
	w.t.Helper()
	_, r := w.access(va, a, 0)
	require.Equal(w.t, ntdef.STATUS_ACCESS_VIOLATION, r.Status)
}
