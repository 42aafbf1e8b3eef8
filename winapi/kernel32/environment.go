package kernel32

import (
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// The environment of the process parameters (processenv.h).
var environmentFuncs = func() (all []nt.UserFunc) {
	all = []nt.UserFunc{
		nt.Func("FreeEnvironmentStringsA", freeEnvironmentStrings),
		nt.Func("FreeEnvironmentStringsW", freeEnvironmentStrings),
		nt.Func("GetEnvironmentStrings", environmentStrings(encoding{1, OEM})),
		nt.Func("GetEnvironmentStringsA", environmentStrings(encoding{1, OEM})), // OEM, as documented
		nt.Func("GetEnvironmentStringsW", environmentStrings(wideText)),
	}
	for _, form := range []struct {
		suffix string
		text   func(*nt.Thread) func(uint64) (string, error)
		enc    encoding
	}{
		{"A", ansiText, narrowText},
		{"W", func(t *nt.Thread) func(uint64) (string, error) { return t.WString }, wideText},
	} {
		text, enc, s := form.text, form.enc, form.suffix
		all = append(all,
			nt.Func("ExpandEnvironmentStrings"+s, func(t *nt.Thread, a *expandArgs) (uint64, error) { return expand(t, a, text(t), enc) }),
			nt.Func("GetEnvironmentVariable"+s, func(t *nt.Thread, a *environmentVariableArgs) (uint64, error) {
				return getEnvironmentVariable(t, a, text(t), enc)
			}),
			nt.Func("SetEnvironmentVariable"+s, func(t *nt.Thread, a *setEnvironmentArgs) (uint64, error) {
				return setEnvironmentVariable(t, a, text(t))
			}),
		)
	}
	return all
}()

// environmentStrings returns a copy of the block, to be freed by FreeEnvironmentStrings.
func environmentStrings(enc encoding) func(*nt.Thread, *noArgs) (uint64, error) {
	return func(t *nt.Thread, _ *noArgs) (uint64, error) {
		env, err := ntdll.ReadEnvironment(t, 0)
		if err != nil {
			return 0, err
		}
		va, _, err := allocateEnvironment(t, env, enc)
		if err == nil && va == 0 {
			return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
		}
		return va, err
	}
}

// allocateEnvironment puts a block of environment strings into the process heap: 0 where there is no room.
func allocateEnvironment(t *nt.Thread, env []string, enc encoding) (va, size uint64, err error) {
	end := make([]byte, enc.unit)
	var b []byte
	for _, entry := range env {
		b = append(append(b, enc.encode(entry)...), end...)
	}
	b = append(b, end...)
	if len(env) == 0 {
		b = append(b, end...) // an empty block has two zeros too
	}
	va, err = ntdll.AllocateHeap(t, 0, 0, uint64(len(b)))
	if err != nil || va == 0 {
		return 0, 0, err
	}
	return va, uint64(len(b)), t.Write(va, b)
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

const errorEnvVarNotFound = 203

// getEnvironmentVariable returns the length of a variable's value, or where the buffer is too small the size that it
// should have.
func getEnvironmentVariable(t *nt.Thread, a *environmentVariableArgs, text func(uint64) (string, error), enc encoding) (uint64, error) {
	name, err := text(a.Name)
	if err != nil {
		return 0, err
	}
	env, err := ntdll.ReadEnvironment(t, 0)
	if err != nil {
		return 0, err
	}
	value, found := env.Lookup(name)
	if !found {
		return fail(t, errorEnvVarNotFound)
	}
	return fitText(t, value, a.Buffer, a.Size, enc)
}

type setEnvironmentArgs struct{ Name, Value uint64 }

// setEnvironmentVariable makes, changes or, where no value is given, removes a variable. The block is sorted by name, and lies in the
// heap from the first change on.
func setEnvironmentVariable(t *nt.Thread, a *setEnvironmentArgs, text func(uint64) (string, error)) (uint64, error) {
	if a.Name == 0 {
		return fail(t, errorEnvVarNotFound)
	}
	name, err := text(a.Name)
	if err != nil {
		return 0, err
	}
	value, err := textAt(a.Value, text)
	if err != nil {
		return 0, err
	}
	if name == "" || strings.Contains(name[1:], "=") {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	env, err := ntdll.ReadEnvironment(t, 0)
	if err != nil {
		return 0, err
	}
	env = slices.DeleteFunc(env, func(entry string) bool {
		n, _ := ntdll.Variable(entry)
		return strings.EqualFold(n, name)
	})
	if a.Value != 0 {
		at := 0
		for at < len(env) && strings.ToUpper(env[at]) < strings.ToUpper(name+"=") {
			at++
		}
		env = slices.Insert(env, at, name+"="+value)
	}
	size := 0
	for _, entry := range env {
		size += len(entry) + 1
	}
	if size > ntdll.MaxEnvironment {
		return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
	}
	return setEnvironment(t, env)
}

// setEnvironment gives the process another block.
func setEnvironment(t *nt.Thread, env []string) (uint64, error) {
	va, size, err := allocateEnvironment(t, env, wideText)
	if err != nil {
		return 0, err
	}
	if va == 0 {
		return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
	}
	params, err := parameters(t)
	if err != nil {
		return 0, err
	}
	if err := t.Store64(params+ntdef.ParamsEnvironment, va); err != nil {
		return 0, err
	}
	if err := t.Store64(params+ntdef.ParamsEnvironmentSize, size); err != nil {
		return 0, err
	}
	s := stateOf(t)
	old := s.environment
	if s.environment = va; old == 0 {
		return 1, nil
	}
	_, err = ntdll.FreeHeap(t, 0, old)
	return 1, err
}

type expandArgs struct {
	Source, Buffer uint64
	Size           uint32 // characters
}

// expand puts values in place of names between percent signs; what is no variable stays. It returns the characters of the result, or
// of what the buffer should have room for, with the zero.
func expand(t *nt.Thread, a *expandArgs, text func(uint64) (string, error), enc encoding) (uint64, error) {
	source, err := text(a.Source)
	if err != nil {
		return 0, err
	}
	env, err := ntdll.ReadEnvironment(t, 0)
	if err != nil {
		return 0, err
	}
	expanded, ok := env.Expand(source)
	if !ok {
		return fail(t, ntdll.ERROR_NOT_ENOUGH_MEMORY)
	}
	n, err := fitText(t, expanded, a.Buffer, a.Size, enc)
	switch {
	case err != nil:
		return 0, err
	case n < uint64(a.Size):
		return n + 1, nil
	}
	return n, ntdll.SetLastError(t, ntdll.ERROR_INSUFFICIENT_BUFFER)
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
