package crt

import (
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// strings in a guest's memory, one after the other.
type stringMemory []byte

func (m *stringMemory) add(b ...byte) uint64 {
	va := uint64(len(*m))
	*m = append(*m, b...)
	return va
}

func (m *stringMemory) Load8(va uint64) (uint8, error) { return (*m)[va], nil }

func (m *stringMemory) Load16(va uint64) (uint16, error) {
	return uint16((*m)[va]) | uint16((*m)[va+1])<<8, nil
}

// argument reads an argument as testdata/printf.c does, and returns the rest of the line.
func (m *stringMemory) argument(t *testing.T, line string) (uint64, string) {
	if kind := line[0]; kind == 's' || kind == 'w' {
		text, rest, ok := strings.Cut(line[2:], `"`)
		require.True(t, ok, line)
		b := append([]byte(text), 0)
		if kind == 'w' {
			b = nil
			for _, c := range []byte(text + "\x00") {
				if c == '^' {
					b = append(b, 0xac, 0x20)
				} else {
					b = append(b, c, 0)
				}
			}
		}
		return m.add(b...), rest
	}
	word, rest, _ := strings.Cut(line, " ")
	switch word[0] {
	case 'd':
		v, err := strconv.ParseFloat(word[1:], 64)
		require.NoError(t, err)
		return math.Float64bits(v), rest
	case 'b':
		v, err := strconv.ParseUint(word[1:], 16, 64)
		require.NoError(t, err)
		return v, rest
	case '-':
		v, err := strconv.ParseInt(word, 0, 64)
		require.NoError(t, err)
		return uint64(v), rest
	}
	v, err := strconv.ParseUint(word, 0, 64)
	require.NoError(t, err)
	return v, rest
}

// printLine formats a line of testdata/printf.txt and shows it as testdata/printf.c does.
func printLine(t *testing.T, d dialect, line string) string {
	text, rest, ok := strings.Cut(line[1:], `"`)
	require.True(t, ok, line)
	m := &stringMemory{0} // no string lies at address 0
	var args []uint64
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		var v uint64
		v, rest = m.argument(t, rest)
		args = append(args, v)
	}
	args = append(args, make([]uint64, 8)...)
	b, err := format(nil, &d, m, text, func() (uint64, error) {
		v := args[0]
		args = args[1:]
		return v, nil
	})
	if err != nil {
		return "-1 []"
	}
	var shown strings.Builder
	for _, c := range b {
		if c < ' ' || c > '~' {
			shown.WriteString(`\x` + hex.EncodeToString([]byte{c}))
		} else {
			shown.WriteByte(c)
		}
	}
	return fmt.Sprintf("%d [%s]", len(b), shown.String())
}

// Every line is formatted as Wine's run-times format it, under each set of options.
func TestPrintfAsRecorded(t *testing.T) {
	input, err := os.ReadFile("testdata/printf.txt")
	require.NoError(t, err)
	for _, c := range []struct {
		golden  string
		dialect dialect
	}{
		{"testdata/printf-msvcrt.golden", msvcrtDialect},
		{"testdata/printf-ucrt-00.golden", ucrtDialect(0, false)},
		{"testdata/printf-ucrt-18.golden", ucrtDialect(optionLegacyMSVCRT|optionThreeDigitExponents, false)},
		{"testdata/printf-ucrt-20.golden", ucrtDialect(optionStandardRounding, false)},
	} {
		t.Run(c.golden, func(t *testing.T) {
			golden, err := os.ReadFile(c.golden)
			require.NoError(t, err)
			var want, got []string
			results := strings.Split(strings.TrimSpace(string(golden)), "\n")
			for line := range strings.Lines(string(input)) {
				if line[0] != '"' {
					continue
				}
				line = strings.TrimSpace(line)
				require.NotEmpty(t, results, line)
				want = append(want, line+": "+results[0])
				results = results[1:]
				got = append(got, line+": "+printLine(t, c.dialect, line))
			}
			require.Empty(t, results)
			require.Empty(t, cmp.Diff(want, got))
		})
	}
}

