package nt

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

var sectionServices = []Service{
	service("NtCreateSection", Full, ntCreateSection),
	service("NtOpenSection", Full, ntOpenSection),
	service("NtMapViewOfSection", Full, ntMapViewOfSection),
	service("NtMapViewOfSectionEx", Full, ntMapViewOfSectionEx),
	service("NtUnmapViewOfSection", Full, ntUnmapViewOfSection),
	service("NtUnmapViewOfSectionEx", Full, ntUnmapViewOfSectionEx),
	service("NtExtendSection", Full, ntExtendSection),
	service("NtQuerySection", Full, ntQuerySection),
	service("NtFlushVirtualMemory", Full, ntFlushVirtualMemory),
	service("NtAreMappedFilesTheSame", Full, ntAreMappedFilesTheSame),
}

type createSectionArgs struct {
	SectionHandle    ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	MaximumSize      ntdef.Ptr[uint64]
	PageProtection   uint32
	Attributes       uint32
	File             ntdef.Handle
}

func ntCreateSection(t *Thread, a *createSectionArgs) (ntdef.Status, error) {
	if err := t.Probe(uint64(a.SectionHandle), 8, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	var size uint64
	var err error
	if t.sys.wine() { // whose CreateFileMapping returns what is there, also after a failure
		if err := t.Store64(uint64(a.SectionHandle), 0); err != nil {
			return 0, err
		}
	}
	if a.MaximumSize != 0 {
		if size, err = t.Load64(uint64(a.MaximumSize)); err != nil {
			return 0, err
		}
	}
	return t.newHandle(a.SectionHandle, a.ObjectAttributes, func(o *objectAttributes) (ntdef.Handle, ntdef.Status) {
		return t.proc.CreateSection(&SectionRequest{
			Size: size, Protect: a.PageProtection, Attributes: a.Attributes, File: a.File, Access: a.DesiredAccess, object: o,
		})
	})
}

type openSectionArgs struct {
	SectionHandle    ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
}

func ntOpenSection(t *Thread, a *openSectionArgs) (ntdef.Status, error) {
	return t.newHandle(a.SectionHandle, a.ObjectAttributes, func(o *objectAttributes) (ntdef.Handle, ntdef.Status) {
		return t.proc.openSection(o, a.DesiredAccess)
	})
}

type mapViewOfSectionArgs struct {
	Section       ntdef.Handle
	Process       ntdef.Handle
	BaseAddress   ntdef.Ptr[uint64]
	ZeroBits      uint64
	CommitSize    uint64
	SectionOffset ntdef.Ptr[uint64]
	ViewSize      ntdef.Ptr[uint64]
	Inherit       uint32
	Type          uint32
	Protect       uint32
}

func ntMapViewOfSection(t *Thread, a *mapViewOfSectionArgs) (ntdef.Status, error) {
	const viewShare, viewUnmap = 1, 2 // nobody forks here: both are alike
	v := ntmm.View{ZeroBits: a.ZeroBits, CommitSize: a.CommitSize, Type: a.Type, Protect: a.Protect}
	if a.Inherit != viewShare && a.Inherit != viewUnmap {
		return ntdef.STATUS_INVALID_PARAMETER_8, nil
	}
	if a.Type&ntdef.MEM_REPLACE_PLACEHOLDER != 0 {
		return ntdef.STATUS_INVALID_PARAMETER_9, nil // the Ex form has placeholders
	}
	return t.mapView(a.Section, a.Process, a.BaseAddress, a.SectionOffset, a.ViewSize, &v)
}

type mapViewOfSectionExArgs struct {
	Section       ntdef.Handle
	Process       ntdef.Handle
	BaseAddress   ntdef.Ptr[uint64]
	SectionOffset ntdef.Ptr[uint64]
	ViewSize      ntdef.Ptr[uint64]
	Type          uint32
	Protect       uint32
	Parameters    uint64
	Count         uint32
}

func ntMapViewOfSectionEx(t *Thread, a *mapViewOfSectionExArgs) (ntdef.Status, error) {
	x, st, err := t.LoadExtendedParameters(a.Parameters, a.Count, true)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return st, err
	}
	if st := x.MachineStatus(); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	v := ntmm.View{Type: a.Type, Protect: a.Protect, Requirements: x.Requirements}
	return t.mapView(a.Section, a.Process, a.BaseAddress, a.SectionOffset, a.ViewSize, &v)
}

