package nt

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
)

// A Privilege is the LUID of a privilege, whose high half is 0 (winnt.h, SE_*_PRIVILEGE).
type Privilege uint32

// The privileges that services here ask for.
const (
	SeLockMemoryPrivilege           Privilege = 4 // large pages, AWE
	SeIncreaseQuotaPrivilege        Privilege = 5 // the system file cache
	SeProfileSingleProcessPrivilege Privilege = 13
	SeIncreaseBasePriorityPrivilege Privilege = 14
	SeCreatePagefilePrivilege       Privilege = 15
	SeBackupPrivilege               Privilege = 17
	SeRestorePrivilege              Privilege = 18
	SeDebugPrivilege                Privilege = 20
	SeChangeNotifyPrivilege         Privilege = 23
)

var privilegeNames = map[Privilege]string{
	SeLockMemoryPrivilege: "SeLockMemoryPrivilege", SeIncreaseQuotaPrivilege: "SeIncreaseQuotaPrivilege",
	SeProfileSingleProcessPrivilege: "SeProfileSingleProcessPrivilege",
	SeIncreaseBasePriorityPrivilege: "SeIncreaseBasePriorityPrivilege",
	SeCreatePagefilePrivilege:       "SeCreatePagefilePrivilege", SeDebugPrivilege: "SeDebugPrivilege",
	SeChangeNotifyPrivilege: "SeChangeNotifyPrivilege", SeBackupPrivilege: "SeBackupPrivilege", SeRestorePrivilege: "SeRestorePrivilege",
}

// PrivilegeByName finds a privilege by its name without regard to case.
func PrivilegeByName(name string) (Privilege, bool) {
	for p, n := range privilegeNames {
		if strings.EqualFold(n, name) {
			return p, true
		}
	}
	return 0, false
}

// PrivilegeNames returns the names of all, sorted.
func PrivilegeNames() []string { return slices.Sorted(maps.Values(privilegeNames)) }

// Attributes of a privilege in a token (winnt.h).
const (
	sePrivilegeEnabledByDefault = 1
	sePrivilegeEnabled          = 2
)

// token is an access token: privileges with their attributes. Those that Config grants are there, disabled, until the program
// enables them (AdjustTokenPrivileges), as on Windows.
type token struct {
	objectHeader
	privileges map[Privilege]uint32
}

func (*token) typeName() string { return "Token" }

func newToken(granted []Privilege) *token {
	t := &token{privileges: map[Privilege]uint32{SeChangeNotifyPrivilege: sePrivilegeEnabled | sePrivilegeEnabledByDefault}}
	for _, p := range granted {
		t.privileges[p] |= 0
	}
	return t
}

// Holds reports whether the process's token has a privilege enabled.
func (p *Process) Holds(privilege Privilege) bool {
	return p.token.privileges[privilege]&sePrivilegeEnabled != 0
}

// OpenToken is NtOpenProcessToken.
func (p *Process) OpenToken() ntdef.Handle { return p.handles.add(p.token) }

type openProcessTokenArgs struct {
	Process ntdef.Handle
	Access  uint32
	Token   ntdef.Ptr[uint64]
}

func ntOpenProcessToken(t *Thread, a *openProcessTokenArgs) (ntdef.Status, error) {
	p, st := t.proc.process(a.Process)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	h := t.proc.handles.add(p.token)
	return ntdef.STATUS_SUCCESS, t.Store64(uint64(a.Token), uint64(h))
}

type adjustPrivilegesTokenArgs struct {
	Token        ntdef.Handle
	DisableAll   bool
	New          uint64 // TOKEN_PRIVILEGES
	Length       uint32
	Previous     uint64
	ReturnLength ntdef.Ptr[uint32]
}

func ntAdjustPrivilegesToken(t *Thread, a *adjustPrivilegesTokenArgs) (ntdef.Status, error) {
	return t.AdjustPrivileges(a.Token, a.DisableAll, a.New, a.Length, a.Previous, a.ReturnLength)
}

// AdjustPrivileges is NtAdjustPrivilegesToken: it enables, disables or removes privileges by the TOKEN_PRIVILEGES at entries and
// stores what it changed as another at previous. NOT_ALL_ASSIGNED, a success, where the token does not have one of them.
func (t *Thread) AdjustPrivileges(
	handle ntdef.Handle, disableAll bool, entries uint64, length uint32, previous uint64, returnLength ntdef.Ptr[uint32],
) (ntdef.Status, error) {
	const entry, maxPrivileges, removed = 12, 64, 4
	o, ok := t.proc.handles.get(handle).(*token)
	if !ok {
		return ntdef.STATUS_INVALID_HANDLE, nil
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
		for p := Privilege(0); p < maxPrivileges; p++ {
			if _, has := o.privileges[p]; has {
				wanted[p], order = 0, append(order, p)
			}
		}
	} else {
		n, err := t.Load32(entries)
		if err != nil {
			return 0, err
		}
		if n > maxPrivileges {
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
	for _, p := range order {
		if wanted[p]&removed != 0 {
			delete(o.privileges, p)
			continue
		}
		o.privileges[p] = o.privileges[p]&^sePrivilegeEnabled | wanted[p]&sePrivilegeEnabled
	}
	return result, nil
}

var tokenServices = []Service{
	service("NtOpenProcessToken", Partial("access rights are not checked"), ntOpenProcessToken),
	service("NtAdjustPrivilegesToken", Partial("access rights are not checked"), ntAdjustPrivilegesToken),
}
