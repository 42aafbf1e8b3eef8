package nt_test

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
)

// memory commits memory at an address of its own.
func (f *files) memory(size uint64) uint64 {
	r := ntmm.Request{Size: size, Type: ntdef.MEM_RESERVE | ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE}
	require.Equal(f.t, ntdef.STATUS_SUCCESS, f.p.AllocateVirtualMemory(&r))
	return uint64(r.Base)
}

func (f *files) transfer(service string, h, event ntdef.Handle, context, buffer uint64, n int, at int64) ntdef.Status {
	offset := uint64(0)
	if at != -2 {
		offset = f.scratch + 0x4100
		require.NoError(f.t, f.p.Thread().Store64(offset, uint64(at)))
	}
	return f.call(service, uint64(h), uint64(event), 0, context, f.scratch+ioStatusAt, buffer, uint64(n), offset, 0)
}

// A transfer of any length is one call; positions are the synchronous handle's, an asynchronous one says where to begin.
func TestTransfersOfAnyLength(t *testing.T) {
	const n = 300 << 10
	f := newFiles(t)
	buf := f.memory(n)
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i / 7)
	}
	require.NoError(t, f.p.Thread().Write(buf, data))
	name := `\??\C:\Temp\long`
	h := f.mustCreate(opening{name: name, access: readWrite, disposition: ntdef.FILE_CREATE, options: synchronous})
	require.Equal(t, ntdef.STATUS_SUCCESS, f.transfer("NtWriteFile", h, 0, 0, buf, n, -2))
	require.EqualValues(t, n, f.information())
	require.Equal(t, ntdef.STATUS_SUCCESS, f.transfer("NtWriteFile", h, 0, 0, buf, 10, -1), "FILE_WRITE_TO_END_OF_FILE")
	require.NoError(t, f.p.Thread().Write(buf, make([]byte, n)))
	require.Equal(t, ntdef.STATUS_SUCCESS, f.transfer("NtReadFile", h, 0, 0, buf, n, 0))
	got := make([]byte, n)
	require.NoError(t, f.p.Thread().Read(buf, got))
	require.Equal(t, data, got)
	require.Equal(t, ntdef.STATUS_SUCCESS, f.transfer("NtReadFile", h, 0, 0, buf, 100, -2))
	require.EqualValues(t, 10, f.information(), "what is left")
	require.Equal(t, ntdef.STATUS_END_OF_FILE, f.transfer("NtReadFile", h, 0, 0, buf, 100, -2))
	require.EqualValues(t, 0, f.information())
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, f.transfer("NtReadFile", h, 0, 0, buf, 100, -3))
	require.Equal(t, ntdef.STATUS_ACCESS_VIOLATION, f.transfer("NtReadFile", h, 0, 0, 8, 100, 0))
	f.close(h)

	h = f.mustCreate(opening{name: name, access: readWrite, disposition: ntdef.FILE_OPEN})
	event := ntdef.Handle(f.vars["event"])
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, f.transfer("NtReadFile", h, 0, 0, buf, 10, -2), "where?")
	require.Equal(t, ntdef.STATUS_SUCCESS, f.transfer("NtReadFile", h, event, 0, buf, 10, 5))
	was, _ := f.p.SetEvent(event)
	require.True(t, was, "the event is set")
	port, st := f.p.CreateCompletionPort(&nt.ObjectRequest{}, 0)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.NoError(t, f.p.Thread().Write(f.scratch+dataAt, append(le64(uint64(port)), le64(77)...)))
	set := func() ntdef.Status {
		return f.call("NtSetInformationFile", uint64(h), f.scratch+ioStatusAt, f.scratch+dataAt, 16, 30)
	}
	require.Equal(t, ntdef.STATUS_SUCCESS, set())
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, set(), "it has a port")
	require.Equal(t, ntdef.STATUS_SUCCESS, f.transfer("NtReadFile", h, 0, 0x1234, buf, 10, 5))
	require.Equal(t, ntdef.STATUS_SUCCESS, f.transfer("NtReadFile", h, 0, 0, buf, 10, 5), "without a context nobody is told")
	packets, st, err := f.p.Thread().RemoveCompletions(port, 9, 0, false)
	require.NoError(t, err)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, []nt.Completion{{Key: 77, Overlapped: 0x1234, Bytes: 10}}, packets)
	f.close(h)
}

