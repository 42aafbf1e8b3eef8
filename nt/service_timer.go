package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

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
