package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Waiting and the objects to wait for (synchapi.h).
var waitFuncs = func() (all []nt.UserFunc) {
	all = []nt.UserFunc{
		nt.Func("AcquireSRWLockExclusive", acquireExclusive),
		nt.Func("AcquireSRWLockShared", acquireShared),
		nt.Func("CancelWaitableTimer", cancelWaitableTimer),
		nt.Func("InitOnceBeginInitialize", initOnceBegin),
		nt.Func("InitOnceComplete", initOnceComplete),
		nt.Func("InitOnceExecuteOnce", initOnceExecuteOnce),
		nt.Func("InitOnceInitialize", zeroPointer),
		nt.Func("InitializeConditionVariable", zeroPointer),
		nt.Func("InitializeSRWLock", zeroPointer),
		nt.Func("PulseEvent", func(t *nt.Thread, a *handleArgs) (uint64, error) {
			_, st := t.Process().PulseEvent(a.Handle)
			return boolOf(t, st)
		}),
		nt.Func("ReleaseMutex", func(t *nt.Thread, a *handleArgs) (uint64, error) {
			_, st := t.ReleaseMutant(a.Handle)
			return boolOf(t, st)
		}),
		nt.Func("ReleaseSRWLockExclusive", releaseExclusive),
		nt.Func("ReleaseSRWLockShared", releaseShared),
		nt.Func("ReleaseSemaphore", releaseSemaphore),
		nt.Func("ResetEvent", func(t *nt.Thread, a *handleArgs) (uint64, error) {
			_, st := t.Process().ResetEvent(a.Handle)
			return boolOf(t, st)
		}),
		nt.Func("SetEvent", func(t *nt.Thread, a *handleArgs) (uint64, error) {
			_, st := t.Process().SetEvent(a.Handle)
			return boolOf(t, st)
		}),
		nt.Func("SetWaitableTimer", setWaitableTimer),
		nt.Func("SignalObjectAndWait", signalObjectAndWait),
		nt.Func("Sleep", func(t *nt.Thread, a *sleepArgs) (uint64, error) {
			_, err := t.Sleep(nanoseconds(a.Milliseconds), false)
			return 0, err
		}),
		nt.Func("SleepConditionVariableCS", sleepConditionVariableCS),
		nt.Func("SleepConditionVariableSRW", sleepConditionVariableSRW),
		nt.Func("SleepEx", sleepEx),
		nt.Func("TryAcquireSRWLockExclusive", func(t *nt.Thread, a *pointerArgs) (uint64, error) {
			ok, err := takeExclusive(t, a.Pointer)
			return truth(ok), err
		}),
		nt.Func("TryAcquireSRWLockShared", func(t *nt.Thread, a *pointerArgs) (uint64, error) {
			ok, err := takeShared(t, a.Pointer)
			return truth(ok), err
		}),
		nt.Func("WaitForMultipleObjects", func(t *nt.Thread, a *waitMultipleArgs) (uint64, error) {
			return waitMultiple(t, &waitMultipleExArgs{a.Count, a.Handles, a.All, a.Milliseconds, false})
		}),
		nt.Func("WaitForMultipleObjectsEx", waitMultiple),
		nt.Func("WaitForSingleObject", func(t *nt.Thread, a *waitArgs) (uint64, error) {
			return waitFor(t, []ntdef.Handle{a.Handle}, false, a.Milliseconds, false)
		}),
		nt.Func("WaitForSingleObjectEx", func(t *nt.Thread, a *waitExArgs) (uint64, error) {
			return waitFor(t, []ntdef.Handle{a.Handle}, false, a.Milliseconds, a.Alertable)
		}),
		nt.Func("WaitOnAddress", waitOnAddress),
		nt.Func("WakeAllConditionVariable", wakeAll),
		nt.Func("WakeByAddressAll", wakeAll),
		nt.Func("WakeByAddressSingle", wakeOne),
		nt.Func("WakeConditionVariable", wakeOne),
	}
	for _, form := range []struct {
		suffix string
		text   func(*nt.Thread) func(uint64) (string, error)
	}{
		{"A", func(t *nt.Thread) func(uint64) (string, error) { return ansiText(t) }},
		{"W", func(t *nt.Thread) func(uint64) (string, error) { return t.WString }},
	} {
		text := form.text
		request := func(t *nt.Thread, attributes, name uint64, access uint32) (*nt.ObjectRequest, error) {
			s, err := textAt(name, text(t))
			if err != nil {
				return nil, err
			}
			security, err := t.SecurityAttributes(attributes)
			return &nt.ObjectRequest{Name: s, Access: access, SecurityAttributes: security}, err
		}
		create := func(name string, ex bool, body func(t *nt.Thread, a *createArgs, r *nt.ObjectRequest) (ntdef.Handle, ntdef.Status)) {
			all = append(all, nt.Func(name+form.suffix, func(t *nt.Thread, a *createArgs) (uint64, error) {
				at := a.C
				if ex {
					at = a.B
				}
				r, err := request(t, a.Attributes, at, 0)
				if err != nil {
					return 0, err
				}
				h, st := body(t, a, r)
				return created(t, h, st)
			}))
		}
		create("CreateEvent", false, func(t *nt.Thread, a *createArgs, r *nt.ObjectRequest) (ntdef.Handle, ntdef.Status) {
			return t.Process().CreateEvent(r, uint32(a.A) != 0, uint32(a.B) != 0)
		})
		create("CreateMutex", true, func(t *nt.Thread, a *createArgs, r *nt.ObjectRequest) (ntdef.Handle, ntdef.Status) {
			return t.CreateMutant(r, uint32(a.A) != 0)
		})
		create("CreateSemaphore", false, func(t *nt.Thread, a *createArgs, r *nt.ObjectRequest) (ntdef.Handle, ntdef.Status) {
			return t.Process().CreateSemaphore(r, int32(a.A), int32(a.B))
		})
		create("CreateWaitableTimer", true, func(t *nt.Thread, a *createArgs, r *nt.ObjectRequest) (ntdef.Handle, ntdef.Status) {
			return t.Process().CreateTimer(r, uint32(a.A) != 0)
		})
		open := func(name string, body func(p *nt.Process, r *nt.ObjectRequest) (ntdef.Handle, ntdef.Status)) {
			all = append(all, nt.Func(name+form.suffix, func(t *nt.Thread, a *openArgs) (uint64, error) {
				if a.Name == 0 {
					return fail(t, ntdll.ERROR_INVALID_PARAMETER)
				}
				r, err := request(t, 0, a.Name, a.Access)
				if err != nil {
					return 0, err
				}
				r.Inherit = a.Inherit
				h, st := body(t.Process(), r)
				if st != ntdef.STATUS_SUCCESS {
					return failStatus(t, st)
				}
				return uint64(h), nil
			}))
		}
		open("OpenEvent", (*nt.Process).OpenEvent)
		open("OpenMutex", (*nt.Process).OpenMutant)
		open("OpenSemaphore", (*nt.Process).OpenSemaphore)
		open("OpenWaitableTimer", (*nt.Process).OpenTimer)
		createEx := func(name string, body func(t *nt.Thread, a *createExArgs, r *nt.ObjectRequest) (ntdef.Handle, ntdef.Status)) {
			all = append(all, nt.Func(name+form.suffix, func(t *nt.Thread, a *createExArgs) (uint64, error) {
				r, err := request(t, a.Attributes, a.Name, a.Access)
				if err != nil {
					return 0, err
				}
				h, st := body(t, a, r)
				return created(t, h, st)
			}))
		}
		createEx("CreateWaitableTimerEx", func(t *nt.Thread, a *createExArgs, r *nt.ObjectRequest) (ntdef.Handle, ntdef.Status) {
			return t.Process().CreateTimer(r, a.Flags&1 != 0) // every timer has a high resolution
		})
		createEx("CreateEventEx", func(t *nt.Thread, a *createExArgs, r *nt.ObjectRequest) (ntdef.Handle, ntdef.Status) {
			return t.Process().CreateEvent(r, a.Flags&1 != 0, a.Flags&2 != 0)
		})
		createEx("CreateMutexEx", func(t *nt.Thread, a *createExArgs, r *nt.ObjectRequest) (ntdef.Handle, ntdef.Status) {
			return t.CreateMutant(r, a.Flags&1 != 0)
		})
		all = append(all, nt.Func("CreateSemaphoreEx"+form.suffix, func(t *nt.Thread, a *createSemaphoreExArgs) (uint64, error) {
			r, err := request(t, a.Attributes, a.Name, a.Access)
			if err != nil {
				return 0, err
			}
			h, st := t.Process().CreateSemaphore(r, a.Count, a.Maximum)
			return created(t, h, st)
		}))
	}
	return all
}()

