package mmu

import (
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// Types of INVPCID (SDM vol. 2A, INVPCID).
const (
	InvAddress   = 0 // one address of one PCID, but global translations
	InvContext   = 1 // one PCID, but global translations
	InvAll       = 2 // every PCID, global translations too
	InvNonGlobal = 3 // every PCID, but global translations
)

// InvalidatePCID is INVPCID with its descriptor: lo holds the PCID in bits 11:0, hi the linear address. #GP(0) for a type
// above 3, reserved bits of the descriptor, a non-canonical address with type 0, and a PCID other than 0 with types 0 and 1
// while CR4.PCIDE is clear.
func (m *MMU) InvalidatePCID(typ, lo, hi uint64) *x86.Fault {
	pcid, va := uint16(lo&0xfff), x86.VirtAddr(hi)
	switch {
	case typ > InvNonGlobal, lo>>12 != 0,
		typ == InvAddress && !va.Canonical(),
		typ <= InvContext && pcid != 0 && m.cr4&x86.CR4PCIDE == 0:
		return m.gp()
	}
	defer m.flushing("INVPCID")()
	if typ <= InvContext {
		m.tlb.DropTables(pcid)
	} else {
		m.tlb.DropAllTables()
	}
	switch typ {
	case InvAddress:
		m.tlb.Drop(func(e *tlb.Entry) bool {
			return !e.Global && e.PCID == pcid && (e.VA^va)>>e.Size.Shift() == 0
		})
	case InvContext:
		m.tlb.Flush(pcid)
	case InvAll:
		m.tlb.FlushAll()
	case InvNonGlobal:
		m.tlb.Drop(func(e *tlb.Entry) bool { return !e.Global })
	}
	m.forget()
	return nil
}
