package nt

import (
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
)

// The object manager's names of files. A name leads through a symbolic link such as \??\C: to a device; what is left of it is that
// device's business ("Naming Files, Paths, and Namespaces"; Windows Internals, part 2 ch. 8, "Object names").

// device says what parses the rest of a name.
type device uint8

const (
	onDisk device = iota
	onVolume
	onNull
	onPipes
	onConsole
	onRefused // a device that the machine has and gives to nobody
)

// fileName is where a name leads.
type fileName struct {
	device device
	path   string // C:\a\b of a file; what follows the device otherwise
}

// ntName turns a Win32 path that is full, C:\a or \\.\NUL, into the object manager's, as RtlDosPathNameToNtPathName does. Others stay.
func ntName(path string) string {
	switch {
	case len(path) >= 2 && path[1] == ':':
		return `\??\` + path
	case strings.HasPrefix(path, `\\.\`), strings.HasPrefix(path, `\\?\`):
		return `\??\` + path[4:]
	case strings.HasPrefix(path, `\\`):
		return `\??\UNC\` + path[2:]
	}
	return path
}

// fileName follows a name, which begins at root where that is not 0. INVALID_HANDLE, OBJECT_TYPE_MISMATCH, OBJECT_PATH_SYNTAX_BAD,
// OBJECT_PATH_NOT_FOUND, OBJECT_NAME_NOT_FOUND, OBJECT_NAME_INVALID, BAD_NETWORK_PATH.
func (p *Process) fileName(root ntdef.Handle, name string) (fileName, ntdef.Status) {
	if root == 0 {
		return absoluteName(name)
	}
	switch o := p.handles.get(root).(type) {
	case nil:
		return fileName{}, ntdef.STATUS_INVALID_HANDLE
	case *fileObject:
		switch {
		case name == "":
			return fileName{onDisk, o.node.path()}, ntdef.STATUS_SUCCESS
		case name[0] == '\\':
			return fileName{}, ntdef.STATUS_OBJECT_NAME_INVALID
		case !o.node.folder:
			return fileName{}, ntdef.STATUS_OBJECT_PATH_NOT_FOUND
		}
		return fileName{onDisk, strings.TrimSuffix(o.node.path(), `\`) + `\` + name}, ntdef.STATUS_SUCCESS
	}
	return fileName{}, ntdef.STATUS_OBJECT_TYPE_MISMATCH
}

// absoluteName follows a name from the root of the namespace.
func absoluteName(name string) (fileName, ntdef.Status) {
	if !strings.HasPrefix(name, `\`) {
		return fileName{}, ntdef.STATUS_OBJECT_PATH_SYNTAX_BAD
	}
	head, rest := cutName(name[1:])
	switch strings.ToLower(head) {
	case "??", "dosdevices", "global??":
		return dosDevice(rest)
	case "device":
		return ntDevice(rest)
	case "systemroot":
		return fileName{onDisk, `C:\Windows` + rest}, ntdef.STATUS_SUCCESS
	case "":
		return fileName{}, ntdef.STATUS_OBJECT_TYPE_MISMATCH // the root directory
	}
	return fileName{}, missing(rest)
}

// cutName splits a name behind its first part; the rest begins with a backslash or is empty.
func cutName(name string) (head, rest string) {
	if i := strings.IndexByte(name, '\\'); i >= 0 {
		return name[:i], name[i:]
	}
	return name, ""
}

// missing is the status of a part of a name that is not there, which is the last or not.
func missing(rest string) ntdef.Status {
	if rest == "" {
		return ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	}
	return ntdef.STATUS_OBJECT_PATH_NOT_FOUND
}

// dosDevice follows a name from \?? on, a backslash first.
func dosDevice(name string) (fileName, ntdef.Status) {
	head, rest := cutName(strings.TrimPrefix(name, `\`))
	low := strings.ToLower(head)
	if len(low) == 2 && low[1] == ':' && low[0] >= 'a' && low[0] <= 'z' {
		if rest == "" {
			return fileName{onVolume, head}, ntdef.STATUS_SUCCESS
		}
		return fileName{onDisk, head + rest}, ntdef.STATUS_SUCCESS
	}
	switch low {
	case "":
		return fileName{}, ntdef.STATUS_OBJECT_TYPE_MISMATCH // the directory \??
	case "globalroot":
		return absoluteName(rest)
	case "global":
		return dosDevice(rest)
	case "nul":
		return fileName{onNull, rest}, ntdef.STATUS_SUCCESS
	case "pipe":
		return fileName{onPipes, rest}, ntdef.STATUS_SUCCESS
	case "con", "conin$", "conout$", "conerr$":
		return fileName{onConsole, rest}, ntdef.STATUS_SUCCESS
	case "unc", "mup":
		return fileName{}, ntdef.STATUS_BAD_NETWORK_PATH // there is no network
	case "mailslot", "mountpointmanager":
		return fileName{onRefused, head}, ntdef.STATUS_SUCCESS
	}
	for _, prefix := range []string{"physicaldrive", "harddisk", "cdrom", "volume{", "scsi"} {
		if strings.HasPrefix(low, prefix) {
			return fileName{onRefused, head}, ntdef.STATUS_SUCCESS
		}
	}
	return fileName{}, missing(rest)
}

// ntDevice follows a name from \Device on.
func ntDevice(name string) (fileName, ntdef.Status) {
	head, rest := cutName(strings.TrimPrefix(name, `\`))
	low := strings.ToLower(head)
	for letter := byte('A'); letter <= 'Z'; letter++ {
		if !strings.EqualFold(head, deviceOf(letter)[len(`\Device\`):]) {
			continue
		}
		if rest == "" {
			return fileName{onVolume, string(letter) + ":"}, ntdef.STATUS_SUCCESS
		}
		return fileName{onDisk, string(letter) + ":" + rest}, ntdef.STATUS_SUCCESS
	}
	switch low {
	case "":
		return fileName{}, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	case "null":
		return fileName{onNull, rest}, ntdef.STATUS_SUCCESS
	case "namedpipe":
		return fileName{onPipes, rest}, ntdef.STATUS_SUCCESS
	case "condrv":
		return fileName{onConsole, rest}, ntdef.STATUS_SUCCESS
	case "mailslot", "mountpointmanager", "physicalmemory", "afd":
		return fileName{onRefused, head}, ntdef.STATUS_SUCCESS
	}
	return fileName{}, missing(rest)
}

// deviceOf is the device of a drive: C: is \Device\HarddiskVolume1.
func deviceOf(letter byte) string {
	n := int(letter&^0x20-'A'+24)%26 + 1
	if n < 10 {
		return `\Device\HarddiskVolume` + string(rune('0'+n))
	}
	return `\Device\HarddiskVolume` + string(rune('0'+n/10)) + string(rune('0'+n%10))
}
