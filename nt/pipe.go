package nt

import (
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
)

// Pipes, those without a name among them, are instances of named pipes ("Named Pipes"; [MS-FSA] 2.1.5, [MS-FSCC] 2.3 and 2.4): a server's
// end and a client's, and one queue in each direction. A write is done once all of it fits into what the queue may hold or is read.

// namedPipe is what a name stands for: instances that are alike.
type namedPipe struct {
	name      string // "" of CreatePipe's
	messages  bool   // each write is a message
	inbound   bool   // clients write
	outbound  bool   // clients read
	most      uint32 // instances
	timeout   uint64 // nanoseconds, of a wait that does not say
	in, out   int    // quotas, as the server sees them
	instances []*pipeInstance
	waiters   []*ioRequest // for an instance that listens
	security  *descriptor  // nil: it is open to all
}

// pipeInstance is one connection, or what may become one.
type pipeInstance struct {
	pipe      *namedPipe
	server    *pipeEnd
	client    *pipeEnd // nil: none
	listens   bool
	listeners []*ioRequest
	toServer  pipeQueue
	toClient  pipeQueue
}

// pipeEnd is one end, which goes with its last handle.
type pipeEnd struct {
	ioState
	sys      *System
	instance *pipeInstance
	server   bool
	shut     bool // its handles are closed
	cut      bool // its server disconnected it
	messages bool // a read ends with its message
	nowait   bool // PIPE_NOWAIT
}

// States of a pipe's end ([MS-FSCC] 2.4.35, FilePipeLocalInformation).
const (
	pipeDisconnected = 1
	pipeListening    = 2
	pipeConnected    = 3
	pipeClosing      = 4
)

func (e *pipeEnd) peer() *pipeEnd {
	if e.server {
		return e.instance.client
	}
	return e.instance.server
}

func (e *pipeEnd) state() uint32 {
	peer := e.peer()
	switch {
	case e.cut:
		return pipeDisconnected
	case peer == nil && e.instance.listens:
		return pipeListening
	case peer == nil:
		return pipeDisconnected
	case peer.shut:
		return pipeClosing
	}
	return pipeConnected
}

// in is the queue that the end reads, out the one that it writes.
func (e *pipeEnd) in() *pipeQueue {
	if e.server {
		return &e.instance.toServer
	}
	return &e.instance.toClient
}

func (e *pipeEnd) out() *pipeQueue {
	if e.server {
		return &e.instance.toClient
	}
	return &e.instance.toServer
}

// pipeQueue is one direction.
type pipeQueue struct {
	chunks  []*pipeChunk
	bytes   int // in chunks, of which the queue holds at most size
	size    int
	readers []*ioRequest // that wait
	flushes []*ioRequest // that wait until all is read
}

// pipeChunk is a write, or several of bytes.
type pipeChunk struct {
	data    []byte
	writer  *ioRequest // whose rest is still in its buffer, nil: all is here
	message bool
}

func (c *pipeChunk) unread() int {
	if c.writer == nil {
		return len(c.data)
	}
	return len(c.data) + int(c.writer.left())
}

// available is how much there is to read.
func (q *pipeQueue) available() (n int) {
	for _, c := range q.chunks {
		n += c.unread()
	}
	return n
}

// Bounds of what a pipe holds: its quota at most, a message, what force puts in, how many writes.
const (
	pipeSize   = 4096 // where the program does not say
	maxQuota   = 1 << 20
	maxMessage = 16 << 20
	maxPipe    = 64 << 20
	maxChunks  = 1 << 16
)

// read is the request of a read.
func (e *pipeEnd) read(r *ioRequest) (ntdef.Status, error) {
	q := e.in()
	switch state := e.state(); {
	case state == pipeDisconnected:
		return ntdef.STATUS_PIPE_DISCONNECTED, nil
	case state == pipeListening:
		return ntdef.STATUS_PIPE_LISTENING, nil
	case len(q.chunks) > 0 && len(q.readers) == 0:
		st, err := q.take(e.sys, r, e.messages)
		q.serve(e.sys)
		return st, err
	case state == pipeClosing:
		return ntdef.STATUS_PIPE_BROKEN, nil
	case e.nowait:
		return ntdef.STATUS_PIPE_EMPTY, nil
	}
	q.readers = append(q.readers, r)
	r.cancel = func() { q.readers = slices.DeleteFunc(q.readers, func(o *ioRequest) bool { return o == r }) }
	return ntdef.STATUS_PENDING, nil
}

