package crt

import (
	"math"
	"strconv"
	"strings"
)

// float prints a double: strconv's digits are exact, so that any precision is right to the last place.
func (s *spec) float(b []byte, flavor Flavor, v float64) []byte {
	upper := s.verb >= 'A' && s.verb <= 'Z'
	lower := s.verb | 0x20
	prefix := s.sign(math.Signbit(v))
	body := ""
	switch {
	case math.IsInf(v, 0) || math.IsNaN(v):
		body = s.special(flavor, v)
		if flavor == UCRT {
			s.zero = false
		}
	case lower == 'a':
		body = hexFloat(math.Abs(v), s.prec, s.alt)
		prefix += body[:2]
		body = body[2:]
	default:
		prec := s.prec
		if prec < 0 {
			prec = 6
		}
		body = s.decimal(flavor, lower, math.Abs(v), prec)
	}
	if upper {
		body, prefix = strings.ToUpper(body), strings.ToUpper(prefix)
	}
	return s.pad(b, prefix, body)
}

func (s *spec) decimal(flavor Flavor, verb byte, v float64, prec int) string {
	switch verb {
	case 'f':
		body := strconv.FormatFloat(v, 'f', prec, 64)
		if s.alt && prec == 0 {
			body += "."
		}
		return body
	case 'e':
		mantissa, exp := cutExponent(strconv.FormatFloat(v, 'e', prec, 64))
		if s.alt && prec == 0 {
			mantissa += "."
		}
		return mantissa + exponent(flavor, exp)
	}
	prec = max(prec, 1)
	mantissa, exp := cutExponent(strconv.FormatFloat(v, 'e', prec-1, 64))
	if exp < -4 || exp >= prec {
		return s.trim(mantissa) + exponent(flavor, exp)
	}
	return s.trim(strconv.FormatFloat(v, 'f', prec-1-exp, 64))
}

// trim drops the zeros behind the point that %g does not print, unless # asks for them.
func (s *spec) trim(digits string) string {
	if s.alt {
		if !strings.Contains(digits, ".") {
			digits += "."
		}
		return digits
	}
	if strings.Contains(digits, ".") {
		digits = strings.TrimRight(strings.TrimRight(digits, "0"), ".")
	}
	return digits
}

func cutExponent(s string) (mantissa string, exp int) {
	i := strings.IndexByte(s, 'e')
	exp, err := strconv.Atoi(s[i+1:])
	if err != nil {
		panic("crt: " + err.Error()) // strconv's own output
	}
	return s[:i], exp
}

// exponent prints at least three digits in msvcrt, two in the UCRT.
func exponent(flavor Flavor, exp int) string {
	sign := "+"
	if exp < 0 {
		sign, exp = "-", -exp
	}
	digits := strconv.Itoa(exp)
	least := 3
	if flavor == UCRT {
		least = 2
	}
	return "e" + sign + strings.Repeat("0", max(least-len(digits), 0)) + digits
}

// special prints infinities and NaNs: inf and nan in the UCRT; in msvcrt a mantissa of 1.#INF or 1.#QNAN cut to the
// precision like a number.
func (s *spec) special(flavor Flavor, v float64) string {
	if flavor == UCRT {
		switch {
		case math.IsInf(v, 0):
			return "inf"
		case math.Float64bits(v) == 0xfff8000000000000:
			return "nan(ind)"
		}
		return "nan"
	}
	text := "1.#QNAN"
	switch {
	case math.IsInf(v, 0):
		text = "1.#INF"
	case math.Float64bits(v) == 0xfff8000000000000:
		text = "1.#IND"
	}
	prec := s.prec
	if prec < 0 {
		prec = 6
	}
	if lower := s.verb | 0x20; lower == 'f' || lower == 'e' {
		if n := prec - (len(text) - 2); n > 0 {
			text += strings.Repeat("0", n)
		}
		if lower == 'e' {
			text += exponent(MSVCRT, 0)
		}
	}
	return text
}

// hexFloat prints a number that is not negative as C99's %a does in Microsoft's run-times: one digit before the point, 13
// behind it unless a precision is given.
func hexFloat(v float64, prec int, alt bool) string {
	if prec < 0 {
		prec = 13
	}
	s := strconv.FormatFloat(v, 'x', prec, 64)
	i := strings.IndexByte(s, 'p')
	mantissa, exp := s[:i], s[i+1:]
	if alt && prec == 0 {
		mantissa += "."
	}
	n, err := strconv.Atoi(exp)
	if err != nil {
		panic("crt: " + err.Error())
	}
	sign := "+"
	if n < 0 {
		sign, n = "-", -n
	}
	return mantissa + "p" + sign + strconv.Itoa(n)
}
