package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// The classes of NtQuerySystemInformation and NtSetSystemInformation (winternl.h, SYSTEM_INFORMATION_CLASS).
const (
	systemBasicInformation       = 0
	systemPerformanceInformation = 2
	systemPageFileInformation    = 18
	systemFileCacheInformation   = 21
	systemMemoryListInformation  = 80
	systemFileCacheInformationEx = 81
	systemCombinePhysicalMemory  = 130
	systemPageFileInformationEx  = 144
)

type querySystemInformationArgs struct {
	Class        uint32
	Buffer       uint64
	Length       uint32
	ReturnLength ntdef.Ptr[uint32]
}

func ntQuerySystemInformation(t *Thread, a *querySystemInformationArgs) (ntdef.Status, error) {
	s := t.sys
	var b []byte
	switch a.Class {
	case systemBasicInformation:
		b = s.basicInformation(t.as().Layout())
	case systemPerformanceInformation:
		b = s.performanceInformation()
		if a.Length >= performanceUntil8 { // programs that know the shorter form run on
			b = b[:min(len(b), int(a.Length))]
		}
	case systemPageFileInformation, systemPageFileInformationEx:
		b = s.PageFileInformation(a.Buffer, a.Class == systemPageFileInformationEx)
	case systemFileCacheInformation, systemFileCacheInformationEx:
		b = s.fileCacheInformation()
	case systemMemoryListInformation:
		b = s.memoryListInformation()
	case systemWineVersion:
		if s.wine() {
			b = []byte(wineVersionOfMachine)
			break
		}
		fallthrough
	default:
		return t.querySystem(a)
	}
	return t.answerSystem(b, a)
}

func (s *System) basicInformation(l ntmm.Layout) []byte {
	var b [64]byte
	le := binary.LittleEndian
	pages := s.mem.Size() >> 12
	le.PutUint32(b[4:], clockIncrement) // TimerResolution, 100 ns units
	le.PutUint32(b[8:], 1<<12)          // PageSize
	le.PutUint32(b[12:], uint32(pages))
	le.PutUint32(b[16:], 1) // LowestPhysicalPageNumber
	le.PutUint32(b[20:], uint32(pages-1))
	le.PutUint32(b[24:], aslrUnit) // AllocationGranularity
	le.PutUint64(b[32:], userLow)
	le.PutUint64(b[40:], uint64(l.High))
	le.PutUint64(b[48:], 1) // ActiveProcessorsAffinityMask
	b[56] = 1               // NumberOfProcessors
	return b[:]
}

// PageFileInformation is an array of SYSTEM_PAGEFILE_INFORMATION, or of the EX form, whose names lie behind each entry when
// it is stored at buffer. Sizes are in pages.
func (s *System) PageFileInformation(buffer uint64, ex bool) []byte {
	size := 32
	if ex {
		size = 40
	}
	le := binary.LittleEndian
	var all []byte
	files := s.mm.PageFiles()
	for i, f := range files {
		name := EncodeUTF16(f.Name)
		b := make([]byte, size, size+len(name)+2)
		le.PutUint32(b[4:], uint32(f.Size))
		le.PutUint32(b[8:], uint32(f.InUse))
		le.PutUint32(b[12:], uint32(f.Peak))
		le.PutUint16(b[16:], uint16(len(name)))
		le.PutUint16(b[18:], uint16(len(name)+2))
		le.PutUint64(b[24:], buffer+uint64(len(all)+size))
		if ex {
			le.PutUint32(b[32:], uint32(f.Minimum))
			le.PutUint32(b[36:], uint32(f.Maximum))
		}
		b = append(append(b, name...), 0, 0)
		for len(b)%8 != 0 {
			b = append(b, 0)
		}
		if i < len(files)-1 {
			le.PutUint32(b, uint32(len(b)))
		}
		all = append(all, b...)
	}
	return all
}

// fileCacheInformation is SYSTEM_FILECACHE_INFORMATION: there is no working set of the cache here, so that its pages are those
// of files on the lists.
func (s *System) fileCacheInformation() []byte {
	c := s.mm.Counters()
	pages := s.mm.FilePages()
	s.cachePeak = max(s.cachePeak, pages)
	var b [64]byte
	le := binary.LittleEndian
	le.PutUint64(b[0:], pages<<x86.PageShift)
	le.PutUint64(b[8:], s.cachePeak<<x86.PageShift)
	le.PutUint32(b[16:], uint32(c.MappedFileFaults))
	le.PutUint64(b[24:], s.cache.minimum>>x86.PageShift)
	le.PutUint64(b[32:], s.cache.maximum>>x86.PageShift)
	le.PutUint64(b[40:], pages)
	le.PutUint64(b[48:], s.cachePeak)
	le.PutUint32(b[56:], uint32(c.TransitionRepurposed))
	le.PutUint32(b[60:], s.cache.flags)
	return b[:]
}

// fileCacheLimits is what SetSystemFileCacheSize was told, in bytes.
type fileCacheLimits struct {
	minimum, maximum uint64
	flags            uint32
}

// FileCacheSize is GetSystemFileCacheSize.
func (s *System) FileCacheSize() (minimum, maximum uint64, flags uint32) {
	return s.cache.minimum, s.cache.maximum, s.cache.flags
}

