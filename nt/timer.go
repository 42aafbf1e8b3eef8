package nt

import "github.com/pagewalk/pagewalk/ntdef"

// timer is signaled at a time, and again every period. While nobody could tell that a periodic timer was due once more, because it is
// signaled still and its APC is queued, it has no deadline: it is given one when either is taken.
type timer struct {
	objectHeader
	waitList
	sys         *System
	manual, set bool
	due         *deadline
	at          uint64 // virtual nanoseconds when it is due, or was last
	period      uint64 // nanoseconds; 0: once
	apc         *apc   // that is queued when the timer is due
	thread      *Thread
}

func (*timer) typeName() string        { return "Timer" }
func (t *timer) signaled(*Thread) bool { return t.set }
func (t *timer) take(*Thread) bool {
	if t.set && !t.manual {
		t.set = false
		t.rearm()
	}
	return false
}

// CreateTimer is NtCreateTimer.
func (p *Process) CreateTimer(r *ObjectRequest, manual bool) (ntdef.Handle, ntdef.Status) {
	return create(p, r, &timer{sys: p.sys, manual: manual})
}

// OpenTimer is NtOpenTimer.
func (p *Process) OpenTimer(r *ObjectRequest) (ntdef.Handle, ntdef.Status) { return open[*timer](p, r) }

// SetTimer is NtSetTimer: due is a virtual time in nanoseconds, period may be 0. An APC is queued each time where fn is not 0. It
// returns whether the timer was signaled.
func (t *Thread) SetTimer(h ntdef.Handle, due, period, fn, arg uint64) (was bool, st ntdef.Status) {
	o, st := with[*timer](t.proc, h, modifyState)
	if st != ntdef.STATUS_SUCCESS {
		return false, st
	}
	was = o.set
	o.stop()
	o.set, o.period = false, period
	if fn != 0 {
		o.apc, o.thread = &apc{fn: fn, args: [3]uint64{arg}, timer: o}, t
	}
	o.start(due)
	return was, st
}

// start lets the timer be due at a time.
func (t *timer) start(at uint64) {
	t.at = at
	t.due = t.sys.after(at, t.fire)
}

func (t *timer) fire() {
	t.due = nil
	t.set = true
	if t.apc != nil {
		now := t.sys.SystemTime()
		if !t.apc.queued {
			t.apc.args[1], t.apc.args[2] = now&0xffffffff, now>>32
		}
		if t.thread.state != threadEnded {
			t.thread.queueAPC(t.apc)
		}
	}
	t.sys.signal(t)
}

// rearm gives a periodic timer its next deadline after one that was taken.
func (t *timer) rearm() {
	if t.due == nil && t.period != 0 {
		t.start(t.next())
	}
}

// next is when the timer is due next: the first time after now that is a number of periods after the last.
func (t *timer) next() uint64 {
	if t.due != nil || t.period == 0 {
		return t.at
	}
	late := t.sys.Now() - t.at
	return t.at + t.period*(late/t.period+1)
}

// stop makes the timer one that is not set; its APC is taken back.
func (t *timer) stop() {
	if t.due != nil {
		t.sys.cancel(t.due)
	}
	if t.apc != nil {
		t.thread.dequeueAPC(t.apc)
	}
	t.due, t.apc, t.thread, t.period = nil, nil, nil, 0
}

// CancelTimer is NtCancelTimer; it returns whether the timer was signaled.
func (p *Process) CancelTimer(h ntdef.Handle) (was bool, st ntdef.Status) {
	o, st := with[*timer](p, h, modifyState)
	if st == ntdef.STATUS_SUCCESS {
		was = o.set
		o.stop()
	}
	return was, st
}

// ended stops the timer with the last of its handles and of the waits for it.
func (t *timer) ended() {
	if len(t.blocks) == 0 {
		t.stop()
	}
}

// released is told that a wait for the timer has ended.
func (t *timer) released() {
	if t.handles == 0 && !t.stays() {
		t.ended()
	}
}
