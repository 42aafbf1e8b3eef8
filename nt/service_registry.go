package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var registryServices = []Service{
	service("NtCreateKey", Full, ntCreateKey),
	service("NtOpenKey", Full, ntOpenKey),
	service("NtOpenKeyEx", Full, ntOpenKeyEx),
	service("NtDeleteKey", Full, ntDeleteKey),
	service("NtRenameKey", Full, ntRenameKey),
	service("NtSetValueKey", Full, ntSetValueKey),
	service("NtDeleteValueKey", Full, ntDeleteValueKey),
	service("NtQueryValueKey", Partial("classes 0-4"), ntQueryValueKey),
	service("NtEnumerateValueKey", Partial("classes 0-4"), ntEnumerateValueKey),
	service("NtQueryMultipleValueKey", Full, ntQueryMultipleValueKey),
	service("NtQueryKey", Partial("classes 0-8"), ntQueryKey),
	service("NtEnumerateKey", Partial("classes 0-2"), ntEnumerateKey),
	service("NtSetInformationKey", Partial("classes 0-2, 5"), ntSetInformationKey),
	service("NtFlushKey", Full, ntFlushKey),
	service("NtNotifyChangeKey", Partial("no buffer"), ntNotifyChangeKey),
	service("NtNotifyChangeMultipleKeys", Partial("one key"), ntNotifyChangeMultipleKeys),
	service("NtLoadKey", Partial("refused: hive files are not read"), ntLoadKey),
	service("NtLoadKeyEx", Partial("refused: hive files are not read"), ntLoadKeyEx),
	service("NtUnloadKey", Partial("refused"), ntUnloadKey),
	service("NtSaveKey", Partial("refused: hive files are not written"), ntSaveKey),
	service("NtRestoreKey", Partial("refused: hive files are not read"), ntRestoreKey),
	service("NtReplaceKey", Partial("refused: hive files are not read"), ntReplaceKey),
}

// keyRequest reads what names a key, and looks whether the handle can be stored.
func (t *Thread) keyRequest(handle ntdef.Ptr[uint64], access uint32, attributes uint64) (q KeyRequest, err error) {
	if err := t.Probe(uint64(handle), 8, x86.Write); err != nil {
		return q, err
	}
	if _, err := t.Load32(attributes); err != nil { // which may not be NULL
		return q, err
	}
	o, err := t.objectAttributes(attributes)
	return KeyRequest{Root: o.root, Name: o.name, Attributes: o.attributes, Access: access, Security: o.win32()}, err
}

type createKeyArgs struct {
	KeyHandle        ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	TitleIndex       uint32
	Class            uint64
	CreateOptions    uint32
	Disposition      ntdef.Ptr[uint32]
}

func ntCreateKey(t *Thread, a *createKeyArgs) (ntdef.Status, error) {
	const createdNewKey, openedExistingKey = 1, 2
	q, err := t.keyRequest(a.KeyHandle, a.DesiredAccess, a.ObjectAttributes)
	if err != nil {
		return 0, err
	}
	if a.Class != 0 {
		if q.Class, err = t.UnicodeString(a.Class); err != nil {
			return 0, err
		}
	}
	if a.Disposition != 0 {
		if err := t.Probe(uint64(a.Disposition), 4, x86.Write); err != nil {
			return 0, err
		}
	}
	q.Options = a.CreateOptions
	h, created, st := t.proc.CreateKey(&q)
	if err := t.Store64(uint64(a.KeyHandle), uint64(h)); err != nil { // 0 where it failed
		return 0, err
	}
	if st == ntdef.STATUS_SUCCESS && a.Disposition != 0 {
		disposition := uint32(openedExistingKey)
		if created {
			disposition = createdNewKey
		}
		return st, t.Store32(uint64(a.Disposition), disposition)
	}
	return st, nil
}

type openKeyArgs struct {
	KeyHandle        ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
}

func ntOpenKey(t *Thread, a *openKeyArgs) (ntdef.Status, error) {
	return ntOpenKeyEx(t, &openKeyExArgs{openKeyArgs: *a})
}

