package nt

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
)

// Access rights of processes (winnt.h, "Process Security and Access Rights").
const (
	PROCESS_TERMINATE                 uint32 = 0x0001
	PROCESS_CREATE_THREAD             uint32 = 0x0002
	PROCESS_VM_OPERATION              uint32 = 0x0008
	PROCESS_VM_READ                   uint32 = 0x0010
	PROCESS_VM_WRITE                  uint32 = 0x0020
	PROCESS_DUP_HANDLE                uint32 = 0x0040
	PROCESS_CREATE_PROCESS            uint32 = 0x0080
	PROCESS_SET_QUOTA                 uint32 = 0x0100
	PROCESS_SET_INFORMATION           uint32 = 0x0200
	PROCESS_QUERY_INFORMATION         uint32 = 0x0400
	PROCESS_SUSPEND_RESUME            uint32 = 0x0800
	PROCESS_QUERY_LIMITED_INFORMATION uint32 = 0x1000
	PROCESS_SET_LIMITED_INFORMATION   uint32 = 0x2000
	PROCESS_ALL_ACCESS                uint32 = 0x1fffff
)

// ProcessFor returns the process of a handle that was opened with some rights; the pseudo handle has all. INVALID_HANDLE,
// OBJECT_TYPE_MISMATCH, ACCESS_DENIED.
func (p *Process) ProcessFor(h ntdef.Handle, access uint32) (*Process, ntdef.Status) {
	q, st := p.process(h)
	if st == ntdef.STATUS_SUCCESS && h != ntdef.CurrentProcess && p.handles.granted(h)&access != access {
		return nil, ntdef.STATUS_ACCESS_DENIED
	}
	return q, st
}

// MemoryOf is ProcessFor for a process whose address space is to be looked at or changed: PROCESS_IS_TERMINATING where it is gone.
func (p *Process) MemoryOf(h ntdef.Handle, access uint32) (*Process, ntdef.Status) {
	q, st := p.ProcessFor(h, access)
	if st == ntdef.STATUS_SUCCESS && q.exited {
		return nil, ntdef.STATUS_PROCESS_IS_TERMINATING
	}
	return q, st
}

// in makes accesses to another process's memory: its address space is loaded meanwhile (KeStackAttachProcess). The accesses are made
// on no thread's stack: a guard page of a stack there is a guard page, and no stack grows.
func (t *Thread) in(p *Process, access func(th *Thread) error) error {
	if p == t.proc {
		return access(t)
	}
	return p.reach(access)
}

// reach makes accesses to the process's memory on no thread's behalf.
func (p *Process) reach(access func(th *Thread) error) error {
	if p.visitor == nil {
		p.visitor = &Thread{sys: p.sys, proc: p, cpu: p.sys.cpu, page: ntmm.NormalPriority}
	}
	if now := p.sys.loaded(); now != p {
		p.attach()
		defer now.attach()
	}
	return access(p.visitor)
}

// callerHolds reports whether the process whose thread runs has a privilege enabled: it may work on p.
func (p *Process) callerHolds(privilege Privilege) bool {
	if t := p.sys.thread(); t != nil {
		return t.proc.Holds(privilege)
	}
	return p.Holds(privilege)
}

// EntryPoint returns the address at which a module of a process begins, from its headers in that process's memory; 0: nowhere.
// PARTIAL_COPY where they cannot be read.
func (t *Thread) EntryPoint(p *Process, m *Module) (entry uint64, st ntdef.Status) {
	err := t.in(p, func(th *Thread) error {
		header, err := th.Load32(m.Base + 0x3c)
		if err != nil {
			return err
		}
		rva, err := th.Load32(m.Base + uint64(header) + 0x28)
		if rva != 0 {
			entry = m.Base + uint64(rva)
		}
		return err
	})
	if err != nil {
		return 0, ntdef.STATUS_PARTIAL_COPY
	}
	return entry, ntdef.STATUS_SUCCESS
}
