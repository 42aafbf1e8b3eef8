package nt_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/kernel32"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// folderOf writes files into a folder of the host and opens it.
func folderOf(t *testing.T, files map[string][]byte) *os.Root {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })
	return root
}

// TestSysrootNumbers reads the numbers of the services from the stubs of a ntdll that has others than ours.
func TestSysrootNumbers(t *testing.T) {
	set, err := pagewalk.SystemDLLs()
	require.NoError(t, err)
	ntdll := append([]byte(nil), set.Images["ntdll.dll"]...)
	const moved = 0x321
	from, n := []byte{0x4c, 0x8b, 0xd1, 0xb8, byte(nt.ServiceNumber("NtClose")), byte(nt.ServiceNumber("NtClose") >> 8), 0, 0}, 0
	for i := 0; i+len(from) <= len(ntdll); i++ {
		if string(ntdll[i:i+len(from)]) == string(from) {
			ntdll[i+4], ntdll[i+5] = byte(moved&0xff), byte(moved>>8)
			n++
		}
	}
	require.Equal(t, 1, n)
	sys, err := nt.New(nt.Config{Sysroot: &nt.Sysroot{System: folderOf(t, map[string][]byte{"NTDLL.dll": ntdll})}})
	require.NoError(t, err)
	defer func() { require.NoError(t, sys.Close()) }()
	require.Regexp(t, `^ntdll of Windows: \d+ system calls, \d+ of them served$`, sys.Sysroot())
	require.Equal(t, "NtClose", sys.ServiceName(moved))
	require.Equal(t, "", sys.ServiceName(nt.ServiceNumber("NtClose")))
}

// TestSysrootRefuses names what is wrong with a folder.
func TestSysrootRefuses(t *testing.T) {
	for _, c := range []struct {
		files map[string][]byte
		want  string
	}{
		{nil, "there is no ntdll.dll among the system images"},
		{map[string][]byte{"ntdll.dll": []byte("#!")}, "system image ntdll.dll: STATUS_INVALID_IMAGE_FORMAT"},
		{map[string][]byte{"ntdll.dll": tiny(t)}, "no system-call stubs"},
	} {
		_, err := nt.New(nt.Config{Sysroot: &nt.Sysroot{System: folderOf(t, c.files)}})
		require.ErrorContains(t, err, c.want)
	}
}

func tiny(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("../tests/guests/tiny.exe")
	require.NoError(t, err)
	return b
}

// TestSystemFilesStand has built-in DLLs stand in where a sysroot lacks them, and only there.
func TestSystemFilesStand(t *testing.T) {
	set, err := pagewalk.SystemDLLs()
	require.NoError(t, err)
	sys, err := nt.New(nt.Config{
		Sysroot:      &nt.Sysroot{System: folderOf(t, map[string][]byte{"ntdll.dll": set.Images["ntdll.dll"]})},
		SystemImages: map[string][]byte{"bcryptprimitives.dll": set.Images["bcryptprimitives.dll"], "ntdll.dll": []byte("not this one")},
	})
	require.NoError(t, err, "the folder's ntdll is the one that counts")
	defer func() { require.NoError(t, sys.Close()) }()
	require.Equal(t, ntdef.STATUS_SUCCESS, sys.SystemFile("BCryptPrimitives.dll"))
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, sys.SystemFile("kernel32.dll"), "no other built-in DLL is there")
}

// exporting makes system DLLs of which ntdll exports one name more, where that is not empty.
func exporting(t *testing.T, name string) *winapi.Set {
	k := kernel32.DLL()
	dll := ntdll.DLL(k)
	if name != "" {
		dll.Data = append(dll.Data, winapi.Data{Name: name, Bytes: []byte{0}})
	}
	set, err := winapi.Build([]*winapi.DLL{dll, k})
	require.NoError(t, err)
	return set
}

// TestRegistryForWine has the version of Windows in the registry, where programs of old look, as Windows 10 has it, and as Wine's
// ntdll, which believes it, wants it; and a debugger that Wine's kernelbase does not find.
func TestRegistryForWine(t *testing.T) {
	const current = `Machine\Software\Microsoft\Windows NT\CurrentVersion`
	for export, want := range map[string][2]string{"": {"6.3", ""}, "wine_get_version": {"10.0", "none"}} {
		set := exporting(t, export)
		sys, err := nt.New(nt.Config{Sysroot: &nt.Sysroot{System: folderOf(t, map[string][]byte{"ntdll.dll": set.Images["ntdll.dll"]})}})
		require.NoError(t, err)
		require.Equal(t, want, [2]string{sys.RegistryText(current, "CurrentVersion"), sys.RegistryText(current+`\AeDebug`, "Debugger")}, export)
		require.NoError(t, sys.Close())
	}
}

// TestThreadsOfWine have two pages behind their TEB, where Wine's ntdll puts its debug lines together; they go with the thread's TEB.
func TestThreadsOfWine(t *testing.T) {
	for export, behind := range map[string]bool{"": false, "wine_get_version": true} {
		set := exporting(t, export)
		sys, err := nt.New(nt.Config{Sysroot: &nt.Sysroot{System: folderOf(t, set.Images)}, UserFuncs: set.Funcs})
		require.NoError(t, err)
		exe := tiny(t)
		p, err := sys.StartProcess(nt.Program{Path: `C:\guest\tiny.exe`, File: bytes.NewReader(exe), Size: int64(len(exe))}, nil, nil)
		require.NoError(t, err)
		_, thread, st := p.Thread().CreateThread(&nt.ThreadRequest{Start: p.Program().Base})
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		for _, at := range []uint64{0x2000, 0x3ff8} {
			_, err := p.Thread().Load64(thread.TEB() + at)
			require.Equal(t, behind, err == nil, "%s %#x", export, at)
		}
		require.NoError(t, sys.Close())
	}
}
