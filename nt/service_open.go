package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Opening files and asking for them by name.
var openServices = []Service{
	service("NtCreateFile", Partial("disks, NUL and pipes; no extended attributes, file identifiers or streams"), ntCreateFile),
	service("NtOpenFile", Partial("as NtCreateFile"), ntOpenFile),
	service("NtDeleteFile", Full, ntDeleteFile),
	service("NtQueryAttributesFile", Full, ntQueryAttributesFile),
	service("NtQueryFullAttributesFile", Full, ntQueryFullAttributesFile),
}

type createFileArgs struct {
	File             ntdef.Ptr[uint64]
	Access           uint32
	ObjectAttributes uint64
	IOStatus         uint64
	AllocationSize   ntdef.Ptr[int64]
	Attributes       uint32
	Share            uint32
	Disposition      uint32
	Options          uint32
	EaBuffer         uint64
	EaLength         uint32
}

type openFileArgs struct {
	File             ntdef.Ptr[uint64]
	Access           uint32
	ObjectAttributes uint64
	IOStatus         uint64
	Share            uint32
	Options          uint32
}

func ntCreateFile(t *Thread, a *createFileArgs) (ntdef.Status, error) {
	if a.AllocationSize != 0 {
		// Space is taken as it is written: the size is only looked at.
		n, err := t.Load64(uint64(a.AllocationSize))
		if err != nil {
			return 0, err
		}
		if int64(n) < 0 {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
	}
	if a.EaBuffer != 0 && a.EaLength != 0 {
		t.sys.refuse("NtCreateFile: extended attributes")
		return ntdef.STATUS_EAS_NOT_SUPPORTED, nil
	}
	r := OpenRequest{Access: a.Access, Share: a.Share, Disposition: a.Disposition, Options: a.Options, Attributes: a.Attributes}
	return t.openFile(&r, a.ObjectAttributes, a.File, a.IOStatus)
}

func ntOpenFile(t *Thread, a *openFileArgs) (ntdef.Status, error) {
	r := OpenRequest{Access: a.Access, Share: a.Share, Disposition: ntdef.FILE_OPEN, Options: a.Options}
	return t.openFile(&r, a.ObjectAttributes, a.File, a.IOStatus)
}

// openFile opens what the OBJECT_ATTRIBUTES at a place name. Where the results go is looked at before anything is done.
func (t *Thread) openFile(r *OpenRequest, attributes uint64, handle ntdef.Ptr[uint64], ioStatus uint64) (ntdef.Status, error) {
	if err := t.Probe(uint64(handle), 8, x86.Write); err != nil {
		return 0, err
	}
	if err := t.Probe(ioStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	o, st, err := t.fileAttributes(attributes)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return st, err
	}
	if st := r.check(); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	r.Root, r.Path, r.SecurityAttributes = o.root, o.name, o.win32()
	h, done, st := t.proc.createFile(r)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if err := t.storeIOStatus(ioStatus, st, uint64(done)); err != nil {
		return 0, err
	}
	return st, t.Store64(uint64(handle), uint64(h))
}

// fileAttributes reads the OBJECT_ATTRIBUTES of a file, which has to be there: INVALID_PARAMETER.
func (t *Thread) fileAttributes(va uint64) (objectAttributes, ntdef.Status, error) {
	if va == 0 {
		return objectAttributes{}, ntdef.STATUS_INVALID_PARAMETER, nil
	}
	o, err := t.objectAttributes(va)
	return o, ntdef.STATUS_SUCCESS, err
}

type deleteFileArgs struct{ ObjectAttributes uint64 }

// ntDeleteFile opens the file for that and closes it: it goes with the last handle that somebody has.
func ntDeleteFile(t *Thread, a *deleteFileArgs) (ntdef.Status, error) {
	o, st, err := t.fileAttributes(a.ObjectAttributes)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return st, err
	}
	h, _, st := t.proc.createFile(&OpenRequest{
		Root: o.root, Path: o.name, Access: ntdef.DELETE, Disposition: ntdef.FILE_OPEN,
		Share: ntdef.FILE_SHARE_READ | ntdef.FILE_SHARE_WRITE | ntdef.FILE_SHARE_DELETE,
	})
	if st == ntdef.STATUS_SUCCESS {
		st = t.proc.DeleteFile(h)
		t.proc.handles.close(h)
	}
	return st, nil
}

type queryAttributesFileArgs struct{ ObjectAttributes, Information uint64 }

func ntQueryAttributesFile(t *Thread, a *queryAttributesFileArgs) (ntdef.Status, error) {
	return t.queryName(a, (*FileInfo).basic)
}

func ntQueryFullAttributesFile(t *Thread, a *queryAttributesFileArgs) (ntdef.Status, error) {
	return t.queryName(a, (*FileInfo).networkOpen)
}

// queryName writes what is known of a file by its name.
func (t *Thread) queryName(a *queryAttributesFileArgs, marshal func(*FileInfo) []byte) (ntdef.Status, error) {
	o, st, err := t.fileAttributes(a.ObjectAttributes)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return st, err
	}
	i, st := t.proc.queryPath(o.root, o.name)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return st, t.Write(a.Information, marshal(&i))
}

// QueryPath is NtQueryFullAttributesFile of a Win32 path. INVALID_DEVICE_REQUEST for what is on no disk.
func (p *Process) QueryPath(full string) (FileInfo, ntdef.Status) {
	return p.queryPath(0, ntName(full))
}

func (p *Process) queryPath(root ntdef.Handle, path string) (FileInfo, ntdef.Status) {
	name, st := p.fileName(root, path)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return FileInfo{}, st
	case name.device != onDisk:
		return FileInfo{}, ntdef.STATUS_INVALID_DEVICE_REQUEST
	}
	n, _, _, st := p.sys.volumes.find(name.path)
	if st != ntdef.STATUS_SUCCESS {
		return FileInfo{}, st
	}
	if n.doomed {
		return FileInfo{}, ntdef.STATUS_DELETE_PENDING
	}
	if st := p.mayOpenFile(&fileObject{}, n, &OpenRequest{Access: ntdef.FILE_READ_ATTRIBUTES, Disposition: ntdef.FILE_OPEN}); st != ntdef.STATUS_SUCCESS {
		return FileInfo{}, st
	}
	return n.info(), st
}

// attributes are a file's attributes as the file system tells them: a file that has none is normal.
func (i *FileInfo) attributes() uint32 {
	if i.Attributes == 0 {
		return ntdef.FILE_ATTRIBUTE_NORMAL
	}
	return i.Attributes
}

// allocated is what a file takes of its disk, in clusters of 4 KiB.
func (i *FileInfo) allocated() uint64 { return roundUp(i.Size, clusterSize) }

const clusterSize = 4096

func (i *FileInfo) times(b []byte) []byte {
	for _, v := range []uint64{i.Created, i.Accessed, i.Written, i.Written} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// basic is the FILE_BASIC_INFORMATION, 40 bytes; networkOpen the FILE_NETWORK_OPEN_INFORMATION, 56 bytes.
func (i *FileInfo) basic() []byte {
	return binary.LittleEndian.AppendUint64(i.times(nil), uint64(i.attributes()))
}

func (i *FileInfo) networkOpen() []byte {
	b := i.times(nil)
	for _, v := range []uint64{i.allocated(), i.Size, uint64(i.attributes())} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}
