package ntdll

import (
	"encoding/binary"
	"fmt"
)

// pagedMemory is a guest memory of pages that exist when committed. An access elsewhere fails.
type pagedMemory map[uint64]*[4096]byte

type testFault uint64

func (f testFault) Error() string { return fmt.Sprintf("no memory at %#x", uint64(f)) }

func (m pagedMemory) commit(va, size uint64) {
	for p := va >> 12; p <= (va+size-1)>>12; p++ {
		if m[p] == nil {
			m[p] = new([4096]byte)
		}
	}
}

func (m pagedMemory) decommit(va, size uint64) {
	for p := va >> 12; p <= (va+size-1)>>12; p++ {
		delete(m, p)
	}
}

// put commits and writes.
func (m pagedMemory) put(va uint64, b ...byte) {
	if len(b) > 0 {
		m.commit(va, uint64(len(b)))
		if err := m.Write(va, b); err != nil {
			panic(err)
		}
	}
}

func (m pagedMemory) Read(va uint64, b []byte) error {
	for len(b) > 0 {
		p := m[va>>12]
		if p == nil {
			return testFault(va)
		}
		n := copy(b, p[va&4095:])
		b, va = b[n:], va+uint64(n)
	}
	return nil
}

func (m pagedMemory) Write(va uint64, b []byte) error {
	for len(b) > 0 {
		p := m[va>>12]
		if p == nil {
			return testFault(va)
		}
		n := copy(p[va&4095:], b)
		b, va = b[n:], va+uint64(n)
	}
	return nil
}

func (m pagedMemory) Load8(va uint64) (uint8, error) {
	var b [1]byte
	err := m.Read(va, b[:])
	return b[0], err
}

func (m pagedMemory) Load16(va uint64) (uint16, error) {
	var b [2]byte
	err := m.Read(va, b[:])
	return binary.LittleEndian.Uint16(b[:]), err
}

func (m pagedMemory) Load32(va uint64) (uint32, error) {
	var b [4]byte
	err := m.Read(va, b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

func (m pagedMemory) Load64(va uint64) (uint64, error) {
	var b [8]byte
	err := m.Read(va, b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

func (m pagedMemory) Store32(va uint64, v uint32) error {
	return m.Write(va, binary.LittleEndian.AppendUint32(nil, v))
}

func (m pagedMemory) Store64(va uint64, v uint64) error {
	return m.Write(va, binary.LittleEndian.AppendUint64(nil, v))
}
