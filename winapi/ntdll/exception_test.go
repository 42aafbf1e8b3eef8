package ntdll

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

//go:embed testdata/seh.exe
var sehProgram []byte

//go:embed testdata/seh.golden
var sehGolden string

// TestHandlersSeeWhatAnotherWindowsShows compares a program's log of its handlers with that of Debian's Wine 8 (seh.c tells
// how it was built). Three things are left out of the recording, where Windows differs: vectored continue handlers are called
// whoever continues, an __except block finds the exception's code in EAX, and ntdll has setjmp and longjmp, which unwinds
// where the jump buffer names a frame.
func TestHandlersSeeWhatAnotherWindowsShows(t *testing.T) {
	r, out, errs, err := runGuest(t, sehProgram, nt.Config{})
	out, rest, found := strings.Cut(out, "-- not in the recording\n")
	require.NoError(t, err, "%s%s", out, errs)
	require.Empty(t, cmp.Diff(sehGolden, out), errs)
	require.True(t, found)
	require.Equal(t, `skip 0xc0000005 0x0 0x0 0x10
continued 0xc0000005 0x0 0x0 0x10
result 0x7
skip 0xc0000005 0x0 0x0 0x10
continued 0xc0000005 0x0 0x0 0x10
result 0x7
take 0xe0000001 0x0 0x1
code 0xe0000001
setjmp 0x0
setjmp 0x1
setjmp 0xc
setjmp 0x0
finally 0x1
setjmp 0x1
finally 0x1
setjmp 0xc
`, rest)
	require.Equal(t, uint32(42), r.ExitCode)
	require.Empty(t, errs)
}

// TestBothEnginesHandleExceptionsAlike compares output and instruction count.
func TestBothEnginesHandleExceptionsAlike(t *testing.T) {
	fast, fastOut, _, err := runGuest(t, sehProgram, nt.Config{})
	require.NoError(t, err)
	slow, slowOut, _, err := runGuest(t, sehProgram, nt.Config{StepOnly: true})
	require.NoError(t, err)
	require.Equal(t, slowOut, fastOut)
	require.Equal(t, slow, fast)
}

// TestHowAProcessEnds states exit code, exception and output for exceptions that reach the end of the stack.
func TestHowAProcessEnds(t *testing.T) {
	for _, c := range []struct {
		how, name string
		exit      uint32
		out       string
		exception ntdef.Status
		report    string
	}{{
		"1", "a filter takes the exception", uint32(ntdef.STATUS_ACCESS_VIOLATION), "filter 0xc0000005 0x0 0x0 0x10\n", 0, "",
	}, {
		"2", "a filter passes", uint32(ntdef.STATUS_ACCESS_VIOLATION), "filter 0xc0000005 0x0 0x0 0x10\n",
		ntdef.STATUS_ACCESS_VIOLATION, "unhandled exception STATUS_ACCESS_VIOLATION at guest.exe+0x10c4",
	}, {
		"3", "a filter continues", 3, "skip 0xc0000005 0x0 0x0 0x10\nresult 0x7\n", 0, "",
	}, {
		"4", "a block is freed twice: no handler is asked", uint32(ntdef.STATUS_HEAP_CORRUPTION), "",
		ntdef.STATUS_HEAP_CORRUPTION, "unhandled exception STATUS_HEAP_CORRUPTION at guest.exe!sub_",
	}, {
		"5", "a stack overflow is an exception like others", 5, "overflowed 0xc00000fd\nresult 0xe5c\n", 0, "",
	}} {
		t.Run(c.name, func(t *testing.T) {
			r, out, errs, err := runGuest(t, sehProgram, nt.Config{}, c.how)
			require.NoError(t, err)
			require.Equal(t, c.out, out, errs)
			require.Equal(t, c.exit, r.ExitCode)
			if c.exception == 0 {
				require.Nil(t, r.Exception)
				require.Empty(t, errs)
				return
			}
			require.NotNil(t, r.Exception)
			require.Equal(t, c.exception, r.Exception.Code)
			require.Contains(t, errs, c.report)
		})
	}
}
