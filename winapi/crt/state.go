package crt

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// state is what one run-time DLL keeps for one process.
type state struct {
	flavor  Flavor
	vars    variables
	streams []*stream // by number; nil: free
	iob     uint64    // address of the FILE structures of the standard streams
	onexit  []uint64
	quick   []uint64 // at_quick_exit's
	signals map[uint32]uint64
	argc    uint32
	argv    uint64
	envp    uint64
	appType uint32
	newMode uint32
	mathErr uint64
	token   uint64 // where strtok goes on
	locale  uint64 // of setlocale: "C"
	// invalidParameter is remembered only: no function here checks its parameters by calling it.
	invalidParameter uint64
	errors           uint64 // buffer of strerror
	module           *nt.Module
	ended            bool   // by _exit or abort: the streams are not flushed
	seed             uint32 // of rand
	scratch          []byte // of printf
}

// The size of a FILE: _iobuf of msvcrt, __crt_stdio_stream_data of the UCRT, whose programs see a pointer only.
var fileSizes = [...]uint64{MSVCRT: 48, UCRT: 88}

type stateKey Flavor

func stateOf(t *nt.Thread, f Flavor) *state {
	return t.Process().Local(stateKey(f), func() any {
		return &state{flavor: f, signals: map[uint32]uint64{}, seed: 1}
	}).(*state)
}

// Init prepares the run-time of a DLL when it is loaded: standard streams, arguments, environment.
func Init(f Flavor) func(t *nt.Thread, m *nt.Module) error {
	return func(t *nt.Thread, m *nt.Module) error {
		s := stateOf(t, f)
		s.module = m
		if err := s.findVariables(t); err != nil {
			return err
		}
		s.iob = s.vars.iob
		for i := range uint32(3) {
			st := &stream{handle: t.Process().StandardHandle(int(i)), number: i, text: true, reads: i == 0, writes: i != 0}
			s.streams = append(s.streams, st)
			if err := s.giveFile(t, st); err != nil {
				return err
			}
		}
		s.streams[1].size = bufferSize
		return s.initArguments(t)
	}
}

// Exit flushes the streams when the process ends in order, unless the program asked for an end without that.
func Exit(f Flavor) func(t *nt.Thread, m *nt.Module) error {
	return func(t *nt.Thread, _ *nt.Module) error {
		if s := stateOf(t, f); f == UCRT || !s.ended {
			s.flush(t)
		}
		return nil
	}
}

// findVariables fills s.vars with the addresses of the DLL's variables.
func (s *state) findVariables(t *nt.Thread) error {
	for name, field := range s.vars.fields() {
		va, st, err := ntdll.ProcedureAddress(t, s.module.Base, variableName(s.flavor, name), 0)
		if err != nil {
			return err
		}
		if st != ntdef.STATUS_SUCCESS {
			return t.Stop("%s has no variable %s", s.module.Name, name)
		}
		*field = va
	}
	return nil
}

// alloc takes memory from the process heap for what the run-time gives to the program.
func alloc(t *nt.Thread, b []byte) (uint64, error) {
	va, err := ntdll.AllocateHeap(t, 0, 0, uint64(len(b)))
	if err != nil {
		return 0, err
	}
	if va == 0 {
		return 0, t.Stop("no memory for the C run-time: %d bytes", len(b))
	}
	return va, t.Write(va, b)
}
