package nt

import (
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
)

// A Completion is a packet of an I/O completion port.
type Completion struct {
	Key, Overlapped, Bytes uint64
	Status                 ntdef.Status // of the request

	packet  *waitPacket    // that it is of
	release *workerFactory // whose release it is
	reserve *reserveObject // that has its memory; nil: the pool
}

// completionPort is a queue of packets that threads wait for: a kernel queue (Windows Internals, part 2 ch. 6, "I/O completion ports").
// A packet goes to the thread that has waited for the shortest time ("released in last-in-first-out order", says the documentation of
// I/O completion ports), where fewer than limit threads of the port run. A thread is the port's from when it asks for a packet until it
// asks another port or ends; it runs while it neither waits, for whatever, nor is suspended.
type completionPort struct {
	objectHeader
	waitList
	sys       *System
	limit     uint32 // NumberOfConcurrentThreads
	running   uint32
	packets   []Completion
	waiters   []*portWait // the latest last
	factories []*workerFactory
}

// portWait is one thread's wait, and the packet that ended it.
type portWait struct {
	block   *waitBlock
	packet  Completion
	factory *workerFactory // through which the thread waits
	since   uint64
}

func (*completionPort) typeName() string        { return "IoCompletion" }
func (p *completionPort) signaled(*Thread) bool { return len(p.packets) > 0 }
func (p *completionPort) take(*Thread) bool     { return false }

// closed drops what nobody can take any more. Who waits is told: GetQueuedCompletionStatus fails with ERROR_ABANDONED_WAIT_0.
func (p *completionPort) closed() {
	if p.abandoned() {
		p.takeFirst(len(p.packets))
		for _, w := range p.waiters {
			if !w.block.done {
				w.block.status = ntdef.STATUS_ABANDONED_WAIT_0
				w.block.end(p.sys)
			}
		}
	}
}

// abandoned reports whether neither a handle nor a worker factory refers to the port.
func (p *completionPort) abandoned() bool { return p.handles == 0 && len(p.factories) == 0 }

// CreateCompletionPort is NtCreateIoCompletion: threads of the port run at a time, 0 is one for each processor, of which there is one.
func (p *Process) CreateCompletionPort(r *ObjectRequest, threads uint32) (ntdef.Handle, ntdef.Status) {
	return create(p, r, &completionPort{sys: p.sys, limit: max(threads, 1)})
}

// PostCompletion is NtSetIoCompletion: INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED, INSUFFICIENT_RESOURCES.
func (p *Process) PostCompletion(h ntdef.Handle, c Completion) ntdef.Status {
	port, st := with[*completionPort](p, h, modifyState)
	if st == ntdef.STATUS_SUCCESS && !port.post(c) {
		st = ntdef.STATUS_INSUFFICIENT_RESOURCES
	}
	return st
}

// post gives a packet to a thread that waits, or queues it where the pool has room.
func (p *completionPort) post(c Completion) bool {
	if p.abandoned() {
		return true // nobody can ask for it any more
	}
	if !c.reserve.pay(p.sys) {
		return false
	}
	p.packets = append(p.packets, c)
	p.serve()
	if len(p.packets) > 0 {
		p.sys.signal(p)
	}
	return true
}

// serve gives packets to threads that wait while both are there and the port lets them run; a factory may make a worker for the rest.
func (p *completionPort) serve() {
	for len(p.packets) > 0 && p.running < p.limit && len(p.waiters) > 0 {
		w := p.waiters[len(p.waiters)-1]
		p.waiters = p.waiters[:len(p.waiters)-1]
		if !w.block.done {
			w.packet, w.block.status = p.takeFirst(1)[0], ntdef.STATUS_SUCCESS
			w.block.end(p.sys)
		}
	}
	for _, f := range p.factories {
		f.staff()
	}
}

// takeFirst takes the first n packets off the queue.
func (p *completionPort) takeFirst(n int) []Completion {
	all := slices.Clone(p.packets[:n])
	clear(p.packets[:n])
	if p.packets = p.packets[n:]; len(p.packets) == 0 {
		p.packets = nil
	}
	for i := range all {
		all[i].reserve.refund(p.sys)
		if w := all[i].packet; w != nil {
			w.port, all[i].packet = nil, nil
		}
		if f := all[i].release; f != nil {
			f.releases--
			all[i].release = nil
		}
	}
	return all
}

// RemoveCompletions is NtRemoveIoCompletionEx: at most n packets, waiting for the first of them. INVALID_HANDLE, OBJECT_TYPE_MISMATCH,
// ACCESS_DENIED, TIMEOUT, USER_APC, ALERTED, ABANDONED_WAIT_0 where the port's last handle is closed meanwhile.
func (t *Thread) RemoveCompletions(h ntdef.Handle, n int, timeout uint64, alertable bool) ([]Completion, ntdef.Status, error) {
	port, st := with[*completionPort](t.proc, h, modifyState)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st, nil
	}
	return t.remove(port, n, timeout, &portWait{block: &waitBlock{thread: t, alert: alertable, what: "a packet of " + describe(port)}})
}

