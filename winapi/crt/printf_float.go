package crt

import (
	"bytes"
	"math"
	"strconv"
)

// float prints a double. Its decimal digits are exact, so that any precision is right to the last place.
func (s *spec) float(b []byte, d *dialect, v float64) []byte {
	prefix := s.sign(math.Signbit(v))
	special := math.IsInf(v, 0) || math.IsNaN(v)
	var body []byte
	switch verb := s.verb | 0x20; {
	case special && !d.legacySpecials:
		body = append(body, specialName(v)...)
		s.zero = false
	case verb == 'a':
		prefix += "0x"
		body = s.hexFloat(d, v)
	case special:
		body = s.decimal(d, verb, []byte(legacySpecial(v)), 0)
	default:
		digits, exp := exactDigits(math.Abs(v))
		body = s.decimal(d, verb, digits, exp)
	}
	if s.verb < 'a' {
		body, prefix = bytes.ToUpper(body), string(bytes.ToUpper([]byte(prefix)))
	}
	return s.pad(b, prefix, string(body))
}

// specialName is C99's name of an infinity or NaN with Microsoft's additions ("printf type field characters").
func specialName(v float64) string {
	const quiet = 1 << 51
	switch bits := math.Float64bits(v); {
	case math.IsInf(v, 0):
		return "inf"
	case bits&quiet == 0:
		return "nan(snan)"
	case bits == indefinite:
		return "nan(ind)"
	}
	return "nan"
}

// indefinite is the NaN that the processor makes of 0/0 and its like (SDM vol. 1, 4.8.3.7).
const indefinite = 0xfff8_0000_0000_0000

// legacySpecial gives the digits that msvcrt takes for those of an infinity or NaN: they are cut and even rounded like
// digits, so that 1.#INF with two places behind the point is 1.#J.
func legacySpecial(v float64) string {
	switch specialName(v) {
	case "inf":
		return "1#INF"
	case "nan(snan)":
		return "1#SNAN"
	case "nan(ind)":
		return "1#IND"
	}
	return "1#QNAN"
}

// maxDigits is how many significant decimal digits a double has at most.
const maxDigits = 767

// exactDigits returns the decimal digits of a finite number that is not negative, without zeros at the end, and the power
// of ten of the first.
func exactDigits(v float64) (digits []byte, exp int) {
	if v == 0 {
		return []byte("0"), 0
	}
	text := strconv.AppendFloat(nil, v, 'e', maxDigits-1, 64)
	i := bytes.IndexByte(text, 'e')
	exp, err := strconv.Atoi(string(text[i+1:]))
	if err != nil {
		panic("crt: " + err.Error()) // strconv's own output
	}
	digits = append(text[:1], text[2:i]...)
	return bytes.TrimRight(digits, "0"), exp
}

// roundDigits cuts digits to n of them, n possibly negative, and rounds the last: up from half on, as Microsoft's
// run-times always did, or to even where exactly half is cut off (even). carry says that the first digit became 1 of the
// next power of ten; the number of digits is then n+1.
func roundDigits(digits []byte, n int, even bool) (rounded []byte, carry bool) {
	if n >= len(digits) {
		return digits, false
	}
	if n < 0 {
		return nil, false
	}
	rounded = bytes.Clone(digits[:n])
	up := digits[n] >= '5'
	if even && digits[n] == '5' && n+1 == len(digits) {
		up = n > 0 && (digits[n-1]-'0')%2 != 0
	}
	if !up {
		return rounded, false
	}
	for i := n - 1; i >= 0; i-- {
		if rounded[i] != '9' {
			rounded[i]++
			return rounded, false
		}
		rounded[i] = '0'
	}
	return append([]byte("1"), rounded...), true
}

