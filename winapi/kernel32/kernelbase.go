package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// KernelBase returns the description of kernelbase.dll: the functions of memoryapi.h that kernel32 never exported, and forwarders
// to all of kernel32's.
func KernelBase() *winapi.DLL {
	d := &winapi.DLL{Name: "kernelbase.dll", Base: 0x7ff8_0400_0000, Funcs: baseFuncs}
	own := DLL()
	for _, f := range own.Funcs {
		d.Forwards = append(d.Forwards, winapi.Forward{Name: f.Name, Target: "kernel32." + f.Name})
	}
	for _, f := range own.Forwards {
		if isPublic(f.Name) {
			d.Forwards = append(d.Forwards, f)
		}
	}
	return d
}

func isPublic(name string) bool { return len(name) < 3 || name[:3] != "Rtl" }

var baseFuncs = []nt.UserFunc{
	nt.Func("VirtualAlloc2", virtualAlloc2),
	nt.Func("VirtualAlloc2FromApp", virtualAlloc2),
	nt.Func("VirtualAllocFromApp", virtualAllocFromApp),
	nt.Func("VirtualProtectFromApp", virtualProtect),
	nt.Func("VirtualUnlockEx", virtualUnlockEx),
	nt.Func("MapViewOfFile3", mapViewOfFile3),
	nt.Func("MapViewOfFile3FromApp", mapViewOfFile3),
	nt.Func("MapViewOfFileNuma2", mapViewOfFileNuma2),
	nt.Func("UnmapViewOfFile2", unmapViewOfFile2),
	nt.Func("CreateFileMapping2", createFileMapping2),
	nt.Func("QueryVirtualMemoryInformation", queryVirtualMemoryInformation),
	nt.Func("SetProcessValidCallTargets", setProcessValidCallTargets),
	nt.Func("SetProcessValidCallTargetsForMappedView", setProcessValidCallTargetsForMappedView),
	nt.Func("OpenDedicatedMemoryPartition", openDedicatedMemoryPartition),
	nt.Func("QueryPartitionInformation", queryPartitionInformation),
	nt.Func("AllocateUserPhysicalPages2", allocateUserPhysicalPages2),
}

// processOf returns the process of an argument whose handle has some rights; NULL names the caller in the functions of Windows 10.
func processOf(t *nt.Thread, h ntdef.Handle, access uint32) (*nt.Process, ntdef.Status) {
	if h == 0 {
		return t.Process(), ntdef.STATUS_SUCCESS
	}
	return t.Process().MemoryOf(h, access)
}

type virtualAlloc2Args struct {
	Process        ntdef.Handle
	BaseAddress    uint64
	Size           uint64
	AllocationType uint32
	PageProtection uint32
	Parameters     uint64
	ParameterCount uint32
}

// virtualAlloc2 is NtAllocateVirtualMemoryEx: placeholders and address requirements.
func virtualAlloc2(t *nt.Thread, a *virtualAlloc2Args) (uint64, error) {
	x, st, err := t.LoadExtendedParameters(a.Parameters, a.ParameterCount, false)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return result(t, st, err)
	}
	p, st := processOf(t, a.Process, nt.PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	r := ntmm.Request{Base: x86.VirtAddr(a.BaseAddress), Size: a.Size, Type: a.AllocationType, Protect: a.PageProtection}
	if st := p.AllocateVirtualMemoryEx(&r, x.Requirements); st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return uint64(r.Base), nil
}

// virtualAllocFromApp allocates no executable memory.
func virtualAllocFromApp(t *nt.Thread, a *virtualAllocArgs) (uint64, error) {
	const executable = ntdef.PAGE_EXECUTE | ntdef.PAGE_EXECUTE_READ | ntdef.PAGE_EXECUTE_READWRITE | ntdef.PAGE_EXECUTE_WRITECOPY
	if a.Protect&executable != 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return virtualAlloc(t, a)
}

