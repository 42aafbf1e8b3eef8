package tests

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
)

// native runs a program of nt/testdata that calls native services on both engines and returns what it printed.
func native(t *testing.T, program string, args ...string) (stdout, stderr string) {
	t.Helper()
	for _, step := range []bool{false, true} {
		var out, errs bytes.Buffer
		r, err := pagewalk.Run(context.Background(), "../nt/testdata/"+program+".exe", args, pagewalk.Config{
			Stdout: &out, Stderr: &errs, StepOnly: step, MaxInstructions: 100_000_000,
		})
		require.NoError(t, err, errs.String())
		require.Zero(t, r.ExitCode, errs.String())
		if step {
			require.Equal(t, stdout, out.String())
		}
		stdout, stderr = out.String(), errs.String()
	}
	return stdout, stderr
}

func nativeGolden(t *testing.T, program string) string {
	t.Helper()
	want, err := os.ReadFile("../nt/testdata/" + program + ".golden")
	require.NoError(t, err)
	return string(want)
}

// TestThreadServices has the services of threads as Wine answers them, and then what only Windows does: a thread that skips the images'
// attach calls, exact lengths, the end of the last thread refused.
func TestThreadServices(t *testing.T) {
	stdout, stderr := native(t, "threads")
	require.Empty(t, cmp.Diff(nativeGolden(t, "threads"), stdout))
	require.Empty(t, stderr)

	stdout, stderr = native(t, "threads", "windows")
	require.Empty(t, cmp.Diff([]string{
		"skips: wait 0, exit 6, value 5",
		"attached 0",
		"terminated 00000000 1 4",
		"does not: wait 0, exit 7, value 6",
		"attached 1",
		"short c0000004",
		"long c0000004",
		"class c0000003",
		"class c0000003",
		"suspend c000004b",
		"teb 00000000",
		"identifier 1",
		"the last c00000db",
		"",
	}, strings.Split(strings.TrimPrefix(stdout, nativeGolden(t, "threads")), "\r\n")))
	require.Contains(t, stderr, "NtQueryInformationThread: class 99")
}

// TestProcessServices has children made by NtCreateUserProcess as Wine makes them: pipes, inherited handles, suspension, ends; and then
// what only Windows does: states of PS_CREATE_INFO, lists of handles, refusals.
func TestProcessServices(t *testing.T) {
	stdout, stderr := native(t, "processes")
	require.Empty(t, cmp.Diff(nativeGolden(t, "processes"), stdout))
	require.Empty(t, stderr)

	stdout, stderr = native(t, "processes", "windows")
	require.Empty(t, cmp.Diff([]string{
		"a thread c0000024",
		"bad flags c00000f2",
		"processes 1, this one among them 1",
		"missing c0000034",
		"state 1",
		"text c000012f",
		"state 2, file 1",
		"writes 00000000",
		"state 6, peb 1, parameters 1, file 1, section 1",
		"terminate 00000000",
		"again c000010a",
		"debug c00000bb",
		"unknown c000000d",
		"list c000000d",
		"fork c00000bb",
		"",
	}, strings.Split(strings.TrimPrefix(stdout, nativeGolden(t, "processes")), "\r\n")))
	for _, warning := range []string{"DEBUG_OBJECT", "attribute 0x20055", "a fork of a process"} {
		require.Contains(t, stderr, warning)
	}
}

// TestWorkerFactory has a thread pool made of a worker factory, and threads at a port that lets one of them run, as Windows Internals and
// the documentation of I/O completion ports describe them. Wine has no worker factories: the golden file is what this machine printed,
// read line by line.
func TestWorkerFactory(t *testing.T) {
	stdout, stderr := native(t, "factory")
	require.Empty(t, cmp.Diff(nativeGolden(t, "factory"), stdout))
	require.Empty(t, stderr)
}

// TestHardwareBreakpoints has contexts set breakpoints on instructions, writes and accesses, each thread its own, which raise single-step
// exceptions with DR6 as SDM vol. 3B 17.2 has it; what the kernel writes meets none. The golden file is what this machine printed, read
// line by line.
func TestHardwareBreakpoints(t *testing.T) {
	stdout, stderr := native(t, "breakpoints")
	require.Empty(t, cmp.Diff(nativeGolden(t, "breakpoints"), stdout))
	require.Empty(t, stderr)
}

// TestWorkerFactoryDeadlock has a program wait for what no worker does: the report names both waits.
func TestWorkerFactoryDeadlock(t *testing.T) {
	_, err := pagewalk.Run(context.Background(), "../nt/testdata/factory.exe", []string{"stuck"}, pagewalk.Config{MaxInstructions: 1_000_000})
	require.ErrorContains(t, err, "deadlock: ")
	require.ErrorContains(t, err, " waits for an Event, ")
	require.ErrorContains(t, err, " waits for work of a TpWorkerFactory")
}
