package msvcrt_test

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
	"github.com/pagewalk/pagewalk/winapi/msvcrt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Built from ../crt/testdata/crt.c by ../crt/testdata/record.sh, which also records what Wine 8's msvcrt does with it.
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
	rest := []*winapi.DLL{kernel32.DLL(), msvcrt.DLL()}
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

// What a program has written is seen or lost by how it ends, as documented: exit and the process's end write the buffers
// out, _exit, an unhandled signal and abort do not; standard error has none.
func TestHowTheProcessEnds(t *testing.T) {
	for _, c := range []struct {
		how            string
		exit           uint32
		stdout, stderr string
	}{
		{"exit", 4, "buffered", ""},
		{"_exit", 5, "", ""},
		{"ExitProcess", 6, "buffered", ""},
		{"raise", 3, "", ""},
		{"abort", 3, "", "\r\nabnormal program termination\r\n"},
		{"caught abort", 3, "bufferedcaught 22\r\n", "\r\nabnormal program termination\r\n"},
		{"full", 7, "buffered" + strings.Repeat("x", 4096-len("buffered")), ""},
		{"stderr", 8, "", "at once\r\nwhat: No such file or directory\r\n"},
		{"zone", 10, "", "28800 1 PST PDT, 18000 1 EST EDT, EST5EDT value\r\n"},
		{"%n", 9, "", "-1 1 22\r\n"},
	} {
		o := guesttest.Run(t, program, dlls(), nt.Config{}, c.how)
		require.NoError(t, o.Err, c.how)
		require.Equal(t, c.exit, o.ExitCode, c.how)
		require.Equal(t, c.stdout, o.Stdout, c.how)
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
