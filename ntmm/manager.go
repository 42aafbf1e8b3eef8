package ntmm

import (
	"fmt"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/x86"
)

// Config says what a Manager manages.
type Config struct {
	Memory *physmem.Memory
	MMU    *mmu.MMU
	Hooks  *Hooks // may be nil

	Compress bool // modified pages go to a compressed store in RAM first (store.go)
	Combine  bool // ticks make identical private pages one where memory is short (combine.go)
}

// Manager is the memory manager of one machine. It is not safe for concurrent use.
type Manager struct {
	mem    *physmem.Memory
	mmu    *mmu.MMU
	pfns   pfnDatabase
	hooks  Hooks
	commit commitCharge
	count  Counters
	spaces []*AddressSpace // all, in the order of their making
	areas  []*controlArea  // by number; 0 is nobody's
	pcids  [1 << 12]*AddressSpace

	pageFiles []*pageFile
	store     store
	combiner  combiner
	combines  bool   // on ticks
	io        []byte // a cluster
	lowPages  uint64 // available pages below which more are made
	barren    uint64 // no more could be made: do not try before this many faults
	trimRound uint64

	nextZero, nextBalance uint64 // instruction counts
}

// minFrames is the least RAM that a process's page tables and first pages fit into.
const minFrames = 16

// NewManager returns the manager of a machine's RAM, all of which is on the zeroed list but frame 0, which Windows keeps
// for the firmware too.
func NewManager(c Config) (*Manager, error) {
	frames := c.Memory.Size() / x86.PageSize
	if frames < minFrames {
		return nil, fmt.Errorf("%d KiB are too few: want at least %d", frames*4, minFrames*4)
	}
	m := &Manager{
		mem: c.Memory, mmu: c.MMU, areas: make([]*controlArea, 1), io: make([]byte, cluster*x86.PageSize),
		lowPages: min(frames/128, 256), nextZero: zeroInterval, nextBalance: balanceInterval,
	}
	m.pfns.init(frames)
	m.commit.limit = frames - 1
	m.combines = c.Combine
	if c.Compress {
		m.store.init(frames)
		m.lowPages = max(m.lowPages, storeLowPages)
	}
	if c.Hooks != nil {
		m.hooks = *c.Hooks
	}
	if m.hooks.PFN != nil {
		m.pfns.moved = m.pfnEvent
	}
	return m, nil
}

// Counters are the manager's counts since it started, in pages where they count memory. The names are Performance
// Monitor's where its Memory object has the counter. Every fault is one of the twelve kinds from DemandZeroFaults to
// NoMemoryFaults; hard faults are those of page files and mapped files.
type Counters struct {
	PageFaults       uint64 // every fault, resolved or raised
	DemandZeroFaults uint64
	TransitionFaults uint64 // soft: the page was in memory, on a list or in another working set
	PageFileFaults   uint64
	CompressedFaults uint64 // the page was in the compressed store
	MappedFileFaults uint64
	WriteCopies      uint64
	GuardFaults      uint64 // STATUS_GUARD_PAGE_VIOLATION raised
	StackGrowths     uint64 // overflows too
	SpuriousFaults   uint64 // the tables allowed the access: a stale translation
	AccessViolations uint64
	InPageErrors     uint64
	NoMemoryFaults   uint64

	PageReads            uint64 // read operations on files
	PagesInput           uint64 // pages that they brought, those read ahead too
	PageWrites           uint64
	PagesOutput          uint64
	MappedPageWrites     uint64 // of PageWrites, those to mapped files
	MappedPagesOutput    uint64
	MappedWriteFails     uint64
	TransitionRepurposed uint64 // standby pages that were given to others
	RepurposedByPriority [priorities]uint64

	PagesCompressed     uint64 // pages that were put into the store
	PagesIncompressible uint64 // that were tried and went to a page file as they are
	PagesDecompressed   uint64 // that faults brought back
	StorePagesOutput    uint64 // of PagesOutput, those that the store gave up

	PagesCombined uint64 // frames that combining freed

	CommittedPages    uint64 // now
	CommitLimit       uint64
	CommitPeak        uint64
	ZeroedPages       uint64 // on the lists
	FreePages         uint64
	StandbyPages      [priorities]uint64
	ModifiedPages     uint64
	ModifiedPageFile  uint64 // of ModifiedPages, those that go to a page file
	ModifiedNoWrite   uint64
	BadPages          uint64
	ActivePages       uint64 // in use
	PageTablePages    uint64
	PhysicalPages     uint64
	StorePages        uint64 // in the store
	StoreFrames       uint64 // of ActivePages, those that the store lies in
	StoreBytes        uint64 // of those, what the pages take
	CombinedPages     uint64 // that stand for two or more, or did
	CombinedMappings  uint64 // private pages that they stand for
	PageFilePages     uint64 // that page files have
	PageFilePagesUsed uint64
}

