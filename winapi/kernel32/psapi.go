package kernel32

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// psapi.h: kernel32 has the functions with the prefix K32, psapi.dll forwards to them.
var psapiFuncs = []nt.UserFunc{
	nt.Func("K32EmptyWorkingSet", emptyWorkingSet),
	nt.Func("K32EnumPageFilesA", func(t *nt.Thread, a *enumPageFilesArgs) (uint64, error) { return enumPageFiles(t, a, narrowText) }),
	nt.Func("K32EnumPageFilesW", func(t *nt.Thread, a *enumPageFilesArgs) (uint64, error) { return enumPageFiles(t, a, wideText) }),
	nt.Func("K32EnumProcessModules", enumProcessModules),
	nt.Func("K32EnumProcesses", enumProcesses),
	nt.Func("K32GetMappedFileNameA", func(t *nt.Thread, a *mappedFileNameArgs) (uint64, error) { return getMappedFileName(t, a, narrowText) }),
	nt.Func("K32GetMappedFileNameW", func(t *nt.Thread, a *mappedFileNameArgs) (uint64, error) { return getMappedFileName(t, a, wideText) }),
	nt.Func("K32GetModuleBaseNameA", func(t *nt.Thread, a *moduleNameExArgs) (uint64, error) { return getModuleBaseName(t, a, narrowText) }),
	nt.Func("K32GetModuleBaseNameW", func(t *nt.Thread, a *moduleNameExArgs) (uint64, error) { return getModuleBaseName(t, a, wideText) }),
	nt.Func("K32GetModuleFileNameExA", func(t *nt.Thread, a *moduleNameExArgs) (uint64, error) { return getModuleFileNameEx(t, a, narrowText) }),
	nt.Func("K32GetModuleFileNameExW", func(t *nt.Thread, a *moduleNameExArgs) (uint64, error) { return getModuleFileNameEx(t, a, wideText) }),
	nt.Func("K32GetModuleInformation", getModuleInformation),
	nt.Func("K32GetPerformanceInfo", getPerformanceInfo),
	nt.Func("K32GetProcessMemoryInfo", getProcessMemoryInfo),
	nt.Func("K32GetWsChanges", getWsChanges),
	nt.Func("K32GetWsChangesEx", getWsChangesEx),
	nt.Func("K32InitializeProcessForWsWatch", initializeProcessForWsWatch),
	nt.Func("K32QueryWorkingSet", queryWorkingSet),
	nt.Func("K32QueryWorkingSetEx", queryWorkingSetEx),
}

// PSAPI returns the description of psapi.dll.
func PSAPI() *winapi.DLL {
	d := &winapi.DLL{Name: "psapi.dll", Base: 0x7ff8_0500_0000}
	for _, f := range psapiFuncs {
		d.Forwards = append(d.Forwards, winapi.Forward{Name: f.Name[len("K32"):], Target: "kernel32." + f.Name})
	}
	return d
}

type processArgs struct{ Process ntdef.Handle }

func emptyWorkingSet(t *nt.Thread, a *processArgs) (uint64, error) {
	return setProcessWorkingSetSize(t, &setWorkingSetSizeArgs{a.Process, ^uint64(0), ^uint64(0)})
}

type bufferArgs struct {
	Process ntdef.Handle
	Buffer  uint64
	Size    uint32
}

// queryWorkingSet fills a PSAPI_WORKING_SET_INFORMATION: ERROR_BAD_LENGTH, with the count stored, where not all blocks fit.
func queryWorkingSet(t *nt.Thread, a *bufferArgs) (uint64, error) {
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_QUERY_INFORMATION|nt.PROCESS_VM_READ)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return failStatus(t, st)
	case a.Size < 8:
		return fail(t, ntdll.ERROR_BAD_LENGTH)
	}
	blocks := p.WorkingSetBlocks()
	if err := t.Store64(a.Buffer, uint64(len(blocks))); err != nil {
		return failAccess(t, err)
	}
	if uint64(a.Size)/8 < uint64(len(blocks))+1 {
		return fail(t, ntdll.ERROR_BAD_LENGTH)
	}
	b := make([]byte, 8*len(blocks))
	for i, v := range blocks {
		put64(b[8*i:], v)
	}
	if err := t.Write(a.Buffer+8, b); err != nil {
		return failAccess(t, err)
	}
	return 1, nil
}

