package bench

import (
	"fmt"
	"testing"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// Where many maps its pages: 8192 of 4K, 8192 of 2M, 64 of 1G, each onto the same few frames.
const (
	manySmall = x86.VirtAddr(0x10_0000_0000)
	manyLarge = x86.VirtAddr(0x80_0000_0000)
	manyHuge  = x86.VirtAddr(0x100_0000_0000)
	many      = 8192
)

// manyPages is a supervisor MMU, with PCIDs, in exact mode over tables of many pages. A second PML4 at 2000h has the same.
func manyPages(b *testing.B, p tlb.Profile) *mmu.MMU {
	mem, err := physmem.New(4 << 20)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, mem.Close()) })
	next := x86.PhysAddr(0x10_0000)
	table := func(at x86.PhysAddr) x86.PhysAddr { // the table behind an entry
		if e := x86.PTE(mem.Load64(at)); e != 0 {
			return e.Frame()
		}
		next += x86.PageSize
		mem.Store64(at, uint64(next)|3)
		return next
	}
	entry := func(t x86.PhysAddr, va x86.VirtAddr, level int) x86.PhysAddr {
		return t + x86.PhysAddr(va>>(12+9*(level-1))&511*8)
	}
	for i := range x86.VirtAddr(many) {
		va := manySmall + i<<12
		mem.Store64(entry(table(entry(table(entry(table(entry(0x1000, va, 4)), va, 3)), va, 2)), va, 1), uint64(i%16)<<12|3)
		va = manyLarge + i<<21
		mem.Store64(entry(table(entry(table(entry(0x1000, va, 4)), va, 3)), va, 2), 0x83)
		if i < 64 {
			va = manyHuge + i<<30
			mem.Store64(entry(table(entry(0x1000, va, 4)), va, 3), 0x83)
		}
	}
	for i := x86.PhysAddr(0); i < x86.PageSize; i += 8 {
		mem.Store64(0x2000+i, mem.Load64(0x1000+i))
	}
	m := mmu.New(mem, mmu.Options{TLB: tlb.New(p), Exact: true})
	for _, f := range []*x86.Fault{
		m.SetCR4(x86.CR4PAE | x86.CR4PGE), m.SetCR3(0x1000), m.SetEFER(x86.EFERLME | x86.EFERNXE),
		m.SetCR0(x86.CR0PE | x86.CR0PG | x86.CR0WP), m.SetCR4(x86.CR4PAE | x86.CR4PGE | x86.CR4PCIDE),
	} {
		require.Nil(b, f)
	}
	return m
}

func load(b *testing.B, m *mmu.MMU, va x86.VirtAddr) {
	if _, f := m.Load64(va); f != nil {
		b.Fatal(f)
	}
}

// cycles reports the modelled cost of an operation beside the host's.
func cycles(b *testing.B, m *mmu.MMU, from uint64) {
	b.ReportMetric(float64(m.Cycles()-from)/float64(b.N), "cycles/op")
}

func profiles(b *testing.B) (list []tlb.Profile) {
	for _, name := range tlb.Names()[1:] {
		p, err := tlb.ByName(name)
		require.NoError(b, err)
		list = append(list, p)
	}
	return list
}

// BenchmarkLevels is a load from one of so many pages in turn that the first level, the second or neither holds them.
func BenchmarkLevels(b *testing.B) {
	for _, p := range profiles(b) {
		for _, k := range []struct {
			level, size string
			at          x86.VirtAddr
			shift       uint
			pages       int
		}{
			{"L1", "4K", manySmall, 12, 16},
			{"L2", "4K", manySmall, 12, 512},
			{"walk", "4K", manySmall, 12, 6000},
			{"L1", "2M", manyLarge, 21, 16},
			{"L2", "2M", manyLarge, 21, 512},
			{"walk", "2M", manyLarge, 21, 6000},
			{"L1", "1G", manyHuge, 30, 4},
		} {
			b.Run(fmt.Sprintf("%s/%s/%s", p.Name, k.size, k.level), func(b *testing.B) {
				m := manyPages(b, p)
				for i := range 2 * k.pages {
					load(b, m, k.at+x86.VirtAddr(i%k.pages)<<k.shift)
				}
				from, i := m.Cycles(), 0
				b.ReportAllocs()
				for b.Loop() {
					load(b, m, k.at+x86.VirtAddr(i)<<k.shift)
					if i++; i == k.pages {
						i = 0
					}
				}
				cycles(b, m, from)
			})
		}
	}
}

