package crt

import (
	"bytes"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// fileNumber is where msvcrt's FILE keeps the file number (_iobuf._file, x64).
const fileNumber = 28

// A stream is an open file of the run-time, by its number, and, where the program has one, behind a FILE. Standard output goes to
// a pipe or a file and is buffered as such: what the program writes appears when the buffer is full, flushed, or at exit. Text
// mode writes LF as CR LF, reads CR LF as LF and ends at Ctrl-Z.
type stream struct {
	handle ntdef.Handle
	number uint32
	file   uint64 // of the FILE; 0: there is none
	heap   bool   // the FILE is a block of the heap
	size   int    // of the buffer; 0: not buffered
	text   bool
	append bool
	reads  bool
	writes bool
	failed bool   // as ferror tells
	ended  bool   // as feof tells
	buf    []byte // what the program wrote, not yet written out
	crlf   []byte // scratch: buf with CR LF
	in     []byte // what was read ahead, as the file has it
	back   []byte // ungetc's, last first
	data   []byte // in's memory
}

// bufferSize is how much a buffered stream holds back or reads ahead, that of both run-times.
const bufferSize = 4096

// maxStreams is how many files may be open at once (_NSTREAM_), and iobStreams how many FILEs _iob has.
const (
	maxStreams = 512
	iobStreams = 20
)

// write takes bytes and reports whether all that had to be written out was.
func (s *stream) write(t *nt.Thread, b []byte) bool {
	if !s.writes {
		s.failed = true
		return false
	}
	s.forget(t)
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
	at := nt.FilePosition
	if s.append {
		at = nt.FileEnd
	}
	_, st := t.Process().WriteFileAt(s.handle, out, at)
	s.buf = s.buf[:0]
	if st != ntdef.STATUS_SUCCESS {
		s.failed = true
	}
	return st == ntdef.STATUS_SUCCESS
}

// forget puts the file's position back to what the program has read.
func (s *stream) forget(t *nt.Thread) {
	if n := len(s.in); n > 0 {
		if i, st := t.Process().QueryFile(s.handle); st == ntdef.STATUS_SUCCESS {
			t.Process().SetFilePosition(s.handle, i.Position-uint64(n))
		}
	}
	s.in, s.back = nil, s.back[:0]
}

// fill reads ahead and reports whether there is something now. A pipe is waited for.
func (s *stream) fill(t *nt.Thread) (bool, error) {
	if !s.reads {
		s.failed = true
		return false, nil
	}
	s.flush(t)
	if s.data == nil {
		s.data = make([]byte, bufferSize)
	}
	n, st, piped, err := t.PipeRead(s.handle, s.data)
	if err != nil {
		return false, err
	}
	if !piped {
		n, st = t.Process().ReadFile(s.handle, s.data)
	}
	s.in = s.data[:n]
	switch {
	case st == ntdef.STATUS_END_OF_FILE || st == ntdef.STATUS_PIPE_BROKEN:
		s.ended = true
	case st != ntdef.STATUS_SUCCESS:
		s.failed = true
	case n == 0:
		s.ended = true
	}
	return n > 0, nil
}

// readByte returns the next character; ok is false at the end or where reading failed.
func (s *stream) readByte(t *nt.Thread) (c byte, ok bool, err error) {
	if n := len(s.back); n > 0 {
		c, s.back = s.back[n-1], s.back[:n-1]
		return c, true, nil
	}
	for {
		if len(s.in) == 0 {
			if more, err := s.fill(t); err != nil || !more {
				return 0, false, err
			}
		}
		c = s.in[0]
		if s.text && c == 0x1a {
			s.ended = true
			return 0, false, nil
		}
		s.in = s.in[1:]
		if !s.text || c != '\r' {
			return c, true, nil
		}
		if len(s.in) == 0 {
			if more, err := s.fill(t); err != nil || !more {
				return c, true, err
			}
		}
		if s.in[0] != '\n' {
			return c, true, nil
		}
	}
}

// unread gives a character back.
func (s *stream) unread(c byte) {
	s.back = append(s.back, c)
	s.ended = false
}

// position is where the program is in the file; ok is false for a stream that has no position.
func (s *stream) position(t *nt.Thread) (at int64, ok bool) {
	i, st := t.Process().QueryFile(s.handle)
	if st != ntdef.STATUS_SUCCESS {
		return 0, false
	}
	at = int64(i.Position) - int64(len(s.in)+len(s.back)) + int64(len(s.buf))
	if s.append && len(s.buf) > 0 {
		at += int64(i.Size) - int64(i.Position)
	}
	if s.text {
		at += int64(bytes.Count(s.buf, []byte{'\n'}))
	}
	return at, true
}

// seek moves the program's position; whence is SEEK_SET, SEEK_CUR or SEEK_END.
func (s *stream) seek(t *nt.Thread, offset int64, whence uint32) bool {
	at, ok := s.position(t)
	if !ok || !s.flush(t) {
		return false
	}
	s.forget(t)
	i, _ := t.Process().QueryFile(s.handle)
	switch whence {
	case 0:
		at = 0
	case 1:
	case 2:
		at = int64(i.Size)
	default:
		return false
	}
	if at += offset; at < 0 {
		return false
	}
	s.ended = false
	t.Process().SetFilePosition(s.handle, uint64(at))
	return true
}

// flush writes out every stream.
func (s *state) flush(t *nt.Thread) bool {
	ok := true
	for _, st := range s.streams {
		if st != nil {
			ok = st.flush(t) && ok
		}
	}
	return ok
}

// file returns the address of a standard stream's FILE.
func (s *state) file(number uint32) uint64 { return s.iob + fileSizes[s.flavor]*uint64(number) }

// stream returns the stream of a FILE pointer.
func (s *state) stream(t *nt.Thread, file uint64) (*stream, error) {
	if i := (file - s.iob) / fileSizes[s.flavor]; file >= s.iob && i < uint64(len(s.streams)) && i < iobStreams && s.streams[i] != nil && s.streams[i].file == file {
		return s.streams[i], nil
	}
	for _, st := range s.streams {
		if st != nil && st.file == file && file != 0 {
			return st, nil
		}
	}
	return nil, t.Stop("a FILE at %#x that is none of the run-time's", file)
}

// open gives a file a number; a FILE is made where that is asked for. nil where there are too many.
func (s *state) open(t *nt.Thread, st stream, withFile bool) (*stream, error) {
	n := 3
	for n < len(s.streams) && s.streams[n] != nil {
		n++
	}
	if n == maxStreams {
		return nil, s.setErrno(t, emfile)
	}
	if n == len(s.streams) {
		s.streams = append(s.streams, nil)
	}
	st.number = uint32(n)
	s.streams[n] = &st
	if withFile {
		if err := s.giveFile(t, &st); err != nil {
			return nil, err
		}
	}
	return s.streams[n], nil
}

// giveFile makes the FILE of a stream.
func (s *state) giveFile(t *nt.Thread, st *stream) error {
	if st.number < iobStreams {
		st.file = s.file(st.number)
	} else {
		va, err := s.duplicate(t, s.iob, fileSizes[s.flavor])
		if err != nil || va == 0 {
			return err
		}
		st.file, st.heap = va, true
	}
	if s.flavor == MSVCRT {
		return t.Store32(st.file+fileNumber, st.number)
	}
	return nil
}

// say writes a message to standard error, which is not there before the DLL was initialised nor where the program closed it.
func (s *state) say(t *nt.Thread, text string) {
	if len(s.streams) > 2 && s.streams[2] != nil {
		s.streams[2].write(t, []byte(text))
	}
}
