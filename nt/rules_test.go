package nt_test

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/kernel32"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// The words of such files.
var words = map[string]uint64{
	"self": uint64(ntdef.CurrentProcess), "ALL": 0xf001f,
	"RESERVE": uint64(ntdef.MEM_RESERVE), "COMMIT": uint64(ntdef.MEM_COMMIT), "RESET": uint64(ntdef.MEM_RESET),
	"RESET_UNDO": uint64(ntdef.MEM_RESET_UNDO), "PHYSICAL": uint64(ntdef.MEM_PHYSICAL), "LARGE": uint64(ntdef.MEM_LARGE_PAGES),
	"WATCH": uint64(ntdef.MEM_WRITE_WATCH), "DECOMMIT": uint64(ntdef.MEM_DECOMMIT), "RELEASE": uint64(ntdef.MEM_RELEASE),
	"PLACEHOLDER": uint64(ntdef.MEM_RESERVE_PLACEHOLDER), "REPLACE": uint64(ntdef.MEM_REPLACE_PLACEHOLDER),
	"PRESERVE": uint64(ntdef.MEM_PRESERVE_PLACEHOLDER), "COALESCE": uint64(ntdef.MEM_COALESCE_PLACEHOLDERS),
	"NA": uint64(ntdef.PAGE_NOACCESS), "R": uint64(ntdef.PAGE_READONLY), "RW": uint64(ntdef.PAGE_READWRITE),
	"WC": uint64(ntdef.PAGE_WRITECOPY), "XRW": uint64(ntdef.PAGE_EXECUTE_READWRITE), "XWC": uint64(ntdef.PAGE_EXECUTE_WRITECOPY),
	"GUARD": uint64(ntdef.PAGE_GUARD), "NOCACHE": uint64(ntdef.PAGE_NOCACHE), "WRITECOMBINE": uint64(ntdef.PAGE_WRITECOMBINE),
	"TARGETS": uint64(ntdef.PAGE_TARGETS_INVALID), "IMAGE": uint64(ntdef.SEC_IMAGE), "SRESERVE": uint64(ntdef.SEC_RESERVE),
	"SLARGE": uint64(ntdef.SEC_LARGE_PAGES), "INHERIT": 2, "PERMANENT": 0x10, "INSENSITIVE": 0x40, "OPENIF": 0x80,
	"GREAD": uint64(ntdef.GENERIC_READ), "GWRITE": uint64(ntdef.GENERIC_WRITE), "GALL": uint64(ntdef.GENERIC_ALL),
}

// sectionCommit is what COMMIT means to NtCreateSection.
const sectionCommit = uint64(ntdef.SEC_COMMIT)

// script runs the lines of a file like testdata/services.txt in one process.
type script struct {
	t       *testing.T
	p       *nt.Process
	scratch uint64
	vars    map[string]uint64
	line    string
}

func newScript(t *testing.T) *script { return newScriptOf(t, nt.Config{}) }

