// Package cpu executes x86-64 instructions.
//
// # Model
//
// A CPU is registers, an MMU to reach memory through, and two engines over one semantics:
//
//   - Step is the reference. It decodes the instruction at RIP, runs the body of its row and returns.
//   - Run is the block engine. It decodes runs of instructions once into blocks keyed by physical address, links blocks
//     that follow one another, and runs the same bodies, or fast forms of them (fast.go) that a fuzz test holds to the
//     body's exact result.
//
// Each instruction has one row in a table (int_*.go, sse*.go, x87*.go, mmx*.go, system.go) that joins its name to one
// body for all widths, the flags that the SDM leaves undefined, and the CPUID feature that brings it. A body returns
// nil or a *x86.Fault, and changes nothing until its last possible fault is behind it; so every faulting instruction
// can be restarted. REP string instructions commit by element, with rCX, rSI and rDI telling how far they came.
//
// # Invariants
//
//   - Between instructions RIP, IC and all registers are exact. Inside a block RIP holds the block's sequential
//     successor, and an instruction's own address is its block's origin plus Inst.Off.
//   - The status flags are kept unevaluated (flags.go); CPU.Flags assembles them.
//   - A frame that holds decoded bytes is marked in physmem; a store to it (through any mapping, by any writer that
//     keeps physmem's contract) kills its blocks before the next instruction runs, as x86 requires of stores by the
//     same processor (SDM vol. 3A 8.1.3).
//   - A block is decoded under a modeKey: code size, segments that need checks, CR0.TS and EM, CR4.OSFXSR, alignment
//     checks. updateMode follows every change of what it is derived from (mode.go).
//   - Links and the jump cache hold within one epoch only: of the MMU's fetch translations, the mode and CS.
//   - Nothing is allocated but when new code is decoded.
//
// What leaves the processor (a fault, SYSCALL, a software interrupt, HLT, port I/O) is an Exit that Run returns; the
// layer above answers it and calls Run again. With CPU.Deliver, exceptions, software interrupts and SYSCALL stay inside:
// they go through the guest's IDT, TSS and MSRs (deliver.go, syscall.go), and only ports, HLT, INTR and a shutdown leave.
//
// # Where to look
//
// Modes mode.go, segments and descriptors segment.go, far transfers and IRET far.go, LGDT to VERW tables.go, control
// registers control.go, debug registers debug.go, MSRs msr.go, interrupts and shadows event.go and interrupt.go, ports
// port.go.
//
// The instruction semantics are those of the Intel SDM vol. 2; where it leaves a result undefined, what processors do.
package cpu
