package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Modules (libloaderapi.h).
var moduleFuncs = []nt.UserFunc{
	nt.Func("DisableThreadLibraryCalls", func(t *nt.Thread, a *moduleArgs) (uint64, error) {
		st, err := ntdll.DisableThreadCallouts(t, a.Module)
		if err != nil {
			return 0, err
		}
		return boolOf(t, st)
	}),
	nt.Func("FreeLibrary", freeLibrary),
	nt.Func("GetModuleFileNameA", func(t *nt.Thread, a *moduleFileNameArgs) (uint64, error) {
		return getModuleFileName(t, a, narrowText)
	}),
	nt.Func("GetModuleFileNameW", func(t *nt.Thread, a *moduleFileNameArgs) (uint64, error) {
		return getModuleFileName(t, a, wideText)
	}),
	nt.Func("GetModuleHandleA", func(t *nt.Thread, a *moduleNameArgs) (uint64, error) {
		return getModuleHandle(t, a.Name, ansiText(t))
	}),
	nt.Func("GetModuleHandleExA", func(t *nt.Thread, a *moduleHandleExArgs) (uint64, error) {
		return getModuleHandleEx(t, a, ansiText(t))
	}),
	nt.Func("GetModuleHandleExW", func(t *nt.Thread, a *moduleHandleExArgs) (uint64, error) {
		return getModuleHandleEx(t, a, t.WString)
	}),
	nt.Func("GetModuleHandleW", func(t *nt.Thread, a *moduleNameArgs) (uint64, error) {
		return getModuleHandle(t, a.Name, t.WString)
	}),
	nt.Func("GetProcAddress", getProcAddress),
	nt.Func("LoadLibraryA", func(t *nt.Thread, a *moduleNameArgs) (uint64, error) {
		return loadLibrary(t, &loadLibraryArgs{Name: a.Name}, ansiText(t))
	}),
	nt.Func("LoadLibraryExA", func(t *nt.Thread, a *loadLibraryArgs) (uint64, error) { return loadLibrary(t, a, ansiText(t)) }),
	nt.Func("LoadLibraryExW", func(t *nt.Thread, a *loadLibraryArgs) (uint64, error) { return loadLibrary(t, a, t.WString) }),
	nt.Func("LoadLibraryW", func(t *nt.Thread, a *moduleNameArgs) (uint64, error) {
		return loadLibrary(t, &loadLibraryArgs{Name: a.Name}, t.WString)
	}),
}

type moduleNameArgs struct{ Name uint64 }

// getModuleHandle returns the base of an image, that of the program for NULL.
func getModuleHandle(t *nt.Thread, va uint64, text func(uint64) (string, error)) (uint64, error) {
	if va == 0 {
		return t.Load64(t.Process().PEB() + ntdef.PebImageBaseAddress)
	}
	name, err := text(va)
	if err != nil {
		return 0, err
	}
	if base := ntdll.ModuleHandle(t, name); base != 0 {
		return base, nil
	}
	return fail(t, ntdll.ERROR_MOD_NOT_FOUND)
}

type moduleHandleExArgs struct {
	Flags  uint32
	Name   uint64
	Module ntdef.Ptr[uint64]
}

