package ntmm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

const largeCommit = ntdef.SEC_COMMIT | ntdef.SEC_LARGE_PAGES

// TestLargeSectionStatuses has what NtCreateSection and NtMapViewOfSection answer for SEC_LARGE_PAGES.
func TestLargeSectionStatuses(t *testing.T) {
	w := newWorld(t, 4096)
	for _, c := range []struct {
		name    string
		file    *FileSections
		size    uint64
		protect uint32
		attr    uint32
		want    ntdef.Status
	}{
		{"reserved", nil, LargePageSize, rw, ntdef.SEC_RESERVE | ntdef.SEC_LARGE_PAGES, ntdef.STATUS_INVALID_PARAMETER_6},
		{"of a file", newFile(LargePageSize), 0, rw, largeCommit, ntdef.STATUS_INVALID_PARAMETER_6},
		{"of no size", nil, 0, rw, largeCommit, ntdef.STATUS_INVALID_PARAMETER_4},
		{"of half a large page", nil, LargePageSize / 2, rw, largeCommit, ntdef.STATUS_INVALID_PARAMETER_4},
		{"of copies", nil, LargePageSize, ntdef.PAGE_WRITECOPY, largeCommit, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"beyond the commit limit", nil, 16 * LargePageSize, rw, largeCommit, ntdef.STATUS_COMMITMENT_LIMIT},
	} {
		_, st := w.m.NewLockedSection(c.file, c.size, c.protect, c.attr)
		require.Equal(t, c.want, st, c.name)
		require.NoError(t, w.m.verify(), c.name)
	}
	_, st := w.m.NewSection(nil, LargePageSize, rw, largeCommit)
	require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, st)
	w.m.commit.limit = 100_000
	_, st = w.m.NewLockedSection(nil, 16*LargePageSize, rw, largeCommit)
	require.Equal(t, ntdef.STATUS_INSUFFICIENT_RESOURCES, st, "RAM has no 16 such runs")
	require.NoError(t, w.m.verify())
	require.EqualValues(t, 1, w.m.Counters().CommittedPages)

	s, st := w.m.NewLockedSection(nil, 2*LargePageSize, rw, largeCommit)
	require.Equal(t, success, st)
	small, _ := w.m.NewSection(nil, LargePageSize, rw, ntdef.SEC_COMMIT)
	for _, c := range []struct {
		name string
		s    *Section
		v    View
		want ntdef.Status
	}{
		{"all", s, View{}, success},
		{"the second", s, View{Offset: LargePageSize, Type: ntdef.MEM_LARGE_PAGES}, success},
		{"at a base", s, View{Base: 0x40000000, Size: LargePageSize}, success},
		{"at a base inside a large page", s, View{Base: 0x40010000}, ntdef.STATUS_MAPPED_ALIGNMENT},
		{"from inside a large page", s, View{Offset: 0x10000}, ntdef.STATUS_MAPPED_ALIGNMENT},
		{"a part of one", s, View{Size: 0x10000}, ntdef.STATUS_INVALID_VIEW_SIZE},
		{"copies", s, View{Protect: ntdef.PAGE_WRITECOPY}, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"no access", s, View{Protect: ntdef.PAGE_NOACCESS}, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"MEM_LARGE_PAGES of a section of small ones", small, View{Type: ntdef.MEM_LARGE_PAGES}, ntdef.STATUS_INVALID_PARAMETER_9},
	} {
		require.Equal(t, c.want, w.as.MapView(c.s, &c.v), c.name)
		require.NoError(t, w.m.verify(), c.name)
		if c.want == success {
			require.Zero(t, c.v.Base%LargePageSize, c.name)
			require.Equal(t, success, w.as.UnmapView(c.v.Base), c.name)
		}
	}
}

