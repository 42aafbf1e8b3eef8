package crt

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/nt"
)

// Library returns functions of stdlib.h.
func Library(f Flavor) []nt.UserFunc {
	const long, longLong = integerBits(32), integerBits(64)
	funcs := []nt.UserFunc{
		bind(f, "_atoi64", longLong.ascii),
		bind(f, "_strtoi64", longLong.signed),
		bind(f, "_strtoui64", longLong.unsigned),
		nt.Func("abs", absolute),
		bind(f, "atof", atof),
		bind(f, "atoi", long.ascii),
		bind(f, "atol", long.ascii),
		bind(f, "getenv", getenv),
		nt.Func("labs", absolute),
		bind(f, "rand", random),
		bind(f, "srand", func(s *state, _ *nt.Thread, a *numberArgs) (uint64, error) {
			s.seed = a.Number
			return 0, nil
		}),
		bind(f, "strtod", strtod),
		bind(f, "strtol", long.signed),
		bind(f, "strtoul", long.unsigned),
	}
	if f == UCRT {
		funcs = append(funcs, bind(f, "atoll", longLong.ascii), bind(f, "strtoll", longLong.signed),
			bind(f, "strtoull", longLong.unsigned))
	}
	return funcs
}

type intArgs struct{ Value int32 }

func absolute(_ *nt.Thread, a *intArgs) (uint64, error) {
	v := uint32(a.Value)
	if a.Value < 0 {
		v = -v
	}
	return uint64(v), nil
}

// random is rand: both run-times have the same generator, whose sequences programs depend on.
func random(s *state, _ *nt.Thread, _ *noArgs) (uint64, error) {
	s.seed = s.seed*214013 + 2531011
	return uint64(s.seed >> 16 & 0x7fff), nil
}

// getenv returns the address of a variable's value in the environment, 0 where it is not set. Names have no case.
func getenv(s *state, t *nt.Thread, a *textArgs) (uint64, error) {
	name, err := t.CString(a.Text)
	if err != nil {
		return 0, err
	}
	return getenvName(s, t, name)
}

func getenvName(s *state, t *nt.Thread, name string) (uint64, error) {
	for at := s.envp; ; at += 8 {
		va, err := t.Load64(at)
		if err != nil || va == 0 {
			return 0, err
		}
		entry, err := t.CString(va)
		if err != nil {
			return 0, err
		}
		if len(entry) > len(name) && entry[len(name)] == '=' && strings.EqualFold(entry[:len(name)], name) {
			return va + uint64(len(name)) + 1, nil
		}
	}
}

type (
	strtolArgs struct {
		Text, End uint64
		Base      int32
	}
	strtodArgs struct{ Text, End uint64 }
)

// integerBits is the width of an integer type.
type integerBits uint

// number is the start of a string as an integer: how long it is, 0 where there is none.
type number struct {
	value    uint64 // magnitude, the largest where it does not fit
	negative bool
	overflow bool
	length   int
}

func isSpace(c byte) bool { return class(uint32(c))&classSpace != 0 }

// parseInteger reads white space, a sign, a prefix of base 16 or, with base 0, 8, and digits.
func parseInteger(s string, base int) (n number) {
	i := 0
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		n.negative = s[i] == '-'
		i++
	}
	if (base == 0 || base == 16) && i+2 < len(s) && s[i] == '0' && s[i+1]|0x20 == 'x' && digit(s[i+2]) < 16 {
		base = 16
		i += 2
	}
	if base == 0 {
		base = 10
		if i < len(s) && s[i] == '0' {
			base = 8
		}
	}
	start := i
	for ; i < len(s) && digit(s[i]) < base; i++ {
		if n.value > (math.MaxUint64-uint64(digit(s[i])))/uint64(base) {
			n.overflow = true
		}
		n.value = n.value*uint64(base) + uint64(digit(s[i]))
	}
	if i > start {
		n.length = i
	}
	if n.overflow {
		n.value = math.MaxUint64
	}
	return n
}

// digit returns the value of a digit or letter in a number, 99 of what is neither.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case lower(c) >= 'a' && lower(c) <= 'z':
		return int(lower(c)-'a') + 10
	}
	return 99
}

// read parses the string of strtol and its like and stores the end; ok is false where the base is none, with errno set.
func (s *state) readInteger(t *nt.Thread, a *strtolArgs) (n number, ok bool, err error) {
	if a.Base < 0 || a.Base == 1 || a.Base > 36 {
		return n, false, s.setErrno(t, einval)
	}
	text, err := t.CString(a.Text)
	if err != nil {
		return n, false, err
	}
	n = parseInteger(text, int(a.Base))
	if a.End != 0 {
		err = t.Store64(a.End, a.Text+uint64(n.length))
	}
	return n, err == nil, err
}

// signed is strtol for an integer of so many bits: what does not fit is the nearest value and ERANGE.
func (bits integerBits) signed(s *state, t *nt.Thread, a *strtolArgs) (uint64, error) {
	n, ok, err := s.readInteger(t, a)
	if !ok || err != nil {
		return 0, err
	}
	v, fits := bits.clamp(n)
	if !fits {
		err = s.setErrno(t, erange)
	}
	return v, err
}

func (bits integerBits) clamp(n number) (v uint64, fits bool) {
	limit := uint64(1)<<(bits-1) - 1
	if n.negative {
		limit++
	}
	if n.overflow || n.value > limit {
		n.value, n.overflow = limit, true
	}
	if n.negative {
		n.value = -n.value
	}
	return n.value & (math.MaxUint64 >> (64 - bits)), !n.overflow
}

