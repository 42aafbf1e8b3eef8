package crt

import (
	"bytes"

	"github.com/pagewalk/pagewalk/nt"
)

type (
	textArgs      struct{ Text uint64 }
	textCountArgs struct{ Text, Count uint64 }
	textCharArgs  struct {
		Text uint64
		Char uint32
	}
	pairArgs  struct{ A, B uint64 }
	pairCount struct{ A, B, Count uint64 }
	copyArgs  struct{ To, From uint64 }
	copyCount struct{ To, From, Count uint64 }
	fillArgs  struct {
		To    uint64
		Value uint32
		Count uint64
	}
	findArgs struct{ Text, Pattern uint64 }
)

// Strings returns the functions of string.h; both run-times have the same.
func Strings() []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("_stricmp", func(t *nt.Thread, a *pairArgs) (uint64, error) {
			return order(compare(t, a.A, a.B, unlimited, true, lower))
		}),
		nt.Func("_strnicmp", func(t *nt.Thread, a *pairCount) (uint64, error) {
			return order(compare(t, a.A, a.B, a.Count, true, lower))
		}),
		nt.Func("memchr", func(t *nt.Thread, a *fillArgs) (uint64, error) {
			n, found, err := find(t, a.To, byte(a.Value), a.Count)
			if !found || err != nil {
				return 0, err
			}
			return a.To + n, nil
		}),
		nt.Func("memcmp", func(t *nt.Thread, a *pairCount) (uint64, error) {
			return order(compare(t, a.A, a.B, a.Count, false, nil))
		}),
		nt.Func("memcpy", func(t *nt.Thread, a *copyCount) (uint64, error) { return a.To, move(t, a.To, a.From, a.Count) }),
		nt.Func("memmove", func(t *nt.Thread, a *copyCount) (uint64, error) { return a.To, move(t, a.To, a.From, a.Count) }),
		nt.Func("memset", func(t *nt.Thread, a *fillArgs) (uint64, error) {
			return a.To, fill(t, a.To, byte(a.Value), a.Count)
		}),
		nt.Func("strcat", strcat),
		nt.Func("strchr", strchr),
		nt.Func("strcmp", func(t *nt.Thread, a *pairArgs) (uint64, error) {
			return order(compare(t, a.A, a.B, unlimited, true, nil))
		}),
		nt.Func("strcpy", strcpy),
		nt.Func("strlen", func(t *nt.Thread, a *textArgs) (uint64, error) { return length(t, a.Text) }),
		nt.Func("strncmp", func(t *nt.Thread, a *pairCount) (uint64, error) {
			return order(compare(t, a.A, a.B, a.Count, true, nil))
		}),
		nt.Func("strncpy", strncpy),
		nt.Func("strnlen", func(t *nt.Thread, a *textCountArgs) (uint64, error) {
			n, _, err := find(t, a.Text, 0, a.Count)
			return n, err
		}),
		nt.Func("strrchr", strrchr),
		nt.Func("strstr", strstr),
	}
}

// order is the int of a comparison.
func order(v int, err error) (uint64, error) { return uint64(uint32(v)), err }

// strcpy copies a string with its zero.
func strcpy(t *nt.Thread, a *copyArgs) (uint64, error) {
	n, err := length(t, a.From)
	if err != nil {
		return 0, err
	}
	return a.To, move(t, a.To, a.From, n+1)
}

// strcat copies a string with its zero behind another.
func strcat(t *nt.Thread, a *copyArgs) (uint64, error) {
	end, err := length(t, a.To)
	if err != nil {
		return 0, err
	}
	n, err := length(t, a.From)
	if err != nil {
		return 0, err
	}
	// The bytes before the zero move last, so that a fault leaves the first string as it was.
	if n > 0 {
		if err := move(t, a.To+end+1, a.From+1, n); err != nil {
			return 0, err
		}
	}
	return a.To, move(t, a.To+end, a.From, 1)
}

// strncpy copies at most Count bytes of a string and fills the rest with zeros.
func strncpy(t *nt.Thread, a *copyCount) (uint64, error) {
	n, _, err := find(t, a.From, 0, a.Count)
	if err != nil {
		return 0, err
	}
	if err := move(t, a.To, a.From, n); err != nil {
		return 0, err
	}
	return a.To, fill(t, a.To+n, 0, a.Count-n)
}

// strchr returns the address of a byte in a string; the zero at the end is one of its bytes.
func strchr(t *nt.Thread, a *textCharArgs) (uint64, error) {
	var buf [pieceSize]byte
	c := byte(a.Char)
	for va := a.Text; ; {
		part := buf[:piece(va, pieceSize)]
		if err := t.Read(va, part); err != nil {
			return 0, err
		}
		end := bytes.IndexByte(part, 0)
		if i := bytes.IndexByte(part, c); i >= 0 && (end < 0 || i <= end) {
			return va + uint64(i), nil
		}
		if end >= 0 {
			return 0, nil
		}
		va += uint64(len(part))
	}
}

// strrchr is strchr for the last such byte.
func strrchr(t *nt.Thread, a *textCharArgs) (uint64, error) {
	var buf [pieceSize]byte
	c := byte(a.Char)
	last := uint64(0)
	for va := a.Text; ; {
		part := buf[:piece(va, pieceSize)]
		if err := t.Read(va, part); err != nil {
			return 0, err
		}
		end := bytes.IndexByte(part, 0)
		if end >= 0 {
			part = part[:end+1]
		}
		if i := bytes.LastIndexByte(part, c); i >= 0 {
			last = va + uint64(i)
		}
		if end >= 0 {
			return last, nil
		}
		va += uint64(len(part))
	}
}

// strstr returns the address of the first occurrence of a string in another.
func strstr(t *nt.Thread, a *findArgs) (uint64, error) {
	pattern, err := text(t, a.Pattern)
	if err != nil {
		return 0, err
	}
	in, err := text(t, a.Text)
	if err != nil {
		return 0, err
	}
	if i := bytes.Index(in, pattern); i >= 0 {
		return a.Text + uint64(i), nil
	}
	return 0, nil
}
