package crt

import (
	"encoding/binary"
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi/kernel32"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// initArguments builds argv, the environment and the variables that show them.
func (s *state) initArguments(t *nt.Thread) error {
	line, err := kernel32.CommandLine(t)
	if err != nil {
		return err
	}
	args := ParseCommandLine(line)
	s.argc = uint32(len(args))
	if s.argv, err = vector(t, args, kernel32.ANSI); err != nil {
		return err
	}
	env, err := ntdll.ReadEnvironment(t, 0)
	if err != nil {
		return err
	}
	if s.envp, err = vector(t, env, kernel32.ANSI); err != nil {
		return err
	}
	acmdln, err := alloc(t, append(kernel32.ANSI(line), 0))
	if err != nil {
		return err
	}
	if err := t.Store64(s.vars.acmdln, acmdln); err != nil {
		return err
	}
	return t.Store64(s.vars.initenv, s.envp)
}

// arguments returns the program's arguments.
func arguments(t *nt.Thread) ([]string, error) {
	line, err := kernel32.CommandLine(t)
	return ParseCommandLine(line), err
}

// wide turns text into UTF-16.
func wide(s string) []byte { return nt.EncodeUTF16(s) }

// vector makes a NULL-terminated array of strings in the given encoding.
func vector(t *nt.Thread, list []string, encode func(string) []byte) (uint64, error) {
	pointers := 8 * (len(list) + 1)
	b := make([]byte, pointers)
	offsets := make([]int, len(list))
	for i, s := range list {
		offsets[i] = len(b)
		b = append(append(b, encode(s)...), 0, 0)
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