type (
	sleepArgs  struct{ Milliseconds uint32 }
	createArgs struct{ Attributes, A, B, C uint64 }
	// createExArgs are those of the Ex forms: attributes, name, flags, access.
	createExArgs struct {
		Attributes, Name uint64
		Flags, Access    uint32
	}
	createSemaphoreExArgs struct {
		Attributes     uint64
		Count, Maximum int32
		Name           uint64
		Flags, Access  uint32
	}
	openArgs struct {
		Access  uint32
		Inherit bool
		Name    uint64
	}
	waitArgs struct {
		Handle       ntdef.Handle
		Milliseconds uint32
	}
	waitExArgs struct {
		Handle       ntdef.Handle
		Milliseconds uint32
		Alertable    bool
	}
	waitMultipleArgs struct {
		Count        uint32
		Handles      uint64
		All          bool
		Milliseconds uint32
	}
	waitMultipleExArgs struct {
		Count        uint32
		Handles      uint64
		All          bool
		Milliseconds uint32
		Alertable    bool
	}
)

// created is the result of a function that makes an object: one that was there comes with ERROR_ALREADY_EXISTS.
func created(t *nt.Thread, h ntdef.Handle, st ntdef.Status) (uint64, error) {
	if !st.IsSuccess() {
		return failStatus(t, st)
	}
	return uint64(h), ntdll.SetLastError(t, ntdll.DosError(st))
}

