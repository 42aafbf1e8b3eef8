package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
)

// The classes of NtQueryInformationToken (winnt.h, TOKEN_INFORMATION_CLASS).
const (
	tokenUser                  = 1
	tokenGroups                = 2
	tokenPrivileges            = 3
	tokenOwner                 = 4
	tokenPrimaryGroup          = 5
	tokenDefaultDacl           = 6
	tokenSource                = 7
	tokenType                  = 8
	tokenImpersonationLevel    = 9
	tokenStatistics            = 10
	tokenRestrictedSids        = 11
	tokenSessionID             = 12
	tokenGroupsAndPrivileges   = 13
	tokenSandBoxInert          = 15
	tokenOrigin                = 17
	tokenElevationType         = 18
	tokenLinkedToken           = 19
	tokenElevation             = 20
	tokenHasRestrictions       = 21
	tokenVirtualizationAllowed = 23
	tokenVirtualizationEnabled = 24
	tokenIntegrityLevel        = 25
	tokenUIAccess              = 26
	tokenMandatoryPolicy       = 27
	tokenLogonSid              = 28
	tokenIsAppContainer        = 29
	tokenCapabilities          = 30
	tokenAppContainerSid       = 31
	tokenAppContainerNumber    = 32
	tokenDeviceGroups          = 37
	tokenSecurityAttributes    = 39
	tokenIsRestricted          = 40
	tokenPrivateNameSpace      = 42
	tokenBnoIsolation          = 44
)

// sessionID is the number of the session that every process belongs to.
const sessionID = 1

// inquiry lays an answer out that has pointers into itself: at is where it will lie.
type inquiry struct {
	at uint64
	b  []byte
}

func (q *inquiry) u32(values ...uint32) {
	for _, v := range values {
		q.b = binary.LittleEndian.AppendUint32(q.b, v)
	}
}

func (q *inquiry) u64(values ...uint64) {
	for _, v := range values {
		q.b = binary.LittleEndian.AppendUint64(q.b, v)
	}
}

// pointer stores the address of what comes next at an offset.
func (q *inquiry) pointer(offset int) {
	binary.LittleEndian.PutUint64(q.b[offset:], q.at+uint64(len(q.b)))
}

// sid appends a SID and stores its address at an offset.
func (q *inquiry) sid(offset int, s SID) {
	q.pointer(offset)
	q.b = append(q.b, s.Bytes()...)
}

// sids appends SID_AND_ATTRIBUTES and then the SIDs.
func (q *inquiry) sids(groups ...tokenGroup) {
	first := len(q.b)
	for _, g := range groups {
		q.u64(0, uint64(g.attributes))
	}
	for i, g := range groups {
		q.sid(first+16*i, g.sid)
	}
}

// groupList appends TOKEN_GROUPS.
func (q *inquiry) groupList(groups ...tokenGroup) {
	q.u64(uint64(len(groups)))
	q.sids(groups...)
}

// privilegeList appends LUID_AND_ATTRIBUTES and returns how many.
func (t *token) privilegeList(b []byte) ([]byte, uint32) {
	n := uint32(0)
	for p := firstPrivilege; p < maxPrivilege; p++ {
		if a, has := t.privileges[p]; has {
			b = binary.LittleEndian.AppendUint64(b, uint64(p))
			b = binary.LittleEndian.AppendUint32(b, a)
			n++
		}
	}
	return b, n
}

