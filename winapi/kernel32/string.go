package kernel32

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Code pages: the ANSI one is 1252 and the OEM one 437, as on an English Windows.
const (
	ansiCodePage = 1252
	oemCodePage  = 437
	utf8CodePage = 65001
)

var stringFuncs = []nt.UserFunc{
	nt.Func("MultiByteToWideChar", multiByteToWideChar),
	nt.Func("WideCharToMultiByte", wideCharToMultiByte),
	nt.Func("IsDBCSLeadByteEx", isDBCSLeadByteEx),
	nt.Func("GetCPInfo", getCPInfo),
	nt.Func("GetACP", func(*nt.Thread, *noArgs) (uint64, error) { return ansiCodePage, nil }),
	nt.Func("GetOEMCP", func(*nt.Thread, *noArgs) (uint64, error) { return oemCodePage, nil }),
	nt.Func("IsValidCodePage", func(_ *nt.Thread, a *codePageArgs) (uint64, error) {
		_, ok := codePage(a.CodePage)
		return truth(ok && a.CodePage > 3), nil
	}),
}

type codePageArgs struct{ CodePage uint32 }

// codePage resolves CP_ACP, CP_OEMCP and CP_THREAD_ACP and reports whether the code page is known.
func codePage(cp uint32) (uint32, bool) {
	switch cp {
	case 0, 3:
		return ansiCodePage, true
	case 1:
		return oemCodePage, true
	case ansiCodePage, oemCodePage, utf8CodePage:
		return cp, true
	}
	return 0, false
}

func charmapOf(cp uint32) *charmap.Charmap {
	if cp == oemCodePage {
		return charmap.CodePage437
	}
	return charmap.Windows1252
}

// decodeCodePage turns bytes of a code page into UTF-16; valid is false where a byte has no character. Windows maps the
// five unassigned bytes of 1252 to the control characters of the same number.
func decodeCodePage(b []byte, cp uint32) (units []uint16, valid bool) {
	if cp == utf8CodePage {
		return decodeUTF8(b)
	}
	m := charmapOf(cp)
	for _, c := range b {
		r := m.DecodeByte(c)
		if r == utf8.RuneError {
			r = rune(c)
		}
		units = append(units, uint16(r))
	}
	return units, true
}

// decodeUTF8 puts one U+FFFD for each byte that starts no character and for each character that is cut off, whatever
// it has of its bytes (Unicode 15, 3.9, "U+FFFD Substitution of Maximal Subparts").
func decodeUTF8(b []byte) (units []uint16, valid bool) {
	valid = true
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			valid = false
			n = subpart(b)
		}
		units = utf16.AppendRune(units, r)
		b = b[n:]
	}
	return units, valid
}

// subpart is how many bytes of a malformed sequence a well-formed one could start with, at least 1.
func subpart(b []byte) int {
	for n := min(3, len(b)); n > 1; n-- {
		// A sequence that needs more bytes than there are is a prefix of a character.
		if !utf8.FullRune(b[:n]) {
			return n
		}
	}
	return 1
}

// ansiText reads text in the ANSI code page, as the A form of a function does.
func ansiText(t *nt.Thread) func(va uint64) (string, error) {
	return func(va uint64) (string, error) {
		s, err := t.CString(va)
		return fromANSI(s), err
	}
}

// fromANSI turns the bytes of the ANSI code page into text.
func fromANSI(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			units, _ := decodeCodePage([]byte(s), ansiCodePage)
			return string(utf16.Decode(units))
		}
	}
	return s
}

// ANSI turns text into the bytes of the ANSI code page.
func ANSI(s string) []byte {
	b, _ := encodeUnits(utf16.Encode([]rune(s)), ansiCodePage, 0, '?')
	return b
}

// OEM turns text into the bytes of the OEM code page.
func OEM(s string) []byte {
	b, _ := encodeUnits(utf16.Encode([]rune(s)), oemCodePage, 0, '?')
	return b
}

