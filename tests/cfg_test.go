package tests

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/ntdef"
)

// TestControlFlowGuard has a program that was built for it: what the bitmap says of images, of memory that the program makes executable
// and of views, by every call that changes it, and that guarded calls of targets go through.
func TestControlFlowGuard(t *testing.T) {
	_, stdout := runGuarded(t)
	require.Regexp(t, `^\d\d checks, 0 failed\r\n$`, stdout)
}

// TestGuardedCallOfNoTargetFastFails: the process ends at once, no handler is asked.
func TestGuardedCallOfNoTargetFastFails(t *testing.T) {
	for _, how := range []string{"check", "dispatch", "inside", "suppressed", "invalid", "free"} {
		r, stdout := runGuarded(t, how)
		require.Empty(t, stdout, how)
		require.Equal(t, uint32(ntdef.STATUS_STACK_BUFFER_OVERRUN), r.ExitCode, how)
		require.NotNil(t, r.Exception, how)
		const guardICallCheckFailure = 10
		require.EqualValues(t, guardICallCheckFailure, r.Exception.Parameters[0], how)
	}
}

func runGuarded(t *testing.T, args ...string) (pagewalk.Result, string) {
	var stdout, stderr bytes.Buffer
	r, err := pagewalk.Run(context.Background(), "guests/cfg.exe", args, pagewalk.Config{Stdout: &stdout, Stderr: &stderr})
	require.NoError(t, err, stderr.String())
	return r, stdout.String()
}
