package nt

import (
	"encoding/binary"
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
)

// Kinds of ACEs (winnt.h).
const (
	accessAllowed  = 0
	accessDenied   = 1
	systemAudit    = 2
	mandatoryLabel = 0x11
)

// Flags of ACEs (winnt.h, *_ACE): who below a container gets them, and whether they came from above.
const (
	objectInherit      = 0x01
	containerInherit   = 0x02
	noPropagateInherit = 0x04
	inheritOnly        = 0x08 // it says nothing of the container itself
	inheritedACE       = 0x10
)

// ace is an access control entry with a mask and a SID.
type ace struct {
	kind, flags uint8
	mask        uint32
	sid         SID
}

const aclHeader = 8

// maxACL is how long an ACL can be: its size is a USHORT.
const maxACL = 0xffff

// newACL lays an ACL out.
func newACL(entries ...ace) []byte {
	return appendACL([]byte{2, 0, aclHeader, 0, 0, 0, 0, 0}, entries...) // ACL_REVISION
}

// appendACL lays entries out behind those of an ACL. One that is longer than maxACL is none.
func appendACL(b []byte, entries ...ace) []byte {
	le := binary.LittleEndian
	n, end := le.Uint16(b[4:]), aclHeader
	if len(entries) > 0 { // room that there is behind the last one goes
		for range n {
			end += int(le.Uint16(b[end+2:]))
		}
		b = b[:end]
	}
	for _, e := range entries {
		s := e.sid.Bytes()
		b = append(b, e.kind, e.flags)
		b = le.AppendUint16(b, uint16(8+len(s)))
		b = append(le.AppendUint32(b, e.mask), s...)
	}
	le.PutUint16(b[2:], uint16(len(b)))
	le.PutUint16(b[4:], n+uint16(len(entries)))
	return b
}

// parseACL checks an ACL and returns its entries. Entries of kinds that are not known have no SID. INVALID_ACL.
func parseACL(b []byte) ([]ace, ntdef.Status) {
	le := binary.LittleEndian
	if len(b) < aclHeader || b[0] < 2 || b[0] > 4 || int(le.Uint16(b[2:])) > len(b) || le.Uint16(b[2:]) < aclHeader {
		return nil, ntdef.STATUS_INVALID_ACL
	}
	n := int(le.Uint16(b[4:]))
	b = b[aclHeader:le.Uint16(b[2:])]
	var all []ace
	for range n {
		if len(b) < 8 {
			return nil, ntdef.STATUS_INVALID_ACL
		}
		size := int(le.Uint16(b[2:]))
		if size < 8 || size%4 != 0 || size > len(b) {
			return nil, ntdef.STATUS_INVALID_ACL
		}
		e := ace{kind: b[0], flags: b[1], mask: le.Uint32(b[4:])}
		switch e.kind {
		case accessAllowed, accessDenied, systemAudit, mandatoryLabel:
			var st ntdef.Status
			if e.sid, _, st = parseSID(b[8:size]); st != ntdef.STATUS_SUCCESS {
				return nil, ntdef.STATUS_INVALID_ACL
			}
		}
		all = append(all, e)
		b = b[size:]
	}
	return all, ntdef.STATUS_SUCCESS
}

// mapped is an ACL with the generic rights spelled out as those of a type in entries that count for the object itself.
func mapped(acl []byte, typ *objectType) []byte {
	if acl == nil {
		return nil
	}
	acl = slices.Clone(acl)
	le := binary.LittleEndian
	b := acl[aclHeader:]
	for range le.Uint16(acl[4:]) {
		if b[1]&inheritOnly == 0 {
			le.PutUint32(b[4:], typ.specific(le.Uint32(b[4:])))
		}
		b = b[le.Uint16(b[2:]):]
	}
	return acl
}

// inherited returns the entries that a new object gets from the DACL of the container that it is made in ([MS-DTYP] 2.5.3.4, "ACE
// inheritance"), with the generic rights and its creator spelled out. mark is set in their flags.
func inherited(dacl []byte, typ *objectType, container bool, owner, group SID, mark uint8) (got []ace) {
	entries, _ := parseACL(dacl)
	for _, e := range entries {
		pass := e.flags & (objectInherit | containerInherit)
		below := container && pass != 0 && e.flags&noPropagateInherit == 0 // it goes on to what is made in the object
		counts := pass&objectInherit != 0
		if container {
			counts = pass&containerInherit != 0
		}
		if e.sid.Sub == nil || !counts && !below { // an entry without a SID is of a kind that is not known
			continue
		}
		own := ace{e.kind, mark, typ.specific(e.mask), e.sid}
		switch {
		case e.sid.equal(creatorOwnerSID):
			own.sid = owner
		case e.sid.equal(creatorGroupSID):
			own.sid = group
		}
		switch same := own.mask == e.mask && own.sid.equal(e.sid); {
		case counts && below && same:
			own.flags |= pass
			got = append(got, own)
			continue
		case counts:
			got = append(got, own)
		}
		if below {
			e.flags = mark | inheritOnly | pass
			got = append(got, e)
		}
	}
	return got
}

// loadACL reads an ACL of the guest. The error is that of an access, or INVALID_ACL.
func (t *Thread) loadACL(va uint64) ([]byte, error) {
	n, err := t.Load16(va + 2)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if err := t.Read(va, b); err != nil {
		return nil, err
	}
	if _, st := parseACL(b); st != ntdef.STATUS_SUCCESS {
		return nil, statusError(st)
	}
	return b, nil
}