func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// pipe makes a pipe with both ends asynchronous.
func (f *files) pipe(typ, readMode, quota uint64) (server, client ntdef.Handle) {
	const name = `\??\PIPE\test`
	timeout := f.scratch + 0x4200
	require.NoError(f.t, f.p.Thread().Store64(timeout, ^uint64(9999)))
	st := f.call("NtCreateNamedPipeFile", f.scratch+handleAt, uint64(readWrite), f.attributes(0, name), f.scratch+ioStatusAt, 3,
		uint64(ntdef.FILE_OPEN_IF), 0, typ, readMode, 0, 2, quota, quota, timeout)
	require.Equal(f.t, ntdef.STATUS_SUCCESS, st)
	server = ntdef.Handle(f.word(handleAt))
	client = f.mustCreate(opening{name: name, access: readWrite, disposition: ntdef.FILE_OPEN})
	return server, client
}

func (f *files) fsctl(h ntdef.Handle, code, in, inLength, out, outLength uint64) ntdef.Status {
	return f.call("NtFsControlFile", uint64(h), 0, 0, 0, f.scratch+ioStatusAt, code, in, inLength, out, outLength)
}

const (
	fsctlDisconnect = 0x110004
	fsctlListen     = 0x110008
	fsctlPeek       = 0x11400c
	fsctlWait       = 0x110018
	fsctlTransceive = 0x11c017
)

