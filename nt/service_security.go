package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var securityServices = []Service{
	service("NtAccessCheck", Partial("no integrity levels, no object types"), ntAccessCheck),
	service("NtQuerySecurityObject", Partial("owner, group, DACL and label"), ntQuerySecurityObject),
	service("NtSetSecurityObject", Partial("owner, group, DACL and label; files have theirs until the machine ends"), ntSetSecurityObject),
}

type querySecurityObjectArgs struct {
	Handle       ntdef.Handle
	Information  uint32
	Buffer       uint64
	Length       uint32
	LengthNeeded ntdef.Ptr[uint32]
}

func ntQuerySecurityObject(t *Thread, a *querySecurityObjectArgs) (ntdef.Status, error) {
	need := uint32(0)
	if a.Information&(ownerInformation|groupInformation|daclInformation|labelInformation) != 0 {
		need |= readControl
	}
	if a.Information&saclInformation != 0 {
		need |= accessSystemSecurity
	}
	o, st := t.securable(a.Handle, need)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	d := t.proc.described(o)
	if d == nil {
		d = openToAll
	}
	b := d.bytes(a.Information)
	if err := t.Store32(uint64(a.LengthNeeded), uint32(len(b))); err != nil {
		return 0, err
	}
	if a.Length < uint32(len(b)) {
		return ntdef.STATUS_BUFFER_TOO_SMALL, nil
	}
	return ntdef.STATUS_SUCCESS, t.Write(a.Buffer, b)
}

type setSecurityObjectArgs struct {
	Handle      ntdef.Handle
	Information uint32
	Descriptor  uint64
}

// ntSetSecurityObject: ACCESS_DENIED, INVALID_OWNER, INVALID_PRIMARY_GROUP, NO_SECURITY_ON_OBJECT for one without a name that was made
// without a descriptor, INVALID_DEVICE_REQUEST for what is no file but a stream of the host's.
func ntSetSecurityObject(t *Thread, a *setSecurityObjectArgs) (ntdef.Status, error) {
	need := uint32(0)
	for _, part := range []struct{ information, right uint32 }{
		{ownerInformation | groupInformation | labelInformation, writeOwner}, {daclInformation, writeDac}, {saclInformation, accessSystemSecurity},
	} {
		if a.Information&part.information != 0 {
			need |= part.right
		}
	}
	d, err := t.loadDescriptor(a.Descriptor)
	if err != nil {
		return 0, err
	}
	o, st := t.securable(a.Handle, need)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	switch o.(type) {
	case *stream, *nullDevice, *pipeFolder:
		return ntdef.STATUS_INVALID_DEVICE_REQUEST, nil
	}
	old := t.proc.described(o)
	switch {
	case old == nil:
		return ntdef.STATUS_NO_SECURITY_ON_OBJECT, nil
	case a.Information&ownerInformation != 0 && (d.owner == nil || !t.proc.subject().mayOwn(*d.owner) && !t.proc.Holds(SeRestorePrivilege)):
		return ntdef.STATUS_INVALID_OWNER, nil
	case a.Information&groupInformation != 0 && d.group == nil:
		return ntdef.STATUS_INVALID_PRIMARY_GROUP, nil
	}
	n := *old
	n.shared = false
	if a.Information&ownerInformation != 0 {
		n.owner = d.owner
	}
	if a.Information&groupInformation != 0 {
		n.group = d.group
	}
	if a.Information&daclInformation != 0 {
		n.dacl, n.control = mapped(d.dacl, typeOf(o)), d.control
	}
	if a.Information&(saclInformation|labelInformation) != 0 {
		if st := t.proc.mayAudit(d.sacl); st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		n.sacl = d.sacl
	}
	if st := t.sys.protect(o, &n); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if k, ok := o.(*keyObject); ok && k.key != nil {
		t.sys.keyChanged(k.key, notifySecurity)
	}
	return ntdef.STATUS_SUCCESS, nil
}

type accessCheckArgs struct {
	Descriptor    uint64
	Token         ntdef.Handle
	Desired       uint32
	Mapping       uint64 // GENERIC_MAPPING
	Privileges    uint64 // PRIVILEGE_SET of those that were used
	PrivilegesLen ntdef.Ptr[uint32]
	Granted       ntdef.Ptr[uint32]
	Status        ntdef.Ptr[uint32]
}

// ntAccessCheck decides for a client: NO_IMPERSONATION_TOKEN for a primary token, BAD_IMPERSONATION_LEVEL for an anonymous one,
// GENERIC_NOT_MAPPED, INVALID_SECURITY_DESCR for a descriptor without owner or group.
func ntAccessCheck(t *Thread, a *accessCheckArgs) (ntdef.Status, error) {
	const privilegeSet, generic = 20, 0xf0000000
	if err := t.probeAll(x86.Write, span{uint64(a.Granted), 4}, span{uint64(a.Status), 4}); err != nil {
		return 0, err
	}
	var b [16]byte
	if err := t.Read(a.Mapping, b[:]); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	typ := objectType{read: le.Uint32(b[0:]), write: le.Uint32(b[4:]), execute: le.Uint32(b[8:]), all: le.Uint32(b[12:])}
	room, err := t.Load32(uint64(a.PrivilegesLen))
	if err != nil {
		return 0, err
	}
	tok, st := t.token(a.Token, tokenQuery)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case tok.kind != tokenImpersonation:
		return ntdef.STATUS_NO_IMPERSONATION_TOKEN, nil
	case tok.level < securityIdentification:
		return ntdef.STATUS_BAD_IMPERSONATION_LEVEL, nil
	case a.Desired&generic != 0:
		return ntdef.STATUS_GENERIC_NOT_MAPPED, nil
	case room < privilegeSet:
		return ntdef.STATUS_BUFFER_TOO_SMALL, t.Store32(uint64(a.PrivilegesLen), privilegeSet)
	}
	d, err := t.loadDescriptor(a.Descriptor)
	switch {
	case err != nil:
		return 0, err
	case d.owner == nil || d.group == nil:
		return ntdef.STATUS_INVALID_SECURITY_DESCR, nil
	}
	granted, st := d.check(tok, a.Desired, &typ)
	if err := t.Store64(a.Privileges, 0); err != nil { // none is told
		return 0, err
	}
	if err := t.Store32(uint64(a.Granted), granted); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.Store32(uint64(a.Status), uint32(st))
}
