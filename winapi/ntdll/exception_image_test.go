package ntdll

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi"
)

// runGuest runs a program that imports ntdll.dll only.
func runGuest(t testing.TB, program []byte, cfg nt.Config, args ...string) (r nt.Result, stdout, stderr string, err error) {
	t.Helper()
	guest := nt.Program{Path: `C:\guest\guest.exe`, File: bytes.NewReader(program), Size: int64(len(program))}
	return runProgram(t, guest, cfg, args...)
}

// runProgram runs a program that imports ntdll.dll and what lies beside it.
func runProgram(t testing.TB, guest nt.Program, cfg nt.Config, args ...string) (r nt.Result, stdout, stderr string, err error) {
	t.Helper()
	set, err := winapi.Build([]*winapi.DLL{DLL()})
	require.NoError(t, err)
	var out, errs bytes.Buffer
	cfg.RAMBytes, cfg.Seed, cfg.SystemImages, cfg.UserFuncs = 64<<20, 1, set.Images, set.Funcs
	cfg.Stdout, cfg.Stderr, cfg.MaxInstructions = &out, &errs, 50_000_000
	sys, err := nt.New(cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, sys.Close()) }()
	_, err = sys.StartProcess(guest, args, nil)
	require.NoError(t, err)
	r, err = sys.Run(context.Background())
	return r, out.String(), errs.String(), err
}