// getModuleHandleEx stores the handle, NULL where it fails.
func getModuleHandleEx(t *nt.Thread, a *moduleHandleExArgs, text func(uint64) (string, error)) (uint64, error) {
	const pin, unchangedRefcount, fromAddress = 1, 2, 4
	if a.Module == 0 || a.Flags&^(pin|unchangedRefcount|fromAddress) != 0 || a.Flags&(pin|unchangedRefcount) == pin|unchangedRefcount {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	var base uint64
	if a.Flags&fromAddress == 0 {
		var err error
		if base, err = getModuleHandle(t, a.Name, text); err != nil {
			return 0, err
		}
	} else if m := t.Process().ModuleAt(a.Name); m != nil {
		base = m.Base
	} else if _, err := fail(t, ntdll.ERROR_MOD_NOT_FOUND); err != nil {
		return 0, err
	}
	if err := t.Store64(uint64(a.Module), base); err != nil {
		return 0, err
	}
	if base != 0 && a.Flags&unchangedRefcount == 0 {
		if _, err := ntdll.AddRefDLL(t, base, a.Flags&pin != 0); err != nil {
			return 0, err
		}
	}
	return truth(base != 0), nil
}

type moduleArgs struct{ Module uint64 }

// freeLibrary unloads a DLL when it was freed as often as it was loaded, and unmaps what only lends its data.
func freeLibrary(t *nt.Thread, a *moduleArgs) (uint64, error) {
	if a.Module == 0 {
		return fail(t, ntdll.ERROR_INVALID_HANDLE)
	}
	if a.Module&(datafileBit|imageBit) != 0 {
		return freeData(t, a.Module)
	}
	st, err := ntdll.UnloadDLL(t, a.Module)
	if err != nil {
		return 0, err
	}
	return boolOf(t, st)
}

type loadLibraryArgs struct {
	Name  uint64
	File  uint64
	Flags uint32
}

// loadLibrary loads a DLL. Flags may say where to look, which is the program's folder and the system's in any case.
func loadLibrary(t *nt.Thread, a *loadLibraryArgs, text func(uint64) (string, error)) (uint64, error) {
	const where = 0x0008 | 0x0100 | 0x0200 | 0x0400 | 0x0800 | 0x1000
	if a.File != 0 || a.Name == 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	if a.Flags&^(where|asData) != 0 {
		return 0, t.Stop("LoadLibraryEx with flags %#x is not implemented", a.Flags)
	}
	name, err := text(a.Name)
	if err != nil {
		return 0, err
	}
	if a.Flags&asData != 0 {
		return loadData(t, name, a.Flags)
	}
	base, st, err := ntdll.LoadDLL(t, name)
	if err != nil {
		return 0, err
	}
	if base == 0 {
		return failStatus(t, st)
	}
	return base, nil
}

type getProcAddressArgs struct {
	Module uint64
	Name   uint64 // or an ordinal below 0x10000
}

func getProcAddress(t *nt.Thread, a *getProcAddressArgs) (uint64, error) {
	var name string
	var ordinal uint16
	if a.Name < 0x10000 {
		ordinal = uint16(a.Name)
	} else {
		var err error
		if name, err = ansiText(t)(a.Name); err != nil {
			return 0, err
		}
	}
	module := a.Module
	if module == 0 {
		module = t.Process().Program().Base
	}
	va, st, err := ntdll.ProcedureAddress(t, module, name, ordinal)
	switch {
	case err != nil:
		return 0, err
	case st == ntdef.STATUS_DLL_NOT_FOUND:
		return fail(t, ntdll.ERROR_MOD_NOT_FOUND)
	case st != ntdef.STATUS_SUCCESS:
		return fail(t, ntdll.ERROR_PROC_NOT_FOUND)
	}
	return va, nil
}

type moduleFileNameArgs struct {
	Module   uint64
	FileName uint64
	Size     uint32 // characters
}

// getModuleFileName returns the length of an image's path. One that is cut off ends with a zero all the same, and the size
// of the buffer is the result.
func getModuleFileName(t *nt.Thread, a *moduleFileNameArgs, enc encoding) (uint64, error) {
	module := a.Module
	if module == 0 {
		module = t.Process().Program().Base
	}
	path := ntdll.ModulePath(t, module)
	if path == "" {
		return fail(t, ntdll.ERROR_MOD_NOT_FOUND)
	}
	b := append(enc.encode(path), make([]byte, enc.unit)...)
	size := uint64(len(b) / enc.unit)
	if size <= uint64(a.Size) {
		if err := t.Write(a.FileName, b); err != nil {
			return 0, err
		}
		return size - 1, ntdll.SetLastError(t, ntdll.ERROR_SUCCESS)
	}
	if a.Size > 0 {
		b = append(b[:(int(a.Size)-1)*enc.unit], make([]byte, enc.unit)...)
		if err := t.Write(a.FileName, b); err != nil {
			return 0, err
		}
	}
	return uint64(a.Size), ntdll.SetLastError(t, ntdll.ERROR_INSUFFICIENT_BUFFER)
}
