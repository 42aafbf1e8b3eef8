package nt

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
)

// drives is a process that is enough for the file calls, with the host folder as D: (or below C: under an overlay).
func drives(t *testing.T, d Drive) (*Process, string) {
	dir := t.TempDir()
	host := filepath.Join(dir, "shared")
	require.NoError(t, os.Mkdir(host, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(host, "Here.txt"), []byte("here"), 0o644))
	require.NoError(t, os.Symlink("../secret", filepath.Join(host, "out")))
	require.NoError(t, os.Symlink("Here.txt", filepath.Join(host, "in")))
	root, err := os.OpenRoot(host)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })
	d.Root = root
	s, err := New(Config{RAMBytes: 1 << 20, SystemImages: ntdllImage(t), Drives: []Drive{d}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	p := &Process{sys: s, local: map[any]any{}, token: s.newToken(nil)}
	p.handles.init(s)
	return p, host
}

const everybody = ntdef.FILE_SHARE_READ | ntdef.FILE_SHARE_WRITE | ntdef.FILE_SHARE_DELETE

func (p *Process) mustOpen(t *testing.T, path string, access, disposition uint32) ntdef.Handle {
	t.Helper()
	h, _, st := p.CreateFile(&OpenRequest{Path: path, Access: access, Share: everybody, Disposition: disposition})
	require.Equal(t, ntdef.STATUS_SUCCESS, st, path)
	return h
}

func (p *Process) opens(path string, access, disposition uint32) ntdef.Status {
	h, _, st := p.CreateFile(&OpenRequest{Path: path, Access: access, Share: everybody, Disposition: disposition})
	if st == ntdef.STATUS_SUCCESS {
		p.CloseHandle(h)
	}
	return st
}

// locks takes a lock without waiting for it.
func (p *Process) locks(h ntdef.Handle, start, size uint64, exclusive bool) ntdef.Status {
	t := &Thread{sys: p.sys, proc: p}
	st, _ := t.LockFile(&IORequest{File: h}, start, size, exclusive, false)
	return st
}

// Nothing outside of a drive's folder can be named, by no path and no link.
func TestDrivesAreConfined(t *testing.T) {
	p, _ := drives(t, Drive{Letter: 'D', Folder: `\`})
	for _, path := range []string{
		`D:\..\secret`, `D:\out`, `D:\x\..\..\secret`, `D:\/etc/passwd`, `E:\x`, `\\.\PhysicalDrive0`, `secret`, ``, `D:`, `D:\a:b`,
		`D:\..`, `D:\.`, `\\server\share\x`, "D:\\Here.txt\x00",
	} {
		require.NotEqual(t, ntdef.STATUS_SUCCESS, p.opens(path, ntdef.GENERIC_READ, ntdef.FILE_OPEN), path)
	}
	require.Equal(t, ntdef.STATUS_SUCCESS, p.opens(`d:\HERE.TXT`, ntdef.GENERIC_READ, ntdef.FILE_OPEN))
	require.Equal(t, ntdef.STATUS_SUCCESS, p.opens(`D:\in`, ntdef.GENERIC_READ, ntdef.FILE_OPEN), "a link inside")
}

func TestOverlayLeavesTheHostAlone(t *testing.T) {
	p, host := drives(t, Drive{Letter: 'C', Folder: `\guest`, Overlay: true})
	h := p.mustOpen(t, `C:\guest\here.txt`, ntdef.GENERIC_READ|ntdef.GENERIC_WRITE|ntdef.DELETE, ntdef.FILE_OPEN)
	n, st := p.WriteFileAt(h, []byte("THERE"), 2)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, 5, n)
	b := make([]byte, 20)
	n, _ = p.ReadFileAt(h, b, 0)
	require.Equal(t, "heTHERE", string(b[:n]))
	require.Equal(t, ntdef.STATUS_SUCCESS, p.opens(`C:\guest\new.txt`, ntdef.GENERIC_WRITE, ntdef.FILE_CREATE))
	require.Equal(t, ntdef.STATUS_SUCCESS, p.DeleteFile(h))
	require.Equal(t, ntdef.STATUS_DELETE_PENDING, p.opens(`C:\guest\here.txt`, ntdef.GENERIC_READ, ntdef.FILE_OPEN))
	p.CloseHandle(h)
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, p.opens(`C:\guest\here.txt`, ntdef.GENERIC_READ, ntdef.FILE_OPEN))
	got, err := os.ReadFile(filepath.Join(host, "Here.txt"))
	require.NoError(t, err)
	require.Equal(t, "here", string(got))
	_, err = os.Stat(filepath.Join(host, "new.txt"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestDriveWritesToTheHost(t *testing.T) {
	p, host := drives(t, Drive{Letter: 'D', Folder: `\`})
	h := p.mustOpen(t, `D:\made.bin`, ntdef.GENERIC_WRITE|ntdef.DELETE, ntdef.FILE_CREATE)
	_, st := p.WriteFile(h, []byte("data"))
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_SUCCESS, p.RenameFile(h, `D:\moved.bin`, false))
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_COLLISION, p.RenameFile(h, `D:\here.txt`, false))
	require.Equal(t, ntdef.STATUS_NOT_SAME_DEVICE, p.RenameFile(h, `C:\Temp\x`, false))
	p.CloseHandle(h)
	got, err := os.ReadFile(filepath.Join(host, "moved.bin"))
	require.NoError(t, err)
	require.Equal(t, "data", string(got))
	h = p.mustOpen(t, `D:\moved.bin`, ntdef.DELETE, ntdef.FILE_OPEN)
	require.Equal(t, ntdef.STATUS_SUCCESS, p.DeleteFile(h))
	p.CloseHandle(h)
	_, err = os.Stat(filepath.Join(host, "moved.bin"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestReadOnlyDrive(t *testing.T) {
	p, _ := drives(t, Drive{Letter: 'D', Folder: `\`, ReadOnly: true})
	require.Equal(t, ntdef.STATUS_SUCCESS, p.opens(`D:\here.txt`, ntdef.GENERIC_READ, ntdef.FILE_OPEN))
	require.Equal(t, ntdef.STATUS_MEDIA_WRITE_PROTECTED, p.opens(`D:\here.txt`, ntdef.GENERIC_WRITE, ntdef.FILE_OPEN))
	require.Equal(t, ntdef.STATUS_MEDIA_WRITE_PROTECTED, p.opens(`D:\new`, ntdef.GENERIC_WRITE, ntdef.FILE_CREATE))
	require.NotEqual(t, ntdef.STATUS_SUCCESS, p.opens(`D:\here.txt`, ntdef.GENERIC_READ, ntdef.FILE_OVERWRITE))
	h := p.mustOpen(t, `D:\here.txt`, ntdef.DELETE, ntdef.FILE_OPEN)
	require.Equal(t, ntdef.STATUS_CANNOT_DELETE, p.DeleteFile(h))
}

// A view keeps its file from being cut and deleted; what is written through it reaches the host.
func TestViewsOfDriveFiles(t *testing.T) {
	p, host := drives(t, Drive{Letter: 'D', Folder: `\`})
	h := p.mustOpen(t, `D:\here.txt`, ntdef.GENERIC_READ|ntdef.GENERIC_WRITE|ntdef.DELETE, ntdef.FILE_OPEN)
	s, st := p.CreateSection(&SectionRequest{Size: 8000, Protect: ntdef.PAGE_READWRITE, Attributes: ntdef.SEC_COMMIT, File: h})
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_USER_MAPPED_FILE, p.SetEndOfFile(h, 10))
	require.Equal(t, ntdef.STATUS_CANNOT_DELETE, p.DeleteFile(h))
	p.CloseHandle(s)
	require.Equal(t, ntdef.STATUS_SUCCESS, p.SetEndOfFile(h, 10))
	info, err := os.Stat(filepath.Join(host, "Here.txt"))
	require.NoError(t, err)
	require.EqualValues(t, 10, info.Size())
}

func TestSharing(t *testing.T) {
	p, _ := drives(t, Drive{Letter: 'D', Folder: `\`})
	open := func(access, share uint32) ntdef.Status {
		h, _, st := p.CreateFile(&OpenRequest{Path: `D:\here.txt`, Access: access, Share: share, Disposition: ntdef.FILE_OPEN})
		if st == ntdef.STATUS_SUCCESS {
			p.CloseHandle(h)
		}
		return st
	}
	h, _, st := p.CreateFile(&OpenRequest{Path: `D:\here.txt`, Access: ntdef.GENERIC_READ, Share: ntdef.FILE_SHARE_READ, Disposition: ntdef.FILE_OPEN})
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_SUCCESS, open(ntdef.GENERIC_READ, ntdef.FILE_SHARE_READ))
	require.Equal(t, ntdef.STATUS_SHARING_VIOLATION, open(ntdef.GENERIC_READ, 0))
	require.Equal(t, ntdef.STATUS_SHARING_VIOLATION, open(ntdef.GENERIC_WRITE, everybody))
	require.Equal(t, ntdef.STATUS_SHARING_VIOLATION, open(ntdef.DELETE, everybody))
	require.Equal(t, ntdef.STATUS_SUCCESS, open(0, 0), "attributes alone are always shared")
	require.Equal(t, ntdef.STATUS_SUCCESS, p.locks(h, 0, 10, true))
	other := p.mustOpen(t, `D:\here.txt`, ntdef.GENERIC_READ, ntdef.FILE_OPEN)
	_, st = p.ReadFileAt(other, make([]byte, 4), 2)
	require.Equal(t, ntdef.STATUS_FILE_LOCK_CONFLICT, st)
	require.Equal(t, ntdef.STATUS_LOCK_NOT_GRANTED, p.locks(other, 5, 1, false))
	require.Equal(t, ntdef.STATUS_RANGE_NOT_LOCKED, p.UnlockFile(h, 0, 9))
	require.Equal(t, ntdef.STATUS_SUCCESS, p.UnlockFile(h, 0, 10))
	_, st = p.ReadFileAt(other, make([]byte, 4), 2)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
}

// The guest's files are bounded, and sparse ones cost nothing.
func TestFileMemoryIsBounded(t *testing.T) {
	p, _ := drives(t, Drive{Letter: 'D', Folder: `\`})
	h := p.mustOpen(t, `C:\Temp\big`, ntdef.GENERIC_WRITE, ntdef.FILE_CREATE)
	require.Equal(t, ntdef.STATUS_SUCCESS, p.SetEndOfFile(h, 1<<40))
	require.Equal(t, ntdef.STATUS_DISK_FULL, p.SetEndOfFile(h, 1<<60))
	_, st := p.WriteFileAt(h, []byte("x"), 1<<40)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.EqualValues(t, chunkSize, p.sys.volumes.memory)
	p.sys.volumes.memory = maxFileMemory
	_, st = p.WriteFileAt(h, []byte("x"), 1<<30)
	require.Equal(t, ntdef.STATUS_DISK_FULL, st)
}

func TestMatchName(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "a.b", true},
		{"*.*", "noext", true},
		{"*.c", "X.C", true},
		{"*.c", "x.cc", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"a*b*c", "aXbXbc", true},
		{"a*b*c", "aXbXb", false},
		{"x.*", "x", true},
		{"", "x", true},
		{"**a**", "bab", true},
		{"a", "ab", false},
	} {
		require.Equal(t, c.want, MatchName(c.pattern, c.name), "%s %s", c.pattern, c.name)
	}
}

// ntdllImage stands in for ntdll, which these tests never run.
func ntdllImage(t testing.TB) map[string][]byte {
	tiny, err := os.ReadFile("../tests/guests/tiny.exe")
	require.NoError(t, err)
	return map[string][]byte{"ntdll.dll": tiny}
}

// Two folders of the host are one folder of the guest: what was there first stays, folders are joined, and one may show some files only.
func TestMountsAreJoined(t *testing.T) {
	p, _ := drives(t, Drive{Letter: 'D', Folder: `\`})
	root := func(files map[string]string) *os.Root {
		dir := t.TempDir()
		for name, text := range files {
			require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
		}
		r, err := os.OpenRoot(dir)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		return r
	}
	first := root(map[string]string{"kernel32.dll": "first", "drivers/a": "a"})
	second := root(map[string]string{"KERNEL32.dll": "second", "drivers/b": "b", "l_intl.nls": "nls", "README": "no"})
	own := p.mustOpen(t, `C:\Windows\System32\own.txt`, ntdef.GENERIC_WRITE, ntdef.FILE_CREATE)
	p.CloseHandle(own)
	const folder = `\Windows\System32`
	require.NoError(t, p.sys.Mount(Drive{Letter: 'c', Folder: folder, Root: first, ReadOnly: true}))
	require.NoError(t, p.sys.Mount(Drive{Letter: 'C', Folder: folder, Root: second, ReadOnly: true, Only: "*.nls"}))
	require.NoError(t, p.sys.Mount(Drive{Letter: 'C', Folder: folder + `\drivers`, Root: root(map[string]string{"c": ""}), ReadOnly: true}))
	require.Error(t, p.sys.Mount(Drive{Letter: 'C', Folder: folder + `\own.txt`, Root: first}))
	require.Error(t, p.sys.Mount(Drive{Letter: '1', Folder: folder, Root: first}))
	require.Error(t, p.sys.Mount(Drive{Letter: 'C', Folder: folder}))
	for path, want := range map[string]ntdef.Status{
		`own.txt`: ntdef.STATUS_SUCCESS, `L_INTL.NLS`: ntdef.STATUS_SUCCESS, `readme`: ntdef.STATUS_OBJECT_NAME_NOT_FOUND,
		`drivers\a`: ntdef.STATUS_SUCCESS, `drivers\b`: ntdef.STATUS_OBJECT_NAME_NOT_FOUND, `drivers\c`: ntdef.STATUS_SUCCESS,
	} {
		require.Equal(t, want, p.opens(`C:`+folder+`\`+path, ntdef.GENERIC_READ, ntdef.FILE_OPEN), path)
	}
	h := p.mustOpen(t, `C:\windows\system32\kernel32.dll`, ntdef.GENERIC_READ, ntdef.FILE_OPEN)
	b := make([]byte, 9)
	n, _ := p.ReadFile(h, b)
	require.Equal(t, "first", string(b[:n]))
	require.Equal(t, ntdef.STATUS_MEDIA_WRITE_PROTECTED, p.opens(`C:`+folder+`\new`, ntdef.GENERIC_WRITE, ntdef.FILE_CREATE))
}

// A folder of the host is renamed with all that it holds, opened or not.
func TestRenamedFolderKeepsItsFiles(t *testing.T) {
	for _, overlay := range []bool{false, true} {
		p, host := drives(t, Drive{Letter: 'D', Folder: `\`, Overlay: overlay})
		require.NoError(t, os.MkdirAll(filepath.Join(host, "a", "b"), 0o755))
		for _, f := range []string{"a/x", "a/b/y"} {
			require.NoError(t, os.WriteFile(filepath.Join(host, f), []byte(f), 0o644))
		}
		require.Equal(t, ntdef.STATUS_SUCCESS, p.opens(`D:\a\x`, ntdef.GENERIC_READ, ntdef.FILE_OPEN))
		h, _, st := p.CreateFile(&OpenRequest{Path: `D:\a`, Access: ntdef.DELETE, Disposition: ntdef.FILE_OPEN, Options: ntdef.FILE_DIRECTORY_FILE})
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		require.Equal(t, ntdef.STATUS_SUCCESS, p.RenameFile(h, `D:\c`, false))
		p.CloseHandle(h)
		for _, f := range []string{`D:\c\x`, `D:\c\b\y`} {
			require.Equal(t, ntdef.STATUS_SUCCESS, p.opens(f, ntdef.GENERIC_READ, ntdef.FILE_OPEN), f)
		}
		require.Equal(t, ntdef.STATUS_OBJECT_PATH_NOT_FOUND, p.opens(`D:\a\x`, ntdef.GENERIC_READ, ntdef.FILE_OPEN))
		_, err := os.Stat(filepath.Join(host, "c", "b", "y"))
		require.Equal(t, overlay, os.IsNotExist(err))
	}
}

// A folder that is to go with its handle goes only when it is empty by then, the root of a drive never; and nothing is made in one, or
// moved to one, that goes.
func TestDeletionOfFolders(t *testing.T) {
	p, _ := drives(t, Drive{Letter: 'D', Folder: `\`})
	open := func(path string, options uint32) (ntdef.Handle, ntdef.Status) {
		h, _, st := p.CreateFile(&OpenRequest{
			Path: path, Access: ntdef.DELETE, Share: everybody, Disposition: ntdef.FILE_OPEN_IF, Options: ntdef.FILE_DIRECTORY_FILE | options,
		})
		return h, st
	}
	for _, root := range []string{`C:\`, `D:\`} {
		_, st := open(root, ntdef.FILE_DELETE_ON_CLOSE)
		require.Equal(t, ntdef.STATUS_CANNOT_DELETE, st)
		h, st := open(root, 0)
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		require.Equal(t, ntdef.STATUS_CANNOT_DELETE, p.SetDisposition(h, dispositionDelete|dispositionOnClose))
		p.CloseHandle(h)
	}
	h, st := open(`C:\folder`, ntdef.FILE_DELETE_ON_CLOSE)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	p.CloseHandle(p.mustOpen(t, `C:\folder\file`, ntdef.GENERIC_WRITE, ntdef.FILE_CREATE))
	p.CloseHandle(h)
	file := p.mustOpen(t, `C:\folder\file`, ntdef.DELETE, ntdef.FILE_OPEN)
	require.Equal(t, ntdef.STATUS_SUCCESS, p.RenameFile(file, `C:\file`, false))
	h, _ = open(`C:\folder`, 0)
	require.Equal(t, ntdef.STATUS_SUCCESS, p.DeleteFile(h))
	require.Equal(t, ntdef.STATUS_DELETE_PENDING, p.opens(`C:\folder\new`, ntdef.GENERIC_WRITE, ntdef.FILE_CREATE))
	require.Equal(t, ntdef.STATUS_DELETE_PENDING, p.RenameFile(file, `C:\folder\file`, false))
	p.CloseHandle(h)
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, p.opens(`C:\folder`, ntdef.GENERIC_READ, ntdef.FILE_OPEN))
}
