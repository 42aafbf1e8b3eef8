package advapi32

import (
	"encoding/binary"
	"strings"

	"golang.org/x/text/encoding/charmap"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// The registry of Win32 (winreg.h): error codes are results, HKEYs are handles of keys or the numbers of predefined ones.

// encoding is what the A and the W form of a function differ in.
type encoding struct {
	suffix string
	unit   uint32 // bytes of a character
	load   func(t *nt.Thread, va uint64) (string, error)
	bytes  func(s string) []byte
	text   func(b []byte) string
}

var wide = encoding{
	"W", 2, (*nt.Thread).WString, nt.EncodeUTF16,
	func(b []byte) string {
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = binary.LittleEndian.Uint16(b[2*i:])
		}
		return nt.DecodeWTF16(units)
	},
}

var ansi = encoding{
	"A", 1,
	func(t *nt.Thread, va uint64) (string, error) {
		s, err := t.CString(va)
		return decodeANSI([]byte(s)), err
	},
	func(s string) []byte {
		b := make([]byte, 0, len(s))
		for _, r := range s {
			c, ok := charmap.Windows1252.EncodeRune(r)
			if !ok {
				c = '?'
			}
			b = append(b, c)
		}
		return b
	},
	decodeANSI,
}

func decodeANSI(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(charmap.Windows1252.DecodeByte(c))
	}
	return s.String()
}

// registryFuncs are the functions of both encodings.
func registryFuncs() []nt.UserFunc {
	all := []nt.UserFunc{nt.Func("RegCloseKey", regCloseKey)}
	for _, e := range []*encoding{&ansi, &wide} {
		all = append(
			all,
			nt.Func("RegOpenKeyEx"+e.suffix, e.regOpenKeyEx), nt.Func("RegCreateKeyEx"+e.suffix, e.regCreateKeyEx),
			nt.Func("RegDeleteKey"+e.suffix, e.regDeleteKey), nt.Func("RegQueryValueEx"+e.suffix, e.regQueryValueEx),
			nt.Func("RegSetValueEx"+e.suffix, e.regSetValueEx), nt.Func("RegDeleteValue"+e.suffix, e.regDeleteValue),
			nt.Func("RegEnumKeyEx"+e.suffix, e.regEnumKeyEx), nt.Func("RegEnumValue"+e.suffix, e.regEnumValue),
			nt.Func("RegQueryInfoKey"+e.suffix, e.regQueryInfoKey), nt.Func("RegGetValue"+e.suffix, e.regGetValue),
		)
	}
	return all
}

// rootKeys are the predefined keys, from HKEY_CLASSES_ROOT (80000000h) on; "" is one that is not there.
var rootKeys = [...]string{
	`\Registry\Machine\Software\Classes`, nt.CurrentUserKey, `\Registry\Machine`, `\Registry\User`, "",
	`\Registry\Machine\System\CurrentControlSet\Hardware Profiles\Current`,
}

// rootKey returns the path of a predefined key, whose number may be sign-extended.
func rootKey(h ntdef.Handle) (string, bool) {
	n := uint64(uint32(h)) - 0x80000000
	if high := uint64(h) >> 32; high != 0 && high != 0xffffffff || n >= uint64(len(rootKeys)) || rootKeys[n] == "" {
		return "", false
	}
	return rootKeys[n], true
}

