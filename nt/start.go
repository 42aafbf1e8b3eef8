package nt

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// The Windows that the process believes to run on: Windows 10 22H2.
const (
	osMajor = 10
	osMinor = 0
	osBuild = 19045
)

// StartProcess makes the machine's first process: ntdll and the program are mapped, the PEB, the TEB, the process parameters
// and the stack are built, and the thread stands at ntdll!LdrInitializeThunk. args and env are the command line without the
// program's name and the environment as K=V.
func (s *System) StartProcess(prog Program, args, env []string) (*Process, error) {
	if s.proc != nil {
		return nil, fmt.Errorf("start %s: the machine already has a process", prog.Path)
	}
	pe, err := loader.ParsePE(prog.File, prog.Size)
	if err == nil {
		err = pe.Native()
	}
	if err != nil {
		return nil, err
	}
	p, st := s.newProcess(pe, nil)
	if st != ntdef.STATUS_SUCCESS {
		return nil, startError("create the address space", st)
	}
	s.proc, s.procs = p, []*Process{p}
	p.attach()
	if st := p.handles.init(s); st != ntdef.STATUS_SUCCESS {
		return nil, startError("make the handle table", st)
	}
	for _, o := range []object{p.object, p.thread.object, p.token} {
		if st := p.secure(o, givenSecurity{}, nil, false); st != ntdef.STATUS_SUCCESS {
			return nil, startError("make the descriptor of "+describe(o), st)
		}
	}
	b := builder{p: p, t: p.thread, by: p.thread}
	if err := b.build(pe, &prog, CommandLine(prog.Path, args), "", s.wineEnvironment(env)); err != nil {
		return nil, err
	}
	return p, nil
}

// newProcess makes a process with an empty address space and one thread, which is not there for the scheduler yet.
func (s *System) newProcess(pe *loader.PE, parent *Process) (*Process, ntdef.Status) {
	as, st := s.mm.NewAddressSpace(ntmm.Layout{Low: userLow, High: x86.VirtAddr(s.layout.high(pe.Characteristics))})
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	id := 4 * (256 + s.rng.Uint64N(2048))
	if parent != nil {
		id = s.lastID + 4
	}
	p := &Process{sys: s, as: as, id: id, local: map[any]any{}, parent: parent, info: newProcessInfo(s, parent)}
	t := s.newThread(p, p.id+4)
	p.thread, p.threads = t, []*Thread{t}
	s.lastID = t.id
	p.object = &processObject{objectHeader: objectHeader{uses: 1}, proc: p}
	if parent != nil {
		p.token = parent.token.duplicate(s)
	} else {
		p.token = s.newToken(s.privileges)
	}
	p.token.uses = 1
	p.page = ntmm.NormalPriority
	return p, st
}

func startError(what string, st ntdef.Status) error { return fmt.Errorf("cannot %s: %v", what, st) }

// builder holds what the steps of StartProcess share.
type builder struct {
	p         *Process
	t         *Thread
	by        *Thread // whose accesses write guest memory: the thread itself, or the one that makes it
	pe        *loader.PE
	params    uint64
	wineDebug string             // WINEDEBUG in the environment
	given     *processParameters // the parent's; nil: they are made
	// apiSets is where the process finds the API-set map; 0: nowhere.
	apiSets uint64
	top     uint64 // of the stack, where the first frame lies
	bits    uint64 // ZeroBits of the stack
}

