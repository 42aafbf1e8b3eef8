package nt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// Config describes a machine.
type Config struct {
	RAMBytes uint64 // a multiple of 4 KiB, at most 64 GiB; 0 means 256 MiB
	PageFile PageFile
	TLB      tlb.Profile // the zero Profile is tlb's ideal one
	Exact    bool        // every access goes through the TLB model
	Timing   bool        // and what its profile says that translations take passes as time
	Seed     uint64      // ASLR, cookies, RDRAND
	Layout   Layout      // of address spaces
	Compress bool        // modified pages are compressed in RAM before they go to the page file
	Combine  bool        // identical private pages become one where memory is short

	Privileges []Privilege // that processes may enable
	Drives     []Drive     // folders of the host; C: is there without
	Registry   string      // file of the host that keeps the registry; "": none does

	Sysroot      *Sysroot          // real system DLLs; nil: the built-in ones
	SystemImages map[string][]byte // the built-in ones, or those that Sysroot may lack, in C:\Windows\System32: PE images by lower-case file name; ntdll.dll must be there
	UserFuncs    []UserFunc        // the bodies behind the built-in images' stubs, by number from UserFuncBase

	Stdin          io.Reader
	Stdout, Stderr io.Writer

	MaxInstructions uint64 // 0: no limit
	StepOnly        bool   // run on the reference engine, one Step at a time
	Hooks           Hooks
}

// DefaultRAM is the size of RAM where Config does not say.
const DefaultRAM = 256 << 20

// System is one machine: the first process, which StartProcess makes, and those that it starts. It runs as long as the first does.
type System struct {
	mem   *physmem.Memory
	mmu   *mmu.MMU
	tlb   *tlb.Hierarchy
	cpu   *cpu.CPU
	mm    *ntmm.Manager
	rng   *rand.Rand
	funcs []UserFunc
	bias  uint64 // of DLL images, one for the life of the machine: "per boot"
	dlls  dllPlaces

	stdin          io.Reader
	ahead          []byte // of stdin: read from the host, not by a guest
	stdout, stderr io.Writer
	hooks          Hooks
	max            uint64
	stepOnly       bool

	pageFiles  []*os.File
	pageFolder string          // of the host, where page files lie; "": that of temporary files
	warned     map[string]bool // what once has warned of
	relayed    int             // bytes that relay has told

	namespace  namespace
	pool       pool
	keyedEvent *keyedEvent // the system's own
	io         struct{ reads, writes transfers }
	conditions [len(conditionNames)]*event
	counts     [len(objectTypes)]typeCount
	volumes    volumes
	pipes      map[string]*namedPipe // by folded name
	table      callTable
	calls      uint64              // system services
	switches   uint64              // of threads
	lastID     uint64              // of processes and threads
	programs   map[string]*Section // by lower-case path: what runs twice is mapped from one section
	sysroot    *sysroot            // nil: the system DLLs are the built-in ones
	sched      scheduler
	watching   bool // the thread that runs has hardware breakpoints
	cache      fileCacheLimits
	cachePeak  uint64 // pages
	privileges []Privilege
	layout     Layout
	locales    locales
	lastLUID   uint64
	uuids      uuids
	registry   *registry // nil: nothing has looked at it; see keys

	registryFile string // "": none

	attached       *Process   // whose address space the processor has
	proc           *Process   // the first one: the machine runs as long as it does
	procs          []*Process // that run
	lingering      []*Thread  // that have ended and have handles
	lingeringProcs []*Process
	done           <-chan struct{}
	timing         bool
	waited         uint64 // nanoseconds added to the instruction count by waits
	kuser          x86.PhysAddr
}

