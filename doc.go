// Package pagewalk runs Windows programs for x86-64 on a processor, an MMU and a memory manager written in Go, and shows
// what memory does meanwhile.
//
//	result, err := pagewalk.Run(ctx, "hello.exe", nil, pagewalk.Config{Stdout: os.Stdout})
//
// Run is the front door; New gives the machine before it runs, for those who want to look at or hook into it. The packages
// below are usable by themselves: cpu, mmu and tlb make a processor without an operating system, ntmm a memory manager
// without a processor.
package pagewalk
