package crt

import (
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/kernel32"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// Files returns the functions of stdio.h and io.h over files by name, and those that read.
func Files(f Flavor) []nt.UserFunc {
	return []nt.UserFunc{
		bind(f, "_access", access),
		bind(f, "_close", closeNumber),
		bind(f, "_fdopen", fdopen),
		bind(f, "_filelength", filelength),
		bind(f, "_filelengthi64", filelength),
		bind(f, "_fseeki64", func(s *state, t *nt.Thread, a *fseek64Args) (uint64, error) {
			return s.fseek(t, a.File, a.Offset, a.Whence)
		}),
		bind(f, "_ftelli64", func(s *state, t *nt.Thread, a *fileArgs) (uint64, error) { return s.ftell(t, a.File) }),
		bind(f, "_get_osfhandle", osfhandle),
		bind(f, "_lseek", func(s *state, t *nt.Thread, a *lseekArgs) (uint64, error) {
			return s.lseek(t, a.Number, int64(a.Offset), a.Whence)
		}),
		bind(f, "_lseeki64", func(s *state, t *nt.Thread, a *lseek64Args) (uint64, error) {
			return s.lseek(t, a.Number, a.Offset, a.Whence)
		}),
		bind(f, "_open", openNumber),
		bind(f, "_read", readNumber),
		bind(f, "_unlink", remove),
		bind(f, "_wfopen", func(s *state, t *nt.Thread, a *fopenArgs) (uint64, error) {
			return s.fopen(t, a.Name, a.Mode, t.WString)
		}),
		bind(f, "clearerr", clearerr),
		bind(f, "fclose", fclose),
		bind(f, "feof", feof),
		bind(f, "fgetc", fgetc),
		bind(f, "fgetpos", fgetpos),
		bind(f, "fgets", fgets),
		bind(f, "fopen", func(s *state, t *nt.Thread, a *fopenArgs) (uint64, error) {
			return s.fopen(t, a.Name, a.Mode, t.CString)
		}),
		bind(f, "fread", fread),
		bind(f, "fsetpos", fsetpos),
		bind(f, "fseek", func(s *state, t *nt.Thread, a *fseekArgs) (uint64, error) {
			return s.fseek(t, a.File, int64(a.Offset), a.Whence)
		}),
		bind(f, "ftell", func(s *state, t *nt.Thread, a *fileArgs) (uint64, error) {
			v, err := s.ftell(t, a.File)
			return v & 0xffffffff, err
		}),
		bind(f, "getc", fgetc),
		bind(f, "getchar", func(s *state, t *nt.Thread, _ *noArgs) (uint64, error) { return fgetc(s, t, &fileArgs{s.file(0)}) }),
		bind(f, "remove", remove),
		bind(f, "rename", rename),
		bind(f, "rewind", rewind),
		bind(f, "ungetc", ungetc),
	}
}

type (
	fopenArgs struct{ Name, Mode uint64 }
	fseekArgs struct {
		File   uint64
		Offset int32
		Whence uint32
	}
	fseek64Args struct {
		File   uint64
		Offset int64
		Whence uint32
	}
	fposArgs  struct{ File, Position uint64 }
	fgetsArgs struct {
		Buffer uint64
		Size   uint32
		File   uint64
	}
	lseekArgs struct {
		Number uint32
		Offset int32
		Whence uint32
	}
	lseek64Args struct {
		Number uint32
		Offset int64
		Whence uint32
	}
	openArgs struct {
		Name  uint64
		Flags uint32
		Mode  uint32
	}
	nameArgs   struct{ Name uint64 }
	renameArgs struct{ From, To uint64 }
	accessArgs struct {
		Name uint64
		Mode uint32
	}
	fdopenArgs struct {
		Number uint32
		Mode   uint64
	}
)

// errnoOf is the C error number of a status (_dosmaperr).
func errnoOf(st ntdef.Status) uint32 {
	switch ntdll.DosError(st) {
	case ntdll.ERROR_FILE_NOT_FOUND, ntdll.ERROR_PATH_NOT_FOUND, ntdll.ERROR_INVALID_NAME, ntdll.ERROR_BAD_NETPATH, ntdll.ERROR_BAD_PATHNAME:
		return enoent
	case ntdll.ERROR_ACCESS_DENIED, ntdll.ERROR_SHARING_VIOLATION, ntdll.ERROR_LOCK_VIOLATION, ntdll.ERROR_WRITE_PROTECT:
		return eacces
	case ntdll.ERROR_ALREADY_EXISTS, ntdll.ERROR_FILE_EXISTS:
		return eexist
	case ntdll.ERROR_INVALID_HANDLE:
		return ebadf
	case ntdll.ERROR_DISK_FULL:
		return enospc
	case ntdll.ERROR_DIR_NOT_EMPTY:
		return enotempty
	case ntdll.ERROR_NOT_SAME_DEVICE:
		return exdev
	}
	return einval
}

// pathOf reads a path and makes it full; "" with errno set where it is none.
func (s *state) pathOf(t *nt.Thread, va uint64, text func(uint64) (string, error)) (string, error) {
	if va == 0 {
		return "", s.setErrno(t, einval)
	}
	name, err := text(va)
	if err != nil {
		return "", err
	}
	full, code, err := kernel32.FullPath(t, name)
	if err == nil && code != 0 {
		err = s.setErrno(t, enoent)
	}
	return full, err
}

// openPath opens a file as fopen and _open do: shared with everybody.
func (s *state) openPath(t *nt.Thread, full string, access, disposition uint32) (ntdef.Handle, bool, error) {
	h, _, st := t.Process().CreateFile(&nt.OpenRequest{
		Path: full, Access: access | ntdef.SYNCHRONIZE | ntdef.FILE_READ_ATTRIBUTES, Disposition: disposition,
		Share: ntdef.FILE_SHARE_READ | ntdef.FILE_SHARE_WRITE, Options: ntdef.FILE_NON_DIRECTORY_FILE | ntdef.FILE_SYNCHRONOUS_IO_NONALERT,
	})
	if st != ntdef.STATUS_SUCCESS {
		return 0, false, s.setErrno(t, errnoOf(st))
	}
	return h, true, nil
}

// parseMode reads a mode of fopen; ok is false for one that is none.
func parseMode(mode string) (st stream, access, disposition uint32, ok bool) {
	mode = strings.TrimLeft(mode, " ")
	if mode == "" {
		return st, 0, 0, false
	}
	st.text, st.size = true, bufferSize
	switch mode[0] {
	case 'r':
		st.reads, access, disposition = true, ntdef.GENERIC_READ, ntdef.FILE_OPEN
	case 'w':
		st.writes, access, disposition = true, ntdef.GENERIC_WRITE, ntdef.FILE_OVERWRITE_IF
	case 'a':
		st.writes, st.append, access, disposition = true, true, ntdef.GENERIC_WRITE, ntdef.FILE_OPEN_IF
	default:
		return st, 0, 0, false
	}
	for _, c := range mode[1:] {
		switch c {
		case '+':
			st.reads, st.writes, access = true, true, ntdef.GENERIC_READ|ntdef.GENERIC_WRITE
		case 'b':
			st.text = false
		case 'x':
			disposition = ntdef.FILE_CREATE
		case 't', 'c', 'n', 'N', 'S', 'R', 'T', 'D', ' ':
		case ',':
			return st, access, disposition, true // ccs=…
		default:
			return st, 0, 0, false
		}
	}
	return st, access, disposition, true
}

func (s *state) fopen(t *nt.Thread, name, mode uint64, text func(uint64) (string, error)) (uint64, error) {
	m, err := text(mode)
	if err != nil {
		return 0, err
	}
	st, access, disposition, ok := parseMode(m)
	if !ok {
		return 0, s.setErrno(t, einval)
	}
	full, err := s.pathOf(t, name, text)
	if err != nil || full == "" {
		return 0, err
	}
	if st.handle, ok, err = s.openPath(t, full, access, disposition); err != nil || !ok {
		return 0, err
	}
	if st.append {
		if i, found := t.Process().QueryFile(st.handle); found == ntdef.STATUS_SUCCESS && st.reads {
			t.Process().SetFilePosition(st.handle, 0)
		} else {
			t.Process().SetFilePosition(st.handle, i.Size)
		}
	}
	open, err := s.open(t, st, true)
	if err != nil || open == nil {
		t.Process().CloseHandle(st.handle)
		return 0, err
	}
	return open.file, nil
}

// fdopen gives the file of a number a FILE.
func fdopen(s *state, t *nt.Thread, a *fdopenArgs) (uint64, error) {
	st, err := s.numbered(t, a.Number)
	if st == nil || err != nil {
		return 0, err
	}
	mode, err := t.CString(a.Mode)
	if err != nil {
		return 0, err
	}
	m, _, _, ok := parseMode(mode)
	if !ok {
		return 0, s.setErrno(t, einval)
	}
	if strings.ContainsAny(mode, "bt") {
		st.text = m.text
	}
	st.size = bufferSize
	return st.file, s.giveFile(t, st)
}

// closeStream flushes and closes a stream.
func (s *state) closeStream(t *nt.Thread, st *stream) (bool, error) {
	ok := st.flush(t)
	st.forget(t)
	if t.Process().CloseHandle(st.handle) != ntdef.STATUS_SUCCESS {
		ok = false
	}
	s.streams[st.number] = nil
	if st.heap {
		if _, err := ntdll.FreeHeap(t, 0, st.file); err != nil {
			return false, err
		}
	}
	return ok, nil
}

func fclose(s *state, t *nt.Thread, a *fileArgs) (uint64, error) {
	if a.File == 0 {
		return eof, s.setErrno(t, einval)
	}
	st, err := s.stream(t, a.File)
	if err != nil {
		return 0, err
	}
	if ok, err := s.closeStream(t, st); err != nil || !ok {
		return eof, err
	}
	return 0, nil
}

// fread reads Count elements of Size bytes and returns how many whole ones it got.
func fread(s *state, t *nt.Thread, a *fwriteArgs) (uint64, error) {
	st, err := s.stream(t, a.File)
	if err != nil || a.Size == 0 || a.Count == 0 {
		return 0, err
	}
	if a.Count > ^uint64(0)/a.Size {
		return 0, s.setErrno(t, einval)
	}
	want := a.Size * a.Count
	if err := t.Probe(a.Buffer, want, x86.Write); err != nil {
		return 0, err
	}
	done := uint64(0)
	for done < want {
		if st.text || len(st.back) > 0 {
			c, ok, err := st.readByte(t)
			if err != nil {
				return 0, err
			}
			if !ok {
				break
			}
			if err := t.Store8(a.Buffer+done, c); err != nil {
				return 0, err
			}
			done++
			continue
		}
		if len(st.in) == 0 {
			more, err := st.fill(t)
			if err != nil {
				return 0, err
			}
			if !more {
				break
			}
		}
		part := st.in[:min(uint64(len(st.in)), want-done)]
		if err := t.Write(a.Buffer+done, part); err != nil {
			return 0, err
		}
		st.in = st.in[len(part):]
		done += uint64(len(part))
	}
	return done / a.Size, nil
}

func fgetc(s *state, t *nt.Thread, a *fileArgs) (uint64, error) {
	st, err := s.stream(t, a.File)
	if err != nil {
		return 0, err
	}
	c, ok, err := st.readByte(t)
	if err != nil || !ok {
		return eof, err
	}
	return uint64(c), nil
}

func ungetc(s *state, t *nt.Thread, a *fputcArgs) (uint64, error) {
	st, err := s.stream(t, a.File)
	if err != nil || a.Char == eof {
		return eof, err
	}
	st.unread(byte(a.Char))
	return uint64(byte(a.Char)), nil
}

// fgets reads up to and with a line feed; NULL where there is nothing more.
func fgets(s *state, t *nt.Thread, a *fgetsArgs) (uint64, error) {
	st, err := s.stream(t, a.File)
	if err != nil || int32(a.Size) <= 0 {
		return 0, err
	}
	if err := t.Probe(a.Buffer, 1, x86.Write); err != nil {
		return 0, err
	}
	var line []byte
	for uint32(len(line)) < a.Size-1 {
		c, ok, err := st.readByte(t)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		if line = append(line, c); c == '\n' {
			break
		}
	}
	if len(line) == 0 && a.Size > 1 {
		return 0, nil
	}
	return a.Buffer, t.Write(a.Buffer, append(line, 0))
}

func (s *state) fseek(t *nt.Thread, file uint64, offset int64, whence uint32) (uint64, error) {
	st, err := s.stream(t, file)
	if err != nil {
		return 0, err
	}
	if !st.seek(t, offset, whence) {
		return eof, s.setErrno(t, einval)
	}
	return 0, nil
}

func (s *state) ftell(t *nt.Thread, file uint64) (uint64, error) {
	st, err := s.stream(t, file)
	if err != nil {
		return 0, err
	}
	at, ok := st.position(t)
	if !ok {
		return ^uint64(0), s.setErrno(t, einval)
	}
	return uint64(at), nil
}

// fgetpos and fsetpos keep the position in an fpos_t, 8 bytes.
func fgetpos(s *state, t *nt.Thread, a *fposArgs) (uint64, error) {
	at, err := s.ftell(t, a.File)
	if err != nil || at == ^uint64(0) {
		return eof, err
	}
	return 0, t.Store64(a.Position, at)
}

func fsetpos(s *state, t *nt.Thread, a *fposArgs) (uint64, error) {
	at, err := t.Load64(a.Position)
	if err != nil {
		return 0, err
	}
	return s.fseek(t, a.File, int64(at), 0)
}

func rewind(s *state, t *nt.Thread, a *fileArgs) (uint64, error) {
	st, err := s.stream(t, a.File)
	if err != nil {
		return 0, err
	}
	st.seek(t, 0, 0)
	st.failed, st.ended = false, false
	return 0, nil
}

func feof(s *state, t *nt.Thread, a *fileArgs) (uint64, error) {
	st, err := s.stream(t, a.File)
	if err != nil || !st.ended {
		return 0, err
	}
	return 0x10, nil // _IOEOF
}

func clearerr(s *state, t *nt.Thread, a *fileArgs) (uint64, error) {
	st, err := s.stream(t, a.File)
	if err != nil {
		return 0, err
	}
	st.failed, st.ended = false, false
	return 0, nil
}
