// Package kernel32 is the built-in kernel32.dll: Win32 functions over the services of package nt and the functions of
// ntdll. A function that fails sets the thread's last error as Windows documents it.
package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi"
)

// DLL returns the description of kernel32.dll.
func DLL() *winapi.DLL {
	d := &winapi.DLL{
		Name: "kernel32.dll",
		Base: 0x7ff8_0100_0000,
		Init: initialize,
		Exit: func(t *nt.Thread, _ *nt.Module) error { return freeFiberLocals(t) },

		ThreadExit: freeFiberLocals,
	}
	for _, group := range [][]nt.UserFunc{
		memoryFuncs, mappingFuncs, offerFuncs, aweFuncs, workingSetFuncs, psapiFuncs, memoryStatusFuncs, mitigationFuncs, processMemoryFuncs,
		heapFuncs, heapWalkFuncs, localFuncs, processFuncs, environmentFuncs, fileFuncs, folderFuncs, pathFuncs, moduleFuncs, stringFuncs, timeFuncs, tlsFuncs,
		flsFuncs, exceptionFuncs, syncFuncs, waitFuncs, threadFuncs, childFuncs, completionFuncs, jobFuncs, overlappedFuncs, pipeFuncs,
		fileInfoFuncs, runtimeFuncs, priorityFuncs, messageFuncs, threadPoolFuncs,
	} {
		d.Funcs = append(d.Funcs, group...)
	}
	for win32, rtl := range forwards {
		d.Forwards = append(d.Forwards, winapi.Forward{Name: win32, Target: "ntdll." + rtl})
	}
	return d
}

// forwards are the exports that are ntdll's, as they are on Windows.
var forwards = map[string]string{
	"AddVectoredContinueHandler":              "RtlAddVectoredContinueHandler",
	"AddVectoredExceptionHandler":             "RtlAddVectoredExceptionHandler",
	"CancelThreadpoolIo":                      "TpCancelAsyncIoOperation",
	"CloseThreadpool":                         "TpReleasePool",
	"CloseThreadpoolCleanupGroup":             "TpReleaseCleanupGroup",
	"CloseThreadpoolCleanupGroupMembers":      "TpReleaseCleanupGroupMembers",
	"CloseThreadpoolIo":                       "TpReleaseIoCompletion",
	"CloseThreadpoolTimer":                    "TpReleaseTimer",
	"CloseThreadpoolWait":                     "TpReleaseWait",
	"CloseThreadpoolWork":                     "TpReleaseWork",
	"DisassociateCurrentThreadFromCallback":   "TpDisassociateCallback",
	"FreeLibraryWhenCallbackReturns":          "TpCallbackUnloadDllOnCompletion",
	"IsThreadpoolTimerSet":                    "TpIsTimerSet",
	"LeaveCriticalSectionWhenCallbackReturns": "TpCallbackLeaveCriticalSectionOnCompletion",
	"ReleaseMutexWhenCallbackReturns":         "TpCallbackReleaseMutexOnCompletion",
	"ReleaseSemaphoreWhenCallbackReturns":     "TpCallbackReleaseSemaphoreOnCompletion",
	"SetEventWhenCallbackReturns":             "TpCallbackSetEventOnCompletion",
	"SetThreadpoolThreadMaximum":              "TpSetPoolMaxThreads",
	"SetThreadpoolTimer":                      "TpSetTimer",
	"SetThreadpoolTimerEx":                    "TpSetTimerEx",
	"SetThreadpoolWait":                       "TpSetWait",
	"SetThreadpoolWaitEx":                     "TpSetWaitEx",
	"StartThreadpoolIo":                       "TpStartAsyncIoOperation",
	"SubmitThreadpoolWork":                    "TpPostWork",
	"WaitForThreadpoolIoCallbacks":            "TpWaitForIoCompletion",
	"WaitForThreadpoolTimerCallbacks":         "TpWaitForTimer",
	"WaitForThreadpoolWaitCallbacks":          "TpWaitForWait",
	"WaitForThreadpoolWorkCallbacks":          "TpWaitForWork",
	"DeleteCriticalSection":                   "RtlDeleteCriticalSection",
	"EnterCriticalSection":                    "RtlEnterCriticalSection",
	"ExitProcess":                             "RtlExitUserProcess",
	"ExitThread":                              "RtlExitUserThread",
	"HeapAlloc":                               "RtlAllocateHeap",
	"GetProcessHeaps":                         "RtlGetProcessHeaps",
	"HeapReAlloc":                             "RtlReAllocateHeap",
	"HeapLock":                                "RtlLockHeap",
	"HeapUnlock":                              "RtlUnlockHeap",
	"HeapValidate":                            "RtlValidateHeap",
	"HeapSize":                                "RtlSizeHeap",
	"HeapCompact":                             "RtlCompactHeap",
	"LeaveCriticalSection":                    "RtlLeaveCriticalSection",
	"RemoveVectoredContinueHandler":           "RtlRemoveVectoredContinueHandler",
	"RemoveVectoredExceptionHandler":          "RtlRemoveVectoredExceptionHandler",
	"RtlAddFunctionTable":                     "RtlAddFunctionTable",
	"RtlCaptureContext":                       "RtlCaptureContext",
	"RtlDeleteFunctionTable":                  "RtlDeleteFunctionTable",
	"RtlLookupFunctionEntry":                  "RtlLookupFunctionEntry",
	"RtlPcToFileHeader":                       "RtlPcToFileHeader",
	"RtlRaiseException":                       "RtlRaiseException",
	"RtlRestoreContext":                       "RtlRestoreContext",
	"RtlUnwind":                               "RtlUnwind",
	"RtlUnwindEx":                             "RtlUnwindEx",
	"RtlVirtualUnwind":                        "RtlVirtualUnwind",
	"SetLastError":                            "RtlSetLastWin32Error",
	"GetLastError":                            "RtlGetLastWin32Error",
	"TryEnterCriticalSection":                 "RtlTryEnterCriticalSection",
}

type noArgs struct{}

// truth is a BOOL.
func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