// nanoseconds is a timeout of Win32.
func nanoseconds(ms uint32) uint64 {
	if ms == ^uint32(0) {
		return nt.Infinite
	}
	return uint64(ms) * 1_000_000
}

// waitFor returns what Windows' wait functions do: the status, or WAIT_FAILED with the last error.
func waitFor(t *nt.Thread, handles []ntdef.Handle, all bool, ms uint32, alertable bool) (uint64, error) {
	const waitFailed = 1<<32 - 1
	st, err := t.Wait(handles, all, nanoseconds(ms), alertable)
	if err == nil && st.IsError() {
		_, err = failStatus(t, st)
		return waitFailed, err
	}
	return uint64(st), err
}

func waitMultiple(t *nt.Thread, a *waitMultipleExArgs) (uint64, error) {
	const most = 64
	b := make([]byte, 8*min(a.Count, most+1))
	if err := t.Read(a.Handles, b); err != nil {
		return 0, err
	}
	handles := make([]ntdef.Handle, len(b)/8)
	for i := range handles {
		handles[i] = ntdef.Handle(get64(b[8*i:]))
	}
	return waitFor(t, handles, a.All, a.Milliseconds, a.Alertable)
}

type sleepExArgs struct {
	Milliseconds uint32
	Alertable    bool
}

func sleepEx(t *nt.Thread, a *sleepExArgs) (uint64, error) {
	st, err := t.Sleep(nanoseconds(a.Milliseconds), a.Alertable)
	return uint64(st), err // WAIT_IO_COMPLETION is STATUS_USER_APC
}

type signalAndWaitArgs struct {
	Signal, Wait ntdef.Handle
	Milliseconds uint32
	Alertable    bool
}

func signalObjectAndWait(t *nt.Thread, a *signalAndWaitArgs) (uint64, error) {
	const waitFailed = 1<<32 - 1
	st, err := t.SignalAndWait(a.Signal, a.Wait, nanoseconds(a.Milliseconds), a.Alertable)
	if err == nil && st.IsError() {
		_, err = failStatus(t, st)
		return waitFailed, err
	}
	return uint64(st), err
}

type releaseSemaphoreArgs struct {
	Semaphore ntdef.Handle
	Count     int32
	Previous  ntdef.Ptr[uint32]
}

func releaseSemaphore(t *nt.Thread, a *releaseSemaphoreArgs) (uint64, error) {
	was, st := t.Process().ReleaseSemaphore(a.Semaphore, a.Count)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	if a.Previous != 0 {
		return 1, t.Store32(uint64(a.Previous), uint32(was))
	}
	return 1, nil
}

type setTimerArgs struct {
	Timer    ntdef.Handle
	Due      ntdef.Ptr[int64]
	Period   uint32 // milliseconds
	Callback uint64
	Argument uint64
	Resume   bool
}

