package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Threads (processthreadsapi.h).
var threadFuncs = []nt.UserFunc{
	nt.Func("CreateThread", createThread),
	nt.Func("GetExitCodeProcess", getExitCodeProcess),
	nt.Func("GetExitCodeThread", getExitCodeThread),
	nt.Func("GetThreadId", getThreadID),
	nt.Func("GetThreadPriority", getThreadPriority),
	nt.Func("OpenThread", openThread),
	nt.Func("QueueUserAPC", queueUserAPC),
	nt.Func("QueueUserAPC2", queueUserAPC2),
	nt.Func("ResumeThread", resumeThread),
	nt.Func("SetThreadPriority", setThreadPriority),
	nt.Func("SuspendThread", suspendThread),
	nt.Func("SwitchToThread", func(t *nt.Thread, _ *noArgs) (uint64, error) {
		switched, err := t.Yield()
		return truth(switched), err
	}),
	nt.Func("TerminateThread", terminateThread),
}

type createThreadArgs struct {
	Attributes uint64
	StackSize  uint64
	Start      uint64
	Parameter  uint64
	Flags      uint32
	ID         ntdef.Ptr[uint32]
}

func createThread(t *nt.Thread, a *createThreadArgs) (uint64, error) {
	const suspended, stackIsReserve = 4, 0x10000
	r := nt.ThreadRequest{Start: a.Start, Parameter: a.Parameter, StackCommit: a.StackSize, Suspended: a.Flags&suspended != 0}
	if a.Flags&stackIsReserve != 0 {
		r.StackReserve, r.StackCommit = a.StackSize, 0
	}
	var err error
	if r.SecurityAttributes, err = t.SecurityAttributes(a.Attributes); err != nil {
		return failAccess(t, err)
	}
	h, thread, st := t.CreateThread(&r)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	if a.ID != 0 {
		return uint64(h), t.Store32(uint64(a.ID), uint32(thread.ID()))
	}
	return uint64(h), nil
}

// withThread runs a body on the thread of a handle; failed is what the function returns where there is none.
func withThread(t *nt.Thread, h ntdef.Handle, failed uint64, body func(o *nt.Thread) (uint64, error)) (uint64, error) {
	o, st := t.ThreadByHandle(h)
	if st != ntdef.STATUS_SUCCESS {
		_, err := failStatus(t, st)
		return failed, err
	}
	return body(o)
}

type exitCodeArgs struct {
	Handle ntdef.Handle
	Code   ntdef.Ptr[uint32]
}

// stillActive is the exit code of what runs.
const stillActive = 259

func getExitCodeThread(t *nt.Thread, a *exitCodeArgs) (uint64, error) {
	return withThread(t, a.Handle, 0, func(o *nt.Thread) (uint64, error) {
		code, ended := o.ExitCode()
		if !ended {
			code = stillActive
		}
		return 1, t.Store32(uint64(a.Code), code)
	})
}

func getExitCodeProcess(t *nt.Thread, a *exitCodeArgs) (uint64, error) {
	p, st := t.Process().ProcessByHandle(a.Handle)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	code, ended := p.ExitStatus()
	if !ended {
		code = stillActive
	}
	return 1, t.Store32(uint64(a.Code), code)
}

func getThreadID(t *nt.Thread, a *handleArgs) (uint64, error) {
	return withThread(t, a.Handle, 0, func(o *nt.Thread) (uint64, error) { return o.ID(), nil })
}

func getThreadPriority(t *nt.Thread, a *handleArgs) (uint64, error) {
	const errorReturn = 0x7fffffff
	return withThread(t, a.Handle, errorReturn, func(o *nt.Thread) (uint64, error) { return uint64(uint32(o.Priority())), nil })
}

type setPriorityArgs struct {
	Handle   ntdef.Handle
	Priority int32
}

// setThreadPriority begins and ends background mode too, of the current thread only.
func setThreadPriority(t *nt.Thread, a *setPriorityArgs) (uint64, error) {
	const backgroundBegin, backgroundEnd = 0x10000, 0x20000            // THREAD_MODE_BACKGROUND_*
	const errorAlreadyBackground, errorNotBackground uint32 = 400, 401 // ERROR_THREAD_MODE_*
	return withThread(t, a.Handle, 0, func(o *nt.Thread) (uint64, error) {
		switch {
		case a.Priority != backgroundBegin && a.Priority != backgroundEnd:
			return boolOf(t, o.SetPriority(a.Priority))
		case o != t:
			return fail(t, ntdll.ERROR_INVALID_PARAMETER)
		case t.SetBackground(a.Priority == backgroundBegin):
			return 1, nil
		case a.Priority == backgroundBegin:
			return fail(t, errorAlreadyBackground)
		}
		return fail(t, errorNotBackground)
	})
}

type openThreadArgs struct {
	Access  uint32
	Inherit bool
	ID      uint32
}

func openThread(t *nt.Thread, a *openThreadArgs) (uint64, error) {
	h, st := t.Process().OpenThread(uint64(a.ID), a.Access, a.Inherit)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return uint64(h), nil
}

type queueAPCArgs struct {
	Function uint64
	Thread   ntdef.Handle
	Data     uint64
}

func queueUserAPC(t *nt.Thread, a *queueAPCArgs) (uint64, error) {
	return withThread(t, a.Thread, 0, func(o *nt.Thread) (uint64, error) {
		return boolOf(t, o.QueueAPC(a.Function, [3]uint64{a.Data}))
	})
}

type queueAPC2Args struct {
	Function uint64
	Thread   ntdef.Handle
	Data     uint64
	Flags    uint32
}

// queueUserAPC2 takes QUEUE_USER_APC_FLAGS_SPECIAL_USER_APC: the thread makes the call also where it does not wait for one.
func queueUserAPC2(t *nt.Thread, a *queueAPC2Args) (uint64, error) {
	const special = 1
	switch a.Flags {
	case 0:
		return queueUserAPC(t, &queueAPCArgs{a.Function, a.Thread, a.Data})
	case special:
		return withThread(t, a.Thread, 0, func(o *nt.Thread) (uint64, error) {
			return boolOf(t, o.QueueSpecialAPC(a.Function, [3]uint64{a.Data}))
		})
	}
	return failStatus(t, ntdef.STATUS_INVALID_PARAMETER)
}

const suspendFailed = 1<<32 - 1

func suspendThread(t *nt.Thread, a *handleArgs) (uint64, error) {
	return withThread(t, a.Handle, suspendFailed, func(o *nt.Thread) (uint64, error) {
		was, st, err := t.Suspend(o)
		if err == nil && st != ntdef.STATUS_SUCCESS {
			_, err = failStatus(t, st)
			return suspendFailed, err
		}
		return uint64(was), err
	})
}

func resumeThread(t *nt.Thread, a *handleArgs) (uint64, error) {
	return withThread(t, a.Handle, suspendFailed, func(o *nt.Thread) (uint64, error) { return uint64(o.Resume()), nil })
}

type terminateThreadArgs struct {
	Handle ntdef.Handle
	Code   uint32
}

func terminateThread(t *nt.Thread, a *terminateThreadArgs) (uint64, error) {
	st, err := t.TerminateThread(a.Handle, a.Code)
	if err != nil {
		return 0, err
	}
	return boolOf(t, st)
}
