package nt

import (
	"encoding/binary"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// The classes of NtQueryVirtualMemory (ntmmapi.h, MEMORY_INFORMATION_CLASS) of Windows 10. Those from 12 on are Windows 11's.
const (
	memoryBasicInformation        = 0
	memoryWorkingSet              = 1
	memoryMappedFilename          = 2
	memoryRegionInformation       = 3
	memoryWorkingSetEx            = 4
	memorySharedCommit            = 5
	memoryImageInformation        = 6
	memoryRegionInformationEx     = 7
	memoryPrivilegedBasic         = 8
	memoryEnclaveImageInformation = 9
	memoryBasicCapped             = 10
	memoryPhysicalContiguity      = 11
)

type queryVirtualMemoryArgs struct {
	Process      ntdef.Handle
	BaseAddress  uint64
	Class        uint32
	Buffer       uint64
	Length       uint64
	ReturnLength ntdef.Ptr[uint64]
}

// memoryQueries are the classes' bodies. The privileged and the capped form of the first are as the first: there is no memory that a
// hypervisor guards, and no region is too long to look at.
var memoryQueries = map[uint32]func(*Thread, *Process, *queryVirtualMemoryArgs) (ntdef.Status, error){
	memoryBasicInformation:        (*Thread).queryBasic,
	memoryWorkingSet:              (*Thread).queryWorkingSet,
	memoryMappedFilename:          (*Thread).queryMappedFilename,
	memoryRegionInformation:       (*Thread).queryRegion,
	memoryWorkingSetEx:            (*Thread).queryWorkingSetEx,
	memorySharedCommit:            (*Thread).querySharedCommit,
	memoryImageInformation:        (*Thread).queryImage,
	memoryRegionInformationEx:     (*Thread).queryRegion,
	memoryPrivilegedBasic:         (*Thread).queryBasic,
	memoryEnclaveImageInformation: (*Thread).queryEnclave,
	memoryBasicCapped:             (*Thread).queryBasic,
	memoryPhysicalContiguity:      (*Thread).queryContiguity,
}

func ntQueryVirtualMemory(t *Thread, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	need := PROCESS_QUERY_INFORMATION
	if a.Class == memoryWorkingSet {
		need |= PROCESS_VM_READ
	}
	p, st := t.proc.MemoryOf(a.Process, need)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	query := memoryQueries[a.Class]
	if a.Class == memoryWineUnixFuncs && t.sys.wine() {
		query = (*Thread).queryWineUnixFuncs
	}
	if query == nil {
		t.sys.refuse(classOf("NtQueryVirtualMemory", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	return query(t, p, a)
}

func (t *Thread) queryBasic(p *Process, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	if a.Length < ntdef.MemoryBasicInformationSize {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	info, st := p.as.Query(x86.VirtAddr(a.BaseAddress))
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	var buf [ntdef.MemoryBasicInformationSize]byte
	info.Marshal(buf[:])
	return t.answer(a, buf[:])
}

// answer writes what a query found.
func (t *Thread) answer(a *queryVirtualMemoryArgs, b []byte) (ntdef.Status, error) {
	if err := t.Write(a.Buffer, b); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.storeLength(a.ReturnLength, uint64(len(b)))
}

// WorkingSetBlocks returns the working set as PSAPI_WORKING_SET_BLOCKs: bits 4:0 the protection, 7:5 the share count up to
// 7, 8 shared, 63:12 the page.
func (p *Process) WorkingSetBlocks() []uint64 {
	var blocks []uint64
	p.as.ResidentPages(func(va x86.VirtAddr, i ntmm.PageInfo) {
		b := uint64(va) | uint64(i.Code)
		if i.Shared {
			b |= uint64(min(i.Share, 7))<<5 | 1<<8
		}
		blocks = append(blocks, b)
	})
	return blocks
}

// queryWorkingSet writes the count and, where all fit, the blocks. A page that the query itself brings in is not in it.
func (t *Thread) queryWorkingSet(p *Process, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	if a.Length < 8 {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	blocks := p.WorkingSetBlocks()
	n := uint64(len(blocks))
	if a.Length/8 < n+1 {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, t.Store64(a.Buffer, n)
	}
	b := binary.LittleEndian.AppendUint64(nil, n)
	for _, block := range blocks {
		b = binary.LittleEndian.AppendUint64(b, block)
	}
	return t.answer(a, b)
}

// WorkingSetAttributes returns the PSAPI_WORKING_SET_EX_BLOCK of a page.
func (p *Process) WorkingSetAttributes(va uint64) uint64 {
	i := p.as.Page(x86.VirtAddr(va))
	flag := func(set bool, bit uint) uint64 {
		if set {
			return 1 << bit
		}
		return 0
	}
	if !i.Valid {
		b := flag(i.Shared, 15) | flag(i.State == ntmm.PFNModified && i.PFN != 0, 27)
		if i.PFN != 0 {
			b |= 1<<22 | uint64(i.Priority)<<24 // Location: resident
		}
		return b
	}
	share := uint64(0)
	if i.Shared {
		share = uint64(min(i.Share, 7))
	}
	return 1 | share<<1 | uint64(i.Protect&0x7ff)<<4 | flag(i.Shared, 15) | flag(i.Locked, 22) | flag(i.Large, 23) | uint64(i.Priority)<<24
}

func (t *Thread) queryWorkingSetEx(p *Process, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	const entry = 16
	if a.Length < entry || a.Length%entry != 0 {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	if err := t.Probe(a.Buffer, a.Length, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	for at := a.Buffer; at < a.Buffer+a.Length; at += entry {
		va, err := t.Load64(at)
		if err != nil {
			return 0, err
		}
		if err := t.Store64(at+8, p.WorkingSetAttributes(va)); err != nil {
			return 0, err
		}
	}
	return ntdef.STATUS_SUCCESS, t.storeLength(a.ReturnLength, a.Length)
}

// MappedFilename returns the device name of the file that is mapped at an address. INVALID_ADDRESS where there is none.
func (p *Process) MappedFilename(va uint64) (string, ntdef.Status) {
	name, st := p.as.MappedName(x86.VirtAddr(va))
	if st != ntdef.STATUS_SUCCESS {
		return "", st
	}
	if m := p.ModuleAt(va); m != nil {
		name = m.Path
	}
	if drive, path, ok := strings.Cut(name, ":"); ok && len(drive) == 1 {
		name = deviceOf(drive[0]) + path
	}
	return name, ntdef.STATUS_SUCCESS
}

func (t *Thread) queryMappedFilename(p *Process, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	const header = 16 // a UNICODE_STRING
	name, st := p.MappedFilename(a.BaseAddress)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	text := EncodeUTF16(name)
	need := uint64(header + len(text) + 2)
	if a.Length < header {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, t.storeLength(a.ReturnLength, need)
	}
	if a.Length < need {
		return ntdef.STATUS_BUFFER_OVERFLOW, t.storeLength(a.ReturnLength, need)
	}
	b := make([]byte, need)
	binary.LittleEndian.PutUint16(b, uint16(len(text)))
	binary.LittleEndian.PutUint16(b[2:], uint16(len(text)+2))
	binary.LittleEndian.PutUint64(b[8:], a.Buffer+header)
	copy(b[header:], text)
	return t.answer(a, b)
}
