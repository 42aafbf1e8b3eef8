package ucrtbase_test

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/internal/guesttest"
	"github.com/pagewalk/pagewalk/winapi/kernel32"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/winapi/ucrtbase"
)

// Built from ../crt/testdata/crt.c by ../crt/testdata/record.sh, which also records what Wine 8's ucrtbase does with it.
var (
	//go:embed testdata/crt.exe
	program []byte
	//go:embed testdata/crt.golden
	golden string
	//go:embed testdata/files.exe
	filesProgram []byte
	//go:embed testdata/files.golden
	filesGolden string
)

func dlls() []*winapi.DLL {
	rest := []*winapi.DLL{kernel32.DLL(), ucrtbase.DLL()}
	return append([]*winapi.DLL{ntdll.DLL(rest...)}, rest...)
}

// Results of the functions, the order of what is written past the buffers, and the exit code are those of another Windows.
func TestFunctionsAsRecorded(t *testing.T) {
	o := guesttest.Run(t, program, dlls(), nt.Config{})
	require.NoError(t, o.Err)
	require.Empty(t, cmp.Diff(golden, o.Stdout))
	require.Equal(t, uint32(9), o.ExitCode)
	require.Equal(t, "yyy\x00\x00\x00", o.Stderr)
}

func TestFilesAsRecorded(t *testing.T) {
	o := guesttest.Run(t, filesProgram, dlls(), nt.Config{Stdin: strings.NewReader("first line\r\nxy more\r\n")})
	require.NoError(t, o.Err)
	require.Empty(t, cmp.Diff(filesGolden, o.Stdout))
	require.Equal(t, uint32(9), o.ExitCode)
}

// What a program has written is seen however it ends, also by _exit, as Microsoft's own DLL has it: the buffers are written out when the
// DLL goes. Only abort loses them, a fast failure. Standard error has none.
func TestHowTheProcessEnds(t *testing.T) {
	const report = "pagewalk: unhandled exception STATUS_STACK_BUFFER_OVERRUN at ucrtbase!abort"
	for _, c := range []struct {
		how            string
		exit           uint32
		stdout, stderr string
	}{
		{"exit", 4, "buffered", ""},
		{"_exit", 5, "buffered", ""},
		{"ExitProcess", 6, "buffered", ""},
		{"raise", 3, "buffered", ""},
		{"abort", 0xc0000409, "", report},
		{"caught abort", 0xc0000409, "bufferedcaught 22\r\n", report},
		{"full", 7, "buffered" + strings.Repeat("x", 5000), ""},
		{"stderr", 8, "buffered", "at once\r\nwhat: No such file or directory\r\n"},
		{"zone", 10, "buffered", "28800 1 PST PDT, 18000 1 EST EDT, EST5EDT value\r\n"},
		{"table", 11, "buffered", "0 0late after 50\r\n 0\r\nrun 100 1\r\n"},
		{"%n", 9, "buffered", "-1 1 22\r\n"},
	} {
		o := guesttest.Run(t, program, dlls(), nt.Config{}, c.how)
		require.NoError(t, o.Err, c.how)
		require.Equal(t, c.exit, o.ExitCode, c.how)
		require.Equal(t, c.stdout, o.Stdout, c.how)
		if c.stderr == report {
			require.Contains(t, o.Stderr, report, c.how)
			continue
		}
		require.Equal(t, c.stderr, o.Stderr, c.how)
	}
}

// Arguments reach main as they were given, whatever is in them.
func TestArguments(t *testing.T) {
	args := []string{"", "a b", `q"uote`, `back\slash\`, `\\"`, "tab\there", `c:\dir\`, `"all"`, "caf\u00e9"}
	o := guesttest.Run(t, program, dlls(), nt.Config{}, append([]string{"exit"}, args...)...)
	require.NoError(t, o.Err)
	require.Equal(t, "[]"+"[a b]"+`[q"uote]`+`[back\slash\]`+`[\\"]`+"[tab\there]"+`[c:\dir\]`+`["all"]`+"[caf\xe9]buffered", o.Stdout)
}

// Both engines run the program alike, to the instruction.
func TestEnginesAgree(t *testing.T) {
	require.Equal(t,
		guesttest.Run(t, program, dlls(), nt.Config{StepOnly: true}),
		guesttest.Run(t, program, dlls(), nt.Config{}))
}
