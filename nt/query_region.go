package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// The flags of MEMORY_REGION_INFORMATION, by bit (ntmmapi.h); Win32 documents the first four, those of
// WIN32_MEMORY_REGION_INFORMATION.
const (
	regionPrivate        = 1 << 0
	regionMappedDataFile = 1 << 1
	regionMappedImage    = 1 << 2
	regionMappedPageFile = 1 << 3
	regionPlaceholder    = 1 << 8
	regionAWE            = 1 << 9
	regionWriteWatch     = 1 << 10
	regionLarge          = 1 << 11
)

// Lengths of MEMORY_REGION_INFORMATION: up to its commit size, which callers may leave out, of Windows 10's first version, which is
// Win32's too, and of 22H2, which adds the partition, 0, and the preferred NUMA node, none.
const (
	regionLeast = 24
	regionWin32 = 32
	regionSize  = 48
)

func (p *Process) marshalRegion(va uint64) ([]byte, ntdef.Status) {
	r, st := p.as.Region(x86.VirtAddr(va))
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	flags := uint32(regionPrivate)
	switch {
	case r.Type == ntdef.MEM_IMAGE:
		flags = regionMappedImage
	case r.Type == ntdef.MEM_MAPPED && r.File:
		flags = regionMappedDataFile
	case r.Type == ntdef.MEM_MAPPED:
		flags = regionMappedPageFile
	}
	traits := p.as.RegionTraits(x86.VirtAddr(va))
	for _, f := range []struct {
		set  bool
		flag uint32
	}{
		{traits.Placeholder, regionPlaceholder},
		{traits.Physical, regionAWE},
		{traits.WriteWatch, regionWriteWatch},
		{traits.Large, regionLarge},
	} {
		if f.set {
			flags |= f.flag
		}
	}
	b, le := make([]byte, regionSize), binary.LittleEndian
	le.PutUint64(b, uint64(r.Base))
	le.PutUint32(b[8:], r.Protect)
	le.PutUint32(b[12:], flags)
	le.PutUint64(b[16:], r.Size)
	le.PutUint64(b[24:], r.Committed)
	le.PutUint64(b[40:], 0xffffffff) // NUMA_NO_PREFERRED_NODE
	return b, st
}

// MarshalRegion returns the WIN32_MEMORY_REGION_INFORMATION of an address, 32 bytes: INVALID_ADDRESS where nothing is reserved.
func (p *Process) MarshalRegion(va uint64) ([]byte, ntdef.Status) {
	b, st := p.marshalRegion(va)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	const documented = regionPrivate | regionMappedDataFile | regionMappedImage | regionMappedPageFile
	le := binary.LittleEndian
	le.PutUint32(b[12:], le.Uint32(b[12:])&documented)
	return b[:regionWin32], st
}

func (t *Thread) queryRegion(p *Process, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	if a.Length < regionLeast {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	b, st := p.marshalRegion(a.BaseAddress)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.answer(a, b[:min(a.Length, regionSize)])
}

// querySharedCommit answers for the process, whatever the address: bytes of the page-file-backed sections that it has views of.
func (t *Thread) querySharedCommit(p *Process, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	if a.Length < 8 {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	return t.answer(a, binary.LittleEndian.AppendUint64(nil, p.as.Counters().SharedCommit<<x86.PageShift))
}

// queryImage fills a MEMORY_IMAGE_INFORMATION: zeros where the address is of no image, INVALID_ADDRESS where it is free. Images are
// mapped whole, and nothing is signed.
func (t *Thread) queryImage(p *Process, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	const size = 24
	if a.Length < size {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	r, st := p.as.Region(x86.VirtAddr(a.BaseAddress))
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	var b [size]byte
	if r.Type == ntdef.MEM_IMAGE {
		binary.LittleEndian.PutUint64(b[0:], uint64(r.Base))
		binary.LittleEndian.PutUint64(b[8:], r.Size)
	}
	return t.answer(a, b[:])
}

// queryEnclave finds no address that is of an enclave: the machine cannot make one.
func (t *Thread) queryEnclave(_ *Process, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	const size = 24 + 32 + 32 // MEMORY_ENCLAVE_IMAGE_INFORMATION
	if a.Length < size {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	return ntdef.STATUS_INVALID_ADDRESS, nil
}

// queryContiguity reads a MEMORY_PHYSICAL_CONTIGUITY_INFORMATION and writes the state of each unit of its range. INVALID_PARAMETER where the
// unit is not a power of two from 4 KiB to 1 GiB, the range not one of whole units, or a flag is set.
func (t *Thread) queryContiguity(p *Process, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	const size, maxUnits = 40, 1 << 16
	if a.Length < size {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	var b [size]byte
	if err := t.Read(a.Buffer, b[:]); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	va, n, unit, units := le.Uint64(b[0:]), le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[32:])
	high := uint64(p.as.Layout().High) + 1
	switch {
	case unit < x86.PageSize || unit > 1<<30 || unit&(unit-1) != 0,
		n == 0 || n%unit != 0 || va%unit != 0 || n/unit > maxUnits || n>>x86.PageShift > maxUnits*16,
		va >= high || n > high-va, le.Uint32(b[24:]) != 0:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	states := make([]byte, 0, 4*n/unit)
	for at := va; at < va+n; at += unit {
		states = le.AppendUint32(states, uint32(p.as.Contiguity(x86.VirtAddr(at), unit)))
	}
	if err := t.Write(units, states); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.storeLength(a.ReturnLength, size)
}
