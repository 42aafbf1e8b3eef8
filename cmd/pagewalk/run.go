package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/trace"
)

type runCmd struct {
	sharedFlags
	Pagefile     pageFile `placeholder:"SIZE[-MAX][:FILE]" help:"Give the guest a page file of SIZE, extended to MAX where it needs more, in FILE or a temporary file; it is removed at the end."`
	Compress     bool     `help:"Compress modified pages in RAM before they go to the page file, as Windows does."`
	Combine      bool     `help:"Make identical private pages one where memory is short."`
	AddressSpace string   `enum:"128T,8T" default:"128T" help:"Size of the guest's address space: 128T as since Windows 8.1, or 8T; a program that is not large-address-aware has 2 GB."`
	VMMap        bool     `name:"vmmap" help:"Print the guest's address space at the end on standard error, by types of regions, as VMMap does."`
	RAMMap       bool     `name:"rammap" help:"Print what RAM is used for at the end on standard error, as RAMMap does."`
	Privilege    []string `placeholder:"NAME" help:"Let the guest enable a privilege: SeLockMemoryPrivilege for large pages and AWE, SeProfileSingleProcessPrivilege, …; may be repeated."`
	Sysroot      string   `placeholder:"wine|DIR" help:"Run real system DLLs: Wine's, from Debian's libwine, or those of a folder that holds ntdll.dll or System32."`
	Drive        []drive  `sep:"none" placeholder:"X=DIR[:ro]" help:"Give the guest a folder of the host as drive X:, to read and write or, with :ro, to read; may be repeated."`
	Registry     string   `placeholder:"FILE" help:"Keep the guest's registry in FILE, JSON: read at the start where it is there, written at the end."`
	Env          []string `sep:"none" placeholder:"K=V" help:"Set an environment variable of the guest."`
	Trace        string   `placeholder:"KIND,…" help:"Trace faults, vad, pfn, ws, io, services, api, exceptions, modules, walks, tlb, exec."`

	Command []string `arg:"" passthrough:"" name:"program" help:"The program, a PE64 file, and its arguments."`
}

