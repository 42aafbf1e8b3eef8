package nt

import (
	"encoding/binary"
	"slices"

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
	labelInformation = 0x10

	daclPresent   = 0x0004
	daclDefaulted = 0x0008
	saclPresent   = 0x0010
	daclProtected = 0x1000
	selfRelative  = 0x8000
)

// descriptor is a security descriptor: who owns an object, and who may do what with it. Without a DACL everybody may do everything.
// One that an object has does not change: a new one takes its place.
type descriptor struct {
	owner, group *SID
	control      uint16 // daclPresent, daclDefaulted and daclProtected
	dacl, sacl   []byte // ACLs
	shared       bool   // it is not of one object alone
}

// cost is what a descriptor takes of the pool.
func (d *descriptor) cost() uint64 {
	if d == nil || d.shared {
		return 0
	}
	return descriptorCharge + uint64(len(d.dacl)+len(d.sacl))
}

const descriptorCharge = 128

// systemDescriptor is that of an object of the system's own.
func systemDescriptor(entries ...ace) *descriptor {
	return &descriptor{owner: &adminsSID, group: &systemSID, control: daclPresent, dacl: newACL(entries...), shared: true}
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
	if parts&(saclInformation|labelInformation) != 0 && d.sacl != nil {
		control |= saclPresent
		put(12, d.sacl)
	}
	if parts&daclInformation != 0 {
		control |= d.control
		if d.dacl != nil {
			put(16, d.dacl)
		}
	}
	le.PutUint16(b[2:], control)
	return b
}

// loadDescriptor reads a SECURITY_DESCRIPTOR of the guest, absolute or self-relative. The error is that of an access, or
// DATATYPE_MISALIGNMENT, UNKNOWN_REVISION, INVALID_SID, INVALID_ACL.
func (t *Thread) loadDescriptor(va uint64) (*descriptor, error) {
	var b [40]byte
	if va%4 != 0 {
		return nil, statusError(ntdef.STATUS_DATATYPE_MISALIGNMENT)
	}
	if err := t.Read(va, b[:20]); err != nil {
		return nil, err
	}
	if b[0] != 1 {
		return nil, statusError(ntdef.STATUS_UNKNOWN_REVISION)
	}
	le := binary.LittleEndian
	control := le.Uint16(b[2:])
	d := &descriptor{control: control & (daclPresent | daclDefaulted | daclProtected)}
	var part [4]uint64 // addresses of the owner, the group, the SACL, the DACL
	if control&selfRelative != 0 {
		for i := range part {
			if off := le.Uint32(b[4+4*i:]); off != 0 {
				part[i] = va + uint64(off)
			}
		}
	} else {
		if err := t.Read(va, b[:]); err != nil {
			return nil, err
		}
		for i := range part {
			part[i] = le.Uint64(b[8+8*i:])
		}
	}
	for i, sid := range []**SID{&d.owner, &d.group} {
		if part[i] == 0 {
			continue
		}
		s, err := t.loadSID(part[i])
		if err != nil {
			return nil, err
		}
		*sid = &s
	}
	for i, acl := range []struct {
		present uint16
		at      *[]byte
	}{{saclPresent, &d.sacl}, {daclPresent, &d.dacl}} {
		if control&acl.present == 0 || part[2+i] == 0 {
			continue
		}
		var err error
		if *acl.at, err = t.loadACL(part[2+i]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// check decides what of the rights asked for a token gets: ACCESS_DENIED, PRIVILEGE_NOT_HELD. Generic rights of entries are those
// of the type; desired has none. A restricted token gets what its user and its restricting SIDs both would.
func (d *descriptor) check(tok *token, desired uint32, typ *objectType) (granted uint32, st ntdef.Status) {
	most := desired&maximumAllowed != 0
	left := desired &^ maximumAllowed
	if left&accessSystemSecurity != 0 {
		if !tok.holds(SeSecurityPrivilege) {
			return 0, ntdef.STATUS_PRIVILEGE_NOT_HELD
		}
		granted |= accessSystemSecurity
	}
	if (left&writeOwner != 0 || most) && tok.holds(SeTakeOwnershipPrivilege) {
		granted |= writeOwner
	}
	left &^= granted
	got := d.grants(tok.has, left, most, typ)
	if tok.restricted != nil {
		judged := ^uint32(0)
		if tok.writeRestricted {
			judged = typ.write &^ (typ.read | typ.execute)
		}
		got &= d.grants(tok.restrictedTo, left, most, typ) | ^judged
	}
	granted |= got
	if left&^got != 0 || most && granted == 0 {
		return 0, ntdef.STATUS_ACCESS_DENIED
	}
	return granted, ntdef.STATUS_SUCCESS
}

// grants returns the rights that somebody has of those asked for, or, for the most that he can get, all; has says which SIDs are his,
// to be allowed something and to be denied it. Once a right that is asked for is denied there is none.
func (d *descriptor) grants(has func(s SID, denying bool) bool, left uint32, most bool, typ *objectType) (granted uint32) {
	give := func(rights uint32) {
		if !most {
			rights &= left
		}
		granted |= rights
		left &^= rights
	}
	entries, _ := parseACL(d.dacl)
	entries = slices.DeleteFunc(entries, func(e ace) bool { return e.flags&inheritOnly != 0 })
	owns := d.owner != nil && has(*d.owner, false)
	// What an owner may always do can be said otherwise by an entry for "owner rights".
	if owns && !slices.ContainsFunc(entries, func(e ace) bool { return e.sid.equal(ownerRightsSID) }) {
		give(readControl | writeDac)
	}
	if d.dacl == nil {
		give(left | typ.all)
		return granted
	}
	denied := uint32(0)
	for _, e := range entries {
		mask := typ.specific(e.mask)
		if owns && e.sid.equal(ownerRightsSID) {
			e.sid = *d.owner
		}
		switch {
		case e.kind == accessAllowed && has(e.sid, false):
			give(mask &^ denied)
		case e.kind == accessDenied && has(e.sid, true):
			denied |= mask &^ granted
			if left&mask != 0 {
				return 0
			}
		}
	}
	return granted
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