// TestLargeSectionIsShared has two views of contiguous frames, behind PDEs, that stay as long as the section or a view does.
func TestLargeSectionIsShared(t *testing.T) {
	w := newWorld(t, 4096)
	w.pageFile(4096, 4096)
	before := w.m.Counters()
	s, st := w.m.NewLockedSection(nil, 2*LargePageSize, rw, largeCommit)
	require.Equal(t, success, st)
	require.EqualValues(t, 1024, w.m.Counters().CommittedPages-before.CommittedPages, "charged once, whole")
	one, two := View{}, View{Offset: LargePageSize, Protect: ntdef.PAGE_READONLY}
	require.Equal(t, success, w.as.MapView(s, &one))
	require.Equal(t, success, w.as.MapView(s, &two))
	require.EqualValues(t, 1024, w.m.Counters().CommittedPages-before.CommittedPages-(w.m.Counters().PageTablePages-before.PageTablePages))
	faults := w.m.Counters().PageFaults
	w.ok(one.Base+LargePageSize+0x12345, x86.Write, 7)
	require.EqualValues(t, 7, w.ok(two.Base+0x12345, x86.Read, 0))
	require.Zero(t, w.ok(one.Base+0x12345, x86.Read, 0))
	require.Equal(t, faults, w.m.Counters().PageFaults, "they are there from the start")
	_, e := w.as.pde(two.Base)
	require.NotZero(t, e&x86.PTELarge)
	for i := range x86.VirtAddr(2) {
		p := w.as.Page(one.Base + LargePageSize + i<<12)
		require.Equal(t, PageInfo{
			Valid: true, Share: 2, Protect: rw, Code: uint8(codeReadWrite), Shared: true, Locked: true, Large: true,
			PFN: frameOf(e) + uint64(i), State: PFNActive,
		}, p)
	}
	w.violates(two.Base, x86.Write)
	_, st = w.protect(two.Base, LargePageSize, rw)
	require.Equal(t, ntdef.STATUS_SECTION_PROTECTION, st)
	_, st = w.protect(one.Base, LargePageSize, ntdef.PAGE_WRITECOPY)
	require.Equal(t, ntdef.STATUS_INVALID_PAGE_PROTECTION, st)
	old, st := w.protect(one.Base, LargePageSize, ntdef.PAGE_READONLY)
	require.Equal(t, success, st)
	require.Equal(t, rw, old)
	w.violates(one.Base, x86.Write)
	require.Equal(t, ntdef.STATUS_UNABLE_TO_DELETE_SECTION, w.free(one.Base, 0, ntdef.MEM_RELEASE))
	require.Equal(t, ntdef.STATUS_NOT_MAPPED_DATA, w.as.Flush(&Request{Base: one.Base}))
	var u []Usage
	w.as.Usages(func(x *Usage) { u = append(u, *x) })
	require.EqualValues(t, 1024, u[0].ShareableWS)
	require.EqualValues(t, 512, u[0].SharedWS)
	require.Zero(t, u[0].PrivateWS+u[0].PrivatePages)

	// Nothing pages them out.
	w.as.EmptyWorkingSet()
	s.Close()
	require.NoError(t, w.m.verify())
	require.Equal(t, success, w.as.UnmapView(one.Base))
	require.EqualValues(t, 7, w.ok(two.Base+0x12345, x86.Read, 0))
	require.NoError(t, w.m.verify())
	require.Equal(t, success, w.as.UnmapView(two.Base))
	require.NoError(t, w.m.verify())
	after := w.m.Counters()
	require.Equal(t, before.CommittedPages, after.CommittedPages)
	require.Equal(t, before.AvailablePages(), after.AvailablePages())
}

func TestLargeViewReplacesAPlaceholder(t *testing.T) {
	w := newWorld(t, 4096)
	s, st := w.m.NewLockedSection(nil, LargePageSize, rw, largeCommit)
	require.Equal(t, success, st)
	r := Request{Size: LargePageSize, Type: ntdef.MEM_RESERVE | ntdef.MEM_RESERVE_PLACEHOLDER, Protect: ntdef.PAGE_NOACCESS}
	require.Equal(t, success, w.as.AllocateEx(&r, Requirements{Alignment: LargePageSize}))
	v := View{Base: r.Base, Size: LargePageSize, Type: ntdef.MEM_REPLACE_PLACEHOLDER}
	require.Equal(t, success, w.as.MapView(s, &v))
	w.ok(v.Base+77, x86.Write, 1)
	require.Equal(t, success, w.as.UnmapViewEx(v.Base, ntdef.MEM_PRESERVE_PLACEHOLDER))
	require.EqualValues(t, ntdef.MEM_RESERVE, w.query(r.Base).State)
	require.NoError(t, w.m.verify())
}
