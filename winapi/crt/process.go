package crt

import (
	"fmt"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

type (
	noArgs       struct{}
	exitArgs     struct{ Code uint32 }
	functionArgs struct{ Function uint64 }
	signalArgs   struct {
		Signal  uint32
		Handler uint64
	}
	tableArgs struct{ First, Last uint64 }
)

// Process returns exit, signal and error functions that both run-times export under the same names.
func Process(f Flavor) []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("_initterm", initTerm),
		nt.Func("_initterm_e", initTermE),
		bind(f, "__setusermatherr", func(s *state, _ *nt.Thread, a *functionArgs) (uint64, error) {
			s.mathErr = a.Function
			return 0, nil
		}),
		bind(f, "_c_exit", func(*state, *nt.Thread, *noArgs) (uint64, error) { return 0, nil }),
		bind(f, "_cexit", func(s *state, t *nt.Thread, _ *noArgs) (uint64, error) { return 0, s.runOnExit(t) }),
		bind(f, "_errno", errnoAddress),
		bind(f, "_exit", func(s *state, t *nt.Thread, a *exitArgs) (uint64, error) { return 0, s.end(t, a.Code) }),
		bind(f, "abort", abort),
		bind(f, "exit", exit),
		bind(f, "localeconv", func(s *state, _ *nt.Thread, _ *noArgs) (uint64, error) { return s.vars.lconv, nil }),
		bind(f, "raise", raise),
		bind(f, "signal", signal),
		bind(f, "strerror", strerror),
	}
}

// initTerm calls the functions of a table in order, skipping NULL.
func initTerm(t *nt.Thread, a *tableArgs) (uint64, error) {
	return 0, callTable(t, a, func(uint64) bool { return false })
}

// initTermE is initTerm for functions that return an error number: the first that is not 0 ends it and is the result.
func initTermE(t *nt.Thread, a *tableArgs) (result uint64, err error) {
	err = callTable(t, a, func(v uint64) bool {
		result = v & 0xffffffff
		return result != 0
	})
	return result, err
}

func callTable(t *nt.Thread, a *tableArgs, stop func(result uint64) bool) error {
	if a.Last <= a.First {
		return nil
	}
	// The table is faulted in first: a fault after a call would run the function, and the call, anew.
	if err := t.Probe(a.First, a.Last-a.First, x86.Read); err != nil {
		return err
	}
	for at := a.First; at < a.Last; at += 8 {
		fn, err := t.Load64(at)
		if err != nil {
			return err
		}
		if fn == 0 {
			continue
		}
		v, err := t.Call(fn)
		if err != nil || stop(v) {
			return err
		}
	}
	return nil
}

// addOnExit registers a function for exit.
func (s *state) addOnExit(fn uint64) { s.onexit = append(s.onexit, fn) }

// runOnExit is what exit does before the process ends: it calls the registered functions, last registered first (each
// once, also when one of them exits or registers more), and flushes the streams.
func (s *state) runOnExit(t *nt.Thread) error {
	if err := callAll(t, &s.onexit); err != nil {
		return err
	}
	s.flush(t)
	return nil
}

func callAll(t *nt.Thread, list *[]uint64) error {
	for len(*list) > 0 {
		fn := (*list)[len(*list)-1]
		*list = (*list)[:len(*list)-1]
		if _, err := t.Call(fn); err != nil {
			return err
		}
	}
	return nil
}

// exit runs the registered functions, flushes the streams and ends the process.
func exit(s *state, t *nt.Thread, a *exitArgs) (uint64, error) {
	if err := s.runOnExit(t); err != nil {
		return 0, err
	}
	return 0, ntdll.ExitProcess(t, a.Code)
}

// end is _exit: no registered function is called, and no stream is flushed, unless by the UCRT when its process ends, whoever ends it.
func (s *state) end(t *nt.Thread, code uint32) error {
	s.ended = true
	return ntdll.ExitProcess(t, code)
}

// Signals that the run-times have (signal.h).
const (
	sigint         = 2
	sigill         = 4
	sigabrtCompat  = 6
	sigfpe         = 8
	sigsegv        = 11
	sigterm        = 15
	sigbreak       = 21
	sigabrt        = 22
	abortExitCode  = 3
	handlerDefault = 0 // SIG_DFL
	handlerIgnore  = 1 // SIG_IGN
	handlerGet     = 2 // SIG_GET: signal only tells
)

// normalSignal returns the number under which a signal is kept; ok is false where there is no such signal.
func normalSignal(n uint32) (signal uint32, ok bool) {
	switch n {
	case sigabrtCompat:
		return sigabrt, true
	case sigint, sigill, sigfpe, sigsegv, sigterm, sigbreak, sigabrt:
		return n, true
	}
	return 0, false
}

// signal sets a signal's handler and returns the one before, SIG_ERR where there is no such signal. The handlers of
// SIGFPE, SIGILL and SIGSEGV are called by the program's own start-up code, whose exception handler asks for them.
func signal(s *state, t *nt.Thread, a *signalArgs) (uint64, error) {
	n, ok := normalSignal(a.Signal)
	if !ok {
		return ^uint64(0), s.setErrno(t, einval)
	}
	old := s.signals[n]
	if a.Handler != handlerGet {
		s.signals[n] = a.Handler
	}
	return old, nil
}

// raise calls a signal's handler, whose place SIG_DFL takes before; without one it ends the process with code 3.
func raise(s *state, t *nt.Thread, a *numberArgs) (uint64, error) {
	n, ok := normalSignal(a.Number)
	if !ok {
		return eof, s.setErrno(t, einval)
	}
	switch handler := s.signals[n]; handler {
	case handlerIgnore:
		return 0, nil
	case handlerDefault:
		return 0, s.end(t, abortExitCode)
	default:
		s.signals[n] = handlerDefault
		_, err := t.Call(handler, uint64(n))
		return 0, err
	}
}

// abort raises SIGABRT where the program handles it, and ends the process: msvcrt says so and ends it with code 3, the UCRT by a fast
// failure (FAST_FAIL_FATAL_APP_EXIT), which no handler sees.
func abort(s *state, t *nt.Thread, _ *noArgs) (uint64, error) {
	if s.flavor == MSVCRT {
		s.say(t, "\nabnormal program termination\n")
	}
	if s.signals[sigabrt] != handlerDefault {
		if _, err := raise(s, t, &numberArgs{sigabrt}); err != nil {
			return 0, err
		}
	}
	if s.flavor == MSVCRT {
		return 0, s.end(t, abortExitCode)
	}
	const fatalAppExit = 7
	rec := ntdef.ExceptionRecord{
		Code: ntdef.STATUS_STACK_BUFFER_OVERRUN, Flags: ntdef.EXCEPTION_NONCONTINUABLE, Address: t.RIP(), NumParams: 1,
	}
	rec.Parameters[0] = fatalAppExit
	ctx, err := t.Context()
	if err != nil {
		return 0, err
	}
	return 0, t.RaiseException(&rec, &ctx, false)
}

// runtimeError is _amsg_exit: the start-up code failed.
func runtimeError(s *state, t *nt.Thread, a *numberArgs) (uint64, error) {
	s.say(t, fmt.Sprintf("\nruntime error R60%02d\n", a.Number))
	return 0, s.end(t, 255)
}
