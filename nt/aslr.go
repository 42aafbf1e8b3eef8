package nt

import (
	"cmp"
	"slices"

	"github.com/pagewalk/pagewalk/loader"
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

	// 32-bit DLLs lie between these, below as many units as the bias says.
	dll32Low, dll32High = 0x50000000, 0x78000000
	dll32BiasSlots      = 256
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

// imageBase picks where an image lies in every process, when its section is made: its preferred base, or where ASLR moves it. A
// program moves by itself; DLLs by one bias, and below those that came before where that place is another DLL's.
func (s *System) imageBase(pe *loader.PE) uint64 {
	const fileDLL = 0x2000 // IMAGE_FILE_DLL
	switch {
	case pe.DllCharacteristics&imageDynamicBase == 0 || !pe.Relocatable():
		return pe.ImageBase
	case pe.Width() == 4 && (pe.Characteristics&fileDLL != 0 || pe.ImageBase >= dll32Low):
		return s.imageBase32(pe)
	case pe.Characteristics&fileDLL == 0:
		return pe.ImageBase + aslrUnit*(1+s.rng.Uint64N(exeSlots))
	}
	return s.dlls.place(pe.ImageBase+aslrUnit*s.bias, uint64(pe.SizeOfImage))
}

// imageBase32 places a 32-bit image among the 32-bit DLLs; where they leave no room, it stays at its preferred base.
func (s *System) imageBase32(pe *loader.PE) uint64 {
	size := uint64(pe.SizeOfImage)
	top := dll32High - aslrUnit*(1+s.bias%dll32BiasSlots)
	if size > top-dll32Low {
		return pe.ImageBase
	}
	base := s.dlls.place((top-size)&^(aslrUnit-1), size)
	if base < dll32Low || base >= dll32High {
		s.dlls.free(base)
		return pe.ImageBase
	}
	return base
}

// dllPlaces are the addresses that DLLs have in every process, in ascending order.
type dllPlaces struct{ taken []dllPlace }

type dllPlace struct{ start, end uint64 }

// place takes size bytes at base, or below what is there.
func (d *dllPlaces) place(base, size uint64) uint64 {
	size = roundUp(size, aslrUnit)
	for i := len(d.taken) - 1; i >= 0; i-- {
		if o := d.taken[i]; base < o.end && o.start < base+size {
			base = o.start - size
		}
	}
	at, _ := slices.BinarySearchFunc(d.taken, base, func(p dllPlace, b uint64) int { return cmp.Compare(p.start, b) })
	d.taken = slices.Insert(d.taken, at, dllPlace{base, base + size})
	return base
}

// free gives a place back.
func (d *dllPlaces) free(base uint64) {
	d.taken = slices.DeleteFunc(d.taken, func(p dllPlace) bool { return p.start == base })
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
