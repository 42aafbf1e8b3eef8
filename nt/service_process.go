package nt

import "github.com/pagewalk/pagewalk/ntdef"

var processServices = []Service{
	service("NtContinue", Full, ntContinue),
	service("NtRaiseException", Full, ntRaiseException),
	service("NtQueryInformationProcess", Partial("classes 0-4, 7, 12, 14, 15, 18, 20-24, 26-31, 33, 34, 36-39, 42, 43, 47, 48, 51, 52, 58, 60, 61, 75"), ntQueryInformationProcess),
	service("NtSetInformationProcess", Partial("classes 1, 12, 15, 18, 21, 22, 25, 31, 33, 34, 39, 41, 42, 52, 77"), ntSetInformationProcess),
	service("NtQuerySystemInformation", Partial("classes 0-3, 5, 8, 9, 11, 16, 18, 21, 23, 28, 33, 35, 37, 44, 62-64, 73, 80, 81, 88, 90, 102, 103, 108, 114, 144, 149"), ntQuerySystemInformation),
	service("NtSetSystemInformation", Partial("classes 21, 80, 81, 130"), ntSetSystemInformation),
}

type continueArgs struct {
	Context   ntdef.Ptr[ntdef.Context]
	TestAlert uint8
}

func ntContinue(t *Thread, a *continueArgs) (ntdef.Status, error) {
	ctx, err := t.LoadContext(uint64(a.Context))
	if err != nil {
		return 0, err
	}
	t.leaveWineStart(uint64(a.Context))
	t.continues(&ctx)
	err = t.SetContext(&ctx)
	if a.TestAlert != 0 && t.testsAlert(uint64(a.Context)) {
		t.TestAlert()
	}
	return 0, err
}

// LoadContext reads a CONTEXT record.
func (t *Thread) LoadContext(va uint64) (ntdef.Context, error) {
	var buf [ntdef.ContextSize]byte
	var ctx ntdef.Context
	if err := t.Read(va, buf[:]); err != nil {
		return ctx, err
	}
	ctx.Unmarshal(buf[:])
	return ctx, nil
}

// StoreContext writes a CONTEXT record.
func (t *Thread) StoreContext(va uint64, ctx *ntdef.Context) error {
	var buf [ntdef.ContextSize]byte
	ctx.Marshal(buf[:])
	return t.Write(va, buf[:])
}

// LoadExceptionRecord reads an EXCEPTION_RECORD.
func (t *Thread) LoadExceptionRecord(va uint64) (ntdef.ExceptionRecord, error) {
	var buf [ntdef.ExceptionRecordSize]byte
	var rec ntdef.ExceptionRecord
	if err := t.Read(va, buf[:]); err != nil {
		return rec, err
	}
	rec.Unmarshal(buf[:])
	return rec, nil
}

// StoreExceptionRecord writes an EXCEPTION_RECORD.
func (t *Thread) StoreExceptionRecord(va uint64, rec *ntdef.ExceptionRecord) error {
	var buf [ntdef.ExceptionRecordSize]byte
	rec.Marshal(buf[:])
	return t.Write(va, buf[:])
}

type raiseExceptionArgs struct {
	Record      ntdef.Ptr[ntdef.ExceptionRecord]
	Context     ntdef.Ptr[ntdef.Context]
	FirstChance uint8 // a BOOLEAN
}

func ntRaiseException(t *Thread, a *raiseExceptionArgs) (ntdef.Status, error) {
	rec, err := t.LoadExceptionRecord(uint64(a.Record))
	if err != nil {
		return 0, err
	}
	ctx, err := t.LoadContext(uint64(a.Context))
	if err != nil {
		return 0, err
	}
	return 0, t.RaiseException(&rec, &ctx, a.FirstChance != 0)
}

type terminateArgs struct {
	Handle ntdef.Handle
	Status uint32
}
