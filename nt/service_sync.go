package nt

import (
	"encoding/binary"
	"fmt"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var syncServices = []Service{
	service("NtCreateEvent", Full, ntCreateEvent),
	service("NtOpenEvent", Full, ntOpenEvent),
	service("NtQueryEvent", Full, ntQueryEvent),
	service("NtSetEvent", Full, ntSetEvent),
	service("NtSetEventBoostPriority", Full, ntSetEventBoostPriority),
	service("NtResetEvent", Full, ntResetEvent),
	service("NtClearEvent", Full, ntClearEvent),
	service("NtPulseEvent", Full, ntPulseEvent),
	service("NtCreateMutant", Full, ntCreateMutant),
	service("NtOpenMutant", Full, ntOpenMutant),
	service("NtQueryMutant", Full, ntQueryMutant),
	service("NtReleaseMutant", Full, ntReleaseMutant),
	service("NtCreateSemaphore", Full, ntCreateSemaphore),
	service("NtOpenSemaphore", Full, ntOpenSemaphore),
	service("NtQuerySemaphore", Full, ntQuerySemaphore),
	service("NtReleaseSemaphore", Full, ntReleaseSemaphore),
	service("NtCreateKeyedEvent", Full, ntCreateKeyedEvent),
	service("NtOpenKeyedEvent", Full, ntOpenKeyedEvent),
	service("NtWaitForKeyedEvent", Full, ntWaitForKeyedEvent),
	service("NtReleaseKeyedEvent", Full, ntReleaseKeyedEvent),
	service("NtWaitForSingleObject", Full, ntWaitForSingleObject),
	service("NtWaitForMultipleObjects", Full, ntWaitForMultipleObjects),
	service("NtSignalAndWaitForSingleObject", Full, ntSignalAndWaitForSingleObject),
}

// previous probes where a service stores what was before, which may be NULL, and returns what stores it.
func (t *Thread) previous(at ntdef.Ptr[uint32]) (func(v uint32, st ntdef.Status) (ntdef.Status, error), error) {
	if at != 0 {
		if err := t.Probe(uint64(at), 4, x86.Read|x86.Write); err != nil {
			return nil, err
		}
	}
	return func(v uint32, st ntdef.Status) (ntdef.Status, error) {
		if at == 0 || !st.IsSuccess() {
			return st, nil
		}
		return st, t.Store32(uint64(at), v)
	}, nil
}

// queryStateArgs are the arguments of services that query an object of synchronisation.
type queryStateArgs struct {
	Handle       ntdef.Handle
	Class        uint32
	Buffer       uint64
	Length       uint32
	ReturnLength ntdef.Ptr[uint32]
}

// queryObjectState answers a query whose only class, 0, is of a fixed length: INVALID_INFO_CLASS, INFO_LENGTH_MISMATCH, and what body returns.
func (t *Thread) queryObjectState(a *queryStateArgs, length int, body func(b []byte) ntdef.Status) (ntdef.Status, error) {
	switch {
	case a.Class != 0:
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	case int(a.Length) != length:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	b := make([]byte, length)
	if st := body(b); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if err := t.Write(a.Buffer, b); err != nil {
		return 0, err
	}
	if a.ReturnLength == 0 {
		return ntdef.STATUS_SUCCESS, nil
	}
	return ntdef.STATUS_SUCCESS, t.Store32(uint64(a.ReturnLength), uint32(length))
}

type createEventArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Type             uint32
	InitialState     uint8
}

// Types of events and timers (EVENT_TYPE, TIMER_TYPE).
const (
	notificationType    = 0
	synchronizationType = 1
)

func ntCreateEvent(t *Thread, a *createEventArgs) (ntdef.Status, error) {
	if a.Type > synchronizationType {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	return t.newObject(&namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return t.proc.CreateEvent(r, a.Type == notificationType, a.InitialState != 0)
	})
}

func ntOpenEvent(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, t.proc.OpenEvent)
}

