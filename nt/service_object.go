package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var objectServices = []Service{
	service("NtCreateDirectoryObject", Full, ntCreateDirectoryObject),
	service("NtCreateDirectoryObjectEx", Partial("no shadow directory"), ntCreateDirectoryObjectEx),
	service("NtOpenDirectoryObject", Full, ntOpenDirectoryObject),
	service("NtQueryDirectoryObject", Full, ntQueryDirectoryObject),
	service("NtCreateSymbolicLinkObject", Full, ntCreateSymbolicLinkObject),
	service("NtOpenSymbolicLinkObject", Full, ntOpenSymbolicLinkObject),
	service("NtQuerySymbolicLinkObject", Full, ntQuerySymbolicLinkObject),
	service("NtDuplicateObject", Full, ntDuplicateObject),
	service("NtQueryObject", Partial("classes 0-4"), ntQueryObject),
	service("NtSetInformationObject", Partial("ObjectHandleFlagInformation"), ntSetInformationObject),
	service("NtCompareObjects", Full, ntCompareObjects),
	service("NtMakePermanentObject", Full, ntMakePermanentObject),
	service("NtMakeTemporaryObject", Full, ntMakeTemporaryObject),
}

// seCreatePermanent is SeCreatePermanentPrivilege.
const seCreatePermanent Privilege = 16

// namedArgs are the arguments of most services that make or open an object.
type namedArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
}

// newHandle does what all services have in common that make or open an object: it looks whether the handle can be stored, reads the name
// and stores the handle of a success.
func (t *Thread) newHandle(
	at ntdef.Ptr[uint64], attributes uint64, body func(a *objectAttributes) (ntdef.Handle, ntdef.Status),
) (ntdef.Status, error) {
	if err := t.Probe(uint64(at), 8, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	a, err := t.objectAttributes(attributes)
	if err != nil {
		return 0, err
	}
	h, st := body(&a)
	if !st.IsSuccess() {
		return st, nil
	}
	return st, t.Store64(uint64(at), uint64(h))
}

// newObject is newHandle for a body that takes an ObjectRequest.
func (t *Thread) newObject(a *namedArgs, body func(r *ObjectRequest) (ntdef.Handle, ntdef.Status)) (ntdef.Status, error) {
	return t.newHandle(a.Handle, a.ObjectAttributes, func(o *objectAttributes) (ntdef.Handle, ntdef.Status) {
		return body(&ObjectRequest{Access: a.DesiredAccess, object: o})
	})
}

// Rights of directories and symbolic links (ntdef.h).
const (
	directoryQuery              = 1
	directoryCreateObject       = 4
	directoryCreateSubdirectory = 8
	symbolicLinkQuery           = 1
)

func ntCreateDirectoryObject(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) { return create(t.proc, r, &directory{}) })
}

type createDirectoryExArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Shadow           ntdef.Handle
	Flags            uint32
}

func ntCreateDirectoryObjectEx(t *Thread, a *createDirectoryExArgs) (ntdef.Status, error) {
	if a.Shadow != 0 || a.Flags != 0 {
		return t.unsupported("NtCreateDirectoryObjectEx: a shadow directory"), nil
	}
	return ntCreateDirectoryObject(t, &namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes})
}

func ntOpenDirectoryObject(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) { return open[*directory](t.proc, r) })
}

type queryDirectoryArgs struct {
	Directory    ntdef.Handle
	Buffer       uint64 // OBJECT_DIRECTORY_INFORMATION, the last one zero
	Length       uint32
	Single       uint8
	Restart      uint8
	Context      ntdef.Ptr[uint32] // the index of the next entry
	ReturnLength ntdef.Ptr[uint32]
}

