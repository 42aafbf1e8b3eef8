package bench

import (
	"testing"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// Where paged maps its pages.
const (
	smallAt = 0x40_0000      // 4 MiB of 4K pages, identity
	largeAt = 0x4000_0000    // 8 MiB of 2M pages onto the same RAM
	hugeAt  = 0x80_0000_0000 // one 1G page onto all of it
)

// paged is a user-mode MMU over 8 MiB of RAM that is mapped three times, by pages of each size.
func paged(b *testing.B, o mmu.Options) *mmu.MMU {
	mem, err := physmem.New(8 << 20)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, mem.Close()) })
	put := func(pa x86.PhysAddr, v uint64) { mem.Store64(pa, v) }
	put(0x1000, 0x2007)
	put(0x1008, 0x9007)
	put(0x2000, 0x3007)
	put(0x2008, 0x8007)
	for i := range x86.PhysAddr(4) {
		put(0x3000+i*8, uint64(0x4000+i*x86.PageSize)|7)
		put(0x8000+i*8, uint64(i)<<21|0x87)
	}
	for i := range x86.PhysAddr(2048) {
		put(0x4000+i*8, uint64(i)<<12|7)
	}
	put(0x9000, 0x87)
	m := mmu.New(mem, o)
	for _, f := range []*x86.Fault{
		m.SetCR4(x86.CR4PAE), m.SetCR3(0x1000), m.SetEFER(x86.EFERLME | x86.EFERNXE),
		m.SetCR0(x86.CR0PE | x86.CR0PG | x86.CR0WP),
	} {
		require.Nil(b, f)
	}
	m.SetCPL(3)
	return m
}

// BenchmarkTLB/hit is one load whose translation is cached; exact is the same through the TLB model.
func BenchmarkTLB(b *testing.B) {
	skylake, err := tlb.ByName("skylake")
	require.NoError(b, err)
	for _, size := range []struct {
		name string
		va   x86.VirtAddr
	}{{"4K", smallAt}, {"2M", largeAt + 4<<20}, {"1G", hugeAt + 4<<20}} {
		b.Run("hit/"+size.name, func(b *testing.B) { loads(b, paged(b, mmu.Options{}), size.va) })
		b.Run("exact/skylake/"+size.name, func(b *testing.B) {
			loads(b, paged(b, mmu.Options{TLB: tlb.New(skylake), Exact: true}), size.va)
		})
	}
}

func loads(b *testing.B, m *mmu.MMU, va x86.VirtAddr) {
	b.ReportAllocs()
	for b.Loop() {
		if _, f := m.Load64(va); f != nil {
			b.Fatal(f)
		}
	}
}

// BenchmarkWalk is the walk of the tables for a read, by page size; Walk/INVLPG is a whole load after an INVLPG: TLB miss,
// walk, fill.
func BenchmarkWalk(b *testing.B) {
	for _, size := range []struct {
		name string
		va   x86.VirtAddr
	}{{"4level", smallAt}, {"3level-2M", largeAt + 4<<20}, {"2level-1G", hugeAt + 4<<20}} {
		b.Run(size.name, func(b *testing.B) {
			m := paged(b, mmu.Options{})
			b.ReportAllocs()
			for b.Loop() {
				if _, f := m.Walk(size.va, x86.Read); f != nil {
					b.Fatal(f)
				}
			}
		})
	}
	for _, size := range []struct {
		name string
		va   x86.VirtAddr
	}{{"4K", smallAt}, {"2M", largeAt + 4<<20}, {"1G", hugeAt + 4<<20}} {
		b.Run("INVLPG/"+size.name, func(b *testing.B) {
			m := paged(b, mmu.Options{})
			b.ReportAllocs()
			for b.Loop() {
				m.InvalidatePage(size.va)
				if _, f := m.Load64(size.va); f != nil {
					b.Fatal(f)
				}
			}
		})
	}
}