// unsigned is strtoul: a negative number is taken modulo 2**bits, by msvcrt even the limit that stands for one that does not fit.
func (bits integerBits) unsigned(s *state, t *nt.Thread, a *strtolArgs) (uint64, error) {
	n, ok, err := s.readInteger(t, a)
	if !ok || err != nil {
		return 0, err
	}
	limit := uint64(math.MaxUint64) >> (64 - bits)
	if n.overflow || n.value > limit {
		n.value = limit
		err = s.setErrno(t, erange)
		n.negative = n.negative && s.flavor == MSVCRT
	}
	if n.negative {
		n.value = -n.value
	}
	return n.value & limit, err
}

// ascii is atoi: strtol with base 10 and without an end.
func (bits integerBits) ascii(s *state, t *nt.Thread, a *textArgs) (uint64, error) {
	return bits.signed(s, t, &strtolArgs{Text: a.Text, Base: 10})
}

// strtod returns a double in XMM0. What does not fit is an infinity and ERANGE.
func strtod(s *state, t *nt.Thread, a *strtodArgs) (uint64, error) {
	text, err := t.CString(a.Text)
	if err != nil {
		return 0, err
	}
	v, n, fits := parseFloat(text, s.flavor == UCRT)
	if a.End != 0 {
		if err := t.Store64(a.End, a.Text+uint64(n)); err != nil {
			return 0, err
		}
	}
	if !fits {
		if err := s.setErrno(t, erange); err != nil {
			return 0, err
		}
	}
	t.CPU().XMM[0] = cpu.XMMReg{math.Float64bits(v)}
	return 0, nil
}

func atof(s *state, t *nt.Thread, a *textArgs) (uint64, error) {
	return strtod(s, t, &strtodArgs{Text: a.Text})
}

// parseFloat reads the number at the start of a string: its value, how many bytes of the string it takes (0 where there is
// none), and whether it fits a double. c99 adds hexadecimal numbers, inf and nan.
func parseFloat(s string, c99 bool) (v float64, length int, fits bool) {
	i := 0
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	start := i
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	sign := s[start:i]
	if c99 {
		for _, name := range []string{"infinity", "inf", "nan"} {
			if len(s)-i >= len(name) && strings.EqualFold(s[i:i+len(name)], name) {
				v, _ := strconv.ParseFloat(name, 64)
				if sign == "-" {
					v = math.Copysign(v, -1)
				}
				return v, i + len(name), true
			}
		}
	}
	hex := c99 && i+2 < len(s) && s[i] == '0' && s[i+1]|0x20 == 'x'
	base, exponent := 10, byte('e')
	if hex {
		base, exponent = 16, 'p'
		i += 2
	}
	digits := 0
	run := func() {
		for i < len(s) && digit(s[i]) < base {
			digits++
			i++
		}
	}
	run()
	if i < len(s) && s[i] == '.' {
		i++
		run()
	}
	if digits == 0 {
		if hex { // "0x" without digits is the 0 before the x
			return math.Copysign(0, signOf(sign)), start + len(sign) + 1, true
		}
		return 0, 0, true
	}
	text := s[start:i]
	mantissa := len(text)
	if i < len(s) && s[i]|0x20 == exponent {
		j := i + 1
		if j < len(s) && (s[j] == '-' || s[j] == '+') {
			j++
		}
		if j < len(s) && digit(s[j]) < 10 {
			for j < len(s) && digit(s[j]) < 10 {
				j++
			}
			text, i = s[start:j], j
		}
	}
	if hex && !strings.ContainsAny(text, "pP") {
		text += "p0"
	}
	v, err := strconv.ParseFloat(text, 64)
	underflow := v == 0 && strings.ContainsFunc(text[:mantissa], func(r rune) bool { return r >= '1' && digit(byte(r)) < base })
	return v, i, err == nil && !underflow
}

func signOf(sign string) float64 {
	if sign == "-" {
		return -1
	}
	return 1
}

// Numerals returns the functions of stdlib.h that write an integer in a base.
func Numerals(f Flavor) []nt.UserFunc {
	signed32 := func(v uint64, base uint32) string {
		if base == 10 {
			return strconv.FormatInt(int64(int32(v)), 10)
		}
		return strconv.FormatUint(v&0xffffffff, int(base))
	}
	unsigned32 := func(v uint64, base uint32) string { return strconv.FormatUint(v&0xffffffff, int(base)) }
	signed64 := func(v uint64, base uint32) string {
		if base == 10 {
			return strconv.FormatInt(int64(v), 10)
		}
		return strconv.FormatUint(v, int(base))
	}
	unsigned64 := func(v uint64, base uint32) string { return strconv.FormatUint(v, int(base)) }
	var all []nt.UserFunc
	for name, format := range map[string]func(uint64, uint32) string{
		"_itoa": signed32, "_ltoa": signed32, "_ultoa": unsigned32, "_i64toa": signed64, "_ui64toa": unsigned64,
	} {
		all = append(all, bind(f, name, func(s *state, t *nt.Thread, a *numeralArgs) (uint64, error) {
			if a.Base < 2 || a.Base > 36 {
				return a.Buffer, s.setErrno(t, einval)
			}
			return a.Buffer, t.Write(a.Buffer, append([]byte(format(a.Value, a.Base)), 0))
		}))
	}
	slices.SortFunc(all, func(a, b nt.UserFunc) int { return strings.Compare(a.Name, b.Name) })
	return all
}

type numeralArgs struct {
	Value, Buffer uint64
	Base          uint32
}
