package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Options of NtDuplicateObject (winnt.h).
const (
	DUPLICATE_CLOSE_SOURCE    uint32 = 1
	DUPLICATE_SAME_ACCESS     uint32 = 2
	DUPLICATE_SAME_ATTRIBUTES uint32 = 4
)

// A DuplicateRequest is the argument of DuplicateObject: handles of processes, and the source in the one that it is of.
type DuplicateRequest struct {
	From   ntdef.Handle
	Source ntdef.Handle
	To     ntdef.Handle // 0: nowhere, the source is only closed

	Access  uint32
	Inherit bool
	Options uint32 // DUPLICATE_*

	attributes uint32 // of a service, in place of Inherit
}

// DuplicateObject is NtDuplicateObject: a handle in the process To to what a handle in From refers to. DUPLICATE_CLOSE_SOURCE closes the
// source whatever else happens, before the new one is made. INVALID_HANDLE, ACCESS_DENIED without PROCESS_DUP_HANDLE,
// PROCESS_IS_TERMINATING.
func (t *Thread) DuplicateObject(r *DuplicateRequest) (ntdef.Handle, ntdef.Status) {
	from, st := t.proc.ProcessFor(r.From, PROCESS_DUP_HANDLE)
	if st != ntdef.STATUS_SUCCESS {
		return 0, st
	}
	var e handleEntry
	switch found := from.handles.entry(r.Source); {
	case r.Source == ntdef.CurrentProcess:
		e = handleEntry{object: from.object, access: typeOf(from.object).all}
	case r.Source == ntdef.CurrentThread:
		e = handleEntry{object: t.object, access: typeOf(t.object).all}
	case found == nil:
		return 0, ntdef.STATUS_INVALID_HANDLE
	default:
		e = *found
	}
	if r.To == 0 && r.Options&DUPLICATE_CLOSE_SOURCE == 0 {
		return 0, ntdef.STATUS_INVALID_HANDLE
	}
	var to *Process
	if r.To != 0 {
		to, st = t.proc.ProcessFor(r.To, PROCESS_DUP_HANDLE)
	}
	if st == ntdef.STATUS_SUCCESS && to != nil && to.exited {
		st = ntdef.STATUS_PROCESS_IS_TERMINATING
	}
	if to == nil || st != ntdef.STATUS_SUCCESS {
		if r.Options&DUPLICATE_CLOSE_SOURCE != 0 {
			from.handles.close(r.Source)
		}
		return 0, st
	}
	access, attributes := r.Access, r.attributes
	if r.Inherit {
		attributes |= objInherit
	}
	if r.Options&DUPLICATE_SAME_ACCESS != 0 {
		access = e.access
	}
	if r.Options&DUPLICATE_SAME_ATTRIBUTES != 0 {
		attributes = uint32(e.attributes)
	}
	if r.Options&DUPLICATE_CLOSE_SOURCE != 0 && from.handles.entry(r.Source) != nil {
		// The source goes first, so that its number is free again; the object stays meanwhile.
		e.object.head().handles++
		defer t.sys.dereference(e.object)
		from.handles.close(r.Source)
	}
	// More than the source has is asked for as if it were opened; a file that is open gets no more.
	if typ := typeOf(e.object); typ.grant(access)&^e.access != 0 {
		if _, file := e.object.(ioObject); file {
			if access&maximumAllowed == 0 {
				return 0, ntdef.STATUS_ACCESS_DENIED
			}
			access = e.access
		} else if access, st = t.proc.mayOpen(e.object, access); st != ntdef.STATUS_SUCCESS {
			return 0, st
		}
	}
	return to.handles.open(e.object, access, attributes)
}

type duplicateObjectArgs struct {
	SourceProcess, Source, TargetProcess ntdef.Handle
	Target                               ntdef.Ptr[uint64]
	Access, Attributes, Options          uint32
}

func ntDuplicateObject(t *Thread, a *duplicateObjectArgs) (ntdef.Status, error) {
	if a.Target != 0 {
		if err := t.Probe(uint64(a.Target), 8, x86.Read|x86.Write); err != nil {
			return 0, err
		}
	}
	h, st := t.DuplicateObject(&DuplicateRequest{
		From: a.SourceProcess, Source: a.Source, To: a.TargetProcess, Access: a.Access, Options: a.Options, attributes: a.Attributes,
	})
	if a.Target == 0 {
		return st, nil
	}
	return st, t.Store64(uint64(a.Target), uint64(h))
}

