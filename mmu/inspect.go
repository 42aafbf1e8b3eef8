package mmu

import (
	"fmt"
	"strings"

	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// A WalkEntry is one entry that a walk reads.
type WalkEntry struct {
	Level int          // 4 PML4E, 3 PDPTE, 2 PDE, 1 PTE
	Addr  x86.PhysAddr // of the entry
	Entry x86.PTE
}

var levelNames = [...]string{1: "PTE", 2: "PDE", 3: "PDPTE", 4: "PML4E"}

// String returns the entry as PTE[0x1238]=0x8000000000003067.
func (e WalkEntry) String() string {
	return fmt.Sprintf("%s[%#x]=%#x", levelNames[e.Level], uint64(e.Addr), uint64(e.Entry))
}

// A Walk is what the page tables say of an address, from the PML4 down to the entry that ends the walk.
type Walk struct {
	VA      x86.VirtAddr
	Entries [4]WalkEntry
	N       int  // how many entries were read
	Present bool // the walk reached a page
	// Of a present page: where it is, how large, and its rights over all levels.
	PA       x86.PhysAddr
	Size     tlb.Size
	Writable bool
	User     bool
	NoExec   bool
	Reserved bool // the last entry has a reserved bit set
	// Memory is the type of the page; Tables are those with which each entry was read: by PCD and PWT of the entry above
	// it, or of CR3.
	Memory MemoryType
	Tables [4]MemoryType
}

// Last returns the last entry that was read.
func (w *Walk) Last() WalkEntry { return w.Entries[w.N-1] }

// String returns the entries and the result on one line.
func (w Walk) String() string {
	var b strings.Builder
	for _, e := range w.Entries[:w.N] {
		b.WriteString(e.String() + " ")
	}
	switch {
	case w.Reserved:
		b.WriteString("has a reserved bit set")
	case !w.Present:
		b.WriteString("is not present")
	default:
		rights := [...]byte{'r', '-', '-', 's'}
		if w.Writable {
			rights[1] = 'w'
		}
		if !w.NoExec {
			rights[2] = 'x'
		}
		if w.User {
			rights[3] = 'u'
		}
		fmt.Fprintf(&b, "maps %#x (%v, %s)", uint64(w.PA), w.Size, rights[:])
		if w.Memory != WriteBack {
			fmt.Fprintf(&b, " %v", w.Memory)
		}
	}
	return b.String()
}

// Inspect walks the tables for va as they are in memory, without side effects: no A or D bit, TLB, counter or fault is
// touched. It works whether or not va is canonical, from its low 48 bits.
func (m *MMU) Inspect(va x86.VirtAddr) Walk {
	w := Walk{VA: va, Writable: true, User: true}
	table := x86.PhysAddr(m.cr3) & x86.PhysAddr(x86.PTEFrame)
	above := x86.PTE(m.cr3)
	if m.cr4&x86.CR4PCIDE != 0 {
		above = 0 // CR3[4:3] are part of the PCID
	}
	for level := 4; ; level-- {
		shift := uint(12 + 9*(level-1))
		at := table + x86.PhysAddr(uint64(va)>>shift&511*8)
		pte := x86.PTE(m.mem.Load64(at))
		w.Tables[w.N] = m.memoryType(above, level, false)
		w.Entries[w.N] = WalkEntry{level, at, pte}
		w.N++
		if pte&x86.PTEPresent == 0 {
			return w
		}
		leaf := level == 1 || pte&x86.PTELarge != 0
		if pte&m.reservedBits(level, leaf) != 0 {
			w.Reserved = true
			return w
		}
		w.Writable = w.Writable && pte&x86.PTEWrite != 0
		w.User = w.User && pte&x86.PTEUser != 0
		w.NoExec = w.NoExec || pte&x86.PTENoExec != 0
		if leaf {
			mask := x86.PhysAddr(1)<<shift - 1
			w.Present, w.Size = true, tlb.Size(level-1)
			w.PA = pte.Frame()&^mask | x86.PhysAddr(va)&mask
			w.Memory = m.memoryType(pte, level, true)
			return w
		}
		above = pte
		table = pte.Frame()
	}
}
