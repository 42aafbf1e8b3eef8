package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Address Windowing Extensions: frames that a process owns and maps into a MEM_PHYSICAL reservation as it likes, each at one
// address at most. They are never trimmed or written (Windows Internals, part 1 ch. 5, "Address Windowing Extensions").

// AllocatePhysical is NtAllocateUserPhysicalPages: at most n frames of zeros, as many as there are. INSUFFICIENT_RESOURCES where
// there is none, COMMITMENT_LIMIT.
func (as *AddressSpace) AllocatePhysical(n uint64) ([]uint64, ntdef.Status) {
	m := as.m
	defer m.check()
	var frames []uint64
	st := ntdef.STATUS_SUCCESS
	for range min(n, m.pfns.frames) {
		if st = as.charge(1); st != ntdef.STATUS_SUCCESS {
			break
		}
		frame, ok := m.takeFrame(true)
		if !ok {
			as.release(1)
			st = ntdef.STATUS_INSUFFICIENT_RESOURCES
			break
		}
		m.pfns.entry(frame).area = areaPhysical
		if as.physical == nil {
			as.physical = map[uint64]struct{}{}
		}
		as.physical[frame] = struct{}{}
		frames = append(frames, frame)
	}
	if len(frames) != 0 {
		st = ntdef.STATUS_SUCCESS
	}
	return frames, st
}

// FreePhysical is NtFreeUserPhysicalPages: it unmaps and frees frames in order and returns how many it freed.
// CONFLICTING_ADDRESSES at the first that is not the process's.
func (as *AddressSpace) FreePhysical(frames []uint64) (uint64, ntdef.Status) {
	m := as.m
	defer m.check()
	for i, frame := range frames {
		if _, own := as.physical[frame]; !own {
			return uint64(i), ntdef.STATUS_CONFLICTING_ADDRESSES
		}
		if p := m.pfns.entry(frame); p.share != 0 {
			as.unmapPhysical(as.physicalAddress(frame))
		}
		delete(as.physical, frame)
		m.freeFrame(frame)
		as.release(1)
	}
	return uint64(len(frames)), ntdef.STATUS_SUCCESS
}

// MapPhysical is NtMapUserPhysicalPagesScatter: page i of addresses gets frame i, or none where frames is nil; what was there is
// unmapped. INVALID_PARAMETER_1 for an address outside of MEM_PHYSICAL reservations, INVALID_PARAMETER_3 for a frame that is
// not the process's or that is mapped elsewhere; then nothing changes.
func (as *AddressSpace) MapPhysical(addresses []x86.VirtAddr, frames []uint64) ntdef.Status {
	m := as.m
	defer m.check()
	leaving := map[uint64]bool{} // frames that the call unmaps
	for _, va := range addresses {
		v := as.vads.find(va)
		if v == nil || !v.physical {
			return ntdef.STATUS_INVALID_PARAMETER_1
		}
		if _, e := as.pte(va); e != 0 {
			leaving[frameOf(e)] = true
		}
	}
	seen := map[uint64]bool{}
	for _, frame := range frames {
		_, own := as.physical[frame]
		if !own || seen[frame] || m.pfns.entry(frame).share != 0 && !leaving[frame] {
			return ntdef.STATUS_INVALID_PARAMETER_3
		}
		seen[frame] = true
	}
	if frames != nil {
		for _, va := range addresses {
			if st := as.makeTables(va.Page(), va.Page()+x86.PageSize); st != ntdef.STATUS_SUCCESS {
				for _, va := range addresses {
					as.freeEmptyTables(va.Page(), va.Page()+x86.PageSize)
				}
				return st
			}
		}
	}
	for _, va := range addresses {
		if at, e := as.pte(va); e != 0 {
			as.m.pfns.entry(frameOf(e)).share = 0
			as.setPTE(at, 0)
			as.invalidate(va)
			if frames == nil {
				as.freeTables(at.PFN())
			}
		}
	}
	for i, frame := range frames {
		at, _ := as.pte(addresses[i])
		p := m.pfns.entry(frame)
		p.pte, p.share = at, 1
		as.setPTE(at, validPTE(frame, codeReadWrite)|ptePhysical)
		if p.original = x86.PTE(addresses[i].Page()); p.original == 0 {
			panic("ntmm: page 0 was mapped")
		}
	}
	return ntdef.STATUS_SUCCESS
}

// physicalAddress is where a mapped frame of the process lies: its PFN entry has the address in place of an original PTE.
func (as *AddressSpace) physicalAddress(frame uint64) x86.VirtAddr {
	return x86.VirtAddr(as.m.pfns.entry(frame).original)
}

func (as *AddressSpace) unmapPhysical(va x86.VirtAddr) {
	at, e := as.pte(va)
	as.dropPage(va, at, e)
}

// dropPhysical ends the mapping of a frame of AWE.
func (as *AddressSpace) dropPhysical(va x86.VirtAddr, e x86.PTE) {
	p := as.m.pfns.entry(frameOf(e))
	p.share, p.pte, p.original = 0, 0, 0
	as.invalidate(va)
}
