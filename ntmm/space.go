package ntmm

import (
	"iter"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// A Layout bounds the user part of an address space: Low is the first address that may be mapped, High the last, one less
// than a multiple of 64 KiB.
type Layout struct{ Low, High x86.VirtAddr }

// AddressSpace is one process's user address space.
type AddressSpace struct {
	m     *Manager
	cr3   x86.PhysAddr
	low   x86.VirtAddr
	high  x86.VirtAddr // exclusive
	vads  vadTree
	stack *Stack
}

// A Stack is the running thread's stack: guard pages inside it grow it.
type Stack struct {
	DeallocationStack x86.VirtAddr // the lowest address of the reservation
	Limit             x86.VirtAddr // of what is committed, moves down
	Base              x86.VirtAddr // the address behind the highest byte
	Guarantee         uint64       // bytes kept for handlers of a stack overflow (SetThreadStackGuarantee)
}

// NewAddressSpace returns an empty address space with its PML4. STATUS_NO_MEMORY or STATUS_COMMITMENT_LIMIT where there is no
// frame for it.
func (m *Manager) NewAddressSpace(l Layout) (*AddressSpace, ntdef.Status) {
	if st := m.commit.charge(1); st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	frame, ok := m.takeFrame(true)
	if !ok {
		m.commit.release(1)
		return nil, ntdef.STATUS_NO_MEMORY
	}
	m.count.PageTablePages++
	return &AddressSpace{
		m: m, cr3: x86.PhysAddr(frame << x86.PageShift), low: l.Low, high: l.High + 1,
	}, ntdef.STATUS_SUCCESS
}

// CR3 returns the physical address of the PML4.
func (as *AddressSpace) CR3() x86.PhysAddr { return as.cr3 }

// Layout returns the bounds.
func (as *AddressSpace) Layout() Layout { return Layout{as.low, as.high - 1} }

// SetStack names the stack of the thread that runs.
func (as *AddressSpace) SetStack(s *Stack) { as.stack = s }

// Delete frees everything that the address space holds. It must not be the one that the processor has loaded.
func (as *AddressSpace) Delete() {
	for as.vads.root != nil {
		as.removeVAD(as.vads.root)
	}
	as.m.freeFrame(as.cr3.PFN())
	as.m.commit.release(1)
	as.m.count.PageTablePages--
}

// removeVAD frees a VAD's pages and the VAD.
func (as *AddressSpace) removeVAD(v *vad) {
	as.dropRange(v, v.start, v.end)
	as.vads.remove(v)
}

// dropRange makes the PTEs of a part of a VAD zero, frees the frames and releases the commit.
func (as *AddressSpace) dropRange(v *vad, start, end x86.VirtAddr) {
	charged := uint64(0)
	switch {
	case v.section != nil:
		charged = v.section.copyPages(v.page(start), v.page(end))
	case v.committed:
		charged = uint64(end-start) >> x86.PageShift
	}
	as.forRange(start, end, func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
		switch {
		case v.section != nil:
			if hasFrame(e) && !as.m.pfns.entry(frameOf(e)).proto && !v.section.codes[v.page(va)].writeCopy() {
				charged++ // a copy of a page that was not write-copy when it was mapped
			}
		case v.committed && isDecommitted(e):
			charged--
		case !v.committed && !isDecommitted(e):
			charged++
		}
		as.dropPage(va, at, e)
	})
	as.m.commit.release(charged)
}

// page returns the index of va's page in the VAD.
func (v *vad) page(va x86.VirtAddr) uint64 { return uint64(va-v.start) >> x86.PageShift }

// isDecommitted reports whether an entry other than zero says that its page is not committed.
func isDecommitted(e x86.PTE) bool { return !hasFrame(e) && codeOf(e) == codeDecommitted }

// dropPage makes one entry zero and frees its frame.
func (as *AddressSpace) dropPage(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
	as.clearPTE(at)
	if e&x86.PTEPresent != 0 {
		as.m.mmu.InvalidatePage(va)
	}
	if hasFrame(e) {
		as.m.unmapFrame(frameOf(e))
	}
}

// unmapFrame takes one mapping off a frame: a private one is freed, one of a section stays with it.
func (m *Manager) unmapFrame(frame uint64) {
	p := m.pfns.entry(frame)
	p.share--
	if !p.proto {
		m.freeFrame(frame)
	}
}

// Regions returns every region of the address space in address order, free ones too, as Query reports them.
func (as *AddressSpace) Regions() iter.Seq[ntdef.MemoryBasicInformation] {
	return func(yield func(ntdef.MemoryBasicInformation) bool) {
		for va := x86.VirtAddr(0); va < as.high; {
			info, st := as.Query(va)
			if st != ntdef.STATUS_SUCCESS || !yield(info) {
				return
			}
			va = x86.VirtAddr(info.BaseAddress + info.RegionSize)
		}
	}
}

// StateFree is MEM_FREE, for callers that look for room.
const StateFree = ntdef.MEM_FREE
