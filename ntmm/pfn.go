package ntmm

import "github.com/pagewalk/pagewalk/x86"

// A PFNState is the state of a frame (Windows Internals, part 1 ch. 5, "Page frame number database").
type PFNState uint8

// The states. A frame in transition belongs to no working set and to no list: it is pinned, by I/O or by a fault in work.
const (
	PFNActive PFNState = iota
	PFNTransition
	PFNStandby
	PFNModified
	PFNModifiedNoWrite
	PFNFree
	PFNZeroed
	PFNBad
)

var pfnStateNames = [...]string{"active", "transition", "standby", "modified", "modified_no_write", "free", "zeroed", "bad"}

// String returns the state's name in the trace.
func (s PFNState) String() string { return pfnStateNames[s] }

// A listID names one list of frames.
type listID uint8

const (
	listNone           listID = iota // active, or in transition
	listZeroed                       // of zeros
	listFree                         // with whatever the last use left
	listStandby                      // and seven more: clean pages by priority
	listModified       = listStandby + priorities
	listModifiedRaw    = listModified + 1 // that compression saves too little of
	listModifiedMapped = listModified + 2 // whose place is a data file
	listModifiedNo     = listModified + 3 // that must not be written now
	listBad            = listModified + 4
	listCount          = listModified + 5
)

// priorities is how many standby lists there are; normalPriority is that of a thread which did not choose one.
const (
	priorities     = 8
	normalPriority = 5
)

// NormalPriority is the priority of pages that nobody chose one for (MEMORY_PRIORITY_NORMAL).
const NormalPriority = normalPriority

// state is the state of the frames on a list.
func (l listID) state() PFNState {
	switch {
	case l == listNone:
		return PFNActive
	case l == listZeroed:
		return PFNZeroed
	case l == listFree:
		return PFNFree
	case l < listModified:
		return PFNStandby
	case l == listModifiedNo:
		return PFNModifiedNoWrite
	case l == listBad:
		return PFNBad
	}
	return PFNModified
}

// pfn is the entry of one frame: 40 bytes.
type pfn struct {
	pte      x86.PhysAddr // of the PTE, or of the upper-level entry that maps a page table; of a prototype page, its number in its area
	original x86.PTE      // what the PTE becomes when the frame is taken away: demand zero, or a place in a page file
	prev     uint32       // on a list
	next     uint32
	share    uint32 // valid PTEs that map the page; of a page table, its valid entries
	area     uint32 // of a prototype page: the number of its control area; 0: the frame is one address space's; areaPhysical and its like
	used     uint16 // of a page table: entries that are not zero
	refs     uint16 // pins: I/O and faults in work; the frame goes on no list
	list     listID
	priority uint8
	modified bool // written since it was last read or saved, beyond what the D bits of valid PTEs say
	reset    bool // MEM_RESET: the contents may be lost
}

func (p *pfn) proto() bool { return p.area != 0 && p.area < areaLarge }

// pfnList is a doubly linked list; frame 0, which is never used, ends it.
type pfnList struct {
	head, tail uint32
	n          uint64
}

// chunkFrames is how many entries are allocated at a time.
const chunkFrames = 1 << 12

// pfnDatabase has an entry for every frame below the frontier. Frames above have never been used: they are of zeros and
// count as the end of the zeroed list, so that starting a machine costs the same whatever its RAM.
type pfnDatabase struct {
	chunks   []*[chunkFrames]pfn
	frames   uint64
	frontier uint64
	lists    [listCount]pfnList
	moved    func(frame uint64, p *pfn, from, to listID) // nil: nobody is told
}

func (d *pfnDatabase) init(frames uint64) {
	d.frames, d.frontier = frames, 1
	d.chunks = make([]*[chunkFrames]pfn, (frames+chunkFrames-1)/chunkFrames)
}

// entry returns the entry of a frame, which is below the frontier.
func (d *pfnDatabase) entry(frame uint64) *pfn {
	return &d.chunks[frame/chunkFrames][frame%chunkFrames]
}

// put appends a frame that is on no list to one.
func (d *pfnDatabase) put(frame uint64, id listID) {
	p, l := d.entry(frame), &d.lists[id]
	if p.list != listNone {
		panic("ntmm: a frame was put on two lists")
	}
	p.list, p.prev, p.next = id, l.tail, 0
	if l.tail != 0 {
		d.entry(uint64(l.tail)).next = uint32(frame)
	} else {
		l.head = uint32(frame)
	}
	l.tail = uint32(frame)
	l.n++
	if d.moved != nil {
		d.moved(frame, p, listNone, id)
	}
}

// unlink takes a frame off its list.
func (d *pfnDatabase) unlink(frame uint64) {
	p := d.entry(frame)
	from := p.list
	if from == listNone {
		return
	}
	l := &d.lists[from]
	if p.prev != 0 {
		d.entry(uint64(p.prev)).next = p.next
	} else {
		l.head = p.next
	}
	if p.next != 0 {
		d.entry(uint64(p.next)).prev = p.prev
	} else {
		l.tail = p.prev
	}
	l.n--
	p.list, p.prev, p.next = listNone, 0, 0
	if d.moved != nil {
		d.moved(frame, p, from, listNone)
	}
}

// fresh returns a frame that was never used, 0 where all were.
func (d *pfnDatabase) fresh() uint64 {
	frame := d.frontier
	if frame == d.frames {
		return 0
	}
	d.frontier++
	if c := &d.chunks[frame/chunkFrames]; *c == nil {
		*c = new([chunkFrames]pfn)
	}
	if d.moved != nil {
		d.moved(frame, d.entry(frame), listZeroed, listNone)
	}
	return frame
}

// zeroed counts the frames of zeros, standby the clean pages, and available all that can be had at once.
func (d *pfnDatabase) zeroed() uint64 { return d.frames - d.frontier + d.lists[listZeroed].n }

func (d *pfnDatabase) standby() uint64 {
	n := uint64(0)
	for i := range priorities {
		n += d.lists[listStandby+listID(i)].n
	}
	return n
}

func (d *pfnDatabase) available() uint64 { return d.zeroed() + d.lists[listFree].n + d.standby() }

func (d *pfnDatabase) modified() uint64 {
	return d.lists[listModified].n + d.lists[listModifiedRaw].n + d.lists[listModifiedMapped].n
}