// encodeUnits turns UTF-16 into bytes of a code page; used is true where the default had to stand for a character. A
// character that takes two UTF-16 units has none in the code pages of one byte: each unit becomes the default.
func encodeUnits(units []uint16, cp, flags uint32, def byte) (b []byte, used bool) {
	if cp == utf8CodePage {
		return []byte(string(utf16.Decode(units))), false
	}
	m := charmapOf(cp)
	for _, u := range units {
		c, ok := m.EncodeRune(rune(u))
		if !ok && u < 0x100 && m.DecodeByte(byte(u)) == utf8.RuneError {
			c, ok = byte(u), true
		}
		if !ok && flags&wcNoBestFitChars == 0 {
			c, ok = bestFits()[bestFitKey{cp, u}]
		}
		if !ok {
			c, used = def, true
		}
		b = append(b, c)
	}
	return b, used
}

type multiByteToWideCharArgs struct {
	CodePage     uint32
	Flags        uint32
	MultiByteStr uint64
	MultiByteLen int32
	WideCharStr  uint64
	WideCharLen  int32
}

// Flags of the conversions (stringapiset.h).
const (
	mbErrInvalidChars = 0x08
	mbFlags           = 0x0f

	wcErrInvalidChars = 0x80 // UTF-8 only
	wcNoBestFitChars  = 0x400
	wcFlags           = 0x270 | wcNoBestFitChars // and those about composite characters, of which these code pages have none
)

