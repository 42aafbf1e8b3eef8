package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

var moduleFuncs = []nt.UserFunc{
	nt.Func("GetModuleHandleA", func(t *nt.Thread, a *moduleNameArgs) (uint64, error) {
		return getModuleHandle(t, a, t.CString)
	}),
	nt.Func("GetModuleHandleW", func(t *nt.Thread, a *moduleNameArgs) (uint64, error) {
		return getModuleHandle(t, a, t.WString)
	}),
	nt.Func("LoadLibraryA", func(t *nt.Thread, a *moduleNameArgs) (uint64, error) { return loadLibrary(t, a, t.CString) }),
	nt.Func("LoadLibraryW", func(t *nt.Thread, a *moduleNameArgs) (uint64, error) { return loadLibrary(t, a, t.WString) }),
	nt.Func("GetProcAddress", getProcAddress),
}

type moduleNameArgs struct{ Name uint64 }

func getModuleHandle(t *nt.Thread, a *moduleNameArgs, text func(uint64) (string, error)) (uint64, error) {
	if a.Name == 0 {
		return t.Load64(t.Process().PEB() + ntdef.PebImageBaseAddress)
	}
	name, err := text(a.Name)
	if err != nil {
		return 0, err
	}
	if base := ntdll.ModuleHandle(t, name); base != 0 {
		return base, nil
	}
	return fail(t, ntdll.ERROR_MOD_NOT_FOUND)
}

func loadLibrary(t *nt.Thread, a *moduleNameArgs, text func(uint64) (string, error)) (uint64, error) {
	name, err := text(a.Name)
	if err != nil {
		return 0, err
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
		if name, err = t.CString(a.Name); err != nil {
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
