package nt

import (
	"fmt"

	"github.com/pagewalk/pagewalk/ntdef"
)

var alertServices = []Service{
	service("NtAlertThread", Full, ntAlertThread),
	service("NtAlertResumeThread", Full, ntAlertResumeThread),
	service("NtTestAlert", Full, func(t *Thread, _ *struct{}) (ntdef.Status, error) { return t.TestAlert(), nil }),
	service("NtAlertThreadByThreadId", Full, ntAlertThreadByThreadID),
	service("NtWaitForAlertByThreadId", Full, ntWaitForAlertByThreadID),
	service("NtQueueApcThread", Full, ntQueueApcThread),
	service("NtQueueApcThreadEx", Full, ntQueueApcThreadEx),
	service("NtQueueApcThreadEx2", Partial("without QUEUE_USER_APC_CALLBACK_DATA_CONTEXT"), ntQueueApcThreadEx2),
}

const threadAlert = 0x0004 // THREAD_ALERT (winnt.h)

func ntAlertThread(t *Thread, a *handleOnlyArgs) (ntdef.Status, error) {
	o, st := t.threadWith(a.Handle, threadAlert)
	if st == ntdef.STATUS_SUCCESS {
		o.Alert()
	}
	return st, nil
}

func ntAlertResumeThread(t *Thread, a *suspendThreadArgs) (ntdef.Status, error) {
	if o, st := t.threadWith(a.Thread, threadSuspendResume); st == ntdef.STATUS_SUCCESS {
		o.Alert()
	}
	return ntResumeThread(t, a)
}

type alertByIDArgs struct{ ThreadID uint64 }

// ntAlertThreadByThreadID ends the wait by identifier of a thread of the process, this one or its next: INVALID_CID, ACCESS_DENIED for a
// thread of another process.
func ntAlertThreadByThreadID(t *Thread, a *alertByIDArgs) (ntdef.Status, error) {
	o := t.sys.threadByID(a.ThreadID)
	switch {
	case o == nil || o.state == threadEnded:
		return ntdef.STATUS_INVALID_CID, nil
	case o.proc != t.proc:
		return ntdef.STATUS_ACCESS_DENIED, nil
	}
	o.idAlerted = true
	if w := o.waiting; w != nil && w.byID && !w.done {
		w.status = ntdef.STATUS_ALERTED
		w.end(t.sys)
	}
	return ntdef.STATUS_SUCCESS, nil
}

type waitForAlertArgs struct {
	Address uint64 // that the caller looks at: for those who read about the wait
	Timeout ntdef.Ptr[int64]
}

func ntWaitForAlertByThreadID(t *Thread, a *waitForAlertArgs) (ntdef.Status, error) {
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	st := ntdef.STATUS_TIMEOUT
	if !t.idAlerted && timeout != 0 {
		what := fmt.Sprintf("an alert, because of the address %#x", a.Address)
		if st, err = t.block(&waitBlock{thread: t, byID: true, what: what}, timeout); err != nil {
			return 0, err
		}
	}
	if t.idAlerted {
		t.idAlerted = false
		st = ntdef.STATUS_ALERTED
	}
	return st, nil
}

type queueApcArgs struct {
	Thread               ntdef.Handle
	Routine              uint64
	First, Second, Third uint64
}

func ntQueueApcThread(t *Thread, a *queueApcArgs) (ntdef.Status, error) {
	return ntQueueApcThreadEx2(t, &queueApcEx2Args{a.Thread, 0, 0, a.Routine, a.First, a.Second, a.Third})
}

// specialUserAPC is QUEUE_USER_APC_FLAGS_SPECIAL_USER_APC (processthreadsapi.h); NtQueueApcThreadEx takes it as a handle.
const specialUserAPC = 1

type queueApcExArgs struct {
	Thread               ntdef.Handle
	Reserve              ntdef.Handle // or specialUserAPC
	Routine              uint64
	First, Second, Third uint64
}

func ntQueueApcThreadEx(t *Thread, a *queueApcExArgs) (ntdef.Status, error) {
	ex := queueApcEx2Args{a.Thread, a.Reserve, 0, a.Routine, a.First, a.Second, a.Third}
	if a.Reserve == specialUserAPC {
		ex.Reserve, ex.Flags = 0, specialUserAPC
	}
	return ntQueueApcThreadEx2(t, &ex)
}

type queueApcEx2Args struct {
	Thread               ntdef.Handle
	Reserve              ntdef.Handle
	Flags                uint32
	Routine              uint64
	First, Second, Third uint64
}

func ntQueueApcThreadEx2(t *Thread, a *queueApcEx2Args) (ntdef.Status, error) {
	if a.Flags&^specialUserAPC != 0 {
		t.sys.refuse(fmt.Sprintf("NtQueueApcThreadEx2: the flags %#x", a.Flags&^specialUserAPC))
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	o, st := t.threadWith(a.Thread, threadSetContext)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	r, st := t.proc.reserve(a.Reserve, userAPCReserve)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return o.queueUserAPC(&apc{
		fn: a.Routine, args: [3]uint64{a.First, a.Second, a.Third}, special: a.Flags != 0, reserve: r,
	}), nil
}
