package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Mode is the processor mode of an access.
type Mode uint8

// The modes.
const (
	UserMode Mode = iota
	KernelMode
)

// A Resolution is the answer to a page fault: STATUS_SUCCESS, try again, or the exception to raise.
type Resolution struct {
	Status    ntdef.Status
	Kind      FaultKind
	NumParams int
	Params    [3]uint64 // ExceptionInformation: access (0 read, 1 write, 8 execute), address, status of a failed read
}

// fault is one page fault in work.
type fault struct {
	va     x86.VirtAddr
	access x86.Access
	code   uint32
	v      *vad
	at     x86.PhysAddr
	pte    x86.PTE // as found
}

// Fault answers a #PF. The addresses of the kernel half are access violations for both modes: nothing of ours is there.
func (as *AddressSpace) Fault(pf *x86.Fault, _ Mode) Resolution {
	m := as.m
	m.count.PageFaults++
	as.faults++
	f := fault{va: pf.Addr, code: pf.Code, access: x86.Read}
	switch {
	case pf.Code&x86.PFFetch != 0:
		f.access = x86.Execute
	case pf.Code&x86.PFWrite != 0:
		f.access = x86.Write
	}
	if f.va < as.high {
		f.v = as.vads.find(f.va)
		f.at, f.pte = as.pte(f.va)
	}
	hadTable := f.at != 0
	kind, st, param := as.answer(&f)
	if st != ntdef.STATUS_SUCCESS && !hadTable && f.at != 0 {
		// The table that was made for a page that did not come is not kept empty.
		as.freeEmptyTables(f.va.Page(), f.va.Page()+x86.PageSize)
		f.at, _ = as.pte(f.va)
	}
	r := Resolution{Status: st, Kind: kind}
	if st != ntdef.STATUS_SUCCESS {
		r.NumParams = 2
		r.Params = [3]uint64{exceptionAccess(f.access), uint64(f.va), uint64(param)}
		if kind == InPageError {
			r.NumParams = 3
		}
	}
	m.countFault(kind)
	m.check()
	if m.hooks.Fault != nil {
		as.faultEvent(&f, &r)
	}
	return r
}

// exceptionAccess is ExceptionInformation[0].
func exceptionAccess(a x86.Access) uint64 {
	switch a {
	case x86.Write:
		return 1
	case x86.Execute:
		return 8
	}
	return 0
}

func (m *Manager) countFault(kind FaultKind) {
	c := &m.count
	*[...]*uint64{
		DemandZero: &c.DemandZeroFaults, Transition: &c.TransitionFaults, PageFileIn: &c.PageFileFaults,
		Compressed: &c.CompressedFaults, MappedFile: &c.MappedFileFaults, CopyOnWrite: &c.WriteCopies, Guard: &c.GuardFaults, StackGrowth: &c.StackGrowths,
		StackOverflow: &c.StackGrowths, Spurious: &c.SpuriousFaults, AccessViolation: &c.AccessViolations,
		InPageError: &c.InPageErrors, NoMemory: &c.NoMemoryFaults,
	}[kind]++
}

// answer decides what a fault is and does it.
func (as *AddressSpace) answer(f *fault) (FaultKind, ntdef.Status, ntdef.Status) {
	if f.v == nil {
		return AccessViolation, ntdef.STATUS_ACCESS_VIOLATION, 0
	}
	committed, code := f.v.effective(f.va, f.pte)
	if f.v.large {
		code = as.largeCode(f.va)
	}
	if !committed || code.noAccess() {
		return AccessViolation, ntdef.STATUS_ACCESS_VIOLATION, 0
	}
	if code.guard() {
		return as.guard(f, code)
	}
	if !code.allows(f.access) {
		return AccessViolation, ntdef.STATUS_ACCESS_VIOLATION, 0
	}
	if f.pte&x86.PTEPresent != 0 || f.v.large {
		if f.access == x86.Write && f.pte&pteCopyOnWrite != 0 {
			return as.copyOnWrite(f, code)
		}
		as.invalidate(f.va)
		return Spurious, ntdef.STATUS_SUCCESS, 0
	}
	as.makeRoom()
	at, e, st := as.makePTE(f.va)
	if st != ntdef.STATUS_SUCCESS {
		return NoMemory, st, 0
	}
	f.at, f.pte = at, e // a table that was made may have pushed the page itself out
	switch {
	case hasFrame(e):
		as.m.pfns.unlink(frameOf(e))
		as.m.leaveStore(frameOf(e))
		as.mapPrivate(f, frameOf(e), code)
		return Transition, ntdef.STATUS_SUCCESS, 0
	case isPageFile(e):
		return as.pageFileIn(f, code)
	case isCombined(e):
		return as.combinedFault(f, code)
	case f.v.area != nil && (e == 0 || isProto(e)):
		return as.sectionPage(f, code)
	}
	return as.demandZero(f, code)
}

