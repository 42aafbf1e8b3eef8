package ntmm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

const success = ntdef.STATUS_SUCCESS

// TestAddressRequirements has the lines of NtAllocateVirtualMemoryEx.
func TestAddressRequirements(t *testing.T) {
	const reserve = ntdef.MEM_RESERVE
	for _, c := range []struct {
		name string
		base x86.VirtAddr
		typ  uint32
		q    Requirements
		want ntdef.Status
		at   x86.VirtAddr
	}{
		{"none", 0, reserve, Requirements{}, success, low},
		{"lowest", 0, reserve, Requirements{Lowest: 0x20000000}, success, 0x20000000},
		{"highest", 0, reserve | ntdef.MEM_TOP_DOWN, Requirements{Highest: 0x2fffffff}, success, 0x2fff0000},
		{"alignment", 0, reserve, Requirements{Alignment: 1 << 30}, success, 1 << 30},
		{"alignment top-down", 0, reserve | ntdef.MEM_TOP_DOWN, Requirements{Alignment: 1 << 40}, success, 0x7f0000000000},
		{"no fit", 0, reserve, Requirements{Lowest: 0x20000000, Highest: 0x20007fff}, ntdef.STATUS_NO_MEMORY, 0},
		{"alignment below 64 KiB", 0, reserve, Requirements{Alignment: 0x1000}, ntdef.STATUS_INVALID_PARAMETER, 0},
		{"alignment no power of 2", 0, reserve, Requirements{Alignment: 0x30000}, ntdef.STATUS_INVALID_PARAMETER, 0},
		{"highest not the end of a page", 0, reserve, Requirements{Highest: 0x20000000}, ntdef.STATUS_INVALID_PARAMETER, 0},
		{"lowest inside 64 KiB", 0, reserve, Requirements{Lowest: 0x20001000}, ntdef.STATUS_INVALID_PARAMETER, 0},
		{"highest of the kernel", 0, reserve, Requirements{Highest: 0xffff800000000fff}, ntdef.STATUS_INVALID_PARAMETER, 0},
		{"with a base", 0x30000000, reserve, Requirements{Alignment: 0x10000}, ntdef.STATUS_INVALID_PARAMETER, 0},
		{"unknown type", 0, 1, Requirements{}, ntdef.STATUS_INVALID_PARAMETER, 0},
	} {
		w := newWorld(t, 64)
		r := Request{Base: c.base, Size: 0x10000, Type: c.typ, Protect: rw}
		require.Equal(t, c.want, w.as.AllocateEx(&r, c.q), c.name)
		require.Equal(t, c.at, r.Base-c.base, c.name)
	}
}

func TestPlaceholders(t *testing.T) {
	w := newWorld(t, 256)
	const hold = ntdef.MEM_RESERVE | ntdef.MEM_RESERVE_PLACEHOLDER
	r := Request{Size: 0x40000, Type: hold, Protect: rw}
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, w.as.AllocateEx(&r, Requirements{}), "only PAGE_NOACCESS")
	r.Protect = ntdef.PAGE_NOACCESS
	require.Equal(t, success, w.as.AllocateEx(&r, Requirements{}))
	base := r.Base
	_, st := w.allocate(base, 0x1000, ntdef.MEM_COMMIT, rw)
	require.Equal(t, ntdef.STATUS_CONFLICTING_ADDRESSES, st, "nothing can be committed in one")
	const preserve, coalesce = ntdef.MEM_RELEASE | ntdef.MEM_PRESERVE_PLACEHOLDER, ntdef.MEM_RELEASE | ntdef.MEM_COALESCE_PLACEHOLDERS
	replace := func(at x86.VirtAddr, size uint64) ntdef.Status {
		return w.as.AllocateEx(&Request{
			Base: at, Size: size, Type: commitNow | ntdef.MEM_REPLACE_PLACEHOLDER, Protect: rw,
		}, Requirements{})
	}
	for _, c := range []struct {
		name string
		st   ntdef.Status
		want ntdef.Status
	}{
		{"preserve without a size", w.free(base, 0, preserve), ntdef.STATUS_INVALID_PARAMETER_3},
		{"preserve of the whole", w.free(base, 0x40000, preserve), ntdef.STATUS_CONFLICTING_ADDRESSES},
		{"split", w.free(base+0x10000, 0x1000, preserve), success},
		{"replace of more than one", replace(base, 0x11000), ntdef.STATUS_CONFLICTING_ADDRESSES},
		{"replace of a part", replace(base+0x11000, 0x1000), ntdef.STATUS_CONFLICTING_ADDRESSES},
		{"replace at a page", replace(base+0x10000, 0x1000), success},
		{"coalesce over an allocation", w.free(base, 0x40000, coalesce), ntdef.STATUS_CONFLICTING_ADDRESSES},
		{"an allocation becomes a placeholder", w.free(base+0x10000, 0x1000, preserve), success},
		{"coalesce of a part", w.free(base, 0x30000, coalesce), ntdef.STATUS_CONFLICTING_ADDRESSES},
		{"coalesce", w.free(base, 0x40000, coalesce), success},
		{"coalesce of one", w.free(base, 0x40000, coalesce), ntdef.STATUS_CONFLICTING_ADDRESSES},
	} {
		require.Equal(t, c.want, c.st, c.name)
	}
	require.EqualValues(t, 0x40000, w.query(base).RegionSize)
	s, st := w.m.NewSection(nil, 0x40000, rw, ntdef.SEC_COMMIT)
	require.Equal(t, success, st)
	v := View{Base: base, Size: 0x40000, Type: ntdef.MEM_REPLACE_PLACEHOLDER}
	require.Equal(t, success, w.as.MapView(s, &v))
	w.ok(base, x86.Write, 1)
	require.Equal(t, success, w.as.UnmapViewEx(base, ntdef.MEM_PRESERVE_PLACEHOLDER))
	require.EqualValues(t, ntdef.MEM_RESERVE, w.query(base).State)
	require.Equal(t, success, replace(base, 0x40000))
	require.NoError(t, w.m.verify())
}

