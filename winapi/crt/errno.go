package crt

import "github.com/pagewalk/pagewalk/nt"

// C error numbers (errno.h).
const (
	enoent    = 2
	eio       = 5
	ebadf     = 9
	enomem    = 12
	eacces    = 13
	eexist    = 17
	exdev     = 18
	einval    = 22
	emfile    = 24
	enospc    = 28
	erange    = 34
	enotempty = 41
	eilseq    = 42
)

// setErrno stores the C error number.
func (s *state) setErrno(t *nt.Thread, code uint32) error { return t.Store32(s.vars.errno, code) }

// errnoAddress is _errno.
func errnoAddress(s *state, _ *nt.Thread, _ *noArgs) (uint64, error) { return s.vars.errno, nil }

// messages are strerror's (errno.h).
var messages = map[uint32]string{
	0: "No error", 1: "Operation not permitted", 2: "No such file or directory", 3: "No such process",
	4: "Interrupted function call", 5: "Input/output error", 6: "No such device or address", 7: "Arg list too long",
	8: "Exec format error", 9: "Bad file descriptor", 10: "No child processes", 11: "Resource temporarily unavailable",
	12: "Not enough space", 13: "Permission denied", 14: "Bad address", 16: "Resource device", 17: "File exists",
	18: "Improper link", 19: "No such device", 20: "Not a directory", 21: "Is a directory", 22: "Invalid argument",
	23: "Too many open files in system", 24: "Too many open files", 25: "Inappropriate I/O control operation",
	27: "File too large", 28: "No space left on device", 29: "Invalid seek", 30: "Read-only file system",
	31: "Too many links", 32: "Broken pipe", 33: "Domain error", 34: "Result too large",
	36: "Resource deadlock avoided", 38: "Filename too long", 39: "No locks available", 40: "Function not implemented",
	41: "Directory not empty", 42: "Illegal byte sequence",
}

func message(code uint32) string {
	if text, ok := messages[code]; ok {
		return text
	}
	return "Unknown error"
}

// strerror returns the text of an error number, in a buffer that the next call overwrites.
func strerror(s *state, t *nt.Thread, a *numberArgs) (uint64, error) {
	if s.errors == 0 {
		va, err := alloc(t, make([]byte, 64))
		if err != nil {
			return 0, err
		}
		s.errors = va
	}
	return s.errors, t.Write(s.errors, append([]byte(message(a.Number)), 0))
}
