package nt

import (
	"errors"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// quantum is how many instructions run between looks at the clock and at cancellation. Boundaries lie at its multiples,
// so that both engines stop at the same instructions.
const quantum = 1 << 20

// run executes guest code at a depth of nested calls until the call returns (nil), or something ends it: ErrUnwound
// where the guest left the call, else what ends the whole run.
func (t *Thread) run(depth int) error {
	for {
		err := t.deliverSpecial()
		if err == nil {
			err = t.execute()
		}
		switch {
		case err == nil:
			continue
		case err == errReturned:
			return nil
		case err == errContext || err == ErrUnwound:
			if len(t.calls) < depth {
				return ErrUnwound
			}
		default:
			return err
		}
	}
}

// errReturned says that the innermost nested call has returned.
var errReturned = errors.New("nt: nested call returned")

// execute runs the processor to its next exit and answers it.
func (t *Thread) execute() error {
	s, c := t.sys, t.cpu
	boundary := (c.IC/quantum + 1) * quantum
	if s.max != 0 && boundary > s.max {
		boundary = s.max
	}
	if c.IC >= boundary {
		return ErrInstructions
	}
	var e cpu.Exit
	if s.stepOnly {
		for e = c.Step(); e.Kind == cpu.ExitNone && c.IC < boundary; {
			e = c.Step()
		}
	} else {
		e = c.Run(boundary - c.IC)
	}
	switch e.Kind {
	case cpu.ExitNone, cpu.ExitBudget:
		s.updateClock()
		s.mm.Tick(s.Now())
		s.signalConditions()
		select {
		case <-s.done:
			return errCancelled
		default:
			return t.preempt()
		}
	case cpu.ExitException:
		return t.exception(e.Fault)
	case cpu.ExitInterrupt:
		return t.interrupt(e)
	case cpu.ExitSyscall:
		return t.syscall()
	}
	// HLT and port I/O are #GP at CPL 3 and IOPL 0: the CPU raises it.
	panic("nt: user mode left by " + e.Kind.String())
}

// syscall answers SYSCALL by the number in EAX.
func (t *Thread) syscall() (err error) {
	n := uint32(t.cpu.R[cpu.RAX])
	switch {
	case n >= UserFuncBase && uint64(n-UserFuncBase) < uint64(len(t.sys.funcs)):
		err = t.userFunc(&t.sys.funcs[n-UserFuncBase])
	case n == CallReturnNumber:
		return t.callReturn()
	default:
		err = t.service(n)
	}
	if end := t.doomedBy(); end != nil && err == nil {
		return end
	}
	if t.deliver && (err == nil || err == errContext) {
		return t.deliverAPC()
	}
	return err
}

// callReturn ends the innermost nested call. Code that gets there otherwise has lost its stack.
func (t *Thread) callReturn() error {
	if n := len(t.calls); n > 0 && t.calls[n-1].rsp == t.cpu.R[cpu.RSP] {
		t.calls = t.calls[:n-1]
		return errReturned
	}
	rec := ntdef.ExceptionRecord{Code: ntdef.STATUS_BAD_STACK, Address: t.cpu.RIP}
	return t.raise(&rec)
}

// interrupt answers INT3 and INT n. The vectors with a gate at privilege 3 are Windows' (Windows Internals, part 1 ch. 8,
// "Trap dispatching"); the others are #GP.
func (t *Thread) interrupt(e cpu.Exit) error {
	c := t.cpu
	rec := ntdef.ExceptionRecord{Address: c.RIP - uint64(e.Len)}
	switch e.Vector {
	case x86.VectorBP:
		rec.Code, rec.NumParams = ntdef.STATUS_BREAKPOINT, 1
		rec.Address = c.RIP - 1
	case 0x29:
		return t.fastFail()
	case 0x2c:
		rec.Code = ntdef.STATUS_ASSERTION_FAILURE
	case 0x2d:
		if n := c.R[cpu.RAX]; n >= 1 && n <= debugServiceMax {
			c.RIP++ // behind the INT3 that follows
			return nil
		}
		rec.Code, rec.NumParams = ntdef.STATUS_BREAKPOINT, 1
	case 0x2e:
		return t.syscall()
	case x86.VectorOF:
		rec.Code = ntdef.STATUS_INTEGER_OVERFLOW
	default:
		accessViolation(&rec, 0, ^uint64(0))
		rec.Address = c.RIP - uint64(e.Len)
	}
	c.RIP = rec.Address
	return t.raise(&rec)
}

// debugServiceMax is the last of the services of a kernel debugger that INT 2Dh asks for by EAX (print, prompt, symbols, commands).
// Without a debugger nothing happens.
const debugServiceMax = 5

// fastFail ends the process at once, without handlers: INT 29h with the reason in ECX (winnt.h, FAST_FAIL_*).
func (t *Thread) fastFail() error {
	rec := ntdef.ExceptionRecord{
		Code: ntdef.STATUS_STACK_BUFFER_OVERRUN, Flags: ntdef.EXCEPTION_NONCONTINUABLE,
		Address: t.cpu.RIP - 2, NumParams: 1,
	}
	rec.Parameters[0] = t.cpu.R[cpu.RCX] & 0xffffffff
	t.cpu.RIP -= 2
	return t.secondChance(&rec, nil)
}
