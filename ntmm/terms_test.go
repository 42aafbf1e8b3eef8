package ntmm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// TestPTEFormats has the bits of page-table entries as Windows 10 and 11 for x64 lay them out, in numbers.
func TestPTEFormats(t *testing.T) {
	for _, c := range []struct {
		name string
		got  x86.PTE
		want x86.PTE
	}{
		{"demand zero: Protection 9:5", softPTE(codeReadWrite), 4 << 5},
		{"read-only", softPTE(codeReadOnly), 1 << 5},
		{"guard is +16", softPTE(codeReadWrite | codeGuard), 20 << 5},
		{"nocache is +8", softPTE(codeReadWrite | codeNoCache), 12 << 5},
		{"write-combining is +24", softPTE(codeReadWrite | codeWriteCombine), 28 << 5},
		{"page file: PageFileAllocated 2, PageFileLow 15:12, PageFileHigh 63:32", pageFilePTE(3, 0x1234, codeReadWrite), 0x1234<<32 | 3<<12 | 4<<5 | 1<<2},
		{"transition: Transition 11, PFN from 12", transitionPTE(0x1234, codeReadWrite), 0x1234<<12 | 1<<11 | 4<<5},
		{"prototype: Prototype 10, ProtoAddress 63:16, all ones: ask the VAD", protoPTE(codeReadOnly), 0xffffffffffff<<16 | 1<<10 | 1<<5},
		{"combined: Combined 11 too", combinedPTE(0x12, codeReadWrite), 0x12<<16 | 1<<11 | 1<<10 | 4<<5},
		{"valid: NX 63, Write 11, U, W, P", validPTE(0x1234, codeReadWrite) &^ (0x1f << validProtectShift), 1<<63 | 0x1234<<12 | 1<<11 | 7},
		{"valid, executable", validPTE(0x1234, codeExecuteReadWrite) &^ (0x1f << validProtectShift), 0x1234<<12 | 1<<11 | 7},
		{"valid, CopyOnWrite 9", validPTE(0x1234, codeWriteCopy) &^ (0x1f << validProtectShift), 1<<63 | 0x1234<<12 | 1<<9 | 5},
		{"valid, PCD and PWT", validPTE(1, codeReadOnly|codeNoCache) &^ (0x1f << validProtectShift), 1<<63 | 1<<12 | 1<<4 | 1<<3 | 5},
		{"valid, PWT: write-combining in the PAT", validPTE(1, codeReadOnly|codeWriteCombine) &^ (0x1f << validProtectShift), 1<<63 | 1<<12 | 1<<3 | 5},
	} {
		require.Equal(t, c.want, c.got, "%s: %#x", c.name, uint64(c.got))
	}
	for code, want := range []uint32{
		ntdef.PAGE_NOACCESS, ntdef.PAGE_READONLY, ntdef.PAGE_EXECUTE, ntdef.PAGE_EXECUTE_READ, rw, ntdef.PAGE_WRITECOPY,
		ntdef.PAGE_EXECUTE_READWRITE, ntdef.PAGE_EXECUTE_WRITECOPY,
	} {
		require.Equal(t, want, protectCode(code).protect())
	}
}

// TestViolationsSayWhatWasTried has ExceptionInformation of STATUS_ACCESS_VIOLATION: 0 read, 1 write, 8 execute, and the address.
func TestViolationsSayWhatWasTried(t *testing.T) {
	w := newWorld(t, 64)
	reserved := w.must(0, 0x1000, ntdef.MEM_RESERVE, rw)
	readOnly := w.must(0, 0x1000, commitNow, ntdef.PAGE_READONLY)
	none := w.must(0, 0x1000, commitNow, ntdef.PAGE_NOACCESS)
	w.ok(readOnly, x86.Read, 0)
	for _, c := range []struct {
		name   string
		va     x86.VirtAddr
		access x86.Access
		info   uint64
	}{
		{"free", 0x70000123, x86.Read, 0},
		{"reserved", reserved + 5, x86.Write, 1},
		{"read-only", readOnly + 0xfff, x86.Write, 1},
		{"not executable", readOnly + 3, x86.Execute, 8},
		{"no access", none, x86.Read, 0},
		{"no access", none, x86.Execute, 8},
		{"the first 64 KiB", 8, x86.Read, 0},
		{"the kernel's", 0xffff800000001000, x86.Write, 1},
	} {
		_, r := w.access(c.va, c.access, 1)
		require.Equal(t, violation(c.info, c.va), r, c.name)
	}
}

