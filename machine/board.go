package machine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// Config describes a board. The zero Config is a good one.
type Config struct {
	RAM         uint64        // bytes, a multiple of 4 KiB; 0 means 128 MiB. What is above 3 GiB lies from 4 GiB on
	TLB         tlb.Profile   // the zero Profile is ideal
	Exact       bool          // every access goes through the TLB model
	Timing      bool          // and what its profile says that translations take passes as time
	MaxPhysAddr uint8         // width of physical addresses in bits, 36 to 52; 0 means 40
	Seed        uint64        // of RDRAND
	Off         []cpu.Feature // features that CPUID does not advertise and the processor does not have

	Stdin  io.Reader // nil: empty
	Stdout io.Writer // nil: dropped

	MaxInstructions uint64 // 0: no limit
	Single          bool   // one instruction at a time, so that At is exact inside hooks: slow

	Hooks mmu.Hooks
}

// Limits of the physical address space of the board.
const (
	holeFirst  x86.PhysAddr = 3 << 30 // RAM ends here at the latest, and goes on at 4 GiB
	holeEnd    x86.PhysAddr = 4 << 30
	apicBase   x86.PhysAddr = 0xfee00000
	ioapicBase x86.PhysAddr = 0xfec00000
	defaultRAM              = 128 << 20
)

// A Board is a machine on bare metal.
type Board struct {
	cpu *cpu.CPU
	mem *physmem.Memory

	ports  map[uint16]portDevice
	uart   *uart
	pic    *pic
	apic   *apic
	ioapic *ioapic
	pit    *pit
	rtc    *rtc

	pmu *pmu

	mtrrDefault uint64 // IA32_MTRR_DEF_TYPE

	idle   uint64 // nanoseconds that HLT skipped
	limit  uint64
	single bool
	timing bool
	at     uint64
	out    *output
	result *Result // set by a device that ends the run
}

// A portDevice answers IN and OUT; width is in bytes.
type portDevice interface {
	in(port uint16, width uint8) uint32
	out(port uint16, width uint8, v uint32)
}

// Reason says how a run ended.
type Reason uint8

// The reasons.
const (
	Exited   Reason = iota // the guest wrote to the exit port: Result.Code
	Halted                 // HLT, and nothing can wake the processor
	Shutdown               // a triple fault
)

// Result is how a run ended.
type Result struct {
	Reason       Reason
	Code         int // the exit code as a process's: 0 to 255
	Instructions uint64
	Story        []cpu.Raised // Shutdown: the exceptions that led to it
}

// ErrInstructions is the cause of a run that Config.MaxInstructions stopped.
var ErrInstructions = errors.New("the instruction limit is reached")

// New builds a board; its processor is as after reset, but in 64-bit mode's register state. Close it after use.
func New(cfg Config) (*Board, error) {
	if cfg.RAM == 0 {
		cfg.RAM = defaultRAM
	}
	low := min(cfg.RAM, uint64(holeFirst))
	mem, err := physmem.New(low)
	if err != nil {
		return nil, err
	}
	b := &Board{mem: mem, ports: make(map[uint16]portDevice), limit: cfg.MaxInstructions, single: cfg.Single, timing: cfg.Timing, mtrrDefault: 1<<11 | 6}
	if cfg.RAM > low {
		if err := mem.Map(holeEnd, cfg.RAM-low); err != nil {
			return nil, errors.Join(err, mem.Close())
		}
	}
	b.cpu = cpu.New(mmu.New(mem, mmu.Options{
		TLB: tlb.New(cfg.TLB), MaxPhysAddr: cfg.MaxPhysAddr, Exact: cfg.Exact || cfg.Timing, Hooks: cfg.Hooks,
	}))
	b.cpu.Deliver = true
	b.cpu.MSRs = b
	b.cpu.TSC = b.now
	b.cpu.SetSeed(cfg.Seed)
	b.addPMU(b.cpu)
	for _, f := range cfg.Off {
		b.cpu.DisableFeature(f)
	}
	b.out = &output{w: cfg.Stdout}
	if err := b.addDevices(newInput(cfg.Stdin)); err != nil {
		return nil, errors.Join(err, mem.Close())
	}
	return b, nil
}

