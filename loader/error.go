package loader

import "fmt"

// Kind says what is wrong with a file.
type Kind uint8

// The kinds.
const (
	Malformed     Kind = iota // a PE image with impossible values
	NotMZ                     // no DOS header
	NotPE                     // a DOS header without PE headers
	WrongMachine              // a PE image for another processor, or 32-bit
	Truncated                 // the file ends too early
	NotExecutable             // an object of another kind: ELF, a script, nothing at all
)

// A FormatError says why a file is not an image that can be loaded.
type FormatError struct {
	Kind   Kind
	Reason string
}

// Error returns the reason.
func (e *FormatError) Error() string { return e.Reason }

func errorf(kind Kind, format string, args ...any) error {
	return &FormatError{kind, fmt.Sprintf(format, args...)}
}
