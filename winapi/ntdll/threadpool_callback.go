package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// What a callback may ask for by its TP_CALLBACK_INSTANCE.
var poolCallbackFuncs = []nt.UserFunc{
	onCompletion("TpCallbackLeaveCriticalSectionOnCompletion", func(in *poolInstance, a *onCompletionArgs) { in.section = a.What }),
	onCompletion("TpCallbackReleaseMutexOnCompletion", func(in *poolInstance, a *onCompletionArgs) { in.mutex = ntdef.Handle(a.What) }),
	onCompletion("TpCallbackReleaseSemaphoreOnCompletion", func(in *poolInstance, a *onCompletionArgs) {
		in.semaphore, in.count = ntdef.Handle(a.What), int32(a.Count)
	}),
	onCompletion("TpCallbackSetEventOnCompletion", func(in *poolInstance, a *onCompletionArgs) { in.event = ntdef.Handle(a.What) }),
	onCompletion("TpCallbackUnloadDllOnCompletion", func(in *poolInstance, a *onCompletionArgs) { in.library = a.What }),
	nt.Func("TpCallbackMayRunLong", CallbackMayRunLong),
	nt.Func("TpDisassociateCallback", tpDisassociateCallback),
}

// poolInstance is a callback that runs, and what is to happen when it returns.
type poolInstance struct {
	object           *poolObject
	left             bool // who waits for the object's callbacks does not wait for this one
	section, library uint64
	mutex, semaphore ntdef.Handle
	count            int32
	event            ntdef.Handle
}

// finish does what the callback asked for, in the order of the documentation of these functions.
func (in *poolInstance) finish(t *nt.Thread) error {
	if in.section != 0 {
		if err := LeaveCriticalSection(t, in.section); err != nil {
			return err
		}
	}
	if in.mutex != 0 {
		t.ReleaseMutant(in.mutex)
	}
	if in.semaphore != 0 {
		t.Process().ReleaseSemaphore(in.semaphore, in.count)
	}
	if in.event != 0 {
		t.Process().SetEvent(in.event)
	}
	if in.library != 0 {
		_, err := UnloadDLL(t, in.library)
		return err
	}
	return nil
}

// leave takes the callback off those that run.
func (in *poolInstance) leave(t *nt.Thread) {
	if !in.left {
		in.left = true
		in.object.running--
		in.object.wake(t)
	}
}

type onCompletionArgs struct {
	Instance, What uint64
	Count          uint32
}

// onCompletion is a function by which a callback asks for something at its end.
func onCompletion(name string, ask func(in *poolInstance, a *onCompletionArgs)) nt.UserFunc {
	return nt.Func(name, func(t *nt.Thread, a *onCompletionArgs) (uint64, error) {
		return ofInstance(t, a.Instance, func(in *poolInstance) (uint64, error) {
			ask(in, a)
			return 0, nil
		})
	})
}

// ofInstance runs a body on a callback that runs; what is none raises STATUS_INVALID_PARAMETER.
func ofInstance(t *nt.Thread, at uint64, body func(in *poolInstance) (uint64, error)) (uint64, error) {
	in := poolsOf(t).instances[at]
	if in == nil {
		return 0, invalidPoolArgument(t)
	}
	return body(in)
}

// InstanceArgs are a TP_CALLBACK_INSTANCE.
type InstanceArgs struct{ Instance uint64 }

// CallbackMayRunLong is TpCallbackMayRunLong: TOO_MANY_THREADS where no other worker is there or can be.
func CallbackMayRunLong(t *nt.Thread, a *InstanceArgs) (uint64, error) {
	return ofInstance(t, a.Instance, func(*poolInstance) (uint64, error) {
		if !t.MayRunLong() {
			return uint64(ntdef.STATUS_TOO_MANY_THREADS), nil
		}
		return uint64(ntdef.STATUS_SUCCESS), nil
	})
}

func tpDisassociateCallback(t *nt.Thread, a *InstanceArgs) (uint64, error) {
	return ofInstance(t, a.Instance, func(in *poolInstance) (uint64, error) {
		in.leave(t)
		return 0, nil
	})
}
