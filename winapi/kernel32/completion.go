package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// I/O completion ports (ioapiset.h): programs post packets themselves, and requests of files that are associated with a port do.
var completionFuncs = []nt.UserFunc{
	nt.Func("CreateIoCompletionPort", createIoCompletionPort),
	nt.Func("GetQueuedCompletionStatus", getQueuedCompletionStatus),
	nt.Func("GetQueuedCompletionStatusEx", getQueuedCompletionStatusEx),
	nt.Func("PostQueuedCompletionStatus", postQueuedCompletionStatus),
}

type createPortArgs struct {
	File, Port ntdef.Handle
	Key        uint64
	Threads    uint32
}

// createIoCompletionPort makes a port where none is given, and has it told of a file's requests where one is.
func createIoCompletionPort(t *nt.Thread, a *createPortArgs) (uint64, error) {
	port, file := a.Port, a.File != ^ntdef.Handle(0)
	if !file && port != 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	if port == 0 {
		var st ntdef.Status
		if port, st = t.Process().CreateCompletionPort(&nt.ObjectRequest{}, a.Threads); st != ntdef.STATUS_SUCCESS {
			return failStatus(t, st)
		}
	}
	if file {
		if st := t.Process().AssociateCompletion(a.File, port, a.Key); st != ntdef.STATUS_SUCCESS {
			if a.Port == 0 {
				t.Process().CloseHandle(port)
			}
			return failStatus(t, st)
		}
	}
	return uint64(port), nil
}

type postCompletionArgs struct {
	Port       ntdef.Handle
	Bytes      uint32
	Key        uint64
	Overlapped uint64
}

func postQueuedCompletionStatus(t *nt.Thread, a *postCompletionArgs) (uint64, error) {
	return boolOf(t, t.Process().PostCompletion(a.Port, nt.Completion{Key: a.Key, Overlapped: a.Overlapped, Bytes: uint64(a.Bytes)}))
}

type getCompletionArgs struct {
	Port                   ntdef.Handle
	Bytes, Key, Overlapped uint64
	Milliseconds           uint32
}

func getQueuedCompletionStatus(t *nt.Thread, a *getCompletionArgs) (uint64, error) {
	all, st, err := t.RemoveCompletions(a.Port, 1, nanoseconds(a.Milliseconds), false)
	if err != nil {
		return 0, err
	}
	if st != ntdef.STATUS_SUCCESS {
		if err := t.Store64(a.Overlapped, 0); err != nil {
			return failAccess(t, err)
		}
		return noCompletion(t, st)
	}
	c := all[0]
	if err := t.Store32(a.Bytes, uint32(c.Bytes)); err != nil {
		return 0, err
	}
	if err := t.Store64(a.Key, c.Key); err != nil {
		return 0, err
	}
	if err := t.Store64(a.Overlapped, c.Overlapped); err != nil {
		return 0, err
	}
	if c.Status != ntdef.STATUS_SUCCESS {
		return failStatus(t, c.Status)
	}
	return 1, nil
}

// noCompletion fails as the functions do where no packet came: WAIT_TIMEOUT, WAIT_IO_COMPLETION.
func noCompletion(t *nt.Thread, st ntdef.Status) (uint64, error) {
	if st == ntdef.STATUS_TIMEOUT || st == ntdef.STATUS_USER_APC {
		return fail(t, uint32(st))
	}
	return failStatus(t, st)
}

type getCompletionExArgs struct {
	Port         ntdef.Handle
	Entries      uint64 // OVERLAPPED_ENTRY: key, overlapped, internal, bytes: 32 bytes each
	Count        uint32
	Removed      ntdef.Ptr[uint32]
	Milliseconds uint32
	Alertable    bool
}

func getQueuedCompletionStatusEx(t *nt.Thread, a *getCompletionExArgs) (uint64, error) {
	if a.Count == 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	all, st, err := t.RemoveCompletions(a.Port, int(min(a.Count, 1<<16)), nanoseconds(a.Milliseconds), a.Alertable)
	if err != nil {
		return 0, err
	}
	if st != ntdef.STATUS_SUCCESS {
		return noCompletion(t, st)
	}
	for i, c := range all {
		var b [32]byte
		put64(b[0:], c.Key)
		put64(b[8:], c.Overlapped)
		put64(b[16:], uint64(c.Status))
		put32(b[24:], uint32(c.Bytes))
		if err := t.Write(a.Entries+32*uint64(i), b[:]); err != nil {
			return failAccess(t, err)
		}
	}
	return 1, t.Store32(uint64(a.Removed), uint32(len(all)))
}
