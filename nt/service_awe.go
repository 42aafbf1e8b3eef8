package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// The services of Address Windowing Extensions ("AllocateUserPhysicalPages" and following, memoryapi.h). A page frame number
// that a program sees is the frame's own.
var aweServices = []Service{
	service("NtAllocateUserPhysicalPages", Full, ntAllocateUserPhysicalPages),
	service("NtFreeUserPhysicalPages", Full, ntFreeUserPhysicalPages),
	service("NtMapUserPhysicalPages", Full, ntMapUserPhysicalPages),
	service("NtMapUserPhysicalPagesScatter", Full, ntMapUserPhysicalPagesScatter),
}

// maxPhysicalPages bounds what one call of these services takes: the RAM that a machine can have.
const maxPhysicalPages = 1 << 24

type userPhysicalPagesArgs struct {
	Process ntdef.Handle
	Count   ntdef.Ptr[uint64]
	Frames  uint64
}

func ntAllocateUserPhysicalPages(t *Thread, a *userPhysicalPagesArgs) (ntdef.Status, error) {
	return t.AllocateUserPhysicalPages(a.Process, a.Count, a.Frames)
}

// AllocateUserPhysicalPages is NtAllocateUserPhysicalPages: the count in guest memory becomes that of the frames it got.
// PRIVILEGE_NOT_HELD without SeLockMemoryPrivilege.
func (t *Thread) AllocateUserPhysicalPages(process ntdef.Handle, count ntdef.Ptr[uint64], at uint64) (ntdef.Status, error) {
	if err := t.Probe(uint64(count), 8, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	p, st := t.proc.MemoryOf(process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	n, err := t.Load64(uint64(count))
	switch {
	case err != nil:
		return 0, err
	case !t.proc.Holds(SeLockMemoryPrivilege):
		return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
	case n == 0:
		return ntdef.STATUS_SUCCESS, nil
	case n > maxPhysicalPages:
		return ntdef.STATUS_INSUFFICIENT_RESOURCES, nil
	}
	if err := t.Probe(at, 8*n, x86.Write); err != nil {
		return 0, err
	}
	frames, st := p.as.AllocatePhysical(n)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if err := t.storeFrames(at, frames); err != nil {
		p.as.FreePhysical(frames)
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.Store64(uint64(count), uint64(len(frames)))
}

func (t *Thread) storeFrames(va uint64, frames []uint64) error {
	b := make([]byte, 0, 8*len(frames))
	for _, f := range frames {
		b = binary.LittleEndian.AppendUint64(b, f)
	}
	return t.Write(va, b)
}

func (t *Thread) loadFrames(va, n uint64) ([]uint64, error) {
	b := make([]byte, 8*n)
	if err := t.Read(va, b); err != nil {
		return nil, err
	}
	frames := make([]uint64, n)
	for i := range frames {
		frames[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return frames, nil
}

func ntFreeUserPhysicalPages(t *Thread, a *userPhysicalPagesArgs) (ntdef.Status, error) {
	return t.FreeUserPhysicalPages(a.Process, a.Count, a.Frames)
}

// FreeUserPhysicalPages is NtFreeUserPhysicalPages: it stores how many it freed.
func (t *Thread) FreeUserPhysicalPages(process ntdef.Handle, count ntdef.Ptr[uint64], at uint64) (ntdef.Status, error) {
	if err := t.Probe(uint64(count), 8, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	p, st := t.proc.MemoryOf(process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	n, err := t.Load64(uint64(count))
	switch {
	case err != nil:
		return 0, err
	case n == 0 || n > maxPhysicalPages:
		return ntdef.STATUS_INVALID_PARAMETER_2, nil
	}
	frames, err := t.loadFrames(at, n)
	if err != nil {
		return 0, err
	}
	done, st := p.as.FreePhysical(frames)
	return st, t.Store64(uint64(count), done)
}

type mapUserPhysicalPagesArgs struct {
	Address uint64
	Count   uint64
	Frames  uint64
}

func ntMapUserPhysicalPages(t *Thread, a *mapUserPhysicalPagesArgs) (ntdef.Status, error) {
	return t.MapUserPhysicalPages(a.Address, a.Count, a.Frames)
}

// MapUserPhysicalPages is NtMapUserPhysicalPages: count pages from an address on get the frames of an array, or none where that
// is 0.
func (t *Thread) MapUserPhysicalPages(address, count, frames uint64) (ntdef.Status, error) {
	if count == 0 || count > maxPhysicalPages {
		return ntdef.STATUS_INVALID_PARAMETER_2, nil
	}
	addresses := make([]x86.VirtAddr, count)
	for i := range addresses {
		addresses[i] = x86.VirtAddr(address).Page() + x86.VirtAddr(i)<<x86.PageShift
	}
	return t.mapPhysical(addresses, frames)
}

func (t *Thread) mapPhysical(addresses []x86.VirtAddr, at uint64) (ntdef.Status, error) {
	var frames []uint64
	if at != 0 {
		var err error
		if frames, err = t.loadFrames(at, uint64(len(addresses))); err != nil {
			return 0, err
		}
	}
	return t.as().MapPhysical(addresses, frames), nil
}

type mapUserPhysicalPagesScatterArgs struct {
	Addresses uint64
	Count     uint64
	Frames    uint64
}

func ntMapUserPhysicalPagesScatter(t *Thread, a *mapUserPhysicalPagesScatterArgs) (ntdef.Status, error) {
	return t.MapUserPhysicalPagesScatter(a.Addresses, a.Count, a.Frames)
}

// MapUserPhysicalPagesScatter is NtMapUserPhysicalPagesScatter: each page of an array of addresses gets a frame.
func (t *Thread) MapUserPhysicalPagesScatter(array, count, frames uint64) (ntdef.Status, error) {
	if count == 0 || count > maxPhysicalPages {
		return ntdef.STATUS_INVALID_PARAMETER_2, nil
	}
	list, err := t.loadFrames(array, count)
	if err != nil {
		return 0, err
	}
	addresses := make([]x86.VirtAddr, count)
	for i, va := range list {
		addresses[i] = x86.VirtAddr(va)
	}
	return t.mapPhysical(addresses, frames)
}
