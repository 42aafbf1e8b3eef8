// Package winmm is the part of winmm.dll about the timer's resolution, which is that of virtual time whatever is asked for.
package winmm

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi"
)

// DLL returns the description of winmm.dll.
func DLL() *winapi.DLL {
	return &winapi.DLL{Name: "winmm.dll", Base: 0x7ff8_0800_0000, Funcs: []nt.UserFunc{
		nt.Func("timeBeginPeriod", period),
		nt.Func("timeEndPeriod", period),
		nt.Func("timeGetTime", func(t *nt.Thread, _ *struct{}) (uint64, error) { return uint64(uint32(t.System().TickCount())), nil }),
	}}
}

type periodArgs struct{ Milliseconds uint32 }

// period returns TIMERR_NOERROR, or TIMERR_NOCANDO for a period of 0.
func period(_ *nt.Thread, a *periodArgs) (uint64, error) {
	const timerrNoCanDo = 97
	if a.Milliseconds == 0 {
		return timerrNoCanDo, nil
	}
	return 0, nil
}
