package ntdll

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
)

// testOS gives a heap reserved ranges one after another, with a gap between them so that an overrun faults, and at most
// limit bytes of committed pages.
type testOS struct {
	pagedMemory
	next   uint64
	ranges map[uint64]uint64
	limit  int
}

func newTestOS() *testOS {
	return &testOS{pagedMemory: pagedMemory{}, next: 0x10000000, ranges: map[uint64]uint64{}, limit: 64 << 20}
}

func (o *testOS) reserve(size uint64, _ uint32) (uint64, ntdef.Status) {
	if size > 1<<40 {
		return 0, ntdef.STATUS_NO_MEMORY
	}
	va := o.next
	o.next += align(size, segmentGrain) + segmentGrain
	o.ranges[va] = size
	return va, ntdef.STATUS_SUCCESS
}

func (o *testOS) commit(va, size uint64, _ uint32) ntdef.Status {
	if va%4096 != 0 || size%4096 != 0 {
		panic("a heap commits whole pages")
	}
	if 4096*len(o.pagedMemory)+int(size) > o.limit {
		return ntdef.STATUS_NO_MEMORY
	}
	o.pagedMemory.commit(va, size)
	return ntdef.STATUS_SUCCESS
}

func (o *testOS) decommit(va, size uint64) ntdef.Status {
	o.pagedMemory.decommit(va, size)
	return ntdef.STATUS_SUCCESS
}

func (o *testOS) release(va uint64) ntdef.Status {
	size, ok := o.ranges[va]
	if !ok {
		panic("a heap releases what it reserved")
	}
	delete(o.ranges, va)
	o.pagedMemory.decommit(va, size)
	return ntdef.STATUS_SUCCESS
}

func testHeap(t *testing.T, os heapOS, flags uint32, reserve, commit uint64) *heap {
	t.Helper()
	h, err := newHeap(os, flags, reserve, commit, 0x5eed)
	require.NoError(t, err)
	require.NotNil(t, h)
	return h
}

func mustAlloc(t *testing.T, h *heap, size uint64) uint64 {
	t.Helper()
	p, err := h.alloc(0, size)
	require.NoError(t, err)
	require.NotZero(t, p)
	return p
}

// TestHeapAgainstModel runs random calls and compares every block's address range, size and contents with a map.
func TestHeapAgainstModel(t *testing.T) {
	for seed := range uint64(4) {
		modelRun(t, rand.New(rand.NewPCG(seed, 1)), 4000)
	}
}

func modelRun(t *testing.T, rng *rand.Rand, steps int) {
	os := newTestOS()
	h := testHeap(t, os, HEAP_GROWABLE, 0, 0)
	type owned struct {
		at   uint64
		data []byte
	}
	var live []owned
	size := func() uint64 {
		switch rng.IntN(40) {
		case 0:
			return rng.Uint64N(1500 << 10)
		case 1, 2, 3, 4:
			return rng.Uint64N(100 << 10)
		}
		return rng.Uint64N(600)
	}
	fill := func(o owned) {
		for i := range o.data {
			o.data[i] = byte(rng.Uint32())
		}
		require.NoError(t, os.Write(o.at, o.data))
	}
	same := func(o owned) {
		got := make([]byte, len(o.data))
		require.NoError(t, os.Read(o.at, got))
		require.Equal(t, o.data, got)
	}
	for step := range steps {
		switch k := rng.IntN(8); {
		case k < 4 || len(live) == 0:
			n := size()
			p, err := h.alloc(HEAP_ZERO_MEMORY, n)
			require.NoError(t, err)
			if p == 0 {
				require.Greater(t, 4096*len(os.pagedMemory)+int(n)+2*segmentGrain, os.limit, "the heap failed with memory left")
				continue
			}
			require.Zero(t, p%16)
			o := owned{p, make([]byte, n)}
			same(o)
			for _, l := range live {
				require.False(t, p < l.at+max(1, uint64(len(l.data))) && l.at < p+max(1, n), "two blocks overlap")
			}
			fill(o)
			live = append(live, o)
		case k < 7:
			i := rng.IntN(len(live))
			same(live[i])
			require.NoError(t, h.free(live[i].at))
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
		default:
			i := rng.IntN(len(live))
			n := size()
			p, err := h.realloc(HEAP_ZERO_MEMORY, live[i].at, n)
			require.NoError(t, err)
			if p == 0 {
				same(live[i])
				continue
			}
			o := owned{p, make([]byte, n)}
			copy(o.data, live[i].data)
			same(o)
			fill(o)
			live[i] = o
		}
		if step%256 == 0 {
			require.NoError(t, h.each(func(block) error { return nil }))
		}
	}
	for _, l := range live {
		b, err := h.busy(l.at)
		require.NoError(t, err)
		require.Equal(t, uint64(len(l.data)), b.requested())
		same(l)
		require.NoError(t, h.free(l.at))
	}
	blocks := 0
	require.NoError(t, h.each(func(block) error { blocks++; return nil }))
	require.Equal(t, 1, blocks, "an empty heap is one free block")
	require.Less(t, 4096*len(os.pagedMemory), decommitThreshold, "an empty heap gives memory back")
	require.NoError(t, h.destroy())
	require.Empty(t, os.pagedMemory)
	require.Empty(t, os.ranges)
}

