package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// Requests that go on without their thread (ioapiset.h, fileapi.h), and what their end is told by.
var overlappedFuncs = []nt.UserFunc{
	nt.Func("CancelIo", func(t *nt.Thread, a *handleArgs) (uint64, error) {
		st := t.Process().CancelIO(a.Handle, 0, t)
		if st == ntdef.STATUS_NOT_FOUND {
			st = ntdef.STATUS_SUCCESS
		}
		return boolOf(t, st)
	}),
	nt.Func("CancelIoEx", func(t *nt.Thread, a *cancelIoExArgs) (uint64, error) {
		return boolOf(t, t.Process().CancelIO(a.File, a.Overlapped, nil))
	}),
	nt.Func("CancelSynchronousIo", cancelSynchronousIo),
	nt.Func("FindCloseChangeNotification", closeHandle),
	nt.Func("FindFirstChangeNotificationA", func(t *nt.Thread, a *findChangeArgs) (uint64, error) { return findFirstChange(t, a, ansiText(t)) }),
	nt.Func("FindFirstChangeNotificationW", func(t *nt.Thread, a *findChangeArgs) (uint64, error) { return findFirstChange(t, a, t.WString) }),
	nt.Func("FindNextChangeNotification", func(t *nt.Thread, a *handleArgs) (uint64, error) {
		return watchOnce(t, a.Handle, 1, false) // the filter of the first request counts
	}),
	nt.Func("GetOverlappedResult", func(t *nt.Thread, a *overlappedResultArgs) (uint64, error) {
		ms := uint32(0)
		if a.Wait {
			ms = ^uint32(0)
		}
		return overlappedResult(t, a.File, a.Overlapped, a.Done, ms, false)
	}),
	nt.Func("GetOverlappedResultEx", func(t *nt.Thread, a *overlappedResultExArgs) (uint64, error) {
		return overlappedResult(t, a.File, a.Overlapped, a.Done, a.Milliseconds, a.Alertable)
	}),
	nt.Func("ReadDirectoryChangesW", readDirectoryChanges),
	nt.Func("ReadFileEx", func(t *nt.Thread, a *transferExArgs) (uint64, error) { return a.transfer(t, x86.Write, t.ReadFile) }),
	nt.Func("SetFileCompletionNotificationModes", func(t *nt.Thread, a *completionModesArgs) (uint64, error) {
		return boolOf(t, t.Process().SetCompletionModes(a.File, uint32(a.Flags)))
	}),
	nt.Func("WriteFileEx", func(t *nt.Thread, a *transferExArgs) (uint64, error) { return a.transfer(t, x86.Read, t.WriteFile) }),
}

type (
	cancelIoExArgs struct {
		File       ntdef.Handle
		Overlapped uint64
	}
	completionModesArgs struct {
		File  ntdef.Handle
		Flags uint8
	}
	overlappedResultArgs struct {
		File       ntdef.Handle
		Overlapped uint64
		Done       uint64
		Wait       bool
	}
	overlappedResultExArgs struct {
		File         ntdef.Handle
		Overlapped   uint64
		Done         uint64
		Milliseconds uint32
		Alertable    bool
	}
	transferExArgs struct {
		File       ntdef.Handle
		Buffer     uint64
		Length     uint32
		Overlapped uint64
		Routine    uint64
	}
)

func cancelSynchronousIo(t *nt.Thread, a *handleArgs) (uint64, error) {
	o, st := t.ThreadByHandle(a.Handle)
	if st == ntdef.STATUS_SUCCESS {
		st = t.CancelSynchronousIO(o, 0)
	}
	return boolOf(t, st)
}

// overlappedResult is what became of a request: ERROR_IO_INCOMPLETE where it goes on, WAIT_TIMEOUT, WAIT_IO_COMPLETION.
func overlappedResult(t *nt.Thread, file ntdef.Handle, overlapped, done uint64, ms uint32, alertable bool) (uint64, error) {
	status, err := t.Load64(overlapped)
	if err != nil {
		return failAccess(t, err)
	}
	if ntdef.Status(status) == ntdef.STATUS_PENDING {
		if ms == 0 {
			return fail(t, ntdll.ERROR_IO_INCOMPLETE)
		}
		event, err := t.Load64(overlapped + overlappedEvent)
		if err != nil {
			return failAccess(t, err)
		}
		if event&^1 != 0 {
			file = ntdef.Handle(event &^ 1)
		}
		st, err := t.Wait([]ntdef.Handle{file}, false, nanoseconds(ms), alertable)
		if err != nil {
			return 0, err
		}
		if st != ntdef.STATUS_WAIT_0 {
			return noCompletion(t, st)
		}
		if status, err = t.Load64(overlapped); err != nil {
			return failAccess(t, err)
		}
	}
	n, err := t.Load64(overlapped + 8)
	if err != nil {
		return failAccess(t, err)
	}
	if err := t.Store32(done, uint32(n)); err != nil {
		return failAccess(t, err)
	}
	if st := ntdef.Status(status); st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, nil
}