func (b *builder) build(pe *loader.PE, prog *Program, line, folder string, env []string) error {
	b.pe, b.p.info.commandLine = pe, line
	for _, step := range []func() error{
		b.kuser,
		b.controlFlowGuard,
		func() error { return b.mapProgram(prog) },
		b.mapNtdll,
		b.initBlock,
		func() error {
			if b.given != nil {
				return b.givenParameters()
			}
			return b.parameters(prog, line, folder, env)
		},
		b.environmentBlocks,
		b.stack,
		b.firstContext,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// kuser maps KUSER_SHARED_DATA and fills it.
func (b *builder) kuser() error {
	s := b.p.sys
	pa, st := b.p.as.MapKernelPage(ntdef.KUserSharedData, ntdef.PAGE_READONLY)
	if st != ntdef.STATUS_SUCCESS {
		return startError("map KUSER_SHARED_DATA", st)
	}
	b.p.kuser, s.kuser = pa, pa
	k, le := s.mem.Frame(pa), binary.LittleEndian
	le.PutUint32(k[ntdef.KUserTickCountMultiplier:], 1<<24)
	le.PutUint16(k[ntdef.KUserImageNumberLow:], loader.MachineAMD64)
	le.PutUint16(k[ntdef.KUserImageNumberHigh:], loader.MachineAMD64)
	copy(k[ntdef.KUserNtSystemRoot:], EncodeUTF16(`C:\Windows`))
	le.PutUint32(k[ntdef.KUserNtBuildNumber:], osBuild)
	le.PutUint32(k[ntdef.KUserNtProductType:], 1) // workstation
	k[ntdef.KUserProductTypeIsValid] = 1
	le.PutUint32(k[ntdef.KUserNtMajorVersion:], osMajor)
	le.PutUint32(k[ntdef.KUserNtMinorVersion:], osMinor)
	for _, f := range processorFeatures(s.cpu) {
		k[ntdef.KUserProcessorFeatures+f] = 1
	}
	le.PutUint32(k[ntdef.KUserCookie:], uint32(s.rng.Uint64()))
	le.PutUint32(k[ntdef.KUserActiveProcessorCount:], 1)
	s.updateClock()
	return nil
}

// processorFeatures returns the PF_ constants (winnt.h) of what the processor advertises.
func processorFeatures(c *cpu.CPU) []int {
	features := []int{
		2,  // PF_COMPARE_EXCHANGE_DOUBLE
		8,  // PF_RDTSC_INSTRUCTION_AVAILABLE
		9,  // PF_PAE_ENABLED
		12, // PF_NX_ENABLED
		23, // PF_FASTFAIL_AVAILABLE
	}
	for _, f := range []struct {
		feature cpu.Feature
		pf      int
	}{
		{cpu.MMX, 3},
		{cpu.SSE, 6},
		{cpu.SSE2, 10},
		{cpu.SSE3, 13},
		{cpu.CX16, 14},
		{cpu.XSAVE, 17},
		{cpu.FSGSBASE, 22},
		{cpu.RDRAND, 28},
		{cpu.RDTSCP, 32},
		{cpu.RDPID, 33},
		{cpu.SSSE3, 36},
		{cpu.SSE41, 37},
		{cpu.SSE42, 38},
	} {
		if c.HasFeature(f.feature) {
			features = append(features, f.pf)
		}
	}
	return features
}

// controlFlowGuard reserves the bitmap of a program that was built for it.
func (b *builder) controlFlowGuard() error {
	if _, ok, err := b.pe.GuardFunctions(); err != nil || !ok {
		return err
	}
	if st := b.p.newGuard(); st != ntdef.STATUS_SUCCESS {
		return startError("reserve the bitmap of control-flow guard", st)
	}
	return nil
}

// initBlock tells ntdll where the bitmap is: LdrSystemDllInitBlock, a PS_SYSTEM_DLL_INIT_BLOCK of Windows 10 20H1 and later.
func (b *builder) initBlock() error {
	const bitmapAt, sizeAt, end = 0xb8, 0xc0, 0xc8
	at := b.p.entries.initBlock
	if !b.p.Guarded() || at == 0 {
		return nil
	}
	if n, err := b.by.Load32(at); err != nil || n < end {
		return err // an older one
	}
	if err := b.by.Store64(at+bitmapAt, b.p.guard.base); err != nil {
		return err
	}
	return b.by.Store64(at+sizeAt, b.p.guard.size)
}

func (b *builder) mapProgram(prog *Program) error {
	sec, st := b.p.sys.programSection(prog, b.pe)
	if st != ntdef.STATUS_SUCCESS {
		return startError("make an image section of "+prog.Path, st)
	}
	m, st := b.p.MapViewOfSection(sec)
	if m == nil {
		return startError(fmt.Sprintf("map %s at %#x", prog.Path, b.pe.ImageBase), st)
	}
	b.p.program, b.p.info.image = m, sec
	return nil
}

func (b *builder) mapNtdll() error {
	sec, err := b.p.sys.ntdll()
	if err != nil {
		return err
	}
	m, st := b.p.MapViewOfSection(sec)
	if m == nil {
		return startError("map ntdll.dll", st)
	}
	b.p.ntdllBase = m.Base
	exports, err := sec.exports()
	if err != nil {
		return fmt.Errorf("ntdll.dll: %w", err)
	}
	e := &b.p.entries
	for _, want := range []struct {
		name    string
		at      *uint64
		builtin bool // in the built-in ntdll alone
	}{
		{"LdrInitializeThunk", &e.initializeThunk, false},
		{"RtlUserThreadStart", &e.userThreadStart, false},
		{"KiUserExceptionDispatcher", &e.exceptionDispatcher, false},
		{"KiUserApcDispatcher", &e.apcDispatcher, false},
		{"PagewalkCallReturn", &e.callReturn, true},
		{"LdrSystemDllInitBlock", &e.initBlock, true},
	} {
		x := exports.ByName(want.name)
		if x == nil && want.builtin && b.p.sys.sysroot != nil {
			continue
		}
		if x == nil {
			return fmt.Errorf("ntdll.dll does not export %s", want.name)
		}
		*want.at = m.Base + uint64(x.RVA)
	}
	if b.p.sys.sysroot != nil {
		return b.mapSystem(exports)
	}
	return nil
}

// allocate commits size bytes of private memory at a random place.
func (b *builder) allocate(what string, size uint64, typ, protect uint32) (uint64, error) {
	r := ntmm.Request{Base: b.p.randomBase(size), Size: size, Type: typ, Protect: protect}
	if b.bits != 0 {
		r.Base, r.ZeroBits = 0, b.bits
	}
	if st := b.p.as.Allocate(&r); st != ntdef.STATUS_SUCCESS {
		return 0, startError("allocate the "+what, st)
	}
	return uint64(r.Base), nil
}

// parameters builds RTL_USER_PROCESS_PARAMETERS and the environment.
func (b *builder) parameters(prog *Program, line, folder string, env []string) error {
	block := make([]byte, ntdef.ParamsSize)
	le := binary.LittleEndian
	addString := func(at int, s string, spare int) {
		text := EncodeUTF16(s)
		le.PutUint16(block[at:], uint16(len(text)))
		le.PutUint16(block[at+2:], uint16(len(text)+2+spare))
		le.PutUint64(block[at+8:], uint64(len(block))) // the base is added below
		block = append(block, text...)
		block = append(block, make([]byte, 2+spare)...)
		for len(block)%8 != 0 {
			block = append(block, 0)
		}
	}
	if len(EncodeUTF16(line)) > 65532 {
		return fmt.Errorf("the command line has %d characters: Windows allows 32766", len(line))
	}
	if folder == "" {
		folder = strings.TrimSuffix(prog.Path, guestBase(prog.Path))
	}
	addString(ntdef.ParamsCurrentDirectory, folder, 2*260-len(EncodeUTF16(folder)))
	addString(ntdef.ParamsImagePathName, prog.Path, 0)
	addString(ntdef.ParamsCommandLine, line, 0)
	addString(ntdef.ParamsWindowTitle, prog.Path, 0)
	addString(ntdef.ParamsDesktopInfo, `WinSta0\Default`, 0)
	environment := uint64(len(block))
	for _, kv := range env {
		b.noteEnvironment(kv)
		block = append(append(block, EncodeUTF16(kv)...), 0, 0)
	}
	block = append(block, 0, 0)
	if len(env) == 0 {
		block = append(block, 0, 0)
	}
	le.PutUint64(block[ntdef.ParamsEnvironmentSize:], uint64(len(block))-environment)

	base, err := b.allocate("process parameters", uint64(len(block)), ntdef.MEM_RESERVE|ntdef.MEM_COMMIT, ntdef.PAGE_READWRITE)
	if err != nil {
		return err
	}
	for _, at := range []int{
		ntdef.ParamsCurrentDirectory, ntdef.ParamsImagePathName, ntdef.ParamsCommandLine, ntdef.ParamsWindowTitle,
		ntdef.ParamsDesktopInfo,
	} {
		le.PutUint64(block[at+8:], le.Uint64(block[at+8:])+base)
	}
	le.PutUint32(block[ntdef.ParamsMaximumLength:], uint32(len(block)))
	le.PutUint32(block[ntdef.ParamsLength:], uint32(len(block)))
	le.PutUint32(block[ntdef.ParamsFlags:], 1)
	le.PutUint64(block[ntdef.ParamsEnvironment:], base+environment)
	for i, at := range []int{ntdef.ParamsStandardInput, ntdef.ParamsStandardOutput, ntdef.ParamsStandardError} {
		le.PutUint64(block[at:], uint64(b.p.handles.std[i]))
	}
	b.params = base
	return b.t.Write(base, block)
}

// noteEnvironment looks at a variable of the environment.
func (b *builder) noteEnvironment(kv string) {
	if v, ok := strings.CutPrefix(kv, "WINEDEBUG="); ok {
		b.wineDebug = v
	}
}

// pebRegion is the PEB and what system DLLs read behind it: Wine's look for the block of a WoW64 process there.
const pebRegion = 3 * ntdef.PebSize

// environmentBlocks builds the TEB and the PEB, in one allocation.
func (b *builder) environmentBlocks() error {
	base, err := b.allocate("TEB and PEB", ntdef.TebSize+pebRegion, ntdef.MEM_RESERVE|ntdef.MEM_COMMIT, ntdef.PAGE_READWRITE)
	if err != nil {
		return err
	}
	t, p := b.t, b.p
	t.tebSize = ntdef.TebSize // the PEB stays when the thread ends
	t.teb, p.peb, p.parameters = base, base+ntdef.TebSize, b.params
	var peb [0x7c8]byte
	le := binary.LittleEndian
	le.PutUint64(peb[ntdef.PebImageBaseAddress:], p.program.Base)
	le.PutUint64(peb[ntdef.PebProcessParameters:], b.params)
	le.PutUint64(peb[ntdef.PebApiSetMap:], b.apiSets)
	le.PutUint32(peb[ntdef.PebNumberOfProcessors:], 1)
	le.PutUint64(peb[ntdef.PebCriticalSectionTimeout:], uint64(0xffffe86d079b8000)) // -2592000 s in 100 ns units
	le.PutUint64(peb[ntdef.PebHeapSegmentReserve:], 1<<20)
	le.PutUint64(peb[ntdef.PebHeapSegmentCommit:], 2<<12)
	le.PutUint32(peb[ntdef.PebOSMajorVersion:], osMajor)
	le.PutUint32(peb[ntdef.PebOSMinorVersion:], osMinor)
	le.PutUint16(peb[ntdef.PebOSBuildNumber:], osBuild)
	le.PutUint32(peb[ntdef.PebOSPlatformId:], 2) // VER_PLATFORM_WIN32_NT
	le.PutUint32(peb[ntdef.PebImageSubsystem:], uint32(b.pe.Subsystem))
	le.PutUint32(peb[ntdef.PebSubsystemMajorVersion:], uint32(b.pe.MajorSubsystemVersion))
	le.PutUint32(peb[ntdef.PebSubsystemMinorVersion:], uint32(b.pe.MinorSubsystemVersion))
	le.PutUint32(peb[ntdef.PebSessionId:], 1)
	if p.sys.wine() {
		if err := t.Write(p.peb+2*ntdef.PebSize, wineChannels(b.wineDebug, p.program.Name)); err != nil {
			return err
		}
	}
	return t.Write(p.peb, peb[:])
}

// stack makes the main stack as the program's headers ask.
func (b *builder) stack() error {
	b.p.stackReserve, b.p.stackCommit = b.pe.SizeOfStackReserve, b.pe.SizeOfStackCommit
	return b.newStack(b.p.stackReserve, b.p.stackCommit)
}

// newStack reserves a stack, commits its top and sets the guard page, and fills the TEB.
func (b *builder) newStack(reserve, commit uint64) error {
	t, p := b.t, b.p
	reserve = roundUp(max(reserve, 64<<10), aslrUnit)
	commit = roundUp(min(max(commit, x86.PageSize), reserve-3*x86.PageSize), x86.PageSize)
	low, err := b.allocate("stack", reserve, ntdef.MEM_RESERVE, ntdef.PAGE_READWRITE)
	if err != nil {
		return err
	}
	base := low + reserve
	for _, part := range []struct {
		at, size uint64
		protect  uint32
	}{
		{base - commit, commit, ntdef.PAGE_READWRITE},
		{base - commit - x86.PageSize, x86.PageSize, ntdef.PAGE_READWRITE | ntdef.PAGE_GUARD},
	} {
		r := ntmm.Request{Base: x86.VirtAddr(part.at), Size: part.size, Type: ntdef.MEM_COMMIT, Protect: part.protect}
		if st := p.as.Allocate(&r); st != ntdef.STATUS_SUCCESS {
			return startError("commit the stack", st)
		}
	}
	t.stack = ntmm.Stack{DeallocationStack: x86.VirtAddr(low), Limit: x86.VirtAddr(base - commit), Base: x86.VirtAddr(base)}
	// The first frame starts up to 2 KiB below the top (nt-rules: stack offset), 16-byte aligned.
	b.top = base - 16*p.sys.rng.Uint64N(128)

	return b.fillTEB(base, base-commit, low)
}

// fillTEB writes what every thread finds in its TEB.
func (b *builder) fillTEB(base, limit, low uint64) error {
	t, p := b.t, b.p
	for _, field := range []struct{ at, value uint64 }{
		{ntdef.TebStackBase, base},
		{ntdef.TebStackLimit, limit},
		{ntdef.TebSelf, t.teb},
		{ntdef.TebUniqueProcess, p.id},
		{ntdef.TebUniqueThread, t.id},
		{ntdef.TebPeb, p.peb},
		{ntdef.TebDeallocationStack, low},
		{ntdef.TebRealUniqueProcess, p.id},
		{ntdef.TebRealUniqueThread, t.id},
		{ntdef.TebActivationContextStackPointer, t.teb + ntdef.TebActivationContextStack},
		{ntdef.TebActivationContextStack + 0x08, t.teb + ntdef.TebActivationContextStack + 0x08}, // FrameListCache: an empty list
		{ntdef.TebActivationContextStack + 0x10, t.teb + ntdef.TebActivationContextStack + 0x08},
		{ntdef.TebStaticUnicodeString, ntdef.TebStaticUnicodeSize << 16},
		{ntdef.TebStaticUnicodeString + 0x08, t.teb + ntdef.TebStaticUnicodeBuffer},
	} {
		if err := b.by.Store64(t.teb+field.at, field.value); err != nil {
			return err
		}
	}
	return nil
}

// newTEB makes the TEB of a further thread, and what Wine's ntdll has behind it.
func (b *builder) newTEB() (err error) {
	b.t.tebSize = ntdef.TebSize
	if b.p.sys.wine() {
		b.t.tebSize += wineTeb
	}
	b.t.teb, err = b.allocate("TEB", b.t.tebSize, ntdef.MEM_RESERVE|ntdef.MEM_COMMIT, ntdef.PAGE_READWRITE)
	return err
}

// firstContext stands the processor at LdrInitializeThunk, to go on at the program's entry point with the PEB.
func (b *builder) firstContext() error {
	return b.enter(b.p.program.Base+uint64(b.pe.EntryPoint), b.p.peb)
}

// enter pushes the CONTEXT with which the thread begins, RtlUserThreadStart with a function and its argument, and stands the
// processor at LdrInitializeThunk.
func (b *builder) enter(start, argument uint64) error {
	t, p := b.t, b.p
	t.initCPU()
	t.entry = start
	top := b.top&^15 - 0x28 // home space and a zero return address for RtlUserThreadStart
	ctx := t.capture()
	ctx.ContextFlags = ntdef.CONTEXT_FULL | ntdef.CONTEXT_SEGMENTS
	ctx.Regs = [16]uint64{}
	ctx.Regs[ntdef.RegRcx] = start
	ctx.Regs[ntdef.RegRdx] = argument
	ctx.Regs[ntdef.RegRsp] = top
	ctx.Rip = p.entries.userThreadStart
	return b.enterContext(&ctx)
}

// enterContext pushes the CONTEXT with which the thread begins and stands the processor at LdrInitializeThunk.
func (b *builder) enterContext(ctx *ntdef.Context) error {
	p, c, top := b.p, b.t.cpu, ctx.Rsp()
	var buf [ntdef.ContextSize]byte
	ctx.Marshal(buf[:])
	at := (top - ntdef.ContextSize) &^ 63
	c.R[cpu.RSP] = at - 0x28 // as if called: 8 bytes of return address above home space
	if p.sys.wine() {
		if err := b.wineStart(); err != nil {
			return err
		}
		at = b.t.wineStart + wineClears
	}
	if err := b.by.Write(at, buf[:]); err != nil {
		return err
	}
	b.t.first = at
	rsp := c.R[cpu.RSP]
	clear(c.R[:16])
	c.R[cpu.RSP] = rsp
	c.R[cpu.RCX] = at
	c.R[cpu.RDX] = p.ntdllBase
	c.RIP = p.entries.initializeThunk
	return nil
}

func roundUp(n, unit uint64) uint64 { return (n + unit - 1) &^ (unit - 1) }

// CommandLine quotes arguments so that CommandLineToArgvW and the C run-times take them apart again.
func CommandLine(program string, args []string) string {
	var b strings.Builder
	if strings.ContainsAny(program, " \t") {
		b.WriteString(`"` + program + `"`)
	} else {
		b.WriteString(program)
	}
	for _, a := range args {
		b.WriteByte(' ')
		if a != "" && !strings.ContainsAny(a, " \t\n\v\"") {
			b.WriteString(a)
			continue
		}
		b.WriteByte('"')
		slashes := 0
		for _, r := range a {
			switch r {
			case '\\':
				slashes++
				continue
			case '"':
				b.WriteString(strings.Repeat(`\`, 2*slashes+1))
			default:
				b.WriteString(strings.Repeat(`\`, slashes))
			}
			slashes = 0
			b.WriteRune(r)
		}
		b.WriteString(strings.Repeat(`\`, 2*slashes))
		b.WriteByte('"')
	}
	return b.String()
}
