package tlb

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/x86"
)

func entry(vpn int, size Size) Entry {
	return Entry{VA: x86.VirtAddr(vpn) << size.Shift(), PA: x86.PhysAddr(vpn) << 30, Size: size, User: true}
}

func profile(t *testing.T, name string) *Hierarchy {
	p, err := ByName(name)
	require.NoError(t, err)
	return New(p)
}

func TestUnknownProfileNamesTheKnownOnes(t *testing.T) {
	_, err := ByName("pentium")
	require.EqualError(t, err, `unknown TLB profile "pentium": want one of ideal, skylake, goldencove, zen3, zen4, or a file whose name ends in .json`)
}

func TestSetsReplaceTheLeastRecentlyUsed(t *testing.T) {
	four := []Structure{{Sets: 2, Ways: 2, Holds: []Size{Size4K}}}
	h := New(Profile{Name: "four", L1I: four, L1D: four})
	for _, vpn := range []int{0, 2, 1} { // 0 and 2 fill set 0
		require.Empty(t, h.Insert(entry(vpn, Size4K), x86.Read))
	}
	_, level, ok := h.Lookup(0x10, 0, x86.Read)
	require.True(t, ok)
	require.Equal(t, L1, level)
	out := h.Insert(entry(4, Size4K), x86.Read)
	require.Len(t, out, 1)
	require.EqualValues(t, 0x2000, out[0].VA, "page 0 was used since")
	_, _, ok = h.Lookup(0x1000, 0, x86.Read)
	require.True(t, ok, "the other set was left alone")
	_, _, ok = h.Lookup(0, 0, x86.Execute)
	require.False(t, ok, "instructions have a buffer of their own")
}

func TestSecondLevelServesTheFirst(t *testing.T) {
	h := profile(t, "skylake")
	for vpn := range 200 { // more than the 64 entries of the first level
		h.Insert(entry(vpn, Size4K), x86.Read)
	}
	h.Counters = Counters{}
	_, level, ok := h.Lookup(0, 0, x86.Read)
	require.True(t, ok)
	require.Equal(t, L2, level)
	_, level, _ = h.Lookup(0, 0, x86.Read)
	require.Equal(t, L1, level, "a hit of the second level fills the first")
	require.Equal(t, Counters{Load: AccessCounters{Hits: 1, STLBHit: 1}}, h.Counters)
}

func TestSkylakeReaches1536Pages(t *testing.T) {
	h := profile(t, "skylake")
	misses := func(pages int) uint64 {
		for range 3 {
			h.Counters = Counters{}
			for vpn := range pages {
				if _, _, ok := h.Lookup(x86.VirtAddr(vpn)<<12, 0, x86.Read); !ok {
					h.Insert(entry(vpn, Size4K), x86.Read)
				}
			}
		}
		return h.Counters.Load.CausesWalk
	}
	require.Zero(t, misses(1536))
	require.NotZero(t, misses(1536+128))
}

func TestInvalidatePageAndFlush(t *testing.T) {
	for _, name := range Names() {
		h := profile(t, name)
		add := func(e Entry, pcid uint16, global bool) {
			e.PCID, e.Global, e.NoExec = pcid, global, true
			h.Insert(e, x86.Read)
		}
		has := func(va x86.VirtAddr, pcid uint16) bool { _, _, ok := h.Lookup(va, pcid, x86.Read); return ok }
		add(entry(1, Size4K), 1, false)
		add(entry(1, Size4K), 2, false)
		add(entry(2, Size4K), 1, true)
		add(entry(3, Size2M), 1, false)
		require.True(t, has(0x2000, 7), "global entries match every PCID")
		require.True(t, has(3<<21|0x12345, 1))

		n, exec, size := h.InvalidatePage(0x1fff, 1)
		require.NotZero(t, n)
		require.False(t, exec)
		require.Equal(t, Size4K, size)
		require.False(t, has(0x1000, 1))
		require.True(t, has(0x1000, 2))
		_, _, size = h.InvalidatePage(3<<21|0x1ff000, 1)
		require.Equal(t, Size2M, size)
		require.False(t, has(3<<21, 1))
		h.Flush(2)
		require.False(t, has(0x1000, 2))
		require.True(t, has(0x2000, 2), "a flush of one PCID keeps global entries")
		n, _, _ = h.InvalidatePage(0x2000, 9)
		require.NotZero(t, n, "INVLPG kills global entries")
		add(entry(2, Size4K), 1, true)
		h.FlushAll()
		require.False(t, has(0x2000, 1))
	}
}

// TestTableAgainstAMap plays random operations on the ideal buffer and on a map.
func TestTableAgainstAMap(t *testing.T) {
	type key struct {
		vpn  uint64
		size Size
	}
	rng := rand.New(rand.NewPCG(1, 2))
	tab, model := newTable(), map[key]Entry{}
	for range 200_000 {
		k := key{rng.Uint64N(600), Size(rng.IntN(2))}
		va := x86.VirtAddr(k.vpn) << k.size.Shift()
		switch rng.IntN(3) {
		case 0:
			e := Entry{VA: va, Size: k.size, PA: x86.PhysAddr(rng.Uint64())}
			_, full := tab.insert(e)
			require.False(t, full)
			model[k] = e
		case 1:
			got, ok := tab.take(va, k.size, 0)
			want, has := model[k]
			require.Equal(t, has, ok)
			require.Equal(t, want, got)
			delete(model, k)
		default:
			e := tab.find(va, 0)
			small, has := model[key{uint64(va) >> 12, Size4K}]
			large, hasLarge := model[key{uint64(va) >> 21, Size2M}]
			switch {
			case has:
				require.Equal(t, small, *e)
			case hasLarge:
				require.Equal(t, large, *e)
			default:
				require.Nil(t, e)
			}
		}
		require.Equal(t, len(model), tab.len())
	}
}

func TestTheIdealBufferIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a million entries")
	}
	h := profile(t, "ideal")
	evicted := 0
	for vpn := range maxTable + 1000 {
		evicted += len(h.Insert(entry(vpn, Size4K), x86.Read))
	}
	require.Equal(t, 1000, evicted)
	require.Equal(t, maxTable, h.Len())
}

func TestLookupsAllocateNothing(t *testing.T) {
	for _, name := range Names() {
		h := profile(t, name)
		vpn := 0
		for ; vpn < 5000; vpn++ {
			h.Insert(entry(vpn, Size4K), x86.Read)
		}
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			vpn = (vpn + 37) % 5000
			if _, _, ok := h.Lookup(x86.VirtAddr(vpn)<<12, 0, x86.Read); !ok {
				h.Insert(entry(vpn, Size4K), x86.Read)
			}
		}))
	}
}