// ntQueryEvent is EVENT_BASIC_INFORMATION: type and state.
func ntQueryEvent(t *Thread, a *queryStateArgs) (ntdef.Status, error) {
	return t.queryObjectState(a, 8, func(b []byte) ntdef.Status {
		e, st := with[*event](t.proc, a.Handle, queryState)
		if st == ntdef.STATUS_SUCCESS {
			binary.LittleEndian.PutUint32(b, flag(!e.manual)*synchronizationType)
			binary.LittleEndian.PutUint32(b[4:], flag(e.state()))
		}
		return st
	})
}

type previousArgs struct {
	Handle   ntdef.Handle
	Previous ntdef.Ptr[uint32]
}

// changeEvent calls one of the methods that change an event and tells the state before.
func (t *Thread) changeEvent(a *previousArgs, change func(ntdef.Handle) (bool, ntdef.Status)) (ntdef.Status, error) {
	store, err := t.previous(a.Previous)
	if err != nil {
		return 0, err
	}
	was, st := change(a.Handle)
	return store(flag(was), st)
}

func ntSetEvent(t *Thread, a *previousArgs) (ntdef.Status, error) {
	return t.changeEvent(a, t.proc.SetEvent)
}

func ntResetEvent(t *Thread, a *previousArgs) (ntdef.Status, error) {
	return t.changeEvent(a, t.proc.ResetEvent)
}

func ntPulseEvent(t *Thread, a *previousArgs) (ntdef.Status, error) {
	return t.changeEvent(a, t.proc.PulseEvent)
}

func ntClearEvent(t *Thread, a *handleOnlyArgs) (ntdef.Status, error) {
	_, st := t.proc.ResetEvent(a.Handle)
	return st, nil
}

// ntSetEventBoostPriority is NtSetEvent: the scheduler boosts nobody.
func ntSetEventBoostPriority(t *Thread, a *handleOnlyArgs) (ntdef.Status, error) {
	_, st := t.proc.SetEvent(a.Handle)
	return st, nil
}

type createMutantArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Owned            uint8
}

func ntCreateMutant(t *Thread, a *createMutantArgs) (ntdef.Status, error) {
	return t.newObject(&namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return t.CreateMutant(r, a.Owned != 0)
	})
}

func ntOpenMutant(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, t.proc.OpenMutant)
}

// ntQueryMutant is MUTANT_BASIC_INFORMATION: the count, whether the caller is the owner, whether one ended with it; class 1 is the owner's
// CLIENT_ID.
func ntQueryMutant(t *Thread, a *queryStateArgs) (ntdef.Status, error) {
	const ownerInformation = 1
	le, q := binary.LittleEndian, *a
	length := 8
	if a.Class == ownerInformation {
		length, q.Class = 16, 0
	}
	return t.queryObjectState(&q, length, func(b []byte) ntdef.Status {
		m, st := with[*mutant](t.proc, a.Handle, queryState)
		switch {
		case st != ntdef.STATUS_SUCCESS:
		case a.Class == ownerInformation && m.owner != nil:
			le.PutUint64(b, m.owner.proc.id)
			le.PutUint64(b[8:], m.owner.id)
		case a.Class != ownerInformation:
			le.PutUint32(b, uint32(m.state()))
			b[4], b[5] = byte(flag(m.owner == t)), byte(flag(m.abandoned))
		}
		return st
	})
}

func ntReleaseMutant(t *Thread, a *previousArgs) (ntdef.Status, error) {
	store, err := t.previous(a.Previous)
	if err != nil {
		return 0, err
	}
	was, st := t.ReleaseMutant(a.Handle)
	return store(uint32(was), st)
}

type createSemaphoreArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Count, Maximum   int32
}

func ntCreateSemaphore(t *Thread, a *createSemaphoreArgs) (ntdef.Status, error) {
	return t.newObject(&namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return t.proc.CreateSemaphore(r, a.Count, a.Maximum)
	})
}

func ntOpenSemaphore(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, t.proc.OpenSemaphore)
}