// queryWorkingSetEx fills the blocks of an array of PSAPI_WORKING_SET_EX_INFORMATION.
func queryWorkingSetEx(t *nt.Thread, a *bufferArgs) (uint64, error) {
	const entry = 16
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_QUERY_INFORMATION)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return failStatus(t, st)
	case a.Size < entry || a.Size%entry != 0:
		return fail(t, ntdll.ERROR_BAD_LENGTH)
	}
	if err := t.Probe(a.Buffer, uint64(a.Size), x86.Read|x86.Write); err != nil {
		return failAccess(t, err)
	}
	for at := a.Buffer; at < a.Buffer+uint64(a.Size); at += entry {
		va, err := t.Load64(at)
		if err != nil {
			return 0, err
		}
		if err := t.Store64(at+8, p.WorkingSetAttributes(va)); err != nil {
			return 0, err
		}
	}
	return 1, nil
}

func initializeProcessForWsWatch(t *nt.Thread, a *processArgs) (uint64, error) {
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_QUERY_INFORMATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return boolOf(t, p.WatchWorkingSet())
}

func getWsChanges(t *nt.Thread, a *bufferArgs) (uint64, error) {
	return wsChanges(t, a.Process, a.Buffer, uint64(a.Size), false, 0)
}

type getWsChangesExArgs struct {
	Process ntdef.Handle
	Buffer  uint64
	Size    ntdef.Ptr[uint32]
}

func getWsChangesEx(t *nt.Thread, a *getWsChangesExArgs) (uint64, error) {
	size, err := t.Load32(uint64(a.Size))
	if err != nil {
		return 0, err
	}
	return wsChanges(t, a.Process, a.Buffer, uint64(size), true, a.Size)
}

// wsChanges stores what came into the working set since it was last asked.
func wsChanges(t *nt.Thread, process ntdef.Handle, buffer, size uint64, ex bool, needed ntdef.Ptr[uint32]) (uint64, error) {
	p, st := t.Process().ProcessFor(process, nt.PROCESS_QUERY_INFORMATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	if err := t.Probe(buffer, size, x86.Write); err != nil {
		return failAccess(t, err)
	}
	b, need, st := p.MarshalWorkingSetChanges(ex, size)
	if needed != 0 && need != 0 {
		if err := t.Store32(uint64(needed), uint32(need)); err != nil {
			return 0, err
		}
	}
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, t.Write(buffer, b)
}

// getProcessMemoryInfo fills a PROCESS_MEMORY_COUNTERS, its EX or its EX2 form, as far as the size goes.
func getProcessMemoryInfo(t *nt.Thread, a *bufferArgs) (uint64, error) {
	const plain, ex2 = 72, 96
	p, st := t.Process().ProcessFor(a.Process, nt.PROCESS_QUERY_LIMITED_INFORMATION)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return failStatus(t, st)
	case a.Size < plain:
		return fail(t, ntdll.ERROR_INSUFFICIENT_BUFFER)
	}
	v := p.VMCounters() // VM_COUNTERS_EX2
	var b [ex2]byte
	put32(b[0:], a.Size)
	put32(b[4:], uint32(get64(v[16:])))
	copy(b[8:], v[24:]) // PeakWorkingSetSize and all that follows
	return 1, t.Write(a.Buffer, b[:min(a.Size, ex2)])
}

type getPerformanceInfoArgs struct {
	Info uint64
	Size uint32
}

// getPerformanceInfo fills a PERFORMANCE_INFORMATION, 104 bytes, in pages.
func getPerformanceInfo(t *nt.Thread, a *getPerformanceInfoArgs) (uint64, error) {
	const size = 104
	if a.Size < size {
		return fail(t, ntdll.ERROR_BAD_LENGTH)
	}
	return 1, t.Write(a.Info, t.System().PerformanceInfo())
}

type mappedFileNameArgs struct {
	Process ntdef.Handle
	Address uint64
	Name    uint64
	Size    uint32 // characters
}

func getMappedFileName(t *nt.Thread, a *mappedFileNameArgs, enc encoding) (uint64, error) {
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_QUERY_INFORMATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	name, st := p.MappedFilename(a.Address)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return cutText(t, name, a.Name, a.Size, enc)
}

// cutText stores as much of a text as fits, with its zero, and returns its length.
func cutText(t *nt.Thread, text string, buffer uint64, size uint32, enc encoding) (uint64, error) {
	if size == 0 {
		return fail(t, ntdll.ERROR_INSUFFICIENT_BUFFER)
	}
	b := enc.encode(text)
	n := min(len(b)/enc.unit, int(size)-1)
	full := n == len(b)/enc.unit
	if err := t.Write(buffer, append(b[:n*enc.unit:n*enc.unit], make([]byte, enc.unit)...)); err != nil {
		return failAccess(t, err)
	}
	if !full {
		return uint64(n), ntdll.SetLastError(t, ntdll.ERROR_INSUFFICIENT_BUFFER)
	}
	return uint64(n), nil
}

type enumPageFilesArgs struct {
	Callback uint64
	Context  uint64
}