// allows reports whether a protection allows an access; a write to a write-copy page is allowed.
func (c protectCode) allows(a x86.Access) bool {
	switch a {
	case x86.Write:
		return c.writable() || c.writeCopy()
	case x86.Execute:
		return c.executable()
	}
	return true
}

// demandZero maps a zeroed frame.
func (as *AddressSpace) demandZero(f *fault, code protectCode) (FaultKind, ntdef.Status, ntdef.Status) {
	frame, ok := as.takeFrame(true)
	if !ok {
		return NoMemory, ntdef.STATUS_NO_MEMORY, 0
	}
	as.m.pfns.entry(frame).original = softPTE(code)
	as.mapPrivate(f, frame, code)
	return DemandZero, ntdef.STATUS_SUCCESS, 0
}

// mapPrivate maps a frame that is on no list as the address space's own.
func (as *AddressSpace) mapPrivate(f *fault, frame uint64, code protectCode) {
	p := as.m.pfns.entry(frame)
	p.pte, p.share = f.at, 1
	as.setPTE(f.at, validPTE(frame, code))
}

// guard clears the guard of one page. Inside the running thread's stack it moves the guard down; elsewhere the exception
// is raised.
func (as *AddressSpace) guard(f *fault, code protectCode) (FaultKind, ntdef.Status, ntdef.Status) {
	at, e, st := as.makePTE(f.va)
	if st != ntdef.STATUS_SUCCESS {
		return NoMemory, st, 0
	}
	f.at = at
	code &^= codeModifier
	switch {
	case e != 0:
		as.setPTE(at, withCode(e, code))
	case f.v.area != nil:
		as.setPTE(at, protoPTE(code))
	default:
		as.setPTE(at, softPTE(code))
	}
	if s := as.stack; s != nil && f.v.area == nil && f.va >= s.DeallocationStack && f.va < s.Base {
		return as.growStack(f.va.Page(), code)
	}
	return Guard, ntdef.STATUS_GUARD_PAGE_VIOLATION, 0
}

// sectionPage maps a page of a section, which is made resident where it is not; a write to a write-copy page gets a copy.
func (as *AddressSpace) sectionPage(f *fault, code protectCode) (FaultKind, ntdef.Status, ntdef.Status) {
	m, a, page := as.m, f.v.area, f.v.page(f.va)
	copies := f.access == x86.Write && code.writeCopy()
	if copies && a.beginsAsZeros(page) {
		if st := as.chargeCopy(f); st != ntdef.STATUS_SUCCESS {
			return NoMemory, st, 0
		}
		kind, st, param := as.demandZero(f, code.afterCopy())
		if st != ntdef.STATUS_SUCCESS {
			as.releaseCopy(f)
		}
		return kind, st, param
	}
	frame, kind, st, param := m.resident(a, page)
	if st != ntdef.STATUS_SUCCESS {
		return kind, st, param
	}
	defer m.unpin(frame)
	// A page that had to be read is a hard fault; the write that wants a copy of it comes again.
	if copies && kind != MappedFile && kind != PageFileIn {
		return as.copyPage(f, frame, code)
	}
	m.pfns.entry(frame).share++
	a.setProto(page, x86.PTE(frame)<<x86.PageShift|x86.PTEPresent)
	as.setPTE(f.at, validPTE(frame, code))
	return kind, ntdef.STATUS_SUCCESS, 0
}

