package nt

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var tokenServices = []Service{
	service("NtOpenProcessToken", Full, ntOpenProcessToken),
	service("NtOpenProcessTokenEx", Full, ntOpenProcessTokenEx),
	service("NtOpenThreadToken", Full, ntOpenThreadToken),
	service("NtOpenThreadTokenEx", Full, ntOpenThreadTokenEx),
	service("NtQueryInformationToken", Partial("classes 1-13, 15, 17-21, 23-32, 37, 39, 40, 42, 44"), ntQueryInformationToken),
	service("NtSetInformationToken", Partial("classes 4-6"), ntSetInformationToken),
	service("NtDuplicateToken", Full, ntDuplicateToken),
	service("NtAdjustPrivilegesToken", Full, ntAdjustPrivilegesToken),
	service("NtAdjustGroupsToken", Partial("every group is mandatory"), ntAdjustGroupsToken),
	service("NtPrivilegeCheck", Full, ntPrivilegeCheck),
	service("NtFilterToken", Partial("no LUA_TOKEN"), ntFilterToken),
	service("NtImpersonateAnonymousToken", Partial("refused"), ntImpersonateAnonymousToken),
	service("NtAllocateLocallyUniqueId", Full, ntAllocateLocallyUniqueID),
}

type openProcessTokenArgs struct {
	Process ntdef.Handle
	Access  uint32
	Token   ntdef.Ptr[uint64]
}

func ntOpenProcessToken(t *Thread, a *openProcessTokenArgs) (ntdef.Status, error) {
	return ntOpenProcessTokenEx(t, &openProcessTokenExArgs{a.Process, a.Access, 0, a.Token})
}

type openProcessTokenExArgs struct {
	Process    ntdef.Handle
	Access     uint32
	Attributes uint32 // OBJ_INHERIT
	Token      ntdef.Ptr[uint64]
}

func ntOpenProcessTokenEx(t *Thread, a *openProcessTokenExArgs) (ntdef.Status, error) {
	if err := t.Probe(uint64(a.Token), 8, x86.Write); err != nil {
		return 0, err
	}
	p, st := t.proc.ProcessFor(a.Process, PROCESS_QUERY_LIMITED_INFORMATION)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.openToken(t.proc.subject(), p.token, a.Access, a.Attributes, a.Token)
}

// openToken opens a token for somebody.
func (t *Thread) openToken(by, o *token, access, attributes uint32, at ntdef.Ptr[uint64]) (ntdef.Status, error) {
	access, st := mayOpenAs(by, o, access)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	h, st := t.proc.handles.open(o, access, attributes)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return st, t.Store64(uint64(at), uint64(h))
}

type openThreadTokenArgs struct {
	Thread     ntdef.Handle
	Access     uint32
	OpenAsSelf uint8 // a BOOLEAN
	Token      ntdef.Ptr[uint64]
}

func ntOpenThreadToken(t *Thread, a *openThreadTokenArgs) (ntdef.Status, error) {
	return ntOpenThreadTokenEx(t, &openThreadTokenExArgs{a.Thread, a.Access, a.OpenAsSelf, 0, a.Token})
}

type openThreadTokenExArgs struct {
	Thread     ntdef.Handle
	Access     uint32
	OpenAsSelf uint8 // a BOOLEAN
	Attributes uint32
	Token      ntdef.Ptr[uint64]
}

// ntOpenThreadTokenEx gives NO_TOKEN for a thread that impersonates nobody, CANT_OPEN_ANONYMOUS for one that does so anonymously.
func ntOpenThreadTokenEx(t *Thread, a *openThreadTokenExArgs) (ntdef.Status, error) {
	if err := t.Probe(uint64(a.Token), 8, x86.Write); err != nil {
		return 0, err
	}
	o, ok := t.proc.resolve(t, a.Thread).(*threadObject)
	switch {
	case t.proc.resolve(t, a.Thread) == nil:
		return ntdef.STATUS_INVALID_HANDLE, nil
	case !ok:
		return ntdef.STATUS_OBJECT_TYPE_MISMATCH, nil
	case o.thread.impersonating == nil:
		return ntdef.STATUS_NO_TOKEN, nil
	case o.thread.impersonating.level == securityAnonymous:
		return ntdef.STATUS_CANT_OPEN_ANONYMOUS, nil
	}
	by := t.proc.subject()
	if a.OpenAsSelf != 0 {
		by = t.proc.token
	}
	return t.openToken(by, o.thread.impersonating, a.Access, a.Attributes, a.Token)
}

