package nt

import (
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
)

// An OpenRequest is the argument of CreateFile: a path, C:\a\b, \\.\NUL or the object manager's \??\C:\a\b, and what NtCreateFile
// takes. A path that is not absolute begins at the file of the handle Root.
type OpenRequest struct {
	Path        string
	Root        ntdef.Handle
	Access      uint32 // generic rights or FILE_ ones
	Share       uint32
	Disposition uint32 // FILE_OPEN, …
	Options     uint32
	Attributes  uint32 // of a file that is made
	SecurityAttributes
}

// fileRights spells generic rights out.
func fileRights(access uint32) uint32 { return typeNamed("File").specific(access) }

// check says what the I/O manager has against a request before it looks at the name (ntifs.h, "NtCreateFile").
func (r *OpenRequest) check() ntdef.Status {
	const synchronous = ntdef.FILE_SYNCHRONOUS_IO_ALERT | ntdef.FILE_SYNCHRONOUS_IO_NONALERT
	folder := r.Options&ntdef.FILE_DIRECTORY_FILE != 0
	switch {
	case r.Disposition > ntdef.FILE_OVERWRITE_IF,
		r.Share&^(ntdef.FILE_SHARE_READ|ntdef.FILE_SHARE_WRITE|ntdef.FILE_SHARE_DELETE) != 0,
		r.Attributes&^ntdef.FILE_ATTRIBUTE_VALID_FLAGS != 0,
		r.Options&^ntdef.FILE_VALID_OPTION_FLAGS != 0,
		r.Options&synchronous == synchronous,
		r.Options&synchronous != 0 && fileRights(r.Access)&(ntdef.SYNCHRONIZE|ntdef.MAXIMUM_ALLOWED) == 0,
		r.Options&ntdef.FILE_DELETE_ON_CLOSE != 0 && fileRights(r.Access)&(ntdef.DELETE|ntdef.MAXIMUM_ALLOWED) == 0,
		r.Options&ntdef.FILE_NO_INTERMEDIATE_BUFFERING != 0 && r.Access&ntdef.FILE_APPEND_DATA != 0,
		folder && r.Options&ntdef.FILE_NON_DIRECTORY_FILE != 0,
		folder && r.Options&^ntdef.FILE_VALID_DIRECTORY_FLAGS != 0,
		folder && r.Disposition != ntdef.FILE_OPEN && r.Disposition != ntdef.FILE_CREATE && r.Disposition != ntdef.FILE_OPEN_IF:
		return ntdef.STATUS_INVALID_PARAMETER
	case r.Access == 0:
		return ntdef.STATUS_ACCESS_DENIED
	}
	return ntdef.STATUS_SUCCESS
}

// CreateFile is NtCreateFile: a handle, and what was done (FILE_OPENED, …). Statuses: those of names (OBJECT_NAME_NOT_FOUND,
// OBJECT_PATH_NOT_FOUND, OBJECT_NAME_INVALID, …), OBJECT_NAME_COLLISION, SHARING_VIOLATION, ACCESS_DENIED, FILE_IS_A_DIRECTORY,
// NOT_A_DIRECTORY, DELETE_PENDING, CANNOT_DELETE, MEDIA_WRITE_PROTECTED, DISK_FULL; INVALID_HANDLE for a console, as nobody has one.
func (p *Process) CreateFile(r *OpenRequest) (ntdef.Handle, uint32, ntdef.Status) {
	q := *r
	q.Path = ntName(r.Path)
	h, done, st := p.createFile(&q)
	p.serviced("NtCreateFile", st, openParams, uint64(r.Access), uint64(r.Share), uint64(r.Disposition), uint64(r.Options), uint64(h))
	return h, done, st
}

var openParams = []string{"access", "share", "disposition", "options", "got"}

func (p *Process) createFile(r *OpenRequest) (ntdef.Handle, uint32, ntdef.Status) {
	if r.security.refused != ntdef.STATUS_SUCCESS {
		return 0, 0, r.security.refused
	}
	if r.Options&ntdef.FILE_OPEN_BY_FILE_ID != 0 {
		p.sys.refuse("opening a file by its identifier")
		return 0, 0, ntdef.STATUS_NOT_SUPPORTED
	}
	name, st := p.fileName(r.Root, r.Path)
	if st != ntdef.STATUS_SUCCESS {
		return 0, 0, st
	}
	var o object
	access, done := fileRights(r.Access), ntdef.FILE_OPENED
	switch name.device {
	case onDisk:
		var f *fileObject
		if f, done, st = p.openDisk(r, name.path); st != ntdef.STATUS_SUCCESS {
			return 0, 0, st
		}
		o, access = f, f.access
	case onNull:
		if name.path != "" {
			return 0, 0, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
		}
		o = &nullDevice{ioState{options: r.Options}}
	case onConsole:
		return 0, 0, ntdef.STATUS_INVALID_HANDLE
	case onPipes:
		if o, st = p.openPipe(r, name.path); st != ntdef.STATUS_SUCCESS {
			return 0, 0, st
		}
	default:
		p.sys.refuse("opening " + r.Path)
		return 0, 0, ntdef.STATUS_ACCESS_DENIED
	}
	if access&ntdef.MAXIMUM_ALLOWED != 0 {
		access |= ntdef.FILE_ALL_ACCESS
	}
	h, st := p.hold(o, access, r.Inherit)
	return h, done, st
}

