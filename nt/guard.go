package nt

import (
	"bytes"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// Control-flow guard ("Control Flow Guard for platform security", Windows SDK). A process whose program was built for it has a bitmap of
// its address space: two bits for 16 bytes, of which 01 says that the first byte is a valid target of an indirect call, 11 that each is.
// It is reserved whole and committed where targets are marked, read-only for user code: ntdll's check functions read it with
// ordinary loads. What is executable and was not built for the guard is valid everywhere.

// guardBitmap is the bitmap of a process; a zero size: none.
type guardBitmap struct{ base, size uint64 }

// A bitmap byte is 64 bytes of the address space: a page is 64 bytes of bitmap.
const (
	guardShift = 6
	guardAll   = 0xff // every byte of 64 is a target
)

// holds reports whether an address is in the bitmap.
func (g *guardBitmap) holds(va uint64) bool { return va-g.base < g.size }

// overlaps reports whether a range has a part of the bitmap.
func (g *guardBitmap) overlaps(base x86.VirtAddr, size uint64) bool {
	return g.size != 0 && uint64(base) < g.base+g.size && (uint64(base) >= g.base || size > g.base-uint64(base))
}

// guardCeiling is what the bitmap lies below in the address space of 128 TB: DLLs are above.
const guardCeiling = 0x7ff5_0000_0000

// newGuard reserves the bitmap of a process, at a random place.
func (p *Process) newGuard() ntdef.Status {
	const slots = 1 << 16
	high := uint64(p.as.Layout().High) + 1
	r := ntmm.Request{
		Size: roundUp(high>>guardShift, x86.PageSize), Type: ntdef.MEM_RESERVE | ntdef.MEM_TOP_DOWN, Protect: ntdef.PAGE_READONLY,
	}
	q := ntmm.Requirements{}
	if high > guardCeiling {
		q.Highest = x86.VirtAddr(guardCeiling - aslrUnit*p.sys.rng.Uint64N(slots) - 1)
	}
	st := p.as.AllocateEx(&r, q)
	if st == ntdef.STATUS_SUCCESS {
		p.guard = guardBitmap{uint64(r.Base), r.Size}
	}
	return st
}

// Guarded reports whether the process has control-flow guard.
func (p *Process) Guarded() bool { return p.guard.size != 0 }

// guardFault commits a page of the bitmap that user code reads: nothing was marked there, so it is of zeros.
func (p *Process) guardFault(f *x86.Fault) bool {
	if !p.guard.holds(uint64(f.Addr)) || f.Code&(x86.PFWrite|x86.PFFetch) != 0 {
		return false
	}
	r := ntmm.Request{Base: f.Addr.Page(), Size: x86.PageSize, Type: ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READONLY}
	return p.as.Allocate(&r) == ntdef.STATUS_SUCCESS
}

// mark sets the bitmap of the pages from start on to one byte a 64 bytes. Parts of the bitmap that are not committed are left where the
// bytes are zeros. COMMITMENT_LIMIT, NO_MEMORY.
func (p *Process) mark(start uint64, bits []byte) ntdef.Status {
	for at := p.guard.base + start>>guardShift; len(bits) > 0; {
		part := bits[:pagePart(at, len(bits))]
		if st := p.markPart(at, part); st != ntdef.STATUS_SUCCESS {
			return st
		}
		at, bits = at+uint64(len(part)), bits[len(part):]
	}
	return ntdef.STATUS_SUCCESS
}

// markPart writes what lies in one page of the bitmap, which is writable meanwhile.
func (p *Process) markPart(at uint64, bits []byte) ntdef.Status {
	page := x86.VirtAddr(at).Page()
	info, st := p.as.Query(page)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	if info.State != ntdef.MEM_COMMIT && allZero(bits) {
		return ntdef.STATUS_SUCCESS
	}
	r := ntmm.Request{Base: page, Size: x86.PageSize, Type: ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE}
	if st := p.as.Allocate(&r); st != ntdef.STATUS_SUCCESS {
		return st
	}
	err := p.reach(func(th *Thread) error { return th.Write(at, bits) })
	r.Protect = ntdef.PAGE_READONLY
	p.as.Protect(&r)
	if err != nil {
		return ntdef.STATUS_NO_MEMORY
	}
	return ntdef.STATUS_SUCCESS
}

func allZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// markRange makes every byte of some pages a target, or none.
func (p *Process) markRange(start x86.VirtAddr, size uint64, valid bool) ntdef.Status {
	switch {
	case !p.Guarded():
		return ntdef.STATUS_SUCCESS
	case !valid:
		return p.unmarkRange(start, size)
	}
	left := size >> guardShift
	all := bytes.Repeat([]byte{guardAll}, int(min(left, x86.PageSize)))
	for at := uint64(start); left > 0; {
		n := min(left, uint64(len(all)))
		if st := p.mark(at, all[:n]); st != ntdef.STATUS_SUCCESS {
			return st
		}
		at, left = at+n<<guardShift, left-n
	}
	return ntdef.STATUS_SUCCESS
}

// unmarkRange looks at what of the bitmap is committed only: a reservation may be as large as the address space.
func (p *Process) unmarkRange(start x86.VirtAddr, size uint64) ntdef.Status {
	var none [x86.PageSize]byte
	at := p.guard.base + uint64(start)>>guardShift
	for end := at + size>>guardShift; at < end; {
		info, st := p.as.Query(x86.VirtAddr(at))
		if st != ntdef.STATUS_SUCCESS {
			return st
		}
		n := min(info.BaseAddress+info.RegionSize, end) - at
		if info.State == ntdef.MEM_COMMIT {
			n = min(n, uint64(pagePart(at, len(none))))
			if st := p.markPart(at, none[:n]); st != ntdef.STATUS_SUCCESS {
				return st
			}
		}
		at += n
	}
	return ntdef.STATUS_SUCCESS
}

// setTarget makes one address a target in the bitmap bytes of what begins at base, or none.
func setTarget(bits []byte, base, va uint64, valid bool) {
	at := &bits[(va-base)>>guardShift]
	first := byte(1) << (va >> 4 & 3 * 2)
	switch {
	case !valid:
		*at &^= 3 * first
	case va&15 == 0:
		*at |= first
	default:
		*at |= 3 * first
	}
}

// markImage marks the functions that an image says are targets; of an image that was not built for it, its code.
func (p *Process) markImage(sec *Section, base uint64) ntdef.Status {
	if !p.Guarded() {
		return ntdef.STATUS_SUCCESS
	}
	bits := make([]byte, roundUp(uint64(sec.PE.SizeOfImage), x86.PageSize)>>guardShift)
	functions, ok, err := sec.PE.GuardFunctions()
	if err != nil {
		return ntdef.STATUS_INVALID_IMAGE_FORMAT
	}
	for _, f := range functions {
		if f.Flags&loader.GuardSuppressed == 0 {
			setTarget(bits, 0, uint64(f.RVA), true)
		}
	}
	for _, s := range sec.PE.Sections {
		if ok || s.Characteristics&scnExecute == 0 {
			continue
		}
		end := min(roundUp(uint64(s.VirtualAddress)+uint64(max(s.VirtualSize, s.SizeOfRawData)), x86.PageSize)>>guardShift, uint64(len(bits)))
		for i := uint64(s.VirtualAddress) >> guardShift; i < end; i++ {
			bits[i] = guardAll
		}
	}
	return p.mark(base, bits)
}

const executableProtections = ntdef.PAGE_EXECUTE | ntdef.PAGE_EXECUTE_READ | ntdef.PAGE_EXECUTE_READWRITE | ntdef.PAGE_EXECUTE_WRITECOPY

// The calls of the memory manager that change what may be executed, with what they do to the bitmap; the services and the methods of
// Process make them.

// allocate is ntmm's Allocate or AllocateEx: committed pages that may be executed are targets, unless PAGE_TARGETS_INVALID says otherwise.
func (p *Process) allocate(r *ntmm.Request, do func(*ntmm.Request) ntdef.Status) ntdef.Status {
	if p.guard.overlaps(r.Base, r.Size) {
		return ntdef.STATUS_CONFLICTING_ADDRESSES
	}
	anew := r.Base == 0 || r.Type&ntdef.MEM_RESERVE != 0
	st := do(r)
	if st != ntdef.STATUS_SUCCESS || !p.Guarded() || r.Protect&executableProtections == 0 || !commits(r.Type) {
		return st
	}
	if st = p.markRange(r.Base, r.Size, r.Protect&ntdef.PAGE_TARGETS_INVALID == 0); st != ntdef.STATUS_SUCCESS {
		undo := ntmm.Request{Base: r.Base, Size: r.Size, Type: ntdef.MEM_DECOMMIT}
		if anew {
			undo.Type = ntdef.MEM_RELEASE
		}
		p.free(&undo)
	}
	return st
}

// commits reports whether an allocation of a type commits: none of the types that do something else.
func commits(typ uint32) bool {
	return typ&ntdef.MEM_COMMIT != 0
}

// free is ntmm's Free.
func (p *Process) free(r *ntmm.Request) ntdef.Status {
	if p.guard.overlaps(r.Base, max(r.Size, 1)) {
		return ntdef.STATUS_UNABLE_TO_DELETE_SECTION
	}
	st := p.as.Free(r)
	if st == ntdef.STATUS_SUCCESS {
		p.markRange(r.Base, r.Size, false)
	}
	return st
}

// protect is ntmm's Protect: pages that become executable are targets, unless PAGE_TARGETS_NO_UPDATE leaves the bitmap as it is.
func (p *Process) protect(r *ntmm.Request) (uint32, ntdef.Status) {
	if p.guard.overlaps(r.Base, r.Size) {
		return 0, ntdef.STATUS_INVALID_PAGE_PROTECTION
	}
	old, st := p.as.Protect(r)
	if st == ntdef.STATUS_SUCCESS && r.Protect&executableProtections != 0 && r.Protect&ntdef.PAGE_TARGETS_INVALID == 0 {
		if st = p.markRange(r.Base, r.Size, true); st != ntdef.STATUS_SUCCESS {
			undo := ntmm.Request{Base: r.Base, Size: r.Size, Protect: old}
			p.as.Protect(&undo)
		}
	}
	return old, st
}

// mapData is ntmm's MapView of a section that is no image.
func (p *Process) mapData(s *ntmm.Section, v *ntmm.View) ntdef.Status {
	flag := v.Protect & ntdef.PAGE_TARGETS_INVALID
	if v.Protect &^= flag; flag != 0 && v.Protect&executableProtections == 0 {
		return ntdef.STATUS_INVALID_PAGE_PROTECTION
	}
	st := p.as.MapView(s, v)
	if st == ntdef.STATUS_SUCCESS && v.Protect&executableProtections != 0 && flag == 0 {
		if st = p.markRange(v.Base, v.Size, true); st != ntdef.STATUS_SUCCESS {
			p.as.UnmapView(v.Base)
		}
	}
	return st
}

// unmap is ntmm's UnmapViewEx.
func (p *Process) unmap(va uint64, flags uint32) ntdef.Status {
	r, _ := p.as.Region(x86.VirtAddr(va))
	st := p.as.UnmapViewEx(x86.VirtAddr(va), flags)
	if st == ntdef.STATUS_SUCCESS {
		p.markRange(r.Base, r.Size, false)
	}
	return st
}
