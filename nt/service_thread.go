package nt

import (
	"fmt"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var threadServices = []Service{
	service("NtCreateThreadEx", Full, ntCreateThreadEx),
	service("NtCreateThread", Full, ntCreateThread),
	service("NtOpenThread", Full, ntOpenThread),
	service("NtGetNextThread", Full, ntGetNextThread),
	service("NtTerminateThread", Full, ntTerminateThread),
	service("NtSuspendThread", Full, ntSuspendThread),
	service("NtResumeThread", Full, ntResumeThread),
	service("NtGetContextThread", Partial("no XSTATE: the processor has none"), ntGetContextThread),
	service("NtSetContextThread", Partial("no XSTATE: the processor has none"), ntSetContextThread),
	service("NtQueryInformationThread", Partial(threadQueryNote), ntQueryInformationThread),
	service("NtSetInformationThread", Partial(threadSetNote), ntSetInformationThread),
	service("NtGetCurrentProcessorNumber", Full, ntGetCurrentProcessorNumber),
	service("NtGetCurrentProcessorNumberEx", Full, ntGetCurrentProcessorNumberEx),
	service("NtImpersonateThread", Partial("refused: there is one user"), refusal("NtImpersonateThread", ntdef.STATUS_NOT_IMPLEMENTED)),
	service("NtRegisterThreadTerminatePort", Partial("refused: no ports"), refusal("NtRegisterThreadTerminatePort", ntdef.STATUS_NOT_IMPLEMENTED)),
}

// threadWith returns the thread of a handle that has one of some rights, or of the pseudo handle: INVALID_HANDLE, OBJECT_TYPE_MISMATCH,
// ACCESS_DENIED.
func (t *Thread) threadWith(h ntdef.Handle, rights uint32) (*Thread, ntdef.Status) {
	o, st := t.thread(h)
	if st == ntdef.STATUS_SUCCESS && h != ntdef.CurrentThread && t.proc.handles.granted(h)&rights == 0 {
		return nil, ntdef.STATUS_ACCESS_DENIED
	}
	return o, st
}

type createThreadExArgs struct {
	Thread       ntdef.Ptr[uint64]
	Access       uint32
	Attributes   uint64
	Process      ntdef.Handle
	Start        uint64
	Parameter    uint64
	Flags        uint32
	ZeroBits     uint64
	StackCommit  uint64
	StackReserve uint64
	List         uint64
}

// THREAD_CREATE_FLAGS (ntpsapi.h).
const (
	threadCreateSuspended         = 0x01
	threadSkipAttach              = 0x02
	threadHideFromDebugger        = 0x04
	threadLoaderWorker            = 0x10
	threadSkipLoaderInit          = 0x20
	threadBypassFreeze            = 0x40
	threadCreateFlags             = threadCreateSuspended | threadSkipAttach | threadHideFromDebugger | threadLoaderWorker | threadSkipLoaderInit | threadBypassFreeze
	maxZeroBits                   = 21
	maxStack               uint64 = 1 << 40
)

func ntCreateThreadEx(t *Thread, a *createThreadExArgs) (ntdef.Status, error) {
	list, st, err := t.psAttributes(a.List)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return st, err
	}
	p, st := t.proc.ProcessFor(a.Process, PROCESS_CREATE_THREAD)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case a.Flags&^threadCreateFlags != 0:
		return ntdef.STATUS_INVALID_PARAMETER_7, nil
	case a.ZeroBits > maxZeroBits && a.ZeroBits < 32:
		return ntdef.STATUS_INVALID_PARAMETER_8, nil
	case a.StackCommit > maxStack || a.StackReserve > maxStack:
		return ntdef.STATUS_NO_MEMORY, nil
	}
	for i := range list {
		switch e := &list[i]; e.kind {
		case psAttributeClientID, psAttributeTebAddress:
			if err := e.probe(t); err != nil {
				return 0, err
			}
		case psAttributeGroupAffinity, psAttributeIdealCPU, psAttributePreferredNode: // one processor, one node
		default:
			t.sys.refuse(fmt.Sprintf("NtCreateThreadEx: attribute %#x%s", e.kind, psAttributeNames[e.kind]))
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
	}
	var n *Thread
	st, err = t.newHandle(a.Thread, a.Attributes, func(o *objectAttributes) (h ntdef.Handle, st ntdef.Status) {
		h, n, st = t.createThread(&ThreadRequest{
			Process: p, Start: a.Start, Parameter: a.Parameter, StackReserve: a.StackReserve, StackCommit: a.StackCommit,
			Suspended: a.Flags&threadCreateSuspended != 0, Hidden: a.Flags&threadHideFromDebugger != 0, ZeroBits: a.ZeroBits,
			TEBFlags: tebFlags(a.Flags), Access: a.Access, SecurityAttributes: o.win32(),
		})
		return h, st
	})
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return st, err
	}
	for i := range list {
		switch e := &list[i]; e.kind {
		case psAttributeClientID:
			err = e.answer(t, n.clientID())
		case psAttributeTebAddress:
			err = e.answer(t, littleEndian64(n.teb))
		}
		if err != nil {
			return 0, err
		}
	}
	return st, nil
}

