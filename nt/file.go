package nt

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
)

// A fileObject is what the handle of a file or a folder refers to.
type fileObject struct {
	ioState
	sys           *System
	node          *node
	access, share uint32
	position      uint64
	deleteOnClose bool
	posix         bool // deletes the name with this object, whoever else has the file open
	locks         []byteLock
	search        *search // of a folder that is listed
	pattern       string  // of the search
	watch         *watch  // of a folder that is watched
}

// sections joins the file to what is mapped of it.
func (f *fileObject) sections() *ntmm.FileSections { return &f.node.sections }

// nullDevice is \\.\NUL: it takes everything and has nothing.
type nullDevice struct{ ioState }

// closed ends the file object: with the last one a file that was deleted goes. What was to be deleted then, and cannot be, stays, and
// nobody is told.
func (f *fileObject) closed() {
	n := f.node
	f.unwatch()
	f.sys.cancelAll(&f.ioState, ntdef.STATUS_CANCELLED)
	n.opens = slices.DeleteFunc(n.opens, func(o *fileObject) bool { return o == f })
	n.unlocked(f.sys)
	n.doomed = n.doomed || f.deleteOnClose && n.deletable() == ntdef.STATUS_SUCCESS
	switch {
	case n.doomed && len(n.opens) == 0:
		if !n.unlinked {
			defer n.changed(f.sys, actionRemoved, n.nameFilter())
		}
		n.remove(f.sys.mm)
	case n.doomed && f.posix && !n.unlinked:
		n.unlink()
		n.changed(f.sys, actionRemoved, n.nameFilter())
	}
}

func (n *node) stamp(now uint64) { n.written, n.access = now, now }

// resize sets a file's length: USER_MAPPED_FILE where a view shows what would go, DISK_FULL.
func (s *System) resize(n *node, size uint64) ntdef.Status {
	if size > maxFileSize {
		return ntdef.STATUS_DISK_FULL
	}
	if !s.mm.CanTruncate(&n.sections, size) {
		return ntdef.STATUS_USER_MAPPED_FILE
	}
	if err := n.content.Truncate(int64(size)); err != nil {
		return ntdef.STATUS_DISK_FULL
	}
	n.stamp(s.SystemTime())
	n.changed(s, actionModified, changeSize|changeLastWrite)
	return ntdef.STATUS_SUCCESS
}

// file returns the file object of a handle: INVALID_HANDLE, OBJECT_TYPE_MISMATCH.
func (p *Process) file(h ntdef.Handle) (*fileObject, ntdef.Status) {
	switch o := p.handles.get(h).(type) {
	case nil:
		return nil, ntdef.STATUS_INVALID_HANDLE
	case *fileObject:
		return o, ntdef.STATUS_SUCCESS
	}
	return nil, ntdef.STATUS_OBJECT_TYPE_MISMATCH
}

// FileEnd is the offset that stands for the file's end, and FilePosition for the object's own position.
const (
	FileEnd      = ^uint64(0)
	FilePosition = ^uint64(0) - 1
)

// readAt reads from a file and moves its position behind what it read.
func (f *fileObject) readAt(b []byte, offset uint64) (int, ntdef.Status) {
	switch {
	case f.node.folder:
		return 0, ntdef.STATUS_INVALID_DEVICE_REQUEST
	case f.access&(ntdef.FILE_READ_DATA|ntdef.FILE_EXECUTE) == 0:
		return 0, ntdef.STATUS_ACCESS_DENIED
	}
	if offset == FilePosition {
		offset = f.position
	}
	if f.locked(offset, uint64(len(b)), false) {
		return 0, ntdef.STATUS_FILE_LOCK_CONFLICT
	}
	n, err := f.sys.mm.ReadFile(&f.node.sections, b, offset)
	f.position = offset + uint64(n)
	switch {
	case n == 0 && len(b) > 0 && errors.Is(err, io.EOF):
		return 0, ntdef.STATUS_END_OF_FILE
	case err != nil && !errors.Is(err, io.EOF):
		return n, ntdef.STATUS_UNEXPECTED_IO_ERROR
	}
	return n, ntdef.STATUS_SUCCESS
}

