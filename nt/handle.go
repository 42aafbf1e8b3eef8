package nt

import "github.com/pagewalk/pagewalk/ntdef"

// object is what a handle refers to.
type object interface{ typeName() string }

// stream is a standard handle: the host's standard input, output or error.
type stream struct{ fd int }

func (*stream) typeName() string { return "File" }

// handleTable maps handles, multiples of 4, to objects.
type handleTable struct {
	objects []object // handle/4 is the index
	std     [3]ntdef.Handle
}

func (h *handleTable) init() {
	h.objects = make([]object, 0x10) // the first handles of a Windows process are taken before its code runs
	for i := range h.std {
		h.std[i] = h.add(&stream{i})
	}
}

func (h *handleTable) add(o object) ntdef.Handle {
	for i := 1; i < len(h.objects); i++ {
		if i >= 0x10 && h.objects[i] == nil {
			h.objects[i] = o
			return ntdef.Handle(4 * i)
		}
	}
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

func (h *handleTable) close(handle ntdef.Handle) ntdef.Status {
	o := h.get(handle)
	if o == nil {
		return ntdef.STATUS_INVALID_HANDLE
	}
	h.objects[handle/4] = nil
	if c, ok := o.(interface{ closed() }); ok {
		c.closed()
	}
	return ntdef.STATUS_SUCCESS
}

// isProcess reports whether a handle names the calling process.
func isProcess(h ntdef.Handle) bool { return h == ntdef.CurrentProcess }

// WriteFile is NtWriteFile on a standard handle: how many bytes went out, and the status.
func (p *Process) WriteFile(handle ntdef.Handle, b []byte) (int, ntdef.Status) {
	n, st := p.write(handle, b)
	p.serviced("NtWriteFile", st, fileParams, uint64(handle), uint64(len(b)), uint64(n))
	return n, st
}

func (p *Process) write(handle ntdef.Handle, b []byte) (int, ntdef.Status) {
	o, ok := p.handles.get(handle).(*stream)
	if !ok {
		return 0, ntdef.STATUS_INVALID_HANDLE
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

// ReadFile is NtReadFile on a standard handle: how many bytes were read, and the status, STATUS_END_OF_FILE at the end.
func (p *Process) ReadFile(handle ntdef.Handle, b []byte) (int, ntdef.Status) {
	n, st := p.read(handle, b)
	p.serviced("NtReadFile", st, fileParams, uint64(handle), uint64(len(b)), uint64(n))
	return n, st
}

func (p *Process) read(handle ntdef.Handle, b []byte) (int, ntdef.Status) {
	o, ok := p.handles.get(handle).(*stream)
	switch {
	case !ok:
		return 0, ntdef.STATUS_INVALID_HANDLE
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

// StandardHandle returns the handle of standard input (0), output (1) or error (2) that the process parameters name.
func (p *Process) StandardHandle(fd int) ntdef.Handle { return p.handles.std[fd] }

// CloseHandle is NtClose.
func (p *Process) CloseHandle(h ntdef.Handle) ntdef.Status {
	st := p.handles.close(h)
	p.serviced("NtClose", st, fileParams[:1], uint64(h))
	return st
}

var fileParams = []string{"handle", "length", "done"}
