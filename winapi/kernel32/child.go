package kernel32

import (
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Child processes and the pipes to them (processthreadsapi.h, namedpipeapi.h).
var childFuncs = []nt.UserFunc{
	nt.Func("CreatePipe", createPipe),
	nt.Func("CreateProcessA", func(t *nt.Thread, a *createProcessArgs) (uint64, error) {
		return createProcess(t, a, ansiText(t), false)
	}),
	nt.Func("CreateProcessW", func(t *nt.Thread, a *createProcessArgs) (uint64, error) { return createProcess(t, a, t.WString, true) }),
	nt.Func("GetHandleInformation", getHandleInformation),
	nt.Func("PeekNamedPipe", peekNamedPipe),
	nt.Func("SetHandleInformation", setHandleInformation),
}

type createProcessArgs struct {
	Application, CommandLine        uint64
	ProcessSecurity, ThreadSecurity uint64
	Inherit                         bool
	Flags                           uint32
	Environment, Directory          uint64
	StartupInfo, ProcessInformation uint64
}

// createProcess finds the program, in the application's name or in the first word of the command line, and starts it. A relative name
// is looked for in the program's folder, the current one and on the path, .exe added where it has no extension.
func createProcess(t *nt.Thread, a *createProcessArgs, text func(uint64) (string, error), wide bool) (uint64, error) {
	const suspended, unicodeEnvironment, defaultErrorMode, useStdHandles = 4, 0x400, 0x0400_0000, 0x100
	app, err := textAt(a.Application, text)
	if err != nil {
		return 0, err
	}
	line, err := textAt(a.CommandLine, text)
	if err != nil {
		return 0, err
	}
	if line == "" {
		line = `"` + app + `"`
	}
	r := nt.ProcessRequest{CommandLine: line, Inherit: a.Inherit, Suspended: a.Flags&suspended != 0, PriorityClass: priorityClassOf(t, a.Flags)}
	if a.Flags&defaultErrorMode != 0 {
		mode := uint32(nt.DefaultErrorMode)
		r.ErrorMode = &mode
	}
	if app == "" {
		app = firstWord(line)
	}
	full, found, err := findImage(t, app, ".exe", a.Application == 0)
	if err != nil {
		return 0, err
	}
	if !found {
		return fail(t, ntdll.ERROR_FILE_NOT_FOUND)
	}
	r.Path = full
	if r.Folder, err = CurrentDirectory(t); err != nil {
		return 0, err
	}
	if a.Directory != 0 {
		dir, code, err := pathAt(t, a.Directory, text)
		if err != nil || code != 0 {
			return 0, lastError(t, code, err)
		}
		if i, st := t.Process().QueryPath(dir); st != ntdef.STATUS_SUCCESS || i.Attributes&ntdef.FILE_ATTRIBUTE_DIRECTORY == 0 {
			return fail(t, ntdll.ERROR_DIRECTORY)
		}
		r.Folder = strings.TrimSuffix(dir, `\`) + `\`
	}
	if r.Environment, err = environmentAt(t, a.Environment, wide && a.Flags&unicodeEnvironment != 0 || a.Flags&unicodeEnvironment != 0); err != nil {
		return 0, err
	}
	var info [104]byte
	if err := t.Read(a.StartupInfo, info[:]); err != nil {
		return failAccess(t, err)
	}
	if get32(info[60:])&useStdHandles != 0 {
		for i := range r.Standard {
			r.Standard[i] = ntdef.Handle(get64(info[80+8*i:]))
		}
	}
	if r.ProcessSecurity, err = t.SecurityAttributes(a.ProcessSecurity); err != nil {
		return failAccess(t, err)
	}
	if r.ThreadSecurity, err = t.SecurityAttributes(a.ThreadSecurity); err != nil {
		return failAccess(t, err)
	}
	p, process, thread, st := t.CreateProcess(&r)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	var b [24]byte
	put64(b[0:], uint64(process))
	put64(b[8:], uint64(thread))
	put32(b[16:], uint32(p.ID()))
	put32(b[20:], uint32(p.Thread().ID()))
	return 1, t.Write(a.ProcessInformation, b[:])
}

// firstWord is the program in a command line: up to a blank, or inside of quotes.
func firstWord(line string) string {
	line = strings.TrimLeft(line, " \t")
	if rest, ok := strings.CutPrefix(line, `"`); ok {
		word, _, _ := strings.Cut(rest, `"`)
		return word
	}
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i]
	}
	return line
}