func TestResetKeepsOrLosesContents(t *testing.T) {
	w := newWorld(t, 64)
	d := w.pageFile(512, 512)
	base := w.must(0, 16<<12, commitNow, rw)
	reset := func(typ uint32) ntdef.Status {
		_, st := w.allocate(base, 16<<12, typ, rw)
		return st
	}
	w.fill(base, 16)
	require.Equal(t, success, reset(ntdef.MEM_RESET))
	require.Equal(t, success, reset(ntdef.MEM_RESET_UNDO), "nobody wanted the frames")
	w.checkFilled(base, 16)

	require.Equal(t, success, reset(ntdef.MEM_RESET))
	other := w.must(0, 200<<12, commitNow, rw)
	w.fill(other, 200)
	require.Equal(t, ntdef.STATUS_UNSUCCESSFUL, reset(ntdef.MEM_RESET_UNDO))
	lost := 0
	for i := range x86.VirtAddr(16) {
		switch got := w.ok(base+i<<12+8, x86.Read, 0); got {
		case 0:
			lost++
		default:
			require.Equal(t, byte(i*7+1), got, "old contents or zeros")
		}
	}
	require.Positive(t, lost)
	require.Equal(t, success, reset(ntdef.MEM_RESET_UNDO), "told once")
	require.NoError(t, w.m.verify())

	// A page that was written after the reset is like any other.
	w.fill(base, 16)
	w.as.EmptyWorkingSet()
	d.writes = 0
	w.fill(other, 200)
	w.checkFilled(base, 16)
	require.Positive(t, d.writes)
	require.NoError(t, w.m.verify())
}

func TestOfferedPagesGoFirst(t *testing.T) {
	w := newWorld(t, 64)
	w.pageFile(512, 512)
	base := w.must(0, 8<<12, commitNow, rw)
	w.fill(base, 8)
	r := Request{Base: base, Size: 8 << 12}
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, w.as.Offer(&r, 5))
	require.Equal(t, success, w.as.Offer(&r, 2))
	require.EqualValues(t, 8, w.m.Counters().StandbyPages[2])
	require.Equal(t, success, w.as.Reclaim(&r))
	w.checkFilled(base, 8)
	require.Equal(t, success, w.as.Offer(&r, 1))
	other := w.must(0, 100<<12, commitNow, rw)
	w.fill(other, 100)
	require.Equal(t, ntdef.STATUS_UNSUCCESSFUL, w.as.Reclaim(&r))
	require.Zero(t, w.ok(base+8, x86.Read, 0))
	require.NoError(t, w.m.verify())
}

func TestDiscardedPagesReadZero(t *testing.T) {
	w := newWorld(t, 64)
	base := w.must(0, 8<<12, commitNow, rw)
	w.fill(base, 8)
	require.Equal(t, success, w.as.Discard(&Request{Base: base + 0x1000, Size: 0x1000}))
	require.Zero(t, w.ok(base+0x1008, x86.Read, 0))
	require.EqualValues(t, 1, w.ok(base+8, x86.Read, 0))
	require.Equal(t, ntdef.STATUS_CONFLICTING_ADDRESSES, w.as.Discard(&Request{Base: 0x60000000, Size: 0x1000}))
	require.NoError(t, w.m.verify())
}

func TestWriteWatch(t *testing.T) {
	w := newWorld(t, 64)
	w.pageFile(512, 512)
	base := w.must(0, 16<<12, commitNow|ntdef.MEM_WRITE_WATCH, rw)
	plain := w.must(0, 16<<12, commitNow, rw)
	page := func(n x86.VirtAddr) x86.VirtAddr { return base + n<<12 }
	for _, n := range []x86.VirtAddr{9, 2, 5} {
		w.ok(page(n)+77, x86.Write, 1)
	}
	w.ok(page(7), x86.Read, 0)
	r := Request{Base: base, Size: 16 << 12}
	got, st := w.as.WriteWatch(&r, 2, true)
	require.Equal(t, success, st)
	require.Equal(t, []x86.VirtAddr{page(2), page(5)}, got, "in address order, as many as fit")
	got, _ = w.as.WriteWatch(&r, 16, false)
	require.Equal(t, []x86.VirtAddr{page(9)}, got, "those that were returned are reset")
	w.ok(page(2), x86.Write, 1)
	w.as.EmptyWorkingSet()
	got, _ = w.as.WriteWatch(&r, 16, false)
	require.Equal(t, []x86.VirtAddr{page(2), page(9)}, got, "a page that left the working set is remembered")
	require.Equal(t, success, w.as.ResetWriteWatch(&Request{Base: base, Size: 4 << 12}))
	got, _ = w.as.WriteWatch(&r, 16, false)
	require.Equal(t, []x86.VirtAddr{page(9)}, got)
	_, st = w.as.WriteWatch(&Request{Base: plain, Size: 4096}, 1, false)
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER_1, st, "not watched")
	_, st = w.as.WriteWatch(&Request{Base: base, Size: 17 << 12}, 1, false)
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER_1, st, "beyond the reservation")
	require.NoError(t, w.m.verify())
}
