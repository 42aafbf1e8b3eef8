package ntmm

// KernelUsage is what the address spaces take of what a kernel has for itself, in bytes, and how much RAM nothing can take back, in pages.
type KernelUsage struct {
	PagedPool, NonPagedPool uint64 // prototype PTEs of views; VADs
	Resident                uint64 // page tables, locked pages, large pages and those of AWE
}

// KernelUsage returns it for all address spaces together.
func (m *Manager) KernelUsage() KernelUsage {
	u := KernelUsage{Resident: m.count.PageTablePages}
	for _, as := range m.spaces {
		u.PagedPool += as.viewPages * prototypeBytes
		u.NonPagedPool += uint64(as.vads.n) * vadBytes
		u.Resident += as.ws.Locked + uint64(len(as.physical))
		for v := as.vads.next(0); v != nil; v = as.vads.next(v.end) {
			if v.large {
				u.Resident += v.pages()
			}
		}
	}
	return u
}
