package ntmm

// A FrameUse is what a frame of RAM is for: the rows of Sysinternals RAMMap that there are here.
type FrameUse uint8

// The uses. The compressed store is a process's private memory on Windows, MemCompression's; here it has a row of its own.
const (
	UseProcessPrivate FrameUse = iota
	UseMappedFile              // data files and images
	UseShareable               // page-file-backed sections, combined pages
	UsePageTable
	UseAWE
	UseLargePage
	UseCompressed
	UseUnused // free, zeroed
	useCount
)

var useNames = [useCount]string{
	"Process Private", "Mapped File", "Shareable", "Page Table", "AWE", "Large Page", "Compressed", "Unused",
}

// String returns RAMMap's name.
func (u FrameUse) String() string { return useNames[u] }

// pfnStates is how many states a frame can have.
const pfnStates = PFNBad + 1

// Uses counts the frames by their use and their state; all of them are the physical pages of Counters.
func (m *Manager) Uses() (uses [useCount][pfnStates]uint64) {
	d := &m.pfns
	for frame := uint64(1); frame < d.frontier; frame++ {
		p := d.entry(frame)
		uses[m.use(p)][p.list.state()]++
	}
	uses[UseUnused][PFNZeroed] += d.frames - d.frontier
	return uses
}

func (m *Manager) use(p *pfn) FrameUse {
	switch {
	case p.list == listFree || p.list == listZeroed || p.list == listBad:
		return UseUnused
	case p.area == areaPhysical:
		return UseAWE
	case p.area == areaLarge:
		return UseLargePage
	case p.area == areaStore:
		return UseCompressed
	case p.proto() && (m.areas[p.area].file != nil || m.areas[p.area].image != nil):
		return UseMappedFile
	case p.proto():
		return UseShareable
	case p.used != 0 || p.pte == 0: // a PML4 is mapped by nothing
		return UsePageTable
	}
	return UseProcessPrivate
}
