package nt

import (
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
)

// Access rights of keys (winnt.h).
const (
	KEY_QUERY_VALUE        uint32 = 0x0001
	KEY_SET_VALUE          uint32 = 0x0002
	KEY_CREATE_SUB_KEY     uint32 = 0x0004
	KEY_ENUMERATE_SUB_KEYS uint32 = 0x0008
	KEY_NOTIFY             uint32 = 0x0010
	KEY_CREATE_LINK        uint32 = 0x0020
	KEY_READ               uint32 = 0x20019
	KEY_WRITE              uint32 = 0x20006
	KEY_ALL_ACCESS         uint32 = 0xf003f
)

// Options of NtCreateKey (winnt.h).
const (
	REG_OPTION_VOLATILE       uint32 = 1
	REG_OPTION_CREATE_LINK    uint32 = 2
	REG_OPTION_BACKUP_RESTORE uint32 = 4
	REG_OPTION_OPEN_LINK      uint32 = 8
	REG_OPTION_DONT_VIRTUAL   uint32 = 16
)

// keyObject is what a key handle refers to: each opening makes one. The one that has the name \REGISTRY parses the names of keys
// and has no key itself.
type keyObject struct {
	objectHeader
	key   *key
	watch keyWatch
	tags  uint32 // KeySetHandleTagsInformation
}

func (*keyObject) typeName() string { return "Key" }

func (*keyObject) parses() {}

// describe names the key for reports.
func (o *keyObject) describe() string {
	if o.key == nil {
		return o.typeName()
	}
	return o.typeName() + " " + o.key.path()
}

// A KeyRequest is the argument of CreateKey and OpenKey.
type KeyRequest struct {
	Root       ntdef.Handle // that Name begins at; 0: Name is absolute
	Name       string
	Attributes uint32 // OBJ_*
	Access     uint32 // KEY_*, generic rights, MAXIMUM_ALLOWED
	Options    uint32 // REG_OPTION_*
	Class      string // of a key that is made
	Security   SecurityAttributes
}

// CreateKey is NtCreateKey: it opens a key or makes its last part. The statuses are those of OpenKey and INVALID_PARAMETER,
// OBJECT_NAME_COLLISION for a link that is there, CHILD_MUST_BE_VOLATILE, REGISTRY_QUOTA_LIMIT.
func (p *Process) CreateKey(q *KeyRequest) (h ntdef.Handle, created bool, st ntdef.Status) {
	const options = REG_OPTION_VOLATILE | REG_OPTION_CREATE_LINK | REG_OPTION_BACKUP_RESTORE | REG_OPTION_OPEN_LINK | REG_OPTION_DONT_VIRTUAL
	switch {
	case q.Security.security.refused != ntdef.STATUS_SUCCESS:
		return 0, false, q.Security.security.refused
	case q.Options&^options != 0:
		return 0, false, ntdef.STATUS_INVALID_PARAMETER
	}
	k, missing, st := p.findKey(q, q.Options&REG_OPTION_CREATE_LINK != 0)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return 0, false, st
	case len(missing) > 1:
		return 0, false, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	case len(missing) == 0:
		if q.Options&REG_OPTION_CREATE_LINK != 0 {
			return 0, false, ntdef.STATUS_OBJECT_NAME_COLLISION
		}
		h, st = p.grantKey(k, q)
		return h, false, st
	}
	volatile := q.Options&REG_OPTION_VOLATILE != 0
	if k.master && !volatile {
		return 0, false, ntdef.STATUS_INVALID_PARAMETER // there is no hive that it would be kept in
	}
	if st := p.mayAdd(&keyObject{key: k}, KEY_CREATE_SUB_KEY); st != ntdef.STATUS_SUCCESS {
		return 0, false, st
	}
	d, st := p.descriptorOf(typeNamed("Key"), true, q.Security.security, &keyObject{key: k}, true)
	if st != ntdef.STATUS_SUCCESS {
		return 0, false, st
	}
	n, st := p.sys.keys().add(k, missing[0], q.Class, volatile, q.Options&REG_OPTION_CREATE_LINK != 0)
	if st != ntdef.STATUS_SUCCESS {
		return 0, false, st
	}
	o := &keyObject{key: n}
	if st = p.sys.protect(o, d); st != ntdef.STATUS_SUCCESS {
		_ = p.sys.keys().remove(n)
		return 0, false, st
	}
	p.sys.keyChanged(k, notifyName)
	h, st = p.creatorHandle(o, q.Access, q.attributes())
	return h, true, st
}

