// Package nt is the executive: it turns a processor, an address space and a set of PE images into a Windows process.
//
// A System is one machine: RAM, MMU, processor, memory manager, the images of C:\Windows\System32, virtual time and one
// seed. StartProcess maps ntdll and the program as image sections, builds the PEB, the TEB, the process parameters,
// KUSER_SHARED_DATA and a stack with its guard page, puts a CONTEXT on the stack and enters ntdll!LdrInitializeThunk:
// everything after that is guest code.
//
// Run drives the processor and answers its exits. A page fault goes to package ntmm and either the instruction runs
// again or an exception is delivered; SYSCALL reaches one of two tables by the number in EAX:
//
//   - services, the Nt* functions, one row each with an argument struct (service.go, service_*.go);
//   - user functions, the Go bodies of built-in DLLs (userfunc.go), numbered from UserFuncBase. They run as the guest
//     thread in user mode: every load and store goes through the MMU and may fault, and a fault that the memory manager
//     does not resolve is raised in the guest as if the first instruction of the function's stub had caused it.
//
// Exceptions are delivered as Windows does it: CONTEXT, EXCEPTION_RECORD and a machine frame go to the user stack and
// RIP to ntdll!KiUserExceptionDispatcher. NtContinue ends the handling.
//
// Nothing here reads a clock. One retired instruction is one nanosecond of virtual time (time.go), to which NtDelayExecution
// adds what it waited.
package nt
