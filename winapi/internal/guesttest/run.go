// Package guesttest runs guest programs in tests of built-in DLLs.
package guesttest

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi"
)

// Outcome is how a guest ended and what it wrote.
type Outcome struct {
	nt.Result
	Stdout, Stderr string
	Err            error
}

// Run runs a program on a machine that has the given DLLs, ntdll.dll among them. cfg gives what differs from 64 MiB of RAM,
// seed 1 and a limit of 100 million instructions.
func Run(t testing.TB, program []byte, dlls []*winapi.DLL, cfg nt.Config, args ...string) Outcome {
	t.Helper()
	set, err := winapi.Build(dlls)
	require.NoError(t, err)
	var out, errs bytes.Buffer
	cfg.RAMBytes, cfg.Seed, cfg.SystemImages, cfg.UserFuncs = 64<<20, 1, set.Images, set.Funcs
	cfg.Stdout, cfg.Stderr, cfg.MaxInstructions = &out, &errs, 100_000_000
	sys, err := nt.New(cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, sys.Close()) }()
	guest := nt.Program{Path: `C:\guest\guest.exe`, File: bytes.NewReader(program), Size: int64(len(program))}
	_, err = sys.StartProcess(guest, args, []string{"PATH=C:\\Windows\\System32", "Name=value", "TZ=EST5EDT"})
	require.NoError(t, err)
	r, err := sys.Run(context.Background())
	return Outcome{r, out.String(), errs.String(), err}
}

// Exports returns the names that an image exports.
func Exports(t testing.TB, image []byte) []string {
	t.Helper()
	pe, err := loader.ParsePE(bytes.NewReader(image), int64(len(image)))
	require.NoError(t, err)
	exports, err := pe.Exports()
	require.NoError(t, err)
	var names []string
	for _, x := range exports.Functions {
		names = append(names, x.Name)
	}
	return names
}
