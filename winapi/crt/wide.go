package crt

import "github.com/pagewalk/pagewalk/nt"

// Wide returns the functions of wchar.h over UTF-16 strings; both run-times have the same.
func Wide(f Flavor) []nt.UserFunc {
	return []nt.UserFunc{
		bind(f, "_wcsdup", wcsdup),
		nt.Func("_wcsicmp", func(t *nt.Thread, a *pairArgs) (uint64, error) {
			return order(compareWide(t, a.A, a.B, unlimited, lowerUnit))
		}),
		nt.Func("_wcsnicmp", func(t *nt.Thread, a *pairCount) (uint64, error) {
			return order(compareWide(t, a.A, a.B, a.Count, lowerUnit))
		}),
		nt.Func("towlower", func(_ *nt.Thread, a *unitArgs) (uint64, error) { return uint64(lowerUnit(a.Unit)), nil }),
		nt.Func("towupper", func(_ *nt.Thread, a *unitArgs) (uint64, error) { return uint64(upperUnit(a.Unit)), nil }),
		nt.Func("wcscat", wcscat),
		nt.Func("wcschr", wcschr),
		nt.Func("wcscmp", func(t *nt.Thread, a *pairArgs) (uint64, error) {
			return order(compareWide(t, a.A, a.B, unlimited, sameUnit))
		}),
		nt.Func("wcscpy", wcscpy),
		nt.Func("wcslen", wcslen),
		nt.Func("wcsncmp", func(t *nt.Thread, a *pairCount) (uint64, error) {
			return order(compareWide(t, a.A, a.B, a.Count, sameUnit))
		}),
		nt.Func("wcsncpy", wcsncpy),
		nt.Func("wcsnlen", func(t *nt.Thread, a *textCountArgs) (uint64, error) { return wideLength(t, a.Text, a.Count) }),
		nt.Func("wcsrchr", wcsrchr),
		nt.Func("wcsstr", wcsstr),
	}
}

type (
	unitArgs     struct{ Unit uint16 }
	textUnitArgs struct {
		Text uint64
		Unit uint16
	}
)

func sameUnit(u uint16) uint16 { return u }

// lowerUnit and upperUnit know the letters of the C locale.
func lowerUnit(u uint16) uint16 {
	if u >= 'A' && u <= 'Z' {
		u += 'a' - 'A'
	}
	return u
}

func upperUnit(u uint16) uint16 {
	if u >= 'a' && u <= 'z' {
		u -= 'a' - 'A'
	}
	return u
}

// wideLength counts the units before the zero, at most limit of them.
func wideLength(t *nt.Thread, va, limit uint64) (uint64, error) {
	for n := uint64(0); n < limit; n++ {
		u, err := t.Load16(va + 2*n)
		if err != nil || u == 0 {
			return n, err
		}
	}
	return limit, nil
}

func wcslen(t *nt.Thread, a *textArgs) (uint64, error) { return wideLength(t, a.Text, unlimited) }

// compareWide orders two strings, at most n units of them.
func compareWide(t *nt.Thread, a, b, n uint64, fold func(uint16) uint16) (int, error) {
	for i := uint64(0); i < n; i++ {
		u, err := t.Load16(a + 2*i)
		if err != nil {
			return 0, err
		}
		v, err := t.Load16(b + 2*i)
		if err != nil {
			return 0, err
		}
		switch u, v := fold(u), fold(v); {
		case u < v:
			return -1, nil
		case u > v:
			return 1, nil
		case u == 0:
			return 0, nil
		}
	}
	return 0, nil
}

func wcscpy(t *nt.Thread, a *copyArgs) (uint64, error) {
	n, err := wideLength(t, a.From, unlimited)
	if err != nil {
		return 0, err
	}
	return a.To, move(t, a.To, a.From, 2*n+2)
}

func wcscat(t *nt.Thread, a *copyArgs) (uint64, error) {
	end, err := wideLength(t, a.To, unlimited)
	if err != nil {
		return 0, err
	}
	n, err := wideLength(t, a.From, unlimited)
	if err != nil {
		return 0, err
	}
	if n > 0 {
		if err := move(t, a.To+2*end+2, a.From+2, 2*n); err != nil {
			return 0, err
		}
	}
	return a.To, move(t, a.To+2*end, a.From, 2)
}

func wcsncpy(t *nt.Thread, a *copyCount) (uint64, error) {
	n, err := wideLength(t, a.From, a.Count)
	if err != nil {
		return 0, err
	}
	if err := move(t, a.To, a.From, 2*n); err != nil {
		return 0, err
	}
	return a.To, fill(t, a.To+2*n, 0, 2*(a.Count-n))
}

func wcschr(t *nt.Thread, a *textUnitArgs) (uint64, error) {
	for va := a.Text; ; va += 2 {
		switch u, err := t.Load16(va); {
		case err != nil:
			return 0, err
		case u == a.Unit:
			return va, nil
		case u == 0:
			return 0, nil
		}
	}
}

func wcsrchr(t *nt.Thread, a *textUnitArgs) (uint64, error) {
	last := uint64(0)
	for va := a.Text; ; va += 2 {
		u, err := t.Load16(va)
		if err != nil {
			return 0, err
		}
		if u == a.Unit {
			last = va
		}
		if u == 0 {
			return last, nil
		}
	}
}

func wcsstr(t *nt.Thread, a *findArgs) (uint64, error) {
	n, err := wideLength(t, a.Pattern, unlimited)
	if err != nil {
		return 0, err
	}
	for va := a.Text; ; va += 2 {
		v, err := compareWide(t, va, a.Pattern, n, sameUnit)
		if err != nil {
			return 0, err
		}
		if v == 0 {
			return va, nil
		}
		u, err := t.Load16(va)
		if err != nil || u == 0 {
			return 0, err
		}
	}
}

func wcsdup(s *state, t *nt.Thread, a *textArgs) (uint64, error) {
	n, err := wideLength(t, a.Text, unlimited)
	if err != nil {
		return 0, err
	}
	return s.duplicate(t, a.Text, 2*n+2)
}
