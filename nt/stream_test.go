package nt_test

import (
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// The standard handles are ends of pipes to those who ask: what libuv and C run-times do before they use one.
func TestStandardHandlesArePipes(t *testing.T) {
	const pipeMode, pipeLocal, peek = 23, 24, 0x11400c
	c := newCallerOf(t, nt.Config{Stdin: iotest.OneByteReader(strings.NewReader("ab"))})
	in, out := uint64(c.p.StandardHandle(0)), uint64(c.p.StandardHandle(1))
	io, buf := c.room(16), c.room(64)
	set := func(file uint64, readMode, completionMode uint64) string {
		return c.call("NtSetInformationFile", file, io, c.cell(readMode|completionMode<<32), 8, pipeMode).String()
	}
	read := func(n uint64) string {
		return c.call("NtReadFile", in, 0, 0, 0, io, buf, n, 0, 0).String()
	}
	look := func(file uint64) string {
		return c.call("NtFsControlFile", file, 0, 0, 0, io, peek, 0, 0, buf, 20).String()
	}

	require.Equal(t, "STATUS_SUCCESS", set(out, 0, 0))
	require.Equal(t, "STATUS_SUCCESS", set(out, 0, 1))
	c.must("NtQueryInformationFile", out, io, buf, 8, pipeMode)
	require.Equal(t, uint64(1)<<32, c.u64(buf), "bytes, no waiting")
	require.Equal(t, "STATUS_INVALID_PARAMETER", set(out, 1, 0), "there are no messages")
	require.Equal(t, "STATUS_INVALID_PARAMETER", set(out, 0, 2))
	require.Equal(t, "STATUS_NOT_SUPPORTED", set(in, 0, 1), "input is waited for")
	c.must("NtQueryInformationFile", in, io, buf, 40, pipeLocal)
	require.Equal(t, []uint32{0, 1, 1, 1, 4096, 0, 4096, 4096, 3, 0}, c.words(buf, 10), "the client's end, connected, that the server writes")

	require.Equal(t, "STATUS_SUCCESS", read(0), "a read of nothing waits for a byte")
	require.Equal(t, "STATUS_SUCCESS", look(in))
	require.Equal(t, []uint32{3, 1, 0, 0}, c.words(buf, 4), "connected, one byte")
	require.Equal(t, "a", string(c.get(buf+16, 1)), "which it shows")
	require.Equal(t, "STATUS_SUCCESS", read(4))
	require.Equal(t, "a", string(c.get(buf, c.u64(io+8))), "and leaves")
	require.Equal(t, "STATUS_SUCCESS", read(4))
	require.Equal(t, "b", string(c.get(buf, c.u64(io+8))))
	require.Equal(t, "STATUS_END_OF_FILE", read(0))
	require.Equal(t, "STATUS_END_OF_FILE", read(4))
	require.Equal(t, "STATUS_PIPE_BROKEN", look(in))
	require.Equal(t, "STATUS_ACCESS_DENIED", look(out))

	_, _, _, st := c.p.PeekPipe(ntdef.Handle(in), nil)
	require.Equal(t, ntdef.STATUS_PIPE_BROKEN, st, "the built-in PeekNamedPipe says the same")
}

// words returns n values of 4 bytes from memory.
func (c *caller) words(va, n uint64) (w []uint32) {
	for i := range n {
		w = append(w, c.u32(va+4*i))
	}
	return w
}
