package x86

// CR0 bits (SDM vol. 3A 2.5).
const (
	CR0PE uint64 = 1 << 0
	CR0MP uint64 = 1 << 1
	CR0EM uint64 = 1 << 2
	CR0TS uint64 = 1 << 3
	CR0ET uint64 = 1 << 4
	CR0NE uint64 = 1 << 5
	CR0WP uint64 = 1 << 16
	CR0AM uint64 = 1 << 18
	CR0NW uint64 = 1 << 29
	CR0CD uint64 = 1 << 30
	CR0PG uint64 = 1 << 31
)

// CR4 bits (SDM vol. 3A 2.5).
const (
	CR4TSD        uint64 = 1 << 2
	CR4DE         uint64 = 1 << 3
	CR4PAE        uint64 = 1 << 5
	CR4PGE        uint64 = 1 << 7
	CR4PCE        uint64 = 1 << 8
	CR4OSFXSR     uint64 = 1 << 9
	CR4OSXMMEXCPT uint64 = 1 << 10
	CR4UMIP       uint64 = 1 << 11
	CR4LA57       uint64 = 1 << 12
	CR4FSGSBASE   uint64 = 1 << 16
	CR4PCIDE      uint64 = 1 << 17
	CR4OSXSAVE    uint64 = 1 << 18
	CR4SMEP       uint64 = 1 << 20
	CR4SMAP       uint64 = 1 << 21
	CR4PKE        uint64 = 1 << 22
	CR4PKS        uint64 = 1 << 24
)

// IA32_EFER bits (SDM vol. 3A 2.2.1).
const (
	EFERSCE uint64 = 1 << 0
	EFERLME uint64 = 1 << 8
	EFERLMA uint64 = 1 << 10
	EFERNXE uint64 = 1 << 11
)

// RFLAGS bits (SDM vol. 1 3.4.3).
const (
	FlagCF   uint64 = 1 << 0
	FlagR1   uint64 = 1 << 1 // always 1
	FlagPF   uint64 = 1 << 2
	FlagAF   uint64 = 1 << 4
	FlagZF   uint64 = 1 << 6
	FlagSF   uint64 = 1 << 7
	FlagTF   uint64 = 1 << 8
	FlagIF   uint64 = 1 << 9
	FlagDF   uint64 = 1 << 10
	FlagOF   uint64 = 1 << 11
	FlagIOPL uint64 = 3 << 12
	FlagNT   uint64 = 1 << 14
	FlagRF   uint64 = 1 << 16
	FlagVM   uint64 = 1 << 17
	FlagAC   uint64 = 1 << 18
	FlagVIF  uint64 = 1 << 19
	FlagVIP  uint64 = 1 << 20
	FlagID   uint64 = 1 << 21

	// FlagsStatus are the six arithmetic flags.
	FlagsStatus = FlagCF | FlagPF | FlagAF | FlagZF | FlagSF | FlagOF
)

// A PTE is one 8-byte entry of a PML4, PDPT, page directory or page table in hardware format (SDM vol. 3A 4.5).
type PTE uint64

// Page-table entry bits.
const (
	PTEPresent  PTE = 1 << 0
	PTEWrite    PTE = 1 << 1 // R/W
	PTEUser     PTE = 1 << 2 // U/S
	PTEPWT      PTE = 1 << 3
	PTEPCD      PTE = 1 << 4
	PTEAccessed PTE = 1 << 5
	PTEDirty    PTE = 1 << 6
	PTELarge    PTE = 1 << 7 // PS in a PDPTE or PDE; PAT in a 4 KiB PTE
	PTEGlobal   PTE = 1 << 8
	PTEPATLarge PTE = 1 << 12 // PAT in a 2 MiB or 1 GiB entry
	PTENoExec   PTE = 1 << 63 // XD

	// PTEFrame masks the widest possible physical frame field, bits 51:12.
	PTEFrame PTE = 0x000f_ffff_ffff_f000
	// PTEKeyShift is the position of the 4-bit protection key in a leaf entry.
	PTEKeyShift = 59
)

// Frame returns the physical address in bits 51:12.
func (e PTE) Frame() PhysAddr { return PhysAddr(e & PTEFrame) }

// Model-specific registers (SDM vol. 4, table 2-2).
const (
	MSRTSC          uint32 = 0x10
	MSRAPICBase     uint32 = 0x1b
	MSRSpecCtrl     uint32 = 0x48
	MSRBiosSignID   uint32 = 0x8b
	MSRMTRRCap      uint32 = 0xfe
	MSRSysenterCS   uint32 = 0x174
	MSRSysenterESP  uint32 = 0x175
	MSRSysenterEIP  uint32 = 0x176
	MSRMiscEnable   uint32 = 0x1a0
	MSRPAT          uint32 = 0x277
	MSRMTRRDefType  uint32 = 0x2ff
	MSRPKRS         uint32 = 0x6e1
	MSREFER         uint32 = 0xc0000080
	MSRSTAR         uint32 = 0xc0000081
	MSRLSTAR        uint32 = 0xc0000082
	MSRCSTAR        uint32 = 0xc0000083
	MSRFMask        uint32 = 0xc0000084
	MSRFSBase       uint32 = 0xc0000100
	MSRGSBase       uint32 = 0xc0000101
	MSRKernelGSBase uint32 = 0xc0000102
	MSRTSCAux       uint32 = 0xc0000103
)

// DR6 bits (SDM vol. 3B 17.2.3).
const (
	DR6BD    uint64 = 1 << 13 // a move to or from a debug register with DR7.GD
	DR6BS    uint64 = 1 << 14 // single step
	DR6Fixed uint64 = 0xffff0ff0
)

// DR7 bits (SDM vol. 3B 17.2.4).
const (
	DR7GD    uint64 = 1 << 13
	DR7Fixed uint64 = 1 << 10
)
