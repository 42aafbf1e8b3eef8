package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Callbacks for requests of files that are done.
var poolIoFuncs = []nt.UserFunc{
	nt.Func("TpAllocIoCompletion", tpAllocIoCompletion),
	nt.Func("TpStartAsyncIoOperation", tpStartAsyncIoOperation),
	nt.Func("TpCancelAsyncIoOperation", tpCancelAsyncIoOperation),
	waiter("TpWaitForIoCompletion", "file"),
	releaser("TpReleaseIoCompletion", "file"),
}

// poolIo is what a file's object has beyond others, whose queued callbacks are the requests that were announced.
type poolIo struct {
	ignored int // packets that nobody waits for any more
	call    func(t *nt.Thread, instance uint64, packet *nt.Completion) error
}

// makeIo makes an object one of a file, whose packets call for call.
func (o *poolObject) makeIo(t *nt.Thread, file ntdef.Handle, call func(t *nt.Thread, instance uint64, packet *nt.Completion) error) ntdef.Status {
	st := t.Process().AssociateCompletion(file, o.pool.port, o.at)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	o.io = &poolIo{call: call}
	o.pool.bind(t, 1)
	o.ended = func(t *nt.Thread) { o.pool.bind(t, -1) }
	o.packet = func(_ *nt.Thread, packet *nt.Completion) *poolCallback {
		if o.io.ignored > 0 {
			o.io.ignored--
			return nil
		}
		o.queued = max(o.queued-1, 0)
		return &poolCallback{o, func(t *nt.Thread, instance uint64) error { return o.io.call(t, instance, packet) }}
	}
	return st
}

// AllocIo is TpAllocIoCompletion. Callbacks have the signature of ntdll's own, or that of PTP_WIN32_IO_CALLBACK, which gets the Win32 error
// and the bytes in place of the IO_STATUS_BLOCK. INVALID_PARAMETER, NO_MEMORY, INVALID_HANDLE, OBJECT_TYPE_MISMATCH.
func AllocIo(t *nt.Thread, file ntdef.Handle, a *PoolCallback, win32 bool) (uint64, ntdef.Status, error) {
	return allocate(t, "file", a, func(_ *pools, o *poolObject) ntdef.Status {
		call := o.callIo
		if win32 {
			call = o.callWin32Io
		}
		return o.makeIo(t, file, call)
	})
}

func (o *poolObject) callIo(t *nt.Thread, instance uint64, packet *nt.Completion) error {
	const ioStatus = 0x20 // in the instance's block
	if err := t.Store64(instance+ioStatus, uint64(packet.Status)); err != nil {
		return err
	}
	if err := t.Store64(instance+ioStatus+8, packet.Bytes); err != nil {
		return err
	}
	_, err := t.Call(o.callback, instance, o.context, packet.Overlapped, instance+ioStatus, o.at)
	return err
}

func (o *poolObject) callWin32Io(t *nt.Thread, instance uint64, packet *nt.Completion) error {
	_, err := t.Call(o.callback, instance, o.context, packet.Overlapped, uint64(DosError(packet.Status)), packet.Bytes, o.at)
	return err
}

type allocIoArgs struct {
	Object                         uint64
	File                           ntdef.Handle
	Callback, Context, Environment uint64
}

func tpAllocIoCompletion(t *nt.Thread, a *allocIoArgs) (uint64, error) {
	at, st, err := AllocIo(t, a.File, &PoolCallback{a.Callback, a.Context, a.Environment}, false)
	return stored(t, a.Object, at, st, err)
}

// tpStartAsyncIoOperation announces a request.
func tpStartAsyncIoOperation(t *nt.Thread, a *poolObjectArgs) (uint64, error) {
	return ofObject(t, "file", a.Object, func(_ *pools, o *poolObject) (uint64, error) {
		o.queued++
		return 0, nil
	})
}

// tpCancelAsyncIoOperation takes back what was announced: the request failed at once.
func tpCancelAsyncIoOperation(t *nt.Thread, a *poolObjectArgs) (uint64, error) {
	return ofObject(t, "file", a.Object, func(_ *pools, o *poolObject) (uint64, error) {
		o.queued = max(o.queued-1, 0)
		o.wake(t)
		return 0, nil
	})
}