// write is the request of a write.
func (e *pipeEnd) write(r *ioRequest) (ntdef.Status, error) {
	switch e.state() {
	case pipeDisconnected:
		return ntdef.STATUS_PIPE_DISCONNECTED, nil
	case pipeListening:
		return ntdef.STATUS_PIPE_LISTENING, nil
	case pipeClosing:
		return ntdef.STATUS_PIPE_CLOSING, nil
	}
	q := e.out()
	message := e.instance.pipe.messages
	switch {
	case len(q.chunks) >= maxChunks, message && r.Length > maxMessage:
		return ntdef.STATUS_INSUFFICIENT_RESOURCES, nil
	case r.Length == 0 && !message:
		return ntdef.STATUS_SUCCESS, nil
	}
	if room := max(q.size-q.available(), 0); e.nowait && int(r.Length) > room {
		// Nobody waits: of bytes those that fit go, a message goes whole or not.
		if message || room == 0 {
			return ntdef.STATUS_SUCCESS, nil
		}
		b := make([]byte, room)
		if err := r.get(b); err != nil {
			return 0, err
		}
		q.add(&pipeChunk{data: b})
		q.serve(e.sys)
		return ntdef.STATUS_SUCCESS, nil
	}
	c := &pipeChunk{writer: r, message: message}
	q.chunks = append(q.chunks, c)
	if err := q.serve(e.sys); err != nil {
		return 0, err
	}
	if c.writer == nil {
		return ntdef.STATUS_SUCCESS, nil
	}
	r.cancel = func() { q.chunks = slices.DeleteFunc(q.chunks, func(o *pipeChunk) bool { return o == c }) }
	return ntdef.STATUS_PENDING, nil
}

// add puts a chunk that is whole behind the others.
func (q *pipeQueue) add(c *pipeChunk) {
	q.bytes += len(c.data)
	if n := len(q.chunks); n > 0 && !c.message && q.chunks[n-1].writer == nil {
		q.chunks[n-1].data = append(q.chunks[n-1].data, c.data...)
		return
	}
	q.chunks = append(q.chunks, c)
}

// serve moves what can be moved: from chunks to readers, from writers' buffers to chunks. The error is that of the one writer that is
// not pending.
func (q *pipeQueue) serve(s *System) (failed error) {
	for moved := true; moved; {
		moved = false
		for len(q.readers) > 0 && len(q.chunks) > 0 {
			r := q.readers[0]
			q.readers = q.readers[1:]
			st, err := q.take(s, r, r.file.(*pipeEnd).messages)
			if err != nil {
				st = ntdef.STATUS_ACCESS_VIOLATION
			}
			r.information = uint64(r.done)
			s.complete(r, st)
			moved = true
		}
		for i, c := range q.chunks {
			n := min(q.size-q.bytes, maxMessage)
			if c.writer == nil || c.message && int(c.writer.left()) > n {
				continue
			}
			b := make([]byte, min(n, int(c.writer.left())))
			if n <= 0 && c.writer.left() > 0 {
				break
			}
			if err := c.writer.get(b); err != nil {
				q.chunks = slices.Delete(q.chunks, i, i+1)
				if w := c.writer; w.pending {
					s.complete(w, ntdef.STATUS_ACCESS_VIOLATION)
				} else {
					failed = err
				}
				moved = true
				break
			}
			c.data = append(c.data, b...)
			q.bytes += len(b)
			if c.writer.left() == 0 {
				c.written(s)
				if i > 0 && !c.message && q.chunks[i-1].writer == nil {
					q.chunks[i-1].data = append(q.chunks[i-1].data, c.data...)
					q.chunks = slices.Delete(q.chunks, i, i+1)
				}
				moved = true
				break
			}
		}
	}
	if len(q.chunks) == 0 {
		q.flushed(s, ntdef.STATUS_SUCCESS)
	}
	return failed
}

// flushed ends the waits for all to be read.
func (q *pipeQueue) flushed(s *System, st ntdef.Status) {
	flushes := q.flushes
	q.flushes = nil
	for _, r := range flushes {
		s.complete(r, st)
	}
}

