package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var securityServices = []Service{
	service("NtAccessCheck", Partial("no integrity levels, no object types"), ntAccessCheck),
	service("NtQuerySecurityObject", Partial("owner, group and DACL"), ntQuerySecurityObject),
	service("NtSetSecurityObject", Partial("owner, group and DACL; not of files"), ntSetSecurityObject),
}

// Rights that have to do with security (winnt.h).
const (
	writeDac             uint32 = 0x00040000
	writeOwner           uint32 = 0x00080000
	accessSystemSecurity uint32 = 0x01000000
)

// Parts of a descriptor (winnt.h, *_SECURITY_INFORMATION) and bits of its control word (SE_*).
const (
	ownerInformation = 1
	groupInformation = 2
	daclInformation  = 4
	saclInformation  = 8

	daclPresent  = 0x0004
	selfRelative = 0x8000
)

// descriptor is a security descriptor: who owns an object, and who may do what with it. Without a DACL everybody may do everything.
type descriptor struct {
	owner, group *SID
	dacl         []byte // an ACL
}

// bytes lays the parts that are asked for out as a self-relative SECURITY_DESCRIPTOR.
func (d *descriptor) bytes(parts uint32) []byte {
	const header = 20
	b := make([]byte, header)
	le := binary.LittleEndian
	control := uint16(selfRelative)
	put := func(at int, part []byte) {
		le.PutUint32(b[at:], uint32(len(b)))
		b = append(b, part...)
	}
	b[0] = 1
	if parts&ownerInformation != 0 && d.owner != nil {
		put(4, d.owner.Bytes())
	}
	if parts&groupInformation != 0 && d.group != nil {
		put(8, d.group.Bytes())
	}
	if parts&daclInformation != 0 {
		control |= daclPresent
		if d.dacl != nil {
			put(16, d.dacl)
		}
	}
	le.PutUint16(b[2:], control)
	return b
}

// loadDescriptor reads a SECURITY_DESCRIPTOR of the guest, absolute or self-relative. The error is that of an access, or
// INVALID_SECURITY_DESCR, INVALID_SID, INVALID_ACL.
func (t *Thread) loadDescriptor(va uint64) (d descriptor, err error) {
	var b [40]byte
	if err := t.Read(va, b[:20]); err != nil {
		return d, err
	}
	le := binary.LittleEndian
	control := le.Uint16(b[2:])
	var owner, group, dacl uint64
	if control&selfRelative != 0 {
		part := func(at int) uint64 {
			if off := le.Uint32(b[at:]); off != 0 {
				return va + uint64(off)
			}
			return 0
		}
		owner, group, dacl = part(4), part(8), part(16)
	} else {
		if err := t.Read(va, b[:]); err != nil {
			return d, err
		}
		owner, group, dacl = le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[32:])
	}
	if b[0] != 1 {
		return d, statusError(ntdef.STATUS_INVALID_SECURITY_DESCR)
	}
	for _, p := range []struct {
		at  uint64
		sid **SID
	}{{owner, &d.owner}, {group, &d.group}} {
		if p.at == 0 {
			continue
		}
		s, err := t.loadSID(p.at)
		if err != nil {
			return d, err
		}
		*p.sid = &s
	}
	if control&daclPresent != 0 && dacl != 0 {
		d.dacl, err = t.loadACL(dacl)
	}
	return d, err
}

// check decides what of the rights asked for a token gets: ACCESS_DENIED, PRIVILEGE_NOT_HELD. Generic rights of entries are those
// of the type; desired has none.
func (d *descriptor) check(tok *token, desired uint32, typ *objectType) (granted uint32, st ntdef.Status) {
	most := desired&maximumAllowed != 0
	left := desired &^ maximumAllowed
	give := func(rights uint32) {
		granted |= rights
		left &^= rights
	}
	if left&accessSystemSecurity != 0 {
		if !tok.holds(SeSecurityPrivilege) {
			return 0, ntdef.STATUS_PRIVILEGE_NOT_HELD
		}
		give(accessSystemSecurity)
	}
	if (left&writeOwner != 0 || most) && tok.holds(SeTakeOwnershipPrivilege) {
		give(writeOwner)
	}
	if d.owner != nil && tok.has(*d.owner, false) && (most || left&(readControl|writeDac) != 0) {
		give((readControl | writeDac) & (left | map[bool]uint32{true: ^uint32(0)}[most]))
	}
	if d.dacl == nil {
		give(left)
		if most {
			give(typ.all)
		}
		return granted, ntdef.STATUS_SUCCESS
	}
	entries, _ := parseACL(d.dacl)
	denied := uint32(0)
	for _, e := range entries {
		const inheritOnly = 8
		if e.flags&inheritOnly != 0 {
			continue
		}
		mask := typ.specific(e.mask)
		switch {
		case e.kind == accessAllowed && tok.has(e.sid, false):
			if mask &^= denied; !most {
				mask &= left
			}
			give(mask)
		case e.kind == accessDenied && tok.has(e.sid, true):
			denied |= mask &^ granted
			if left&mask != 0 {
				return 0, ntdef.STATUS_ACCESS_DENIED
			}
		}
	}
	if left != 0 || most && granted == 0 {
		return 0, ntdef.STATUS_ACCESS_DENIED
	}
	return granted, ntdef.STATUS_SUCCESS
}

