package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// What kernel32 builds LoadLibrary, GetModuleHandle and GetProcAddress on.

// LoadDLL loads a DLL by name and initialises it and what it brought in. It returns its base.
func LoadDLL(t *nt.Thread, name string) (uint64, ntdef.Status, error) {
	l := ldrOf(t)
	m, st, err := l.load(t, name)
	if m == nil || err != nil {
		return 0, st, err
	}
	for _, m := range l.modules[1:] {
		if m.ready {
			continue
		}
		if m.tls != nil {
			return 0, 0, t.Stop("%s has thread-local storage and is loaded at run time, which is not supported", m.Name)
		}
		if err := l.initialize(t, m); err != nil {
			return 0, 0, err
		}
	}
	return m.Base, ntdef.STATUS_SUCCESS, nil
}

// ModuleHandle returns the base of a loaded image by name, 0 where it is not loaded.
func ModuleHandle(t *nt.Thread, name string) uint64 {
	if m := ldrOf(t).find(name); m != nil {
		return m.Base
	}
	return 0
}

// ModulePath returns the guest path of the image at a base, "" where there is none.
func ModulePath(t *nt.Thread, base uint64) string {
	for _, m := range ldrOf(t).modules {
		if m.Base == base {
			return m.Path
		}
	}
	return ""
}

// ProcedureAddress returns the address of an export of the image at a base, by name or, where it is empty, by ordinal.
// STATUS_DLL_NOT_FOUND where there is no such image, STATUS_PROCEDURE_NOT_FOUND where it has no such export.
func ProcedureAddress(t *nt.Thread, base uint64, name string, ordinal uint16) (uint64, ntdef.Status, error) {
	l := ldrOf(t)
	for _, m := range l.modules {
		if m.Base != base {
			continue
		}
		va, err := l.resolve(t, m, name, ordinal, 0)
		if err == nil && va == 0 {
			return 0, ntdef.STATUS_PROCEDURE_NOT_FOUND, nil
		}
		return va, ntdef.STATUS_SUCCESS, err
	}
	return 0, ntdef.STATUS_DLL_NOT_FOUND, nil
}
