package ntdef

// Attributes of files (winnt.h).
const (
	FILE_ATTRIBUTE_READONLY  uint32 = 0x01
	FILE_ATTRIBUTE_HIDDEN    uint32 = 0x02
	FILE_ATTRIBUTE_SYSTEM    uint32 = 0x04
	FILE_ATTRIBUTE_DIRECTORY uint32 = 0x10
	FILE_ATTRIBUTE_ARCHIVE   uint32 = 0x20
	FILE_ATTRIBUTE_NORMAL    uint32 = 0x80
)

// Access rights of files (winnt.h).
const (
	FILE_READ_DATA   uint32 = 0x0001
	FILE_WRITE_DATA  uint32 = 0x0002
	FILE_APPEND_DATA uint32 = 0x0004
	FILE_EXECUTE     uint32 = 0x0020
	DELETE           uint32 = 0x10000
	GENERIC_ALL      uint32 = 0x10000000
	GENERIC_EXECUTE  uint32 = 0x20000000
	GENERIC_WRITE    uint32 = 0x40000000
	GENERIC_READ     uint32 = 0x80000000
)

// Sharing of files (winnt.h).
const (
	FILE_SHARE_READ   uint32 = 1
	FILE_SHARE_WRITE  uint32 = 2
	FILE_SHARE_DELETE uint32 = 4
)

// What NtCreateFile does where a file is there or not, and what it did (ntifs.h, "NtCreateFile").
const (
	FILE_SUPERSEDE    uint32 = 0
	FILE_OPEN         uint32 = 1
	FILE_CREATE       uint32 = 2
	FILE_OPEN_IF      uint32 = 3
	FILE_OVERWRITE    uint32 = 4
	FILE_OVERWRITE_IF uint32 = 5

	FILE_SUPERSEDED  uint32 = 0
	FILE_OPENED      uint32 = 1
	FILE_CREATED     uint32 = 2
	FILE_OVERWRITTEN uint32 = 3
)

// Options of NtCreateFile.
const (
	FILE_DIRECTORY_FILE     uint32 = 0x0001
	FILE_NON_DIRECTORY_FILE uint32 = 0x0040
	FILE_DELETE_ON_CLOSE    uint32 = 0x1000
)
