package pagewalk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/trace"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/advapi32"
	"github.com/pagewalk/pagewalk/winapi/bcryptprimitives"
	"github.com/pagewalk/pagewalk/winapi/kernel32"
	"github.com/pagewalk/pagewalk/winapi/msvcrt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/winapi/ucrtbase"
	"github.com/pagewalk/pagewalk/winapi/winmm"
)

// Config says how a program is run. The zero Config is a good one.
type Config struct {
	RAM      uint64 // bytes, a multiple of 4 KiB up to 64 GiB; 0 means 256 MiB
	PageFile nt.PageFile
	TLB      string    // a profile's name, or a JSON file of one; "" means ideal
	Exact    bool      // every access goes through the TLB model
	Timing   bool      // and what its profile says that translations take passes as time
	Layout   nt.Layout // how large the address space is
	Compress bool      // modified pages are compressed in RAM before they go to the page file
	Combine  bool      // identical private pages become one where memory is short
	Seed     uint64    // decides ASLR, cookies and RDRAND: one seed, one run
	Env      []string

	// Sysroot has the guest run real system DLLs: "wine" for those of Debian's libwine, else a folder of them. "" means the
	// built-in ones.
	Sysroot    string
	Drives     []nt.Drive     // besides C:, whose \guest is the program's folder under an overlay in memory
	Privileges []nt.Privilege // that the guest may enable, such as SeLockMemoryPrivilege
	Registry   string         // file of the host that the registry comes from and is written to at the end; "": none

	Stdin          io.Reader // nil: empty
	Stdout, Stderr io.Writer // nil: dropped

	MaxInstructions uint64 // 0: no limit
	StepOnly        bool   // the reference engine: slow, and with the same results

	Trace       io.Writer // nil: no trace
	TraceKinds  trace.Kinds
	TraceFormat trace.Format
}

// Result is how a run ended, with the counts of the memory manager, the TLB and the processor's MMU.
type Result struct {
	nt.Result
	Memory ntmm.Counters
	TLB    tlb.Counters
	MMU    mmu.Counters
	Cycles uint64 // that translations took, by the TLB's profile
}

// Machine is a program ready to run.
type Machine struct {
	sys    *nt.System
	proc   *nt.Process
	tracer *trace.Tracer
	folder *os.Root
	file   *os.File
	real   *nt.Sysroot // nil: the built-in DLLs
}

// Run runs the PE64 program at a host path with arguments. A program that ends by itself or by an exception is a result;
// the error is for what kept it from running or stopped it: an unreadable or foreign file, impossible configuration, an
// import or an instruction that pagewalk lacks, the instruction limit, the context.
func Run(ctx context.Context, program string, args []string, cfg Config) (Result, error) {
	m, err := New(program, args, cfg)
	if err != nil {
		return Result{}, err
	}
	r, err := m.Run(ctx)
	return r, errors.Join(err, m.Close())
}

