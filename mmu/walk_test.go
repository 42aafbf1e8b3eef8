package mmu_test

import (
	"flag"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/x86"
)

// controls are the registers that decide a translation.
type controls struct {
	cr0, cr3, cr4, efer uint64
	cpl                 uint8
	ac                  bool
	pkru, pkrs          uint32
	maxPhys             uint
}

// outcome is what an access does: where it goes, or the fault; and the entries that it changed.
type outcome struct {
	Fault *x86.Fault
	PA    x86.PhysAddr
	Sets  map[x86.PhysAddr]uint64 // bits that were set, by the entry's address
}

func (o *outcome) equal(p *outcome) bool {
	return o.PA == p.PA && (o.Fault == nil) == (p.Fault == nil) && (o.Fault == nil || *o.Fault == *p.Fault) && maps.Equal(o.Sets, p.Sets)
}

// naive is the walk as SDM vol. 3A 4.5 to 4.8 tell it, written without a look at the product: one step after the other on
// whole numbers. load reads eight bytes of memory.
func naive(c *controls, load func(x86.PhysAddr) uint64, va uint64, write, fetch, implicit bool) outcome {
	o := outcome{Sets: map[x86.PhysAddr]uint64{}}
	if top := int64(va) >> 47; top != 0 && top != -1 {
		o.Fault = &x86.Fault{Vector: 13}
		return o
	}
	user := c.cpl == 3 && !implicit // an access of the processor to its own tables is the supervisor's
	pageFault := func(present, reserved, key bool) outcome {
		code := uint32(0)
		if present {
			code += 1
		}
		if write {
			code += 2
		}
		if user {
			code += 4
		}
		if reserved {
			code += 8
		}
		if fetch && (c.cr4>>20&1 == 1 || c.cr4>>5&1 == 1 && c.efer>>11&1 == 1) {
			code += 16
		}
		if key {
			code += 32
		}
		o.Fault = &x86.Fault{Vector: 14, Code: code, Addr: x86.VirtAddr(va)}
		return o
	}
	allWrite, allUser, anyNX := true, true, false
	table := c.cr3 &^ 0xfff & (1<<52 - 1)
	for level := 4; level >= 1; level-- {
		shift := uint(level*9 + 3)
		at := x86.PhysAddr(table + (va>>shift%512)*8)
		e := load(at)
		if e%2 == 0 {
			return pageFault(false, false, false)
		}
		ps := e>>7&1 == 1
		reserved := e & (1<<52 - 1) >> c.maxPhys << c.maxPhys
		if c.efer>>11&1 == 0 {
			reserved |= e >> 63
		}
		if level == 4 && ps {
			reserved = 1
		}
		if level == 3 && ps {
			reserved |= e >> 13 & (1<<17 - 1)
		}
		if level == 2 && ps {
			reserved |= e >> 13 & (1<<8 - 1)
		}
		if reserved != 0 {
			return pageFault(true, true, false)
		}
		allWrite = allWrite && e>>1&1 == 1
		allUser = allUser && e>>2&1 == 1
		anyNX = anyNX || e>>63 == 1
		if level > 1 && !ps {
			if e>>5&1 == 0 {
				o.Sets[at] = 1 << 5
			}
			table = e & (1<<52 - 1) &^ 0xfff
			continue
		}
		// The leaf: may the access go there?
		ok, key := true, false
		if user && !allUser {
			ok = false
		}
		if fetch {
			if anyNX || !user && allUser && c.cr4>>20&1 == 1 {
				ok = false
			}
		} else {
			wp := c.cr0>>16&1 == 1
			if write && !allWrite && (user || wp) {
				ok = false
			}
			if !user && allUser && c.cr4>>21&1 == 1 && (implicit || !c.ac) {
				ok = false
			}
			keys, bits, watched := c.cr4>>22&1 == 1, c.pkru, user || wp
			if !allUser {
				keys, bits, watched = c.cr4>>24&1 == 1, c.pkrs, wp
			}
			if keys {
				bits >>= e >> 59 % 16 * 2
				if bits&1 == 1 || bits&2 == 2 && write && watched {
					ok, key = false, true
				}
			}
		}
		if !ok {
			return pageFault(true, false, key)
		}
		set := uint64(0)
		if e>>5&1 == 0 {
			set |= 1 << 5
		}
		if write && e>>6&1 == 0 {
			set |= 1 << 6
		}
		if set != 0 {
			o.Sets[at] = set
		}
		size := uint64(1) << shift
		o.PA = x86.PhysAddr(e&(1<<52-1)&^0xfff/size*size + va%size)
		return o
	}
	panic("not reached")
}

// frames is how much RAM random tables point into.
const frames = 24

