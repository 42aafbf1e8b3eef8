package tlb

import (
	"fmt"
	"strings"
)

// A Size is one of the three page sizes.
type Size uint8

// The page sizes.
const (
	Size4K Size = iota
	Size2M
	Size1G
	numSizes
)

// Shift returns the number of offset bits: 12, 21 or 30.
func (s Size) Shift() uint { return 12 + 9*uint(s) }

// String returns 4K, 2M or 1G.
func (s Size) String() string { return [...]string{"4K", "2M", "1G"}[s] }

// A Policy picks what a full set gives up.
type Policy uint8

// The replacement policies.
const (
	LRU    Policy = iota // the least recently used
	PLRU                 // a binary tree of bits, each pointing away from the last use below it
	Random               // drawn from a fixed seed: runs repeat
)

// String returns lru, plru or random.
func (p Policy) String() string { return [...]string{"lru", "plru", "random"}[p] }

// A Structure describes one set-associative array; Sets is a power of two. Sets·Ways entries hold pages of the sizes in
// Holds.
type Structure struct {
	Sets   int    `json:"sets"`
	Ways   int    `json:"ways"`
	Holds  []Size `json:"holds"`
	Policy Policy `json:"policy,omitempty"`
}

// Tables are the numbers of entries of the paging-structure caches (SDM vol. 3A 4.10.3), each fully associative with LRU
// replacement; 0 means that there is none.
type Tables struct {
	PML4E int `json:"pml4e,omitempty"` // by bits 47:39 of an address
	PDPTE int `json:"pdpte,omitempty"` // by bits 47:30
	PDE   int `json:"pde,omitempty"`   // by bits 47:21
}

// Cycles are what the modelled time of an access grows by, beside the instruction's own cycle.
type Cycles struct {
	L2Hit    uint64 `json:"l2Hit"`    // a translation that the first level has not, and the second has
	TableHit uint64 `json:"tableHit"` // a walk that a paging-structure cache starts
	WalkStep uint64 `json:"walkStep"` // each entry that a walk reads
}

// A Profile describes the translation buffers of a processor. The zero Profile is the ideal one. L2 is shared by
// instructions and data; a processor that splits its second level has L2I and L2D instead.
type Profile struct {
	Name    string      `json:"name"`
	L1I     []Structure `json:"l1i"`
	L1D     []Structure `json:"l1d"`
	L2      []Structure `json:"l2,omitempty"`
	L2I     []Structure `json:"l2i,omitempty"`
	L2D     []Structure `json:"l2d,omitempty"`
	Tables  Tables      `json:"tables"`
	Cycles  Cycles      `json:"cycles"`
	Assumed string      `json:"assumed,omitempty"` // which of the figures the vendor does not publish
}

var (
	all   = []Size{Size4K, Size2M, Size1G}
	small = []Size{Size4K, Size2M}
)

// profiles are the processors known by name. Intel: 64 and IA-32 Architectures Optimization Reference Manual, tables of the
// TLBs of Skylake and of Golden Cove. AMD: Software Optimization Guides for the Zen 3 (56665) and Zen 4 (57647) families,
// 2.10.
var profiles = []Profile{
	{Name: "ideal"},
	{
		Name: "skylake",
		L1I: []Structure{
			{Sets: 16, Ways: 8, Holds: []Size{Size4K}},
			{Sets: 1, Ways: 8, Holds: []Size{Size2M}},
		},
		L1D: []Structure{
			{Sets: 16, Ways: 4, Holds: []Size{Size4K}},
			{Sets: 8, Ways: 4, Holds: []Size{Size2M}},
			{Sets: 1, Ways: 4, Holds: []Size{Size1G}},
		},
		L2: []Structure{
			{Sets: 128, Ways: 12, Holds: small},
			{Sets: 4, Ways: 4, Holds: []Size{Size1G}},
		},
		Tables:  Tables{PML4E: 4, PDPTE: 4, PDE: 32},
		Cycles:  Cycles{L2Hit: 9, TableHit: 2, WalkStep: 14},
		Assumed: "LRU replacement; 1G pages of instructions in the second level only; paging-structure caches; cycles of walks",
	},
	{
		Name: "goldencove",
		L1I: []Structure{
			{Sets: 32, Ways: 8, Holds: []Size{Size4K}},
			{Sets: 4, Ways: 8, Holds: []Size{Size2M}},
		},
		L1D: []Structure{
			{Sets: 16, Ways: 6, Holds: []Size{Size4K}},
			{Sets: 8, Ways: 4, Holds: []Size{Size2M}},
			{Sets: 1, Ways: 8, Holds: []Size{Size1G}},
		},
		L2: []Structure{
			{Sets: 128, Ways: 16, Holds: small},
			{Sets: 4, Ways: 4, Holds: []Size{Size1G}},
		},
		Tables: Tables{PML4E: 4, PDPTE: 4, PDE: 32},
		Cycles: Cycles{L2Hit: 9, TableHit: 2, WalkStep: 14},
		Assumed: "LRU replacement; one data buffer for loads and stores; 2M pages may fill all of the second level; its 1G " +
			"pages; paging-structure caches; cycles",
	},
	{
		Name:    "zen3",
		L1I:     []Structure{{Sets: 1, Ways: 64, Holds: all}},
		L1D:     []Structure{{Sets: 1, Ways: 64, Holds: all}},
		L2I:     []Structure{{Sets: 64, Ways: 8, Holds: small}},
		L2D:     []Structure{{Sets: 128, Ways: 16, Holds: small}},
		Tables:  Tables{PML4E: 4, PDPTE: 4, PDE: 64},
		Cycles:  Cycles{L2Hit: 7, TableHit: 2, WalkStep: 14},
		Assumed: "LRU replacement; 1G pages in the first level only; caches of PML4Es and PDPTEs; cycles of walks",
	},
	{
		Name:    "zen4",
		L1I:     []Structure{{Sets: 1, Ways: 64, Holds: all}},
		L1D:     []Structure{{Sets: 1, Ways: 72, Holds: all}},
		L2I:     []Structure{{Sets: 64, Ways: 8, Holds: small}},
		L2D:     []Structure{{Sets: 128, Ways: 24, Holds: small}},
		Tables:  Tables{PML4E: 4, PDPTE: 4, PDE: 64},
		Cycles:  Cycles{L2Hit: 7, TableHit: 2, WalkStep: 14},
		Assumed: "LRU replacement; 1G pages in the first level only; no PDEs in the second level; caches of PML4Es and PDPTEs; cycles of walks",
	},
}

// ByName returns the profile of a name.
func ByName(name string) (Profile, error) {
	for _, p := range profiles {
		if p.Name == name {
			return p, nil
		}
	}
	return Profile{}, fmt.Errorf("unknown TLB profile %q: want one of %s, or a file whose name ends in .json", name, strings.Join(Names(), ", "))
}

// Names returns the names of the profiles.
func Names() []string {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.Name
	}
	return names
}
