package nt_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// files calls the services of files in one process, whose scratch memory it lays out.
type files struct {
	*script
}

const (
	ioStatusAt = 0x4000
	handleAt   = 0x4010
	dataAt     = 0xa000
)

const (
	readWrite    = ntdef.GENERIC_READ | ntdef.GENERIC_WRITE | ntdef.SYNCHRONIZE
	shareAll     = ntdef.FILE_SHARE_READ | ntdef.FILE_SHARE_WRITE | ntdef.FILE_SHARE_DELETE
	synchronous  = ntdef.FILE_SYNCHRONOUS_IO_NONALERT
	attributesIO = ntdef.FILE_READ_ATTRIBUTES | ntdef.SYNCHRONIZE
)

func newFiles(t *testing.T) *files { return &files{newScript(t)} }

func (f *files) call(service string, args ...uint64) ntdef.Status {
	f.t.Helper()
	st, err := f.p.Thread().CallService(service, f.scratch+stackAt, args...)
	require.NoError(f.t, err, service)
	return st
}

// attributes puts an OBJECT_ATTRIBUTES into memory.
func (f *files) attributes(root ntdef.Handle, name string) uint64 {
	th, text, at := f.p.Thread(), nt.EncodeUTF16(name), f.scratch+namesAt
	for _, v := range []struct{ at, v uint64 }{
		{0, 0x30},
		{8, uint64(root)},
		{0x10, at + 0x40},
		{0x18, 0x40},
		{0x20, 0},
		{0x28, 0},
		{0x40, uint64(len(text)) | uint64(len(text))<<16},
		{0x48, at + 0x60},
	} {
		require.NoError(f.t, th.Store64(at+v.at, v.v))
	}
	require.NoError(f.t, th.Write(at+0x60, text))
	return at
}

func (f *files) word(at uint64) uint64 {
	v, err := f.p.Thread().Load64(f.scratch + at)
	require.NoError(f.t, err)
	return v
}

func (f *files) bytes(at uint64, n int) []byte {
	b := make([]byte, n)
	require.NoError(f.t, f.p.Thread().Read(f.scratch+at, b))
	return b
}

// information is what the last call put into its IO_STATUS_BLOCK.
func (f *files) information() uint64 { return f.word(ioStatusAt + 8) }

type opening struct {
	root                         ntdef.Handle
	name                         string
	access, disposition, options uint32
}

func (f *files) create(o opening) (ntdef.Handle, ntdef.Status) {
	st := f.call("NtCreateFile", f.scratch+handleAt, uint64(o.access), f.attributes(o.root, o.name), f.scratch+ioStatusAt, 0, 0x80,
		uint64(shareAll), uint64(o.disposition), uint64(o.options), 0, 0)
	return ntdef.Handle(f.word(handleAt)), st
}

func (f *files) mustCreate(o opening) ntdef.Handle {
	f.t.Helper()
	h, st := f.create(o)
	require.Equal(f.t, ntdef.STATUS_SUCCESS, st, o.name)
	return h
}

func (f *files) close(h ntdef.Handle) {
	require.Equal(f.t, ntdef.STATUS_SUCCESS, f.call("NtClose", uint64(h)))
}

