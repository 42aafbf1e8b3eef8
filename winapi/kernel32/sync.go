package kernel32

import (
	"math/bits"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Initialisation of critical sections and lists, and the encoding of pointers (synchapi.h, interlockedapi.h, utilapiset.h).
var syncFuncs = []nt.UserFunc{
	nt.Func("DecodePointer", decodePointer),
	nt.Func("EncodePointer", encodePointer),
	nt.Func("InitializeCriticalSection", initializeCriticalSection),
	nt.Func("InitializeCriticalSectionAndSpinCount", initializeCriticalSectionAndSpinCount),
	nt.Func("InitializeCriticalSectionEx", initializeCriticalSectionEx),
	nt.Func("InitializeSListHead", initializeSListHead),
}

type criticalSectionArgs struct{ CriticalSection uint64 }

// initializeCriticalSection returns nothing: it cannot fail since Windows Vista.
func initializeCriticalSection(t *nt.Thread, a *criticalSectionArgs) (uint64, error) {
	return 0, ntdll.InitializeCriticalSection(t, a.CriticalSection, 0)
}

type criticalSectionSpinArgs struct {
	CriticalSection uint64
	SpinCount       uint32
}

func initializeCriticalSectionAndSpinCount(t *nt.Thread, a *criticalSectionSpinArgs) (uint64, error) {
	return 1, ntdll.InitializeCriticalSection(t, a.CriticalSection, uint64(a.SpinCount))
}

type criticalSectionExArgs struct {
	CriticalSection uint64
	SpinCount       uint32
	Flags           uint32
}

// initializeCriticalSectionEx never allocates debug information, which CRITICAL_SECTION_NO_DEBUG_INFO asks for.
func initializeCriticalSectionEx(t *nt.Thread, a *criticalSectionExArgs) (uint64, error) {
	const noDebugInfo, forceDebugInfo = 0x01000000, 0x10000000
	if a.Flags&^(noDebugInfo|forceDebugInfo) != 0 || a.SpinCount&0xff000000 != 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return 1, ntdll.InitializeCriticalSection(t, a.CriticalSection, uint64(a.SpinCount))
}

type sListArgs struct{ ListHead uint64 }

// initializeSListHead makes an SLIST_HEADER of 16 bytes an empty list.
func initializeSListHead(t *nt.Thread, a *sListArgs) (uint64, error) {
	var empty [16]byte
	return 0, t.Write(a.ListHead, empty[:])
}

type pointerArgs struct{ Pointer uint64 }

// pointerCookie is the process's secret of EncodePointer.
func pointerCookie(t *nt.Thread) uint64 {
	s := stateOf(t)
	for s.pointerCookie == 0 {
		s.pointerCookie = t.System().Rand()
	}
	return s.pointerCookie
}

func encodePointer(t *nt.Thread, a *pointerArgs) (uint64, error) {
	c := pointerCookie(t)
	return bits.RotateLeft64(a.Pointer^c, -int(c&63)), nil
}

func decodePointer(t *nt.Thread, a *pointerArgs) (uint64, error) {
	c := pointerCookie(t)
	return bits.RotateLeft64(a.Pointer, int(c&63)) ^ c, nil
}
