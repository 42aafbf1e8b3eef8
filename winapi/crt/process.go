package crt

import (
	"fmt"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

type (
	noArgs     struct{}
	exitArgs   struct{ Code uint32 }
	funcArgs   struct{ Function uint64 }
	signalArgs struct {
		Signal  uint32
		Handler uint64
	}
	numberArgs struct{ Number uint32 }
	mainArgs   struct {
		Argc, Argv, Env uint64
		DoWildCard      uint32
		StartInfo       uint64
	}
)

// Process returns start-up, exit, signal and error functions that both run-times export under the same names.
func Process(f Flavor) []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("_initterm", initTerm),
		nt.Func("exit", func(t *nt.Thread, a *exitArgs) (uint64, error) { return 0, stateOf(t, f).exit(t, a.Code) }),
		nt.Func("_exit", func(t *nt.Thread, a *exitArgs) (uint64, error) { return 0, ntdll.ExitProcess(t, a.Code) }),
		nt.Func("_cexit", func(t *nt.Thread, _ *noArgs) (uint64, error) { return 0, stateOf(t, f).runOnExit(t) }),
		nt.Func("abort", abort),
		nt.Func("signal", func(t *nt.Thread, a *signalArgs) (uint64, error) { return stateOf(t, f).signal(t, a) }),
		nt.Func("_errno", func(t *nt.Thread, _ *noArgs) (uint64, error) { return stateOf(t, f).address(t, errnoName) }),
		nt.Func("__setusermatherr", func(t *nt.Thread, a *funcArgs) (uint64, error) {
			stateOf(t, f).mathErr = a.Function
			return 0, nil
		}),
		nt.Func("strerror", func(t *nt.Thread, a *numberArgs) (uint64, error) { return stateOf(t, f).strerror(t, a.Number) }),
		nt.Func("localeconv", func(t *nt.Thread, _ *noArgs) (uint64, error) { return stateOf(t, f).address(t, lconvName) }),
	}
}

// MSVCRTStart returns the start-up functions that only msvcrt has.
func MSVCRTStart() []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("__getmainargs", getMainArgs),
		nt.Func("__set_app_type", func(t *nt.Thread, a *numberArgs) (uint64, error) {
			stateOf(t, MSVCRT).appType = a.Number
			return 0, nil
		}),
		nt.Func("_amsg_exit", func(t *nt.Thread, a *numberArgs) (uint64, error) {
			s := stateOf(t, MSVCRT)
			s.streams[2].write(t, fmt.Appendf(nil, "\nruntime error R60%02d\n", a.Number))
			return 0, ntdll.ExitProcess(t, 255)
		}),
		nt.Func("_onexit", func(t *nt.Thread, a *funcArgs) (uint64, error) {
			s := stateOf(t, MSVCRT)
			s.onexit = append(s.onexit, a.Function)
			return a.Function, nil
		}),
		nt.Func("atexit", func(t *nt.Thread, a *funcArgs) (uint64, error) {
			s := stateOf(t, MSVCRT)
			s.onexit = append(s.onexit, a.Function)
			return 0, nil
		}),
		nt.Func("__iob_func", func(t *nt.Thread, _ *noArgs) (uint64, error) { return stateOf(t, MSVCRT).iob, nil }),
		// One thread takes and leaves the run-time's locks: there is nothing to wait for.
		nt.Func("_lock", func(*nt.Thread, *numberArgs) (uint64, error) { return 0, nil }),
		nt.Func("_unlock", func(*nt.Thread, *numberArgs) (uint64, error) { return 0, nil }),
		// The C locale has code page 0 and one byte a character.
		nt.Func("___lc_codepage_func", func(*nt.Thread, *noArgs) (uint64, error) { return 0, nil }),
		nt.Func("___mb_cur_max_func", func(*nt.Thread, *noArgs) (uint64, error) { return 1, nil }),
	}
}

// UCRTStart returns the start-up functions that only the UCRT has.
func UCRTStart() []nt.UserFunc {
	variable := func(name, of string) nt.UserFunc {
		return nt.Func(name, func(t *nt.Thread, _ *noArgs) (uint64, error) { return stateOf(t, UCRT).address(t, of) })
	}
	return []nt.UserFunc{
		nt.Func("_configure_narrow_argv", configureNarrowArgv),
		nt.Func("_initialize_narrow_environment", initializeNarrowEnvironment),
		nt.Func("_set_app_type", func(t *nt.Thread, a *numberArgs) (uint64, error) {
			stateOf(t, UCRT).appType = a.Number
			return 0, nil
		}),
		nt.Func("_set_new_mode", func(t *nt.Thread, a *numberArgs) (uint64, error) {
			s := stateOf(t, UCRT)
			old := s.newMode
			s.newMode = a.Number
			return uint64(old), nil
		}),
		nt.Func("_crt_atexit", func(t *nt.Thread, a *funcArgs) (uint64, error) {
			s := stateOf(t, UCRT)
			s.onexit = append(s.onexit, a.Function)
			return 0, nil
		}),
		nt.Func("__acrt_iob_func", func(t *nt.Thread, a *numberArgs) (uint64, error) {
			return stateOf(t, UCRT).iob + fileSize*uint64(a.Number), nil
		}),
		variable("__p___argc", "__argc"),
		variable("__p___argv", "__argv"),
		variable("__p__environ", "_environ"),
		variable("__p__acmdln", "_acmdln"),
		variable("__p__fmode", "_fmode"),
		variable("__p__commode", "_commode"),
	}
}

