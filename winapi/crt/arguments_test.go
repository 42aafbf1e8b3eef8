package crt

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The examples of "Parsing C command-line arguments" (Microsoft C++ documentation), and what its rules imply.
func TestParseCommandLine(t *testing.T) {
	for line, want := range map[string][]string{
		`prog "abc" d e`:                   {"prog", "abc", "d", "e"},
		`prog a\\b d"e f"g h`:              {"prog", `a\\b`, "de fg", "h"},
		`prog a\\\"b c d`:                  {"prog", `a\"b`, "c", "d"},
		`prog a\\\\"b c" d e`:              {"prog", `a\\b c`, "d", "e"},
		`prog a"b"" c d`:                   {"prog", `ab" c d`},
		`"C:\Program Files\p.exe" x`:       {`C:\Program Files\p.exe`, "x"},
		`C:\p\`:                            {`C:\p\`},
		"prog \t a\tb  ":                   {"prog", "a", "b"},
		`prog "" ""`:                       {"prog", "", ""},
		`prog "unclosed arg`:               {"prog", "unclosed arg"},
		`prog """quoted""" """`:            {"prog", `"quoted"`, `"`},
		``:                                 {""},
		`"C:\with" quotes in name" second`: {`C:\with`, "quotes", "in", "name second"},
	} {
		require.Equal(t, want, ParseCommandLine(line), line)
	}
}