type setInformationTokenArgs struct {
	Token  ntdef.Handle
	Class  uint32
	Buffer uint64
	Length uint32
}

// ntSetInformationToken sets the owner, the group and the ACL of objects that are made: INVALID_OWNER, INVALID_PRIMARY_GROUP.
func ntSetInformationToken(t *Thread, a *setInformationTokenArgs) (ntdef.Status, error) {
	switch a.Class {
	case tokenSessionID:
		if !t.proc.Holds(SeTcbPrivilege) {
			return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
		}
		fallthrough
	default:
		t.sys.refuse(classOf("NtSetInformationToken", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	case tokenOwner, tokenPrimaryGroup, tokenDefaultDacl:
	}
	o, st := t.token(a.Token, tokenAdjustDefault)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case a.Length < 8:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	at, err := t.Load64(a.Buffer)
	if err != nil {
		return 0, err
	}
	if a.Class == tokenDefaultDacl {
		var acl []byte
		if at != 0 {
			if acl, err = t.loadACL(at); err != nil {
				return 0, err
			}
		}
		o.defaultDacl, o.usual, o.modified = acl, nil, t.sys.newLUID()
		return ntdef.STATUS_SUCCESS, nil
	}
	s, err := t.loadSID(at)
	if err != nil {
		return 0, err
	}
	if a.Class == tokenOwner {
		if !o.mayOwn(s) {
			return ntdef.STATUS_INVALID_OWNER, nil
		}
		o.owner = s
	} else {
		if !o.has(s, true) {
			return ntdef.STATUS_INVALID_PRIMARY_GROUP, nil
		}
		o.primaryGroup = s
	}
	o.usual, o.modified = nil, t.sys.newLUID()
	return ntdef.STATUS_SUCCESS, nil
}

// mayOwn reports whether the token may make a SID the owner of an object: its user, or a group for that.
func (t *token) mayOwn(s SID) bool {
	if userSID.equal(s) {
		return true
	}
	for _, g := range t.groups {
		if g.sid.equal(s) && g.attributes&seGroupOwner != 0 {
			return true
		}
	}
	return false
}

type duplicateTokenArgs struct {
	Token            ntdef.Handle
	DesiredAccess    uint32 // 0: that of Token
	ObjectAttributes uint64
	EffectiveOnly    uint8 // a BOOLEAN
	Type             uint32
	NewToken         ntdef.Ptr[uint64]
}

func ntDuplicateToken(t *Thread, a *duplicateTokenArgs) (ntdef.Status, error) {
	const qosAt, levelAt = 0x28, 4
	if err := t.Probe(uint64(a.NewToken), 8, x86.Write); err != nil {
		return 0, err
	}
	oa, err := t.objectAttributes(a.ObjectAttributes)
	if err != nil {
		return 0, err
	}
	o, st := t.token(a.Token, tokenDuplicate)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	level := o.level
	if a.ObjectAttributes != 0 {
		qos, err := t.Load64(a.ObjectAttributes + qosAt)
		if err != nil {
			return 0, err
		}
		if qos != 0 {
			if level, err = t.Load32(qos + levelAt); err != nil {
				return 0, err
			}
		}
	}
	switch {
	case a.Type != tokenPrimary && a.Type != tokenImpersonation, level > securityDelegation:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case o.kind == tokenImpersonation && a.Type == tokenImpersonation && level > o.level,
		o.kind == tokenImpersonation && a.Type == tokenPrimary && o.level < securityImpersonation:
		return ntdef.STATUS_BAD_IMPERSONATION_LEVEL, nil
	}
	n := o.duplicate(t.sys)
	n.kind, n.level = a.Type, level
	if a.EffectiveOnly != 0 {
		for p, attributes := range n.privileges {
			if attributes&sePrivilegeEnabled == 0 {
				delete(n.privileges, p)
			}
		}
	}
	access := a.DesiredAccess
	if access == 0 {
		access = t.proc.handles.granted(a.Token)
	}
	if st := t.proc.secure(n, oa.security, nil, false); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	h, st := t.proc.creatorHandle(n, access, oa.attributes)
	if st != ntdef.STATUS_SUCCESS {
		t.sys.unprotect(securityOf(n))
		return st, nil
	}
	return st, t.Store64(uint64(a.NewToken), uint64(h))
}

type adjustPrivilegesTokenArgs struct {
	Token        ntdef.Handle
	DisableAll   uint8  // a BOOLEAN
	New          uint64 // TOKEN_PRIVILEGES
	Length       uint32
	Previous     uint64
	ReturnLength ntdef.Ptr[uint32]
}

func ntAdjustPrivilegesToken(t *Thread, a *adjustPrivilegesTokenArgs) (ntdef.Status, error) {
	return t.AdjustPrivileges(a.Token, a.DisableAll != 0, a.New, a.Length, a.Previous, a.ReturnLength)
}

type adjustGroupsTokenArgs struct {
	Token          ntdef.Handle
	ResetToDefault uint8  // a BOOLEAN
	New            uint64 // TOKEN_GROUPS
	Length         uint32
	Previous       uint64
	ReturnLength   ntdef.Ptr[uint32]
}

// ntAdjustGroupsToken can change nothing: each group of the user is mandatory. CANT_DISABLE_MANDATORY for one that is to be disabled,
// NOT_ALL_ASSIGNED for one that is not there.
func ntAdjustGroupsToken(t *Thread, a *adjustGroupsTokenArgs) (ntdef.Status, error) {
	need := tokenAdjustGroups
	if a.Previous != 0 {
		need |= tokenQuery
	}
	o, st := t.token(a.Token, need)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if a.ResetToDefault == 0 {
		if a.New == 0 {
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		groups, err := t.loadGroups(a.New)
		if err != nil {
			return 0, err
		}
		for _, g := range groups {
			switch {
			case !o.has(g.sid, true) || userSID.equal(g.sid):
				st = ntdef.STATUS_NOT_ALL_ASSIGNED
			case g.attributes&seGroupEnabled == 0:
				return ntdef.STATUS_CANT_DISABLE_MANDATORY, nil
			}
		}
	}
	if a.Previous != 0 {
		if a.Length < 8 {
			return ntdef.STATUS_BUFFER_TOO_SMALL, t.Store32(uint64(a.ReturnLength), 8)
		}
		if err := t.Store64(a.Previous, 0); err != nil {
			return 0, err
		}
	}
	if a.ReturnLength != 0 {
		return st, t.Store32(uint64(a.ReturnLength), 8)
	}
	return st, nil
}

type privilegeCheckArgs struct {
	Token    ntdef.Handle
	Required uint64 // PRIVILEGE_SET
	Result   ntdef.Ptr[uint8]
}

// ntPrivilegeCheck looks which privileges of a set are enabled, and marks them. BAD_IMPERSONATION_LEVEL for an anonymous token.
func ntPrivilegeCheck(t *Thread, a *privilegeCheckArgs) (ntdef.Status, error) {
	const allNecessary, usedForAccess, maxSet = 1, 0x80000000, 64
	if err := t.Probe(uint64(a.Result), 1, x86.Write); err != nil {
		return 0, err
	}
	n, err := t.Load32(a.Required)
	if err != nil {
		return 0, err
	}
	control, err := t.Load32(a.Required + 4)
	if err != nil {
		return 0, err
	}
	o, st := t.token(a.Token, tokenQuery)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case o.kind == tokenImpersonation && o.level < securityIdentification:
		return ntdef.STATUS_BAD_IMPERSONATION_LEVEL, nil
	case n > maxSet:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	held := uint32(0)
	for i := range uint64(n) {
		at := a.Required + 8 + 12*i
		luid, err := t.Load64(at)
		if err != nil {
			return 0, err
		}
		attributes, err := t.Load32(at + 8)
		if err != nil {
			return 0, err
		}
		attributes &^= usedForAccess
		if luid < uint64(maxPrivilege) && o.holds(Privilege(luid)) {
			attributes |= usedForAccess
			held++
		}
		if err := t.Store32(at+8, attributes); err != nil {
			return 0, err
		}
	}
	result := uint8(0)
	if held == n || held > 0 && control&allNecessary == 0 {
		result = 1
	}
	return ntdef.STATUS_SUCCESS, t.Store8(uint64(a.Result), result)
}

type impersonateAnonymousTokenArgs struct{ Thread ntdef.Handle }

// ntImpersonateAnonymousToken would let a thread be nobody.
func ntImpersonateAnonymousToken(t *Thread, _ *impersonateAnonymousTokenArgs) (ntdef.Status, error) {
	t.sys.refuse("NtImpersonateAnonymousToken")
	return ntdef.STATUS_NOT_IMPLEMENTED, nil
}

type luidArgs struct{ LUID ntdef.Ptr[uint64] }

func ntAllocateLocallyUniqueID(t *Thread, a *luidArgs) (ntdef.Status, error) {
	return ntdef.STATUS_SUCCESS, t.Store64(uint64(a.LUID), t.sys.newLUID())
}
