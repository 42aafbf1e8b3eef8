package kernel32

import (
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Named pipes (namedpipeapi.h, winbase.h).
var pipeFuncs = []nt.UserFunc{
	nt.Func("ConnectNamedPipe", func(t *nt.Thread, a *cancelIoExArgs) (uint64, error) {
		const listen = 0x110008
		return control(t, &nt.IORequest{File: a.File, Wait: a.Overlapped == 0}, a.Overlapped, listen, 0, 0, 0)
	}),
	nt.Func("CreateNamedPipeA", func(t *nt.Thread, a *createNamedPipeArgs) (uint64, error) { return createNamedPipe(t, a, ansiText(t)) }),
	nt.Func("CreateNamedPipeW", func(t *nt.Thread, a *createNamedPipeArgs) (uint64, error) { return createNamedPipe(t, a, t.WString) }),
	nt.Func("DisconnectNamedPipe", func(t *nt.Thread, a *handleArgs) (uint64, error) {
		const disconnect = 0x110004
		return control(t, &nt.IORequest{File: a.Handle, Wait: true}, 0, disconnect, 0, 0, 0)
	}),
	nt.Func("GetNamedPipeInfo", getNamedPipeInfo),
	nt.Func("SetNamedPipeHandleState", setNamedPipeHandleState),
	nt.Func("TransactNamedPipe", func(t *nt.Thread, a *transactArgs) (uint64, error) {
		const transceive = 0x11c017
		r := &nt.IORequest{File: a.Pipe, Buffer: a.Out, Length: a.OutLength, Wait: a.Overlapped == 0}
		return control(t, r, a.Overlapped, transceive, a.In, a.InLength, a.Done)
	}),
	nt.Func("WaitNamedPipeA", func(t *nt.Thread, a *waitNamedPipeArgs) (uint64, error) { return waitNamedPipe(t, a, ansiText(t)) }),
	nt.Func("WaitNamedPipeW", func(t *nt.Thread, a *waitNamedPipeArgs) (uint64, error) { return waitNamedPipe(t, a, t.WString) }),
}

type createNamedPipeArgs struct {
	Name      uint64
	OpenMode  uint32
	PipeMode  uint32
	Instances uint32
	Out, In   uint32
	Timeout   uint32 // milliseconds
	Security  uint64
}

// createNamedPipe returns INVALID_HANDLE_VALUE where it fails.
func createNamedPipe(t *nt.Thread, a *createNamedPipeArgs, text func(uint64) (string, error)) (uint64, error) {
	const (
		inbound, outbound      = 1, 2
		firstInstance          = 0x00080000
		noWait, readMessages   = 1, 2
		messages, unlimited    = 4, 255
		forever, defaultMillis = ^uint32(0), 50
	)
	full, code, err := pathAt(t, a.Name, text)
	if err != nil || code != 0 {
		return invalidHandle, lastError(t, code, err)
	}
	r := nt.PipeRequest{
		Path: full, Access: ntdef.SYNCHRONIZE, Disposition: ntdef.FILE_OPEN_IF, Messages: a.PipeMode&messages != 0,
		ReadMessages: a.PipeMode&readMessages != 0, NoWait: a.PipeMode&noWait != 0, MaximumInstances: a.Instances, InboundQuota: a.In,
		OutQuota: a.Out, Timeout: -10_000 * int64(a.Timeout),
	}
	if r.SecurityAttributes, err = t.SecurityAttributes(a.Security); err != nil {
		return failAccess(t, err)
	}
	switch a.Timeout {
	case 0:
		r.Timeout = -10_000 * defaultMillis
	case forever:
		r.Timeout = -1 << 63
	}
	if a.Instances == unlimited {
		r.MaximumInstances = ^uint32(0)
	}
	if a.OpenMode&inbound != 0 {
		r.Access, r.Share = r.Access|ntdef.GENERIC_READ, r.Share|ntdef.FILE_SHARE_WRITE
	}
	if a.OpenMode&outbound != 0 {
		r.Access, r.Share = r.Access|ntdef.GENERIC_WRITE, r.Share|ntdef.FILE_SHARE_READ
	}
	if a.OpenMode&firstInstance != 0 {
		r.Disposition = ntdef.FILE_CREATE
	}
	if a.OpenMode&overlappedFlag == 0 {
		r.Options = ntdef.FILE_SYNCHRONOUS_IO_NONALERT
	}
	h, _, st := t.Process().CreateNamedPipe(&r)
	if st != ntdef.STATUS_SUCCESS {
		return invalidHandle, ntdll.SetLastError(t, ntdll.DosError(st))
	}
	return uint64(h), ntdll.SetLastError(t, ntdll.ERROR_SUCCESS)
}

// control makes a request of a pipe; where it goes on without the thread it fails with ERROR_IO_PENDING.
func control(t *nt.Thread, r *nt.IORequest, overlapped uint64, code uint32, in uint64, length uint32, done ntdef.Ptr[uint32]) (uint64, error) {
	if err := overlap(t, r, overlapped); err != nil {
		return failAccess(t, err)
	}
	st, n, err := t.FsControl(r, code, in, length)
	if err != nil {
		return failAccess(t, err)
	}
	if done != 0 && st.IsSuccess() && st != ntdef.STATUS_PENDING || done != 0 && st == ntdef.STATUS_BUFFER_OVERFLOW {
		if err := t.Store32(uint64(done), n); err != nil {
			return failAccess(t, err)
		}
	}
	if st == ntdef.STATUS_PENDING {
		return failStatus(t, st)
	}
	return boolOf(t, st)
}

type (
	namedPipeInfoArgs struct {
		Pipe                   ntdef.Handle
		Flags, Out, In, Number ntdef.Ptr[uint32]
	}
	pipeStateArgs struct {
		Pipe                   ntdef.Handle
		Mode, Collect, Timeout ntdef.Ptr[uint32]
	}
	transactArgs struct {
		Pipe       ntdef.Handle
		In         uint64
		InLength   uint32
		Out        uint64
		OutLength  uint32
		Done       ntdef.Ptr[uint32]
		Overlapped uint64
	}
	waitNamedPipeArgs struct {
		Name         uint64
		Milliseconds uint32
	}
)

// getNamedPipeInfo tells the end (1 is the server's) and the type of a pipe, its quotas and how many instances it may have.
func getNamedPipeInfo(t *nt.Thread, a *namedPipeInfoArgs) (uint64, error) {
	const pipeLocal, size = 24, 40
	b, st := t.QueryFileInformation(a.Pipe, pipeLocal, size)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	word := func(i int) uint32 { return get32(b[4*i:]) }
	most := word(2)
	if most >= 255 {
		most = 255
	}
	for _, f := range []struct {
		at ntdef.Ptr[uint32]
		v  uint32
	}{{a.Flags, word(0)*4 | word(9)}, {a.Out, word(6)}, {a.In, word(4)}, {a.Number, most}} {
		if f.at != 0 {
			if err := t.Store32(uint64(f.at), f.v); err != nil {
				return failAccess(t, err)
			}
		}
	}
	return 1, nil
}

func setNamedPipeHandleState(t *nt.Thread, a *pipeStateArgs) (uint64, error) {
	if a.Collect != 0 || a.Timeout != 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER) // of remote pipes only
	}
	if a.Mode == 0 {
		return 1, nil
	}
	mode, err := t.Load32(uint64(a.Mode))
	if err != nil {
		return failAccess(t, err)
	}
	if mode&^3 != 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return boolOf(t, t.Process().SetPipeMode(a.Pipe, mode>>1, mode&1))
}

// waitNamedPipe waits until a pipe's instance listens: for the pipe's own time (0), for ever, or some milliseconds.
func waitNamedPipe(t *nt.Thread, a *waitNamedPipeArgs, text func(uint64) (string, error)) (uint64, error) {
	full, code, err := pathAt(t, a.Name, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	const prefix = `\\.\pipe\`
	if len(full) < len(prefix) || !strings.EqualFold(full[:len(prefix)], prefix) {
		return fail(t, ntdll.ERROR_BAD_PATHNAME)
	}
	h, _, st := t.Process().CreateFile(&nt.OpenRequest{
		Path: prefix, Access: ntdef.SYNCHRONIZE | ntdef.FILE_READ_ATTRIBUTES, Disposition: ntdef.FILE_OPEN,
		Options: ntdef.FILE_SYNCHRONOUS_IO_NONALERT,
	})
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	defer t.Process().CloseHandle(h)
	st, err = t.WaitPipe(&nt.IORequest{File: h}, full[len(prefix):], nanoseconds(a.Milliseconds), a.Milliseconds != 0)
	if err != nil {
		return 0, err
	}
	return boolOf(t, st)
}
