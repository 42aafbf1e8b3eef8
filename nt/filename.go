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
	onNetwork // there is none
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

// fileName follows a name, which begins at root where that is not 0, without regard to case. INVALID_HANDLE, OBJECT_TYPE_MISMATCH for what
// is no device, OBJECT_NAME_NOT_FOUND, BAD_NETWORK_PATH, and the statuses of lookup.
func (p *Process) fileName(root ntdef.Handle, name string) (fileName, ntdef.Status) {
	if o, ok := p.handles.get(root).(*fileObject); ok && root != 0 {
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
	if _, ok := p.handles.get(root).(*pipeFolder); ok && root != 0 {
		return fileName{onPipes, `\` + name}, ntdef.STATUS_SUCCESS
	}
	r, st := p.lookup(&objectAttributes{root: root, name: name, attributes: objCaseInsensitive}, "File")
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return fileName{}, st
	case r.object == nil:
		return fileName{}, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	}
	d, ok := r.object.(*deviceObject)
	switch {
	case !ok:
		return fileName{}, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	case d.device == onNetwork:
		return fileName{}, ntdef.STATUS_BAD_NETWORK_PATH
	case d.device == onVolume && r.rest != "":
		return fileName{onDisk, d.drive + r.rest}, ntdef.STATUS_SUCCESS
	case d.device == onVolume:
		return fileName{onVolume, d.drive}, ntdef.STATUS_SUCCESS
	case d.device == onRefused:
		return fileName{onRefused, d.path()}, ntdef.STATUS_SUCCESS
	}
	return fileName{d.device, r.rest}, ntdef.STATUS_SUCCESS
}

// deviceOf is the device of a drive: C: is \Device\HarddiskVolume1.
func deviceOf(letter byte) string {
	n := int(letter&^0x20-'A'+24)%26 + 1
	if n < 10 {
		return `\Device\HarddiskVolume` + string(rune('0'+n))
	}
	return `\Device\HarddiskVolume` + string(rune('0'+n/10)) + string(rune('0'+n%10))
}
