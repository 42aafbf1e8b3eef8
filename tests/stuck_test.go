package tests

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/ntdef"
)

// TestHostileProgramsEndInsideTheirLimits runs what would never end or asks for everything: each ends with a report, and the host
// stays as it was.
func TestHostileProgramsEndInsideTheirLimits(t *testing.T) {
	for _, c := range []struct {
		how, err, stdout string
		exception        ntdef.Status
	}{
		{how: "deadlock", err: "to leave the critical section at"},
		{how: "spin", err: "the instruction limit is reached"},
		{how: "threads", stdout: `[1-4]\d{3} threads, error (8|1816)\r\n`},
		{how: "processes", stdout: `\d{1,3} processes, error (8|1455|1816)\r\n`},
		{how: "handles", stdout: `2\d{5} handles\r\n`}, // as many as 64 MB pay for
		{how: "memory", stdout: "63 MB, error 1455\r\n"},
		{how: "recursion", exception: ntdef.STATUS_STACK_OVERFLOW},
		{how: "thread recursion", exception: ntdef.STATUS_STACK_OVERFLOW},
		{how: "outside", stdout: "0 2\r\n0 3\r\n0 5\r\n0 3\r\n0 3\r\n"},
		{how: "teb", stdout: "still here\r\n"},
		{how: "peb"},
	} {
		t.Run(c.how, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			r, err := pagewalk.Run(context.Background(), guest("stuck"), []string{c.how}, pagewalk.Config{
				RAM: 64 << 20, MaxInstructions: 100_000_000, Stdout: &stdout, Stderr: &stderr,
			})
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Regexp(t, "^"+c.stdout+"$", stdout.String())
			if c.exception != 0 {
				require.NotNil(t, r.Exception)
				require.Equal(t, c.exception, r.Exception.Code)
				require.Contains(t, stderr.String(), "STATUS_STACK_OVERFLOW")
				require.Regexp(t, ` #9  [0-9a-f]{16} stuck.exe!deep\+0x1e `, stderr.String(), "the stack is unwound")
			}
		})
	}
}
