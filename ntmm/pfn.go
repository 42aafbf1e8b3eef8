package ntmm

import "github.com/pagewalk/pagewalk/x86"

// pfnState is the state of a frame (Windows Internals, part 1 ch. 5, "Page frame number database").
type pfnState uint8

const (
	pfnZeroed pfnState = iota // on the zeroed list, or never used
	pfnFree
	pfnActive
)

// pfn is the entry of one frame: 32 bytes.
type pfn struct {
	pte   x86.PhysAddr // of the PTE, or of the upper-level entry that maps a page table; 0 for a prototype page
	next  uint32       // on the free list
	share uint32       // PTEs that map a prototype page; 1 for a private one
	used  uint16       // entries of a page table that are not zero
	state pfnState
	proto bool // the frame belongs to a section, not to one address space
}

// chunkFrames is how many entries are allocated at a time.
const chunkFrames = 1 << 12

// pfnDatabase has an entry for every frame below the frontier; frames above have never been used and are zero.
type pfnDatabase struct {
	chunks   []*[chunkFrames]pfn
	frames   uint64
	frontier uint64 // the next frame that was never used
	free     uint64 // head of the free list, 0: empty
	freeLen  uint64
}

func (d *pfnDatabase) init(frames uint64) {
	d.frames, d.frontier = frames, 1
	d.chunks = make([]*[chunkFrames]pfn, (frames+chunkFrames-1)/chunkFrames)
}

// entry returns the entry of a frame, which is below the frontier.
func (d *pfnDatabase) entry(frame uint64) *pfn {
	return &d.chunks[frame/chunkFrames][frame%chunkFrames]
}

// take returns a frame off the lists, zeroed where that costs nothing: a page from the zeroed list is preferred for zeroed,
// from the free list otherwise. ok is false where there is no frame.
func (d *pfnDatabase) take(zeroed bool) (frame uint64, dirty, ok bool) {
	fresh := d.frontier < d.frames
	switch {
	case fresh && (zeroed || d.free == 0):
		frame = d.frontier
		d.frontier++
		if c := &d.chunks[frame/chunkFrames]; *c == nil {
			*c = new([chunkFrames]pfn)
		}
	case d.free != 0:
		frame, dirty = d.free, true
		d.free = uint64(d.entry(frame).next)
		d.freeLen--
	default:
		return 0, false, false
	}
	*d.entry(frame) = pfn{state: pfnActive, share: 1}
	return frame, dirty, true
}

// release puts an active frame on the free list.
func (d *pfnDatabase) release(frame uint64) {
	e := d.entry(frame)
	if e.state != pfnActive {
		panic("ntmm: a frame that is not active was freed")
	}
	*e = pfn{state: pfnFree, next: uint32(d.free)}
	d.free = frame
	d.freeLen++
}

func (d *pfnDatabase) counts() (zeroed, free, active uint64) {
	zeroed = d.frames - d.frontier
	return zeroed, d.freeLen, d.frames - 1 - zeroed - d.freeLen
}

// takeFrame returns an active frame: of zeros, or with whatever its last use left. ok is false where RAM is used up.
func (m *Manager) takeFrame(zeroed bool) (uint64, bool) {
	frame, dirty, ok := m.pfns.take(zeroed)
	if ok && dirty {
		pa := x86.PhysAddr(frame << x86.PageShift)
		m.mem.NotifyWrite(pa)
		if zeroed {
			clear(m.mem.Frame(pa)[:])
		}
	}
	return frame, ok
}

// freeFrame gives a frame back.
func (m *Manager) freeFrame(frame uint64) {
	m.mem.NotifyWrite(x86.PhysAddr(frame << x86.PageShift))
	m.pfns.release(frame)
}