// TestFirstWriteMakesAPageDirty has a page that only was read leave for standby, and one that was written for the modified list.
func TestFirstWriteMakesAPageDirty(t *testing.T) {
	w := newWorld(t, 64)
	w.pageFile(64, 64)
	base := w.must(0, 0x2000, commitNow, rw)
	w.ok(base, x86.Read, 0)
	w.ok(base+0x1000, x86.Read, 0)
	faults := w.m.Counters().PageFaults
	w.ok(base+0x1000, x86.Write, 1)
	require.Equal(t, faults, w.m.Counters().PageFaults, "the processor sets D, no fault is taken")
	_, e := w.as.pte(base)
	require.Zero(t, e&x86.PTEDirty)
	_, e = w.as.pte(base + 0x1000)
	require.NotZero(t, e&x86.PTEDirty)
	w.as.EmptyWorkingSet()
	require.Equal(t, PFNStandby, w.as.Page(base).State)
	require.Equal(t, PFNModified, w.as.Page(base+0x1000).State)
	w.m.FlushModified()
	require.Equal(t, PFNStandby, w.as.Page(base+0x1000).State)
}

// TestFramesComeInOrder has a page of zeros come from the zeroed list, then the free one, then standby from priority 0; any other page
// from the free list first.
func TestFramesComeInOrder(t *testing.T) {
	w := newWorld(t, 64)
	w.pageFile(256, 256)
	base := w.must(0, 8<<12, commitNow, rw)
	w.fill(base, 8)
	for page, priority := range map[x86.VirtAddr]uint8{0: 5, 1: 3, 2: 1, 3: 7} {
		w.as.SetPagePriority(base+page<<12, base+page<<12+0x1000, priority)
	}
	frame := func(page x86.VirtAddr) uint64 { return w.as.Page(base + page<<12).PFN }
	standby := []uint64{frame(2), frame(1), frame(0), frame(3)} // by priority
	free := []uint64{frame(4), frame(5)}
	w.as.RemoveFromWorkingSet(base, base+4<<12)
	w.m.FlushModified()
	require.Equal(t, success, w.free(base+4<<12, 2<<12, ntdef.MEM_DECOMMIT))

	got, ok := w.m.takeFrame(false)
	require.True(t, ok)
	require.Equal(t, free[0], got, "free before zeroed, where zeros are not asked for")
	w.m.freeFrame(got)
	for range w.m.Counters().ZeroedPages {
		got, _ = w.m.takeFrame(true)
		require.NotContains(t, append(standby, free...), got, "zeroed first")
	}
	for _, want := range []uint64{free[1], free[0], standby[0], standby[1], standby[2], standby[3]} {
		got, ok = w.m.takeFrame(true)
		require.True(t, ok)
		require.Equal(t, want, got)
		for _, b := range w.m.frame(got) {
			require.Zero(t, b)
		}
	}
	require.EqualValues(t, 1, w.m.Counters().RepurposedByPriority[3])
	require.EqualValues(t, 4, w.m.Counters().TransitionRepurposed)
}

// TestSharedPageLeavesWithItsLastShare has a page of two views stay active until neither working set has it.
func TestSharedPageLeavesWithItsLastShare(t *testing.T) {
	w := newWorld(t, 64)
	s, _ := w.m.NewSection(nil, 0x1000, rw, ntdef.SEC_COMMIT)
	var one, two View
	require.Equal(t, success, w.as.MapView(s, &one))
	require.Equal(t, success, w.as.MapView(s, &two))
	w.ok(one.Base, x86.Write, 1)
	w.ok(two.Base, x86.Read, 0)
	w.as.RemoveFromWorkingSet(one.Base, one.Base+0x1000)
	require.Equal(t, PFNActive, w.as.Page(one.Base).State)
	w.as.RemoveFromWorkingSet(two.Base, two.Base+0x1000)
	require.Equal(t, PFNModified, w.as.Page(one.Base).State, "the first view's write is not forgotten")
	require.NoError(t, w.m.verify())
}

// TestStackGuarantee has SetThreadStackGuarantee raise the overflow while the pages that it keeps are left.
func TestStackGuarantee(t *testing.T) {
	w := newWorld(t, 64)
	base := w.must(0, 0x10000, ntdef.MEM_RESERVE, rw)
	top := base + 0x10000
	w.must(top-0x1000, 0x1000, ntdef.MEM_COMMIT, rw)
	w.must(top-0x2000, 0x1000, ntdef.MEM_COMMIT, rw|ntdef.PAGE_GUARD)
	require.EqualValues(t, ntdef.MEM_RESERVE, w.query(base).State)
	require.Zero(t, w.query(base).Protect, "what is reserved below the guard")
	s := &Stack{DeallocationStack: base, Limit: top - 0x1000, Base: top, Guarantee: 0x2800}
	w.as.SetStack(s)
	va := top - 0x2000
	for ; ; va -= 0x1000 {
		if _, r := w.access(va, x86.Write, 1); r.Status != success {
			require.Equal(t, ntdef.STATUS_STACK_OVERFLOW, r.Status)
			break
		}
	}
	require.Equal(t, base+0x5000, va, "three pages and the one that was touched are left")
	require.Equal(t, base+0x1000, s.Limit)
	for va := base + 0x1000; va < top; va += 0x1000 {
		w.ok(va, x86.Write, 1)
	}
	require.NoError(t, w.m.verify())
}
