package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Timers.
var poolTimerFuncs = []nt.UserFunc{
	allocator("TpAllocTimer", AllocTimer),
	nt.Func("TpSetTimer", func(t *nt.Thread, a *setPoolTimerArgs) (uint64, error) {
		_, err := tpSetTimerEx(t, a)
		return 0, err
	}),
	nt.Func("TpSetTimerEx", tpSetTimerEx),
	nt.Func("TpIsTimerSet", func(t *nt.Thread, a *poolObjectArgs) (uint64, error) {
		return ofObject(t, "timer", a.Object, func(_ *pools, o *poolObject) (uint64, error) { return truth(o.timer.set), nil })
	}),
	waiter("TpWaitForTimer", "timer"),
	releaser("TpReleaseTimer", "timer"),
}

// poolAlarm is a timer of the kernel's whose end comes as a packet of a pool's port. It has neither before it is set for the first time.
type poolAlarm struct {
	timer, packet ntdef.Handle
	armed         bool
}

// set has a packet come at a time, in nanoseconds, and again every period.
func (a *poolAlarm) set(t *nt.Thread, p *pool, at, period uint64, c nt.Completion) (st ntdef.Status) {
	if a.timer == 0 {
		if a.timer, st = t.Process().CreateTimer(&nt.ObjectRequest{}, false); st != ntdef.STATUS_SUCCESS {
			return st
		}
	}
	if a.packet == 0 {
		if a.packet, st = t.Process().CreateWaitPacket(&nt.ObjectRequest{}); st != ntdef.STATUS_SUCCESS {
			return st
		}
	}
	if _, st = t.SetTimer(a.timer, at, period, 0, 0); st == ntdef.STATUS_SUCCESS {
		st = a.again(t, p, c)
	}
	return st
}

// again has the packet come once more, at the end of the next period.
func (a *poolAlarm) again(t *nt.Thread, p *pool, c nt.Completion) ntdef.Status {
	_, st := t.AssociateWaitPacket(a.packet, p.port, a.timer, c)
	a.armed = st == ntdef.STATUS_SUCCESS
	return st
}

// stop takes the packet back, unless a worker has it.
func (a *poolAlarm) stop(t *nt.Thread) {
	if a.packet != 0 {
		t.Process().CancelWaitPacket(a.packet, true)
		t.Process().CancelTimer(a.timer)
	}
	a.armed = false
}

func (a *poolAlarm) close(t *nt.Thread) {
	for _, h := range []ntdef.Handle{a.packet, a.timer} {
		if h != 0 {
			t.Process().CloseHandle(h)
		}
	}
}

// arriving reports whether the packet is on its way to a worker.
func (a *poolAlarm) arriving(t *nt.Thread) bool {
	return a.armed && !t.Process().WaitPacketWaits(a.packet)
}

// poolTimer is what a timer has beyond an object.
type poolTimer struct {
	alarm  poolAlarm
	serial uint64 // of the packets that count: one of before may be on its way when the timer is set anew
	set    bool
	period uint64 // nanoseconds, 0: once
	call   func(t *nt.Thread, instance uint64) error
}

func (m *poolTimer) stop(t *nt.Thread) {
	m.alarm.stop(t)
	m.serial++
}

// over reports whether the timer was due and will not be again.
func (m *poolTimer) over() bool { return m.set && m.period == 0 && !m.alarm.armed }

// makeTimer makes an object a timer whose callbacks are call.
func (o *poolObject) makeTimer(t *nt.Thread, call func(t *nt.Thread, instance uint64) error) {
	o.timer = &poolTimer{call: call}
	o.pool.bind(t, 1)
	o.stop = o.timer.stop
	o.packet = func(t *nt.Thread, packet *nt.Completion) *poolCallback {
		if packet.Bytes != o.timer.serial {
			return nil
		}
		if o.timer.alarm.armed = false; o.timer.period != 0 {
			o.timer.alarm.again(t, o.pool, *packet)
		}
		return &poolCallback{o, o.timer.call}
	}
	o.ended = func(t *nt.Thread) {
		o.pool.bind(t, -1)
		o.timer.alarm.close(t)
	}
}

// setTimer sets the timer in some nanoseconds and then every period. One that is due is not left to the kernel: its callback is queued.
func (o *poolObject) setTimer(t *nt.Thread, left, period uint64) ntdef.Status {
	o.timer.stop(t)
	o.timer.set, o.timer.period = true, period
	at := t.System().Now() + left
	if left == 0 {
		if st := o.post(t, o.timer.call); st != ntdef.STATUS_SUCCESS || period == 0 {
			return st
		}
		at += period
	}
	return o.timer.alarm.set(t, o.pool, at, period, nt.Completion{Key: o.at, Bytes: o.timer.serial})
}

// AllocTimer is TpAllocTimer: INVALID_PARAMETER, NO_MEMORY.
func AllocTimer(t *nt.Thread, a *PoolCallback) (uint64, ntdef.Status, error) {
	return allocate(t, "timer", a, func(_ *pools, o *poolObject) ntdef.Status {
		o.makeTimer(t, func(t *nt.Thread, instance uint64) error {
			_, err := t.Call(o.callback, instance, o.context, o.at)
			return err
		})
		return ntdef.STATUS_SUCCESS
	})
}

type setPoolTimerArgs struct {
	Object uint64
	Due    ntdef.Ptr[int64] // 100 ns units, negative from now; NULL stops the timer
	Period uint32           // milliseconds
	Window uint32           // milliseconds that it may be late: it never is
}

// tpSetTimerEx returns whether the timer was set.
func tpSetTimerEx(t *nt.Thread, a *setPoolTimerArgs) (uint64, error) {
	return ofObject(t, "timer", a.Object, func(_ *pools, o *poolObject) (uint64, error) {
		was := o.timer.set
		if a.Due == 0 {
			o.timer.stop(t)
			o.timer.set, o.timer.period = false, 0
			return truth(was), nil
		}
		due, err := t.Load64(uint64(a.Due))
		if err != nil {
			return 0, err
		}
		if st := o.setTimer(t, t.System().Until(int64(due)), milliseconds(a.Period)); st != ntdef.STATUS_SUCCESS {
			return 0, RaiseStatus(t, st)
		}
		return truth(was), nil
	})
}

// milliseconds are so many nanoseconds; INFINITE is for ever.
func milliseconds(ms uint32) uint64 {
	if ms == ^uint32(0) {
		return nt.Infinite
	}
	return uint64(ms) * 1_000_000
}
