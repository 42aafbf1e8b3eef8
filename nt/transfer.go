package nt

import (
	"sync"

	"github.com/pagewalk/pagewalk/ntdef"
)

// ReadFile is NtReadFile: the status, and how many bytes were read where it is not PENDING. A synchronous handle waits.
func (t *Thread) ReadFile(a *IORequest) (ntdef.Status, uint32, error) {
	r, st := t.request(a, ntdef.FILE_READ_DATA)
	if st != ntdef.STATUS_SUCCESS {
		return st, 0, nil
	}
	st, err := t.perform(r, "a pipe to be written", func() (ntdef.Status, error) {
		st, err := t.read(r)
		r.information = uint64(r.done)
		return st, err
	})
	t.proc.didRead(int(r.information))
	t.proc.serviced("NtReadFile", st, fileParams, uint64(a.File), uint64(a.Length), r.information)
	return st, uint32(r.information), err
}

// WriteFile is NtWriteFile likewise.
func (t *Thread) WriteFile(a *IORequest) (ntdef.Status, uint32, error) {
	r, st := t.request(a, writeRights)
	if st != ntdef.STATUS_SUCCESS {
		return st, 0, nil
	}
	st, err := t.perform(r, "a pipe to be read", func() (ntdef.Status, error) {
		st, err := t.write(r)
		if st != ntdef.STATUS_PENDING {
			r.information = uint64(r.done)
		}
		return st, err
	})
	t.proc.didWrite(int(r.information))
	t.proc.serviced("NtWriteFile", st, fileParams, uint64(a.File), uint64(a.Length), r.information)
	return st, uint32(r.information), err
}

// transferable checks where a transfer of a disk's file begins: an asynchronous one says it.
func (r *ioRequest) transferable() ntdef.Status {
	switch {
	case r.Offset == FilePosition && !r.file.io().synchronous(), int64(r.Offset) < 0 && r.Offset < FilePosition:
		return ntdef.STATUS_INVALID_PARAMETER
	}
	return ntdef.STATUS_SUCCESS
}

// next is the offset of a transfer's next bytes.
func (r *ioRequest) next() uint64 {
	if r.Offset >= FilePosition {
		return r.Offset
	}
	return r.Offset + uint64(r.done)
}

// transferBuffers hold what is on its way between a file and the guest's memory.
var transferBuffers = sync.Pool{New: func() any { return new([maxTransfer]byte) }}

// read moves bytes from a file to the guest's memory, in parts of a buffer; what is not the disk's is read once.
func (t *Thread) read(r *ioRequest) (ntdef.Status, error) {
	if e, ok := r.file.(*pipeEnd); ok {
		return e.read(r)
	}
	f, disk := r.file.(*fileObject)
	if disk {
		if st := r.transferable(); st != ntdef.STATUS_SUCCESS || r.Offset == FileEnd {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		if f.locked(f.begin(r.Offset), uint64(r.Length), false) {
			return ntdef.STATUS_FILE_LOCK_CONFLICT, nil
		}
	}
	own := transferBuffers.Get().(*[maxTransfer]byte)
	defer transferBuffers.Put(own)
	buf := own[:min(r.Length, maxTransfer)]
	for first := true; first || r.left() > 0; first = false {
		part := buf[:min(r.left(), maxTransfer)]
		n, st := t.proc.readObject(r.file, part, r.next())
		if st == ntdef.STATUS_END_OF_FILE && r.done > 0 {
			break
		}
		if st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		if err := r.put(part[:n]); err != nil {
			return 0, err
		}
		if n < len(part) || !disk {
			break
		}
	}
	return ntdef.STATUS_SUCCESS, nil
}

// write moves bytes from the guest's memory to a file.
func (t *Thread) write(r *ioRequest) (ntdef.Status, error) {
	if e, ok := r.file.(*pipeEnd); ok {
		return e.write(r)
	}
	if _, ok := r.file.(*fileObject); ok {
		if st := r.transferable(); st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
	}
	own := transferBuffers.Get().(*[maxTransfer]byte)
	defer transferBuffers.Put(own)
	buf := own[:min(r.Length, maxTransfer)]
	for first := true; first || r.left() > 0; first = false {
		part := buf[:min(r.left(), maxTransfer)]
		at := r.next()
		if err := r.get(part); err != nil {
			return 0, err
		}
		if _, st := t.proc.writeObject(r.file, part, at); st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
	}
	return ntdef.STATUS_SUCCESS, nil
}

// begin is where a transfer begins in a file.
func (f *fileObject) begin(offset uint64) uint64 {
	switch offset {
	case FilePosition:
		return f.position
	case FileEnd:
		return f.node.content.Size()
	}
	return offset
}

// WriteFile is NtWriteFile at the file's position by a built-in DLL: how many bytes went out, and the status. A pipe takes all: this is
// for callers that cannot wait, such as a run-time that flushes its buffers.
func (p *Process) WriteFile(handle ntdef.Handle, b []byte) (int, ntdef.Status) {
	return p.WriteFileAt(handle, b, FilePosition)
}

// WriteFileAt is WriteFile at an offset, which the standard handles do not have.
func (p *Process) WriteFileAt(handle ntdef.Handle, b []byte, offset uint64) (int, ntdef.Status) {
	n := 0
	o, st := of[ioObject](p, handle)
	if st == ntdef.STATUS_SUCCESS {
		n, st = p.writeObject(o, b, offset)
	}
	p.didWrite(n)
	p.serviced("NtWriteFile", st, fileParams, uint64(handle), uint64(len(b)), uint64(n))
	return n, st
}

func (p *Process) writeObject(o ioObject, b []byte, offset uint64) (int, ntdef.Status) {
	switch f := o.(type) {
	case *fileObject:
		return f.writeAt(b, offset)
	case *nullDevice:
		return len(b), ntdef.STATUS_SUCCESS
	case *pipeEnd:
		return f.force(b)
	case *stream:
		return f.write(p, b)
	}
	return 0, ntdef.STATUS_INVALID_DEVICE_REQUEST
}

// ReadFile is NtReadFile at the file's position by a built-in DLL, from anything but a pipe: how many bytes were read, and the status,
// STATUS_END_OF_FILE at the end.
func (p *Process) ReadFile(handle ntdef.Handle, b []byte) (int, ntdef.Status) {
	return p.ReadFileAt(handle, b, FilePosition)
}

// ReadFileAt is ReadFile at an offset, which the standard handles do not have.
func (p *Process) ReadFileAt(handle ntdef.Handle, b []byte, offset uint64) (int, ntdef.Status) {
	n := 0
	o, st := of[ioObject](p, handle)
	if st == ntdef.STATUS_SUCCESS {
		n, st = p.readObject(o, b, offset)
	}
	p.didRead(n)
	p.serviced("NtReadFile", st, fileParams, uint64(handle), uint64(len(b)), uint64(n))
	return n, st
}

func (p *Process) readObject(o ioObject, b []byte, offset uint64) (int, ntdef.Status) {
	switch f := o.(type) {
	case *fileObject:
		return f.readAt(b, offset)
	case *nullDevice:
		return 0, ntdef.STATUS_END_OF_FILE
	case *stream:
		return f.read(b)
	}
	return 0, ntdef.STATUS_INVALID_DEVICE_REQUEST
}

var fileParams = []string{"handle", "length", "done"}
