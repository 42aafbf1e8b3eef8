package crt

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// state is what one run-time DLL keeps for one process.
type state struct {
	flavor  Flavor
	streams [3]stream
	iob     uint64 // address of the FILE structures of the standard streams
	onexit  []uint64
	signals map[uint32]uint64
	argc    uint32
	argv    uint64
	envp    uint64
	appType uint32
	newMode uint32
	mathErr uint64
	errors  uint64 // buffer of strerror
	module  *nt.Module
}

// fileSize is the size of a FILE: _iobuf of msvcrt; the UCRT's is opaque and smaller.
const fileSize = 48

type stateKey Flavor

func stateOf(t *nt.Thread, f Flavor) *state {
	return t.Process().Local(stateKey(f), func() any {
		return &state{flavor: f, signals: map[uint32]uint64{}}
	}).(*state)
}

// address returns the address of one of the DLL's exported variables.
func (s *state) address(t *nt.Thread, name string) (uint64, error) {
	va, st, err := ntdll.ProcedureAddress(t, s.module.Base, name, 0)
	if err == nil && st != ntdef.STATUS_SUCCESS {
		err = t.Stop("%s does not export %s", s.module.Name, name)
	}
	return va, err
}

// Init prepares the run-time of a DLL when it is loaded: standard streams, arguments, environment.
func Init(f Flavor) func(t *nt.Thread, m *nt.Module) error {
	return func(t *nt.Thread, m *nt.Module) error {
		s := stateOf(t, f)
		s.module = m
		var err error
		if s.iob, err = s.address(t, "_iob"); err != nil {
			return err
		}
		for i := range s.streams {
			s.streams[i] = stream{handle: t.Process().StandardHandle(i), buffered: i == 1, text: true}
			if err := t.Store32(s.iob+fileSize*uint64(i)+fileNumber, uint32(i)); err != nil {
				return err
			}
		}
		return s.initArguments(t)
	}
}

// Exit flushes the streams when the process ends in order.
func Exit(f Flavor) func(t *nt.Thread, m *nt.Module) error {
	return func(t *nt.Thread, _ *nt.Module) error {
		stateOf(t, f).flush(t)
		return nil
	}
}

// setErrno stores the C error number.
func (s *state) setErrno(t *nt.Thread, code uint32) error {
	va, err := s.address(t, errnoName)
	if err != nil {
		return err
	}
	return t.Store32(va, code)
}

// errnoName is the variable that _errno returns the address of.
const errnoName = "PagewalkErrno"

// C error numbers (errno.h).
const (
	enomem = 12
	einval = 22
	erange = 34
	eio    = 5
)

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