// newScriptOf makes the process in a machine with the built-in DLLs and 64 MiB.
func newScriptOf(t *testing.T, cfg nt.Config) *script {
	k := kernel32.DLL()
	set, err := winapi.Build([]*winapi.DLL{ntdll.DLL(k), k})
	require.NoError(t, err)
	cfg.RAMBytes, cfg.SystemImages, cfg.UserFuncs = 64<<20, set.Images, set.Funcs
	sys, err := nt.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sys.Close()) })
	tiny, err := os.ReadFile("../tests/guests/tiny.exe")
	require.NoError(t, err)
	p, err := sys.StartProcess(nt.Program{Path: `C:\guest\tiny.exe`, File: bytes.NewReader(tiny), Size: int64(len(tiny))}, nil, nil)
	require.NoError(t, err)
	r := ntmm.Request{Base: 0x70000000, Size: 1 << 16, Type: ntdef.MEM_RESERVE | ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE}
	require.Equal(t, ntdef.STATUS_SUCCESS, p.AllocateVirtualMemory(&r))
	s := &script{t: t, p: p, scratch: uint64(r.Base), vars: map[string]uint64{"image": p.Program().Base}}
	for name, text := range map[string]string{"empty": "", "file": "a file of data", "exe": string(tiny)} {
		h, _, st := p.CreateFile(&nt.OpenRequest{
			Path: `C:\Temp\` + name, Access: ntdef.GENERIC_READ | ntdef.GENERIC_WRITE, Disposition: ntdef.FILE_CREATE,
		})
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		_, st = p.WriteFile(h, []byte(text))
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		s.vars[name] = uint64(h)
	}
	h, st := p.CreateEvent(&nt.ObjectRequest{Name: "event"}, false, false)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	s.vars["event"], s.vars["thread"] = uint64(h), p.Thread().ID()
	return s
}

func (s *script) value(token string, commit uint64) uint64 {
	v := uint64(0)
	for _, word := range strings.Split(token, "|") {
		n, err := strconv.ParseUint(word, 0, 64)
		known := err == nil
		if name, ok := strings.CutPrefix(word, "$"); ok {
			n, known = s.vars[name], true
			require.Contains(s.t, s.vars, name, s.line)
		} else if w, ok := words[word]; ok {
			n, known = w, true
			if word == "COMMIT" && commit != 0 {
				n = commit
			}
		}
		require.True(s.t, known, "%s: what is %q?", s.line, word)
		v |= n
	}
	return v
}

// Where things lie in the scratch memory: cells, names, a buffer, the stack.
const (
	cellsAt  = 0x0000
	namesAt  = 0x1000
	bufferAt = 0x2000
	stackAt  = 0x8000
)

func (s *script) run(service string) {
	call, rest, ok := strings.Cut(s.line, "→")
	require.True(s.t, ok, s.line)
	want, source, ok := strings.Cut(rest, ";")
	require.True(s.t, ok, s.line)
	require.Regexp(s.t, `^ [DTWM]$`, source, s.line)
	th := s.p.Thread()
	commit := uint64(0)
	if service == "NtCreateSection" {
		commit = sectionCommit
	}
	var args []uint64
	cells := uint64(0)
	for _, token := range strings.Fields(call) {
		switch token[0] {
		case '&': // a cell, and behind it bytes enough for a range's size
			at := s.scratch + cellsAt + 16*cells
			require.NoError(s.t, th.Store64(at, s.value(token[1:], commit)))
			require.NoError(s.t, th.Store64(at+8, 0x1000))
			args, cells = append(args, at), cells+1
		case '?': // an entry with the size n
			at := s.scratch + cellsAt + 16*cells
			require.NoError(s.t, th.Store64(at, 0x54000000))
			require.NoError(s.t, th.Store64(at+8, s.value(token[1:], 0)))
			args, cells = append(args, at), cells+1
		case '*':
			args = append(args, s.scratch+bufferAt)
		case '@':
			args = append(args, s.attributes(token[1:]))
		case '\'':
			args = append(args, s.unicode(s.scratch+namesAt+0x800, token[1:]))
		default:
			args = append(args, s.value(token, commit))
		}
	}
	st, err := th.CallService(service, s.scratch+stackAt, args...)
	require.NoError(s.t, err, s.line)
	expected := strings.Fields(want)
	require.Equal(s.t, "STATUS_"+expected[0], st.String(), "%s %s", service, s.line)
	for i, token := range expected[1:] {
		got, err := th.Load64(s.scratch + cellsAt + 16*uint64(i))
		require.NoError(s.t, err)
		if name, ok := strings.CutPrefix(token, "$"); ok {
			s.vars[name] = got
		} else if token != "_" {
			require.Equal(s.t, s.value(token, 0), got, "%s %s: cell %d", service, s.line, i)
		}
	}
}

// attributes builds the OBJECT_ATTRIBUTES of [$root:]name[!flags]; the name ~ is a NULL pointer.
func (s *script) attributes(token string) uint64 {
	name, flags, _ := strings.Cut(token, "!")
	root := uint64(0)
	if strings.HasPrefix(name, "$") {
		var r string
		r, name, _ = strings.Cut(name, ":")
		root = s.value(r, 0)
	}
	at, text := s.scratch+namesAt, uint64(0)
	if name != "~" {
		text = s.unicode(at+0x40, name)
	}
	attributes := uint64(0)
	if flags != "" {
		attributes = s.value(flags, 0)
	}
	for i, v := range []uint64{0x30, root, text, attributes, 0, 0} {
		require.NoError(s.t, s.p.Thread().Store64(at+8*uint64(i), v))
	}
	return at
}

// unicode builds a UNICODE_STRING.
func (s *script) unicode(at uint64, text string) uint64 {
	th, b := s.p.Thread(), nt.EncodeUTF16(text)
	require.NoError(s.t, th.Store64(at, uint64(len(b))|uint64(len(b)+2)<<16))
	require.NoError(s.t, th.Store64(at+8, at+16))
	require.NoError(s.t, th.Write(at+16, append(b, 0, 0)))
	return at
}

// runFile makes the calls of a file through the system-call path, in their order, and returns their number and the services.
func (s *script) runFile(name string) (calls int, seen map[string]bool) {
	f, err := os.Open(name)
	require.NoError(s.t, err)
	defer f.Close()
	service := ""
	seen = map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		s.line = strings.TrimSpace(lines.Text())
		switch {
		case s.line == "" || s.line[0] == ';':
		case lines.Text()[0] != '\t':
			service = s.line
			seen[service] = true
		default:
			s.run(service)
			calls++
		}
	}
	return calls, seen
}

// TestObjectStatuses makes those of the object manager, of synchronisation and of worker factories.
func TestObjectStatuses(t *testing.T) {
	newScript(t).runFile("testdata/objects.txt")
	newScript(t).runFile("testdata/sync.txt")
	newScript(t).runFile("testdata/factory.txt")
}

// TestServiceStatuses makes the calls of testdata/services.txt.
func TestServiceStatuses(t *testing.T) {
	calls, seen := newScript(t).runFile("testdata/services.txt")
	require.Greater(t, calls, 150)
	// The services of the memory manager that the rules name are all there.
	for _, name := range []string{
		"NtAllocateVirtualMemory", "NtAllocateVirtualMemoryEx", "NtFreeVirtualMemory", "NtProtectVirtualMemory", "NtQueryVirtualMemory",
		"NtReadVirtualMemory", "NtWriteVirtualMemory", "NtCreateSection", "NtOpenSection", "NtMapViewOfSection", "NtUnmapViewOfSection",
		"NtUnmapViewOfSectionEx", "NtExtendSection", "NtQuerySection", "NtAreMappedFilesTheSame", "NtGetWriteWatch", "NtResetWriteWatch",
		"NtLockVirtualMemory", "NtUnlockVirtualMemory", "NtFlushVirtualMemory", "NtSetInformationVirtualMemory", "NtAllocateUserPhysicalPages",
		"NtCreatePagingFile",
	} {
		require.True(t, seen[name], name)
	}
}
