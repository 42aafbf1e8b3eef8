package ntdll

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/x86"
)

// A loaded is one image that the loader has mapped and prepared.
type loaded struct {
	*nt.Module
	pe      *loader.PE
	exports *loader.Exports
	entry   uint64 // address of its LDR_DATA_TABLE_ENTRY
	builtin *winapi.DLL

	ready bool // its initialisation was called
	tls   *loader.TLS
}

// ldr is the loader's state of one process, which the real one keeps in ntdll's data.
type ldr struct {
	builtins map[string]*winapi.DLL
	modules  []*loaded // in load order
	data     uint64    // PEB_LDR_DATA
	unbound  []string  // "dll!function" by stub
	pages    []uint64  // of stubs for them
}

type ldrKey struct{}

func ldrOf(t *nt.Thread) *ldr {
	return t.Process().Local(ldrKey{}, func() any { return &ldr{builtins: map[string]*winapi.DLL{}} }).(*ldr)
}

// guestImage reads a mapped image through the thread, so that its pages fault in as they would for a real loader.
type guestImage struct {
	t    *nt.Thread
	base uint64
}

func (g guestImage) ReadAt(b []byte, at int64) (int, error) {
	if err := g.t.Read(g.base+uint64(at), b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// loaderFuncs are the loader's exports.
func loaderFuncs(system []*winapi.DLL) []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("LdrInitializeThunk", func(t *nt.Thread, a *initializeThunkArgs) (uint64, error) {
			for _, d := range system {
				ldrOf(t).builtins[d.Name] = d
			}
			return 0, initializeThunk(t, a)
		}),
		nt.Func("RtlExitUserProcess", func(t *nt.Thread, a *exitArgs) (uint64, error) { return 0, ExitProcess(t, a.Status) }),
		nt.Func("RtlExitUserThread", func(t *nt.Thread, a *exitArgs) (uint64, error) { return 0, ExitProcess(t, a.Status) }),
		nt.Func("PagewalkUnboundImport", unboundImport),
	}
}

type initializeThunkArgs struct {
	Context   ntdef.Ptr[ntdef.Context]
	NtdllBase uint64
}

// initializeThunk is LdrInitializeThunk: it makes the process heap, loads what the program imports, and continues with
// the context that the kernel prepared. In a process that is loaded already it only continues, as for a further thread.
func initializeThunk(t *nt.Thread, a *initializeThunkArgs) error {
	l := ldrOf(t)
	if l.data != 0 {
		return continueAt(t, a)
	}
	if err := createProcessHeap(t); err != nil {
		return err
	}
	if err := l.createData(t); err != nil {
		return err
	}
	program, err := l.add(t, t.Process().Program())
	if err != nil {
		return err
	}
	if _, err := l.add(t, t.Process().ModuleAt(a.NtdllBase)); err != nil {
		return err
	}
	for _, m := range []*loaded{l.modules[1], program} {
		if err := l.prepare(t, m); err != nil {
			return err
		}
	}
	if err := l.createTLS(t); err != nil {
		return err
	}
	for _, m := range l.modules[1:] {
		if err := l.initialize(t, m); err != nil {
			return err
		}
	}
	if err := l.initialize(t, program); err != nil {
		return err
	}
	return continueAt(t, a)
}

func continueAt(t *nt.Thread, a *initializeThunkArgs) error {
	ctx, err := t.LoadContext(uint64(a.Context))
	if err != nil {
		return err
	}
	return t.SetContext(&ctx)
}

