package nt

import (
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
)

// A Completion is a packet of an I/O completion port.
type Completion struct {
	Key, Overlapped, Bytes uint64
	Status                 ntdef.Status // of the request

	packet *waitPacket // that it is of
}

// completionPort is a queue of packets that threads wait for. A packet goes to the thread that has waited for the shortest time (the
// documentation of I/O completion ports: "released in last-in-first-out order"). How many threads may run at a time does not matter
// on one processor.
type completionPort struct {
	objectHeader
	waitList
	sys     *System
	packets []Completion
	waiters []*portWait // the latest last
}

// portWait is one thread's wait, and the packet that ended it.
type portWait struct {
	block  *waitBlock
	packet Completion
}

func (*completionPort) typeName() string        { return "IoCompletion" }
func (p *completionPort) signaled(*Thread) bool { return len(p.packets) > 0 }
func (p *completionPort) take(*Thread) bool     { return false }

// closed drops what nobody can take any more.
func (p *completionPort) closed() { p.takeFirst(len(p.packets)) }

// CreateCompletionPort is NtCreateIoCompletion.
func (p *Process) CreateCompletionPort(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
	return create(p, r, &completionPort{sys: p.sys})
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
	if p.handles == 0 {
		return true // nobody can ask for it any more
	}
	for len(p.waiters) > 0 {
		w := p.waiters[len(p.waiters)-1]
		p.waiters = p.waiters[:len(p.waiters)-1]
		if w.block.done {
			continue
		}
		w.packet, w.block.status = c, ntdef.STATUS_SUCCESS
		w.packet.packet = nil
		if c.packet != nil {
			c.packet.port = nil
		}
		w.block.end(p.sys)
		return true
	}
	if !p.sys.charge(packetCharge) {
		return false
	}
	p.packets = append(p.packets, c)
	p.sys.signal(p)
	return true
}

// takeFirst takes the first n packets off the queue.
func (p *completionPort) takeFirst(n int) []Completion {
	all := slices.Clone(p.packets[:n])
	clear(p.packets[:n])
	if p.packets = p.packets[n:]; len(p.packets) == 0 {
		p.packets = nil
	}
	p.sys.release(uint64(n) * packetCharge)
	for i := range all {
		if w := all[i].packet; w != nil {
			w.port, all[i].packet = nil, nil
		}
	}
	return all
}

// RemoveCompletions is NtRemoveIoCompletionEx: at most n packets, waiting for the first of them. INVALID_HANDLE, OBJECT_TYPE_MISMATCH,
// ACCESS_DENIED, TIMEOUT, USER_APC, ALERTED.
func (t *Thread) RemoveCompletions(h ntdef.Handle, n int, timeout uint64, alertable bool) ([]Completion, ntdef.Status, error) {
	port, st := with[*completionPort](t.proc, h, modifyState)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st, nil
	}
	if len(port.packets) > 0 {
		return port.takeFirst(min(n, len(port.packets))), ntdef.STATUS_SUCCESS, nil
	}
	if st, ok := t.interrupted(alertable); ok {
		return nil, st, nil
	}
	if timeout == 0 {
		return nil, ntdef.STATUS_TIMEOUT, nil
	}
	w := &portWait{block: &waitBlock{thread: t, alert: alertable, what: "a packet of " + describe(port)}}
	port.waiters = append(port.waiters, w)
	st, err := t.block(w.block, timeout)
	port.waiters = slices.DeleteFunc(port.waiters, func(o *portWait) bool { return o == w })
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return nil, st, err
	}
	return []Completion{w.packet}, st, nil
}

// waitPacket posts to a port when an object is signaled, once for each time that it is associated (NtCreateWaitCompletionPacket).
type waitPacket struct {
	objectHeader
	block *waitBlock      // while it waits
	port  *completionPort // that it is queued at
}

func (*waitPacket) typeName() string { return "WaitCompletionPacket" }

// closed ends the packet's wait with its last handle.
func (w *waitPacket) closed() {
	if w.block != nil {
		w.block.leave(w.block.thread.sys)
		w.block = nil
	}
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
		w.closed()
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
