package crt

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/x86"
)

// eof is EOF, -1 as an int.
const eof = 0xffffffff

// bind makes a function whose body needs the run-time's state.
func bind[A any](f Flavor, name string, body func(s *state, t *nt.Thread, a *A) (uint64, error)) nt.UserFunc {
	return nt.Func(name, func(t *nt.Thread, a *A) (uint64, error) { return body(stateOf(t, f), t, a) })
}

// Stdio returns the functions of stdio.h and io.h that both run-times export under the same names.
func Stdio(f Flavor) []nt.UserFunc {
	return []nt.UserFunc{
		bind(f, "_fileno", fileno),
		bind(f, "_isatty", isatty),
		bind(f, "_setmode", setmode),
		bind(f, "_write", writeNumber),
		bind(f, "fflush", fflush),
		bind(f, "ferror", ferror),
		bind(f, "fputc", fputc),
		bind(f, "fputs", fputs),
		bind(f, "fwrite", fwrite),
		bind(f, "perror", perror),
		bind(f, "putc", fputc),
		bind(f, "putchar", putchar),
		bind(f, "puts", puts),
		bind(f, "setvbuf", setvbuf),
	}
}

type (
	fwriteArgs struct{ Buffer, Size, Count, File uint64 }
	fputcArgs  struct {
		Char uint32
		File uint64
	}
	putcharArgs struct{ Char uint32 }
	fputsArgs   struct{ Text, File uint64 }
	putsArgs    struct{ Text uint64 }
	fileArgs    struct{ File uint64 }
	setvbufArgs struct {
		File, Buffer uint64
		Mode         uint32
		Size         uint64
	}
	numberArgs  struct{ Number uint32 }
	setmodeArgs struct{ Number, Mode uint32 }
	writeArgs   struct {
		Number uint32
		Buffer uint64
		Count  uint32
	}
)

// fwrite writes Count elements of Size bytes. All of them are faulted in before the first goes out, so that the function
// can run anew after a fault.
func fwrite(s *state, t *nt.Thread, a *fwriteArgs) (uint64, error) {
	st, err := s.stream(t, a.File)
	if err != nil || a.Size == 0 || a.Count == 0 {
		return 0, err
	}
	if a.Count > ^uint64(0)/a.Size {
		return 0, s.setErrno(t, einval)
	}
	ok, err := st.writeGuest(t, a.Buffer, a.Size*a.Count)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, s.writeFailed(t, st)
	}
	return a.Count, nil
}

// writeGuest writes n bytes of the guest's memory.
func (s *stream) writeGuest(t *nt.Thread, va, n uint64) (ok bool, err error) {
	if err := t.Probe(va, n, x86.Read); err != nil {
		return false, err
	}
	var page [x86.PageSize]byte
	for n > 0 {
		part := page[:min(n, x86.PageSize)]
		if err := t.Read(va, part); err != nil {
			return false, err
		}
		if !s.write(t, part) {
			return false, nil
		}
		va, n = va+uint64(len(part)), n-uint64(len(part))
	}
	return true, nil
}

// writeFailed sets errno for a write that failed: EBADF where the file is only read.
func (s *state) writeFailed(t *nt.Thread, st *stream) error {
	if !st.writes {
		return s.setErrno(t, ebadf)
	}
	return s.setErrno(t, eio)
}

func fputc(s *state, t *nt.Thread, a *fputcArgs) (uint64, error) {
	st, err := s.stream(t, a.File)
	if err != nil {
		return 0, err
	}
	c := [1]byte{byte(a.Char)}
	if !st.write(t, c[:]) {
		return eof, s.writeFailed(t, st)
	}
	return uint64(c[0]), nil
}

func putchar(s *state, t *nt.Thread, a *putcharArgs) (uint64, error) {
	return fputc(s, t, &fputcArgs{a.Char, s.file(1)})
}

func fputs(s *state, t *nt.Thread, a *fputsArgs) (uint64, error) {
	return s.putLine(t, a.Text, a.File, "")
}

func puts(s *state, t *nt.Thread, a *putsArgs) (uint64, error) {
	return s.putLine(t, a.Text, s.file(1), "\n")
}

