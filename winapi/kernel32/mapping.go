package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// The mapping API of memoryapi.h: thin rows over sections and views.
var mappingFuncs = []nt.UserFunc{
	nt.Func("CreateFileMappingA", func(t *nt.Thread, a *createFileMappingArgs) (uint64, error) {
		return createFileMapping(t, a, ansiText(t))
	}),
	nt.Func("CreateFileMappingW", func(t *nt.Thread, a *createFileMappingArgs) (uint64, error) {
		return createFileMapping(t, a, t.WString)
	}),
	nt.Func("CreateFileMappingNumaW", createFileMappingNuma),
	nt.Func("OpenFileMappingA", func(t *nt.Thread, a *openFileMappingArgs) (uint64, error) {
		return openFileMapping(t, a, ansiText(t))
	}),
	nt.Func("OpenFileMappingW", func(t *nt.Thread, a *openFileMappingArgs) (uint64, error) {
		return openFileMapping(t, a, t.WString)
	}),
	nt.Func("MapViewOfFile", mapViewOfFile),
	nt.Func("MapViewOfFileEx", mapViewOfFileEx),
	nt.Func("MapViewOfFileExNuma", mapViewOfFileExNuma),
	nt.Func("UnmapViewOfFile", unmapViewOfFile),
	nt.Func("UnmapViewOfFileEx", unmapViewOfFileEx),
	nt.Func("FlushViewOfFile", flushViewOfFile),
	nt.Func("CreateFileMappingFromApp", createFileMappingFromApp),
	nt.Func("OpenFileMappingFromApp", func(t *nt.Thread, a *openFileMappingArgs) (uint64, error) {
		return openFileMapping(t, a, t.WString)
	}),
	nt.Func("MapViewOfFileFromApp", mapViewOfFileFromApp),
}

// textAt reads an optional string.
func textAt(va uint64, text func(uint64) (string, error)) (string, error) {
	if va == 0 {
		return "", nil
	}
	return text(va)
}

// section is what every form of CreateFileMapping asks for. INVALID_HANDLE_VALUE means memory of the page file.
func section(t *nt.Thread, file ntdef.Handle, attributes uint64, protectAndTypes uint32, size uint64, name string) (uint64, error) {
	const types, invalidHandleValue = 0xff800000, ^ntdef.Handle(0) // SEC_*
	security, err := t.SecurityAttributes(attributes)
	if err != nil {
		return 0, err
	}
	r := nt.SectionRequest{
		Name: name, Size: size, Protect: protectAndTypes &^ types, Attributes: protectAndTypes & types, File: file, SecurityAttributes: security,
	}
	if r.Attributes&^uint32(ntdef.SEC_NOCACHE|ntdef.SEC_WRITECOMBINE) == 0 {
		r.Attributes |= ntdef.SEC_COMMIT
	}
	if r.Attributes&ntdef.SEC_IMAGE != 0 {
		r.Attributes &^= ntdef.SEC_COMMIT
	}
	switch {
	case file == 0:
		return fail(t, ntdll.ERROR_INVALID_HANDLE)
	case file == invalidHandleValue && size == 0:
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	case file == invalidHandleValue:
		r.File = 0
	}
	r.Access = nt.SECTION_QUERY | nt.SECTION_MAP_READ
	if r.Protect&(ntdef.PAGE_READWRITE|ntdef.PAGE_EXECUTE_READWRITE) != 0 {
		r.Access |= nt.SECTION_MAP_WRITE
	}
	if r.Protect&0xf0 != 0 {
		r.Access |= nt.SECTION_MAP_EXECUTE
	}
	h, st := t.Process().CreateSection(&r)
	if !st.IsSuccess() {
		return failStatus(t, st)
	}
	return uint64(h), ntdll.SetLastError(t, ntdll.DosError(st)) // ERROR_ALREADY_EXISTS comes with the handle
}

type createFileMappingArgs struct {
	File       ntdef.Handle
	Attributes uint64
	Protect    uint32
	SizeHigh   uint32
	SizeLow    uint32
	Name       uint64
}

func createFileMapping(t *nt.Thread, a *createFileMappingArgs, text func(uint64) (string, error)) (uint64, error) {
	name, err := textAt(a.Name, text)
	if err != nil {
		return 0, err
	}
	return section(t, a.File, a.Attributes, a.Protect, join64(a.SizeHigh, a.SizeLow), name)
}

type createFileMappingNumaArgs struct {
	File       ntdef.Handle
	Attributes uint64
	Protect    uint32
	SizeHigh   uint32
	SizeLow    uint32
	Name       uint64
	Node       uint32
}

