package nt

import (
	"encoding/binary"
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
)

// Access rights of tokens (winnt.h, TOKEN_*).
const (
	tokenAssignPrimary    uint32 = 0x0001
	tokenDuplicate        uint32 = 0x0002
	tokenImpersonate      uint32 = 0x0004
	tokenQuery            uint32 = 0x0008
	tokenQuerySource      uint32 = 0x0010
	tokenAdjustPrivileges uint32 = 0x0020
	tokenAdjustGroups     uint32 = 0x0040
	tokenAdjustDefault    uint32 = 0x0080
	tokenAdjustSessionID  uint32 = 0x0100
)

// Attributes of a privilege in a token (winnt.h).
const (
	sePrivilegeEnabledByDefault = 1
	sePrivilegeEnabled          = 2
)

// Attributes of a group in a token (winnt.h, SE_GROUP_*).
const (
	seGroupMandatory        = 0x01
	seGroupEnabledByDefault = 0x02
	seGroupEnabled          = 0x04
	seGroupOwner            = 0x08
	seGroupDenyOnly         = 0x10
	seGroupIntegrity        = 0x60 // INTEGRITY and INTEGRITY_ENABLED
	seGroupUsual            = 0x07
	seGroupLogonID          = 0xc0000007
)

// Kinds of tokens (winnt.h, TOKEN_TYPE and SECURITY_IMPERSONATION_LEVEL).
const (
	tokenPrimary       = 1
	tokenImpersonation = 2

	securityAnonymous      = 0
	securityIdentification = 1
	securityImpersonation  = 2
	securityDelegation     = 3
)

// token is an access token: who a process is, and what it may do beside that. Privileges that Config grants are there, disabled,
// until the program enables them (AdjustTokenPrivileges), as on Windows. The user is an ordinary one, at the medium integrity level.
type token struct {
	objectHeader
	id, modified uint64 // LUIDs
	kind         uint32 // tokenPrimary, tokenImpersonation
	level        uint32 // of impersonation
	groups       []tokenGroup
	owner        SID
	primaryGroup SID
	defaultDacl  []byte                      // an ACL; nil: none
	usual        map[*objectType]*descriptor // see descriptorFor
	privileges   map[Privilege]uint32

	// What NtFilterToken has taken.
	filtered        bool
	userDenied      bool         // the user counts where something is denied alone
	restricted      []tokenGroup // SIDs that have to be allowed too; nil: the token is not restricted
	writeRestricted bool         // what does not write is not looked at by these
	inert           bool         // SANDBOX_INERT
}

type tokenGroup struct {
	sid        SID
	attributes uint32
}

func (*token) typeName() string { return "Token" }

// newToken makes the token of a machine's first process.
func (s *System) newToken(granted []Privilege) *token {
	t := &token{
		id: s.newLUID(), modified: s.newLUID(), kind: tokenPrimary, owner: userSID, primaryGroup: domainUsersSID,
		privileges: map[Privilege]uint32{
			SeChangeNotifyPrivilege: sePrivilegeEnabled | sePrivilegeEnabledByDefault,
			25:                      0, // SeUndockPrivilege, and two more that every user has
			33:                      0, // SeIncreaseWorkingSetPrivilege
			34:                      0, // SeTimeZonePrivilege
		},
	}
	for _, p := range granted {
		t.privileges[p] |= 0
	}
	for _, g := range []SID{
		domainUsersSID, everyoneSID, localAccountSID, usersSID, interactiveSID, consoleLogonSID, authenticatedSID, thisOrgSID,
	} {
		t.groups = append(t.groups, tokenGroup{g, seGroupUsual})
	}
	t.groups = append(t.groups, tokenGroup{logonSID, seGroupLogonID}, tokenGroup{localSID, seGroupUsual}, tokenGroup{ntlmSID, seGroupUsual},
		tokenGroup{mediumSID, seGroupIntegrity})
	t.defaultDacl = newACL(
		ace{accessAllowed, 0, ntdef.GENERIC_ALL, userSID}, ace{accessAllowed, 0, ntdef.GENERIC_ALL, systemSID},
		ace{accessAllowed, 0, ntdef.GENERIC_READ | ntdef.GENERIC_EXECUTE, logonSID},
	)
	return t
}

// duplicate copies a token.
func (t *token) duplicate(s *System) *token {
	c := *t
	c.objectHeader, c.usual = objectHeader{}, nil
	c.id = s.newLUID()
	c.groups = slices.Clone(t.groups)
	c.privileges = map[Privilege]uint32{}
	for p := firstPrivilege; p < maxPrivilege; p++ {
		if a, has := t.privileges[p]; has {
			c.privileges[p] = a
		}
	}
	return &c
}

// has reports whether the token's user or one of its enabled groups is a SID; for what denies, one that is there for that alone too.
func (t *token) has(s SID, denying bool) bool {
	if userSID.equal(s) {
		return denying || !t.userDenied
	}
	return slices.ContainsFunc(t.groups, func(g tokenGroup) bool {
		return g.sid.equal(s) && (g.attributes&seGroupEnabled != 0 || denying && g.attributes&seGroupDenyOnly != 0)
	})
}

// restrictedTo reports whether one of the SIDs that the token is restricted to is another.
func (t *token) restrictedTo(s SID, _ bool) bool {
	return slices.ContainsFunc(t.restricted, func(g tokenGroup) bool { return g.sid.equal(s) })
}

// user is the token's user as one of its groups.
func (t *token) user() tokenGroup {
	if t.userDenied {
		return tokenGroup{userSID, seGroupDenyOnly}
	}
	return tokenGroup{userSID, 0}
}

// holds reports whether a privilege is enabled.
func (t *token) holds(p Privilege) bool { return t.privileges[p]&sePrivilegeEnabled != 0 }

