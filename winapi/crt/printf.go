package crt

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// A Flavor is one of the two run-times.
type Flavor uint8

// The flavors.
const (
	MSVCRT Flavor = iota // msvcrt.dll: exponents have three digits, infinities are 1.#INF
	UCRT                 // ucrtbase.dll: C99
)

// memory is where printf's string arguments lie.
type memory interface {
	Load8(va uint64) (uint8, error)
	Load16(va uint64) (uint16, error)
	Load64(va uint64) (uint64, error)
}

// errFormat says that a format asks for what printf refuses, such as %n.
var errFormat = errors.New("crt: invalid format")

// A spec is one conversion specification of a format.
type spec struct {
	minus, plus, space, alt, zero bool
	width                         int
	prec                          int // -1: not given
	size                          int // of an integer argument, bytes
	wide                          bool
	narrow                        bool
	verb                          byte
}

// maxWidth bounds field widths and precisions, so that a format cannot ask for unbounded memory.
const maxWidth = 1 << 20

// Format appends what printf makes of a format to b. next returns the arguments, 8 bytes each; wide formats have been
// narrowed by the caller.
func Format(b []byte, flavor Flavor, m memory, format string, next func() (uint64, error)) ([]byte, error) {
	for i := 0; i < len(format); {
		if format[i] != '%' {
			b = append(b, format[i])
			i++
			continue
		}
		s, n, err := parseSpec(format[i+1:], next)
		if err != nil {
			return b, err
		}
		i += 1 + n
		if b, err = s.convert(b, flavor, m, next); err != nil {
			return b, err
		}
	}
	return b, nil
}

// parseSpec reads a specification behind its %; n is how many bytes it has.
func parseSpec(f string, next func() (uint64, error)) (s spec, n int, err error) {
	s.prec, s.size = -1, 4
	peek := func() byte {
		if n < len(f) {
			return f[n]
		}
		return 0
	}
flags:
	for ; ; n++ {
		switch peek() {
		case '-':
			s.minus = true
		case '+':
			s.plus = true
		case ' ':
			s.space = true
		case '#':
			s.alt = true
		case '0':
			s.zero = true
		default:
			break flags
		}
	}
	number := func() (int, error) {
		if peek() == '*' {
			n++
			v, err := next()
			return int(int32(v)), err
		}
		v := 0
		for c := peek(); c >= '0' && c <= '9'; c = peek() {
			v = min(10*v+int(c-'0'), maxWidth)
			n++
		}
		return v, nil
	}
	if s.width, err = number(); err != nil {
		return s, n, err
	}
	if s.width < 0 {
		s.minus, s.width = true, -s.width
	}
	s.width = min(s.width, maxWidth)
	if peek() == '.' {
		n++
		if s.prec, err = number(); err != nil {
			return s, n, err
		}
		s.prec = min(s.prec, maxWidth)
	}
	n += s.length(f[n:])
	s.verb = peek()
	if s.verb != 0 {
		n++
	}
	return s, n, nil
}

// length reads the length modifier: long is 32 bits on Windows.
func (s *spec) length(f string) int {
	for _, m := range []struct {
		text string
		size int
	}{{"hh", 1}, {"h", 2}, {"ll", 8}, {"l", 4}, {"I64", 8}, {"I32", 4}, {"I", 8}, {"j", 8}, {"z", 8}, {"t", 8}, {"L", 8}, {"w", 4}} {
		if strings.HasPrefix(f, m.text) {
			s.size = m.size
			s.wide = m.text == "l" || m.text == "w"
			s.narrow = m.text == "h"
			return len(m.text)
		}
	}
	return 0
}

