package nt

import "github.com/pagewalk/pagewalk/ntdef"

// stream is a standard handle: the host's standard input, output or error.
type stream struct {
	objectHeader
	fd int
}

func (*stream) typeName() string { return "File" }

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

func (h *handleTable) init(s *System) {
	h.sys = s
	h.entries = make([]handleEntry, firstHandle)
	for i := range h.std {
		h.std[i] = h.add(&stream{fd: i})
	}
}

// add gives an object a handle with every right.
func (h *handleTable) add(o object) ntdef.Handle { return h.grant(o, ntdef.GENERIC_ALL) }

// grant gives an object a handle with some rights: for the few that a process begins with. 0 where open would refuse.
func (h *handleTable) grant(o object, access uint32) ntdef.Handle {
	n, _ := h.open(o, access, 0)
	return n
}

// open gives an object a handle with the rights that its type has of those asked for: the index that was closed last, where one was.
// attributes may have OBJ_INHERIT. INSUFFICIENT_RESOURCES past the most that a process may have.
func (h *handleTable) open(o object, access, attributes uint32) (ntdef.Handle, ntdef.Status) {
	e := handleEntry{o, typeOf(o).grant(access), uint8(attributes & (objInherit | objProtectClose))}
	i := h.free
	switch {
	case h.count >= maxHandles:
		return 0, ntdef.STATUS_INSUFFICIENT_RESOURCES
	case i != 0:
		h.free = h.entries[i].access
		h.entries[i] = e
	default:
		i = uint32(len(h.entries))
		h.entries = append(h.entries, e)
	}
	h.count++
	o.head().handles++
	return ntdef.Handle(4 * i), ntdef.STATUS_SUCCESS
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
	head := o.head()
	if head.handles--; head.handles > 0 {
		return
	}
	if head.dir != nil && !head.permanent {
		head.dir.remove(o)
	}
	if c, ok := o.(interface{ closed() }); ok {
		c.closed()
	}
}

// dropAll closes the handles of a process that ends, in their order.
func (h *handleTable) dropAll() {
	for i := range h.entries {
		if h.entries[i].object != nil {
			h.drop(ntdef.Handle(4 * i))
		}
	}
	h.entries, h.free = nil, 0
}

// place puts an object at the handle that it has in the process that it comes from.
func (h *handleTable) place(i int, e handleEntry) {
	for len(h.entries) <= i {
		h.entries = append(h.entries, handleEntry{access: h.free})
		h.free = uint32(len(h.entries) - 1)
	}
	if h.entries[i].object != nil {
		h.drop(ntdef.Handle(4 * i))
	}
	for at := &h.free; *at != 0; at = &h.entries[*at].access {
		if *at == uint32(i) {
			*at = h.entries[i].access
			break
		}
	}
	h.entries[i] = e
	h.count++
	e.object.head().handles++
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

// OpenProcess is NtOpenProcess: a handle with some rights to the process with an identifier. INVALID_CID where there is none.
func (p *Process) OpenProcess(id uint64, access uint32) (ntdef.Handle, ntdef.Status) {
	for _, q := range p.sys.procs {
		if q.id == id {
			return p.handles.grant(q.object, processAccess(access)), ntdef.STATUS_SUCCESS
		}
	}
	return 0, ntdef.STATUS_INVALID_CID
}

// DuplicateHandle is NtDuplicateObject within the process: another handle to the same object, the old one closed where
// closeSource says so. Pseudo handles become real ones.
func (t *Thread) DuplicateHandle(h ntdef.Handle, closeSource bool) (ntdef.Handle, ntdef.Status) {
	p := t.proc
	o, access := p.resolve(t, h), ^uint32(0)
	switch {
	case h == ntdef.CurrentProcess, h == ntdef.CurrentThread:
	case o == nil:
		return 0, ntdef.STATUS_INVALID_HANDLE
	default:
		access = p.handles.granted(h)
	}
	n := p.handles.grant(o, access)
	if closeSource {
		p.handles.close(h)
	}
	return n, ntdef.STATUS_SUCCESS
}

// WriteFile is NtWriteFile at the file's position: how many bytes went out, and the status.
func (p *Process) WriteFile(handle ntdef.Handle, b []byte) (int, ntdef.Status) {
	return p.WriteFileAt(handle, b, FilePosition)
}

// WriteFileAt is WriteFile at an offset, which the standard handles do not have.
func (p *Process) WriteFileAt(handle ntdef.Handle, b []byte, offset uint64) (int, ntdef.Status) {
	n, st := p.write(handle, b, offset)
	p.serviced("NtWriteFile", st, fileParams, uint64(handle), uint64(len(b)), uint64(n))
	return n, st
}

func (p *Process) write(handle ntdef.Handle, b []byte, offset uint64) (int, ntdef.Status) {
	var o *stream
	switch f := p.handles.get(handle).(type) {
	case nil:
		return 0, ntdef.STATUS_INVALID_HANDLE
	case *fileObject:
		return f.writeAt(b, offset)
	case *nullDevice:
		return len(b), ntdef.STATUS_SUCCESS
	case *pipeEnd:
		return f.force(b)
	case *stream:
		o = f
	default:
		return 0, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	}
	w := p.sys.stdout
	switch o.fd {
	case 0:
		return 0, ntdef.STATUS_ACCESS_DENIED
	case 2:
		w = p.sys.stderr
	}
	if w == nil {
		return len(b), ntdef.STATUS_SUCCESS // the null device
	}
	n, err := w.Write(b)
	if err != nil {
		if p.outputErr == nil {
			p.outputErr = err
		}
		return n, ntdef.STATUS_PIPE_BROKEN
	}
	return n, ntdef.STATUS_SUCCESS
}

// ReadFile is NtReadFile at the file's position: how many bytes were read, and the status, STATUS_END_OF_FILE at the end.
func (p *Process) ReadFile(handle ntdef.Handle, b []byte) (int, ntdef.Status) {
	return p.ReadFileAt(handle, b, FilePosition)
}

// ReadFileAt is ReadFile at an offset, which the standard handles do not have.
func (p *Process) ReadFileAt(handle ntdef.Handle, b []byte, offset uint64) (int, ntdef.Status) {
	n, st := p.read(handle, b, offset)
	p.serviced("NtReadFile", st, fileParams, uint64(handle), uint64(len(b)), uint64(n))
	return n, st
}

func (p *Process) read(handle ntdef.Handle, b []byte, offset uint64) (int, ntdef.Status) {
	var o *stream
	switch f := p.handles.get(handle).(type) {
	case nil:
		return 0, ntdef.STATUS_INVALID_HANDLE
	case *fileObject:
		return f.readAt(b, offset)
	case *nullDevice:
		return 0, ntdef.STATUS_END_OF_FILE
	case *stream:
		o = f
	default:
		return 0, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	}
	switch {
	case o.fd != 0:
		return 0, ntdef.STATUS_ACCESS_DENIED
	case p.sys.stdin == nil || len(b) == 0:
		return 0, ntdef.STATUS_END_OF_FILE
	}
	n, err := p.sys.stdin.Read(b)
	if n == 0 && err != nil {
		return 0, ntdef.STATUS_END_OF_FILE
	}
	return n, ntdef.STATUS_SUCCESS
}

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

var fileParams = []string{"handle", "length", "done"}
