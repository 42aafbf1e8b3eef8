package machine

import "github.com/pagewalk/pagewalk/cpu"

// pmu is architectural performance monitoring, version 2 (SDM vol. 3B 18.2): four general counters and three fixed ones, of
// 48 bits. It counts instructions, cycles, and what the TLB and the page walker do, under the event numbers of Skylake
// (SDM vol. 3B 19.2). There are no interrupts, no edges and no thresholds, and a counter counts at every privilege level
// or not at all: WRMSR of what asks for more is #GP, and so is that of an event that is not known.
type pmu struct {
	board   *Board
	counter [pmuGeneral + pmuFixed]struct {
		value uint64 // when it last stopped
		since uint64 // of its event, when it last started
		event func(*Board) uint64
		runs  bool
		over  bool // it has been through zero
	}
	selects [pmuGeneral]uint64
	fixed   uint64 // IA32_FIXED_CTR_CTRL
	global  uint64 // IA32_PERF_GLOBAL_CTRL
}

const (
	pmuGeneral = 4
	pmuFixed   = 3
	pmuBits    = 48

	msrPMC0           = 0xc1
	msrPerfEvtSel0    = 0x186
	msrFixedCtr0      = 0x309
	msrFixedCtrCtrl   = 0x38d
	msrGlobalStatus   = 0x38e
	msrGlobalCtrl     = 0x38f
	msrGlobalOvfCtrl  = 0x390
	evtSelUser        = 1 << 16
	evtSelOS          = 1 << 17
	evtSelEnable      = 1 << 22
	evtSelOfThis      = 0xffff | evtSelUser | evtSelOS | evtSelEnable
	globalOfThis      = 1<<pmuGeneral - 1 | (1<<pmuFixed-1)<<32
	fixedOfThis       = 0x333 // enabled in rings 0 and 3, of each
	unavailableEvents = 0x78  // cache references and misses, branches and mispredicted ones
)

// leaf is CPUID leaf 0AH.
func (*pmu) leaf() [4]uint32 {
	return [4]uint32{2 | pmuGeneral<<8 | pmuBits<<16 | 7<<24, unavailableEvents, 0, pmuFixed | pmuBits<<5}
}

// Walks by what made them: the umasks of DTLB_LOAD_MISSES, DTLB_STORE_MISSES and ITLB_MISSES.
const (
	causesAWalk   = 0x01
	completed4K   = 0x02
	completed2M   = 0x04
	completed1G   = 0x08
	completed     = completed4K | completed2M | completed1G
	stlbHit       = 0x20
	dtlbLoads     = 0x08
	dtlbStores    = 0x49
	itlb          = 0x85
	coreCycles    = 0x003c
	refCycles     = 0x013c
	instructions  = 0x00c0
	tlbFlushesAny = 0x20bd // TLB_FLUSH.STLB_ANY
)

func cycles(b *Board) uint64 {
	t := b.cpu.IC
	if b.timing {
		t += b.cpu.MMU.Cycles()
	}
	return t
}

// pmuEvent returns what counts an event, nil for one that is not known.
func pmuEvent(code uint16) func(*Board) uint64 {
	switch code {
	case coreCycles, refCycles:
		return cycles
	case instructions:
		return func(b *Board) uint64 { return b.cpu.IC }
	case tlbFlushesAny:
		return func(b *Board) uint64 { return b.cpu.MMU.TLB().Counters.Flushes }
	}
	kind, umask := uint8(code), code>>8
	if kind != dtlbLoads && kind != dtlbStores && kind != itlb {
		return nil
	}
	switch umask {
	case causesAWalk, stlbHit, completed4K, completed2M, completed1G, completed:
	default:
		return nil
	}
	return func(b *Board) uint64 {
		m := b.cpu.MMU
		n, walks := m.TLB().Counters.Load, m.Counters.LoadWalks
		switch kind {
		case dtlbStores:
			n, walks = m.TLB().Counters.Store, m.Counters.StoreWalks
		case itlb:
			n, walks = m.TLB().Counters.Fetch, m.Counters.FetchWalks
		}
		switch umask {
		case causesAWalk:
			return n.CausesWalk
		case stlbHit:
			return n.STLBHit
		}
		sum := uint64(0)
		for size, bit := range []uint16{completed4K, completed2M, completed1G} {
			if umask&bit != 0 {
				sum += walks[size]
			}
		}
		return sum
	}
}

// read returns a counter.
func (p *pmu) read(i int) uint64 {
	c := &p.counter[i]
	if c.runs {
		now := c.event(p.board)
		c.value += now - c.since
		c.since = now
		c.over = c.over || c.value>>pmuBits != 0
		c.value &= 1<<pmuBits - 1
	}
	return c.value
}

