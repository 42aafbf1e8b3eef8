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

// A Structure describes one set-associative array; Sets is a power of two. Sets·Ways entries hold pages of the sizes in
// Holds.
type Structure struct {
	Sets, Ways int
	Holds      []Size
}

// A Profile describes the translation buffers of a processor. The zero Profile is the ideal one.
type Profile struct {
	Name    string
	L1I     []Structure
	L1D     []Structure
	L2      []Structure // shared by instructions and data
	Assumed string      // which of the figures the vendor does not publish
}

// profiles are the processors known by name. Skylake: Intel 64 and IA-32 Architectures Optimization Reference Manual,
// table "TLB parameters of the Skylake microarchitecture".
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
			{Sets: 128, Ways: 12, Holds: []Size{Size4K, Size2M}},
			{Sets: 4, Ways: 4, Holds: []Size{Size1G}},
		},
		Assumed: "LRU replacement; 1G pages of instructions are held by the second level only",
	},
}

// ByName returns the profile of a name.
func ByName(name string) (Profile, error) {
	for _, p := range profiles {
		if p.Name == name {
			return p, nil
		}
	}
	return Profile{}, fmt.Errorf("unknown TLB profile %q: want one of %s", name, strings.Join(Names(), ", "))
}

// Names returns the names of the profiles.
func Names() []string {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.Name
	}
	return names
}