// BenchmarkTables is a load that misses both levels, with the paging-structure caches of Zen 4 and without any.
func BenchmarkTables(b *testing.B) {
	p, err := tlb.ByName("zen4")
	require.NoError(b, err)
	for _, name := range []string{"cached", "cold"} {
		b.Run(name, func(b *testing.B) {
			m, i := manyPages(b, p), 0
			for range many {
				load(b, m, manySmall+x86.VirtAddr(i)<<12)
				i++
			}
			from := m.Cycles()
			for b.Loop() {
				load(b, m, manySmall+x86.VirtAddr(i%many)<<12)
				i++
			}
			cycles(b, m, from)
		})
		p.Tables = tlb.Tables{}
	}
}

// BenchmarkInvalidate is an invalidation and the load of 16 pages, which are what it may have killed.
func BenchmarkInvalidate(b *testing.B) {
	p, err := tlb.ByName("zen4")
	require.NoError(b, err)
	for _, k := range []struct {
		name string
		do   func(m *mmu.MMU) *x86.Fault
	}{
		{"nothing", func(*mmu.MMU) *x86.Fault { return nil }},
		{"INVLPG", func(m *mmu.MMU) *x86.Fault { m.InvalidatePage(manySmall); return nil }},
		{"INVPCID-address", func(m *mmu.MMU) *x86.Fault { return m.InvalidatePCID(mmu.InvAddress, 0, uint64(manySmall)) }},
		{"INVPCID-context", func(m *mmu.MMU) *x86.Fault { return m.InvalidatePCID(mmu.InvContext, 0, 0) }},
		{"INVPCID-all", func(m *mmu.MMU) *x86.Fault { return m.InvalidatePCID(mmu.InvAll, 0, 0) }},
		{"MOV-CR3", func(m *mmu.MMU) *x86.Fault { return m.SetCR3(0x1000) }},
		{"MOV-CR3-kept", func(m *mmu.MMU) *x86.Fault { return m.SetCR3(0x1000 | 1<<63) }},
		{"MOV-CR4-PGE", func(m *mmu.MMU) *x86.Fault {
			_ = m.SetCR4(m.CR4() &^ x86.CR4PGE)
			return m.SetCR4(m.CR4() | x86.CR4PGE)
		}},
	} {
		b.Run(k.name, func(b *testing.B) {
			m := manyPages(b, p)
			from := m.Cycles()
			for b.Loop() {
				if f := k.do(m); f != nil {
					b.Fatal(f)
				}
				for i := range x86.VirtAddr(16) {
					load(b, m, manySmall+i<<12)
				}
			}
			cycles(b, m, from)
		})
	}
}

// BenchmarkSwitch is a switch to another address space and 32 loads there, with PCIDs that keep what it had and without.
func BenchmarkSwitch(b *testing.B) {
	for _, p := range profiles(b) {
		for _, k := range []struct {
			name string
			cr3  [2]uint64
		}{
			{"PCID", [2]uint64{0x1000 | 1<<63, 0x2001 | 1<<63}},
			{"flush", [2]uint64{0x1000, 0x2000}},
		} {
			b.Run(p.Name+"/"+k.name, func(b *testing.B) {
				m, n := manyPages(b, p), 0
				from := m.Cycles()
				for b.Loop() {
					if f := m.SetCR3(k.cr3[n&1]); f != nil {
						b.Fatal(f)
					}
					n++
					for i := range x86.VirtAddr(32) {
						load(b, m, manySmall+i<<12)
					}
				}
				cycles(b, m, from)
			})
		}
	}
}
