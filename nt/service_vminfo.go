package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var virtualMemoryServices = []Service{
	service("NtSetInformationVirtualMemory", Partial("classes 0 to 2, 6, 7"), ntSetInformationVirtualMemory),
	service("NtCreatePagingFile", Full, ntCreatePagingFile),
}

// The classes of NtSetInformationVirtualMemory (ntmmapi.h, VIRTUAL_MEMORY_INFORMATION_CLASS).
const (
	VmPrefetchInformation                  uint32 = 0
	VmPagePriorityInformation              uint32 = 1
	VmCfgCallTargetInformation             uint32 = 2
	VmPageDirtyStateInformation            uint32 = 3
	VmImageHotPatchInformation             uint32 = 4
	VmPhysicalContiguityInformation        uint32 = 5
	VmVirtualMachinePrepopulateInformation uint32 = 6
	VmRemoveFromWorkingSetInformation      uint32 = 7
)

type setInformationVirtualMemoryArgs struct {
	Process   ntdef.Handle
	Class     uint32
	Count     uint64
	Addresses uint64 // MEMORY_RANGE_ENTRY: address and bytes
	Buffer    uint64
	Length    uint32
}

func ntSetInformationVirtualMemory(t *Thread, a *setInformationVirtualMemoryArgs) (ntdef.Status, error) {
	switch {
	case a.Class == VmCfgCallTargetInformation:
		return t.setCallTargets(a)
	case a.Class > VmRemoveFromWorkingSetInformation:
		return ntdef.STATUS_INVALID_PARAMETER_2, nil
	case a.Count == 0 || a.Count > maxRanges:
		return ntdef.STATUS_INVALID_PARAMETER_3, nil
	case a.Buffer == 0:
		return ntdef.STATUS_INVALID_PARAMETER_5, nil
	case a.Length != 4:
		return ntdef.STATUS_INVALID_PARAMETER_6, nil
	}
	value, err := t.Load32(a.Buffer)
	if err != nil {
		return 0, err
	}
	p, st := t.proc.MemoryOf(a.Process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.SetVirtualMemory(p, a.Class, a.Addresses, a.Count, value)
}

// maxRanges is how many ranges one call takes.
const maxRanges = 1 << 16

// A memoryRange is a MEMORY_RANGE_ENTRY, [start, end).
type memoryRange struct{ start, end x86.VirtAddr }

// loadRanges reads an array of MEMORY_RANGE_ENTRY of a process's addresses: INVALID_PARAMETER_4 for an empty one and for one that is
// not in the address space.
func (t *Thread) loadRanges(p *Process, array, count uint64) ([]memoryRange, ntdef.Status, error) {
	b := make([]byte, 16*count)
	if err := t.Read(array, b); err != nil {
		return nil, 0, err
	}
	high := uint64(p.as.Layout().High) + 1
	ranges := make([]memoryRange, 0, count)
	for ; len(b) > 0; b = b[16:] {
		start, n := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		if n == 0 || start >= high || n > high-start {
			return nil, ntdef.STATUS_INVALID_PARAMETER_4, nil
		}
		ranges = append(ranges, memoryRange{x86.VirtAddr(start), x86.VirtAddr(start + n)})
	}
	return ranges, ntdef.STATUS_SUCCESS, nil
}

// SetVirtualMemory is NtSetInformationVirtualMemory for the classes whose information is a ULONG. All ranges are checked before the
// first is changed; what of them is not mapped is passed over.
func (t *Thread) SetVirtualMemory(p *Process, class uint32, array, count uint64, value uint32) (ntdef.Status, error) {
	if count == 0 || count > maxRanges {
		return ntdef.STATUS_INVALID_PARAMETER_3, nil
	}
	ranges, st, err := t.loadRanges(p, array, count)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return st, err
	}
	switch class {
	case VmPhysicalContiguityInformation:
		if !t.proc.Holds(SeLockMemoryPrivilege) {
			return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
		}
		fallthrough
	case VmPageDirtyStateInformation, VmImageHotPatchInformation:
		// What emulators of x86-64 on ARM64 and systems with hot patches have; Windows refuses them elsewhere too.
		t.sys.refuse(classOf("NtSetInformationVirtualMemory", class))
		return ntdef.STATUS_NOT_SUPPORTED, nil
	}
	for _, r := range ranges {
		switch class {
		case VmPrefetchInformation:
			p.as.Prefetch(r.start, r.end)
		case VmPagePriorityInformation:
			p.as.SetPagePriority(r.start, r.end, uint8(min(value, 7)))
		case VmVirtualMachinePrepopulateInformation:
			p.as.Populate(r.start, r.end)
		case VmRemoveFromWorkingSetInformation:
			p.as.RemoveFromWorkingSet(r.start, r.end)
		}
	}
	return ntdef.STATUS_SUCCESS, nil
}
