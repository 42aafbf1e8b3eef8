package pagewalk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/machine"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/trace"
	"github.com/pagewalk/pagewalk/x86"
)

// BootConfig says how a kernel is run on bare metal. The zero BootConfig is a good one for multiboot and ELF kernels.
type BootConfig struct {
	RAM         uint64 // bytes, a multiple of 4 KiB; 0 means 256 MiB
	TLB         string // a profile's name, or a JSON file of one; "" means ideal
	Exact       bool   // every access goes through the TLB model
	Timing      bool   // and what its profile says that translations take passes as time
	Seed        uint64 // of RDRAND
	MaxPhysAddr uint8  // bits, 36 to 52; 0 means 40
	Off         []cpu.Feature

	Flat    *Flat   // the image is flat, not multiboot or ELF
	Maps    []Range // more RAM
	Cmdline string
	Modules []string // host paths

	Stdin  io.Reader // of the serial port; nil: empty
	Stdout io.Writer

	MaxInstructions uint64 // 0: no limit

	Trace       io.Writer // nil: no trace
	TraceKinds  trace.Kinds
	TraceFormat trace.Format
}

// Flat says where a flat image lies and where its first instruction is: it starts in 64-bit mode at CPL 0.
type Flat struct {
	Addr, RIP uint64
}

// Range is a piece of the physical address space.
type Range struct {
	Addr, Size uint64
}

// defaultBootRAM is what a board has where nothing is said.
const defaultBootRAM = 256 << 20

// Board is a kernel ready to run on bare metal.
type Board struct {
	*machine.Board
	tracer *trace.BareTracer
}

// Boot runs a kernel at a host path on a bare-metal board: a multiboot 1 image, a 64-bit ELF executable, or a flat image.
// How the guest ended is a result; the error is for what kept it from running or stopped it.
func Boot(ctx context.Context, image string, cfg BootConfig) (machine.Result, error) {
	b, err := NewBoard(image, cfg)
	if err != nil {
		return machine.Result{}, err
	}
	r, err := b.Run(ctx)
	return r, errors.Join(err, b.Close())
}

// NewBoard builds the board and loads the image; its first instruction is the next. Close it after use.
func NewBoard(image string, cfg BootConfig) (_ *Board, err error) {
	file, size, err := open(image)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	mc := machine.Config{
		RAM: cfg.RAM, Exact: cfg.Exact, Timing: cfg.Timing, MaxPhysAddr: cfg.MaxPhysAddr, Seed: cfg.Seed, Off: cfg.Off, Stdin: cfg.Stdin,
		Stdout: cfg.Stdout, MaxInstructions: cfg.MaxInstructions,
	}
	if mc.RAM == 0 {
		mc.RAM = defaultBootRAM
	}
	profile := tlb.Profile{Name: "ideal"}
	if cfg.TLB != "" {
		if profile, err = tlb.Load(cfg.TLB); err != nil {
			return nil, err
		}
	}
	mc.TLB = profile
	b := &Board{}
	if cfg.Trace != nil {
		b.tracer = trace.NewBare(cfg.Trace, cfg.TraceFormat, cfg.TraceKinds)
		mc.Hooks, mc.Single = b.tracer.Hooks(), true
	}
	if b.Board, err = machine.New(mc); err != nil {
		return nil, err
	}
	if b.tracer != nil {
		b.tracer.Watch(b.CPU(), b.At)
		b.tracer.Header(trace.Header{Program: filepath.Base(image), RAM: mc.RAM, TLB: profile.Name, Seed: cfg.Seed})
	}
	if err := b.load(image, file, size, &cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("boot %s: %w", image, err), b.Close())
	}
	return b, nil
}

// Run runs the kernel to its end. It can be called once.
func (b *Board) Run(ctx context.Context) (machine.Result, error) {
	r, err := b.Board.Run(ctx)
	if b.tracer != nil {
		if terr := b.tracer.Footer(r.Code, r.Instructions); terr != nil {
			err = errors.Join(err, fmt.Errorf("write the trace: %w", terr))
		}
	}
	return r, err
}

func (b *Board) load(image string, file *os.File, size int64, cfg *BootConfig) error {
	for _, r := range cfg.Maps {
		if limit := uint64(1) << b.CPU().MMU.MaxPhysAddr(); r.Addr >= limit || r.Size > limit-r.Addr {
			return fmt.Errorf("map %#x of %#x bytes: physical addresses have %d bits", r.Addr, r.Size, b.CPU().MMU.MaxPhysAddr())
		}
		if err := b.Memory().Map(x86.PhysAddr(r.Addr), r.Size); err != nil {
			return err
		}
	}
	if cfg.Flat != nil {
		if cfg.Cmdline != "" || len(cfg.Modules) > 0 {
			return errors.New("a flat image takes no command line and no modules")
		}
		return b.loadFlat(file, size, cfg.Flat)
	}
	mb, err := loader.ParseMultiboot(file)
	if err == nil {
		return b.loadMultiboot(file, size, mb, cfg)
	}
	if !errors.Is(err, loader.ErrNoMultiboot) {
		return err
	}
	elf, err := loader.ParseELF(file)
	switch {
	case err != nil:
		return fmt.Errorf("it is neither multiboot (%w) nor %w; a flat image needs --flat", loader.ErrNoMultiboot, err)
	case elf.Bits == 32:
		return fmt.Errorf("a 32-bit ELF kernel: %w", loader.ErrNoMultiboot)
	case cfg.Cmdline != "" || len(cfg.Modules) > 0:
		return errors.New("a command line and modules need a multiboot kernel")
	}
	return b.loadELF64(elf)
}