// Folder is where the guest sees the program: C:\guest\hello.exe.
const Folder = `C:\guest\`

// New builds the machine and starts the process; its first instruction is the next. Close it after use.
func New(program string, args []string, cfg Config) (*Machine, error) {
	file, size, err := open(program)
	if err != nil {
		return nil, err
	}
	m := &Machine{file: file}
	if err := m.start(program, args, &cfg, size); err != nil {
		return nil, errors.Join(fmt.Errorf("run %s: %w", program, err), m.Close())
	}
	return m, nil
}

// open opens a program file; the machine reads its pages as they are touched.
func open(program string) (*os.File, int64, error) {
	file, err := os.Open(program)
	if err != nil {
		return nil, 0, fmt.Errorf("open the program: %w", err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("run %s: it is a directory", program)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("run %s: it is not a regular file", program)
	default:
		return file, info.Size(), nil
	}
	return nil, 0, errors.Join(err, file.Close())
}

func (m *Machine) start(program string, args []string, cfg *Config, size int64) error {
	profile := tlb.Profile{Name: "ideal"}
	if cfg.TLB != "" {
		var err error
		if profile, err = tlb.Load(cfg.TLB); err != nil {
			return err
		}
	}
	sysCfg := nt.Config{
		RAMBytes: cfg.RAM, PageFile: cfg.PageFile, TLB: profile, Exact: cfg.Exact, Timing: cfg.Timing, Seed: cfg.Seed, Layout: cfg.Layout,
		Stdin: cfg.Stdin, Stdout: cfg.Stdout, Stderr: cfg.Stderr,
		MaxInstructions: cfg.MaxInstructions, StepOnly: cfg.StepOnly, Privileges: cfg.Privileges,
		Compress: cfg.Compress, Combine: cfg.Combine, Registry: cfg.Registry,
	}
	if err := m.systemDLLs(cfg, &sysCfg); err != nil {
		return err
	}
	var err error
	if cfg.Trace != nil {
		m.tracer = trace.New(cfg.Trace, cfg.TraceFormat, cfg.TraceKinds)
		sysCfg.Hooks = m.tracer.Hooks()
		sysCfg.StepOnly = sysCfg.StepOnly || cfg.TraceKinds.Stepped()
	}
	// Links are followed to the folder, not out of it.
	if m.folder, err = os.OpenRoot(filepath.Dir(program)); err != nil {
		return err
	}
	sysCfg.Drives = append([]nt.Drive{{Letter: 'C', Folder: Folder[2:], Root: m.folder, Overlay: true}}, cfg.Drives...)
	if m.sys, err = nt.New(sysCfg); err != nil {
		return err
	}
	name := filepath.Base(program)
	if m.tracer != nil {
		m.tracer.Header(trace.Header{
			Program: name, RAM: m.sys.MMU().Memory().Size(), TLB: profile.Name, Seed: cfg.Seed,
		})
	}
	env := cfg.Env
	if env == nil {
		env = DefaultEnv()
	}
	m.proc, err = m.sys.StartProcess(nt.Program{
		Path: Folder + strings.ReplaceAll(name, `\`, "_"), File: m.file, Size: size,
	}, args, env)
	return err
}

// systemDLLs chooses the built-in DLLs or real ones.
func (m *Machine) systemDLLs(cfg *Config, sys *nt.Config) error {
	make := SystemDLLs
	if cfg.Sysroot != "" {
		var err error
		if m.real, err = openSysroot(cfg.Sysroot); err != nil {
			return err
		}
		sys.Sysroot = m.real
		make = standaloneDLLs
	}
	set, err := make()
	if err != nil {
		return err
	}
	sys.SystemImages, sys.UserFuncs = set.Images, set.Funcs
	return nil
}

// DefaultEnv is the environment of a guest that is given none: that of a user who has logged on, but for his folder of temporary files,
// which is the program's.
func DefaultEnv() []string {
	const home, programs = `C:\Users\` + nt.UserName, `C:\Program Files`
	return []string{
		`ALLUSERSPROFILE=C:\ProgramData`, `APPDATA=` + home + `\AppData\Roaming`, `CommonProgramFiles=` + programs + `\Common Files`,
		`CommonProgramW6432=` + programs + `\Common Files`, `COMPUTERNAME=` + nt.ComputerName, `ComSpec=C:\Windows\System32\cmd.exe`,
		`HOMEDRIVE=C:`, `HOMEPATH=\Users\` + nt.UserName, `LOCALAPPDATA=` + home + `\AppData\Local`, `LOGONSERVER=\\` + nt.ComputerName,
		`NUMBER_OF_PROCESSORS=1`, `OS=Windows_NT`, `Path=C:\Windows\System32;C:\Windows`, `PATHEXT=.COM;.EXE;.BAT;.CMD`,
		`PROCESSOR_ARCHITECTURE=AMD64`, `ProgramData=C:\ProgramData`, `ProgramFiles=` + programs, `ProgramW6432=` + programs,
		`PUBLIC=C:\Users\Public`, `SystemDrive=C:`, `SystemRoot=C:\Windows`, `TEMP=C:\guest`, `TMP=C:\guest`,
		`USERDOMAIN=` + nt.ComputerName, `USERNAME=` + nt.UserName, `USERPROFILE=` + home, `windir=C:\Windows`,
	}
}

// SystemDLLs returns the built-in DLLs, which are the same for every machine.
var SystemDLLs = sync.OnceValues(func() (*winapi.Set, error) {
	dlls := []*winapi.DLL{
		kernel32.DLL(), kernel32.KernelBase(), kernel32.PSAPI(), advapi32.DLL(), bcryptprimitives.DLL(), winmm.DLL(), msvcrt.DLL(), ucrtbase.DLL(),
	}
	return winapi.Build(append([]*winapi.DLL{ntdll.DLL(dlls...)}, dlls...))
})

// standaloneDLLs are those of the built-in ones that need no other, which older real systems may lack: Go's run-time, for one, does
// not start without bcryptprimitives.
var standaloneDLLs = sync.OnceValues(func() (*winapi.Set, error) { return winapi.Build([]*winapi.DLL{bcryptprimitives.DLL()}) })

// System returns the executive, through which everything below can be reached.
func (m *Machine) System() *nt.System { return m.sys }

// Process returns the guest process.
func (m *Machine) Process() *nt.Process { return m.proc }

// Run runs the program to its end: see the function of that name. It can be called once.
func (m *Machine) Run(ctx context.Context) (Result, error) {
	r, err := m.sys.Run(ctx)
	if m.tracer != nil {
		if terr := m.tracer.Footer(r); terr != nil {
			err = errors.Join(err, fmt.Errorf("write the trace: %w", terr))
		}
	}
	return Result{
		Result: r, Memory: m.sys.Memory().Counters(), TLB: m.sys.TLB().Counters,
		MMU: m.sys.MMU().Counters, Cycles: m.sys.MMU().Cycles(),
	}, err
}

// Close gives the guest's memory back and closes the program's file.
func (m *Machine) Close() error {
	var errs []error
	if m.folder != nil {
		errs = append(errs, m.folder.Close())
	}
	if m.sys != nil {
		errs = append(errs, m.sys.Close())
	}
	if m.real != nil {
		errs = append(errs, m.real.System.Close())
		if m.real.NLS != nil {
			errs = append(errs, m.real.NLS.Close())
		}
	}
	errs = append(errs, m.file.Close())
	return errors.Join(errs...)
}
