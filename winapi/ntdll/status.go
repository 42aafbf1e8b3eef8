package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

var statusFuncs = []nt.UserFunc{
	nt.Func("RtlNtStatusToDosError", func(t *nt.Thread, a *statusArgs) (uint64, error) {
		return uint64(DosError(ntdef.Status(a.Status))), nil
	}),
	nt.Func("RtlGetLastWin32Error", func(t *nt.Thread, _ *noArgs) (uint64, error) {
		v, err := t.Load32(t.TEB() + ntdef.TebLastErrorValue)
		return uint64(v), err
	}),
	nt.Func("RtlSetLastWin32Error", func(t *nt.Thread, a *statusArgs) (uint64, error) {
		return 0, SetLastError(t, a.Status)
	}),
}

type statusArgs struct{ Status uint32 }

// SetLastError stores the thread's last Win32 error.
func SetLastError(t *nt.Thread, code uint32) error {
	return t.Store32(t.TEB()+ntdef.TebLastErrorValue, code)
}

// Win32 error codes (winerror.h).
const (
	ERROR_SUCCESS                = 0
	ERROR_FILE_NOT_FOUND         = 2
	ERROR_ACCESS_DENIED          = 5
	ERROR_INVALID_HANDLE         = 6
	ERROR_NOT_ENOUGH_MEMORY      = 8
	ERROR_BAD_LENGTH             = 24
	ERROR_HANDLE_EOF             = 38
	ERROR_NOT_SUPPORTED          = 50
	ERROR_INVALID_PARAMETER      = 87
	ERROR_BROKEN_PIPE            = 109
	ERROR_INVALID_NAME           = 123
	ERROR_INSUFFICIENT_BUFFER    = 122
	ERROR_MOD_NOT_FOUND          = 126
	ERROR_PROC_NOT_FOUND         = 127
	ERROR_BAD_EXE_FORMAT         = 193
	ERROR_MORE_DATA              = 234
	ERROR_PARTIAL_COPY           = 299
	ERROR_MR_MID_NOT_FOUND       = 317
	ERROR_INVALID_ADDRESS        = 487
	ERROR_ARITHMETIC_OVERFLOW    = 534
	ERROR_NOACCESS               = 998
	ERROR_STACK_OVERFLOW         = 1001
	ERROR_INVALID_FLAGS          = 1004
	ERROR_NO_UNICODE_TRANSLATION = 1113
	ERROR_DLL_INIT_FAILED        = 1114
	ERROR_PRIVILEGE_NOT_HELD     = 1314
	ERROR_WORKING_SET_QUOTA      = 1453
	ERROR_COMMITMENT_LIMIT       = 1455
)

