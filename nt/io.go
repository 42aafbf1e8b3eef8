package nt

import (
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Requests to files (Windows Internals, part 1 ch. 6, "I/O processing"). A request is done at once or it is pending: a read from an
// empty pipe, a lock that another has, a change of a folder that has not happened. Through a synchronous handle the thread waits for
// it. The end of a request goes to its IO_STATUS_BLOCK, to the file or the event, to an APC or to a completion port; one that
// fails at once goes to its caller only.

// ioState is what all objects of type File have.
type ioState struct {
	objectHeader
	waitList
	busy    bool            // a request is under way: the file is not signaled
	options uint32          // it was opened with
	port    *completionPort // that is told of its requests, nil: none
	key     uint64          // for the port
	notify  uint32          // FILE_SKIP_…
	pending []*ioRequest    // in the order of their making
}

// How a file tells of its requests (wdm.h, FILE_IO_COMPLETION_NOTIFICATION_INFORMATION).
const (
	fileSkipCompletionPortOnSuccess = 1
	fileSkipSetEventOnHandle        = 2
)

func (*ioState) typeName() string        { return "File" }
func (f *ioState) signaled(*Thread) bool { return !f.busy }
func (*ioState) take(*Thread) bool       { return false }
func (f *ioState) io() *ioState          { return f }

const synchronousIO = ntdef.FILE_SYNCHRONOUS_IO_ALERT | ntdef.FILE_SYNCHRONOUS_IO_NONALERT

func (f *ioState) synchronous() bool { return f.options&synchronousIO != 0 }

// ioObject is an object of type File.
type ioObject interface {
	dispatcher
	io() *ioState
}

// An IORequest is what reads and writes have in common. IOStatus may be 0 for a caller that takes the results from the call; Context
// goes to the APC or to the completion port.
type IORequest struct {
	File, Event            ntdef.Handle
	APC, Context, IOStatus uint64
	Buffer                 uint64
	Length                 uint32
	Offset                 uint64 // FilePosition, FileEnd or where to begin
	Wait                   bool   // for the end of the request, through an asynchronous handle too
	// Arguments makes those of the APC, nil for the system's own: context, IO_STATUS_BLOCK, 0.
	Arguments func(st ntdef.Status, information uint64) [3]uint64

	onItsOwn bool   // goes on without its thread, through a synchronous handle too
	segments uint64 // FILE_SEGMENT_ELEMENTs in place of a buffer
	host     []byte // a buffer of the host
}

// ioRequest is one request.
type ioRequest struct {
	*IORequest
	thread      *Thread
	file        ioObject
	event       *event
	done        uint32 // bytes moved
	pending     bool   // it was not done at once
	ended       bool
	status      ntdef.Status
	information uint64
	wait        *waitBlock // of its thread, nil: it does not wait
	timer       *deadline  // that ends it, nil: none
	cancel      func()     // takes a pending request off its queue
}

// request begins a request through a handle that has one of some rights: INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED,
// INVALID_PARAMETER for an APC where a completion port is told.
func (t *Thread) request(a *IORequest, access uint32) (*ioRequest, ntdef.Status) {
	f, st := of[ioObject](t.proc, a.File)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	if access != 0 && t.proc.handles.granted(a.File)&access == 0 {
		return nil, ntdef.STATUS_ACCESS_DENIED
	}
	r := &ioRequest{IORequest: a, thread: t, file: f}
	if a.Event != 0 {
		if r.event, st = of[*event](t.proc, a.Event); st != ntdef.STATUS_SUCCESS {
			return nil, st
		}
		r.event.set = false
	}
	if f.io().port != nil && a.APC != 0 {
		return nil, ntdef.STATUS_INVALID_PARAMETER
	}
	f.io().busy = true
	return r, ntdef.STATUS_SUCCESS
}

// perform makes a request. issue returns PENDING where somebody else completes it, and has set cancel then; else its status, with
// r.information. The thread waits where the handle is synchronous, alertably where it was opened so: USER_APC ends the request.
func (t *Thread) perform(r *ioRequest, what string, issue func() (ntdef.Status, error)) (ntdef.Status, error) {
	st, err := issue()
	f := r.file.io()
	if err != nil || st != ntdef.STATUS_PENDING {
		return st, t.answered(r, st, err)
	}
	r.pending = true
	f.pending = append(f.pending, r)
	t.requests = append(t.requests, r)
	if (!f.synchronous() || r.onItsOwn) && !r.Wait {
		return st, nil
	}
	r.wait = &waitBlock{thread: t, what: what, alert: f.options&ntdef.FILE_SYNCHRONOUS_IO_ALERT != 0}
	st, err = t.block(r.wait, Infinite)
	r.wait = nil
	if !r.ended {
		t.sys.cancelRequest(r)
		return st, err // the thread ends, or an APC came
	}
	return r.status, err
}

// answered ends a request that is done at once. An error is its caller's alone, but for the end of a file that is read synchronously.
func (t *Thread) answered(r *ioRequest, st ntdef.Status, err error) error {
	f := r.file.io()
	if err != nil || st.IsError() && (st != ntdef.STATUS_END_OF_FILE || !f.synchronous()) {
		f.busy = false
		return err
	}
	r.ended, r.status = true, st
	if r.IOStatus != 0 {
		if err := t.storeIOStatus(r.IOStatus, st, r.information); err != nil {
			return err
		}
	}
	t.sys.announce(r)
	return nil
}

// complete ends a pending request. The results go to the memory of its process, whichever runs.
func (s *System) complete(r *ioRequest, st ntdef.Status) {
	if r.ended {
		return
	}
	r.ended, r.status = true, st
	if r.timer != nil {
		s.cancel(r.timer)
	}
	own := func(o *ioRequest) bool { return o == r }
	f := r.file.io()
	f.pending = slices.DeleteFunc(f.pending, own)
	r.thread.requests = slices.DeleteFunc(r.thread.requests, own)
	if r.IOStatus != 0 {
		_ = s.within(r.thread.proc, func() error { return r.thread.storeIOStatus(r.IOStatus, st, r.information) })
	}
	s.announce(r)
	if w := r.wait; w != nil && !w.done {
		w.status = ntdef.STATUS_SUCCESS
		w.end(s)
	}
}

// announce tells of the end of a request whoever is to know.
func (s *System) announce(r *ioRequest) {
	f := r.file.io()
	if r.event == nil && f.notify&fileSkipSetEventOnHandle == 0 || f.synchronous() {
		f.busy = false
		s.signal(r.file)
	}
	if r.event != nil {
		r.event.set = true
		s.signal(r.event)
	}
	switch {
	case r.APC != 0:
		args := [3]uint64{r.Context, r.IOStatus, 0}
		if r.Arguments != nil {
			args = r.Arguments(r.status, r.information)
		}
		r.thread.QueueAPC(r.APC, args)
	case f.port != nil && r.Context != 0 && (r.pending || r.status.IsError() || f.notify&fileSkipCompletionPortOnSuccess == 0):
		f.port.post(Completion{Key: f.key, Overlapped: r.Context, Bytes: r.information, Status: r.status})
	}
}

// cancelRequest ends a pending request with CANCELLED.
func (s *System) cancelRequest(r *ioRequest) {
	if !r.ended {
		r.cancel()
		s.complete(r, ntdef.STATUS_CANCELLED)
	}
}

// cancelRequests ends what a thread has not done when it ends.
func (t *Thread) cancelRequests() {
	for _, r := range slices.Clone(t.requests) {
		t.sys.cancelRequest(r)
	}
}

// cancelAll ends the pending requests of a file with a status.
func (s *System) cancelAll(f *ioState, st ntdef.Status) {
	for _, r := range slices.Clone(f.pending) {
		if !r.ended {
			r.cancel()
			s.complete(r, st)
		}
	}
}

// within makes accesses to a process's memory, whichever is loaded. One that has ended has none.
func (s *System) within(p *Process, access func() error) error {
	switch old := s.attached; {
	case p.exited:
		return nil
	case old == p || old == nil:
		return access()
	default:
		p.attach()
		defer old.attach()
		return access()
	}
}

// place is where in the guest's memory the next bytes of a request are, and how many lie there together.
func (r *ioRequest) place(n uint32) (va uint64, size uint32, err error) {
	if r.segments == 0 {
		return r.Buffer + uint64(r.done), n, nil
	}
	va, err = r.thread.Load64(r.segments + 8*uint64(r.done/x86.PageSize))
	in := r.done % x86.PageSize
	return va + uint64(in), min(n, x86.PageSize-in), err
}

// put stores the next bytes that were read.
func (r *ioRequest) put(b []byte) error {
	if r.host != nil {
		r.done += uint32(copy(r.host[r.done:], b))
		return nil
	}
	return r.thread.sys.within(r.thread.proc, func() error {
		for len(b) > 0 {
			va, n, err := r.place(uint32(len(b)))
			if err == nil {
				err = r.thread.Write(va, b[:n])
				r.thread.sys.unwatched()
			}
			if err != nil {
				return err
			}
			r.done += n
			b = b[n:]
		}
		return nil
	})
}

// get loads the next bytes to write.
func (r *ioRequest) get(b []byte) error {
	if r.host != nil {
		r.done += uint32(copy(b, r.host[r.done:]))
		return nil
	}
	return r.thread.sys.within(r.thread.proc, func() error {
		for len(b) > 0 {
			va, n, err := r.place(uint32(len(b)))
			if err == nil {
				err = r.thread.Read(va, b[:n])
			}
			if err != nil {
				return err
			}
			r.done += n
			b = b[n:]
		}
		return nil
	})
}

// probeOptionalStatus is the look at the IO_STATUS_BLOCK of a lock or a flush: Wine's kernelbase has none.
func (t *Thread) probeOptionalStatus(va uint64) error {
	if va == 0 && t.sys.wine() {
		return nil
	}
	return t.Probe(va, 16, x86.Write)
}

// left is how many bytes of a request have not been moved.
func (r *ioRequest) left() uint32 { return r.Length - r.done }
