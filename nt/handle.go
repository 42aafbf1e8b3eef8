package nt

import "github.com/pagewalk/pagewalk/ntdef"

// processObject is what a process handle refers to.
type processObject struct {
	objectHeader
	waitList
	proc *Process
}

func (*processObject) typeName() string { return "Process" }

// handleTable maps handles, multiples of 4, to objects.
type handleTable struct {
	sys     *System
	entries []handleEntry // handle/4 is the index
	free    uint32        // index of the entry that was closed last, 0: none
	count   uint32        // of handles
	paid    int           // entries that the pool was charged for
	std     [3]ntdef.Handle
}

// handleEntry is one handle. A closed one has no object; its access is then the index of the one closed before it.
type handleEntry struct {
	object     object
	access     uint32 // granted
	attributes uint8  // objInherit, objProtectClose
}

// firstHandle is the index of the first handle: the first of a Windows process are taken before its code runs.
const firstHandle = 0x10

// maxHandles is how many handles a process may have (Windows Internals, part 2 ch. 8, "Object handles").
const maxHandles = 1 << 24

// init makes the table of a new process, with the standard handles in it: INSUFFICIENT_RESOURCES where the pool has no room.
func (h *handleTable) init(s *System) ntdef.Status {
	h.sys = s
	h.entries = make([]handleEntry, firstHandle)
	for i := range h.std {
		n, st := h.open(newStream(h.sys, i), ntdef.GENERIC_ALL, 0)
		if st != ntdef.STATUS_SUCCESS {
			return st
		}
		h.std[i] = n
	}
	return ntdef.STATUS_SUCCESS
}

// open gives an object a handle with the rights that its type has of those asked for: the index that was closed last, where one was.
// attributes may have OBJ_INHERIT. INSUFFICIENT_RESOURCES past the most that a process may have, and where the pool has no room.
func (h *handleTable) open(o object, access, attributes uint32) (ntdef.Handle, ntdef.Status) {
	e := handleEntry{o, typeOf(o).grant(access), uint8(attributes & (objInherit | objProtectClose))}
	i := h.free
	if h.count >= maxHandles || i == 0 && !h.grow(len(h.entries)+1) || !h.refer(o) {
		return 0, ntdef.STATUS_INSUFFICIENT_RESOURCES
	}
	if i != 0 {
		h.free = h.entries[i].access
		h.entries[i] = e
	} else {
		i = uint32(len(h.entries))
		h.entries = append(h.entries, e)
	}
	return ntdef.Handle(4 * i), ntdef.STATUS_SUCCESS
}

// grow makes sure that the table's first n entries are paid for.
func (h *handleTable) grow(n int) bool {
	for n > h.paid {
		if !h.sys.charge(tableCharge) {
			return false
		}
		h.paid += tableEntries
	}
	return true
}

// chargeOf is what an object takes of the pool while it has a handle.
func chargeOf(o object) uint64 {
	if s, ok := o.(*symlink); ok {
		return objectCharge + nameCharge(s.target)
	}
	return objectCharge
}

func nameCharge(name string) uint64 { return uint64(len(name)) }

// refer counts a new handle to an object, and pays for the object that gets its first one.
func (h *handleTable) refer(o object) bool {
	typeOf(o)
	head, first := o.head(), uint32(0)
	if !head.paid {
		if !h.sys.charge(chargeOf(o)) {
			return false
		}
		head.paid, first = true, 1
	}
	head.handles++
	h.count++
	h.sys.counts[head.kind].add(first, 1)
	return true
}

// entry returns the entry of a handle, whose two low bits are ignored; nil where there is none.
func (h *handleTable) entry(handle ntdef.Handle) *handleEntry {
	if i := uint64(handle) / 4; i < uint64(len(h.entries)) && h.entries[i].object != nil {
		return &h.entries[i]
	}
	return nil
}

// get returns the object of a handle; nil where there is none.
func (h *handleTable) get(handle ntdef.Handle) object {
	if e := h.entry(handle); e != nil {
		return e.object
	}
	return nil
}

// granted returns the rights of a handle that is there.
func (h *handleTable) granted(handle ntdef.Handle) uint32 { return h.entries[uint64(handle)/4].access }

// close is NtClose: INVALID_HANDLE, HANDLE_NOT_CLOSABLE for one that is protected from it.
func (h *handleTable) close(handle ntdef.Handle) ntdef.Status {
	e := h.entry(handle)
	switch {
	case e == nil:
		return ntdef.STATUS_INVALID_HANDLE
	case e.attributes&objProtectClose != 0:
		return ntdef.STATUS_HANDLE_NOT_CLOSABLE
	}
	h.drop(handle)
	return ntdef.STATUS_SUCCESS
}

