package nt

import (
	"encoding/binary"
	"fmt"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
)

// The classes of NtQueryInformationProcess and NtSetInformationProcess that are not about memory (winternl.h, PROCESSINFOCLASS).
const (
	processIoCounters             = 2
	processTimes                  = 4
	processBasePriority           = 5
	processRaisePriority          = 6
	processDebugPort              = 7
	processAccessToken            = 9
	processDefaultHardErrorMode   = 12
	processPriorityClass          = 18
	processAffinityMask           = 21
	processPriorityBoost          = 22
	processDeviceMap              = 23
	processSessionInformation     = 24
	processForeground             = 25
	processWow64Information       = 26
	processImageFileName          = 27
	processLUIDDeviceMaps         = 28
	processBreakOnTermination     = 29
	processDebugObjectHandle      = 30
	processDebugFlags             = 31
	processIoPriority             = 33
	processCookie                 = 36
	processImageInformation       = 37
	processCycleTime              = 38
	processThreadStackAllocation  = 41
	processImageFileNameWin32     = 43
	processGroupInformation       = 47
	processTokenVirtualization    = 48
	processHandleInformation      = 51
	processHandleTable            = 58
	processCommandLineInformation = 60
	processProtectionInformation  = 61
	processSubsystemInformation   = 75
	processPowerThrottling        = 77
)

// processInfo is what NtSetInformationProcess keeps of a process, and what it began with.
type processInfo struct {
	image          *Section // of its program
	commandLine    string
	made, finished uint64 // 100 ns units since 1601; finished is 0 while it runs
	cookie         uint32 // 0: nobody has asked for it
	errorMode      uint32 // of hard errors
	class          uint8  // of priority; 0: normal
	foreground     bool
	noBoost        bool
	noInherit      bool // of debuggers by children
	ioPriority     uint32
	background     background
	throttle       [2]uint32 // ProcessPowerThrottlingState: control and state mask
	reads, writes  transfers
}

// DefaultErrorMode is how a process treats hard errors that has not said (ntpsapi.h, PROCESS_HARDERROR_DEFAULT): critical ones are reported,
// which bit 0 says, Win32's SEM_FAILCRITICALERRORS the other way round. Wine's processes begin with 0.
const DefaultErrorMode = 1

// newProcessInfo is that of a new process. A child of one that runs at idle or below-normal priority does too (CreateProcess).
func newProcessInfo(s *System, parent *Process) processInfo {
	i := processInfo{made: s.SystemTime(), ioPriority: ioPriorityNormal}
	switch {
	case parent != nil:
		i.errorMode = parent.info.errorMode
		if c := parent.info.class; c == PriorityClassIdle || c == PriorityClassBelowNormal {
			i.class = c
		}
	case !s.wine():
		i.errorMode = DefaultErrorMode
	}
	return i
}

// ErrorMode returns how the process treats hard errors, SetErrorMode changes it: ProcessDefaultHardErrorMode.
func (p *Process) ErrorMode() uint32 { return p.info.errorMode }

func (p *Process) SetErrorMode(mode uint32) { p.info.errorMode = mode }

// transfers counts what a process read or wrote.
type transfers struct{ count, bytes uint64 }

func (c *transfers) add(n int) {
	c.count++
	c.bytes += uint64(n)
}

// processQuery answers a class: the right that the handle needs, and what it lays out. The buffer has exactly that length, but where
// the class ends with a string.
type processQuery struct {
	access   uint32
	variable bool
	lay      func(t *Thread, p *Process, q *inquiry) ntdef.Status
}

// always makes a query that cannot fail.
func always(lay func(p *Process, q *inquiry)) func(*Thread, *Process, *inquiry) ntdef.Status {
	return func(_ *Thread, p *Process, q *inquiry) ntdef.Status {
		lay(p, q)
		return ntdef.STATUS_SUCCESS
	}
}

// limited and full are the rights that classes need.
const (
	limited = PROCESS_QUERY_LIMITED_INFORMATION
	full    = PROCESS_QUERY_INFORMATION
)

