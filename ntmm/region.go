package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// RegionTraits are what a reservation or view was made with, beside its type.
type RegionTraits struct {
	Placeholder bool
	Physical    bool // MEM_PHYSICAL
	WriteWatch  bool
	Large       bool
}

// RegionTraits returns those of the region that holds va, none where there is none.
func (as *AddressSpace) RegionTraits(va x86.VirtAddr) RegionTraits {
	v := as.vads.find(va)
	if v == nil {
		return RegionTraits{}
	}
	return RegionTraits{v.placeholder, v.physical, v.watch != nil, v.large}
}

// Shows reports whether va is in a view of a section's pages and shows those from an offset, in bytes, on.
func (as *AddressSpace) Shows(va x86.VirtAddr, s *Section, offset uint64) bool {
	v := as.vads.find(va)
	return v != nil && v.area == s.area && v.page(va)<<x86.PageShift == offset
}

// Populate brings every page of a range in that may be read, pages of zeros too; what cannot be had is left.
func (as *AddressSpace) Populate(start, end x86.VirtAddr) {
	for va := start.Page(); va < end; {
		v := as.vads.next(va)
		if v == nil || v.start >= end {
			return
		}
		for va = max(va, v.start); va < min(v.end, end); va += x86.PageSize {
			committed, code := as.attributes(v, va)
			if !committed {
				va = as.runEnd(v, va, committed, code) - x86.PageSize
				continue
			}
			if _, e := as.pte(va); v.large || e&x86.PTEPresent != 0 || code.noAccess() || code.guard() {
				continue
			}
			if r := as.Fault(&x86.Fault{Vector: x86.VectorPF, Code: x86.PFUser, Addr: va}, KernelMode); r.Status == ntdef.STATUS_NO_MEMORY {
				return
			}
		}
	}
}

// Contiguity says how a unit of an address space lies in physical memory (MEMORY_PHYSICAL_CONTIGUITY_UNIT_STATE).
type Contiguity uint32

// The states.
const (
	NotContiguous Contiguity = iota
	AlignedAndContiguous
	NotResident // a page of it is not in the working set
	NotEligible // nothing is committed there
)

// Contiguity looks at a unit of bytes, a power of two that va is a multiple of.
func (as *AddressSpace) Contiguity(va x86.VirtAddr, unit uint64) Contiguity {
	pages := unit >> x86.PageShift
	first, result := uint64(0), AlignedAndContiguous
	for n := range pages {
		at := va + x86.VirtAddr(n<<x86.PageShift)
		v := as.vads.find(at)
		if v == nil {
			return NotEligible
		}
		if committed, _ := as.attributes(v, at); !committed {
			return NotEligible
		}
		i := as.Page(at)
		switch {
		case !i.Valid:
			result = NotResident
		case n == 0:
			first = i.PFN
			fallthrough
		default:
			if result == AlignedAndContiguous && (first%pages != 0 || i.PFN != first+n) {
				result = NotContiguous
			}
		}
	}
	return result
}
