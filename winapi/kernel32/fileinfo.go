package kernel32

import (
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// What is known of a file by its handle (fileapi.h, minwinbase.h), and where paths are mounted.
var fileInfoFuncs = []nt.UserFunc{
	nt.Func("GetFileInformationByHandleEx", getFileInformationByHandleEx),
	nt.Func("GetVolumePathNameA", func(t *nt.Thread, a *volumePathArgs) (uint64, error) {
		return getVolumePathName(t, a, ansiText(t), narrowText)
	}),
	nt.Func("GetVolumePathNameW", func(t *nt.Thread, a *volumePathArgs) (uint64, error) {
		return getVolumePathName(t, a, t.WString, wideText)
	}),
	both("GetTempPath2", folder(`C:\Temp\`))[0], both("GetTempPath2", folder(`C:\Temp\`))[1],
	nt.Func("SetFileInformationByHandle", setFileInformationByHandle),
}

type fileInformationExArgs struct {
	File   ntdef.Handle
	Class  uint32 // FILE_INFO_BY_HANDLE_CLASS
	Buffer uint64
	Length uint32
}

// The classes of FILE_INFO_BY_HANDLE_CLASS and those of the system that they are, for questions and for changes.
var (
	handleQueries  = map[uint32]uint32{0: 4, 1: 5, 2: 9, 7: 22, 8: 28, 9: 35, 17: 17, 18: 59}
	handleLists    = map[uint32]uint32{10: 37, 11: 37, 14: 2, 15: 2, 19: 60, 20: 60}
	handleSettings = map[uint32]uint32{0: 4, 3: 10, 4: 13, 5: 19, 6: 20, 12: 43, 21: 64, 22: 65}
)

// getFileInformationByHandleEx lists a folder too, from the beginning with the classes that say so.
func getFileInformationByHandleEx(t *nt.Thread, a *fileInformationExArgs) (uint64, error) {
	const restart = 1
	if class, ok := handleLists[a.Class]; ok {
		flags := uint32(0)
		if a.Class == 11 || a.Class == 15 || a.Class == 20 {
			flags = restart
		}
		st, err := t.ListDirectory(&nt.IORequest{File: a.File, Buffer: a.Buffer, Length: a.Length, Wait: true}, class, flags, "")
		if err != nil {
			return failAccess(t, err)
		}
		return boolOf(t, st)
	}
	class, ok := handleQueries[a.Class]
	if !ok {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	b, st := t.QueryFileInformation(a.File, class, a.Length)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return failStatus(t, st)
	case class == 22 && len(b) == 0:
		return fail(t, ntdll.ERROR_HANDLE_EOF) // a folder has no stream
	}
	if uint32(len(b)) > a.Length {
		if err := t.Write(a.Buffer, b[:a.Length]); err != nil {
			return failAccess(t, err)
		}
		return failStatus(t, ntdef.STATUS_BUFFER_OVERFLOW)
	}
	if err := t.Write(a.Buffer, b); err != nil {
		return failAccess(t, err)
	}
	return 1, nil
}

// maxInformation is more than any class takes: a path and what is before it.
const maxInformation = 0x10000 + 24

func setFileInformationByHandle(t *nt.Thread, a *fileInformationExArgs) (uint64, error) {
	class, ok := handleSettings[a.Class]
	if !ok {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	b := make([]byte, min(a.Length, maxInformation))
	if err := t.Read(a.Buffer, b); err != nil {
		return failAccess(t, err)
	}
	if class == 10 || class == 65 {
		var code uint32
		var err error
		if b, code, err = renameInformation(t, b); err != nil || code != 0 {
			return 0, lastError(t, code, err)
		}
	}
	return boolOf(t, t.SetFileInformation(a.File, class, b))
}

// renameInformation has the Win32 path of a FILE_RENAME_INFO as the object manager takes it; a name alone stays.
func renameInformation(t *nt.Thread, b []byte) (system []byte, code uint32, err error) {
	const header = 20
	if len(b) < header || uint64(get32(b[16:])) > uint64(len(b)-header) {
		return nil, ntdll.ERROR_BAD_LENGTH, nil
	}
	units := make([]uint16, get32(b[16:])/2)
	for i := range units {
		units[i] = uint16(b[header+2*i]) | uint16(b[header+2*i+1])<<8
	}
	path := nt.DecodeWTF16(units)
	if strings.ContainsAny(path, `\/:`) && get64(b[8:]) == 0 {
		full, code, err := FullPath(t, path)
		if err != nil || code != 0 {
			return nil, code, err
		}
		path = `\??\` + full
	}
	text := nt.EncodeUTF16(path)
	system = append(append([]byte{}, b[:header]...), text...)
	put32(system[16:], uint32(len(text)))
	return append(system, make([]byte, max(0, 24-len(system)))...), 0, nil
}

type volumePathArgs struct {
	Path, Buffer uint64
	Size         uint32
}

// getVolumePathName returns the root of the drive: nothing is mounted anywhere else.
func getVolumePathName(t *nt.Thread, a *volumePathArgs, text func(uint64) (string, error), enc encoding) (uint64, error) {
	full, code, err := pathAt(t, a.Path, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	if len(full) < 3 || full[1] != ':' {
		return fail(t, ntdll.ERROR_INVALID_NAME)
	}
	n, err := fitText(t, full[:3], a.Buffer, a.Size, enc)
	if err != nil {
		return failAccess(t, err)
	}
	if n > 3 {
		return fail(t, ntdll.ERROR_FILENAME_EXCED_RANGE)
	}
	return 1, nil
}
