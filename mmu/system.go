package mmu

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/x86"
)

// The accesses that the processor makes on its own account, to descriptor tables and task-state segments: supervisor
// accesses whatever the CPL, and under SMAP never to user pages whatever EFLAGS.AC (SDM vol. 3A 4.6).

// LoadSystem64 reads eight bytes for the processor.
func (m *MMU) LoadSystem64(va x86.VirtAddr) (uint64, *x86.Fault) {
	if e := &m.super[cacheIndex(va)]; uint64(va+7)&^x86.PageMask|m.gen == e.read && m.sharesSystem() {
		return *hit[uint64](e, va), nil
	}
	var b [8]byte
	if f := m.ReadSystem(va, b[:]); f != nil {
		return 0, f
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// sharesSystem reports whether what the host-pointer cache holds for supervisor mode holds for the processor's own
// accesses too: with SMAP and EFLAGS.AC it may hold user pages.
func (m *MMU) sharesSystem() bool { return m.cr4&x86.CR4SMAP == 0 || !m.ac }

// ReadSystem fills b, at most 4096 bytes; a fault leaves b as it was.
func (m *MMU) ReadSystem(va x86.VirtAddr, b []byte) *x86.Fault {
	first, second, split, f := m.span(va, len(b), x86.Read|x86.Implicit)
	if f != nil {
		return f
	}
	if m.sharesSystem() && !m.exact {
		m.fillSlot(&m.super[cacheIndex(va)], va, first, x86.Read)
	}
	m.readPhys(first, b[:split])
	m.readPhys(second, b[split:])
	return nil
}

// WriteSystem stores b, at most 4096 bytes; a fault leaves memory as it was.
func (m *MMU) WriteSystem(va x86.VirtAddr, b []byte) *x86.Fault {
	first, second, split, f := m.span(va, len(b), x86.Write|x86.Implicit)
	if f != nil {
		return f
	}
	m.writePhys(first, b[:split])
	m.writePhys(second, b[split:])
	return nil
}
