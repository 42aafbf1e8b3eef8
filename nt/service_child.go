package nt

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
)

// maxProcesses bounds what a guest may start.
const maxProcesses = 256

// A ProcessRequest is the argument of CreateProcess: full paths, the whole command line, the environment as K=V. Handles are the
// parent's standard handles of the child, 0 for its own; Inherit gives it those that may be inherited.
type ProcessRequest struct {
	Path, CommandLine, Folder string
	Environment               []string
	Standard                  [3]ntdef.Handle
	Inherit, Suspended        bool

	ProcessSecurity, ThreadSecurity SecurityAttributes

	// What NtCreateUserProcess can say beyond.
	Parent                      *Process       // whose child it is, for handles too; nil: the caller
	token                       *token         // nil: the parent's
	Handles                     []ntdef.Handle // those alone are inherited; nil: all that may be
	ProcessAccess, ThreadAccess uint32         // of the handles; 0: all
	parameters                  *processParameters
	keepStandard                uint8   // standard handles that are not duplicated, by bit
	prohibited                  uint32  // Characteristics that the image may not have
	Breakaway                   bool    // from the parent's job
	PriorityClass               uint8   // 0: normal, or what the parent hands down
	ErrorMode                   *uint32 // nil: the parent's

	failed             uint32 // at which step: createFailOnOpen, …
	dllCharacteristics uint16 // of an image of the wrong kind
}

// CreateProcess is NtCreateUserProcess: handles to the process and to its thread. The status of what is no program is that of its
// image section; QUOTA_EXCEEDED, NO_MEMORY.
func (t *Thread) CreateProcess(r *ProcessRequest) (p *Process, process, thread ntdef.Handle, st ntdef.Status) {
	p, st = t.createProcess(r)
	if st == ntdef.STATUS_SUCCESS {
		process, st = t.proc.creatorHandle(p.object, cmp.Or(r.ProcessAccess, ntdef.GENERIC_ALL), flag(r.ProcessSecurity.Inherit)*objInherit)
	}
	if st == ntdef.STATUS_SUCCESS {
		thread, st = t.proc.creatorHandle(p.thread.object, cmp.Or(r.ThreadAccess, ntdef.GENERIC_ALL), flag(r.ThreadSecurity.Inherit)*objInherit)
	}
	if st != ntdef.STATUS_SUCCESS && p != nil { // no handle: nobody will know of it
		p.end(uint32(st))
	}
	t.proc.serviced("NtCreateUserProcess", st, childParams, uint64(process), uint64(thread))
	return p, process, thread, st
}

var childParams = []string{"process", "thread"}

// programImage finds the file of a program and makes its image section.
func (t *Thread) programImage(r *ProcessRequest) (*node, *Section, ntdef.Status) {
	name, st := t.proc.fileName(0, ntName(r.Path))
	r.failed = createFailOnOpen
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return nil, nil, st
	case name.device != onDisk:
		return nil, nil, ntdef.STATUS_OBJECT_NAME_INVALID
	}
	n, _, _, st := t.sys.volumes.find(name.path)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return nil, nil, st
	case n.folder:
		return nil, nil, ntdef.STATUS_FILE_IS_A_DIRECTORY
	}
	if st := t.proc.mayOpenFile(&fileObject{}, n, &OpenRequest{Access: ntdef.FILE_EXECUTE, Disposition: ntdef.FILE_OPEN}); st != ntdef.STATUS_SUCCESS {
		return nil, nil, st
	}
	if st := n.open(); st != ntdef.STATUS_SUCCESS {
		return nil, nil, st
	}
	r.failed = createFailOnSection
	sec, st := t.sys.fileImage(n)
	if st != ntdef.STATUS_SUCCESS {
		return nil, nil, st
	}
	if sec.PE.Native() != nil { // as on a Windows without its subsystem for 32-bit programs
		r.failed = createFailMachine
		return nil, nil, ntdef.STATUS_INVALID_IMAGE_WIN_32
	}
	const executable, dll = 0x0002, 0x2000
	if c := uint32(sec.PE.Characteristics); c&r.prohibited != 0 || c&executable == 0 || c&dll != 0 {
		r.failed, r.dllCharacteristics = createFailExeFormat, sec.PE.DllCharacteristics
		return nil, nil, ntdef.STATUS_INVALID_IMAGE_FORMAT
	}
	r.failed = 0
	return n, sec, st
}