// scene draws RAM full of tables that point at each other, and control registers.
func scene(t testing.TB, rng *rand.Rand) (*physmem.Memory, *mmu.MMU, *controls) {
	mem, err := physmem.New(frames * x86.PageSize)
	require.NoError(t, err)
	c := &controls{maxPhys: uint(36 + rng.IntN(17))}
	for pa := x86.PhysAddr(0); pa < frames*x86.PageSize; pa += 8 {
		// Few indexes are in use, so that walks get deep.
		if i := pa.Offset() / 8; i > 3 && i < 508 && rng.IntN(64) != 0 {
			continue
		}
		mem.Store64(pa, entry(rng))
	}
	pick := func(bit uint64, oneIn int) uint64 {
		if rng.IntN(oneIn) == 0 {
			return bit
		}
		return 0
	}
	c.cr0 = x86.CR0PE | x86.CR0PG | pick(x86.CR0WP, 2)
	c.cr4 = x86.CR4PAE | pick(x86.CR4SMEP, 2) | pick(x86.CR4SMAP, 3) | pick(x86.CR4PKE, 3) | pick(x86.CR4PKS, 3) | pick(x86.CR4PGE, 2)
	c.efer = x86.EFERLME | (x86.EFERNXE - pick(x86.EFERNXE, 4))
	c.cr3 = uint64(rng.IntN(frames)) << 12
	c.cpl = uint8([]int{0, 3, 3}[rng.IntN(3)])
	c.ac = rng.IntN(2) == 0
	c.pkru, c.pkrs = rng.Uint32()&rng.Uint32(), rng.Uint32()&rng.Uint32()
	m := mmu.New(mem, mmu.Options{MaxPhysAddr: uint8(c.maxPhys)})
	for _, f := range []*x86.Fault{m.SetCR4(c.cr4), m.SetCR3(c.cr3), m.SetEFER(c.efer), m.SetCR0(c.cr0)} {
		require.Nil(t, f)
	}
	m.SetCPL(c.cpl)
	m.SetAC(c.ac)
	m.SetPKRU(c.pkru)
	m.SetPKRS(c.pkrs)
	return mem, m, c
}

// entry draws a page-table entry: mostly present, generous and pointing into RAM.
func entry(rng *rand.Rand) uint64 {
	e := uint64(rng.IntN(frames))<<12 | 7
	for _, c := range []struct {
		bit   uint64
		oneIn int
	}{{1, 12}, {2, 5}, {4, 5}} {
		if rng.IntN(c.oneIn) == 0 {
			e &^= c.bit
		}
	}
	for _, c := range []struct {
		bits  uint64
		oneIn int
	}{
		{1 << 63, 5},
		{1 << 7, 5},
		{3 << 5, 3},
		{1 << 5, 3},
		{1 << 8, 6},
		{rng.Uint64() & (15 << 59), 2},
		{1 << (13 + rng.IntN(39)), 12},
		{rng.Uint64() & (0x7f << 52), 4},
		{0x18, 6},
	} {
		if rng.IntN(c.oneIn) == 0 {
			e |= c.bits
		}
	}
	if e&(1<<7) != 0 && rng.IntN(2) == 0 {
		e &^= 0x3ffff000 // large pages are aligned
	}
	return e
}

// address draws an address whose indexes are in use.
func address(rng *rand.Rand) uint64 {
	va := rng.Uint64() & 0xfff
	for shift := 12; shift <= 39; shift += 9 {
		i := uint64(rng.IntN(4))
		if rng.IntN(4) == 0 {
			i = 508 + i
		}
		va |= i << shift
	}
	switch {
	case rng.IntN(16) == 0:
		va |= 1 << (47 + rng.IntN(17))
	case va>>47&1 == 1:
		va |= 0xffff << 48
	}
	return va
}

var kinds = []struct {
	access                 x86.Access
	write, fetch, implicit bool
}{
	{access: x86.Read},
	{access: x86.Write, write: true},
	{access: x86.Read | x86.Write, write: true},
	{access: x86.Execute, fetch: true},
	{access: x86.Read | x86.Implicit, implicit: true},
	{access: x86.Write | x86.Implicit, write: true, implicit: true},
}

// compareWalks makes accesses in a random scene and compares every outcome, and every bit of memory, with the naive walk's.
func compareWalks(t testing.TB, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	mem, m, c := scene(t, rng)
	defer func() { require.NoError(t, mem.Close()) }()
	for range accessesOfAScene {
		va, kind := address(rng), kinds[rng.IntN(len(kinds))]
		want := naive(c, mem.Load64, va, kind.write, kind.fetch, kind.implicit)
		before := make(map[x86.PhysAddr]uint64, 4)
		for at := range want.Sets {
			before[at] = mem.Load64(at)
		}
		// A write to CR3 forgets what could be stale; SMEP and its kin are as they were.
		require.Nil(t, m.SetCR3(c.cr3))
		pa, f := m.Translate(x86.VirtAddr(va), kind.access)
		got := outcome{PA: pa, Sets: map[x86.PhysAddr]uint64{}}
		if f != nil {
			copied := *f
			got.Fault, got.PA = &copied, 0
		}
		for at, old := range before {
			if set := mem.Load64(at) &^ old; set != 0 {
				got.Sets[at] = set
			}
		}
		if global := m.CR4()&x86.CR4PGE != 0; global && f == nil {
			m.InvalidatePage(x86.VirtAddr(va)) // a global entry would survive the next write to CR3
		}
		if !want.equal(&got) {
			require.Empty(t, cmp.Diff(want, got), "seed %d: %v %#x under %+v\n%v", seed, kind.access, va, *c, m.Inspect(x86.VirtAddr(va)))
		}
	}
}

// walks is how many accesses TestWalkAgainstTheManual makes, in thousands.
var walks = flag.Uint64("walks", 300, "compare this many thousand accesses with the manual's walk")

const accessesOfAScene = 1000

func TestWalkAgainstTheManual(t *testing.T) {
	n := *walks * 1000 / accessesOfAScene
	if testing.Short() {
		n /= 10
	}
	for seed := range n {
		compareWalks(t, seed)
	}
	t.Logf("%d accesses", n*accessesOfAScene)
}

// FuzzWalk compares the walk with the naive one in scenes that the fuzzer draws.
func FuzzWalk(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { compareWalks(t, seed) })
}
