package crt

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Threads returns the functions of process.h: a thread of the run-time is one of the system's.
func Threads(f Flavor) []nt.UserFunc {
	return []nt.UserFunc{
		bind(f, "_beginthread", beginThread),
		bind(f, "_beginthreadex", beginThreadEx),
		nt.Func("_endthread", func(t *nt.Thread, _ *noArgs) (uint64, error) { return 0, ntdll.ExitThread(t, 0) }),
		nt.Func("_endthreadex", func(t *nt.Thread, a *endThreadArgs) (uint64, error) { return 0, ntdll.ExitThread(t, a.Code) }),
	}
}

type (
	beginThreadArgs struct {
		Start     uint64
		StackSize uint32
		Parameter uint64
	}
	beginThreadExArgs struct {
		Security  uint64
		StackSize uint32
		Start     uint64
		Parameter uint64
		Flags     uint32
		ID        ntdef.Ptr[uint32]
	}
	endThreadArgs struct{ Code uint32 }
)

// beginThread returns -1 where it fails; the handle belongs to the thread.
func beginThread(s *state, t *nt.Thread, a *beginThreadArgs) (uint64, error) {
	h, err := beginThreadEx(s, t, &beginThreadExArgs{StackSize: a.StackSize, Start: a.Start, Parameter: a.Parameter})
	if err == nil && h == 0 {
		return ^uint64(0), nil
	}
	return h, err
}

func beginThreadEx(s *state, t *nt.Thread, a *beginThreadExArgs) (uint64, error) {
	const suspended, eagain = 4, 11
	h, thread, st := t.CreateThread(&nt.ThreadRequest{
		Start: a.Start, Parameter: a.Parameter, StackCommit: uint64(a.StackSize), Suspended: a.Flags&suspended != 0,
	})
	if st != ntdef.STATUS_SUCCESS {
		return 0, s.setErrno(t, eagain)
	}
	if a.ID != 0 {
		return uint64(h), t.Store32(uint64(a.ID), uint32(thread.ID()))
	}
	return uint64(h), nil
}