// remove takes packets of a port for the thread, or waits as w says.
func (t *Thread) remove(port *completionPort, n int, timeout uint64, w *portWait) ([]Completion, ntdef.Status, error) {
	t.serves(port)
	if port.running <= port.limit && len(port.packets) > 0 { // the thread itself is one of those that run
		return port.takeFirst(min(n, len(port.packets))), ntdef.STATUS_SUCCESS, nil
	}
	if st, ok := t.interrupted(w.block.alert); ok {
		return nil, st, nil
	}
	if timeout == 0 {
		return nil, ntdef.STATUS_TIMEOUT, nil
	}
	port.waiters = append(port.waiters, w)
	if w.since = t.sys.Now(); w.factory != nil {
		w.factory.began(w)
	}
	st, err := t.block(w.block, timeout)
	if err == nil && st == ntdef.STATUS_SUCCESS {
		return []Completion{w.packet}, st, nil
	}
	port.waiters = slices.DeleteFunc(port.waiters, func(o *portWait) bool { return o == w })
	return nil, st, err
}

// serves makes the thread one of a port's, nil: of none.
func (t *Thread) serves(port *completionPort) {
	if t.port == port {
		return
	}
	t.pause()
	t.port = port
	t.unpause()
}

// pause takes the thread off those of its port that run, which may let another one run; unpause puts it back.
func (t *Thread) pause() {
	if t.counted {
		t.counted = false
		t.port.running--
		t.port.serve()
	}
}

func (t *Thread) unpause() {
	if t.port != nil && !t.counted && t.suspended == 0 {
		t.counted = true
		t.port.running++
	}
}

// waitPacket posts to a port when an object is signaled, once for each time that it is associated (NtCreateWaitCompletionPacket).
type waitPacket struct {
	objectHeader
	block *waitBlock      // while it waits
	port  *completionPort // that it is queued at
}

func (*waitPacket) typeName() string { return "WaitCompletionPacket" }

// ended ends the packet's wait with it.
func (w *waitPacket) ended() {
	if w.block != nil {
		w.block.leave(w.block.thread.sys)
		w.block = nil
	}
}

// CreateWaitPacket is NtCreateWaitCompletionPacket.
func (p *Process) CreateWaitPacket(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
	return create(p, r, &waitPacket{})
}

const packetModify = 1 // the one right of a wait completion packet

// AssociateWaitPacket is NtAssociateWaitCompletionPacket: c is posted to the port once the target is signaled. It reports whether it was
// already. INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED, INVALID_PARAMETER_1 for a packet in use.
func (t *Thread) AssociateWaitPacket(packet, port, target ntdef.Handle, c Completion) (already bool, st ntdef.Status) {
	w, st := with[*waitPacket](t.proc, packet, packetModify)
	if st != ntdef.STATUS_SUCCESS {
		return false, st
	}
	p, st := with[*completionPort](t.proc, port, modifyState)
	if st != ntdef.STATUS_SUCCESS {
		return false, st
	}
	d, st := t.waitable(target)
	if _, owned := d.(*mutant); st == ntdef.STATUS_SUCCESS && owned {
		st = ntdef.STATUS_OBJECT_TYPE_MISMATCH // a mutant has to have a thread as its owner
	}
	if st != ntdef.STATUS_SUCCESS {
		return false, st
	}
	return w.associate(t, p, d, c)
}

// CancelWaitPacket is NtCancelWaitCompletionPacket: PENDING for a packet that is queued and not to be removed, CANCELLED for one that is
// not in use. INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED.
func (p *Process) CancelWaitPacket(packet ntdef.Handle, removeSignaled bool) ntdef.Status {
	w, st := with[*waitPacket](p, packet, packetModify)
	if st == ntdef.STATUS_SUCCESS {
		st = w.cancel(removeSignaled)
	}
	return st
}

// WaitPacketWaits reports whether a wait completion packet is associated and its object not signaled yet.
func (p *Process) WaitPacketWaits(packet ntdef.Handle) bool {
	w, st := with[*waitPacket](p, packet, packetModify)
	return st == ntdef.STATUS_SUCCESS && w.block != nil
}

// associate lets the packet wait. It reports whether the object was signaled already. INVALID_PARAMETER_1 for a packet in use.
func (w *waitPacket) associate(t *Thread, port *completionPort, target dispatcher, c Completion) (already bool, st ntdef.Status) {
	if w.block != nil || w.port != nil {
		return false, ntdef.STATUS_INVALID_PARAMETER_1
	}
	c.packet = w
	post := func() {
		w.block, w.port = nil, port
		if !port.post(c) {
			w.port = nil
		}
	}
	b := &waitBlock{thread: t, objects: []dispatcher{target}, fire: post}
	if b.satisfied() {
		post()
		return true, ntdef.STATUS_SUCCESS
	}
	w.block = b
	l := target.wait()
	l.blocks = append(l.blocks, b)
	return false, ntdef.STATUS_SUCCESS
}

// cancel ends the packet's wait; one that is queued already is taken back where signaled says so: PENDING where not, CANCELLED where there is
// nothing to cancel.
func (w *waitPacket) cancel(signaled bool) ntdef.Status {
	switch {
	case w.block != nil:
		w.ended()
	case w.port == nil:
		return ntdef.STATUS_CANCELLED
	case !signaled:
		return ntdef.STATUS_PENDING
	default:
		port := w.port
		w.port = nil
		port.packets = slices.DeleteFunc(port.packets, func(c Completion) bool { return c.packet == w })
		port.sys.release(packetCharge)
	}
	return ntdef.STATUS_SUCCESS
}
