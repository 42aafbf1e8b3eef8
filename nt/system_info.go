package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
)

// The classes of NtQuerySystemInformation that are not about memory (winternl.h, SYSTEM_INFORMATION_CLASS).
const (
	systemProcessorInformation    = 1
	systemTimeOfDayInformation    = 3
	systemProcessInformation      = 5
	systemProcessorPerformance    = 8
	systemFlagsInformation        = 9
	systemModuleInformation       = 11
	systemHandleInformation       = 16
	systemInterruptInformation    = 23
	systemTimeAdjustment          = 28
	systemExceptionInformation    = 33
	systemKernelDebugger          = 35
	systemRegistryQuota           = 37
	systemCurrentTimeZone         = 44
	systemEmulationBasic          = 62
	systemEmulationProcessor      = 63
	systemExtendedHandle          = 64
	systemLogicalProcessor        = 73
	systemFirmwareTable           = 76
	systemProcessIDInformation    = 88
	systemBootEnvironment         = 90
	systemDynamicTimeZone         = 102
	systemCodeIntegrity           = 103
	systemLogicalProcessorGroup   = 107
	systemProcessorCycleTime      = 108
	systemNativeBasic             = 114
	systemKernelDebuggerEx        = 149
	systemCPUSetInformation       = 175
	systemSupportedArchitectures  = 181
	systemSupportedArchitectures2 = 230
)

// systemQueries lay out the classes that need no more than their number.
var systemQueries = map[uint32]func(t *Thread, q *inquiry){
	systemProcessorInformation: processorInformation,
	systemEmulationProcessor:   processorInformation,
	systemEmulationBasic: func(t *Thread, q *inquiry) {
		q.b = t.sys.basicInformation(t.as().Layout())
	},
	systemNativeBasic: func(t *Thread, q *inquiry) {
		q.b = t.sys.basicInformation(t.as().Layout())
	},
	systemTimeOfDayInformation: func(t *Thread, q *inquiry) {
		q.u64(bootTime-uptime/100, t.sys.SystemTime(), 0) // UTC
		q.u32(0, 0)
		q.u64(0, 0)
	},
	systemProcessInformation: processList,
	systemProcessorPerformance: func(t *Thread, q *inquiry) {
		busy := t.sys.cpu.IC / 100
		idle := t.sys.InterruptTime() - busy
		q.u64(idle, idle, busy, 0, 0) // the time of the kernel is the idle thread's
		q.u32(0, 0)
	},
	systemFlagsInformation: func(_ *Thread, q *inquiry) { q.u32(0) },
	// The executive is not made of modules.
	systemModuleInformation: func(_ *Thread, q *inquiry) { q.u32(0) },
	systemHandleInformation: func(t *Thread, q *inquiry) {
		q.u64(0)
		n := uint32(0)
		t.sys.eachHandle(func(p *Process, handle uint64, e *handleEntry) {
			if handle <= 0xffff {
				q.u32(uint32(p.id)&0xffff, typeIndex(e.object)|uint32(e.attributes)<<8|uint32(handle)<<16)
				q.u64(0, uint64(e.access)) // kernel addresses are nobody's business
				n++
			}
		})
		binary.LittleEndian.PutUint32(q.b, n)
	},
	systemExtendedHandle: func(t *Thread, q *inquiry) {
		q.u64(0, 0)
		n := uint64(0)
		t.sys.eachHandle(func(p *Process, handle uint64, e *handleEntry) {
			q.u64(0, p.id, handle)
			q.u32(e.access, typeIndex(e.object)<<16, uint32(e.attributes), 0)
			n++
		})
		binary.LittleEndian.PutUint64(q.b, n)
	},
	systemInterruptInformation: func(t *Thread, q *inquiry) { q.u32(uint32(t.sys.switches), 0, 0, clockIncrement, 0, 0) },
	systemTimeAdjustment:       func(_ *Thread, q *inquiry) { q.u32(clockIncrement, clockIncrement, 1) }, // none
	systemExceptionInformation: func(_ *Thread, q *inquiry) { q.u32(0, 0, 0, 0) },
	systemKernelDebugger:       func(_ *Thread, q *inquiry) { q.b = append(q.b, 0, 1) }, // not enabled, not present
	systemKernelDebuggerEx:     func(_ *Thread, q *inquiry) { q.b = append(q.b, 0, 0, 0) },
	systemRegistryQuota: func(t *Thread, q *inquiry) {
		q.u32(maxRegistry, uint32(t.sys.keys().size))
		q.u64(maxRegistry)
	},
	systemCurrentTimeZone:  func(_ *Thread, q *inquiry) { timeZone(q) },
	systemDynamicTimeZone:  func(_ *Thread, q *inquiry) { dynamicTimeZone(q) },
	systemLogicalProcessor: logicalProcessors,
	systemBootEnvironment: func(_ *Thread, q *inquiry) {
		const firmwareBIOS = 1
		q.u64(0, 0) // the boot identifier
		q.u32(firmwareBIOS, 0)
		q.u64(0)
	},
	systemProcessorCycleTime: func(t *Thread, q *inquiry) { q.u64(t.sys.cpu.IC) },
}

