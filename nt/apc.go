package nt

import (
	"errors"
	"slices"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// User APCs and alerts (Windows Internals, part 1 ch. 3, "Asynchronous procedure calls"). An APC is a call that a thread makes when it
// waits alertably, or tests for it. The wait ends with STATUS_USER_APC; on the way back to user mode the thread's CONTEXT goes to its stack
// and RIP to ntdll!KiUserApcDispatcher, which makes the call and continues with NtContinue(context, TRUE): that delivers the next one.
//
// A special user APC needs no alertable wait ("QueueUserAPC2" in Microsoft's documentation): the thread makes the call as soon as it is in
// user mode, or waits alertably; a system call or another wait ends first. Special ones come before the others, each where the last one is
// still running too.

// apc is a call that is queued, or may be again.
type apc struct {
	fn      uint64
	args    [3]uint64
	queued  bool
	special bool
	timer   *timer         // whose call it is
	reserve *reserveObject // that has its memory; nil: the pool
}

// QueueAPC is NtQueueApcThread: fn is called with the arguments in the thread, which waits for it or will. UNSUCCESSFUL for a thread that
// has ended, NO_MEMORY where too many are queued.
func (t *Thread) QueueAPC(fn uint64, args [3]uint64) ntdef.Status {
	return t.queueUserAPC(&apc{fn: fn, args: args})
}

// QueueSpecialAPC is QueueAPC of a special user APC.
func (t *Thread) QueueSpecialAPC(fn uint64, args [3]uint64) ntdef.Status {
	return t.queueUserAPC(&apc{fn: fn, args: args, special: true})
}

func (t *Thread) queueUserAPC(a *apc) ntdef.Status {
	switch {
	case t.state == threadEnded:
		return ntdef.STATUS_UNSUCCESSFUL
	case !t.queueAPC(a):
		return ntdef.STATUS_NO_MEMORY
	}
	return ntdef.STATUS_SUCCESS
}

// queueAPC queues an APC that is not queued already, where the pool has room.
func (t *Thread) queueAPC(a *apc) bool {
	if a.queued {
		return true
	}
	if !a.reserve.pay(t.sys) {
		return false
	}
	a.queued = true
	at := slices.IndexFunc(t.apcs, func(o *apc) bool { return !o.special })
	if !a.special || at < 0 {
		at = len(t.apcs)
	}
	t.apcs = slices.Insert(t.apcs, at, a)
	t.endAlertable(ntdef.STATUS_USER_APC)
	return true
}

// dequeueAPC takes an APC back.
func (t *Thread) dequeueAPC(a *apc) {
	if a.queued {
		a.queued = false
		a.reserve.refund(t.sys)
		t.apcs = slices.DeleteFunc(t.apcs, func(o *apc) bool { return o == a })
	}
}

// dropAPCs takes all back.
func (t *Thread) dropAPCs() {
	for _, a := range t.apcs {
		a.queued = false
		a.reserve.refund(t.sys)
	}
	t.apcs = nil
}

// endAlertable ends the thread's wait where it is alertable.
func (t *Thread) endAlertable(st ntdef.Status) bool {
	w := t.waiting
	if w == nil || !w.alert || w.done {
		return false
	}
	w.status = st
	w.end(t.sys)
	return true
}

// Alert is NtAlertThread: it ends an alertable wait with ALERTED, this one or the thread's next.
func (t *Thread) Alert() {
	t.alerted = !t.endAlertable(ntdef.STATUS_ALERTED)
}

// interrupted reports whether an alertable wait is over before it began.
func (t *Thread) interrupted(alertable bool) (ntdef.Status, bool) {
	switch {
	case !alertable:
	case t.alerted:
		t.alerted = false
		return ntdef.STATUS_ALERTED, true
	case len(t.apcs) > 0:
		t.deliver = true
		return ntdef.STATUS_USER_APC, true
	}
	return 0, false
}

// TestAlert is NtTestAlert: ALERTED where the thread was, else SUCCESS; what is queued is then delivered.
func (t *Thread) TestAlert() ntdef.Status {
	if t.alerted {
		t.alerted = false
		return ntdef.STATUS_ALERTED
	}
	t.deliver = len(t.apcs) > 0
	return ntdef.STATUS_SUCCESS
}

// Layout of what KiUserApcDispatcher finds at RSP: a CONTEXT whose first home slots have the arguments and the routine, and a
// machine frame from which its unwind information continues.
const (
	apcMachineFrame = 0x4f0
	apcFrameSize    = apcMachineFrame + 0x28
	apcRoutine      = 3 // the home slot of the routine
	// Wine up to version 8 hands the context and the arguments over in registers and the routine as a fifth argument: its dispatcher begins
	// by taking a return address off that nobody pushed.
	apcRoutineWine = 4
	addRsp8        = 0x08c48348 // add rsp,8
)

// deliverSpecial makes the call of a special user APC that is queued, on a thread in user mode.
func (t *Thread) deliverSpecial() error {
	if len(t.apcs) == 0 || !t.apcs[0].special {
		return nil
	}
	return t.deliverAPC()
}

// maxQuiet bounds how many calls of special APCs are remembered that nothing came back from.
const maxQuiet = 64

// testsAlert reports whether NtContinue with a context at some place may deliver what is queued: a special APC that came between a
// thread's instructions does not make the thread alertable.
func (t *Thread) testsAlert(context uint64) bool {
	i := slices.Index(t.quiet, context)
	if i < 0 {
		return true
	}
	t.quiet = t.quiet[:i]
	return false
}

// deliverAPC makes the thread's next call, to go on afterwards with the registers as they are. It returns the error that the system call must return.
func (t *Thread) deliverAPC() error {
	alertable := t.deliver
	t.deliver = false
	if len(t.apcs) == 0 {
		return errContext
	}
	a := t.apcs[0]
	t.apcs = t.apcs[1:]
	a.queued = false
	a.reserve.refund(t.sys)
	if a.timer != nil {
		a.timer.rearm()
	}
	ctx := t.capture()
	// The frame leaves room for the link that Wine makes to the frame above.
	rsp := (ctx.Rsp() - apcFrameSize - 0x10) &^ 63
	var frame [apcFrameSize]byte
	ctx.Marshal(frame[:])
	for i, v := range [...]uint64{a.args[0], a.args[1], a.args[2], apcRoutine: a.fn, apcRoutineWine: a.fn} {
		putUint64(frame[8*i:], v)
	}
	machineFrame(frame[apcMachineFrame:], &ctx)
	if err := t.writeFrame(rsp, frame[:]); err != nil {
		return t.raiseFault(err)
	}
	entry := t.proc.entries.apcDispatcher
	code, err := t.Load32(entry)
	if err != nil {
		return t.raiseFault(err)
	}
	c := t.cpu
	c.R[cpu.RCX], c.R[cpu.RDX], c.R[cpu.R8], c.R[cpu.R9] = rsp, a.args[0], a.args[1], a.args[2]
	c.R[cpu.RSP] = rsp
	if a.special && !alertable {
		if len(t.quiet) == maxQuiet {
			t.quiet = t.quiet[1:]
		}
		t.quiet = append(t.quiet, rsp)
	}
	if code == addRsp8 {
		c.R[cpu.RSP] -= 8
	}
	c.RIP = entry
	c.SetFlags(x86.FlagIF | x86.FlagR1)
	return errContext
}

// raiseFault raises the exception of an access that failed on the way back to user mode.
func (t *Thread) raiseFault(err error) error {
	var fault *UserFault
	if !errors.As(err, &fault) {
		return err
	}
	rec := fault.Record
	rec.Address = t.cpu.RIP
	return t.raise(&rec)
}
