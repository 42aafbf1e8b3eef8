package crt

import (
	"encoding/binary"
	"strings"

	"golang.org/x/text/encoding/charmap"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/kernel32"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// ansi turns text into the bytes of code page 1252.
func ansi(s string) []byte {
	b := make([]byte, 0, len(s)+1)
	for _, r := range s {
		c, ok := charmap.Windows1252.EncodeRune(r)
		if !ok {
			c = '?'
		}
		b = append(b, c)
	}
	return b
}

// initArguments builds argv, the environment and the variables that show them.
func (s *state) initArguments(t *nt.Thread) error {
	line, err := kernel32.CommandLine(t)
	if err != nil {
		return err
	}
	args := ParseCommandLine(line)
	s.argc = uint32(len(args))
	if s.argv, err = vector(t, args); err != nil {
		return err
	}
	env, err := environment(t)
	if err != nil {
		return err
	}
	if s.envp, err = vector(t, env); err != nil {
		return err
	}
	acmdln, err := alloc(t, append(ansi(line), 0))
	if err != nil {
		return err
	}
	for name, v := range map[string]uint64{"_acmdln": acmdln, "__initenv": s.envp} {
		va, err := s.address(t, name)
		if err != nil {
			return err
		}
		if err := t.Store64(va, v); err != nil {
			return err
		}
	}
	return nil
}

// vector makes a NULL-terminated array of strings.
func vector(t *nt.Thread, list []string) (uint64, error) {
	pointers := 8 * (len(list) + 1)
	b := make([]byte, pointers)
	offsets := make([]int, len(list))
	for i, s := range list {
		offsets[i] = len(b)
		b = append(append(b, ansi(s)...), 0)
	}
	va, err := alloc(t, b)
	if err != nil {
		return 0, err
	}
	for i, off := range offsets {
		binary.LittleEndian.PutUint64(b[8*i:], va+uint64(off))
	}
	return va, t.Write(va, b[:pointers])
}

// environment reads the environment block of the process parameters.
func environment(t *nt.Thread) ([]string, error) {
	params, err := t.Load64(t.Process().PEB() + ntdef.PebProcessParameters)
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

// ParseCommandLine splits a command line into arguments by the C run-time's rules: white space separates, quotes group, a
// backslash is itself except before a quote, where two make one and an odd one makes the quote literal; a doubled quote
// inside quotes is a literal one ("Parsing C command-line arguments", Microsoft C++ documentation).
func ParseCommandLine(line string) []string {
	var args []string
	// The program's name has no escapes: it ends at the closing quote or at white space.
	name := line
	rest := ""
	if strings.HasPrefix(line, `"`) {
		name, rest, _ = strings.Cut(line[1:], `"`)
	} else if i := strings.IndexAny(line, " \t"); i >= 0 {
		name, rest = line[:i], line[i:]
	}
	args = append(args, name)
	for i := 0; i < len(rest); {
		if rest[i] == ' ' || rest[i] == '\t' {
			i++
			continue
		}
		var arg []byte
		arg, i = parseArgument(rest, i)
		args = append(args, string(arg))
	}
	return args
}

func parseArgument(s string, i int) (arg []byte, next int) {
	quoted := false
	for i < len(s) && (quoted || s[i] != ' ' && s[i] != '\t') {
		slashes := 0
		for i < len(s) && s[i] == '\\' {
			slashes++
			i++
		}
		if i == len(s) || s[i] != '"' {
			arg = append(arg, strings.Repeat(`\`, slashes)...)
			if slashes == 0 {
				arg = append(arg, s[i])
				i++
			}
			continue
		}
		arg = append(arg, strings.Repeat(`\`, slashes/2)...)
		switch {
		case slashes%2 != 0:
			arg = append(arg, '"')
		case quoted && i+1 < len(s) && s[i+1] == '"':
			arg = append(arg, '"')
			i++
		default:
			quoted = !quoted
		}
		i++
	}
	return arg, i
}

type initTermArgs struct{ First, Last uint64 }

// initTerm calls the functions of a table in order, skipping NULL.
func initTerm(t *nt.Thread, a *initTermArgs) (uint64, error) {
	for at := a.First; at < a.Last; at += 8 {
		fn, err := t.Load64(at)
		if err != nil {
			return 0, err
		}
		if fn == 0 {
			continue
		}
		if _, err := t.Call(fn); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// runOnExit calls the registered functions, last registered first; each is called once, also when one of them exits.
func (s *state) runOnExit(t *nt.Thread) error {
	for len(s.onexit) > 0 {
		fn := s.onexit[len(s.onexit)-1]
		s.onexit = s.onexit[:len(s.onexit)-1]
		if _, err := t.Call(fn); err != nil {
			return err
		}
	}
	s.flush(t)
	return nil
}

// exit is exit(): functions, streams, process.
func (s *state) exit(t *nt.Thread, code uint32) error {
	if err := s.runOnExit(t); err != nil {
		return err
	}
	return ntdll.ExitProcess(t, code)
}
