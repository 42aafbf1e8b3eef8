package ntmm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

func newFile(size int) *FileSections {
	d := &disk{data: make([]byte, size)}
	for i := range d.data {
		d.data[i] = byte(i >> 12)
	}
	return &FileSections{Name: "data.bin", File: d}
}

// TestSectionStatuses has the lines of NtCreateSection.
func TestSectionStatuses(t *testing.T) {
	const commit = ntdef.SEC_COMMIT
	for _, c := range []struct {
		name       string
		file       int // bytes, -1: none
		size       uint64
		protect    uint32
		attributes uint32
		want       ntdef.Status
	}{
		{"anonymous", -1, 4096, rw, commit, success},
		{"anonymous of no size", -1, 0, rw, commit, ntdef.STATUS_INVALID_PARAMETER_4},
		{"size -1", -1, ^uint64(0), rw, commit, ntdef.STATUS_SECTION_TOO_BIG},
		{"more than the commit limit", -1, 1 << 30, rw, commit, ntdef.STATUS_COMMITMENT_LIMIT},
		{"reserved beyond the commit limit", -1, 1 << 30, rw, ntdef.SEC_RESERVE, success},
		{"no attributes", -1, 4096, rw, 0, ntdef.STATUS_INVALID_PARAMETER_6},
		{"commit and reserve", -1, 4096, rw, commit | ntdef.SEC_RESERVE, ntdef.STATUS_INVALID_PARAMETER_6},
		{"image and commit", -1, 4096, rw, commit | ntdef.SEC_IMAGE, ntdef.STATUS_INVALID_PARAMETER_6},
		{"large without commit", -1, 4096, rw, ntdef.SEC_LARGE_PAGES | ntdef.SEC_RESERVE, ntdef.STATUS_INVALID_PARAMETER_6},
		{"large without the privilege", -1, 2 << 20, rw, ntdef.SEC_LARGE_PAGES | commit, ntdef.STATUS_PRIVILEGE_NOT_HELD},
		{"no protection", -1, 4096, 0, commit, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"no access", -1, 4096, ntdef.PAGE_NOACCESS, commit, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"two protections", -1, 4096, 6, commit, ntdef.STATUS_INVALID_PAGE_PROTECTION},
		{"empty file", 0, 0, rw, commit, ntdef.STATUS_MAPPED_FILE_SIZE_ZERO},
		{"file", 5000, 0, rw, commit, success},
		{"larger than a file that may be written", 5000, 9000, rw, commit, success},
		{"larger than a read-only file", 5000, 9000, ntdef.PAGE_READONLY, commit, ntdef.STATUS_SECTION_TOO_BIG},
	} {
		w := newWorld(t, 64)
		var f *FileSections
		if c.file >= 0 {
			f = newFile(c.file)
		}
		s, st := w.m.NewSection(f, c.size, c.protect, c.attributes)
		require.Equal(t, c.want, st, c.name)
		if st == success {
			s.Close()
		}
		require.NoError(t, w.m.verify(), c.name)
		require.EqualValues(t, 1, w.m.Counters().CommittedPages, "%s: the PML4 alone", c.name)
	}
}

// TestViewStatuses has the lines of NtMapViewOfSection.
func TestViewStatuses(t *testing.T) {
	w := newWorld(t, 64)
	anon, _ := w.m.NewSection(nil, 0x30000, rw, ntdef.SEC_COMMIT)
	readOnly, _ := w.m.NewSection(newFile(0x5000), 0, ntdef.PAGE_READONLY, ntdef.SEC_COMMIT)
	w.must(0x50000000, 0x10000, ntdef.MEM_RESERVE, rw)
	for _, c := range []struct {
		name string
		s    *Section
		v    View
		want ntdef.Status
	}{
		{"all", anon, View{}, success},
		{"offset", anon, View{Offset: 0x10000, Size: 0x1000}, success},
		{"offset inside 64 KiB", anon, View{Offset: 0x1000}, ntdef.STATUS_MAPPED_ALIGNMENT},
		{"base inside 64 KiB", anon, View{Base: 0x20001000}, ntdef.STATUS_MAPPED_ALIGNMENT},
		{"occupied", anon, View{Base: 0x50000000}, ntdef.STATUS_CONFLICTING_ADDRESSES},
		{"base of the kernel", anon, View{Base: 0xffff800000000000}, ntdef.STATUS_INVALID_PARAMETER_3},
		{"size -1", anon, View{Size: ^uint64(0)}, ntdef.STATUS_INVALID_PARAMETER_3},
		{"zero bits against the base", anon, View{Base: 0x20000000, ZeroBits: 8}, ntdef.STATUS_INVALID_PARAMETER_4},
		{"commit beyond the view", anon, View{Size: 0x1000, CommitSize: 0x2000}, ntdef.STATUS_INVALID_PARAMETER_5},
		{"past the end", anon, View{Size: 0x31000}, ntdef.STATUS_INVALID_VIEW_SIZE},
		{"behind the end", anon, View{Offset: 0x30000}, ntdef.STATUS_INVALID_VIEW_SIZE},
		{"MEM_RESERVE on page-file memory", anon, View{Type: ntdef.MEM_RESERVE}, ntdef.STATUS_INVALID_PARAMETER_9},
		{"MEM_COMMIT", anon, View{Type: ntdef.MEM_COMMIT}, ntdef.STATUS_INVALID_PARAMETER_9},
		{"more than the section allows", readOnly, View{Protect: rw}, ntdef.STATUS_SECTION_PROTECTION},
		{"execution that the section does not allow", readOnly, View{Protect: ntdef.PAGE_EXECUTE_READ}, ntdef.STATUS_SECTION_PROTECTION},
		{"a copy of what may be read", readOnly, View{Protect: ntdef.PAGE_WRITECOPY}, success},
		{"no protection that is one", readOnly, View{Protect: 3}, ntdef.STATUS_INVALID_PAGE_PROTECTION},
	} {
		require.Equal(t, c.want, w.as.MapView(c.s, &c.v), c.name)
		if c.want == success {
			require.Equal(t, success, w.as.UnmapView(c.v.Base), c.name)
		}
		require.NoError(t, w.m.verify(), c.name)
	}
}

