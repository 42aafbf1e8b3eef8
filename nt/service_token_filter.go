package nt

import (
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Flags of NtFilterToken (winnt.h, those of CreateRestrictedToken).
const (
	filterDisableMaxPrivilege = 1 // all privileges go but SeChangeNotifyPrivilege
	filterSandboxInert        = 2
	filterLUA                 = 4
	filterWriteRestricted     = 8
)

type filterTokenArgs struct {
	Token          ntdef.Handle
	Flags          uint32
	SidsToDisable  uint64 // TOKEN_GROUPS
	Privileges     uint64 // TOKEN_PRIVILEGES
	RestrictedSids uint64 // TOKEN_GROUPS
	NewToken       ntdef.Ptr[uint64]
}

// ntFilterToken makes a token that may do less: groups that count only where something is denied, privileges that are gone, SIDs that have
// to be allowed what the user is ("Restricted Tokens" in Microsoft's documentation). The new handle has the rights of the old one.
func ntFilterToken(t *Thread, a *filterTokenArgs) (ntdef.Status, error) {
	const all = filterDisableMaxPrivilege | filterSandboxInert | filterLUA | filterWriteRestricted
	if err := t.Probe(uint64(a.NewToken), 8, x86.Write); err != nil {
		return 0, err
	}
	switch {
	case a.Flags&^all != 0:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case a.Flags&filterLUA != 0:
		t.sys.refuse("NtFilterToken: LUA_TOKEN")
		return ntdef.STATUS_NOT_SUPPORTED, nil
	}
	disable, err := t.loadGroups(a.SidsToDisable)
	if err != nil {
		return 0, err
	}
	remove, err := t.loadPrivileges(a.Privileges)
	if err != nil {
		return 0, err
	}
	restrict, err := t.loadGroups(a.RestrictedSids)
	if err != nil {
		return 0, err
	}
	if slices.ContainsFunc(restrict, func(g tokenGroup) bool { return g.attributes != 0 }) {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	o, st := t.token(a.Token, tokenDuplicate)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	n := o.duplicate(t.sys)
	n.filter(a.Flags, disable, remove, restrict)
	access := tokenQuery | tokenDuplicate
	if e := t.proc.handles.entry(a.Token); e != nil {
		access = e.access
	}
	if st := t.proc.secure(n, givenSecurity{}, nil, false); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	h, st := t.proc.creatorHandle(n, access, 0)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return st, t.Store64(uint64(a.NewToken), uint64(h))
}

// filter takes from a token that is nobody else's.
func (t *token) filter(flags uint32, disable []tokenGroup, remove []Privilege, restrict []tokenGroup) {
	t.filtered = true
	t.inert = t.inert || flags&filterSandboxInert != 0
	for _, d := range disable {
		t.userDenied = t.userDenied || d.sid.equal(userSID)
		for i := range t.groups {
			if g := &t.groups[i]; g.sid.equal(d.sid) && g.attributes&seGroupIntegrity == 0 {
				g.attributes = g.attributes&^(seGroupMandatory|seGroupEnabled|seGroupEnabledByDefault) | seGroupDenyOnly
			}
		}
	}
	for _, p := range remove {
		delete(t.privileges, p)
	}
	if flags&filterDisableMaxPrivilege != 0 {
		for p := range t.privileges {
			if p != SeChangeNotifyPrivilege {
				delete(t.privileges, p)
			}
		}
	}
	if len(restrict) == 0 {
		return
	}
	for i := range restrict {
		restrict[i].attributes = seGroupUsual
	}
	if old := t.restricted; old != nil { // those alone that are in both
		restrict = slices.DeleteFunc(restrict, func(g tokenGroup) bool { return !t.restrictedTo(g.sid, false) })
	}
	t.writeRestricted = flags&filterWriteRestricted != 0 && (t.restricted == nil || t.writeRestricted)
	t.restricted = restrict
}

// maxGroups and maxPrivileges bound what a caller lists.
const (
	maxGroups     = 1024
	maxPrivileges = 64
)

// loadGroups reads TOKEN_GROUPS, which may be NULL. The error is that of an access, or INVALID_PARAMETER, INVALID_SID.
func (t *Thread) loadGroups(va uint64) (groups []tokenGroup, err error) {
	if va == 0 {
		return nil, nil
	}
	n, err := t.Load32(va)
	if err != nil {
		return nil, err
	}
	if n > maxGroups {
		return nil, statusError(ntdef.STATUS_INVALID_PARAMETER)
	}
	for i := range uint64(n) {
		at, err := t.Load64(va + 8 + 16*i)
		if err != nil {
			return nil, err
		}
		attributes, err := t.Load32(va + 16 + 16*i)
		if err != nil {
			return nil, err
		}
		s, err := t.loadSID(at)
		if err != nil {
			return nil, err
		}
		groups = append(groups, tokenGroup{s, attributes})
	}
	return groups, nil
}

// loadPrivileges reads the privileges of TOKEN_PRIVILEGES, which may be NULL; their attributes do not matter.
func (t *Thread) loadPrivileges(va uint64) (privileges []Privilege, err error) {
	if va == 0 {
		return nil, nil
	}
	n, err := t.Load32(va)
	if err != nil {
		return nil, err
	}
	if n > maxPrivileges {
		return nil, statusError(ntdef.STATUS_INVALID_PARAMETER)
	}
	for i := range uint64(n) {
		luid, err := t.Load64(va + 4 + 12*i)
		if err != nil {
			return nil, err
		}
		if luid < uint64(maxPrivilege) {
			privileges = append(privileges, Privilege(luid))
		}
	}
	return privileges, nil
}