func setWaitableTimer(t *nt.Thread, a *setTimerArgs) (uint64, error) {
	due, err := t.Load64(uint64(a.Due))
	if err != nil {
		return failAccess(t, err)
	}
	if int32(a.Period) < 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	at := t.System().Now() + t.System().Until(int64(due))
	_, st := t.SetTimer(a.Timer, at, nanoseconds(a.Period), a.Callback, a.Argument)
	return boolOf(t, st)
}

func cancelWaitableTimer(t *nt.Thread, a *handleArgs) (uint64, error) {
	_, st := t.Process().CancelTimer(a.Handle)
	return boolOf(t, st)
}

// A slim reader/writer lock is a pointer: bit 0 says that it is held by a writer; the readers are counted from bit 4 on.
const (
	srwExclusive = 1
	srwReader    = 16
)

func zeroPointer(t *nt.Thread, a *pointerArgs) (uint64, error) { return 0, t.Store64(a.Pointer, 0) }

func takeExclusive(t *nt.Thread, lock uint64) (bool, error) {
	v, err := t.Load64(lock)
	if err != nil || v != 0 {
		return false, err
	}
	return true, t.Store64(lock, srwExclusive)
}

func takeShared(t *nt.Thread, lock uint64) (bool, error) {
	v, err := t.Load64(lock)
	if err != nil || v&srwExclusive != 0 {
		return false, err
	}
	return true, t.Store64(lock, v+srwReader)
}

// until takes a lock, waiting for its holders.
func until(t *nt.Thread, lock uint64, take func(*nt.Thread, uint64) (bool, error)) error {
	for {
		ok, err := take(t, lock)
		if err != nil || ok {
			return err
		}
		if _, err := t.WaitAddress("the SRW lock at", lock, nt.Infinite); err != nil {
			return err
		}
	}
}

func acquireExclusive(t *nt.Thread, a *pointerArgs) (uint64, error) {
	return 0, until(t, a.Pointer, takeExclusive)
}

func acquireShared(t *nt.Thread, a *pointerArgs) (uint64, error) {
	return 0, until(t, a.Pointer, takeShared)
}

// releaseLock gives a lock back: as much of it as held says. One that is not held is an error of the program.
func releaseLock(t *nt.Thread, lock, held uint64) error {
	v, err := t.Load64(lock)
	if err != nil {
		return err
	}
	if held == srwExclusive && v != srwExclusive || held == srwReader && (v < srwReader || v&srwExclusive != 0) {
		return ntdll.RaiseStatus(t, ntdef.STATUS_RESOURCE_NOT_OWNED)
	}
	if err := t.Store64(lock, v-held); err != nil {
		return err
	}
	if v == held {
		t.Process().WakeAddress(lock, true)
	}
	return nil
}

func releaseExclusive(t *nt.Thread, a *pointerArgs) (uint64, error) {
	return 0, releaseLock(t, a.Pointer, srwExclusive)
}

func releaseShared(t *nt.Thread, a *pointerArgs) (uint64, error) {
	return 0, releaseLock(t, a.Pointer, srwReader)
}

type sleepConditionArgs struct {
	Condition, Lock uint64
	Milliseconds    uint32
	Flags           uint32
}

func sleepConditionVariableCS(t *nt.Thread, a *sleepConditionArgs) (uint64, error) {
	if err := ntdll.LeaveCriticalSection(t, a.Lock); err != nil {
		return 0, err
	}
	st, err := t.WaitAddress("the condition variable at", a.Condition, nanoseconds(a.Milliseconds))
	if err == nil {
		err = ntdll.EnterCriticalSection(t, a.Lock)
	}
	return timedOut(t, st, err)
}

func sleepConditionVariableSRW(t *nt.Thread, a *sleepConditionArgs) (uint64, error) {
	const shared = 1
	held, take := uint64(srwExclusive), takeExclusive
	if a.Flags&shared != 0 {
		held, take = srwReader, takeShared
	}
	if err := releaseLock(t, a.Lock, held); err != nil {
		return 0, err
	}
	st, err := t.WaitAddress("the condition variable at", a.Condition, nanoseconds(a.Milliseconds))
	if err == nil {
		err = until(t, a.Lock, take)
	}
	return timedOut(t, st, err)
}

func timedOut(t *nt.Thread, st ntdef.Status, err error) (uint64, error) {
	if err == nil && st == ntdef.STATUS_TIMEOUT {
		return fail(t, ntdll.ERROR_TIMEOUT)
	}
	return 1, err
}

