package crt

import "github.com/pagewalk/pagewalk/nt"

// Character classes as Microsoft's ctype.h numbers them; its functions return the bits that fit.
const (
	classUpper   = 0x01
	classLower   = 0x02
	classDigit   = 0x04
	classSpace   = 0x08
	classPunct   = 0x10
	classControl = 0x20
	classBlank   = 0x40
	classHex     = 0x80
	classAlpha   = 0x100
)

// class returns the classes of a character of the C locale. None has the letter bit: msvcrt's isalpha tells by case.
func class(c uint32) uint32 {
	switch {
	case c > 0x7f:
		return 0
	case c == ' ':
		return classSpace | classBlank
	case c == '\t':
		return classControl | classSpace | classBlank
	case c >= '\n' && c <= '\r':
		return classControl | classSpace
	case c < ' ' || c == 0x7f:
		return classControl
	case c >= '0' && c <= '9':
		return classDigit | classHex
	case c >= 'A' && c <= 'F':
		return classUpper | classHex
	case c >= 'a' && c <= 'f':
		return classLower | classHex
	case c >= 'G' && c <= 'Z':
		return classUpper
	case c >= 'g' && c <= 'z':
		return classLower
	}
	return classPunct
}

type charArgs struct{ Char uint32 }

// Characters returns the functions of ctype.h for the C locale. Characters outside 0 to 255 are in no class.
func Characters() []nt.UserFunc {
	is := func(name string, mask uint32) nt.UserFunc {
		return nt.Func(name, func(_ *nt.Thread, a *charArgs) (uint64, error) { return uint64(class(a.Char) & mask), nil })
	}
	const alpha = classUpper | classLower | classAlpha
	return []nt.UserFunc{
		is("isalnum", alpha|classDigit),
		is("isalpha", alpha),
		is("iscntrl", classControl),
		is("isdigit", classDigit),
		is("isgraph", alpha|classDigit|classPunct),
		is("islower", classLower),
		is("ispunct", classPunct),
		is("isspace", classSpace),
		is("isupper", classUpper),
		is("isxdigit", classHex),
		nt.Func("isprint", func(_ *nt.Thread, a *charArgs) (uint64, error) {
			if a.Char >= ' ' && a.Char < 0x7f {
				return uint64(class(a.Char) | classBlank), nil
			}
			return 0, nil
		}),
		nt.Func("tolower", func(_ *nt.Thread, a *charArgs) (uint64, error) {
			if a.Char-'A' < 26 {
				a.Char += 'a' - 'A'
			}
			return uint64(a.Char), nil
		}),
		nt.Func("toupper", func(_ *nt.Thread, a *charArgs) (uint64, error) {
			if a.Char-'a' < 26 {
				a.Char -= 'a' - 'A'
			}
			return uint64(a.Char), nil
		}),
	}
}

// lower maps a byte to its lower-case letter.
func lower(c byte) byte {
	if c-'A' < 26 {
		return c + 'a' - 'A'
	}
	return c
}
