package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Time is virtual: see package nt.
var timeFuncs = []nt.UserFunc{
	nt.Func("Sleep", sleep),
	nt.Func("GetTickCount", func(t *nt.Thread, _ *noArgs) (uint64, error) {
		return uint64(uint32(t.System().TickCount())), nil
	}),
	nt.Func("GetTickCount64", func(t *nt.Thread, _ *noArgs) (uint64, error) { return t.System().TickCount(), nil }),
	nt.Func("QueryPerformanceCounter", func(t *nt.Thread, a *uint64Args) (uint64, error) {
		return 1, t.Store64(uint64(a.Value), t.System().PerformanceCounter())
	}),
	nt.Func("QueryPerformanceFrequency", func(t *nt.Thread, a *uint64Args) (uint64, error) {
		return 1, t.Store64(uint64(a.Value), nt.PerformanceHertz)
	}),
	nt.Func("GetSystemTimeAsFileTime", func(t *nt.Thread, a *uint64Args) (uint64, error) {
		return 0, t.Store64(uint64(a.Value), t.System().SystemTime())
	}),
}

type uint64Args struct{ Value ntdef.Ptr[uint64] }

type sleepArgs struct{ Milliseconds uint32 }

// sleep lets virtual time pass. Nobody can wake an infinite sleep of the only thread.
func sleep(t *nt.Thread, a *sleepArgs) (uint64, error) {
	if a.Milliseconds == 0xffffffff {
		return 0, t.Stop("deadlock: the only thread sleeps for ever")
	}
	t.System().Wait(uint64(a.Milliseconds) * 1_000_000)
	return 0, nil
}