var processQueries = map[uint32]processQuery{
	processIoCounters: {limited, false, always(func(p *Process, q *inquiry) {
		q.u64(p.info.reads.count, p.info.writes.count, 0, p.info.reads.bytes, p.info.writes.bytes, 0)
	})},
	processTimes: {limited, false, always(func(p *Process, q *inquiry) {
		q.u64(p.info.made, p.info.finished, 0, p.CPUTime()/100) // the kernel takes no time
	})},
	processDebugPort:            {full, false, always(func(_ *Process, q *inquiry) { q.u64(0) })}, // nobody debugs it
	processDefaultHardErrorMode: {full, false, always(func(p *Process, q *inquiry) { q.u32(p.info.errorMode) })},
	processPriorityClass: {limited, false, always(func(p *Process, q *inquiry) {
		q.b = append(q.b, b2u8(p.info.foreground), p.PriorityClass())
	})},
	processAffinityMask:       {full, false, always(func(_ *Process, q *inquiry) { q.u64(1) })},
	processPriorityBoost:      {full, false, always(func(p *Process, q *inquiry) { q.u32(uint32(b2u8(p.info.noBoost))) })},
	processDeviceMap:          {full, false, always(deviceMap)},
	processSessionInformation: {limited, false, always(func(_ *Process, q *inquiry) { q.u32(sessionID) })},
	processWow64Information:   {limited, false, always(func(_ *Process, q *inquiry) { q.u64(0) })}, // a 64-bit one
	processImageFileName: {limited, true, always(func(p *Process, q *inquiry) {
		q.unicode(p.nativeImagePath())
	})},
	processLUIDDeviceMaps:     {full, false, always(func(_ *Process, q *inquiry) { q.u32(1) })},
	processBreakOnTermination: {full, false, always(func(_ *Process, q *inquiry) { q.u32(0) })},
	processDebugObjectHandle: {full, false, func(*Thread, *Process, *inquiry) ntdef.Status {
		return ntdef.STATUS_PORT_NOT_SET
	}},
	processDebugFlags: {full, false, always(func(p *Process, q *inquiry) { q.u32(uint32(1 - b2u8(p.info.noInherit))) })},
	processIoPriority: {full, false, always(func(p *Process, q *inquiry) { q.u32(p.info.ioPriority) })},
	processCookie: {full, false, func(t *Thread, p *Process, q *inquiry) ntdef.Status {
		if p != t.proc {
			return ntdef.STATUS_INVALID_PARAMETER
		}
		for p.info.cookie == 0 {
			p.info.cookie = uint32(t.sys.Rand())
		}
		q.u32(p.info.cookie)
		return ntdef.STATUS_SUCCESS
	}},
	processImageInformation: {limited, false, func(_ *Thread, p *Process, q *inquiry) ntdef.Status {
		if p.info.image == nil {
			return ntdef.STATUS_PROCESS_IS_TERMINATING
		}
		q.b = make([]byte, imageInformationSize)
		p.info.image.putInformation(q.b)
		return ntdef.STATUS_SUCCESS
	}},
	processCycleTime: {limited, false, always(func(p *Process, q *inquiry) { q.u64(p.CPUTime(), 0) })},
	processImageFileNameWin32: {limited, true, always(func(p *Process, q *inquiry) {
		q.unicode(p.program.Path)
	})},
	processGroupInformation:    {limited, true, always(func(_ *Process, q *inquiry) { q.b = append(q.b, 0, 0) })}, // group 0
	processTokenVirtualization: {limited, false, always(func(_ *Process, q *inquiry) { q.u32(0) })},
	processHandleInformation: {full, true, func(t *Thread, p *Process, q *inquiry) ntdef.Status {
		p.handleSnapshot(q)
		return ntdef.STATUS_SUCCESS
	}},
	processHandleTable: {full, true, always(func(p *Process, q *inquiry) {
		for i := range p.handles.entries {
			if p.handles.entries[i].object != nil {
				q.u32(uint32(4 * i))
			}
		}
	})},
	processCommandLineInformation: {limited, true, always(func(p *Process, q *inquiry) { q.unicode(p.info.commandLine) })},
	processProtectionInformation:  {limited, false, always(func(_ *Process, q *inquiry) { q.b = append(q.b, 0) })},
	processSubsystemInformation:   {limited, false, always(func(_ *Process, q *inquiry) { q.u32(0) })}, // Win32
}

// unicode appends a UNICODE_STRING with its text and a terminator behind it.
func (q *inquiry) unicode(s string) {
	text := EncodeUTF16(s)
	at := len(q.b)
	q.u64(uint64(len(text))|uint64(len(text)+2)<<16, 0)
	q.pointer(at + 8)
	q.b = append(append(q.b, text...), 0, 0)
}

