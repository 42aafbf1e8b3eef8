package nt_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
)

// caller makes system calls of a process's first thread, with arguments in memory of their own.
type caller struct {
	t     *testing.T
	p     *nt.Process
	stack uint64
	next  uint64 // free memory
	end   uint64
}

func newCaller(t *testing.T) *caller { return newCallerOf(t, nt.Config{}) }

func newCallerOf(t *testing.T, cfg nt.Config) *caller {
	s := newScriptOf(t, cfg)
	r := ntmm.Request{Size: 1 << 18, Type: ntdef.MEM_RESERVE | ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE}
	require.Equal(t, ntdef.STATUS_SUCCESS, s.p.AllocateVirtualMemory(&r))
	return &caller{t: t, p: s.p, stack: s.scratch + stackAt, next: uint64(r.Base), end: uint64(r.Base) + r.Size}
}

// call makes a system call; pointers are made with the methods below.
func (c *caller) call(service string, args ...uint64) ntdef.Status {
	c.t.Helper()
	st, err := c.p.Thread().CallService(service, c.stack, args...)
	require.NoError(c.t, err, service)
	return st
}

// must makes a system call that succeeds.
func (c *caller) must(service string, args ...uint64) {
	c.t.Helper()
	require.Equal(c.t, ntdef.STATUS_SUCCESS.String(), c.call(service, args...).String(), service)
}

// room returns the address of n fresh bytes.
func (c *caller) room(n uint64) uint64 {
	at := c.next
	c.next += (n + 15) &^ 15
	require.LessOrEqual(c.t, c.next, c.end)
	return at
}

// bytes returns the address of a copy of b.
func (c *caller) bytes(b []byte) uint64 {
	at := c.room(uint64(len(b)))
	require.NoError(c.t, c.p.Thread().Write(at, b))
	return at
}

// cell returns the address of a value of 8 bytes.
func (c *caller) cell(v uint64) uint64 { return c.bytes(binary.LittleEndian.AppendUint64(nil, v)) }

// ustr returns the address of a UNICODE_STRING.
func (c *caller) ustr(s string) uint64 {
	text := nt.EncodeUTF16(s)
	b := make([]byte, 16)
	binary.LittleEndian.PutUint16(b, uint16(len(text)))
	binary.LittleEndian.PutUint16(b[2:], uint16(len(text)))
	binary.LittleEndian.PutUint64(b[8:], c.bytes(text))
	return c.bytes(b)
}

// attributes returns the address of an OBJECT_ATTRIBUTES.
func (c *caller) attributes(root uint64, name string) uint64 {
	b := make([]byte, 48)
	binary.LittleEndian.PutUint32(b, 48)
	binary.LittleEndian.PutUint64(b[8:], root)
	binary.LittleEndian.PutUint64(b[16:], c.ustr(name))
	binary.LittleEndian.PutUint32(b[24:], 0x40) // OBJ_CASE_INSENSITIVE
	return c.bytes(b)
}

// get returns n bytes of memory.
func (c *caller) get(va, n uint64) []byte {
	b := make([]byte, n)
	require.NoError(c.t, c.p.Thread().Read(va, b))
	return b
}

// u64 and u32 read memory.
func (c *caller) u64(va uint64) uint64 { return binary.LittleEndian.Uint64(c.get(va, 8)) }
func (c *caller) u32(va uint64) uint32 { return binary.LittleEndian.Uint32(c.get(va, 4)) }
