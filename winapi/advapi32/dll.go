// Package advapi32 is the part of advapi32.dll that programs need to enable privileges and to use the registry.
package advapi32

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// DLL returns the description of advapi32.dll.
func DLL() *winapi.DLL {
	return &winapi.DLL{Name: "advapi32.dll", Base: 0x7ff8_0600_0000, Funcs: append(registryFuncs(), []nt.UserFunc{
		nt.Func("OpenProcessToken", openProcessToken),
		nt.Func("LookupPrivilegeValueA", func(t *nt.Thread, a *lookupPrivilegeArgs) (uint64, error) {
			return lookupPrivilegeValue(t, a, t.CString)
		}),
		nt.Func("LookupPrivilegeValueW", func(t *nt.Thread, a *lookupPrivilegeArgs) (uint64, error) {
			return lookupPrivilegeValue(t, a, t.WString)
		}),
		nt.Func("AdjustTokenPrivileges", adjustTokenPrivileges),
	}...)}
}

// fail sets the last error and returns FALSE.
func fail(t *nt.Thread, code uint32) (uint64, error) { return 0, ntdll.SetLastError(t, code) }

type openProcessTokenArgs struct {
	Process ntdef.Handle
	Access  uint32
	Token   ntdef.Ptr[uint64]
}

func openProcessToken(t *nt.Thread, a *openProcessTokenArgs) (uint64, error) {
	h, st := t.Process().OpenProcessToken(a.Process, a.Access)
	if st != ntdef.STATUS_SUCCESS {
		return fail(t, ntdll.DosError(st))
	}
	return 1, t.Store64(uint64(a.Token), uint64(h))
}

type lookupPrivilegeArgs struct {
	SystemName uint64
	Name       uint64
	LUID       uint64
}

// lookupPrivilegeValue stores the LUID of a privilege of the local system.
func lookupPrivilegeValue(t *nt.Thread, a *lookupPrivilegeArgs, text func(uint64) (string, error)) (uint64, error) {
	name, err := text(a.Name)
	if err != nil {
		return 0, err
	}
	p, ok := nt.PrivilegeByName(name)
	if !ok {
		return fail(t, ntdll.ERROR_NO_SUCH_PRIVILEGE)
	}
	var luid [8]byte
	binary.LittleEndian.PutUint32(luid[:], uint32(p))
	return 1, t.Write(a.LUID, luid[:])
}

type adjustTokenPrivilegesArgs struct {
	Token        ntdef.Handle
	DisableAll   bool
	New          uint64
	Length       uint32
	Previous     uint64
	ReturnLength ntdef.Ptr[uint32]
}

// adjustTokenPrivileges succeeds with ERROR_NOT_ALL_ASSIGNED where the token does not have a privilege.
func adjustTokenPrivileges(t *nt.Thread, a *adjustTokenPrivilegesArgs) (uint64, error) {
	st, err := t.AdjustPrivileges(a.Token, a.DisableAll, a.New, a.Length, a.Previous, a.ReturnLength)
	if err != nil {
		return 0, err
	}
	return uint64(b2i(st.IsSuccess())), ntdll.SetLastError(t, ntdll.DosError(st))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
