package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// The thread pool (threadpoolapiset.h, threadpoollegacyapiset.h): functions of ntdll whose statuses become last errors. Those that cannot
// fail are forwards.
var threadPoolFuncs = []nt.UserFunc{
	nt.Func("CallbackMayRunLong", func(t *nt.Thread, a *ntdll.InstanceArgs) (uint64, error) {
		st, err := ntdll.CallbackMayRunLong(t, a)
		return truth(ntdef.Status(st) == ntdef.STATUS_SUCCESS), err
	}),
	nt.Func("CreateThreadpool", func(t *nt.Thread, _ *pointerArgs) (uint64, error) { return made(t)(ntdll.AllocPool(t)) }),
	nt.Func("CreateThreadpoolCleanupGroup", func(t *nt.Thread, _ *noArgs) (uint64, error) { return made(t)(ntdll.AllocCleanupGroup(t)) }),
	nt.Func("CreateThreadpoolIo", func(t *nt.Thread, a *createThreadpoolIoArgs) (uint64, error) {
		return made(t)(ntdll.AllocIo(t, a.File, &ntdll.PoolCallback{Function: a.Callback, Context: a.Context, Environment: a.Environment}, true))
	}),
	nt.Func("CreateThreadpoolTimer", func(t *nt.Thread, a *ntdll.PoolCallback) (uint64, error) { return made(t)(ntdll.AllocTimer(t, a)) }),
	nt.Func("CreateThreadpoolWait", func(t *nt.Thread, a *ntdll.PoolCallback) (uint64, error) { return made(t)(ntdll.AllocWait(t, a)) }),
	nt.Func("CreateThreadpoolWork", func(t *nt.Thread, a *ntdll.PoolCallback) (uint64, error) { return made(t)(ntdll.AllocWork(t, a)) }),
	boolFunc("QueryThreadpoolStackInformation", ntdll.QueryPoolStackInformation),
	boolFunc("SetThreadpoolStackInformation", ntdll.SetPoolStackInformation),
	boolFunc("SetThreadpoolThreadMinimum", ntdll.SetPoolMinThreads),
	boolFunc("TrySubmitThreadpoolCallback", ntdll.SimpleTryPost),

	boolFunc("BindIoCompletionCallback", ntdll.SetIoCompletionCallback),
	boolFunc("ChangeTimerQueueTimer", ntdll.UpdateTimer),
	nt.Func("CreateTimerQueue", func(t *nt.Thread, _ *noArgs) (uint64, error) { return made(t)(ntdll.CreateTimerQueue(t)) }),
	nt.Func("CreateTimerQueueTimer", createTimerQueueTimer),
	boolFunc("DeleteTimerQueue", func(t *nt.Thread, a *pointerArgs) (uint64, error) {
		return ntdll.DeleteTimerQueueEx(t, &ntdll.DeleteTimerQueueArgs{Queue: a.Pointer})
	}),
	boolFunc("DeleteTimerQueueEx", ntdll.DeleteTimerQueueEx),
	boolFunc("DeleteTimerQueueTimer", ntdll.DeleteTimer),
	boolFunc("QueueUserWorkItem", ntdll.QueueWorkItem),
	boolFunc("RegisterWaitForSingleObject", ntdll.RegisterWait),
	boolFunc("UnregisterWait", func(t *nt.Thread, a *pointerArgs) (uint64, error) {
		return ntdll.DeregisterWaitEx(t, &ntdll.DeregisterWaitArgs{Object: a.Pointer})
	}),
	boolFunc("UnregisterWaitEx", ntdll.DeregisterWaitEx),
}

// boolFunc is a function of ntdll's that returns a status, as one that returns a BOOL: PENDING is FALSE with ERROR_IO_PENDING.
func boolFunc[A any](name string, body func(t *nt.Thread, a *A) (uint64, error)) nt.UserFunc {
	return nt.Func(name, func(t *nt.Thread, a *A) (uint64, error) {
		v, err := body(t, a)
		if st := ntdef.Status(v); err == nil && st != ntdef.STATUS_SUCCESS {
			return failStatus(t, st)
		}
		return 1, err
	})
}

// made ends a function that returns what it has made, NULL where it failed.
func made(t *nt.Thread) func(at uint64, st ntdef.Status, err error) (uint64, error) {
	return func(at uint64, st ntdef.Status, err error) (uint64, error) {
		if err == nil && st != ntdef.STATUS_SUCCESS {
			return failStatus(t, st)
		}
		return at, err
	}
}

type createThreadpoolIoArgs struct {
	File                           ntdef.Handle
	Callback, Context, Environment uint64
}

type createTimerQueueTimerArgs struct {
	Timer, Queue, Callback, Context uint64
	Due, Period, Flags              uint32
}

func createTimerQueueTimer(t *nt.Thread, a *createTimerQueueTimerArgs) (uint64, error) {
	to := a.Timer
	at, st, err := ntdll.CreateTimer(t, a.Queue, ntdll.QueueTimer{
		Callback: a.Callback, Context: a.Context, Due: a.Due, Period: a.Period, Flags: a.Flags,
	})
	if err != nil {
		return 0, err
	}
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, t.Store64(to, at)
}
