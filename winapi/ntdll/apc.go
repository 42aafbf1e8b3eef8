package ntdll

import (
	"github.com/pagewalk/pagewalk/internal/unwind"
	"github.com/pagewalk/pagewalk/winapi"
)

// userApcDispatcher is where the kernel makes a thread's APCs: a CONTEXT lies at RSP, whose first four fields are the routine's
// arguments, the routine last, and home space for it; a machine frame lies at RSP+0x4f0. NtContinue makes the next call, or goes on.
var userApcDispatcher = winapi.Code{
	Name: "KiUserApcDispatcher",
	Bytes: []byte{
		0x48, 0x8b, 0x0c, 0x24, // mov rcx,[rsp]
		0x48, 0x8b, 0x54, 0x24, 0x08, // mov rdx,[rsp+8]
		0x4c, 0x8b, 0x44, 0x24, 0x10, // mov r8,[rsp+0x10]
		0x49, 0x89, 0xe1, // mov r9,rsp
		0xff, 0x54, 0x24, 0x18, // call [rsp+0x18]
		0x48, 0x89, 0xe1, // mov rcx,rsp
		0xba, 0x01, 0x00, 0x00, 0x00, // mov edx,1
		0xe8, 0, 0, 0, 0, // call NtContinue
		0xcc, // int3: the context cannot be read
	},
	Fixups: []winapi.Fixup{{At: 30, Target: "NtContinue"}},
	Unwind: []byte{1, 0, 3, 0, 0, unwind.OpAllocLarge, apcMachineFrame / 8, 0, 0, unwind.OpPushMachframe, 0, 0},
}

const apcMachineFrame = 0x4f0
