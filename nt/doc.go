// Package nt is the executive: it turns a processor, an address space and a set of PE images into Windows processes.
//
// A System is one machine: RAM, MMU, processor, memory manager, the files of C:\Windows\System32, a tree of named objects, a
// registry, virtual time and one seed. StartProcess maps ntdll and the program as image sections, builds the PEB, the TEB, the process
// parameters, KUSER_SHARED_DATA and a stack with its guard page, puts a CONTEXT on the stack and enters ntdll!LdrInitializeThunk:
// everything after that is guest code. NtCreateUserProcess makes further processes by the same steps (start.go).
//
// # The way in
//
// Run drives the processor and answers its exits. A page fault goes to package ntmm and either the instruction runs
// again or an exception is delivered; SYSCALL reaches one of two tables by the number in EAX:
//
//   - services, the Nt* functions, one row each with an argument struct (service.go, service_*.go). Their numbers are those of the
//     ntdll that runs: read from the stubs of a real one (sysroot.go);
//   - user functions, the Go bodies of built-in DLLs (userfunc.go), numbered from UserFuncBase. They run as the guest
//     thread in user mode: every load and store goes through the MMU and may fault, and a fault that the memory manager
//     does not resolve is raised in the guest as if the first instruction of the function's stub had caused it.
//
// A service decodes its arguments and calls a method of Process or Thread; user functions call the same methods. A guest pointer is
// followed by the Thread's accessors only (usermem.go), whose error becomes the service's status.
//
// Exceptions are delivered as Windows does it: CONTEXT, EXCEPTION_RECORD and a machine frame go to the user stack and
// RIP to ntdll!KiUserExceptionDispatcher. NtContinue ends the handling.
//
// # What the guest has
//
//   - Objects with names, types and handles with rights (names.go, object.go, handle.go), and descriptors, by which who opens
//     one is judged (descriptor.go, access.go). What they take of the host is charged as committed memory (pool.go).
//   - Threads (thread*.go), goroutines that pass one baton (scheduler.go), and what they wait for: dispatcher objects (wait.go, sync.go,
//     timer.go, keyedevent.go), completion ports (completion.go), addresses. APCs and alerts end alertable waits (apc.go).
//   - Processes (process*.go, service_child.go) and jobs, which bound them (job.go).
//   - Files: drives that are folders of the host, with an overlay or not, and files in memory (volume.go); opening and sharing (open.go);
//     requests that may pend (io.go), reads and writes (transfer.go), locks, pipes (pipe*.go), watches of folders (notify.go).
//   - A registry (registry*.go), tokens and privileges (token.go, privilege.go, security.go, acl.go).
//   - Sections of images and data, and where images lie (section.go, image.go, aslr.go); the bitmap of control-flow guard (guard*.go).
//   - What the system, processes, threads, sections and memory tell of themselves (query_*.go, process_info.go, system_info.go), from what
//     there is: counters are counted.
//
// # What always holds
//
//   - One guest thread runs at a time; nothing here takes a lock, and nothing happens between two of its instructions but what
//     its own service did, or a deadline that was due.
//   - Nothing here reads a clock or walks a map in the host's order. One retired instruction is one nanosecond of virtual time (time.go),
//     to which waits add what they waited. One seed is one run.
//   - The host pays for nothing that the guest does not: tables, queues, names and files have bounds, or are charged to the pool.
//   - A handle's rights are checked where Windows checks them; work on another process loads its address space and goes through the
//     MMU (process_access.go).
//   - What is not there returns Windows' status for it, and is reported by name and caller (report.go). A service that does
//     nothing and succeeds is a defect.
//
// # Sources
//
// Windows Internals, 7th ed., part 1 ch. 3 (processes, jobs), 4 (threads), 5 (memory), 6 (I/O), 7 (security), part 2 ch. 8 (objects)
// and 10 (registry); Microsoft's documentation of the Win32 and native functions, [MS-FSCC] and [MS-FSA] for files and pipes; what Wine
// prints for the programs in the testdata of these packages. What differs for Wine's own DLLs is in wine.go.
package nt