func wakeOne(t *nt.Thread, a *pointerArgs) (uint64, error) {
	t.Process().WakeAddress(a.Pointer, false)
	return 0, nil
}

func wakeAll(t *nt.Thread, a *pointerArgs) (uint64, error) {
	t.Process().WakeAddress(a.Pointer, true)
	return 0, nil
}

type waitOnAddressArgs struct {
	Address, Compare, Size uint64
	Milliseconds           uint32
}

// waitOnAddress waits while the bytes at an address are what they were.
func waitOnAddress(t *nt.Thread, a *waitOnAddressArgs) (uint64, error) {
	if a.Size != 1 && a.Size != 2 && a.Size != 4 && a.Size != 8 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	var now, was [8]byte
	if err := t.Read(a.Address, now[:a.Size]); err != nil {
		return 0, err
	}
	if err := t.Read(a.Compare, was[:a.Size]); err != nil {
		return 0, err
	}
	if now != was {
		return 1, nil
	}
	st, err := t.WaitAddress("the address", a.Address, nanoseconds(a.Milliseconds))
	return timedOut(t, st, err)
}

// An INIT_ONCE is a pointer whose two low bits are a state: 0 not begun, 1 begun, 2 done; the rest is the context.
const (
	onceBegun = 1
	onceDone  = 2
	onceBits  = 3
)

type initOnceExecuteArgs struct{ Once, Function, Parameter, Context uint64 }

func initOnceExecuteOnce(t *nt.Thread, a *initOnceExecuteArgs) (uint64, error) {
	for {
		v, err := t.Load64(a.Once)
		if err != nil {
			return 0, err
		}
		switch v & onceBits {
		case onceDone:
			if a.Context != 0 {
				return 1, t.Store64(a.Context, v&^onceBits)
			}
			return 1, nil
		case onceBegun:
			if _, err := t.WaitAddress("the one-time initialisation at", a.Once, nt.Infinite); err != nil {
				return 0, err
			}
			continue
		}
		if err := t.Store64(a.Once, onceBegun); err != nil {
			return 0, err
		}
		ok, err := t.Call(a.Function, a.Once, a.Parameter, a.Context)
		if err != nil {
			return 0, err
		}
		context := uint64(0)
		if a.Context != 0 {
			if context, err = t.Load64(a.Context); err != nil {
				return 0, err
			}
		}
		done := context&^onceBits | onceDone
		if uint32(ok) == 0 {
			done = 0
		}
		if err := t.Store64(a.Once, done); err != nil {
			return 0, err
		}
		t.Process().WakeAddress(a.Once, true)
		return truth(done != 0), nil
	}
}

type initOnceBeginArgs struct {
	Once    uint64
	Flags   uint32
	Pending ntdef.Ptr[uint32]
	Context uint64
}

func initOnceBegin(t *nt.Thread, a *initOnceBeginArgs) (uint64, error) {
	const checkOnly = 1
	for {
		v, err := t.Load64(a.Once)
		if err != nil {
			return 0, err
		}
		switch state := v & onceBits; {
		case state == onceDone:
			if a.Context != 0 {
				if err := t.Store64(a.Context, v&^onceBits); err != nil {
					return 0, err
				}
			}
			return 1, t.Store32(uint64(a.Pending), 0)
		case a.Flags&checkOnly != 0:
			return fail(t, ntdll.ERROR_GEN_FAILURE)
		case state == onceBegun:
			if _, err := t.WaitAddress("the one-time initialisation at", a.Once, nt.Infinite); err != nil {
				return 0, err
			}
			continue
		}
		if err := t.Store64(a.Once, onceBegun); err != nil {
			return 0, err
		}
		return 1, t.Store32(uint64(a.Pending), 1)
	}
}

type initOnceCompleteArgs struct {
	Once    uint64
	Flags   uint32
	Context uint64
}

func initOnceComplete(t *nt.Thread, a *initOnceCompleteArgs) (uint64, error) {
	const initFailed = 4
	v, err := t.Load64(a.Once)
	if err != nil {
		return 0, err
	}
	if v&onceBits != onceBegun || a.Context&onceBits != 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	done := a.Context | onceDone
	if a.Flags&initFailed != 0 {
		done = 0
	}
	if err := t.Store64(a.Once, done); err != nil {
		return 0, err
	}
	t.Process().WakeAddress(a.Once, true)
	return 1, nil
}
