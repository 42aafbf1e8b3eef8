package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// What kernel32 builds LoadLibrary, FreeLibrary, GetModuleHandle and GetProcAddress on. The exports of the same purpose are
// in ldr_export.go.

// LoadDLL loads a DLL by name, or counts one more load of it, and initialises it and what it brought in (LdrLoadDll). It
// returns its base. STATUS_DLL_NOT_FOUND where there is none, STATUS_DLL_INIT_FAILED where it or one that it needs refuses,
// STATUS_INVALID_IMAGE_FORMAT and its like where the file is no image for this machine.
func LoadDLL(t *nt.Thread, name string) (uint64, ntdef.Status, error) {
	l := ldrOf(t)
	m, err := l.load(t, name)
	if err == nil {
		err = l.addLoad(t, m)
	}
	if err == nil {
		err = l.createTLS(t)
	}
	if err == nil {
		err = l.attach(t, m, runtimeReserved)
	}
	if err == nil {
		return m.Base, ntdef.STATUS_SUCCESS, nil
	}
	st, err := loadStatus(err)
	if err != nil {
		return 0, 0, err
	}
	if m != nil {
		return 0, st, l.dropLoad(t, m, runtimeReserved)
	}
	return 0, st, l.sweep(t, runtimeReserved)
}

// UnloadDLL counts one load less of the image at a base, and unloads it and what only it needed when none is left
// (LdrUnloadDll). STATUS_DLL_NOT_FOUND where there is no such image.
func UnloadDLL(t *nt.Thread, base uint64) (ntdef.Status, error) {
	l := ldrOf(t)
	m := l.at(base)
	if m == nil {
		return ntdef.STATUS_DLL_NOT_FOUND, nil
	}
	return ntdef.STATUS_SUCCESS, l.dropLoad(t, m, runtimeReserved)
}

// AddRefDLL counts one more load of the image at a base, or pins it (LdrAddRefDll). STATUS_INVALID_PARAMETER where there is
// no such image.
func AddRefDLL(t *nt.Thread, base uint64, pin bool) (ntdef.Status, error) {
	l := ldrOf(t)
	m := l.at(base)
	switch {
	case m == nil:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case pin:
		return ntdef.STATUS_SUCCESS, l.setLoads(t, m, pinned)
	}
	return ntdef.STATUS_SUCCESS, l.addLoad(t, m)
}

// DisableThreadCallouts has the image at a base not be told of threads, which its LDR_DATA_TABLE_ENTRY shows
// (LdrDisableThreadCalloutsForDll). STATUS_DLL_NOT_FOUND where there is no such image or it has thread-local storage.
func DisableThreadCallouts(t *nt.Thread, base uint64) (ntdef.Status, error) {
	const dontCallForThreads = 0x40000 // LDRP_DONT_CALL_FOR_THREADS
	m := ldrOf(t).at(base)
	if m == nil || m.tls != nil {
		return ntdef.STATUS_DLL_NOT_FOUND, nil
	}
	m.quiet = true
	flags, err := t.Load32(m.entry + ntdef.LdrEntryFlags)
	if err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.Store32(m.entry+ntdef.LdrEntryFlags, flags|dontCallForThreads)
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
	if m := ldrOf(t).at(base); m != nil {
		return m.Path
	}
	return ""
}

// ProcedureAddress returns the address of an export of the image at a base, by name or, where it is empty, by ordinal. The
// DLL that a forwarder names is loaded for it. STATUS_DLL_NOT_FOUND where there is no such image,
// STATUS_PROCEDURE_NOT_FOUND where it has no such export.
func ProcedureAddress(t *nt.Thread, base uint64, name string, ordinal uint16) (uint64, ntdef.Status, error) {
	l := ldrOf(t)
	m := l.at(base)
	if m == nil {
		return 0, ntdef.STATUS_DLL_NOT_FOUND, nil
	}
	before := len(l.modules)
	va, err := l.resolve(t, m, name, ordinal, 0)
	if err != nil {
		return 0, 0, err
	}
	if len(l.modules) > before {
		err := l.createTLS(t)
		if err == nil {
			err = l.attach(t, m, runtimeReserved)
		}
		if err != nil {
			if _, err := loadStatus(err); err != nil {
				return 0, 0, err
			}
			l.forget()
			return 0, ntdef.STATUS_PROCEDURE_NOT_FOUND, l.sweep(t, runtimeReserved)
		}
	}
	if va == 0 {
		return 0, ntdef.STATUS_PROCEDURE_NOT_FOUND, l.sweep(t, runtimeReserved)
	}
	return va, ntdef.STATUS_SUCCESS, nil
}

// at returns the image at a base, nil where there is none.
func (l *ldr) at(base uint64) *loaded {
	for _, m := range l.modules {
		if m.Base == base {
			return m
		}
	}
	return nil
}
