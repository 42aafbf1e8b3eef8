package nt

import (
	"encoding/binary"
	"fmt"

	"github.com/pagewalk/pagewalk/ntdef"
)

// The classes of NtQueryInformationThread and NtSetInformationThread (ntpsapi.h, THREADINFOCLASS).
const (
	threadBasicInformation        = 0
	threadTimes                   = 1
	threadPriority                = 2
	threadBasePriority            = 3
	threadAffinityMask            = 4
	threadImpersonationToken      = 5
	threadDescriptorTableEntry    = 6
	threadWin32StartAddress       = 9
	threadZeroTLSCell             = 10
	threadPerformanceCount        = 11
	threadAmILast                 = 12
	threadIdealProcessor          = 13
	threadPriorityBoost           = 14
	threadIsIOPending             = 16
	threadHideFromDebuggerClass   = 17
	threadBreakOnTermination      = 18
	threadIsTerminated            = 20
	threadIOPriority              = 22
	threadCycleTime               = 23
	threadPagePriority            = 24
	threadActualBasePriority      = 25
	threadTEBInformation          = 26
	threadGroupInformation        = 30
	threadIdealProcessorEx        = 33
	threadSuspendCount            = 35
	threadNameInformation         = 38
	threadSystemThreadInformation = 40
	threadDynamicCodePolicy       = 42
)

// Names of the classes that are known and not implemented, for the warning.
var threadClassNames = map[uint32]string{
	7: ", ThreadEnableAlignmentFaultFixup", 8: ", ThreadEventPair", 15: ", ThreadSetTlsArrayAddress", 19: ", ThreadSwitchLegacyState",
	21: ", ThreadLastSystemCall", 27: ", ThreadCSwitchMon", 28: ", ThreadCSwitchPmu", 29: ", ThreadWow64Context", 31: ", ThreadUmsInformation",
	32: ", ThreadCounterProfiling", 34: ", ThreadCpuAccountingInformation", 36: ", ThreadHeterogeneousCpuPolicy", 37: ", ThreadContainerId",
	39: ", ThreadSelectedCpuSets", 41: ", ThreadActualGroupAffinity", 43: ", ThreadExplicitCaseSensitivity", 44: ", ThreadWorkOnBehalfTicket",
	45: ", ThreadSubsystemInformation", 46: ", ThreadDbgkWerReportActive", 47: ", ThreadAttachContainer",
	48: ", ThreadManageWritesToExecutableMemory", 49: ", ThreadPowerThrottlingState", 50: ", ThreadWorkloadClass",
}

const (
	threadQueryNote = "classes 0, 1, 9, 11, 12, 14, 16 to 18, 20, 22 to 26, 30, 33, 35, 38, 40, 42"
	threadSetNote   = "classes 2 to 5, 9, 10, 13, 14, 17, 18, 22, 24, 30, 33, 38, 42; no affinity but to the one processor"
)

// I/O priorities (IO_PRIORITY_HINT).
const (
	ioPriorityNormal = 2
	ioPriorityHigh   = 3
)

// A threadQuery makes the answer of a class. t asks about o.
type threadQuery struct {
	size   uint32 // of a fixed answer
	answer func(t, o *Thread) []byte
}

var threadQueries = map[uint32]threadQuery{
	threadBasicInformation:  {48, func(_, o *Thread) []byte { return o.basicInformation() }},
	threadTimes:             {32, func(_, o *Thread) []byte { return o.times() }},
	threadWin32StartAddress: {8, func(_, o *Thread) []byte { return littleEndian64(o.entry) }},
	threadPerformanceCount:  {8, func(_, _ *Thread) []byte { return littleEndian64(0) }}, // 0 on every released Windows
	threadAmILast:           {4, func(_, o *Thread) []byte { return littleEndian32(flag(o.IsLastThread())) }},
	threadPriorityBoost:     {4, func(_, o *Thread) []byte { return littleEndian32(flag(o.noBoost)) }},
	threadIsIOPending:       {4, func(_, _ *Thread) []byte { return littleEndian32(0) }}, // I/O ends before its service does
	threadHideFromDebuggerClass: {1, func(_, o *Thread) []byte {
		return []byte{byte(flag(o.hidden))}
	}},
	threadBreakOnTermination: {4, func(_, _ *Thread) []byte { return littleEndian32(0) }},
	threadIsTerminated:       {4, func(_, o *Thread) []byte { return littleEndian32(flag(o.state == threadEnded)) }},
	threadIOPriority:         {4, func(_, o *Thread) []byte { return littleEndian32(o.io) }},
	threadCycleTime: {16, func(_, o *Thread) []byte {
		return append(littleEndian64(o.CPUTime()), littleEndian64(o.CPUTime())...)
	}},
	threadPagePriority:       {4, func(_, o *Thread) []byte { return littleEndian32(o.page) }},
	threadActualBasePriority: {4, func(_, o *Thread) []byte { return littleEndian32(uint32(o.priority)) }},
	threadGroupInformation:   {16, func(_, _ *Thread) []byte { return append(littleEndian64(1), make([]byte, 8)...) }}, // GROUP_AFFINITY
	threadIdealProcessorEx:   {4, func(_, _ *Thread) []byte { return littleEndian32(0) }},                              // PROCESSOR_NUMBER
	threadSuspendCount:       {4, func(_, o *Thread) []byte { return littleEndian32(o.suspended) }},
	threadSystemThreadInformation: {
		systemThreadInformationSize, func(_, o *Thread) []byte { return o.systemInformation() },
	},
	threadDynamicCodePolicy: {4, func(_, o *Thread) []byte { return littleEndian32(flag(o.codeOptOut)) }},
}

