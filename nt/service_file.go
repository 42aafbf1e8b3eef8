package nt

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var fileServices = []Service{
	service("NtWriteFile", Full, ntWriteFile),
	service("NtReadFile", Full, ntReadFile),
	service("NtQueryInformationFile", Partial("no mailslots, quotas, identifiers of objects"), ntQueryInformationFile),
	service("NtSetInformationFile", Partial("no links, extended attributes, quotas"), ntSetInformationFile),
	service("NtClose", Full, ntClose),
}

// requestArgs are the arguments that every service which makes a request begins with.
type requestArgs struct {
	File       ntdef.Handle
	Event      ntdef.Handle
	APCRoutine uint64
	APCContext uint64
	IOStatus   uint64
}

func (a *requestArgs) request() *IORequest {
	return &IORequest{File: a.File, Event: a.Event, APC: a.APCRoutine, Context: a.APCContext, IOStatus: a.IOStatus}
}

// transferArgs are those of requests with one buffer.
type transferArgs struct {
	requestArgs
	Buffer uint64
	Length uint32
}

func (a *transferArgs) request() *IORequest {
	r := a.requestArgs.request()
	r.Buffer, r.Length = a.Buffer, a.Length
	return r
}

type readWriteFileArgs struct {
	transferArgs
	ByteOffset ntdef.Ptr[uint64]
	Key        ntdef.Ptr[uint32]
}

// maxTransfer bounds what one NtReadFile or NtWriteFile holds in the host's memory at a time.
const maxTransfer = 64 << 10

func ntReadFile(t *Thread, a *readWriteFileArgs) (ntdef.Status, error) {
	return t.transfer(a, (*Thread).ReadFile)
}

func ntWriteFile(t *Thread, a *readWriteFileArgs) (ntdef.Status, error) {
	return t.transfer(a, (*Thread).WriteFile)
}

func (t *Thread) transfer(a *readWriteFileArgs, do func(*Thread, *IORequest) (ntdef.Status, uint32, error)) (ntdef.Status, error) {
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	at, err := t.byteOffset(a.ByteOffset)
	if err != nil {
		return 0, err
	}
	r := a.request()
	r.Offset = at
	st, _, err := do(t, r)
	return st, err
}

// byteOffset reads the optional offset of a read or write: without one, or with FILE_USE_FILE_POINTER_POSITION (-2), the file's
// position counts; FILE_WRITE_TO_END_OF_FILE is -1.
func (t *Thread) byteOffset(p ntdef.Ptr[uint64]) (uint64, error) {
	if p == 0 {
		return FilePosition, nil
	}
	return t.Load64(uint64(p))
}

// storeIOStatus writes an IO_STATUS_BLOCK.
func (t *Thread) storeIOStatus(va uint64, st ntdef.Status, information uint64) error {
	if err := t.Store64(va, uint64(st)); err != nil {
		return err
	}
	return t.Store64(va+8, information)
}

type closeArgs struct{ Handle ntdef.Handle }

func ntClose(t *Thread, a *closeArgs) (ntdef.Status, error) {
	return t.proc.handles.close(a.Handle), nil
}
