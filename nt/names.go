package nt

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
)

// Named objects live in a tree of directories, as WinObj shows it (Windows Internals, part 2 ch. 8, "Object names"). A symbolic link
// goes on at another path; an object whose names are a driver's own, a device or the registry, gets what is left of the name.

// directory is a directory object. Names are told apart by case; who asks with OBJ_CASE_INSENSITIVE gets the oldest that fits.
type directory struct {
	objectHeader
	entries map[string][]object // by folded name
	shadow  *directory          // where names are looked for that are not here: \GLOBAL?? behind \??
}

func (*directory) typeName() string { return "Directory" }

// symlink is a symbolic-link object.
type symlink struct {
	objectHeader
	target  string
	created uint64 // 100 ns units
}

func (*symlink) typeName() string { return "SymbolicLink" }

// parser is an object that looks names up by itself: what follows its own name is the business of its services.
type parser interface {
	object
	parses()
}

// deviceObject is a device object: NtCreateFile opens files by what follows its name.
type deviceObject struct {
	objectHeader
	device device
	drive  string // of a volume: C:
}

func (*deviceObject) typeName() string { return "Device" }
func (*deviceObject) parses()          {}

// find returns the object of a name in the directory, nil where there is none.
func (d *directory) find(name string, insensitive bool) object {
	for _, o := range d.entries[foldName(name)] {
		if insensitive || o.head().name == name {
			return o
		}
	}
	if d.shadow != nil {
		return d.shadow.find(name, insensitive)
	}
	return nil
}

// insert gives an object a name that is free.
func (d *directory) insert(name string, o object) {
	if d.entries == nil {
		d.entries = map[string][]object{}
	}
	key := foldName(name)
	d.entries[key] = append(d.entries[key], o)
	o.head().dir, o.head().name = d, name
}

// remove takes an object's name away.
func (d *directory) remove(o object) {
	h := o.head()
	key := foldName(h.name)
	d.entries[key] = slices.DeleteFunc(d.entries[key], func(e object) bool { return e == o })
	if len(d.entries[key]) == 0 {
		delete(d.entries, key)
	}
	h.dir, h.name = nil, ""
}

// sorted returns the directory's objects by name.
func (d *directory) sorted() []object {
	all := make([]object, 0, len(d.entries))
	for _, list := range d.entries {
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b object) int { return strings.Compare(a.head().name, b.head().name) })
	return all
}

// session is the number of the session that every process here belongs to, as its PEB says; logon names the logon session of their
// user, whose \?? is a directory of its own.
const (
	session = "1"
	logon   = "00000000-00013f5a"
)

// namespace is the tree of named objects of one machine.
type namespace struct {
	root       *directory
	base       *directory // \Sessions\1\BaseNamedObjects: where the names of Win32 begin
	dosDevices *directory // \??
}

