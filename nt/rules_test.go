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

// The words of testdata/services.txt.
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
	"SLARGE": uint64(ntdef.SEC_LARGE_PAGES),
}

// sectionCommit is what COMMIT means to NtCreateSection.
const sectionCommit = uint64(ntdef.SEC_COMMIT)

// script runs the lines of testdata/services.txt in one process.
type script struct {
	t       *testing.T
	p       *nt.Process
	scratch uint64
	vars    map[string]uint64
	line    string
}

func newScript(t *testing.T) *script {
	k := kernel32.DLL()
	set, err := winapi.Build([]*winapi.DLL{ntdll.DLL(k), k})
	require.NoError(t, err)
	sys, err := nt.New(nt.Config{RAMBytes: 64 << 20, SystemImages: set.Images, UserFuncs: set.Funcs})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sys.Close()) })
	tiny, err := os.ReadFile("../tests/guests/tiny.exe")
	require.NoError(t, err)
	p, err := sys.StartProcess(nt.Program{Path: `C:\guest\tiny.exe`, File: bytes.NewReader(tiny), Size: int64(len(tiny))}, nil, nil)
	require.NoError(t, err)
	r := ntmm.Request{Base: 0x70000000, Size: 1 << 16, Type: ntdef.MEM_RESERVE | ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE}
	require.Equal(t, ntdef.STATUS_SUCCESS, p.AllocateVirtualMemory(&r))
	s := &script{t: t, p: p, scratch: uint64(r.Base), vars: map[string]uint64{"image": p.Program().Base}}
	for name, text := range map[string]string{"empty": "", "file": "a file of data"} {
		h, _, st := p.CreateFile(&nt.OpenRequest{
			Path: `C:\Temp\` + name, Access: ntdef.GENERIC_READ | ntdef.GENERIC_WRITE, Disposition: ntdef.FILE_CREATE,
		})
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		_, st = p.WriteFile(h, []byte(text))
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		s.vars[name] = uint64(h)
	}
	h, st := p.CreateEvent("event", false, false)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	s.vars["event"] = uint64(h)
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
			name := nt.EncodeUTF16(token[1:])
			at := s.scratch + namesAt
			for _, f := range []struct{ at, v uint64 }{
				{0, 0x30},
				{8, 0},
				{0x10, at + 0x40},
				{0x18, 0},
				{0x20, 0},
				{0x28, 0},
				{0x40, uint64(len(name)) | uint64(len(name)+2)<<16},
				{0x48, at + 0x60},
			} {
				require.NoError(s.t, th.Store64(at+f.at, f.v))
			}
			require.NoError(s.t, th.Write(at+0x60, name))
			args = append(args, at)
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

// TestServiceStatuses makes the calls of testdata/services.txt through the system-call path, in their order.
func TestServiceStatuses(t *testing.T) {
	f, err := os.Open("testdata/services.txt")
	require.NoError(t, err)
	defer f.Close()
	s := newScript(t)
	service, calls := "", 0
	seen := map[string]bool{}
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