// findImage finds the file of a program or a DLL: where it may search, one without an extension gets one, and one without a folder is
// looked for in the program's, in the current one and in the system's.
func findImage(t *nt.Thread, name, extension string, search bool) (full string, found bool, err error) {
	if name == "" {
		return "", false, nil
	}
	if search && !strings.Contains(name[strings.LastIndexAny(name, `\/`)+1:], ".") {
		name += extension
	}
	candidates := []string{name}
	if search && !strings.ContainsAny(name, `\/:`) {
		program := t.Process().Program().Path
		candidates = []string{program[:strings.LastIndexByte(program, '\\')+1] + name, name, `C:\Windows\System32\` + name}
	}
	for _, c := range candidates {
		full, code, err := FullPath(t, c)
		if err != nil {
			return "", false, err
		}
		if code != 0 {
			continue
		}
		if i, st := t.Process().QueryPath(full); st == ntdef.STATUS_SUCCESS && i.Attributes&ntdef.FILE_ATTRIBUTE_DIRECTORY == 0 {
			return full, true, nil
		}
	}
	return "", false, nil
}

// environmentAt reads a block of environment strings; 0 is the process's own.
func environmentAt(t *nt.Thread, va uint64, wide bool) ([]string, error) {
	if va == 0 || wide {
		return ntdll.ReadEnvironment(t, va)
	}
	var all []string
	for end := va + ntdll.MaxEnvironment; va < end; {
		s, err := t.CString(va)
		if err != nil || s == "" {
			return all, err
		}
		all = append(all, fromANSI(s))
		va += uint64(len(s)) + 1
	}
	return all, nil
}

type createPipeArgs struct {
	Read, Write ntdef.Ptr[uint64]
	Attributes  uint64
	Size        uint32
}

func createPipe(t *nt.Thread, a *createPipeArgs) (uint64, error) {
	security, err := t.SecurityAttributes(a.Attributes)
	if err != nil {
		return failAccess(t, err)
	}
	r, w, st := t.Process().CreatePipe(a.Size, security)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	if err := t.Store64(uint64(a.Read), uint64(r)); err != nil {
		return 0, err
	}
	return 1, t.Store64(uint64(a.Write), uint64(w))
}

type peekArgs struct {
	Pipe                  ntdef.Handle
	Buffer                uint64
	Size                  uint32
	Read, Available, Left ntdef.Ptr[uint32]
}

func peekNamedPipe(t *nt.Thread, a *peekArgs) (uint64, error) {
	b := make([]byte, min(a.Size, maxTransfer))
	n, available, left, st := t.Process().PeekPipe(a.Pipe, b)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	if a.Buffer != 0 {
		if err := t.Write(a.Buffer, b[:n]); err != nil {
			return failAccess(t, err)
		}
	} else {
		left, n = left+n, 0
	}
	for _, f := range []struct {
		at ntdef.Ptr[uint32]
		v  int
	}{{a.Read, n}, {a.Available, available}, {a.Left, left}} {
		if f.at != 0 {
			if err := t.Store32(uint64(f.at), uint32(f.v)); err != nil {
				return 0, err
			}
		}
	}
	return 1, nil
}

// Flags of handles (handleapi.h).
const (
	handleFlagInherit = 1
	handleFlagProtect = 2
)

type setHandleInformationArgs struct {
	Handle      ntdef.Handle
	Mask, Flags uint32
}

func setHandleInformation(t *nt.Thread, a *setHandleInformationArgs) (uint64, error) {
	inherit, protect, st := t.Process().HandleFlags(a.Handle)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	if a.Mask&handleFlagInherit != 0 {
		inherit = a.Flags&handleFlagInherit != 0
	}
	if a.Mask&handleFlagProtect != 0 {
		protect = a.Flags&handleFlagProtect != 0
	}
	return boolOf(t, t.Process().SetHandleFlags(a.Handle, inherit, protect))
}

type getHandleInformationArgs struct {
	Handle ntdef.Handle
	Flags  ntdef.Ptr[uint32]
}

func getHandleInformation(t *nt.Thread, a *getHandleInformationArgs) (uint64, error) {
	inherit, protect, st := t.Process().HandleFlags(a.Handle)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, t.Store32(uint64(a.Flags), uint32(truth(inherit)*handleFlagInherit|truth(protect)*handleFlagProtect))
}
