package machine

import (
	"errors"
	"fmt"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// Selectors of the descriptor table that a board starts with.
const (
	startCS = 0x08
	startDS = 0x10
)

// Attributes of the segments a board starts with: flat, present, accessed.
const (
	codeAttr = cpu.AttrP | cpu.AttrS | cpu.AttrCode | cpu.AttrRead | cpu.AttrAccessed | cpu.AttrG
	dataAttr = cpu.AttrP | cpu.AttrS | cpu.AttrWrite | cpu.AttrAccessed | cpu.AttrG | cpu.AttrDB
)

func (b *Board) setSegments(code uint16) {
	for _, seg := range [...]int{decode.ES, decode.SS, decode.DS, decode.FS, decode.GS} {
		b.cpu.SetSegment(seg, cpu.Segment{Selector: startDS, Attr: dataAttr, Limit: 0xffffffff})
	}
	b.cpu.SetSegment(cpu.LDTR, cpu.Segment{})
	b.cpu.SetSegment(decode.CS, cpu.Segment{Selector: startCS, Attr: codeAttr | code, Limit: 0xffffffff})
}

// StartProtected puts the processor into flat 32-bit protected mode without paging and with interrupts off, as the multiboot
// specification has it (3.2). The guest makes its own descriptor table before it loads a segment register.
func (b *Board) StartProtected(entry, eax, ebx uint32) error {
	m := b.cpu.MMU
	for _, f := range []*x86.Fault{m.SetCR0(x86.CR0PE | x86.CR0ET | x86.CR0NE), m.SetCR4(0), m.SetEFER(0)} {
		if f != nil {
			return f
		}
	}
	b.cpu.SetFlags(0)
	b.setSegments(cpu.AttrDB)
	b.cpu.SetGDTR(0, 0)
	b.cpu.SetIDTR(0, 0)
	b.cpu.R[cpu.RAX], b.cpu.R[cpu.RBX] = uint64(eax), uint64(ebx)
	b.cpu.RIP = uint64(entry)
	return nil
}

// A Mapping is memory that a start in long mode maps beside RAM at its own address.
type Mapping struct {
	Virt x86.VirtAddr
	Phys x86.PhysAddr
	Size uint64 // bytes
}

// StartLong puts the processor into 64-bit mode at CPL 0 with interrupts off: page tables that map all RAM, and the
// registers of the APICs, at their own addresses, and what else is asked for; a descriptor table with a 64-bit code and a
// data segment; a stack. Nothing of that lies between keep and 32 MiB above it.
func (b *Board) StartLong(rip uint64, keep x86.PhysAddr, extra []Mapping) error {
	if !x86.VirtAddr(rip).Canonical() {
		return fmt.Errorf("the entry point %#x is not canonical", rip)
	}
	t, err := b.newTables()
	if err != nil {
		return err
	}
	for _, r := range b.mem.Ranges() {
		if err := t.add(Mapping{x86.VirtAddr(r.First), r.First, r.Size}, 0); err != nil {
			return err
		}
	}
	for _, pa := range [...]x86.PhysAddr{apicBase, ioapicBase} {
		if err := t.add(Mapping{x86.VirtAddr(pa), pa, x86.PageSize}, x86.PTEPCD); err != nil {
			return err
		}
	}
	for _, m := range extra {
		if err := t.add(m, 0); err != nil {
			return err
		}
	}
	gdt := t.frame()
	b.mem.Store64(gdt+startCS, 0x00af9b000000ffff)
	b.mem.Store64(gdt+startDS, 0x00cf93000000ffff)
	m := b.cpu.MMU
	cr4 := x86.CR4PAE | x86.CR4OSFXSR | x86.CR4OSXMMEXCPT
	if b.cpu.HasFeature(cpu.FSGSBASE) {
		cr4 |= x86.CR4FSGSBASE
	}
	if b.cpu.HasFeature(cpu.XSAVE) {
		cr4 |= x86.CR4OSXSAVE
		b.cpu.SetXCR0(3)
	}
	for _, f := range []*x86.Fault{
		m.SetCR4(cr4), m.SetCR3(uint64(t.root)), m.SetEFER(x86.EFERLME | x86.EFERNXE | x86.EFERSCE),
		m.SetCR0(x86.CR0PE | x86.CR0ET | x86.CR0NE | x86.CR0MP | x86.CR0WP | x86.CR0PG),
	} {
		if f != nil {
			return f
		}
	}
	b.cpu.SetFlags(0)
	b.setSegments(cpu.AttrL)
	b.cpu.SetGDTR(uint64(gdt), 0x17)
	b.cpu.SetIDTR(0, 0)
	b.cpu.RIP = rip
	b.cpu.R[cpu.RSP] = b.stack(keep, t)
	return nil
}

// window is what StartLong leaves alone above the image.
const window = 32 << 20

// stackSize is the room that a stack gets.
const stackSize = 64 << 10

// stack returns a stack pointer above the window where there is RAM, else one in the tables' own region.
func (b *Board) stack(keep x86.PhysAddr, t *tables) uint64 {
	top := keep + window + stackSize
	if b.mem.Frame(top-1) != nil && b.mem.Frame(top-stackSize) != nil {
		return uint64(top)
	}
	return uint64(t.end)
}

// tables builds 4-level page tables in a region of RAM of their own, high in the physical address space.
type tables struct {
	b         *Board
	root      x86.PhysAddr
	next, end x86.PhysAddr
}

// tablesSize has room for tables of RAM in 2 MiB pages and of many small ranges; its upper end is a stack.
const tablesSize = 64 << 20

func (b *Board) newTables() (*tables, error) {
	top := x86.PhysAddr(1) << b.cpu.MMU.MaxPhysAddr()
	for at := top - tablesSize; at >= holeEnd; at -= tablesSize {
		if b.mem.Map(at, tablesSize) == nil {
			t := &tables{b: b, next: at, end: at + tablesSize}
			t.root = t.frame()
			return t, nil
		}
	}
	return nil, errors.New("page tables: no room in the physical address space")
}

// frame takes a zeroed frame, 0 where none is left.
func (t *tables) frame() x86.PhysAddr {
	if t.next+x86.PageSize > t.end-stackSize {
		return 0
	}
	pa := t.next
	t.next += x86.PageSize
	return pa
}

// add maps a range with the largest of 4 KiB and 2 MiB pages that fit.
func (t *tables) add(m Mapping, bits x86.PTE) error {
	if uint64(m.Virt)&x86.PageMask != uint64(m.Phys)&x86.PageMask {
		return fmt.Errorf("map %#x at %#x: their offsets in a page differ", uint64(m.Phys), uint64(m.Virt))
	}
	off := uint64(m.Virt) & x86.PageMask
	va, pa, left := m.Virt-x86.VirtAddr(off), m.Phys-x86.PhysAddr(off), m.Size+off
	const large = 2 << 20
	for left > 0 {
		if !va.Canonical() {
			return fmt.Errorf("map at %#x: the address is not canonical", uint64(va))
		}
		step, level := uint64(x86.PageSize), 1
		if uint64(va)%large == 0 && uint64(pa)%large == 0 && left >= large {
			step, level = large, 2
		}
		at, err := t.entry(va, level)
		if err != nil {
			return err
		}
		e := x86.PTE(pa) | x86.PTEPresent | x86.PTEWrite | bits
		if level == 2 {
			e |= x86.PTELarge
		}
		t.b.mem.Store64(at, uint64(e))
		va, pa, left = va+x86.VirtAddr(step), pa+x86.PhysAddr(step), left-min(left, step)
	}
	return nil
}

// entry returns the address of the entry of a level, making the tables above it.
func (t *tables) entry(va x86.VirtAddr, level int) (x86.PhysAddr, error) {
	table := t.root
	for l := 4; ; l-- {
		at := table + x86.PhysAddr(uint64(va)>>(12+9*(l-1))&511*8)
		if l == level {
			return at, nil
		}
		e := x86.PTE(t.b.mem.Load64(at))
		if e&x86.PTELarge != 0 {
			return 0, fmt.Errorf("map at %#x: a large page is there", uint64(va))
		}
		if e == 0 {
			pa := t.frame()
			if pa == 0 {
				return 0, errors.New("page tables: their 64 MiB are used up")
			}
			e = x86.PTE(pa) | x86.PTEPresent | x86.PTEWrite
			t.b.mem.Store64(at, uint64(e))
		}
		table = e.Frame()
	}
}

// Load copies an image's bytes to physical memory, the rest of size bytes being zero. There has to be RAM.
func (b *Board) Load(at x86.PhysAddr, data []byte, size uint64) error {
	for n := uint64(0); n < size; {
		f := b.mem.Frame(at + x86.PhysAddr(n))
		if f == nil {
			return fmt.Errorf("no RAM at %#x", uint64(at)+n)
		}
		page := f[(at + x86.PhysAddr(n)).Offset():]
		page = page[:min(uint64(len(page)), size-n)]
		k := 0
		if n < uint64(len(data)) {
			k = copy(page, data[n:])
		}
		clear(page[k:])
		n += uint64(len(page))
	}
	return nil
}
