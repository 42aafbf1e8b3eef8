package nt

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
)

// Hooks are functions told of what happens. A nil one costs nothing. Events are valid during the call only; the thread
// is the one that runs, nil before the process has one.
type Hooks struct {
	Fault     func(*Thread, *ntmm.FaultEvent)
	VAD       func(*Thread, *ntmm.VADEvent)
	PFN       func(*Thread, *ntmm.PFNEvent)
	WS        func(*Thread, *ntmm.WSEvent)
	IO        func(*Thread, *ntmm.IOEvent)
	Service   func(*Thread, *ServiceEvent) // after the service
	Call      func(*Thread, *CallEvent)    // a built-in function was entered
	Return    func(*Thread, *CallEvent)    // it returned normally
	Exception func(t *Thread, rec *ntdef.ExceptionRecord, firstChance bool)
	Module    func(*Thread, *Module)      // an image was mapped
	Step      func(*Thread, *decode.Inst) // an instruction is about to be tried; needs Config.StepOnly
	// MMU makes the MMU's hooks; thread returns the thread that runs.
	MMU func(thread func() *Thread) mmu.Hooks
}

// A ServiceEvent is one system service with its result.
type ServiceEvent struct {
	Name   string
	Params []string
	Args   []uint64 // as passed
	Status ntdef.Status
}

// A CallEvent is an entry to or a return from a built-in function.
type CallEvent struct {
	Function string
	Params   []string
	Args     []uint64 // on entry
	Result   uint64   // RAX on return
}

// memoryHooks adds the running thread to the memory manager's events.
func (s *System) memoryHooks() *ntmm.Hooks {
	h := &ntmm.Hooks{}
	if f := s.hooks.Fault; f != nil {
		h.Fault = func(e *ntmm.FaultEvent) { f(s.thread(), e) }
	}
	if f := s.hooks.VAD; f != nil {
		h.VAD = func(e *ntmm.VADEvent) { f(s.thread(), e) }
	}
	if f := s.hooks.PFN; f != nil {
		h.PFN = func(e *ntmm.PFNEvent) { f(s.thread(), e) }
	}
	if f := s.hooks.WS; f != nil {
		h.WS = func(e *ntmm.WSEvent) { f(s.thread(), e) }
	}
	if f := s.hooks.IO; f != nil {
		h.IO = func(e *ntmm.IOEvent) { f(s.thread(), e) }
	}
	return h
}

// thread returns the thread that runs, nil while a process is being built.
func (s *System) thread() *Thread {
	if s.proc == nil {
		return nil
	}
	if t := s.sched.current; t != nil {
		return t
	}
	return s.proc.thread
}
