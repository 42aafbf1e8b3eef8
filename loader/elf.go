package loader

import (
	"debug/elf"
	"fmt"
	"io"
)

// An ELF is an executable for x86 or x86-64 as far as a kernel is loaded from one.
type ELF struct {
	Bits     int    // 32 or 64
	Entry    uint64 // as the header has it: an address of the code's address space
	Segments []ELFSegment
}

// An ELFSegment is a PT_LOAD program header.
type ELFSegment struct {
	Phys     uint64 // p_paddr: where a boot loader puts it
	Virt     uint64
	FileSize uint64
	MemSize  uint64 // at least FileSize; the rest is zero
	io.ReaderAt
}

const maxELFSegments = 64

// ParseELF reads the headers of an ELF executable. It is total: whatever the bytes, it returns a value or an error that
// names what is wrong, and reads no more than the headers.
func ParseELF(r io.ReaderAt) (*ELF, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("ELF: %w", err)
	}
	e := &ELF{Entry: f.Entry}
	switch {
	case f.Machine == elf.EM_386 && f.Class == elf.ELFCLASS32:
		e.Bits = 32
	case f.Machine == elf.EM_X86_64 && f.Class == elf.ELFCLASS64:
		e.Bits = 64
	default:
		return nil, fmt.Errorf("ELF: it is for %v (%v): want EM_386 or EM_X86_64", f.Machine, f.Class)
	}
	if f.Type != elf.ET_EXEC {
		return nil, fmt.Errorf("ELF: its type is %v: want ET_EXEC, linked to fixed addresses", f.Type)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || p.Memsz == 0 {
			continue
		}
		if p.Filesz > p.Memsz || p.Paddr+p.Memsz < p.Paddr {
			return nil, fmt.Errorf("ELF: a segment at %#x has %#x bytes in the file and %#x in memory", p.Paddr, p.Filesz, p.Memsz)
		}
		if len(e.Segments) == maxELFSegments {
			return nil, fmt.Errorf("ELF: more than %d loadable segments", maxELFSegments)
		}
		e.Segments = append(e.Segments, ELFSegment{p.Paddr, p.Vaddr, p.Filesz, p.Memsz, p.ReaderAt})
	}
	if len(e.Segments) == 0 {
		return nil, fmt.Errorf("ELF: no loadable segment")
	}
	return e, nil
}

// PhysEntry is the entry point as a physical address: through the segment that holds it.
func (e *ELF) PhysEntry() (uint64, error) {
	for _, s := range e.Segments {
		if e.Entry >= s.Virt && e.Entry-s.Virt < s.MemSize {
			return e.Entry - s.Virt + s.Phys, nil
		}
	}
	// A 64-bit kernel that is entered at its physical address has an entry that only p_paddr covers.
	for _, s := range e.Segments {
		if e.Entry >= s.Phys && e.Entry-s.Phys < s.MemSize {
			return e.Entry, nil
		}
	}
	return 0, fmt.Errorf("ELF: the entry point %#x is in no segment", e.Entry)
}
