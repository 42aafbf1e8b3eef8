package ntdll

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi"
)

// A loaded is one image that the loader has mapped and prepared.
type loaded struct {
	*nt.Module
	pe      *loader.PE
	exports *loader.Exports
	entry   uint64 // address of its LDR_DATA_TABLE_ENTRY
	builtin *winapi.DLL

	loads uint16    // how often it was loaded by name and not unloaded; pinned: it stays
	needs []*loaded // the images that its imports, and its forwarders as far as they were followed, lie in
	quiet bool      // it does not want to know of threads (LdrDisableThreadCalloutsForDll)
	ready bool      // its initialisation has begun and has not failed

	tls  *loader.TLS
	slot int // its TLS index, -1 before it has one
}

// pinned is the number of loads of an image that stays to the end.
const pinned = 0xffff

// ldr is the loader's state of one process, which the real one keeps in ntdll's data.
type ldr struct {
	builtins  map[string]*winapi.DLL
	modules   []*loaded // in load order: the program, ntdll, …
	attached  []*loaded // DLLs in the order in which they were told that they are loaded
	unloading bool
	exiting   bool
	data      uint64             // PEB_LDR_DATA
	slots     []*loaded          // by TLS index
	tlsArray  map[*nt.Thread]int // slots for which each thread's array has room
	unbound   []unbound          // by stub
	pages     []uint64           // of stubs for them
}

type ldrKey struct{}

