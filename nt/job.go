package nt

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// job is a set of processes and what they may do together (Windows Internals, part 1 ch. 3, "Jobs"). Children of a process in a job are in it
// too. It is signaled when a time limit ended it: there are none.
type job struct {
	objectHeader
	waitList
	sys       *System
	processes []*Process
	total     uint32 // that were ever in it
	ended     uint32 // that a limit ended
	flags     uint32 // jobLimit*
	active    uint32 // processes at most
	quota     ntmm.Quota
	port      *completionPort // that is told of what happens
	key       uint64
}

func (*job) typeName() string      { return "Job" }
func (*job) signaled(*Thread) bool { return false }
func (*job) take(*Thread) bool     { return false }

// Limits of jobs (winnt.h, JOB_OBJECT_LIMIT_*) that are kept.
const (
	jobLimitActiveProcess  = 0x0008
	jobLimitProcessMemory  = 0x0100
	jobLimitJobMemory      = 0x0200
	jobLimitDieOnException = 0x0400 // nobody is asked here anyway
	jobLimitBreakaway      = 0x0800
	jobLimitSilentBreak    = 0x1000
	jobLimitKillOnClose    = 0x2000

	jobLimitsBasic = 0x00ff // that the basic class knows
	jobLimitsKept  = jobLimitActiveProcess | jobLimitProcessMemory | jobLimitJobMemory | jobLimitDieOnException | jobLimitBreakaway |
		jobLimitSilentBreak | jobLimitKillOnClose
)

// What a job tells its port (winnt.h, JOB_OBJECT_MSG_*).
const (
	jobActiveProcessLimit = 3
	jobActiveProcessZero  = 4
	jobNewProcess         = 6
	jobExitProcess        = 7
)

// tell posts a message about a process.
func (j *job) tell(message, id uint64) {
	if j.port != nil {
		j.port.post(Completion{Key: j.key, Overlapped: id, Bytes: message})
	}
}

// add puts a process into the job: QUOTA_EXCEEDED where it would be one too many.
func (j *job) add(p *Process) ntdef.Status {
	if j.flags&jobLimitActiveProcess != 0 && uint32(len(j.processes)) >= j.active {
		j.tell(jobActiveProcessLimit, p.id)
		return ntdef.STATUS_QUOTA_EXCEEDED
	}
	j.processes = append(j.processes, p)
	j.total++
	p.job = j
	p.as.SetQuota(&j.quota)
	j.tell(jobNewProcess, p.id)
	return ntdef.STATUS_SUCCESS
}

// leaveJob takes a process that ends out of its job.
func (p *Process) leaveJob() {
	j := p.job
	if j == nil {
		return
	}
	p.as.SetQuota(nil)
	p.job = nil
	j.processes = slices.DeleteFunc(j.processes, func(o *Process) bool { return o == p })
	j.tell(jobExitProcess, p.id)
	if len(j.processes) == 0 {
		j.tell(jobActiveProcessZero, 0)
	}
}

// joinJob puts a child into its parent's job, where that does not let it go. It reports whether the job refuses the child.
func (p *Process) joinJob(parent *Process, breakaway bool) ntdef.Status {
	j := parent.job
	switch {
	case j == nil, j.flags&jobLimitSilentBreak != 0:
		return ntdef.STATUS_SUCCESS
	case breakaway && j.flags&jobLimitBreakaway == 0:
		return ntdef.STATUS_ACCESS_DENIED
	case breakaway:
		return ntdef.STATUS_SUCCESS
	}
	return j.add(p)
}

// closed ends the processes of a job whose last handle is closed, where its limits say so. The one whose thread runs ends on its way
// back to user mode.
func (j *job) closed() {
	if j.flags&jobLimitKillOnClose != 0 {
		j.terminate(0)
	}
}

