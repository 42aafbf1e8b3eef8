package ntdef

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Page protections (winnt.h; "Memory Protection Constants").
const (
	PAGE_NOACCESS          uint32 = 0x01
	PAGE_READONLY          uint32 = 0x02
	PAGE_READWRITE         uint32 = 0x04
	PAGE_WRITECOPY         uint32 = 0x08
	PAGE_EXECUTE           uint32 = 0x10
	PAGE_EXECUTE_READ      uint32 = 0x20
	PAGE_EXECUTE_READWRITE uint32 = 0x40
	PAGE_EXECUTE_WRITECOPY uint32 = 0x80
	PAGE_GUARD             uint32 = 0x100
	PAGE_NOCACHE           uint32 = 0x200
	PAGE_WRITECOMBINE      uint32 = 0x400
	PAGE_TARGETS_INVALID   uint32 = 0x40000000
	PAGE_TARGETS_NO_UPDATE uint32 = 0x40000000
)

// Allocation types, free types, states and types of regions (winnt.h).
const (
	MEM_COMMIT      uint32 = 0x00001000
	MEM_RESERVE     uint32 = 0x00002000
	MEM_DECOMMIT    uint32 = 0x00004000
	MEM_RELEASE     uint32 = 0x00008000
	MEM_FREE        uint32 = 0x00010000
	MEM_PRIVATE     uint32 = 0x00020000
	MEM_MAPPED      uint32 = 0x00040000
	MEM_RESET       uint32 = 0x00080000
	MEM_TOP_DOWN    uint32 = 0x00100000
	MEM_WRITE_WATCH uint32 = 0x00200000
	MEM_PHYSICAL    uint32 = 0x00400000
	MEM_RESET_UNDO  uint32 = 0x01000000
	MEM_LARGE_PAGES uint32 = 0x20000000
	MEM_IMAGE       uint32 = 0x01000000

	MEM_REPLACE_PLACEHOLDER   uint32 = 0x00004000 // with MEM_RESERVE, and of views
	MEM_RESERVE_PLACEHOLDER   uint32 = 0x00040000
	MEM_COALESCE_PLACEHOLDERS uint32 = 0x00000001 // with MEM_RELEASE
	MEM_PRESERVE_PLACEHOLDER  uint32 = 0x00000002
)

// Attributes of sections (winnt.h; "CreateFileMapping").
const (
	SEC_BASED        uint32 = 0x00200000
	SEC_NO_CHANGE    uint32 = 0x00400000
	SEC_FILE         uint32 = 0x00800000
	SEC_IMAGE        uint32 = 0x01000000
	SEC_RESERVE      uint32 = 0x04000000
	SEC_COMMIT       uint32 = 0x08000000
	SEC_NOCACHE      uint32 = 0x10000000
	SEC_WRITECOMBINE uint32 = 0x40000000
	SEC_LARGE_PAGES  uint32 = 0x80000000
)

// MemoryBasicInformationSize is the size in bytes of MEMORY_BASIC_INFORMATION on x64.
const MemoryBasicInformationSize = 48

// MemoryBasicInformation is a MEMORY_BASIC_INFORMATION: a run of pages with the same attributes (winnt.h).
type MemoryBasicInformation struct {
	BaseAddress       uint64
	AllocationBase    uint64
	AllocationProtect uint32
	RegionSize        uint64
	State             uint32 // MEM_COMMIT, MEM_RESERVE or MEM_FREE
	Protect           uint32 // 0 where reserved, PAGE_NOACCESS where free
	Type              uint32 // MEM_PRIVATE, MEM_MAPPED, MEM_IMAGE; 0 where free
}

// Marshal writes the structure to b, which has at least MemoryBasicInformationSize bytes.
func (m *MemoryBasicInformation) Marshal(b []byte) {
	le := binary.LittleEndian
	clear(b[:MemoryBasicInformationSize])
	le.PutUint64(b[0:], m.BaseAddress)
	le.PutUint64(b[8:], m.AllocationBase)
	le.PutUint32(b[16:], m.AllocationProtect)
	le.PutUint64(b[24:], m.RegionSize)
	le.PutUint32(b[32:], m.State)
	le.PutUint32(b[36:], m.Protect)
	le.PutUint32(b[40:], m.Type)
}

// String returns type, state and protection: private COMMIT READWRITE.
func (m MemoryBasicInformation) String() string {
	switch m.State {
	case MEM_FREE:
		return "free"
	case MEM_RESERVE:
		return TypeName(m.Type) + " RESERVE"
	}
	return TypeName(m.Type) + " COMMIT " + ProtectionName(m.Protect)
}

// TypeName names a region's type: private, mapped, image.
func TypeName(t uint32) string {
	switch t {
	case MEM_PRIVATE:
		return "private"
	case MEM_MAPPED:
		return "mapped"
	case MEM_IMAGE:
		return "image"
	}
	return fmt.Sprintf("type %#x", t)
}

var protectionNames = []struct {
	bit  uint32
	name string
}{
	{PAGE_NOACCESS, "NOACCESS"},
	{PAGE_READONLY, "READONLY"},
	{PAGE_READWRITE, "READWRITE"},
	{PAGE_WRITECOPY, "WRITECOPY"},
	{PAGE_EXECUTE, "EXECUTE"},
	{PAGE_EXECUTE_READ, "EXECUTE_READ"},
	{PAGE_EXECUTE_READWRITE, "EXECUTE_READWRITE"},
	{PAGE_EXECUTE_WRITECOPY, "EXECUTE_WRITECOPY"},
	{PAGE_GUARD, "GUARD"},
	{PAGE_NOCACHE, "NOCACHE"},
	{PAGE_WRITECOMBINE, "WRITECOMBINE"},
}

// ProtectionName names a protection without its PAGE_ prefixes: READWRITE|GUARD.
func ProtectionName(p uint32) string {
	var names []string
	for _, n := range protectionNames {
		if p&n.bit != 0 {
			names = append(names, n.name)
			p &^= n.bit
		}
	}
	if p != 0 || len(names) == 0 {
		names = append(names, fmt.Sprintf("%#x", p))
	}
	return strings.Join(names, "|")
}
