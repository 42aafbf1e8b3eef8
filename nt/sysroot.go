package nt

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// A Sysroot is where real system DLLs come from: Wine's, or those of a Windows installation.
type Sysroot struct {
	System *os.Root // what the guest sees, read-only, as C:\Windows\System32: it holds ntdll.dll
	NLS    *os.Root // code pages and locales (*.nls), where they are not among the DLLs; may be nil
}

// sysroot is what the executive knows of the system DLLs that it runs.
type sysroot struct {
	wine    bool
	version string // "Wine (6.1.7601.24059)"
	stubs   int    // system calls that ntdll has, and how many of them are there
	served  int
	win32u  bool // its stubs are known by name
}

// Sysroot describes the real system DLLs in a line, "" where the built-in ones run.
func (s *System) Sysroot() string {
	r := s.sysroot
	if r == nil {
		return ""
	}
	return fmt.Sprintf("ntdll of %s: %d system calls, %d of them served", r.version, r.stubs, r.served)
}

// openSysroot mounts the system folder and reads the numbers of the services from ntdll's stubs.
func (s *System) openSysroot(cfg *Sysroot, builtin map[string][]byte) error {
	for _, root := range []*os.Root{cfg.System, cfg.NLS} {
		if root == nil {
			continue
		}
		if err := s.Mount(Drive{Letter: 'C', Folder: `\Windows\System32`, Root: root, ReadOnly: true}); err != nil {
			return err
		}
	}
	if err := s.addBuiltin(builtin); err != nil {
		return err
	}
	ntdll, err := s.ntdll()
	if err != nil {
		return err
	}
	exports, err := ntdll.exports()
	if err != nil {
		return fmt.Errorf("the sysroot's ntdll.dll: %w", err)
	}
	wine := exports.ByName("wine_get_version") != nil
	s.sysroot = &sysroot{wine: wine, version: imageVersion(ntdll.PE, wine)}
	s.addStubs(ntdll.PE, exports)
	for _, row := range s.table.rows {
		if row != nil {
			s.sysroot.served++
		}
	}
	s.sysroot.stubs = s.sysroot.served + len(s.table.names)
	if s.sysroot.served == 0 {
		return fmt.Errorf("the sysroot's ntdll.dll (%s) has no system-call stubs that are known", s.sysroot.version)
	}
	return nil
}

// stubStart is how the stub of a system call begins on every x64 Windows and Wine: mov r10,rcx; mov eax,N.
var stubStart = [4]byte{0x4c, 0x8b, 0xd1, 0xb8}

// addStubs reads the numbers of system calls from the stubs that an image exports: ntdll, or win32u. Names that begin with Zw are
// those of the same services.
func (s *System) addStubs(pe *loader.PE, exports *loader.Exports) {
	seen := map[uint32]bool{}
	for i := range exports.Functions {
		x := &exports.Functions[i]
		var stub [8]byte
		if x.Name == "" || x.Forwarder != "" || pe.ReadRVA(x.RVA, stub[:]) != nil || [4]byte(stub[:4]) != stubStart {
			continue
		}
		n, name := binary.LittleEndian.Uint32(stub[4:]), x.Name
		if n >= UserFuncBase {
			continue
		}
		if strings.HasPrefix(name, "Zw") {
			name = "Nt" + name[2:]
		}
		if !seen[n] {
			seen[n] = true
			s.table.set(n, name)
		}
	}
}

// noteImage reads the names of the window system's calls when win32u is mapped first. None of them is there.
func (s *System) noteImage(sec *Section) {
	if s.sysroot == nil || s.sysroot.win32u || !strings.EqualFold(sec.Name, "win32u.dll") {
		return
	}
	s.sysroot.win32u = true
	if exports, err := sec.exports(); err == nil {
		s.addStubs(sec.PE, exports)
	}
}