// terminate ends the job's processes.
func (j *job) terminate(code uint32) {
	for _, p := range slices.Clone(j.processes) {
		current := j.sys.sched.current
		switch {
		case p.exited:
		case p == j.sys.proc || current != nil && p == current.proc:
			p.doomed = &exitError{code: code, machine: p == j.sys.proc}
		default:
			p.end(code)
		}
	}
}

// doomedBy returns the error by which a system call ends where the process of its thread, or the machine's first, was ended by a job.
func (t *Thread) doomedBy() error {
	switch {
	case t.proc.doomed != nil:
		return t.proc.Exit(t.proc.doomed.code)
	case t.sys.proc != nil && t.sys.proc.doomed != nil:
		return t.sys.proc.doomed
	}
	return nil
}

// Rights of jobs (winnt.h).
const (
	jobAssignProcess = 1
	jobSetAttributes = 2
	jobQuery         = 4
	jobTerminate     = 8
)

// CreateJob is NtCreateJobObject; OpenJob is NtOpenJobObject.
func (p *Process) CreateJob(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
	return create(p, r, &job{sys: p.sys})
}

// OpenJob is NtOpenJobObject.
func (p *Process) OpenJob(r *ObjectRequest) (ntdef.Handle, ntdef.Status) { return open[*job](p, r) }

// AssignProcess is NtAssignProcessToJobObject: ACCESS_DENIED for a process that is in another job, QUOTA_EXCEEDED past the job's limit,
// PROCESS_IS_TERMINATING.
func (p *Process) AssignProcess(h, process ntdef.Handle) ntdef.Status {
	j, st := with[*job](p, h, jobAssignProcess)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	q, st := p.ProcessFor(process, PROCESS_SET_QUOTA|PROCESS_TERMINATE)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st
	case q.exited:
		return ntdef.STATUS_PROCESS_IS_TERMINATING
	case q.job == j:
		return ntdef.STATUS_SUCCESS
	case q.job != nil:
		return ntdef.STATUS_ACCESS_DENIED
	}
	return j.add(q)
}

// TerminateJob is NtTerminateJobObject. The caller's own process ends on its way back.
func (p *Process) TerminateJob(h ntdef.Handle, code uint32) ntdef.Status {
	j, st := with[*job](p, h, jobTerminate)
	if st == ntdef.STATUS_SUCCESS {
		j.terminate(code)
	}
	return st
}

// InJob is NtIsProcessInJob: PROCESS_IN_JOB or PROCESS_NOT_IN_JOB; handle 0 asks for any job.
func (p *Process) InJob(process, h ntdef.Handle) ntdef.Status {
	q, st := p.ProcessFor(process, PROCESS_QUERY_LIMITED_INFORMATION)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	in := q.job != nil
	if h != 0 {
		j, st := with[*job](p, h, jobQuery)
		if st != ntdef.STATUS_SUCCESS {
			return st
		}
		in = q.job == j
	}
	if in {
		return ntdef.STATUS_PROCESS_IN_JOB
	}
	return ntdef.STATUS_PROCESS_NOT_IN_JOB
}

// Classes of jobs (JOBOBJECTINFOCLASS).
const (
	jobBasicAccounting = 1
	jobBasicLimit      = 2
	jobProcessIDs      = 3
	jobAssociatePort   = 7
	jobBasicAndIO      = 8
	jobExtendedLimit   = 9

	jobBasicLimitSize    = 64
	jobExtendedLimitSize = 144
)

