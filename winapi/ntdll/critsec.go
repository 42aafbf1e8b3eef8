package ntdll

import (
	"fmt"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Offsets in RTL_CRITICAL_SECTION (winnt.h, x64).
const (
	csDebugInfo      = 0x00
	csLockCount      = 0x08 // -1: free
	csRecursionCount = 0x0c
	csOwningThread   = 0x10
	csLockSemaphore  = 0x18
	csSpinCount      = 0x20
)

var criticalSectionFuncs = []nt.UserFunc{
	nt.Func("RtlInitializeCriticalSection", rtlInitializeCriticalSection),
	nt.Func("RtlInitializeCriticalSectionAndSpinCount", rtlInitializeCriticalSectionAndSpinCount),
	nt.Func("RtlDeleteCriticalSection", rtlDeleteCriticalSection),
	nt.Func("RtlEnterCriticalSection", rtlEnterCriticalSection),
	nt.Func("RtlTryEnterCriticalSection", rtlTryEnterCriticalSection),
	nt.Func("RtlLeaveCriticalSection", rtlLeaveCriticalSection),
}

type criticalSectionArgs struct{ CriticalSection uint64 }

func rtlInitializeCriticalSection(t *nt.Thread, a *criticalSectionArgs) (uint64, error) {
	return uint64(ntdef.STATUS_SUCCESS), initCriticalSection(t, a.CriticalSection, 0)
}

type criticalSectionSpinArgs struct {
	CriticalSection uint64
	SpinCount       uint32
}

func rtlInitializeCriticalSectionAndSpinCount(t *nt.Thread, a *criticalSectionSpinArgs) (uint64, error) {
	return uint64(ntdef.STATUS_SUCCESS), initCriticalSection(t, a.CriticalSection, uint64(a.SpinCount)&0xffffff)
}

// initCriticalSection writes a free section without debug information, as Windows 8 and later do.
func initCriticalSection(t *nt.Thread, cs, spin uint64) error {
	var b [0x28]byte
	for i := range 8 {
		b[csDebugInfo+i] = 0xff // "no debug information"
	}
	for i := range 4 {
		b[csLockCount+i] = 0xff
	}
	if err := t.Write(cs, b[:]); err != nil {
		return err
	}
	return t.Store64(cs+csSpinCount, spin)
}

func rtlDeleteCriticalSection(t *nt.Thread, a *criticalSectionArgs) (uint64, error) {
	return uint64(ntdef.STATUS_SUCCESS), t.Write(a.CriticalSection, make([]byte, 0x28))
}

func rtlEnterCriticalSection(t *nt.Thread, a *criticalSectionArgs) (uint64, error) {
	return uint64(ntdef.STATUS_SUCCESS), EnterCriticalSection(t, a.CriticalSection)
}

// EnterCriticalSection is RtlEnterCriticalSection: it waits for the thread that is inside. LockCount tells of those that wait as
// Windows does since Vista: bit 0 clear says locked, each waiter takes 4 off.
func EnterCriticalSection(t *nt.Thread, cs uint64) error {
	for {
		ok, err := takeCriticalSection(t, cs)
		if err != nil || ok {
			return err
		}
		if err := addLockCount(t, cs, -4); err != nil {
			return err
		}
		owner, err := t.Load64(cs + csOwningThread)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("thread %d to leave the critical section at", owner)
		if _, err := t.WaitAddress(what, cs, nt.Infinite); err != nil {
			return err
		}
		if err := addLockCount(t, cs, 4); err != nil {
			return err
		}
	}
}

func addLockCount(t *nt.Thread, cs uint64, n int32) error {
	lock, err := t.Load32(cs + csLockCount)
	if err != nil {
		return err
	}
	return t.Store32(cs+csLockCount, lock+uint32(n))
}

func rtlTryEnterCriticalSection(t *nt.Thread, a *criticalSectionArgs) (uint64, error) {
	ok, err := takeCriticalSection(t, a.CriticalSection)
	return truth(ok), err
}

func takeCriticalSection(t *nt.Thread, cs uint64) (bool, error) {
	lock, err := t.Load32(cs + csLockCount)
	if err != nil {
		return false, err
	}
	owner, err := t.Load64(cs + csOwningThread)
	if err != nil {
		return false, err
	}
	depth, err := t.Load32(cs + csRecursionCount)
	if err != nil {
		return false, err
	}
	free := lock&1 != 0
	if !free && owner != t.ID() {
		return false, nil
	}
	if free {
		depth = 0
	}
	if err := t.Store32(cs+csLockCount, lock&^1); err != nil {
		return false, err
	}
	if err := t.Store32(cs+csRecursionCount, depth+1); err != nil {
		return false, err
	}
	return true, t.Store64(cs+csOwningThread, t.ID())
}

func rtlLeaveCriticalSection(t *nt.Thread, a *criticalSectionArgs) (uint64, error) {
	return uint64(ntdef.STATUS_SUCCESS), LeaveCriticalSection(t, a.CriticalSection)
}

// LeaveCriticalSection is RtlLeaveCriticalSection: one of those that wait tries again.
func LeaveCriticalSection(t *nt.Thread, cs uint64) error {
	depth, err := t.Load32(cs + csRecursionCount)
	if err != nil {
		return err
	}
	if err := t.Store32(cs+csRecursionCount, depth-1); err != nil || depth != 1 {
		return err
	}
	if err := t.Store64(cs+csOwningThread, 0); err != nil {
		return err
	}
	lock, err := t.Load32(cs + csLockCount)
	if err != nil {
		return err
	}
	if err := t.Store32(cs+csLockCount, lock|1); err != nil {
		return err
	}
	t.Process().WakeAddress(cs, false)
	return nil
}

// InitializeCriticalSection is RtlInitializeCriticalSectionAndSpinCount.
func InitializeCriticalSection(t *nt.Thread, cs, spin uint64) error {
	return initCriticalSection(t, cs, spin&0xffffff)
}
