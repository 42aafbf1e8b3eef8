package nt

import (
	"testing"

	"github.com/stretchr/testify/require"
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
