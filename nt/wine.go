package nt

import "github.com/pagewalk/pagewalk/ntdef"

// What Wine's DLLs ask of a kernel beyond what Windows' ask. They are in two halves, one that runs as a Windows program and one
// that is the host's; here there is no other half, and a call to it is reported and fails.
const (
	memoryWineUnixFuncs  = 1000 // NtQueryVirtualMemory: a handle to a module's other half
	systemWineVersion    = 1000 // NtQuerySystemInformation: build, system and release of the host, each ended by 0
	wineVersionOfMachine = "pagewalk\x00pagewalk\x00\x00"
)

// queryWineUnixFuncs answers with a handle that its module hands on to __wine_unix_call. Modules refuse to load where it fails.
func (t *Thread) queryWineUnixFuncs(_ *Process, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	if a.Length != 8 {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	return ntdef.STATUS_SUCCESS, t.Store64(a.Buffer, 0)
}

// wine reports whether the system DLLs are Wine's.
func (s *System) wine() bool { return s.sysroot != nil && s.sysroot.wine }