func (t *Thread) createProcess(r *ProcessRequest) (*Process, ntdef.Status) {
	s := t.sys
	parent := cmp.Or(r.Parent, t.proc)
	if len(s.procs) >= maxProcesses || s.threadCount() >= maxAllThreads {
		return nil, ntdef.STATUS_QUOTA_EXCEEDED
	}
	n, sec, st := t.programImage(r)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	p, st := s.newProcess(sec.PE, parent)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	size := int64(n.content.Size())
	prog := Program{Path: n.path(), File: io.NewSectionReader(n.content, 0, size), Size: size}
	if r.token != nil {
		p.token = r.token.duplicate(s)
		p.token.uses = 1
	}
	if r.ErrorMode != nil {
		p.info.errorMode = *r.ErrorMode
	}
	if r.PriorityClass != 0 {
		st = p.SetPriorityClass(r.PriorityClass)
	}
	if st == ntdef.STATUS_SUCCESS {
		st = p.handles.init(s)
	}
	if st == ntdef.STATUS_SUCCESS {
		st = p.inherit(parent, r)
	}
	if st == ntdef.STATUS_SUCCESS {
		st = t.proc.secure(p.object, r.ProcessSecurity.security, nil, false)
	}
	if st == ntdef.STATUS_SUCCESS {
		st = t.proc.secure(p.thread.object, r.ThreadSecurity.security, nil, false)
	}
	if st == ntdef.STATUS_SUCCESS {
		st = t.proc.secure(p.token, givenSecurity{}, nil, false)
	}
	if st == ntdef.STATUS_SUCCESS {
		st = p.joinJob(parent, r.Breakaway)
	}
	undo := func() {
		p.handles.dropAll()
		s.unprotect(&p.object.security)
		s.unprotect(&p.token.security)
		s.unprotect(&p.thread.object.security)
		p.discard()
	}
	if st != ntdef.STATUS_SUCCESS {
		undo()
		return nil, st
	}
	// The child is built in its own address space, by its own thread, whose accesses are those of the processor.
	s.procs = append(s.procs, p)
	err := t.asThread(p.thread, func() error {
		b := builder{p: p, t: p.thread, by: p.thread, given: r.parameters}
		return b.build(sec.PE, &prog, r.CommandLine, r.Folder, r.Environment)
	})
	if err != nil {
		undo()
		var stop *Stop
		if errors.As(err, &stop) {
			s.relay("cannot start %s: %v", r.Path, err)
		}
		return nil, ntdef.STATUS_NO_MEMORY
	}
	if r.Suspended {
		p.thread.suspended = 1
	}
	p.thread.start()
	s.makeReady(p.thread)
	return p, ntdef.STATUS_SUCCESS
}

func guestFolder(path string) string { return strings.TrimSuffix(path, guestBase(path)) }

// inherit gives a child its handles: those that may be inherited, or a list of them, and the standard ones. INVALID_PARAMETER for a
// handle of the list that is none or may not be inherited, INSUFFICIENT_RESOURCES where the pool has no room.
func (p *Process) inherit(parent *Process, r *ProcessRequest) ntdef.Status {
	from := &parent.handles
	for _, h := range r.Handles {
		if e := from.entry(h); e == nil || e.attributes&objInherit == 0 {
			return ntdef.STATUS_INVALID_PARAMETER
		}
	}
	if r.Inherit {
		for i, e := range from.entries {
			if e.object == nil || e.attributes&objInherit == 0 {
				continue
			}
			if r.Handles == nil || slices.ContainsFunc(r.Handles, func(h ntdef.Handle) bool { return int(h/4) == i }) {
				if st := p.handles.place(i, e); st != ntdef.STATUS_SUCCESS {
					return st
				}
			}
		}
	}
	native := r.parameters != nil
	for i, h := range r.Standard {
		switch {
		case h == 0 && native, r.Inherit && native, r.keepStandard&(1<<i) != 0:
			p.handles.std[i] = h
			continue
		case h == 0:
			h = from.std[i]
		}
		o := from.get(h)
		switch {
		case o == nil && native: // a pseudo handle, or nothing
			p.handles.std[i] = h
		case o == nil:
		case p.handles.get(h) == o && r.Standard[i] != 0:
			p.handles.std[i] = h
		default:
			n, st := p.handles.open(o, from.granted(h), 0)
			if st != ntdef.STATUS_SUCCESS {
				return st
			}
			p.handles.std[i] = n
		}
	}
	return ntdef.STATUS_SUCCESS
}