// writeAt writes to a file, which grows as it must.
func (f *fileObject) writeAt(b []byte, offset uint64) (int, ntdef.Status) {
	switch {
	case f.node.folder:
		return 0, ntdef.STATUS_INVALID_DEVICE_REQUEST
	case f.access&(ntdef.FILE_WRITE_DATA|ntdef.FILE_APPEND_DATA) == 0:
		return 0, ntdef.STATUS_ACCESS_DENIED
	}
	switch {
	case offset == FileEnd, f.access&ntdef.FILE_WRITE_DATA == 0:
		offset = f.node.content.Size()
	case offset == FilePosition:
		offset = f.position
	}
	if offset > maxFileSize-uint64(len(b)) {
		return 0, ntdef.STATUS_DISK_FULL
	}
	if f.locked(offset, uint64(len(b)), true) {
		return 0, ntdef.STATUS_FILE_LOCK_CONFLICT
	}
	n, err := f.sys.mm.WriteFile(&f.node.sections, b, offset)
	f.position = offset + uint64(n)
	f.node.stamp(f.sys.SystemTime())
	f.node.changed(f.sys, actionModified, changeSize|changeLastWrite)
	if err != nil {
		return n, ntdef.STATUS_DISK_FULL
	}
	return n, ntdef.STATUS_SUCCESS
}

// FileInfo is what is known of a file: FILE_BASIC_INFORMATION, FILE_STANDARD_INFORMATION and its place.
type FileInfo struct {
	Name, Path                 string
	Attributes                 uint32
	Created, Accessed, Written uint64 // 100 ns units since 1601
	Size, Position, ID         uint64
	Volume                     byte // the drive's letter
	DeletePending              bool
}

func (n *node) info() FileInfo {
	full := n.path()
	return FileInfo{
		Name: n.name, Path: full, Attributes: n.attributes, Created: n.created, Accessed: n.access, Written: n.written,
		Size: n.size(), ID: n.id, Volume: full[0], DeletePending: n.doomed,
	}
}

// QueryFile returns what is known of the file of a handle.
func (p *Process) QueryFile(h ntdef.Handle) (FileInfo, ntdef.Status) {
	f, st := p.file(h)
	if st != ntdef.STATUS_SUCCESS {
		return FileInfo{}, st
	}
	i := f.node.info()
	i.Position = f.position
	return i, st
}

// SetFileBasic is NtSetInformationFile, class FileBasicInformation: zeros leave what is there.
func (p *Process) SetFileBasic(h ntdef.Handle, created, accessed, written uint64, attributes uint32) ntdef.Status {
	f, st := p.file(h)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	n := f.node
	for _, t := range []struct {
		to   *uint64
		from uint64
	}{{&n.created, created}, {&n.access, accessed}, {&n.written, written}} {
		if int64(t.from) > 0 { // -1 and -2 say whether the file system goes on counting
			*t.to = t.from
		}
	}
	n.setAttributes(attributes)
	n.changed(p.sys, actionModified, changeAttributes)
	return ntdef.STATUS_SUCCESS
}

func (n *node) setAttributes(attributes uint32) {
	if attributes != 0 {
		const settable = ntdef.FILE_ATTRIBUTE_READONLY | ntdef.FILE_ATTRIBUTE_HIDDEN | ntdef.FILE_ATTRIBUTE_SYSTEM | ntdef.FILE_ATTRIBUTE_ARCHIVE
		n.attributes = n.attributes&ntdef.FILE_ATTRIBUTE_DIRECTORY | attributes&settable
	}
}

// SetPathAttributes sets the attributes of the file at a path.
func (p *Process) SetPathAttributes(full string, attributes uint32) ntdef.Status {
	n, _, _, st := p.sys.volumes.find(full)
	if st == ntdef.STATUS_SUCCESS {
		if attributes &^= ntdef.FILE_ATTRIBUTE_NORMAL; attributes == 0 {
			n.attributes &= ntdef.FILE_ATTRIBUTE_DIRECTORY
		}
		n.setAttributes(attributes)
		n.changed(p.sys, actionModified, changeAttributes)
	}
	return st
}

// SetFilePosition is NtSetInformationFile, class FilePositionInformation.
func (p *Process) SetFilePosition(h ntdef.Handle, position uint64) ntdef.Status {
	f, st := p.file(h)
	if st == ntdef.STATUS_SUCCESS {
		f.position = position
	}
	return st
}

// SetEndOfFile is NtSetInformationFile, class FileEndOfFileInformation.
func (p *Process) SetEndOfFile(h ntdef.Handle, size uint64) ntdef.Status {
	f, st := p.file(h)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st
	case f.node.folder:
		return ntdef.STATUS_INVALID_DEVICE_REQUEST
	case f.access&(ntdef.FILE_WRITE_DATA|ntdef.FILE_APPEND_DATA) == 0:
		return ntdef.STATUS_ACCESS_DENIED
	}
	return p.sys.resize(f.node, size)
}

