package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// A View says what of a section is to be mapped where. Base 0 leaves the place to the manager; Size 0 means from Offset to
// the section's end. Base, Size and Offset are rounded and returned. Protect 0 is the section's own protection.
type View struct {
	Base       x86.VirtAddr
	Size       uint64
	Offset     uint64
	ZeroBits   uint64
	CommitSize uint64 // of a SEC_RESERVE section: bytes to commit at once
	Type       uint32 // MEM_TOP_DOWN, MEM_RESERVE (a data file), MEM_REPLACE_PLACEHOLDER
	Protect    uint32
	TopDown    bool

	Requirements // of the place, where Base is 0
}

const viewTypes = ntdef.MEM_TOP_DOWN | ntdef.MEM_RESERVE | ntdef.MEM_LARGE_PAGES | ntdef.MEM_REPLACE_PLACEHOLDER

// MapView is NtMapViewOfSection. STATUS_IMAGE_NOT_AT_BASE is the success of an image at a place other than its
// section's base. Other statuses: MAPPED_ALIGNMENT, INVALID_PARAMETER_3 (base, size), _4 (zero bits), _5 (commit size), _9 (type),
// INVALID_VIEW_SIZE, INVALID_PAGE_PROTECTION, SECTION_PROTECTION, CONFLICTING_ADDRESSES, NO_MEMORY, COMMITMENT_LIMIT.
func (as *AddressSpace) MapView(s *Section, view *View) ntdef.Status {
	defer as.m.check()
	high, st := as.viewArguments(s, view)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	code := s.code
	if view.Protect != 0 && !s.IsImage() {
		var ok bool
		if code, ok = encodeProtect(view.Protect); !ok {
			return ntdef.STATUS_INVALID_PAGE_PROTECTION
		}
		if !s.code.permits(code) {
			return ntdef.STATUS_SECTION_PROTECTION
		}
		code |= s.code & codeModifier
	}
	if as.noDynamicCode && code.executable() && !s.IsImage() {
		return ntdef.STATUS_DYNAMIC_CODE_BLOCKED
	}
	a := s.area
	if s.isLarge() && !code.fitsLarge() {
		return ntdef.STATUS_INVALID_PAGE_PROTECTION
	}
	v := &vad{typ: ntdef.MEM_MAPPED, protect: code.protect(), code: code, area: a, offset: view.Offset >> x86.PageShift, large: s.isLarge()}
	if s.IsImage() {
		v.typ, v.protect = ntdef.MEM_IMAGE, ntdef.PAGE_EXECUTE_WRITECOPY
	}
	if v.start, st = as.place(s, view, high); st != ntdef.STATUS_SUCCESS {
		return st
	}
	v.end = v.start + x86.VirtAddr(view.Size)
	if st := as.charge(v.copied(v.start, v.end)); st != ntdef.STATUS_SUCCESS {
		return st
	}
	if st := as.commitView(v, v.start, v.start+pageUp(x86.VirtAddr(view.CommitSize))); st != ntdef.STATUS_SUCCESS {
		as.release(v.copied(v.start, v.end))
		return st
	}
	if v.large {
		if st := as.mapLargeView(v); st != ntdef.STATUS_SUCCESS {
			return st
		}
	}
	if view.Type&ntdef.MEM_REPLACE_PLACEHOLDER != 0 {
		as.deleteVAD(as.vads.find(v.start)) // nothing is in it
		v.replaced = true
	}
	as.insertVAD(v)
	a.views++
	view.Base = v.start
	as.vadEvent(VADMap, v, v.start, v.end, v.protect)
	if s.IsImage() && v.start != a.image.Base {
		return ntdef.STATUS_IMAGE_NOT_AT_BASE
	}
	return ntdef.STATUS_SUCCESS
}