func TestFileAndViewsShowTheSameBytes(t *testing.T) {
	w := newWorld(t, 64)
	f := newFile(0x5800)
	s, _ := w.m.NewSection(f, 0, rw, ntdef.SEC_COMMIT)
	var one, two, copied View
	copied.Protect = ntdef.PAGE_WRITECOPY
	for _, v := range []*View{&one, &two, &copied} {
		require.Equal(t, success, w.as.MapView(s, v))
	}
	require.EqualValues(t, ntdef.MEM_MAPPED, w.query(one.Base).Type)
	require.EqualValues(t, 3, w.ok(one.Base+0x3000, x86.Read, 0))
	require.Equal(t, uint64(1), w.m.Counters().PageReads, "with the pages that follow")
	w.ok(one.Base+0x3001, x86.Write, 0x77)
	require.EqualValues(t, 0x77, w.ok(two.Base+0x3001, x86.Read, 0))
	require.EqualValues(t, 0x77, w.ok(copied.Base+0x3001, x86.Read, 0))
	w.ok(copied.Base+0x3001, x86.Write, 0x88)
	require.EqualValues(t, 0x77, w.ok(one.Base+0x3001, x86.Read, 0), "the copy is private")
	require.EqualValues(t, rw, w.query(copied.Base+0x3000).Protect)
	require.EqualValues(t, ntdef.PAGE_WRITECOPY, w.query(copied.Base+0x4000).Protect)

	b := make([]byte, 2)
	_, err := w.m.ReadFile(f, b, 0x3001)
	require.NoError(t, err)
	require.Equal(t, []byte{0x77, 3}, b, "a read sees what was written to a view")
	_, err = w.m.WriteFile(f, []byte{1, 2}, 0x3000)
	require.NoError(t, err)
	require.EqualValues(t, 2, w.ok(two.Base+0x3001, x86.Read, 0), "and a view what was written to the file")

	w.ok(one.Base+0x57ff, x86.Write, 9)
	require.Zero(t, w.ok(one.Base+0x5800, x86.Read, 0), "behind the file's end")
	w.ok(one.Base+0x5800, x86.Write, 1)
	disk := f.File.(*disk)
	require.NotEqual(t, byte(9), disk.data[0x57ff], "not written yet")
	require.Equal(t, success, w.as.Flush(&Request{Base: one.Base}))
	require.EqualValues(t, 9, disk.data[0x57ff])
	require.Len(t, disk.data, 0x5800, "the file does not grow by what is written behind its end")

	require.False(t, w.m.CanTruncate(f, 0x1000), "mapped")
	require.True(t, w.m.CanTruncate(f, 0x5801))
	require.Equal(t, success, w.as.SameFile(one.Base, two.Base))
	s.Close()
	w.ok(two.Base, x86.Write, 5)
	for _, v := range []*View{&one, &two, &copied} {
		require.Equal(t, success, w.as.UnmapView(v.Base))
	}
	require.EqualValues(t, 5, disk.data[0], "the last view writes back")
	require.True(t, w.m.CanTruncate(f, 0x1000))
	w.m.CloseFile(f)
	require.NoError(t, w.m.verify())
	c := w.m.Counters()
	require.Zero(t, c.AvailablePages()-c.ZeroedPages-c.FreePages, "nothing of a closed file stays")
}

