package ntdll

import (
	"fmt"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// relocate adds the distance from the preferred base to every address of the image.
func relocate(t *nt.Thread, m *loaded) error {
	delta := m.Base - m.pe.ImageBase
	if delta == 0 {
		return nil
	}
	if !m.pe.Relocatable() {
		return &loadError{ntdef.STATUS_CONFLICTING_ADDRESSES, fmt.Sprintf(
			"%s has no relocations and cannot be loaded at %#x, away from %#x", m.Name, m.Base, m.pe.ImageBase)}
	}
	relocs, err := m.pe.Relocations()
	if err != nil {
		return imageError(m.Name, err)
	}
	for i := 0; i < len(relocs); {
		page := relocs[i] &^ x86.PageMask
		n := i
		for n < len(relocs) && relocs[n]&^x86.PageMask == page {
			n++
		}
		first, end := uint64(relocs[i]), uint64(relocs[n-1])+8 // the last may reach into the next page
		err := writable(t, m.Base+first, end-first, func() error {
			for _, rva := range relocs[i:n] {
				v, err := t.Load64(m.Base + uint64(rva))
				if err != nil {
					return err
				}
				if err := t.Store64(m.Base+uint64(rva), v+delta); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		i = n
	}
	return nil
}

// writable runs f while a range is writable, and puts the protection of each page back.
func writable(t *nt.Thread, va, size uint64, f func() error) error {
	p := t.Process()
	var old []uint32
	first := va &^ x86.PageMask
	for page := first; page < va+size; page += x86.PageSize {
		r := ntmm.Request{Base: x86.VirtAddr(page), Size: x86.PageSize, Protect: ntdef.PAGE_READWRITE}
		protect, st := p.ProtectVirtualMemory(&r)
		if st != ntdef.STATUS_SUCCESS {
			return &loadError{st, fmt.Sprintf("cannot make %#x writable to load an image: %v", page, st)}
		}
		old = append(old, protect)
	}
	if err := f(); err != nil {
		return err
	}
	for i, protect := range old {
		if protect&0xf0 != 0 { // executable
			protect |= ntdef.PAGE_TARGETS_NO_UPDATE
		}
		r := ntmm.Request{Base: x86.VirtAddr(first + uint64(i)*x86.PageSize), Size: x86.PageSize, Protect: protect}
		if _, st := p.ProtectVirtualMemory(&r); st != ntdef.STATUS_SUCCESS {
			return &loadError{st, fmt.Sprintf("cannot protect %#x again: %v", r.Base, st)}
		}
	}
	return nil
}

// seedCookie gives an image a security cookie of its own, where it has the default one (PE Format, "Load configuration").
func seedCookie(t *nt.Thread, m *loaded) error {
	const defaultCookie = 0x00002b992ddfa232
	config, err := m.pe.LoadConfig()
	if err != nil {
		return imageError(m.Name, err)
	}
	if config == nil || config.SecurityCookie < m.Base || config.SecurityCookie-m.Base >= m.Size {
		return nil
	}
	v, err := t.Load64(config.SecurityCookie)
	if err != nil || v != defaultCookie {
		return err
	}
	return t.Store64(config.SecurityCookie, t.System().Rand()&0xffffffffffff)
}