// ntQuerySemaphore is SEMAPHORE_BASIC_INFORMATION: the count and its maximum.
func ntQuerySemaphore(t *Thread, a *queryStateArgs) (ntdef.Status, error) {
	return t.queryObjectState(a, 8, func(b []byte) ntdef.Status {
		s, st := with[*semaphore](t.proc, a.Handle, queryState)
		if st == ntdef.STATUS_SUCCESS {
			binary.LittleEndian.PutUint32(b, uint32(s.count))
			binary.LittleEndian.PutUint32(b[4:], uint32(s.maximum))
		}
		return st
	})
}

type releaseSemaphoreArgs struct {
	Handle   ntdef.Handle
	Count    int32
	Previous ntdef.Ptr[uint32]
}

func ntReleaseSemaphore(t *Thread, a *releaseSemaphoreArgs) (ntdef.Status, error) {
	store, err := t.previous(a.Previous)
	if err != nil {
		return 0, err
	}
	was, st := t.proc.ReleaseSemaphore(a.Handle, a.Count)
	return store(uint32(was), st)
}

type createKeyedEventArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Flags            uint32
}

func ntCreateKeyedEvent(t *Thread, a *createKeyedEventArgs) (ntdef.Status, error) {
	if a.Flags != 0 {
		return ntdef.STATUS_INVALID_PARAMETER_4, nil
	}
	return t.newObject(&namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return create(t.proc, r, &keyedEvent{})
	})
}

func ntOpenKeyedEvent(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) { return open[*keyedEvent](t.proc, r) })
}

type keyedEventArgs struct {
	Handle    ntdef.Handle
	Key       uint64
	Alertable uint8
	Timeout   ntdef.Ptr[int64]
}

func ntWaitForKeyedEvent(t *Thread, a *keyedEventArgs) (ntdef.Status, error) {
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	return t.KeyedEvent(a.Handle, a.Key, false, a.Alertable != 0, timeout)
}

func ntReleaseKeyedEvent(t *Thread, a *keyedEventArgs) (ntdef.Status, error) {
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	return t.KeyedEvent(a.Handle, a.Key, true, a.Alertable != 0, timeout)
}

type waitForSingleArgs struct {
	Handle    ntdef.Handle
	Alertable uint8
	Timeout   ntdef.Ptr[int64]
}

func ntWaitForSingleObject(t *Thread, a *waitForSingleArgs) (ntdef.Status, error) {
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	return t.Wait([]ntdef.Handle{a.Handle}, false, timeout, a.Alertable != 0)
}

type waitForMultipleArgs struct {
	Count     uint32
	Handles   uint64
	Type      uint32 // WAIT_TYPE: 0 all, 1 any
	Alertable uint8
	Timeout   ntdef.Ptr[int64]
}

