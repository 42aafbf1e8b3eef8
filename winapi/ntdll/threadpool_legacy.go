package ntdll

import (
	"slices"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// The older thread pool functions (threadpoollegacyapiset.h) over the objects of the newer ones, as on Windows since Vista. All go to the
// process's own pool.
var poolLegacyFuncs = []nt.UserFunc{
	nt.Func("RtlQueueWorkItem", QueueWorkItem),
	nt.Func("RtlSetIoCompletionCallback", SetIoCompletionCallback),
	nt.Func("RtlRegisterWait", RegisterWait),
	nt.Func("RtlDeregisterWait", func(t *nt.Thread, a *poolObjectArgs) (uint64, error) {
		return DeregisterWaitEx(t, &DeregisterWaitArgs{Object: a.Object})
	}),
	nt.Func("RtlDeregisterWaitEx", DeregisterWaitEx),
	nt.Func("RtlCreateTimerQueue", rtlCreateTimerQueue),
	nt.Func("RtlDeleteTimerQueueEx", DeleteTimerQueueEx),
	nt.Func("RtlCreateTimer", rtlCreateTimer),
	nt.Func("RtlUpdateTimer", UpdateTimer),
	nt.Func("RtlDeleteTimer", DeleteTimer),
}

// Flags of the older functions (winnt.h, WT_*). The others choose between threads that the pool does not tell apart.
const (
	wtExecuteOnlyOnce     = 0x08
	wtExecuteLongFunction = 0x10
)

// waitForCallbacks is the completion event that has a function wait itself: INVALID_HANDLE_VALUE.
const waitForCallbacks = ^ntdef.Handle(0)

// QueueWorkItemArgs are the arguments of QueueUserWorkItem.
type QueueWorkItemArgs struct {
	Function, Context uint64
	Flags             uint32
}

// QueueWorkItem is RtlQueueWorkItem.
func QueueWorkItem(t *nt.Thread, a *QueueWorkItemArgs) (uint64, error) {
	long := a.Flags&wtExecuteLongFunction != 0
	return postOnce(t, &PoolCallback{Function: a.Function, Context: a.Context}, func(o *poolObject) func(t *nt.Thread, _ uint64) error {
		o.long = long
		return func(t *nt.Thread, _ uint64) error {
			_, err := t.Call(o.callback, o.context)
			return err
		}
	})
}

// IoCompletionCallbackArgs are the arguments of BindIoCompletionCallback.
type IoCompletionCallbackArgs struct {
	File     ntdef.Handle
	Function uint64
	Flags    uint32
}

// SetIoCompletionCallback, which is RtlSetIoCompletionCallback, has a function called for every request of a file that is done: with its status, the bytes and the OVERLAPPED.
func SetIoCompletionCallback(t *nt.Thread, a *IoCompletionCallbackArgs) (uint64, error) {
	s := poolsOf(t)
	o, st, err := s.newObject(t, "file's callback", &PoolCallback{Function: a.Function})
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return uint64(st), err
	}
	st = o.makeIo(t, a.File, func(t *nt.Thread, _ uint64, packet *nt.Completion) error {
		_, err := t.Call(o.callback, uint64(packet.Status), packet.Bytes, packet.Overlapped)
		return err
	})
	if st != ntdef.STATUS_SUCCESS {
		return uint64(st), s.release(t, o)
	}
	return uint64(st), nil
}

// RegisterWaitArgs are the arguments of RegisterWaitForSingleObject.
type RegisterWaitArgs struct {
	Object            uint64
	Handle            ntdef.Handle
	Callback, Context uint64
	Milliseconds      uint32
	Flags             uint32
}