func (b *Board) addDevices(in *input) error {
	b.uart = &uart{board: b, input: in}
	b.pic = newPIC()
	b.apic = newAPIC(b)
	b.ioapic = newIOAPIC(b)
	b.pit = newPIT(b)
	b.rtc = &rtc{board: b}
	b.addPorts(b.uart, 0x3f8, 8)
	b.addPorts(b.pic, 0x20, 2)
	b.addPorts(b.pic, 0xa0, 2)
	b.addPorts(b.pit, 0x40, 4)
	b.addPorts(b.pit, 0x61, 1)
	b.addPorts(b.rtc, 0x70, 2)
	b.addPorts(&exitPort{b}, 0xf4, 4)
	b.addPorts(&shutdownPort{board: b}, 0x8900, 1)
	b.addPorts(&console{b.out}, 0xe9, 1)
	b.addPorts(&firmware{ram: b.RAM()}, 0x510, 2)
	if err := b.mem.MapDevice(apicBase, x86.PageSize, b.apic); err != nil {
		return err
	}
	return b.mem.MapDevice(ioapicBase, x86.PageSize, b.ioapic)
}

func (b *Board) addPorts(d portDevice, first, n uint16) {
	for p := first; p < first+n; p++ {
		b.ports[p] = d
	}
}

// Close gives the memory back.
func (b *Board) Close() error { return b.mem.Close() }

// CPU returns the processor.
func (b *Board) CPU() *cpu.CPU { return b.cpu }

// Memory returns physical memory: load images here before Run.
func (b *Board) Memory() *physmem.Memory { return b.mem }

// RAM returns the size of RAM in bytes, without what was mapped later.
func (b *Board) RAM() uint64 {
	n := b.mem.Size()
	for _, r := range b.mem.Ranges() {
		if r.First == holeEnd {
			n += r.Size
		}
	}
	return n
}

// At returns the RIP of the instruction that runs, for hooks of a board with Config.Single.
func (b *Board) At() uint64 { return b.at }

// now is the time in nanoseconds.
func (b *Board) now() uint64 {
	t := b.cpu.IC + b.idle
	if b.timing {
		t += b.cpu.MMU.Cycles()
	}
	return t
}

// slice is how many instructions pass at most between two looks at the context.
const slice = 1 << 20

// never is a deadline that does not come.
const never = ^uint64(0)

// Run runs until the guest ends. It can be called once.
func (b *Board) Run(ctx context.Context) (Result, error) {
	for b.result == nil {
		if ctx.Err() != nil {
			return b.stopped(), context.Cause(ctx)
		}
		budget := uint64(slice)
		if b.limit > 0 {
			if b.cpu.IC >= b.limit {
				return b.stopped(), ErrInstructions
			}
			budget = min(budget, b.limit-b.cpu.IC)
		}
		if d := b.deadline(); d != never {
			budget = min(budget, max(d-min(d, b.now()), 1))
		}
		if b.single {
			budget = 1
		}
		b.at = b.cpu.RIP
		e := b.cpu.Run(budget)
		b.tick()
		if err := b.answer(&e); err != nil {
			return b.stopped(), err
		}
		b.updateINTR()
	}
	b.result.Instructions = b.cpu.IC
	return *b.result, b.out.err
}

func (b *Board) stopped() Result { return Result{Instructions: b.cpu.IC} }

