package mmu

import "github.com/pagewalk/pagewalk/x86"

// A MemoryType is how the processor caches a page (SDM vol. 3A 11.3, table 11-10). It is reported, and costs nothing.
type MemoryType uint8

// The memory types, by their encoding in IA32_PAT.
const (
	Uncacheable    MemoryType = 0 // UC
	WriteCombining MemoryType = 1 // WC
	WriteThrough   MemoryType = 4 // WT
	WriteProtected MemoryType = 5 // WP
	WriteBack      MemoryType = 6 // WB
	Uncached       MemoryType = 7 // UC-, which an MTRR may make WC
)

// String returns the SDM's abbreviation.
func (t MemoryType) String() string {
	return [...]string{"UC", "WC", "reserved", "reserved", "WT", "WP", "WB", "UC-"}[t&7]
}

// patReset is IA32_PAT after reset (SDM vol. 3A table 11-12).
const patReset = 0x0007040600070406

// PAT returns IA32_PAT.
func (m *MMU) PAT() uint64 { return m.pat }

// SetPAT is WRMSR to IA32_PAT: #GP(0) for an entry that is no memory type (SDM vol. 3A 11.12.4).
func (m *MMU) SetPAT(v uint64) *x86.Fault {
	for i := range 8 {
		switch MemoryType(v >> (8 * i)) {
		case Uncacheable, WriteCombining, WriteThrough, WriteProtected, WriteBack, Uncached:
		default:
			return m.gp()
		}
	}
	m.pat = v
	return nil
}

// memoryType is the type of what an entry maps, or of the table it points to: entry PAT·4 + PCD·2 + PWT of IA32_PAT. Only a
// leaf has a PAT bit: bit 7 of a PTE, bit 12 of a larger page's entry (SDM vol. 3A 4.9.2).
func (m *MMU) memoryType(e x86.PTE, level int, leaf bool) MemoryType {
	i := uint(0)
	if e&x86.PTEPWT != 0 {
		i |= 1
	}
	if e&x86.PTEPCD != 0 {
		i |= 2
	}
	if leaf && (level == 1 && e&x86.PTELarge != 0 || level > 1 && e&x86.PTEPATLarge != 0) {
		i |= 4
	}
	return MemoryType(m.pat >> (8 * i) & 7)
}
