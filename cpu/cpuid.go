package cpu

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/x86"
)

// features is a set of Feature.
type features uint64

func (s features) has(f Feature) bool { return s>>f&1 != 0 }

// featureBits says where CPUID reports each feature: leaf, register (0 EAX … 3 EDX) and bit (SDM vol. 2A, CPUID).
var featureBits = [...]struct {
	leaf     uint32
	reg, bit uint8
}{
	X87:        {1, 3, 0},
	MMX:        {1, 3, 23},
	SSE:        {1, 3, 25},
	SSE2:       {1, 3, 26},
	SSE3:       {1, 2, 0},
	SSSE3:      {1, 2, 9},
	SSE41:      {1, 2, 19},
	SSE42:      {1, 2, 20},
	POPCNT:     {1, 2, 23},
	MOVBE:      {1, 2, 22},
	AES:        {1, 2, 25},
	PCLMULQDQ:  {1, 2, 1},
	SHA:        {7, 1, 29},
	RDRAND:     {1, 2, 30},
	RDSEED:     {7, 1, 18},
	RDTSCP:     {0x80000001, 3, 27},
	RDPID:      {7, 2, 22},
	FSGSBASE:   {7, 1, 0},
	CX16:       {1, 2, 13},
	FXSR:       {1, 3, 24},
	XSAVE:      {1, 2, 26},
	ADX:        {7, 1, 19},
	CLFLUSHOPT: {7, 1, 23},
	CLWB:       {7, 1, 24},
	SMAP:       {7, 1, 20},
	PKU:        {7, 2, 3},
	PKS:        {7, 2, 31},
	PCID:       {1, 2, 17},
	INVPCID:    {7, 1, 10},
	UMIP:       {7, 2, 2},
	MONITOR:    {1, 2, 3},
}

// cpuid reports what the processor has; leaves beyond the maximum answer as the highest basic leaf does.
// SDM vol. 2A, CPUID.
func cpuid(c *CPU, in *Inst) *x86.Fault {
	leaf, sub := uint32(c.R[RAX]), uint32(c.R[RCX])
	r := c.cpuidLeaf(leaf, sub)
	for f, at := range featureBits {
		if at.leaf == leaf && at.leaf != 0 && (leaf != 7 || sub == 0) && c.features.has(Feature(f)) {
			r[at.reg] |= 1 << at.bit
		}
	}
	c.R[RAX], c.R[RBX], c.R[RCX], c.R[RDX] = uint64(r[0]), uint64(r[1]), uint64(r[2]), uint64(r[3])
	return nil
}

const (
	maxBasic    = 13
	maxExtended = 0x80000008
	vendor      = "GenuineIntel"
	brand       = "pagewalk x86-64 processor"
	// family 6, model 26, stepping 5: the first x86-64-v2 microarchitecture.
	signature = 0x000106a5
)

// An Identity is what CPUID says a processor is: leaves 0, 1 and 80000002h to 80000004h.
type Identity struct {
	Vendor, Brand           string
	Family, Model, Stepping uint32 // the displayed ones, with the extended bits
	Signature               uint32 // EAX of leaf 1
}

// Identity returns what CPUID says.
func (c *CPU) Identity() Identity {
	const family, model = signature >> 8 & 0xf, signature>>4&0xf | signature>>12&0xf0
	return Identity{Vendor: vendor, Brand: brand, Family: family, Model: model, Stepping: signature & 0xf, Signature: signature}
}

// cpuidLeaf returns EAX, EBX, ECX, EDX of a leaf without the feature bits.
func (c *CPU) cpuidLeaf(leaf, sub uint32) (r [4]uint32) {
	switch leaf {
	case 0:
		return vendorLeaf(maxBasic)
	case 1:
		r[0] = signature
		r[1] = 8<<8 | 1<<16 // CLFLUSH line of 64 bytes, one logical processor
		r[3] = 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<8 | 1<<13 | 1<<15 | 1<<16 | 1<<19 | 1<<11
		// DE, PSE, TSC, MSR, PAE, CX8, SEP, PGE, CMOV, PAT, CLFSH
		if c.features.has(XSAVE) && c.MMU.CR4()&x86.CR4OSXSAVE != 0 {
			r[2] |= 1 << 27
		}
	case 7:
		if sub == 0 {
			r[1] = 1<<7 | 1<<9 // SMEP, enhanced REP MOVSB/STOSB
			if c.MMU.CR4()&x86.CR4PKE != 0 {
				r[2] = 1 << 4 // OSPKE
			}
		}
	case 10:
		return c.PerformanceLeaf
	case 13:
		switch {
		case !c.features.has(XSAVE):
		case sub == 0:
			r = [4]uint32{xstateAll, xsaveSize, xsaveSize, 0}
		case sub == 1:
			r = [4]uint32{1 | 2 | 4 | 8, xsaveSize} // XSAVEOPT, XSAVEC, XGETBV of register 1, XSAVES
		}
	case 0x80000000:
		return [4]uint32{maxExtended}
	case 0x80000001:
		r[2] = 1                             // LAHF/SAHF in 64-bit mode
		r[3] = 1<<11 | 1<<20 | 1<<26 | 1<<29 // SYSCALL, NX, 1 GiB pages, long mode
	case 0x80000002, 0x80000003, 0x80000004:
		var text [48]byte
		copy(text[:], brand)
		for i := range r {
			r[i] = binary.LittleEndian.Uint32(text[(leaf-0x80000002)*16+uint32(i)*4:])
		}
	case 0x80000008:
		r[0] = uint32(c.MMU.MaxPhysAddr()) | 48<<8
	}
	return r
}

func vendorLeaf(maxLeaf uint32) [4]uint32 {
	le := binary.LittleEndian
	return [4]uint32{maxLeaf, le.Uint32([]byte(vendor[0:4])), le.Uint32([]byte(vendor[8:12])), le.Uint32([]byte(vendor[4:8]))}
}