// DeleteFile is NtSetInformationFile, class FileDispositionInformation: the file goes with its last handle.
func (p *Process) DeleteFile(h ntdef.Handle) ntdef.Status {
	return p.SetDisposition(h, dispositionDelete)
}

// The flags of FileDispositionInformationEx (ntddk.h).
const (
	dispositionDelete         = 0x01
	dispositionPosix          = 0x02 // the name goes with this handle
	dispositionOnClose        = 0x08
	dispositionIgnoreReadOnly = 0x10
)

// SetDisposition is FileDispositionInformationEx: without the flag to delete it the file stays. CANNOT_DELETE for what is read-only or
// mapped, DIRECTORY_NOT_EMPTY.
func (p *Process) SetDisposition(h ntdef.Handle, flags uint32) ntdef.Status {
	f, st := p.file(h)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st
	case f.access&ntdef.DELETE == 0:
		return ntdef.STATUS_ACCESS_DENIED
	case flags&dispositionOnClose != 0:
		if f.node.parent == nil {
			return ntdef.STATUS_CANNOT_DELETE
		}
		f.deleteOnClose = flags&dispositionDelete != 0
		return st
	case flags&dispositionDelete == 0:
		f.node.doomed = false
		return st
	}
	n := f.node
	protected := n.attributes&ntdef.FILE_ATTRIBUTE_READONLY != 0 && flags&dispositionIgnoreReadOnly == 0
	if protected {
		return ntdef.STATUS_CANNOT_DELETE
	}
	if st := n.deletable(); st != ntdef.STATUS_SUCCESS {
		return st
	}
	n.doomed, f.posix = true, flags&dispositionPosix != 0
	return ntdef.STATUS_SUCCESS
}

// deletable says what speaks against deleting a node but its attributes: CANNOT_DELETE, DIRECTORY_NOT_EMPTY.
func (n *node) deletable() ntdef.Status {
	switch {
	case n.parent == nil, n.readOnly(), n.sections.IsMapped():
		return ntdef.STATUS_CANNOT_DELETE
	case n.folder && len(n.entries()) != 0:
		return ntdef.STATUS_DIRECTORY_NOT_EMPTY
	}
	return ntdef.STATUS_SUCCESS
}

// RenameFile is NtSetInformationFile, class FileRenameInformation, to a full path.
func (p *Process) RenameFile(h ntdef.Handle, full string, replace bool) ntdef.Status {
	f, st := p.file(h)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	if f.access&ntdef.DELETE == 0 || f.node.parent == nil || f.node.unlinked {
		return ntdef.STATUS_ACCESS_DENIED
	}
	old, folder, name, st := p.sys.volumes.find(full)
	switch {
	case st == ntdef.STATUS_SUCCESS && old == f.node:
		folder, name = f.node.parent, full[strings.LastIndexByte(full, '\\')+1:] // another case
	case st == ntdef.STATUS_SUCCESS && old.parent == nil:
		return ntdef.STATUS_OBJECT_NAME_COLLISION
	case st != ntdef.STATUS_SUCCESS && st != ntdef.STATUS_OBJECT_NAME_NOT_FOUND:
		return st
	}
	n := f.node
	from, was := n.parent, n.name
	if st = n.rename(p.sys.mm, folder, name, replace); st != ntdef.STATUS_SUCCESS || len(n.vol.watches) == 0 {
		return st
	}
	gone, come := uint32(actionOldName), uint32(actionNewName)
	if from != folder {
		gone, come = actionRemoved, actionAdded
	}
	from.changedBelow(p.sys, was, gone, n.nameFilter())
	n.changed(p.sys, come, n.nameFilter())
	return st
}

// Drives returns a bit for each drive letter, A first.
func (p *Process) Drives() (mask uint32) {
	for i, d := range p.sys.volumes.drives {
		if d != nil {
			mask |= 1 << i
		}
	}
	return mask
}

// DriveSpace returns what of a drive is free and how large it is, in bytes: of the guest's own files, which live in memory.
// OBJECT_PATH_NOT_FOUND where there is no such drive.
func (p *Process) DriveSpace(letter byte) (free, total uint64, readOnly bool, st ntdef.Status) {
	i := int(letter|0x20) - 'a'
	if i < 0 || i >= 26 || p.sys.volumes.drives[i] == nil {
		return 0, 0, false, ntdef.STATUS_OBJECT_PATH_NOT_FOUND
	}
	return maxFileMemory - p.sys.volumes.memory, maxFileMemory, p.sys.volumes.drives[i].readOnly(), ntdef.STATUS_SUCCESS
}
