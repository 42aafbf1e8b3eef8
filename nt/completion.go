package nt

import "github.com/pagewalk/pagewalk/ntdef"

// A Completion is a packet of an I/O completion port.
type Completion struct {
	Key, Overlapped, Bytes uint64
	Status                 ntdef.Status // of the request
}

// completionPort is a queue of packets that threads wait for.
type completionPort struct {
	objectHeader
	waitList
	packets []Completion
}

func (*completionPort) typeName() string        { return "IoCompletion" }
func (p *completionPort) signaled(*Thread) bool { return len(p.packets) > 0 }
func (p *completionPort) take(*Thread) bool     { return false }

// CreateCompletionPort is NtCreateIoCompletion.
func (p *Process) CreateCompletionPort() ntdef.Handle { return p.handles.add(&completionPort{}) }

// PostCompletion is NtSetIoCompletion: INVALID_HANDLE, OBJECT_TYPE_MISMATCH.
func (p *Process) PostCompletion(h ntdef.Handle, c Completion) ntdef.Status {
	port, st := of[*completionPort](p, h)
	if st == ntdef.STATUS_SUCCESS {
		port.post(p.sys, c)
	}
	return st
}

// post adds a packet.
func (p *completionPort) post(s *System, c Completion) {
	p.packets = append(p.packets, c)
	s.signal(p)
}

// RemoveCompletions is NtRemoveIoCompletionEx: at most n packets, waiting for the first of them. TIMEOUT, USER_APC.
func (t *Thread) RemoveCompletions(h ntdef.Handle, n int, timeout uint64, alertable bool) ([]Completion, ntdef.Status, error) {
	port, st := of[*completionPort](t.proc, h)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st, nil
	}
	for len(port.packets) == 0 {
		st, err := t.wait([]dispatcher{port}, false, timeout, alertable)
		if err != nil || st != ntdef.STATUS_WAIT_0 {
			return nil, st, err
		}
	}
	n = min(n, len(port.packets))
	all := port.packets[:n:n]
	port.packets = port.packets[n:]
	return all, ntdef.STATUS_SUCCESS, nil
}
