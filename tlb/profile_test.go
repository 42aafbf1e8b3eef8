package tlb

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/x86"
)

// sweep touches pages one after the other, three times over, and counts in the last round.
func sweep(h *Hierarchy, pages int, size Size, a x86.Access) AccessCounters {
	for range 3 {
		h.Counters = Counters{}
		for vpn := range pages {
			e := entry(vpn, size)
			if _, _, ok := h.Lookup(e.VA, 0, a); !ok {
				h.Insert(e, a)
			}
		}
	}
	return h.Counters.Sum()
}

// TestProfilesReach has each profile hold as many pages as its processor's manual says, and one set's worth more not.
func TestProfilesReach(t *testing.T) {
	for _, k := range []struct {
		profile       string
		size          Size
		access        x86.Access
		first, second int // pages that the levels hold
	}{
		{"skylake", Size4K, x86.Read, 64, 1536},
		{"skylake", Size4K, x86.Execute, 128, 1536},
		{"skylake", Size2M, x86.Write, 32, 1536},
		{"skylake", Size1G, x86.Read, 4, 16},
		{"goldencove", Size4K, x86.Read, 96, 2048},
		{"goldencove", Size4K, x86.Execute, 256, 2048},
		{"goldencove", Size2M, x86.Read, 32, 2048},
		{"zen3", Size4K, x86.Read, 64, 2048},
		{"zen3", Size4K, x86.Execute, 64, 512},
		{"zen4", Size4K, x86.Read, 72, 3072},
		{"zen4", Size2M, x86.Read, 72, 3072},
		{"zen4", Size4K, x86.Execute, 64, 512},
		{"zen4", Size1G, x86.Read, 72, 72},
	} {
		got := sweep(profile(t, k.profile), k.first, k.size, k.access)
		require.Equal(t, AccessCounters{Hits: uint64(k.first)}, got, "%+v", k)
		got = sweep(profile(t, k.profile), k.second, k.size, k.access)
		require.Zero(t, got.CausesWalk, "%+v", k)
		if k.second > k.first {
			require.NotZero(t, got.STLBHit, "%+v", k)
		}
		got = sweep(profile(t, k.profile), k.second+k.second/8+1, k.size, k.access)
		require.NotZero(t, got.CausesWalk, "%+v", k)
	}
}

// policies returns buffers of one set with 8 ways and each policy.
func one(policy Policy, ways int) *Hierarchy {
	s := []Structure{{Sets: 1, Ways: ways, Holds: all, Policy: policy}}
	return New(Profile{Name: "one", L1I: s, L1D: s})
}

// TestPolicies has the victims that each policy picks in a full set of four.
func TestPolicies(t *testing.T) {
	victims := func(policy Policy, used ...int) (out []int) {
		h := one(policy, 4)
		for vpn := range 4 {
			h.Insert(entry(vpn, Size4K), x86.Read)
		}
		for _, vpn := range used {
			_, _, ok := h.Lookup(x86.VirtAddr(vpn)<<12, 0, x86.Read)
			require.True(t, ok)
		}
		for vpn := 10; vpn < 14; vpn++ {
			for _, e := range h.Insert(entry(vpn, Size4K), x86.Read) {
				out = append(out, int(e.VA>>12))
			}
		}
		return out
	}
	require.Equal(t, []int{0, 1, 2, 3}, victims(LRU))
	require.Equal(t, []int{1, 3, 0, 2}, victims(LRU, 1, 3, 0, 2))
	// The tree of four: after 0 1 2 3 the root points left, to 0; each fill turns the bits on its path.
	require.Equal(t, []int{0, 2, 1, 3}, victims(PLRU))
	require.Equal(t, []int{2, 1, 3, 0}, victims(PLRU, 0), "what was used last is the last to go in its half, not everywhere")
	require.Equal(t, victims(Random), victims(Random), "runs repeat")
	require.NotEqual(t, victims(LRU), victims(Random))
}

