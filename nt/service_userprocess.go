package nt

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var userProcessServices = []Service{
	service("NtCreateUserProcess", Partial("no debug objects, lists of jobs, mitigations or manifests"), ntCreateUserProcess),
	service("NtCreateProcess", Partial("refused: NtCreateUserProcess makes processes"), ntCreateProcess),
	service("NtCreateProcessEx", Partial("refused: NtCreateUserProcess makes processes"), ntCreateProcess),
	service("NtOpenProcess", Full, ntOpenProcess),
	service("NtGetNextProcess", Full, ntGetNextProcess),
	service("NtSuspendProcess", Full, ntSuspendProcess),
	service("NtResumeProcess", Full, ntResumeProcess),
	service("NtTerminateProcess", Full, ntTerminateProcess),
}

type createUserProcessArgs struct {
	Process, Thread                     ntdef.Ptr[uint64]
	ProcessAccess, ThreadAccess         uint32
	ProcessAttributes, ThreadAttributes uint64
	ProcessFlags, ThreadFlags           uint32
	Parameters                          uint64
	CreateInfo                          uint64
	List                                uint64
}

// PROCESS_CREATE_FLAGS (ntpsapi.h) that mean something here, and those that mean nothing: there are no debuggers and one address-space
// layout.
const (
	processBreakaway      = 0x001
	processNoDebugInherit = 0x002
	processInheritHandles = 0x004
	processSuspended      = 0x200
	processForceBreakaway = 0x400
	processReleaseSection = 0x1000
	processCreateFlags    = processBreakaway | processNoDebugInherit | processInheritHandles | processSuspended | processForceBreakaway |
		processReleaseSection
)

// PS_CREATE_INFO (ntpsapi.h): 58h bytes, a state at 8 and what belongs to it from 10h on.
const (
	createInfoSize       = 0x58
	createInitialState   = 0
	createFailOnOpen     = 1
	createFailOnSection  = 2
	createFailExeFormat  = 3
	createFailMachine    = 4
	createSuccess        = 6
	createWritesOnExit   = 1 // of InitFlags
	createProhibitedBits = 16
)

// createInfo is the PS_CREATE_INFO of a call.
type createInfo struct {
	va         uint64
	writes     bool   // the caller wants handles and addresses of a success
	prohibited uint32 // Characteristics that the image may not have
}

func (t *Thread) loadCreateInfo(va uint64) (info createInfo, st ntdef.Status, err error) {
	var b [createInfoSize]byte
	if t.sys.wine() {
		return info, 0, nil // whose kernelbase passes one that it never fills nor reads
	}
	if err := t.Read(va, b[:]); err != nil {
		return info, 0, err
	}
	if err := t.Probe(va, createInfoSize, x86.Write); err != nil {
		return info, 0, err
	}
	le := binary.LittleEndian
	if le.Uint64(b[0:]) != createInfoSize || le.Uint32(b[8:]) != createInitialState {
		return info, ntdef.STATUS_INVALID_PARAMETER, nil
	}
	flags := le.Uint32(b[0x10:])
	return createInfo{va, flags&createWritesOnExit != 0, flags >> createProhibitedBits}, ntdef.STATUS_SUCCESS, nil
}

// answer writes a state and what belongs to it.
func (i *createInfo) answer(t *Thread, state uint32, b []byte) error {
	if i.va == 0 {
		return nil
	}
	if err := t.Store32(i.va+8, state); err != nil {
		return err
	}
	return t.Write(i.va+0x10, b)
}