func flag(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func littleEndian32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func littleEndian64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// basicInformation is the thread's THREAD_BASIC_INFORMATION. BasePriority is relative to the process's, 16 and -16 where it is at
// an end of its range.
func (t *Thread) basicInformation() []byte {
	var b [48]byte
	le := binary.LittleEndian
	status, base := t.exitCode, t.relative
	if t.state != threadEnded {
		status = uint32(ntdef.STATUS_PENDING)
	}
	switch base {
	case timeCritical:
		base = 16
	case idle:
		base = -16
	}
	le.PutUint32(b[0:], status)
	le.PutUint64(b[8:], t.teb)
	copy(b[16:], t.clientID())
	le.PutUint64(b[32:], 1) // AffinityMask
	le.PutUint32(b[40:], uint32(t.priority))
	le.PutUint32(b[44:], uint32(base))
	return b[:]
}

// times is the thread's KERNEL_USER_TIMES. All that it runs is user time: the executive takes none.
func (t *Thread) times() []byte {
	var b [32]byte
	putUint64(b[0:], t.made)
	putUint64(b[8:], t.finished)
	putUint64(b[24:], t.CPUTime()/100)
	return b[:]
}

const systemThreadInformationSize = 0x50

// systemInformation is the thread's SYSTEM_THREAD_INFORMATION (winternl.h).
func (t *Thread) systemInformation() []byte {
	const stateInitialized, stateReady, stateRunning, stateTerminated, stateWaiting = 0, 1, 2, 4, 5
	const reasonSuspended, reasonUserRequest = 5, 6
	var b [systemThreadInformationSize]byte
	le := binary.LittleEndian
	le.PutUint64(b[0x08:], t.CPUTime()/100)
	le.PutUint64(b[0x10:], t.made)
	le.PutUint64(b[0x20:], t.entry)
	copy(b[0x28:], t.clientID())
	le.PutUint32(b[0x38:], uint32(t.priority))
	le.PutUint32(b[0x3c:], uint32(t.proc.basePriority()+t.relative))
	le.PutUint32(b[0x40:], t.switches)
	state, reason := map[threadState]uint32{
		threadNew: stateInitialized, threadReady: stateReady, threadRunning: stateRunning, threadWaiting: stateWaiting, threadEnded: stateTerminated,
	}[t.state], uint32(0)
	switch {
	case t.state == threadWaiting:
		reason = reasonUserRequest
	case t.suspended > 0 && t.state == threadReady:
		state, reason = stateWaiting, reasonSuspended
	}
	le.PutUint32(b[0x44:], state)
	le.PutUint32(b[0x48:], reason)
	return b[:]
}

type threadInformationArgs struct {
	Thread       ntdef.Handle
	Class        uint32
	Buffer       uint64
	Length       uint32
	ReturnLength ntdef.Ptr[uint32]
}

func ntQueryInformationThread(t *Thread, a *threadInformationArgs) (ntdef.Status, error) {
	o, st := t.threadWith(a.Thread, threadQueryAnything)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	switch a.Class {
	case threadNameInformation:
		return t.queryThreadName(o, a)
	case threadTEBInformation:
		return t.queryTEB(o, a)
	case threadDescriptorTableEntry:
		return ntdef.STATUS_NOT_IMPLEMENTED, nil // as in every 64-bit process
	}
	q, ok := threadQueries[a.Class]
	if !ok {
		return t.unknownThreadClass("NtQueryInformationThread", a.Class), nil
	}
	if a.Length != q.size {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	return t.answer32(a.Buffer, q.answer(t, o), a.ReturnLength)
}

func (t *Thread) unknownThreadClass(service string, class uint32) ntdef.Status {
	t.sys.refuse(fmt.Sprintf("%s: class %d%s", service, class, threadClassNames[class]))
	return ntdef.STATUS_INVALID_INFO_CLASS
}

// queryThreadName answers a UNICODE_STRING with its text behind it: BUFFER_TOO_SMALL where there is no room.
func (t *Thread) queryThreadName(o *Thread, a *threadInformationArgs) (ntdef.Status, error) {
	const head = 16
	text := EncodeUTF16(o.name)
	need := uint32(head + len(text))
	if a.ReturnLength != 0 {
		if err := t.Store32(uint64(a.ReturnLength), need); err != nil {
			return 0, err
		}
	}
	if a.Length < need {
		return ntdef.STATUS_BUFFER_TOO_SMALL, nil
	}
	b := make([]byte, head, need)
	binary.LittleEndian.PutUint16(b[0:], uint16(len(text)))
	binary.LittleEndian.PutUint16(b[2:], uint16(len(text)))
	if len(text) > 0 {
		putUint64(b[8:], a.Buffer+head)
	}
	return ntdef.STATUS_SUCCESS, t.Write(a.Buffer, append(b, text...))
}

// queryTEB copies a part of a thread's TEB: THREAD_TEB_INFORMATION holds where to, the offset and the number of bytes.
func (t *Thread) queryTEB(o *Thread, a *threadInformationArgs) (ntdef.Status, error) {
	const size = 16
	if a.Length != size {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	var b [size]byte
	if err := t.Read(a.Buffer, b[:]); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	to, offset, n := le.Uint64(b[0:]), uint64(le.Uint32(b[8:])), uint64(le.Uint32(b[12:]))
	switch {
	case offset+n > ntdef.TebSize:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case o.state == threadEnded:
		return ntdef.STATUS_THREAD_IS_TERMINATING, nil
	}
	part := make([]byte, n)
	if err := t.in(o.proc, func(th *Thread) error { return th.Read(o.teb+offset, part) }); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.Write(to, part)
}

// A threadSet changes what a class is about. b is the information, of the class's size.
type threadSet struct {
	size uint32
	set  func(t, o *Thread, b []byte) (ntdef.Status, error)
}

var threadSets = map[uint32]threadSet{
	threadPriority:     {4, setAbsolutePriority},
	threadBasePriority: {4, setBasePriority},
	threadAffinityMask: {8, func(_, _ *Thread, b []byte) (ntdef.Status, error) {
		return affinity(binary.LittleEndian.Uint64(b)), nil
	}},
	threadImpersonationToken: {8, func(t, o *Thread, b []byte) (ntdef.Status, error) {
		return t.Impersonate(o, ntdef.Handle(binary.LittleEndian.Uint64(b))), nil
	}},
	threadGroupInformation: {16, setGroup},
	threadWin32StartAddress: {8, func(_, o *Thread, b []byte) (ntdef.Status, error) {
		o.entry = binary.LittleEndian.Uint64(b)
		return ntdef.STATUS_SUCCESS, nil
	}},
	threadZeroTLSCell:    {4, zeroTLSCell},
	threadIdealProcessor: {4, setIdealProcessor},
	threadPriorityBoost: {4, func(_, o *Thread, b []byte) (ntdef.Status, error) {
		o.noBoost = binary.LittleEndian.Uint32(b) != 0
		return ntdef.STATUS_SUCCESS, nil
	}},
	threadHideFromDebuggerClass: {0, func(_, o *Thread, _ []byte) (ntdef.Status, error) {
		o.hidden = true
		return ntdef.STATUS_SUCCESS, nil
	}},
	threadBreakOnTermination: {4, func(t, _ *Thread, _ []byte) (ntdef.Status, error) {
		if !t.proc.Holds(SeDebugPrivilege) {
			return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
		}
		t.sys.refuse("NtSetInformationThread: ThreadBreakOnTermination")
		return ntdef.STATUS_NOT_IMPLEMENTED, nil
	}},
	threadIOPriority: {4, func(_, o *Thread, b []byte) (ntdef.Status, error) {
		v := binary.LittleEndian.Uint32(b)
		if v >= ioPriorityHigh {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		o.io = v
		return ntdef.STATUS_SUCCESS, nil
	}},
	threadPagePriority: {4, func(_, o *Thread, b []byte) (ntdef.Status, error) {
		v := binary.LittleEndian.Uint32(b)
		if v < 1 || v > 5 {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		o.page = v
		return ntdef.STATUS_SUCCESS, nil
	}},
	threadIdealProcessorEx: {4, func(_, _ *Thread, b []byte) (ntdef.Status, error) {
		if b[0] != 0 || b[1] != 0 || b[2] != 0 || b[3] != 0 { // group, number, reserved: there is one processor
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		return ntdef.STATUS_SUCCESS, nil
	}},
	threadNameInformation: {16, setThreadName},
	threadDynamicCodePolicy: {4, func(t, o *Thread, b []byte) (ntdef.Status, error) {
		if o != t {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		o.codeOptOut = binary.LittleEndian.Uint32(b) != 0
		return ntdef.STATUS_SUCCESS, nil
	}},
}

type setInformationThreadArgs struct {
	Thread ntdef.Handle
	Class  uint32
	Buffer uint64
	Length uint32
}

func ntSetInformationThread(t *Thread, a *setInformationThreadArgs) (ntdef.Status, error) {
	s, ok := threadSets[a.Class]
	switch {
	case !ok:
		return t.unknownThreadClass("NtSetInformationThread", a.Class), nil
	case a.Length != s.size:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	b := make([]byte, s.size)
	if err := t.Read(a.Buffer, b); err != nil {
		return 0, err
	}
	o, st := t.threadWith(a.Thread, threadSetAnything)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return s.set(t, o, b)
}

// affinity answers for a mask of processors: one of them has to be there.
func affinity(mask uint64) ntdef.Status {
	if mask&1 == 0 {
		return ntdef.STATUS_INVALID_PARAMETER
	}
	return ntdef.STATUS_SUCCESS
}

// setAbsolutePriority takes KPRIORITY values from 1 to 31, those from 16 on with a privilege.
func setAbsolutePriority(t, o *Thread, b []byte) (ntdef.Status, error) {
	const lowRealtime = 16
	v := int32(binary.LittleEndian.Uint32(b))
	switch {
	case v <= 0 || v >= priorities:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case v >= lowRealtime && !t.proc.Holds(SeIncreaseBasePriorityPrivilege):
		return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
	}
	o.setPriority(uint8(v))
	return ntdef.STATUS_SUCCESS, nil
}

// setBasePriority takes what SetThreadPriority passes; kernelbase makes 16 and -16 of the ends of the range.
func setBasePriority(_, o *Thread, b []byte) (ntdef.Status, error) {
	v := int32(binary.LittleEndian.Uint32(b))
	switch v {
	case 16:
		v = timeCritical
	case -16:
		v = idle
	}
	return o.SetPriority(v), nil
}

// setGroup takes a GROUP_AFFINITY.
func setGroup(_, _ *Thread, b []byte) (ntdef.Status, error) {
	for _, c := range b[8:] {
		if c != 0 { // another group, or reserved bits
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
	}
	return affinity(binary.LittleEndian.Uint64(b)), nil
}

// zeroTLSCell clears a TLS slot in every thread of the process, as TlsFree needs.
func zeroTLSCell(t, o *Thread, b []byte) (ntdef.Status, error) {
	const slots, expansion = 64, 1024
	i := uint64(binary.LittleEndian.Uint32(b))
	switch {
	case o != t:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case i >= slots+expansion:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	for _, o := range t.proc.threads {
		at := o.teb + ntdef.TebTlsSlots + 8*i
		if i >= slots {
			more, err := t.Load64(o.teb + ntdef.TebTlsExpansionSlots)
			if err != nil {
				return 0, err
			}
			if more == 0 {
				continue
			}
			at = more + 8*(i-slots)
		}
		if err := t.Store64(at, 0); err != nil {
			return 0, err
		}
	}
	return ntdef.STATUS_SUCCESS, nil
}

// setIdealProcessor returns the ideal processor before as its status; MAXIMUM_PROCESSORS only asks.
func setIdealProcessor(_, _ *Thread, b []byte) (ntdef.Status, error) {
	const maximumProcessors = 64
	v := binary.LittleEndian.Uint32(b)
	if v != 0 && v != maximumProcessors {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	return 0, nil
}

// setThreadName takes a UNICODE_STRING.
func setThreadName(t, o *Thread, b []byte) (ntdef.Status, error) {
	n, at := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint64(b[8:])
	text := make([]byte, n&^1)
	if err := t.Read(at, text); err != nil {
		return 0, err
	}
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(text[2*i:])
	}
	o.name = DecodeWTF16(units)
	return ntdef.STATUS_SUCCESS, nil
}
