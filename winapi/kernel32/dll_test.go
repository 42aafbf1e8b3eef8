package kernel32_test

import (
	_ "embed"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/advapi32"
	"github.com/pagewalk/pagewalk/winapi/internal/guesttest"
	"github.com/pagewalk/pagewalk/winapi/kernel32"
	"github.com/pagewalk/pagewalk/winapi/msvcrt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

//go:embed testdata/pairs.txt
var pairs string

// Where kernel32 has a function in one form, it has it in the other: of those that Windows has in both, as Wine's kernel32 shows.
func TestFunctionsHaveBothForms(t *testing.T) {
	have := map[string]bool{}
	for _, f := range kernel32.DLL().Funcs {
		have[f.Name] = true
	}
	names, both := strings.Fields(pairs), 0
	for _, name := range names {
		require.Equal(t, have[name+"A"], have[name+"W"], name)
		if have[name+"A"] {
			both++
		}
	}
	require.Greater(t, both, 60)
}

// testdata/record.sh builds the program and records what Wine 8 does with it.
var (
	//go:embed testdata/win32.exe
	program []byte
	//go:embed testdata/win32.golden
	golden string
	//go:embed testdata/memory.exe
	memoryProgram []byte
	//go:embed testdata/memory.golden
	memoryGolden string
	//go:embed testdata/files.exe
	filesProgram []byte
	//go:embed testdata/files.golden
	filesGolden string
	//go:embed testdata/io.exe
	ioProgram []byte
	//go:embed testdata/io.golden
	ioGolden string
	//go:embed testdata/threads.exe
	threadsProgram []byte
	//go:embed testdata/threads.golden
	threadsGolden string
	//go:embed testdata/pool.exe
	poolProgram []byte
	//go:embed testdata/pool.golden
	poolGolden string
	//go:embed testdata/pool_random.exe
	randomPoolProgram []byte
	//go:embed testdata/windows.exe
	windowsProgram []byte
)

func dlls() []*winapi.DLL {
	rest := []*winapi.DLL{kernel32.DLL(), kernel32.KernelBase(), kernel32.PSAPI(), advapi32.DLL(), msvcrt.DLL()}
	return append([]*winapi.DLL{ntdll.DLL(rest...)}, rest...)
}

// asRecorded runs a program, which prints what it is to print and ends with 77.
func asRecorded(t *testing.T, program []byte, golden string) {
	t.Helper()
	o := guesttest.Run(t, program, dlls(), nt.Config{})
	require.NoError(t, o.Err)
	require.Empty(t, cmp.Diff(golden, o.Stdout))
	require.Equal(t, uint32(77), o.ExitCode)
	require.Empty(t, o.Stderr)
}

// Results and last errors are those of another Windows. The program leaves out what that one does otherwise than
// Microsoft documents: a protection of free memory fails with ERROR_INVALID_ADDRESS, a path that is cut off ends with a
// zero, and UTF-8 takes no default character.
func TestFunctionsAsRecorded(t *testing.T) {
	asRecorded(t, program, golden)
}

func TestMemoryFunctionsAsRecorded(t *testing.T) {
	asRecorded(t, memoryProgram, memoryGolden)
}

func TestFileFunctionsAsRecorded(t *testing.T) {
	asRecorded(t, filesProgram, filesGolden)
}

func TestRequestsAsRecorded(t *testing.T) {
	asRecorded(t, ioProgram, ioGolden)
}

func TestThreadsAsRecorded(t *testing.T) {
	asRecorded(t, threadsProgram, threadsGolden)
}

func TestThreadPoolAsRecorded(t *testing.T) {
	asRecorded(t, poolProgram, poolGolden)
}

// Random calls of the pool's functions lose no callback and make none twice.
func TestThreadPoolAtRandom(t *testing.T) {
	for seed := range 12 {
		o := guesttest.Run(t, randomPoolProgram, dlls(), nt.Config{}, strconv.Itoa(seed))
		require.NoError(t, o.Err, seed)
		require.Empty(t, o.Stdout, seed)
		require.Zero(t, o.ExitCode, seed)
	}
}

// What is no object of the pool raises STATUS_INVALID_PARAMETER, a mutex to wait for, which nobody could release,
// STATUS_OBJECT_TYPE_MISMATCH, and a callback that does not return is a deadlock with a name.
func TestThreadPoolMisuse(t *testing.T) {
	for argument, code := range map[string]ntdef.Status{"bad": ntdef.STATUS_INVALID_PARAMETER, "mutex": ntdef.STATUS_OBJECT_TYPE_MISMATCH} {
		o := guesttest.Run(t, poolProgram, dlls(), nt.Config{}, argument)
		require.NoError(t, o.Err)
		require.Equal(t, uint32(code), o.ExitCode, argument)
	}
	o := guesttest.Run(t, poolProgram, dlls(), nt.Config{}, "stuck")
	require.ErrorContains(t, o.Err, "deadlock: ")
	require.ErrorContains(t, o.Err, " waits for callbacks of the thread pool's work at 0x")
}

// What Wine does not have or does otherwise is checked by the program itself, against Windows' documentation.
func TestMemoryFunctionsAsDocumented(t *testing.T) {
	o := guesttest.Run(t, windowsProgram, dlls(), nt.Config{
		Privileges: []nt.Privilege{nt.SeLockMemoryPrivilege}, PageFile: nt.PageFile{Bytes: 16 << 20},
	})
	require.NoError(t, o.Err)
	require.Regexp(t, `^[1-9]\d\d checks, 0 failed\r\n$`, o.Stdout)
	require.Zero(t, o.ExitCode)
	require.Empty(t, o.Stderr)
}

// Both engines run the programs alike, to the instruction, and one run is like the other, threads included.
func TestEnginesAgree(t *testing.T) {
	for name, p := range map[string][]byte{"win32": program, "memory": memoryProgram, "files": filesProgram, "io": ioProgram, "threads": threadsProgram, "pool": poolProgram} {
		block := guesttest.Run(t, p, dlls(), nt.Config{})
		require.Equal(t, block, guesttest.Run(t, p, dlls(), nt.Config{}), name)
		require.Equal(t, block, guesttest.Run(t, p, dlls(), nt.Config{StepOnly: true}), name)
	}
}

// Every forwarder leads to an export of ntdll.
func TestForwardsExist(t *testing.T) {
	set, err := winapi.Build(dlls())
	require.NoError(t, err)
	exports := guesttest.Exports(t, set.Images["ntdll.dll"])
	for _, f := range kernel32.DLL().Forwards {
		require.Contains(t, exports, f.Target[len("ntdll."):], f.Name)
	}
}

// The functions of memoryapi.h and its neighbours are all there: in kernel32, or in kernelbase alone, or, from psapi.h, in psapi.
func TestMemoryFunctionsAreExported(t *testing.T) {
	set, err := winapi.Build(dlls())
	require.NoError(t, err)
	for dll, names := range map[string]string{
		"kernel32.dll": `AllocateUserPhysicalPages AllocateUserPhysicalPagesNuma CreateFileMappingA CreateFileMappingFromApp
			CreateFileMappingNumaW CreateFileMappingW CreateMemoryResourceNotification DiscardVirtualMemory FlushViewOfFile
			FreeUserPhysicalPages GetLargePageMinimum GetMemoryErrorHandlingCapabilities GetNativeSystemInfo
			GetPhysicallyInstalledSystemMemory GetProcessHeap GetProcessHeaps GetProcessInformation GetProcessMitigationPolicy
			GetProcessWorkingSetSize GetProcessWorkingSetSizeEx GetSystemFileCacheSize GetSystemInfo GetWriteWatch GlobalAlloc
			GlobalFlags GlobalFree GlobalHandle GlobalLock GlobalMemoryStatus GlobalMemoryStatusEx GlobalReAlloc GlobalSize
			GlobalUnlock HeapAlloc HeapCompact HeapCreate HeapDestroy HeapFree HeapLock HeapQueryInformation HeapReAlloc
			HeapSetInformation HeapSize HeapSummary HeapUnlock HeapValidate HeapWalk LocalAlloc LocalFlags LocalFree LocalHandle
			LocalLock LocalReAlloc LocalSize LocalUnlock MapUserPhysicalPages MapUserPhysicalPagesScatter MapViewOfFile
			MapViewOfFileEx MapViewOfFileFromApp OfferVirtualMemory OpenFileMappingA OpenFileMappingFromApp OpenFileMappingW
			PrefetchVirtualMemory QueryMemoryResourceNotification ReadProcessMemory ReclaimVirtualMemory
			RegisterBadMemoryNotification ResetWriteWatch SetProcessDEPPolicy SetProcessInformation SetProcessMitigationPolicy
			SetProcessWorkingSetSize SetProcessWorkingSetSizeEx SetSystemFileCacheSize SetThreadStackGuarantee UnmapViewOfFile
			UnmapViewOfFileEx UnregisterBadMemoryNotification VirtualAlloc VirtualAllocEx VirtualAllocExNuma VirtualFree
			VirtualFreeEx VirtualLock VirtualProtect VirtualProtectEx VirtualQuery VirtualQueryEx VirtualUnlock WriteProcessMemory`,
		"kernelbase.dll": `AllocateUserPhysicalPages2 CreateFileMapping2 MapViewOfFile3 MapViewOfFile3FromApp MapViewOfFileNuma2
			OpenDedicatedMemoryPartition QueryPartitionInformation QueryVirtualMemoryInformation SetProcessValidCallTargets
			SetProcessValidCallTargetsForMappedView UnmapViewOfFile2 VirtualAlloc VirtualAlloc2 VirtualAlloc2FromApp
			VirtualAllocFromApp VirtualProtectFromApp VirtualUnlockEx`,
		"psapi.dll": `EmptyWorkingSet EnumPageFilesA EnumPageFilesW GetMappedFileNameA GetMappedFileNameW GetPerformanceInfo
			GetProcessMemoryInfo GetWsChanges GetWsChangesEx InitializeProcessForWsWatch QueryWorkingSet QueryWorkingSetEx`,
	} {
		exports := guesttest.Exports(t, set.Images[dll])
		for _, name := range strings.Fields(names) {
			require.Contains(t, exports, name, dll)
		}
	}
}
