package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Software bits of page-table entries, in the layout of Windows 10 and 11 for x64. In a valid entry bits 9, 11 and 62:52
// are ignored by hardware; in an invalid one all but bit 0 are.
const (
	pteCopyOnWrite x86.PTE = 1 << 9  // valid: a write makes a private copy
	pteSoftWrite   x86.PTE = 1 << 11 // valid: the page is writable, whether or not W is set yet

	pteLocked x86.PTE = 1 << 10 // valid: the page stays in the working set (NtLockVirtualMemory)
	pteAge    x86.PTE = 3 << 57 // valid: how often the balance-set manager found the page unused

	ptePhysical x86.PTE = 1 << 59 // valid: a frame of AWE, which is in no working set

	ptePageFile    x86.PTE = 1 << 2               // invalid: bits 15:12 and 63:32 are a place in a page file
	pteLost        x86.PTE = 1 << 3               // invalid, demand zero: contents that MEM_RESET gave up were lost
	pteTransition  x86.PTE = 1 << 11              // invalid: bits 47:12 are a frame with the page's contents
	ptePrototype   x86.PTE = 1 << 10              // invalid: the contents belong to a section
	ptePrototypeVA x86.PTE = 0xffffffffffff << 16 // ProtoAddress of all ones: the VAD knows the prototype

	softProtectShift  = 5 // invalid: protection code in bits 9:5
	validProtectShift = 52
	ageShift          = 57

	pageFileNumberShift = 12 // invalid, with ptePageFile
	pageFileOffsetShift = 32
)

// A protection code is how PTEs keep a protection in five bits.
type protectCode uint8

// The codes: access in the low three bits, a modifier in the high two.
const (
	codeReadOnly         protectCode = 1
	codeExecute          protectCode = 2
	codeExecuteRead      protectCode = 3
	codeReadWrite        protectCode = 4
	codeWriteCopy        protectCode = 5
	codeExecuteReadWrite protectCode = 6
	codeExecuteWriteCopy protectCode = 7

	codeNoCache      protectCode = 0x08
	codeGuard        protectCode = 0x10
	codeWriteCombine protectCode = 0x18

	codeDecommitted protectCode = 0x10 // guard of nothing: not committed
	codeNoAccess    protectCode = 0x18 // write-combining of nothing: PAGE_NOACCESS

	codeAccess   protectCode = 0x07
	codeModifier protectCode = 0x18
)

var accessOf = [8]uint32{
	codeReadOnly: ntdef.PAGE_READONLY, codeExecute: ntdef.PAGE_EXECUTE, codeExecuteRead: ntdef.PAGE_EXECUTE_READ,
	codeReadWrite: ntdef.PAGE_READWRITE, codeWriteCopy: ntdef.PAGE_WRITECOPY,
	codeExecuteReadWrite: ntdef.PAGE_EXECUTE_READWRITE, codeExecuteWriteCopy: ntdef.PAGE_EXECUTE_WRITECOPY,
}

// encodeProtect turns a PAGE_ protection into its code; ok is false for combinations that Windows refuses: none or several
// accesses, two modifiers, a modifier with NOACCESS.
func encodeProtect(p uint32) (code protectCode, ok bool) {
	access, modifier := p&0xff, p&(ntdef.PAGE_GUARD|ntdef.PAGE_NOCACHE|ntdef.PAGE_WRITECOMBINE)
	if access|modifier != p {
		return 0, false
	}
	if access == ntdef.PAGE_NOACCESS {
		return codeNoAccess, modifier == 0
	}
	for c, a := range accessOf {
		if a == access && a != 0 {
			code, ok = protectCode(c), true
		}
	}
	switch modifier {
	case 0:
	case ntdef.PAGE_GUARD:
		code |= codeGuard
	case ntdef.PAGE_NOCACHE:
		code |= codeNoCache
	case ntdef.PAGE_WRITECOMBINE:
		code |= codeWriteCombine
	default:
		return 0, false
	}
	return code, ok
}

// protect turns a code back into a PAGE_ protection.
func (c protectCode) protect() uint32 {
	if c&codeAccess == 0 {
		return ntdef.PAGE_NOACCESS
	}
	p := accessOf[c&codeAccess]
	switch c & codeModifier {
	case codeGuard:
		p |= ntdef.PAGE_GUARD
	case codeNoCache:
		p |= ntdef.PAGE_NOCACHE
	case codeWriteCombine:
		p |= ntdef.PAGE_WRITECOMBINE
	}
	return p
}

func (c protectCode) guard() bool    { return c&codeModifier == codeGuard && c&codeAccess != 0 }
func (c protectCode) noAccess() bool { return c&codeAccess == 0 }

