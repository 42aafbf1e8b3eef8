package nt

import (
	"errors"
	"io"
	"os"
)

// hostFile is a file of the host.
type hostFile struct {
	*os.File
	size uint64
}

func (f *hostFile) Size() uint64 { return f.size }

func (f *hostFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(b, off)
	f.size = max(f.size, uint64(off)+uint64(n))
	return n, err
}

func (f *hostFile) Truncate(size int64) error {
	err := f.File.Truncate(size)
	if err == nil {
		f.size = uint64(size)
	}
	return err
}

// memoryFile is a file that the guest made: in chunks, so that holes cost nothing.
type memoryFile struct {
	vol    *volumes
	chunks map[int64][]byte
	size   uint64
}

const chunkSize = 64 << 10

// errNoRoom says that the guest's files hold as much as they may.
var errNoRoom = errors.New("nt: the guest's files are full")

func (f *memoryFile) Size() uint64 { return f.size }
func (f *memoryFile) Close() error { return nil }

func (f *memoryFile) ReadAt(b []byte, off int64) (int, error) {
	if uint64(off) >= f.size {
		return 0, io.EOF
	}
	n := int(min(uint64(len(b)), f.size-uint64(off)))
	for done := 0; done < n; {
		at := off + int64(done)
		part := b[done:min(n, done+int(chunkSize-at%chunkSize))]
		if c := f.chunks[at/chunkSize]; c != nil {
			copy(part, c[at%chunkSize:])
		} else {
			clear(part)
		}
		done += len(part)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memoryFile) WriteAt(b []byte, off int64) (int, error) {
	for done := 0; done < len(b); {
		at := off + int64(done)
		c := f.chunks[at/chunkSize]
		if c == nil {
			if f.vol.memory+chunkSize > maxFileMemory {
				return done, errNoRoom
			}
			f.vol.memory += chunkSize
			if f.chunks == nil {
				f.chunks = map[int64][]byte{}
			}
			c = make([]byte, chunkSize)
			f.chunks[at/chunkSize] = c
		}
		done += copy(c[at%chunkSize:], b[done:])
		f.size = max(f.size, uint64(off)+uint64(done))
	}
	return len(b), nil
}

// maxFileSize bounds a file to what NTFS allows with clusters of 4 KiB.
const maxFileSize = 16 << 40

func (f *memoryFile) Truncate(size int64) error {
	if size > maxFileSize {
		return errNoRoom
	}
	for k, c := range f.chunks {
		switch first := k * chunkSize; {
		case first >= size:
			delete(f.chunks, k)
			f.vol.memory -= chunkSize
		case first+chunkSize > size:
			clear(c[size-first:])
		}
	}
	f.size = uint64(size)
	return nil
}

// overlayFile is a file of the host until it is first changed; then it is in memory.
type overlayFile struct {
	hostFile
	vol    *volumes
	memory *memoryFile
}

func (f *overlayFile) Size() uint64 {
	if f.memory != nil {
		return f.memory.size
	}
	return f.size
}

func (f *overlayFile) ReadAt(b []byte, off int64) (int, error) {
	if f.memory != nil {
		return f.memory.ReadAt(b, off)
	}
	return f.File.ReadAt(b, off)
}

// own copies the file into memory.
func (f *overlayFile) own(keep uint64) error {
	if f.memory != nil {
		return nil
	}
	m := &memoryFile{vol: f.vol}
	buf := make([]byte, min(chunkSize, keep))
	for off := uint64(0); off < keep; off += chunkSize {
		n := min(chunkSize, keep-off)
		if _, err := f.File.ReadAt(buf[:n], int64(off)); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, err := m.WriteAt(buf[:n], int64(off)); err != nil {
			_ = m.Truncate(0)
			return err
		}
	}
	f.memory = m
	return nil
}

func (f *overlayFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.own(f.size); err != nil {
		return 0, err
	}
	return f.memory.WriteAt(b, off)
}

func (f *overlayFile) Truncate(size int64) error {
	if err := f.own(min(f.size, uint64(size))); err != nil {
		return err
	}
	return f.memory.Truncate(size)
}
