package kernel32

import (
	"errors"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// fail sets the last error and returns FALSE, NULL or 0.
func fail(t *nt.Thread, code uint32) (uint64, error) { return 0, ntdll.SetLastError(t, code) }

// failStatus is fail with the Win32 error of a status.
func failStatus(t *nt.Thread, st ntdef.Status) (uint64, error) { return fail(t, ntdll.DosError(st)) }

// failAccess turns the fault of an argument that the service itself reads or writes into the service's status: Windows
// raises no exception for those.
func failAccess(t *nt.Thread, err error) (uint64, error) {
	var fault *nt.UserFault
	if errors.As(err, &fault) {
		return failStatus(t, fault.Record.Code)
	}
	return 0, err
}

// boolOf is the BOOL of a service's status: FALSE with the last error set where it failed.
func boolOf(t *nt.Thread, st ntdef.Status) (uint64, error) {
	if !st.IsSuccess() {
		return failStatus(t, st)
	}
	return 1, nil
}