func (c protectCode) executable() bool {
	switch c & codeAccess {
	case codeExecute, codeExecuteRead, codeExecuteReadWrite, codeExecuteWriteCopy:
		return true
	}
	return false
}

func (c protectCode) writable() bool {
	a := c & codeAccess
	return a == codeReadWrite || a == codeExecuteReadWrite
}

func (c protectCode) writeCopy() bool {
	a := c & codeAccess
	return a == codeWriteCopy || a == codeExecuteWriteCopy
}

// afterCopy is the protection of a write-copy page once it is private.
func (c protectCode) afterCopy() protectCode {
	switch c & codeAccess {
	case codeWriteCopy:
		return c&^codeAccess | codeReadWrite
	case codeExecuteWriteCopy:
		return c&^codeAccess | codeExecuteReadWrite
	}
	return c
}

// shared is what a protection means on a page that a section shares: writes go to a private copy.
func (c protectCode) shared() protectCode {
	switch c & codeAccess {
	case codeReadWrite:
		return c&^codeAccess | codeWriteCopy
	case codeExecuteReadWrite:
		return c&^codeAccess | codeExecuteWriteCopy
	}
	return c
}

// softPTE is the invalid entry of a private page with a protection: demand zero, or decommitted.
func softPTE(c protectCode) x86.PTE { return x86.PTE(c) << softProtectShift }

// protoPTE is the invalid entry of a page of a view that was touched, or whose protection is not the view's.
func protoPTE(c protectCode) x86.PTE { return ptePrototype | ptePrototypeVA | softPTE(c) }

// validPTE is the hardware entry for a frame. Accessed and dirty are the MMU's to set.
func validPTE(frame uint64, c protectCode) x86.PTE {
	e := x86.PTE(frame)<<x86.PageShift | x86.PTEPresent | x86.PTEUser | x86.PTE(c)<<validProtectShift
	if !c.executable() {
		e |= x86.PTENoExec
	}
	switch {
	case c.writable():
		e |= x86.PTEWrite | pteSoftWrite
	case c.writeCopy():
		e |= pteCopyOnWrite
	}
	switch c & codeModifier {
	case codeNoCache:
		e |= x86.PTEPCD | x86.PTEPWT // PAT entry 3: uncached
	case codeWriteCombine:
		e |= x86.PTEPWT // PAT entry 1, which Windows programs as write-combining
	}
	return e
}

// transitionPTE is the invalid entry of a page that is in memory but that no access may reach as it stands: its protection
// is NOACCESS or has a guard.
func transitionPTE(frame uint64, c protectCode) x86.PTE {
	return x86.PTE(frame)<<x86.PageShift | pteTransition | softPTE(c)
}

// hasFrame reports whether an entry holds a frame: it is valid or in transition.
func hasFrame(e x86.PTE) bool {
	return e&x86.PTEPresent != 0 || e&(pteTransition|ptePrototype) == pteTransition
}

// codeOf returns the protection code that an entry other than zero keeps.
func codeOf(e x86.PTE) protectCode {
	if e&x86.PTEPresent != 0 {
		return protectCode(e >> validProtectShift & 0x1f)
	}
	return protectCode(e >> softProtectShift & 0x1f)
}

// frameOf returns the frame number of an entry that has one.
func frameOf(e x86.PTE) uint64 { return e.Frame().PFN() }

// pageFilePTE is the invalid entry of a page that lies in a page file.
func pageFilePTE(file, page uint64, c protectCode) x86.PTE {
	return ptePageFile | x86.PTE(file)<<pageFileNumberShift | x86.PTE(page)<<pageFileOffsetShift | softPTE(c)
}

// isPageFile reports whether an entry names a place in a page file.
func isPageFile(e x86.PTE) bool {
	return e&(x86.PTEPresent|pteTransition|ptePrototype|ptePageFile) == ptePageFile
}

// slotOf returns the place that a page-file entry names.
func slotOf(e x86.PTE) (file, page uint64) {
	return uint64(e >> pageFileNumberShift & 15), uint64(e >> pageFileOffsetShift)
}

// withoutSlot turns a page-file entry into demand zero; other entries stay.
func withoutSlot(e x86.PTE) x86.PTE {
	if !isPageFile(e) {
		return e
	}
	return softPTE(codeOf(e))
}

// withCode gives an invalid entry another protection code.
func withCode(e x86.PTE, c protectCode) x86.PTE {
	return e&^(0x1f<<softProtectShift) | softPTE(c)
}

// inWorkingSet reports whether an entry is of a page of the working set.
func inWorkingSet(e x86.PTE) bool { return e&(x86.PTEPresent|ptePhysical) == x86.PTEPresent }

// isProto reports whether an entry leaves the contents to a section.
func isProto(e x86.PTE) bool { return e&(x86.PTEPresent|ptePrototype) == ptePrototype }
