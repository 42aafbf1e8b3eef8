package nt

import (
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
)

// pipeFolder is the file object of \Device\NamedPipe\ itself: names begin at it, and waits for pipes go to it.
type pipeFolder struct{ ioState }

// A PipeRequest is the argument of CreateNamedPipe (ntifs.h, "NtCreateNamedPipeFile"). Share has FILE_SHARE_READ where clients may read
// and FILE_SHARE_WRITE where they may write.
type PipeRequest struct {
	Path                       string
	Root                       ntdef.Handle
	Access, Share, Disposition uint32
	Options                    uint32
	Messages, ReadMessages     bool
	NoWait                     bool
	MaximumInstances           uint32
	InboundQuota, OutQuota     uint32
	Timeout                    int64 // 100 ns units, negative: relative
	SecurityAttributes
}

// CreateNamedPipe makes an instance of a pipe, and the pipe where it is not there: FILE_CREATED or FILE_OPENED. INVALID_PARAMETER,
// ACCESS_DENIED where the pipe is of another kind or must not be there, INSTANCE_NOT_AVAILABLE.
func (p *Process) CreateNamedPipe(r *PipeRequest) (ntdef.Handle, uint32, ntdef.Status) {
	q := *r
	q.Path = ntName(r.Path)
	if q.security == (givenSecurity{}) {
		q.security.descriptor = p.win32PipeSecurity()
	}
	h, done, st := p.createNamedPipe(&q)
	p.serviced("NtCreateNamedPipeFile", st, openParams, uint64(r.Access), uint64(r.Share), uint64(r.Disposition), uint64(r.Options), uint64(h))
	return h, done, st
}

