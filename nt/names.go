package nt

import (
	"encoding/binary"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
)

// Named objects live in one flat directory of the machine: \BaseNamedObjects of the session and the global one are the same
// place, as they are for a service on Windows. Names are told apart without regard to case, as OBJ_CASE_INSENSITIVE asks.

// names maps full names to objects that handles keep alive.
type names struct{ objects map[string]object }

// objectKey is the directory's key of a name: prefixes of namespaces are dropped.
func objectKey(name string) string {
	key := strings.ToLower(name)
	for _, prefix := range []string{
		`\sessions\1\basenamedobjects\`, `\sessions\0\basenamedobjects\`, `\basenamedobjects\`, `global\`, `local\`, `session\1\`,
	} {
		key = strings.TrimPrefix(key, prefix)
	}
	return key
}

// lookup finds a named object, nil where there is none.
func (n *names) lookup(name string) object { return n.objects[objectKey(name)] }

// insert gives an object a name that is free.
func (n *names) insert(name string, o object) {
	if n.objects == nil {
		n.objects = map[string]object{}
	}
	n.objects[objectKey(name)] = o
	o.head().names, o.head().name = n, name
}

// openNamed returns a handle to a named object of a type: OBJECT_NAME_INVALID, OBJECT_NAME_NOT_FOUND, OBJECT_TYPE_MISMATCH.
func openNamed[T object](p *Process, name string, access uint32) (ntdef.Handle, T, ntdef.Status) {
	var none T
	if name == "" || strings.HasSuffix(name, `\`) {
		return 0, none, ntdef.STATUS_OBJECT_NAME_INVALID
	}
	found := p.sys.names.lookup(name)
	if found == nil {
		return 0, none, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	}
	o, ok := found.(T)
	if !ok {
		return 0, none, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	}
	return p.handles.grant(o, access), o, ntdef.STATUS_SUCCESS
}

// objectAttributes is an OBJECT_ATTRIBUTES (ntdef.h): what an object is called and how its handle is made. A NULL pointer is the
// zero one.
type objectAttributes struct {
	root       ntdef.Handle // that name begins at; 0: name is absolute
	name       string       // "" where there is none
	attributes uint32       // OBJ_*
}

const objOpenIf = 0x80 // OBJ_OPENIF (ntdef.h)

// openIf reports whether an object that is there already is opened instead.
func (o *objectAttributes) openIf() bool { return o.attributes&objOpenIf != 0 }

// objectAttributes reads an OBJECT_ATTRIBUTES.
func (t *Thread) objectAttributes(va uint64) (o objectAttributes, err error) {
	const size = 0x30
	if va == 0 {
		return o, nil
	}
	var b [size]byte
	if err := t.Read(va, b[:]); err != nil {
		return o, err
	}
	le := binary.LittleEndian
	o.root, o.attributes = ntdef.Handle(le.Uint64(b[0x08:])), le.Uint32(b[0x18:])
	if at := le.Uint64(b[0x10:]); at != 0 {
		o.name, err = t.UnicodeString(at)
	}
	return o, err
}