// JobInformation is NtQueryInformationJobObject, the bytes of a class; handle 0 is the job of the process. PROCESS_NOT_IN_JOB is
// ACCESS_DENIED there. room is for a list of identifiers: MORE_DATA's BUFFER_OVERFLOW comes with those that fit.
func (p *Process) JobInformation(h ntdef.Handle, class, room uint32) ([]byte, ntdef.Status) {
	j, st := p.job, ntdef.STATUS_SUCCESS
	if h != 0 {
		j, st = with[*job](p, h, jobQuery)
	}
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return nil, st
	case j == nil:
		return nil, ntdef.STATUS_ACCESS_DENIED
	}
	var b []byte
	switch class {
	case jobBasicAccounting, jobBasicAndIO:
		b = j.accounting()
		if class == jobBasicAndIO {
			b = append(b, make([]byte, 48)...)
		}
	case jobBasicLimit:
		b = j.limits()[:jobBasicLimitSize]
	case jobExtendedLimit:
		b = j.limits()
	case jobProcessIDs:
		return j.identifiers(room)
	default:
		p.sys.refuse(classOf("NtQueryInformationJobObject", class))
		return nil, ntdef.STATUS_INVALID_INFO_CLASS
	}
	if int(room) != len(b) {
		return nil, ntdef.STATUS_INFO_LENGTH_MISMATCH
	}
	return b, ntdef.STATUS_SUCCESS
}

// accounting is JOBOBJECT_BASIC_ACCOUNTING_INFORMATION: times are those of the processes that are in the job.
func (j *job) accounting() []byte {
	le, b := binary.LittleEndian, make([]byte, 48)
	le.PutUint32(b[36:], j.total)
	le.PutUint32(b[40:], uint32(len(j.processes)))
	le.PutUint32(b[44:], j.ended)
	return b
}

// limits is JOBOBJECT_EXTENDED_LIMIT_INFORMATION.
func (j *job) limits() []byte {
	le, b := binary.LittleEndian, make([]byte, jobExtendedLimitSize)
	le.PutUint32(b[16:], j.flags)
	le.PutUint32(b[40:], j.active)
	for i, pages := range []uint64{j.quota.Process, j.quota.Job, j.quota.PeakProcess, j.quota.Peak} {
		le.PutUint64(b[112+8*i:], pages*x86.PageSize)
	}
	return b
}

// identifiers is JOBOBJECT_BASIC_PROCESS_ID_LIST.
func (j *job) identifiers(room uint32) ([]byte, ntdef.Status) {
	if room < 16 {
		return nil, ntdef.STATUS_INFO_LENGTH_MISMATCH
	}
	n, st := len(j.processes), ntdef.STATUS_SUCCESS
	if fit := int(room-8) / 8; n > fit {
		n, st = fit, ntdef.STATUS_BUFFER_OVERFLOW
	}
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(len(j.processes)))
	b = le.AppendUint32(b, uint32(n))
	for _, p := range j.processes[:n] {
		b = le.AppendUint64(b, p.id)
	}
	return b, st
}

// SetJobInformation is NtSetInformationJobObject. INVALID_PARAMETER for limits that are not kept.
func (p *Process) SetJobInformation(h ntdef.Handle, class uint32, b []byte) ntdef.Status {
	j, st := with[*job](p, h, jobSetAttributes)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	le := binary.LittleEndian
	want := map[uint32]int{jobBasicLimit: jobBasicLimitSize, jobExtendedLimit: jobExtendedLimitSize, jobAssociatePort: 16}[class]
	switch {
	case want == 0:
		p.sys.refuse(classOf("NtSetInformationJobObject", class))
		return ntdef.STATUS_INVALID_INFO_CLASS
	case len(b) != want:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH
	case class == jobAssociatePort:
		port, st := with[*completionPort](p, ntdef.Handle(le.Uint64(b[8:])), modifyState)
		if st == ntdef.STATUS_SUCCESS {
			j.port, j.key = port, le.Uint64(b)
			for _, q := range j.processes {
				j.tell(jobNewProcess, q.id)
			}
		}
		return st
	}
	flags := le.Uint32(b[16:])
	switch {
	case class == jobBasicLimit && flags&^jobLimitsBasic != 0:
		return ntdef.STATUS_INVALID_PARAMETER
	case flags&^jobLimitsKept != 0:
		p.sys.refuse(fmt.Sprintf("NtSetInformationJobObject: the limits %#x", flags&^jobLimitsKept))
		return ntdef.STATUS_INVALID_PARAMETER
	}
	if class == jobBasicLimit {
		j.flags = flags | j.flags&^jobLimitsBasic
	} else {
		j.flags = flags
		j.quota.Process, j.quota.Job = 0, 0
		if flags&jobLimitProcessMemory != 0 {
			j.quota.Process = max(le.Uint64(b[112:])/x86.PageSize, 1)
		}
		if flags&jobLimitJobMemory != 0 {
			j.quota.Job = max(le.Uint64(b[120:])/x86.PageSize, 1)
		}
	}
	j.active = 0
	if flags&jobLimitActiveProcess != 0 {
		j.active = le.Uint32(b[40:])
	}
	return ntdef.STATUS_SUCCESS
}