// flush is the request to wait until the other end has read all.
func (e *pipeEnd) flush(r *ioRequest) ntdef.Status {
	q := e.out()
	if e.state() != pipeConnected || len(q.chunks) == 0 {
		return ntdef.STATUS_SUCCESS
	}
	q.flushes = append(q.flushes, r)
	r.cancel = func() { q.flushes = slices.DeleteFunc(q.flushes, func(o *ioRequest) bool { return o == r }) }
	return ntdef.STATUS_PENDING
}

// written ends the write of a chunk.
func (c *pipeChunk) written(s *System) {
	w := c.writer
	c.writer = nil
	if w != nil && w.pending {
		w.information = uint64(w.Length)
		s.complete(w, ntdef.STATUS_SUCCESS)
	}
}

// take reads from the chunks: SUCCESS, or BUFFER_OVERFLOW where a message is longer than the buffer.
func (q *pipeQueue) take(s *System, r *ioRequest, messages bool) (ntdef.Status, error) {
	for len(q.chunks) > 0 {
		c := q.chunks[0]
		n := min(len(c.data), int(r.left()))
		if err := r.put(c.data[:n]); err != nil {
			return 0, err
		}
		c.data = c.data[n:]
		q.bytes -= n
		for len(c.data) == 0 && c.writer != nil && r.left() > 0 && c.writer.left() > 0 {
			b := make([]byte, min(r.left(), c.writer.left(), maxTransfer))
			if err := c.writer.get(b); err != nil {
				q.chunks = q.chunks[1:]
				s.complete(c.writer, ntdef.STATUS_ACCESS_VIOLATION)
				return ntdef.STATUS_SUCCESS, nil
			}
			if err := r.put(b); err != nil {
				return 0, err
			}
		}
		if c.unread() > 0 {
			if messages {
				return ntdef.STATUS_BUFFER_OVERFLOW, nil
			}
			break
		}
		q.chunks = q.chunks[1:]
		c.written(s)
		if messages || r.left() == 0 {
			break
		}
	}
	return ntdef.STATUS_SUCCESS, nil
}

// drop forgets what nobody will read; who waits to write gets a status.
func (q *pipeQueue) drop(s *System, st ntdef.Status) {
	chunks := q.chunks
	q.chunks, q.bytes = nil, 0
	for _, c := range chunks {
		if c.writer != nil {
			s.complete(c.writer, st)
		}
	}
	q.flushed(s, st)
}

// hangUp ends reads for which nothing will come.
func (q *pipeQueue) hangUp(s *System, st ntdef.Status) {
	readers := q.readers
	q.readers = nil
	for _, r := range readers {
		s.complete(r, st)
	}
}

func (e *pipeEnd) closed() {
	s, i := e.sys, e.instance
	e.shut = true
	s.cancelAll(&e.ioState, ntdef.STATUS_CANCELLED)
	if e.server {
		i.pipe.remove(s, i)
	}
	if e.cut || e.peer() == nil {
		return
	}
	e.in().drop(s, ntdef.STATUS_PIPE_BROKEN)
	e.out().hangUp(s, ntdef.STATUS_PIPE_BROKEN)
}

// newInstance makes an instance of a pipe.
func (n *namedPipe) newInstance(s *System) *pipeInstance {
	i := &pipeInstance{pipe: n, listens: true}
	i.server = &pipeEnd{sys: s, instance: i, server: true}
	i.toServer.size, i.toClient.size = n.in, n.out
	n.instances = append(n.instances, i)
	return i
}

// connect joins a client to an instance that listens.
func (i *pipeInstance) connect(s *System) *pipeEnd {
	i.client, i.listens = &pipeEnd{sys: s, instance: i}, false
	listeners := i.listeners
	i.listeners = nil
	for _, r := range listeners {
		s.complete(r, ntdef.STATUS_SUCCESS)
	}
	return i.client
}