// TestEveryWayIsUsed has a set of any number of ways fill up, and give up one entry for each that comes then, in every policy.
func TestEveryWayIsUsed(t *testing.T) {
	for _, policy := range []Policy{LRU, PLRU, Random} {
		for _, ways := range []int{1, 2, 3, 6, 12, 24, 72, 256} {
			h := one(policy, ways)
			for vpn := range ways {
				require.Empty(t, h.Insert(entry(vpn, Size4K), x86.Read), "%v of %d", policy, ways)
			}
			seen := map[x86.VirtAddr]bool{}
			for vpn := range 20 * ways {
				out := h.Insert(entry(1000+vpn, Size4K), x86.Read)
				require.Len(t, out, 1, "%v of %d", policy, ways)
				seen[out[0].VA] = true
			}
			for vpn := range ways {
				if policy != Random {
					require.True(t, seen[x86.VirtAddr(vpn)<<12], "%v of %d: page %d stays for ever", policy, ways, vpn)
				}
			}
		}
	}
}

// TestSplitSecondLevel has instructions and data of zen4 leave each other's second level alone.
func TestSplitSecondLevel(t *testing.T) {
	h := profile(t, "zen4")
	for vpn := range 500 {
		h.Insert(entry(vpn, Size4K), x86.Execute)
	}
	for vpn := range 4000 {
		h.Insert(entry(1000+vpn, Size4K), x86.Read)
	}
	_, level, ok := h.Lookup(0, 0, x86.Execute)
	require.True(t, ok)
	require.Equal(t, L2, level)
	_, _, ok = h.Lookup(0, 0, x86.Read)
	require.False(t, ok)
}

// TestLookupReportsWhatItPushesOut has an entry that is in the first level only leave the hierarchy by a second-level hit.
func TestLookupReportsWhatItPushesOut(t *testing.T) {
	first, second := []Structure{{Sets: 1, Ways: 1, Holds: all}}, []Structure{{Sets: 2, Ways: 1, Holds: all}}
	h := New(Profile{Name: "tiny", L1I: first, L1D: first, L2: second})
	h.Insert(entry(1, Size4K), x86.Read) // second level: set 1
	h.Insert(entry(0, Size4K), x86.Read) // set 0, and the first level
	h.Insert(entry(2, Size4K), x86.Execute)
	require.Equal(t, []x86.VirtAddr{}, addresses(h.Evicted()), "page 0 is still in the data buffer")
	_, level, _ := h.Lookup(0x1000, 0, x86.Read)
	require.Equal(t, L2, level)
	require.Equal(t, []x86.VirtAddr{0}, addresses(h.Evicted()))
}

func addresses(es []Entry) []x86.VirtAddr {
	list := []x86.VirtAddr{}
	for _, e := range es {
		list = append(list, e.VA)
	}
	return list
}

// TestStructureCaches has the deepest entry found, entries of other PCIDs not, and the events that drop them.
func TestStructureCaches(t *testing.T) {
	const va = 0x7f12_3456_7000
	h := profile(t, "zen4")
	at := func(va x86.VirtAddr, pcid uint16) int {
		_, level := h.LookupTables(va, pcid)
		return level
	}
	fill := func() {
		for level := 4; level >= 2; level-- {
			h.InsertTable(va, 1, level, TableEntry{Table: x86.PhysAddr(level) << 12, Writable: true, User: true})
		}
	}
	require.Equal(t, 5, at(va, 1))
	fill()
	e, level := h.LookupTables(va+0x8_0000, 1)
	require.Equal(t, 2, level, "the same 2M")
	require.Equal(t, TableEntry{Table: 0x2000, Writable: true, User: true}, e)
	require.Equal(t, 3, at(va+2<<20, 1), "the same 1G")
	require.Equal(t, 4, at(va+1<<30, 1), "the same 512G")
	require.Equal(t, 5, at(va+1<<39, 1))
	require.Equal(t, 5, at(va, 2))
	for name, event := range map[string]func(){
		"INVLPG of any page of the PCID": func() { h.InvalidatePage(0x1000, 1) },
		"MOV CR3 to the PCID":            func() { h.Flush(1) },
		"MOV CR4.PGE":                    func() { h.FlushAll() },
		"INVPCID of one PCID":            func() { h.DropTables(1) },
		"INVPCID of all":                 func() { h.DropAllTables() },
	} {
		fill()
		event()
		require.Equal(t, 5, at(va, 1), name)
	}
	fill()
	h.Flush(2)
	h.InvalidatePage(va, 2)
	require.Equal(t, 2, at(va, 1), "another PCID's events")
	for i := range 64 { // more PDEs
		h.InsertTable(x86.VirtAddr(i)<<21, 1, 2, TableEntry{})
	}
	require.Equal(t, 3, at(va, 1), "the least recently used PDE is gone, the PDPTE is not")
}