func b2u8(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// deviceMap is the query form of PROCESS_DEVICEMAP_INFORMATION: which drives there are, and that they are fixed.
func deviceMap(p *Process, q *inquiry) {
	const driveFixed = 3
	var types [32]byte
	drives := uint32(0)
	for i, d := range p.sys.volumes.drives {
		if d != nil {
			drives |= 1 << i
			types[i] = driveFixed
		}
	}
	q.u32(drives)
	q.b = append(q.b, types[:]...)
}

// nativeImagePath is the program's path as the kernel names it.
func (p *Process) nativeImagePath() string {
	path := p.program.Path
	if len(path) < 2 || path[1] != ':' {
		return path
	}
	return deviceOf(path[0]) + path[2:]
}

// handleSnapshot lays out a PROCESS_HANDLE_SNAPSHOT_INFORMATION.
func (p *Process) handleSnapshot(q *inquiry) {
	q.u64(uint64(p.HandleCount()), 0)
	for i := range p.handles.entries {
		e := &p.handles.entries[i]
		if e.object == nil {
			continue
		}
		q.u64(uint64(4*i), uint64(e.object.head().handles), uint64(e.object.head().handles))
		q.u32(e.access, typeIndex(e.object), uint32(e.attributes), 0)
	}
}

// typeIndex is an object's type as a number (OBJECT_TYPE_INFORMATION).
func typeIndex(o object) uint32 {
	for i := range objectTypes {
		if objectTypes[i].name == o.typeName() {
			return uint32(i) + firstTypeIndex
		}
	}
	return 0
}

// queryProcess answers the classes of processQueries.
func (t *Thread) queryProcess(p *Process, a *queryInformationProcessArgs) (ntdef.Status, error) {
	c, ok := processQueries[a.Class]
	if !ok {
		t.sys.refuse(classOf("NtQueryInformationProcess", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	q := inquiry{at: a.Buffer}
	if st := c.lay(t, p, &q); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	n := uint32(len(q.b))
	if a.Length < n || a.Length > n && !c.variable {
		if c.variable && a.ReturnLength != 0 {
			return ntdef.STATUS_INFO_LENGTH_MISMATCH, t.Store32(uint64(a.ReturnLength), n)
		}
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	return t.answer32(a.Buffer, q.b, a.ReturnLength)
}

// Priority classes (ntpsapi.h, PROCESS_PRIORITY_CLASS_*).
const (
	PriorityClassIdle        = 1
	PriorityClassNormal      = 2
	PriorityClassHigh        = 3
	PriorityClassRealTime    = 4
	PriorityClassBelowNormal = 5
	PriorityClassAboveNormal = 6
)

// basePriorities are those of the classes.
var basePriorities = [...]int32{0, 4, normalBase, 13, 24, 6, 10}

// PriorityClass returns the process's class.
func (p *Process) PriorityClass() uint8 {
	if p.info.class == 0 {
		return PriorityClassNormal
	}
	return p.info.class
}

// basePriority is that of a thread whose own priority is normal.
func (p *Process) basePriority() int32 { return basePriorities[p.PriorityClass()] }

// SetPriorityClass gives the process a class: INVALID_PARAMETER for none, PRIVILEGE_NOT_HELD for the real-time one without
// SeIncreaseBasePriorityPrivilege.
func (p *Process) SetPriorityClass(class uint8) ntdef.Status {
	switch {
	case class == 0 || int(class) >= len(basePriorities):
		return ntdef.STATUS_INVALID_PARAMETER
	case class == PriorityClassRealTime && !p.callerHolds(SeIncreaseBasePriorityPrivilege):
		return ntdef.STATUS_PRIVILEGE_NOT_HELD
	}
	p.setClass(class)
	return ntdef.STATUS_SUCCESS
}

// setClass gives the threads their place in a class; those in background mode keep theirs.
func (p *Process) setClass(class uint8) {
	p.info.class = class
	for _, t := range p.threads {
		if t.background.on {
			t.relative = int32(t.priority) - p.basePriority()
		} else {
			t.SetPriority(t.relative)
		}
	}
}

// processSet sets a class: how long its buffer is, and what it does with it.
type processSet struct {
	size uint32
	set  func(t *Thread, p *Process, b []byte) ntdef.Status
}

// needs makes a class that a privilege guards and that nothing more is known of.
func needs(size uint32, privilege Privilege) processSet {
	return processSet{size, func(t *Thread, _ *Process, _ []byte) ntdef.Status {
		if !t.proc.Holds(privilege) {
			return ntdef.STATUS_PRIVILEGE_NOT_HELD
		}
		t.sys.refuse(fmt.Sprintf("NtSetInformationProcess: what needs %s", privilege.Name()))
		return ntdef.STATUS_NOT_IMPLEMENTED
	}}
}

var processSets = map[uint32]processSet{
	processBasePriority:       needs(4, SeIncreaseBasePriorityPrivilege),
	processRaisePriority:      needs(4, SeIncreaseBasePriorityPrivilege),
	processAccessToken:        needs(16, firstPrivilege+1), // SeAssignPrimaryTokenPrivilege
	processSessionInformation: needs(4, SeTcbPrivilege),
	processBreakOnTermination: needs(4, SeDebugPrivilege),
	processDefaultHardErrorMode: {4, func(_ *Thread, p *Process, b []byte) ntdef.Status {
		p.info.errorMode = binary.LittleEndian.Uint32(b)
		return ntdef.STATUS_SUCCESS
	}},
	processPriorityClass: {2, func(_ *Thread, p *Process, b []byte) ntdef.Status {
		st := p.SetPriorityClass(b[1])
		if st == ntdef.STATUS_SUCCESS {
			p.info.foreground = b[0] != 0
		}
		return st
	}},
	processForeground: {1, func(_ *Thread, p *Process, b []byte) ntdef.Status {
		p.info.foreground = b[0] != 0
		return ntdef.STATUS_SUCCESS
	}},
	processAffinityMask: {8, func(_ *Thread, _ *Process, b []byte) ntdef.Status {
		if binary.LittleEndian.Uint64(b) != 1 { // there is one processor
			return ntdef.STATUS_INVALID_PARAMETER
		}
		return ntdef.STATUS_SUCCESS
	}},
	processPriorityBoost: {4, func(_ *Thread, p *Process, b []byte) ntdef.Status {
		p.info.noBoost = binary.LittleEndian.Uint32(b) != 0
		return ntdef.STATUS_SUCCESS
	}},
	processDebugFlags: {4, func(_ *Thread, p *Process, b []byte) ntdef.Status {
		v := binary.LittleEndian.Uint32(b)
		if v > 1 {
			return ntdef.STATUS_INVALID_PARAMETER
		}
		p.info.noInherit = v == 0
		return ntdef.STATUS_SUCCESS
	}},
	processIoPriority: {4, func(t *Thread, p *Process, b []byte) ntdef.Status {
		v := binary.LittleEndian.Uint32(b)
		switch {
		case v > ioPriorityHigh+1:
			return ntdef.STATUS_INVALID_PARAMETER
		case v >= ioPriorityHigh && !t.proc.Holds(SeIncreaseBasePriorityPrivilege):
			return ntdef.STATUS_PRIVILEGE_NOT_HELD
		}
		p.info.ioPriority = v
		return ntdef.STATUS_SUCCESS
	}},
	processPowerThrottling: {12, func(_ *Thread, p *Process, b []byte) ntdef.Status {
		const version, known = 1, 7 // execution speed, delay, timer resolution
		le := binary.LittleEndian
		control, state := le.Uint32(b[4:]), le.Uint32(b[8:])
		if le.Uint32(b) != version || control&^known != 0 || state&^control != 0 {
			return ntdef.STATUS_INVALID_PARAMETER
		}
		p.info.throttle = [2]uint32{control, state}
		return ntdef.STATUS_SUCCESS
	}},
}

// setProcess sets the classes of processSets.
func (t *Thread) setProcess(p *Process, a *setInformationProcessArgs) (ntdef.Status, error) {
	if a.Class == processThreadStackAllocation {
		return t.allocateThreadStack(p, a)
	}
	c, ok := processSets[a.Class]
	switch {
	case !ok:
		t.sys.refuse(classOf("NtSetInformationProcess", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	case a.Length != c.size:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	b := make([]byte, c.size)
	if err := t.Read(a.Buffer, b); err != nil {
		return 0, err
	}
	return c.set(t, p, b), nil
}

// allocateThreadStack reserves the memory of a stack and stores where (PROCESS_STACK_ALLOCATION_INFORMATION, or the EX form, before
// whose fields a preferred node lies): ntdll asks for it before it commits the stack's first pages.
func (t *Thread) allocateThreadStack(p *Process, a *setInformationProcessArgs) (ntdef.Status, error) {
	const plain, ex = 24, 40
	at := a.Buffer
	switch a.Length {
	case plain:
	case ex:
		at += ex - plain
	default:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	size, err := t.Load64(at)
	if err != nil {
		return 0, err
	}
	zeroBits, err := t.Load64(at + 8)
	if err != nil {
		return 0, err
	}
	if err := t.Store64(at+16, 0); err != nil {
		return 0, err
	}
	r := ntmm.Request{Size: size, ZeroBits: zeroBits, Type: ntdef.MEM_RESERVE, Protect: ntdef.PAGE_READWRITE}
	if st := p.AllocateVirtualMemory(&r); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return ntdef.STATUS_SUCCESS, t.Store64(at+16, uint64(r.Base))
}