func ldrOf(t *nt.Thread) *ldr {
	return t.Process().Local(ldrKey{}, func() any { return &ldr{builtins: map[string]*winapi.DLL{}, tlsArray: map[*nt.Thread]int{}} }).(*ldr)
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

type initializeThunkArgs struct {
	Context   ntdef.Ptr[ntdef.Context]
	NtdllBase uint64
}

// initializeThunk is LdrInitializeThunk: it makes the process heap, loads what the program imports, and continues with
// the context that the kernel prepared. In a process that is loaded already it makes a further thread known to its images.
func initializeThunk(t *nt.Thread, a *initializeThunkArgs) error {
	l := ldrOf(t)
	if l.data != 0 {
		if err := l.attachThread(t); err != nil {
			return cannotStart(t, err)
		}
		return continueAt(t, a)
	}
	if err := createProcessHeap(t); err != nil {
		return err
	}
	if err := l.createData(t); err != nil {
		return cannotStart(t, err)
	}
	program, err := l.add(t, t.Process().Program())
	if err != nil {
		return cannotStart(t, err)
	}
	ntdll, err := l.add(t, t.Process().ModuleAt(a.NtdllBase))
	if err != nil {
		return cannotStart(t, err)
	}
	for _, m := range []*loaded{ntdll, program} {
		if err := l.prepare(t, m); err != nil {
			return cannotStart(t, err)
		}
	}
	for _, m := range l.modules {
		if err := l.setLoads(t, m, pinned); err != nil {
			return err
		}
	}
	if err := l.createTLS(t); err != nil {
		return cannotStart(t, err)
	}
	for _, m := range []*loaded{ntdll, program} {
		if err := l.attach(t, m, startReserved); err != nil {
			return cannotStart(t, err)
		}
	}
	return continueAt(t, a)
}

// A loadError is why an image is not loaded.
type loadError struct {
	status ntdef.Status
	reason string // names the image
}

func (e *loadError) Error() string { return e.reason }

// loadStatus returns the status of a loadError; any other error stays one.
func loadStatus(err error) (ntdef.Status, error) {
	var failed *loadError
	if errors.As(err, &failed) {
		return failed.status, nil
	}
	return ntdef.STATUS_SUCCESS, err
}

// cannotStart ends a process that is not loaded, or whose thread cannot begin: with an exception where a DLL refused or there is no
// memory, which is the process's own trouble, with the reason where an image is bad.
func cannotStart(t *nt.Thread, err error) error {
	var failed *loadError
	if !errors.As(err, &failed) {
		return err
	}
	switch failed.status {
	case ntdef.STATUS_DLL_INIT_FAILED, ntdef.STATUS_NO_MEMORY, ntdef.STATUS_COMMITMENT_LIMIT, ntdef.STATUS_INSUFFICIENT_RESOURCES:
		return RaiseStatus(t, failed.status)
	}
	return t.Fail(failed.status, "%s", failed.reason)
}

func continueAt(t *nt.Thread, a *initializeThunkArgs) error {
	ctx, err := t.LoadContext(uint64(a.Context))
	if err != nil {
		return err
	}
	err = t.SetContext(&ctx)
	t.TestAlert() // what was queued before the thread began
	return err
}

// add parses a mapped image and gives it a LDR_DATA_TABLE_ENTRY. Built-in DLLs keep state on the host and stay loaded.
func (l *ldr) add(t *nt.Thread, m *nt.Module) (*loaded, error) {
	pe, err := loader.ParseMappedPE(guestImage{t, m.Base})
	if err != nil {
		return nil, imageError(m.Name, err)
	}
	x := &loaded{Module: m, pe: pe, slot: -1}
	if x.exports, err = pe.Exports(); err != nil {
		return nil, imageError(m.Name, err)
	}
	if d := l.builtins[strings.ToLower(m.Name)]; d != nil && strings.EqualFold(m.Path, systemFolder+m.Name) {
		x.builtin = d
		x.loads = pinned
	}
	if err := l.link(t, x); err != nil {
		return nil, err
	}
	l.modules = append(l.modules, x)
	return x, nil
}

// imageError turns the failure to read an image into a loadError, unless it is a fault of the guest's memory.
func imageError(name string, err error) error {
	var format *loader.FormatError
	if errors.As(err, &format) {
		return &loadError{ntdef.STATUS_INVALID_IMAGE_FORMAT, fmt.Sprintf("%s: %v", name, err)}
	}
	return err
}

// prepare relocates an image, binds its imports, loading what they need, seeds its security cookie and guards its calls.
func (l *ldr) prepare(t *nt.Thread, m *loaded) error {
	if err := relocate(t, m); err != nil {
		return err
	}
	var err error
	if m.tls, err = m.pe.TLS(); err != nil { // it holds addresses, which are right only now
		return imageError(m.Name, err)
	}
	imports, err := m.pe.Imports()
	if err != nil {
		return imageError(m.Name, err)
	}
	for i := range imports {
		if err := l.snap(t, m, &imports[i]); err != nil {
			return err
		}
	}
	if err := seedCookie(t, m); err != nil {
		return err
	}
	return guardImage(t, m)
}

// snap binds the imports from one DLL: the slots of its import address table get the addresses of the exports, or of stubs
// that end the process when they are called.
func (l *ldr) snap(t *nt.Thread, m *loaded, imp *loader.Import) error {
	if len(imp.Functions) == 0 {
		return nil
	}
	from, err := l.load(t, imp.DLL)
	var failed *loadError
	switch {
	case err == nil:
		m.need(from)
	case !errors.As(err, &failed):
		return err
	case failed.status != ntdef.STATUS_DLL_NOT_FOUND:
		return &loadError{failed.status, fmt.Sprintf("%s imports %s: %s", m.Name, imp.DLL, failed.reason)}
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
			u := unbound{imp.DLL + "!" + name, ntdef.STATUS_ENTRYPOINT_NOT_FOUND}
			if from == nil {
				u.status = ntdef.STATUS_DLL_NOT_FOUND
			}
			if va, err = l.unboundStub(t, u); err != nil {
				return err
			}
		}
		addresses = binary.LittleEndian.AppendUint64(addresses, va)
	}
	table := m.Base + uint64(imp.Functions[0].IAT)
	return writable(t, table, uint64(len(addresses)), func() error { return t.Write(table, addresses) })
}