// Requests to pipes are pending until the other end does its part.
func TestPipesArePending(t *testing.T) {
	f := newFiles(t)
	server, client := f.pipe(1, 1, 16)
	th := f.p.Thread()
	text := func(at uint64, n int) string { return strings.TrimRight(string(f.bytes(at, n)), "\x00") }
	require.NoError(t, th.Write(f.scratch+dataAt, []byte("a message of more than sixteen bytes")))
	require.Equal(t, ntdef.STATUS_PIPE_CONNECTED, f.fsctl(server, fsctlListen, 0, 0, 0, 0))

	// A read waits for a write.
	require.Equal(t, ntdef.STATUS_PENDING, f.transfer("NtReadFile", server, 0, 0, f.scratch+bufferAt, 8, -2))
	require.NoError(t, th.Store64(f.scratch+ioStatusAt, uint64(ntdef.STATUS_PENDING)))
	st := f.call("NtWriteFile", uint64(client), 0, 0, 0, f.scratch+0x4300, f.scratch+dataAt, 5, 0, 0)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.EqualValues(t, ntdef.STATUS_SUCCESS, f.word(ioStatusAt))
	require.EqualValues(t, 5, f.information())
	require.Equal(t, "a mes", text(bufferAt, 8))

	// A message that does not fit waits for its reader, who reads it in parts.
	require.Equal(t, ntdef.STATUS_PENDING, f.transfer("NtWriteFile", client, 0, 0, f.scratch+dataAt, 36, -2))
	require.Equal(t, ntdef.STATUS_BUFFER_OVERFLOW, f.call("NtReadFile", uint64(server), 0, 0, 0, f.scratch+0x4300, f.scratch+bufferAt, 10, 0, 0))
	require.Equal(t, ntdef.STATUS_BUFFER_OVERFLOW, f.fsctl(server, fsctlPeek, 0, 0, f.scratch+0x5000, 20))
	require.Equal(t, []byte{3, 0, 0, 0, 26, 0, 0, 0, 1, 0, 0, 0, 26, 0, 0, 0}, f.bytes(0x5000, 16))
	require.Equal(t, ntdef.STATUS_SUCCESS, f.call("NtReadFile", uint64(server), 0, 0, 0, f.scratch+0x4300, f.scratch+bufferAt, 64, 0, 0))
	require.Equal(t, "of more than sixteen bytes", string(f.bytes(bufferAt, 26)))

	// What is pending can be cancelled: once.
	require.Equal(t, ntdef.STATUS_PENDING, f.transfer("NtReadFile", server, 0, 0, f.scratch+bufferAt, 8, -2))
	require.Equal(t, ntdef.STATUS_SUCCESS, f.call("NtCancelIoFileEx", uint64(server), f.scratch+ioStatusAt, f.scratch+0x4300))
	require.EqualValues(t, ntdef.STATUS_CANCELLED, f.word(ioStatusAt))
	require.Equal(t, ntdef.STATUS_NOT_FOUND, f.call("NtCancelIoFileEx", uint64(server), 0, f.scratch+0x4300))

	// The end of the other end ends what waits; what was written stays.
	st = f.call("NtWriteFile", uint64(client), 0, 0, 0, f.scratch+0x4300, f.scratch+dataAt, 3, 0, 0)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	f.close(client)
	require.Equal(t, ntdef.STATUS_SUCCESS, f.transfer("NtReadFile", server, 0, 0, f.scratch+bufferAt, 8, -2))
	require.Equal(t, ntdef.STATUS_PIPE_BROKEN, f.transfer("NtReadFile", server, 0, 0, f.scratch+bufferAt, 8, -2))
	require.Equal(t, ntdef.STATUS_PIPE_CLOSING, f.transfer("NtWriteFile", server, 0, 0, f.scratch+bufferAt, 8, -2))
	require.Equal(t, ntdef.STATUS_PIPE_CLOSING, f.fsctl(server, fsctlListen, 0, 0, 0, 0))
	require.Equal(t, ntdef.STATUS_SUCCESS, f.fsctl(server, fsctlDisconnect, 0, 0, 0, 0))
	require.Equal(t, ntdef.STATUS_PIPE_DISCONNECTED, f.transfer("NtReadFile", server, 0, 0, f.scratch+bufferAt, 8, -2))

	// A server listens for its next client.
	_, st = f.create(opening{name: `\??\PIPE\test`, access: readWrite, disposition: ntdef.FILE_OPEN})
	require.Equal(t, ntdef.STATUS_PIPE_NOT_AVAILABLE, st)
	require.Equal(t, ntdef.STATUS_PENDING, f.fsctl(server, fsctlListen, 0, 0, 0, 0))
	client, st = f.create(opening{name: `\Device\NamedPipe\TEST`, access: readWrite, disposition: ntdef.FILE_OPEN})
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_INVALID_PIPE_STATE, f.fsctl(client, fsctlTransceive, 0, 0, 0, 0), "it is read by bytes")
	f.close(server)
	f.close(client)
	_, st = f.create(opening{name: `\??\PIPE\test`, access: readWrite, disposition: ntdef.FILE_OPEN})
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, st, "the pipe has gone with its last instance")
}