func TestHeapReusesWhatWasFreed(t *testing.T) {
	h := testHeap(t, newTestOS(), HEAP_GROWABLE, 0, 0)
	a, b, c := mustAlloc(t, h, 100), mustAlloc(t, h, 100), mustAlloc(t, h, 100)
	mustAlloc(t, h, 16)
	require.NoError(t, h.free(b))
	require.Equal(t, b, mustAlloc(t, h, 97), "the block of the same size class comes first")
	for _, p := range []uint64{a, c, b} {
		require.NoError(t, h.free(p))
	}
	require.Equal(t, a, mustAlloc(t, h, 3*112+2*16-20), "three neighbours have become one block")
}

func TestHeapGrowsInPlace(t *testing.T) {
	h := testHeap(t, newTestOS(), HEAP_GROWABLE, 0, 0)
	a := mustAlloc(t, h, 100)
	p, err := h.realloc(HEAP_REALLOC_IN_PLACE_ONLY, a, 1000)
	require.NoError(t, err)
	require.Equal(t, a, p)
	mustAlloc(t, h, 16)
	p, err = h.realloc(HEAP_REALLOC_IN_PLACE_ONLY, a, 5000)
	require.NoError(t, err)
	require.Zero(t, p, "the neighbour is busy")
}

func TestFixedHeapDoesNotGrow(t *testing.T) {
	os := newTestOS()
	h := testHeap(t, os, 0, 0x10000, 0)
	n := 0
	for {
		p, err := h.alloc(0, 1000)
		require.NoError(t, err)
		if p == 0 {
			break
		}
		n++
	}
	require.Equal(t, (0x10000-heapHeaderSize)/1024, n)
	p, err := h.alloc(0, maxBlock+1)
	require.NoError(t, err)
	require.Zero(t, p)
	require.Len(t, os.ranges, 1)
}

func TestHeapFindsCorruption(t *testing.T) {
	overwrite := func(at uint64) func(*testOS, uint64) {
		return func(o *testOS, p uint64) {
			v, _ := o.Load8(p + at)
			o.put(p+at, ^v)
		}
	}
	for name, c := range map[string]struct {
		damage func(*testOS, uint64)
		want   string
	}{
		"own header":           {overwrite(^uint64(0) - 15), "its header is damaged"},
		"own check word":       {overwrite(^uint64(0)), "its header is damaged"},
		"overrun into another": {overwrite(0x40), "its header is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			os := newTestOS()
			h := testHeap(t, os, HEAP_GROWABLE, 0, 0)
			p := mustAlloc(t, h, 0x40)
			mustAlloc(t, h, 0x40)
			before := len(os.pagedMemory)
			c.damage(os, p)
			var corrupt *heapCorruption
			require.ErrorAs(t, h.free(p), &corrupt)
			require.Equal(t, c.want, corrupt.what)
			require.Error(t, h.each(func(block) error { return nil }))
			require.Len(t, os.pagedMemory, before)
		})
	}
	t.Run("double free", func(t *testing.T) {
		h := testHeap(t, newTestOS(), HEAP_GROWABLE, 0, 0)
		p := mustAlloc(t, h, 0x40)
		mustAlloc(t, h, 0x40)
		require.NoError(t, h.free(p))
		require.ErrorContains(t, h.free(p), "it is free already")
	})
	t.Run("write after free", func(t *testing.T) {
		os := newTestOS()
		h := testHeap(t, os, HEAP_GROWABLE, 0, 0)
		p := mustAlloc(t, h, 0x40)
		mustAlloc(t, h, 0x40)
		require.NoError(t, h.free(p))
		other := os.next
		os.put(other, make([]byte, 64)...)
		os.put(p, binary.LittleEndian.AppendUint64(nil, other)...) // the link to the next free block
		_, err := h.alloc(0, 0x40)
		require.ErrorContains(t, err, "its free list is damaged")
	})
}

func TestOpenHeapKnowsItsOwn(t *testing.T) {
	os := newTestOS()
	h := testHeap(t, os, HEAP_GROWABLE|HEAP_NO_SERIALIZE, 0, 0)
	got, ok, err := openHeap(os, h.base)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, *h, got)
	os.put(0x5000, make([]byte, 4096)...)
	for _, bad := range []uint64{0, h.base + 16, 0x5000} {
		_, ok, err := openHeap(os, bad)
		require.NoError(t, err)
		require.False(t, ok)
	}
}

func FuzzHeap(f *testing.F) {
	f.Add(uint64(7), uint16(300))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		modelRun(t, rand.New(rand.NewPCG(seed, 2)), int(steps))
	})
}

func TestHeapCallsDoNotAllocateOnTheHost(t *testing.T) {
	os := newTestOS()
	base := testHeap(t, os, HEAP_GROWABLE, 0, 0).base
	require.Zero(t, testing.AllocsPerRun(100, func() {
		h, _, _ := openHeap(os, base)
		p, err := h.alloc(0, 100)
		if err != nil || h.free(p) != nil {
			t.Fatal("the heap failed")
		}
	}))
}
