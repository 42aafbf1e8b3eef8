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
	Memory        *physmem.Memory
	MMU           *mmu.MMU
	PageFileBytes uint64 // adds to the commit limit
	Hooks         *Hooks // may be nil
}

// Manager is the memory manager of one machine. It is not safe for concurrent use.
type Manager struct {
	mem    *physmem.Memory
	mmu    *mmu.MMU
	pfns   pfnDatabase
	hooks  Hooks
	commit commitCharge
	count  Counters
	// sections are all that were made: their pages stay in memory for the next view.
	sections []*Section
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
	m := &Manager{mem: c.Memory, mmu: c.MMU}
	m.pfns.init(frames)
	m.commit.limit = frames - 1 + c.PageFileBytes/x86.PageSize
	if c.Hooks != nil {
		m.hooks = *c.Hooks
	}
	return m, nil
}

// Counters are the manager's counts since it started, in pages where they count memory. The first group has the names of
// Performance Monitor's Memory object.
type Counters struct {
	PageFaults       uint64 // every fault, resolved or raised
	DemandZeroFaults uint64
	WriteCopies      uint64
	PageReads        uint64 // read operations on files
	PagesInput       uint64 // pages that they brought
	TransitionFaults uint64 // image pages already in memory for another view or from before

	GuardFaults      uint64 // STATUS_GUARD_PAGE_VIOLATION raised
	StackGrowths     uint64
	AccessViolations uint64
	SpuriousFaults   uint64 // the tables allowed the access: a stale translation

	CommittedPages uint64 // now
	CommitLimit    uint64
	CommitPeak     uint64
	ZeroedPages    uint64 // on the zeroed list
	FreePages      uint64 // on the free list
	ActivePages    uint64 // in use
	PageTablePages uint64
}

// Counters returns the counts of the moment.
func (m *Manager) Counters() Counters {
	c := m.count
	c.CommittedPages, c.CommitLimit, c.CommitPeak = m.commit.total, m.commit.limit, m.commit.peak
	c.ZeroedPages, c.FreePages, c.ActivePages = m.pfns.counts()
	return c
}

// commitCharge counts promised pages against what RAM and page files can hold.
type commitCharge struct{ total, limit, peak uint64 }

func (c *commitCharge) charge(pages uint64) ntdef.Status {
	if pages > c.limit-c.total {
		return ntdef.STATUS_COMMITMENT_LIMIT
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