// status is IA32_PERF_GLOBAL_STATUS.
func (p *pmu) status() (v uint64) {
	for i := range p.counter {
		if p.read(i); p.counter[i].over {
			v |= globalBit(i)
		}
	}
	return v
}

// globalBit is a counter's bit in the global registers.
func globalBit(i int) uint64 {
	if i < pmuGeneral {
		return 1 << i
	}
	return 1 << (32 + i - pmuGeneral)
}

// write sets a counter, which goes on.
func (p *pmu) write(i int, v uint64) {
	c := &p.counter[i]
	c.value = v & (1<<pmuBits - 1)
	if c.runs {
		c.since = c.event(p.board)
	}
}

// update stops and starts the counters as the controls have it.
func (p *pmu) update() {
	for i := range p.counter {
		c := &p.counter[i]
		p.read(i)
		switch enabled := p.global&globalBit(i) != 0; {
		case i < pmuGeneral:
			c.event = pmuEvent(uint16(p.selects[i]))
			c.runs = enabled && p.selects[i]&evtSelEnable != 0 && p.selects[i]&evtSelOS != 0
		default:
			n := i - pmuGeneral
			c.event = pmuEvent([]uint16{instructions, coreCycles, refCycles}[n])
			c.runs = enabled && p.fixed>>(4*n)&3 != 0
		}
		if c.runs {
			c.since = c.event(p.board)
		}
	}
}

// rdpmc is the counter for ECX: general ones by number, fixed ones with bit 30.
func (p *pmu) rdpmc(n uint32) (uint64, bool) {
	switch {
	case n < pmuGeneral:
		return p.read(int(n)), true
	case n>>30 == 1 && n&(1<<30-1) < pmuFixed:
		return p.read(pmuGeneral + int(n&3)), true
	}
	return 0, false
}

// readMSR returns a register of the unit; ok is false for any other.
func (p *pmu) readMSR(n uint32) (v uint64, ok bool) {
	switch {
	case n-msrPMC0 < pmuGeneral:
		return p.read(int(n - msrPMC0)), true
	case n-msrPerfEvtSel0 < pmuGeneral:
		return p.selects[n-msrPerfEvtSel0], true
	case n-msrFixedCtr0 < pmuFixed:
		return p.read(pmuGeneral + int(n-msrFixedCtr0)), true
	case n == msrFixedCtrCtrl:
		return p.fixed, true
	case n == msrGlobalStatus:
		return p.status(), true
	case n == msrGlobalCtrl:
		return p.global, true
	case n == msrGlobalOvfCtrl:
		return 0, true
	}
	return 0, false
}

// owns reports whether a register is the unit's.
func (p *pmu) owns(n uint32) bool {
	_, ok := p.readMSR(n)
	return ok
}

// writeMSR writes a register of the unit; false is #GP.
func (p *pmu) writeMSR(n uint32, v uint64) bool {
	both := func(v, user, os uint64) bool { return (v&user != 0) == (v&os != 0) }
	switch {
	case n-msrPMC0 < pmuGeneral:
		p.write(int(n-msrPMC0), uint64(int64(int32(v)))) // 32 bits, sign-extended (SDM vol. 3B 18.2.1.1)
		return true
	case n-msrFixedCtr0 < pmuFixed:
		if v>>pmuBits != 0 {
			return false
		}
		p.write(pmuGeneral+int(n-msrFixedCtr0), v)
		return true
	case n-msrPerfEvtSel0 < pmuGeneral:
		if v&^evtSelOfThis != 0 || !both(v, evtSelUser, evtSelOS) || v&evtSelEnable != 0 && pmuEvent(uint16(v)) == nil {
			return false
		}
		p.selects[n-msrPerfEvtSel0] = v
	case n == msrFixedCtrCtrl:
		for i := range pmuFixed {
			if !both(v>>(4*i), 1, 2) {
				return false
			}
		}
		if v&^fixedOfThis != 0 {
			return false
		}
		p.fixed = v
	case n == msrGlobalCtrl:
		if v&^globalOfThis != 0 {
			return false
		}
		p.global = v
	case n == msrGlobalOvfCtrl:
		if v&^(globalOfThis|3<<62) != 0 {
			return false
		}
		for i := range p.counter {
			p.read(i)
			p.counter[i].over = p.counter[i].over && v&globalBit(i) == 0
		}
		return true
	default:
		return false // IA32_PERF_GLOBAL_STATUS is read-only
	}
	p.update()
	return true
}

// addPMU gives the processor the unit, whose cycles tell something where the TLB's profile is timed.
func (b *Board) addPMU(c *cpu.CPU) {
	b.pmu = &pmu{board: b, global: 1<<pmuGeneral - 1}
	c.PMC = b.pmu.rdpmc
	c.PerformanceLeaf = b.pmu.leaf()
}
