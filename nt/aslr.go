package nt

import (
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// Address-space layout randomisation, from the machine's seed (Windows Internals, part 1 ch. 5, "Address space layout
// randomization"; the figures are those of nt's layout profile for 64-bit Windows 10).
const (
	aslrUnit     = 64 << 10
	exeSlots     = 254     // a program moves by 1 … 254 units
	dllBiasSlots = 1 << 18 // all DLLs move by one bias, the same in every process until the machine is switched off
	stackSlots   = 1 << 20 // the main stack, TEB and PEB lie in the first 64 GiB
)

// userLow is where the user address space begins: the first and the last 64 KiB are never mapped.
const userLow = 0x10000

// A Layout is how large the user address space of a 64-bit process is.
type Layout uint8

// The layouts of 64-bit Windows: 8.1 and later, and before. A program without IMAGE_FILE_LARGE_ADDRESS_AWARE has 2 GB in both.
const (
	Layout128TB Layout = iota
	Layout8TB
)

// high returns the last address that a program with some characteristics may map.
func (l Layout) high(characteristics uint16) uint64 {
	const largeAddressAware = 0x20
	switch {
	case characteristics&largeAddressAware == 0:
		return 2<<30 - aslrUnit - 1
	case l == Layout8TB:
		return 8<<40 - aslrUnit - 1
	}
	return 128<<40 - aslrUnit - 1
}

// imageDynamicBase is IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE.
const imageDynamicBase = 0x40

// relocatable reports whether an image can run anywhere.
func (s *Section) relocatable() bool {
	const relocsStripped = 1 // IMAGE_FILE_RELOCS_STRIPPED
	return s.PE.Characteristics&relocsStripped == 0 && s.PE.Directories[5].Size != 0
}

// imageBase picks where an image goes: its preferred base, or where ASLR moves it.
func (p *Process) imageBase(sec *Section) x86.VirtAddr {
	preferred := x86.VirtAddr(sec.PE.ImageBase)
	if sec.PE.DllCharacteristics&imageDynamicBase == 0 || !sec.relocatable() {
		return preferred
	}
	if p.program == nil {
		if sec.base == 0 {
			sec.base = preferred + aslrUnit*x86.VirtAddr(1+p.sys.rng.Uint64N(exeSlots))
		}
		return sec.base
	}
	return preferred + aslrUnit*x86.VirtAddr(p.sys.bias)
}

// randomBase picks a free place for size bytes in the low part of the address space, 64 KiB-aligned.
func (p *Process) randomBase(size uint64) x86.VirtAddr {
	for range 64 {
		base := x86.VirtAddr(userLow + aslrUnit*p.sys.rng.Uint64N(min(stackSlots, uint64(p.as.Layout().High)/aslrUnit)))
		if p.isFree(base, size) {
			return base
		}
	}
	return 0 // crowded: the memory manager picks
}

func (p *Process) isFree(base x86.VirtAddr, size uint64) bool {
	info, st := p.as.Query(base)
	return st == 0 && info.State == ntmm.StateFree && info.RegionSize >= size
}