func ntWaitForMultipleObjects(t *Thread, a *waitForMultipleArgs) (ntdef.Status, error) {
	const waitAll, waitAny = 0, 1
	switch {
	case a.Count == 0 || a.Count > maximumWaitObjects:
		return ntdef.STATUS_INVALID_PARAMETER_1, nil
	case a.Type > waitAny:
		return ntdef.STATUS_INVALID_PARAMETER_3, nil
	}
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	b := make([]byte, 8*a.Count)
	if err := t.Read(a.Handles, b); err != nil {
		return 0, err
	}
	handles := make([]ntdef.Handle, a.Count)
	for i := range handles {
		handles[i] = ntdef.Handle(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return t.Wait(handles, a.Type == waitAll, timeout, a.Alertable != 0)
}

type signalAndWaitArgs struct {
	Signal, Wait ntdef.Handle
	Alertable    uint8
	Timeout      ntdef.Ptr[int64]
}

func ntSignalAndWaitForSingleObject(t *Thread, a *signalAndWaitArgs) (ntdef.Status, error) {
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	return t.SignalAndWait(a.Signal, a.Wait, timeout, a.Alertable != 0)
}

// SignalAndWait is NtSignalAndWaitForSingleObject: it sets an event, releases a mutant or a semaphore once, and waits for another object.
// Nothing is signaled where the wait cannot begin. OBJECT_TYPE_MISMATCH for what cannot be signaled.
func (t *Thread) SignalAndWait(signal, wait ntdef.Handle, timeout uint64, alertable bool) (ntdef.Status, error) {
	o := t.proc.handles.get(signal)
	if o == nil {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	if _, st := t.waitable(wait); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	var st ntdef.Status
	switch o.(type) {
	case *event:
		_, st = t.proc.SetEvent(signal)
	case *mutant:
		_, st = t.ReleaseMutant(signal)
	case *semaphore:
		_, st = t.proc.ReleaseSemaphore(signal, 1)
	default:
		st = ntdef.STATUS_OBJECT_TYPE_MISMATCH
	}
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.Wait([]ntdef.Handle{wait}, false, timeout, alertable)
}

var timerServices = []Service{
	service("NtCreateTimer", Full, ntCreateTimer),
	service("NtOpenTimer", Full, ntOpenTimer),
	service("NtSetTimer", Partial("the machine does not sleep: it is not woken either"), ntSetTimer),
	service("NtSetTimerEx", Partial("class 0, without a wake context"), ntSetTimerEx),
	service("NtCancelTimer", Full, ntCancelTimer),
	service("NtQueryTimer", Full, ntQueryTimer),
	service("NtQueryTimerResolution", Full, ntQueryTimerResolution),
	service("NtSetTimerResolution", Full, ntSetTimerResolution),
}

type createTimerArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Type             uint32
}

func ntCreateTimer(t *Thread, a *createTimerArgs) (ntdef.Status, error) {
	if a.Type > synchronizationType {
		return ntdef.STATUS_INVALID_PARAMETER_4, nil
	}
	return t.newObject(&namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return t.proc.CreateTimer(r, a.Type == notificationType)
	})
}

func ntOpenTimer(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, t.proc.OpenTimer)
}

type setTimerArgs struct {
	Handle        ntdef.Handle
	Due           ntdef.Ptr[int64]
	Routine       uint64
	Context       uint64
	Resume        uint8
	Period        int32 // milliseconds
	PreviousState ntdef.Ptr[uint8]
}

func ntSetTimer(t *Thread, a *setTimerArgs) (ntdef.Status, error) {
	due, err := t.Load64(uint64(a.Due))
	if err != nil {
		return 0, err
	}
	if err := t.probeByte(a.PreviousState); err != nil {
		return 0, err
	}
	if a.Period < 0 {
		return ntdef.STATUS_INVALID_PARAMETER_6, nil
	}
	at := t.sys.Now() + t.sys.Until(int64(due))
	was, st := t.SetTimer(a.Handle, at, uint64(a.Period)*1_000_000, a.Routine, a.Context)
	if st == ntdef.STATUS_SUCCESS && a.Resume != 0 {
		st = ntdef.STATUS_TIMER_RESUME_IGNORED
	}
	return t.storeState(a.PreviousState, was, st)
}

// probeByte looks whether a byte can be stored, at a place that may be NULL.
func (t *Thread) probeByte(at ntdef.Ptr[uint8]) error {
	if at == 0 {
		return nil
	}
	return t.Probe(uint64(at), 1, x86.Read|x86.Write)
}

// storeState stores a BOOLEAN of a success, where somebody asks for it.
func (t *Thread) storeState(at ntdef.Ptr[uint8], was bool, st ntdef.Status) (ntdef.Status, error) {
	if at == 0 || !st.IsSuccess() {
		return st, nil
	}
	return st, t.Store8(uint64(at), uint8(flag(was)))
}

type setTimerExArgs struct {
	Handle ntdef.Handle
	Class  uint32
	Buffer uint64
	Length uint32
}