// ntCreateUserProcess makes a process and its first thread. The request is made from the parent's parameters, the attributes and the
// flags; what was wrong with the image goes into the PS_CREATE_INFO.
func ntCreateUserProcess(t *Thread, a *createUserProcessArgs) (ntdef.Status, error) {
	for _, at := range []ntdef.Ptr[uint64]{a.Process, a.Thread} {
		if err := t.Probe(uint64(at), 8, x86.Write); err != nil {
			return 0, err
		}
	}
	processAttributes, err := t.objectAttributes(a.ProcessAttributes)
	if err != nil {
		return 0, err
	}
	threadAttributes, err := t.objectAttributes(a.ThreadAttributes)
	if err != nil {
		return 0, err
	}
	info, st, err := t.loadCreateInfo(a.CreateInfo)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return st, err
	}
	parameters, st, err := t.loadParameters(a.Parameters)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return st, err
	}
	list, st, err := t.psAttributes(a.List)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return st, err
	}
	switch {
	case a.ProcessFlags&^processCreateFlags != 0:
		t.sys.refuse(fmt.Sprintf("NtCreateUserProcess: the process flags %#x", a.ProcessFlags&^processCreateFlags))
		return ntdef.STATUS_NOT_SUPPORTED, nil
	case a.ThreadFlags&^threadCreateFlags != 0:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	r := ProcessRequest{
		parameters: parameters, Standard: parameters.standard(), Inherit: a.ProcessFlags&processInheritHandles != 0,
		Breakaway:     a.ProcessFlags&(processBreakaway|processForceBreakaway) != 0,
		Suspended:     a.ThreadFlags&threadCreateSuspended != 0 || a.ProcessFlags&processSuspended != 0,
		ProcessAccess: a.ProcessAccess, ThreadAccess: a.ThreadAccess,
		ProcessSecurity: processAttributes.win32(), ThreadSecurity: threadAttributes.win32(), prohibited: info.prohibited,
	}
	for i := range list {
		if st, err := t.processAttribute(&r, &list[i]); err != nil || st != ntdef.STATUS_SUCCESS {
			return st, err
		}
	}
	if r.Path == "" { // the name is an attribute, not the parameters'
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	p, process, thread, st := t.CreateProcess(&r)
	if st != ntdef.STATUS_SUCCESS {
		return st, t.creationFailed(&info, &r, st)
	}
	for i := range list {
		var err error
		switch e := &list[i]; e.kind {
		case psAttributeClientID:
			err = e.answer(t, p.thread.clientID())
		case psAttributeTebAddress:
			err = e.answer(t, littleEndian64(p.thread.teb))
		case psAttributeImageInfo:
			var b [imageInformationSize]byte
			p.program.section.putInformation(b[:])
			err = e.answer(t, b[:])
		}
		if err != nil {
			return 0, err
		}
	}
	if err := t.creationSucceeded(&info, &r, p); err != nil {
		return 0, err
	}
	if err := t.Store64(uint64(a.Process), uint64(process)); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.Store64(uint64(a.Thread), uint64(thread))
}

// processAttribute adds an attribute to a request. NOT_SUPPORTED for what is known and missing, INVALID_PARAMETER for what is not known.
func (t *Thread) processAttribute(r *ProcessRequest, a *psAttribute) (ntdef.Status, error) {
	switch a.kind {
	case psAttributeClientID, psAttributeTebAddress, psAttributeImageInfo:
		return ntdef.STATUS_SUCCESS, a.probe(t)
	case psAttributeImageName:
		if a.size > 0xffff {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		b := make([]byte, a.size&^1)
		if err := t.Read(a.value, b); err != nil {
			return 0, err
		}
		r.Path = decodeUTF16(b)
	case psAttributeParentProcess:
		p, st := t.proc.ProcessFor(ntdef.Handle(a.value), PROCESS_CREATE_PROCESS)
		if st == ntdef.STATUS_SUCCESS && p.exited {
			st = ntdef.STATUS_PROCESS_IS_TERMINATING
		}
		r.Parent = p
		return st, nil
	case psAttributeToken:
		o, st := t.token(ntdef.Handle(a.value), tokenAssignPrimary|tokenDuplicate|tokenQuery)
		r.token = o
		return st, nil
	case psAttributeHandleList:
		const most = 1 << 16
		if a.size%8 != 0 || a.size > most {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		r.Handles = []ntdef.Handle{}
		for at := a.value; at < a.value+a.size; at += 8 {
			h, err := t.Load64(at)
			if err != nil {
				return 0, err
			}
			r.Handles = append(r.Handles, ntdef.Handle(h))
		}
	case psAttributeStdHandleInfo: // PS_STD_HANDLE_INFO: bits 0 and 1 say whether the standard handles are duplicated, 2 to 4 which are not
		flags, err := t.Load32(a.value)
		if err != nil {
			return 0, err
		}
		r.keepStandard = uint8(flags >> 2 & 7)
		if flags&3 == 0 {
			r.keepStandard = 7
		}
	case psAttributePriorityClass: // a UCHAR
		if r.PriorityClass = uint8(a.value); a.size != 1 || r.PriorityClass == 0 {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
	case psAttributeErrorMode: // a ULONG
		if a.size != 4 {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		mode := uint32(a.value)
		r.ErrorMode = &mode
	case psAttributeGroupAffinity, psAttributePreferredNode, psAttributeIdealCPU: // one processor, one node
	default:
		name, known := psAttributeNames[a.kind]
		t.sys.refuse(fmt.Sprintf("NtCreateUserProcess: attribute %#x%s", a.kind, name))
		if known {
			return ntdef.STATUS_NOT_SUPPORTED, nil
		}
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	return ntdef.STATUS_SUCCESS, nil
}

// creationFailed tells the caller at which step: the file, its section, what kind of image it is.
func (t *Thread) creationFailed(info *createInfo, r *ProcessRequest, st ntdef.Status) error {
	switch r.failed {
	case createFailOnOpen:
		return info.answer(t, createFailOnOpen, nil)
	case createFailOnSection: // with the file, for callers that know what else it may be
		h, _, _ := t.proc.createFile(&OpenRequest{Path: r.Path, Access: programAccess, Share: programShare, Disposition: ntdef.FILE_OPEN})
		return info.answer(t, createFailOnSection, littleEndian64(uint64(h)))
	case createFailExeFormat:
		return info.answer(t, createFailExeFormat, littleEndian32(uint32(r.dllCharacteristics)))
	case createFailMachine:
		return info.answer(t, createFailMachine, nil)
	}
	return nil
}

const (
	programAccess = ntdef.FILE_READ_DATA | ntdef.FILE_EXECUTE | ntdef.SYNCHRONIZE
	programShare  = ntdef.FILE_SHARE_READ | ntdef.FILE_SHARE_DELETE
)

// creationSucceeded fills the success state: handles of the file and of its section, which are the caller's to close, and addresses in the
// child.
func (t *Thread) creationSucceeded(info *createInfo, r *ProcessRequest, p *Process) error {
	if !info.writes {
		return nil
	}
	var b [createInfoSize - 0x10]byte
	le := binary.LittleEndian
	file, _, st := t.proc.createFile(&OpenRequest{Path: r.Path, Access: programAccess, Share: programShare, Disposition: ntdef.FILE_OPEN})
	if st == ntdef.STATUS_SUCCESS {
		le.PutUint64(b[0x08:], uint64(file))
		section, st := t.proc.CreateSection(&SectionRequest{Protect: ntdef.PAGE_EXECUTE, Attributes: ntdef.SEC_IMAGE, File: file})
		if st == ntdef.STATUS_SUCCESS {
			le.PutUint64(b[0x10:], uint64(section))
		}
	}
	le.PutUint64(b[0x18:], p.parameters)
	le.PutUint32(b[0x24:], le.Uint32(r.parameters.head[ntdef.ParamsFlags:])|paramsNormalized)
	le.PutUint64(b[0x28:], p.peb)
	return info.answer(t, createSuccess, b[:])
}

type getNextProcessArgs struct {
	Process    ntdef.Handle
	Access     uint32
	Attributes uint32
	Flags      uint32
	Next       ntdef.Ptr[uint64]
}

// ntGetNextProcess walks the processes by identifier, backwards with flag 1; 0 begins.
func ntGetNextProcess(t *Thread, a *getNextProcessArgs) (ntdef.Status, error) {
	const previous = 1
	if err := t.Probe(uint64(a.Next), 8, x86.Write); err != nil {
		return 0, err
	}
	if a.Flags&^previous != 0 {
		return ntdef.STATUS_INVALID_PARAMETER_4, nil
	}
	all := t.sys.allProcesses()
	if a.Flags&previous != 0 {
		slices.Reverse(all)
	}
	if a.Process != 0 {
		p, st := t.proc.ProcessFor(a.Process, 0)
		if st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		all = all[slices.Index(all, p)+1:]
	}
	for _, p := range all {
		h, st := t.proc.openHandle(p.object, a.Access, a.Attributes)
		switch st {
		case ntdef.STATUS_SUCCESS:
			return st, t.Store64(uint64(a.Next), uint64(h))
		case ntdef.STATUS_ACCESS_DENIED: // the next that may be opened
		default:
			return st, nil
		}
	}
	return ntdef.STATUS_NO_MORE_ENTRIES, nil
}

func ntOpenProcess(t *Thread, a *openByClientIDArgs) (ntdef.Status, error) {
	return t.openByClientID(a, func(process, thread uint64, attributes uint32) (ntdef.Handle, ntdef.Status) {
		if thread != 0 { // both have to be right
			if o := t.sys.threadByID(thread); o == nil || o.proc.id != process {
				return 0, ntdef.STATUS_INVALID_CID
			}
		}
		return t.proc.OpenProcess(process, a.Access, attributes&objInherit != 0)
	})
}

type processArgs struct{ Process ntdef.Handle }

// ntSuspendProcess suspends every thread; the caller's own goes to sleep last.
func ntSuspendProcess(t *Thread, a *processArgs) (ntdef.Status, error) {
	p, st := t.proc.ProcessFor(a.Process, PROCESS_SUSPEND_RESUME)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case p.exited:
		return ntdef.STATUS_PROCESS_IS_TERMINATING, nil
	}
	for _, o := range slices.Clone(p.threads) {
		if o != t {
			_, _, _ = t.Suspend(o)
		}
	}
	if p != t.proc {
		return st, nil
	}
	_, st, err := t.Suspend(t)
	return st, err
}

func ntResumeProcess(t *Thread, a *processArgs) (ntdef.Status, error) {
	p, st := t.proc.ProcessFor(a.Process, PROCESS_SUSPEND_RESUME)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case p.exited:
		return ntdef.STATUS_PROCESS_IS_TERMINATING, nil
	}
	for _, o := range p.threads {
		o.Resume()
	}
	return st, nil
}

// ntTerminateProcess ends a process. Without a handle the other threads of the caller's end, and it goes on.
func ntTerminateProcess(t *Thread, a *terminateArgs) (ntdef.Status, error) {
	if a.Handle == 0 {
		t.EndOthers(a.Status)
		return ntdef.STATUS_SUCCESS, nil
	}
	p, st := t.proc.ProcessFor(a.Handle, PROCESS_TERMINATE)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case p.exited:
		return ntdef.STATUS_PROCESS_IS_TERMINATING, nil
	}
	if p == t.proc {
		t.endsBy(a.Status)
	}
	return ntdef.STATUS_SUCCESS, t.TerminateProcess(p, a.Status)
}

type createProcessExArgs struct {
	Process    ntdef.Ptr[uint64]
	Access     uint32
	Attributes uint64
	Parent     ntdef.Handle
	Flags      uint32
	Section    ntdef.Handle
}

// ntCreateProcess refuses both what it makes of a section, a process without threads or parameters, and what it makes without one.
func ntCreateProcess(t *Thread, a *createProcessExArgs) (ntdef.Status, error) {
	what := "a process of a section"
	if a.Section == 0 {
		what = "a fork of a process"
	}
	t.sys.refuse("NtCreateProcess: " + what)
	return ntdef.STATUS_NOT_SUPPORTED, nil
}
