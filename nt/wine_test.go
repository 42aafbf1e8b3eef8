package nt

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
)

// TestFileObjectNames has the name of a file's object as Windows has it, and as Wine's kernelbase, which makes paths of it, wants it.
func TestFileObjectNames(t *testing.T) {
	vol := &volumes{}
	root := &node{vol: vol, folder: true}
	vol.drives['D'-'A'] = root
	file := &node{vol: vol, name: "File.txt", parent: root}
	for _, c := range []struct {
		sysroot    *sysroot
		file, root string
	}{
		{nil, `\Device\HarddiskVolume2\File.txt`, `\Device\HarddiskVolume2\`},
		{&sysroot{}, `\Device\HarddiskVolume2\File.txt`, `\Device\HarddiskVolume2\`},
		{&sysroot{wine: true}, `\??\D:\File.txt`, `\??\D:\`},
	} {
		s := &System{sysroot: c.sysroot}
		require.Equal(t, c.file, (&fileObject{sys: s, node: file}).objectName())
		require.Equal(t, c.root, (&fileObject{sys: s, node: root}).objectName())
	}
}

// TestWineFindsDrives has what Wine's GetDriveType and GetLogicalDrives look at, and Windows' own otherwise.
func TestWineFindsDrives(t *testing.T) {
	s, err := New(Config{RAMBytes: 1 << 20, SystemImages: ntdllImage(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	drive := &volumeQuestion{p: &Process{sys: s}, file: &fileObject{}, drive: 'C'}
	local := &event{}
	s.namespace.dosDevices.insert("c:", local)
	names := func() (all []string) {
		for _, o := range s.listed(s.namespace.dosDevices) {
			all = append(all, o.head().name)
		}
		return all
	}
	typ, _ := drive.device()
	require.Equal(t, ntdef.FILE_DEVICE_DISK, typ)
	require.Equal(t, []string{"c:"}, names())

	s.sysroot = &sysroot{wine: true}
	typ, flags := drive.device()
	require.Equal(t, wineDisk, typ)
	require.Equal(t, ntdef.FILE_DEVICE_IS_MOUNTED, flags)
	require.Contains(t, names(), "NUL")
	require.NotContains(t, names(), "C:", "a name of the logon session hides the machine's")
	s.namespace.dosDevices.remove(local)
	require.Contains(t, names(), "C:")
}
