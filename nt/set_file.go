package nt

import (
	"encoding/binary"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// fileSetting is a class of NtSetInformationFile.
type fileSetting struct {
	name   string
	least  uint32 // bytes
	access uint32
	set    func(t *Thread, h ntdef.Handle, b []byte) ntdef.Status
}

var fileSettings = map[uint32]fileSetting{
	4: {"Basic", 40, ntdef.FILE_WRITE_ATTRIBUTES, func(t *Thread, h ntdef.Handle, b []byte) ntdef.Status {
		le := binary.LittleEndian
		return t.proc.SetFileBasic(h, le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint32(b[32:]))
	}},
	10: {"Rename", 24, ntdef.DELETE, func(t *Thread, h ntdef.Handle, b []byte) ntdef.Status {
		return t.proc.renameTo(h, b, b[0] != 0)
	}},
	13: {"Disposition", 1, ntdef.DELETE, func(t *Thread, h ntdef.Handle, b []byte) ntdef.Status {
		return t.proc.SetDisposition(h, uint32(b[0])&dispositionDelete)
	}},
	14: {"Position", 8, 0, func(t *Thread, h ntdef.Handle, b []byte) ntdef.Status {
		at := binary.LittleEndian.Uint64(b)
		if int64(at) < 0 {
			return ntdef.STATUS_INVALID_PARAMETER
		}
		return t.proc.SetFilePosition(h, at)
	}},
	19: {"Allocation", 8, ntdef.FILE_WRITE_DATA, func(t *Thread, h ntdef.Handle, b []byte) ntdef.Status {
		return t.proc.setAllocation(h, binary.LittleEndian.Uint64(b))
	}},
	20: {"EndOfFile", 8, ntdef.FILE_WRITE_DATA, func(t *Thread, h ntdef.Handle, b []byte) ntdef.Status {
		size := binary.LittleEndian.Uint64(b)
		if int64(size) < 0 {
			return ntdef.STATUS_INVALID_PARAMETER
		}
		return t.proc.SetEndOfFile(h, size)
	}},
	23: {"Pipe", 8, 0, func(t *Thread, h ntdef.Handle, b []byte) ntdef.Status {
		le := binary.LittleEndian
		return t.proc.SetPipeMode(h, le.Uint32(b), le.Uint32(b[4:]))
	}},
	30: {"Completion", 16, 0, func(t *Thread, h ntdef.Handle, b []byte) ntdef.Status {
		le := binary.LittleEndian
		return t.proc.AssociateCompletion(h, ntdef.Handle(le.Uint64(b)), le.Uint64(b[8:]))
	}},
	39: {"ValidDataLength", 8, ntdef.FILE_WRITE_DATA, func(*Thread, ntdef.Handle, []byte) ntdef.Status {
		return ntdef.STATUS_PRIVILEGE_NOT_HELD // SeManageVolumePrivilege
	}},
	40: {"ShortName", 8, ntdef.DELETE, func(*Thread, ntdef.Handle, []byte) ntdef.Status {
		return ntdef.STATUS_PRIVILEGE_NOT_HELD // SeRestorePrivilege
	}},
	41: {"IoCompletionNotification", 4, 0, func(t *Thread, h ntdef.Handle, b []byte) ntdef.Status {
		return t.proc.SetCompletionModes(h, binary.LittleEndian.Uint32(b))
	}},
	// A hint: requests are done in their order.
	43: {"IoPriorityHint", 4, 0, func(_ *Thread, _ ntdef.Handle, b []byte) ntdef.Status {
		if binary.LittleEndian.Uint32(b) > 2 {
			return ntdef.STATUS_INVALID_PARAMETER
		}
		return ntdef.STATUS_SUCCESS
	}},
	64: {"DispositionEx", 4, ntdef.DELETE, func(t *Thread, h ntdef.Handle, b []byte) ntdef.Status {
		return t.proc.SetDisposition(h, binary.LittleEndian.Uint32(b))
	}},
	65: {"RenameEx", 24, ntdef.DELETE, func(t *Thread, h ntdef.Handle, b []byte) ntdef.Status {
		const replace = 1
		return t.proc.renameTo(h, b, b[0]&replace != 0)
	}},
}

// maxSetting bounds what a class takes: a name.
const maxSetting = 0x10000 + 24

func ntSetInformationFile(t *Thread, a *informationFileArgs) (ntdef.Status, error) {
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	b := make([]byte, min(a.Length, maxSetting))
	if err := t.Read(a.Buffer, b); err != nil {
		return 0, err
	}
	if st := t.SetFileInformation(a.File, a.Class, b); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return ntdef.STATUS_SUCCESS, t.storeIOStatus(a.IOStatus, ntdef.STATUS_SUCCESS, 0)
}

// SetFileInformation is NtSetInformationFile: INVALID_INFO_CLASS, INFO_LENGTH_MISMATCH, and what the class says.
func (t *Thread) SetFileInformation(h ntdef.Handle, class uint32, b []byte) ntdef.Status {
	c, ok := fileSettings[class]
	switch {
	case !ok:
		t.sys.refuse(classOf("NtSetInformationFile", class))
		return ntdef.STATUS_INVALID_INFO_CLASS
	case uint32(len(b)) < c.least:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH
	}
	if _, st := of[ioObject](t.proc, h); st != ntdef.STATUS_SUCCESS {
		return st
	}
	if t.lacks(t.proc.handles.granted(h), c.access) {
		return ntdef.STATUS_ACCESS_DENIED
	}
	return c.set(t, h, b)
}

// renameTo takes the new name from a FILE_RENAME_INFORMATION: a path, or the name in a folder, the file's own where none is given.
func (p *Process) renameTo(h ntdef.Handle, b []byte, replace bool) ntdef.Status {
	le := binary.LittleEndian
	n := uint64(le.Uint32(b[16:]))
	if n == 0 || n&1 != 0 || n > uint64(len(b)-20) {
		return ntdef.STATUS_INVALID_PARAMETER
	}
	root, path := ntdef.Handle(le.Uint64(b[8:])), decodeUTF16(b[20:20+n])
	f, st := p.file(h)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	if root == 0 && !strings.HasPrefix(path, `\`) {
		if f.node.parent == nil {
			return ntdef.STATUS_INVALID_PARAMETER
		}
		path = ntName(strings.TrimSuffix(f.node.parent.path(), `\`) + `\` + path)
	}
	name, st := p.fileName(root, path)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st
	case name.device != onDisk:
		return ntdef.STATUS_NOT_SAME_DEVICE
	}
	return p.RenameFile(h, name.path, replace)
}

// setAllocation cuts a file that is longer; the disk's space is taken as it is written.
func (p *Process) setAllocation(h ntdef.Handle, size uint64) ntdef.Status {
	f, st := p.file(h)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st
	case size > maxFileSize:
		return ntdef.STATUS_DISK_FULL
	case f.node.folder:
		return ntdef.STATUS_INVALID_DEVICE_REQUEST
	case size < f.node.size():
		return p.SetEndOfFile(h, size)
	}
	return ntdef.STATUS_SUCCESS
}

// SetPipeMode is FilePipeInformation: reads by messages, and no waiting. INVALID_PARAMETER for messages of a pipe of bytes.
func (p *Process) SetPipeMode(h ntdef.Handle, readMode, completionMode uint32) ntdef.Status {
	f, st := of[ioObject](p, h)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	if readMode > 1 || completionMode > 1 {
		st = ntdef.STATUS_INVALID_PARAMETER
	}
	switch e := f.(type) {
	case *pipeEnd:
		if readMode == 1 && !e.instance.pipe.messages {
			st = ntdef.STATUS_INVALID_PARAMETER
		}
		if st == ntdef.STATUS_SUCCESS {
			e.messages, e.nowait = readMode == 1, completionMode == 1
		}
		return st
	case *stream:
		if st == ntdef.STATUS_SUCCESS {
			st = e.setMode(readMode == 1, completionMode == 1)
		}
		return st
	}
	return ntdef.STATUS_INVALID_DEVICE_REQUEST
}

// AssociateCompletion is FileCompletionInformation: a port is told of the file's requests. INVALID_PARAMETER for a synchronous file and
// for one that has a port.
func (p *Process) AssociateCompletion(h, port ntdef.Handle, key uint64) ntdef.Status {
	f, st := of[ioObject](p, h)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	c, st := with[*completionPort](p, port, modifyState)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st
	case f.io().synchronous(), f.io().port != nil:
		return ntdef.STATUS_INVALID_PARAMETER
	}
	f.io().port, f.io().key = c, key
	return st
}

// SetCompletionModes is FileIoCompletionNotificationInformation: flags are added.
func (p *Process) SetCompletionModes(h ntdef.Handle, flags uint32) ntdef.Status {
	f, st := of[ioObject](p, h)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st
	case flags&^(fileSkipCompletionPortOnSuccess|fileSkipSetEventOnHandle|4) != 0, f.io().synchronous() && flags&3 != 0:
		return ntdef.STATUS_INVALID_PARAMETER
	}
	f.io().notify |= flags
	return st
}
