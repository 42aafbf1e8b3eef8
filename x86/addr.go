package x86

import "fmt"

// PageShift, PageSize and PageMask describe the 4 KiB base page; large pages are 2 MiB and huge pages 1 GiB
// (SDM vol. 3A 4.5).
const (
	PageShift = 12
	PageSize  = 1 << PageShift
	PageMask  = PageSize - 1

	LargePageSize = 2 << 20
	HugePageSize  = 1 << 30
)

// VirtAddr is a 64-bit linear address. pagewalk has no paging-mode with more than 48 significant bits.
type VirtAddr uint64

// PhysAddr is a guest physical address, at most 52 bits wide.
type PhysAddr uint64

// Canonical reports whether bits 63:47 of va are all equal (SDM vol. 1 3.3.7.1, 48-bit linear addresses).
func (va VirtAddr) Canonical() bool { return uint64(int64(va)<<16>>16) == uint64(va) }

// Page returns va with its low 12 bits cleared.
func (va VirtAddr) Page() VirtAddr { return va &^ PageMask }

// Offset returns the byte offset of va inside its 4 KiB page.
func (va VirtAddr) Offset() uint64 { return uint64(va) & PageMask }

// String formats va as 0x-prefixed hexadecimal without padding.
func (va VirtAddr) String() string { return fmt.Sprintf("%#x", uint64(va)) }

// Page returns pa with its low 12 bits cleared.
func (pa PhysAddr) Page() PhysAddr { return pa &^ PageMask }

// Offset returns the byte offset of pa inside its 4 KiB frame.
func (pa PhysAddr) Offset() uint64 { return uint64(pa) & PageMask }

// PFN returns the page frame number: pa divided by 4 KiB.
func (pa PhysAddr) PFN() uint64 { return uint64(pa) >> PageShift }

// String formats pa as 0x-prefixed hexadecimal without padding.
func (pa PhysAddr) String() string { return fmt.Sprintf("%#x", uint64(pa)) }
