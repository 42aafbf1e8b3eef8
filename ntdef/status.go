package ntdef

import "fmt"

// Status is an NTSTATUS: 32 bits, severity in the top two (ntstatus.h, [MS-ERREF] 2.3).
type Status uint32

// The status codes in use.
const (
	STATUS_SUCCESS                     Status = 0x00000000
	STATUS_NOT_ALL_ASSIGNED            Status = 0x00000106
	STATUS_OBJECT_NAME_EXISTS          Status = 0x40000000
	STATUS_IMAGE_NOT_AT_BASE           Status = 0x40000003
	STATUS_IMAGE_MACHINE_TYPE_MISMATCH Status = 0x4000000e
	STATUS_WAS_LOCKED                  Status = 0x40000019
	STATUS_NO_YIELD_PERFORMED          Status = 0x40000024
	STATUS_GUARD_PAGE_VIOLATION        Status = 0x80000001
	STATUS_DATATYPE_MISALIGNMENT       Status = 0x80000002
	STATUS_BREAKPOINT                  Status = 0x80000003
	STATUS_SINGLE_STEP                 Status = 0x80000004
	STATUS_BUFFER_OVERFLOW             Status = 0x80000005
	STATUS_NO_MORE_FILES               Status = 0x80000006
	STATUS_PARTIAL_COPY                Status = 0x8000000d
	STATUS_LONGJUMP                    Status = 0x80000026
	STATUS_UNWIND_CONSOLIDATE          Status = 0x80000029
	STATUS_UNSUCCESSFUL                Status = 0xc0000001
	STATUS_NOT_IMPLEMENTED             Status = 0xc0000002
	STATUS_INVALID_INFO_CLASS          Status = 0xc0000003
	STATUS_INFO_LENGTH_MISMATCH        Status = 0xc0000004
	STATUS_ACCESS_VIOLATION            Status = 0xc0000005
	STATUS_IN_PAGE_ERROR               Status = 0xc0000006
	STATUS_INVALID_HANDLE              Status = 0xc0000008
	STATUS_INVALID_CID                 Status = 0xc000000b
	STATUS_INVALID_PARAMETER           Status = 0xc000000d
	STATUS_NO_SUCH_FILE                Status = 0xc000000f
	STATUS_INVALID_DEVICE_REQUEST      Status = 0xc0000010
	STATUS_END_OF_FILE                 Status = 0xc0000011
	STATUS_NO_MEMORY                   Status = 0xc0000017
	STATUS_CONFLICTING_ADDRESSES       Status = 0xc0000018
	STATUS_NOT_MAPPED_VIEW             Status = 0xc0000019
	STATUS_UNABLE_TO_FREE_VM           Status = 0xc000001a
	STATUS_UNABLE_TO_DELETE_SECTION    Status = 0xc000001b
	STATUS_INVALID_SYSTEM_SERVICE      Status = 0xc000001c
	STATUS_ILLEGAL_INSTRUCTION         Status = 0xc000001d
	STATUS_INVALID_VIEW_SIZE           Status = 0xc000001f
	STATUS_INVALID_FILE_FOR_SECTION    Status = 0xc0000020
	STATUS_ACCESS_DENIED               Status = 0xc0000022
	STATUS_BUFFER_TOO_SMALL            Status = 0xc0000023
	STATUS_OBJECT_TYPE_MISMATCH        Status = 0xc0000024
	STATUS_NONCONTINUABLE_EXCEPTION    Status = 0xc0000025
	STATUS_INVALID_DISPOSITION         Status = 0xc0000026
	STATUS_UNWIND                      Status = 0xc0000027
	STATUS_BAD_STACK                   Status = 0xc0000028
	STATUS_INVALID_UNWIND_TARGET       Status = 0xc0000029
	STATUS_NOT_LOCKED                  Status = 0xc000002a
	STATUS_UNABLE_TO_DECOMMIT_VM       Status = 0xc000002c
	STATUS_NOT_COMMITTED               Status = 0xc000002d
	STATUS_OBJECT_NAME_INVALID         Status = 0xc0000033
	STATUS_OBJECT_NAME_NOT_FOUND       Status = 0xc0000034
	STATUS_OBJECT_NAME_COLLISION       Status = 0xc0000035
	STATUS_OBJECT_PATH_NOT_FOUND       Status = 0xc000003a
	STATUS_OBJECT_PATH_SYNTAX_BAD      Status = 0xc000003b
	STATUS_SECTION_TOO_BIG             Status = 0xc0000040
	STATUS_SHARING_VIOLATION           Status = 0xc0000043
	STATUS_INVALID_PAGE_PROTECTION     Status = 0xc0000045
	STATUS_SECTION_NOT_IMAGE           Status = 0xc0000049
	STATUS_SECTION_PROTECTION          Status = 0xc000004e
	STATUS_FILE_LOCK_CONFLICT          Status = 0xc0000054
	STATUS_LOCK_NOT_GRANTED            Status = 0xc0000055
	STATUS_DELETE_PENDING              Status = 0xc0000056
	STATUS_NO_SUCH_PRIVILEGE           Status = 0xc0000060
	STATUS_PRIVILEGE_NOT_HELD          Status = 0xc0000061
	STATUS_PROCEDURE_NOT_FOUND         Status = 0xc000007a
	STATUS_INVALID_IMAGE_FORMAT        Status = 0xc000007b
	STATUS_RANGE_NOT_LOCKED            Status = 0xc000007e
	STATUS_DISK_FULL                   Status = 0xc000007f
	STATUS_SECTION_NOT_EXTENDED        Status = 0xc0000087
	STATUS_NOT_MAPPED_DATA             Status = 0xc0000088
	STATUS_ARRAY_BOUNDS_EXCEEDED       Status = 0xc000008c
	STATUS_FLOAT_DENORMAL_OPERAND      Status = 0xc000008d
	STATUS_FLOAT_DIVIDE_BY_ZERO        Status = 0xc000008e
	STATUS_FLOAT_INEXACT_RESULT        Status = 0xc000008f
	STATUS_FLOAT_INVALID_OPERATION     Status = 0xc0000090
	STATUS_FLOAT_OVERFLOW              Status = 0xc0000091
	STATUS_FLOAT_STACK_CHECK           Status = 0xc0000092
	STATUS_FLOAT_UNDERFLOW             Status = 0xc0000093
	STATUS_INTEGER_DIVIDE_BY_ZERO      Status = 0xc0000094
	STATUS_INTEGER_OVERFLOW            Status = 0xc0000095
	STATUS_PRIVILEGED_INSTRUCTION      Status = 0xc0000096
	STATUS_TOO_MANY_PAGING_FILES       Status = 0xc0000097
	STATUS_INSUFFICIENT_RESOURCES      Status = 0xc000009a
	STATUS_FREE_VM_NOT_AT_BASE         Status = 0xc000009f
	STATUS_MEMORY_NOT_ALLOCATED        Status = 0xc00000a0
	STATUS_WORKING_SET_QUOTA           Status = 0xc00000a1
	STATUS_MEDIA_WRITE_PROTECTED       Status = 0xc00000a2
	STATUS_FILE_IS_A_DIRECTORY         Status = 0xc00000ba
	STATUS_NOT_SUPPORTED               Status = 0xc00000bb
	STATUS_NOT_SAME_DEVICE             Status = 0xc00000d4
	STATUS_UNEXPECTED_IO_ERROR         Status = 0xc00000e9
	STATUS_INVALID_PARAMETER_1         Status = 0xc00000ef
	STATUS_INVALID_PARAMETER_2         Status = 0xc00000f0
	STATUS_INVALID_PARAMETER_3         Status = 0xc00000f1
	STATUS_INVALID_PARAMETER_4         Status = 0xc00000f2
	STATUS_INVALID_PARAMETER_5         Status = 0xc00000f3
	STATUS_INVALID_PARAMETER_6         Status = 0xc00000f4
	STATUS_INVALID_PARAMETER_7         Status = 0xc00000f5
	STATUS_INVALID_PARAMETER_8         Status = 0xc00000f6
	STATUS_INVALID_PARAMETER_9         Status = 0xc00000f7
	STATUS_STACK_OVERFLOW              Status = 0xc00000fd
	STATUS_BAD_FUNCTION_TABLE          Status = 0xc00000ff
	STATUS_DIRECTORY_NOT_EMPTY         Status = 0xc0000101
	STATUS_NOT_A_DIRECTORY             Status = 0xc0000103
	STATUS_MAPPED_FILE_SIZE_ZERO       Status = 0xc000011e
	STATUS_CANNOT_DELETE               Status = 0xc0000121
	STATUS_COMMITMENT_LIMIT            Status = 0xc000012d
	STATUS_INVALID_IMAGE_NOT_MZ        Status = 0xc000012f
	STATUS_INVALID_IMAGE_PROTECT       Status = 0xc0000130
	STATUS_DLL_NOT_FOUND               Status = 0xc0000135
	STATUS_ORDINAL_NOT_FOUND           Status = 0xc0000138
	STATUS_ENTRYPOINT_NOT_FOUND        Status = 0xc0000139
	STATUS_CONTROL_C_EXIT              Status = 0xc000013a
	STATUS_INVALID_ADDRESS             Status = 0xc0000141
	STATUS_DLL_INIT_FAILED             Status = 0xc0000142
	STATUS_UNHANDLED_EXCEPTION         Status = 0xc0000144
	STATUS_PIPE_BROKEN                 Status = 0xc000014b
	STATUS_MAPPED_ALIGNMENT            Status = 0xc0000220
	STATUS_USER_MAPPED_FILE            Status = 0xc0000243
	STATUS_FLOAT_MULTIPLE_FAULTS       Status = 0xc00002b4
	STATUS_FLOAT_MULTIPLE_TRAPS        Status = 0xc00002b5
	STATUS_HEAP_CORRUPTION             Status = 0xc0000374
	STATUS_STACK_BUFFER_OVERRUN        Status = 0xc0000409
	STATUS_ASSERTION_FAILURE           Status = 0xc0000420
	STATUS_DYNAMIC_CODE_BLOCKED        Status = 0xc0000604
)

// IsError reports whether the severity is an error (NT_ERROR).
func (s Status) IsError() bool { return s>>30 == 3 }

// IsSuccess reports whether the status is a success or informational (NT_SUCCESS).
func (s Status) IsSuccess() bool { return s>>31 == 0 }

// String returns the name in ntstatus.h, or the number of a status that has none here.
func (s Status) String() string {
	if name, ok := statusNames[s]; ok {
		return name
	}
	return fmt.Sprintf("status %#08x", uint32(s))
}
