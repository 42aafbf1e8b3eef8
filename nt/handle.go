package nt

import "github.com/pagewalk/pagewalk/ntdef"

// object is what a handle refers to.
type object interface {
	typeName() string
	head() *objectHeader
}

// objectHeader is what every object has: it ends, and with it its name, when its last handle is closed.
type objectHeader struct {
	handles int
	names   *names // where its name is, nil without one
	name    string
}

func (h *objectHeader) head() *objectHeader { return h }

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
	objects []object // handle/4 is the index
	access  []uint32 // that the handle was opened with
	free    []int    // indices of closed handles
	inherit []bool   // by children
	std     [3]ntdef.Handle
}

func (h *handleTable) init() {
	h.access = make([]uint32, 0x10)
	h.objects = make([]object, 0x10) // the first handles of a Windows process are taken before its code runs
	for i := range h.std {
		h.std[i] = h.add(&stream{fd: i})
	}
}

// add gives an object a handle with every right.
func (h *handleTable) add(o object) ntdef.Handle { return h.grant(o, ^uint32(0)) }

// grant gives an object a handle with some rights, one that was closed lately where there is one.
func (h *handleTable) grant(o object, access uint32) ntdef.Handle {
	o.head().handles++
	if n := len(h.free); n > 0 {
		i := h.free[n-1]
		h.free, h.objects[i], h.access[i] = h.free[:n-1], o, access
		return ntdef.Handle(4 * i)
	}
	h.access = append(h.access, access)
	h.objects = append(h.objects, o)
	return ntdef.Handle(4 * (len(h.objects) - 1))
}

// get returns the object of a handle, whose two low bits are ignored; nil where there is none.
func (h *handleTable) get(handle ntdef.Handle) object {
	if i := uint64(handle) / 4; i < uint64(len(h.objects)) {
		return h.objects[i]
	}
	return nil
}

// granted returns the rights of a handle that is there.
func (h *handleTable) granted(handle ntdef.Handle) uint32 { return h.access[uint64(handle)/4] }

func (h *handleTable) close(handle ntdef.Handle) ntdef.Status {
	o := h.get(handle)
	if o == nil {
		return ntdef.STATUS_INVALID_HANDLE
	}
	h.objects[handle/4] = nil
	h.free = append(h.free, int(handle/4))
	if uint64(handle/4) < uint64(len(h.inherit)) {
		h.inherit[handle/4] = false
	}
	head := o.head()
	if head.handles--; head.handles > 0 {
		return ntdef.STATUS_SUCCESS
	}
	if head.names != nil {
		delete(head.names.objects, objectKey(head.name))
	}
	if c, ok := o.(interface{ closed() }); ok {
		c.closed()
	}
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
func (p *Process) HandleCount() uint32 {
	n := 0
	for _, o := range p.handles.objects {
		if o != nil {
			n++
		}
	}
	return uint32(n)
}

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
