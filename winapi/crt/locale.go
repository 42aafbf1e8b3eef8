package crt

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Locale returns the functions of locale.h and those that depend on it. There is one locale, C, in which strings are ordered by
// their bytes.
func Locale(f Flavor) []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("iswctype", func(_ *nt.Thread, a *wctypeArgs) (uint64, error) {
			if a.Char > 0x7f {
				return 0, nil
			}
			c := class(uint32(a.Char))
			if c&(classUpper|classLower) != 0 {
				c |= classAlpha
			}
			return uint64(c & a.Class), nil
		}),
		bind(f, "setlocale", setlocale),
		nt.Func("strcoll", func(t *nt.Thread, a *pairArgs) (uint64, error) {
			return order(compare(t, a.A, a.B, unlimited, true, nil))
		}),
		nt.Func("strxfrm", strxfrm),
		nt.Func("wcscoll", func(t *nt.Thread, a *pairArgs) (uint64, error) {
			return order(compareWide(t, a.A, a.B, unlimited, sameUnit))
		}),
		nt.Func("wcsxfrm", wcsxfrm),
	}
}

type (
	wctypeArgs struct {
		Char  uint16
		Class uint32
	}
	setlocaleArgs struct {
		Category uint32
		Name     uint64
	}
)

// setlocale knows C and its other names; NULL asks. Any other locale is NULL: it is not there.
func setlocale(s *state, t *nt.Thread, a *setlocaleArgs) (uint64, error) {
	const categories = 6
	if a.Category >= categories {
		return 0, nil
	}
	if a.Name != 0 {
		name, err := t.CString(a.Name)
		if err != nil {
			return 0, err
		}
		if name != "" && name != "C" && name != "POSIX" {
			return 0, nil
		}
	}
	if s.locale == 0 {
		at, err := ntdll.AllocateHeap(t, 0, 0, 2)
		if err != nil || at == 0 {
			return at, err
		}
		if err := t.Write(at, []byte("C\x00")); err != nil {
			return 0, err
		}
		s.locale = at
	}
	return s.locale, nil
}

// strxfrm copies: in the C locale a string is its own sort key.
func strxfrm(t *nt.Thread, a *copyCount) (uint64, error) {
	n, err := length(t, a.From)
	if err != nil || a.Count == 0 {
		return n, err
	}
	if n < a.Count {
		return n, move(t, a.To, a.From, n+1)
	}
	return n, move(t, a.To, a.From, a.Count)
}

func wcsxfrm(t *nt.Thread, a *copyCount) (uint64, error) {
	n, err := wideLength(t, a.From, unlimited)
	if err != nil || a.Count == 0 {
		return n, err
	}
	return n, move(t, a.To, a.From, 2*min(n+1, a.Count))
}
