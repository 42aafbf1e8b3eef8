package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/x86"
)

// General register numbers, the hardware's.
const (
	RAX = iota
	RCX
	RDX
	RBX
	RSP
	RBP
	RSI
	RDI
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15
)

// The upper half of CPU.R makes every effective address one branch-free sum; see CPU.ea. Bits 4:0 of decode.NoReg and
// decode.RIPBase are slotZero and slotOrigin.
const (
	slotSegBase = 24 // 24…29: bases of ES, CS, SS, DS, FS, GS
	slotOrigin  = 30 // linear address of the executing block: Inst.Off counts from here
	slotZero    = 31 // always 0
	slotMask    = 31
)

// Inst is a decoded instruction; see package decode.
type Inst = decode.Inst

// An XMMReg holds 128 bits: [0] bits 63:0, [1] bits 127:64.
type XMMReg [2]uint64

// CPU is one logical processor. It is not safe for concurrent use.
type CPU struct {
	// R[0:16] are RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 … R15. The rest is the CPU's own (segment bases,
	// block origin); set it through the methods.
	R   [32]uint64
	RIP uint64 // exact between instructions only; inside a block the sequential successor of the block

	flags flags  // status flags, deferred; see flags.go
	ctl   uint64 // the other RFLAGS bits (DF, IF, TF, AC, …) and the always-one bit

	MMU *mmu.MMU
	mem *physmem.Memory

	IC uint64 // retired instructions; exact at exits and in instructions that read time

	XMM   [16]XMMReg
	MXCSR uint32
	FPU   fpu // x87 state; see x87.go

	fault  x86.Fault // storage for faults raised by instructions
	exit   Exit      // what an instruction that ends Run wants returned; see CPU.leave
	engine engine

	// Deliver makes exceptions, INT n, SYSCALL and interrupts go through the guest's own descriptor tables and MSRs, as on
	// bare metal. Without it they are exits, for a layer above that is the kernel.
	Deliver bool
	// OnDeliver, where set, is told of every exception and interrupt that enters a handler, RIP still being where it was.
	OnDeliver func(v x86.Vector, code uint32, addr x86.VirtAddr)

	// OnStep, where set, is told of every instruction that Step is about to try: one that faults is tried again.
	OnStep func(in *decode.Inst)
	// MSRs, where set, is asked for model-specific registers that the core does not have.
	MSRs MSRs

	// Segments: ES CS SS DS FS GS LDTR TR. In 64-bit mode only the bases in R count, and CS.
	seg        [8]Segment
	gdtr, idtr tableRegister

	// What follows from segments and control registers; see updateMode.
	key      modeKey
	aligned  bool      // EFLAGS.AC is in force
	refused  x86.Fault // why segmented answered poison
	context  uint64
	csEpoch  uint64
	csBase   uint64
	csLimit  uint32
	msr      msrs
	tpr      uint8
	xcr0     uint64
	dr       [8]uint64
	pending  events
	story    []Raised // exceptions whose delivery met another: what led to a shutdown
	portWait Inst     // the IN or INS that waits for CompleteIn

	features features
	rng      uint64 // state of RDRAND and RDSEED
	undef    Undefined
	// TSC, where set, supplies RDTSC; else it is IC.
	TSC func() uint64
	// PerformanceLeaf is CPUID leaf 0AH: zero where there is no performance monitoring.
	PerformanceLeaf [4]uint32
	// PMC, where set, supplies RDPMC: the counter for the number in ECX; false is #GP(0).
	PMC func(n uint32) (uint64, bool)
}

// New returns a processor in 64-bit user mode's register state after reset: all registers zero, RFLAGS 2, x87 and SSE
// at their power-up defaults (SDM vol. 3A table 9-1), every feature that has rows advertised.
func New(m *mmu.MMU) *CPU {
	c := &CPU{MMU: m, mem: m.Memory(), ctl: x86.FlagR1, MXCSR: 0x1f80, features: defaultFeatures, xcr0: xstateX87}
	for seg := decode.ES; seg <= decode.GS; seg++ {
		c.seg[seg] = Segment{Attr: AttrP | AttrS | AttrWrite | AttrAccessed | AttrDB | AttrG | 3<<5, Limit: 0xffffffff}
	}
	c.seg[decode.CS].Attr = AttrP | AttrS | AttrCode | AttrRead | AttrAccessed | AttrL | AttrG | 3<<5
	c.seg[TR] = Segment{Attr: AttrP | typeTSSBusy, Limit: 0xffff}
	c.seg[LDTR] = Segment{Attr: AttrP | typeLDT, Limit: 0xffff}
	c.idtr.limit, c.gdtr.limit = 0xffff, 0xffff
	c.dr[6], c.dr[7] = x86.DR6Fixed, x86.DR7Fixed
	c.msr.reset()
	c.SetFlags(0)
	c.FPU.init()
	c.engine.init(c)
	return c
}

// SegBase returns the base of a segment register (decode.ES … decode.GS).
func (c *CPU) SegBase(seg int) uint64 { return c.R[slotSegBase+seg] }

// SetSegBase sets the base of a segment register, as WRFSBASE or a write of IA32_GS_BASE does.
func (c *CPU) SetSegBase(seg int, base uint64) { c.R[slotSegBase+seg] = base }

// Selector returns a segment register's selector.
func (c *CPU) Selector(seg int) uint16 { return c.seg[seg].Selector }

// SetSelector sets a segment register's selector without loading a descriptor.
func (c *CPU) SetSelector(seg int, sel uint16) { c.seg[seg].Selector = sel }

// DisableFeature takes a feature away: CPUID does not advertise it, and its instructions are #UD.
func (c *CPU) DisableFeature(f Feature) {
	c.features &^= 1 << f
	c.engine.flush()
}

// SetSeed seeds RDRAND and RDSEED.
func (c *CPU) SetSeed(seed uint64) { c.rng = seed }

// origin is the linear address of the block that executes; that of an instruction is origin + Inst.Off.
func (c *CPU) origin() uint64 { return c.R[slotOrigin] }

// next is the linear address of the instruction after in.
func (c *CPU) next(in *Inst) uint64 { return c.R[slotOrigin] + uint64(in.Off) + uint64(in.Len) }