func TestMappedWriterSavesModifiedPages(t *testing.T) {
	w := newWorld(t, 64)
	f := newFile(100 << 12)
	s, _ := w.m.NewSection(f, 0, rw, ntdef.SEC_COMMIT)
	var v View
	require.Equal(t, success, w.as.MapView(s, &v))
	w.fill(v.Base, 100)
	require.Positive(t, f.File.(*disk).writes, "no page file is needed")
	w.checkFilled(v.Base, 100)
	require.NoError(t, w.m.verify())
}

func TestReservedSectionIsCommittedThroughItsViews(t *testing.T) {
	w := newWorld(t, 64)
	s, _ := w.m.NewSection(nil, 0x10000, rw, ntdef.SEC_RESERVE)
	one, two := View{CommitSize: 0x1000}, View{}
	require.Equal(t, success, w.as.MapView(s, &one))
	require.Equal(t, success, w.as.MapView(s, &two))
	require.EqualValues(t, 0x1000, w.query(two.Base).RegionSize)
	require.EqualValues(t, ntdef.MEM_RESERVE, w.query(two.Base+0x1000).State)
	_, r := w.access(two.Base+0x2000, x86.Write, 1)
	require.Equal(t, violation(1, two.Base+0x2000), r)
	w.must(one.Base+0x2000, 0x1000, ntdef.MEM_COMMIT, rw)
	w.ok(two.Base+0x2000, x86.Write, 7)
	require.EqualValues(t, 7, w.ok(one.Base+0x2000, x86.Read, 0))
	_, st := w.protect(two.Base+0x2000, 0x2000, ntdef.PAGE_READONLY)
	require.Equal(t, ntdef.STATUS_NOT_COMMITTED, st)
	require.Equal(t, ntdef.STATUS_UNABLE_TO_DELETE_SECTION, w.free(two.Base+0x2000, 0x1000, ntdef.MEM_DECOMMIT))
	require.NoError(t, w.m.verify())
}

func TestExtendGrowsTheFile(t *testing.T) {
	w := newWorld(t, 64)
	f := newFile(0x1000)
	s, _ := w.m.NewSection(f, 0, rw, ntdef.SEC_COMMIT)
	size, st := s.Extend(0x3001)
	require.Equal(t, success, st)
	require.EqualValues(t, 0x3001, size)
	require.EqualValues(t, 0x3001, f.File.Size())
	var v View
	require.Equal(t, success, w.as.MapView(s, &v))
	require.EqualValues(t, 0x4000, v.Size)
	anon, _ := w.m.NewSection(nil, 0x1000, rw, ntdef.SEC_COMMIT)
	_, st = anon.Extend(0x2000)
	require.Equal(t, ntdef.STATUS_SECTION_NOT_EXTENDED, st)
}

func TestViewProtection(t *testing.T) {
	w := newWorld(t, 64)
	s, _ := w.m.NewSection(newFile(0x3000), 0, rw, ntdef.SEC_COMMIT)
	v := View{Protect: ntdef.PAGE_READONLY}
	require.Equal(t, success, w.as.MapView(s, &v))
	_, st := w.protect(v.Base, 0x1000, rw)
	require.Equal(t, ntdef.STATUS_SECTION_PROTECTION, st)
	before := w.m.Counters().CommittedPages
	old, st := w.protect(v.Base, 0x1000, ntdef.PAGE_WRITECOPY)
	require.Equal(t, success, st)
	require.EqualValues(t, ntdef.PAGE_READONLY, old)
	w.ok(v.Base, x86.Write, 1)
	require.Greater(t, w.m.Counters().CommittedPages, before, "the copy is charged")
	require.NoError(t, w.m.verify())
	require.Equal(t, success, w.as.UnmapView(v.Base))
	require.NoError(t, w.m.verify())
}

func TestSectionPagesGoToThePageFile(t *testing.T) {
	w := newWorld(t, 64)
	w.pageFile(512, 512)
	s, _ := w.m.NewSection(nil, 200<<12, rw, ntdef.SEC_COMMIT)
	var v View
	require.Equal(t, success, w.as.MapView(s, &v))
	w.fill(v.Base, 200)
	require.Equal(t, success, w.as.UnmapView(v.Base))
	v = View{}
	require.Equal(t, success, w.as.MapView(s, &v))
	w.checkFilled(v.Base, 200)
	require.NoError(t, w.m.verify())
	s.Close()
	require.Positive(t, w.m.Counters().PageFilePagesUsed, "the view keeps the pages")
	require.Equal(t, success, w.as.UnmapView(v.Base))
	require.Zero(t, w.m.Counters().PageFilePagesUsed)
}
