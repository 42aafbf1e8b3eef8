package nt

import (
	"errors"
	"fmt"

	"github.com/pagewalk/pagewalk/ntdef"
)

// A Stop ends the whole run because the guest needs something that pagewalk does not have: an instruction without a body, an import
// that nothing provides. It is an error of ours, not an exception of the guest.
type Stop struct {
	Reason string
	RIP    uint64 // where the guest was
	Where  string // RIP as module+offset, "" where no image holds it
}

// Error tells the reason and the place.
func (s *Stop) Error() string {
	if s.Where == "" {
		return fmt.Sprintf("%s (at %#x)", s.Reason, s.RIP)
	}
	return fmt.Sprintf("%s (at %s)", s.Reason, s.Where)
}

// Stop returns the error by which a built-in function ends the run.
func (t *Thread) Stop(format string, args ...any) error {
	rip := t.RIP()
	return &Stop{Reason: fmt.Sprintf(format, args...), RIP: rip, Where: t.proc.Where(rip)}
}

// Fail returns the error by which a built-in function ends a process that cannot go on, as it could not on Windows: a DLL that it needs
// is missing or bad. A child ends alone, with the status as its exit code, and the reason goes to the user; of the first program that is
// what ends the run.
func (t *Thread) Fail(st ntdef.Status, format string, args ...any) error {
	err := t.Stop(format, args...)
	if t.proc == t.sys.proc {
		return err
	}
	t.sys.warn("%s, process %d, ends with %v: %v", t.proc.program.Name, t.proc.id, st, err)
	return t.proc.Exit(uint32(st))
}

// exitError ends the process; bodies return it like any error.
type exitError struct {
	code    uint32
	machine bool // the first process, by another: the run is over
}

func (e *exitError) Error() string { return fmt.Sprintf("process exit, code %#x", e.code) }

// ErrUnwound is the error of Thread.Call where the guest left the call by longjmp or unwinding: a context was set whose
// stack pointer lies above the call's frame. The body must return it at once.
var ErrUnwound = errors.New("nt: the guest unwound a nested call")

// errContext says that the registers were set as a whole: the function does not return to its caller.
var errContext = errors.New("nt: a context was set")
