package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

var statusFuncs = []nt.UserFunc{
	nt.Func("RtlGetCurrentPeb", func(t *nt.Thread, _ *noArgs) (uint64, error) { return t.Process().PEB(), nil }),
	nt.Func("RtlGetNtVersionNumbers", rtlGetNtVersionNumbers),
	nt.Func("RtlGetVersion", rtlGetVersion),
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

type versionArgs struct{ Info uint64 }

// rtlGetVersion fills an RTL_OSVERSIONINFOW from the PEB.
func rtlGetVersion(t *nt.Thread, a *versionArgs) (uint64, error) {
	v, err := version(t)
	if err != nil {
		return 0, err
	}
	for i, n := range []uint32{v[0], v[1], v[2], 2} { // VER_PLATFORM_WIN32_NT
		if err := t.Store32(a.Info+4+4*uint64(i), n); err != nil {
			return 0, err
		}
	}
	return uint64(ntdef.STATUS_SUCCESS), t.Store16(a.Info+20, 0) // no service pack
}

func version(t *nt.Thread) (v [3]uint32, err error) {
	peb := t.Process().PEB()
	if v[0], err = t.Load32(peb + ntdef.PebOSMajorVersion); err != nil {
		return v, err
	}
	if v[1], err = t.Load32(peb + ntdef.PebOSMinorVersion); err != nil {
		return v, err
	}
	build, err := t.Load16(peb + ntdef.PebOSBuildNumber)
	v[2] = uint32(build)
	return v, err
}

type versionNumbersArgs struct{ Major, Minor, Build uint64 }

func rtlGetNtVersionNumbers(t *nt.Thread, a *versionNumbersArgs) (uint64, error) {
	v, err := version(t)
	if err != nil {
		return 0, err
	}
	for i, at := range []uint64{a.Major, a.Minor, a.Build} {
		if at != 0 {
			if i == 2 {
				v[2] |= 0xf0000000 // a free build
			}
			if err := t.Store32(at, v[i]); err != nil {
				return 0, err
			}
		}
	}
	return 0, nil
}

type statusArgs struct{ Status uint32 }

// SetLastError stores the thread's last Win32 error.
func SetLastError(t *nt.Thread, code uint32) error {
	return t.Store32(t.TEB()+ntdef.TebLastErrorValue, code)
}

// Win32 error codes (winerror.h).
const (
	ERROR_SUCCESS                = 0
	ERROR_INVALID_DATA           = 13
	ERROR_UNSUPPORTED_TYPE       = 1630
	ERROR_BADKEY                 = 1010
	ERROR_FILE_NOT_FOUND         = 2
	ERROR_ACCESS_DENIED          = 5
	ERROR_INVALID_HANDLE         = 6
	ERROR_NOT_ENOUGH_MEMORY      = 8
	ERROR_BAD_LENGTH             = 24
	ERROR_PATH_NOT_FOUND         = 3
	ERROR_NOT_SAME_DEVICE        = 17
	ERROR_NO_MORE_FILES          = 18
	ERROR_WRITE_PROTECT          = 19
	ERROR_SHARING_VIOLATION      = 32
	ERROR_LOCK_VIOLATION         = 33
	ERROR_FILE_EXISTS            = 80
	ERROR_DIR_NOT_EMPTY          = 145
	ERROR_BAD_PATHNAME           = 161
	ERROR_DIRECTORY              = 267
	ERROR_NEGATIVE_SEEK          = 131
	ERROR_IO_DEVICE              = 1117
	ERROR_BAD_NETPATH            = 53
	ERROR_FILENAME_EXCED_RANGE   = 206
	ERROR_NOT_OWNER              = 288
	ERROR_TOO_MANY_POSTS         = 298
	ERROR_TIMEOUT                = 1460
	ERROR_NOT_ENOUGH_QUOTA       = 1816
	ERROR_GEN_FAILURE            = 31
	ERROR_HANDLE_EOF             = 38
	ERROR_UNEXP_NET_ERR          = 59
	ERROR_DISK_FULL              = 112
	ERROR_USER_MAPPED_FILE       = 1224
	ERROR_NOT_SUPPORTED          = 50
	ERROR_INVALID_PARAMETER      = 87
	ERROR_MAPPED_ALIGNMENT       = 1132
	ERROR_BROKEN_PIPE            = 109
	ERROR_INVALID_NAME           = 123
	ERROR_INSUFFICIENT_BUFFER    = 122
	ERROR_MOD_NOT_FOUND          = 126
	ERROR_PROC_NOT_FOUND         = 127
	ERROR_BAD_EXE_FORMAT         = 193
	ERROR_MORE_DATA              = 234
	ERROR_NO_MORE_ITEMS          = 259
	ERROR_DISCARDED              = 157
	ERROR_NOT_LOCKED             = 158
	ERROR_BUSY                   = 170
	ERROR_ALREADY_EXISTS         = 183
	ERROR_NO_SYSTEM_RESOURCES    = 1450
	ERROR_NOT_ALL_ASSIGNED       = 1300
	ERROR_NO_SUCH_PRIVILEGE      = 1313
	ERROR_FILE_INVALID           = 1006
	ERROR_DYNAMIC_CODE_BLOCKED   = 1655
	ERROR_NOT_FOUND              = 1168
	ERROR_PARTIAL_COPY           = 299
	ERROR_MR_MID_NOT_FOUND       = 317
	ERROR_INVALID_ADDRESS        = 487
	ERROR_ARITHMETIC_OVERFLOW    = 534
	ERROR_IO_INCOMPLETE          = 996
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
	ntdef.STATUS_INVALID_IMAGE_WIN_32:     ERROR_BAD_EXE_FORMAT,
	ntdef.STATUS_FREE_VM_NOT_AT_BASE:      ERROR_INVALID_ADDRESS,
	ntdef.STATUS_MEMORY_NOT_ALLOCATED:     ERROR_INVALID_ADDRESS,
	ntdef.STATUS_WORKING_SET_QUOTA:        ERROR_WORKING_SET_QUOTA,
	ntdef.STATUS_NOT_SUPPORTED:            ERROR_NOT_SUPPORTED,
	ntdef.STATUS_MAPPED_ALIGNMENT:         ERROR_MAPPED_ALIGNMENT,
	ntdef.STATUS_STACK_OVERFLOW:           ERROR_STACK_OVERFLOW,
	ntdef.STATUS_COMMITMENT_LIMIT:         ERROR_COMMITMENT_LIMIT,
	ntdef.STATUS_INSUFFICIENT_RESOURCES:   ERROR_NO_SYSTEM_RESOURCES,
	ntdef.STATUS_NOT_LOCKED:               ERROR_NOT_LOCKED,
	ntdef.STATUS_OBJECT_TYPE_MISMATCH:     ERROR_INVALID_HANDLE,
	ntdef.STATUS_OBJECT_NAME_EXISTS:       ERROR_ALREADY_EXISTS,
	ntdef.STATUS_OBJECT_NAME_COLLISION:    ERROR_ALREADY_EXISTS,
	ntdef.STATUS_NOT_ALL_ASSIGNED:         ERROR_NOT_ALL_ASSIGNED,
	ntdef.STATUS_INVALID_CID:              ERROR_INVALID_PARAMETER,
	ntdef.STATUS_INVALID_ADDRESS:          ERROR_UNEXP_NET_ERR,
	ntdef.STATUS_UNSUCCESSFUL:             ERROR_GEN_FAILURE,
	ntdef.STATUS_MAPPED_FILE_SIZE_ZERO:    ERROR_FILE_INVALID,
	ntdef.STATUS_INVALID_FILE_FOR_SECTION: ERROR_BAD_EXE_FORMAT,
	ntdef.STATUS_SECTION_TOO_BIG:          ERROR_NOT_ENOUGH_MEMORY,
	ntdef.STATUS_INVALID_VIEW_SIZE:        ERROR_ACCESS_DENIED,
	ntdef.STATUS_NOT_MAPPED_DATA:          ERROR_INVALID_ADDRESS,
	ntdef.STATUS_DYNAMIC_CODE_BLOCKED:     ERROR_DYNAMIC_CODE_BLOCKED,
	ntdef.STATUS_DISK_FULL:                ERROR_DISK_FULL,
	ntdef.STATUS_USER_MAPPED_FILE:         ERROR_USER_MAPPED_FILE,
	ntdef.STATUS_NO_MORE_FILES:            ERROR_NO_MORE_FILES,
	ntdef.STATUS_NO_SUCH_FILE:             ERROR_FILE_NOT_FOUND,
	ntdef.STATUS_INVALID_DEVICE_REQUEST:   1,
	ntdef.STATUS_OBJECT_PATH_NOT_FOUND:    ERROR_PATH_NOT_FOUND,
	ntdef.STATUS_OBJECT_PATH_SYNTAX_BAD:   ERROR_BAD_PATHNAME,
	ntdef.STATUS_SHARING_VIOLATION:        ERROR_SHARING_VIOLATION,
	ntdef.STATUS_FILE_LOCK_CONFLICT:       ERROR_LOCK_VIOLATION,
	ntdef.STATUS_LOCK_NOT_GRANTED:         ERROR_LOCK_VIOLATION,
	ntdef.STATUS_DELETE_PENDING:           ERROR_ACCESS_DENIED,
	ntdef.STATUS_RANGE_NOT_LOCKED:         ERROR_NOT_LOCKED,
	ntdef.STATUS_MEDIA_WRITE_PROTECTED:    ERROR_WRITE_PROTECT,
	ntdef.STATUS_FILE_IS_A_DIRECTORY:      ERROR_ACCESS_DENIED,
	ntdef.STATUS_UNEXPECTED_IO_ERROR:      ERROR_IO_DEVICE,
	ntdef.STATUS_DIRECTORY_NOT_EMPTY:      ERROR_DIR_NOT_EMPTY,
	ntdef.STATUS_NOT_A_DIRECTORY:          ERROR_DIRECTORY,
	ntdef.STATUS_CANNOT_DELETE:            ERROR_ACCESS_DENIED,
	ntdef.STATUS_NOT_SAME_DEVICE:          ERROR_NOT_SAME_DEVICE,
	ntdef.STATUS_TIMEOUT:                  ERROR_TIMEOUT,
	ntdef.STATUS_ABANDONED_WAIT_0:         735,
	ntdef.STATUS_PROCESS_IS_TERMINATING:   ERROR_ACCESS_DENIED,
	ntdef.STATUS_THREAD_IS_TERMINATING:    ERROR_ACCESS_DENIED,
	ntdef.STATUS_NO_MORE_ENTRIES:          ERROR_NO_MORE_ITEMS,
	ntdef.STATUS_INVALID_PARAMETER_MIX:    ERROR_INVALID_PARAMETER,
	ntdef.STATUS_QUOTA_EXCEEDED:           ERROR_NOT_ENOUGH_QUOTA,
	ntdef.STATUS_MUTANT_NOT_OWNED:         ERROR_NOT_OWNER,
	ntdef.STATUS_SEMAPHORE_LIMIT_EXCEEDED: ERROR_TOO_MANY_POSTS,
	ntdef.STATUS_SUSPEND_COUNT_EXCEEDED:   156,
	ntdef.STATUS_PIPE_BROKEN:              ERROR_BROKEN_PIPE,
	ntdef.STATUS_GUARD_PAGE_VIOLATION:     0x80000001,
	ntdef.STATUS_PENDING:                  997,
	ntdef.STATUS_NOTIFY_ENUM_DIR:          1022,
	ntdef.STATUS_EAS_NOT_SUPPORTED:        282,
	ntdef.STATUS_NO_EAS_ON_FILE:           1106,
	ntdef.STATUS_INSTANCE_NOT_AVAILABLE:   231,
	ntdef.STATUS_PIPE_NOT_AVAILABLE:       231,
	ntdef.STATUS_INVALID_PIPE_STATE:       230,
	ntdef.STATUS_PIPE_BUSY:                231,
	ntdef.STATUS_ILLEGAL_FUNCTION:         1,
	ntdef.STATUS_PIPE_DISCONNECTED:        233,
	ntdef.STATUS_PIPE_CLOSING:             232,
	ntdef.STATUS_PIPE_CONNECTED:           535,
	ntdef.STATUS_PIPE_LISTENING:           536,
	ntdef.STATUS_INVALID_READ_MODE:        230,
	ntdef.STATUS_IO_TIMEOUT:               121,
	ntdef.STATUS_BAD_NETWORK_PATH:         53,
	ntdef.STATUS_PIPE_EMPTY:               232,
	ntdef.STATUS_INVALID_USER_BUFFER:      1784,
	ntdef.STATUS_CANCELLED:                995,
	ntdef.STATUS_NOT_FOUND:                1168,
	ntdef.STATUS_NOT_A_REPARSE_POINT:      4390,
	ntdef.STATUS_INVALID_LOCK_RANGE:       307,
	ntdef.STATUS_OBJECTID_NOT_FOUND:       4312,
	ntdef.STATUS_MORE_ENTRIES:             234,
	ntdef.STATUS_HANDLE_NOT_CLOSABLE:      6,
	ntdef.STATUS_NOT_SAME_OBJECT:          1656,
	ntdef.STATUS_PORT_ALREADY_SET:         87,
	ntdef.STATUS_INVALID_PARAMETER_10:     87,
	ntdef.STATUS_KEY_DELETED:              1018,
	ntdef.STATUS_CHILD_MUST_BE_VOLATILE:   1021,
	ntdef.STATUS_REGISTRY_QUOTA_LIMIT:     613,
	ntdef.STATUS_NO_TOKEN:                 1008,
	ntdef.STATUS_BAD_IMPERSONATION_LEVEL:  1346,
	ntdef.STATUS_CANT_OPEN_ANONYMOUS:      1347,
	ntdef.STATUS_GENERIC_NOT_MAPPED:       1360,
	ntdef.STATUS_INVALID_SECURITY_DESCR:   1338,
	ntdef.STATUS_INVALID_SID:              1337,
	ntdef.STATUS_INVALID_ACL:              1336,
	ntdef.STATUS_NO_IMPERSONATION_TOKEN:   1309,
	ntdef.STATUS_INVALID_OWNER:            1307,
	ntdef.STATUS_INVALID_PRIMARY_GROUP:    1308,
	ntdef.STATUS_CANT_DISABLE_MANDATORY:   1310,
	ntdef.STATUS_NO_SECURITY_ON_OBJECT:    1350,
	ntdef.STATUS_BAD_TOKEN_TYPE:           1349,
	ntdef.STATUS_NO_SUCH_LOGON_SESSION:    1312,
	ntdef.STATUS_UNKNOWN_REVISION:         1305,
}

// DosError is RtlNtStatusToDosError; a status without a Win32 error gives ERROR_MR_MID_NOT_FOUND, as there.
func DosError(st ntdef.Status) uint32 {
	if e, ok := dosErrors[st]; ok {
		return e
	}
	return ERROR_MR_MID_NOT_FOUND
}