// createFileMappingNuma has one node to prefer, 0; NUMA_NO_PREFERRED_NODE does as well.
func createFileMappingNuma(t *nt.Thread, a *createFileMappingNumaArgs) (uint64, error) {
	if !nt.ValidNode(a.Node) {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return createFileMapping(t, &createFileMappingArgs{a.File, a.Attributes, a.Protect, a.SizeHigh, a.SizeLow, a.Name}, t.WString)
}

type createFileMappingFromAppArgs struct {
	File       ntdef.Handle
	Attributes uint64
	Protect    uint32
	Size       uint64
	Name       uint64
}

func createFileMappingFromApp(t *nt.Thread, a *createFileMappingFromAppArgs) (uint64, error) {
	name, err := textAt(a.Name, t.WString)
	if err != nil {
		return 0, err
	}
	return section(t, a.File, a.Attributes, a.Protect, a.Size, name)
}

type openFileMappingArgs struct {
	Access  uint32
	Inherit bool
	Name    uint64
}

func openFileMapping(t *nt.Thread, a *openFileMappingArgs, text func(uint64) (string, error)) (uint64, error) {
	name, err := textAt(a.Name, text)
	if err != nil {
		return 0, err
	}
	if name == "" {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	h, st := t.Process().OpenSection(name, mappingAccess(a.Access))
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return uint64(h), nil
}

// mappingAccess turns FILE_MAP_* into a section's rights: they are those but for two.
func mappingAccess(access uint32) uint32 {
	const fileMapCopy, fileMapExecute = 1, 0x20
	if access&fileMapCopy != 0 {
		access |= nt.SECTION_MAP_READ
	}
	if access&fileMapExecute != 0 {
		access |= nt.SECTION_MAP_EXECUTE
	}
	return access
}

type mapViewOfFileArgs struct {
	Mapping    ntdef.Handle
	Access     uint32
	OffsetHigh uint32
	OffsetLow  uint32
	Bytes      uint64
}

func mapViewOfFile(t *nt.Thread, a *mapViewOfFileArgs) (uint64, error) {
	return mapView(t, a.Mapping, a.Access, join64(a.OffsetHigh, a.OffsetLow), a.Bytes, 0)
}

type mapViewOfFileExArgs struct {
	Mapping    ntdef.Handle
	Access     uint32
	OffsetHigh uint32
	OffsetLow  uint32
	Bytes      uint64
	Address    uint64
}

func mapViewOfFileEx(t *nt.Thread, a *mapViewOfFileExArgs) (uint64, error) {
	return mapView(t, a.Mapping, a.Access, join64(a.OffsetHigh, a.OffsetLow), a.Bytes, a.Address)
}

type mapViewOfFileExNumaArgs struct {
	Mapping    ntdef.Handle
	Access     uint32
	OffsetHigh uint32
	OffsetLow  uint32
	Bytes      uint64
	Address    uint64
	Node       uint32
}

func mapViewOfFileExNuma(t *nt.Thread, a *mapViewOfFileExNumaArgs) (uint64, error) {
	if !nt.ValidNode(a.Node) {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return mapView(t, a.Mapping, a.Access, join64(a.OffsetHigh, a.OffsetLow), a.Bytes, a.Address)
}

type mapViewOfFileFromAppArgs struct {
	Mapping ntdef.Handle
	Access  uint32
	Offset  uint64
	Bytes   uint64
}

func mapViewOfFileFromApp(t *nt.Thread, a *mapViewOfFileFromAppArgs) (uint64, error) {
	return mapView(t, a.Mapping, a.Access, a.Offset, a.Bytes, 0)
}

func mapView(t *nt.Thread, mapping ntdef.Handle, access uint32, offset, size, address uint64) (uint64, error) {
	v := ntmm.View{Base: x86.VirtAddr(address), Size: size, Offset: offset, Protect: viewProtect(access)}
	if st := t.Process().MapSection(mapping, t.Process(), &v); !st.IsSuccess() {
		return failStatus(t, st)
	}
	return uint64(v.Base), nil
}

// viewProtect is the protection of an access of FILE_MAP_*: FILE_MAP_COPY alone is a private view.
func viewProtect(access uint32) uint32 {
	const fileMapCopy, fileMapWrite, fileMapRead, fileMapExecute, fileMapTargetsInvalid = 1, 2, 4, 0x20, 0x40000000
	protect := uint32(ntdef.PAGE_NOACCESS)
	switch execute := access&fileMapExecute != 0; {
	case access&fileMapWrite != 0 && execute:
		protect = ntdef.PAGE_EXECUTE_READWRITE
	case access&fileMapWrite != 0:
		protect = ntdef.PAGE_READWRITE
	case access&fileMapCopy != 0 && execute:
		protect = ntdef.PAGE_EXECUTE_WRITECOPY
	case access&fileMapCopy != 0:
		protect = ntdef.PAGE_WRITECOPY
	case access&fileMapRead != 0 && execute:
		protect = ntdef.PAGE_EXECUTE_READ
	case access&fileMapRead != 0:
		protect = ntdef.PAGE_READONLY
	}
	if access&fileMapTargetsInvalid != 0 && access&fileMapExecute != 0 {
		protect |= ntdef.PAGE_TARGETS_INVALID
	}
	return protect
}

type unmapViewOfFileArgs struct{ Address uint64 }

func unmapViewOfFile(t *nt.Thread, a *unmapViewOfFileArgs) (uint64, error) {
	return boolOf(t, t.Process().UnmapSection(a.Address, 0))
}

type unmapViewOfFileExArgs struct {
	Address uint64
	Flags   uint32
}

func unmapViewOfFileEx(t *nt.Thread, a *unmapViewOfFileExArgs) (uint64, error) {
	return boolOf(t, t.Process().UnmapSection(a.Address, a.Flags))
}

// flushViewOfFile succeeds for views of the page file, which have nothing to flush to.
func flushViewOfFile(t *nt.Thread, a *rangeArgs) (uint64, error) {
	as := t.Process().AddressSpace()
	st := as.Flush(a.request())
	if st == ntdef.STATUS_NOT_MAPPED_DATA {
		if r, found := as.Region(x86.VirtAddr(a.Address)); found == ntdef.STATUS_SUCCESS && r.Type != ntdef.MEM_PRIVATE {
			st = ntdef.STATUS_SUCCESS
		}
	}
	return boolOf(t, st)
}
