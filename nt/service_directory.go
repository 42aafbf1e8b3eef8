package nt

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Listing folders.
var directoryServices = []Service{
	service("NtQueryDirectoryFile", Partial("classes 1 to 3, 12, 37, 38, 60, 63"), ntQueryDirectoryFile),
	service("NtQueryDirectoryFileEx", Partial("classes 1 to 3, 12, 37, 38, 60, 63"), ntQueryDirectoryFileEx),
	service("NtNotifyChangeDirectoryFile", Full, ntNotifyChangeDirectoryFile),
	service("NtNotifyChangeDirectoryFileEx", Partial("DirectoryNotifyInformation"), ntNotifyChangeDirectoryFileEx),
}

// search is a folder being listed: as it was when that began.
type search struct {
	entries []FileInfo
	next    int
	began   bool // an entry was asked for
}

// search begins to list the entries of a folder that fit a pattern of the file system, . and .. first below a drive's root.
func (f *fileObject) list(pattern string) {
	n := f.node
	f.search = &search{}
	if n.parent != nil {
		for _, dot := range []struct {
			name string
			node *node
		}{{".", n}, {"..", n.parent}} {
			if inExpression(pattern, dot.name) {
				i := dot.node.info()
				i.Name = dot.name
				f.search.entries = append(f.search.entries, i)
			}
		}
	}
	for _, c := range n.entries() {
		if inExpression(pattern, c.name) {
			f.search.entries = append(f.search.entries, c.info())
		}
	}
}

// entry is the next one: NO_SUCH_FILE where nothing fits, NO_MORE_FILES at the end.
func (s *search) entry() (*FileInfo, ntdef.Status) {
	switch {
	case s.next < len(s.entries):
		return &s.entries[s.next], ntdef.STATUS_SUCCESS
	case s.began:
		return nil, ntdef.STATUS_NO_MORE_FILES
	}
	return nil, ntdef.STATUS_NO_SUCH_FILE
}

// ListFolder is NtQueryDirectoryFile, one entry at a time: the first call's pattern, of FindFirstFile, counts.
func (p *Process) ListFolder(h ntdef.Handle, pattern string) (FileInfo, ntdef.Status) {
	f, st := p.file(h)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return FileInfo{}, st
	case !f.node.folder:
		return FileInfo{}, ntdef.STATUS_INVALID_PARAMETER
	case f.search == nil && len(pattern) > maxExpression:
		return FileInfo{}, ntdef.STATUS_OBJECT_NAME_INVALID
	case f.search == nil:
		f.list(win32Pattern(pattern))
	}
	i, st := f.search.entry()
	f.search.began = true
	if st != ntdef.STATUS_SUCCESS {
		return FileInfo{}, st
	}
	f.search.next++
	return *i, st
}

// directoryClass is a layout of entries ([MS-FSCC] 2.4.10 and others): how large its structure is, and what follows the common part.
type directoryClass struct {
	size uint32
	tail func(i *FileInfo) []byte // up to the name; nil: the names alone
}

// noShortName is the place of a short name: no file has one.
var noShortName = make([]byte, 26)

var directoryClasses = map[uint32]directoryClass{
	1:  {72, func(*FileInfo) []byte { return nil }},
	2:  {72, func(*FileInfo) []byte { return le32(0) }},
	3:  {96, func(*FileInfo) []byte { return append(le32(0), noShortName...) }},
	12: {16, nil},
	37: {112, func(i *FileInfo) []byte { return slices.Concat(le32(0), noShortName, []byte{0, 0}, le64(i.ID)) }},
	38: {88, func(i *FileInfo) []byte { return append(le32(0, 0), le64(i.ID)...) }},
	60: {96, func(i *FileInfo) []byte { return append(le32(0, 0), le64(i.ID, 0)...) }},
	63: {120, func(i *FileInfo) []byte { return slices.Concat(le32(0, 0), le64(i.ID, 0), noShortName) }},
}

// marshal is an entry, its NextEntryOffset zero; fixed is where its name begins.
func (c *directoryClass) marshal(i *FileInfo) (b []byte, fixed int) {
	name := EncodeUTF16(i.Name)
	if c.tail == nil {
		b = le32(0, 0, uint32(len(name)))
	} else {
		b = append(i.times(le32(0, 0)), le64(i.Size, i.allocated())...)
		b = append(b, le32(i.attributes(), uint32(len(name)))...)
		b = append(b, c.tail(i)...)
	}
	return append(b, name...), len(b)
}

