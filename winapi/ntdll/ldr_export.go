package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/x86"
)

// loaderFuncs are the loader's exports.
func loaderFuncs(system []*winapi.DLL) []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("LdrAddRefDll", ldrAddRefDll),
		nt.Func("LdrDisableThreadCalloutsForDll", func(t *nt.Thread, a *dllArgs) (uint64, error) {
			st, err := DisableThreadCallouts(t, a.Base)
			return uint64(st), err
		}),
		nt.Func("LdrGetDllHandle", ldrGetDllHandle),
		nt.Func("LdrGetProcedureAddress", ldrGetProcedureAddress),
		nt.Func("LdrInitializeThunk", func(t *nt.Thread, a *initializeThunkArgs) (uint64, error) {
			for _, d := range system {
				ldrOf(t).builtins[d.Name] = d
			}
			return 0, initializeThunk(t, a)
		}),
		nt.Func("LdrLoadDll", ldrLoadDll),
		nt.Func("LdrUnloadDll", func(t *nt.Thread, a *dllArgs) (uint64, error) {
			st, err := UnloadDLL(t, a.Base)
			return uint64(st), err
		}),
		nt.Func("RtlExitUserProcess", func(t *nt.Thread, a *exitArgs) (uint64, error) { return 0, ExitProcess(t, a.Status) }),
		nt.Func("RtlExitUserThread", func(t *nt.Thread, a *exitArgs) (uint64, error) { return 0, ExitThread(t, a.Status) }),
		nt.Func("PagewalkUnboundImport", unboundImport),
	}
}

type exitArgs struct{ Status uint32 }

type dllArgs struct{ Base uint64 }

type loadDllArgs struct {
	Path            uint64 // folders to search
	Characteristics ntdef.Ptr[uint32]
	Name            uint64 // a UNICODE_STRING
	Base            ntdef.Ptr[uint64]
}

// ldrLoadDll loads a DLL and stores its base. Folders to search are those of any DLL; characteristics, which ask for an image
// that is not to run, are not supported.
func ldrLoadDll(t *nt.Thread, a *loadDllArgs) (uint64, error) {
	name, err := loaderName(t, a, "LdrLoadDll")
	if err != nil {
		return 0, err
	}
	base, st, err := LoadDLL(t, name)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return uint64(st), err
	}
	return uint64(st), t.Store64(uint64(a.Base), base)
}

// ldrGetDllHandle stores the base of a loaded DLL without counting a load; the result is NULL where it is not loaded.
func ldrGetDllHandle(t *nt.Thread, a *loadDllArgs) (uint64, error) {
	name, err := loaderName(t, a, "LdrGetDllHandle")
	if err != nil {
		return 0, err
	}
	st := ntdef.STATUS_SUCCESS
	base := ModuleHandle(t, name)
	if base == 0 {
		st = ntdef.STATUS_DLL_NOT_FOUND
	}
	return uint64(st), t.Store64(uint64(a.Base), base)
}

// loaderName returns the name in the arguments of a function.
func loaderName(t *nt.Thread, a *loadDllArgs, function string) (string, error) {
	if a.Characteristics != 0 {
		v, err := t.Load32(uint64(a.Characteristics))
		if err != nil {
			return "", err
		}
		if v != 0 {
			return "", t.Stop("%s with characteristics %#x is not implemented", function, v)
		}
	}
	if err := t.Probe(uint64(a.Base), 8, x86.Write); err != nil {
		return "", err
	}
	return t.UnicodeString(a.Name)
}

type addRefDllArgs struct {
	Flags uint32
	Base  uint64
}

func ldrAddRefDll(t *nt.Thread, a *addRefDllArgs) (uint64, error) {
	const pin = 1 // LDR_ADDREF_DLL_PIN
	if a.Flags&^pin != 0 {
		return uint64(ntdef.STATUS_INVALID_PARAMETER), nil
	}
	st, err := AddRefDLL(t, a.Base, a.Flags == pin)
	return uint64(st), err
}

type procedureAddressArgs struct {
	Base      uint64
	Name      uint64 // an ANSI_STRING, or NULL
	Ordinal   uint32
	Procedure ntdef.Ptr[uint64]
}

// ldrGetProcedureAddress stores the address of an export, and nothing where there is none.
func ldrGetProcedureAddress(t *nt.Thread, a *procedureAddressArgs) (uint64, error) {
	var name string
	if a.Name != 0 {
		var err error
		if name, err = ansiString(t, a.Name); err != nil {
			return 0, err
		}
	}
	if err := t.Probe(uint64(a.Procedure), 8, x86.Write); err != nil {
		return 0, err
	}
	va, st, err := ProcedureAddress(t, a.Base, name, uint16(a.Ordinal))
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return uint64(st), err
	}
	return uint64(st), t.Store64(uint64(a.Procedure), va)
}
