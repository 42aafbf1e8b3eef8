package ntdef

// Offsets in the x64 TEB, the thread environment block that GS points at (winternl.h; Windows Internals, part 1 ch. 4).
const (
	TebStackBase                 = 0x08
	TebStackLimit                = 0x10
	TebSelf                      = 0x30
	TebUniqueProcess             = 0x40
	TebUniqueThread              = 0x48
	TebThreadLocalStoragePointer = 0x58
	TebPeb                       = 0x60
	TebLastErrorValue            = 0x68
	// TebActivationContextStack is an ACTIVATION_CONTEXT_STACK, and TebActivationContextStackPointer points at it.
	TebActivationContextStack        = 0x290
	TebActivationContextStackPointer = 0x2c8
	TebRealUniqueProcess             = 0x7d8
	TebRealUniqueThread              = 0x7e0
	TebStaticUnicodeString           = 0x1258 // UNICODE_STRING
	TebStaticUnicodeBuffer           = 0x1268
	TebStaticUnicodeSize             = 522 // bytes
	TebDeallocationStack             = 0x1478
	TebTlsSlots                      = 0x1480 // 64 pointers
	TebHardErrorMode                 = 0x16b0
	TebGuaranteedStackBytes          = 0x1748
	TebTlsExpansionSlots             = 0x1780
	TebFlsData                       = 0x17c8
	TebSameTebFlags                  = 0x17ee
	TebSize                          = 0x2000 // two pages
)

// Bits of TEB.SameTebFlags, by which LdrInitializeThunk leaves things out.
const (
	TebSkipThreadAttach = 0x0008 // no image is told of the thread
	TebLoaderWorker     = 0x2000
	TebSkipLoaderInit   = 0x4000
)

// Offsets in the x64 PEB, the process environment block (winternl.h).
const (
	PebBeingDebugged          = 0x02
	PebImageBaseAddress       = 0x10
	PebLdr                    = 0x18
	PebProcessParameters      = 0x20
	PebProcessHeap            = 0x30
	PebFastPebLock            = 0x38
	PebApiSetMap              = 0x68
	PebTlsBitmap              = 0x78
	PebTlsBitmapBits          = 0x80
	PebNumberOfProcessors     = 0xb8
	PebNtGlobalFlag           = 0xbc
	PebCriticalSectionTimeout = 0xc0
	PebHeapSegmentReserve     = 0xc8
	PebHeapSegmentCommit      = 0xd0
	PebNumberOfHeaps          = 0xe8
	PebMaximumNumberOfHeaps   = 0xec
	PebProcessHeaps           = 0xf0
	PebLoaderLock             = 0x110
	PebOSMajorVersion         = 0x118
	PebOSMinorVersion         = 0x11c
	PebOSBuildNumber          = 0x120 // 16 bits
	PebOSPlatformId           = 0x124
	PebImageSubsystem         = 0x128
	PebSubsystemMajorVersion  = 0x12c
	PebSubsystemMinorVersion  = 0x130
	PebSessionId              = 0x2c0
	PebSize                   = 0x1000 // one page; Windows 10's is 0x7c8 bytes long
)

// Offsets in RTL_USER_PROCESS_PARAMETERS (winternl.h).
const (
	ParamsMaximumLength    = 0x00
	ParamsLength           = 0x04
	ParamsFlags            = 0x08 // bit 0: normalized, pointers are absolute
	ParamsConsoleHandle    = 0x10
	ParamsStandardInput    = 0x20
	ParamsStandardOutput   = 0x28
	ParamsStandardError    = 0x30
	ParamsCurrentDirectory = 0x38 // UNICODE_STRING, then a handle
	ParamsDllPath          = 0x50
	ParamsImagePathName    = 0x60
	ParamsCommandLine      = 0x70
	ParamsEnvironment      = 0x80
	ParamsWindowTitle      = 0xb0
	ParamsDesktopInfo      = 0xc0
	ParamsEnvironmentSize  = 0x3f0
	ParamsSize             = 0x410
)

// Offsets in KUSER_SHARED_DATA, the page at 0x7ffe0000 that every process can read (ntddk.h). A KSYSTEM_TIME is three
// 32-bit words: low, high, high again.
const (
	KUserSharedData           = 0x7ffe0000
	KUserTickCountMultiplier  = 0x004
	KUserInterruptTime        = 0x008
	KUserSystemTime           = 0x014
	KUserTimeZoneBias         = 0x020
	KUserImageNumberLow       = 0x02c
	KUserImageNumberHigh      = 0x02e
	KUserNtSystemRoot         = 0x030
	KUserNtBuildNumber        = 0x260
	KUserNtProductType        = 0x264
	KUserProductTypeIsValid   = 0x268
	KUserNtMajorVersion       = 0x26c
	KUserNtMinorVersion       = 0x270
	KUserProcessorFeatures    = 0x274 // 64 bytes, one a PF_ constant
	KUserSystemCall           = 0x308 // 0: system calls use SYSCALL
	KUserTickCount            = 0x320
	KUserCookie               = 0x330
	KUserActiveProcessorCount = 0x3c0
)

// Offsets in PEB_LDR_DATA and LDR_DATA_TABLE_ENTRY (winternl.h).
const (
	LdrLength             = 0x00
	LdrInitialized        = 0x04
	LdrInLoadOrder        = 0x10
	LdrInMemoryOrder      = 0x20
	LdrInInitOrder        = 0x30
	LdrDataSize           = 0x58
	LdrEntryInLoadOrder   = 0x00
	LdrEntryInMemoryOrder = 0x10
	LdrEntryInInitOrder   = 0x20
	LdrEntryDllBase       = 0x30
	LdrEntryEntryPoint    = 0x38
	LdrEntrySizeOfImage   = 0x40
	LdrEntryFullDllName   = 0x48
	LdrEntryBaseDllName   = 0x58
	LdrEntryFlags         = 0x68
	LdrEntryLoadCount     = 0x6c
	LdrEntryTlsIndex      = 0x6e
	LdrEntryTimeDateStamp = 0x80
	LdrEntrySize          = 0x120
)

// Handle is an NT object handle. The values from -1 down are pseudo-handles.
type Handle uint64

// Pseudo-handles (NtCurrentProcess, NtCurrentThread).
const (
	CurrentProcess Handle = 0xffffffffffffffff
	CurrentThread  Handle = 0xfffffffffffffffe
)

// A Ptr is the guest address of a value of type T; 0 is NULL.
type Ptr[T any] uint64
