package nt_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
)

// TestAWarningNamesWhoCalled has the place of the SYSCALL and, where that is a stub, who called it.
func TestAWarningNamesWhoCalled(t *testing.T) {
	var stderr bytes.Buffer
	s := newScriptOf(t, nt.Config{Stderr: &stderr})
	th, sp := s.p.Thread(), s.scratch+stackAt
	var stub uint64
	for _, m := range s.p.Modules() {
		for va := m.Base; va < m.Base+m.Size && m.Name == "ntdll.dll" && stub == 0; va++ {
			if m.Symbol(va) == "NtQueryObject" {
				stub = va
			}
		}
	}
	const syscallEnds = 0x14 // mov r10,rcx; mov eax,N; test byte [7ffe0308h],1; jne; syscall
	require.NoError(t, th.Store64(sp, s.p.Program().Base+0x1033))
	call := func(rip, class uint64) string {
		var ret [1]byte
		require.NoError(t, th.Read(rip, ret[:]), "the code is resident")
		th.CPU().RIP = rip
		stderr.Reset()
		_, err := th.CallService("NtQueryObject", sp, s.vars["event"], class, s.scratch, 8, 0)
		require.NoError(t, err)
		return stderr.String()
	}
	require.Equal(t, "pagewalk: NtQueryObject: class 99 (at ntdll!NtQueryObject+0x14, called from tiny.exe!start+0x33) is not supported\n",
		call(stub+syscallEnds, 99))
	require.Equal(t, "pagewalk: NtQueryObject: class 98 (at tiny.exe!start+0x2) is not supported\n", call(s.p.Program().Base+0x1002, 98),
		"a program's own SYSCALL has no caller on the stack")
}

// What a program can say without a handle is bounded, and that more is not shown is said.
func TestMessagesOfProgramsAreBounded(t *testing.T) {
	var stderr bytes.Buffer
	c := newCallerOf(t, nt.Config{Stderr: &stderr, Privileges: []nt.Privilege{nt.SeTcbPrivilege}})
	c.enable(nt.SeTcbPrivilege)
	long, response := c.ustr(strings.Repeat("é", 10_000)), c.cell(0)
	c.must("NtDisplayString", c.ustr("first"))
	for range 10 {
		c.must("NtRaiseHardError", 0xc0000022, 1, 1, c.cell(long), 1, response)
	}
	c.must("NtDisplayString", long)
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	require.Len(t, lines, 1+4)
	require.Equal(t, "pagewalk: tiny.exe: first", lines[0])
	require.Contains(t, lines[1], "hard error STATUS_ACCESS_DENIED \"éé")
	require.True(t, strings.HasSuffix(lines[4], "é ... (more messages of programs are not shown)"), lines[4])
	require.Less(t, stderr.Len(), 66<<10)
}
