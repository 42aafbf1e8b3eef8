package ntmm

import (
	"fmt"

	"github.com/pagewalk/pagewalk/x86"
)

// verify checks what must hold between operations: page tables, VADs, PFN entries and the commit charge agree. It holds
// for a machine with one address space. It walks everything: for tests and the build tag invariants.
func (as *AddressSpace) verify() error {
	v := verifier{as: as, shares: map[uint64]uint32{}}
	if err := v.tree(as.vads.root, 0, ^x86.VirtAddr(0)); err != nil {
		return err
	}
	if err := v.table(as.cr3, 4, 0); err != nil {
		return err
	}
	for _, vad := range v.vads {
		if s := vad.section; s != nil {
			v.commit += s.copyPages(0, uint64(len(s.codes)))
		} else if vad.committed {
			v.commit += vad.pages()
		}
	}
	v.commit += v.tables + v.extra
	if total := as.m.commit.total; v.commit != total {
		return fmt.Errorf("the pages add up to a commit of %d, charged are %d", v.commit, total)
	}
	for frame, n := range v.shares {
		if p := as.m.pfns.entry(frame); p.share != n {
			return fmt.Errorf("frame %#x is mapped %d times, its share count is %d", frame, n, p.share)
		}
	}
	return v.lists()
}

type verifier struct {
	as     *AddressSpace
	vads   []*vad // in address order
	shares map[uint64]uint32
	commit uint64 // of whole VADs
	extra  uint64 // pages committed or decommitted one by one, modulo 2^64
	tables uint64
	frames uint64 // in use
}

// tree checks order, bounds and gaps of a subtree whose VADs lie in [low, high).
func (v *verifier) tree(n *vad, low, high x86.VirtAddr) error {
	if n == nil {
		return nil
	}
	if err := v.tree(n.left, low, n.start); err != nil {
		return err
	}
	v.vads = append(v.vads, n)
	if n.start < low || n.end > high || n.start >= n.end || (n.start|n.end)&x86.PageMask != 0 {
		return fmt.Errorf("VAD %v-%v lies outside %v-%v", n.start, n.end, low, high)
	}
	if err := v.tree(n.right, n.end, high); err != nil {
		return err
	}
	kept := *n
	n.update()
	if kept.low != n.low || kept.high != n.high || kept.gap != n.gap {
		return fmt.Errorf("VAD %v-%v has stale bounds or gap", n.start, n.end)
	}
	return nil
}

// table checks one page of tables and what is below it.
func (v *verifier) table(pa x86.PhysAddr, level int, base x86.VirtAddr) error {
	m := v.as.m
	v.tables++
	v.frames++
	if p := m.pfns.entry(pa.PFN()); p.state != pfnActive {
		return fmt.Errorf("the page table at %v is not active", pa)
	}
	used := uint16(0)
	for i := range x86.PhysAddr(ptesPerTable) {
		at := pa + 8*i
		e := m.load(at)
		if e == 0 {
			continue
		}
		used++
		va := base + x86.VirtAddr(i)<<(12+9*(level-1))
		if level == 1 {
			if err := v.page(va, at, e); err != nil {
				return err
			}
			continue
		}
		if p := m.pfns.entry(frameOf(e)); p.pte != at {
			return fmt.Errorf("the table at %v is mapped by %v and says %v", e.Frame(), at, p.pte)
		}
		if err := v.table(e.Frame(), level-1, va); err != nil {
			return err
		}
	}
	if p := m.pfns.entry(pa.PFN()); p.used != used || used == 0 && pa != v.as.cr3 {
		return fmt.Errorf("the table at %v has %d entries and counts %d", pa, used, p.used)
	}
	return nil
}

// page checks one PTE that is not zero.
func (v *verifier) page(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) error {
	vad := v.as.vads.find(va)
	if vad == nil {
		return fmt.Errorf("the PTE %#x of %v belongs to no VAD", uint64(e), va)
	}
	private := false
	if hasFrame(e) {
		frame := frameOf(e)
		p := v.as.m.pfns.entry(frame)
		v.shares[frame]++
		private = !p.proto
		switch {
		case p.state != pfnActive:
			return fmt.Errorf("frame %#x of %v is not active", frame, va)
		case private && p.pte != at:
			return fmt.Errorf("frame %#x of %v says that its PTE is at %v, it is at %v", frame, va, p.pte, at)
		case p.proto && (vad.section == nil || vad.section.frames[vad.page(va)] != frame):
			return fmt.Errorf("%v maps frame %#x of a section that does not have it", va, frame)
		}
		if private {
			v.frames++
		}
	}
	switch {
	case vad.section != nil:
		if private && !vad.section.codes[vad.page(va)].writeCopy() {
			v.extra++
		}
	case vad.committed && isDecommitted(e):
		v.extra--
	case !vad.committed && !isDecommitted(e):
		v.extra++
	}
	return nil
}

// lists checks that every frame is in use once, free, or zeroed.
func (v *verifier) lists() error {
	for _, s := range v.as.m.sections {
		for _, frame := range s.frames {
			if frame != 0 {
				v.frames++
			}
		}
	}
	d := &v.as.m.pfns
	n := uint64(0)
	for f := d.free; f != 0; f = uint64(d.entry(f).next) {
		if d.entry(f).state != pfnFree {
			return fmt.Errorf("frame %#x is on the free list and not free", f)
		}
		n++
	}
	zeroed, free, active := d.counts()
	if n != free {
		return fmt.Errorf("the free list has %d frames, its count is %d", n, free)
	}
	if v.frames != active {
		return fmt.Errorf("%d frames are in use, %d are active; %d zeroed, %d free", v.frames, active, zeroed, free)
	}
	return nil
}