// viewArguments checks and rounds what a view asks for and returns the bound of its place.
func (as *AddressSpace) viewArguments(s *Section, view *View) (x86.VirtAddr, ntdef.Status) {
	high, st := as.zeroBits(view.ZeroBits)
	if st != ntdef.STATUS_SUCCESS {
		return 0, ntdef.STATUS_INVALID_PARAMETER_4
	}
	grain := x86.VirtAddr(granularity)
	replace := view.Type&ntdef.MEM_REPLACE_PLACEHOLDER != 0
	switch {
	case s.isLarge():
		grain = LargePageSize
	case replace:
		grain = x86.PageSize // a placeholder may begin at any page
	}
	size := uint64(pageUp(x86.VirtAddr(s.size)))
	switch {
	case view.Type&^viewTypes != 0,
		view.Type&ntdef.MEM_RESERVE != 0 && s.area.file == nil,
		view.Type&ntdef.MEM_LARGE_PAGES != 0 && !s.isLarge():
		return 0, ntdef.STATUS_INVALID_PARAMETER_9
	case !as.reasonable(view.Requirements, view.Base):
		return 0, ntdef.STATUS_INVALID_PARAMETER
	case view.Base%grain != 0, view.Offset%uint64(grain) != 0:
		return 0, ntdef.STATUS_MAPPED_ALIGNMENT
	case view.Size >= maxSection:
		return 0, ntdef.STATUS_INVALID_PARAMETER_3
	case view.ZeroBits != 0 && view.Base >= high:
		return 0, ntdef.STATUS_INVALID_PARAMETER_4
	case view.Offset >= size, view.Size > size-view.Offset, s.isLarge() && view.Size%LargePageSize != 0:
		return 0, ntdef.STATUS_INVALID_VIEW_SIZE
	case view.Size == 0:
		view.Size = size - view.Offset
	}
	view.Size = uint64(pageUp(x86.VirtAddr(view.Size)))
	switch {
	case view.CommitSize > view.Size:
		return 0, ntdef.STATUS_INVALID_PARAMETER_5
	case view.Base != 0 && (view.Base < as.low || view.Base >= as.high || uint64(as.high-view.Base) < view.Size):
		return 0, ntdef.STATUS_INVALID_PARAMETER_3
	}
	return high, ntdef.STATUS_SUCCESS
}

// place finds where a view goes.
func (as *AddressSpace) place(s *Section, view *View, high x86.VirtAddr) (x86.VirtAddr, ntdef.Status) {
	end := view.Base + x86.VirtAddr(view.Size)
	if view.Type&ntdef.MEM_REPLACE_PLACEHOLDER != 0 {
		v := as.vads.find(view.Base)
		if view.Base == 0 || v == nil || !v.placeholder || v.start != view.Base || v.end != end {
			return 0, ntdef.STATUS_CONFLICTING_ADDRESSES
		}
		return view.Base, ntdef.STATUS_SUCCESS
	}
	if view.Base != 0 {
		if !as.vads.free(view.Base, end) {
			return 0, ntdef.STATUS_CONFLICTING_ADDRESSES
		}
		return view.Base, ntdef.STATUS_SUCCESS
	}
	q := view.Requirements
	if s.isLarge() {
		q.Alignment = max(q.Alignment, LargePageSize)
	}
	if q.Highest == 0 || q.Highest >= high {
		q.Highest = high - 1
	}
	base, ok := as.choose(view.Size, view.TopDown || view.Type&ntdef.MEM_TOP_DOWN != 0, q)
	if !ok {
		return 0, ntdef.STATUS_NO_MEMORY
	}
	return base, ntdef.STATUS_SUCCESS
}

// permits reports whether a section or view with a protection allows a view or a page with another one: a copy needs no
// more than reading.
func (c protectCode) permits(other protectCode) bool {
	return other.noAccess() || (!other.writable() || c.writable()) && (!other.executable() || c.executable())
}

// copied counts the pages of a range of a view whose copies were charged when it was mapped.
func (v *vad) copied(start, end x86.VirtAddr) uint64 {
	if v.area.image == nil {
		if v.code.writeCopy() {
			return uint64(end-start) >> x86.PageShift
		}
		return 0
	}
	n := uint64(0)
	for _, c := range v.area.image.codes[v.page(start) : v.page(end-1)+1] {
		if c.writeCopy() {
			n++
		}
	}
	return n
}

