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

// TestCounters has a program that moves every counter of memory by what it counts, and makes a page file: host files lie where the
// machine's own page file does, and are gone when it is.
func TestCounters(t *testing.T) {
	folder := t.TempDir()
	var stdout, stderr bytes.Buffer
	r, err := pagewalk.Run(context.Background(), "../winapi/kernel32/testdata/counters.exe", nil, pagewalk.Config{
		RAM: 64 << 20, PageFile: nt.PageFile{Bytes: 16 << 20, Path: filepath.Join(folder, "pages")},
		Privileges: []nt.Privilege{nt.SeProfileSingleProcessPrivilege, nt.SeCreatePagefilePrivilege},
		Stdout:     &stdout, Stderr: &stderr,
	})
	require.NoError(t, err, stderr.String())
	require.Regexp(t, `^\d+ checks, 0 failed\r\n$`, stdout.String())
	require.Zero(t, r.ExitCode)
	require.Empty(t, stderr.String())
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left)
}