// clockIncrement is the time between two interrupts of the clock in 100 ns units.
const clockIncrement = 156250

// querySystem answers the classes of systemQueries and those that read their buffer.
func (t *Thread) querySystem(a *querySystemInformationArgs) (ntdef.Status, error) {
	switch a.Class {
	case systemCodeIntegrity:
		return t.codeIntegrity(a)
	case systemProcessIDInformation:
		return t.processIDInformation(a)
	case systemFirmwareTable: // there are no tables
		return ntdef.STATUS_INVALID_DEVICE_REQUEST, nil
	}
	lay := systemQueries[a.Class]
	if lay == nil {
		t.sys.refuse(classOf("NtQuerySystemInformation", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	q := inquiry{at: a.Buffer}
	lay(t, &q)
	if a.Class == systemTimeOfDayInformation {
		if a.Length > uint32(len(q.b)) {
			return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
		}
		q.b = q.b[:a.Length] // older programs know less of it
	}
	return t.answerSystem(q.b, a)
}

// answerSystem stores an answer: INFO_LENGTH_MISMATCH where there is no room, with the length that it takes.
func (t *Thread) answerSystem(b []byte, a *querySystemInformationArgs) (ntdef.Status, error) {
	if a.Length < uint32(len(b)) {
		if a.ReturnLength != 0 {
			return ntdef.STATUS_INFO_LENGTH_MISMATCH, t.Store32(uint64(a.ReturnLength), uint32(len(b)))
		}
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	return t.answer32(a.Buffer, b, a.ReturnLength)
}

// processorInformation is SYSTEM_PROCESSOR_INFORMATION.
func processorInformation(t *Thread, q *inquiry) {
	const amd64, maximumProcessors = 9, 1
	// RDTSC, CR4, CMOV, global and large pages, CMPXCHG8B, MMX, PAT, FXSAVE, SYSCALL, SSE, SSE2 (KF_*)
	const features = 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x80 | 0x100 | 0x400 | 0x800 | 0x1000 | 0x2000 | 0x10000
	c := t.sys.cpu.Identity()
	q.u32(amd64|c.Family<<16, c.Model<<8|c.Stepping|maximumProcessors<<16, features)
}

// processList is a SYSTEM_PROCESS_INFORMATION with its threads and its name for each process, in the order of their making.
func processList(t *Thread, q *inquiry) {
	le := binary.LittleEndian
	last := 0
	for i, p := range t.sys.procs {
		if i > 0 {
			le.PutUint32(q.b[last:], uint32(len(q.b)-last))
		}
		last = len(q.b)
		q.b = append(q.b, p.systemInformation()...)
		for _, th := range p.threads {
			q.b = append(q.b, th.systemInformation()...)
		}
		name := EncodeUTF16(p.program.Name)
		le.PutUint16(q.b[last+0x38:], uint16(len(name)))
		le.PutUint16(q.b[last+0x3a:], uint16(len(name)+2))
		q.pointer(last + 0x40)
		q.b = append(append(q.b, name...), 0, 0)
		for len(q.b)%8 != 0 {
			q.b = append(q.b, 0)
		}
	}
}

// systemInformation is the process's part of SYSTEM_PROCESS_INFORMATION.
func (p *Process) systemInformation() []byte {
	const size = 0x100
	var b [size]byte
	le := binary.LittleEndian
	counters := p.VMCounters()
	le.PutUint32(b[0x04:], uint32(len(p.threads)))
	copy(b[0x08:0x10], counters[96:104])
	le.PutUint32(b[0x14:], uint32(len(p.threads)))
	le.PutUint64(b[0x18:], p.CPUTime())
	le.PutUint64(b[0x20:], p.info.made)
	le.PutUint64(b[0x28:], p.CPUTime()/100)
	le.PutUint32(b[0x48:], uint32(p.basePriority()))
	le.PutUint64(b[0x50:], p.id)
	if p.parent != nil {
		le.PutUint64(b[0x58:], p.parent.id)
	}
	le.PutUint32(b[0x60:], p.HandleCount())
	le.PutUint32(b[0x64:], sessionID)
	copy(b[0x70:0xd0], counters)
	for i, v := range []uint64{p.info.reads.count, p.info.writes.count, 0, p.info.reads.bytes, p.info.writes.bytes} {
		le.PutUint64(b[0xd0+8*i:], v)
	}
	return b[:]
}

// eachHandle calls a function for every handle of every process.
func (s *System) eachHandle(see func(p *Process, handle uint64, e *handleEntry)) {
	for _, p := range s.procs {
		for i := range p.handles.entries {
			if e := &p.handles.entries[i]; e.object != nil {
				see(p, uint64(4*i), e)
			}
		}
	}
}

// timeZone is RTL_TIME_ZONE_INFORMATION: UTC.
func timeZone(q *inquiry) {
	const name = 64
	q.u32(0)
	for range 2 { // standard and daylight: name, date, bias
		text := make([]byte, name+16+4)
		copy(text, EncodeUTF16("Coordinated Universal Time"))
		q.b = append(q.b, text...)
	}
}

// dynamicTimeZone is RTL_DYNAMIC_TIME_ZONE_INFORMATION.
func dynamicTimeZone(q *inquiry) {
	const keyName = 256
	timeZone(q)
	key := make([]byte, keyName+4)
	copy(key, EncodeUTF16("UTC"))
	q.b = append(q.b, key...)
}

// The relationships of logical processors (winnt.h, LOGICAL_PROCESSOR_RELATIONSHIP).
const (
	relationCore    = 0
	relationNode    = 1
	relationCache   = 2
	relationPackage = 3
	relationGroup   = 4
	relationAll     = 0xffff
)

// logicalProcessors is an array of SYSTEM_LOGICAL_PROCESSOR_INFORMATION: one core, one node, one package. CPUID describes no caches.
func logicalProcessors(_ *Thread, q *inquiry) {
	for _, relation := range []uint64{relationCore, relationNode, relationPackage} {
		q.u64(1, relation, 0, 0)
	}
}

// processorRelations is SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX of one relationship or of all.
func processorRelations(q *inquiry, want uint32) {
	const size, groupSize = 48, 80
	for _, relation := range []uint32{relationCore, relationNode, relationPackage} {
		if want == relation || want == relationAll {
			q.u32(relation, size, 0, 0, 0, 0, 0)
			q.u32(1 << 16) // GroupCount in the upper half
			q.u64(1, 0)    // the mask, group 0
		}
	}
	if want == relationGroup || want == relationAll {
		var b [groupSize]byte
		le := binary.LittleEndian
		le.PutUint32(b[0:], relationGroup)
		le.PutUint32(b[4:], groupSize)
		b[8], b[10] = 1, 1  // groups: maximum, active
		b[32], b[33] = 1, 1 // processors of the first
		le.PutUint64(b[72:], 1)
		q.b = append(q.b, b[:]...)
	}
}

// codeIntegrity is SYSTEM_CODEINTEGRITY_INFORMATION, which says its own length: nothing is enforced.
func (t *Thread) codeIntegrity(a *querySystemInformationArgs) (ntdef.Status, error) {
	const size = 8
	if a.Length != size {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	n, err := t.Load32(a.Buffer)
	switch {
	case err != nil:
		return 0, err
	case n != size:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	return t.answer32(a.Buffer, []byte{size, 0, 0, 0, 0, 0, 0, 0}, a.ReturnLength)
}

// processIDInformation gives the native path of the program of a process by its identifier, in the caller's UNICODE_STRING:
// INVALID_CID.
func (t *Thread) processIDInformation(a *querySystemInformationArgs) (ntdef.Status, error) {
	const size = 24
	if a.Length != size {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	var b [size]byte
	if err := t.Read(a.Buffer, b[:]); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	for _, p := range t.sys.procs {
		if p.id != le.Uint64(b[0:]) {
			continue
		}
		text := EncodeUTF16(p.nativeImagePath())
		if int(le.Uint16(b[10:])) < len(text) {
			le.PutUint16(b[10:], uint16(len(text)))
			if err := t.Write(a.Buffer, b[:]); err != nil {
				return 0, err
			}
			return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
		}
		if err := t.Write(le.Uint64(b[16:]), text); err != nil {
			return 0, err
		}
		le.PutUint16(b[8:], uint16(len(text)))
		return t.answer32(a.Buffer, b[:], a.ReturnLength)
	}
	return ntdef.STATUS_INVALID_CID, nil
}

type querySystemInformationExArgs struct {
	Class        uint32
	Input        uint64
	InputLength  uint32
	Buffer       uint64
	Length       uint32
	ReturnLength ntdef.Ptr[uint32]
}

// ntQuerySystemInformationEx answers the classes that take an input; those of the processor group 0 are the plain ones.
func ntQuerySystemInformationEx(t *Thread, a *querySystemInformationExArgs) (ntdef.Status, error) {
	if a.Input == 0 || a.InputLength == 0 || a.InputLength > 16 {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	var in [16]byte
	if err := t.Read(a.Input, in[:a.InputLength]); err != nil {
		return 0, err
	}
	plain := querySystemInformationArgs{a.Class, a.Buffer, a.Length, a.ReturnLength}
	q := inquiry{at: a.Buffer}
	le := binary.LittleEndian
	switch a.Class {
	case systemLogicalProcessorGroup:
		if a.InputLength != 4 {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		processorRelations(&q, le.Uint32(in[:]))
	case systemCPUSetInformation, systemSupportedArchitectures, systemSupportedArchitectures2:
		if a.InputLength != 8 {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		h := ntdef.Handle(le.Uint64(in[:]))
		if h != 0 {
			if _, st := t.proc.ProcessFor(h, PROCESS_QUERY_LIMITED_INFORMATION); st != ntdef.STATUS_SUCCESS {
				return st, nil
			}
		}
		if a.Class == systemCPUSetInformation {
			const size, cpuSet, firstID = 32, 0, 0x100
			q.u32(size, cpuSet, firstID, 0, 0, 0)
			q.u64(0)
			break
		}
		const amd64, kernelMode, userMode, native, process = 0x8664, 1 << 16, 1 << 17, 1 << 18, 1 << 19
		machine := uint32(amd64 | kernelMode | userMode | native)
		if h != 0 {
			machine |= process
		}
		q.u32(machine, 0)
	case systemProcessorPerformance, systemInterruptInformation, systemLogicalProcessor, systemProcessorCycleTime:
		if a.InputLength < 2 || le.Uint16(in[:]) != 0 {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		return t.querySystem(&plain)
	default:
		t.sys.refuse(classOf("NtQuerySystemInformationEx", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	return t.answerSystem(q.b, &plain)
}
