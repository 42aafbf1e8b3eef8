package kernel32

import (
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// The environment of the process parameters (processenv.h).
var environmentFuncs = []nt.UserFunc{
	nt.Func("FreeEnvironmentStringsW", freeEnvironmentStrings),
	nt.Func("GetEnvironmentStringsW", getEnvironmentStringsW),
	nt.Func("GetEnvironmentVariableA", func(t *nt.Thread, a *environmentVariableArgs) (uint64, error) {
		return getEnvironmentVariable(t, a, t.CString, narrowText)
	}),
	nt.Func("GetEnvironmentVariableW", func(t *nt.Thread, a *environmentVariableArgs) (uint64, error) {
		return getEnvironmentVariable(t, a, t.WString, wideText)
	}),
}

// Environment returns the environment's entries, NAME=value.
func Environment(t *nt.Thread) ([]string, error) {
	params, err := parameters(t)
	if err != nil {
		return nil, err
	}
	at, err := t.Load64(params + ntdef.ParamsEnvironment)
	if err != nil {
		return nil, err
	}
	var env []string
	for {
		s, err := t.WString(at)
		if err != nil || s == "" {
			return env, err
		}
		env = append(env, s)
		at += uint64(len(nt.EncodeUTF16(s))) + 2
	}
}

// getEnvironmentStringsW returns a copy of the block, to be freed by FreeEnvironmentStringsW.
func getEnvironmentStringsW(t *nt.Thread, _ *noArgs) (uint64, error) {
	env, err := Environment(t)
	if err != nil {
		return 0, err
	}
	var b []byte
	for _, entry := range env {
		b = append(append(b, nt.EncodeUTF16(entry)...), 0, 0)
	}
	b = append(b, 0, 0)
	if len(env) == 0 {
		b = append(b, 0, 0) // an empty block has two zeros too
	}
	va, err := ntdll.AllocateHeap(t, 0, 0, uint64(len(b)))
	if err != nil {
		return 0, err
	}
	if va == 0 {
		return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
	}
	return va, t.Write(va, b)
}

type environmentStringsArgs struct{ Strings uint64 }

func freeEnvironmentStrings(t *nt.Thread, a *environmentStringsArgs) (uint64, error) {
	ok, err := ntdll.FreeHeap(t, 0, a.Strings)
	return truth(ok), err
}

type environmentVariableArgs struct {
	Name   uint64
	Buffer uint64
	Size   uint32 // characters
}

// getEnvironmentVariable returns the length of a variable's value, or where the buffer is too small the size that it
// should have. Names have no case.
func getEnvironmentVariable(t *nt.Thread, a *environmentVariableArgs, text func(uint64) (string, error), enc encoding) (uint64, error) {
	const errorEnvVarNotFound = 203
	name, err := text(a.Name)
	if err != nil {
		return 0, err
	}
	env, err := Environment(t)
	if err != nil {
		return 0, err
	}
	for _, entry := range env {
		if len(entry) <= len(name) || entry[len(name)] != '=' || !strings.EqualFold(entry[:len(name)], name) {
			continue
		}
		b := enc.encode(entry[len(name)+1:])
		n := uint64(len(b) / enc.unit)
		if n+1 > uint64(a.Size) {
			return n + 1, nil
		}
		return n, t.Write(a.Buffer, append(b, make([]byte, enc.unit)...))
	}
	return fail(t, errorEnvVarNotFound)
}

// encoding is how the A or the W form of a function writes text.
type encoding struct {
	unit   int // bytes of a character
	encode func(string) []byte
}

var (
	narrowText = encoding{1, ANSI}
	wideText   = encoding{2, nt.EncodeUTF16}
)