// answer deals with what the processor left for.
func (b *Board) answer(e *cpu.Exit) error {
	switch e.Kind {
	case cpu.ExitBudget, cpu.ExitTPR:
	case cpu.ExitPort:
		b.answerPort(e)
	case cpu.ExitINTR:
		if v, ok := b.acknowledge(); ok {
			b.cpu.Interrupt(v)
		} else {
			b.cpu.SetINTR(false)
		}
	case cpu.ExitHalt:
		b.halt()
	case cpu.ExitShutdown:
		b.result = &Result{Reason: Shutdown, Code: shutdownCode, Story: b.cpu.Shutdown()}
	case cpu.ExitUnsupported:
		return fmt.Errorf("the guest entered %s in front of %#x", e.Why, b.cpu.RIP)
	default:
		return fmt.Errorf("unexpected exit %v at %#x", e.Kind, b.cpu.RIP)
	}
	return nil
}

// shutdownCode is the exit code of a triple fault; QEMU with -no-reboot ends with 0 there, which would look like success.
const shutdownCode = 124

func (b *Board) answerPort(e *cpu.Exit) {
	d := b.ports[e.Port]
	switch {
	case e.In && d == nil:
		b.cpu.CompleteIn(^uint32(0))
	case e.In:
		b.cpu.CompleteIn(d.in(e.Port, e.Width))
	case d != nil:
		d.out(e.Port, e.Width, e.Value)
	}
}

// halt waits for the next interrupt: time jumps to the next event that may bring one.
func (b *Board) halt() {
	for b.updateINTR(); !b.wakes(); b.updateINTR() {
		d := b.deadline()
		if b.cpu.InterruptsOff() || d == never {
			b.result = &Result{Reason: Halted}
			return
		}
		if d > b.now() {
			b.idle += d - b.now()
		}
		b.tick()
	}
}

// wakes reports whether HLT ends now.
func (b *Board) wakes() bool {
	return b.cpu.PendingNMI() || !b.cpu.InterruptsOff() && b.interrupting()
}

// deadline is when the next timer event comes.
func (b *Board) deadline() uint64 { return min(b.pit.deadline(), b.apic.deadline(), b.rtc.deadline()) }

// tick lets timers raise what is due.
func (b *Board) tick() {
	now := b.now()
	b.pit.tick(now)
	b.apic.tick(now)
	b.rtc.tick(now)
}

// interrupting reports whether a controller asks for an interrupt that the TPR lets through.
func (b *Board) interrupting() bool {
	return b.apic.pending() >= 0 || b.pic.pending() && b.apic.passesPIC()
}

func (b *Board) updateINTR() { b.cpu.SetINTR(b.interrupting()) }

// acknowledge returns the vector of the interrupt that is taken.
func (b *Board) acknowledge() (x86.Vector, bool) {
	if b.pic.pending() && b.apic.passesPIC() {
		return b.pic.acknowledge(), true
	}
	if v := b.apic.acknowledge(); v >= 0 {
		return x86.Vector(v), true
	}
	return 0, false
}

// raiseIRQ sets the level of an ISA interrupt line at both controllers.
func (b *Board) raiseIRQ(line int, on bool) {
	b.pic.set(line, on)
	pin := line
	if line == 0 {
		pin = 2 // the timer's line of a PC's I/O APIC
	}
	b.ioapic.set(pin, on)
}

// ReadMSR and WriteMSR are the board's model-specific registers: cpu.MSRs.
func (b *Board) ReadMSR(n uint32) (uint64, bool) {
	switch n {
	case x86.MSRMTRRCap:
		return 0, true
	case x86.MSRMTRRDefType:
		return b.mtrrDefault, true
	}
	if b.pmu.owns(n) {
		return b.pmu.readMSR(n)
	}
	return b.apic.readMSR(n)
}

// WriteMSR writes one. There are no variable or fixed MTRRs, and the default type is kept without effect: memory types are
// not timed.
func (b *Board) WriteMSR(n uint32, v uint64) bool {
	if n == x86.MSRMTRRDefType {
		b.mtrrDefault = v
		return v&^0xcff == 0
	}
	if b.pmu.owns(n) {
		return b.pmu.writeMSR(n, v)
	}
	return b.apic.writeMSR(n, v)
}