// Where Wine 8 is known to differ from Microsoft's run-times, the documentation decides.
func TestPrintfAsDocumented(t *testing.T) {
	ucrt, wide := ucrtDialect(0, false), ucrtDialect(0, true)
	for _, c := range []struct {
		dialect dialect
		line    string
		want    string
	}{
		// A precision turns the 0 flag off (C17 7.21.6.1).
		{ucrt, `"%08.5d" 42`, "8 [   00042]"},
		{msvcrtDialect, `"%08.5d" 42`, "8 [   00042]"},
		// hh is char in the UCRT and was h in msvcrt.
		{ucrt, `"%hhd|%hhu|%hhx" 0x1ff 0x1ff 0x1ff`, "9 [-1|255|ff]"},
		{msvcrtDialect, `"%hhd|%hhu|%hhx" 0x1ff 0x1ff 0x1ff`, "11 [511|511|1ff]"},
		// A pointer has 16 digits whatever the precision.
		{ucrt, `"%.3p" 0x1234`, "16 [0000000000001234]"},
		// # gives an octal number a first digit 0 even where there would be none.
		{ucrt, `"%#.0o|%.0o" 0 0`, "2 [0|]"},
		{ucrt, `"%F|%F" d1.5 b7ff0000000000000`, "12 [1.500000|INF]"},
		{ucrt, `"%f" b7ff0000000000001`, "9 [nan(snan)]"},
		{ucrt, `"%f" bfff8000000000001`, "4 [-nan]"},
		// %n is refused: nothing is printed.
		{ucrt, `"a%n" 0`, "-1 []"},
		{msvcrtDialect, `"a%n" 0`, "-1 []"},
		// Kinds of strings: the UCRT's %s is narrow, in wide functions too, unless told that it is of their kind.
		{wide, `"%s|%S|%hs|%ls" s"n" w"w" s"n" w"w"`, "7 [n|w|n|w]"},
		{ucrtDialect(optionLegacyWideSpecifiers, true), `"%s|%S" w"w" s"n"`, "3 [w|n]"},
		{ucrtDialect(optionLegacyWideSpecifiers, false), `"%s|%S" s"n" w"w"`, "3 [n|w]"},
	} {
		require.Equal(t, c.want, printLine(t, c.dialect, c.line), c.line)
	}
}

// A format cannot make the host hold more than the limit.
func TestPrintfIsBounded(t *testing.T) {
	text := strings.Repeat("%1000000000d", 100)
	b, err := format(nil, &msvcrtDialect, &stringMemory{}, text, func() (uint64, error) { return 0, nil })
	require.ErrorIs(t, err, errTooLong)
	require.Less(t, len(b), maxString+2*maxWidth)
}

func BenchmarkPrintf(b *testing.B) {
	for _, c := range []struct{ name, format string }{{"integer", "%5d %x\n"}, {"double", "%.10f\n"}} {
		b.Run(c.name, func(b *testing.B) {
			buf := make([]byte, 0, 64)
			next := func() (uint64, error) { return math.Float64bits(math.Pi), nil }
			for b.Loop() {
				buf, _ = format(buf[:0], &msvcrtDialect, nil, c.format, next)
			}
		})
	}
}

// No format panics, reads what is no argument or grows without bounds.
func FuzzFormat(f *testing.F) {
	for _, text := range []string{"%d", "%-+ #0*.*llx", "%.300a", "%hs%ls%S", "%1000000000f", "%.-5g", "%I64%I", "%", "%n"} {
		f.Add(text, uint64(0x7ff0000000000000), false)
		f.Add(text, uint64(1), true)
	}
	f.Fuzz(func(t *testing.T, text string, v uint64, wide bool) {
		for _, d := range []dialect{msvcrtDialect, ucrtDialect(v, wide)} {
			m := endlessMemory{}
			b, _ := format(nil, &d, m, text, func() (uint64, error) { return v, nil })
			require.Less(t, len(b), 2*maxString+2*maxWidth)
		}
	})
}

// endlessMemory has an eight-letter string at every address.
type endlessMemory struct{}

func (endlessMemory) Load8(va uint64) (uint8, error)   { return byte(va & 7), nil }
func (endlessMemory) Load16(va uint64) (uint16, error) { return uint16(va & 7), nil }