// imageVersion describes a system DLL by the fixed part of its version resource (VS_FIXEDFILEINFO). Wine's says which Windows it
// stands for; its own version is not in the file.
func imageVersion(pe *loader.PE, wine bool) string {
	const resources, signature = 2, 0xfeef04bd
	name := "Windows"
	if wine {
		name = "Wine"
	}
	dir := pe.Directories[resources]
	b := make([]byte, min(dir.Size, 1<<20))
	if pe.ReadRVA(dir.RVA, b) != nil {
		return name
	}
	for i := 0; i+16 <= len(b); i += 4 {
		if binary.LittleEndian.Uint32(b[i:]) == signature {
			ms, ls := binary.LittleEndian.Uint32(b[i+8:]), binary.LittleEndian.Uint32(b[i+12:])
			return fmt.Sprintf("%s (%d.%d.%d.%d)", name, ms>>16, ms&0xffff, ls>>16, ls&0xffff)
		}
	}
	return name
}

// mapSystem maps the API sets of real system DLLs and, in Wine, gives ntdll what its Unix half would.
func (b *builder) mapSystem(ntdll *loader.Exports) error {
	s := b.p.sys
	if apiset, st := s.systemFile("apisetschema.dll"); st == ntdef.STATUS_SUCCESS {
		for i := range apiset.PE.Sections {
			if sec := &apiset.PE.Sections[i]; sec.Name == ".apiset" {
				m, st := b.p.MapViewOfSection(apiset)
				if m == nil {
					return startError("map apisetschema.dll", st)
				}
				b.apiSets = m.Base + uint64(sec.VirtualAddress)
			}
		}
	}
	if s.sysroot.wine {
		return b.wineDispatcher(ntdll)
	}
	return nil
}

// wineUnixNumber is that of __wine_unix_call, which has no stub of its own.
const wineUnixNumber = 0xfffe

// wineDispatcher fills __wine_unix_call_dispatcher, a pointer through which Wine's DLLs call their Unix halves, with a stub that
// brings such calls here.
func (b *builder) wineDispatcher(exports *loader.Exports) error {
	x := exports.ByName("__wine_unix_call_dispatcher")
	if x == nil {
		return nil // an older Wine: its modules call through a system call
	}
	b.p.sys.table.set(wineUnixNumber, "__wine_unix_call")
	stub := binary.LittleEndian.AppendUint32(stubStart[:], wineUnixNumber)
	stub = append(stub, 0x0f, 0x05, 0xc3) // syscall; ret
	base, err := b.allocate("stub of Unix calls", x86.PageSize, ntdef.MEM_RESERVE|ntdef.MEM_COMMIT, ntdef.PAGE_READWRITE)
	if err != nil {
		return err
	}
	if err := b.by.Write(base, stub); err != nil {
		return err
	}
	r := ntmm.Request{Base: x86.VirtAddr(base), Size: x86.PageSize, Protect: ntdef.PAGE_EXECUTE_READ}
	if _, st := b.p.as.Protect(&r); st != ntdef.STATUS_SUCCESS {
		return startError("protect the stub of Unix calls", st)
	}
	return b.store(b.p.ntdllBase+uint64(x.RVA), base)
}

// store writes a pointer into a page that may be read-only for the process, as the kernel can.
func (b *builder) store(va, value uint64) error {
	r := ntmm.Request{Base: x86.VirtAddr(va), Size: 8, Protect: ntdef.PAGE_WRITECOPY}
	old, st := b.p.as.Protect(&r)
	if st != ntdef.STATUS_SUCCESS {
		return startError(fmt.Sprintf("write to %#x", va), st)
	}
	if err := b.by.Store64(va, value); err != nil {
		return err
	}
	r = ntmm.Request{Base: x86.VirtAddr(va), Size: 8, Protect: old}
	if _, st := b.p.as.Protect(&r); st != ntdef.STATUS_SUCCESS {
		return startError(fmt.Sprintf("protect %#x", va), st)
	}
	return nil
}