// drop closes a handle that is there, protected or not.
func (h *handleTable) drop(handle ntdef.Handle) {
	i := uint32(handle / 4)
	o := h.entries[i].object
	h.entries[i] = handleEntry{access: h.free}
	h.free = i
	h.count--
	h.sys.counts[o.head().kind].handles--
	h.sys.dereference(o)
}

// A closer does something when its last handle is closed, an ender when it ends: a permanent object does not end then. What was made
// and could not be given its first handle does both.
type (
	closer interface{ closed() }
	ender  interface{ ended() }
)

// dereference takes one of the references that handles are from an object, which ends with the last unless it is permanent.
func (s *System) dereference(o object) {
	head := o.head()
	if head.handles--; head.handles > 0 {
		return
	}
	stays := head.stays()
	if !stays {
		s.reclaim(o)
	}
	if c, ok := o.(closer); ok {
		c.closed()
	}
	if e, ok := o.(ender); ok && !stays {
		e.ended()
	}
}

// discard ends an object that got no handle.
func discard(o object) {
	if c, ok := o.(closer); ok {
		c.closed()
	}
	if e, ok := o.(ender); ok {
		e.ended()
	}
}

// reclaim takes the name of an object that ends, and gives back what it took of the pool.
func (s *System) reclaim(o object) {
	head := o.head()
	s.counts[head.kind].objects--
	s.release(chargeOf(o))
	head.paid = false
	if head.uses == 0 {
		s.unprotect(&head.security)
	}
	if head.dir != nil {
		s.release(nameCharge(head.name))
		head.dir.remove(o)
	}
}

// dropAll closes the handles of a process that ends, in their order.
func (h *handleTable) dropAll() {
	for i := range h.entries {
		if h.entries[i].object != nil {
			h.drop(ntdef.Handle(4 * i))
		}
	}
	h.sys.release(uint64(h.paid / tableEntries * tableCharge))
	h.entries, h.free, h.paid = nil, 0, 0
}

// place puts an object at the handle that it has in the process that it comes from: INSUFFICIENT_RESOURCES where the pool has no room.
func (h *handleTable) place(i int, e handleEntry) ntdef.Status {
	if !h.grow(i + 1) {
		return ntdef.STATUS_INSUFFICIENT_RESOURCES
	}
	for len(h.entries) <= i {
		h.entries = append(h.entries, handleEntry{access: h.free})
		h.free = uint32(len(h.entries) - 1)
	}
	if h.entries[i].object != nil {
		h.drop(ntdef.Handle(4 * i))
	}
	if !h.refer(e.object) {
		return ntdef.STATUS_INSUFFICIENT_RESOURCES
	}
	for at := &h.free; *at != 0; at = &h.entries[*at].access {
		if *at == uint32(i) {
			*at = h.entries[i].access
			break
		}
	}
	h.entries[i] = e
	return ntdef.STATUS_SUCCESS
}

// process returns the process of a handle or of the pseudo handle: INVALID_HANDLE, OBJECT_TYPE_MISMATCH.
func (p *Process) process(h ntdef.Handle) (*Process, ntdef.Status) {
	if h == ntdef.CurrentProcess {
		return p, ntdef.STATUS_SUCCESS
	}
	switch o := p.handles.get(h).(type) {
	case nil:
		return nil, ntdef.STATUS_INVALID_HANDLE
	case *processObject:
		return o.proc, ntdef.STATUS_SUCCESS
	}
	return nil, ntdef.STATUS_OBJECT_TYPE_MISMATCH
}

// IsProcess reports whether a handle names the process itself.
func (p *Process) IsProcess(h ntdef.Handle) bool {
	q, _ := p.process(h)
	return q == p
}

// HandleCount returns how many handles the process has.
func (p *Process) HandleCount() uint32 { return p.handles.count }

// HasHandle reports whether a handle is there.
func (p *Process) HasHandle(h ntdef.Handle) bool { return p.handles.get(h) != nil }

// IsPipe reports whether a handle is of an end of a pipe.
func (p *Process) IsPipe(h ntdef.Handle) bool {
	_, ok := p.handles.get(h).(*pipeEnd)
	return ok
}

// IsStream reports whether a handle is of one of the host's standard streams.
func (p *Process) IsStream(h ntdef.Handle) bool {
	_, ok := p.handles.get(h).(*stream)
	return ok
}

// StandardHandle returns the handle of standard input (0), output (1) or error (2) that the process parameters name.
func (p *Process) StandardHandle(fd int) ntdef.Handle { return p.handles.std[fd] }

// CloseHandle is NtClose.
func (p *Process) CloseHandle(h ntdef.Handle) ntdef.Status {
	st := p.handles.close(h)
	p.serviced("NtClose", st, fileParams[:1], uint64(h))
	return st
}