// beginsAsZeros reports whether a page of an area is nowhere yet and will be of zeros.
func (a *controlArea) beginsAsZeros(page uint64) bool {
	e := a.proto(page)
	return !hasFrame(e) && !isPageFile(e) && a.file == nil && (a.image == nil || a.image.subsection(page) == nil)
}

// copyOnWrite gives the address space its own copy of a page that it has mapped.
func (as *AddressSpace) copyOnWrite(f *fault, code protectCode) (FaultKind, ntdef.Status, ntdef.Status) {
	m := as.m
	shared := frameOf(f.pte)
	page, combined := m.combined(f.pte)
	m.pin(shared)
	kind, st, param := as.copyPage(f, shared, code)
	m.unpin(shared)
	if combined && st == ntdef.STATUS_SUCCESS {
		m.dropCombined(page)
	}
	return kind, st, param
}

// combinedFault maps a page that was combined with others; a write gets a copy.
func (as *AddressSpace) combinedFault(f *fault, code protectCode) (FaultKind, ntdef.Status, ntdef.Status) {
	m := as.m
	page, _ := m.combined(f.pte)
	frame, kind, st, param := m.resident(m.combiner.area, page)
	if st != ntdef.STATUS_SUCCESS {
		return kind, st, param
	}
	if f.access != x86.Write {
		m.mapCombined(frame)
		as.setPTE(f.at, m.mapping(frame, code))
		m.unpin(frame)
		return kind, ntdef.STATUS_SUCCESS, 0
	}
	kind, st, param = as.copyPage(f, frame, code)
	m.unpin(frame)
	if st == ntdef.STATUS_SUCCESS {
		m.dropCombined(page)
	}
	return kind, st, param
}

// copyPage maps a copy of a pinned page.
func (as *AddressSpace) copyPage(f *fault, from uint64, code protectCode) (FaultKind, ntdef.Status, ntdef.Status) {
	m := as.m
	if st := as.chargeCopy(f); st != ntdef.STATUS_SUCCESS {
		return NoMemory, st, 0
	}
	frame, ok := as.takeFrame(false)
	if !ok {
		as.releaseCopy(f)
		return NoMemory, ntdef.STATUS_NO_MEMORY, 0
	}
	copy(m.frame(frame), m.frame(from))
	code = code.afterCopy()
	p := m.pfns.entry(frame)
	p.original, p.modified = softPTE(code), true
	// Taking the frame may have trimmed the shared page.
	e := m.load(f.at)
	if e&x86.PTEPresent != 0 {
		as.invalidate(f.va)
		as.noteDirty(f.va, e, m.pfns.entry(from))
		m.unshare(from)
	}
	as.mapPrivate(f, frame, code)
	if isLocked(e) {
		as.setPTE(f.at, m.load(f.at)|pteLocked)
	}
	return CopyOnWrite, ntdef.STATUS_SUCCESS, 0
}

// chargeCopy charges a copy of a page that was not write-copy when the view was mapped: that of the others is charged, and so is
// private memory.
func (as *AddressSpace) chargeCopy(f *fault) ntdef.Status {
	if f.v.area == nil || f.v.viewCode(f.v.page(f.va)).writeCopy() {
		return ntdef.STATUS_SUCCESS
	}
	return as.charge(1)
}

func (as *AddressSpace) releaseCopy(f *fault) {
	if f.v.area != nil && !f.v.viewCode(f.v.page(f.va)).writeCopy() {
		as.release(1)
	}
}

// faultEvent tells the hook.
func (as *AddressSpace) faultEvent(f *fault, r *Resolution) {
	e := FaultEvent{
		Addr: f.va, Access: f.access, Code: f.code, Kind: r.Kind, Status: r.Status, PTEAddr: f.at, PTEBefore: f.pte,
	}
	if f.at != 0 {
		e.PTEAfter = as.m.load(f.at)
		if hasFrame(e.PTEAfter) {
			e.PFN = frameOf(e.PTEAfter)
		}
	}
	if v := f.v; v != nil {
		e.Region = Region{Start: v.start, End: v.end, Type: v.typ, Name: v.name()}
		if committed, code := v.effective(f.va, f.pte); committed {
			e.Region.Protect = code.protect()
		}
	}
	as.m.hooks.Fault(&e)
}
