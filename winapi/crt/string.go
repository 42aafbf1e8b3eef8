package crt

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/x86"
)

type (
	textArgs struct{ Text uint64 }
	pairArgs struct{ A, B uint64 }
	compArgs struct{ A, B, Count uint64 }
	copyArgs struct{ To, From, Count uint64 }
	fillArgs struct {
		To    uint64
		Value uint32
		Count uint64
	}
	charArgs struct{ Char uint32 }
)

// Strings returns the functions of string.h and ctype.h; both run-times have the same.
func Strings() []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("strlen", func(t *nt.Thread, a *textArgs) (uint64, error) {
			s, err := t.CString(a.Text)
			return uint64(len(s)), err
		}),
		nt.Func("wcslen", wcslen),
		nt.Func("strcmp", func(t *nt.Thread, a *pairArgs) (uint64, error) { return compare(t, a.A, a.B, ^uint64(0), true) }),
		nt.Func("strncmp", func(t *nt.Thread, a *compArgs) (uint64, error) { return compare(t, a.A, a.B, a.Count, true) }),
		nt.Func("memcmp", func(t *nt.Thread, a *compArgs) (uint64, error) { return compare(t, a.A, a.B, a.Count, false) }),
		nt.Func("memcpy", func(t *nt.Thread, a *copyArgs) (uint64, error) { return a.To, move(t, a.To, a.From, a.Count) }),
		nt.Func("memmove", func(t *nt.Thread, a *copyArgs) (uint64, error) { return a.To, move(t, a.To, a.From, a.Count) }),
		nt.Func("memset", memset),
		nt.Func("isspace", func(_ *nt.Thread, a *charArgs) (uint64, error) {
			return flag(a.Char == ' ' || a.Char >= 9 && a.Char <= 13, 8), nil
		}),
		nt.Func("isupper", func(_ *nt.Thread, a *charArgs) (uint64, error) { return flag(a.Char-'A' < 26, 1), nil }),
		nt.Func("islower", func(_ *nt.Thread, a *charArgs) (uint64, error) { return flag(a.Char-'a' < 26, 2), nil }),
	}
}

// flag is the non-zero value that Microsoft's ctype functions give: the class's bit.
func flag(is bool, bit uint64) uint64 {
	if is {
		return bit
	}
	return 0
}

func wcslen(t *nt.Thread, a *textArgs) (uint64, error) {
	for n := uint64(0); ; n++ {
		u, err := t.Load16(a.Text + 2*n)
		if err != nil || u == 0 {
			return n, err
		}
	}
}

// compare compares bytes as unsigned ones and returns -1, 0 or 1; strings end at their zero.
func compare(t *nt.Thread, a, b, count uint64, strings bool) (uint64, error) {
	for i := uint64(0); i < count; i++ {
		x, err := t.Load8(a + i)
		if err != nil {
			return 0, err
		}
		y, err := t.Load8(b + i)
		if err != nil {
			return 0, err
		}
		switch {
		case x < y:
			return 0xffffffff, nil
		case x > y:
			return 1, nil
		case strings && x == 0:
			return 0, nil
		}
	}
	return 0, nil
}

// move copies as if through a buffer of its own, page by page from the end that does not overwrite what is still to be
// read. A fault leaves what was copied: the copy starts anew when a handler continues.
func move(t *nt.Thread, to, from, count uint64) error {
	var page [x86.PageSize]byte
	backwards := to-from < count
	for done := uint64(0); done < count; {
		n := min(count-done, uint64(len(page)))
		off := done
		if backwards {
			off = count - done - n
		}
		if err := t.Read(from+off, page[:n]); err != nil {
			return err
		}
		if err := t.Write(to+off, page[:n]); err != nil {
			return err
		}
		done += n
	}
	return nil
}

func memset(t *nt.Thread, a *fillArgs) (uint64, error) {
	var page [x86.PageSize]byte
	for i := range page {
		page[i] = byte(a.Value)
	}
	for done := uint64(0); done < a.Count; {
		n := min(a.Count-done, uint64(len(page)))
		if err := t.Write(a.To+done, page[:n]); err != nil {
			return 0, err
		}
		done += n
	}
	return a.To, nil
}