// hold gives an object that was just opened a handle; where there can be none the object ends.
func (p *Process) hold(o object, access uint32, inherit bool) (ntdef.Handle, ntdef.Status) {
	h, st := p.creatorHandle(o, access, flag(inherit)*objInherit)
	if st != ntdef.STATUS_SUCCESS {
		discard(o)
	}
	return h, st
}

// openDisk opens or makes a file or a folder of a drive.
func (p *Process) openDisk(r *OpenRequest, full string) (*fileObject, uint32, ntdef.Status) {
	n, folder, name, st := p.sys.volumes.find(full)
	f := &fileObject{
		ioState: ioState{options: r.Options}, sys: p.sys, access: fileRights(r.Access), share: r.Share,
		deleteOnClose: r.Options&ntdef.FILE_DELETE_ON_CLOSE != 0,
	}
	wantsFolder := r.Options&ntdef.FILE_DIRECTORY_FILE != 0
	done := ntdef.FILE_OPENED
	switch {
	case st == ntdef.STATUS_OBJECT_NAME_NOT_FOUND:
		if r.Disposition == ntdef.FILE_OPEN || r.Disposition == ntdef.FILE_OVERWRITE {
			return nil, 0, st
		}
		if strings.HasSuffix(full, `\`) && !wantsFolder {
			return nil, 0, ntdef.STATUS_OBJECT_NAME_INVALID
		}
		if f.access&ntdef.MAXIMUM_ALLOWED != 0 {
			f.access = ntdef.FILE_ALL_ACCESS
		}
		if n, st = p.makeFile(r, folder, name, wantsFolder); st != ntdef.STATUS_SUCCESS {
			return nil, 0, st
		}
		n.stamp(p.sys.SystemTime())
		n.created = n.written
		n.setAttributes(n.attributes | r.Attributes)
		n.changed(p.sys, actionAdded, n.nameFilter())
		done = ntdef.FILE_CREATED
	case st != ntdef.STATUS_SUCCESS:
		return nil, 0, st
	default:
		if st := f.mayOpen(n, r, full); st != ntdef.STATUS_SUCCESS {
			return nil, 0, st
		}
		if st := p.mayOpenFile(f, n, r); st != ntdef.STATUS_SUCCESS {
			return nil, 0, st
		}
	}
	if !n.shared(f) {
		return nil, 0, ntdef.STATUS_SHARING_VIOLATION
	}
	if !n.folder {
		if st := n.open(); st != ntdef.STATUS_SUCCESS {
			return nil, 0, st
		}
		if done == ntdef.FILE_OPENED && r.empties() {
			if st := p.sys.resize(n, 0); st != ntdef.STATUS_SUCCESS {
				return nil, 0, st
			}
			n.setAttributes(r.Attributes | ntdef.FILE_ATTRIBUTE_ARCHIVE)
			if done = ntdef.FILE_OVERWRITTEN; r.Disposition == ntdef.FILE_SUPERSEDE {
				done = ntdef.FILE_SUPERSEDED
			}
		}
	}
	f.node = n
	n.opens = append(n.opens, f)
	return f, done, ntdef.STATUS_SUCCESS
}

// makeFile makes a file or a folder that is not there: ACCESS_DENIED, and the statuses of descriptorOf.
func (p *Process) makeFile(r *OpenRequest, folder *node, name string, isFolder bool) (*node, ntdef.Status) {
	in, right := &fileObject{node: folder}, ntdef.FILE_ADD_FILE
	if isFolder {
		right = ntdef.FILE_ADD_SUBDIRECTORY
	}
	if st := p.mayAdd(in, right); st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	d, st := p.descriptorOf(typeNamed("File"), isFolder, r.security, in, true)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	n, st := folder.create(name, isFolder)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	return n, n.protect(d)
}

// mayOpenFile decides what the file's descriptor grants of a request, as mayOpen does. A folder may let delete what is in it, and tell of it.
func (p *Process) mayOpenFile(f *fileObject, n *node, r *OpenRequest) ntdef.Status {
	o, asked := &fileObject{node: n}, fileRights(r.Access)
	if r.empties() {
		asked |= ntdef.FILE_WRITE_DATA
	}
	got, st := p.mayOpen(o, asked)
	if st == ntdef.STATUS_ACCESS_DENIED && n.parent != nil {
		by := uint32(0)
		for _, g := range []struct{ folder, file uint32 }{
			{ntdef.FILE_DELETE_CHILD, ntdef.DELETE}, {ntdef.FILE_LIST_DIRECTORY, ntdef.FILE_READ_ATTRIBUTES},
		} {
			if _, st := p.mayOpen(&fileObject{node: n.parent}, g.folder); st == ntdef.STATUS_SUCCESS {
				by |= g.file
			}
		}
		if asked&by != 0 {
			got, st = p.mayOpen(o, asked&^by)
		}
	}
	if st == ntdef.STATUS_SUCCESS && asked&ntdef.MAXIMUM_ALLOWED != 0 {
		f.access &= got
	}
	return st
}

// empties reports whether a file that is there loses its contents.
func (r *OpenRequest) empties() bool {
	return r.Disposition >= ntdef.FILE_OVERWRITE || r.Disposition == ntdef.FILE_SUPERSEDE
}

// writeRights are the rights to change what a file holds.
const writeRights = ntdef.FILE_WRITE_DATA | ntdef.FILE_APPEND_DATA

// mayOpen says what speaks against opening a node that is there. MAXIMUM_ALLOWED becomes the rights that nothing speaks against.
func (f *fileObject) mayOpen(n *node, r *OpenRequest, full string) ntdef.Status {
	const both = ntdef.FILE_ATTRIBUTE_HIDDEN | ntdef.FILE_ATTRIBUTE_SYSTEM
	protected := n.attributes&ntdef.FILE_ATTRIBUTE_READONLY != 0 && !n.folder
	if f.access&ntdef.MAXIMUM_ALLOWED != 0 {
		f.access = f.access&^ntdef.MAXIMUM_ALLOWED | ntdef.FILE_ALL_ACCESS
		if protected || n.readOnly() {
			f.access &^= writeRights
		}
	}
	wants := f.access&writeRights != 0
	switch {
	case n.doomed:
		return ntdef.STATUS_DELETE_PENDING
	case r.Disposition == ntdef.FILE_CREATE:
		return ntdef.STATUS_OBJECT_NAME_COLLISION
	case n.folder && r.Options&ntdef.FILE_NON_DIRECTORY_FILE != 0:
		return ntdef.STATUS_FILE_IS_A_DIRECTORY
	case !n.folder && (r.Options&ntdef.FILE_DIRECTORY_FILE != 0 || strings.HasSuffix(full, `\`)):
		return ntdef.STATUS_NOT_A_DIRECTORY
	case n.folder && r.empties():
		return ntdef.STATUS_OBJECT_NAME_COLLISION
	case wants && n.readOnly():
		return ntdef.STATUS_MEDIA_WRITE_PROTECTED
	case f.deleteOnClose && (protected || n.readOnly() || n.parent == nil):
		return ntdef.STATUS_CANNOT_DELETE
	case wants && protected:
		return ntdef.STATUS_ACCESS_DENIED
	case r.empties() && (protected || n.readOnly() || n.attributes&both&^r.Attributes != 0):
		return ntdef.STATUS_ACCESS_DENIED
	}
	return ntdef.STATUS_SUCCESS
}

// shared reports whether a file object fits with those that have the node open: each access must be shared by all others
// (ntifs.h, "IoCheckShareAccess").
func (n *node) shared(f *fileObject) bool {
	type right struct{ access, share uint32 }
	rights := []right{
		{ntdef.FILE_READ_DATA | ntdef.FILE_EXECUTE, ntdef.FILE_SHARE_READ},
		{writeRights, ntdef.FILE_SHARE_WRITE},
		{ntdef.DELETE, ntdef.FILE_SHARE_DELETE},
	}
	uses := func(access uint32) bool {
		for _, r := range rights {
			if access&r.access != 0 {
				return true
			}
		}
		return false
	}
	for _, o := range n.opens {
		if !uses(o.access) || !uses(f.access) {
			continue // attributes alone
		}
		for _, r := range rights {
			if f.access&r.access != 0 && o.share&r.share == 0 || o.access&r.access != 0 && f.share&r.share == 0 {
				return false
			}
		}
	}
	return true
}
