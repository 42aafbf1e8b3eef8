package kernel32

import (
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Paths (fileapi.h, processenv.h) and the folders that everybody asks for.
var pathFuncs = []nt.UserFunc{
	both("GetCurrentDirectory", getCurrentDirectory)[0], both("GetCurrentDirectory", getCurrentDirectory)[1],
	nt.Func("SetCurrentDirectoryA", func(t *nt.Thread, a *pathArgs) (uint64, error) { return setCurrentDirectory(t, a, ansiText(t)) }),
	nt.Func("SetCurrentDirectoryW", func(t *nt.Thread, a *pathArgs) (uint64, error) { return setCurrentDirectory(t, a, t.WString) }),
	nt.Func("GetFullPathNameA", func(t *nt.Thread, a *fullPathArgs) (uint64, error) {
		return getFullPathName(t, a, ansiText(t), narrowText)
	}),
	nt.Func("GetFullPathNameW", func(t *nt.Thread, a *fullPathArgs) (uint64, error) {
		return getFullPathName(t, a, t.WString, wideText)
	}),
	both("GetTempPath", folder(`C:\Temp\`))[0], both("GetTempPath", folder(`C:\Temp\`))[1],
	nt.Func("GetSystemDirectoryA", reversed(`C:\Windows\System32`, narrowText)),
	nt.Func("GetSystemDirectoryW", reversed(`C:\Windows\System32`, wideText)),
	nt.Func("GetWindowsDirectoryA", reversed(`C:\Windows`, narrowText)),
	nt.Func("GetWindowsDirectoryW", reversed(`C:\Windows`, wideText)),
	nt.Func("GetTempFileNameA", func(t *nt.Thread, a *tempFileArgs) (uint64, error) {
		return getTempFileName(t, a, ansiText(t), narrowText)
	}),
	nt.Func("GetTempFileNameW", func(t *nt.Thread, a *tempFileArgs) (uint64, error) {
		return getTempFileName(t, a, t.WString, wideText)
	}),
}

type (
	pathArgs   struct{ Path uint64 }
	bufferText struct {
		Size   uint32 // characters
		Buffer uint64
	}
	textBuffer struct {
		Buffer uint64
		Size   uint32
	}
)

// both makes the A and the W form of a function that returns text.
func both(name string, body func(*nt.Thread, *bufferText, encoding) (uint64, error)) [2]nt.UserFunc {
	return [2]nt.UserFunc{
		nt.Func(name+"A", func(t *nt.Thread, a *bufferText) (uint64, error) { return body(t, a, narrowText) }),
		nt.Func(name+"W", func(t *nt.Thread, a *bufferText) (uint64, error) { return body(t, a, wideText) }),
	}
}

// fitText stores a text where it fits and returns its length; else how large the buffer must be.
func fitText(t *nt.Thread, text string, buffer uint64, size uint32, enc encoding) (uint64, error) {
	b := enc.encode(text)
	n := uint64(len(b) / enc.unit)
	if n+1 > uint64(size) {
		return n + 1, nil
	}
	return n, t.Write(buffer, append(b, make([]byte, enc.unit)...))
}

func folder(path string) func(*nt.Thread, *bufferText, encoding) (uint64, error) {
	return func(t *nt.Thread, a *bufferText, enc encoding) (uint64, error) {
		return fitText(t, path, a.Buffer, a.Size, enc)
	}
}

func reversed(path string, enc encoding) func(*nt.Thread, *textBuffer) (uint64, error) {
	return func(t *nt.Thread, a *textBuffer) (uint64, error) { return fitText(t, path, a.Buffer, a.Size, enc) }
}

// CurrentDirectory returns the current folder, which ends with a backslash.
func CurrentDirectory(t *nt.Thread) (string, error) {
	p, err := parameters(t)
	if err != nil {
		return "", err
	}
	return t.UnicodeString(p + ntdef.ParamsCurrentDirectory)
}

// getCurrentDirectory returns it without the backslash, but for a drive's root.
func getCurrentDirectory(t *nt.Thread, a *bufferText, enc encoding) (uint64, error) {
	dir, err := CurrentDirectory(t)
	if err != nil {
		return 0, err
	}
	if len(dir) > 3 {
		dir = strings.TrimSuffix(dir, `\`)
	}
	return fitText(t, dir, a.Buffer, a.Size, enc)
}

func setCurrentDirectory(t *nt.Thread, a *pathArgs, text func(uint64) (string, error)) (uint64, error) {
	full, code, err := pathAt(t, a.Path, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	i, st := t.Process().QueryPath(full)
	switch {
	case st == ntdef.STATUS_OBJECT_NAME_NOT_FOUND:
		return fail(t, ntdll.ERROR_FILE_NOT_FOUND)
	case st != ntdef.STATUS_SUCCESS:
		return failStatus(t, st)
	case i.Attributes&ntdef.FILE_ATTRIBUTE_DIRECTORY == 0:
		return fail(t, ntdll.ERROR_DIRECTORY)
	}
	p, err := parameters(t)
	if err != nil {
		return 0, err
	}
	b := nt.EncodeUTF16(strings.TrimSuffix(full, `\`) + `\`)
	room, err := t.Load16(p + ntdef.ParamsCurrentDirectory + 2)
	if err != nil {
		return 0, err
	}
	if len(b)+2 > int(room) {
		return fail(t, ntdll.ERROR_FILENAME_EXCED_RANGE)
	}
	buffer, err := t.Load64(p + ntdef.ParamsCurrentDirectory + 8)
	if err != nil {
		return 0, err
	}
	if err := t.Write(buffer, append(b, 0, 0)); err != nil {
		return 0, err
	}
	return 1, t.Store16(p+ntdef.ParamsCurrentDirectory, uint16(len(b)))
}

// lastError sets the last error, unless there is an error of ours.
func lastError(t *nt.Thread, code uint32, err error) error {
	if err != nil {
		return err
	}
	return ntdll.SetLastError(t, code)
}

// pathAt reads a path and makes it full; code is the Win32 error of one that is none.
func pathAt(t *nt.Thread, va uint64, text func(uint64) (string, error)) (full string, code uint32, err error) {
	if va == 0 {
		return "", ntdll.ERROR_PATH_NOT_FOUND, nil
	}
	path, err := text(va)
	if err != nil {
		return "", 0, err
	}
	full, code, err = FullPath(t, path)
	return full, code, err
}

// FullPath makes a Win32 path full ("Naming Files, Paths, and Namespaces"): relative ones begin at the current folder, . and ..
// go, names lose trailing dots and blanks. \\?\ keeps a path as it is; devices become \\.\NAME.
func FullPath(t *nt.Thread, path string) (full string, code uint32, err error) {
	path = strings.ReplaceAll(path, "/", `\`)
	switch {
	case path == "":
		return "", ntdll.ERROR_PATH_NOT_FOUND, nil
	case strings.HasPrefix(path, `\\?\`):
		return path[4:], 0, nil
	case strings.HasPrefix(path, `\\.\`):
		if drive := path[4:]; len(drive) >= 3 && drive[1] == ':' && drive[2] == '\\' {
			return drive, 0, nil
		}
		return path, 0, nil
	case strings.HasPrefix(path, `\\`):
		return "", ntdll.ERROR_BAD_NETPATH, nil
	}
	if name := path[strings.LastIndexAny(path, `\:`)+1:]; isDevice(name) {
		return `\\.\` + strings.TrimRight(name, " :"), 0, nil
	}
	base, err := CurrentDirectory(t)
	if err != nil {
		return "", 0, err
	}
	switch {
	case len(path) >= 2 && path[1] == ':':
		drive := path[:2]
		if len(path) > 2 && path[2] == '\\' || !strings.EqualFold(drive, base[:2]) {
			base = drive + `\`
		}
		path = path[2:]
	case path[0] == '\\':
		base = base[:3]
	}
	if strings.HasPrefix(path, `\`) {
		base = base[:3]
	}
	var parts []string
	all := strings.Split(base[3:]+path, `\`)
	for i, part := range all {
		switch part {
		case "", ".":
		case "..":
			parts = parts[:max(0, len(parts)-1)]
		default:
			if i < len(all)-1 {
				part = strings.TrimSuffix(part, ".") // only the last one loses all of them
			} else {
				part = strings.TrimRight(part, " .")
			}
			if part != "" {
				parts = append(parts, part)
			}
		}
	}
	full = base[:3] + strings.Join(parts, `\`)
	if strings.HasSuffix(path, `\`) && len(parts) > 0 {
		full += `\`
	}
	return full, 0, nil
}

// isDevice reports whether a name is a DOS device's.
func isDevice(name string) bool {
	switch strings.ToUpper(strings.TrimRight(name, " :")) {
	case "NUL", "CON", "CONIN$", "CONOUT$", "AUX", "PRN":
		return true
	}
	return false
}

type fullPathArgs struct {
	Path   uint64
	Size   uint32
	Buffer uint64
	Name   ntdef.Ptr[uint64]
}

func getFullPathName(t *nt.Thread, a *fullPathArgs, text func(uint64) (string, error), enc encoding) (uint64, error) {
	full, code, err := pathAt(t, a.Path, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	n, err := fitText(t, full, a.Buffer, a.Size, enc)
	if err != nil || a.Name == 0 || n >= uint64(a.Size) {
		return n, err
	}
	at := uint64(0)
	if i := strings.LastIndexByte(full, '\\'); i >= 0 && i+1 < len(full) && !strings.HasPrefix(full, `\\.\`) {
		at = a.Buffer + uint64(len(enc.encode(full[:i+1])))
	}
	return n, t.Store64(uint64(a.Name), at)
}

type tempFileArgs struct {
	Path   uint64
	Prefix uint64
	Unique uint32
	Buffer uint64
}

// getTempFileName makes a name of the prefix's first three characters and a number; with number 0 it picks one that is free and
// makes the file.
func getTempFileName(t *nt.Thread, a *tempFileArgs, text func(uint64) (string, error), enc encoding) (uint64, error) {
	dir, code, err := pathAt(t, a.Path, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	prefix, err := textAt(a.Prefix, text)
	if err != nil {
		return 0, err
	}
	if i, st := t.Process().QueryPath(dir); st != ntdef.STATUS_SUCCESS || i.Attributes&ntdef.FILE_ATTRIBUTE_DIRECTORY == 0 {
		return fail(t, ntdll.ERROR_DIRECTORY)
	}
	name := func(n uint32) string {
		return strings.TrimSuffix(dir, `\`) + `\` + prefix[:min(3, len(prefix))] + hex16(n) + ".tmp"
	}
	number := a.Unique & 0xffff
	for tries := 0; a.Unique == 0; tries++ {
		if tries == 0xffff {
			return fail(t, ntdll.ERROR_FILE_EXISTS)
		}
		number = uint32(tries) + 1
		h, _, st := t.Process().CreateFile(&nt.OpenRequest{
			Path: name(number), Access: ntdef.GENERIC_WRITE, Disposition: ntdef.FILE_CREATE, Options: ntdef.FILE_NON_DIRECTORY_FILE,
		})
		if st == ntdef.STATUS_SUCCESS {
			t.Process().CloseHandle(h)
			break
		}
		if st != ntdef.STATUS_OBJECT_NAME_COLLISION {
			return failStatus(t, st)
		}
	}
	return uint64(number), t.Write(a.Buffer, append(enc.encode(name(number)), make([]byte, enc.unit)...))
}

// hex16 writes a number as GetTempFileName does: upper-case hexadecimal.
func hex16(n uint32) string {
	const digits = "0123456789ABCDEF"
	s := ""
	for first := true; first || n != 0; first = false {
		s = string(digits[n&15]) + s
		n >>= 4
	}
	return s
}