// New builds a machine.
func New(cfg Config) (*System, error) {
	if cfg.RAMBytes == 0 {
		cfg.RAMBytes = DefaultRAM
	}
	mem, err := physmem.New(cfg.RAMBytes)
	if err != nil {
		return nil, err
	}
	s := &System{
		mem: mem, rng: rand.New(rand.NewPCG(cfg.Seed, 0x70616765_77616c6b)),
		funcs: cfg.UserFuncs, stdin: cfg.Stdin, stdout: cfg.Stdout, stderr: cfg.Stderr,
		hooks: cfg.Hooks, max: cfg.MaxInstructions, stepOnly: cfg.StepOnly, timing: cfg.Timing,
		privileges: cfg.Privileges, layout: cfg.Layout, locales: locales{localeEnglishUS, localeEnglishUS},
		table: callTable{services: Services()},
	}
	if err := s.init(&cfg); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *System) init(cfg *Config) error {
	s.tlb = tlb.New(cfg.TLB)
	options := mmu.Options{TLB: s.tlb, Exact: cfg.Exact || cfg.Timing}
	if h := cfg.Hooks.MMU; h != nil {
		options.Hooks = h(s.thread)
	}
	s.mmu = mmu.New(s.mem, options)
	s.cpu = cpu.New(s.mmu)
	if h := cfg.Hooks.Step; h != nil {
		s.cpu.OnStep = func(in *decode.Inst) { h(s.thread(), in) }
	}
	s.cpu.SetSeed(s.rng.Uint64())
	s.cpu.TSC = s.Now
	mm, err := ntmm.NewManager(ntmm.Config{
		Memory: s.mem, MMU: s.mmu, Hooks: s.memoryHooks(), Compress: cfg.Compress, Combine: cfg.Combine,
	})
	if err != nil {
		return fmt.Errorf("RAM of %d bytes: %w", cfg.RAMBytes, err)
	}
	s.mm = mm
	if err := s.volumes.init(cfg.Drives); err != nil {
		return err
	}
	s.namespace.init(&s.volumes)
	s.initConditions()
	if err := s.openRegistry(cfg.Registry); err != nil {
		return err
	}
	if err := s.openPageFile(cfg.PageFile); err != nil {
		return err
	}
	s.bias = s.rng.Uint64N(dllBiasSlots)
	if cfg.Sysroot != nil {
		err = s.openSysroot(cfg.Sysroot, cfg.SystemImages)
	} else {
		s.table.builtin()
		if err = s.addBuiltin(cfg.SystemImages); err == nil {
			_, err = s.ntdll()
		}
	}
	if err != nil {
		return err
	}
	s.initKnownDlls()
	return s.enterLongMode()
}

// enterLongMode sets the control registers as Windows runs user code: 4-level paging, NX, write protection, SMEP, SSE,
// FSGSBASE, CPL 3. The page tables come with the process.
func (s *System) enterLongMode() error {
	m := s.mmu
	for _, set := range []func() *x86.Fault{
		func() *x86.Fault { return m.SetEFER(x86.EFERSCE | x86.EFERLME | x86.EFERNXE) },
		func() *x86.Fault {
			return m.SetCR4(x86.CR4PAE | x86.CR4PGE | x86.CR4OSFXSR | x86.CR4OSXMMEXCPT | x86.CR4FSGSBASE | x86.CR4SMEP)
		},
		func() *x86.Fault {
			return m.SetCR0(x86.CR0PE | x86.CR0MP | x86.CR0ET | x86.CR0NE | x86.CR0WP | x86.CR0AM | x86.CR0PG)
		},
	} {
		if f := set(); f != nil {
			return fmt.Errorf("cannot enter long mode: %w", f)
		}
	}
	m.SetCPL(3)
	return nil
}

// Close writes the registry's file, gives the guest's RAM back to the host and removes the page file.
func (s *System) Close() error {
	return errors.Join(s.saveRegistry(), s.volumes.close(), s.closePageFiles(), s.mem.Close())
}

// MMU returns the machine's MMU.
func (s *System) MMU() *mmu.MMU { return s.mmu }

// TLB returns the machine's TLB model.
func (s *System) TLB() *tlb.Hierarchy { return s.tlb }

// CPU returns the machine's processor.
func (s *System) CPU() *cpu.CPU { return s.cpu }

// Memory returns the memory manager.
func (s *System) Memory() *ntmm.Manager { return s.mm }

// Rand returns the next 64 bits of the machine's seeded randomness.
func (s *System) Rand() uint64 { return s.rng.Uint64() }

// A Program is what StartProcess runs.
type Program struct {
	Path string      // as the guest sees it: C:\guest\hello.exe
	File io.ReaderAt // the PE64 file
	Size int64
}

// Result is how a run ended.
type Result struct {
	ExitCode     uint32
	Instructions uint64
	// Exception is what ended the process, nil where it exited by itself.
	Exception *ntdef.ExceptionRecord
}

// ErrInstructions is the error of Run where Config.MaxInstructions ended it.
var ErrInstructions = errors.New("the instruction limit is reached")

// Run executes the process that StartProcess made until it exits. The error is the context's, ErrInstructions, a *Stop,
// or one of writing the guest's output.
func (s *System) Run(ctx context.Context) (Result, error) {
	t := s.proc.thread
	s.done = ctx.Done()
	s.sched.result = make(chan error, 1)
	s.sched.current = nil
	t.cpu.SaveRegisters(&t.saved)
	t.start()
	err := s.runThreads(t)
	r := Result{Instructions: s.cpu.IC, Exception: s.proc.exception}
	var exit *exitError
	if errors.As(err, &exit) {
		r.ExitCode = exit.code
		return r, s.proc.outputErr
	}
	if errors.Is(err, errCancelled) {
		err = context.Cause(ctx)
	}
	return r, err
}

var errCancelled = errors.New("nt: run cancelled")