func TestProfileFiles(t *testing.T) {
	for _, name := range Names()[1:] { // each profile as JSON is itself
		p, err := ByName(name)
		require.NoError(t, err)
		text, err := json.Marshal(p)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), name+".json")
		require.NoError(t, os.WriteFile(file, text, 0o600))
		got, err := Load(file)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(p, got))
	}
	const full = `{"sets":1,"ways":4,"holds":["4K","2M","1G"]}`
	for text, want := range map[string]string{
		`{`:                    "unexpected EOF",
		`{"name":"x","l3":[]}`: `unknown field "l3"`,
		`{"l1i":[],"l1d":[]}`:  "name: missing",
		`{"name":"x"}`:         "holds: no structure has 4K pages of instructions",
		`{"name":"x"} {}`:      "something follows the profile",
		`{"name":"x","l1i":[` + full + `],"l1d":[{"sets":3,"ways":1,"holds":["4K"]}]}`:                    "l1d[0].sets: 3 is not a power of two",
		`{"name":"x","l1i":[` + full + `],"l1d":[{"sets":1,"ways":0,"holds":["4K"]}]}`:                    "l1d[0].ways: 0 is not between 1 and 256",
		`{"name":"x","l1i":[` + full + `],"l1d":[{"sets":65536,"ways":2,"holds":["4K"]}]}`:                "l1d[0]: 65536 × 2 entries are more than 65536",
		`{"name":"x","l1i":[` + full + `],"l1d":[{"sets":1,"ways":2}]}`:                                   "l1d[0].holds: missing",
		`{"name":"x","l1i":[` + full + `],"l1d":[{"sets":1,"ways":2,"holds":["8K"]}]}`:                    `page size "8K": want 4K, 2M or 1G`,
		`{"name":"x","l1i":[` + full + `],"l1d":[{"sets":1,"ways":2,"holds":["4K"]}]}`:                    "holds: no structure has 2M pages of data",
		`{"name":"x","l1i":[` + full + `],"l1d":[` + full + `,` + full + `]}`:                             "l1d[1].holds: 4K pages have two structures",
		`{"name":"x","l1i":[` + full + `],"l1d":[` + full + `],"l2":[` + full + `],"l2d":[` + full + `]}`: "l2: shared, so there can be no l2i and l2d",
		`{"name":"x","l1i":[` + full + `],"l1d":[` + full + `],"tables":{"pde":-1}}`:                      "tables.pde: -1 is not between 0 and 256",
		`{"name":"x","l1i":[{"policy":"fifo"}]}`:                                                          `policy "fifo": want lru, plru or random`,
	} {
		_, err := Parse([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
	_, err := Load(filepath.Join(t.TempDir(), "none.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
	p, err := Parse([]byte(`{"name":"x","l1i":[` + full + `],"l1d":[{"sets":1,"ways":4,"holds":["4K","2M","1G"],"policy":"plru"}],"cycles":{"walkStep":5}}`))
	require.NoError(t, err)
	require.Equal(t, PLRU, p.L1D[0].Policy)
	require.EqualValues(t, 5, p.Cycles.WalkStep)
}

func TestLookupsDoNotAllocate(t *testing.T) {
	for _, name := range Names() {
		h := profile(t, name)
		vpn := 0
		require.Zero(t, testing.AllocsPerRun(2000, func() {
			vpn = (vpn + 7) % 100
			e := entry(vpn, Size4K)
			if _, _, ok := h.Lookup(e.VA, 0, x86.Read); !ok {
				h.Insert(e, x86.Read)
			}
			h.LookupTables(e.VA, 0)
			h.InsertTable(e.VA, 0, 2, TableEntry{})
		}), name)
	}
}