// Holds reports whether the token by which the process is judged has a privilege enabled.
func (p *Process) Holds(privilege Privilege) bool {
	tok := p.subject()
	return tok.holds(privilege) && !tok.weak()
}

// newLUID returns the next locally unique identifier.
func (s *System) newLUID() uint64 {
	s.lastLUID++
	return firstLUID + s.lastLUID
}

// firstLUID lies above those of the system's own logon sessions.
const firstLUID = 0x20000

// OpenProcessToken is NtOpenProcessToken: INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED.
func (p *Process) OpenProcessToken(process ntdef.Handle, access uint32) (ntdef.Handle, ntdef.Status) {
	q, st := p.ProcessFor(process, PROCESS_QUERY_LIMITED_INFORMATION)
	if st != ntdef.STATUS_SUCCESS {
		return 0, st
	}
	return p.openHandle(q.token, access, 0)
}

// Handles that name tokens without being opened (winnt.h, GetCurrentProcessToken and its like): they may query only.
const (
	currentProcessToken         = ^ntdef.Handle(0) - 3
	currentThreadToken          = ^ntdef.Handle(0) - 4
	currentThreadEffectiveToken = ^ntdef.Handle(0) - 5
)

// token returns the token of a handle with some rights: INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED, NO_TOKEN.
func (t *Thread) token(h ntdef.Handle, need uint32) (*token, ntdef.Status) {
	switch {
	case h == currentThreadToken && t.impersonating == nil:
		return nil, ntdef.STATUS_NO_TOKEN
	case h < currentThreadEffectiveToken || h > currentProcessToken:
		return with[*token](t.proc, h, need)
	case need&^(tokenQuery|tokenQuerySource) != 0:
		return nil, ntdef.STATUS_ACCESS_DENIED
	case h != currentProcessToken && t.impersonating != nil:
		return t.impersonating, ntdef.STATUS_SUCCESS
	}
	return t.proc.token, ntdef.STATUS_SUCCESS
}

// Impersonate has a thread act with the token of a handle, or with its process's again (0): BAD_TOKEN_TYPE for a primary one.
func (t *Thread) Impersonate(who *Thread, h ntdef.Handle) ntdef.Status {
	if h == 0 {
		who.impersonate(nil)
		return ntdef.STATUS_SUCCESS
	}
	o, st := with[*token](t.proc, h, tokenImpersonate)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st
	case o.kind != tokenImpersonation:
		return ntdef.STATUS_BAD_TOKEN_TYPE
	}
	who.impersonate(o)
	return st
}

// impersonate has the thread act with a token; nil: its process's.
func (t *Thread) impersonate(o *token) {
	if o != nil {
		o.uses++
	}
	if old := t.impersonating; old != nil {
		t.sys.unuse(old)
	}
	t.impersonating = o
}

// AdjustPrivileges is NtAdjustPrivilegesToken: it enables, disables or removes privileges by the TOKEN_PRIVILEGES at entries and
// stores what it changed as another at previous. NOT_ALL_ASSIGNED, a success, where the token does not have one of them.
func (t *Thread) AdjustPrivileges(
	handle ntdef.Handle, disableAll bool, entries uint64, length uint32, previous uint64, returnLength ntdef.Ptr[uint32],
) (ntdef.Status, error) {
	const entry, removed = 12, 4
	rights := tokenAdjustPrivileges
	if previous != 0 {
		rights |= tokenQuery
	}
	o, st := t.token(handle, rights)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	var changed []byte // LUID_AND_ATTRIBUTES with the old attributes
	note := func(p Privilege, old uint32) {
		changed = binary.LittleEndian.AppendUint64(changed, uint64(p))
		changed = binary.LittleEndian.AppendUint32(changed, old)
	}
	result := ntdef.STATUS_SUCCESS
	wanted := map[Privilege]uint32{}
	var order []Privilege
	if disableAll {
		for p := firstPrivilege; p < maxPrivilege; p++ {
			if _, has := o.privileges[p]; has {
				wanted[p], order = 0, append(order, p)
			}
		}
	} else {
		n, err := t.Load32(entries)
		if err != nil {
			return 0, err
		}
		if n > 64 {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		b := make([]byte, entry*n)
		if err := t.Read(entries+4, b); err != nil {
			return 0, err
		}
		for ; len(b) > 0; b = b[entry:] {
			p := Privilege(binary.LittleEndian.Uint32(b))
			if _, has := o.privileges[p]; !has || binary.LittleEndian.Uint32(b[4:]) != 0 {
				result = ntdef.STATUS_NOT_ALL_ASSIGNED
				continue
			}
			wanted[p], order = binary.LittleEndian.Uint32(b[8:]), append(order, p)
		}
	}
	for _, p := range order {
		if old := o.privileges[p]; old&sePrivilegeEnabled != wanted[p]&sePrivilegeEnabled || wanted[p]&removed != 0 {
			note(p, old)
		}
	}
	need := uint32(4 + len(changed))
	if previous != 0 {
		if returnLength != 0 {
			if err := t.Store32(uint64(returnLength), need); err != nil {
				return 0, err
			}
		}
		if length < need {
			return ntdef.STATUS_BUFFER_TOO_SMALL, nil
		}
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(changed)/entry))
		if err := t.Write(previous, append(b, changed...)); err != nil {
			return 0, err
		}
	}
	if len(changed) > 0 {
		o.modified = t.sys.newLUID()
	}
	for _, p := range order {
		if wanted[p]&removed != 0 {
			delete(o.privileges, p)
			continue
		}
		o.privileges[p] = o.privileges[p]&^sePrivilegeEnabled | wanted[p]&sePrivilegeEnabled
	}
	return result, nil
}