// configureNarrowArgv fills __argc and __argv. The mode says whether wildcards are expanded, which needs a file system:
// mingw's start-up asks for none.
func configureNarrowArgv(t *nt.Thread, a *numberArgs) (uint64, error) {
	const expandedArguments = 2
	s := stateOf(t, UCRT)
	if a.Number == expandedArguments {
		return 0, t.Stop("_configure_narrow_argv with wildcard expansion is not implemented")
	}
	argc, err := s.address(t, "__argc")
	if err != nil {
		return 0, err
	}
	argv, err := s.address(t, "__argv")
	if err != nil {
		return 0, err
	}
	if err := t.Store32(argc, s.argc); err != nil {
		return 0, err
	}
	return 0, t.Store64(argv, s.argv)
}

func initializeNarrowEnvironment(t *nt.Thread, _ *noArgs) (uint64, error) {
	s := stateOf(t, UCRT)
	va, err := s.address(t, "_environ")
	if err != nil {
		return 0, err
	}
	return 0, t.Store64(va, s.envp)
}

// getMainArgs is how msvcrt's start-up code gets main's arguments. DoWildCard is mingw's default of expanding * and ?: an
// argument without them stays itself, and no file can be found for one with them.
func getMainArgs(t *nt.Thread, a *mainArgs) (uint64, error) {
	s := stateOf(t, MSVCRT)
	if err := t.Store32(a.Argc, s.argc); err != nil {
		return 0, err
	}
	if err := t.Store64(a.Argv, s.argv); err != nil {
		return 0, err
	}
	return 0, t.Store64(a.Env, s.envp)
}

// abort ends the process with code 3; both run-times write their message to a window or to standard error where the
// program is a console one that did not ask otherwise.
func abort(t *nt.Thread, _ *noArgs) (uint64, error) { return 0, ntdll.ExitProcess(t, 3) }

// signal remembers a handler and returns the one before. Windows raises only SIGABRT, SIGFPE, SIGILL, SIGINT, SIGSEGV,
// SIGTERM and SIGBREAK; another number is refused.
func (s *state) signal(t *nt.Thread, a *signalArgs) (uint64, error) {
	switch a.Signal {
	case 2, 4, 8, 11, 15, 21, 22:
	default:
		return ^uint64(0), s.setErrno(t, einval)
	}
	old := s.signals[a.Signal]
	s.signals[a.Signal] = a.Handler
	return old, nil
}

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

// strerror returns the text of an error number, in a buffer that the next call overwrites.
func (s *state) strerror(t *nt.Thread, n uint32) (uint64, error) {
	text, ok := messages[n]
	if !ok {
		text = "Unknown error"
	}
	if s.errors == 0 {
		va, err := alloc(t, make([]byte, 64))
		if err != nil {
			return 0, err
		}
		s.errors = va
	}
	return s.errors, t.Write(s.errors, append([]byte(text), 0))
}

// Heap returns the C names of the process heap.
func Heap(f Flavor) []nt.UserFunc {
	result := func(t *nt.Thread, va uint64, err error) (uint64, error) {
		if err == nil && va == 0 {
			err = stateOf(t, f).setErrno(t, enomem)
		}
		return va, err
	}
	return []nt.UserFunc{
		nt.Func("malloc", func(t *nt.Thread, a *mallocArgs) (uint64, error) {
			va, err := ntdll.AllocateHeap(t, 0, 0, a.Size)
			return result(t, va, err)
		}),
		nt.Func("calloc", func(t *nt.Thread, a *callocArgs) (uint64, error) {
			if a.Size != 0 && a.Count > ^uint64(0)/a.Size {
				return result(t, 0, nil)
			}
			va, err := ntdll.AllocateHeap(t, 0, ntdll.HEAP_ZERO_MEMORY, a.Count*a.Size)
			return result(t, va, err)
		}),
		nt.Func("realloc", func(t *nt.Thread, a *reallocArgs) (uint64, error) {
			switch {
			case a.Block == 0:
				va, err := ntdll.AllocateHeap(t, 0, 0, a.Size)
				return result(t, va, err)
			case a.Size == 0:
				_, err := ntdll.FreeHeap(t, 0, a.Block)
				return 0, err
			}
			va, err := ntdll.ReAllocateHeap(t, 0, 0, a.Block, a.Size)
			return result(t, va, err)
		}),
		nt.Func("free", func(t *nt.Thread, a *freeArgs) (uint64, error) {
			_, err := ntdll.FreeHeap(t, 0, a.Block)
			return 0, err
		}),
	}
}

type (
	mallocArgs  struct{ Size uint64 }
	callocArgs  struct{ Count, Size uint64 }
	reallocArgs struct{ Block, Size uint64 }
	freeArgs    struct{ Block uint64 }
)