// tebFlags are the bits of TEB.SameTebFlags that the flags of a creation ask for.
func tebFlags(flags uint32) (teb uint16) {
	for _, f := range [...]struct {
		flag uint32
		teb  uint16
	}{{threadSkipAttach, ntdef.TebSkipThreadAttach}, {threadLoaderWorker, ntdef.TebLoaderWorker}, {threadSkipLoaderInit, ntdef.TebSkipLoaderInit}} {
		if flags&f.flag != 0 {
			teb |= f.teb
		}
	}
	return teb
}

type createThreadArgs struct {
	Thread     ntdef.Ptr[uint64]
	Access     uint32
	Attributes uint64
	Process    ntdef.Handle
	ClientID   uint64
	Context    ntdef.Ptr[ntdef.Context]
	InitialTEB uint64 // INITIAL_TEB: 8 bytes each of OldStackBase, OldStackLimit, StackBase, StackLimit, StackAllocationBase
	Suspended  uint8  // a BOOLEAN
}

// ntCreateThread is the form of Windows up to XP: the caller has made the stack and the first registers.
func ntCreateThread(t *Thread, a *createThreadArgs) (ntdef.Status, error) {
	if a.ClientID != 0 {
		if err := t.Probe(a.ClientID, 16, x86.Write); err != nil {
			return 0, err
		}
	}
	ctx, err := t.LoadContext(uint64(a.Context))
	if err != nil {
		return 0, err
	}
	var stack [5]uint64
	for i := range stack {
		if stack[i], err = t.Load64(a.InitialTEB + 8*uint64(i)); err != nil {
			return 0, err
		}
	}
	p, st := t.proc.ProcessFor(a.Process, PROCESS_CREATE_THREAD)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	var n *Thread
	st, err = t.newHandle(a.Thread, a.Attributes, func(o *objectAttributes) (h ntdef.Handle, st ntdef.Status) {
		h, n, st = t.createThread(&ThreadRequest{
			Process: p, Start: ctx.Rip, Suspended: a.Suspended != 0, Context: &ctx, Stack: &InitialStack{stack[2], stack[3], stack[4]},
			Access: a.Access, SecurityAttributes: o.win32(),
		})
		return h, st
	})
	if err != nil || st != ntdef.STATUS_SUCCESS || a.ClientID == 0 {
		return st, err
	}
	return st, t.Write(a.ClientID, n.clientID())
}

type openByClientIDArgs struct {
	Handle     ntdef.Ptr[uint64]
	Access     uint32
	Attributes uint64
	ClientID   uint64
}

// openByClientID is what NtOpenThread and NtOpenProcess have in common. Neither have names: INVALID_PARAMETER_MIX without a CLIENT_ID.
func (t *Thread) openByClientID(
	a *openByClientIDArgs, body func(process, thread uint64, attributes uint32) (ntdef.Handle, ntdef.Status),
) (ntdef.Status, error) {
	if a.ClientID == 0 {
		return ntdef.STATUS_INVALID_PARAMETER_MIX, nil
	}
	process, err := t.Load64(a.ClientID)
	if err != nil {
		return 0, err
	}
	thread, err := t.Load64(a.ClientID + 8)
	if err != nil {
		return 0, err
	}
	return t.newHandle(a.Handle, a.Attributes, func(o *objectAttributes) (ntdef.Handle, ntdef.Status) {
		return body(process, thread, o.attributes)
	})
}

func ntOpenThread(t *Thread, a *openByClientIDArgs) (ntdef.Status, error) {
	return t.openByClientID(a, func(process, thread uint64, attributes uint32) (ntdef.Handle, ntdef.Status) {
		if o := t.sys.threadByID(thread); o != nil && process != 0 && o.proc.id != process {
			return 0, ntdef.STATUS_INVALID_CID
		}
		return t.proc.OpenThread(thread, a.Access, attributes&objInherit != 0)
	})
}

type getNextThreadArgs struct {
	Process    ntdef.Handle
	Thread     ntdef.Handle
	Access     uint32
	Attributes uint32
	Flags      uint32
	Next       ntdef.Ptr[uint64]
}

