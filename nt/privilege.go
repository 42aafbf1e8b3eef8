package nt

import (
	"slices"
	"strings"
)

// A Privilege is the LUID of a privilege, whose high half is 0 (winnt.h, SE_*_PRIVILEGE).
type Privilege uint32

// The privileges that services here ask for.
const (
	SeLockMemoryPrivilege           Privilege = 4 // large pages, AWE
	SeIncreaseQuotaPrivilege        Privilege = 5 // the system file cache
	SeTcbPrivilege                  Privilege = 7
	SeSecurityPrivilege             Privilege = 8
	SeTakeOwnershipPrivilege        Privilege = 9
	SeSystemtimePrivilege           Privilege = 12
	SeProfileSingleProcessPrivilege Privilege = 13
	SeIncreaseBasePriorityPrivilege Privilege = 14
	SeCreatePagefilePrivilege       Privilege = 15
	SeBackupPrivilege               Privilege = 17
	SeRestorePrivilege              Privilege = 18
	SeShutdownPrivilege             Privilege = 19
	SeDebugPrivilege                Privilege = 20
	SeSystemEnvironmentPrivilege    Privilege = 22
	SeChangeNotifyPrivilege         Privilege = 23
)

// firstPrivilege is the LUID of the first of privilegeNames.
const firstPrivilege Privilege = 2

// privilegeNames are all privileges by LUID.
var privilegeNames = [...]string{
	"SeCreateTokenPrivilege", "SeAssignPrimaryTokenPrivilege", "SeLockMemoryPrivilege", "SeIncreaseQuotaPrivilege",
	"SeMachineAccountPrivilege", "SeTcbPrivilege", "SeSecurityPrivilege", "SeTakeOwnershipPrivilege", "SeLoadDriverPrivilege",
	"SeSystemProfilePrivilege", "SeSystemtimePrivilege", "SeProfileSingleProcessPrivilege", "SeIncreaseBasePriorityPrivilege",
	"SeCreatePagefilePrivilege", "SeCreatePermanentPrivilege", "SeBackupPrivilege", "SeRestorePrivilege", "SeShutdownPrivilege",
	"SeDebugPrivilege", "SeAuditPrivilege", "SeSystemEnvironmentPrivilege", "SeChangeNotifyPrivilege", "SeRemoteShutdownPrivilege",
	"SeUndockPrivilege", "SeSyncAgentPrivilege", "SeEnableDelegationPrivilege", "SeManageVolumePrivilege", "SeImpersonatePrivilege",
	"SeCreateGlobalPrivilege", "SeTrustedCredManAccessPrivilege", "SeRelabelPrivilege", "SeIncreaseWorkingSetPrivilege",
	"SeTimeZonePrivilege", "SeCreateSymbolicLinkPrivilege", "SeDelegateSessionUserImpersonatePrivilege",
}

// maxPrivilege is behind the LUID of the last.
const maxPrivilege = firstPrivilege + Privilege(len(privilegeNames))

// PrivilegeByName finds a privilege by its name without regard to case.
func PrivilegeByName(name string) (Privilege, bool) {
	for i, n := range privilegeNames {
		if strings.EqualFold(n, name) {
			return firstPrivilege + Privilege(i), true
		}
	}
	return 0, false
}

// Name returns a privilege's name, "" for a number that is none.
func (p Privilege) Name() string {
	if p < firstPrivilege || p >= maxPrivilege {
		return ""
	}
	return privilegeNames[p-firstPrivilege]
}

// PrivilegeNames returns the names of all, sorted.
func PrivilegeNames() []string { return slices.Sorted(slices.Values(privilegeNames[:])) }