// dosErrors maps statuses to Win32 errors as RtlNtStatusToDosError does ([MS-ERREF] 2.2 and 2.3 side by side).
var dosErrors = map[ntdef.Status]uint32{
	ntdef.STATUS_SUCCESS:                  ERROR_SUCCESS,
	ntdef.STATUS_PARTIAL_COPY:             ERROR_PARTIAL_COPY,
	ntdef.STATUS_NOT_IMPLEMENTED:          1, // ERROR_INVALID_FUNCTION
	ntdef.STATUS_INVALID_INFO_CLASS:       ERROR_INVALID_PARAMETER,
	ntdef.STATUS_INFO_LENGTH_MISMATCH:     ERROR_BAD_LENGTH,
	ntdef.STATUS_ACCESS_VIOLATION:         ERROR_NOACCESS,
	ntdef.STATUS_INVALID_HANDLE:           ERROR_INVALID_HANDLE,
	ntdef.STATUS_INVALID_PARAMETER:        ERROR_INVALID_PARAMETER,
	ntdef.STATUS_INVALID_PARAMETER_1:      ERROR_INVALID_PARAMETER,
	ntdef.STATUS_INVALID_PARAMETER_2:      ERROR_INVALID_PARAMETER,
	ntdef.STATUS_INVALID_PARAMETER_3:      ERROR_INVALID_PARAMETER,
	ntdef.STATUS_INVALID_PARAMETER_4:      ERROR_INVALID_PARAMETER,
	ntdef.STATUS_INVALID_PARAMETER_5:      ERROR_INVALID_PARAMETER,
	ntdef.STATUS_INVALID_PARAMETER_6:      ERROR_INVALID_PARAMETER,
	ntdef.STATUS_INVALID_PARAMETER_9:      ERROR_INVALID_PARAMETER,
	ntdef.STATUS_END_OF_FILE:              ERROR_HANDLE_EOF,
	ntdef.STATUS_NO_MEMORY:                ERROR_NOT_ENOUGH_MEMORY,
	ntdef.STATUS_CONFLICTING_ADDRESSES:    ERROR_INVALID_ADDRESS,
	ntdef.STATUS_NOT_MAPPED_VIEW:          ERROR_INVALID_ADDRESS,
	ntdef.STATUS_UNABLE_TO_FREE_VM:        ERROR_INVALID_PARAMETER,
	ntdef.STATUS_UNABLE_TO_DELETE_SECTION: ERROR_INVALID_PARAMETER,
	ntdef.STATUS_INVALID_SYSTEM_SERVICE:   1,
	ntdef.STATUS_ACCESS_DENIED:            ERROR_ACCESS_DENIED,
	ntdef.STATUS_BUFFER_TOO_SMALL:         ERROR_INSUFFICIENT_BUFFER,
	ntdef.STATUS_BUFFER_OVERFLOW:          ERROR_MORE_DATA,
	ntdef.STATUS_NOT_COMMITTED:            ERROR_INVALID_ADDRESS,
	ntdef.STATUS_OBJECT_NAME_INVALID:      ERROR_INVALID_NAME,
	ntdef.STATUS_OBJECT_NAME_NOT_FOUND:    ERROR_FILE_NOT_FOUND,
	ntdef.STATUS_INVALID_PAGE_PROTECTION:  ERROR_INVALID_PARAMETER,
	ntdef.STATUS_SECTION_PROTECTION:       ERROR_INVALID_PARAMETER,
	ntdef.STATUS_PRIVILEGE_NOT_HELD:       ERROR_PRIVILEGE_NOT_HELD,
	ntdef.STATUS_PROCEDURE_NOT_FOUND:      ERROR_PROC_NOT_FOUND,
	ntdef.STATUS_ENTRYPOINT_NOT_FOUND:     ERROR_PROC_NOT_FOUND,
	ntdef.STATUS_DLL_NOT_FOUND:            ERROR_MOD_NOT_FOUND,
	ntdef.STATUS_DLL_INIT_FAILED:          ERROR_DLL_INIT_FAILED,
	ntdef.STATUS_INVALID_IMAGE_FORMAT:     ERROR_BAD_EXE_FORMAT,
	ntdef.STATUS_INVALID_IMAGE_NOT_MZ:     ERROR_BAD_EXE_FORMAT,
	ntdef.STATUS_FREE_VM_NOT_AT_BASE:      ERROR_INVALID_ADDRESS,
	ntdef.STATUS_MEMORY_NOT_ALLOCATED:     ERROR_INVALID_ADDRESS,
	ntdef.STATUS_WORKING_SET_QUOTA:        ERROR_WORKING_SET_QUOTA,
	ntdef.STATUS_NOT_SUPPORTED:            ERROR_NOT_SUPPORTED,
	ntdef.STATUS_STACK_OVERFLOW:           ERROR_STACK_OVERFLOW,
	ntdef.STATUS_COMMITMENT_LIMIT:         ERROR_COMMITMENT_LIMIT,
	ntdef.STATUS_PIPE_BROKEN:              ERROR_BROKEN_PIPE,
	ntdef.STATUS_GUARD_PAGE_VIOLATION:     0x80000001,
}

// DosError is RtlNtStatusToDosError; a status without a Win32 error gives ERROR_MR_MID_NOT_FOUND, as there.
func DosError(st ntdef.Status) uint32 {
	if e, ok := dosErrors[st]; ok {
		return e
	}
	return ERROR_MR_MID_NOT_FOUND
}