// A folder is listed in every layout; what does not fit comes with the next call.
func TestListingFolders(t *testing.T) {
	f := newFiles(t)
	th, le := f.p.Thread(), binary.LittleEndian
	dir := f.mustCreate(opening{name: `\??\C:\Temp\list`, access: ntdef.GENERIC_READ, disposition: ntdef.FILE_CREATE, options: ntdef.FILE_DIRECTORY_FILE | synchronous})
	for _, name := range []string{"alpha.txt", "beta.c", "Gamma"} {
		f.close(f.mustCreate(opening{root: dir, name: name, access: readWrite, disposition: ntdef.FILE_CREATE, options: synchronous}))
	}
	list := func(class, length uint64, single bool, pattern string, restart bool) (ntdef.Status, []string) {
		name := uint64(0)
		if pattern != "" {
			name = f.attributes(0, pattern) + 0x40
		}
		flag := map[bool]uint64{true: 1}
		st := f.call("NtQueryDirectoryFile", uint64(dir), 0, 0, 0, f.scratch+ioStatusAt, f.scratch+dataAt, length, class, flag[single], name, flag[restart])
		if st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		fixed := map[uint64]int{1: 64, 2: 68, 3: 94, 12: 12, 37: 104, 38: 80, 60: 88, 63: 114}[class]
		var names []string
		b := f.bytes(dataAt, int(f.information()))
		for {
			lengthAt := 60
			if class == 12 {
				lengthAt = 8
			}
			n := int(le.Uint32(b[lengthAt:]))
			units := make([]uint16, n/2)
			for i := range units {
				units[i] = le.Uint16(b[fixed+2*i:])
			}
			names = append(names, nt.DecodeWTF16(units))
			next := le.Uint32(b)
			if next == 0 {
				require.Len(t, b, fixed+n)
				return st, names
			}
			require.Zero(t, next%8)
			b = b[next:]
		}
	}
	all := []string{".", "..", "alpha.txt", "beta.c", "Gamma"}
	for i, class := range []uint64{1, 2, 3, 12, 37, 38, 60, 63} {
		st, names := list(class, 0x1000, false, "", true)
		require.Equal(t, ntdef.STATUS_SUCCESS, st, class)
		require.Equal(t, all, names, "%d %d", i, class)
	}
	st, _ := list(1, 0x1000, false, "", false)
	require.Equal(t, ntdef.STATUS_NO_MORE_FILES, st)
	st, names := list(12, 0x1000, true, "*.c", true)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, []string{"beta.c"}, names)
	st, _ = list(12, 0x1000, true, "*.c", false)
	require.Equal(t, ntdef.STATUS_NO_MORE_FILES, st)
	st, _ = list(12, 0x1000, false, "none", true)
	require.Equal(t, ntdef.STATUS_NO_SUCH_FILE, st)
	st, names = list(12, 40, false, "*", true)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, all[:2], names, "two fit")
	st, _ = list(12, 20, false, "", false)
	require.Equal(t, ntdef.STATUS_BUFFER_OVERFLOW, st, "the name is cut off")
	st, _ = list(12, 8, false, "", false)
	require.Equal(t, ntdef.STATUS_INFO_LENGTH_MISMATCH, st)
	st, _ = list(77, 0x1000, false, "", false)
	require.Equal(t, ntdef.STATUS_INVALID_INFO_CLASS, st)

	// A watch is told what happens from its first request on.
	const buffer, quota = 0x6000, 256
	watch := func() ntdef.Status {
		return f.call("NtNotifyChangeDirectoryFile", uint64(dir), 0, 0, 0, f.scratch+ioStatusAt, f.scratch+buffer, quota, 0x13, 0)
	}
	f.close(dir)
	dir = f.mustCreate(opening{name: `\??\C:\Temp\list`, access: ntdef.GENERIC_READ, disposition: ntdef.FILE_OPEN, options: ntdef.FILE_DIRECTORY_FILE})
	require.Equal(t, ntdef.STATUS_PENDING, watch())
	require.NoError(t, th.Store64(f.scratch+ioStatusAt, uint64(ntdef.STATUS_PENDING)))
	h := func() ntdef.Handle {
		st := f.call("NtCreateFile", f.scratch+handleAt, uint64(readWrite|ntdef.DELETE), f.attributes(0, `\??\C:\Temp\list\new`), f.scratch+0x4300, 0, 0x80, 7,
			uint64(ntdef.FILE_CREATE), uint64(synchronous), 0, 0)
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		return ntdef.Handle(f.word(handleAt))
	}()
	require.EqualValues(t, ntdef.STATUS_SUCCESS, f.word(ioStatusAt), "it is told at once")
	require.EqualValues(t, 12+6, f.information())
	require.Equal(t, []byte{0, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 'n', 0, 'e', 0, 'w', 0}, f.bytes(buffer, 18))
	_, st = f.p.WriteFile(h, []byte("x"))
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_SUCCESS, f.p.RenameFile(h, `C:\Temp\list\old`, false))
	require.Equal(t, ntdef.STATUS_SUCCESS, watch(), "what happened meanwhile is there")
	var actions []uint32
	for b := f.bytes(buffer, int(f.information())); ; b = b[le.Uint32(b):] {
		actions = append(actions, le.Uint32(b[4:]))
		if le.Uint32(b) == 0 {
			break
		}
	}
	require.Equal(t, []uint32{3, 4, 5}, actions)
	require.Equal(t, ntdef.STATUS_PENDING, watch())
	f.close(dir)
	require.EqualValues(t, ntdef.STATUS_NOTIFY_CLEANUP, f.word(ioStatusAt))
}

