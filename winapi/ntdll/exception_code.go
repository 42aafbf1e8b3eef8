package ntdll

import (
	"github.com/pagewalk/pagewalk/internal/unwind"
	"github.com/pagewalk/pagewalk/winapi"
)

// The parts of exception handling that must be guest code: a frame that unwinding can pass through needs machine code with
// unwind information, and a handler that calls on.
//
// RtlDispatchException, RtlUnwindEx and their like are scratch frames around a built-in function
// that does the work in Go. The frame holds what handlers get pointers to; it also tells the function where the code is
// that calls handlers.

// Layout of a scratch frame, from its lowest byte: home space for the built-in function, then what follows. Only functions
// that lend handlers a CONTEXT have room for one: handlers run on what a stack overflow leaves of the stack.
const (
	scratchConsolidate = 0x20  // address of RcFrameConsolidation
	scratchExecute     = 0x28  // address of the code that calls handlers
	scratchDispatcher  = 0x30  // DISPATCHER_CONTEXT
	scratchPointers    = 0x80  // EXCEPTION_POINTERS
	scratchRecord      = 0x90  // EXCEPTION_RECORD
	scratchSmall       = 0x138 // the frame's size: with a return address above it, a multiple of 16
	scratchContext     = 0x130 // CONTEXT, 16-byte aligned
	scratchLarge       = 0x608
)

// machineFrameUnwind describes a function whose frame is what the kernel pushes for an exception: CONTEXT, EXCEPTION_RECORD,
// machine frame.
var machineFrameUnwind = []byte{1, 0, 3, 0, 0, unwind.OpAllocLarge, machineFrameOffset / 8, 0, 0, unwind.OpPushMachframe, 0, 0}

const (
	machineFrameOffset = 0x5a0
	machineFrameSize   = 0x28 // RIP, CS, EFLAGS, RSP, SS
)

// UNWIND_INFO flags of frames with a handler for both passes.
const bothHandlers = (1 | 2) << 3 // UNW_FLAG_EHANDLER | UNW_FLAG_UHANDLER

// scratchFrame is a function with a frame of size bytes whose work is done by the built-in function work, which calls
// handlers by execute.
func scratchFrame(name string, size uint16, work, execute string) winapi.Code {
	low, high := byte(size), byte(size>>8)
	return winapi.Code{
		Name: name,
		Bytes: []byte{
			0x48, 0x81, 0xec, low, high, 0x00, 0x00, // sub rsp,size
			0x48, 0x8d, 0x05, 0, 0, 0, 0, // lea rax,[execute]
			0x48, 0x89, 0x44, 0x24, scratchExecute, // mov [rsp+0x28],rax
			0x48, 0x8d, 0x05, 0, 0, 0, 0, // lea rax,[RcFrameConsolidation]
			0x48, 0x89, 0x44, 0x24, scratchConsolidate, // mov [rsp+0x20],rax
			0xe8, 0, 0, 0, 0, // call work
			0x48, 0x81, 0xc4, low, high, 0x00, 0x00, // add rsp,size
			0xc3, // ret
		},
		Fixups: []winapi.Fixup{{At: 10, Target: execute}, {At: 22, Target: "RcFrameConsolidation"}, {At: 32, Target: work}},
		Unwind: []byte{1, 7, 2, 0, 7, unwind.OpAllocLarge, byte(size / 8), 0},
	}
}

// executeHandler is a function that calls the language handler of the DISPATCHER_CONTEXT in R9 with its own four arguments;
// guard is the handler of its frame.
func executeHandler(name, guard string) winapi.Code {
	return winapi.Code{
		Name: name,
		Bytes: []byte{
			0x48, 0x83, 0xec, 0x28, // sub rsp,0x28
			0x4c, 0x89, 0x4c, 0x24, 0x20, // mov [rsp+0x20],r9
			0x41, 0xff, 0x51, dispatcherLanguageHandler, // call [r9+0x30]
			0x90,                   // nop: the return address lies in no epilogue
			0x48, 0x83, 0xc4, 0x28, // add rsp,0x28
			0xc3, // ret
		},
		Unwind:  []byte{1 | bothHandlers, 4, 1, 0, 4, unwind.OpAllocSmall | 4<<4, 0, 0},
		Handler: guard,
	}
}