type queryDirectoryFileArgs struct {
	transferArgs
	Class   uint32
	Single  uint8
	Name    uint64
	Restart uint8
}

type queryDirectoryFileExArgs struct {
	transferArgs
	Class uint32
	Flags uint32
	Name  uint64
}

// Flags of NtQueryDirectoryFileEx (ntifs.h).
const (
	slRestartScan       = 0x01
	slReturnSingleEntry = 0x02
	slNoCursorUpdate    = 0x10
)

func ntQueryDirectoryFile(t *Thread, a *queryDirectoryFileArgs) (ntdef.Status, error) {
	ex := queryDirectoryFileExArgs{transferArgs: a.transferArgs, Class: a.Class, Name: a.Name}
	if a.Restart != 0 {
		ex.Flags |= slRestartScan
	}
	if a.Single != 0 {
		ex.Flags |= slReturnSingleEntry
	}
	return ntQueryDirectoryFileEx(t, &ex)
}

func ntQueryDirectoryFileEx(t *Thread, a *queryDirectoryFileExArgs) (ntdef.Status, error) {
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	pattern := ""
	if a.Name != 0 {
		var err error
		if pattern, err = t.UnicodeString(a.Name); err != nil {
			return 0, err
		}
	}
	return t.ListDirectory(a.request(), a.Class, a.Flags, pattern)
}

// ListDirectory is NtQueryDirectoryFileEx: "" stands for no pattern. INVALID_INFO_CLASS, INFO_LENGTH_MISMATCH, INVALID_PARAMETER for what
// is no folder, OBJECT_NAME_INVALID, NO_SUCH_FILE, NO_MORE_FILES, BUFFER_OVERFLOW.
func (t *Thread) ListDirectory(a *IORequest, class, flags uint32, pattern string) (ntdef.Status, error) {
	c, ok := directoryClasses[class]
	switch {
	case !ok:
		t.sys.refuse(classOf("NtQueryDirectoryFile", class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	case a.Length < c.size:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	r, st := t.request(a, ntdef.FILE_READ_DATA)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.perform(r, "", func() (ntdef.Status, error) {
		f, ok := r.file.(*fileObject)
		switch {
		case !ok:
			return ntdef.STATUS_INVALID_DEVICE_REQUEST, nil
		case !f.node.folder:
			return ntdef.STATUS_INVALID_PARAMETER, nil
		case len(pattern) > maxExpression, strings.ContainsAny(pattern, `\/:|`):
			return ntdef.STATUS_OBJECT_NAME_INVALID, nil
		}
		restart := flags&slRestartScan != 0
		switch {
		case f.search == nil, restart && pattern != "":
			f.pattern = cmp.Or(pattern, "*")
			f.list(f.pattern)
		case restart:
			f.list(cmp.Or(f.pattern, "*"))
		}
		return f.fill(r, &c, flags)
	})
}

// fill stores as many entries as fit. The first is cut off where its name does not: BUFFER_OVERFLOW.
func (f *fileObject) fill(r *ioRequest, c *directoryClass, flags uint32) (ntdef.Status, error) {
	s := f.search
	began, first := s.began, s.next
	last := uint32(0) // where the last entry is
	for {
		i, st := s.entry()
		s.began = true
		if st != ntdef.STATUS_SUCCESS {
			if r.done > 0 {
				break
			}
			return st, nil
		}
		b, fixed := c.marshal(i)
		at := (r.done + 7) &^ 7
		switch room := int(r.Length) - int(at); {
		case len(b) <= room:
		case at > 0:
			i = nil
		default:
			b = b[:fixed+(room-fixed)&^1]
			s.next++
			r.information = uint64(len(b))
			return ntdef.STATUS_BUFFER_OVERFLOW, r.put(b)
		}
		if i == nil {
			break
		}
		if at > 0 {
			if err := r.thread.Store32(r.Buffer+uint64(last), at-last); err != nil {
				return 0, err
			}
			if err := r.put(make([]byte, at-r.done)); err != nil {
				return 0, err
			}
		}
		if err := r.put(b); err != nil {
			return 0, err
		}
		s.next++
		last = at
		if flags&slReturnSingleEntry != 0 {
			break
		}
	}
	if flags&slNoCursorUpdate != 0 {
		s.began, s.next = began, first
	}
	r.information = uint64(r.done)
	return ntdef.STATUS_SUCCESS, nil
}