// RegisterWait, which is RtlRegisterWait, has a function called, with whether the time is over, each time that the wait is, unless it is to be only once.
func RegisterWait(t *nt.Thread, a *RegisterWaitArgs) (uint64, error) {
	handle, timeout := a.Handle, milliseconds(a.Milliseconds)
	at, st, err := allocate(t, "registered wait", &PoolCallback{a.Callback, a.Context, 0}, func(_ *pools, o *poolObject) ntdef.Status {
		o.once, o.long = a.Flags&wtExecuteOnlyOnce != 0, a.Flags&wtExecuteLongFunction != 0
		st := o.makeWait(t, func(t *nt.Thread, _, result uint64) error {
			if _, err := t.Call(o.callback, o.context, truth(result != 0)); err != nil {
				return err
			}
			if !o.once && !o.released {
				o.setWait(t, handle, timeout) // one that was closed meanwhile is no longer waited for
			}
			return nil
		})
		if st == ntdef.STATUS_SUCCESS {
			st = o.setWait(t, handle, timeout)
		}
		return st
	})
	return stored(t, a.Object, at, st, err)
}

// DeregisterWaitArgs are the arguments of UnregisterWaitEx.
type DeregisterWaitArgs struct {
	Object uint64
	Event  ntdef.Handle // 0, or to set once the last callback has returned; INVALID_HANDLE_VALUE: the function waits for that
}

// DeregisterWaitEx is RtlDeregisterWaitEx.
func DeregisterWaitEx(t *nt.Thread, a *DeregisterWaitArgs) (uint64, error) {
	s := poolsOf(t)
	o := s.objects[a.Object]
	if o == nil || o.released || o.kind != "registered wait" {
		return uint64(ntdef.STATUS_INVALID_HANDLE), nil
	}
	st, err := s.end(t, o, a.Event)
	return uint64(st), err
}

// end releases an object of an older function: PENDING where a callback still runs.
func (s *pools) end(t *nt.Thread, o *poolObject, event ntdef.Handle) (ntdef.Status, error) {
	if event != waitForCallbacks {
		o.event = event
	}
	o.drop(t)
	busy := o.running > 0
	if busy && event == waitForCallbacks {
		o.stop(t)
		if err := o.await(t); err != nil {
			return 0, err
		}
		busy = false
	}
	if err := s.release(t, o); err != nil {
		return 0, err
	}
	if busy {
		return ntdef.STATUS_PENDING, nil
	}
	return ntdef.STATUS_SUCCESS, nil
}

// timerQueue is what RtlCreateTimerQueue makes: timers that end together.
type timerQueue struct {
	at     uint64
	timers []*poolObject
}

type timerQueueArgs struct{ Queue uint64 }

func rtlCreateTimerQueue(t *nt.Thread, a *timerQueueArgs) (uint64, error) {
	at, st, err := CreateTimerQueue(t)
	return stored(t, a.Queue, at, st, err)
}

// CreateTimerQueue is RtlCreateTimerQueue: NO_MEMORY.
func CreateTimerQueue(t *nt.Thread) (uint64, ntdef.Status, error) {
	at, err := poolBlock(t)
	if err != nil || at == 0 {
		return 0, ntdef.STATUS_NO_MEMORY, err
	}
	poolsOf(t).queues[at] = &timerQueue{at: at}
	return at, ntdef.STATUS_SUCCESS, nil
}

// DeleteTimerQueueArgs are the arguments of DeleteTimerQueueEx.
type DeleteTimerQueueArgs struct {
	Queue uint64
	Event ntdef.Handle
}

// DeleteTimerQueueEx is RtlDeleteTimerQueueEx.
func DeleteTimerQueueEx(t *nt.Thread, a *DeleteTimerQueueArgs) (uint64, error) {
	s := poolsOf(t)
	q := s.queues[a.Queue]
	if q == nil {
		return uint64(ntdef.STATUS_INVALID_HANDLE), nil
	}
	delete(s.queues, a.Queue)
	result := ntdef.STATUS_SUCCESS
	timers := q.timers
	for i, o := range timers {
		event := a.Event
		if event != waitForCallbacks && i < len(timers)-1 {
			event = 0 // the last one sets it
		}
		st, err := s.end(t, o, event)
		if err != nil {
			return 0, err
		}
		if st != ntdef.STATUS_SUCCESS {
			result = st
		}
	}
	if len(timers) == 0 && a.Event != 0 && a.Event != waitForCallbacks {
		t.Process().SetEvent(a.Event)
	}
	_, err := FreeHeap(t, 0, q.at)
	return uint64(result), err
}