var jobServices = []Service{
	service("NtCreateJobObject", Full, func(t *Thread, a *namedArgs) (ntdef.Status, error) { return t.newObject(a, t.proc.CreateJob) }),
	service("NtOpenJobObject", Full, func(t *Thread, a *namedArgs) (ntdef.Status, error) { return t.newObject(a, t.proc.OpenJob) }),
	service("NtAssignProcessToJobObject", Partial("no nested jobs"), ntAssignProcessToJobObject),
	service("NtTerminateJobObject", Full, ntTerminateJobObject),
	service("NtIsProcessInJob", Full, ntIsProcessInJob),
	service("NtQueryInformationJobObject", Partial("classes 1 and 8 without times and I/O, 2, 3, 9"), ntQueryInformationJobObject),
	service("NtSetInformationJobObject", Partial("classes 2, 7, 9: processes, memory, kill on close, breakaway"), ntSetInformationJobObject),
}

type jobProcessArgs struct{ Job, Process ntdef.Handle }

func ntAssignProcessToJobObject(t *Thread, a *jobProcessArgs) (ntdef.Status, error) {
	return t.proc.AssignProcess(a.Job, a.Process), nil
}

type terminateJobArgs struct {
	Job    ntdef.Handle
	Status uint32
}

func ntTerminateJobObject(t *Thread, a *terminateJobArgs) (ntdef.Status, error) {
	return t.proc.TerminateJob(a.Job, a.Status), nil
}

type processJobArgs struct{ Process, Job ntdef.Handle }

func ntIsProcessInJob(t *Thread, a *processJobArgs) (ntdef.Status, error) {
	return t.proc.InJob(a.Process, a.Job), nil
}

type queryJobArgs struct {
	Job          ntdef.Handle
	Class        uint32
	Buffer       uint64
	Length       uint32
	ReturnLength ntdef.Ptr[uint32]
}

func ntQueryInformationJobObject(t *Thread, a *queryJobArgs) (ntdef.Status, error) {
	return t.QueryJob(a.Job, a.Class, a.Buffer, a.Length, a.ReturnLength)
}

// QueryJob stores what JobInformation returns.
func (t *Thread) QueryJob(h ntdef.Handle, class uint32, buffer uint64, length uint32, returned ntdef.Ptr[uint32]) (ntdef.Status, error) {
	b, st := t.proc.JobInformation(h, class, length)
	if len(b) == 0 {
		return st, nil
	}
	if err := t.Write(buffer, b); err != nil {
		return 0, err
	}
	if returned == 0 {
		return st, nil
	}
	return st, t.Store32(uint64(returned), uint32(len(b)))
}

type setJobArgs struct {
	Job    ntdef.Handle
	Class  uint32
	Buffer uint64
	Length uint32
}

func ntSetInformationJobObject(t *Thread, a *setJobArgs) (ntdef.Status, error) {
	return t.SetJob(a.Job, a.Class, a.Buffer, a.Length)
}

// SetJob is SetJobInformation with what lies at an address.
func (t *Thread) SetJob(h ntdef.Handle, class uint32, buffer uint64, length uint32) (ntdef.Status, error) {
	b := make([]byte, min(length, 256))
	if err := t.Read(buffer, b); err != nil {
		return 0, err
	}
	return t.proc.SetJobInformation(h, class, b), nil
}
