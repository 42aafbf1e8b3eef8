package mmu

import "github.com/pagewalk/pagewalk/x86"

// CR0 returns the control register.
func (m *MMU) CR0() uint64 { return m.cr0 }

// CR2 returns the address of the last page fault that the processor delivered.
func (m *MMU) CR2() uint64 { return m.cr2 }

// SetCR2 sets CR2, which any value fits.
func (m *MMU) SetCR2(v uint64) { m.cr2 = v }

// CR3 returns the control register: the PML4's physical address and, with CR4.PCIDE, the PCID.
func (m *MMU) CR3() uint64 { return m.cr3 }

// CR4 returns the control register.
func (m *MMU) CR4() uint64 { return m.cr4 }

// EFER returns the model-specific register.
func (m *MMU) EFER() uint64 { return m.efer }

const (
	cr0Bits = x86.CR0PE | x86.CR0MP | x86.CR0EM | x86.CR0TS | x86.CR0ET | x86.CR0NE | x86.CR0WP | x86.CR0AM |
		x86.CR0NW | x86.CR0CD | x86.CR0PG
	// cr4Low are VME, PVI, TSD, DE, PSE, MCE and PCE, which paging does not look at in long mode.
	cr4Low  = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<6 | 1<<8
	cr4Bits = cr4Low | x86.CR4PAE | x86.CR4PGE | x86.CR4OSFXSR | x86.CR4OSXMMEXCPT | x86.CR4UMIP | x86.CR4FSGSBASE |
		x86.CR4PCIDE | x86.CR4OSXSAVE | x86.CR4SMEP | x86.CR4SMAP | x86.CR4PKE | x86.CR4PKS
	eferBits = x86.EFERSCE | x86.EFERLME | x86.EFERLMA | x86.EFERNXE
)

// SetCR0 is MOV CR0: #GP for PG without PE, NW without CD, bits above 31, and paging in a mode that is not 4-level. PG from
// 1 to 0 forgets every translation. WP acts at once (SDM vol. 3A 2.5, 4.1.1, 4.10.4.1).
func (m *MMU) SetCR0(v uint64) *x86.Fault {
	v |= x86.CR0ET
	pg, was := v&x86.CR0PG != 0, m.cr0&x86.CR0PG != 0
	switch {
	case v>>32 != 0, pg && v&x86.CR0PE == 0, v&x86.CR0NW != 0 && v&x86.CR0CD == 0:
		return m.gp()
	case pg && !was && (m.efer&x86.EFERLME == 0 || m.cr4&x86.CR4PAE == 0):
		return m.gp()
	case !pg && was && m.cr4&x86.CR4PCIDE != 0:
		return m.gp()
	}
	old := m.cr0
	m.cr0 = v & cr0Bits
	switch {
	case pg && !was:
		m.efer |= x86.EFERLMA
		m.forget()
	case !pg && was:
		m.efer &^= x86.EFERLMA
		defer m.flushing("MOV CR0")()
		m.tlb.FlushAll()
		m.forget()
	case (old^v)&x86.CR0WP != 0:
		m.forget()
	}
	return nil
}

// SetCR3 is MOV CR3: it forgets the non-global translations of the new PCID, unless bit 63 is set with CR4.PCIDE; the bit
// is not stored. #GP for bits between MAXPHYADDR and 62 (SDM vol. 3A 4.10.4.1).
func (m *MMU) SetCR3(v uint64) *x86.Fault {
	keep := false
	if m.cr4&x86.CR4PCIDE != 0 {
		keep = v>>63 != 0
		v &^= 1 << 63
	}
	if v>>m.maxPhys != 0 {
		return m.gp()
	}
	m.cr3 = v
	if !keep {
		told := m.flushing("MOV CR3")
		m.tlb.Flush(m.pcid())
		told()
	}
	m.forget()
	return nil
}

// SetCR4 is MOV CR4: #GP for reserved bits, PAE cleared in long mode, and PCIDE set outside long mode or with a PCID in
// CR3. A change of PGE or PCIDE from 1 to 0 forgets everything; a change of PAE or SMEP from 0 to 1 the current PCID
// (SDM vol. 3A 4.10.4.1).
func (m *MMU) SetCR4(v uint64) *x86.Fault {
	long := m.efer&x86.EFERLMA != 0
	set, cleared := v&^m.cr4, m.cr4&^v
	switch {
	case v&^cr4Bits != 0, long && v&x86.CR4PAE == 0:
		return m.gp()
	case set&x86.CR4PCIDE != 0 && (!long || m.cr3&0xfff != 0):
		return m.gp()
	}
	m.cr4 = v
	told := m.flushing("MOV CR4")
	switch {
	case (set|cleared)&x86.CR4PGE != 0, cleared&x86.CR4PCIDE != 0:
		m.tlb.FlushAll()
	case (set|cleared)&x86.CR4PAE != 0, set&x86.CR4SMEP != 0:
		m.tlb.Flush(m.pcid())
	default:
		told = func() {}
	}
	told()
	m.forget()
	return nil
}

// SetEFER is WRMSR to IA32_EFER: #GP for reserved bits and for a change of LME while paging is on; LMA is read-only
// (SDM vol. 3A 2.2.1).
func (m *MMU) SetEFER(v uint64) *x86.Fault {
	if v&^eferBits != 0 || m.cr0&x86.CR0PG != 0 && (v^m.efer)&x86.EFERLME != 0 {
		return m.gp()
	}
	old := m.efer
	m.efer = v&^x86.EFERLMA | old&x86.EFERLMA
	if (old^v)&x86.EFERNXE != 0 {
		defer m.flushing("WRMSR EFER")()
		m.tlb.FlushAll()
		m.forget()
	}
	return nil
}