// request names a key below an HKEY.
func request(h ntdef.Handle, sub string, access uint32) nt.KeyRequest {
	if root, ok := rootKey(h); ok {
		if sub != "" && sub[0] != '\\' {
			sub = `\` + sub
		}
		return nt.KeyRequest{Name: root + sub, Access: access}
	}
	return nt.KeyRequest{Root: h, Name: sub, Access: access}
}

// within does something with the handle of an HKEY; a predefined one is opened meanwhile.
func within(t *nt.Thread, h ntdef.Handle, access uint32, do func(h ntdef.Handle) (ntdef.Status, error)) (uint64, error) {
	if _, ok := rootKey(h); ok {
		q := request(h, "", access)
		var st ntdef.Status
		if h, st = t.Process().OpenKey(&q); st != ntdef.STATUS_SUCCESS {
			return uint64(ntdll.DosError(st)), nil
		}
		defer t.Process().CloseHandle(h)
	}
	st, err := do(h)
	return uint64(ntdll.DosError(st)), err
}

// name loads a string that may be NULL.
func (e *encoding) name(t *nt.Thread, va uint64) (string, error) {
	if va == 0 {
		return "", nil
	}
	return e.load(t, va)
}

type regKeyArgs struct{ Key ntdef.Handle }

func regCloseKey(t *nt.Thread, a *regKeyArgs) (uint64, error) {
	if _, ok := rootKey(a.Key); ok {
		return ntdll.ERROR_SUCCESS, nil
	}
	return uint64(ntdll.DosError(t.Process().CloseHandle(a.Key))), nil
}

type regOpenKeyExArgs struct {
	Key     ntdef.Handle
	SubKey  uint64
	Options uint32
	Access  uint32
	Result  ntdef.Ptr[uint64]
}

func (e *encoding) regOpenKeyEx(t *nt.Thread, a *regOpenKeyExArgs) (uint64, error) {
	sub, err := e.name(t, a.SubKey)
	switch {
	case err != nil:
		return 0, err
	case a.Result == 0:
		return ntdll.ERROR_INVALID_PARAMETER, nil
	}
	if _, ok := rootKey(a.Key); ok && sub == "" {
		return ntdll.ERROR_SUCCESS, t.Store64(uint64(a.Result), uint64(a.Key))
	}
	q := request(a.Key, sub, a.Access)
	h, st := t.Process().OpenKey(&q)
	return uint64(ntdll.DosError(st)), t.Store64(uint64(a.Result), uint64(h))
}

type regCreateKeyExArgs struct {
	Key         ntdef.Handle
	SubKey      uint64
	Reserved    uint32
	Class       uint64
	Options     uint32
	Access      uint32
	Security    uint64
	Result      ntdef.Ptr[uint64]
	Disposition ntdef.Ptr[uint32]
}

// regCreateKeyEx makes the keys on the way too.
func (e *encoding) regCreateKeyEx(t *nt.Thread, a *regCreateKeyExArgs) (uint64, error) {
	const created, opened = 1, 2
	sub, err := e.name(t, a.SubKey)
	if err != nil {
		return 0, err
	}
	class, err := e.name(t, a.Class)
	switch {
	case err != nil:
		return 0, err
	case a.Reserved != 0:
		return ntdll.ERROR_INVALID_PARAMETER, nil
	case a.Result == 0:
		return ntdll.ERROR_BADKEY, nil
	}
	p := t.Process()
	q := request(a.Key, sub, a.Access)
	q.Options, q.Class = a.Options, class
	if q.Security, err = t.SecurityAttributes(a.Security); err != nil {
		return 0, err
	}
	h, isNew, st := p.CreateKey(&q)
	if st == ntdef.STATUS_OBJECT_NAME_NOT_FOUND {
		parts := strings.Split(sub, `\`)
		for i := 1; i < len(parts); i++ {
			way := request(a.Key, strings.Join(parts[:i], `\`), nt.KEY_CREATE_SUB_KEY)
			way.Options = a.Options &^ nt.REG_OPTION_CREATE_LINK
			made, _, wst := p.CreateKey(&way)
			if wst != ntdef.STATUS_SUCCESS {
				return uint64(ntdll.DosError(wst)), nil
			}
			p.CloseHandle(made)
		}
		h, isNew, st = p.CreateKey(&q)
	}
	if st == ntdef.STATUS_SUCCESS && a.Disposition != 0 {
		disposition := uint32(opened)
		if isNew {
			disposition = created
		}
		if err := t.Store32(uint64(a.Disposition), disposition); err != nil {
			return 0, err
		}
	}
	return uint64(ntdll.DosError(st)), t.Store64(uint64(a.Result), uint64(h))
}

type regNameArgs struct {
	Key  ntdef.Handle
	Name uint64
}

func (e *encoding) regDeleteKey(t *nt.Thread, a *regNameArgs) (uint64, error) {
	const rightDelete = 0x10000
	if a.Name == 0 {
		return ntdll.ERROR_INVALID_PARAMETER, nil
	}
	sub, err := e.load(t, a.Name)
	if err != nil {
		return 0, err
	}
	q := request(a.Key, sub, rightDelete)
	p := t.Process()
	h, st := p.OpenKey(&q)
	if st == ntdef.STATUS_SUCCESS {
		st = p.DeleteKey(h)
		p.CloseHandle(h)
	}
	return uint64(ntdll.DosError(st)), nil
}

func (e *encoding) regDeleteValue(t *nt.Thread, a *regNameArgs) (uint64, error) {
	name, err := e.name(t, a.Name)
	if err != nil {
		return 0, err
	}
	return within(t, a.Key, nt.KEY_SET_VALUE, func(h ntdef.Handle) (ntdef.Status, error) {
		return t.Process().DeleteValue(h, name), nil
	})
}

// isText reports whether a value's data is UTF-16.
func isText(typ uint32) bool {
	return typ == nt.REG_SZ || typ == nt.REG_EXPAND_SZ || typ == nt.REG_MULTI_SZ
}

// data is a value's data in the encoding.
func (e *encoding) data(v *nt.KeyValue) []byte {
	if e.unit == 1 && isText(v.Type) {
		return e.bytes(wide.text(v.Data))
	}
	return v.Data
}

// storeData stores a value's type and data: MORE_DATA where there is no room, as DosError makes it of BUFFER_OVERFLOW. Text that
// does not end with a zero gets one where there is room for it.
func (e *encoding) storeData(t *nt.Thread, v *nt.KeyValue, typ ntdef.Ptr[uint32], buffer uint64, size ntdef.Ptr[uint32]) (ntdef.Status, error) {
	data := e.data(v)
	room := uint32(0)
	if buffer != 0 {
		var err error
		if room, err = t.Load32(uint64(size)); err != nil {
			return 0, err
		}
	}
	if typ != 0 {
		if err := t.Store32(uint64(typ), v.Type); err != nil {
			return 0, err
		}
	}
	st := ntdef.STATUS_SUCCESS
	switch {
	case buffer == 0:
	case room < uint32(len(data)):
		st = ntdef.STATUS_BUFFER_OVERFLOW
	default:
		out := data
		if zero := make([]byte, e.unit); isText(v.Type) && room-uint32(len(data)) >= e.unit && !strings.HasSuffix(string(data), string(zero)) {
			out = append(append([]byte(nil), data...), zero...)
		}
		if err := t.Write(buffer, out); err != nil {
			return 0, err
		}
	}
	if size == 0 {
		return st, nil
	}
	return st, t.Store32(uint64(size), uint32(len(data)))
}

type regQueryValueExArgs struct {
	Key      ntdef.Handle
	Name     uint64
	Reserved uint64
	Type     ntdef.Ptr[uint32]
	Data     uint64
	Size     ntdef.Ptr[uint32]
}

func (e *encoding) regQueryValueEx(t *nt.Thread, a *regQueryValueExArgs) (uint64, error) {
	name, err := e.name(t, a.Name)
	switch {
	case err != nil:
		return 0, err
	case a.Data != 0 && a.Size == 0, a.Reserved != 0:
		return ntdll.ERROR_INVALID_PARAMETER, nil
	}
	return within(t, a.Key, nt.KEY_QUERY_VALUE, func(h ntdef.Handle) (ntdef.Status, error) {
		v, st := t.Process().QueryValue(h, name)
		if st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		return e.storeData(t, &v, a.Type, a.Data, a.Size)
	})
}

type regSetValueExArgs struct {
	Key      ntdef.Handle
	Name     uint64
	Reserved uint32
	Type     uint32
	Data     uint64
	Size     uint32
}

// regSetValueEx adds the zero behind a string that its caller did not count, as Windows does.
func (e *encoding) regSetValueEx(t *nt.Thread, a *regSetValueExArgs) (uint64, error) {
	const most = 64 << 20 // more than the registry holds
	name, err := e.name(t, a.Name)
	switch {
	case err != nil:
		return 0, err
	case a.Size > most:
		return uint64(ntdll.DosError(ntdef.STATUS_REGISTRY_QUOTA_LIMIT)), nil
	}
	data := make([]byte, a.Size)
	if err := t.Read(a.Data, data); err != nil {
		return 0, err
	}
	if n := uint64(len(data)); isText(a.Type) && n >= uint64(e.unit) && n%uint64(e.unit) == 0 {
		zero := make([]byte, e.unit)
		next := make([]byte, e.unit)
		if !strings.HasSuffix(string(data), string(zero)) && t.Read(a.Data+n, next) == nil && string(next) == string(zero) {
			data = append(data, zero...)
		}
	}
	if e.unit == 1 && isText(a.Type) {
		data = nt.EncodeUTF16(e.text(data))
	}
	return within(t, a.Key, nt.KEY_SET_VALUE, func(h ntdef.Handle) (ntdef.Status, error) {
		return t.Process().SetValue(h, name, a.Type, data), nil
	})
}

// storeText stores a name with its terminator and its length in characters: BUFFER_OVERFLOW (MORE_DATA) where there is no room.
func (e *encoding) storeText(t *nt.Thread, s string, buffer uint64, size ntdef.Ptr[uint32]) (ntdef.Status, error) {
	if buffer == 0 && size == 0 {
		return ntdef.STATUS_SUCCESS, nil
	}
	text := e.bytes(s)
	n := uint32(len(text)) / e.unit
	if buffer != 0 {
		room, err := t.Load32(uint64(size))
		switch {
		case err != nil:
			return 0, err
		case room <= n:
			return ntdef.STATUS_BUFFER_OVERFLOW, nil
		}
		if err := t.Write(buffer, append(text, make([]byte, e.unit)...)); err != nil {
			return 0, err
		}
	}
	return ntdef.STATUS_SUCCESS, t.Store32(uint64(size), n)
}

type regEnumKeyExArgs struct {
	Key       ntdef.Handle
	Index     uint32
	Name      uint64
	NameSize  ntdef.Ptr[uint32]
	Reserved  uint64
	Class     uint64
	ClassSize ntdef.Ptr[uint32]
	Written   ntdef.Ptr[uint64]
}

func (e *encoding) regEnumKeyEx(t *nt.Thread, a *regEnumKeyExArgs) (uint64, error) {
	if a.Reserved != 0 || a.NameSize == 0 {
		return ntdll.ERROR_INVALID_PARAMETER, nil
	}
	return within(t, a.Key, nt.KEY_ENUMERATE_SUB_KEYS, func(h ntdef.Handle) (ntdef.Status, error) {
		info, st := t.Process().EnumerateKey(h, a.Index)
		if st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		if a.Written != 0 {
			if err := t.Store64(uint64(a.Written), info.Written); err != nil {
				return 0, err
			}
		}
		if st, err := e.storeText(t, info.Name, a.Name, a.NameSize); err != nil || st != ntdef.STATUS_SUCCESS {
			return st, err
		}
		return e.storeText(t, info.Class, a.Class, a.ClassSize)
	})
}

type regEnumValueArgs struct {
	Key      ntdef.Handle
	Index    uint32
	Name     uint64
	NameSize ntdef.Ptr[uint32]
	Reserved uint64
	Type     ntdef.Ptr[uint32]
	Data     uint64
	Size     ntdef.Ptr[uint32]
}

func (e *encoding) regEnumValue(t *nt.Thread, a *regEnumValueArgs) (uint64, error) {
	if a.Reserved != 0 || a.NameSize == 0 || a.Data != 0 && a.Size == 0 {
		return ntdll.ERROR_INVALID_PARAMETER, nil
	}
	return within(t, a.Key, nt.KEY_QUERY_VALUE, func(h ntdef.Handle) (ntdef.Status, error) {
		v, st := t.Process().EnumerateValue(h, a.Index)
		if st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		if st, err := e.storeText(t, v.Name, a.Name, a.NameSize); err != nil || st != ntdef.STATUS_SUCCESS {
			return st, err
		}
		return e.storeData(t, &v, a.Type, a.Data, a.Size)
	})
}

type regQueryInfoKeyArgs struct {
	Key          ntdef.Handle
	Class        uint64
	ClassSize    ntdef.Ptr[uint32]
	Reserved     uint64
	SubKeys      ntdef.Ptr[uint32]
	MaxName      ntdef.Ptr[uint32]
	MaxClass     ntdef.Ptr[uint32]
	Values       ntdef.Ptr[uint32]
	MaxValueName ntdef.Ptr[uint32]
	MaxValue     ntdef.Ptr[uint32]
	Security     ntdef.Ptr[uint32]
	Written      ntdef.Ptr[uint64]
}

// regQueryInfoKey counts in characters, and data in bytes.
func (e *encoding) regQueryInfoKey(t *nt.Thread, a *regQueryInfoKeyArgs) (uint64, error) {
	if a.Class != 0 && a.ClassSize == 0 {
		return ntdll.ERROR_INVALID_PARAMETER, nil
	}
	return within(t, a.Key, nt.KEY_QUERY_VALUE, func(h ntdef.Handle) (ntdef.Status, error) {
		info, st := t.Process().QueryKey(h, false)
		if st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		for _, v := range []struct {
			at    ntdef.Ptr[uint32]
			value uint32
		}{
			{a.SubKeys, info.SubKeys},
			{a.MaxName, info.MaxName / 2},
			{a.MaxClass, info.MaxClass / 2},
			{a.Values, info.Values},
			{a.MaxValueName, info.MaxValueName / 2},
			{a.MaxValue, info.MaxValue},
			{a.Security, 0},
		} {
			if v.at == 0 {
				continue
			}
			if err := t.Store32(uint64(v.at), v.value); err != nil {
				return 0, err
			}
		}
		if a.Written != 0 {
			if err := t.Store64(uint64(a.Written), info.Written); err != nil {
				return 0, err
			}
		}
		return e.storeText(t, info.Class, a.Class, a.ClassSize)
	})
}