// OpenKey is NtOpenKeyEx: OBJECT_NAME_NOT_FOUND, KEY_DELETED for the root, and what the object manager's look-up gives.
func (p *Process) OpenKey(q *KeyRequest) (ntdef.Handle, ntdef.Status) {
	k, missing, st := p.findKey(q, false)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return 0, st
	case len(missing) > 0:
		return 0, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	}
	return p.grantKey(k, q)
}

// findKey follows a name: the deepest key that is there, and the names below it that are not.
func (p *Process) findKey(q *KeyRequest, link bool) (*key, []string, ntdef.Status) {
	// The name of \REGISTRY has no case either, as since Windows 10 1607.
	a := objectAttributes{root: q.Root, name: q.Name, attributes: q.Attributes | objCaseInsensitive}
	at, st := p.lookup(&a, "Key")
	if st != ntdef.STATUS_SUCCESS {
		return nil, nil, st
	}
	r := p.sys.keys()
	o, ok := at.object.(*keyObject)
	switch {
	case at.object == nil:
		return nil, nil, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	case !ok:
		return nil, nil, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	case o.key == nil:
		return r.walk(r.root, splitKeyPath(at.rest), link || q.Attributes&objOpenLink != 0)
	case o.key.deleted:
		return nil, nil, ntdef.STATUS_KEY_DELETED
	case strings.HasPrefix(at.rest, `\`):
		return nil, nil, ntdef.STATUS_OBJECT_PATH_SYNTAX_BAD
	}
	return r.walk(o.key, splitKeyPath(at.rest), link || q.Attributes&objOpenLink != 0)
}

// attributes are those of the handle.
func (q *KeyRequest) attributes() uint32 { return q.Attributes | flag(q.Security.Inherit)*objInherit }

func (p *Process) grantKey(k *key, q *KeyRequest) (ntdef.Handle, ntdef.Status) {
	return p.openHandle(&keyObject{key: k}, q.Access, q.attributes())
}

// key returns the key of a handle that has some rights: INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED, KEY_DELETED.
func (p *Process) key(h ntdef.Handle, need uint32) (*key, ntdef.Status) {
	o, st := with[*keyObject](p, h, need)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return nil, st
	case o.key.deleted:
		return nil, ntdef.STATUS_KEY_DELETED
	}
	return o.key, ntdef.STATUS_SUCCESS
}

// rightDelete is DELETE (winnt.h), a standard right.
const rightDelete uint32 = 0x10000

// DeleteKey is NtDeleteKey: CANNOT_DELETE while there are subkeys. A second time it is a success.
func (p *Process) DeleteKey(h ntdef.Handle) ntdef.Status {
	k, st := p.key(h, rightDelete)
	switch {
	case st == ntdef.STATUS_KEY_DELETED:
		return ntdef.STATUS_SUCCESS
	case st != ntdef.STATUS_SUCCESS:
		return st
	}
	parent := k.parent
	if st = p.sys.keys().remove(k); st == ntdef.STATUS_SUCCESS {
		p.sys.unprotect(&k.security)
		p.sys.keyChanged(k, notifyName)
		p.sys.keyChanged(parent, notifyName)
	}
	return st
}

// RenameKey is NtRenameKey.
func (p *Process) RenameKey(h ntdef.Handle, name string) ntdef.Status {
	k, st := p.key(h, KEY_WRITE&^readControl)
	if st == ntdef.STATUS_SUCCESS {
		if st = p.sys.keys().rename(k, name); st == ntdef.STATUS_SUCCESS {
			p.sys.keyChanged(k.parent, notifyName)
		}
	}
	return st
}

// SetValue is NtSetValueKey: INVALID_PARAMETER for a name of more than 16383 characters, ACCESS_DENIED, REGISTRY_QUOTA_LIMIT. The
// registry keeps data.
func (p *Process) SetValue(h ntdef.Handle, name string, typ uint32, data []byte) ntdef.Status {
	k, st := p.key(h, KEY_SET_VALUE)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st
	case nameBytes(name) > 2*maxValueName:
		return ntdef.STATUS_INVALID_PARAMETER
	}
	if st = p.sys.keys().set(k, name, typ, data); st == ntdef.STATUS_SUCCESS {
		p.sys.keyChanged(k, notifyLastSet)
	}
	return st
}

// DeleteValue is NtDeleteValueKey: OBJECT_NAME_NOT_FOUND.
func (p *Process) DeleteValue(h ntdef.Handle, name string) ntdef.Status {
	k, st := p.key(h, KEY_SET_VALUE)
	if st == ntdef.STATUS_SUCCESS {
		if st = p.sys.keys().unset(k, name); st == ntdef.STATUS_SUCCESS {
			p.sys.keyChanged(k, notifyLastSet)
		}
	}
	return st
}

// A KeyValue is a value of a key. Data is the registry's: it must not be changed.
type KeyValue struct {
	Name string
	Type uint32 // REG_*
	Data []byte
}

// QueryValue is NtQueryValueKey: OBJECT_NAME_NOT_FOUND.
func (p *Process) QueryValue(h ntdef.Handle, name string) (KeyValue, ntdef.Status) {
	k, st := p.key(h, KEY_QUERY_VALUE)
	if st != ntdef.STATUS_SUCCESS {
		return KeyValue{}, st
	}
	v := k.get(name)
	if v == nil {
		return KeyValue{}, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	}
	return KeyValue{v.name, v.typ, v.data}, st
}

// EnumerateValue is NtEnumerateValueKey: values in the order of their making, NO_MORE_ENTRIES behind them.
func (p *Process) EnumerateValue(h ntdef.Handle, index uint32) (KeyValue, ntdef.Status) {
	k, st := p.key(h, KEY_QUERY_VALUE)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return KeyValue{}, st
	case uint64(index) >= uint64(len(k.values)):
		return KeyValue{}, ntdef.STATUS_NO_MORE_ENTRIES
	}
	v := k.values[index]
	return KeyValue{v.name, v.typ, v.data}, st
}

// KeyInfo describes a key. Lengths are in bytes of UTF-16.
type KeyInfo struct {
	Name, Path, Class        string
	Written                  uint64 // 100 ns units since 1601
	SubKeys, Values          uint32
	MaxName, MaxClass        uint32 // of the subkeys
	MaxValueName, MaxValue   uint32
	Volatile, Link           bool
	Wow64Flags, ControlFlags uint32 // that NtSetInformationKey set
	HandleTags               uint32 // of the handle that was asked
}

// QueryKey is NtQueryKey. A handle without KEY_QUERY_VALUE may ask for names only.
func (p *Process) QueryKey(h ntdef.Handle, namesOnly bool) (KeyInfo, ntdef.Status) {
	need := KEY_QUERY_VALUE
	if namesOnly {
		need = 0
	}
	k, st := p.key(h, need)
	if st != ntdef.STATUS_SUCCESS {
		return KeyInfo{}, st
	}
	i := k.info()
	if o, ok := p.handles.get(h).(*keyObject); ok {
		i.HandleTags = o.tags
	}
	return i, st
}

// EnumerateKey is NtEnumerateKey: subkeys by name, NO_MORE_ENTRIES behind them.
func (p *Process) EnumerateKey(h ntdef.Handle, index uint32) (KeyInfo, ntdef.Status) {
	k, st := p.key(h, KEY_ENUMERATE_SUB_KEYS)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return KeyInfo{}, st
	case uint64(index) >= uint64(len(k.children)):
		return KeyInfo{}, ntdef.STATUS_NO_MORE_ENTRIES
	}
	return k.children[index].info(), st
}

func (k *key) info() KeyInfo {
	i := KeyInfo{
		Name: k.name, Path: k.path(), Class: k.class, Written: k.written, SubKeys: uint32(len(k.children)), Values: uint32(len(k.values)),
		Volatile: k.volatile, Link: k.link, Wow64Flags: k.wow64Flags, ControlFlags: k.controlFlags,
	}
	for _, c := range k.children {
		i.MaxName, i.MaxClass = max(i.MaxName, uint32(len(c.fold))), max(i.MaxClass, uint32(nameBytes(c.class)))
	}
	for _, v := range k.values {
		i.MaxValueName, i.MaxValue = max(i.MaxValueName, uint32(nameBytes(v.name))), max(i.MaxValue, uint32(len(v.data)))
	}
	return i
}