// decimal formats digits, the first of them worth 10**exp, for %f, %e or %g.
func (s *spec) decimal(d *dialect, verb byte, digits []byte, exp int) []byte {
	prec := s.prec
	if prec < 0 {
		prec = 6
	}
	switch verb {
	case 'f':
		return s.fixed(d, digits, exp, prec)
	case 'e':
		return s.scientific(d, digits, exp, prec)
	}
	prec = max(prec, 1)
	rounded, carry := roundDigits(digits, prec, d.halfEven)
	x := exp
	if carry {
		x++
	}
	rounded = bytes.TrimRight(rounded, "0")
	// Without # the zeros behind the point are not printed: only so many digits are asked for as there are.
	if x < -4 || x >= prec {
		prec--
		if !s.alt {
			prec = max(len(rounded)-1, 0)
		}
		return s.scientific(d, digits, exp, prec)
	}
	prec -= 1 + x
	if !s.alt {
		prec = max(len(rounded)-1-x, 0)
	}
	return s.fixed(d, digits, exp, prec)
}

// fixed prints digits with prec of them behind the point.
func (s *spec) fixed(d *dialect, digits []byte, exp, prec int) []byte {
	rounded, carry := roundDigits(digits, exp+1+prec, d.halfEven)
	if carry {
		exp++
	}
	b := make([]byte, 0, max(exp, 0)+prec+2)
	digit := func(i int) byte {
		if i < 0 || i >= len(rounded) {
			return '0'
		}
		return rounded[i]
	}
	if exp < 0 {
		b = append(b, '0')
	}
	for i := range exp + 1 {
		b = append(b, digit(i))
	}
	if prec > 0 || s.alt {
		b = append(b, '.')
	}
	for i := range prec {
		b = append(b, digit(exp+1+i))
	}
	return b
}

// scientific prints digits with prec of them behind the point and an exponent.
func (s *spec) scientific(d *dialect, digits []byte, exp, prec int) []byte {
	rounded, carry := roundDigits(digits, prec+1, d.halfEven)
	if carry {
		exp++
		rounded = rounded[:prec+1]
	}
	b := append(make([]byte, 0, prec+8), rounded[0])
	if prec > 0 || s.alt {
		b = append(b, '.')
	}
	b = append(b, rounded[1:]...)
	for range prec + 1 - len(rounded) {
		b = append(b, '0')
	}
	return appendExponent(b, 'e', exp, d.exponentDigits)
}

// appendExponent appends an exponent with its sign and at least so many digits.
func appendExponent(b []byte, letter byte, exp, digits int) []byte {
	sign := byte('+')
	if exp < 0 {
		sign, exp = '-', -exp
	}
	b = append(b, letter, sign)
	text := strconv.Itoa(exp)
	for range digits - len(text) {
		b = append(b, '0')
	}
	return append(b, text...)
}

// hexFloat prints what stands behind 0x in C99's %a: one digit before the point, 13 behind it unless a precision is given.
// A number that rounds up past 1 keeps its exponent: 1.5 with no places is 2p+0.
func (s *spec) hexFloat(d *dialect, v float64) []byte {
	const digits, bias = 13, 1023
	prec := s.prec
	if prec < 0 {
		prec = digits
	}
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return append(s.fixed(d, []byte(legacySpecial(v)), 0, prec), "p+0"...)
	}
	bits := math.Float64bits(v)
	exp := int(bits >> 52 & 0x7ff)
	m := bits & (1<<52 - 1)
	switch {
	case exp != 0:
		m |= 1 << 52
		exp -= bias
	case m != 0:
		exp = 1 - bias
	}
	if cut := 4 * (digits - prec); cut > 0 {
		m += 1 << (cut - 1)
		m &^= 1<<cut - 1
	}
	b := strconv.AppendUint(nil, m>>52, 16)
	if prec > 0 || s.alt {
		b = append(b, '.')
	}
	for i := range prec {
		digit := uint64(0)
		if i < digits {
			digit = m >> (48 - 4*i) & 0xf
		}
		b = strconv.AppendUint(b, digit, 16)
	}
	return appendExponent(b, 'p', exp, 1)
}