// enumPageFiles calls the program with an ENUM_PAGE_FILE_INFORMATION and the name of each page file.
func enumPageFiles(t *nt.Thread, a *enumPageFilesArgs, enc encoding) (uint64, error) {
	const size = 32
	for _, f := range t.System().Memory().PageFiles() {
		b := make([]byte, size)
		put32(b[0:], size)
		put64(b[8:], f.Size)
		put64(b[16:], f.InUse)
		put64(b[24:], f.Peak)
		b = append(append(b, enc.encode(f.Name)...), make([]byte, enc.unit)...)
		at, err := ntdll.AllocateHeap(t, 0, 0, uint64(len(b)))
		if err != nil {
			return 0, err
		}
		if at == 0 {
			return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
		}
		if err := t.Write(at, b); err != nil {
			return 0, err
		}
		more, err := t.Call(a.Callback, a.Context, at, at+size)
		if err != nil {
			return 0, err
		}
		if _, err := ntdll.FreeHeap(t, 0, at); err != nil {
			return 0, err
		}
		if uint32(more) == 0 {
			break
		}
	}
	return 1, nil
}

type enumArgs struct {
	Process ntdef.Handle
	List    uint64
	Size    uint32
	Needed  ntdef.Ptr[uint32]
}

func enumProcessModules(t *nt.Thread, a *enumArgs) (uint64, error) {
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_QUERY_INFORMATION|nt.PROCESS_VM_READ)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	program := p.Program().Base
	bases := []uint64{program} // the program comes first, as in the loader's list
	for _, m := range p.Modules() {
		if m.Base != program {
			bases = append(bases, m.Base)
		}
	}
	var b []byte
	for _, base := range bases {
		var e [8]byte
		put64(e[:], base)
		b = append(b, e[:]...)
	}
	if err := t.Write(a.List, b[:min(len(b), int(a.Size)&^7)]); err != nil {
		return failAccess(t, err)
	}
	return 1, t.Store32(uint64(a.Needed), uint32(len(b)))
}

type enumProcessesArgs struct {
	List   uint64
	Size   uint32
	Needed ntdef.Ptr[uint32]
}

func enumProcesses(t *nt.Thread, a *enumProcessesArgs) (uint64, error) {
	var b []byte
	for _, p := range t.System().Processes() {
		b = binary.LittleEndian.AppendUint32(b, uint32(p.ID()))
	}
	n := min(int(a.Size&^3), len(b))
	if err := t.Write(a.List, b[:n]); err != nil {
		return failAccess(t, err)
	}
	return 1, t.Store32(uint64(a.Needed), uint32(n))
}

type moduleNameExArgs struct {
	Process ntdef.Handle
	Module  uint64
	Name    uint64
	Size    uint32 // characters
}

func getModuleFileNameEx(t *nt.Thread, a *moduleNameExArgs, enc encoding) (uint64, error) {
	return moduleText(t, a, enc, func(m *nt.Module) string { return m.Path })
}

func getModuleBaseName(t *nt.Thread, a *moduleNameExArgs, enc encoding) (uint64, error) {
	return moduleText(t, a, enc, func(m *nt.Module) string { return m.Name })
}

// moduleText stores the name of a module; 0 is the program.
func moduleText(t *nt.Thread, a *moduleNameExArgs, enc encoding, text func(*nt.Module) string) (uint64, error) {
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_QUERY_INFORMATION|nt.PROCESS_VM_READ)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	m := p.Program()
	if a.Module != 0 {
		m = p.ModuleAt(a.Module)
	}
	if m == nil || a.Module != 0 && m.Base != a.Module {
		return fail(t, ntdll.ERROR_INVALID_HANDLE)
	}
	return cutText(t, text(m), a.Name, a.Size, enc)
}

type moduleInformationArgs struct {
	Process ntdef.Handle
	Module  uint64
	Info    uint64
	Size    uint32
}

// getModuleInformation fills a MODULEINFO: base, size, entry point, 24 bytes.
func getModuleInformation(t *nt.Thread, a *moduleInformationArgs) (uint64, error) {
	const size = 24
	p, st := t.Process().MemoryOf(a.Process, nt.PROCESS_QUERY_INFORMATION|nt.PROCESS_VM_READ)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	m := p.ModuleAt(a.Module)
	switch {
	case m == nil, m.Base != a.Module:
		return fail(t, ntdll.ERROR_INVALID_HANDLE)
	case a.Size < size:
		return fail(t, ntdll.ERROR_INSUFFICIENT_BUFFER)
	}
	entry, st := t.EntryPoint(p, m)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	var b [size]byte
	put64(b[0:], m.Base)
	put32(b[8:], uint32(m.Size))
	put64(b[16:], entry)
	return 1, t.Write(a.Info, b[:])
}
