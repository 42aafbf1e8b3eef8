package nt

import (
	"github.com/pagewalk/pagewalk/ntdef"
)

// stream is a standard handle: the host's standard input, output or error, which programs see as the client's end of a pipe of bytes,
// whatever the host has there. Output never waits. Input is waited for also by what only asks whether there is some, as an answer that
// depends on when the host's bytes come would bring the host's time into the guest.
type stream struct {
	ioState
	sys    *System
	fd     int
	nowait bool // PIPE_NOWAIT, which nothing follows from
}

func newStream(s *System, fd int) *stream {
	return &stream{ioState: ioState{options: ntdef.FILE_SYNCHRONOUS_IO_NONALERT}, sys: s, fd: fd}
}

// input waits for input that nobody has read yet and leaves it there; there is none at the end.
func (s *System) input() []byte {
	if len(s.ahead) == 0 && s.stdin != nil {
		b := make([]byte, pipeSize)
		for n, err := 0, error(nil); n == 0 && err == nil; {
			n, err = s.stdin.Read(b)
			s.ahead = b[:n]
		}
	}
	return s.ahead
}

// read reads input. Of nothing it waits for some, as a pipe does.
func (f *stream) read(b []byte) (int, ntdef.Status) {
	s := f.sys
	switch {
	case f.fd != 0:
		return 0, ntdef.STATUS_ACCESS_DENIED
	case s.stdin == nil, len(b) == 0 && len(s.input()) == 0:
		return 0, ntdef.STATUS_END_OF_FILE
	case len(s.ahead) > 0:
		n := copy(b, s.ahead)
		s.ahead = s.ahead[n:]
		return n, ntdef.STATUS_SUCCESS
	}
	n, err := s.stdin.Read(b)
	if n == 0 && err != nil {
		return 0, ntdef.STATUS_END_OF_FILE
	}
	return n, ntdef.STATUS_SUCCESS
}

// write writes to the host's standard output or error.
func (f *stream) write(p *Process, b []byte) (int, ntdef.Status) {
	w := f.sys.stdout
	switch f.fd {
	case 0:
		return 0, ntdef.STATUS_ACCESS_DENIED
	case 2:
		w = f.sys.stderr
	}
	if w == nil {
		return len(b), ntdef.STATUS_SUCCESS // the null device
	}
	n, err := w.Write(b)
	if err != nil {
		if p.outputErr == nil {
			p.outputErr = err
		}
		return n, ntdef.STATUS_PIPE_BROKEN
	}
	return n, ntdef.STATUS_SUCCESS
}

func (f *stream) state() uint32 { return pipeConnected }

// peek is FSCTL_PIPE_PEEK: PIPE_BROKEN at the end of the input.
func (f *stream) peek(b []byte) (n, available, left int, st ntdef.Status) {
	if f.fd != 0 {
		return 0, 0, 0, ntdef.STATUS_ACCESS_DENIED
	}
	in := f.sys.input()
	if len(in) == 0 {
		return 0, 0, 0, ntdef.STATUS_PIPE_BROKEN
	}
	return copy(b, in), len(in), 0, ntdef.STATUS_SUCCESS
}

// setMode is FilePipeInformation. Input is always waited for.
func (f *stream) setMode(messages, nowait bool) ntdef.Status {
	switch {
	case messages:
		return ntdef.STATUS_INVALID_PARAMETER
	case nowait && f.fd == 0:
		f.sys.refuse("standard input without waiting (PIPE_NOWAIT)")
		return ntdef.STATUS_NOT_SUPPORTED
	}
	f.nowait = nowait
	return ntdef.STATUS_SUCCESS
}

// pipeLocal is FILE_PIPE_LOCAL_INFORMATION: one instance of bytes, whose quotas are those of a pipe that does not say.
func (f *stream) pipeLocal() []byte {
	const bytes, inbound, outbound, client = 0, 0, 1, 0
	configuration := uint32(inbound)
	if f.fd == 0 {
		configuration = outbound
	}
	return le32(bytes, configuration, 1, 1, pipeSize, uint32(len(f.sys.ahead)), pipeSize, pipeSize, f.state(), client)
}