// ntSetTimerEx takes a TIMER_SET_COALESCABLE_TIMER_INFO; how late the timer may be is nothing: it never is.
func ntSetTimerEx(t *Thread, a *setTimerExArgs) (ntdef.Status, error) {
	const size = 0x30
	switch {
	case a.Class != 0:
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	case a.Length < size:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	var b [size]byte
	if err := t.Read(a.Buffer, b[:]); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	return ntSetTimer(t, &setTimerArgs{
		Handle: a.Handle, Due: ntdef.Ptr[int64](a.Buffer), Routine: le.Uint64(b[0x08:]), Context: le.Uint64(b[0x10:]),
		Resume: uint8(flag(le.Uint64(b[0x18:]) != 0)), Period: int32(le.Uint32(b[0x20:])), PreviousState: ntdef.Ptr[uint8](le.Uint64(b[0x28:])),
	})
}

type cancelTimerArgs struct {
	Handle  ntdef.Handle
	Current ntdef.Ptr[uint8]
}

func ntCancelTimer(t *Thread, a *cancelTimerArgs) (ntdef.Status, error) {
	if err := t.probeByte(a.Current); err != nil {
		return 0, err
	}
	was, st := t.proc.CancelTimer(a.Handle)
	return t.storeState(a.Current, was, st)
}

// ntQueryTimer is TIMER_BASIC_INFORMATION: the 100 ns units that are left, less than 0 where it was due, and the state.
func ntQueryTimer(t *Thread, a *queryStateArgs) (ntdef.Status, error) {
	return t.queryObjectState(a, 16, func(b []byte) ntdef.Status {
		o, st := with[*timer](t.proc, a.Handle, queryState)
		if st == ntdef.STATUS_SUCCESS {
			binary.LittleEndian.PutUint64(b, uint64((int64(o.next())-int64(t.sys.Now()))/100))
			b[8] = byte(flag(o.set))
		}
		return st
	})
}

// Timer resolutions in 100 ns units, as Windows has them on a PC. Timers here are exact whatever was set.
const (
	coarsestTimer = 156_250
	finestTimer   = 5_000
)

type queryTimerResolutionArgs struct{ Coarsest, Finest, Current ntdef.Ptr[uint32] }

func ntQueryTimerResolution(t *Thread, a *queryTimerResolutionArgs) (ntdef.Status, error) {
	for _, f := range []struct {
		at ntdef.Ptr[uint32]
		v  uint32
	}{{a.Coarsest, coarsestTimer}, {a.Finest, finestTimer}, {a.Current, t.sys.timerResolution()}} {
		if err := t.Store32(uint64(f.at), f.v); err != nil {
			return 0, err
		}
	}
	return ntdef.STATUS_SUCCESS, nil
}

// timerResolution is the finest that a process has asked for.
func (s *System) timerResolution() uint32 {
	r := uint32(coarsestTimer)
	for _, p := range s.procs {
		if p.resolution != 0 {
			r = min(r, p.resolution)
		}
	}
	return r
}

type setTimerResolutionArgs struct {
	Resolution uint32
	Set        uint8
	Current    ntdef.Ptr[uint32]
}

func ntSetTimerResolution(t *Thread, a *setTimerResolutionArgs) (ntdef.Status, error) {
	if err := t.Probe(uint64(a.Current), 4, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	st := ntdef.STATUS_SUCCESS
	switch {
	case a.Set != 0:
		t.proc.resolution = min(max(a.Resolution, finestTimer), coarsestTimer)
	case t.proc.resolution == 0:
		st = ntdef.STATUS_TIMER_RESOLUTION_NOT_SET
	default:
		t.proc.resolution = 0
	}
	return st, t.Store32(uint64(a.Current), t.sys.timerResolution())
}

var alertServices = []Service{
	service("NtAlertThread", Full, ntAlertThread),
	service("NtAlertResumeThread", Full, ntAlertResumeThread),
	service("NtTestAlert", Full, func(t *Thread, _ *struct{}) (ntdef.Status, error) { return t.TestAlert(), nil }),
	service("NtAlertThreadByThreadId", Full, ntAlertThreadByThreadID),
	service("NtWaitForAlertByThreadId", Full, ntWaitForAlertByThreadID),
	service("NtQueueApcThread", Full, ntQueueApcThread),
	service("NtQueueApcThreadEx", Partial("no reserve objects, no special user APCs"), ntQueueApcThreadEx),
	service("NtQueueApcThreadEx2", Partial("no reserve objects, no special user APCs"), ntQueueApcThreadEx2),
}

const threadAlert = 0x0004 // THREAD_ALERT (winnt.h)

func ntAlertThread(t *Thread, a *handleOnlyArgs) (ntdef.Status, error) {
	o, st := t.threadWith(a.Handle, threadAlert)
	if st == ntdef.STATUS_SUCCESS {
		o.Alert()
	}
	return st, nil
}

func ntAlertResumeThread(t *Thread, a *suspendThreadArgs) (ntdef.Status, error) {
	if o, st := t.threadWith(a.Thread, threadSuspendResume); st == ntdef.STATUS_SUCCESS {
		o.Alert()
	}
	return ntResumeThread(t, a)
}

type alertByIDArgs struct{ ThreadID uint64 }

// ntAlertThreadByThreadID ends the wait by identifier of a thread of the process, this one or its next: INVALID_CID, ACCESS_DENIED for a
// thread of another process.
func ntAlertThreadByThreadID(t *Thread, a *alertByIDArgs) (ntdef.Status, error) {
	o := t.sys.threadByID(a.ThreadID)
	switch {
	case o == nil || o.state == threadEnded:
		return ntdef.STATUS_INVALID_CID, nil
	case o.proc != t.proc:
		return ntdef.STATUS_ACCESS_DENIED, nil
	}
	o.idAlerted = true
	if w := o.waiting; w != nil && w.byID && !w.done {
		w.status = ntdef.STATUS_ALERTED
		w.end(t.sys)
	}
	return ntdef.STATUS_SUCCESS, nil
}

type waitForAlertArgs struct {
	Address uint64 // that the caller looks at: for those who read about the wait
	Timeout ntdef.Ptr[int64]
}

func ntWaitForAlertByThreadID(t *Thread, a *waitForAlertArgs) (ntdef.Status, error) {
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	st := ntdef.STATUS_TIMEOUT
	if !t.idAlerted && timeout != 0 {
		what := fmt.Sprintf("an alert, because of the address %#x", a.Address)
		if st, err = t.block(&waitBlock{thread: t, byID: true, what: what}, timeout); err != nil {
			return 0, err
		}
	}
	if t.idAlerted {
		t.idAlerted = false
		st = ntdef.STATUS_ALERTED
	}
	return st, nil
}

type queueApcArgs struct {
	Thread               ntdef.Handle
	Routine              uint64
	First, Second, Third uint64
}

func ntQueueApcThread(t *Thread, a *queueApcArgs) (ntdef.Status, error) {
	o, st := t.threadWith(a.Thread, threadSetContext)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return o.QueueAPC(a.Routine, [3]uint64{a.First, a.Second, a.Third}), nil
}

type queueApcExArgs struct {
	Thread               ntdef.Handle
	Reserve              ntdef.Handle // or QUEUE_USER_APC_FLAGS
	Routine              uint64
	First, Second, Third uint64
}

func ntQueueApcThreadEx(t *Thread, a *queueApcExArgs) (ntdef.Status, error) {
	return ntQueueApcThreadEx2(t, &queueApcEx2Args{a.Thread, a.Reserve, 0, a.Routine, a.First, a.Second, a.Third})
}

type queueApcEx2Args struct {
	Thread               ntdef.Handle
	Reserve              ntdef.Handle
	Flags                uint32
	Routine              uint64
	First, Second, Third uint64
}

func ntQueueApcThreadEx2(t *Thread, a *queueApcEx2Args) (ntdef.Status, error) {
	if a.Reserve != 0 || a.Flags != 0 {
		return t.unsupported("NtQueueApcThreadEx: a special user APC or a reserve object"), nil
	}
	return ntQueueApcThread(t, &queueApcArgs{a.Thread, a.Routine, a.First, a.Second, a.Third})
}