// A QueueTimer is what a timer of a queue is made with: times are in milliseconds, INFINITE is never.
type QueueTimer struct {
	Callback, Context  uint64
	Due, Period, Flags uint32
}

type createTimerArgs struct {
	Queue, Timer, Callback, Context uint64
	Due, Period, Flags              uint32
}

// queueOf returns a timer queue, the process's own for 0; nil where there is none.
func (s *pools) queueOf(at uint64) *timerQueue {
	if at == 0 && s.queues[0] == nil {
		s.queues[0] = &timerQueue{}
	}
	return s.queues[at]
}

func rtlCreateTimer(t *nt.Thread, a *createTimerArgs) (uint64, error) {
	at, st, err := CreateTimer(t, a.Queue, QueueTimer{a.Callback, a.Context, a.Due, a.Period, a.Flags})
	return stored(t, a.Timer, at, st, err)
}

// CreateTimer is RtlCreateTimer; queue 0 is the process's own. INVALID_HANDLE, INVALID_PARAMETER, NO_MEMORY.
func CreateTimer(t *nt.Thread, queue uint64, a QueueTimer) (uint64, ntdef.Status, error) {
	q := poolsOf(t).queueOf(queue)
	if q == nil {
		return 0, ntdef.STATUS_INVALID_HANDLE, nil
	}
	return allocate(t, "queue's timer", &PoolCallback{a.Callback, a.Context, 0}, func(_ *pools, o *poolObject) ntdef.Status {
		o.once, o.long = a.Flags&wtExecuteOnlyOnce != 0, a.Flags&wtExecuteLongFunction != 0
		o.makeTimer(t, func(t *nt.Thread, _ uint64) error {
			_, err := t.Call(o.callback, o.context, 1)
			return err
		})
		q.timers = append(q.timers, o)
		ended := o.ended
		o.ended = func(t *nt.Thread) {
			ended(t)
			q.timers = slices.DeleteFunc(slices.Clone(q.timers), func(e *poolObject) bool { return e == o })
		}
		return o.setQueueTimer(t, a.Due, a.Period)
	})
}

func (o *poolObject) setQueueTimer(t *nt.Thread, due, period uint32) ntdef.Status {
	if due == ^uint32(0) {
		o.timer.stop(t)
		return ntdef.STATUS_SUCCESS
	}
	every := milliseconds(period)
	if o.once || every == nt.Infinite {
		every = 0
	}
	return o.setTimer(t, milliseconds(due), every)
}

// UpdateTimerArgs are the arguments of ChangeTimerQueueTimer.
type UpdateTimerArgs struct {
	Queue, Timer uint64
	Due, Period  uint32
}

// queueTimer returns a timer of a queue: INVALID_HANDLE.
func (s *pools) queueTimer(queue, timer uint64) (*poolObject, ntdef.Status) {
	q, o := s.queueOf(queue), s.objects[timer]
	if q == nil || o == nil || o.released || !slices.Contains(q.timers, o) {
		return nil, ntdef.STATUS_INVALID_HANDLE
	}
	return o, ntdef.STATUS_SUCCESS
}

// UpdateTimer is RtlUpdateTimer: INVALID_HANDLE. A timer that was due, and is not again, stays as it is.
func UpdateTimer(t *nt.Thread, a *UpdateTimerArgs) (uint64, error) {
	o, st := poolsOf(t).queueTimer(a.Queue, a.Timer)
	if st == ntdef.STATUS_SUCCESS && !o.timer.over() {
		st = o.setQueueTimer(t, a.Due, a.Period)
	}
	return uint64(st), nil
}

// DeleteTimerArgs are the arguments of DeleteTimerQueueTimer.
type DeleteTimerArgs struct {
	Queue, Timer uint64
	Event        ntdef.Handle
}

// DeleteTimer is RtlDeleteTimer.
func DeleteTimer(t *nt.Thread, a *DeleteTimerArgs) (uint64, error) {
	s := poolsOf(t)
	o, st := s.queueTimer(a.Queue, a.Timer)
	if st != ntdef.STATUS_SUCCESS {
		return uint64(st), nil
	}
	st, err := s.end(t, o, a.Event)
	return uint64(st), err
}
