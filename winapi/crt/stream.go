package crt

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// fileNumber is where msvcrt's FILE keeps the file number (_iobuf._file, x64).
const fileNumber = 28

// A stream is one of the standard streams. Standard output goes to a pipe or a file and is buffered as such: what the
// program writes appears when the buffer is full, flushed, or at exit. Text mode writes LF as CR LF.
type stream struct {
	handle ntdef.Handle
	size   int // of the buffer; 0: not buffered
	text   bool
	failed bool   // as ferror tells
	buf    []byte // what the program wrote, not yet written out
	crlf   []byte // scratch: buf with CR LF
}

// bufferSize is how much a buffered stream holds back, that of both run-times.
const bufferSize = 4096

// write takes bytes and reports whether all that had to be written out was.
func (s *stream) write(t *nt.Thread, b []byte) bool {
	if s.size == 0 {
		s.buf = append(s.buf, b...)
		return s.flush(t)
	}
	for len(b) > 0 {
		// A full buffer waits for the next byte.
		if len(s.buf) >= s.size && !s.flush(t) {
			return false
		}
		n := min(len(b), s.size-len(s.buf))
		s.buf = append(s.buf, b[:n]...)
		b = b[n:]
	}
	return true
}

// flush writes out what the buffer holds.
func (s *stream) flush(t *nt.Thread) bool {
	if len(s.buf) == 0 {
		return true
	}
	out := s.buf
	if s.text {
		out = s.crlf[:0]
		for _, c := range s.buf {
			if c == '\n' {
				out = append(out, '\r')
			}
			out = append(out, c)
		}
		s.crlf = out
	}
	_, st := t.Process().WriteFile(s.handle, out)
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

// file returns the address of a standard stream's FILE.
func (s *state) file(number uint32) uint64 { return s.iob + fileSizes[s.flavor]*uint64(number) }

// stream returns the stream of a FILE pointer.
func (s *state) stream(t *nt.Thread, file uint64) (*stream, error) {
	i := (file - s.iob) / fileSizes[s.flavor]
	if file < s.iob || i >= uint64(len(s.streams)) || s.file(uint32(i)) != file {
		return nil, t.Stop("a FILE at %#x that is none of the standard streams: files are not implemented", file)
	}
	return &s.streams[i], nil
}
