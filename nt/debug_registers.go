package nt

import "github.com/pagewalk/pagewalk/ntdef"

// Hardware breakpoints: each thread has debug registers of its own, which a CONTEXT with CONTEXT_DEBUG_REGISTERS sets and which the
// processor has while the thread runs. What they meet raises STATUS_SINGLE_STEP with the reasons in the context's Dr6. Accesses that the
// kernel makes for a thread are none of theirs.

// debugRegisters are DR0 to DR3, DR6 and DR7 of a CONTEXT.
type debugRegisters [6]uint64

// Where DR6 and DR7 lie in them, what DR6 tells, and what a program can set of DR7: breakpoints, their kinds and lengths (DR7_LEGAL of
// ksamd64.inc).
const (
	debugStatus  = 4
	debugReasons = 0xe00f
	debugControl = 5
	debugLegal   = 0xffff0355
	debugEnables = 0x355
)

// setDebug takes the debug registers of a context that has them. An address that is not the user's is 0.
func (t *Thread) setDebug(ctx *ntdef.Context) {
	if ctx.ContextFlags&ntdef.CONTEXT_DEBUG_REGISTERS != ntdef.CONTEXT_DEBUG_REGISTERS {
		return
	}
	d := debugRegisters(ctx.Dr)
	for i := range d[:debugStatus] {
		if d[i]>>47 != 0 {
			d[i] = 0
		}
	}
	d[debugStatus] &= debugReasons
	d[debugControl] &= debugLegal
	if d[debugControl]&debugEnables == 0 {
		d[debugControl] = 0
	}
	if d != t.debug {
		t.debug = d
		t.loadDebug()
	}
}

// loadDebug gives the processor the registers of the thread that runs, where it or the thread before has breakpoints.
func (t *Thread) loadDebug() {
	s := t.sys
	on := t.debug[debugControl] != 0
	if t != s.sched.current || !on && !s.watching {
		return
	}
	s.watching = on
	c := t.cpu
	c.SetDebug(7, 0)
	for i, v := range t.debug[:debugStatus] {
		c.SetDebug(i, v)
	}
	c.SetDebug(6, 0)
	c.SetDebug(7, t.debug[debugControl])
	s.mmu.Watched()
}

// debugException notes why the processor raised #DB.
func (t *Thread) debugException() {
	t.debug[debugStatus] = t.cpu.Debug(6) & debugReasons
	t.cpu.SetDebug(6, 0)
}

// unwatched forgets the accesses that the kernel has made for the thread.
func (s *System) unwatched() {
	if s.watching {
		s.mmu.Watched()
	}
}