func (p *Process) createNamedPipe(r *PipeRequest) (ntdef.Handle, uint32, ntdef.Status) {
	if r.Disposition == ntdef.FILE_OVERWRITE_IF && p.sys.wine() {
		r.Disposition = ntdef.FILE_OPEN_IF // which its kernelbase means
	}
	name, st := p.fileName(r.Root, r.Path)
	key := foldName(strings.TrimPrefix(name.path, `\`))
	switch {
	case r.security.refused != ntdef.STATUS_SUCCESS:
		return 0, 0, r.security.refused
	case st != ntdef.STATUS_SUCCESS:
		return 0, 0, st
	case name.device != onPipes || key == "":
		return 0, 0, ntdef.STATUS_OBJECT_NAME_INVALID
	case r.Disposition < ntdef.FILE_OPEN || r.Disposition > ntdef.FILE_OPEN_IF,
		r.Share == 0 || r.Share&^(ntdef.FILE_SHARE_READ|ntdef.FILE_SHARE_WRITE) != 0,
		r.MaximumInstances == 0, r.ReadMessages && !r.Messages, r.Timeout > 0:
		return 0, 0, ntdef.STATUS_INVALID_PARAMETER
	}
	s := p.sys
	n, done := s.pipes[key], ntdef.FILE_OPENED
	inbound, outbound := r.Share&ntdef.FILE_SHARE_WRITE != 0, r.Share&ntdef.FILE_SHARE_READ != 0
	switch {
	case n == nil && r.Disposition == ntdef.FILE_OPEN:
		return 0, 0, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	case n == nil:
		n = &namedPipe{
			name: strings.TrimPrefix(name.path, `\`), messages: r.Messages, inbound: inbound, outbound: outbound, most: r.MaximumInstances,
			timeout: uint64(-r.Timeout) * 100, in: int(min(r.InboundQuota, maxQuota)), out: int(min(r.OutQuota, maxQuota)),
		}
		if s.pipes == nil {
			s.pipes = map[string]*namedPipe{}
		}
		if st := p.securePipe(n, r.security); st != ntdef.STATUS_SUCCESS {
			return 0, 0, st
		}
		s.pipes[key] = n
		done = ntdef.FILE_CREATED
	case r.Disposition == ntdef.FILE_CREATE, n.messages != r.Messages, n.inbound != inbound, n.outbound != outbound:
		return 0, 0, ntdef.STATUS_ACCESS_DENIED
	case len(n.instances) >= int(min(n.most, 1<<20)):
		return 0, 0, ntdef.STATUS_INSTANCE_NOT_AVAILABLE
	default:
		if _, st := p.mayOpen(n.object(), fileRights(r.Access)|ntdef.FILE_CREATE_PIPE_INSTANCE); st != ntdef.STATUS_SUCCESS {
			return 0, 0, st
		}
	}
	e := n.newInstance(s).server
	e.options, e.messages, e.nowait = r.Options, r.ReadMessages, r.NoWait
	n.wake(s)
	h, st := p.hold(e, fileRights(r.Access), r.Inherit)
	return h, done, st
}

// securePipe gives a pipe that is made its descriptor.
func (p *Process) securePipe(n *namedPipe, given givenSecurity) ntdef.Status {
	if given.refused != ntdef.STATUS_SUCCESS {
		return given.refused
	}
	d, st := p.newDescriptor(given.descriptor, nil, typeNamed("File"), false)
	if st == ntdef.STATUS_SUCCESS {
		st = p.sys.protect(n.object(), d)
	}
	return st
}

// win32PipeSecurity is the descriptor of a pipe that CreateNamedPipe is told nothing of: everybody may read.
func (p *Process) win32PipeSecurity() *descriptor {
	return &descriptor{control: daclPresent, dacl: newACL(
		ace{accessAllowed, 0, ntdef.GENERIC_ALL, systemSID}, ace{accessAllowed, 0, ntdef.GENERIC_ALL, adminsSID},
		ace{accessAllowed, 0, ntdef.GENERIC_ALL, p.subject().owner}, ace{accessAllowed, 0, ntdef.GENERIC_READ, everyoneSID},
		ace{accessAllowed, 0, ntdef.GENERIC_READ, anonymousSID},
	)}
}

// object stands for a pipe where rights to it are looked at.
func (n *namedPipe) object() object { return &pipeEnd{instance: &pipeInstance{pipe: n}} }

// remove takes an instance off its pipe, which goes with the last.
func (n *namedPipe) remove(s *System, i *pipeInstance) {
	n.instances = slices.DeleteFunc(n.instances, func(o *pipeInstance) bool { return o == i })
	if len(n.instances) == 0 {
		s.unprotect(&n.security)
	}
	if key := foldName(n.name); len(n.instances) == 0 && s.pipes[key] == n {
		delete(s.pipes, key)
		waiters := n.waiters
		n.waiters = nil
		for _, r := range waiters {
			s.complete(r, ntdef.STATUS_OBJECT_NAME_NOT_FOUND)
		}
	}
}

// listening returns the first instance that a client may have, nil: none.
func (n *namedPipe) listening() *pipeInstance {
	var first *pipeInstance
	for _, i := range n.instances {
		switch {
		case i.client != nil || !i.listens:
		case len(i.listeners) > 0:
			return i // one whose server waits
		case first == nil:
			first = i
		}
	}
	return first
}

// wake ends the waits for an instance that listens.
func (n *namedPipe) wake(s *System) {
	waiters := n.waiters
	n.waiters = nil
	for _, r := range waiters {
		s.complete(r, ntdef.STATUS_SUCCESS)
	}
}

// openPipe opens a pipe as a client, or the folder of all pipes: OBJECT_NAME_NOT_FOUND, PIPE_NOT_AVAILABLE where no instance listens,
// ACCESS_DENIED against the pipe's direction.
func (p *Process) openPipe(r *OpenRequest, path string) (ioObject, ntdef.Status) {
	if path == "" || path == `\` {
		return &pipeFolder{ioState{options: r.Options}}, ntdef.STATUS_SUCCESS
	}
	n := p.sys.pipes[foldName(path[1:])]
	access := fileRights(r.Access)
	switch {
	case n == nil:
		return nil, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	case r.Disposition == ntdef.FILE_CREATE, access&ntdef.FILE_READ_DATA != 0 && !n.outbound, access&ntdef.FILE_WRITE_DATA != 0 && !n.inbound:
		return nil, ntdef.STATUS_ACCESS_DENIED
	}
	if _, st := p.mayOpen(n.object(), access); st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	i := n.listening()
	if i == nil {
		return nil, ntdef.STATUS_PIPE_NOT_AVAILABLE
	}
	e := i.connect(p.sys)
	e.options = r.Options
	return e, ntdef.STATUS_SUCCESS
}

// listen is FSCTL_PIPE_LISTEN: PENDING until a client comes; PIPE_CONNECTED where one was faster, PIPE_CLOSING where it has gone again.
func (e *pipeEnd) listen(r *ioRequest) ntdef.Status {
	i := e.instance
	switch {
	case !e.server:
		return ntdef.STATUS_ILLEGAL_FUNCTION
	case e.state() == pipeConnected:
		return ntdef.STATUS_PIPE_CONNECTED
	case e.state() == pipeClosing:
		return ntdef.STATUS_PIPE_CLOSING
	}
	i.listens = true
	i.pipe.wake(e.sys)
	if e.nowait {
		return ntdef.STATUS_PIPE_LISTENING
	}
	i.listeners = append(i.listeners, r)
	r.cancel = func() { i.listeners = slices.DeleteFunc(i.listeners, func(o *ioRequest) bool { return o == r }) }
	return ntdef.STATUS_PENDING
}

// disconnect is FSCTL_PIPE_DISCONNECT: what was not read is lost, the client's end is of no use any more.
func (e *pipeEnd) disconnect() ntdef.Status {
	s, i := e.sys, e.instance
	switch {
	case !e.server:
		return ntdef.STATUS_ILLEGAL_FUNCTION
	case e.state() == pipeDisconnected:
		return ntdef.STATUS_PIPE_DISCONNECTED
	}
	i.listens = false
	listeners := i.listeners
	i.listeners = nil
	for _, r := range listeners {
		s.complete(r, ntdef.STATUS_PIPE_DISCONNECTED)
	}
	if i.client != nil {
		i.client.cut = true
		for _, q := range []*pipeQueue{&i.toServer, &i.toClient} {
			q.drop(s, ntdef.STATUS_PIPE_DISCONNECTED)
			q.hangUp(s, ntdef.STATUS_PIPE_DISCONNECTED)
		}
		// The client's end keeps the instance that it had, cut; the server's has it anew.
		old := *i
		i.client.instance = &old
		i.client = nil
	}
	return ntdef.STATUS_SUCCESS
}

// waitPipe is FSCTL_PIPE_WAIT: until an instance of a pipe listens, or for some nanoseconds. OBJECT_NAME_NOT_FOUND, IO_TIMEOUT.
func (s *System) waitPipe(r *ioRequest, name string, timeout uint64, given bool) ntdef.Status {
	n := s.pipes[foldName(name)]
	switch {
	case n == nil:
		return ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	case n.listening() != nil:
		return ntdef.STATUS_SUCCESS
	}
	if !given {
		timeout = n.timeout
	}
	n.waiters = append(n.waiters, r)
	leave := func() { n.waiters = slices.DeleteFunc(n.waiters, func(o *ioRequest) bool { return o == r }) }
	r.cancel = leave
	if timeout != Infinite {
		r.timer = s.after(s.Now()+timeout, func() {
			leave()
			s.complete(r, ntdef.STATUS_IO_TIMEOUT)
		})
	}
	return ntdef.STATUS_PENDING
}
