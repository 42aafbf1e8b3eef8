package crt

import (
	"errors"

	"github.com/pagewalk/pagewalk/nt"
)

// Printf returns msvcrt's printf family.
func Printf() []nt.UserFunc {
	return []nt.UserFunc{
		bind(MSVCRT, "_snprintf", func(s *state, t *nt.Thread, a *snprintfArgs) (uint64, error) {
			return s.printString(t, &msvcrtDialect, optionLegacyVsprintfTermination, a.Buffer, a.Count, a.Format, &a.Args)
		}),
		bind(MSVCRT, "_vsnprintf", func(s *state, t *nt.Thread, a *vsnprintfArgs) (uint64, error) {
			args := nt.VarArgsAt(a.Args)
			return s.printString(t, &msvcrtDialect, optionLegacyVsprintfTermination, a.Buffer, a.Count, a.Format, &args)
		}),
		bind(MSVCRT, "fprintf", func(s *state, t *nt.Thread, a *fprintfArgs) (uint64, error) {
			return s.print(t, &msvcrtDialect, a.File, a.Format, &a.Args)
		}),
		bind(MSVCRT, "printf", func(s *state, t *nt.Thread, a *printfArgs) (uint64, error) {
			return s.print(t, &msvcrtDialect, s.file(1), a.Format, &a.Args)
		}),
		bind(MSVCRT, "sprintf", func(s *state, t *nt.Thread, a *sprintfArgs) (uint64, error) {
			return s.printString(t, &msvcrtDialect, 0, a.Buffer, unlimited, a.Format, &a.Args)
		}),
		bind(MSVCRT, "vfprintf", func(s *state, t *nt.Thread, a *vfprintfArgs) (uint64, error) {
			args := nt.VarArgsAt(a.Args)
			return s.print(t, &msvcrtDialect, a.File, a.Format, &args)
		}),
		bind(MSVCRT, "vprintf", func(s *state, t *nt.Thread, a *vprintfArgs) (uint64, error) {
			args := nt.VarArgsAt(a.Args)
			return s.print(t, &msvcrtDialect, s.file(1), a.Format, &args)
		}),
		bind(MSVCRT, "vsprintf", func(s *state, t *nt.Thread, a *vsprintfArgs) (uint64, error) {
			args := nt.VarArgsAt(a.Args)
			return s.printString(t, &msvcrtDialect, 0, a.Buffer, unlimited, a.Format, &args)
		}),
	}
}

// CommonPrintf returns the UCRT's functions behind the printf family, which stdio.h's inline functions call.
func CommonPrintf() []nt.UserFunc {
	return []nt.UserFunc{
		bind(UCRT, "__stdio_common_vfprintf", func(s *state, t *nt.Thread, a *commonVfprintfArgs) (uint64, error) {
			d := ucrtDialect(a.Options, false)
			args := nt.VarArgsAt(a.Args)
			return s.print(t, &d, a.File, a.Format, &args)
		}),
		bind(UCRT, "__stdio_common_vfwprintf", func(s *state, t *nt.Thread, a *commonVfprintfArgs) (uint64, error) {
			d := ucrtDialect(a.Options, true)
			args := nt.VarArgsAt(a.Args)
			return s.print(t, &d, a.File, a.Format, &args)
		}),
		bind(UCRT, "__stdio_common_vsprintf", func(s *state, t *nt.Thread, a *commonVsprintfArgs) (uint64, error) {
			d := ucrtDialect(a.Options, false)
			args := nt.VarArgsAt(a.Args)
			return s.printString(t, &d, a.Options, a.Buffer, a.Count, a.Format, &args)
		}),
	}
}

type (
	printfArgs struct {
		Format uint64
		Args   nt.VarArgs
	}
	fprintfArgs struct {
		File, Format uint64
		Args         nt.VarArgs
	}
	sprintfArgs struct {
		Buffer, Format uint64
		Args           nt.VarArgs
	}
	snprintfArgs struct {
		Buffer, Count, Format uint64
		Args                  nt.VarArgs
	}
	vprintfArgs        struct{ Format, Args uint64 }
	vfprintfArgs       struct{ File, Format, Args uint64 }
	vsprintfArgs       struct{ Buffer, Format, Args uint64 }
	vsnprintfArgs      struct{ Buffer, Count, Format, Args uint64 }
	commonVfprintfArgs struct{ Options, File, Format, Locale, Args uint64 }
	commonVsprintfArgs struct{ Options, Buffer, Count, Format, Locale, Args uint64 }
)

// text formats; failed says that errno was set and the function returns -1.
func (s *state) text(t *nt.Thread, d *dialect, formatVA uint64, args *nt.VarArgs) (b []byte, failed bool, err error) {
	if formatVA == 0 {
		return nil, true, s.setErrno(t, einval)
	}
	spec, err := s.formatText(t, d, formatVA)
	if err == nil {
		s.scratch, err = format(s.scratch[:0], d, t, spec, func() (uint64, error) { return args.Next(t) })
	}
	switch {
	case errors.Is(err, errFormat):
		return nil, true, s.setErrno(t, einval)
	case errors.Is(err, errCharacter):
		return nil, true, s.setErrno(t, eilseq)
	case errors.Is(err, errTooLong):
		return nil, true, t.Stop("%v", err)
	}
	return s.scratch, false, err
}

// formatText reads a format; a wide one in the bytes of the C locale.
func (s *state) formatText(t *nt.Thread, d *dialect, va uint64) (string, error) {
	if !d.wide {
		b, err := text(t, va)
		return string(b), err
	}
	var b []byte
	for len(b) < maxString {
		u, err := t.Load16(va)
		switch {
		case err != nil:
			return "", err
		case u == 0:
			return string(b), nil
		case u > 0xff:
			return "", errCharacter
		}
		b = append(b, byte(u))
		va += 2
	}
	return string(b), nil
}

// print formats to a stream; it returns the number of characters, or -1.
func (s *state) print(t *nt.Thread, d *dialect, file, formatVA uint64, args *nt.VarArgs) (uint64, error) {
	st, err := s.stream(t, file)
	if err != nil {
		return 0, err
	}
	b, failed, err := s.text(t, d, formatVA, args)
	if failed || err != nil {
		return eof, err
	}
	if !st.write(t, b) {
		return eof, s.setErrno(t, eio)
	}
	return uint64(len(b)), nil
}

// printString formats to memory of count bytes. What does not fit is cut off: a caller that asks for standard behaviour
// gets the length of the whole and always a terminator; under the legacy option, that of _vsnprintf, -1 and no
// terminator, which is also missing where the text just fits; else -1 and a terminator.
func (s *state) printString(t *nt.Thread, d *dialect, options, buffer, count, formatVA uint64, args *nt.VarArgs) (uint64, error) {
	b, failed, err := s.text(t, d, formatVA, args)
	if failed || err != nil {
		return eof, err
	}
	n := uint64(len(b))
	if buffer == 0 {
		if count != 0 {
			return eof, s.setErrno(t, einval)
		}
		return n, nil
	}
	legacy := options&optionLegacyVsprintfTermination != 0
	switch {
	case n < count:
		return n, t.Write(buffer, append(b, 0))
	case legacy && n == count:
		return n, t.Write(buffer, b)
	case legacy:
		return eof, t.Write(buffer, b[:count])
	}
	if count > 0 {
		b[count-1] = 0
		if err := t.Write(buffer, b[:count]); err != nil {
			return 0, err
		}
	}
	if options&optionStandardSnprintf != 0 {
		return n, nil
	}
	return eof, nil
}