func (s *spec) convert(b []byte, flavor Flavor, m memory, next func() (uint64, error)) ([]byte, error) {
	switch s.verb {
	case '%':
		return append(b, '%'), nil
	case 0:
		return b, nil
	case 'n':
		return b, errFormat
	}
	v, err := next()
	if err != nil {
		return b, err
	}
	switch s.verb {
	case 'd', 'i':
		return s.signed(b, signExtend(v, s.size)), nil
	case 'u', 'o', 'x', 'X':
		return s.unsigned(b, v&(math.MaxUint64>>(64-8*s.size))), nil
	case 'p':
		digits := strings.ToUpper(strconv.FormatUint(v, 16))
		s.zero = false
		return s.pad(b, "", strings.Repeat("0", 16-len(digits))+digits), nil
	case 'c', 'C':
		if s.wide != (s.verb == 'C') && !s.narrow && v&0xffff > 0x7f {
			return s.pad(b, "", string(rune(v&0xffff))), nil
		}
		return s.pad(b, "", string([]byte{byte(v)})), nil
	case 's', 'S':
		text, err := s.text(m, v)
		if err != nil {
			return b, err
		}
		s.zero = false
		return s.pad(b, "", text), nil
	case 'e', 'E', 'f', 'F', 'g', 'G', 'a', 'A':
		return s.float(b, flavor, math.Float64frombits(v)), nil
	}
	// An unknown conversion prints its letter, as both run-times do.
	return append(b, s.verb), nil
}

func signExtend(v uint64, size int) int64 {
	shift := 64 - 8*size
	return int64(v<<shift) >> shift
}

// sign is what stands before a number that is not negative.
func (s *spec) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case s.plus:
		return "+"
	case s.space:
		return " "
	}
	return ""
}

func (s *spec) signed(b []byte, v int64) []byte {
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	return s.integer(b, s.sign(v < 0), strconv.FormatUint(u, 10), u == 0)
}

func (s *spec) unsigned(b []byte, v uint64) []byte {
	switch s.verb {
	case 'o':
		digits := strconv.FormatUint(v, 8)
		if s.alt && s.prec <= len(digits) && v != 0 {
			digits = "0" + digits
		}
		return s.integer(b, "", digits, v == 0)
	case 'u':
		return s.integer(b, "", strconv.FormatUint(v, 10), v == 0)
	}
	digits, prefix := strconv.FormatUint(v, 16), ""
	if s.alt && v != 0 {
		prefix = "0x"
	}
	if s.verb == 'X' {
		digits, prefix = strings.ToUpper(digits), strings.ToUpper(prefix)
	}
	return s.integer(b, prefix, digits, v == 0)
}

// integer applies the precision: the least number of digits; it turns the 0 flag off, and 0 with precision 0 is empty.
func (s *spec) integer(b []byte, prefix, digits string, zero bool) []byte {
	if s.prec >= 0 {
		s.zero = false
		if zero && s.prec == 0 {
			digits = ""
		}
		if n := s.prec - len(digits); n > 0 {
			digits = strings.Repeat("0", n) + digits
		}
	}
	return s.pad(b, prefix, digits)
}

// pad appends prefix and body in the field's width.
func (s *spec) pad(b []byte, prefix, body string) []byte {
	n := s.width - len(prefix) - len(body)
	switch {
	case n <= 0:
		return append(append(b, prefix...), body...)
	case s.minus:
		b = append(append(b, prefix...), body...)
		return append(b, strings.Repeat(" ", n)...)
	case s.zero:
		b = append(b, prefix...)
		return append(append(b, strings.Repeat("0", n)...), body...)
	}
	b = append(b, strings.Repeat(" ", n)...)
	return append(append(b, prefix...), body...)
}

// text reads a string argument, at most precision characters of it.
func (s *spec) text(m memory, va uint64) (string, error) {
	limit := math.MaxInt
	if s.prec >= 0 {
		limit = s.prec
	}
	if va == 0 {
		return "(null)"[:min(6, limit)], nil
	}
	var out []byte
	wide := s.wide || s.verb == 'S' && !s.narrow
	for n := 0; n < min(limit, maxString); n++ {
		if wide {
			u, err := m.Load16(va)
			if err != nil || u == 0 {
				return string(out), err
			}
			out = append(out, narrow(u))
			va += 2
			continue
		}
		c, err := m.Load8(va)
		if err != nil || c == 0 {
			return string(out), err
		}
		out = append(out, c)
		va++
	}
	return string(out), nil
}

const maxString = 16 << 20

// narrow turns a UTF-16 unit into a byte of the C locale, where only the first 256 have one.
func narrow(u uint16) byte {
	if u > 0xff {
		return '?'
	}
	return byte(u)
}
