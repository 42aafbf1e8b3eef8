// Package ntmm is the memory manager: it owns the page tables of every address space, the physical frames and the
// accounting of commit, and answers page faults as Windows NT does (Windows Internals, part 1 ch. 5).
//
// # What a page is
//
// An AddressSpace has a tree of virtual address descriptors (VADs), one for each reservation or view. The page tables lie
// in guest memory in hardware format. A page's state is in exactly one place: its PTE, or, where the PTE is zero, its VAD.
//
//   - PTE valid: the page is in the working set, which is nothing else than the valid PTEs; bits 56:52, which hardware
//     ignores, keep its protection code, 58:57 its age, bit 10 that it is locked.
//   - PTE in transition: the page is the address space's own and in memory, on the standby or the modified list.
//   - PTE in page-file format: the page is the address space's own and lies there, or, under a number that no page file has, in
//     the compressed store.
//   - PTE in prototype format: the page belongs to a section; its prototype PTE, in the control area, says where it is. With the
//     Combined bit it is private memory that has the same bytes as other pages: the PTE has the number of the prototype.
//   - PTE invalid, not zero, none of these: a protection code alone: demand zero, or decommitted.
//   - PTE zero, or no page table: the VAD says it: reserved, committed with the VAD's protection, or a page of a view.
//
// # Where frames come from
//
// Every frame has an entry in the PFN database and is on one list, or in use (pfn.go). A frame that was never used is zero
// and needs no entry: the zeroed list ends in an interval, so that starting a machine costs the same whatever its RAM.
//
// takeFrame asks the zeroed and free lists, then standby from priority 0 up: the page that loses its frame there has its
// original PTE written back, which says where the contents are. Where few pages are available, modified pages are written to
// page files (clustered, places chosen at the time of writing) and data files, and working sets are trimmed by a clock that
// gives pages used since it last came by a second chance. The instruction that needs a page waits for all of it; on top of
// that Tick does by instruction counts what Windows' zero-page thread and balance-set manager do by the clock.
//
// # What a fault does
//
// Fault looks at the VAD and the PTE, in this order: no VAD or not committed, no access: an access violation. Guard: the
// guard is cleared on that page alone, then the stack grows or STATUS_GUARD_PAGE_VIOLATION is raised. The protection does not
// allow the access: an access violation. A valid copy-on-write page that is written: a private copy. A page in transition:
// it comes back. A page in a page file: it is read, with its neighbours; one in the store is decompressed. A page of a section: it is made resident for all
// views, or copied. Else a zeroed frame. Nothing on this path allocates, but prototype PTEs, 512 at a time.
//
// # Sections
//
// A control area is what all views and sections of one thing share (area.go): of one data file, of one image, or of pages
// that a page file backs. Its prototype PTEs are kernel memory, which lies outside of the guest's RAM here. Data files are
// read and written through the manager (filecache.go), so that views and reads agree.
//
// Large pages (large.go) and the frames of AWE (awe.go) are always resident, on no list and in no working set.
//
// # Making more of RAM
//
// With Config.Compress the modified-page writer compresses pages into frames of RAM before it writes any to a page file
// (store.go). With Config.Combine, or when it is asked for, private pages with the same bytes become one (combine.go). Neither
// changes what a guest reads, or the commit: only where pages are, and so how many faults there are.
//
// # Rules
//
// What Windows does, system by system; the functions that do it, and the tests that prove it (TestRules keeps the table). What is
// not there is in COMPAT.md: partitions but the system's.
//
//	rule                                   code                                   tests
//	reserved and committed memory          reserve, commitPages                   TestReservedMemoryIsNotThere, TestServiceStatuses
//	decommit, recommit reads zero          decommit                               TestDecommittedPagesReadZeroWhenCommittedAgain
//	commit limit, charge, peak             chargeCommit                           TestPageFileGrowsWithTheCommit, TestPagingChangesNothingThatAGuestSees
//	non-canonical: parameters (0, ~0)      accessViolation                        TestHandlersSeeWhatAnotherWindowsShows
//	Local and Global memory                localAlloc, localLock                  TestMemoryFunctionsAsRecorded
//	C run-time over the heap               malloc, alignedMalloc, heapwalk        TestFunctionsAsRecorded
//	heap API                               nextEntry, newHeap                     TestHeapAgainstModel, TestMemoryFunctionsAsDocumented
//	virtual API, every form                virtualAlloc, virtualAlloc2            TestMemoryFunctionsAsDocumented, TestMemoryFunctionsAreExported
//	mapping API, coherent views            MapView, ReadFile                      TestFileFunctionsAsRecorded, TestFileAndViewsShowTheSameBytes
//	address-space sizes                    high                                   TestAddressSpaceLayouts
//	large pages                            allocateLarge, takeRun                 TestLargePages, TestLargePagesFromUsedFrames
//	sections of large pages                takeLarge, mapLargeView                TestLargeSectionStatuses, TestLargeSectionIsShared
//	allocation granularity                 alignUp                                TestServiceStatuses, TestAgainstTheModel
//	page protections                       allows, validPTE                       TestAgainstTheModel, TestGuestsPrintWhatWinePrints
//	write-copy                             copyOnWrite, afterCopy                 TestImagePageMadeWritableIsCopied, TestViewProtection
//	guard pages                            guard                                  TestGuardIsOnePageAndOneShot
//	NOCACHE and WRITECOMBINE               validPTE                               TestAgainstTheModel
//	user layout, ASLR                      imageBase, randomBase                  TestASLR, TestFaultTraces
//	VMMap's view                           VMMap                                  TestVMMapCoversTheAddressSpace
//	statuses of the services               service                                TestServiceStatuses, TestStatuses, TestSectionStatuses, TestViewStatuses
//	PTE formats                            softPTE, transitionPTE, pageFilePTE    TestPTEFormats, TestCombinedPTEs, TestFaultEvent
//	violations: 0, 1, 8 and the address    exceptionAccess, answer                TestViolationsSayWhatWasTried
//	the first write makes a page dirty     noteDirty                              TestFirstWriteMakesAPageDirty, TestWriteWatch
//	demand-zero, transition, hard faults   answer, pageFileIn                     TestTransitionFaultsAreSoft, TestReadAheadBringsNeighbours
//	I/O failure: STATUS_IN_PAGE_ERROR      readSlots, fileIn                      TestPageFileReadErrorIsAnInPageErrorAndLosesNothing
//	stacks grow and overflow               growStack                              TestStackGrowsByItsGuardAndOverflows, TestStackGuarantee
//	page lists and their priorities        put, takeFrame, retire                 TestFramesComeInOrder, TestListsAddUp, TestOfferedPagesGoFirst
//	shared pages leave with the last share unshare                                TestSharedPageLeavesWithItsLastShare
//	trimming, balance-set manager          trim, Tick                             TestTickZeroesAgesAndTrims, TestHardMaximumHolds
//	modified and mapped page writer        writeModified, writeMapped             TestPageFileWriteErrorLeavesThePagesInMemory, TestMappedWriterSavesModifiedPages
//	memory compression                     compressPage, writeStore               TestCompressionHoldsMoreThanRAM, TestStoreGoesOnToThePageFile
//	combining of identical pages           Combine, combinedPTE                   TestIdenticalPagesAreCombined, TestPagesAreCombinedAcrossProcesses
//	reset, offer, reclaim, discard         reset, Offer, Discard                  TestResetKeepsOrLosesContents, TestDiscardedPagesReadZero
//	AWE                                    MapPhysical, AllocatePhysical          TestAddressWindowing, TestMemoryFunctionsAsDocumented
//	placeholders, address requirements     preserve, choose                       TestPlaceholders, TestAddressRequirements
//	write watch                            WriteWatch                             TestWriteWatch
//	control-flow guard                     markImage, protect, guardCheck         TestControlFlowGuard, TestGuardedCallOfNoTargetFastFails
//	memory notifications                   Condition                              TestMemoryFunctionsAsDocumented
//	counters                               Counters, performanceInformation       TestCounters, TestSortThroughThePageFile, TestMemoryFunctionsAsDocumented
//	RAMMap's view                          Uses, WriteRAMMap                      TestUsesOfFrames
//	RAM decides faults, not contents       replenish                              TestPagingChangesNothingThatAGuestSees
//	costs do not grow with the machine     next, takeFrame                        BenchmarkFlat, TestHostOverhead, TestFaultsAllocateNothing
package ntmm