// Every class of questions about files answers or says why not, and never more than the buffer holds.
func TestFileInformationClasses(t *testing.T) {
	f := newFiles(t)
	server, client := f.pipe(0, 0, 64)
	f.close(ntdef.Handle(f.vars["file"]))
	disk := f.mustCreate(opening{name: `\??\C:\Temp\file`, access: ntdef.GENERIC_READ | ntdef.SYNCHRONIZE, disposition: ntdef.FILE_OPEN, options: synchronous})
	null := f.mustCreate(opening{name: `\??\NUL`, access: readWrite, disposition: ntdef.FILE_OPEN, options: synchronous})
	ask := func(service string, h ntdef.Handle, length, class uint64) ntdef.Status {
		return f.call(service, uint64(h), f.scratch+ioStatusAt, f.scratch+dataAt, length, class)
	}
	for _, h := range []ntdef.Handle{disk, server, client, null, f.p.StandardHandle(1)} {
		for class := range uint64(80) {
			for _, length := range []uint64{0, 3, 24, 200} {
				st := ask("NtQueryInformationFile", h, length, class)
				if st.IsSuccess() || st == ntdef.STATUS_BUFFER_OVERFLOW {
					require.LessOrEqual(t, f.information(), length)
				}
				ask("NtQueryVolumeInformationFile", h, length, class)
			}
		}
	}
	le := binary.LittleEndian
	require.Equal(t, ntdef.STATUS_SUCCESS, ask("NtQueryInformationFile", disk, 200, 18))
	b := f.bytes(dataAt, 200)
	require.EqualValues(t, 14, le.Uint64(b[48:]))
	require.EqualValues(t, len(`\Temp\file`)*2, le.Uint32(b[96:]))
	require.Equal(t, ntdef.STATUS_BUFFER_OVERFLOW, ask("NtQueryInformationFile", disk, 104, 18))
	require.Equal(t, ntdef.STATUS_INFO_LENGTH_MISMATCH, ask("NtQueryInformationFile", disk, 103, 18))
	require.Equal(t, ntdef.STATUS_SUCCESS, ask("NtQueryInformationFile", server, 40, 24))
	require.EqualValues(t, 2, le.Uint32(f.bytes(dataAt+4, 4)), "both directions")
	for h, want := range map[ntdef.Handle]uint32{disk: 7, server: 0x11, null: 0x15, f.p.StandardHandle(1): 0x11} {
		require.Equal(t, ntdef.STATUS_SUCCESS, ask("NtQueryVolumeInformationFile", h, 8, 4))
		require.EqualValues(t, want, le.Uint32(f.bytes(dataAt, 4)))
	}

	// Renaming, with and without a folder, and deleting.
	rename := func(h, root ntdef.Handle, name string, flags, class uint64) ntdef.Status {
		text := nt.EncodeUTF16(name)
		b := append(le64(flags), le64(uint64(root))...)
		b = append(le.AppendUint32(b, uint32(len(text))), text...)
		require.NoError(t, f.p.Thread().Write(f.scratch+dataAt, append(b, make([]byte, 8)...)))
		return ask("NtSetInformationFile", h, uint64(max(24, len(b))), class)
	}
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, rename(disk, 0, "other", 0, 10), "no DELETE")
	h := f.mustCreate(opening{name: `\??\C:\Temp\r`, access: readWrite | ntdef.DELETE, disposition: ntdef.FILE_CREATE, options: synchronous})
	dir := f.mustCreate(opening{name: `\??\C:\Users`, access: attributesIO, disposition: ntdef.FILE_OPEN, options: ntdef.FILE_DIRECTORY_FILE | synchronous})
	for _, c := range []struct {
		root  ntdef.Handle
		name  string
		flags uint64
		want  string
	}{
		{0, "s", 0, "SUCCESS"},
		{0, `\??\C:\Temp\T`, 0, "SUCCESS"},
		{dir, "u", 0, "SUCCESS"},
		{0, `\??\C:\Temp\file`, 0, "OBJECT_NAME_COLLISION"},
		{0, `\??\C:\Temp\file`, 1, "ACCESS_DENIED"}, // it is open
		{0, `\??\C:\none\x`, 0, "OBJECT_PATH_NOT_FOUND"},
		{0, `\??\NUL`, 0, "NOT_SAME_DEVICE"},
		{0, "a*b", 0, "OBJECT_NAME_INVALID"},
		{0, "", 0, "INVALID_PARAMETER"},
	} {
		require.Equal(t, "STATUS_"+c.want, rename(h, c.root, c.name, c.flags, 10).String(), c.name)
		if c.want != "SUCCESS" {
			require.Equal(t, "STATUS_"+c.want, rename(h, c.root, c.name, c.flags, 65).String(), c.name)
		}
	}
	require.Equal(t, ntdef.STATUS_SUCCESS, ask("NtQueryInformationFile", h, 200, 9))
	require.Equal(t, string(nt.EncodeUTF16(`\Users\u`)), string(f.bytes(dataAt+4, 16)))
	other := f.mustCreate(opening{name: `\??\C:\Users\u`, access: readWrite, disposition: ntdef.FILE_OPEN, options: synchronous})
	require.NoError(t, f.p.Thread().Store32(f.scratch+dataAt, 3))
	require.Equal(t, ntdef.STATUS_SUCCESS, ask("NtSetInformationFile", h, 4, 64), "as POSIX deletes")
	f.close(h)
	_, st := f.create(opening{name: `\??\C:\Users\u`, access: readWrite, disposition: ntdef.FILE_OPEN, options: synchronous})
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, st, "the name has gone, the file is still open")
	require.Equal(t, ntdef.STATUS_SUCCESS, f.transfer("NtWriteFile", other, 0, 0, f.scratch+dataAt, 4, 0))
	f.close(other)
}

