package advapi32_test

import (
	_ "embed"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/advapi32"
	"github.com/pagewalk/pagewalk/winapi/internal/guesttest"
	"github.com/pagewalk/pagewalk/winapi/kernel32"
	"github.com/pagewalk/pagewalk/winapi/msvcrt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// testdata/record.sh builds the program and records what Wine 8 does with it.
var (
	//go:embed testdata/registry.exe
	program []byte
	//go:embed testdata/registry.golden
	golden string
)

func TestRegistryFunctionsAsRecorded(t *testing.T) {
	rest := []*winapi.DLL{kernel32.DLL(), kernel32.KernelBase(), advapi32.DLL(), msvcrt.DLL()}
	o := guesttest.Run(t, program, append([]*winapi.DLL{ntdll.DLL(rest...)}, rest...), nt.Config{})
	require.NoError(t, o.Err)
	require.Empty(t, cmp.Diff(golden, o.Stdout))
	require.Equal(t, uint32(77), o.ExitCode)
	require.Empty(t, o.Stderr)
}