func (s *state) putLine(t *nt.Thread, text, file uint64, end string) (uint64, error) {
	st, err := s.stream(t, file)
	if err != nil {
		return 0, err
	}
	n, err := length(t, text)
	if err != nil {
		return 0, err
	}
	ok, err := st.writeGuest(t, text, n)
	if err != nil {
		return 0, err
	}
	if !ok || !st.write(t, []byte(end)) {
		return eof, s.writeFailed(t, st)
	}
	return 0, nil
}

// fflush flushes a stream, or with NULL all.
func fflush(s *state, t *nt.Thread, a *fileArgs) (uint64, error) {
	ok := true
	if a.File == 0 {
		ok = s.flush(t)
	} else {
		st, err := s.stream(t, a.File)
		if err != nil {
			return 0, err
		}
		ok = st.flush(t)
	}
	if !ok {
		return eof, s.setErrno(t, eio)
	}
	return 0, nil
}

func ferror(s *state, t *nt.Thread, a *fileArgs) (uint64, error) {
	st, err := s.stream(t, a.File)
	if err != nil || !st.failed {
		return 0, err
	}
	return 1, nil
}

// setvbuf sets how a stream is buffered. Line buffering is full buffering on Windows. The program's buffer stays unused:
// what it holds is not specified.
func setvbuf(s *state, t *nt.Thread, a *setvbufArgs) (uint64, error) {
	const full, none, line = 0, 4, 0x40
	st, err := s.stream(t, a.File)
	if err != nil {
		return 0, err
	}
	size := 0
	switch a.Mode {
	case full, line:
		if a.Size < 2 || a.Size > 1<<31-1 {
			return eof, s.setErrno(t, einval)
		}
		size = int(min(a.Size&^1, maxWidth))
	case none:
	default:
		return eof, s.setErrno(t, einval)
	}
	st.flush(t)
	st.size = size
	return 0, nil
}

func fileno(s *state, t *nt.Thread, a *fileArgs) (uint64, error) {
	st, err := s.stream(t, a.File)
	if err != nil {
		return 0, err
	}
	return uint64(st.number), nil
}

// numbered returns the stream of a file number, nil with errno set where there is none.
func (s *state) numbered(t *nt.Thread, number uint32) (*stream, error) {
	if uint64(number) < uint64(len(s.streams)) && s.streams[number] != nil {
		return s.streams[number], nil
	}
	return nil, s.setErrno(t, ebadf)
}

// isatty is false: the standard handles are pipes or files.
func isatty(s *state, t *nt.Thread, a *numberArgs) (uint64, error) {
	_, err := s.numbered(t, a.Number)
	return 0, err
}

// Modes of _setmode (fcntl.h).
const (
	modeText   = 0x4000
	modeBinary = 0x8000
)

// setmode switches a file between text and binary mode and returns the mode before.
func setmode(s *state, t *nt.Thread, a *setmodeArgs) (uint64, error) {
	st, err := s.numbered(t, a.Number)
	if st == nil || err != nil {
		return eof, err
	}
	if a.Mode != modeText && a.Mode != modeBinary {
		return eof, s.setErrno(t, einval)
	}
	old := uint64(modeBinary)
	if st.text {
		old = modeText
	}
	// What the buffer holds is translated when it is written out, by the mode of that time, as in the real run-times.
	st.text = a.Mode == modeText
	return old, nil
}

// writeNumber is _write: past the stream's buffer, in the file's mode.
func writeNumber(s *state, t *nt.Thread, a *writeArgs) (uint64, error) {
	st, err := s.numbered(t, a.Number)
	if st == nil || err != nil {
		return eof, err
	}
	direct := stream{handle: st.handle, text: st.text, append: st.append, writes: st.writes}
	ok, err := direct.writeGuest(t, a.Buffer, uint64(a.Count))
	if err != nil {
		return 0, err
	}
	if !ok {
		return eof, s.writeFailed(t, st)
	}
	return uint64(a.Count), nil
}

// perror prints the text of errno to standard error, after the program's own and a colon where there is one.
func perror(s *state, t *nt.Thread, a *putsArgs) (uint64, error) {
	text := ""
	if a.Text != 0 {
		var err error
		if text, err = t.CString(a.Text); err != nil {
			return 0, err
		}
		if text != "" {
			text += ": "
		}
	}
	code, err := t.Load32(s.vars.errno)
	if err != nil {
		return 0, err
	}
	s.say(t, text+message(code)+"\n")
	return 0, nil
}
