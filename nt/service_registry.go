package nt

import (
	"encoding/binary"
	"fmt"

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
	return KeyRequest{Root: o.root, Name: o.name, Attributes: o.attributes, Access: access}, err
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
	return ntOpenKeyEx(t, &openKeyExArgs{a.KeyHandle, a.DesiredAccess, a.ObjectAttributes, 0})
}

type openKeyExArgs struct {
	KeyHandle        ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	OpenOptions      uint32 // REG_OPTION_OPEN_LINK alone changes nothing: OBJ_OPENLINK does
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

// The classes of NtQueryValueKey and NtEnumerateValueKey (wdm.h, KEY_VALUE_INFORMATION_CLASS).
const (
	keyValueBasic          = 0
	keyValueFull           = 1
	keyValuePartial        = 2
	keyValueFullAlign64    = 3
	keyValuePartialAlign64 = 4
)

// marshal lays a value out and says how much of it a buffer must hold to get any. INVALID_PARAMETER for an unknown class.
func (v *KeyValue) marshal(class uint32) (b []byte, fixed int, st ntdef.Status) {
	le := binary.LittleEndian
	name := EncodeUTF16(v.Name)
	switch class {
	case keyValueBasic:
		b = le.AppendUint32(le.AppendUint32(nil, 0), v.Type)
		b = le.AppendUint32(b, uint32(len(name)))
		return append(b, name...), 12, ntdef.STATUS_SUCCESS
	case keyValuePartial:
		b = le.AppendUint32(le.AppendUint32(nil, 0), v.Type)
		b = le.AppendUint32(b, uint32(len(v.Data)))
		return append(b, v.Data...), 12, ntdef.STATUS_SUCCESS
	case keyValuePartialAlign64:
		b = le.AppendUint32(le.AppendUint32(nil, v.Type), uint32(len(v.Data)))
		return append(b, v.Data...), 8, ntdef.STATUS_SUCCESS
	case keyValueFull, keyValueFullAlign64:
		const header = 20
		align, offset := 4, header+len(name)
		if class == keyValueFullAlign64 {
			align = 8
		}
		at := ^uint32(0) // no data
		if len(v.Data) > 0 {
			offset = (offset + align - 1) &^ (align - 1)
			at = uint32(offset)
		}
		for _, n := range []uint32{0, v.Type, at, uint32(len(v.Data)), uint32(len(name))} {
			b = le.AppendUint32(b, n)
		}
		b = append(b, name...)
		b = append(b, make([]byte, offset-len(b))...)
		return append(b, v.Data...), header, ntdef.STATUS_SUCCESS
	}
	return nil, 0, ntdef.STATUS_INVALID_PARAMETER
}

// answerKey stores as much of an answer as there is room for: BUFFER_TOO_SMALL where not even the fixed part fits, BUFFER_OVERFLOW
// where not all does. The length that all takes is stored always.
func (t *Thread) answerKey(b []byte, fixed int, buffer uint64, length uint32, result ntdef.Ptr[uint32]) (ntdef.Status, error) {
	st := ntdef.STATUS_SUCCESS
	room := b[:min(len(b), int(length))]
	switch {
	case int(length) < fixed:
		st, room = ntdef.STATUS_BUFFER_TOO_SMALL, nil
	case int(length) < len(b):
		st = ntdef.STATUS_BUFFER_OVERFLOW
	}
	if err := t.Write(buffer, room); err != nil {
		return 0, err
	}
	return st, t.Store32(uint64(result), uint32(len(b)))
}

type queryValueKeyArgs struct {
	Key          ntdef.Handle
	ValueName    uint64
	Class        uint32
	Buffer       uint64
	Length       uint32
	ResultLength ntdef.Ptr[uint32]
}

func ntQueryValueKey(t *Thread, a *queryValueKeyArgs) (ntdef.Status, error) {
	name, err := t.UnicodeString(a.ValueName)
	if err != nil {
		return 0, err
	}
	v, st := t.proc.QueryValue(a.Key, name)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.answerValue(&v, a.Class, a.Buffer, a.Length, a.ResultLength)
}

func (t *Thread) answerValue(v *KeyValue, class uint32, buffer uint64, length uint32, result ntdef.Ptr[uint32]) (ntdef.Status, error) {
	b, fixed, st := v.marshal(class)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.answerKey(b, fixed, buffer, length, result)
}

type enumerateKeyArgs struct {
	Key          ntdef.Handle
	Index        uint32
	Class        uint32
	Buffer       uint64
	Length       uint32
	ResultLength ntdef.Ptr[uint32]
}

func ntEnumerateValueKey(t *Thread, a *enumerateKeyArgs) (ntdef.Status, error) {
	v, st := t.proc.EnumerateValue(a.Key, a.Index)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.answerValue(&v, a.Class, a.Buffer, a.Length, a.ResultLength)
}

// The classes of NtQueryKey and NtEnumerateKey (wdm.h, KEY_INFORMATION_CLASS).
const (
	keyBasic          = 0
	keyNode           = 1
	keyFull           = 2
	keyName           = 3
	keyCached         = 4
	keyFlags          = 5
	keyVirtualization = 6
	keyHandleTags     = 7
	keyTrust          = 8
)

// marshal lays a key's information out, as KeyValue's does.
func (i *KeyInfo) marshal(class uint32) (b []byte, fixed int, st ntdef.Status) {
	le := binary.LittleEndian
	name, keyClass := EncodeUTF16(i.Name), EncodeUTF16(i.Class)
	u32 := func(values ...uint32) {
		for _, v := range values {
			b = le.AppendUint32(b, v)
		}
	}
	classAt := func(offset int) uint32 { // ClassOffset: -1 without a class
		if len(keyClass) == 0 {
			return ^uint32(0)
		}
		return uint32(offset)
	}
	b = le.AppendUint64(nil, i.Written)
	switch class {
	case keyBasic:
		u32(0, uint32(len(name)))
		return append(b, name...), 16, ntdef.STATUS_SUCCESS
	case keyNode:
		at := (24 + len(name) + 3) &^ 3
		u32(0, classAt(at), uint32(len(keyClass)), uint32(len(name)))
		b = append(b, name...)
		if len(keyClass) > 0 {
			b = append(append(b, make([]byte, at-len(b))...), keyClass...)
		}
		return b, 24, ntdef.STATUS_SUCCESS
	case keyFull:
		u32(0, classAt(44), uint32(len(keyClass)), i.SubKeys, i.MaxName, i.MaxClass, i.Values, i.MaxValueName, i.MaxValue)
		return append(b, keyClass...), 44, ntdef.STATUS_SUCCESS
	case keyName:
		path := EncodeUTF16(i.Path)
		b = nil
		u32(uint32(len(path)))
		return append(b, path...), 4, ntdef.STATUS_SUCCESS
	case keyCached:
		u32(0, i.SubKeys, i.MaxName, i.Values, i.MaxValueName, i.MaxValue, uint32(len(name)))
		return append(b, 0, 0, 0, 0), 40, ntdef.STATUS_SUCCESS
	case keyFlags:
		const volatile, symlink = 1, 2
		flags := uint32(0)
		if i.Volatile {
			flags |= volatile
		}
		if i.Link {
			flags |= symlink
		}
		b = nil
		u32(i.Wow64Flags, flags, i.ControlFlags)
		return b, 12, ntdef.STATUS_SUCCESS
	case keyHandleTags:
		return le.AppendUint32(nil, i.HandleTags), 4, ntdef.STATUS_SUCCESS
	case keyVirtualization, keyTrust: // no key is virtualized or trusted
		return make([]byte, 4), 4, ntdef.STATUS_SUCCESS
	}
	return nil, 0, ntdef.STATUS_INVALID_PARAMETER
}

type queryKeyArgs struct {
	Key          ntdef.Handle
	Class        uint32
	Buffer       uint64
	Length       uint32
	ResultLength ntdef.Ptr[uint32]
}

func ntQueryKey(t *Thread, a *queryKeyArgs) (ntdef.Status, error) {
	i, st := t.proc.QueryKey(a.Key, a.Class == keyName || a.Class == keyHandleTags)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.answerKeyInfo(&i, a.Class, a.Buffer, a.Length, a.ResultLength)
}

func (t *Thread) answerKeyInfo(i *KeyInfo, class uint32, buffer uint64, length uint32, result ntdef.Ptr[uint32]) (ntdef.Status, error) {
	b, fixed, st := i.marshal(class)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.answerKey(b, fixed, buffer, length, result)
}

func ntEnumerateKey(t *Thread, a *enumerateKeyArgs) (ntdef.Status, error) {
	if a.Class > keyFull {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	i, st := t.proc.EnumerateKey(a.Key, a.Index)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.answerKeyInfo(&i, a.Class, a.Buffer, a.Length, a.ResultLength)
}

type queryMultipleValueKeyArgs struct {
	Key            ntdef.Handle
	Entries        uint64 // KEY_VALUE_ENTRY: name, length, offset, type
	Count          uint32
	Buffer         uint64
	Length         ntdef.Ptr[uint32]
	RequiredLength ntdef.Ptr[uint32]
}

// ntQueryMultipleValueKey stores the data of several values behind each other, each at a multiple of 4.
func ntQueryMultipleValueKey(t *Thread, a *queryMultipleValueKeyArgs) (ntdef.Status, error) {
	const entry, maxEntries = 24, 0x10000
	if a.Count > maxEntries {
		return ntdef.STATUS_INSUFFICIENT_RESOURCES, nil
	}
	length, err := t.Load32(uint64(a.Length))
	if err != nil {
		return 0, err
	}
	used, st := uint64(0), ntdef.STATUS_SUCCESS
	for n := uint64(0); n < uint64(a.Count); n++ {
		at := a.Entries + n*entry
		p, err := t.Load64(at)
		if err != nil {
			return 0, err
		}
		name, err := t.UnicodeString(p)
		if err != nil {
			return 0, err
		}
		v, vst := t.proc.QueryValue(a.Key, name)
		if vst != ntdef.STATUS_SUCCESS {
			return vst, nil
		}
		used = (used + 3) &^ 3
		if used+uint64(len(v.Data)) > uint64(length) {
			st = ntdef.STATUS_BUFFER_OVERFLOW
		} else if err := t.Write(a.Buffer+used, v.Data); err != nil {
			return 0, err
		}
		if st == ntdef.STATUS_SUCCESS {
			var b [12]byte
			binary.LittleEndian.PutUint32(b[0:], uint32(len(v.Data)))
			binary.LittleEndian.PutUint32(b[4:], uint32(used))
			binary.LittleEndian.PutUint32(b[8:], v.Type)
			if err := t.Write(at+8, b[:]); err != nil {
				return 0, err
			}
		}
		used += uint64(len(v.Data))
	}
	if st == ntdef.STATUS_SUCCESS {
		if err := t.Store32(uint64(a.Length), uint32(used)); err != nil {
			return 0, err
		}
	}
	if a.RequiredLength != 0 {
		return st, t.Store32(uint64(a.RequiredLength), uint32(used))
	}
	return st, nil
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
		t.sys.refuse(fmt.Sprintf("NtSetInformationKey: class %d", a.Class))
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

type notifyChangeKeyArgs struct {
	Key              ntdef.Handle
	Event            ntdef.Handle
	ApcRoutine       uint64
	ApcContext       uint64
	IoStatusBlock    uint64
	CompletionFilter uint32
	WatchTree        uint8 // a BOOLEAN
	Buffer           uint64
	BufferSize       uint32
	Asynchronous     uint8 // a BOOLEAN
}

func ntNotifyChangeKey(t *Thread, a *notifyChangeKeyArgs) (ntdef.Status, error) {
	return t.notifyChangeKey(a)
}

// notifyChangeKey waits for a change of a key, or has an event set and an APC called at it.
func (t *Thread) notifyChangeKey(a *notifyChangeKeyArgs) (ntdef.Status, error) {
	if err := t.Probe(a.IoStatusBlock, 16, x86.Write); err != nil {
		return 0, err
	}
	if a.CompletionFilter&^(notifyAll|notifyAgnostic) != 0 {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	if _, st := t.proc.key(a.Key, KEY_NOTIFY); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	o, _ := of[*keyObject](t.proc, a.Key)
	n := &keyNotification{thread: t, routine: a.ApcRoutine, context: a.ApcContext, ioStatus: a.IoStatusBlock}
	switch {
	case a.Asynchronous == 0:
		n.event, n.routine = &event{}, 0
	case a.Event != 0:
		var st ntdef.Status
		if n.event, st = with[*event](t.proc, a.Event, modifyState); st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		n.event.set = false
	}
	if st := o.watchKey(n, a.CompletionFilter&notifyAll, a.WatchTree != 0); st != ntdef.STATUS_PENDING || a.Asynchronous != 0 {
		return st, nil
	}
	if _, err := t.wait([]dispatcher{n.event}, false, Infinite, false); err != nil {
		return 0, err
	}
	return n.status, nil
}

type notifyChangeMultipleKeysArgs struct {
	Key              ntdef.Handle
	Count            uint32
	Others           uint64
	Event            ntdef.Handle
	ApcRoutine       uint64
	ApcContext       uint64
	IoStatusBlock    uint64
	CompletionFilter uint32
	WatchTree        uint8 // a BOOLEAN
	Buffer           uint64
	BufferSize       uint32
	Asynchronous     uint8 // a BOOLEAN
}

func ntNotifyChangeMultipleKeys(t *Thread, a *notifyChangeMultipleKeysArgs) (ntdef.Status, error) {
	switch {
	case a.Count > 1:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case a.Count == 1:
		t.sys.refuse("NtNotifyChangeMultipleKeys: a second key")
		return ntdef.STATUS_NOT_IMPLEMENTED, nil
	}
	return t.notifyChangeKey(&notifyChangeKeyArgs{
		a.Key, a.Event, a.ApcRoutine, a.ApcContext, a.IoStatusBlock, a.CompletionFilter, a.WatchTree, a.Buffer, a.BufferSize, a.Asynchronous,
	})
}

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
