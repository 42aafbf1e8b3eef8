package nt

import (
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

// objectAttributes reads the name of an OBJECT_ATTRIBUTES, "" where there is none, and whether it has OBJ_OPENIF.
func (t *Thread) objectAttributes(va uint64) (name string, openIf bool, err error) {
	const objectName, attributes, objOpenIf = 0x10, 0x18, 0x80
	if va == 0 {
		return "", false, nil
	}
	at, err := t.Load64(va + objectName)
	if err != nil || at == 0 {
		return "", false, err
	}
	flags, err := t.Load32(va + attributes)
	if err != nil {
		return "", false, err
	}
	name, err = t.UnicodeString(at)
	return name, flags&objOpenIf != 0, err
}
