package tests

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/nt"
)

// TestMappedCopy copies a file of the host through views of two files, one of which is extended by its section.
func TestMappedCopy(t *testing.T) {
	dir := t.TempDir()
	data := bytes.Repeat([]byte("what memory really does. "), 70_000)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "from"), data, 0o644))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, root.Close()) }()
	var stdout, stderr bytes.Buffer
	r, err := pagewalk.Run(context.Background(), guest("mapcopy"), []string{`D:\from`, `D:\to`}, pagewalk.Config{
		Stdout: &stdout, Stderr: &stderr, Drives: []nt.Drive{{Letter: 'D', Folder: `\`, Root: root}},
	})
	require.NoError(t, err, stderr.String())
	require.Zero(t, r.ExitCode, stderr.String())
	require.Equal(t, "1750000 bytes copied\r\n", stdout.String())
	got, err := os.ReadFile(filepath.Join(dir, "to"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
}
