package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Jobs (jobapi.h, jobapi2.h).
var jobFuncs = []nt.UserFunc{
	nt.Func("CreateJobObjectA", func(t *nt.Thread, a *createJobArgs) (uint64, error) { return createJob(t, a, ansiText(t)) }),
	nt.Func("CreateJobObjectW", func(t *nt.Thread, a *createJobArgs) (uint64, error) { return createJob(t, a, t.WString) }),
	nt.Func("OpenJobObjectA", func(t *nt.Thread, a *openArgs) (uint64, error) { return openJob(t, a, ansiText(t)) }),
	nt.Func("OpenJobObjectW", func(t *nt.Thread, a *openArgs) (uint64, error) { return openJob(t, a, t.WString) }),
	nt.Func("AssignProcessToJobObject", func(t *nt.Thread, a *assignJobArgs) (uint64, error) {
		return boolOf(t, t.Process().AssignProcess(a.Job, a.Process))
	}),
	nt.Func("TerminateJobObject", func(t *nt.Thread, a *terminateJobArgs) (uint64, error) {
		return boolOf(t, t.Process().TerminateJob(a.Job, a.Code))
	}),
	nt.Func("IsProcessInJob", isProcessInJob),
	nt.Func("QueryInformationJobObject", func(t *nt.Thread, a *queryJobArgs) (uint64, error) {
		st, err := t.QueryJob(a.Job, a.Class, a.Buffer, a.Length, a.ReturnLength)
		if err != nil {
			return failAccess(t, err)
		}
		return boolOf(t, st)
	}),
	nt.Func("SetInformationJobObject", func(t *nt.Thread, a *setJobArgs) (uint64, error) {
		st, err := t.SetJob(a.Job, a.Class, a.Buffer, a.Length)
		if err != nil {
			return failAccess(t, err)
		}
		return boolOf(t, st)
	}),
}

type (
	createJobArgs    struct{ Attributes, Name uint64 }
	assignJobArgs    struct{ Job, Process ntdef.Handle }
	terminateJobArgs struct {
		Job  ntdef.Handle
		Code uint32
	}
	isInJobArgs struct {
		Process, Job ntdef.Handle
		Result       ntdef.Ptr[uint32]
	}
	queryJobArgs struct {
		Job          ntdef.Handle
		Class        uint32
		Buffer       uint64
		Length       uint32
		ReturnLength ntdef.Ptr[uint32]
	}
	setJobArgs struct {
		Job    ntdef.Handle
		Class  uint32
		Buffer uint64
		Length uint32
	}
)

func createJob(t *nt.Thread, a *createJobArgs, text func(uint64) (string, error)) (uint64, error) {
	name, err := textAt(a.Name, text)
	if err != nil {
		return 0, err
	}
	security, err := t.SecurityAttributes(a.Attributes)
	if err != nil {
		return 0, err
	}
	h, st := t.Process().CreateJob(&nt.ObjectRequest{Name: name, SecurityAttributes: security})
	return created(t, h, st)
}

func openJob(t *nt.Thread, a *openArgs, text func(uint64) (string, error)) (uint64, error) {
	name, err := textAt(a.Name, text)
	if err != nil {
		return 0, err
	}
	r := nt.ObjectRequest{Name: name, Access: a.Access}
	r.Inherit = a.Inherit
	h, st := t.Process().OpenJob(&r)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return uint64(h), nil
}

func isProcessInJob(t *nt.Thread, a *isInJobArgs) (uint64, error) {
	st := t.Process().InJob(a.Process, a.Job)
	if st.IsError() {
		return failStatus(t, st)
	}
	return 1, t.Store32(uint64(a.Result), uint32(truth(st == ntdef.STATUS_PROCESS_IN_JOB)))
}
