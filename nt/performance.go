package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// kernelPages are the pools in pages: the paged one has the prototype PTEs of views, the other one VADs and what the object manager
// keeps.
func (s *System) kernelPages(u ntmm.KernelUsage) (paged, nonPaged uint64) {
	pages := func(bytes uint64) uint64 { return (bytes + x86.PageMask) >> x86.PageShift }
	return pages(u.PagedPool), pages(u.NonPagedPool + s.pool.bytes)
}

// The length of SYSTEM_PERFORMANCE_INFORMATION, and what it was before Windows 8.
const (
	performanceSize   = 344
	performanceUntil8 = 312
)

// performanceInformation is SYSTEM_PERFORMANCE_INFORMATION of Windows 10, 344 bytes. What stays 0 counts what the machine does not
// have: system PTEs, code and drivers of a kernel, pool look-aside lists, and a cache manager with its fast paths and its working set.
func (s *System) performanceInformation() []byte {
	c, u := s.mm.Counters(), s.mm.KernelUsage()
	paged, nonPaged := s.kernelPages(u)
	walks := uint64(0)
	for _, n := range [][3]uint64{s.mmu.Counters.LoadWalks, s.mmu.Counters.StoreWalks, s.mmu.Counters.FetchWalks} {
		walks += n[0] + n[1] + n[2]
	}
	var b [performanceSize]byte
	le := binary.LittleEndian
	for _, f := range []struct{ at, v uint64 }{
		{0, s.waited / 100}, // IdleProcessTime, 100 ns units
		{8, s.io.reads.bytes},
		{16, s.io.writes.bytes},
		{312, c.ModifiedPages - c.ModifiedPageFile}, // CcTotalDirtyPages
		{328, c.PhysicalPages - u.Resident},         // ResidentAvailablePages
		{336, s.mm.SharedCommit()},
	} {
		le.PutUint64(b[f.at:], f.v)
	}
	for _, f := range []struct{ at, v uint64 }{
		{32, s.io.reads.count},
		{36, s.io.writes.count},
		{44, c.AvailablePages()},
		{48, c.CommittedPages},
		{52, c.CommitLimit},
		{56, c.CommitPeak},
		{60, c.PageFaults},
		{64, c.WriteCopies},
		{68, c.TransitionFaults},
		{76, c.DemandZeroFaults},
		{80, c.PagesInput},
		{84, c.PageReads},
		{96, c.PagesOutput - c.MappedPagesOutput}, // DirtyPagesWriteCount
		{100, c.PageWrites - c.MappedPageWrites},  // DirtyWriteIoCount
		{104, c.MappedPagesOutput},
		{108, c.MappedPageWrites},
		{112, paged},
		{116, nonPaged},
		{128, s.pool.taken},                     // NonPagedPoolAllocs
		{132, s.pool.given},                     // NonPagedPoolFrees
		{160, c.CommitLimit - c.CommittedPages}, // AvailablePagedPoolPages: what may yet be promised
		{164, s.mm.FilePages()},                 // ResidentSystemCachePage
		{168, paged},                            // ResidentPagedPoolPage: it is never paged
		{296, s.switches},
		{300, s.tlb.Counters.Sum().STLBHit}, // FirstLevelTbFills
		{304, walks},                        // SecondLevelTbFills
		{308, s.calls},
	} {
		le.PutUint32(b[f.at:], uint32(f.v))
	}
	return b[:]
}

// PerformanceInfo is PERFORMANCE_INFORMATION (psapi.h), 104 bytes, in pages. The system cache is what is kept of files and programs in
// memory: standby and modified pages.
func (s *System) PerformanceInfo() []byte {
	const size = 104
	c := s.mm.Counters()
	paged, nonPaged := s.kernelPages(s.mm.KernelUsage())
	cache := c.ModifiedPages
	for _, n := range c.StandbyPages {
		cache += n
	}
	handles, threads := uint32(0), 0
	for _, p := range s.procs {
		handles += p.HandleCount()
		threads += len(p.threads)
	}
	var b [size]byte
	le := binary.LittleEndian
	le.PutUint32(b[0:], size)
	for i, v := range []uint64{
		c.CommittedPages, c.CommitLimit, c.CommitPeak, c.PhysicalPages, c.AvailablePages(), cache, paged + nonPaged, paged, nonPaged, x86.PageSize,
	} {
		le.PutUint64(b[8+8*i:], v)
	}
	le.PutUint32(b[88:], handles)
	le.PutUint32(b[92:], uint32(len(s.procs)))
	le.PutUint32(b[96:], uint32(threads))
	return b[:]
}

// PooledUsage is the process's POOLED_USAGE_AND_LIMITS, 72 bytes: of the paged pool, the nonpaged one and the page file the peak, what is used,
// and the limit, of which there is none.
func (p *Process) PooledUsage() []byte {
	const unlimited = ^uint64(0)
	v := p.VMCounters()
	le := binary.LittleEndian
	var b []byte
	for _, at := range []struct{ peak, used int }{{40, 48}, {56, 64}, {80, 72}} { // in VM_COUNTERS
		b = le.AppendUint64(b, le.Uint64(v[at.peak:]))
		b = le.AppendUint64(b, le.Uint64(v[at.used:]))
		b = le.AppendUint64(b, unlimited)
	}
	return b
}

// didRead and didWrite count what the process read and wrote, for itself and for the machine.
func (p *Process) didRead(n int) {
	p.info.reads.add(n)
	p.sys.io.reads.add(n)
}

func (p *Process) didWrite(n int) {
	p.info.writes.add(n)
	p.sys.io.writes.add(n)
}
