package nt

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/loader"
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
}

// CreateProcess is NtCreateUserProcess: handles to the process and to its thread. The status of what is no program is that of its
// image section; QUOTA_EXCEEDED, NO_MEMORY.
func (t *Thread) CreateProcess(r *ProcessRequest) (*Process, ntdef.Handle, ntdef.Handle, ntdef.Status) {
	p, st := t.createProcess(r)
	var process, thread ntdef.Handle
	if st == ntdef.STATUS_SUCCESS {
		process, thread = t.proc.handles.add(p.object), t.proc.handles.add(p.thread.object)
	}
	t.proc.serviced("NtCreateUserProcess", st, childParams, uint64(process), uint64(thread))
	return p, process, thread, st
}

var childParams = []string{"process", "thread"}

func (t *Thread) createProcess(r *ProcessRequest) (*Process, ntdef.Status) {
	s := t.sys
	if len(s.procs) >= maxProcesses {
		return nil, ntdef.STATUS_QUOTA_EXCEEDED
	}
	n, _, _, st := s.volumes.find(r.Path)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return nil, st
	case n.folder:
		return nil, ntdef.STATUS_FILE_IS_A_DIRECTORY
	}
	if st := n.open(); st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	size := int64(n.content.Size())
	file := io.NewSectionReader(n.content, 0, size)
	pe, err := loader.ParsePE(file, size)
	if err != nil {
		return nil, imageStatus(err)
	}
	p, st := s.newProcess(pe, t.proc)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	prog := Program{Path: n.path(), File: file, Size: size, Folder: t.proc.folder}
	if !strings.EqualFold(guestFolder(prog.Path), guestFolder(t.proc.program.Path)) {
		prog.Folder = nil
	}
	p.folder = prog.Folder
	p.handles.init(s)
	t.inherit(p, r)

	// The child is built in its own address space, by its own thread, whose accesses are those of the processor.
	s.procs = append(s.procs, p)
	err = t.asThread(p.thread, func() error {
		b := builder{p: p, t: p.thread, by: p.thread}
		return b.build(pe, &prog, r.CommandLine, r.Folder, r.Environment)
	})
	if err != nil {
		p.discard()
		var stop *Stop
		if errors.As(err, &stop) {
			s.warn("cannot start %s: %v", r.Path, err)
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

// inherit gives a child its handles.
func (t *Thread) inherit(p *Process, r *ProcessRequest) {
	from := &t.proc.handles
	if r.Inherit {
		for i, e := range from.entries {
			if e.object != nil && e.attributes&objInherit != 0 {
				p.handles.place(i, e)
			}
		}
	}
	for i, h := range r.Standard {
		if o := from.get(h); o != nil && h != 0 {
			if p.handles.get(h) != o {
				h, _ = p.handles.open(o, from.granted(h), 0)
			}
			p.handles.std[i] = h
		} else if h == 0 && i < 3 {
			if o := from.get(from.std[i]); o != nil {
				p.handles.std[i], _ = p.handles.open(o, from.granted(from.std[i]), 0)
			}
		}
	}
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
	s.signal(p.object)
}

// abandon gives up the mutants and the APCs of a thread that has ended.
func (s *System) abandon(t *Thread) {
	t.dropAPCs()
	for _, m := range t.owned {
		m.owner, m.count, m.abandoned = nil, 0, true
		s.signal(m)
	}
	t.owned = nil
}

// discard frees what a process that does not run has of the machine. Another address space is loaded first.
func (p *Process) discard() {
	s := p.sys
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

// Terminate is NtTerminateProcess of another process.
func (p *Process) Terminate(code uint32) {
	if !p.exited {
		p.end(code)
	}
}

// ExitStatus returns the process's exit code; ok is false while it runs.
func (p *Process) ExitStatus() (code uint32, ok bool) { return p.exit, p.exited }

// Parent returns the process that made this one, nil for the first.
func (p *Process) Parent() *Process { return p.parent }

// Processes returns those that run, in the order of their making.
func (s *System) Processes() []*Process { return s.procs }