// SetInherit says whether a handle goes to children (SetHandleInformation): INVALID_HANDLE.
func (p *Process) SetInherit(h ntdef.Handle, inherit bool) ntdef.Status {
	e := p.handles.entry(h)
	if e == nil {
		return ntdef.STATUS_INVALID_HANDLE
	}
	e.attributes &^= objInherit
	if inherit {
		e.attributes |= objInherit
	}
	return ntdef.STATUS_SUCCESS
}

// end ends a process that is not the first: its threads, its handles, its memory. Who waits for it goes on. The thread that calls is
// another one's, or the process's last.
func (p *Process) end(code uint32) {
	s := p.sys
	p.final = p.finalCounters()
	p.exited, p.exit, p.info.finished = true, code, s.SystemTime()
	for _, t := range p.threads {
		if t == s.sched.current {
			continue
		}
		t.kill()
		s.abandon(t)
	}
	for _, t := range p.threads {
		t.serves(nil)
		t.worker.left()
		t.cancelRequests()
		s.abandon(t)
		t.state = threadEnded
		t.exitCode = code
		t.finished = s.SystemTime()
		p.ran += t.ran
	}
	p.handles.dropAll()
	p.discard()
	for _, t := range p.threads {
		t.linger()
		s.signal(t.object)
	}
	p.threads = nil
	p.finished = s.SystemTime()
	if p.object.handles > 0 {
		s.lingeringProcs = append(s.lingeringProcs, p)
	} else {
		s.unuse(p.token)
	}
	s.unuse(p.object)
	s.signal(p.object)
}

// abandon gives up the mutants and the APCs of a thread that has ended.
func (s *System) abandon(t *Thread) {
	t.dropAPCs()
	t.impersonate(nil)
	for _, m := range t.owned {
		m.owner, m.count, m.abandoned = nil, 0, true
		s.signal(m)
	}
	t.owned = nil
}

// discard frees what a process that does not run has of the machine. Another address space is loaded first.
func (p *Process) discard() {
	s := p.sys
	p.leaveJob()
	s.procs = slices.DeleteFunc(s.procs, func(o *Process) bool { return o == p })
	if s.loaded() == p {
		s.proc.attach()
	}
	p.as.Delete()
}

// loaded is the process whose address space the processor has.
func (s *System) loaded() *Process {
	if t := s.sched.current; t != nil {
		return t.proc
	}
	return s.proc
}

// ProcessByHandle returns the process of a handle or of the pseudo handle: INVALID_HANDLE, OBJECT_TYPE_MISMATCH.
func (p *Process) ProcessByHandle(h ntdef.Handle) (*Process, ntdef.Status) { return p.process(h) }

// OpenProcess is NtOpenProcess: a handle with some rights to the process with an identifier. INVALID_CID where there is none,
// ACCESS_DENIED.
func (p *Process) OpenProcess(id uint64, access uint32, inherit bool) (ntdef.Handle, ntdef.Status) {
	for _, q := range p.sys.allProcesses() {
		if q.id == id {
			return p.openHandle(q.object, access, flag(inherit)*objInherit)
		}
	}
	return 0, ntdef.STATUS_INVALID_CID
}

// allProcesses returns the processes by identifier, those that have ended and still have handles too.
func (s *System) allProcesses() []*Process {
	all := append(slices.Clone(s.procs), s.lingeringProcs...)
	slices.SortFunc(all, func(a, b *Process) int { return cmp.Compare(a.id, b.id) })
	return all
}

// ended forgets a process that has ended with its last handle.
func (o *processObject) ended() {
	s := o.proc.sys
	if o.proc.exited {
		s.unuse(o.proc.token)
	}
	s.lingeringProcs = slices.DeleteFunc(s.lingeringProcs, func(p *Process) bool { return p == o.proc })
}

// TerminateProcess is NtTerminateProcess: the error is the end of the caller's process, or of the machine, which goes with its first one.
func (t *Thread) TerminateProcess(p *Process, code uint32) error {
	switch {
	case p.exited:
	case p == t.proc:
		return p.Exit(code)
	case p == t.sys.proc:
		return &exitError{code: code, machine: true}
	default:
		p.end(code)
	}
	return nil
}

// ExitStatus returns the process's exit code; ok is false while it runs.
func (p *Process) ExitStatus() (code uint32, ok bool) { return p.exit, p.exited }

// Finished returns the system time at which the process ended, 0 while it runs.
func (p *Process) Finished() uint64 { return p.finished }

// Parent returns the process that made this one, nil for the first.
func (p *Process) Parent() *Process { return p.parent }

// Processes returns those that run, in the order of their making.
func (s *System) Processes() []*Process { return s.procs }
