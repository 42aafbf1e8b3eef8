package kernel32

import (
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

func TestMalformedUTF8BecomesOneReplacementForEachPart(t *testing.T) {
	for _, c := range []struct {
		in, want string
	}{
		{"aé€😀", "aé€😀"},
		{"\x80\xbfz", "\ufffd\ufffdz"},
		{"\xe2\x82", "\ufffd"},
		{"\xe2\x82(", "\ufffd("},
		{"\xf0\x9f\x98(", "\ufffd("},
		{"\xf0\x9f", "\ufffd"},
		{"\xc0\x80", "\ufffd\ufffd"},                         // overlong
		{"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},               // a surrogate
		{"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},     // beyond U+10FFFF
		{"\xf0\x80\x80\x41", "\ufffd\ufffd\ufffd\x41"},       // Unicode 15, table 3-8
		{"\xe1\x80\xe2\xf0\x91\x92", "\ufffd\ufffd\ufffd"},   // table 3-11
		{"\xf1\x80\x80\xe1\x80\xc2b", "\ufffd\ufffd\ufffdb"}, // table 3-10
	} {
		units, valid := decodeCodePage([]byte(c.in), utf8CodePage)
		require.Equal(t, c.want, string(utf16.Decode(units)), "%q", c.in)
		require.Equal(t, c.in == c.want, valid, "%q", c.in)
	}
}

func TestEncodeUnits(t *testing.T) {
	for _, c := range []struct {
		name      string
		in        string
		cp, flags uint32
		want      string
		used      bool
	}{
		{"own byte", "é€", ansiCodePage, 0, "\xe9\x80", false},
		{"unassigned bytes are controls", "\u0081\u009d", ansiCodePage, 0, "\x81\x9d", false},
		{"best fit", "Āα", ansiCodePage, 0, "Aa", false},
		{"no best fit wanted", "Āé", ansiCodePage, wcNoBestFitChars, "#\xe9", true},
		{"two units, two defaults", "😀", ansiCodePage, 0, "##", true},
		{"OEM", "é─À", oemCodePage, 0, "\x82\xc4A", false},
		{"UTF-8", "é😀", utf8CodePage, 0, "é😀", false},
	} {
		got, used := encodeUnits(utf16.Encode([]rune(c.in)), c.cp, c.flags, '#')
		require.Equal(t, c.want, string(got), c.name)
		require.Equal(t, c.used, used, c.name)
	}
}
