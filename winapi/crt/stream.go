package crt

import (
	"bytes"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// fileNumber is where msvcrt's FILE keeps the file number (_iobuf._file, x64).
const fileNumber = 28

// A stream is one of the standard streams. Standard output goes to a pipe or a file and is buffered as such: what the
// program writes appears when the buffer is full, flushed, or at exit. Text mode writes LF as CR LF.
type stream struct {
	handle   ntdef.Handle
	buffered bool
	text     bool
	failed   bool
	buf      []byte
}

// bufferSize is how much a buffered stream holds back, that of both run-times.
const bufferSize = 4096

func (s *stream) write(t *nt.Thread, b []byte) bool {
	if s.text {
		b = bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
	}
	s.buf = append(s.buf, b...)
	if !s.buffered || len(s.buf) >= bufferSize {
		return s.flush(t)
	}
	return true
}

func (s *stream) flush(t *nt.Thread) bool {
	if len(s.buf) == 0 {
		return true
	}
	_, st := t.Process().WriteFile(s.handle, s.buf)
	s.buf = s.buf[:0]
	if st != ntdef.STATUS_SUCCESS {
		s.failed = true
	}
	return st == ntdef.STATUS_SUCCESS
}

// flush writes out every stream.
func (s *state) flush(t *nt.Thread) bool {
	ok := true
	for i := range s.streams {
		ok = s.streams[i].flush(t) && ok
	}
	return ok
}

// stream returns the stream of a FILE pointer.
func (s *state) stream(t *nt.Thread, file uint64) (*stream, error) {
	i := (file - s.iob) / fileSize
	if file < s.iob || i >= uint64(len(s.streams)) {
		return nil, t.Stop("a FILE at %#x that is none of the standard streams: files are not implemented", file)
	}
	return &s.streams[i], nil
}