// commitView commits pages of a view of a SEC_RESERVE section: they are every view's.
func (as *AddressSpace) commitView(v *vad, start, end x86.VirtAddr) ntdef.Status {
	a := v.area
	if !a.reserved || start >= end {
		return ntdef.STATUS_SUCCESS
	}
	fresh := uint64(end-start) >> x86.PageShift
	a.eachProto(v.page(start), v.page(end-1)+1, func(uint64, x86.PTE) { fresh-- })
	if st := as.m.chargeCommit(fresh); st != ntdef.STATUS_SUCCESS {
		return st
	}
	a.charged += fresh
	for page := v.page(start); page <= v.page(end-1); page++ {
		if a.proto(page) == 0 {
			a.setProto(page, softPTE(codeReadWrite))
		}
	}
	return ntdef.STATUS_SUCCESS
}

// UnmapView is NtUnmapViewOfSection: it unmaps the view that holds va. NOT_MAPPED_VIEW where none does.
func (as *AddressSpace) UnmapView(va x86.VirtAddr) ntdef.Status {
	v := as.vads.find(va)
	if v == nil || v.area == nil {
		return ntdef.STATUS_NOT_MAPPED_VIEW
	}
	as.removeVAD(v)
	as.vadEvent(VADUnmap, v, v.start, v.end, 0)
	as.m.check()
	return ntdef.STATUS_SUCCESS
}

// MappedName returns the name of the file that is mapped at va. INVALID_ADDRESS where there is none.
func (as *AddressSpace) MappedName(va x86.VirtAddr) (string, ntdef.Status) {
	v := as.vads.find(va)
	if v == nil || v.area == nil || v.area.name == "" {
		return "", ntdef.STATUS_INVALID_ADDRESS
	}
	return v.area.name, ntdef.STATUS_SUCCESS
}

// SameFile is NtAreMappedFilesTheSame. INVALID_ADDRESS for free addresses, CONFLICTING_ADDRESSES for private memory,
// NOT_SAME_DEVICE for two files.
func (as *AddressSpace) SameFile(a, b x86.VirtAddr) ntdef.Status {
	va, vb := as.vads.find(a), as.vads.find(b)
	switch {
	case va == nil || vb == nil:
		return ntdef.STATUS_INVALID_ADDRESS
	case va.area == nil || vb.area == nil:
		return ntdef.STATUS_CONFLICTING_ADDRESSES
	case va.area != vb.area || va.area.name == "":
		return ntdef.STATUS_NOT_SAME_DEVICE
	}
	return ntdef.STATUS_SUCCESS
}

// Flush is NtFlushVirtualMemory: what was written through this address space to a view of a data file goes to the file.
// Size 0 means to the view's end. Base and Size are rounded and returned. NOT_MAPPED_DATA where there is no such view; the
// status of a write that failed is IN_PAGE_ERROR.
func (as *AddressSpace) Flush(r *Request) ntdef.Status {
	start := r.Base.Page()
	v := as.vads.find(start)
	if v == nil || v.area == nil || v.area.file == nil {
		return ntdef.STATUS_NOT_MAPPED_DATA
	}
	end := v.end
	if r.Size != 0 {
		if r.Size > uint64(v.end-r.Base) {
			return ntdef.STATUS_INVALID_PARAMETER_3
		}
		end = pageUp(r.Base + x86.VirtAddr(r.Size))
	}
	r.Base, r.Size = start, uint64(end-start)
	as.forValid(start, end, func(va x86.VirtAddr, at x86.PhysAddr, e x86.PTE) {
		p := as.m.pfns.entry(frameOf(e))
		if e&x86.PTEDirty != 0 && p.proto() {
			as.noteDirty(va, e, p)
			as.setPTE(at, e&^x86.PTEDirty)
			as.invalidate(va)
		}
	})
	defer as.m.check()
	if !as.m.flushArea(v.area, v.page(start), v.page(end-1)+1) {
		return ntdef.STATUS_IN_PAGE_ERROR
	}
	return ntdef.STATUS_SUCCESS
}
