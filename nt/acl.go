package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
)

// Kinds of ACEs (winnt.h).
const (
	accessAllowed  = 0
	accessDenied   = 1
	systemAudit    = 2
	mandatoryLabel = 0x11
)

// ace is an access control entry with a mask and a SID.
type ace struct {
	kind, flags uint8
	mask        uint32
	sid         SID
}

const aclHeader = 8

// newACL lays an ACL out.
func newACL(entries ...ace) []byte {
	b := make([]byte, aclHeader)
	le := binary.LittleEndian
	for _, e := range entries {
		s := e.sid.Bytes()
		b = append(b, e.kind, e.flags)
		b = le.AppendUint16(b, uint16(8+len(s)))
		b = append(le.AppendUint32(b, e.mask), s...)
	}
	b[0] = 2 // ACL_REVISION
	le.PutUint16(b[2:], uint16(len(b)))
	le.PutUint16(b[4:], uint16(len(entries)))
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