// specific spells generic rights out as those of the type.
func (t *objectType) specific(access uint32) uint32 {
	for _, g := range []struct{ generic, rights uint32 }{
		{ntdef.GENERIC_READ, t.read},
		{ntdef.GENERIC_WRITE, t.write},
		{ntdef.GENERIC_EXECUTE, t.execute},
		{ntdef.GENERIC_ALL, t.all},
	} {
		if access&g.generic != 0 {
			access = access&^g.generic | g.rights
		}
	}
	return access
}

// securityOf is where an object's descriptor is; a key's is that of all its handles.
func securityOf(o object) **descriptor {
	if k, ok := o.(*keyObject); ok {
		return &k.key.security
	}
	return &o.head().security
}

// defaultDescriptor is that of an object that nobody gave one: its user's, and what the token says for what he makes.
func (p *Process) defaultDescriptor(typ *objectType) *descriptor {
	owner, group := p.token.owner, p.token.primaryGroup
	d := &descriptor{owner: &owner, group: &group}
	if p.token.defaultDacl != nil {
		entries, _ := parseACL(p.token.defaultDacl)
		for i := range entries {
			entries[i].mask = typ.specific(entries[i].mask)
		}
		d.dacl = newACL(entries...)
	}
	return d
}

// mayOpen checks what a handle to an object is asked for against the descriptor that the object was given. Where it was given none
// all is allowed. The rights are those to open it with.
func (p *Process) mayOpen(o object, access uint32) (uint32, ntdef.Status) {
	d := *securityOf(o)
	if d == nil {
		return access, ntdef.STATUS_SUCCESS
	}
	typ := typeOf(o)
	return d.check(p.token, typ.specific(access)&(typ.all|typ.more|maximumAllowed|accessSystemSecurity), typ)
}

// securable returns the object of a handle with the rights that parts of its descriptor need.
func (t *Thread) securable(h ntdef.Handle, need uint32) (object, ntdef.Status) {
	o := t.proc.resolve(t, h)
	switch {
	case o == nil:
		return nil, ntdef.STATUS_INVALID_HANDLE
	case h != ntdef.CurrentProcess && h != ntdef.CurrentThread && t.proc.handles.granted(h)&need != need:
		return nil, ntdef.STATUS_ACCESS_DENIED
	}
	if k, ok := o.(*keyObject); ok && k.key.deleted {
		return nil, ntdef.STATUS_KEY_DELETED
	}
	return o, ntdef.STATUS_SUCCESS
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
	if a.Information&(ownerInformation|groupInformation|daclInformation) != 0 {
		need |= readControl
	}
	if a.Information&saclInformation != 0 {
		need |= accessSystemSecurity
	}
	o, st := t.securable(a.Handle, need)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	d := *securityOf(o)
	if d == nil {
		d = t.proc.defaultDescriptor(typeOf(o))
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

// ntSetSecurityObject: ACCESS_DENIED, INVALID_OWNER, INVALID_PRIMARY_GROUP; volumes keep no descriptors: INVALID_DEVICE_REQUEST.
func ntSetSecurityObject(t *Thread, a *setSecurityObjectArgs) (ntdef.Status, error) {
	need := uint32(0)
	for _, part := range []struct{ information, right uint32 }{
		{ownerInformation | groupInformation, writeOwner}, {daclInformation, writeDac}, {saclInformation, accessSystemSecurity},
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
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case o.typeName() == "File":
		return ntdef.STATUS_INVALID_DEVICE_REQUEST, nil
	case a.Information&saclInformation != 0:
		t.sys.refuse("NtSetSecurityObject: a system ACL")
		return ntdef.STATUS_NOT_SUPPORTED, nil
	case a.Information&ownerInformation != 0 && (d.owner == nil || !t.proc.token.mayOwn(*d.owner)):
		return ntdef.STATUS_INVALID_OWNER, nil
	case a.Information&groupInformation != 0 && d.group == nil:
		return ntdef.STATUS_INVALID_PRIMARY_GROUP, nil
	}
	at := securityOf(o)
	n := t.proc.defaultDescriptor(typeOf(o))
	if *at != nil {
		*n = **at
	}
	if a.Information&ownerInformation != 0 {
		n.owner = d.owner
	}
	if a.Information&groupInformation != 0 {
		n.group = d.group
	}
	if a.Information&daclInformation != 0 {
		n.dacl = d.dacl
	}
	*at = n
	if k, ok := o.(*keyObject); ok {
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
