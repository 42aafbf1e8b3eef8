package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Hooks are told of what the manager does; nil ones cost nothing. An event is valid during the call only.
type Hooks struct {
	Fault func(*FaultEvent)
	VAD   func(*VADEvent)
	PFN   func(*PFNEvent)
	WS    func(*WSEvent)
	IO    func(*IOEvent)
}

// FaultKind says what a page fault was.
type FaultKind uint8

// The kinds of faults, by the names of the trace.
const (
	DemandZero      FaultKind = iota // a page that begins as zeros
	Transition                       // a page that was in memory already
	PageFileIn                       // a page read from a page file
	Compressed                       // a page that was in the compressed store
	MappedFile                       // a page read from a file
	CopyOnWrite                      // the private copy of a shared page
	Guard                            // STATUS_GUARD_PAGE_VIOLATION raised
	StackGrowth                      // a guard page of the stack: it moved down
	StackOverflow                    // the last one
	Spurious                         // the tables allow the access: a stale translation
	AccessViolation                  // raised
	InPageError                      // raised: the file could not be read
	NoMemory                         // raised: no frame, or no commit, is left
)

var kindNames = [...]string{
	"demand_zero", "transition", "page_file", "compressed", "mapped_file", "copy_on_write", "guard", "stack_growth", "stack_overflow", "spurious",
	"access_violation", "in_page_error", "no_memory",
}

// String returns the name in the trace.
func (k FaultKind) String() string { return kindNames[k] }

// Region describes the reservation or view of an address.
type Region struct {
	Start, End x86.VirtAddr // [Start, End); both 0 where the address is free
	Type       uint32       // MEM_PRIVATE, MEM_MAPPED, MEM_IMAGE; 0 where free
	Protect    uint32       // of the page: 0 where it is only reserved
	Name       string       // of the mapped file
}

// A FaultEvent is one page fault and what was done about it.
type FaultEvent struct {
	Addr      x86.VirtAddr
	Access    x86.Access // Read, Write or Execute
	Code      uint32     // the processor's error code
	Kind      FaultKind
	Status    ntdef.Status // STATUS_SUCCESS: the access was tried again
	PTEAddr   x86.PhysAddr // 0 where the address has no page table
	PTEBefore x86.PTE
	PTEAfter  x86.PTE
	PFN       uint64 // of the frame behind PTEAfter, 0 where there is none
	Region    Region
}

// VADKind says what happened to the address space.
type VADKind uint8

// The changes of an address space.
const (
	VADReserve VADKind = iota
	VADReserveCommit
	VADCommit
	VADDecommit
	VADRelease
	VADProtect
	VADMap
	VADUnmap
	VADReset
	VADResetUndo
)

var vadKindNames = [...]string{
	"reserve", "reserve_commit", "commit", "decommit", "release", "protect", "map", "unmap", "reset", "reset_undo",
}

// String returns the name in the trace.
func (k VADKind) String() string { return vadKindNames[k] }

// A VADEvent is one change of the address space.
type VADEvent struct {
	Kind       VADKind
	Start, End x86.VirtAddr // [Start, End) that changed
	Protect    uint32       // the new protection, 0 where there is none
	Type       uint32
	Name       string
}

func (as *AddressSpace) vadEvent(kind VADKind, v *vad, start, end x86.VirtAddr, protect uint32) {
	if h := as.m.hooks.VAD; h != nil {
		h(&VADEvent{Kind: kind, Start: start, End: end, Protect: protect, Type: v.typ, Name: v.name()})
	}
}

// A PFNEvent is one move of a frame: off a list into use, or onto a list.
type PFNEvent struct {
	PFN      uint64
	From, To PFNState
	Priority uint8
	PTEAddr  x86.PhysAddr // of a page that is one address space's own
}

func (m *Manager) pfnEvent(frame uint64, p *pfn, from, to listID) {
	e := PFNEvent{PFN: frame, From: from.state(), To: to.state(), Priority: p.priority}
	if !p.proto() {
		e.PTEAddr = p.pte
	}
	m.hooks.PFN(&e)
}

// WSKind says what happened to a working set.
type WSKind uint8

// The changes of a working set that no fault tells of.
const (
	WSTrim WSKind = iota // a page left it
)

// String returns the name in the trace.
func (k WSKind) String() string { return "trim" }

// A WSEvent is one change of a working set.
type WSEvent struct {
	Kind  WSKind
	CR3   x86.PhysAddr // of the address space
	Addr  x86.VirtAddr
	PFN   uint64
	Pages uint64 // in the working set from now on
}

func (m *Manager) wsEvent(kind WSKind, as *AddressSpace, va x86.VirtAddr, frame uint64) {
	if h := m.hooks.WS; h != nil {
		h(&WSEvent{kind, as.cr3, va, frame, as.ws.Size})
	}
}

// IOKind says what was read or written.
type IOKind uint8

// The reads and writes of the memory manager.
const (
	IOPageFileRead IOKind = iota
	IOPageFileWrite
	IOMappedFileRead
	IOMappedFileWrite
)

var ioKindNames = [...]string{"page_file_read", "page_file_write", "mapped_file_read", "mapped_file_write"}

// String returns the name in the trace.
func (k IOKind) String() string { return ioKindNames[k] }

// An IOEvent is one read or write of the memory manager.
type IOEvent struct {
	Kind   IOKind
	Name   string
	Offset uint64 // in the file, or in the image as it is mapped
	Pages  uint64
}

func (m *Manager) ioEvent(kind IOKind, name string, off, pages uint64) {
	if h := m.hooks.IO; h != nil {
		h(&IOEvent{kind, name, off, pages})
	}
}
