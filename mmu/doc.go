// Package mmu is one processor's memory-management unit: 4-level paging as the Intel SDM (vol. 3A ch. 4) has it.
//
// An access goes through three places. The host-pointer cache (cache.go) is a direct-mapped array that holds, for a page,
// a pointer to the host's memory and a tag for each kind of access that needs no further check; a hit costs a few
// nanoseconds. Behind it is the architectural translation buffer of package tlb, and behind that the walk (walk.go), which
// reads the tables from guest memory, checks every right, sets accessed and dirty bits and fills both. The cache is always
// a subset of the buffer: what is invalidated or evicted there is dropped here. In exact mode an access that it knows asks
// the buffer whether its first level has the translation still, which counts the access and its use.
//
// Stale translations are legal and visible: a changed table takes effect when the processor is told to forget (INVLPG,
// MOV CR3, MOV CR4) or when the buffer drops the entry by itself, as on hardware.
//
// A refused access returns a *x86.Fault that points at storage of the MMU, valid until its next fault; nothing is
// allocated. Stores that cross a page translate both pages before a byte changes.
//
// # Rules
//
// What the hardware does, rule by rule; the function that does it, and the tests that prove it (TestRules keeps the table).
//
//	rule                                        code                 tests
//	canonical addresses, #SS and #GP            Translate, memFault  TestNonCanonicalAddressesRaiseGP, TestFaultVectors
//	P first, then reserved bits, then rights    walk                 TestWalkAgainstTheManual
//	reserved bits, MAXPHYADDR, NXE, 1G pages    reservedBits         TestWalkAgainstTheManual
//	U/S and R/W are ANDed, XD is ORed           walk                 TestWalkAgainstTheManual, TestTablesAreCachedOnceAccessed
//	CR0.WP                                      denied               TestWriteProtectActsAtOnce, TestWalkAgainstTheManual
//	XD, SMEP                                    denied               TestPrivilegeSwitchKeepsTranslationsApart, TestWalkAgainstTheManual
//	SMAP, explicit and implicit                 denied, ReadSystem   TestWalkAgainstTheManual
//	protection keys of user and supervisor      denied, SetPKRS      TestWalkAgainstTheManual
//	error code                                  pageFault            TestWalkAgainstTheManual, TestFaultVectors
//	CR2                                         span                 TestSplitStoreChangesNothingWhereItsSecondPageFaults, TestFaultVectors
//	split accesses, fetch across pages          span, translateSplit TestFaultVectors, TestKernelsPrintWhatQEMUPrints
//	accessed and dirty bits, locked             walk                 TestAFaultSetsNoBitOfTheLeaf, TestUpdatesAreLocked
//	a clean translation's first write           Translate            TestDirtyIsSetByTheFirstWriteThroughACleanTranslation
//	refused translations are walked again       Translate            TestRightsGrantedLaterWorkWithoutInvalidation, TestStaleTables
//	global translations                         walk, Flush          TestGlobalPagesSurviveCR3, TestStaleness
//	INVLPG                                      InvalidatePage       TestStaleness, TestStaleTables
//	MOV CR3, bit 63                             SetCR3               TestStaleness, TestPCIDKeepsAddressSpacesApart
//	MOV CR4                                     SetCR4               TestStaleness, TestControlRegistersRefuse
//	MOV CR0, WRPKRU, EFLAGS.AC act at once      SetCR0, SetPKRU      TestWriteProtectActsAtOnce, TestControlRegistersRefuse
//	INVPCID                                     InvalidatePCID       TestStaleness, TestInvalidateByPCID
//	paging-structure caches                     LookupTables         TestStaleTables, TestTablesAreCachedOnceAccessed, TestStructureCaches
//	delivery, IST, #DF, shutdown                deliver              TestISTAndAlignment, TestDoubleFaultAndShutdown, TestKernelsPrintWhatQEMUPrints
//	memory types                                memoryType, SetPAT   TestMemoryTypes
//
// Paging modes other than 4-level are not implemented: SetCR0 refuses to turn on paging without EFER.LME.
package mmu