// routine has the request call a completion routine: error, bytes, OVERLAPPED (minwinbase.h, LPOVERLAPPED_COMPLETION_ROUTINE).
func routine(r *nt.IORequest, fn, overlapped uint64) {
	if fn != 0 {
		r.Event, r.APC = 0, fn
		r.Arguments = func(st ntdef.Status, information uint64) [3]uint64 {
			return [3]uint64{uint64(ntdll.DosError(st)), information, overlapped}
		}
	}
}

// transfer succeeds where the request was made: its routine tells the rest, at the end of a file too.
func (a *transferExArgs) transfer(t *nt.Thread, buffer x86.Access, do func(*nt.IORequest) (ntdef.Status, uint32, error)) (uint64, error) {
	if err := t.Probe(a.Buffer, uint64(a.Length), buffer); err != nil {
		return failAccess(t, err)
	}
	r := &nt.IORequest{File: a.File, Buffer: a.Buffer, Length: a.Length}
	if err := overlap(t, r, a.Overlapped); err != nil {
		return failAccess(t, err)
	}
	routine(r, a.Routine, a.Overlapped)
	st, _, err := do(r)
	if err != nil {
		return failAccess(t, err)
	}
	return boolOf(t, st)
}

type findChangeArgs struct {
	Path    uint64
	Subtree bool
	Filter  uint32
}

// findFirstChange returns a handle that is signaled once something changes, INVALID_HANDLE_VALUE where it fails.
func findFirstChange(t *nt.Thread, a *findChangeArgs, text func(uint64) (string, error)) (uint64, error) {
	full, code, err := pathAt(t, a.Path, text)
	if err != nil || code != 0 {
		return invalidHandle, lastError(t, code, err)
	}
	h, _, st := t.Process().CreateFile(&nt.OpenRequest{
		Path: full, Access: ntdef.FILE_READ_DATA | ntdef.SYNCHRONIZE, Disposition: ntdef.FILE_OPEN, Options: ntdef.FILE_DIRECTORY_FILE,
		Share: ntdef.FILE_SHARE_READ | ntdef.FILE_SHARE_WRITE | ntdef.FILE_SHARE_DELETE,
	})
	if st != ntdef.STATUS_SUCCESS {
		return invalidHandle, ntdll.SetLastError(t, ntdll.DosError(st))
	}
	if ok, err := watchOnce(t, h, a.Filter, a.Subtree); ok == 0 || err != nil {
		t.Process().CloseHandle(h)
		return invalidHandle, err
	}
	return uint64(h), nil
}

// watchOnce asks to be told of one change of a folder.
func watchOnce(t *nt.Thread, h ntdef.Handle, filter uint32, subtree bool) (uint64, error) {
	st, _, err := t.NotifyChange(&nt.IORequest{File: h}, filter, subtree)
	if err != nil {
		return 0, err
	}
	return boolOf(t, st)
}

type readDirectoryChangesArgs struct {
	Directory  ntdef.Handle
	Buffer     uint64
	Length     uint32
	Subtree    bool
	Filter     uint32
	Done       ntdef.Ptr[uint32]
	Overlapped uint64
	Routine    uint64
}

// readDirectoryChanges succeeds where the request was made; without an OVERLAPPED it waits for a change.
func readDirectoryChanges(t *nt.Thread, a *readDirectoryChangesArgs) (uint64, error) {
	if err := t.Probe(a.Buffer, uint64(a.Length), x86.Write); err != nil {
		return failAccess(t, err)
	}
	r := &nt.IORequest{File: a.Directory, Buffer: a.Buffer, Length: a.Length, Wait: a.Overlapped == 0}
	if err := overlap(t, r, a.Overlapped); err != nil {
		return failAccess(t, err)
	}
	routine(r, a.Routine, a.Overlapped)
	st, n, err := t.NotifyChange(r, a.Filter, a.Subtree)
	if err != nil {
		return failAccess(t, err)
	}
	if a.Overlapped == 0 && st.IsSuccess() && a.Done != 0 {
		if err := t.Store32(uint64(a.Done), n); err != nil {
			return 0, err
		}
	}
	return boolOf(t, st)
}
