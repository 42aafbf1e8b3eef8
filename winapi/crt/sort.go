package crt

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/x86"
)

// Sorting returns qsort and bsearch.
func Sorting() []nt.UserFunc {
	return []nt.UserFunc{nt.Func("bsearch", bsearch), nt.Func("qsort", qsort)}
}

type (
	qsortArgs   struct{ Base, Count, Width, Compare uint64 }
	bsearchArgs struct{ Key, Base, Count, Width, Compare uint64 }
)

// sorter sorts elements where they lie, since the program's function compares them by address.
type sorter struct {
	t *nt.Thread
	*qsortArgs
	a, b []byte // scratch: two elements
}

// maxElement bounds the elements' width.
const maxElement = 1 << 20

// qsort is a heap sort: elements that compare equal end up in no particular order, as in C.
func qsort(t *nt.Thread, a *qsortArgs) (uint64, error) {
	if a.Width == 0 || a.Count < 2 {
		return 0, nil
	}
	if a.Width > maxElement || a.Count > 1<<47/a.Width {
		return 0, t.Stop("qsort of %d elements of %d bytes", a.Count, a.Width)
	}
	if err := t.Probe(a.Base, a.Count*a.Width, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	s := &sorter{t, a, make([]byte, a.Width), make([]byte, a.Width)}
	for root := a.Count / 2; root > 0; root-- {
		if err := s.sift(root-1, a.Count); err != nil {
			return 0, err
		}
	}
	for n := a.Count - 1; n > 0; n-- {
		if err := s.swap(0, n); err != nil {
			return 0, err
		}
		if err := s.sift(0, n); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// sift moves the element at root down among the first n until none below it is greater.
func (s *sorter) sift(root, n uint64) error {
	for child := 2*root + 1; child < n; root, child = child, 2*child+1 {
		if child+1 < n {
			v, err := s.compare(child, child+1)
			if err != nil {
				return err
			}
			if v < 0 {
				child++
			}
		}
		v, err := s.compare(root, child)
		if err != nil || v >= 0 {
			return err
		}
		if err := s.swap(root, child); err != nil {
			return err
		}
	}
	return nil
}

func (s *sorter) at(i uint64) uint64 { return s.Base + i*s.Width }

func (s *sorter) compare(i, j uint64) (int32, error) {
	v, err := s.t.Call(s.Compare, s.at(i), s.at(j))
	return int32(v), err
}

func (s *sorter) swap(i, j uint64) error {
	for _, e := range []struct {
		va uint64
		b  []byte
	}{{s.at(i), s.a}, {s.at(j), s.b}} {
		if err := s.t.Read(e.va, e.b); err != nil {
			return err
		}
	}
	if err := s.t.Write(s.at(i), s.b); err != nil {
		return err
	}
	return s.t.Write(s.at(j), s.a)
}

// bsearch returns the address of an element that compares equal to the key, 0 where there is none.
func bsearch(t *nt.Thread, a *bsearchArgs) (uint64, error) {
	key, base, n, width, compare := a.Key, a.Base, a.Count, a.Width, a.Compare
	for n > 0 {
		va := base + n/2*width
		v, err := t.Call(compare, key, va)
		switch {
		case err != nil:
			return 0, err
		case int32(v) == 0:
			return va, nil
		case int32(v) > 0:
			base = va + width
			n--
		}
		n /= 2
	}
	return 0, nil
}