// tokenClasses lay out what NtQueryInformationToken answers.
var tokenClasses = map[uint32]func(t *token, q *inquiry){
	tokenUser:   func(t *token, q *inquiry) { q.sids(t.user()) },
	tokenGroups: func(t *token, q *inquiry) { q.groupList(t.groups...) },
	tokenPrivileges: func(t *token, q *inquiry) {
		list, n := t.privilegeList(nil)
		q.u32(n)
		q.b = append(q.b, list...)
	},
	tokenOwner: func(t *token, q *inquiry) {
		q.u64(0)
		q.sid(0, t.owner)
	},
	tokenPrimaryGroup: func(t *token, q *inquiry) {
		q.u64(0)
		q.sid(0, t.primaryGroup)
	},
	tokenDefaultDacl: func(t *token, q *inquiry) {
		q.u64(0)
		if t.defaultDacl != nil {
			q.pointer(0)
			q.b = append(q.b, t.defaultDacl...)
		}
	},
	tokenSource: func(_ *token, q *inquiry) {
		q.b = append(q.b, "User32 \x00"...)
		q.u64(logonID - 0x100) // of winlogon
	},
	tokenType:               func(t *token, q *inquiry) { q.u32(t.kind) },
	tokenImpersonationLevel: func(t *token, q *inquiry) { q.u32(t.level) },
	tokenStatistics: func(t *token, q *inquiry) {
		const never = 1<<63 - 1
		_, privileges := t.privilegeList(nil)
		q.u64(t.id, logonID, never)
		q.u32(t.kind, t.level, 4096, 0, uint32(len(t.groups)), privileges) // 4096 bytes for changes, all used
		q.u64(t.modified)
	},
	tokenRestrictedSids: func(t *token, q *inquiry) { q.groupList(t.restricted...) },
	tokenSessionID:      func(_ *token, q *inquiry) { q.u32(sessionID) },
	tokenGroupsAndPrivileges: func(t *token, q *inquiry) {
		all := append([]tokenGroup{t.user()}, t.groups...)
		q.u32(uint32(len(all)), 0)
		q.u64(0)
		q.u32(uint32(len(t.restricted)), 0)
		q.u64(0)
		_, n := t.privilegeList(nil)
		q.u32(n, 12*n)
		q.u64(0, logonID)
		q.pointer(8)
		from := len(q.b)
		q.sids(all...)
		binary.LittleEndian.PutUint32(q.b[4:], uint32(len(q.b)-from))
		if t.restricted != nil {
			q.pointer(24)
			from = len(q.b)
			q.sids(t.restricted...)
			binary.LittleEndian.PutUint32(q.b[20:], uint32(len(q.b)-from))
		}
		q.pointer(40)
		q.b, _ = t.privilegeList(q.b)
	},
	tokenSandBoxInert:          func(t *token, q *inquiry) { q.u32(flag(t.inert)) },
	tokenOrigin:                func(_ *token, q *inquiry) { q.u64(0x3e7) }, // the system's logon session
	tokenElevationType:         func(_ *token, q *inquiry) { q.u32(1) },     // TokenElevationTypeDefault: nothing is split off
	tokenElevation:             zero32,
	tokenHasRestrictions:       func(t *token, q *inquiry) { q.u32(flag(t.filtered)) },
	tokenVirtualizationAllowed: zero32,
	tokenVirtualizationEnabled: zero32,
	tokenIntegrityLevel:        func(_ *token, q *inquiry) { q.sids(tokenGroup{mediumSID, seGroupIntegrity}) },
	tokenUIAccess:              zero32,
	tokenMandatoryPolicy:       func(_ *token, q *inquiry) { q.u32(3) }, // NO_WRITE_UP, NEW_PROCESS_MIN
	tokenLogonSid:              func(_ *token, q *inquiry) { q.groupList(tokenGroup{logonSID, seGroupLogonID}) },
	tokenIsAppContainer:        zero32,
	tokenCapabilities:          func(_ *token, q *inquiry) { q.groupList() },
	tokenAppContainerSid:       func(_ *token, q *inquiry) { q.u64(0) },
	tokenAppContainerNumber:    zero32,
	tokenDeviceGroups:          func(_ *token, q *inquiry) { q.groupList() },
	tokenSecurityAttributes:    func(_ *token, q *inquiry) { q.u64(1, 0) }, // version 1, none
	tokenIsRestricted:          func(t *token, q *inquiry) { q.u32(flag(t.restricted != nil)) },
	tokenPrivateNameSpace:      zero32,
	tokenBnoIsolation:          func(_ *token, q *inquiry) { q.u64(0, 0) },
}

func zero32(_ *token, q *inquiry) { q.u32(0) }

type queryInformationTokenArgs struct {
	Token        ntdef.Handle
	Class        uint32
	Buffer       uint64
	Length       uint32
	ReturnLength ntdef.Ptr[uint32]
}

func ntQueryInformationToken(t *Thread, a *queryInformationTokenArgs) (ntdef.Status, error) {
	need := tokenQuery
	if a.Class == tokenSource {
		need = tokenQuerySource
	}
	lay := tokenClasses[a.Class]
	if lay == nil && a.Class != tokenLinkedToken {
		t.sys.refuse(classOf("NtQueryInformationToken", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	o, st := t.token(a.Token, need)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case a.Class == tokenLinkedToken:
		return ntdef.STATUS_NO_SUCH_LOGON_SESSION, nil
	case a.Class == tokenImpersonationLevel && o.kind != tokenImpersonation:
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	q := inquiry{at: a.Buffer}
	lay(o, &q)
	if a.Length < uint32(len(q.b)) {
		if a.ReturnLength == 0 {
			return ntdef.STATUS_BUFFER_TOO_SMALL, nil
		}
		return ntdef.STATUS_BUFFER_TOO_SMALL, t.Store32(uint64(a.ReturnLength), uint32(len(q.b)))
	}
	return t.answer32(a.Buffer, q.b, a.ReturnLength)
}
