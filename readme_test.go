package pagewalk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadmeCommands executes every command of README.md. The one that runs all tests is this test's own caller: that it is
// the gate's last step is checked instead.
func TestReadmeCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the program several times")
	}
	const everything = "go test ./..."
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var commands []string
	for i, block := range strings.Split(string(text), "```sh\n") {
		if i == 0 {
			continue
		}
		body, _, ok := strings.Cut(block, "```")
		require.True(t, ok)
		commands = append(commands, strings.Split(strings.TrimSpace(body), "\n")...)
	}
	require.Greater(t, len(commands), 5)
	want := map[string]string{
		commands[0]: "hello, world", // the first command prints the program's output
	}
	gate, err := os.ReadFile(".ci/run")
	require.NoError(t, err)
	for _, c := range commands {
		if c == everything {
			require.True(t, strings.HasSuffix(string(gate), "\n"+everything+"\n"))
			continue
		}
		out, err := exec.Command("go", fields(c)[1:]...).CombinedOutput()
		if strings.Contains(c, "pagewalk boot") { // the kernel leaves by the exit port, whose codes are odd
			require.ErrorContains(t, err, "exit status 1")
			if strings.Contains(c, "chase.elf") {
				require.Contains(t, string(out), "\n64 118 0 0\n76 818 100 0\n", "the first level of Zen 4 ends at 72 pages")
				continue
			}
			require.Contains(t, string(out), "64-bit\ntick")
			require.Contains(t, string(out), "exit status 33")
			continue
		}
		require.NoError(t, err, "%s\n%s", c, out)
		require.Contains(t, string(out), want[c])
		if strings.Contains(c, "--trace faults") && !strings.Contains(c, "jsonl") {
			require.Contains(t, string(out), "→ demand-zero: private READWRITE")
		}
	}
}

// fields splits a command line with single quotes.
func fields(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// TestReadmeTrace holds the trace that README.md shows to the one that the tests record. With -update the lines of the same
// instructions take their places: frame numbers move when a system DLL grows by a page.
func TestReadmeTrace(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	recorded, err := os.ReadFile(filepath.Join("tests", "testdata", "vm.trace"))
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	n := 0
	for i, line := range lines {
		if !strings.HasPrefix(line, "ic ") {
			continue
		}
		event, _, _ := strings.Cut(line, "PTE")
		if at := strings.Index(string(recorded), event); *update && at >= 0 {
			lines[i], _, _ = strings.Cut(string(recorded[at:]), "\n")
		}
		require.Contains(t, string(recorded), lines[i]+"\n")
		n++
	}
	require.Equal(t, 4, n)
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(strings.Join(lines, "\n")), 0o644))
	}
}
