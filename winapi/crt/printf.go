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

// A dialect is what the run-times, and callers of the UCRT by their options, have different in printf.
type dialect struct {
	legacySpecials bool // 1.#INF, not inf; no %F
	exponentDigits int  // the least number of them
	halfEven       bool // exact halves are rounded to even, not away from zero
	charLength     bool // hh means char; it was h twice
	plainPointers  bool // %#p is %p; it had 0X before it
	wide           bool // a wide function
	naturalStrings bool // %s is of the function's own kind and %S of the other; else %s is narrow and %S wide
}

// Options of the UCRT's __stdio_common functions (corecrt_stdio_config.h).
const (
	optionLegacyVsprintfTermination = 1 << 0
	optionStandardSnprintf          = 1 << 1
	optionLegacyWideSpecifiers      = 1 << 2
	optionLegacyMSVCRT              = 1 << 3
	optionThreeDigitExponents       = 1 << 4
	optionStandardRounding          = 1 << 5
)

var msvcrtDialect = dialect{legacySpecials: true, exponentDigits: 3, naturalStrings: true}

// ucrtDialect returns the dialect of the UCRT under a call's options.
func ucrtDialect(options uint64, wide bool) dialect {
	d := dialect{
		legacySpecials: options&optionLegacyMSVCRT != 0,
		exponentDigits: 2,
		halfEven:       options&optionStandardRounding != 0,
		charLength:     true,
		plainPointers:  options&optionLegacyMSVCRT == 0,
		wide:           wide,
		naturalStrings: options&optionLegacyWideSpecifiers != 0,
	}
	if options&optionThreeDigitExponents != 0 {
		d.exponentDigits = 3
	}
	return d
}

// memory is where printf's string arguments lie.
type memory interface {
	Load8(va uint64) (uint8, error)
	Load16(va uint64) (uint16, error)
}

var (
	// errFormat says that a format asks for what printf refuses: %n.
	errFormat = errors.New("crt: invalid format")
	// errCharacter says that a wide character has no byte in the C locale.
	errCharacter = errors.New("crt: no such character in the C locale")
	// errTooLong says that the result is longer than pagewalk makes it.
	errTooLong = errors.New("crt: printf of more than 16 MiB")
)

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

// maxWidth bounds field widths and precisions, and maxString strings and results, so that a format cannot ask for
// unbounded memory.
const (
	maxWidth  = 1 << 20
	maxString = 16 << 20
)

// format appends what printf makes of a format to b. next returns the arguments, 8 bytes each; a wide function's format
// has been narrowed by the caller.
func format(b []byte, d *dialect, m memory, text string, next func() (uint64, error)) ([]byte, error) {
	for i := 0; i < len(text); {
		if text[i] != '%' {
			n := strings.IndexByte(text[i:], '%')
			if n < 0 {
				n = len(text) - i
			}
			b = append(b, text[i:i+n]...)
			i += n
			continue
		}
		s, n, err := parseSpec(d, text[i+1:], next)
		if err != nil {
			return b, err
		}
		i += 1 + n
		if b, err = s.convert(b, d, m, next); err != nil {
			return b, err
		}
		if len(b) > maxString {
			return b, errTooLong
		}
	}
	return b, nil
}

// parseSpec reads a specification behind its %; n is how many bytes it has.
func parseSpec(d *dialect, f string, next func() (uint64, error)) (s spec, n int, err error) {
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
		s.prec = max(min(s.prec, maxWidth), -1)
	}
	n += s.length(d, f[n:])
	s.verb = peek()
	if s.verb != 0 {
		n++
	}
	return s, n, nil
}

// lengths are the length modifiers: long is 32 bits on Windows, long double 64.
var lengths = []struct {
	text         string
	size         int
	wide, narrow bool
}{
	{"hh", 1, false, true},
	{"h", 2, false, true},
	{"ll", 8, false, false},
	{"l", 4, true, false},
	{"I64", 8, false, false},
	{"I32", 4, false, false},
	{"I", 8, false, false},
	{"j", 8, false, false},
	{"z", 8, false, false},
	{"t", 8, false, false},
	{"L", 8, false, false},
	{"w", 4, true, false},
}

// length reads the length modifier and returns its length.
func (s *spec) length(d *dialect, f string) int {
	for i := range lengths {
		m := &lengths[i]
		if strings.HasPrefix(f, m.text) {
			s.size, s.wide, s.narrow = m.size, m.wide, m.narrow
			if s.size == 1 && !d.charLength {
				s.size = 2
			}
			return len(m.text)
		}
	}
	return 0
}

func (s *spec) convert(b []byte, d *dialect, m memory, next func() (uint64, error)) ([]byte, error) {
	switch s.verb {
	case 0:
		return b, nil
	case 'n':
		return b, errFormat
	case 'F':
		if d.legacySpecials {
			return append(b, 'F'), nil
		}
	case 'd', 'i', 'u', 'o', 'x', 'X', 'p', 'c', 'C', 's', 'S', 'e', 'E', 'f', 'g', 'G', 'a', 'A':
	default:
		// %% and any other letter print themselves and take no argument, as in both run-times.
		return append(b, s.verb), nil
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
		// All 16 digits; a precision is ignored.
		s.prec, s.verb, s.alt = 16, 'X', s.alt && !d.plainPointers
		return s.unsigned(b, v), nil
	case 'c', 'C':
		return s.char(b, d, v)
	case 's', 'S':
		text, err := s.text(d, m, v)
		if err != nil {
			return b, err
		}
		return s.pad(b, "", text), nil
	}
	return s.float(b, d, math.Float64frombits(v)), nil
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
		if s.alt && s.prec <= len(digits) && (v != 0 || s.prec == 0) {
			// The 0 of # is a digit: it counts for the precision.
			s.prec, digits = -1, "0"+strings.TrimPrefix(digits, "0")
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

// pad appends prefix and body in the field's width. The 0 flag fills with zeros, even before strings.
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

// isWide says of which kind a %c or %s argument is.
func (s *spec) isWide(d *dialect) bool {
	switch {
	case s.wide:
		return true
	case s.narrow:
		return false
	}
	upper := s.verb < 'a'
	if d.naturalStrings {
		return upper != d.wide
	}
	return upper
}

func (s *spec) char(b []byte, d *dialect, v uint64) ([]byte, error) {
	c := byte(v)
	if s.isWide(d) {
		if v&0xff00 != 0 {
			return b, errCharacter
		}
	}
	return s.pad(b, "", string([]byte{c})), nil
}

// text reads a string argument, at most precision characters of it. In the C locale the first 256 wide characters have the
// byte of their number.
func (s *spec) text(d *dialect, m memory, va uint64) (string, error) {
	limit := maxString
	if s.prec >= 0 {
		limit = s.prec
	}
	if va == 0 {
		return "(null)"[:min(6, limit)], nil
	}
	var out []byte
	wide := s.isWide(d)
	for len(out) < limit {
		if !wide {
			c, err := m.Load8(va)
			if err != nil || c == 0 {
				return string(out), err
			}
			out = append(out, c)
			va++
			continue
		}
		u, err := m.Load16(va)
		switch {
		case err != nil || u == 0:
			return string(out), err
		case u > 0xff:
			return "", errCharacter
		}
		out = append(out, byte(u))
		va += 2
	}
	return string(out), nil
}
