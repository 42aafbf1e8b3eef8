package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/machine"
	"github.com/pagewalk/pagewalk/trace"
	"github.com/pagewalk/pagewalk/x86"
)

type bootCmd struct {
	sharedFlags
	Flat    *flatImage     `placeholder:"ADDR[:rip=ADDR]" help:"The image is flat: load it at ADDR, start it there or at rip in 64-bit mode."`
	Map     []addressRange `sep:"none" placeholder:"ADDR:SIZE" help:"More RAM, with 4K grain; may be repeated."`
	Cmdline string         `help:"Command line of a multiboot kernel."`
	Module  []string       `sep:"none" placeholder:"FILE" help:"Module of a multiboot kernel; may be repeated."`
	CPUID   []string       `name:"cpuid" sep:"," placeholder:"K=V" help:"maxphyaddr=36…52, or a feature such as pku=off."`
	Trace   string         `placeholder:"KIND,…" help:"Trace walks, tlb, exceptions."`

	Kernel string `arg:"" help:"A multiboot 1 image, a 64-bit ELF executable, or a flat image."`
}

// flatImage is a flag ADDR[:rip=ADDR].
type flatImage pagewalk.Flat

// UnmarshalText parses the flag's text.
func (f *flatImage) UnmarshalText(text []byte) error {
	addr, rip, ok := strings.Cut(string(text), ":")
	var err, riperr error
	f.Addr, err = strconv.ParseUint(addr, 0, 64)
	f.RIP = f.Addr
	if ok {
		value, found := strings.CutPrefix(rip, "rip=")
		if f.RIP, riperr = strconv.ParseUint(value, 0, 64); !found {
			riperr = errors.New("no rip=")
		}
	}
	if err != nil || riperr != nil {
		return fmt.Errorf("%q: want ADDR or ADDR:rip=ADDR, as 0x200000:rip=0x200010", text)
	}
	return nil
}

// Run boots the kernel and ends with its exit code.
func (c *bootCmd) Run(ctx context.Context, std stdio) (err error) {
	cfg := pagewalk.BootConfig{
		RAM: uint64(c.RAM), TLB: c.TLB, Exact: c.Exact, Timing: c.Timing, Seed: c.Seed, Flat: (*pagewalk.Flat)(c.Flat), Cmdline: c.Cmdline,
		Modules: c.Module, Stdin: std.in, Stdout: std.out, MaxInstructions: c.MaxInstructions, TraceFormat: c.format(),
	}
	for _, r := range c.Map {
		cfg.Maps = append(cfg.Maps, pagewalk.Range{Addr: r.addr, Size: r.size})
	}
	if err := errors.Join(c.check(), c.features(&cfg)); err != nil {
		return err
	}
	if c.Trace != "" {
		if cfg.TraceKinds, err = trace.ParseKinds(c.Trace); err != nil {
			return err
		}
		if other := cfg.TraceKinds &^ trace.BareKinds; other != 0 {
			return fmt.Errorf("--trace %s: a kernel has %v", c.Trace, trace.BareKinds)
		}
	}
	var finish func() error
	if cfg.Trace, finish, err = c.openTrace(c.Trace, std); err != nil {
		return err
	}
	ctx, stop := c.deadline(ctx)
	defer stop()
	return errors.Join(c.boot(ctx, cfg, std), finish())
}

func (c *bootCmd) boot(ctx context.Context, cfg pagewalk.BootConfig, std stdio) error {
	b, err := pagewalk.NewBoard(c.Kernel, cfg)
	if err != nil {
		return err
	}
	start := time.Now()
	r, err := b.Run(ctx)
	wall := time.Since(start)
	if err != nil {
		err = fmt.Errorf("stopped %s after %d instructions: %w", c.Kernel, r.Instructions, err)
	}
	err = errors.Join(err, c.writeEnd(
		func(w io.Writer) error { return trace.WriteState(w, b.CPU()) },
		func(addr uint64, p []byte) error { return readPhysical(b, addr, p) },
	))
	if c.Stats {
		printBootStats(std.err, b, r, wall)
	}
	if r.Reason == machine.Shutdown && err == nil {
		fmt.Fprintf(std.err, "pagewalk: %s\n", b.Shutdown(r))
	}
	if err = errors.Join(err, b.Close()); err != nil {
		return err
	}
	return exitCode(r.Code)
}

// readPhysical reads RAM.
func readPhysical(b *pagewalk.Board, addr uint64, p []byte) error {
	for len(p) > 0 {
		f := b.Memory().Frame(x86.PhysAddr(addr))
		if f == nil {
			return fmt.Errorf("no RAM at physical address %#x", addr)
		}
		n := copy(p, f[addr&x86.PageMask:])
		p, addr = p[n:], addr+uint64(n)
	}
	return nil
}

// features applies --cpuid.
func (c *bootCmd) features(cfg *pagewalk.BootConfig) error {
	for _, kv := range c.CPUID {
		k, v, _ := strings.Cut(kv, "=")
		if strings.EqualFold(k, "maxphyaddr") {
			n, err := strconv.ParseUint(v, 10, 8)
			if err != nil || n < 36 || n > 52 {
				return fmt.Errorf("--cpuid %s: want maxphyaddr=36 to 52", kv)
			}
			cfg.MaxPhysAddr = uint8(n)
			continue
		}
		f, err := pagewalk.ParseFeature(k)
		if err != nil {
			return fmt.Errorf("--cpuid %s: %w, or maxphyaddr", kv, err)
		}
		switch v {
		case "off":
			cfg.Off = append(cfg.Off, f)
		case "on":
		default:
			return fmt.Errorf("--cpuid %s: want %s=on or %s=off", kv, k, k)
		}
	}
	return nil
}

// printBootStats writes the summary of a run.
func printBootStats(w io.Writer, b *pagewalk.Board, r machine.Result, wall time.Duration) {
	m, t := b.CPU().MMU.Counters, b.CPU().MMU.TLB().Counters
	fmt.Fprintf(w, "instructions       %12d   %.1f million a second\n",
		r.Instructions, float64(r.Instructions)/wall.Seconds()/1e6)
	printTranslations(w, &t, &m, b.CPU().MMU.Cycles())
}
