package nt

import (
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// The other services of requests: locks, flushes, their end before the time; and pipes with names.
var ioServices = []Service{
	service("NtCancelIoFile", Full, ntCancelIoFile),
	service("NtCancelIoFileEx", Full, ntCancelIoFileEx),
	service("NtCancelSynchronousIoFile", Full, ntCancelSynchronousIoFile),
	service("NtCreateMailslotFile", Partial("refused"), ntCreateMailslotFile),
	service("NtCreateNamedPipeFile", Full, ntCreateNamedPipeFile),
	service("NtFlushBuffersFile", Full, ntFlushBuffersFile),
	service("NtFlushBuffersFileEx", Full, ntFlushBuffersFileEx),
	service("NtLockFile", Partial("keys are not told apart"), ntLockFile),
	service("NtReadFileScatter", Full, ntReadFileScatter),
	service("NtUnlockFile", Partial("keys are not told apart"), ntUnlockFile),
	service("NtWriteFileGather", Full, ntWriteFileGather),
}

type cancelArgs struct {
	File     ntdef.Handle
	IOStatus uint64
}

type cancelExArgs struct {
	File     ntdef.Handle
	Request  uint64
	IOStatus uint64
}

// CancelIO is NtCancelIoFileEx: requests of the process through a file end with CANCELLED, those of one IO_STATUS_BLOCK where one is
// given, those of one thread where that is. NOT_FOUND where there is none.
func (p *Process) CancelIO(h ntdef.Handle, of1 uint64, thread *Thread) ntdef.Status {
	f, st := of[ioObject](p, h)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	st = ntdef.STATUS_NOT_FOUND
	for _, r := range slices.Clone(f.io().pending) {
		if r.thread.proc == p && (of1 == 0 || r.IOStatus == of1) && (thread == nil || r.thread == thread) {
			p.sys.cancelRequest(r)
			st = ntdef.STATUS_SUCCESS
		}
	}
	return st
}

func ntCancelIoFile(t *Thread, a *cancelArgs) (ntdef.Status, error) {
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	st := t.proc.CancelIO(a.File, 0, t)
	if st == ntdef.STATUS_NOT_FOUND {
		st = ntdef.STATUS_SUCCESS
	}
	return t.cancelled(st, a.IOStatus)
}

func ntCancelIoFileEx(t *Thread, a *cancelExArgs) (ntdef.Status, error) {
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	return t.cancelled(t.proc.CancelIO(a.File, a.Request, nil), a.IOStatus)
}

func (t *Thread) cancelled(st ntdef.Status, ioStatus uint64) (ntdef.Status, error) {
	if st != ntdef.STATUS_SUCCESS && st != ntdef.STATUS_NOT_FOUND {
		return st, nil
	}
	return st, t.storeIOStatus(ioStatus, st, 0)
}

// CancelSynchronousIO ends the request that a thread waits for: NOT_FOUND where it waits for none.
func (t *Thread) CancelSynchronousIO(o *Thread, of1 uint64) ntdef.Status {
	for _, r := range slices.Clone(o.requests) {
		if r.wait != nil && (of1 == 0 || r.IOStatus == of1) {
			t.sys.cancelRequest(r)
			return ntdef.STATUS_SUCCESS
		}
	}
	return ntdef.STATUS_NOT_FOUND
}

func ntCancelSynchronousIoFile(t *Thread, a *cancelExArgs) (ntdef.Status, error) {
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	o, st := t.thread(a.File)
	if st == ntdef.STATUS_SUCCESS {
		st = t.CancelSynchronousIO(o, a.Request)
	}
	return t.cancelled(st, a.IOStatus)
}

type flushExArgs struct {
	File       ntdef.Handle
	Flags      uint32
	Parameters uint64
	Length     uint32
	IOStatus   uint64
}

func ntFlushBuffersFile(t *Thread, a *cancelArgs) (ntdef.Status, error) {
	return ntFlushBuffersFileEx(t, &flushExArgs{File: a.File, IOStatus: a.IOStatus})
}

func ntFlushBuffersFileEx(t *Thread, a *flushExArgs) (ntdef.Status, error) {
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	return t.Flush(&IORequest{File: a.File, IOStatus: a.IOStatus})
}

// Flush is NtFlushBuffersFile: of a file what was written through views goes to it, of a pipe all is read by the other end.
func (t *Thread) Flush(a *IORequest) (ntdef.Status, error) {
	r, st := t.request(a, writeRights)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.perform(r, "a pipe to be read", func() (ntdef.Status, error) {
		switch f := r.file.(type) {
		case *fileObject:
			if !f.node.folder && !t.sys.mm.FlushFile(&f.node.sections) {
				return ntdef.STATUS_UNEXPECTED_IO_ERROR, nil
			}
		case *pipeEnd:
			return f.flush(r), nil
		}
		return ntdef.STATUS_SUCCESS, nil
	})
}

type lockFileArgs struct {
	requestArgs
	Offset          ntdef.Ptr[uint64]
	Size            ntdef.Ptr[uint64]
	Key             uint32
	FailImmediately uint8
	Exclusive       uint8
}

func ntLockFile(t *Thread, a *lockFileArgs) (ntdef.Status, error) {
	if err := t.probeOptionalStatus(a.IOStatus); err != nil {
		return 0, err
	}
	at, size, err := t.lockRange(a.Offset, a.Size)
	if err != nil {
		return 0, err
	}
	return t.LockFile(a.request(), at, size, a.Exclusive != 0, a.FailImmediately == 0)
}

func (t *Thread) lockRange(offset, size ntdef.Ptr[uint64]) (at, n uint64, err error) {
	if at, err = t.Load64(uint64(offset)); err == nil {
		n, err = t.Load64(uint64(size))
	}
	return at, n, err
}

type unlockFileArgs struct {
	File     ntdef.Handle
	IOStatus uint64
	Offset   ntdef.Ptr[uint64]
	Size     ntdef.Ptr[uint64]
	Key      uint32
}

func ntUnlockFile(t *Thread, a *unlockFileArgs) (ntdef.Status, error) {
	if err := t.probeOptionalStatus(a.IOStatus); err != nil {
		return 0, err
	}
	at, size, err := t.lockRange(a.Offset, a.Size)
	if err != nil {
		return 0, err
	}
	if st := t.proc.UnlockFile(a.File, at, size); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if a.IOStatus == 0 {
		return ntdef.STATUS_SUCCESS, nil
	}
	return ntdef.STATUS_SUCCESS, t.storeIOStatus(a.IOStatus, ntdef.STATUS_SUCCESS, 0)
}

func ntReadFileScatter(t *Thread, a *readWriteFileArgs) (ntdef.Status, error) {
	return t.scattered(a, (*Thread).ReadFile)
}

func ntWriteFileGather(t *Thread, a *readWriteFileArgs) (ntdef.Status, error) {
	return t.scattered(a, (*Thread).WriteFile)
}

// scattered transfers whole pages that an array of FILE_SEGMENT_ELEMENTs has the addresses of, through a file that is neither buffered
// nor synchronous: INVALID_PARAMETER.
func (t *Thread) scattered(a *readWriteFileArgs, do func(*Thread, *IORequest) (ntdef.Status, uint32, error)) (ntdef.Status, error) {
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	at, err := t.byteOffset(a.ByteOffset)
	if err != nil {
		return 0, err
	}
	f, st := of[*fileObject](t.proc, a.File)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case f.synchronous(), f.options&ntdef.FILE_NO_INTERMEDIATE_BUFFERING == 0, a.Length%sectorSize != 0:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	r := a.requestArgs.request()
	r.segments, r.Length, r.Offset = a.Buffer, a.Length, at
	st, _, err = do(t, r)
	return st, err
}

type createNamedPipeArgs struct {
	File             ntdef.Ptr[uint64]
	Access           uint32
	ObjectAttributes uint64
	IOStatus         uint64
	Share            uint32
	Disposition      uint32
	Options          uint32
	Type             uint32
	ReadMode         uint32
	CompletionMode   uint32
	MaximumInstances uint32
	InboundQuota     uint32
	OutboundQuota    uint32
	Timeout          ntdef.Ptr[int64]
}

func ntCreateNamedPipeFile(t *Thread, a *createNamedPipeArgs) (ntdef.Status, error) {
	for _, at := range []struct{ va, n uint64 }{{uint64(a.File), 8}, {a.IOStatus, 16}} {
		if err := t.Probe(at.va, at.n, x86.Write); err != nil {
			return 0, err
		}
	}
	timeout := int64(-500_000) // 50 ms
	if a.Timeout != 0 {
		v, err := t.Load64(uint64(a.Timeout))
		if err != nil {
			return 0, err
		}
		timeout = int64(v)
	}
	o, st, err := t.fileAttributes(a.ObjectAttributes)
	switch {
	case err != nil || st != ntdef.STATUS_SUCCESS:
		return st, err
	case a.Type&^3 != 0, a.ReadMode > 1, a.CompletionMode > 1, a.Options&^ntdef.FILE_VALID_OPTION_FLAGS != 0:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	h, done, st := t.proc.createNamedPipe(&PipeRequest{
		Root: o.root, Path: o.name, Access: a.Access, Share: a.Share, Disposition: a.Disposition, Options: a.Options, Messages: a.Type&1 != 0,
		ReadMessages: a.ReadMode == 1, NoWait: a.CompletionMode == 1, MaximumInstances: a.MaximumInstances, InboundQuota: a.InboundQuota,
		OutQuota: a.OutboundQuota, Timeout: timeout, SecurityAttributes: o.win32(),
	})
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if err := t.storeIOStatus(a.IOStatus, st, uint64(done)); err != nil {
		return 0, err
	}
	return st, t.Store64(uint64(a.File), uint64(h))
}

type createMailslotArgs struct {
	File             ntdef.Ptr[uint64]
	Access           uint32
	ObjectAttributes uint64
	IOStatus         uint64
	Options          uint32
	Quota            uint32
	MaximumMessage   uint32
	Timeout          ntdef.Ptr[int64]
}

func ntCreateMailslotFile(t *Thread, _ *createMailslotArgs) (ntdef.Status, error) {
	t.sys.refuse("NtCreateMailslotFile")
	return ntdef.STATUS_NOT_IMPLEMENTED, nil
}