// exceptionCode is the machine code of exception handling.
var exceptionCode = []winapi.Code{
	{
		// Entered by the kernel with a CONTEXT at RSP, an EXCEPTION_RECORD at RSP+0x4f0 and a machine frame at RSP+0x5a0. The
		// context's first four fields are home space for what this function calls.
		Name: "KiUserExceptionDispatcher",
		Bytes: []byte{
			0xfc,                                           // cld
			0x48, 0x8d, 0x8c, 0x24, 0xf0, 0x04, 0x00, 0x00, // lea rcx,[rsp+0x4f0]
			0x48, 0x89, 0xe2, // mov rdx,rsp
			0xe8, 0, 0, 0, 0, // call RtlDispatchException
			0x84, 0xc0, // test al,al
			0x74, 0x0a, // je second
			0x48, 0x89, 0xe1, // mov rcx,rsp
			0x31, 0xd2, // xor edx,edx
			0xe8, 0, 0, 0, 0, // call RtlRestoreContext
			0x48, 0x8d, 0x8c, 0x24, 0xf0, 0x04, 0x00, 0x00, // second: lea rcx,[rsp+0x4f0]
			0x48, 0x89, 0xe2, // mov rdx,rsp
			0x45, 0x31, 0xc0, // xor r8d,r8d
			0xe8, 0, 0, 0, 0, // call NtRaiseException
			0xcc, // int3
		},
		Fixups: []winapi.Fixup{{At: 13, Target: "RtlDispatchException"}, {At: 27, Target: "RtlRestoreContext"}, {At: 46, Target: "NtRaiseException"}},
		Unwind: machineFrameUnwind,
	},
	{
		// Entered by restoreContext with a CONTEXT at RSP and a machine frame that names its RIP and RSP, RAX = a callback
		// and RCX = its argument. The callback's result is where the context continues. Unwinding out of the callback
		// goes straight to the context's frame.
		Name: "RcFrameConsolidation",
		Bytes: []byte{
			0xff, 0xd0, // call rax
			0x48, 0x89, 0x84, 0x24, 0xf8, 0x00, 0x00, 0x00, // mov [rsp+0xf8],rax
			0x48, 0x89, 0xe1, // mov rcx,rsp
			0x31, 0xd2, // xor edx,edx
			0xe8, 0, 0, 0, 0, // call RtlRestoreContext
			0xcc, // int3
		},
		Fixups: []winapi.Fixup{{At: 16, Target: "RtlRestoreContext"}},
		Unwind: machineFrameUnwind,
	},
	scratchFrame("RtlRestoreContext", scratchSmall, "PagewalkRestoreContext", "RtlpExecuteHandlerForUnwind"),
	scratchFrame("RtlDispatchException", scratchLarge, "PagewalkDispatchException", "RtlpExecuteHandlerForException"),
	scratchFrame("RtlUnwindEx", scratchLarge, "PagewalkUnwindEx", "RtlpExecuteHandlerForUnwind"),
	scratchFrame("RtlUnwind", scratchLarge, "PagewalkUnwind", "RtlpExecuteHandlerForUnwind"),
	scratchFrame("longjmp", scratchLarge, "PagewalkLongjmp", "RtlpExecuteHandlerForUnwind"),
	scratchFrame("__C_specific_handler", scratchSmall, "PagewalkCSpecificHandler", "RtlpExecuteHandlerForUnwind"),
	scratchFrame("RtlpThreadStartHandler", scratchSmall, "PagewalkThreadStartHandler", "RtlpExecuteHandlerForException"),
	executeHandler("RtlpExecuteHandlerForException", "RtlpExceptionHandler"),
	executeHandler("RtlpExecuteHandlerForUnwind", "RtlpUnwindHandler"),
	{
		// An exception in a handler reached the frame that had called the Handler: tell the dispatcher which frame that
		// handler belonged to. Arguments: record, establisher, context, dispatcher context.
		Name: "RtlpExceptionHandler",
		Bytes: []byte{
			0xf6, 0x41, 0x04, 0x66, // test byte [rcx+4],EXCEPTION_UNWIND
			0xb8, 0x01, 0x00, 0x00, 0x00, // mov eax,ExceptionContinueSearch
			0x75, 0x11, // jne done
			0x48, 0x8b, 0x42, 0x20, // mov rax,[rdx+0x20]
			0x48, 0x8b, 0x40, dispatcherEstablisher, // mov rax,[rax+0x18]
			0x49, 0x89, 0x41, dispatcherEstablisher, // mov [r9+0x18],rax
			0xb8, 0x02, 0x00, 0x00, 0x00, // mov eax,ExceptionNestedException
			0xc3, // done: ret
		},
	},
	{
		// An unwind reached the frame of another one that was calling a Handler: take over where that one was. Everything
		// of its dispatcher context is copied but the target.
		Name:  "RtlpUnwindHandler",
		Bytes: unwindHandlerBytes(),
	},
}

func unwindHandlerBytes() []byte {
	b := []byte{0x48, 0x8b, 0x42, 0x20} // mov rax,[rdx+0x20]
	for _, field := range []byte{
		dispatcherControlPc, dispatcherImageBase, dispatcherFunctionEntry, dispatcherEstablisher, dispatcherContextRecord,
		dispatcherLanguageHandler, dispatcherHandlerData, dispatcherHistoryTable, dispatcherScopeIndex,
	} {
		b = append(b,
			0x4c, 0x8b, 0x50, field, // mov r10,[rax+field]
			0x4d, 0x89, 0x51, field) // mov [r9+field],r10
	}
	return append(b,
		0xb8, 0x03, 0x00, 0x00, 0x00, // mov eax,ExceptionCollidedUnwind
		0xc3) // ret
}
