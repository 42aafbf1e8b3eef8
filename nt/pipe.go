package nt

import "github.com/pagewalk/pagewalk/ntdef"

// pipe is an anonymous pipe: bytes that one end wrote and the other has not read.
type pipe struct {
	data             []byte
	size             int
	readers, writers waitList // threads that wait for data, or for room
	readEnd, written *pipeEnd
}

// pipeEnd is one end, which goes with its last handle.
type pipeEnd struct {
	objectHeader
	pipe   *pipe
	writes bool
	closes bool
}

func (*pipeEnd) typeName() string { return "File" }

// pipeSize is how much a pipe holds where the program does not say.
const pipeSize = 4096

// CreatePipe makes an anonymous pipe and returns the handles of its ends.
func (p *Process) CreatePipe(size uint32) (read, write ntdef.Handle) {
	q := &pipe{size: int(size)}
	if size == 0 || size > 1<<20 {
		q.size = pipeSize
	}
	q.readEnd, q.written = &pipeEnd{pipe: q}, &pipeEnd{pipe: q, writes: true}
	return p.handles.add(q.readEnd), p.handles.add(q.written)
}

func (e *pipeEnd) closed() {
	e.closes = true
	e.pipe.wake()
}

// wake lets all who wait for the pipe look again.
func (q *pipe) wake() {
	for _, list := range []*waitList{&q.readers, &q.writers} {
		blocks := list.blocks
		list.blocks = nil
		for _, w := range blocks {
			if !w.done {
				w.end(w.thread.sys)
			}
		}
	}
}

// pipeWait waits for a change of the pipe.
func (t *Thread) pipeWait(list *waitList, what string) error {
	w := &waitBlock{thread: t, what: what}
	list.blocks = append(list.blocks, w)
	_, err := t.block(w, Infinite)
	return err
}

// PipeRead reads what a pipe has, and waits where it has nothing: PIPE_BROKEN once the other end is closed. ok is false where the
// handle is of no pipe's end to read.
func (t *Thread) PipeRead(h ntdef.Handle, b []byte) (n int, st ntdef.Status, ok bool, err error) {
	e, is := t.proc.handles.get(h).(*pipeEnd)
	if !is {
		return 0, 0, false, nil
	}
	if e.writes {
		return 0, ntdef.STATUS_ACCESS_DENIED, true, nil
	}
	q := e.pipe
	for len(q.data) == 0 && len(b) > 0 {
		if q.written.closes {
			return 0, ntdef.STATUS_PIPE_BROKEN, true, nil
		}
		if err := t.pipeWait(&q.readers, "a pipe to be written"); err != nil {
			return 0, 0, true, err
		}
	}
	n = copy(b, q.data)
	q.data = q.data[n:]
	q.wake()
	return n, ntdef.STATUS_SUCCESS, true, nil
}

// PipeWrite writes all, waiting for room: PIPE_BROKEN where nobody can read any more.
func (t *Thread) PipeWrite(h ntdef.Handle, b []byte) (n int, st ntdef.Status, ok bool, err error) {
	e, is := t.proc.handles.get(h).(*pipeEnd)
	if !is {
		return 0, 0, false, nil
	}
	if !e.writes {
		return 0, ntdef.STATUS_ACCESS_DENIED, true, nil
	}
	q := e.pipe
	for n < len(b) {
		if q.readEnd.closes {
			return n, ntdef.STATUS_PIPE_BROKEN, true, nil
		}
		if room := q.size - len(q.data); room > 0 {
			part := b[n:min(len(b), n+room)]
			q.data = append(q.data, part...)
			n += len(part)
			q.wake()
			continue
		}
		if err := t.pipeWait(&q.writers, "a pipe to be read"); err != nil {
			return n, 0, true, err
		}
	}
	return n, ntdef.STATUS_SUCCESS, true, nil
}

// maxPipe bounds what force puts into a pipe.
const maxPipe = 64 << 20

// force writes without waiting for room: for callers that cannot wait, such as a run-time that flushes its buffers.
func (e *pipeEnd) force(b []byte) (int, ntdef.Status) {
	q := e.pipe
	switch {
	case !e.writes:
		return 0, ntdef.STATUS_ACCESS_DENIED
	case q.readEnd.closes:
		return 0, ntdef.STATUS_PIPE_BROKEN
	case len(q.data)+len(b) > maxPipe:
		return 0, ntdef.STATUS_INSUFFICIENT_RESOURCES
	}
	q.data = append(q.data, b...)
	q.wake()
	return len(b), ntdef.STATUS_SUCCESS
}

// PeekPipe returns how many bytes a pipe holds and the first of them.
func (p *Process) PeekPipe(h ntdef.Handle, b []byte) (n, available int, st ntdef.Status) {
	e, st := of[*pipeEnd](p, h)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return 0, 0, st
	case len(e.pipe.data) == 0 && e.pipe.written.closes:
		return 0, 0, ntdef.STATUS_PIPE_BROKEN
	}
	return copy(b, e.pipe.data), len(e.pipe.data), st
}