// CreatePipe makes an anonymous pipe and returns the handles of its ends. INSUFFICIENT_RESOURCES where the process has too many.
func (p *Process) CreatePipe(size uint32, security SecurityAttributes) (read, write ntdef.Handle, st ntdef.Status) {
	if size == 0 || size > maxQuota {
		size = pipeSize
	}
	n := &namedPipe{inbound: true, most: 1, in: int(size), out: int(size)}
	if st := p.securePipe(n, security.security); st != ntdef.STATUS_SUCCESS {
		return 0, 0, st
	}
	i := n.newInstance(p.sys)
	i.connect(p.sys)
	i.server.options, i.client.options = ntdef.FILE_SYNCHRONOUS_IO_NONALERT, ntdef.FILE_SYNCHRONOUS_IO_NONALERT
	if read, st = p.hold(i.server, ntdef.FILE_GENERIC_READ|ntdef.FILE_WRITE_ATTRIBUTES, security.Inherit); st != ntdef.STATUS_SUCCESS {
		return 0, 0, st
	}
	if write, st = p.hold(i.client, ntdef.FILE_GENERIC_WRITE|ntdef.FILE_READ_ATTRIBUTES, security.Inherit); st != ntdef.STATUS_SUCCESS {
		p.handles.close(read)
	}
	return read, write, st
}

// PipeRead reads what a pipe has, and waits where it has nothing: PIPE_BROKEN once the other end is closed. ok is false where the
// handle is of no pipe.
func (t *Thread) PipeRead(h ntdef.Handle, b []byte) (n int, st ntdef.Status, ok bool, err error) {
	if !t.proc.IsPipe(h) {
		return 0, 0, false, nil
	}
	if b == nil {
		b = []byte{}
	}
	st, done, err := t.ReadFile(&IORequest{File: h, Length: uint32(len(b)), Offset: FilePosition, Wait: true, host: b})
	return int(done), st, true, err
}

// force writes without waiting for room: for callers that cannot wait.
func (e *pipeEnd) force(b []byte) (int, ntdef.Status) {
	q := e.out()
	switch state := e.state(); {
	case state == pipeClosing:
		return 0, ntdef.STATUS_PIPE_CLOSING
	case state != pipeConnected:
		return 0, ntdef.STATUS_PIPE_DISCONNECTED
	case q.available()+len(b) > maxPipe, len(q.chunks) >= maxChunks:
		return 0, ntdef.STATUS_INSUFFICIENT_RESOURCES
	}
	q.add(&pipeChunk{data: slices.Clone(b), message: e.instance.pipe.messages})
	_ = q.serve(e.sys)
	return len(b), ntdef.STATUS_SUCCESS
}

// PeekPipe returns how many bytes a pipe holds and the first of them, of the first message where it is read by messages: left are
// those of the message that did not fit.
func (p *Process) PeekPipe(h ntdef.Handle, b []byte) (n, available, left int, st ntdef.Status) {
	f, st := of[ioObject](p, h)
	if st != ntdef.STATUS_SUCCESS {
		return 0, 0, 0, st
	}
	if e, ok := f.(peeker); ok {
		return e.peek(b)
	}
	return 0, 0, 0, ntdef.STATUS_INVALID_DEVICE_REQUEST
}

// peeker is what FSCTL_PIPE_PEEK looks into.
type peeker interface {
	state() uint32
	peek(b []byte) (n, available, left int, st ntdef.Status)
}

func (e *pipeEnd) peek(b []byte) (n, available, left int, st ntdef.Status) {
	q := e.in()
	switch state := e.state(); {
	case state == pipeDisconnected:
		return 0, 0, 0, ntdef.STATUS_PIPE_DISCONNECTED
	case state == pipeListening:
		return 0, 0, 0, ntdef.STATUS_INVALID_PIPE_STATE
	case state == pipeClosing && len(q.chunks) == 0:
		return 0, 0, 0, ntdef.STATUS_PIPE_BROKEN
	}
	for _, c := range q.chunks {
		m := copy(b[n:], c.data)
		n += m
		if w := c.writer; w != nil && m == len(c.data) && n < len(b) {
			done := w.done
			more := min(int(w.left()), len(b)-n)
			if w.get(b[n:n+more]) == nil {
				n += more
			}
			w.done = done
		}
		if e.messages {
			left = c.unread() - n
			break
		}
		if n == len(b) {
			break
		}
	}
	return n, q.available(), left, ntdef.STATUS_SUCCESS
}
