package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
)

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

// keyAnswerArgs are the last arguments of the services that ask about keys and values.
type keyAnswerArgs struct {
	Class        uint32
	Buffer       uint64
	Length       uint32
	ResultLength ntdef.Ptr[uint32]
}

// keyMarshaler is a KeyValue or a KeyInfo.
type keyMarshaler interface {
	marshal(class uint32) (b []byte, fixed int, st ntdef.Status)
}

// answerKey stores as much of what a class tells of a key or a value as there is room for: BUFFER_TOO_SMALL where not even the fixed part
// fits, BUFFER_OVERFLOW where not all does. The length that all takes is stored always.
func (t *Thread) answerKey(o keyMarshaler, a *keyAnswerArgs) (ntdef.Status, error) {
	b, fixed, st := o.marshal(a.Class)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	room := b[:min(len(b), int(a.Length))]
	switch {
	case int(a.Length) < fixed:
		st, room = ntdef.STATUS_BUFFER_TOO_SMALL, nil
	case int(a.Length) < len(b):
		st = ntdef.STATUS_BUFFER_OVERFLOW
	}
	if err := t.Write(a.Buffer, room); err != nil {
		return 0, err
	}
	return st, t.Store32(uint64(a.ResultLength), uint32(len(b)))
}

type queryValueKeyArgs struct {
	Key       ntdef.Handle
	ValueName uint64
	keyAnswerArgs
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
	return t.answerKey(&v, &a.keyAnswerArgs)
}

type enumerateKeyArgs struct {
	Key   ntdef.Handle
	Index uint32
	keyAnswerArgs
}

func ntEnumerateValueKey(t *Thread, a *enumerateKeyArgs) (ntdef.Status, error) {
	v, st := t.proc.EnumerateValue(a.Key, a.Index)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.answerKey(&v, &a.keyAnswerArgs)
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
	Key ntdef.Handle
	keyAnswerArgs
}

func ntQueryKey(t *Thread, a *queryKeyArgs) (ntdef.Status, error) {
	i, st := t.proc.QueryKey(a.Key, a.Class == keyName || a.Class == keyHandleTags)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.answerKey(&i, &a.keyAnswerArgs)
}

func ntEnumerateKey(t *Thread, a *enumerateKeyArgs) (ntdef.Status, error) {
	if a.Class > keyFull {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	i, st := t.proc.EnumerateKey(a.Key, a.Index)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.answerKey(&i, &a.keyAnswerArgs)
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
