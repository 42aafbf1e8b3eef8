package crt

import (
	"bytes"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Spans returns the functions of string.h that look for any of several characters, and those that change or copy strings whole.
func Spans(f Flavor) []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("_memicmp", func(t *nt.Thread, a *pairCount) (uint64, error) {
			return order(compare(t, a.A, a.B, a.Count, false, lower))
		}),
		bind(f, "_strdup", strdup),
		nt.Func("_strlwr", func(t *nt.Thread, a *textArgs) (uint64, error) { return a.Text, recase(t, a.Text, bytes.ToLower) }),
		nt.Func("_strrev", strrev),
		nt.Func("_strupr", func(t *nt.Thread, a *textArgs) (uint64, error) { return a.Text, recase(t, a.Text, bytes.ToUpper) }),
		nt.Func("strcspn", func(t *nt.Thread, a *findArgs) (uint64, error) { return span(t, a.Text, a.Pattern, false) }),
		nt.Func("strncat", strncat),
		nt.Func("strpbrk", strpbrk),
		nt.Func("strspn", func(t *nt.Thread, a *findArgs) (uint64, error) { return span(t, a.Text, a.Pattern, true) }),
		bind(f, "strtok", strtok),
	}
}

// span counts the bytes from va on that are among a set, or are not.
func span(t *nt.Thread, va, set uint64, among bool) (uint64, error) {
	chars, err := text(t, set)
	if err != nil {
		return 0, err
	}
	for n := uint64(0); ; n++ {
		c, err := t.Load8(va + n)
		if err != nil || c == 0 || (bytes.IndexByte(chars, c) >= 0) != among {
			return n, err
		}
	}
}

func strpbrk(t *nt.Thread, a *findArgs) (uint64, error) {
	n, err := span(t, a.Text, a.Pattern, false)
	if err != nil {
		return 0, err
	}
	c, err := t.Load8(a.Text + n)
	if err != nil || c == 0 {
		return 0, err
	}
	return a.Text + n, nil
}

// strtok keeps its place in the run-time; the program has one thread.
func strtok(s *state, t *nt.Thread, a *findArgs) (uint64, error) {
	va := a.Text
	if va == 0 {
		if va = s.token; va == 0 {
			return 0, nil
		}
	}
	skip, err := span(t, va, a.Pattern, true)
	if err != nil {
		return 0, err
	}
	va += skip
	n, err := span(t, va, a.Pattern, false)
	if err != nil {
		return 0, err
	}
	c, err := t.Load8(va + n)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		s.token = 0
		return 0, nil
	case c == 0:
		s.token = va + n
		return va, nil
	}
	if err := t.Store8(va+n, 0); err != nil {
		return 0, err
	}
	s.token = va + n + 1
	return va, nil
}

func strncat(t *nt.Thread, a *copyCount) (uint64, error) {
	end, err := length(t, a.To)
	if err != nil {
		return 0, err
	}
	n, _, err := find(t, a.From, 0, a.Count)
	if err != nil {
		return 0, err
	}
	if err := fill(t, a.To+end+n, 0, 1); err != nil {
		return 0, err
	}
	return a.To, move(t, a.To+end, a.From, n)
}

func strdup(s *state, t *nt.Thread, a *textArgs) (uint64, error) {
	if a.Text == 0 {
		return 0, nil
	}
	n, err := length(t, a.Text)
	if err != nil {
		return 0, err
	}
	return s.duplicate(t, a.Text, n+1)
}

// duplicate copies bytes to a block of their own.
func (s *state) duplicate(t *nt.Thread, va, n uint64) (uint64, error) {
	to, err := ntdll.AllocateHeap(t, 0, 0, n)
	if err != nil || to == 0 {
		return s.allocated(t, to, err)
	}
	return to, move(t, to, va, n)
}

// recase rewrites a string in place.
func recase(t *nt.Thread, va uint64, change func([]byte) []byte) error {
	b, err := text(t, va)
	if err != nil || len(b) == 0 {
		return err
	}
	for i, c := range b {
		if c < 0x80 {
			b[i] = change(b[i : i+1])[0]
		}
	}
	return t.Write(va, b)
}

func strrev(t *nt.Thread, a *textArgs) (uint64, error) {
	b, err := text(t, a.Text)
	if err != nil {
		return 0, err
	}
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return a.Text, t.Write(a.Text, b)
}
