package crt

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// done is the result of a call that only fails or not: -1 with errno.
func (s *state) done(t *nt.Thread, st ntdef.Status) (uint64, error) {
	if st != ntdef.STATUS_SUCCESS {
		return eof, s.setErrno(t, errnoOf(st))
	}
	return 0, nil
}

// change opens a path to delete or rename it.
func (s *state) change(t *nt.Thread, va uint64, f func(h ntdef.Handle) ntdef.Status) (uint64, error) {
	full, err := s.pathOf(t, va, t.CString)
	if err != nil || full == "" {
		return eof, err
	}
	const all = ntdef.FILE_SHARE_READ | ntdef.FILE_SHARE_WRITE | ntdef.FILE_SHARE_DELETE
	h, _, st := t.Process().CreateFile(&nt.OpenRequest{Path: full, Access: ntdef.DELETE, Share: all, Disposition: ntdef.FILE_OPEN})
	if st == ntdef.STATUS_SUCCESS {
		st = f(h)
		t.Process().CloseHandle(h)
	}
	return s.done(t, st)
}

// remove deletes a file; a folder is EACCES.
func remove(s *state, t *nt.Thread, a *nameArgs) (uint64, error) {
	return s.change(t, a.Name, func(h ntdef.Handle) ntdef.Status {
		if i, st := t.Process().QueryFile(h); st != ntdef.STATUS_SUCCESS || i.Attributes&ntdef.FILE_ATTRIBUTE_DIRECTORY != 0 {
			return ntdef.STATUS_FILE_IS_A_DIRECTORY
		}
		return t.Process().DeleteFile(h)
	})
}

func rename(s *state, t *nt.Thread, a *renameArgs) (uint64, error) {
	to, err := s.pathOf(t, a.To, t.CString)
	if err != nil || to == "" {
		return eof, err
	}
	return s.change(t, a.From, func(h ntdef.Handle) ntdef.Status { return t.Process().RenameFile(h, to, false) })
}

// access asks whether a file is there (0), may be written (2) or read (4).
func access(s *state, t *nt.Thread, a *accessArgs) (uint64, error) {
	full, err := s.pathOf(t, a.Name, t.CString)
	if err != nil || full == "" {
		return eof, err
	}
	i, st := t.Process().QueryPath(full)
	const folder, readOnly = ntdef.FILE_ATTRIBUTE_DIRECTORY, ntdef.FILE_ATTRIBUTE_READONLY
	if st == ntdef.STATUS_SUCCESS && a.Mode&2 != 0 && i.Attributes&(folder|readOnly) == readOnly {
		st = ntdef.STATUS_ACCESS_DENIED
	}
	return s.done(t, st)
}

// Flags of _open (fcntl.h).
const (
	openWrite     = 1
	openReadWrite = 2
	openAppend    = 8
	openCreate    = 0x100
	openTruncate  = 0x200
	openExclusive = 0x400
)

func openNumber(s *state, t *nt.Thread, a *openArgs) (uint64, error) {
	full, err := s.pathOf(t, a.Name, t.CString)
	if err != nil || full == "" {
		return eof, err
	}
	st := stream{text: a.Flags&modeBinary == 0, append: a.Flags&openAppend != 0, reads: true, writes: true}
	rights := ntdef.GENERIC_READ | ntdef.GENERIC_WRITE
	switch a.Flags & (openWrite | openReadWrite) {
	case 0:
		rights, st.writes = ntdef.GENERIC_READ, false
	case openWrite:
		rights, st.reads = ntdef.GENERIC_WRITE, false
	}
	disposition := ntdef.FILE_OPEN
	switch {
	case a.Flags&(openCreate|openExclusive) == openCreate|openExclusive:
		disposition = ntdef.FILE_CREATE
	case a.Flags&(openCreate|openTruncate) == openCreate|openTruncate:
		disposition = ntdef.FILE_OVERWRITE_IF
	case a.Flags&openCreate != 0:
		disposition = ntdef.FILE_OPEN_IF
	case a.Flags&openTruncate != 0:
		disposition = ntdef.FILE_OVERWRITE
	}
	var ok bool
	if st.handle, ok, err = s.openPath(t, full, rights, disposition); err != nil || !ok {
		return eof, err
	}
	open, err := s.open(t, st, false)
	if err != nil || open == nil {
		t.Process().CloseHandle(st.handle)
		return eof, err
	}
	return uint64(open.number), nil
}

func closeNumber(s *state, t *nt.Thread, a *numberArgs) (uint64, error) {
	st, err := s.numbered(t, a.Number)
	if st == nil || err != nil {
		return eof, err
	}
	if ok, err := s.closeStream(t, st); err != nil || !ok {
		return eof, err
	}
	return 0, nil
}

// readNumber is _read: past the stream's buffer, in the file's mode.
func readNumber(s *state, t *nt.Thread, a *writeArgs) (uint64, error) {
	st, err := s.numbered(t, a.Number)
	if st == nil || err != nil {
		return eof, err
	}
	buf := make([]byte, min(a.Count, 1<<20))
	if err := t.Probe(a.Buffer, uint64(len(buf)), x86.Write); err != nil {
		return 0, err
	}
	direct := stream{handle: st.handle, text: st.text, reads: st.reads}
	n := 0
	if direct.text {
		for n < len(buf) {
			c, ok, err := direct.readByte(t)
			if err != nil {
				return 0, err
			}
			if !ok {
				break
			}
			buf[n] = c
			n++
			if len(direct.in) == 0 && (t.Process().IsStream(st.handle) || t.Process().IsPipe(st.handle)) {
				break // a pipe gives what it has
			}
		}
		direct.forget(t)
	} else {
		var status ntdef.Status
		var piped bool
		if n, status, piped, err = t.PipeRead(st.handle, buf); err != nil {
			return 0, err
		}
		if !piped {
			n, status = t.Process().ReadFile(st.handle, buf)
		}
		if status != ntdef.STATUS_PIPE_BROKEN && status != ntdef.STATUS_SUCCESS && status != ntdef.STATUS_END_OF_FILE {
			return eof, s.setErrno(t, errnoOf(status))
		}
	}
	if direct.failed {
		return eof, s.setErrno(t, ebadf)
	}
	return uint64(n), t.Write(a.Buffer, buf[:n])
}

func (s *state) lseek(t *nt.Thread, number uint32, offset int64, whence uint32) (uint64, error) {
	st, err := s.numbered(t, number)
	if st == nil || err != nil {
		return ^uint64(0), err
	}
	if !st.seek(t, offset, whence) {
		return ^uint64(0), s.setErrno(t, einval)
	}
	at, _ := st.position(t)
	return uint64(at), nil
}

func filelength(s *state, t *nt.Thread, a *numberArgs) (uint64, error) {
	st, err := s.numbered(t, a.Number)
	if st == nil || err != nil {
		return eof, err
	}
	i, status := t.Process().QueryFile(st.handle)
	if status != ntdef.STATUS_SUCCESS {
		return eof, s.setErrno(t, ebadf)
	}
	return i.Size, nil
}

func osfhandle(s *state, t *nt.Thread, a *numberArgs) (uint64, error) {
	st, err := s.numbered(t, a.Number)
	if st == nil || err != nil {
		return ^uint64(0), err
	}
	return uint64(st.handle), nil
}
