package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
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
