package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
)

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