func (t *Thread) mapView(section, process ntdef.Handle, base, offset, size ntdef.Ptr[uint64], v *ntmm.View) (ntdef.Status, error) {
	r, err := t.loadRequest(base, size)
	if err != nil {
		return 0, err
	}
	if offset != 0 {
		if err := t.Probe(uint64(offset), 8, x86.Read|x86.Write); err != nil {
			return 0, err
		}
		if v.Offset, err = t.Load64(uint64(offset)); err != nil {
			return 0, err
		}
	}
	into, st := t.proc.MemoryOf(process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	v.Base, v.Size = r.Base, r.Size
	st = t.proc.MapSection(section, into, v)
	if !st.IsSuccess() {
		return st, nil
	}
	if offset != 0 {
		if err := t.Store64(uint64(offset), v.Offset); err != nil {
			return 0, err
		}
	}
	return st, t.storeRequest(&ntmm.Request{Base: v.Base, Size: v.Size}, base, size)
}

type unmapViewOfSectionArgs struct {
	Process     ntdef.Handle
	BaseAddress uint64
}

func ntUnmapViewOfSection(t *Thread, a *unmapViewOfSectionArgs) (ntdef.Status, error) {
	return ntUnmapViewOfSectionEx(t, &unmapViewOfSectionExArgs{a.Process, a.BaseAddress, 0})
}

type unmapViewOfSectionExArgs struct {
	Process     ntdef.Handle
	BaseAddress uint64
	Flags       uint32
}

func ntUnmapViewOfSectionEx(t *Thread, a *unmapViewOfSectionExArgs) (ntdef.Status, error) {
	p, st := t.proc.MemoryOf(a.Process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return p.UnmapSection(a.BaseAddress, a.Flags), nil
}

type extendSectionArgs struct {
	Section ntdef.Handle
	NewSize ntdef.Ptr[uint64]
}

func ntExtendSection(t *Thread, a *extendSectionArgs) (ntdef.Status, error) {
	if err := t.Probe(uint64(a.NewSize), 8, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	size, err := t.Load64(uint64(a.NewSize))
	if err != nil {
		return 0, err
	}
	o, st := t.proc.section(a.Section)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case t.proc.handles.granted(a.Section)&SECTION_EXTEND_SIZE == 0:
		return ntdef.STATUS_ACCESS_DENIED, nil
	}
	if size, st = o.mm.Extend(size); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return st, t.Store64(uint64(a.NewSize), size)
}

type flushVirtualMemoryArgs struct {
	Process     ntdef.Handle
	BaseAddress ntdef.Ptr[uint64]
	RegionSize  ntdef.Ptr[uint64]
	IoStatus    uint64
}

func ntFlushVirtualMemory(t *Thread, a *flushVirtualMemoryArgs) (ntdef.Status, error) {
	r, err := t.loadRequest(a.BaseAddress, a.RegionSize)
	if err != nil {
		return 0, err
	}
	if err := t.probeOptionalStatus(a.IoStatus); err != nil {
		return 0, err
	}
	p, st := t.proc.MemoryOf(a.Process, PROCESS_VM_OPERATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if st := p.as.Flush(&r); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if a.IoStatus != 0 {
		if err := t.storeIOStatus(a.IoStatus, ntdef.STATUS_SUCCESS, 0); err != nil {
			return 0, err
		}
	}
	return ntdef.STATUS_SUCCESS, t.storeRequest(&r, a.BaseAddress, a.RegionSize)
}

type areMappedFilesTheSameArgs struct{ First, Second uint64 }

func ntAreMappedFilesTheSame(t *Thread, a *areMappedFilesTheSameArgs) (ntdef.Status, error) {
	return t.as().SameFile(x86.VirtAddr(a.First), x86.VirtAddr(a.Second)), nil
}