// need records that an image stays as long as m does, and is initialised before it.
func (m *loaded) need(other *loaded) {
	if other != m && !slices.Contains(m.needs, other) {
		m.needs = append(m.needs, other)
	}
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
	target, err := l.load(t, x.Forwarder[:dot]+".dll")
	if err != nil {
		_, err = loadStatus(err) // what cannot be loaded has no exports
		return 0, err
	}
	m.need(target)
	var number uint16
	symbol := x.Forwarder[dot+1:]
	if _, err := fmt.Sscanf(symbol, "#%d", &number); err == nil {
		symbol = ""
	}
	return l.resolve(t, target, symbol, number, depth+1)
}

// find returns the loaded image of a name, which may lack its extension and be an API set's; of a name with a folder, the
// one that was loaded from there.
func (l *ldr) find(name string) *loaded {
	folder, file := splitModuleName(name)
	for _, m := range l.modules {
		if strings.EqualFold(m.Name, file) && (folder == "" || strings.EqualFold(m.Path, folder+m.Name)) {
			return m
		}
	}
	return nil
}

// splitModuleName returns the folder that a module's name gives, with a backslash at its end, and the file name that it
// stands for: a name without a point gets ".dll", a point at the end stands for no extension, and an API set for a DLL.
func splitModuleName(name string) (folder, file string) {
	name = strings.ReplaceAll(name, "/", `\`)
	slash := strings.LastIndexByte(name, '\\') + 1
	folder, file = name[:slash], strings.ToLower(name[slash:])
	if !strings.Contains(file, ".") {
		file += ".dll"
	}
	file = strings.TrimSuffix(file, ".")
	if folder == "" {
		file = winapi.ResolveAPISet(file)
	}
	return folder, file
}

const systemFolder = `C:\Windows\System32\`

// load returns the image of a DLL, loading it and what it needs: one that is loaded already, a system image, or a file of
// the program's folder, in this order; of a name with a folder, the one there. An error that is a loadError leaves images
// behind which nothing needs.
func (l *ldr) load(t *nt.Thread, name string) (*loaded, error) {
	if m := l.find(name); m != nil {
		return m, nil
	}
	sec, st := openImage(t.Process(), name)
	if st != ntdef.STATUS_SUCCESS {
		return nil, &loadError{st, fmt.Sprintf("%s: %v", name, st)}
	}
	if err := sec.PE.Native(); err != nil {
		return nil, imageError(sec.Name, err)
	}
	mapped, st := t.Process().MapViewOfSection(sec)
	if mapped == nil {
		return nil, &loadError{st, fmt.Sprintf("cannot map %s: %v", sec.Path, st)}
	}
	m, err := l.add(t, mapped)
	if err != nil {
		t.Process().UnmapViewOfSection(mapped.Base)
		return nil, err
	}
	return m, l.prepare(t, m)
}

// openImage makes the section of a DLL. The system's DLLs are known DLLs: a file of that name beside the program is not
// looked at.
func openImage(p *nt.Process, name string) (*nt.Section, ntdef.Status) {
	folder, file := splitModuleName(name)
	inProgram := strings.EqualFold(folder, strings.TrimSuffix(p.Program().Path, p.Program().Name))
	inSystem := strings.EqualFold(folder, systemFolder)
	st := ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	var sec *nt.Section
	if folder == "" || inSystem {
		sec, st = p.OpenImageSection(file, true)
	}
	if st == ntdef.STATUS_OBJECT_NAME_NOT_FOUND && (folder == "" || inProgram) {
		sec, st = p.OpenImageSection(file, false)
	}
	if st == ntdef.STATUS_OBJECT_NAME_NOT_FOUND || st == ntdef.STATUS_OBJECT_NAME_INVALID {
		return nil, ntdef.STATUS_DLL_NOT_FOUND
	}
	return sec, st
}
