package tests

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
)

// TestGoPrograms builds a Go program for Windows with the toolchain that runs this test, and has it print what the same program
// prints on the host: the run-time's threads, its preemption by SuspendThread and SetThreadContext, its heap and its exceptions are
// Go's own.
func TestGoPrograms(t *testing.T) {
	dir := t.TempDir()
	build := func(name string, env ...string) string {
		file := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-o", file, "./guests/goroutines")
		cmd.Env = append(os.Environ(), append(env, "CGO_ENABLED=0")...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return file
	}
	native := exec.Command(build("native"), "x", "y")
	native.Dir = dir
	want, _ := native.Output()
	require.Equal(t, 5, native.ProcessState.ExitCode(), string(want))

	program := build("goroutines.exe", "GOOS=windows", "GOARCH=amd64", "GOAMD64=v1")
	run := func(seed uint64) (pagewalk.Result, string) {
		var stdout, stderr bytes.Buffer
		r, err := pagewalk.Run(context.Background(), program, []string{"x", "y"}, pagewalk.Config{
			RAM: 128 << 20, Seed: seed, Stdout: &stdout, Stderr: &stderr, MaxInstructions: 3_000_000_000,
		})
		require.NoError(t, err, stderr.String())
		require.Empty(t, stderr.String())
		return r, stdout.String()
	}
	first, stdout := run(1)
	require.Equal(t, string(want), stdout)
	require.EqualValues(t, 5, first.ExitCode)
	again, _ := run(1)
	require.Equal(t, first, again, "one seed, one run, threads and all")
	other, stdout := run(2)
	require.Equal(t, string(want), stdout)
	require.NotEqual(t, first.Instructions, other.Instructions)
}
