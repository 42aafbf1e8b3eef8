// Package tests runs the guest programs of tests/guests through the whole machine.
package tests

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/trace"
)

var update = flag.Bool("update", false, "rewrite the golden traces")

// guests are the programs with their arguments.
var guests = []struct {
	name string
	args []string
}{
	{"tiny", nil},
	{"hello", []string{"one", "two"}},
	{"hello_ucrt", []string{"one", "two"}},
	{"vm", nil},
	{"seh", nil},
	{"tour", nil},
	{"cpp", nil},
	{"asdata", nil},
	{"vec", nil},
	{"x87", nil},
}

func guest(name string) string { return filepath.Join("guests", name+".exe") }

// run runs a guest to its end and returns what it wrote, with everything traced as JSON lines.
func run(t *testing.T, name string, args []string, cfg pagewalk.Config) (r pagewalk.Result, stdout, traced string) {
	t.Helper()
	var out, errs, events bytes.Buffer
	cfg.Stdout, cfg.Stderr = &out, &errs
	if cfg.TraceKinds != 0 {
		cfg.Trace = &events
	}
	r, err := pagewalk.Run(context.Background(), guest(name), args, cfg)
	require.NoError(t, err, errs.String())
	require.Empty(t, errs.String())
	return r, out.String(), events.String()
}

// everything is every kind of event.
const everything = trace.Faults | trace.VAD | trace.Services | trace.API | trace.Exceptions | trace.Modules

// TestGuestsPrintWhatWinePrints compares output and exit code with those recorded from Debian's wine64 (golden/README.md).
func TestGuestsPrintWhatWinePrints(t *testing.T) {
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			r, stdout, _ := run(t, g.name, g.args, pagewalk.Config{})
			want, err := os.ReadFile(filepath.Join("guests", "golden", g.name+".stdout"))
			require.NoError(t, err)
			require.Equal(t, string(want), stdout)
			code, err := os.ReadFile(filepath.Join("guests", "golden", g.name+".exit"))
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(string(code)), strconv.Itoa(int(r.ExitCode)))
		})
	}
}

// TestBenchKernelsAreRight runs each of the nine benchmark kernels and compares its checksum with the native build's.
func TestBenchKernelsAreRight(t *testing.T) {
	lines, err := os.ReadFile("guests/golden/bench.txt")
	require.NoError(t, err)
	n := 0
	for _, line := range strings.Split(strings.TrimSpace(string(lines)), "\n") {
		f := strings.Fields(line)
		require.Len(t, f, 3)
		_, stdout, _ := run(t, "bench", f[:2], pagewalk.Config{})
		require.Equal(t, f[2], strings.TrimSpace(stdout), line)
		n++
	}
	require.Equal(t, 9, n)
}

// TestOneSeedOneRun holds a run to its seed: the same trace to the byte, on both engines, and another one with another seed.
func TestOneSeedOneRun(t *testing.T) {
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			cfg := pagewalk.Config{Seed: 7, TraceKinds: everything, TraceFormat: trace.JSONL}
			first, out1, trace1 := run(t, g.name, g.args, cfg)
			_, _, trace2 := run(t, g.name, g.args, cfg)
			require.Equal(t, trace1, trace2, "two runs with one seed")

			cfg.StepOnly = true
			stepped, out3, trace3 := run(t, g.name, g.args, cfg)
			require.Equal(t, out1, out3)
			require.Equal(t, trace1, trace3, "the block engine and Step")
			require.Empty(t, cmp.Diff(first.Memory, stepped.Memory))
			require.Equal(t, first.Instructions, stepped.Instructions)

			cfg = pagewalk.Config{Seed: 8, TraceKinds: everything, TraceFormat: trace.JSONL}
			_, out4, trace4 := run(t, g.name, g.args, cfg)
			require.Equal(t, out1, out4)
			require.NotEqual(t, trace1, trace4, "another seed")
		})
	}
}

// TestFinalStates compares the registers at the end of both engines.
func TestFinalStates(t *testing.T) {
	for _, g := range guests {
		var states []any
		for _, step := range []bool{false, true} {
			m, err := pagewalk.New(guest(g.name), g.args, pagewalk.Config{StepOnly: step})
			require.NoError(t, err)
			_, err = m.Run(context.Background())
			require.NoError(t, err)
			c := m.System().CPU()
			states = append(states, []any{c.R[:16], c.RIP, c.Flags(), c.XMM, c.MXCSR, c.X87Control(), c.X87Status(), c.IC, c.MMU.Counters.DirtySet})
			require.NoError(t, m.Close())
		}
		require.Empty(t, cmp.Diff(states[0], states[1]), g.name)
	}
}

// TestTLBModelChangesNothing runs the guests under a finite TLB and through the exact model: what they print and which faults
// they take is the same.
func TestTLBModelChangesNothing(t *testing.T) {
	for _, g := range guests {
		cfg := pagewalk.Config{TraceKinds: trace.Faults, TraceFormat: trace.Text}
		_, want, wantTrace := run(t, g.name, g.args, cfg)
		var seen uint64 // lookups that are not kept from the model
		for _, c := range []pagewalk.Config{{TLB: "skylake"}, {TLB: "skylake", Exact: true}, {TLB: "zen4"}, {TLB: "goldencove", Exact: true}} {
			c.TraceKinds, c.TraceFormat = cfg.TraceKinds, cfg.TraceFormat
			r, got, gotTrace := run(t, g.name, g.args, c)
			require.Equal(t, want, got, g.name)
			require.Equal(t, wantTrace, gotTrace, g.name)
			all := r.TLB.Sum()
			require.NotZero(t, all.CausesWalk)
			lookups := all.Hits + all.STLBHit + all.CausesWalk
			if !c.Exact {
				seen = lookups
			} else {
				require.Greater(t, lookups, 5*seen, "every block and every data access is seen")
			}
		}
	}
}

// TestFaultTraces compares the traces of faults and address-space changes of two guests with reviewed ones.
func TestFaultTraces(t *testing.T) {
	for _, name := range []string{"vm", "tour"} {
		_, _, got := run(t, name, nil, pagewalk.Config{TraceKinds: trace.Faults | trace.VAD | trace.Exceptions})
		file := filepath.Join("testdata", name+".trace")
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), got, "run with -update and review the difference")
	}
}

// TestInstructionLimit stops a guest that would run for long.
func TestInstructionLimit(t *testing.T) {
	_, err := pagewalk.Run(context.Background(), guest("bench"), []string{"alu", "100000000"}, pagewalk.Config{MaxInstructions: 1_000_000})
	require.ErrorContains(t, err, "instruction limit")
}

// TestContextStopsTheGuest cancels an endless computation.
func TestContextStopsTheGuest(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := pagewalk.Run(ctx, guest("bench"), []string{"alu", "100000000000"}, pagewalk.Config{})
	require.ErrorIs(t, err, context.Canceled)
}

// TestKnownDLLs puts a file that is no image under the name of a system DLL beside the program: it is not looked at.
func TestKnownDLLs(t *testing.T) {
	dir := t.TempDir()
	tiny, err := os.ReadFile(guest("tiny"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tiny.exe"), tiny, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "KERNEL32.dll"), []byte("no image"), 0o644))
	r, err := pagewalk.Run(context.Background(), filepath.Join(dir, "tiny.exe"), nil, pagewalk.Config{})
	require.NoError(t, err)
	require.EqualValues(t, 42, r.ExitCode)
}