type openKeyExArgs struct {
	openKeyArgs
	OpenOptions uint32 // REG_OPTION_OPEN_LINK alone changes nothing: OBJ_OPENLINK does
}

func ntOpenKeyEx(t *Thread, a *openKeyExArgs) (ntdef.Status, error) {
	q, err := t.keyRequest(a.KeyHandle, a.DesiredAccess, a.ObjectAttributes)
	if err != nil {
		return 0, err
	}
	h, st := t.proc.OpenKey(&q)
	return st, t.Store64(uint64(a.KeyHandle), uint64(h))
}

type keyArgs struct{ Key ntdef.Handle }

func ntDeleteKey(t *Thread, a *keyArgs) (ntdef.Status, error) { return t.proc.DeleteKey(a.Key), nil }

// ntFlushKey has nothing to wait for: what a key holds is the registry's at once.
func ntFlushKey(t *Thread, a *keyArgs) (ntdef.Status, error) {
	_, st := t.proc.key(a.Key, 0)
	return st, nil
}

type keyNameArgs struct {
	Key  ntdef.Handle
	Name uint64
}

func ntRenameKey(t *Thread, a *keyNameArgs) (ntdef.Status, error) {
	name, err := t.UnicodeString(a.Name)
	if err != nil {
		return 0, err
	}
	return t.proc.RenameKey(a.Key, name), nil
}

func ntDeleteValueKey(t *Thread, a *keyNameArgs) (ntdef.Status, error) {
	name, err := t.UnicodeString(a.Name)
	if err != nil {
		return 0, err
	}
	return t.proc.DeleteValue(a.Key, name), nil
}

type setValueKeyArgs struct {
	Key        ntdef.Handle
	ValueName  uint64
	TitleIndex uint32
	Type       uint32
	Data       uint64
	DataSize   uint32
}

func ntSetValueKey(t *Thread, a *setValueKeyArgs) (ntdef.Status, error) {
	name, err := t.UnicodeString(a.ValueName)
	if err != nil {
		return 0, err
	}
	if uint64(a.DataSize) > maxRegistry-t.sys.keys().size {
		return ntdef.STATUS_REGISTRY_QUOTA_LIMIT, nil
	}
	data := make([]byte, a.DataSize)
	if err := t.Read(a.Data, data); err != nil {
		return 0, err
	}
	return t.proc.SetValue(a.Key, name, a.Type, data), nil
}

type setInformationKeyArgs struct {
	Key    ntdef.Handle
	Class  uint32
	Buffer uint64
	Length uint32
}

// The classes of NtSetInformationKey (wdm.h, KEY_SET_INFORMATION_CLASS).
const (
	keySetWriteTime    = 0
	keySetWow64Flags   = 1
	keySetControlFlags = 2
	keySetHandleTags   = 5
)

func ntSetInformationKey(t *Thread, a *setInformationKeyArgs) (ntdef.Status, error) {
	size, ok := map[uint32]uint32{keySetWriteTime: 8, keySetWow64Flags: 4, keySetControlFlags: 4, keySetHandleTags: 4}[a.Class]
	switch {
	case !ok:
		t.sys.refuse(classOf("NtSetInformationKey", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	case a.Length != size:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	var b [8]byte
	if err := t.Read(a.Buffer, b[:size]); err != nil {
		return 0, err
	}
	need := KEY_SET_VALUE
	if a.Class == keySetHandleTags {
		need = 0
	}
	k, st := t.proc.key(a.Key, need)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	switch v := binary.LittleEndian.Uint64(b[:]); a.Class {
	case keySetWriteTime:
		k.written = v
		t.sys.keyChanged(k, notifyAttributes)
	case keySetWow64Flags:
		k.wow64Flags = uint32(v)
	case keySetControlFlags:
		k.controlFlags = uint32(v)
	case keySetHandleTags:
		o, _ := of[*keyObject](t.proc, a.Key)
		o.tags = uint32(v)
	}
	return ntdef.STATUS_SUCCESS, nil
}