// init makes what is there when a machine has booted.
func (n *namespace) init(v *volumes) {
	n.root = &directory{objectHeader: objectHeader{permanent: true}}
	n.base = n.folder(`\Sessions\` + session + `\BaseNamedObjects`)
	n.dosDevices = n.folder(`\Sessions\0\DosDevices\` + logon)
	n.dosDevices.shadow = n.folder(`\GLOBAL??`)
	for _, path := range []string{
		`\Driver`, `\FileSystem`, `\KnownDlls`, `\NLS`, `\RPC Control`, `\Security`, `\Windows`,
	} {
		n.folder(path)
	}
	for _, d := range []struct {
		path   string
		device device
	}{
		{`\Device\Null`, onNull},
		{`\Device\NamedPipe`, onPipes},
		{`\Device\ConDrv`, onConsole},
		{`\Device\Mup`, onNetwork},
		{`\Device\Mailslot`, onRefused},
		{`\Device\MountPointManager`, onRefused},
		{`\Device\Afd`, onRefused},
		{`\Device\Harddisk0\DR0`, onRefused},
	} {
		n.add(d.path, &deviceObject{device: d.device})
	}
	n.add(`\REGISTRY`, &keyObject{})
	links := []link{
		{`\DosDevices`, `\??`},
		{`\SystemRoot`, deviceOf('C') + `\Windows`},
		{`\KnownDlls\KnownDllPath`, `C:\Windows\System32`},
		{`\GLOBAL??\Global`, `\GLOBAL??`},
		{`\GLOBAL??\GLOBALROOT`, ``},
		{`\GLOBAL??\NUL`, `\Device\Null`},
		{`\GLOBAL??\PIPE`, `\Device\NamedPipe`},
		{`\GLOBAL??\MAILSLOT`, `\Device\Mailslot`},
		{`\GLOBAL??\CON`, `\Device\ConDrv\Console`},
		{`\GLOBAL??\CONIN$`, `\Device\ConDrv\CurrentIn`},
		{`\GLOBAL??\CONOUT$`, `\Device\ConDrv\CurrentOut`},
		{`\GLOBAL??\CONERR$`, `\Device\ConDrv\CurrentOut`},
		{`\GLOBAL??\UNC`, `\Device\Mup`},
		{`\GLOBAL??\MountPointManager`, `\Device\MountPointManager`},
		{`\GLOBAL??\PhysicalDrive0`, `\Device\Harddisk0\DR0`},
		{`\Sessions\BNOLINKS\0`, `\BaseNamedObjects`},
		{`\Sessions\BNOLINKS\` + session, `\Sessions\` + session + `\BaseNamedObjects`},
	}
	for _, base := range []string{`\BaseNamedObjects`, `\Sessions\0\BaseNamedObjects`, `\Sessions\` + session + `\BaseNamedObjects`} {
		links = append(links, []link{
			{base + `\Global`, `\BaseNamedObjects`},
			{base + `\Local`, base},
			{base + `\Session`, `\Sessions\BNOLINKS`},
		}...)
	}
	for _, l := range links {
		n.add(l.path, &symlink{target: l.target})
	}
	for i, d := range v.drives {
		if d != nil {
			n.addDrive(byte('A' + i))
		}
	}
}

// link is a symbolic link and where it leads.
type link struct{ path, target string }

// addDrive gives a drive its device and its letter, where it does not have them.
func (n *namespace) addDrive(letter byte) {
	name, volume := string(letter)+":", deviceOf(letter)
	if n.dosDevices.shadow.find(name, true) == nil {
		n.add(volume, &deviceObject{device: onVolume, drive: name})
		n.add(`\GLOBAL??\`+name, &symlink{target: volume})
	}
}

// folder returns the permanent directory of a path, made where it is not there.
func (n *namespace) folder(path string) *directory {
	d := n.root
	for name := range strings.SplitSeq(path[1:], `\`) {
		o := d.find(name, false)
		if o == nil {
			o = &directory{objectHeader: objectHeader{permanent: true}}
			d.insert(name, o)
		}
		d = o.(*directory)
	}
	return d
}

// add gives a permanent object its path.
func (n *namespace) add(path string, o object) {
	i := strings.LastIndexByte(path, '\\')
	d := n.root
	if i > 0 {
		d = n.folder(path[:i])
	}
	o.head().permanent = true
	d.insert(path[i+1:], o)
}

// objectAttributes is an OBJECT_ATTRIBUTES (ntdef.h): what an object is called and how its handle is made. The zero value is that of
// a NULL pointer, and of no name at all.
type objectAttributes struct {
	root       ntdef.Handle // that name begins at; 0: name is absolute
	name       string       // "" where there is none
	attributes uint32       // OBJ_*

	security givenSecurity // of what is made

	null     bool       // the pointer itself was NULL
	nameless bool       // ObjectName was
	base     *directory // what a Win32 name begins at, in place of root
}

// openIf reports whether an object that is there already is opened instead.
func (a *objectAttributes) openIf() bool { return a.attributes&objOpenIf != 0 }

// win32Name is how kernel32 asks for a name: below the session's directory, an object that is there is opened.
func (s *System) win32Name(name string) objectAttributes {
	return objectAttributes{name: name, nameless: name == "", attributes: objOpenIf, base: s.namespace.base}
}

// win32 is the SECURITY_ATTRIBUTES that says the same of an object without a name.
func (a *objectAttributes) win32() SecurityAttributes {
	return SecurityAttributes{a.attributes&objInherit != 0, a.security}
}

// apply adds what a SECURITY_ATTRIBUTES says.
func (a *objectAttributes) apply(s *SecurityAttributes) {
	a.security = s.security
	if s.Inherit {
		a.attributes |= objInherit
	}
}

// objectAttributes reads an OBJECT_ATTRIBUTES. The error is that of an access or a statusError: INVALID_PARAMETER for another
// Length, those of loadDescriptor, OBJECT_NAME_INVALID for half a character, for more than 32766 and for a root without a name.
func (t *Thread) objectAttributes(va uint64) (a objectAttributes, err error) {
	const size = 0x30
	if va == 0 {
		return objectAttributes{null: true, nameless: true}, nil
	}
	var b [size]byte
	if err := t.Read(va, b[:]); err != nil {
		return a, err
	}
	le := binary.LittleEndian
	a.root, a.attributes = ntdef.Handle(le.Uint64(b[0x08:])), le.Uint32(b[0x18:])
	at := le.Uint64(b[0x10:])
	if le.Uint32(b[0:]) != size {
		return a, statusError(ntdef.STATUS_INVALID_PARAMETER)
	}
	if sd := le.Uint64(b[0x20:]); sd != 0 {
		if a.security.descriptor, err = t.loadDescriptor(sd); err != nil {
			return a, err
		}
	}
	switch {
	case at == 0 && a.root != 0:
		return a, statusError(ntdef.STATUS_OBJECT_NAME_INVALID)
	case at == 0:
		a.nameless = true
		return a, nil
	}
	n, err := t.Load16(at)
	switch {
	case err != nil:
		return a, err
	case n&1 != 0 || n > maxNameBytes:
		return a, statusError(ntdef.STATUS_OBJECT_NAME_INVALID)
	}
	a.name, err = t.UnicodeString(at)
	return a, err
}

// maxNameBytes is the longest name: a UNICODE_STRING has to hold it with a zero behind it.
const maxNameBytes = 0xfffc

// maxReparses is how many symbolic links a name may lead through.
const maxReparses = 32

// A resolution is where a name leads.
type resolution struct {
	object object     // nil: nothing has the name
	rest   string     // behind a parser: what its services make of it, "" or a path that begins with a backslash (without one below a root handle)
	dir    *directory // that would take the name
	leaf   string     // in dir
}

// lookup walks a name. want is the type of the object that is asked for: a symbolic link at the end is followed unless it is what
// is wanted. Nothing at the end of the path is a success without an object. INVALID_HANDLE, OBJECT_TYPE_MISMATCH for a root that is no
// directory, OBJECT_PATH_SYNTAX_BAD, OBJECT_NAME_INVALID, OBJECT_PATH_NOT_FOUND.
func (p *Process) lookup(a *objectAttributes, want string) (resolution, ntdef.Status) {
	n := &p.sys.namespace
	dir, name := a.base, a.name
	switch {
	case a.base != nil:
	case a.root == 0:
		switch {
		case name == "" || name[0] != '\\':
			return resolution{}, ntdef.STATUS_OBJECT_PATH_SYNTAX_BAD
		case name == `\`:
			return resolution{object: n.root}, ntdef.STATUS_SUCCESS
		}
		return n.walk(n.root, name[1:], a, want)
	default:
		switch o := p.handles.get(a.root).(type) {
		case nil:
			return resolution{}, ntdef.STATUS_INVALID_HANDLE
		case *directory:
			dir = o
		case parser:
			return resolution{object: o, rest: name}, ntdef.STATUS_SUCCESS
		case *symlink:
			if name == "" && want == o.typeName() {
				return resolution{object: o}, ntdef.STATUS_SUCCESS
			}
			return resolution{}, ntdef.STATUS_OBJECT_TYPE_MISMATCH
		default:
			return resolution{}, ntdef.STATUS_OBJECT_TYPE_MISMATCH
		}
	}
	switch {
	case name == "":
		return resolution{object: dir}, ntdef.STATUS_SUCCESS
	case name[0] == '\\':
		return resolution{}, ntdef.STATUS_OBJECT_PATH_SYNTAX_BAD
	}
	return n.walk(dir, name, a, want)
}

// walk is lookup below a directory.
func (n *namespace) walk(dir *directory, name string, a *objectAttributes, want string) (resolution, ntdef.Status) {
	reparses := 0
	for {
		part, after, more := strings.Cut(name, `\`)
		if part == "" {
			return resolution{}, ntdef.STATUS_OBJECT_NAME_INVALID
		}
		found := dir.find(part, a.attributes&objCaseInsensitive != 0)
		if dir == n.root && part == "??" {
			found = n.dosDevices
		}
		switch o := found.(type) {
		case nil:
			if more {
				return resolution{}, ntdef.STATUS_OBJECT_PATH_NOT_FOUND
			}
			return resolution{dir: dir, leaf: part}, ntdef.STATUS_SUCCESS
		case *symlink:
			if !more && want == o.typeName() {
				return resolution{object: o}, ntdef.STATUS_SUCCESS
			}
			name = o.target
			if more {
				name += `\` + after
			}
			reparses++
			switch {
			case reparses > maxReparses || len(name) > 3*maxNameBytes:
				return resolution{}, ntdef.STATUS_OBJECT_NAME_INVALID
			case name == "" || name[0] != '\\':
				return resolution{}, ntdef.STATUS_OBJECT_PATH_SYNTAX_BAD
			case name == `\`:
				return resolution{object: n.root}, ntdef.STATUS_SUCCESS
			}
			dir, name = n.root, name[1:]
		case parser:
			r := resolution{object: o}
			if more {
				r.rest = `\` + after
			}
			return r, ntdef.STATUS_SUCCESS
		case *directory:
			if !more {
				return resolution{object: o}, ntdef.STATUS_SUCCESS
			}
			dir, name = o, after
		default:
			if more {
				return resolution{}, ntdef.STATUS_OBJECT_TYPE_MISMATCH
			}
			return resolution{object: o}, ntdef.STATUS_SUCCESS
		}
	}
}

// openObject returns a handle to the named object of a type: INVALID_PARAMETER without attributes, OBJECT_NAME_NOT_FOUND,
// OBJECT_TYPE_MISMATCH, ACCESS_DENIED, and the statuses of lookup.
func openObject[T object](p *Process, a *objectAttributes, access uint32) (ntdef.Handle, T, ntdef.Status) {
	var none T
	if a.null {
		return 0, none, ntdef.STATUS_INVALID_PARAMETER
	}
	r, st := p.lookup(a, none.typeName())
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return 0, none, st
	case r.object == nil:
		return 0, none, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	}
	o, ok := r.object.(T)
	if !ok || r.rest != "" {
		return 0, none, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	}
	h, st := p.openHandle(o, access, a.attributes)
	return h, o, st
}

// createObject makes an object, gives it its name and a handle. OBJECT_NAME_EXISTS, a success, where OBJ_OPENIF opened the one that has the
// name; OBJECT_NAME_COLLISION without it, OBJECT_TYPE_MISMATCH where that is of another type, ACCESS_DENIED; the statuses of secure and lookup.
func createObject[T object](p *Process, a *objectAttributes, access uint32, o T) (ntdef.Handle, T, ntdef.Status) {
	h, got, st := insertObject(p, a, access, o)
	if object(got) != object(o) || !st.IsSuccess() {
		p.sys.unprotect(securityOf(o))
		discard(o)
	}
	return h, got, st
}

func insertObject[T object](p *Process, a *objectAttributes, access uint32, o T) (ntdef.Handle, T, ntdef.Status) {
	if a.attributes&objPermanent != 0 && !p.Holds(seCreatePermanent) {
		return 0, o, ntdef.STATUS_PRIVILEGE_NOT_HELD
	}
	if a.nameless || a.name == "" {
		st := p.secure(o, a.security, nil, false)
		if st != ntdef.STATUS_SUCCESS {
			return 0, o, st
		}
		h, st := p.creatorHandle(o, access, a.attributes)
		return h, o, st
	}
	if a.security.refused != ntdef.STATUS_SUCCESS {
		return 0, o, a.security.refused
	}
	r, st := p.lookup(a, o.typeName())
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return 0, o, st
	case r.rest != "":
		return 0, o, ntdef.STATUS_OBJECT_PATH_NOT_FOUND // nothing but its own driver makes what is behind a device
	case r.object == nil:
		if st := p.mayAdd(r.dir, addRight(o)); st != ntdef.STATUS_SUCCESS {
			return 0, o, st
		}
		if st := p.secure(o, a.security, r.dir, true); st != ntdef.STATUS_SUCCESS {
			return 0, o, st
		}
		if !p.sys.charge(nameCharge(r.leaf)) {
			return 0, o, ntdef.STATUS_INSUFFICIENT_RESOURCES
		}
		h, st := p.creatorHandle(o, access, a.attributes)
		if st != ntdef.STATUS_SUCCESS {
			p.sys.release(nameCharge(r.leaf))
			return 0, o, st
		}
		r.dir.insert(r.leaf, o)
		o.head().permanent = a.attributes&objPermanent != 0
		return h, o, st
	}
	there, ok := r.object.(T)
	switch {
	case !ok:
		return 0, o, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	case !a.openIf():
		return 0, o, ntdef.STATUS_OBJECT_NAME_COLLISION
	}
	h, st := p.openHandle(there, access, a.attributes)
	if st == ntdef.STATUS_SUCCESS {
		st = ntdef.STATUS_OBJECT_NAME_EXISTS
	}
	return h, there, st
}

// addRight is the right to a directory that giving an object a name in it needs.
func addRight(o object) uint32 {
	if _, ok := o.(*directory); ok {
		return directoryCreateSubdirectory
	}
	return directoryCreateObject
}
