package crt

import (
	"errors"

	"github.com/pagewalk/pagewalk/nt"
)

const eof = 0xffffffff // -1 as an int

// Stdio returns the functions of stdio.h that both run-times export under the same names.
func Stdio(f Flavor) []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("fwrite", func(t *nt.Thread, a *fwriteArgs) (uint64, error) { return stateOf(t, f).fwrite(t, a) }),
		nt.Func("fputc", func(t *nt.Thread, a *putcArgs) (uint64, error) {
			return stateOf(t, f).putc(t, a.Char, a.File)
		}),
		nt.Func("putc", func(t *nt.Thread, a *putcArgs) (uint64, error) {
			return stateOf(t, f).putc(t, a.Char, a.File)
		}),
		nt.Func("putchar", func(t *nt.Thread, a *putcharArgs) (uint64, error) {
			s := stateOf(t, f)
			return s.putc(t, a.Char, s.iob+fileSize)
		}),
		nt.Func("fputs", func(t *nt.Thread, a *fputsArgs) (uint64, error) {
			return stateOf(t, f).puts(t, a.Text, a.File, "")
		}),
		nt.Func("puts", func(t *nt.Thread, a *putsArgs) (uint64, error) {
			s := stateOf(t, f)
			return s.puts(t, a.Text, s.iob+fileSize, "\n")
		}),
		nt.Func("fflush", func(t *nt.Thread, a *fileArgs) (uint64, error) { return stateOf(t, f).fflush(t, a.File) }),
	}
}

// Printf returns msvcrt's printf family.
func Printf() []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("printf", func(t *nt.Thread, a *printfArgs) (uint64, error) {
			s := stateOf(t, MSVCRT)
			return s.printf(t, s.iob+fileSize, a.Format, &a.Args)
		}),
		nt.Func("fprintf", func(t *nt.Thread, a *fprintfArgs) (uint64, error) {
			return stateOf(t, MSVCRT).printf(t, a.File, a.Format, &a.Args)
		}),
		nt.Func("vfprintf", func(t *nt.Thread, a *vfprintfArgs) (uint64, error) {
			args := nt.VarArgsAt(a.Args)
			return stateOf(t, MSVCRT).printf(t, a.File, a.Format, &args)
		}),
	}
}

// CommonPrintf returns the UCRT's one function behind the printf family.
func CommonPrintf() []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("__stdio_common_vfprintf", func(t *nt.Thread, a *commonVfprintfArgs) (uint64, error) {
			args := nt.VarArgsAt(a.Args)
			return stateOf(t, UCRT).printf(t, a.File, a.Format, &args)
		}),
	}
}

type (
	fwriteArgs struct {
		Buffer, Size, Count, File uint64
	}
	putcArgs struct {
		Char uint32
		File uint64
	}
	putcharArgs struct{ Char uint32 }
	fputsArgs   struct{ Text, File uint64 }
	putsArgs    struct{ Text uint64 }
	fileArgs    struct{ File uint64 }
	printfArgs  struct {
		Format uint64
		Args   nt.VarArgs
	}
	fprintfArgs struct {
		File, Format uint64
		Args         nt.VarArgs
	}
	vfprintfArgs       struct{ File, Format, Args uint64 }
	commonVfprintfArgs struct{ Options, File, Format, Locale, Args uint64 }
)

func (s *state) fwrite(t *nt.Thread, a *fwriteArgs) (uint64, error) {
	st, err := s.stream(t, a.File)
	if err != nil || a.Size == 0 || a.Count == 0 {
		return 0, err
	}
	if a.Count > maxString/a.Size {
		return 0, t.Stop("fwrite of %d elements of %d bytes", a.Count, a.Size)
	}
	b := make([]byte, a.Size*a.Count)
	if err := t.Read(a.Buffer, b); err != nil {
		return 0, err
	}
	if !st.write(t, b) {
		return 0, s.setErrno(t, eio)
	}
	return a.Count, nil
}

func (s *state) putc(t *nt.Thread, c uint32, file uint64) (uint64, error) {
	st, err := s.stream(t, file)
	if err != nil {
		return 0, err
	}
	if !st.write(t, []byte{byte(c)}) {
		return eof, s.setErrno(t, eio)
	}
	return uint64(c & 0xff), nil
}

func (s *state) puts(t *nt.Thread, text, file uint64, end string) (uint64, error) {
	st, err := s.stream(t, file)
	if err != nil {
		return 0, err
	}
	line, err := t.CString(text)
	if err != nil {
		return 0, err
	}
	if !st.write(t, []byte(line+end)) {
		return eof, s.setErrno(t, eio)
	}
	return 0, nil
}

func (s *state) fflush(t *nt.Thread, file uint64) (uint64, error) {
	ok := true
	if file == 0 {
		ok = s.flush(t)
	} else {
		st, err := s.stream(t, file)
		if err != nil {
			return 0, err
		}
		ok = st.flush(t)
	}
	if !ok {
		return eof, nil
	}
	return 0, nil
}

// printf formats and writes; it returns the number of characters, or -1.
func (s *state) printf(t *nt.Thread, file, format uint64, args *nt.VarArgs) (uint64, error) {
	st, err := s.stream(t, file)
	if err != nil {
		return 0, err
	}
	text, err := t.CString(format)
	if err != nil {
		return 0, err
	}
	b, err := Format(nil, s.flavor, t, text, func() (uint64, error) { return args.Next(t) })
	if errors.Is(err, errFormat) {
		return eof, s.setErrno(t, einval)
	}
	if err != nil {
		return 0, err
	}
	if !st.write(t, b) {
		return eof, s.setErrno(t, eio)
	}
	return uint64(len(b)), nil
}