type virtualUnlockExArgs struct {
	Process ntdef.Handle
	Address uint64
	Size    uint64
}

func virtualUnlockEx(t *nt.Thread, a *virtualUnlockExArgs) (uint64, error) {
	p, st := processOf(t, a.Process, nt.PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	r := rangeArgs{a.Address, a.Size}
	return boolOf(t, p.AddressSpace().Unlock(r.request()))
}

type mapViewOfFile3Args struct {
	Mapping        ntdef.Handle
	Process        ntdef.Handle
	BaseAddress    uint64
	Offset         uint64
	ViewSize       uint64
	AllocationType uint32
	PageProtection uint32
	Parameters     uint64
	ParameterCount uint32
}

func mapViewOfFile3(t *nt.Thread, a *mapViewOfFile3Args) (uint64, error) {
	x, st, err := t.LoadExtendedParameters(a.Parameters, a.ParameterCount, true)
	if err == nil && st == ntdef.STATUS_SUCCESS {
		st = x.MachineStatus()
	}
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return result(t, st, err)
	}
	return mapView3(t, a, x.Requirements)
}

func mapView3(t *nt.Thread, a *mapViewOfFile3Args, q ntmm.Requirements) (uint64, error) {
	p, st := processOf(t, a.Process, nt.PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	v := ntmm.View{
		Base: x86.VirtAddr(a.BaseAddress), Size: a.ViewSize, Offset: a.Offset, Type: a.AllocationType, Protect: a.PageProtection,
		Requirements: q,
	}
	if st := t.Process().MapSection(a.Mapping, p, &v); !st.IsSuccess() {
		return failStatus(t, st)
	}
	return uint64(v.Base), nil
}

type mapViewOfFileNuma2Args struct {
	Mapping        ntdef.Handle
	Process        ntdef.Handle
	Offset         uint64
	BaseAddress    uint64
	ViewSize       uint64
	AllocationType uint32
	PageProtection uint32
	PreferredNode  uint32
}

// mapViewOfFileNuma2 is MapViewOfFile2 too, which memoryapi.h makes of it.
func mapViewOfFileNuma2(t *nt.Thread, a *mapViewOfFileNuma2Args) (uint64, error) {
	if !nt.ValidNode(a.PreferredNode) {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return mapView3(t, &mapViewOfFile3Args{
		Mapping: a.Mapping, Process: a.Process, BaseAddress: a.BaseAddress, Offset: a.Offset, ViewSize: a.ViewSize,
		AllocationType: a.AllocationType, PageProtection: a.PageProtection,
	}, ntmm.Requirements{})
}

type unmapViewOfFile2Args struct {
	Process ntdef.Handle
	Address uint64
	Flags   uint32
}

func unmapViewOfFile2(t *nt.Thread, a *unmapViewOfFile2Args) (uint64, error) {
	p, st := processOf(t, a.Process, nt.PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return boolOf(t, p.UnmapSection(a.Address, a.Flags))
}

type createFileMapping2Args struct {
	File           ntdef.Handle
	Attributes     uint64
	DesiredAccess  uint32
	PageProtection uint32
	Types          uint32 // SEC_*
	MaximumSize    uint64
	Name           uint64
	Parameters     uint64
	ParameterCount uint32
}

// createFileMapping2 takes a NUMA node; the other parameters that there are for it choose partitions and AWE.
func createFileMapping2(t *nt.Thread, a *createFileMapping2Args) (uint64, error) {
	x, st, err := t.LoadExtendedParameters(a.Parameters, a.ParameterCount, false)
	if err == nil && st == ntdef.STATUS_SUCCESS && x.Requirements != (ntmm.Requirements{}) {
		st = ntdef.STATUS_INVALID_PARAMETER
	}
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return result(t, st, err)
	}
	name, err := textAt(a.Name, t.WString)
	if err != nil {
		return 0, err
	}
	return section(t, a.File, a.Attributes, a.PageProtection|a.Types, a.MaximumSize, name)
}

type queryVirtualMemoryInformationArgs struct {
	Process  ntdef.Handle
	Address  uint64
	Class    uint32
	Buffer   uint64
	Size     uint64
	Returned ntdef.Ptr[uint64]
}

// queryVirtualMemoryInformation knows the one class that there is, MemoryRegionInfo.
func queryVirtualMemoryInformation(t *nt.Thread, a *queryVirtualMemoryInformationArgs) (uint64, error) {
	const memoryRegionInfo = 0
	if a.Class != memoryRegionInfo {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	p, st := processOf(t, a.Process, nt.PROCESS_QUERY_INFORMATION)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	b, st := p.MarshalRegion(a.Address)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return fail(t, ntdll.ERROR_INVALID_ADDRESS)
	case a.Size < uint64(len(b)):
		return fail(t, ntdll.ERROR_BAD_LENGTH)
	}
	if err := t.Write(a.Buffer, b); err != nil {
		return failAccess(t, err)
	}
	if a.Returned != 0 {
		return 1, t.Store64(uint64(a.Returned), uint64(len(b)))
	}
	return 1, nil
}

type setProcessValidCallTargetsArgs struct {
	Process ntdef.Handle
	Address uint64
	Size    uint64
	Count   uint32
	Targets uint64
}

func setProcessValidCallTargets(t *nt.Thread, a *setProcessValidCallTargetsArgs) (uint64, error) {
	return setProcessValidCallTargetsForMappedView(t, &setProcessValidCallTargetsForMappedViewArgs{
		a.Process, a.Address, a.Size, a.Count, a.Targets, 0, 0,
	})
}

type setProcessValidCallTargetsForMappedViewArgs struct {
	Process ntdef.Handle
	Address uint64
	Size    uint64
	Count   uint32
	Targets uint64
	Section ntdef.Handle
	Offset  uint64
}

// setProcessValidCallTargetsForMappedView fails in a process without control-flow guard.
func setProcessValidCallTargetsForMappedView(t *nt.Thread, a *setProcessValidCallTargetsForMappedViewArgs) (uint64, error) {
	if a.Process == 0 {
		a.Process = ntdef.CurrentProcess
	}
	_, st, err := t.SetCallTargets(&nt.CallTargets{
		Process: a.Process, Address: a.Address, Size: a.Size, Count: a.Count, Entries: a.Targets, Section: a.Section, Offset: a.Offset,
	})
	return result(t, st, err)
}

type openDedicatedMemoryPartitionArgs struct {
	Partition ntdef.Handle
	Type      uint64
	Access    uint32
	Inherit   bool
}

// openDedicatedMemoryPartition finds none: no memory of the machine is dedicated.
func openDedicatedMemoryPartition(t *nt.Thread, a *openDedicatedMemoryPartitionArgs) (uint64, error) {
	if a.Partition != 0 && !t.Process().HasHandle(a.Partition) {
		return fail(t, ntdll.ERROR_INVALID_HANDLE)
	}
	return fail(t, ntdll.ERROR_NOT_FOUND)
}

type queryPartitionInformationArgs struct {
	Partition ntdef.Handle
	Class     uint32
	Buffer    uint64
	Size      uint32
}

// queryPartitionInformation knows MemoryPartitionInfo; the other class is of dedicated memory, of which there is none.
func queryPartitionInformation(t *nt.Thread, a *queryPartitionInformationArgs) (uint64, error) {
	const memoryPartitionInfo = 0
	b, st := t.Process().PartitionInformation(a.Partition)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return failStatus(t, st)
	case a.Class != memoryPartitionInfo:
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	case a.Size < uint32(len(b)):
		return fail(t, ntdll.ERROR_BAD_LENGTH)
	}
	if err := t.Write(a.Buffer, b); err != nil {
		return failAccess(t, err)
	}
	return 1, nil
}