// add parses a mapped image and gives it a LDR_DATA_TABLE_ENTRY.
func (l *ldr) add(t *nt.Thread, m *nt.Module) (*loaded, error) {
	pe, err := loader.ParseMappedPE(guestImage{t, m.Base})
	if err != nil {
		return nil, imageError(t, m.Name, err)
	}
	x := &loaded{Module: m, pe: pe}
	if d := l.builtins[strings.ToLower(m.Name)]; d != nil && strings.EqualFold(m.Path, `C:\Windows\System32\`+m.Name) {
		x.builtin = d
	}
	if x.exports, err = pe.Exports(); err != nil {
		return nil, imageError(t, m.Name, err)
	}
	l.modules = append(l.modules, x)
	return x, l.link(t, x)
}

// imageError turns the failure to read an image into a stop, unless it is a fault of the guest's memory.
func imageError(t *nt.Thread, name string, err error) error {
	var format *loader.FormatError
	if errors.As(err, &format) {
		return t.Stop("%s: %v", name, err)
	}
	return err
}

// prepare relocates an image, binds its imports, loading what they need, and seeds its security cookie.
func (l *ldr) prepare(t *nt.Thread, m *loaded) error {
	if err := l.relocate(t, m); err != nil {
		return err
	}
	imports, err := m.pe.Imports()
	if err != nil {
		return imageError(t, m.Name, err)
	}
	for i := range imports {
		if err := l.snap(t, m, &imports[i]); err != nil {
			return err
		}
	}
	if m.tls, err = m.pe.TLS(); err != nil {
		return imageError(t, m.Name, err)
	}
	return seedCookie(t, m)
}

// relocate adds the distance from the preferred base to every address of the image.
func (l *ldr) relocate(t *nt.Thread, m *loaded) error {
	delta := m.Base - m.pe.ImageBase
	if delta == 0 {
		return nil
	}
	relocs, err := m.pe.Relocations()
	if err != nil {
		return imageError(t, m.Name, err)
	}
	if len(relocs) == 0 && m.pe.Directories[loader.DirectoryRelocations].Size == 0 {
		return t.Stop("%s has no relocations and cannot be loaded at %#x, away from %#x", m.Name, m.Base, m.pe.ImageBase)
	}
	for i := 0; i < len(relocs); {
		page := relocs[i] &^ x86.PageMask
		n := i
		for n < len(relocs) && relocs[n]&^x86.PageMask == page {
			n++
		}
		err := writable(t, m.Base+uint64(page), x86.PageSize, func() error {
			for _, rva := range relocs[i:n] {
				v, err := t.Load64(m.Base + uint64(rva))
				if err != nil {
					return err
				}
				if err := t.Store64(m.Base+uint64(rva), v+delta); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		i = n
	}
	return nil
}

// writable runs f while a range is writable, and puts the protection back.
func writable(t *nt.Thread, va, size uint64, f func() error) error {
	p := t.Process()
	r := ntmm.Request{Base: x86.VirtAddr(va), Size: size, Protect: ntdef.PAGE_READWRITE}
	old, st := p.ProtectVirtualMemory(&r)
	if st != ntdef.STATUS_SUCCESS {
		return t.Stop("cannot make %#x writable to load an image: %v", va, st)
	}
	if err := f(); err != nil {
		return err
	}
	r = ntmm.Request{Base: x86.VirtAddr(va), Size: size, Protect: old}
	if _, st = p.ProtectVirtualMemory(&r); st != ntdef.STATUS_SUCCESS {
		return t.Stop("cannot protect %#x again: %v", va, st)
	}
	return nil
}

// snap binds the imports from one DLL: the slots of its import address table get the addresses of the exports, or of stubs
// that stop the run when they are called.
func (l *ldr) snap(t *nt.Thread, m *loaded, imp *loader.Import) error {
	if len(imp.Functions) == 0 {
		return nil
	}
	from, st, err := l.load(t, imp.DLL)
	if err != nil {
		return err
	}
	if from == nil && st != ntdef.STATUS_DLL_NOT_FOUND {
		return t.Stop("%s imports %s: %v", m.Name, imp.DLL, st)
	}
	addresses := make([]byte, 0, 8*len(imp.Functions))
	for i := range imp.Functions {
		f := &imp.Functions[i]
		va, err := l.resolve(t, from, f.Name, f.Ordinal, 0)
		if err != nil {
			return err
		}
		if va == 0 {
			name := f.Name
			if f.ByOrdinal {
				name = fmt.Sprintf("#%d", f.Ordinal)
			}
			if va, err = l.unboundStub(t, imp.DLL+"!"+name); err != nil {
				return err
			}
		}
		addresses = binary.LittleEndian.AppendUint64(addresses, va)
	}
	table := m.Base + uint64(imp.Functions[0].IAT)
	return writable(t, table, uint64(len(addresses)), func() error { return t.Write(table, addresses) })
}

// maxForwards bounds chains of forwarders.
const maxForwards = 16

// resolve returns the address of an export by name, or by ordinal where the name is empty; 0 where there is none.
func (l *ldr) resolve(t *nt.Thread, m *loaded, name string, ordinal uint16, depth int) (uint64, error) {
	if m == nil || depth > maxForwards {
		return 0, nil
	}
	var x *loader.Export
	if name != "" {
		x = m.exports.ByName(name)
	} else {
		x = m.exports.ByOrdinal(uint32(ordinal))
	}
	if x == nil {
		return 0, nil
	}
	if x.Forwarder == "" {
		return m.Base + uint64(x.RVA), nil
	}
	dot := strings.LastIndexByte(x.Forwarder, '.')
	if dot < 0 {
		return 0, nil
	}
	target, _, err := l.load(t, x.Forwarder[:dot]+".dll")
	if err != nil {
		return 0, err
	}
	var number uint16
	symbol := x.Forwarder[dot+1:]
	if _, err := fmt.Sscanf(symbol, "#%d", &number); err == nil {
		symbol = ""
	}
	return l.resolve(t, target, symbol, number, depth+1)
}

// find returns the loaded image of a name, which may lack its extension and be an API set's.
func (l *ldr) find(name string) *loaded {
	name = moduleName(name)
	for _, m := range l.modules {
		if strings.EqualFold(m.Name, name) {
			return m
		}
	}
	return nil
}

// moduleName is the file name that a module's name stands for.
func moduleName(name string) string {
	name = strings.ToLower(name[strings.LastIndexAny(name, `\/`)+1:])
	if !strings.Contains(name, ".") {
		name += ".dll"
	}
	return winapi.ResolveAPISet(strings.TrimSuffix(name, "."))
}

// load returns the image of a DLL, loading it and what it needs: one that is loaded already, a system image, or a file of
// the program's folder, in this order.
func (l *ldr) load(t *nt.Thread, name string) (*loaded, ntdef.Status, error) {
	if m := l.find(name); m != nil {
		return m, ntdef.STATUS_SUCCESS, nil
	}
	p := t.Process()
	file := moduleName(name)
	// The system's DLLs are known DLLs: a file of that name beside the program is not looked at.
	sec, st := p.OpenImageSection(file, true)
	if st == ntdef.STATUS_OBJECT_NAME_NOT_FOUND {
		sec, st = p.OpenImageSection(file, false)
	}
	switch {
	case st == ntdef.STATUS_OBJECT_NAME_NOT_FOUND, st == ntdef.STATUS_OBJECT_NAME_INVALID:
		return nil, ntdef.STATUS_DLL_NOT_FOUND, nil
	case st != ntdef.STATUS_SUCCESS:
		return nil, st, nil
	}
	mapped, st := p.MapViewOfSection(sec)
	if mapped == nil {
		return nil, st, nil
	}
	m, err := l.add(t, mapped)
	if err != nil {
		return nil, 0, err
	}
	return m, ntdef.STATUS_SUCCESS, l.prepare(t, m)
}

// seedCookie gives an image a security cookie of its own, where it has the default one (PE Format, "Load configuration").
func seedCookie(t *nt.Thread, m *loaded) error {
	const defaultCookie = 0x00002b992ddfa232
	config, err := m.pe.LoadConfig()
	if err != nil {
		return imageError(t, m.Name, err)
	}
	if config == nil || config.SecurityCookie < m.Base || config.SecurityCookie-m.Base >= m.Size {
		return nil
	}
	v, err := t.Load64(config.SecurityCookie)
	if err != nil || v != defaultCookie {
		return err
	}
	return t.Store64(config.SecurityCookie, t.System().Rand()&0xffffffffffff)
}

// unboundStub returns the address of a stub that stops the run naming an import that nothing provides.
func (l *ldr) unboundStub(t *nt.Thread, name string) (uint64, error) {
	const size, perPage = 16, x86.PageSize / 16
	if len(l.unbound)%perPage == 0 {
		r := ntmm.Request{Size: x86.PageSize, Type: ntdef.MEM_RESERVE | ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE}
		if st := t.Process().AllocateVirtualMemory(&r); st != ntdef.STATUS_SUCCESS {
			return 0, t.Stop("no memory for the stubs of unbound imports: %v", st)
		}
		// All of them are ntdll's own stub; which one was called shows in its address.
		var stub [size]byte
		if err := t.Read(l.modules[1].Base+uint64(l.modules[1].exports.ByName("PagewalkUnboundImport").RVA), stub[:11]); err != nil {
			return 0, err
		}
		if err := t.Write(uint64(r.Base), bytes.Repeat(stub[:], perPage)); err != nil {
			return 0, err
		}
		r.Protect = ntdef.PAGE_EXECUTE_READ
		if _, st := t.Process().ProtectVirtualMemory(&r); st != ntdef.STATUS_SUCCESS {
			return 0, t.Stop("cannot protect the stubs of unbound imports: %v", st)
		}
		l.pages = append(l.pages, uint64(r.Base))
	}
	l.unbound = append(l.unbound, name)
	i := len(l.unbound) - 1
	return l.pages[i/perPage] + size*uint64(i%perPage), nil
}

type noArgs struct{}

// unboundImport runs when an import is called that nothing provides.
func unboundImport(t *nt.Thread, _ *noArgs) (uint64, error) {
	const perPage = x86.PageSize / 16
	l := ldrOf(t)
	for i, page := range l.pages {
		if off := t.RIP() - page; off < x86.PageSize {
			if n := i*perPage + int(off/16); n < len(l.unbound) {
				caller, err := t.Load64(t.CPU().R[ntdef.RegRsp])
				if err != nil {
					return 0, err
				}
				return 0, t.Stop("the program calls %s, which pagewalk does not provide (from %s)", l.unbound[n], t.Process().Where(caller))
			}
		}
	}
	return 0, t.Stop("PagewalkUnboundImport was called by itself")
}

type exitArgs struct{ Status uint32 }

// ExitProcess is RtlExitUserProcess: images are told, last loaded first, and the process ends.
func ExitProcess(t *nt.Thread, code uint32) error {
	l := ldrOf(t)
	for i := len(l.modules) - 1; i >= 0; i-- {
		m := l.modules[i]
		if !m.ready {
			continue
		}
		m.ready = false // an image that exits while it is told is not told again
		if err := l.detach(t, m); err != nil {
			return err
		}
	}
	return t.Process().Exit(code)
}