// Locks of other handles are waited for, or not.
func TestLockServices(t *testing.T) {
	f := newFiles(t)
	f.close(ntdef.Handle(f.vars["file"]))
	name := opening{name: `\??\C:\Temp\file`, access: readWrite, disposition: ntdef.FILE_OPEN}
	a, b := f.mustCreate(name), f.mustCreate(name)
	th := f.p.Thread()
	require.NoError(t, th.Store64(f.scratch+0x4400, 4))
	lock := func(h ntdef.Handle, now uint64) ntdef.Status {
		require.NoError(t, th.Store64(f.scratch+0x4408, 8))
		return f.call("NtLockFile", uint64(h), 0, 0, 0, f.scratch+ioStatusAt, f.scratch+0x4400, f.scratch+0x4408, 0, now, 1)
	}
	require.Equal(t, ntdef.STATUS_SUCCESS, lock(a, 1))
	require.Equal(t, ntdef.STATUS_LOCK_NOT_GRANTED, lock(b, 1))
	require.Equal(t, ntdef.STATUS_FILE_LOCK_CONFLICT, f.transfer("NtWriteFile", b, 0, 0, f.scratch+dataAt, 4, 10))
	require.Equal(t, ntdef.STATUS_PENDING, lock(b, 0))
	require.NoError(t, th.Store64(f.scratch+ioStatusAt, uint64(ntdef.STATUS_PENDING)))
	require.Equal(t, ntdef.STATUS_SUCCESS, f.call("NtUnlockFile", uint64(a), f.scratch+0x4300, f.scratch+0x4400, f.scratch+0x4408, 0))
	require.EqualValues(t, ntdef.STATUS_SUCCESS, f.word(ioStatusAt))
	require.Equal(t, ntdef.STATUS_RANGE_NOT_LOCKED, f.call("NtUnlockFile", uint64(a), f.scratch+0x4300, f.scratch+0x4400, f.scratch+0x4408, 0))
	f.close(b)
	require.Equal(t, ntdef.STATUS_SUCCESS, lock(a, 1), "locks go with their file object")
}