// ntGetNextThread walks the threads of a process in the order of their making, those too that have ended and still have handles.
func ntGetNextThread(t *Thread, a *getNextThreadArgs) (ntdef.Status, error) {
	if err := t.Probe(uint64(a.Next), 8, x86.Write); err != nil {
		return 0, err
	}
	p, st := t.proc.ProcessFor(a.Process, PROCESS_QUERY_INFORMATION)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case a.Flags != 0:
		return ntdef.STATUS_INVALID_PARAMETER_5, nil
	}
	after := uint64(0)
	if a.Thread != 0 {
		o, st := t.threadWith(a.Thread, ^uint32(0))
		if st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		if o.proc != p {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		after = o.id
	}
	for _, o := range p.allThreads() {
		if o.id > after {
			h, st := t.proc.openHandle(o.object, a.Access, a.Attributes)
			switch st {
			case ntdef.STATUS_SUCCESS:
				return st, t.Store64(uint64(a.Next), uint64(h))
			case ntdef.STATUS_ACCESS_DENIED: // the next that may be opened
			default:
				return st, nil
			}
		}
	}
	return ntdef.STATUS_NO_MORE_ENTRIES, t.Store64(uint64(a.Next), 0)
}

func ntTerminateThread(t *Thread, a *terminateArgs) (ntdef.Status, error) {
	if a.Handle == 0 { // the caller, unless it is the last of its process
		if t.IsLastThread() {
			return ntdef.STATUS_CANT_TERMINATE_SELF, nil
		}
		a.Handle = ntdef.CurrentThread
	}
	if _, st := t.threadWith(a.Handle, threadTerminate); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.TerminateThread(a.Handle, a.Status)
}

type suspendThreadArgs struct {
	Thread   ntdef.Handle
	Previous ntdef.Ptr[uint32]
}

func ntSuspendThread(t *Thread, a *suspendThreadArgs) (ntdef.Status, error) {
	if a.Previous != 0 {
		if err := t.Probe(uint64(a.Previous), 4, x86.Write); err != nil {
			return 0, err
		}
	}
	o, st := t.threadWith(a.Thread, threadSuspendResume)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	was, st, err := t.Suspend(o)
	if err != nil || st != ntdef.STATUS_SUCCESS || a.Previous == 0 {
		return st, err
	}
	return st, t.Store32(uint64(a.Previous), was)
}

func ntResumeThread(t *Thread, a *suspendThreadArgs) (ntdef.Status, error) {
	if a.Previous != 0 {
		if err := t.Probe(uint64(a.Previous), 4, x86.Write); err != nil {
			return 0, err
		}
	}
	o, st := t.threadWith(a.Thread, threadSuspendResume)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	was := o.Resume()
	if a.Previous == 0 {
		return st, nil
	}
	return st, t.Store32(uint64(a.Previous), was)
}

type contextThreadArgs struct {
	Thread  ntdef.Handle
	Context ntdef.Ptr[ntdef.Context]
}

// ntGetContextThread writes the parts that the record's flags name and leaves the others as they are.
func ntGetContextThread(t *Thread, a *contextThreadArgs) (ntdef.Status, error) {
	flags, err := t.Load32(uint64(a.Context) + ntdef.ContextFlagsOffset)
	if err != nil {
		return 0, err
	}
	if err := t.Probe(uint64(a.Context), ntdef.ContextSize, x86.Write); err != nil {
		return 0, err
	}
	o, st := t.threadWith(a.Thread, threadGetContext)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case o.state == threadEnded:
		return ntdef.STATUS_THREAD_IS_TERMINATING, nil
	}
	ctx, err := t.ContextOf(o)
	if err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.StoreContextParts(uint64(a.Context), &ctx, flags)
}

func ntSetContextThread(t *Thread, a *contextThreadArgs) (ntdef.Status, error) {
	ctx, err := t.LoadContext(uint64(a.Context))
	if err != nil {
		return 0, err
	}
	o, st := t.threadWith(a.Thread, threadSetContext)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if o == t && !ctx.DebugOnly() {
		t.cpu.R[cpu.RAX] = uint64(ntdef.STATUS_SUCCESS)
		return 0, t.SetContext(&ctx)
	}
	return t.SetContextOf(o, &ctx), nil
}

type noServiceArgs struct{}

// ntGetCurrentProcessorNumber returns the number itself: there is one processor.
func ntGetCurrentProcessorNumber(*Thread, *noServiceArgs) (ntdef.Status, error) { return 0, nil }

type processorNumberArgs struct{ Number ntdef.Ptr[uint32] }

// ntGetCurrentProcessorNumberEx fills a PROCESSOR_NUMBER: group 0, number 0.
func ntGetCurrentProcessorNumberEx(t *Thread, a *processorNumberArgs) (ntdef.Status, error) {
	return ntdef.STATUS_SUCCESS, t.Store32(uint64(a.Number), 0)
}
