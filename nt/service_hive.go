package nt

import (
	"github.com/pagewalk/pagewalk/ntdef"
)

// Hives are not loaded from and saved to files of the guest. Without the privileges to back up and restore Windows refuses too; with
// them the call is not implemented.
func (t *Thread) hiveFile(name string, need Privilege) (ntdef.Status, error) {
	if !t.proc.Holds(need) {
		return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
	}
	t.sys.refuse(name)
	return ntdef.STATUS_NOT_IMPLEMENTED, nil
}

type loadKeyArgs struct{ TargetKey, SourceFile uint64 }

func ntLoadKey(t *Thread, _ *loadKeyArgs) (ntdef.Status, error) {
	return t.hiveFile("NtLoadKey", SeRestorePrivilege)
}

type loadKeyExArgs struct {
	TargetKey, SourceFile uint64
	Flags                 uint32
	TrustClassKey, Event  ntdef.Handle
	DesiredAccess         uint32
	RootHandle            ntdef.Ptr[uint64]
	Reserved              uint64
}

func ntLoadKeyEx(t *Thread, _ *loadKeyExArgs) (ntdef.Status, error) {
	return t.hiveFile("NtLoadKeyEx", SeRestorePrivilege)
}

type unloadKeyArgs struct{ TargetKey uint64 }

func ntUnloadKey(t *Thread, _ *unloadKeyArgs) (ntdef.Status, error) {
	return t.hiveFile("NtUnloadKey", SeRestorePrivilege)
}

type saveKeyArgs struct{ Key, File ntdef.Handle }

func ntSaveKey(t *Thread, _ *saveKeyArgs) (ntdef.Status, error) {
	return t.hiveFile("NtSaveKey", SeBackupPrivilege)
}

type restoreKeyArgs struct {
	Key, File ntdef.Handle
	Flags     uint32
}

func ntRestoreKey(t *Thread, _ *restoreKeyArgs) (ntdef.Status, error) {
	return t.hiveFile("NtRestoreKey", SeRestorePrivilege)
}

type replaceKeyArgs struct {
	NewFile   uint64
	TargetKey ntdef.Handle
	OldFile   uint64
}

func ntReplaceKey(t *Thread, _ *replaceKeyArgs) (ntdef.Status, error) {
	return t.hiveFile("NtReplaceKey", SeRestorePrivilege)
}
