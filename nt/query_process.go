package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// The classes of NtQueryInformationProcess and NtSetInformationProcess (winternl.h, PROCESSINFOCLASS).
const (
	processBasicInformation  = 0
	processQuotaLimits       = 1
	processVMCounters        = 3
	processPooledUsage       = 14
	processWorkingSetWatch   = 15
	processHandleCount       = 20
	processExecuteFlags      = 34
	processPagePriority      = 39
	processWorkingSetWatchEx = 42
)

// The bits of ProcessExecuteFlags: a 64-bit process cannot execute data, does not emulate ATL thunks, and that stays so.
const executeFlags = 0x1 | 0x4 | 0x8

type queryInformationProcessArgs struct {
	Process      ntdef.Handle
	Class        uint32
	Buffer       uint64
	Length       uint32
	ReturnLength ntdef.Ptr[uint32]
}

// queryAccess is the right that a class of NtQueryInformationProcess wants.
func queryAccess(class uint32) uint32 {
	switch class {
	case processBasicInformation, processVMCounters, processHandleCount, processPooledUsage:
		return PROCESS_QUERY_LIMITED_INFORMATION
	}
	if c, ok := processQueries[class]; ok {
		return c.access
	}
	return PROCESS_QUERY_INFORMATION
}

func ntQueryInformationProcess(t *Thread, a *queryInformationProcessArgs) (ntdef.Status, error) {
	p, st := t.proc.ProcessFor(a.Process, queryAccess(a.Class))
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	le := binary.LittleEndian
	var b []byte
	least := uint32(0) // where a shorter buffer gets a part
	switch a.Class {
	case processBasicInformation:
		if b = p.basicInformation(); a.Length == uint32(len(b)) {
			break
		}
		b = b[8 : 8+48]
	case processQuotaLimits:
		b, least = p.QuotaLimits(), quotaLimitsSize
	case processVMCounters:
		b, least = p.VMCounters(), vmCountersSize
	case processHandleCount:
		b = le.AppendUint32(nil, p.HandleCount())
	case processExecuteFlags:
		b = le.AppendUint32(nil, executeFlags)
	case processPagePriority:
		b = le.AppendUint32(nil, p.page)
	case processPooledUsage:
		b = p.PooledUsage()
	case processMitigationPolicy:
		return t.queryMitigationPolicy(p, a)
	case processWorkingSetWatch, processWorkingSetWatchEx:
		return t.queryWorkingSetWatch(p, a)
	default:
		return t.queryProcess(p, a)
	}
	if least == 0 {
		least = uint32(len(b))
	}
	if a.Length < least || a.Length > uint32(len(b)) {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	return t.answer32(a.Buffer, b[:a.Length], a.ReturnLength)
}

// answer32 writes what a query found, and its length where it is asked for.
func (t *Thread) answer32(buffer uint64, b []byte, length ntdef.Ptr[uint32]) (ntdef.Status, error) {
	if err := t.Write(buffer, b); err != nil {
		return 0, err
	}
	if length != 0 {
		return ntdef.STATUS_SUCCESS, t.Store32(uint64(length), uint32(len(b)))
	}
	return ntdef.STATUS_SUCCESS, nil
}

// basicInformation is PROCESS_EXTENDED_BASIC_INFORMATION: its size, PROCESS_BASIC_INFORMATION and flags.
func (p *Process) basicInformation() []byte {
	const size, isDeleting = 64, 4
	var b [size]byte
	le := binary.LittleEndian
	le.PutUint64(b[0:], size)
	status := uint32(ntdef.STATUS_PENDING) // it runs
	if p.exited {
		status = p.exit
		le.PutUint32(b[56:], isDeleting)
	}
	le.PutUint32(b[8:], status)
	le.PutUint64(b[16:], p.peb)
	le.PutUint64(b[24:], 1) // AffinityMask
	le.PutUint32(b[32:], uint32(p.basePriority()))
	le.PutUint64(b[40:], p.id)
	if p.parent != nil {
		le.PutUint64(b[48:], p.parent.id)
	}
	return b[:]
}

const vmCountersSize = 88 // of VM_COUNTERS; the EX and EX2 forms follow it

// VMCounters returns the process's VM_COUNTERS_EX2 (ntpsapi.h), 112 bytes. Of a process that has ended the peaks and the faults stay.
func (p *Process) VMCounters() []byte {
	if p.exited {
		return p.final
	}
	c, ws := p.as.Counters(), p.as.WorkingSet()
	le := binary.LittleEndian
	b := le.AppendUint64(nil, c.PeakVirtual)
	b = le.AppendUint64(b, c.VirtualSize)
	b = le.AppendUint64(b, c.PageFaults&0xffffffff)
	for _, v := range []uint64{
		ws.Peak << x86.PageShift, ws.Size << x86.PageShift, c.PeakPaged, c.PagedPool, c.PeakNonPaged, c.NonPagedPool,
		c.Committed << x86.PageShift, c.PeakCommitted << x86.PageShift, c.Committed << x86.PageShift,
		c.Private << x86.PageShift, c.SharedCommit << x86.PageShift,
	} {
		b = le.AppendUint64(b, v)
	}
	return b
}

// finalCounters is the VM_COUNTERS_EX2 of a process that ends.
func (p *Process) finalCounters() []byte {
	b := p.VMCounters()
	for _, now := range []int{8, 32, 48, 64, 72, 88, 96, 104} { // sizes and usages of the moment
		binary.LittleEndian.PutUint64(b[now:], 0)
	}
	return b
}

const (
	quotaLimitsSize   = 48 // of QUOTA_LIMITS
	quotaLimitsExSize = 88
)

// The flags of QUOTA_LIMITS_EX (winnt.h).
const (
	quotaHardMinEnable  = 1
	quotaHardMinDisable = 2
	quotaHardMaxEnable  = 4
	quotaHardMaxDisable = 8
)

// QuotaLimits returns the process's QUOTA_LIMITS_EX: the working set has limits, the pools have none.
func (p *Process) QuotaLimits() []byte {
	const unlimited = ^uint64(0)
	ws := p.as.WorkingSet()
	var b [quotaLimitsExSize]byte
	le := binary.LittleEndian
	for i, v := range []uint64{unlimited, unlimited, ws.Minimum << x86.PageShift, ws.Maximum << x86.PageShift, unlimited, unlimited} {
		le.PutUint64(b[8*i:], v)
	}
	le.PutUint32(b[80:], WorkingSetFlags(ws))
	return b[:]
}

// WorkingSetFlags says which limits of a working set are hard, as GetProcessWorkingSetSizeEx does.
func WorkingSetFlags(ws ntmm.WorkingSet) uint32 {
	flags := uint32(quotaHardMinDisable)
	if ws.HardMinimum {
		flags = quotaHardMinEnable
	}
	if ws.HardMaximum {
		return flags | quotaHardMaxEnable
	}
	return flags | quotaHardMaxDisable
}

// SetWorkingSetSize is the working-set part of NtSetInformationProcess, class ProcessQuotaLimits, in bytes: both -1 empty the
// working set; flags are QUOTA_LIMITS_HARDWS_*, 0 leaves them. INVALID_PARAMETER, INSUFFICIENT_RESOURCES.
func (p *Process) SetWorkingSetSize(minimum, maximum uint64, flags uint32) ntdef.Status {
	const all = quotaHardMinEnable | quotaHardMinDisable | quotaHardMaxEnable | quotaHardMaxDisable
	const bothMin, bothMax = quotaHardMinEnable | quotaHardMinDisable, quotaHardMaxEnable | quotaHardMaxDisable
	switch {
	case flags&^all != 0, flags&bothMin == bothMin, flags&bothMax == bothMax:
		return ntdef.STATUS_INVALID_PARAMETER
	case minimum == ^uint64(0) && maximum == ^uint64(0):
		p.as.EmptyWorkingSet()
		return ntdef.STATUS_SUCCESS
	case minimum == 0 || maximum == 0:
		return ntdef.STATUS_INVALID_PARAMETER
	}
	ws := p.as.WorkingSet()
	hardMin, hardMax := ws.HardMinimum, ws.HardMaximum
	if flags&bothMin != 0 {
		hardMin = flags&quotaHardMinEnable != 0
	}
	if flags&bothMax != 0 {
		hardMax = flags&quotaHardMaxEnable != 0
	}
	return p.as.SetWorkingSet(minimum>>x86.PageShift, maximum>>x86.PageShift, hardMin, hardMax)
}

// PagePriority is the priority that pages which the process faults in get, 5 unless it was set (MEMORY_PRIORITY_NORMAL).
func (p *Process) PagePriority() uint32 { return p.page }

// SetPagePriority sets it, from 1 to 5. INVALID_PARAMETER for others.
func (p *Process) SetPagePriority(priority uint32) ntdef.Status {
	const veryLow, normal = 1, 5
	if priority < veryLow || priority > normal {
		return ntdef.STATUS_INVALID_PARAMETER
	}
	p.page = priority
	p.as.SetDefaultPriority(uint8(priority))
	return ntdef.STATUS_SUCCESS
}

type setInformationProcessArgs struct {
	Process ntdef.Handle
	Class   uint32
	Buffer  uint64
	Length  uint32
}

// setAccess is the right that a class of NtSetInformationProcess wants.
func setAccess(class uint32) uint32 {
	switch class {
	case processQuotaLimits:
		return PROCESS_SET_QUOTA
	case processWorkingSetWatch, processWorkingSetWatchEx:
		return PROCESS_QUERY_INFORMATION // InitializeProcessForWsWatch, psapi.h
	}
	return PROCESS_SET_INFORMATION
}

func ntSetInformationProcess(t *Thread, a *setInformationProcessArgs) (ntdef.Status, error) {
	p, st := t.proc.MemoryOf(a.Process, setAccess(a.Class))
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	want := map[uint32]uint32{processWorkingSetWatch: 0, processWorkingSetWatchEx: 0, processExecuteFlags: 4, processPagePriority: 4}
	if n, ok := want[a.Class]; ok && n != a.Length {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	switch a.Class {
	case processQuotaLimits:
		if a.Length != quotaLimitsSize && a.Length != quotaLimitsExSize {
			return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
		}
		var b [quotaLimitsExSize]byte
		if err := t.Read(a.Buffer, b[:a.Length]); err != nil {
			return 0, err
		}
		le := binary.LittleEndian
		return p.SetWorkingSetSize(le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint32(b[80:])), nil
	case processWorkingSetWatch, processWorkingSetWatchEx:
		return p.WatchWorkingSet(), nil
	case processExecuteFlags:
		return ntdef.STATUS_ACCESS_DENIED, nil // permanent
	case processMitigationPolicy:
		return t.setMitigationPolicy(p, a)
	case processPagePriority:
		v, err := t.Load32(a.Buffer)
		if err != nil {
			return 0, err
		}
		return p.SetPagePriority(v), nil
	}
	return t.setProcess(p, a)
}

// workingSetWatch keeps what faulted pages into the working set since it was last asked.
type workingSetWatch struct {
	records []WorkingSetChange
	lost    uint64
}

// A WorkingSetChange is one PSAPI_WS_WATCH_INFORMATION_EX: the instruction and the address of a resolved fault.
type WorkingSetChange struct{ PC, VA, Thread uint64 }

// maxWatchRecords is how many changes are kept until someone asks; more are counted.
const maxWatchRecords = 1020

// WatchWorkingSet is InitializeProcessForWsWatch. PORT_ALREADY_SET... a second time changes nothing.
func (p *Process) WatchWorkingSet() ntdef.Status {
	if p.watch == nil {
		p.watch = &workingSetWatch{}
	}
	return ntdef.STATUS_SUCCESS
}

// faultedIn notes a page that came into the working set.
func (t *Thread) faultedIn(va x86.VirtAddr) {
	w := t.proc.watch
	if w == nil {
		return
	}
	if len(w.records) == maxWatchRecords {
		w.lost++
		return
	}
	w.records = append(w.records, WorkingSetChange{t.RIP(), uint64(va), t.id})
}

// MarshalWorkingSetChanges returns the changes since the last call and forgets them: an array of PSAPI_WS_WATCH_INFORMATION, or
// of the EX form, that ends with an entry whose PC is 0 and whose address counts what was lost. UNSUCCESSFUL without
// WatchWorkingSet, BUFFER_TOO_SMALL where room bytes do not hold it: nothing is forgotten then. It returns the size either way.
func (p *Process) MarshalWorkingSetChanges(ex bool, room uint64) ([]byte, uint64, ntdef.Status) {
	w := p.watch
	if w == nil {
		return nil, 0, ntdef.STATUS_UNSUCCESSFUL
	}
	entry := uint64(16)
	if ex {
		entry = 32
	}
	need := entry * uint64(len(w.records)+1)
	if room < need {
		return nil, need, ntdef.STATUS_BUFFER_TOO_SMALL
	}
	le := binary.LittleEndian
	var b []byte
	for _, r := range append(w.records, WorkingSetChange{VA: w.lost}) {
		b = le.AppendUint64(le.AppendUint64(b, r.PC), r.VA)
		if ex {
			b = le.AppendUint64(le.AppendUint64(b, r.Thread), 0)
		}
	}
	*w = workingSetWatch{}
	return b, need, ntdef.STATUS_SUCCESS
}

func (t *Thread) queryWorkingSetWatch(p *Process, a *queryInformationProcessArgs) (ntdef.Status, error) {
	if err := t.Probe(a.Buffer, uint64(a.Length), x86.Write); err != nil {
		return 0, err
	}
	b, _, st := p.MarshalWorkingSetChanges(a.Class == processWorkingSetWatchEx, uint64(a.Length))
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.answer32(a.Buffer, b, a.ReturnLength)
}
