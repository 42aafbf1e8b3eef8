package crt

import (
	"bytes"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/x86"
)

// The functions of string.h read guest memory in pieces that never cross a page, so that none of them touches a page
// beyond the byte that ends its work. A fault that a handler continues from runs the function anew; what would not stand
// that is faulted in before it starts.

// pieceSize is how much of a string is fetched at a time.
const pieceSize = 256

// piece is how many bytes may be fetched from va on: at most limit, a piece, and what is left of the page.
func piece(va, limit uint64) uint64 { return min(limit, pieceSize, x86.PageSize-va&x86.PageMask) }

// find returns the offset of the first byte c of at most limit from va on; found is false where there is none.
func find(t *nt.Thread, va uint64, c byte, limit uint64) (offset uint64, found bool, err error) {
	var buf [pieceSize]byte
	for offset < limit {
		part := buf[:piece(va+offset, limit-offset)]
		if err := t.Read(va+offset, part); err != nil {
			return 0, false, err
		}
		if i := bytes.IndexByte(part, c); i >= 0 {
			return offset + uint64(i), true, nil
		}
		offset += uint64(len(part))
	}
	return limit, false, nil
}

// unlimited is the size of memory whose size the caller does not tell.
const unlimited = ^uint64(0)

// length is strlen.
func length(t *nt.Thread, va uint64) (uint64, error) {
	n, _, err := find(t, va, 0, unlimited)
	return n, err
}

// text reads a string of at most 16 MiB.
func text(t *nt.Thread, va uint64) ([]byte, error) {
	n, found, err := find(t, va, 0, maxString)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, t.Stop("a string of more than 16 MiB at %#x", va)
	}
	b := make([]byte, n)
	return b, t.Read(va, b)
}

// compare compares at most count bytes as unsigned ones and returns -1, 0 or 1. Strings end at their zero; fold maps the
// bytes before they are compared, nil leaves them.
func compare(t *nt.Thread, a, b, count uint64, strings bool, fold func(byte) byte) (int, error) {
	var bufA, bufB [pieceSize]byte
	for count > 0 {
		n := min(piece(a, count), piece(b, count))
		x, y := bufA[:n], bufB[:n]
		if err := t.Read(a, x); err != nil {
			return 0, err
		}
		if err := t.Read(b, y); err != nil {
			return 0, err
		}
		for i := range x {
			p, q := x[i], y[i]
			if fold != nil {
				p, q = fold(p), fold(q)
			}
			switch {
			case p < q:
				return -1, nil
			case p > q:
				return 1, nil
			case strings && p == 0:
				return 0, nil
			}
		}
		a, b, count = a+n, b+n, count-n
	}
	return 0, nil
}

// move copies count bytes, which may overlap, page by page from the end that does not overwrite what is still to be read.
func move(t *nt.Thread, to, from, count uint64) error {
	backwards := to-from < count
	if backwards || from-to < count {
		// A copy onto itself cannot be begun anew.
		if err := t.Probe(from, count, x86.Read); err != nil {
			return err
		}
		if err := t.Probe(to, count, x86.Write); err != nil {
			return err
		}
	}
	var page [x86.PageSize]byte
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

// fill sets count bytes.
func fill(t *nt.Thread, to uint64, value byte, count uint64) error {
	var page [x86.PageSize]byte
	if value != 0 {
		for i := range page {
			page[i] = value
		}
	}
	for done := uint64(0); done < count; {
		n := min(count-done, uint64(len(page)))
		if err := t.Write(to+done, page[:n]); err != nil {
			return err
		}
		done += n
	}
	return nil
}
