package ntmm_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRules has every function and test that the table of doc.go names.
func TestRules(t *testing.T) {
	functions := map[string]bool{}
	for _, dir := range []string{
		".", "../nt", "../trace", "../tests", "../winapi/ntdll", "../winapi/kernel32", "../winapi/crt", "../winapi/msvcrt", "../bench",
	} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?(\w+)[\[(]`).FindAllSubmatch(text, -1) {
				functions[string(m[1])] = true
			}
		}
	}
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(doc), "//\trule ")
	require.True(t, ok)
	rules := 0
	for _, line := range strings.Split(table, "\n")[1:] {
		row, ok := strings.CutPrefix(line, "//\t")
		if !ok {
			break
		}
		require.Greater(t, len(row), 78, row)
		code, tests := strings.Fields(strings.ReplaceAll(row[39:78], ",", " ")), strings.Fields(strings.ReplaceAll(row[78:], ",", " "))
		require.NotEmpty(t, code, row)
		require.NotEmpty(t, tests, row)
		for _, name := range append(code, tests...) {
			require.True(t, functions[name], "%s: no function %s", row[:39], name)
		}
		for _, name := range tests {
			require.Regexp(t, "^(Test|Benchmark)", name)
		}
		rules++
	}
	require.Equal(t, 42, rules)
}