// fuzzed are the services that FuzzFileServices calls.
var fuzzed = []string{
	"NtCancelIoFile", "NtCancelIoFileEx", "NtCreateFile", "NtCreateMailslotFile", "NtCreateNamedPipeFile", "NtDeleteFile",
	"NtDeviceIoControlFile", "NtFlushBuffersFile", "NtFlushBuffersFileEx", "NtFsControlFile", "NtLockFile", "NtNotifyChangeDirectoryFile",
	"NtNotifyChangeDirectoryFileEx", "NtOpenFile", "NtQueryAttributesFile", "NtQueryDirectoryFile", "NtQueryDirectoryFileEx",
	"NtQueryFullAttributesFile", "NtQueryInformationFile", "NtQueryVolumeInformationFile", "NtReadFile", "NtReadFileScatter",
	"NtSetInformationFile", "NtSetVolumeInformationFile", "NtUnlockFile", "NtWriteFile", "NtWriteFileGather", "NtClose",
}

// FuzzFileServices calls the services of files with arguments that are handles, pointers, lengths and nonsense. Handles are asynchronous:
// nobody is there to end a wait.
func FuzzFileServices(f *testing.F) {
	for seed := range uint64(6) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		s := newFiles(t)
		rng := rand.New(rand.NewPCG(seed, 1))
		server, client := s.pipe(rng.Uint64N(2), 0, 64)
		dir := s.mustCreate(opening{name: `\??\C:\Temp`, access: ntdef.GENERIC_READ, disposition: ntdef.FILE_OPEN, options: ntdef.FILE_DIRECTORY_FILE})
		file := s.mustCreate(opening{name: `\??\C:\Temp\fuzz`, access: readWrite | ntdef.DELETE, disposition: ntdef.FILE_CREATE})
		pipes := s.mustCreate(opening{name: `\??\PIPE\`, access: attributesIO, disposition: ntdef.FILE_OPEN})
		handles := []ntdef.Handle{server, client, dir, file, pipes, s.p.StandardHandle(1), ntdef.Handle(s.vars["event"])}
		value := func(first bool) uint64 {
			switch n := rng.Uint64N(16); {
			case first && n < 10, n == 0:
				return uint64(handles[rng.IntN(len(handles))])
			case n < 5:
				return rng.Uint64N(80)
			case n < 10:
				return s.scratch + rng.Uint64N(0x10)*0x1000 + rng.Uint64N(0x200)*8
			case n == 10:
				return s.attributes(dir, []string{"fuzz", "x", "", `\`, "a*"}[rng.IntN(5)])
			case n == 11:
				return s.attributes(0, []string{`\??\C:\Temp\fuzz`, `\??\PIPE\test`, `\??\PIPE\p`, `\Device`, `\??\NUL`}[rng.IntN(5)])
			case n == 12:
				return s.scratch + 0xfff0 + rng.Uint64N(32)
			case n == 13:
				return []uint64{fsctlDisconnect, fsctlListen, fsctlPeek, fsctlWait, fsctlTransceive, 0x900a8}[rng.IntN(6)]
			case n == 14:
				return uint64(readWrite)
			}
			return rng.Uint64()
		}
		for range 300 {
			service := fuzzed[rng.IntN(len(fuzzed))]
			var args []uint64
			for i := range 14 {
				args = append(args, value(i == 0))
			}
			switch service {
			case "NtCreateFile":
				args[8] &^= uint64(ntdef.FILE_SYNCHRONOUS_IO_ALERT | ntdef.FILE_SYNCHRONOUS_IO_NONALERT)
			case "NtOpenFile":
				args[5] &^= uint64(ntdef.FILE_SYNCHRONOUS_IO_ALERT | ntdef.FILE_SYNCHRONOUS_IO_NONALERT)
			case "NtCreateNamedPipeFile":
				args[6] &^= uint64(ntdef.FILE_SYNCHRONOUS_IO_ALERT | ntdef.FILE_SYNCHRONOUS_IO_NONALERT)
			}
			s.call(service, args...)
		}
	})
}
