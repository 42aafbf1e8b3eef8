package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Time is virtual: see package nt.
var timeFuncs = []nt.UserFunc{
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
