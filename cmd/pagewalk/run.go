package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/trace"
)

type runCmd struct {
	RAM             byteSize      `name:"ram" default:"256M" help:"Size of RAM, a multiple of 4K up to 64G."`
	Pagefile        byteSize      `help:"Size of the page file; it adds to the commit limit." default:"0"`
	TLB             string        `name:"tlb" default:"ideal" help:"TLB profile: ideal or skylake."`
	Exact           bool          `help:"Send every access through the TLB model, so that its counters are exact."`
	MaxInstructions uint64        `help:"Stop after this many instructions."`
	Timeout         time.Duration `help:"Stop after this much wall-clock time."`
	Seed            uint64        `help:"Seed of ASLR, cookies and RDRAND: one seed, one run."`
	Env             []string      `sep:"none" placeholder:"K=V" help:"Set an environment variable of the guest."`
	Stats           bool          `help:"Print a summary on standard error at the end."`
	Trace           string        `placeholder:"KIND,…" help:"Trace faults, vad, services, api, exceptions, modules."`
	TraceFormat     string        `enum:"text,jsonl" default:"text" help:"Form of the trace: text or jsonl."`
	TraceOut        string        `placeholder:"FILE" help:"Write the trace to FILE instead of standard error."`

	Command []string `arg:"" passthrough:"" name:"program" help:"The program, a PE64 file, and its arguments."`
}

// Run runs the program and ends with its exit code modulo 256.
func (c *runCmd) Run(ctx context.Context, std stdio) (err error) {
	cfg := pagewalk.Config{
		RAM: uint64(c.RAM), PageFileBytes: uint64(c.Pagefile), TLB: c.TLB, Exact: c.Exact, Seed: c.Seed,
		MaxInstructions: c.MaxInstructions, Stdin: std.in, Stdout: std.out, Stderr: std.err,
	}
	if c.RAM == 0 {
		return errors.New("--ram 0: want at least 64K")
	}
	for _, kv := range c.Env {
		if i := strings.IndexByte(kv, '='); i <= 0 {
			return fmt.Errorf("--env %q: want K=V", kv)
		}
	}
	if len(c.Env) > 0 {
		cfg.Env = append(pagewalk.DefaultEnv(), c.Env...)
	}
	if c.Timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("the timeout of %v has passed", c.Timeout))
		defer stop()
	}
	finish, err := c.openTrace(&cfg, std)
	if err != nil {
		return err
	}
	start := time.Now()
	r, err := pagewalk.Run(ctx, c.Command[0], c.Command[1:], cfg)
	if ferr := finish(); err == nil {
		err = ferr
	}
	if c.Stats && r.Instructions > 0 {
		printStats(std.err, &r, time.Since(start))
	}
	if err != nil {
		return c.explain(err, &r)
	}
	return exitCode(r.ExitCode & 0xff)
}

// explain says what stopped a run.
func (c *runCmd) explain(err error, r *pagewalk.Result) error {
	switch {
	case errors.Is(err, nt.ErrInstructions):
		return fmt.Errorf("stopped %s after %d instructions: %w", c.Command[0], r.Instructions, err)
	case r.Instructions > 0:
		return fmt.Errorf("stopped %s after %d instructions: %w", c.Command[0], r.Instructions, err)
	}
	return err
}

// openTrace prepares the trace's output. finish puts a file in its place.
func (c *runCmd) openTrace(cfg *pagewalk.Config, std stdio) (finish func() error, err error) {
	finish = func() error { return nil }
	if c.Trace == "" {
		if c.TraceOut != "" {
			return nil, errors.New("--trace-out without --trace: nothing would be written")
		}
		return finish, nil
	}
	if cfg.TraceKinds, err = trace.ParseKinds(c.Trace); err != nil {
		return nil, err
	}
	if c.TraceFormat == "jsonl" {
		cfg.TraceFormat = trace.JSONL
	}
	cfg.Trace = std.err
	if c.TraceOut == "" {
		return finish, nil
	}
	f, err := createOutput(c.TraceOut)
	if err != nil {
		return nil, fmt.Errorf("write the trace to %s: %w", c.TraceOut, err)
	}
	cfg.Trace = f
	return f.finish, nil
}

// printStats writes the summary of a run.
func printStats(w io.Writer, r *pagewalk.Result, wall time.Duration) {
	m := &r.Memory
	fmt.Fprintf(w, "instructions       %12d   %.1f million a second\n",
		r.Instructions, float64(r.Instructions)/wall.Seconds()/1e6)
	for _, row := range []struct {
		name  string
		value uint64
	}{
		{"page faults", m.PageFaults},
		{"  demand zero", m.DemandZeroFaults},
		{"  transition", m.TransitionFaults},
		{"  page reads", m.PageReads},
		{"  write copies", m.WriteCopies},
		{"  guard", m.GuardFaults},
		{"  stack growth", m.StackGrowths},
		{"  access violation", m.AccessViolations},
		{"  spurious", m.SpuriousFaults},
		{"committed pages", m.CommittedPages},
		{"  peak", m.CommitPeak},
		{"  limit", m.CommitLimit},
		{"active pages", m.ActivePages},
		{"  page tables", m.PageTablePages},
		{"zeroed pages", m.ZeroedPages},
		{"free pages", m.FreePages},
		{"TLB hits", r.TLB.Hits},
		{"  second level", r.TLB.STLBHit},
		{"  misses with a walk", r.TLB.CausesWalk},
	} {
		fmt.Fprintf(w, "%-19s%12d\n", row.name, row.value)
	}
}
