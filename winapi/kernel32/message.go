package kernel32

import (
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

var messageFuncs = []nt.UserFunc{
	nt.Func("FormatMessageA", func(t *nt.Thread, a *formatMessageArgs) (uint64, error) {
		return formatMessage(t, a, ansiText(t), narrowText)
	}),
	nt.Func("FormatMessageW", func(t *nt.Thread, a *formatMessageArgs) (uint64, error) {
		return formatMessage(t, a, t.WString, wideText)
	}),
}

// systemMessages are the texts of Win32 errors ("System Error Codes", Windows SDK).
var systemMessages = map[uint32]string{
	0: "The operation completed successfully.", 1: "Incorrect function.", 2: "The system cannot find the file specified.",
	3: "The system cannot find the path specified.", 4: "The system cannot open the file.", 5: "Access is denied.",
	6: "The handle is invalid.", 8: "Not enough memory resources are available to process this command.",
	13: "The data is invalid.", 14: "Not enough memory resources are available to complete this operation.",
	15: "The system cannot find the drive specified.", 17: "The system cannot move the file to a different disk drive.",
	18: "There are no more files.", 19: "The media is write protected.", 24: "The program issued a command but the command length is incorrect.",
	31: "A device attached to the system is not functioning.", 32: "The process cannot access the file because it is being used by another process.",
	33: "The process cannot access the file because another process has locked a portion of the file.", 38: "Reached the end of the file.",
	50: "The request is not supported.", 53: "The network path was not found.", 80: "The file exists.", 87: "The parameter is incorrect.",
	109: "The pipe has been ended.", 112: "There is not enough space on the disk.",
	122: "The data area passed to a system call is too small.",
	123: "The filename, directory name, or volume label syntax is incorrect.", 126: "The specified module could not be found.",
	127: "The specified procedure could not be found.", 131: "An attempt was made to move the file pointer before the beginning of the file.",
	145: "The directory is not empty.", 157: "The segment is already discarded and cannot be locked.", 158: "The segment is already unlocked.",
	161: "The specified path is invalid.", 170: "The requested resource is in use.", 183: "Cannot create a file when that file already exists.",
	193: "%1 is not a valid Win32 application.", 203: "The system could not find the environment option that was entered.",
	206: "The filename or extension is too long.", 234: "More data is available.", 258: "The wait operation timed out.",
	259: "No more data is available.", 267: "The directory name is invalid.", 288: "Attempt to release mutex not owned by caller.",
	298: "Too many posts were made to a semaphore.", 299: "Only part of a ReadProcessMemory or WriteProcessMemory request was completed.",
	317: "The system cannot find message text for message number 0x%1 in the message file for %2.",
	487: "Attempt to access invalid address.", 998: "Invalid access to memory location.",
	1001: "Recursion too deep; the stack overflowed.",
	1006: "The volume for a file has been externally altered so that the opened file is no longer valid.",
	1114: "A dynamic link library (DLL) initialization routine failed.",
	1132: "The base address or the file offset specified does not have the proper alignment.", 1168: "Element not found.",
	1224: "The requested operation cannot be performed on a file with a user-mapped section open.",
	1300: "Not all privileges or groups referenced are assigned to the caller.", 1313: "A specified privilege does not exist.",
	1314: "A required privilege is not held by the client.", 1450: "Insufficient system resources exist to complete the requested service.",
	1453: "Insufficient quota to complete the requested service.", 1455: "The paging file is too small for this operation to complete.",
	1460: "This operation returned because the timeout period expired.",
}

// Flags of FormatMessage (winbase.h).
const (
	formatAllocateBuffer = 0x100
	formatIgnoreInserts  = 0x200
	formatFromString     = 0x400
	formatFromSystem     = 0x1000
)

type formatMessageArgs struct {
	Flags     uint32
	Source    uint64
	Message   uint32
	Language  uint32
	Buffer    uint64
	Size      uint32
	Arguments uint64
}

// formatMessage gives the system's texts, or a program's own, in which %1 to %9 stand for strings of an array of arguments.
func formatMessage(t *nt.Thread, a *formatMessageArgs, text func(uint64) (string, error), enc encoding) (uint64, error) {
	const unusual = ^uint32(formatAllocateBuffer | formatIgnoreInserts | formatFromString | formatFromSystem | 0x2000 | 0xff)
	message := ""
	switch {
	case a.Flags&unusual != 0:
		return fail(t, ntdll.ERROR_NOT_SUPPORTED)
	case a.Flags&formatFromString != 0:
		var err error
		if message, err = text(a.Source); err != nil {
			return 0, err
		}
	case a.Flags&formatFromSystem != 0:
		found, ok := systemMessages[a.Message]
		if !ok {
			return fail(t, ntdll.ERROR_MR_MID_NOT_FOUND)
		}
		message = found + "\r\n"
	default:
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	if a.Flags&formatIgnoreInserts == 0 && strings.Contains(message, "%") {
		var err error
		if message, err = insert(t, message, a, text); err != nil {
			return 0, err
		}
	}
	b := append(enc.encode(message), make([]byte, enc.unit)...)
	n := uint64(len(b)/enc.unit) - 1
	if a.Flags&formatAllocateBuffer != 0 {
		at, err := ntdll.AllocateHeap(t, 0, 0, max(uint64(len(b)), uint64(a.Size)*uint64(enc.unit)))
		if err != nil {
			return 0, err
		}
		if at == 0 {
			return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
		}
		if err := t.Write(at, b); err != nil {
			return 0, err
		}
		return n, t.Store64(a.Buffer, at)
	}
	if n+1 > uint64(a.Size) {
		return fail(t, ntdll.ERROR_INSUFFICIENT_BUFFER)
	}
	return n, t.Write(a.Buffer, b)
}

// insert puts strings for %1 to %9; %n is a line break, another character behind % itself.
func insert(t *nt.Thread, message string, a *formatMessageArgs, text func(uint64) (string, error)) (string, error) {
	var b strings.Builder
	for i := 0; i < len(message); i++ {
		if message[i] != '%' || i+1 == len(message) {
			b.WriteByte(message[i])
			continue
		}
		i++
		switch c := message[i]; {
		case c >= '1' && c <= '9' && a.Arguments != 0:
			at, err := t.Load64(a.Arguments + 8*uint64(c-'1'))
			if err != nil {
				return "", err
			}
			s, err := text(at)
			if err != nil {
				return "", err
			}
			b.WriteString(s)
		case c >= '1' && c <= '9':
			b.WriteString(message[i-1 : i+1])
		case c == 'n':
			b.WriteString("\r\n")
		case c == '0':
			return b.String(), nil
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}