// multiByteToWideChar converts MultiByteLen bytes, or with -1 a string and its terminator. WideCharLen 0 asks for the
// length (stringapiset.h).
func multiByteToWideChar(t *nt.Thread, a *multiByteToWideCharArgs) (uint64, error) {
	cp, ok := codePage(a.CodePage)
	if !ok || a.MultiByteStr == 0 || a.MultiByteLen == 0 || a.MultiByteLen < -1 || a.WideCharLen < 0 ||
		a.WideCharStr == 0 && a.WideCharLen != 0 || a.WideCharStr == a.MultiByteStr {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	if a.Flags&^mbFlags != 0 || cp == utf8CodePage && a.Flags&^mbErrInvalidChars != 0 {
		return fail(t, ntdll.ERROR_INVALID_FLAGS)
	}
	var b []byte
	if a.MultiByteLen < 0 {
		s, err := t.CString(a.MultiByteStr)
		if err != nil {
			return 0, err
		}
		if len(s) >= maxString {
			return 0, t.Stop("MultiByteToWideChar of a string of more than %d bytes", maxString)
		}
		b = append([]byte(s), 0)
	} else {
		if a.MultiByteLen > maxConvert {
			return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
		}
		b = make([]byte, a.MultiByteLen)
		if err := t.Read(a.MultiByteStr, b); err != nil {
			return 0, err
		}
	}
	units, valid := decodeCodePage(b, cp)
	if !valid && a.Flags&mbErrInvalidChars != 0 {
		return fail(t, ntdll.ERROR_NO_UNICODE_TRANSLATION)
	}
	if a.WideCharLen == 0 {
		return uint64(len(units)), nil
	}
	short := len(units) > int(a.WideCharLen)
	units = units[:min(len(units), int(a.WideCharLen))]
	out := make([]byte, 0, 2*len(units))
	for _, u := range units {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	if err := t.Write(a.WideCharStr, out); err != nil {
		return 0, err
	}
	if short {
		return fail(t, ntdll.ERROR_INSUFFICIENT_BUFFER)
	}
	return uint64(len(units)), nil
}

// Bounds of one conversion: characters where their number is given, and of a string, which is as long as
// nt.Thread.CString reads.
const (
	maxConvert = 16 << 20
	maxString  = 1 << 20
)

type wideCharToMultiByteArgs struct {
	CodePage        uint32
	Flags           uint32
	WideCharStr     uint64
	WideCharLen     int32
	MultiByteStr    uint64
	MultiByteLen    int32
	DefaultChar     uint64
	UsedDefaultChar ntdef.Ptr[uint32]
}

func wideCharToMultiByte(t *nt.Thread, a *wideCharToMultiByteArgs) (uint64, error) {
	cp, ok := codePage(a.CodePage)
	if !ok || a.WideCharStr == 0 || a.WideCharLen == 0 || a.WideCharLen < -1 || a.MultiByteLen < 0 ||
		a.MultiByteStr == 0 && a.MultiByteLen != 0 || a.WideCharStr == a.MultiByteStr ||
		cp == utf8CodePage && (a.DefaultChar != 0 || a.UsedDefaultChar != 0) {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	if cp == utf8CodePage && a.Flags&^wcErrInvalidChars != 0 || cp != utf8CodePage && a.Flags&^wcFlags != 0 {
		return fail(t, ntdll.ERROR_INVALID_FLAGS)
	}
	if a.WideCharLen > maxConvert {
		return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
	}
	units, err := wideUnits(t, a)
	if err != nil {
		return 0, err
	}
	def := byte('?')
	if a.DefaultChar != 0 {
		if def, err = t.Load8(a.DefaultChar); err != nil {
			return 0, err
		}
	}
	if cp == utf8CodePage && a.Flags&wcErrInvalidChars != 0 && hasLoneSurrogate(units) {
		return fail(t, ntdll.ERROR_NO_UNICODE_TRANSLATION)
	}
	out, used := encodeUnits(units, cp, a.Flags, def)
	if a.UsedDefaultChar != 0 {
		if err := t.Store32(uint64(a.UsedDefaultChar), uint32(truth(used))); err != nil {
			return 0, err
		}
	}
	if a.MultiByteLen == 0 {
		return uint64(len(out)), nil
	}
	if err := t.Write(a.MultiByteStr, out[:min(len(out), int(a.MultiByteLen))]); err != nil {
		return 0, err
	}
	if len(out) > int(a.MultiByteLen) {
		return fail(t, ntdll.ERROR_INSUFFICIENT_BUFFER)
	}
	return uint64(len(out)), nil
}

// wideUnits reads the source: WideCharLen units, or with -1 a string with its terminator.
func wideUnits(t *nt.Thread, a *wideCharToMultiByteArgs) ([]uint16, error) {
	var units []uint16
	for at := a.WideCharStr; a.WideCharLen < 0 || len(units) < int(a.WideCharLen); at += 2 {
		if len(units) == maxConvert {
			return nil, t.Stop("WideCharToMultiByte of a string of more than %d characters", maxConvert)
		}
		u, err := t.Load16(at)
		if err != nil {
			return nil, err
		}
		units = append(units, u)
		if a.WideCharLen < 0 && u == 0 {
			break
		}
	}
	return units, nil
}

func hasLoneSurrogate(units []uint16) bool {
	for i := 0; i < len(units); i++ {
		r := rune(units[i])
		if !utf16.IsSurrogate(r) {
			continue
		}
		if i+1 == len(units) || utf16.DecodeRune(r, rune(units[i+1])) == utf8.RuneError {
			return true
		}
		i++
	}
	return false
}

type leadByteArgs struct {
	CodePage uint32
	TestChar uint8
}

// isDBCSLeadByteEx is FALSE: none of the code pages has characters of two bytes with lead bytes.
func isDBCSLeadByteEx(t *nt.Thread, a *leadByteArgs) (uint64, error) {
	if _, ok := codePage(a.CodePage); !ok {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return 0, nil
}

type cpInfoArgs struct {
	CodePage uint32
	CPInfo   uint64
}

// getCPInfo fills a CPINFO (winnls.h): the longest character, the default one, and pairs of lead-byte ranges, of which no
// code page here has any.
func getCPInfo(t *nt.Thread, a *cpInfoArgs) (uint64, error) {
	cp, ok := codePage(a.CodePage)
	if !ok || a.CPInfo == 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	var b [20]byte
	put32(b[0:], 1)
	if cp == utf8CodePage {
		put32(b[0:], 4)
	}
	b[4] = '?'
	return 1, t.Write(a.CPInfo, b[:])
}
