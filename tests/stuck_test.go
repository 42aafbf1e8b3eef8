package tests

import (
	"bytes"
	"context"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/ntdef"
)

// TestHostileProgramsEndInsideTheirLimits runs what would never end or asks for everything: each ends with a report, and takes little of
// the host beside the memory that the machine has.
func TestHostileProgramsEndInsideTheirLimits(t *testing.T) {
	for _, c := range []struct {
		how, err, stdout string
		exception        ntdef.Status
		or               ntdef.Status // or this one, by a page more or less
		instructions     uint64       // at most; 0: a hundred million
		ram              uint64       // 0: 64 MiB
	}{
		{how: "deadlock", err: "to leave the critical section at"},
		{how: "spin", err: "the instruction limit is reached"},
		{how: "threads", stdout: `[1-4]\d{3} threads, error (8|1816)\r\n`},
		{how: "processes", stdout: `\d{1,3} processes, error (8|1455|1816)\r\n`},
		// Each process, or thread, makes two that do the same and sleeps: until there is no memory for more.
		{how: "process-bomb", err: "it sleeps for ever, and "},
		{how: "process-bomb", err: "it sleeps for ever, and ", ram: 16 << 20}, // some end as they begin
		// a thread that was made cannot begin, or its stack cannot grow
		{how: "thread-bomb", exception: ntdef.STATUS_NO_MEMORY, or: ntdef.STATUS_STACK_OVERFLOW},
		{how: "fork-bomb", err: "the instruction limit is reached", instructions: 1_500_000}, // they go on for ever
		{how: "handles", stdout: `2\d{5} handles\r\n`},                                       // as many as 64 MB pay for
		{how: "memory", stdout: "63 MB, error 1455\r\n"},
		{how: "null", exception: ntdef.STATUS_ACCESS_VIOLATION},
		{how: "recursion", exception: ntdef.STATUS_STACK_OVERFLOW},
		{how: "thread recursion", exception: ntdef.STATUS_STACK_OVERFLOW},
		{how: "outside", stdout: "0 2\r\n0 3\r\n0 5\r\n0 3\r\n0 3\r\n"},
		{how: "teb", stdout: "still here\r\n"},
		{how: "peb"},
	} {
		t.Run(c.how, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if c.instructions == 0 {
				c.instructions = 100_000_000
			}
			if c.ram == 0 {
				c.ram = 64 << 20
			}
			peak := watchHost()
			r, err := pagewalk.Run(context.Background(), guest("stuck"), []string{c.how}, pagewalk.Config{
				RAM: c.ram, MaxInstructions: c.instructions, Stdout: &stdout, Stderr: &stderr,
			})
			require.Less(t, peak(), uint64(128<<20), "the memory of the host")
			require.Less(t, stderr.Len(), 64<<10, "a report can be read")
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				require.Less(t, len(err.Error()), 2000)
				return
			}
			require.NoError(t, err)
			require.Regexp(t, "^"+c.stdout+"$", stdout.String())
			if c.exception != 0 {
				require.NotNil(t, r.Exception)
				require.Contains(t, []ntdef.Status{c.exception, c.or}, r.Exception.Code)
				require.Contains(t, stderr.String(), r.Exception.Code.String())
				if c.exception == ntdef.STATUS_STACK_OVERFLOW {
					require.Regexp(t, ` #9  [0-9a-f]{16} stuck.exe!deep\+0x1e `, stderr.String(), "the stack is unwound")
				}
			}
		})
	}
}

// watchHost looks at how much memory of the Go heap and of stacks is in use; what it returns tells the most since the beginning.
func watchHost() (peak func() uint64) {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	use := func() uint64 {
		metrics.Read(samples)
		return samples[0].Value.Uint64() + samples[1].Value.Uint64()
	}
	before := use()
	most, stop, stopped := before, make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for tick := time.Tick(5 * time.Millisecond); ; {
			most = max(most, use())
			select {
			case <-tick:
			case <-stop:
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-stopped
		return most - before
	}
}