// AvailablePages is what can be had at once: zeroed, free and standby pages.
func (c *Counters) AvailablePages() uint64 {
	n := c.ZeroedPages + c.FreePages
	for _, s := range c.StandbyPages {
		n += s
	}
	return n
}

// Counters returns the counts of the moment.
func (m *Manager) Counters() Counters {
	c := m.count
	d := &m.pfns
	c.CommittedPages, c.CommitLimit, c.CommitPeak = m.commit.total, m.commit.limit, m.commit.peak
	c.ZeroedPages, c.FreePages = d.zeroed(), d.lists[listFree].n
	for i := range c.StandbyPages {
		c.StandbyPages[i] = d.lists[listStandby+listID(i)].n
	}
	c.ModifiedPageFile = d.lists[listModified].n + d.lists[listModifiedRaw].n
	c.StorePages, c.StoreFrames, c.StoreBytes = m.store.used, m.store.frames, m.store.live
	c.ModifiedPages, c.ModifiedNoWrite, c.BadPages = d.modified(), d.lists[listModifiedNo].n, d.lists[listBad].n
	for _, n := range m.combiner.refs {
		c.CombinedMappings += uint64(n)
	}
	c.CombinedPages = uint64(len(m.combiner.refs) - len(m.combiner.free))
	c.PhysicalPages = d.frames - 1
	c.ActivePages = c.PhysicalPages - c.AvailablePages() - c.ModifiedPages - c.ModifiedNoWrite - c.BadPages
	for _, f := range m.pageFiles {
		c.PageFilePages += f.Size
		c.PageFilePagesUsed += f.InUse
	}
	return c
}

// commitCharge counts promised pages against what RAM and page files can hold.
type commitCharge struct{ total, limit, peak uint64 }

// chargeCommit promises pages; page files are extended for them where they may be. COMMITMENT_LIMIT where they do not fit.
func (m *Manager) chargeCommit(pages uint64) ntdef.Status {
	c := &m.commit
	if room := c.limit - c.total; pages > room {
		m.extendPageFiles(pages - room)
		if pages > c.limit-c.total {
			return ntdef.STATUS_COMMITMENT_LIMIT
		}
	}
	c.total += pages
	c.peak = max(c.peak, c.total)
	return ntdef.STATUS_SUCCESS
}

func (c *commitCharge) release(pages uint64) {
	if pages > c.total {
		panic("ntmm: more commit released than was charged")
	}
	c.total -= pages
}

// charge is chargeCommit for what is one process's own.
func (as *AddressSpace) charge(pages uint64) ntdef.Status {
	if as.quota != nil && !as.quota.take(as.commit, pages) {
		return ntdef.STATUS_COMMITMENT_LIMIT
	}
	st := as.m.chargeCommit(pages)
	if st != ntdef.STATUS_SUCCESS && as.quota != nil {
		as.quota.Used -= pages
	}
	if st == ntdef.STATUS_SUCCESS {
		as.commit += pages
		as.commitPeak = max(as.commitPeak, as.commit)
	}
	return st
}

func (as *AddressSpace) release(pages uint64) {
	as.m.commit.release(pages)
	as.commit -= pages
	if as.quota != nil {
		as.quota.Used -= pages
	}
}
