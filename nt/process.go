package nt

import (
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// Process is one guest process.
type Process struct {
	sys     *System
	as      *ntmm.AddressSpace
	thread  *Thread
	visitor *Thread // by which others reach its memory; nil until one does
	guard   guardBitmap
	peb     uint64
	id      uint64
	object  *processObject
	token   *token
	parent  *Process // nil: the first one
	exited  bool
	exit    uint32

	finished   uint64 // the system time of its end
	parameters uint64 // where its RTL_USER_PROCESS_PARAMETERS are

	ran     uint64 // instructions of threads that have ended
	kuser   x86.PhysAddr
	threads []*Thread        // that have not ended, in the order of their making
	watch   *workingSetWatch // nil until the process asks for it
	final   []byte           // VM_COUNTERS_EX2 of a process that has ended
	page    uint32           // its memory priority, ProcessPagePriority
	info    processInfo
	program *Module
	modules []*Module // mapped images by base address
	entries struct {
		initializeThunk, userThreadStart, exceptionDispatcher, apcDispatcher, callReturn, initBlock uint64
	}
	handles   handleTable
	addresses map[uint64][]*waitBlock // that threads wait for

	ntdllBase                 uint64
	stackReserve, stackCommit uint64          // of the program's header
	heaps                     map[uint64]bool // regions of heaps by base address
	local                     map[any]any
	exception                 *ntdef.ExceptionRecord // that ended the process
	outputErr                 error                  // the first failure to write the guest's output

	resolution uint32 // of timers that it asked for, 100 ns units; 0: none

	job    *job       // nil: none
	doomed *exitError // by its job: it ends at its next system call
}

// PEB returns the address of the process environment block.
func (p *Process) PEB() uint64 { return p.peb }

// ID returns the process identifier, a multiple of 4.
func (p *Process) ID() uint64 { return p.id }

// System returns the machine.
func (p *Process) System() *System { return p.sys }

// Threads returns the threads that have not ended, in the order of their making.
func (p *Process) Threads() []*Thread { return p.threads }

// Thread returns the process's first thread.
func (p *Process) Thread() *Thread { return p.thread }

// AddressSpace returns the process's address space.
func (p *Process) AddressSpace() *ntmm.AddressSpace { return p.as }

// Program returns the image that the process runs.
func (p *Process) Program() *Module { return p.program }

// Local returns the process's value for a key, made by make the first time: where built-in DLLs keep what their real
// counterparts keep in memory of their own that no program looks at.
func (p *Process) Local(key any, make func() any) any {
	v, ok := p.local[key]
	if !ok {
		v = make()
		p.local[key] = v
	}
	return v
}

// MarkHeap says that a region belongs to a heap, or does no longer: for reports.
func (p *Process) MarkHeap(base uint64, heap bool) {
	if !heap {
		delete(p.heaps, base)
		return
	}
	if p.heaps == nil {
		p.heaps = map[uint64]bool{}
	}
	p.heaps[base] = true
}

// IsHeap reports whether the region at a base address belongs to a heap.
func (p *Process) IsHeap(base uint64) bool { return p.heaps[base] }

// IsStack reports whether the region at a base address is a thread's stack.
func (p *Process) IsStack(base uint64) bool {
	return slices.ContainsFunc(p.threads, func(t *Thread) bool { return uint64(t.stack.DeallocationStack) == base })
}

// Exit returns the error by which a body ends the process.
func (p *Process) Exit(code uint32) error { return &exitError{code: code} }

// A Module is an image mapped into a process.
type Module struct {
	Name string // file name: kernel32.dll
	Path string // guest path: C:\Windows\System32\kernel32.dll
	Base uint64
	Size uint64

	section *Section // that it is a view of
}

// ModuleAt returns the image that holds an address, nil where none does.
func (p *Process) ModuleAt(va uint64) *Module {
	i := sort.Search(len(p.modules), func(i int) bool { return p.modules[i].Base > va })
	if i == 0 || va-p.modules[i-1].Base >= p.modules[i-1].Size {
		return nil
	}
	return p.modules[i-1]
}

// Modules returns the mapped images by base address.
func (p *Process) Modules() []*Module { return p.modules }

func (p *Process) addModule(m *Module) {
	i := sort.Search(len(p.modules), func(i int) bool { return p.modules[i].Base > m.Base })
	p.modules = append(p.modules, nil)
	copy(p.modules[i+1:], p.modules[i:])
	p.modules[i] = m
	if h := p.sys.hooks.Module; h != nil {
		h(p.sys.thread(), m)
	}
}

func (p *Process) removeModule(base uint64) {
	for i, m := range p.modules {
		if m.Base == base {
			p.modules = append(p.modules[:i], p.modules[i+1:]...)
			return
		}
	}
}

// The services of the memory manager as Go methods, for built-in DLLs. Each is the service of its name, without the
// pointers; the service hook is told of it.

// AllocateVirtualMemory is NtAllocateVirtualMemory; Base and Size of r become the rounded ones. Large pages want a privilege of the
// process whose thread runs, as everywhere.
func (p *Process) AllocateVirtualMemory(r *ntmm.Request) ntdef.Status {
	base, size := r.Base, r.Size
	r.LockMemory = p.callerHolds(SeLockMemoryPrivilege)
	st := p.allocate(r, p.as.Allocate)
	p.serviced("NtAllocateVirtualMemory", st, allocateParams,
		uint64(base), size, uint64(r.Type), uint64(r.Protect), uint64(r.Base), r.Size)
	return st
}

// AllocateVirtualMemoryEx is NtAllocateVirtualMemoryEx.
func (p *Process) AllocateVirtualMemoryEx(r *ntmm.Request, q ntmm.Requirements) ntdef.Status {
	base, size := r.Base, r.Size
	r.LockMemory = p.callerHolds(SeLockMemoryPrivilege)
	st := p.allocate(r, func(r *ntmm.Request) ntdef.Status { return p.as.AllocateEx(r, q) })
	p.serviced("NtAllocateVirtualMemoryEx", st, allocateParams,
		uint64(base), size, uint64(r.Type), uint64(r.Protect), uint64(r.Base), r.Size)
	return st
}

// FreeVirtualMemory is NtFreeVirtualMemory.
func (p *Process) FreeVirtualMemory(r *ntmm.Request) ntdef.Status {
	base, size := r.Base, r.Size
	st := p.free(r)
	p.serviced("NtFreeVirtualMemory", st, freeParams, uint64(base), size, uint64(r.Type), uint64(r.Base), r.Size)
	return st
}

// ProtectVirtualMemory is NtProtectVirtualMemory; it returns the first page's old protection.
func (p *Process) ProtectVirtualMemory(r *ntmm.Request) (uint32, ntdef.Status) {
	base, size := r.Base, r.Size
	old, st := p.protect(r)
	p.serviced("NtProtectVirtualMemory", st, protectParams, uint64(base), size, uint64(r.Protect), uint64(old))
	return old, st
}

// QueryVirtualMemory is NtQueryVirtualMemory, class MemoryBasicInformation.
func (p *Process) QueryVirtualMemory(va uint64) (ntdef.MemoryBasicInformation, ntdef.Status) {
	info, st := p.as.Query(x86.VirtAddr(va))
	p.serviced("NtQueryVirtualMemory", st, queryParams, va, 0)
	return info, st
}

var (
	allocateParams = []string{"base", "size", "type", "protect", "gotBase", "gotSize"}
	freeParams     = []string{"base", "size", "type", "gotBase", "gotSize"}
	protectParams  = []string{"base", "size", "protect", "old"}
	queryParams    = []string{"base", "class"}
)

// serviced tells the service hook of what a built-in function asks for; a row of the service table tells of itself.
func (p *Process) serviced(name string, st ntdef.Status, params []string, args ...uint64) {
	h, t := p.sys.hooks.Service, p.sys.thread()
	if h != nil && (t == nil || !t.inService) {
		h(t, &ServiceEvent{Name: name, Params: params, Args: append([]uint64(nil), args...), Status: st})
	}
}

// guestBase returns the file name of a guest path.
func guestBase(p string) string { return path.Base(strings.ReplaceAll(p, `\`, "/")) }
