// Package ntdll is the built-in ntdll.dll: the image loader, exception dispatching and unwinding, the heap, critical
// sections, and the stubs of every system service.
package ntdll

import (
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/internal/unwind"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi"
)

// DLL returns the description of ntdll.dll. system lists the other built-in DLLs, whose Init and Exit functions the loader
// calls.
func DLL(system ...*winapi.DLL) *winapi.DLL {
	d := &winapi.DLL{
		Name:     "ntdll.dll",
		Base:     0x7ff8_0000_0000,
		Services: windowsServices(),
		Funcs:    concat(loaderFuncs(system), exceptionFuncs, heapFuncs, guardFuncs, criticalSectionFuncs, statusFuncs, stringFuncs, threadPoolFuncs),
		Code:     slices.Concat([]winapi.Code{userThreadStart, callReturn, userApcDispatcher}, exceptionCode, guardCode),
		Data:     []winapi.Data{systemDllInitBlock},
	}
	return d
}

// windowsServices are the services without those that only Wine's ntdll has stubs of.
func windowsServices() []nt.Service {
	return slices.DeleteFunc(slices.Clone(nt.Services()), func(s nt.Service) bool { return !strings.HasPrefix(s.Name, "Nt") })
}

// userThreadStart is where every thread begins: RCX is the function to call, RDX its argument. Its handler calls the
// unhandled-exception filter.
var userThreadStart = winapi.Code{
	Name: "RtlUserThreadStart",
	Bytes: []byte{
		0x48, 0x83, 0xec, 0x28, // sub rsp,28h
		0x48, 0x89, 0xc8, // mov rax,rcx
		0x48, 0x89, 0xd1, // mov rcx,rdx
		0xff, 0xd0, // call rax
		0x89, 0xc1, // mov ecx,eax
		0xe8, 0, 0, 0, 0, // call RtlExitUserThread
		0xcc, // int3
	},
	Fixups:  []winapi.Fixup{{At: 15, Target: "RtlExitUserThread"}},
	Unwind:  []byte{1 | 1<<3, 4, 1, 0, 4, unwind.OpAllocSmall | 4<<4, 0, 0},
	Handler: "RtlpThreadStartHandler",
}

// callReturn is where functions return to that a built-in function calls: the frame is nt.Thread.Call's, and the code ends
// the call.
var callReturn = winapi.Code{
	Name: "PagewalkCallReturn",
	Bytes: []byte{
		0x55,             // push rbp
		0x48, 0x89, 0xe5, // mov rbp,rsp
		0x90,             // the call
		0x48, 0x89, 0xc2, // mov rdx,rax
		0xb8, nt.CallReturnNumber & 0xff, nt.CallReturnNumber >> 8, 0, 0, // mov eax,CallReturnNumber
		0x0f, 0x05, // syscall
		0xcc, // int3
	},
	Unwind: []byte{1, 4, 2, 5, 4, unwind.OpSetFpreg, 1, unwind.OpPushNonvol | 5<<4},
	Entry:  5,
}
