package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/pagewalk/pagewalk/nt"
)

// byteSize is a flag such as 64K, 256M, 2G or a plain number of bytes.
type byteSize uint64

// UnmarshalText parses the flag's text.
func (s *byteSize) UnmarshalText(text []byte) error {
	t := strings.ToUpper(string(text))
	shift := 0
	if n := len(t); n > 0 {
		if i := strings.IndexByte("KMGT", t[n-1]); i >= 0 {
			t, shift = t[:n-1], 10*(i+1)
		}
	}
	v, err := strconv.ParseUint(t, 0, 64)
	if err != nil || v > math.MaxUint64>>shift {
		return fmt.Errorf("%q is not a size: want a number with an optional K, M, G or T", text)
	}
	*s = byteSize(v << shift)
	return nil
}

// pageFile is the flag --pagefile SIZE[-MAX][:FILE].
type pageFile nt.PageFile

// UnmarshalText parses the flag's text.
func (p *pageFile) UnmarshalText(text []byte) error {
	sizes, path, named := strings.Cut(string(text), ":")
	initial, maximum, ranged := strings.Cut(sizes, "-")
	if !ranged {
		maximum = initial
	}
	var from, to byteSize
	if err := from.UnmarshalText([]byte(initial)); err != nil {
		return err
	}
	if err := to.UnmarshalText([]byte(maximum)); err != nil {
		return err
	}
	switch {
	case to < from:
		return fmt.Errorf("%q: the maximum is below the size", text)
	case named && path == "":
		return fmt.Errorf("%q: want a file behind the colon", text)
	}
	*p = pageFile{Bytes: uint64(from), Maximum: uint64(to), Path: path}
	return nil
}

// drive is the flag --drive X=DIR[:ro].
type drive struct {
	letter   byte
	dir      string
	readOnly bool
}

// UnmarshalText parses the flag's text.
func (d *drive) UnmarshalText(text []byte) error {
	letter, dir, ok := strings.Cut(string(text), "=")
	letter = strings.ToUpper(strings.TrimSuffix(letter, ":"))
	switch {
	case !ok, len(letter) != 1, letter < "A", letter > "Z":
		return fmt.Errorf("%q: want X=DIR, X a drive letter", text)
	case letter == "C":
		return fmt.Errorf("%q: C: is the guest's own", text)
	}
	dir, d.readOnly = strings.CutSuffix(dir, ":ro")
	if dir == "" {
		return fmt.Errorf("%q: want a folder behind the =", text)
	}
	d.letter, d.dir = letter[0], dir
	return nil
}
