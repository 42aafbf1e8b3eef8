package advapi32

import (
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

type regGetValueArgs struct {
	Key    ntdef.Handle
	SubKey uint64
	Name   uint64
	Flags  uint32
	Type   ntdef.Ptr[uint32]
	Data   uint64
	Size   ntdef.Ptr[uint32]
}

// The flags of RegGetValue (winreg.h, RRF_*).
const (
	rrfExpand        = 0x00000004
	rrfAny           = 0x0000ffff
	rrfNoExpand      = 0x10000000
	rrfZeroOnFailure = 0x20000000
)

// regGetValue is regQueryValueEx for types that the caller allows. Text ends with a zero, and environment variables in it are
// replaced where that is not declined.
func (e *encoding) regGetValue(t *nt.Thread, a *regGetValueArgs) (uint64, error) {
	sub, err := e.name(t, a.SubKey)
	if err != nil {
		return 0, err
	}
	name, err := e.name(t, a.Name)
	switch {
	case err != nil:
		return 0, err
	case a.Data != 0 && a.Size == 0, a.Flags&rrfExpand != 0 && a.Flags&rrfAny != rrfAny && a.Flags&rrfNoExpand == 0:
		return ntdll.ERROR_INVALID_PARAMETER, nil
	}
	p := t.Process()
	q := request(a.Key, sub, nt.KEY_QUERY_VALUE)
	h, st := p.OpenKey(&q)
	if st != ntdef.STATUS_SUCCESS {
		return uint64(ntdll.DosError(st)), nil
	}
	defer p.CloseHandle(h)
	v, st := p.QueryValue(h, name)
	result, err := uint64(ntdll.DosError(st)), error(nil)
	if st == ntdef.STATUS_SUCCESS {
		if v.Type == nt.REG_EXPAND_SZ && a.Flags&rrfNoExpand == 0 {
			env, err := ntdll.ReadEnvironment(t, 0)
			if err != nil {
				return 0, err
			}
			text, ok := env.Expand(strings.TrimRight(wide.text(v.Data), "\x00"))
			if !ok {
				return ntdll.ERROR_NOT_ENOUGH_MEMORY, nil
			}
			v.Type, v.Data = nt.REG_SZ, nt.EncodeUTF16(text+"\x00")
		}
		if isText(v.Type) && !strings.HasSuffix(string(v.Data), "\x00\x00") {
			v.Data = append(append([]byte(nil), v.Data...), 0, 0)
		}
		if result = uint64(allowed(a.Flags, &v)); result == ntdll.ERROR_SUCCESS {
			st, err = e.storeData(t, &v, a.Type, a.Data, a.Size)
			result = uint64(ntdll.DosError(st))
		}
	}
	if err == nil && result != ntdll.ERROR_SUCCESS && a.Flags&rrfZeroOnFailure != 0 && a.Data != 0 {
		n, err := t.Load32(uint64(a.Size))
		if err != nil {
			return 0, err
		}
		return result, t.Write(a.Data, make([]byte, min(n, 1<<20)))
	}
	return result, err
}

// allowed looks whether a value is of a type that RegGetValue's flags allow, and has the length of that type.
func allowed(flags uint32, v *nt.KeyValue) uint32 {
	const binary = 0x8
	bits := map[uint32]uint32{
		nt.REG_NONE: 1, nt.REG_SZ: 2, nt.REG_EXPAND_SZ: 4, nt.REG_BINARY: binary, nt.REG_DWORD: 0x10, nt.REG_MULTI_SZ: 0x20, nt.REG_QWORD: 0x40,
	}
	size := map[uint32]int{nt.REG_DWORD: 4, nt.REG_QWORD: 8}
	any := flags&rrfAny == rrfAny
	switch bit, known := bits[v.Type]; {
	case !any && (!known || flags&bit == 0):
		if v.Type == nt.REG_BINARY && flags&rrfAny&^binary == 0 {
			return ntdll.ERROR_SUCCESS
		}
		return ntdll.ERROR_UNSUPPORTED_TYPE
	case size[v.Type] != 0 && len(v.Data) != size[v.Type]:
		return ntdll.ERROR_INVALID_DATA
	}
	return ntdll.ERROR_SUCCESS
}
