package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// The mapping API of memoryapi.h over page-file-backed sections: there are no files to map but the standard handles, which
// are none that can be, and no names.
var mappingFuncs = []nt.UserFunc{
	nt.Func("CreateFileMappingA", createFileMapping),
	nt.Func("CreateFileMappingW", createFileMapping),
	nt.Func("MapViewOfFile", mapViewOfFile),
	nt.Func("MapViewOfFileEx", mapViewOfFileEx),
	nt.Func("UnmapViewOfFile", unmapViewOfFile),
}

type createFileMappingArgs struct {
	File       ntdef.Handle
	Attributes uint64
	Protect    uint32
	SizeHigh   uint32
	SizeLow    uint32
	Name       uint64
}

// createFileMapping takes INVALID_HANDLE_VALUE for memory of the page file. A name is ERROR_NOT_SUPPORTED.
func createFileMapping(t *nt.Thread, a *createFileMappingArgs) (uint64, error) {
	const types, invalidHandleValue = 0xff800000, ^ntdef.Handle(0) // SEC_*
	protect, attributes := a.Protect&^types, a.Protect&types
	if attributes == 0 || attributes&^uint32(ntdef.SEC_NOCACHE|ntdef.SEC_WRITECOMBINE) == 0 {
		attributes |= ntdef.SEC_COMMIT
	}
	size := uint64(a.SizeHigh)<<32 | uint64(a.SizeLow)
	switch {
	case a.Name != 0:
		return fail(t, ntdll.ERROR_NOT_SUPPORTED)
	case a.File == 0:
		return fail(t, ntdll.ERROR_INVALID_HANDLE)
	case a.File == invalidHandleValue && size == 0:
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	case a.File == invalidHandleValue:
		a.File = 0
	}
	h, st := t.Process().CreateSection(size, protect, attributes, a.File)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return uint64(h), ntdll.SetLastError(t, 0)
}

type mapViewOfFileArgs struct {
	Mapping    ntdef.Handle
	Access     uint32
	OffsetHigh uint32
	OffsetLow  uint32
	Bytes      uint64
}

func mapViewOfFile(t *nt.Thread, a *mapViewOfFileArgs) (uint64, error) {
	return mapViewOfFileEx(t, &mapViewOfFileExArgs{a.Mapping, a.Access, a.OffsetHigh, a.OffsetLow, a.Bytes, 0})
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
	v := ntmm.View{
		Base: x86.VirtAddr(a.Address), Size: a.Bytes, Offset: uint64(a.OffsetHigh)<<32 | uint64(a.OffsetLow),
		Protect: viewProtect(a.Access),
	}
	if st := t.Process().MapSection(a.Mapping, &v); !st.IsSuccess() {
		return failStatus(t, st)
	}
	return uint64(v.Base), nil
}

// viewProtect is the protection of an access of FILE_MAP_*: FILE_MAP_COPY alone is a private view.
func viewProtect(access uint32) uint32 {
	const fileMapCopy, fileMapWrite, fileMapRead, fileMapExecute = 1, 2, 4, 0x20
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
	return protect
}

type unmapViewOfFileArgs struct{ Address uint64 }

func unmapViewOfFile(t *nt.Thread, a *unmapViewOfFileArgs) (uint64, error) {
	return boolOf(t, t.Process().UnmapSection(a.Address, 0))
}
