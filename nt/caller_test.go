package nt_test

import (
	"bytes"
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
