package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Waits: callbacks for objects that are signaled, or are not for some time.
var poolWaitFuncs = []nt.UserFunc{
	allocator("TpAllocWait", AllocWait),
	nt.Func("TpSetWait", func(t *nt.Thread, a *setPoolWaitArgs) (uint64, error) {
		_, err := tpSetWaitEx(t, a)
		return 0, err
	}),
	nt.Func("TpSetWaitEx", tpSetWaitEx),
	waiter("TpWaitForWait", "wait"),
	releaser("TpReleaseWait", "wait"),
}

// poolWait is what a wait has beyond an object: the packet that the handle's object sends, and the alarm of its timeout.
type poolWait struct {
	packet ntdef.Handle
	alarm  poolAlarm
	serial uint64 // of the packets that count, as a timer's
	set    bool
	call   func(t *nt.Thread, instance, result uint64) error
}

// makeWait makes an object a wait whose callbacks are call.
func (o *poolObject) makeWait(t *nt.Thread, call func(t *nt.Thread, instance, result uint64) error) ntdef.Status {
	packet, st := t.Process().CreateWaitPacket(&nt.ObjectRequest{})
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	w := &poolWait{packet: packet, call: call}
	o.wait = w
	o.pool.bind(t, 1)
	o.stop = w.stop
	o.packet = func(t *nt.Thread, packet *nt.Completion) *poolCallback {
		if packet.Bytes != w.serial {
			return nil
		}
		w.stop(t) // the other packet
		return &poolCallback{o, w.result(packet.Overlapped)}
	}
	o.ended = func(t *nt.Thread) {
		o.pool.bind(t, -1)
		w.alarm.close(t)
		t.Process().CloseHandle(w.packet)
	}
	return st
}

// result is the callback with what the wait came to: WAIT_OBJECT_0 or WAIT_TIMEOUT.
func (w *poolWait) result(result uint64) func(t *nt.Thread, instance uint64) error {
	return func(t *nt.Thread, instance uint64) error { return w.call(t, instance, result) }
}

// arriving reports whether one of the packets is on its way to a worker.
func (w *poolWait) arriving(t *nt.Thread) bool {
	return w.set && !t.Process().WaitPacketWaits(w.packet) || w.alarm.arriving(t)
}

func (w *poolWait) stop(t *nt.Thread) {
	w.set = false
	w.serial++
	t.Process().CancelWaitPacket(w.packet, true)
	w.alarm.stop(t)
}

// setWait waits for a handle for some nanoseconds. Where they are none, and the object is not signaled, the callback is queued.
func (o *poolObject) setWait(t *nt.Thread, h ntdef.Handle, timeout uint64) ntdef.Status {
	const timedOut = uint64(ntdef.STATUS_TIMEOUT)
	w := o.wait
	w.stop(t)
	already, st := t.AssociateWaitPacket(w.packet, o.pool.port, h, nt.Completion{Key: o.at, Bytes: w.serial})
	if w.set = st == ntdef.STATUS_SUCCESS; !w.set || already {
		return st
	}
	switch timeout {
	case nt.Infinite:
		return st
	case 0:
		w.stop(t)
		return o.post(t, w.result(timedOut))
	}
	return w.alarm.set(t, o.pool, t.System().Now()+timeout, 0, nt.Completion{Key: o.at, Overlapped: timedOut, Bytes: w.serial})
}

// AllocWait is TpAllocWait: INVALID_PARAMETER, NO_MEMORY.
func AllocWait(t *nt.Thread, a *PoolCallback) (uint64, ntdef.Status, error) {
	return allocate(t, "wait", a, func(_ *pools, o *poolObject) ntdef.Status {
		return o.makeWait(t, func(t *nt.Thread, instance, result uint64) error {
			_, err := t.Call(o.callback, instance, o.context, o.at, result)
			return err
		})
	})
}

type setPoolWaitArgs struct {
	Object  uint64
	Handle  ntdef.Handle     // 0 stops the wait
	Timeout ntdef.Ptr[int64] // 100 ns units, negative from now; NULL: for ever
}

// tpSetWaitEx returns whether a wait was under way. A handle that cannot be waited for raises its status: a mutant cannot, whose owner
// would be nobody.
func tpSetWaitEx(t *nt.Thread, a *setPoolWaitArgs) (uint64, error) {
	return ofObject(t, "wait", a.Object, func(_ *pools, o *poolObject) (uint64, error) {
		was := o.wait.set
		if a.Handle == 0 {
			o.wait.stop(t)
			return truth(was), nil
		}
		timeout := uint64(nt.Infinite)
		if a.Timeout != 0 {
			v, err := t.Load64(uint64(a.Timeout))
			if err != nil {
				return 0, err
			}
			timeout = t.System().Until(int64(v))
		}
		if st := o.setWait(t, a.Handle, timeout); st != ntdef.STATUS_SUCCESS {
			return 0, RaiseStatus(t, st)
		}
		return truth(was), nil
	})
}