// ntQueryDirectoryObject lists a directory in the order of names. NO_MORE_ENTRIES, BUFFER_TOO_SMALL for the one that was asked for,
// MORE_ENTRIES, a success, where others did not fit.
func ntQueryDirectoryObject(t *Thread, a *queryDirectoryArgs) (ntdef.Status, error) {
	const entry = 32
	index := uint32(0)
	if a.Restart == 0 {
		v, err := t.Load32(uint64(a.Context))
		if err != nil {
			return 0, err
		}
		index = v
	} else if err := t.Probe(uint64(a.Context), 4, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	d, st := with[*directory](t.proc, a.Directory, directoryQuery)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	all := t.sys.listed(d)
	if uint64(index) >= uint64(len(all)) {
		if a.ReturnLength != 0 {
			return ntdef.STATUS_NO_MORE_ENTRIES, t.Store32(uint64(a.ReturnLength), 0)
		}
		return ntdef.STATUS_NO_MORE_ENTRIES, nil
	}
	// First what fits, then where the strings go.
	type text struct{ name, typ []byte }
	var texts []text
	size := uint64(entry)
	st = ntdef.STATUS_SUCCESS
	for _, o := range all[index:] {
		x := text{EncodeUTF16(o.head().name), EncodeUTF16(o.typeName())}
		need := uint64(entry + len(x.name) + 2 + len(x.typ) + 2)
		if size+need > uint64(a.Length) {
			st = ntdef.STATUS_MORE_ENTRIES
			if a.Single != 0 {
				st, size = ntdef.STATUS_BUFFER_TOO_SMALL, size+need
			}
			break
		}
		size += need
		texts = append(texts, x)
		if a.Single != 0 {
			break
		}
	}
	if st != ntdef.STATUS_BUFFER_TOO_SMALL {
		b := make([]byte, entry*(len(texts)+1), size)
		for i, x := range texts {
			b = appendString(b, a.Buffer, entry*i, x.name)
			b = appendString(b, a.Buffer, entry*i+16, x.typ)
		}
		if err := t.Write(a.Buffer, b); err != nil {
			return 0, err
		}
		if err := t.Store32(uint64(a.Context), index+uint32(len(texts))); err != nil {
			return 0, err
		}
	}
	if a.ReturnLength != 0 {
		return st, t.Store32(uint64(a.ReturnLength), uint32(size))
	}
	return st, nil
}

// appendString puts a zero-terminated UTF-16 string behind what will be written to base, and its UNICODE_STRING at an offset.
func appendString(b []byte, base uint64, at int, text []byte) []byte {
	le := binary.LittleEndian
	le.PutUint16(b[at:], uint16(len(text)))
	le.PutUint16(b[at+2:], uint16(len(text)+2))
	le.PutUint64(b[at+8:], base+uint64(len(b)))
	return append(append(b, text...), 0, 0)
}

type createSymbolicLinkArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Target           uint64 // UNICODE_STRING
}

func ntCreateSymbolicLinkObject(t *Thread, a *createSymbolicLinkArgs) (ntdef.Status, error) {
	if err := t.Probe(a.ObjectAttributes, 1, x86.Read); err != nil {
		return 0, err
	}
	target, err := t.UnicodeString(a.Target)
	switch {
	case err != nil:
		return 0, err
	case target == "":
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	return t.newObject(&namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return create(t.proc, r, &symlink{target: target, created: t.sys.SystemTime()})
	})
}

func ntOpenSymbolicLinkObject(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) { return open[*symlink](t.proc, r) })
}

type querySymbolicLinkArgs struct {
	Link         ntdef.Handle
	Target       uint64 // UNICODE_STRING with a buffer
	ReturnLength ntdef.Ptr[uint32]
}

// ntQuerySymbolicLinkObject copies the target. Where the caller asks for the length, the zero behind it counts, and is stored.
func ntQuerySymbolicLinkObject(t *Thread, a *querySymbolicLinkArgs) (ntdef.Status, error) {
	room, err := t.Load16(a.Target + 2)
	if err != nil {
		return 0, err
	}
	buffer, err := t.Load64(a.Target + 8)
	if err != nil {
		return 0, err
	}
	l, st := with[*symlink](t.proc, a.Link, symbolicLinkQuery)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	b := EncodeUTF16(l.target)
	n := len(b)
	if a.ReturnLength != 0 {
		b = append(b, 0, 0)
		if err := t.Store32(uint64(a.ReturnLength), uint32(len(b))); err != nil {
			return 0, err
		}
	}
	if len(b) > int(room) {
		return ntdef.STATUS_BUFFER_TOO_SMALL, nil
	}
	if err := t.Write(buffer, b); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.Store16(a.Target, uint16(n))
}

type handleOnlyArgs struct{ Handle ntdef.Handle }

func ntMakePermanentObject(t *Thread, a *handleOnlyArgs) (ntdef.Status, error) {
	if !t.proc.Holds(seCreatePermanent) {
		return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
	}
	o := t.proc.resolve(t, a.Handle)
	if o == nil {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	o.head().permanent = true
	return ntdef.STATUS_SUCCESS, nil
}

// ntMakeTemporaryObject lets an object go with its last handle: ACCESS_DENIED without DELETE.
func ntMakeTemporaryObject(t *Thread, a *handleOnlyArgs) (ntdef.Status, error) {
	o, st := with[object](t.proc, a.Handle, ntdef.DELETE)
	if st == ntdef.STATUS_SUCCESS {
		o.head().permanent = false
	}
	return st, nil
}

// unsupported warns of what a service lacks and is the status that says so.
func (t *Thread) unsupported(what string) ntdef.Status {
	t.sys.refuse(what)
	return ntdef.STATUS_NOT_IMPLEMENTED
}