// TestFileNames opens names of the object manager, each for what it is.
func TestFileNames(t *testing.T) {
	f := newFiles(t)
	dir := f.mustCreate(opening{name: `\??\C:\Temp\Dir`, access: attributesIO, disposition: ntdef.FILE_CREATE, options: ntdef.FILE_DIRECTORY_FILE | synchronous})
	file := f.mustCreate(opening{root: dir, name: "Name.txt", access: readWrite, disposition: ntdef.FILE_CREATE, options: synchronous})
	require.EqualValues(t, ntdef.FILE_CREATED, f.information())
	event := ntdef.Handle(f.vars["event"])
	for _, c := range []struct {
		root ntdef.Handle
		name string
		want string
	}{
		{0, `\??\C:\temp\DIR\name.TXT`, "SUCCESS"},
		{0, `\DosDevices\C:\Temp\Dir\Name.txt`, "SUCCESS"},
		{0, `\GLOBAL??\C:\Temp\Dir\Name.txt`, "SUCCESS"},
		{0, `\??\GlobalRoot\Device\HarddiskVolume1\Temp\Dir\Name.txt`, "SUCCESS"},
		{0, `\Device\HarddiskVolume1\Temp\Dir\Name.txt`, "SUCCESS"},
		{0, `\Device\HarddiskVolume9\Temp\Dir\Name.txt`, "OBJECT_PATH_NOT_FOUND"},
		{0, `\SystemRoot\System32`, "SUCCESS"},
		{0, `\??\C:\Temp\Dir\`, "SUCCESS"},
		{0, `\??\C:\Temp\Dir\Name.txt\`, "NOT_A_DIRECTORY"},
		{0, `\??\C:\Temp\Dir\Name.txt::$DATA`, "SUCCESS"},
		{0, `\??\C:\Temp\Dir\Name.txt:stream`, "OBJECT_NAME_INVALID"},
		{0, `\??\C:\Temp\Dir\Name.txt\below`, "OBJECT_PATH_NOT_FOUND"},
		{0, `\??\C:\Temp\\Dir`, "OBJECT_NAME_INVALID"},
		{0, `\??\C:\Temp\.\Dir`, "OBJECT_NAME_INVALID"},
		{0, `\??\C:\Temp\Dir\..`, "OBJECT_NAME_INVALID"},
		{0, `\??\C:\Temp/Dir`, "OBJECT_NAME_INVALID"},
		{0, `\??\C:\Temp\*`, "OBJECT_NAME_INVALID"},
		{0, "\\??\\C:\\Temp\\a\x01", "OBJECT_NAME_INVALID"},
		{0, "\\??\\C:\\Temp\\a\x00b", "OBJECT_NAME_INVALID"},
		{0, `\??\C:\` + strings.Repeat("a", 255), "OBJECT_NAME_NOT_FOUND"},
		{0, `\??\C:\` + strings.Repeat("a", 256), "OBJECT_NAME_INVALID"},
		{0, `\??\C:\Temp\none`, "OBJECT_NAME_NOT_FOUND"},
		{0, `\??\C:\none\none`, "OBJECT_PATH_NOT_FOUND"},
		{0, `\??\Q:\x`, "OBJECT_PATH_NOT_FOUND"},
		{0, `\??\nothing`, "OBJECT_NAME_NOT_FOUND"},
		{0, `\nothing\x`, "OBJECT_PATH_NOT_FOUND"},
		{0, `C:\Temp`, "OBJECT_PATH_SYNTAX_BAD"},
		{0, `\\.\C:\Temp`, "OBJECT_NAME_INVALID"},
		{0, `relative`, "OBJECT_PATH_SYNTAX_BAD"},
		{0, ``, "OBJECT_PATH_SYNTAX_BAD"},
		{0, `\`, "OBJECT_TYPE_MISMATCH"},
		{0, `\??\NUL`, "SUCCESS"},
		{0, `\Device\Null`, "SUCCESS"},
		{0, `\??\CONOUT$`, "INVALID_HANDLE"},
		{0, `\Device\ConDrv\CurrentIn`, "INVALID_HANDLE"},
		{0, `\??\UNC\server\share`, "BAD_NETWORK_PATH"},
		{0, `\??\PhysicalDrive0`, "ACCESS_DENIED"},
		{0, `\??\C:`, "ACCESS_DENIED"},
		{0, `\??\MountPointManager`, "ACCESS_DENIED"},
		{0, `\??\PIPE\none`, "OBJECT_NAME_NOT_FOUND"},
		{dir, `name.txt`, "SUCCESS"},
		{dir, ``, "SUCCESS"},
		{dir, `\name.txt`, "OBJECT_NAME_INVALID"},
		{dir, `..\x`, "OBJECT_NAME_INVALID"},
		{file, ``, "SUCCESS"},
		{file, `x`, "OBJECT_PATH_NOT_FOUND"},
		{event, `x`, "OBJECT_TYPE_MISMATCH"},
		{0x7f0, `x`, "INVALID_HANDLE"},
	} {
		h, st := f.create(opening{root: c.root, name: c.name, access: attributesIO, disposition: ntdef.FILE_OPEN, options: synchronous})
		require.Equal(t, "STATUS_"+c.want, st.String(), "%v %q", c.root, c.name)
		if st == ntdef.STATUS_SUCCESS {
			f.close(h)
		}
	}
}

// TestOpenOptions has what NtCreateFile does with its dispositions and refuses of its options.
func TestOpenOptions(t *testing.T) {
	const name, folder = `\??\C:\Temp\o`, ntdef.FILE_DIRECTORY_FILE
	f := newFiles(t)
	for _, c := range []struct {
		name                         string
		access, disposition, options uint32
		want                         string
		done                         uint32
	}{
		{name, readWrite, ntdef.FILE_OPEN, synchronous, "OBJECT_NAME_NOT_FOUND", 0},
		{name, readWrite, ntdef.FILE_OVERWRITE, synchronous, "OBJECT_NAME_NOT_FOUND", 0},
		{name, readWrite, ntdef.FILE_CREATE, synchronous, "SUCCESS", ntdef.FILE_CREATED},
		{name, readWrite, ntdef.FILE_CREATE, synchronous, "OBJECT_NAME_COLLISION", 0},
		{name, readWrite, ntdef.FILE_OPEN_IF, synchronous, "SUCCESS", ntdef.FILE_OPENED},
		{name, readWrite, ntdef.FILE_OVERWRITE, synchronous, "SUCCESS", ntdef.FILE_OVERWRITTEN},
		{name, readWrite, ntdef.FILE_OVERWRITE_IF, synchronous, "SUCCESS", ntdef.FILE_OVERWRITTEN},
		{name, readWrite, ntdef.FILE_SUPERSEDE, synchronous, "SUCCESS", ntdef.FILE_SUPERSEDED},
		{name, readWrite, ntdef.FILE_OPEN, 0, "SUCCESS", ntdef.FILE_OPENED},
		{name, ntdef.MAXIMUM_ALLOWED, ntdef.FILE_OPEN, synchronous, "SUCCESS", ntdef.FILE_OPENED},
		{name, readWrite, ntdef.FILE_OPEN, folder, "NOT_A_DIRECTORY", 0},
		{name, readWrite, 6, 0, "INVALID_PARAMETER", 0},
		{name, 0, ntdef.FILE_OPEN, 0, "ACCESS_DENIED", 0},
		{name, ntdef.FILE_READ_DATA, ntdef.FILE_OPEN, synchronous, "INVALID_PARAMETER", 0}, // no SYNCHRONIZE
		{name, readWrite, ntdef.FILE_OPEN, synchronous | ntdef.FILE_SYNCHRONOUS_IO_ALERT, "INVALID_PARAMETER", 0},
		{name, readWrite, ntdef.FILE_OPEN, ntdef.FILE_DELETE_ON_CLOSE, "INVALID_PARAMETER", 0}, // no DELETE
		{name, readWrite, ntdef.FILE_OPEN, folder | ntdef.FILE_NON_DIRECTORY_FILE, "INVALID_PARAMETER", 0},
		{name, readWrite, ntdef.FILE_OPEN, folder | ntdef.FILE_RANDOM_ACCESS, "INVALID_PARAMETER", 0},
		{name, readWrite, ntdef.FILE_OVERWRITE, folder, "INVALID_PARAMETER", 0},
		{name, readWrite, ntdef.FILE_OPEN, 0x01000000, "INVALID_PARAMETER", 0},
		{name, readWrite, ntdef.FILE_OPEN, ntdef.FILE_OPEN_BY_FILE_ID, "NOT_SUPPORTED", 0},
		{name, ntdef.DELETE, ntdef.FILE_OPEN, ntdef.FILE_DELETE_ON_CLOSE, "SUCCESS", ntdef.FILE_OPENED},
		{name, readWrite, ntdef.FILE_OPEN, 0, "OBJECT_NAME_NOT_FOUND", 0},
		{`\??\C:\Temp`, attributesIO, ntdef.FILE_OPEN, ntdef.FILE_NON_DIRECTORY_FILE, "FILE_IS_A_DIRECTORY", 0},
		{`\??\C:\Temp`, attributesIO, ntdef.FILE_OVERWRITE_IF, 0, "OBJECT_NAME_COLLISION", 0},
		{`\??\C:\Temp`, attributesIO, ntdef.FILE_OPEN_IF, folder, "SUCCESS", ntdef.FILE_OPENED},
		{`\??\C:\Temp\d\`, attributesIO, ntdef.FILE_CREATE, 0, "OBJECT_NAME_INVALID", 0},
		{`\??\C:\Temp\d\`, attributesIO, ntdef.FILE_CREATE, folder, "SUCCESS", ntdef.FILE_CREATED},
	} {
		h, st := f.create(opening{name: c.name, access: c.access, disposition: c.disposition, options: c.options})
		require.Equal(t, "STATUS_"+c.want, st.String(), "%+v", c)
		if st == ntdef.STATUS_SUCCESS {
			require.EqualValues(t, c.done, f.information(), "%+v", c)
			f.close(h)
		}
	}
	require.Equal(t, ntdef.STATUS_ACCESS_VIOLATION, f.call("NtOpenFile", 8, uint64(attributesIO), f.attributes(0, name), f.scratch, 0, 0))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, f.call("NtOpenFile", f.scratch, uint64(attributesIO), 0, f.scratch, 0, 0))
	require.Equal(t, ntdef.STATUS_EAS_NOT_SUPPORTED, f.call("NtCreateFile", f.scratch, uint64(attributesIO), f.attributes(0, name), f.scratch,
		0, 0, 0, uint64(ntdef.FILE_OPEN), 0, f.scratch, 8))
}

func TestFilesByName(t *testing.T) {
	f := newFiles(t)
	le := binary.LittleEndian
	query := func(service, name string) ntdef.Status {
		return f.call(service, f.attributes(0, name), f.scratch+dataAt)
	}
	require.Equal(t, ntdef.STATUS_SUCCESS, query("NtQueryAttributesFile", `\??\C:\Temp\file`))
	require.EqualValues(t, ntdef.FILE_ATTRIBUTE_ARCHIVE, le.Uint32(f.bytes(dataAt+32, 4)))
	require.Equal(t, ntdef.STATUS_SUCCESS, query("NtQueryFullAttributesFile", `\??\C:\Temp\file`))
	b := f.bytes(dataAt, 56)
	require.Equal(t, []uint64{4096, 14, uint64(ntdef.FILE_ATTRIBUTE_ARCHIVE)}, []uint64{le.Uint64(b[32:]), le.Uint64(b[40:]), le.Uint64(b[48:])})
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, query("NtQueryAttributesFile", `\??\C:\Temp\none`))
	require.Equal(t, ntdef.STATUS_INVALID_DEVICE_REQUEST, query("NtQueryAttributesFile", `\??\NUL`))
	require.Equal(t, ntdef.STATUS_ACCESS_VIOLATION, f.call("NtQueryAttributesFile", f.attributes(0, `\??\C:\Temp\file`), 8))

	require.Equal(t, ntdef.STATUS_SHARING_VIOLATION, f.call("NtDeleteFile", f.attributes(0, `\??\C:\Temp\file`)), "it is open")
	f.close(ntdef.Handle(f.vars["file"]))
	require.Equal(t, ntdef.STATUS_SUCCESS, f.call("NtDeleteFile", f.attributes(0, `\??\C:\Temp\file`)))
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, f.call("NtDeleteFile", f.attributes(0, `\??\C:\Temp\file`)))
}
