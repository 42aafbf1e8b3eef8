package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
)

var processServices = []Service{
	service("NtContinue", Partial("no pending alerts"), ntContinue),
	service("NtRaiseException", Full, ntRaiseException),
	service("NtTerminateProcess", Partial("the calling process"), ntTerminateProcess),
	service("NtTerminateThread", Partial("the only thread: it ends the process"), ntTerminateThread),
	service("NtQueryInformationProcess", Partial("ProcessBasicInformation; the calling process"), ntQueryInformationProcess),
	service("NtQuerySystemInformation", Partial("SystemBasicInformation"), ntQuerySystemInformation),
}

type continueArgs struct {
	Context   ntdef.Ptr[ntdef.Context]
	TestAlert bool
}

func ntContinue(t *Thread, a *continueArgs) (ntdef.Status, error) {
	ctx, err := t.LoadContext(uint64(a.Context))
	if err != nil {
		return 0, err
	}
	return 0, t.SetContext(&ctx)
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
	FirstChance bool
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
	return 0, t.RaiseException(&rec, &ctx, a.FirstChance)
}

type terminateArgs struct {
	Handle ntdef.Handle
	Status uint32
}

// ntTerminateProcess ends the process. With handle 0 Windows ends the other threads only: there are none.
func ntTerminateProcess(t *Thread, a *terminateArgs) (ntdef.Status, error) {
	switch {
	case a.Handle == 0:
		return ntdef.STATUS_SUCCESS, nil
	case !isProcess(a.Handle):
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	return 0, t.proc.Exit(a.Status)
}

func ntTerminateThread(t *Thread, a *terminateArgs) (ntdef.Status, error) {
	if a.Handle != 0 && a.Handle != ntdef.CurrentThread {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	return 0, t.proc.Exit(a.Status)
}

type queryInformationProcessArgs struct {
	Process      ntdef.Handle
	Class        uint32
	Buffer       uint64
	Length       uint32
	ReturnLength ntdef.Ptr[uint32]
}

func ntQueryInformationProcess(t *Thread, a *queryInformationProcessArgs) (ntdef.Status, error) {
	const processBasicInformation = 0
	if a.Class != processBasicInformation {
		t.sys.warn("NtQueryInformationProcess: class %d is not implemented (at %s)", a.Class, t.proc.Where(t.cpu.RIP))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	var buf [48]byte
	if a.Length != uint32(len(buf)) {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	if !isProcess(a.Process) {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	const statusPending = 0x103 // ExitStatus of a process that runs
	le := binary.LittleEndian
	le.PutUint32(buf[0:], statusPending)
	le.PutUint64(buf[8:], t.proc.peb)
	le.PutUint64(buf[16:], 1) // AffinityMask
	le.PutUint32(buf[24:], 8) // BasePriority: normal
	le.PutUint64(buf[32:], t.proc.id)
	if err := t.Write(a.Buffer, buf[:]); err != nil {
		return 0, err
	}
	if a.ReturnLength != 0 {
		return ntdef.STATUS_SUCCESS, t.Store32(uint64(a.ReturnLength), uint32(len(buf)))
	}
	return ntdef.STATUS_SUCCESS, nil
}

type querySystemInformationArgs struct {
	Class        uint32
	Buffer       uint64
	Length       uint32
	ReturnLength ntdef.Ptr[uint32]
}

func ntQuerySystemInformation(t *Thread, a *querySystemInformationArgs) (ntdef.Status, error) {
	const systemBasicInformation = 0
	if a.Class != systemBasicInformation {
		t.sys.warn("NtQuerySystemInformation: class %d is not implemented (at %s)", a.Class, t.proc.Where(t.cpu.RIP))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	var buf [64]byte
	if a.Length != uint32(len(buf)) {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	le := binary.LittleEndian
	pages := t.sys.mem.Size() >> 12
	le.PutUint32(buf[4:], 156250) // TimerResolution, 100 ns units
	le.PutUint32(buf[8:], 1<<12)  // PageSize
	le.PutUint32(buf[12:], uint32(pages))
	le.PutUint32(buf[16:], 1) // LowestPhysicalPageNumber
	le.PutUint32(buf[20:], uint32(pages-1))
	le.PutUint32(buf[24:], aslrUnit) // AllocationGranularity
	le.PutUint64(buf[32:], userLow)
	le.PutUint64(buf[40:], userHigh)
	le.PutUint64(buf[48:], 1) // ActiveProcessorsAffinityMask
	buf[56] = 1               // NumberOfProcessors
	if err := t.Write(a.Buffer, buf[:]); err != nil {
		return 0, err
	}
	if a.ReturnLength != 0 {
		return ntdef.STATUS_SUCCESS, t.Store32(uint64(a.ReturnLength), uint32(len(buf)))
	}
	return ntdef.STATUS_SUCCESS, nil
}

// ExitThread ends the thread, the process's only one.
func (t *Thread) ExitThread(code uint32) error { return t.proc.Exit(code) }