func (b *Board) loadFlat(file io.ReaderAt, size int64, f *Flat) error {
	if size == 0 {
		return errors.New("the image is empty")
	}
	if err := b.loadSegment(loader.ELFSegment{Phys: f.Addr, FileSize: uint64(size), MemSize: uint64(size), ReaderAt: file}); err != nil {
		return err
	}
	return b.StartLong(f.RIP, x86.PhysAddr(f.Addr), nil)
}

// loadSegment reads a piece of the image into memory.
func (b *Board) loadSegment(s loader.ELFSegment) error {
	ram := uint64(0)
	for _, r := range b.Memory().Ranges() {
		ram += r.Size
	}
	if s.MemSize > ram {
		return fmt.Errorf("a segment of %#x bytes at %#x: there are %#x bytes of RAM", s.MemSize, s.Phys, ram)
	}
	data := make([]byte, s.FileSize)
	if n, err := s.ReadAt(data, 0); n < len(data) {
		return fmt.Errorf("read a segment of %#x bytes: %w", s.FileSize, err)
	}
	if err := b.Load(x86.PhysAddr(s.Phys), data, s.MemSize); err != nil {
		return fmt.Errorf("load %#x bytes at %#x: %w", s.MemSize, s.Phys, err)
	}
	return nil
}

func (b *Board) loadELF64(e *loader.ELF) error {
	var extra []machine.Mapping
	lowest := ^uint64(0)
	for _, s := range e.Segments {
		if err := b.loadSegment(s); err != nil {
			return err
		}
		lowest = min(lowest, s.Phys)
		if s.Virt != s.Phys {
			extra = append(extra, machine.Mapping{Virt: x86.VirtAddr(s.Virt), Phys: x86.PhysAddr(s.Phys), Size: s.MemSize})
		}
	}
	return b.StartLong(e.Entry, x86.PhysAddr(lowest), extra)
}

func (b *Board) loadMultiboot(file io.ReaderAt, size int64, mb *loader.Multiboot, cfg *BootConfig) error {
	if mb.Flags&loader.MultibootVideo != 0 {
		return errors.New("multiboot: the kernel wants a video mode, and there is no display")
	}
	var segments []loader.ELFSegment
	entry := uint64(mb.EntryAddr)
	if mb.Flags&loader.MultibootAddresses != 0 {
		s, err := mb.Segment(file, size)
		if err != nil {
			return err
		}
		segments = append(segments, s)
	} else {
		e, err := loader.ParseELF(file)
		if err != nil {
			return fmt.Errorf("multiboot without addresses: %w", err)
		}
		if entry, err = e.PhysEntry(); err != nil {
			return err
		}
		segments = e.Segments
	}
	if entry>>32 != 0 {
		return fmt.Errorf("multiboot: the entry point %#x is above 4 GiB", entry)
	}
	end := uint64(0)
	for _, s := range segments {
		if err := b.loadSegment(s); err != nil {
			return err
		}
		end = max(end, s.Phys+s.MemSize)
	}
	var modules []machine.Module
	for _, path := range cfg.Modules {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("module: %w", err)
		}
		modules = append(modules, machine.Module{Name: filepath.Base(path), Data: data})
	}
	return b.StartMultiboot(uint32(entry), x86.PhysAddr(end), cfg.Cmdline, modules)
}

// ParseFeature finds a CPUID feature by its name, in any case, as INSTRUCTIONS.md has it.
func ParseFeature(name string) (cpu.Feature, error) {
	advertised, off := cpu.Features()
	all := slices.Concat(advertised, off)
	var names []string
	for _, f := range all {
		if strings.EqualFold(f.String(), name) {
			return f, nil
		}
		names = append(names, strings.ToLower(f.String()))
	}
	return 0, fmt.Errorf("unknown processor feature %q: want %s", name, strings.Join(names, ", "))
}

// Shutdown describes a triple fault: its exceptions, with what the page tables say of each page fault's address.
func (b *Board) Shutdown(r machine.Result) string {
	var s strings.Builder
	s.WriteString("triple fault")
	for _, step := range r.Story {
		fmt.Fprintf(&s, "\n  %v", &step.Fault)
		fmt.Fprintf(&s, ", RIP %#x, CR2 %#x", step.RIP, uint64(step.CR2))
		if step.Fault.Vector == x86.VectorPF {
			fmt.Fprintf(&s, "\n    %v", b.CPU().MMU.Inspect(step.Fault.Addr))
		}
	}
	return s.String()
}
