package nt

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// What Wine's DLLs ask of a kernel beyond what Windows' ask. They are in two halves, one that runs as a Windows program and one
// that is the host's; here there is no other half, and a call to it is reported and fails.
const (
	memoryWineUnixFuncs  = 1000 // NtQueryVirtualMemory: a handle to a module's other half
	systemWineVersion    = 1000 // NtQuerySystemInformation: build, system and release of the host, each ended by 0
	wineVersionOfMachine = "pagewalk\x00pagewalk\x00\x00"
)

// wineRegistry is what Wine's DLLs want otherwise in the registry. Their ntdll has its version from there, as Wine's registry has it for
// Windows 10; Windows' own has 6.3 for programs of old. Their kernelbase starts a debugger where an exception is not handled, Wine's unless
// there is another, which would end the process with a status of its own; an empty command starts none.
const wineRegistry = `\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion
	CurrentVersion={major}.{minor}
\MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\AeDebug
	Auto=1
	Debugger=none
`

// queryWineUnixFuncs answers with a handle that its module hands on to __wine_unix_call: here the module's base. Modules refuse to
// load where it fails.
func (t *Thread) queryWineUnixFuncs(p *Process, a *queryVirtualMemoryArgs) (ntdef.Status, error) {
	if a.Length != 8 {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	var base uint64
	if m := p.ModuleAt(a.BaseAddress); m != nil {
		base = m.Base
	}
	return ntdef.STATUS_SUCCESS, t.Store64(a.Buffer, base)
}

// The calls of ntdll's other half that are answered, by the codes of Wine 8.
const (
	wineUnwindBuiltin     = 1 // unwind through code of the host
	wineSystemTimePrecise = 2
)

type wineUnixCallArgs struct {
	Module uint64 // the handle: its base
	Code   uint32
	Args   uint64
}

// wineUnixCall is a call of a module's other half. UNSUCCESSFUL says that no code of the host is at an address, which is so;
// NOT_IMPLEMENTED is reported once for each module and code.
func wineUnixCall(t *Thread, a *wineUnixCallArgs) (ntdef.Status, error) {
	if a.Module == t.proc.ntdllBase {
		switch a.Code {
		case wineUnwindBuiltin:
			return ntdef.STATUS_UNSUCCESSFUL, nil
		case wineSystemTimePrecise:
			return ntdef.STATUS_SUCCESS, t.Store64(a.Args, t.sys.SystemTime())
		}
	}
	name := fmt.Sprintf("%#x", a.Module)
	if m := t.proc.ModuleAt(a.Module); m != nil {
		name = m.Name
	}
	t.sys.refuse(fmt.Sprintf("call %d of the Unix half of %s", a.Code, name))
	return ntdef.STATUS_NOT_IMPLEMENTED, nil
}

// wine reports whether the system DLLs are Wine's, which ask their own kernel for a few things that Windows' refuses.
func (s *System) wine() bool { return s.sysroot != nil && s.sysroot.wine }

// wineEnvironment adds to an environment what Wine's kernel does and its DLLs look for: GetUserName reads WINEUSERNAME.
func (s *System) wineEnvironment(env []string) []string {
	const user = "WINEUSERNAME="
	if !s.wine() || slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, user) }) {
		return env
	}
	return append(slices.Clone(env), user+UserName)
}

// wineTeb is what Wine's ntdll has behind a thread's TEB: a page for the TEB of a 32-bit thread, whether it is one or not, and a page in
// which it puts the lines of its debug channels together. Behind the first thread's TEB there is the PEB's region.
const wineTeb = 2 * x86.PageSize

// wineClears is what Wine's ntdll clears below the page of the CONTEXT with which a thread starts, before it continues there: its own
// threads have their stacks committed as a whole. Stacks are Windows' here, so that CONTEXT lies above a region of its own, which
// goes when the thread continues.
const wineClears = 0xf0000

// wineStart makes that region: the CONTEXT's page is its last.
func (b *builder) wineStart() (err error) {
	b.t.wineStart, err = b.allocate("start of a thread", wineClears+x86.PageSize, ntdef.MEM_RESERVE|ntdef.MEM_COMMIT, ntdef.PAGE_READWRITE)
	return err
}

// leaveWineStart frees the region once the thread continues with a CONTEXT in it.
func (t *Thread) leaveWineStart(context uint64) {
	if base := t.wineStart; base != 0 && context-base < wineClears+x86.PageSize {
		t.wineStart = 0
		t.as().Free(&ntmm.Request{Base: x86.VirtAddr(base), Type: ntdef.MEM_RELEASE})
	}
}

// wineRefuses reports whether a free is what VirtualFree refuses, a release with a size: Wine's kernelbase leaves that to its kernel;
// Windows' does it itself, and below it a part of a region can be released.
func wineRefuses(r *ntmm.Request) bool { return r.Type == ntdef.MEM_RELEASE && r.Size != 0 }

// wineDisk is FILE_DEVICE_DISK_FILE_SYSTEM, which Wine's kernel says a file's disk is: its GetDriveType takes FILE_DEVICE_DISK, which
// Windows says, for a drive of no known kind.
const wineDisk uint32 = 0x08

// listed returns what is listed of a directory. Wine's kernel has the drives in \??, where its GetLogicalDrives looks for them; that of
// Windows shows there what the logon session itself has, and tells of drives by ProcessDeviceMap.
func (s *System) listed(d *directory) []object {
	all := d.sorted()
	if d.shadow != nil && s.wine() {
		for _, o := range d.shadow.sorted() {
			if d.find(o.head().name, true) == o {
				all = append(all, o)
			}
		}
	}
	return all
}
