package nt

import "github.com/pagewalk/pagewalk/x86"

// pool counts what the executive keeps for programs: objects, handles, what is queued. It is charged as committed memory page by page, so
// that a program which makes a million objects comes to the end of the machine's memory and not of the host's. The first pages are
// those that a system has when it has booted.
type pool struct {
	bytes   uint64
	charged uint64 // pages
	taken   uint64 // how often something was charged
	given   uint64 // and released
}

const bootPool = 256 // pages

// Charges in bytes, near to what the things take of the host.
const (
	objectCharge = 256
	packetCharge = 64 // an APC, a packet of a completion port
	// tableCharge is that of 256 handles: 16 bytes each on Windows, 24 here.
	tableCharge  = x86.PageSize
	tableEntries = 256
)

// charge takes bytes of the pool; it reports whether they are there.
func (s *System) charge(bytes uint64) bool {
	p := &s.pool
	if pages := (p.bytes + bytes + x86.PageSize - 1) / x86.PageSize; pages > p.charged+bootPool {
		if s.mm == nil || !s.mm.ChargePool(pages-bootPool-p.charged).IsSuccess() {
			return false
		}
		p.charged = pages - bootPool
	}
	p.bytes += bytes
	p.taken++
	return true
}

// release gives bytes back. A page is kept for what comes next.
func (s *System) release(bytes uint64) {
	p := &s.pool
	p.bytes -= bytes
	p.given++
	if pages := (p.bytes+x86.PageSize-1)/x86.PageSize + 1; pages < p.charged+bootPool {
		keep := uint64(0)
		if pages > bootPool {
			keep = pages - bootPool
		}
		if keep < p.charged {
			s.mm.ReleasePool(p.charged - keep)
			p.charged = keep
		}
	}
}
