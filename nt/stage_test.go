package nt_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/kernel32"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// A stage is a machine whose threads make the system calls that the functions of a test say: calls that block, between threads that are
// scheduled as ever.
type stage struct {
	t       *testing.T
	p       *nt.Process
	code    uint64 // where a thread begins
	next    uint64 // free memory
	waiting []func(a *actor)
	actors  map[uint64]*actor // by thread
	results map[uint64]ntdef.Status
}

// An actor is one thread: while its function runs, the thread is in a call of the machine's.
type actor struct {
	*stage
	th    *nt.Thread
	calls chan []uint64 // service number and arguments; closed at the end
	done  chan ntdef.Status
}

// Pieces of guest code behind the one that asks for calls.
const (
	countAt = 0x40 // inc qword [rcx]; ret
	spinAt  = 0x50 // while [rcx] == 0, then a thread's beginning
)

// perform runs a machine until the function that its first thread begins with comes back.
func perform(t *testing.T, first func(a *actor)) {
	t.Helper()
	k := kernel32.DLL()
	set, err := winapi.Build([]*winapi.DLL{ntdll.DLL(k), k})
	require.NoError(t, err)
	s := &stage{t: t, waiting: []func(a *actor){first}, actors: map[uint64]*actor{}, results: map[uint64]ntdef.Status{}}
	number := uint32(nt.UserFuncBase + len(set.Funcs))
	sys, err := nt.New(nt.Config{
		RAMBytes: 64 << 20, SystemImages: set.Images, Stdout: io.Discard, MaxInstructions: 64 << 20,
		UserFuncs: append(slices.Clone(set.Funcs), nt.Func("NextCall", func(th *nt.Thread, _ *struct{}) (uint64, error) { return s.ask(th) })),
		Hooks:     nt.Hooks{Service: func(th *nt.Thread, e *nt.ServiceEvent) { s.results[th.ID()] = e.Status }},
	})
	require.NoError(t, err)
	image, err := os.ReadFile("../tests/guests/tiny.exe")
	require.NoError(t, err)
	le := binary.LittleEndian
	section := image[int(le.Uint32(image[0x3c:]))+24+240:]
	text := image[le.Uint32(section[20:]):]
	copy(text, asking(number))
	copy(text[countAt:], []byte{0x48, 0xff, 0x01, 0xc3})
	copy(text[spinAt:], []byte{0x48, 0x83, 0x39, 0x00, 0x74, 0xfa, 0xeb, 0xa8})
	s.p, err = sys.StartProcess(nt.Program{Path: `C:\guest\tiny.exe`, File: bytes.NewReader(image), Size: int64(len(image))}, nil, nil)
	require.NoError(t, err)
	s.code = s.p.Program().Base + uint64(le.Uint32(section[12:]))
	r := ntmm.Request{Size: 1 << 16, Type: ntdef.MEM_RESERVE | ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE}
	require.Equal(t, ntdef.STATUS_SUCCESS, s.p.AllocateVirtualMemory(&r))
	s.next = uint64(r.Base)
	_, err = sys.Run(context.Background())
	var stop *nt.Stop
	require.True(t, errors.As(err, &stop) && stop.Reason == errPlayed, "%v", err)
	require.NoError(t, sys.Close())
}

// ask is what a thread calls to be told its next call.
func (s *stage) ask(th *nt.Thread) (uint64, error) {
	a := s.actors[th.ID()]
	if a == nil {
		a = &actor{stage: s, th: th, calls: make(chan []uint64), done: make(chan ntdef.Status)}
		s.actors[th.ID()] = a
		body := s.waiting[0]
		s.waiting = s.waiting[1:]
		go func() {
			body(a)
			close(a.calls)
		}()
	} else {
		a.done <- s.results[th.ID()]
	}
	call, ok := <-a.calls
	switch {
	case ok:
	case len(s.actors) > 0 && th == s.p.Thread():
		return 0, th.Stop(errPlayed)
	default:
		call = []uint64{uint64(nt.ServiceNumber("NtTerminateThread")), thisThread, 0}
	}
	c := th.CPU()
	for i, v := range call[1:] {
		if i < 4 {
			c.R[[...]int{cpu.R10, cpu.RDX, cpu.R8, cpu.R9}[i]] = v
		} else if err := th.Store64(c.R[cpu.RSP]+0x28+8*uint64(i-4), v); err != nil {
			return 0, err
		}
	}
	return call[0], nil
}

// call makes a system call of the actor's thread.
func (a *actor) call(service string, args ...uint64) ntdef.Status {
	a.calls <- append([]uint64{uint64(nt.ServiceNumber(service))}, args...)
	return <-a.done
}

// must makes one that succeeds.
func (a *actor) must(service string, args ...uint64) {
	if st := a.call(service, args...); st != ntdef.STATUS_SUCCESS {
		a.t.Errorf("%s: %v", service, st)
	}
}

// is compares what the test got with what it wants.
func (a *actor) is(want, got any, what string) {
	if want != got {
		a.t.Errorf("%s: %v, not %v", what, got, want)
	}
}

// cell returns the address of a value of 8 bytes.
func (a *actor) cell(v uint64) uint64 {
	a.next += 8
	a.put(a.next-8, v)
	return a.next - 8
}

func (a *actor) put(va, v uint64) {
	if err := a.th.Store64(va, v); err != nil {
		a.t.Error(err)
	}
}

func (a *actor) get(va uint64) uint64 {
	v, err := a.th.Load64(va)
	if err != nil {
		a.t.Error(err)
	}
	return v
}

// thread makes a thread that begins somewhere, and asks for its calls then; it returns its handle.
func (a *actor) thread(start, parameter uint64, body func(a *actor)) uint64 {
	a.waiting = append(a.waiting, body)
	handle := a.cell(0)
	a.must("NtCreateThreadEx", handle, 0x1fffff, 0, self, start, parameter, 0, 0, 0, 0, 0)
	return a.get(handle)
}

// sleep lets the other threads run.
func (a *actor) sleep() { a.must("NtDelayExecution", 0, a.cell(^uint64(9999))) }

// name returns the address of a UNICODE_STRING; attributes that of an OBJECT_ATTRIBUTES.
func (a *actor) name(s string) uint64 {
	text := nt.EncodeUTF16(s)
	at := a.next
	a.next += 16 + (uint64(len(text))+7)&^7
	a.put(at, uint64(len(text))*0x10001)
	a.put(at+8, at+16)
	if err := a.th.Write(at+16, text); err != nil {
		a.t.Error(err)
	}
	return at
}

func (a *actor) attributes(name string) uint64 {
	text := a.name(name)
	at := a.cell(48)
	for _, v := range []uint64{0, text, 0x40, 0, 0} {
		a.cell(v)
	}
	return at
}