// Run runs the program and ends with its exit code modulo 256.
func (c *runCmd) Run(ctx context.Context, std stdio) (err error) {
	cfg := pagewalk.Config{
		RAM: uint64(c.RAM), PageFile: nt.PageFile(c.Pagefile), TLB: c.TLB, Exact: c.Exact, Timing: c.Timing, Seed: c.Seed,
		MaxInstructions: c.MaxInstructions, Stdin: std.in, Stdout: std.out, Stderr: std.err, TraceFormat: c.format(),
		Sysroot: c.Sysroot, Compress: c.Compress, Combine: c.Combine, Registry: c.Registry,
	}
	if err := c.check(); err != nil {
		return err
	}
	for _, kv := range c.Env {
		if i := strings.IndexByte(kv, '='); i <= 0 {
			return fmt.Errorf("--env %q: want K=V", kv)
		}
	}
	if c.AddressSpace == "8T" {
		cfg.Layout = nt.Layout8TB
	}
	for _, name := range c.Privilege {
		p, ok := nt.PrivilegeByName(name)
		if !ok {
			return fmt.Errorf("--privilege %q: want one of %s", name, strings.Join(nt.PrivilegeNames(), ", "))
		}
		cfg.Privileges = append(cfg.Privileges, p)
	}
	if len(c.Env) > 0 {
		cfg.Env = append(pagewalk.DefaultEnv(), c.Env...)
	}
	if c.Trace != "" {
		if cfg.TraceKinds, err = trace.ParseKinds(c.Trace); err != nil {
			return err
		}
	}
	for _, d := range c.Drive {
		root, openErr := os.OpenRoot(d.dir)
		if openErr != nil {
			return fmt.Errorf("--drive %c: %w", d.letter, openErr)
		}
		defer func() { err = errors.Join(err, root.Close()) }()
		cfg.Drives = append(cfg.Drives, nt.Drive{Letter: d.letter, Folder: `\`, Root: root, ReadOnly: d.readOnly})
	}
	var finish func() error
	if cfg.Trace, finish, err = c.openTrace(c.Trace, std); err != nil {
		return err
	}
	ctx, stop := c.deadline(ctx)
	defer stop()
	return errors.Join(c.run(ctx, cfg, std), finish())
}

func (c *runCmd) run(ctx context.Context, cfg pagewalk.Config, std stdio) error {
	m, err := pagewalk.New(c.Command[0], c.Command[1:], cfg)
	if err != nil {
		return err
	}
	start := time.Now()
	r, err := m.Run(ctx)
	if c.Stats && r.Instructions > 0 {
		if s := m.System().Sysroot(); s != "" {
			fmt.Fprintln(std.err, s)
		}
		printStats(std.err, &r, time.Since(start))
	}
	if c.VMMap {
		err = errors.Join(err, trace.WriteVMMap(std.err, trace.VMMap(m.Process())))
	}
	if c.RAMMap {
		err = errors.Join(err, trace.WriteRAMMap(std.err, m.System().Memory()))
	}
	if err != nil {
		err = c.explain(err, &r)
	}
	err = errors.Join(err, c.writeEnd(
		func(w io.Writer) error { return trace.WriteState(w, m.Process().Thread().CPU()) },
		m.Process().Thread().Read,
	), m.Close())
	if err != nil {
		return err
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

// printStats writes the summary of a run.
func printStats(w io.Writer, r *pagewalk.Result, wall time.Duration) {
	m := &r.Memory
	fmt.Fprintf(w, "instructions       %12d   %.1f million a second\n",
		r.Instructions, float64(r.Instructions)/wall.Seconds()/1e6)
	printRows(w, []statsRow{
		{"page faults", m.PageFaults},
		{"  demand zero", m.DemandZeroFaults},
		{"  transition (soft)", m.TransitionFaults},
		{"  compressed (soft)", m.CompressedFaults},
		{"  page file (hard)", m.PageFileFaults},
		{"  file (hard)", m.MappedFileFaults},
		{"  write copies", m.WriteCopies},
		{"  guard", m.GuardFaults},
		{"  stack growth", m.StackGrowths},
		{"  access violation", m.AccessViolations},
		{"  in-page error", m.InPageErrors},
		{"  no memory", m.NoMemoryFaults},
		{"  spurious", m.SpuriousFaults},
		{"page reads", m.PageReads},
		{"  pages input", m.PagesInput},
		{"page writes", m.PageWrites},
		{"  pages output", m.PagesOutput},
		{"page file pages", m.PageFilePages},
		{"  in use", m.PageFilePagesUsed},
		{"committed pages", m.CommittedPages},
		{"  peak", m.CommitPeak},
		{"  limit", m.CommitLimit},
		{"active pages", m.ActivePages},
		{"  page tables", m.PageTablePages},
		{"modified pages", m.ModifiedPages + m.ModifiedNoWrite},
		{"available pages", m.AvailablePages()},
		{"  zeroed", m.ZeroedPages},
		{"  free", m.FreePages},
		{"  standby", m.AvailablePages() - m.ZeroedPages - m.FreePages},
	})
	if m.PagesCompressed+m.PagesIncompressible != 0 {
		printRows(w, []statsRow{
			{"pages compressed", m.PagesCompressed},
			{"  incompressible", m.PagesIncompressible},
			{"  decompressed", m.PagesDecompressed},
			{"  to the page file", m.StorePagesOutput},
			{"  in the store", m.StorePages},
			{"  frames of that", m.StoreFrames},
		})
	}
	if m.PagesCombined != 0 {
		printRows(w, []statsRow{
			{"pages combined", m.PagesCombined},
			{"  mapped now", m.CombinedMappings},
			{"  frames of that", m.CombinedPages},
		})
	}
	printTranslations(w, &r.TLB, &r.MMU, r.Cycles)
}
