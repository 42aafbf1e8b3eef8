package ntdll

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/nt"
)

// stringFuncs make the counted strings that the native interface takes.
var stringFuncs = []nt.UserFunc{
	nt.Func("RtlInitAnsiString", func(t *nt.Thread, a *initStringArgs) (uint64, error) {
		if a.Source == 0 {
			return 0, t.Write(a.Destination, make([]byte, stringSize))
		}
		s, err := t.CString(a.Source)
		if err != nil {
			return 0, err
		}
		return 0, putString(t, a, len(s), 1)
	}),
	nt.Func("RtlInitUnicodeString", func(t *nt.Thread, a *initStringArgs) (uint64, error) {
		if a.Source == 0 {
			return 0, t.Write(a.Destination, make([]byte, stringSize))
		}
		for n := 0; ; n += 2 {
			c, err := t.Load16(a.Source + uint64(n))
			if err != nil {
				return 0, err
			}
			if c == 0 {
				return 0, putString(t, a, n, 2)
			}
		}
	}),
}

type initStringArgs struct{ Destination, Source uint64 }

const stringSize = 16 // of a STRING or a UNICODE_STRING: two lengths in bytes, 16 bits wide, and a pointer

// putString describes n bytes with a zero behind them. Of a string that is too long for the lengths the end is left out.
func putString(t *nt.Thread, a *initStringArgs, n, zero int) error {
	var b [stringSize]byte
	n = min(n, 0x10000-2*zero)
	binary.LittleEndian.PutUint16(b[0:], uint16(n))
	binary.LittleEndian.PutUint16(b[2:], uint16(n+zero))
	binary.LittleEndian.PutUint64(b[8:], a.Source)
	return t.Write(a.Destination, b[:])
}

// ansiString reads the bytes of the STRING at va.
func ansiString(t *nt.Thread, va uint64) (string, error) {
	n, err := t.Load16(va)
	if err != nil {
		return "", err
	}
	buf, err := t.Load64(va + 8)
	if err != nil {
		return "", err
	}
	b := make([]byte, n)
	err = t.Read(buf, b)
	return string(b), err
}