type compareObjectsArgs struct{ First, Second ntdef.Handle }

// ntCompareObjects says whether two handles refer to one object: INVALID_HANDLE, NOT_SAME_OBJECT.
func ntCompareObjects(t *Thread, a *compareObjectsArgs) (ntdef.Status, error) {
	first, second := t.proc.resolve(t, a.First), t.proc.resolve(t, a.Second)
	switch {
	case first == nil || second == nil:
		return ntdef.STATUS_INVALID_HANDLE, nil
	case first != second:
		return ntdef.STATUS_NOT_SAME_OBJECT, nil
	}
	return ntdef.STATUS_SUCCESS, nil
}

// Classes of NtQueryObject and NtSetInformationObject (OBJECT_INFORMATION_CLASS).
const (
	objectBasicInformation      = 0
	objectNameInformation       = 1
	objectTypeInformation       = 2
	objectTypesInformation      = 3
	objectHandleFlagInformation = 4
)

type setInformationObjectArgs struct {
	Handle ntdef.Handle
	Class  uint32
	Buffer uint64
	Length uint32
}

// ntSetInformationObject sets the flags of a handle: two bytes, inherited and protected from close.
func ntSetInformationObject(t *Thread, a *setInformationObjectArgs) (ntdef.Status, error) {
	switch {
	case a.Class != objectHandleFlagInformation:
		t.sys.refuse(classOf("NtSetInformationObject", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	case a.Length != 2:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	var b [2]byte
	if err := t.Read(a.Buffer, b[:]); err != nil {
		return 0, err
	}
	if a.Handle == ntdef.CurrentProcess || a.Handle == ntdef.CurrentThread {
		return ntdef.STATUS_SUCCESS, nil // a pseudo handle has none
	}
	return t.proc.SetHandleFlags(a.Handle, b[0] != 0, b[1] != 0), nil
}

// SetHandleFlags is NtSetInformationObject: whether children inherit a handle, and whether it is protected from being closed.
// INVALID_HANDLE.
func (p *Process) SetHandleFlags(h ntdef.Handle, inherit, protect bool) ntdef.Status {
	e := p.handles.entry(h)
	if e == nil {
		return ntdef.STATUS_INVALID_HANDLE
	}
	e.attributes = 0
	if inherit {
		e.attributes |= objInherit
	}
	if protect {
		e.attributes |= objProtectClose
	}
	return ntdef.STATUS_SUCCESS
}

// HandleFlags returns what SetHandleFlags sets.
func (p *Process) HandleFlags(h ntdef.Handle) (inherit, protect bool, st ntdef.Status) {
	e := p.handles.entry(h)
	if e == nil {
		return false, false, ntdef.STATUS_INVALID_HANDLE
	}
	return e.attributes&objInherit != 0, e.attributes&objProtectClose != 0, ntdef.STATUS_SUCCESS
}

type queryObjectArgs struct {
	Handle       ntdef.Handle
	Class        uint32
	Buffer       uint64
	Length       uint32
	ReturnLength ntdef.Ptr[uint32]
}

// ntQueryObject tells of an object and its handle. The lengths that Windows wants of a buffer differ by class: see each.
func ntQueryObject(t *Thread, a *queryObjectArgs) (ntdef.Status, error) {
	var e handleEntry
	switch found := t.proc.handles.entry(a.Handle); {
	case a.Class == objectTypesInformation: // of no object
	case found != nil:
		e = *found
	default:
		o := t.proc.resolve(t, a.Handle)
		if o == nil {
			return ntdef.STATUS_INVALID_HANDLE, nil
		}
		e = handleEntry{object: o, access: typeOf(o).all}
	}
	var b []byte
	short := ntdef.STATUS_INFO_LENGTH_MISMATCH
	switch a.Class {
	case objectBasicInformation:
		b = e.basicInformation()
		if int(a.Length) != len(b) {
			return t.queried(a, b, ntdef.STATUS_INFO_LENGTH_MISMATCH)
		}
	case objectNameInformation:
		b = t.sys.nameInformation(e.object, a.Buffer)
		if _, file := e.object.(interface{ objectName() string }); file && a.Length >= 16 {
			short = ntdef.STATUS_BUFFER_OVERFLOW
		}
	case objectTypeInformation:
		b = t.sys.typeInformation(typeOf(e.object), a.Buffer)
	case objectTypesInformation:
		b = t.sys.typesInformation(a.Buffer)
	case objectHandleFlagInformation:
		b = []byte{e.attributes & objInherit / objInherit, e.attributes & objProtectClose}
		if int(a.Length) != len(b) {
			return t.queried(a, b, ntdef.STATUS_INFO_LENGTH_MISMATCH)
		}
	default:
		t.sys.refuse(classOf("NtQueryObject", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	if int(a.Length) < len(b) {
		return t.queried(a, b, short)
	}
	return t.queried(a, b, ntdef.STATUS_SUCCESS)
}

// queried stores what a query has where it is a success, and in any case its length.
func (t *Thread) queried(a *queryObjectArgs, b []byte, st ntdef.Status) (ntdef.Status, error) {
	if st == ntdef.STATUS_SUCCESS {
		if err := t.Write(a.Buffer, b); err != nil {
			return 0, err
		}
	}
	if a.ReturnLength != 0 {
		if err := t.Store32(uint64(a.ReturnLength), uint32(len(b))); err != nil {
			return 0, err
		}
	}
	return st, nil
}

// basicInformation is OBJECT_BASIC_INFORMATION, 56 bytes. Every handle is a reference, and a directory's name is one.
func (e *handleEntry) basicInformation() []byte {
	le, h := binary.LittleEndian, e.object.head()
	attributes, references := uint32(e.attributes), h.handles
	if h.permanent {
		attributes |= objPermanent
	}
	if h.dir != nil {
		references++
	}
	b := make([]byte, 56)
	for i, v := range []uint32{attributes, e.access, h.handles, max(references, 1)} {
		le.PutUint32(b[4*i:], v)
	}
	if h.dir != nil {
		le.PutUint32(b[36:], uint32(16+len(EncodeUTF16(h.path()))+2))
	}
	le.PutUint32(b[40:], uint32(typeInformationSize+2*len(typeOf(e.object).name)+2))
	if s, ok := e.object.(*symlink); ok {
		le.PutUint64(b[48:], s.created)
	}
	return b
}

// nameInformation is OBJECT_NAME_INFORMATION at an address: the full name, of a file its device's and its path.
func (s *System) nameInformation(o object, at uint64) []byte {
	name := o.head().path()
	switch n := o.(type) {
	case interface{ objectName() string }:
		name = n.objectName()
	case *directory:
		if n == s.namespace.root {
			name = `\`
		}
	}
	b := make([]byte, 16)
	if name == "" {
		return b
	}
	return appendString(b, at, 0, EncodeUTF16(name))
}

// objectName is the name of a file. Wine's own kernel has it as programs give it, and its kernelbase makes paths of that
// (GetFinalPathNameByHandle).
func (f *fileObject) objectName() string {
	path := f.node.path()
	if f.sys.wine() {
		return `\??\` + path
	}
	return deviceOf(path[0]) + path[2:]
}

func (*nullDevice) objectName() string { return `\Device\Null` }

const typeInformationSize = 0x68

// typeInformation is OBJECT_TYPE_INFORMATION at an address. What objects take of the pool is not told apart by type.
func (s *System) typeInformation(t *objectType, at uint64) []byte {
	le := binary.LittleEndian
	index := typeIndices[t.name]
	c := &s.counts[index]
	b := make([]byte, typeInformationSize)
	for _, f := range []struct{ at, v uint32 }{
		{0x10, c.objects},
		{0x14, c.handles},
		{0x28, c.mostObjects},
		{0x2c, c.mostHandles},
		{0x44, t.read},
		{0x48, t.write},
		{0x4c, t.execute},
		{0x50, t.all},
		{0x54, t.all | t.more},
		{0x60, objectCharge},
	} {
		le.PutUint32(b[f.at:], f.v)
	}
	b[0x58] = byte(flag(t.secured))
	b[0x5a] = index + firstTypeIndex
	b = appendString(b, at, 0, EncodeUTF16(t.name))
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

// typesInformation is OBJECT_TYPES_INFORMATION: how many types there are, then each.
func (s *System) typesInformation(at uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(objectTypes)))
	for i := range objectTypes {
		b = append(b, s.typeInformation(&objectTypes[i], at+uint64(len(b)))...)
	}
	return b
}
