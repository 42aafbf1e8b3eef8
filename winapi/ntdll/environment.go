package ntdll

import (
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// An Environment is the entries, NAME=value, of a block of environment strings.
type Environment []string

// MaxEnvironment bounds what is read and made of an environment, in characters: what a process can be given.
const MaxEnvironment = 2 << 20

// ReadEnvironment reads a block of UTF-16; 0 is the process's own, that of its parameters.
func ReadEnvironment(t *nt.Thread, va uint64) (env Environment, err error) {
	if va == 0 {
		params, err := t.Load64(t.Process().PEB() + ntdef.PebProcessParameters)
		if err != nil {
			return nil, err
		}
		if va, err = t.Load64(params + ntdef.ParamsEnvironment); err != nil {
			return nil, err
		}
	}
	for end := va + 2*MaxEnvironment; va < end; {
		s, err := t.WString(va)
		if err != nil || s == "" {
			return env, err
		}
		env = append(env, s)
		va += uint64(len(nt.EncodeUTF16(s))) + 2
	}
	return env, nil
}

// Variable splits an entry. A name may begin with the character that ends it: =C:=C:\folder.
func Variable(entry string) (name, value string) {
	if i := strings.IndexByte(entry[min(1, len(entry)):], '='); i >= 0 {
		return entry[:i+1], entry[i+2:]
	}
	return entry, ""
}

// Lookup finds a variable, whose name has no case.
func (e Environment) Lookup(name string) (value string, found bool) {
	for _, entry := range e {
		if n, v := Variable(entry); strings.EqualFold(n, name) {
			return v, true
		}
	}
	return "", false
}

// Expand puts values in place of names between percent signs; what is no variable stays. It reports whether the text that this makes is
// within MaxEnvironment.
func (e Environment) Expand(text string) (expanded string, ok bool) {
	var b strings.Builder
	for text != "" {
		if text[0] == '%' {
			if name, rest, ok := strings.Cut(text[1:], "%"); ok {
				if value, found := e.Lookup(name); found {
					b.WriteString(value)
					text = rest
					continue
				}
			}
		}
		n := strings.IndexByte(text[1:], '%') + 1
		if n == 0 {
			n = len(text)
		}
		b.WriteString(text[:n])
		text = text[n:]
		if b.Len() > MaxEnvironment {
			return "", false
		}
	}
	return b.String(), true
}