// SetFileCacheSize is SetSystemFileCacheSize, in bytes: both -1 put the pages of files that no view shows back on standby.
// PRIVILEGE_NOT_HELD without SeIncreaseQuotaPrivilege, INVALID_PARAMETER.
func (p *Process) SetFileCacheSize(minimum, maximum uint64, flags uint32) ntdef.Status {
	const maxHardEnable, maxHardDisable, minHardEnable, minHardDisable = 1, 2, 4, 8
	switch {
	case !p.Holds(SeIncreaseQuotaPrivilege):
		return ntdef.STATUS_PRIVILEGE_NOT_HELD
	case minimum == ^uint64(0) && maximum == ^uint64(0):
		p.sys.mm.FlushModified()
		return ntdef.STATUS_SUCCESS
	case flags&^(maxHardEnable|maxHardDisable|minHardEnable|minHardDisable) != 0,
		flags&(maxHardEnable|maxHardDisable) == maxHardEnable|maxHardDisable,
		flags&(minHardEnable|minHardDisable) == minHardEnable|minHardDisable,
		minimum > maximum, flags&minHardEnable != 0 && minimum < 1<<20:
		return ntdef.STATUS_INVALID_PARAMETER
	}
	c := &p.sys.cache
	c.minimum, c.maximum = minimum, maximum
	for _, pair := range []uint32{maxHardEnable | maxHardDisable, minHardEnable | minHardDisable} {
		if flags&pair != 0 {
			c.flags = c.flags&^pair | flags&pair
		}
	}
	return ntdef.STATUS_SUCCESS
}

// memoryListInformation is SYSTEM_MEMORY_LIST_INFORMATION, 176 bytes.
func (s *System) memoryListInformation() []byte {
	c := s.mm.Counters()
	le := binary.LittleEndian
	var b []byte
	for _, v := range []uint64{c.ZeroedPages, c.FreePages, c.ModifiedPages, c.ModifiedNoWrite, c.BadPages} {
		b = le.AppendUint64(b, v)
	}
	for _, v := range append(c.StandbyPages[:], c.RepurposedByPriority[:]...) {
		b = le.AppendUint64(b, v)
	}
	return le.AppendUint64(b, c.ModifiedPageFile)
}

type setSystemInformationArgs struct {
	Class  uint32
	Buffer uint64
	Length uint32
}

// The commands of SystemMemoryListInformation (RAMMap's "Empty" menu).
const (
	memoryEmptyWorkingSets        = 2
	memoryFlushModifiedList       = 3
	memoryPurgeStandbyList        = 4
	memoryPurgeLowPriorityStandby = 5
)

func ntSetSystemInformation(t *Thread, a *setSystemInformationArgs) (ntdef.Status, error) {
	switch a.Class {
	case systemMemoryListInformation:
		if a.Length != 4 {
			return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
		}
		command, err := t.Load32(a.Buffer)
		if err != nil {
			return 0, err
		}
		return t.memoryListCommand(command), nil
	case systemCombinePhysicalMemory:
		return t.combineMemory(a.Buffer, a.Length)
	case systemFileCacheInformation, systemFileCacheInformationEx:
		if a.Length < 64 {
			return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
		}
		var b [64]byte
		if err := t.Read(a.Buffer, b[:]); err != nil {
			return 0, err
		}
		le := binary.LittleEndian
		bytes := func(pages uint64) uint64 {
			if pages == ^uint64(0) {
				return pages
			}
			return pages << x86.PageShift
		}
		return t.proc.SetFileCacheSize(bytes(le.Uint64(b[24:])), bytes(le.Uint64(b[32:])), le.Uint32(b[60:])), nil
	}
	t.sys.refuse(classOf("NtSetSystemInformation", a.Class))
	return ntdef.STATUS_INVALID_INFO_CLASS, nil
}

// combineMemory is SystemCombinePhysicalMemoryInformation, a MEMORY_COMBINE_INFORMATION or its EX form without flags: PagesCombined
// is returned.
func (t *Thread) combineMemory(buffer uint64, length uint32) (ntdef.Status, error) {
	const size, sizeEx, pagesCombined, flags = 16, 24, 8, 16
	switch {
	case length != size && length != sizeEx:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	case !t.proc.Holds(SeProfileSingleProcessPrivilege):
		return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
	}
	if length == sizeEx {
		if v, err := t.Load32(buffer + flags); err != nil || v != 0 {
			return ntdef.STATUS_INVALID_PARAMETER, err
		}
	}
	if err := t.Store64(buffer+pagesCombined, 0); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.Store64(buffer+pagesCombined, t.sys.mm.Combine())
}

func (t *Thread) memoryListCommand(command uint32) ntdef.Status {
	if !t.proc.Holds(SeProfileSingleProcessPrivilege) {
		return ntdef.STATUS_PRIVILEGE_NOT_HELD
	}
	switch command {
	case memoryEmptyWorkingSets:
		t.sys.mm.EmptyWorkingSets()
	case memoryFlushModifiedList:
		t.sys.mm.FlushModified()
	case memoryPurgeStandbyList:
		t.sys.mm.PurgeStandby(7)
	case memoryPurgeLowPriorityStandby:
		t.sys.mm.PurgeStandby(0)
	default:
		return ntdef.STATUS_INVALID_PARAMETER
	}
	return ntdef.STATUS_SUCCESS
}
