// Package machine is a small board around one processor, for kernels on bare metal: a UART, interrupt controllers, timers,
// ways to end the run. It has no BIOS, no ACPI and no PCI; ports and addresses without a device read as ones.
//
// Time is the number of retired instructions: one a nanosecond for every clock on the board (the TSC, the APIC's and the
// PIT's counters, the RTC). HLT with interrupts on jumps to the next timer event, so that waiting costs nothing. A run
// depends on the image and the input alone. With Config.Timing what the TLB's profile says that translations take is time too,
// and the performance counters (pmu.go) tell of it.
//
// What ends a run is a Result: the guest's exit code, HLT that nothing can end, a shutdown with its story. Errors are what
// kept the board from going on: a part of the architecture that pagewalk does not have, the instruction limit, the context.
package machine
