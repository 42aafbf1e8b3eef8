package tlb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Load returns the profile that a name or a file names: a file's name ends in .json.
func Load(name string) (Profile, error) {
	if !strings.HasSuffix(name, ".json") {
		return ByName(name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return Profile{}, fmt.Errorf("TLB profile: %w", err)
	}
	p, err := Parse(text)
	if err != nil {
		return Profile{}, fmt.Errorf("TLB profile %s: %w", name, err)
	}
	return p, nil
}

// Parse reads a profile from JSON: the fields of Profile, sizes as "4K", "2M" and "1G", policies as "lru", "plru" and
// "random". Unknown fields are errors, and so is what no buffer can be.
func Parse(text []byte) (Profile, error) {
	var p Profile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Profile{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Profile{}, errors.New("something follows the profile")
	}
	return p, p.check()
}

// The most that a file may ask for: a bound on host memory and time.
const (
	maxEntries = 1 << 16
	maxWays    = 256
)

func (p *Profile) check() error {
	if p.Name == "" {
		return errors.New("name: missing")
	}
	if len(p.L2) != 0 && len(p.L2I)+len(p.L2D) != 0 {
		return errors.New("l2: shared, so there can be no l2i and l2d")
	}
	levels := []struct {
		name       string
		structures []Structure
	}{{"l1i", p.L1I}, {"l1d", p.L1D}, {"l2", p.L2}, {"l2i", p.L2I}, {"l2d", p.L2D}}
	var holds [5][numSizes]bool
	for i, l := range levels {
		held := &holds[i]
		for j, s := range l.structures {
			where := fmt.Sprintf("%s[%d]", l.name, j)
			switch {
			case s.Sets <= 0 || s.Sets&(s.Sets-1) != 0:
				return fmt.Errorf("%s.sets: %d is not a power of two", where, s.Sets)
			case s.Ways <= 0 || s.Ways > maxWays:
				return fmt.Errorf("%s.ways: %d is not between 1 and %d", where, s.Ways, maxWays)
			case s.Sets > maxEntries/s.Ways:
				return fmt.Errorf("%s: %d × %d entries are more than %d", where, s.Sets, s.Ways, maxEntries)
			case len(s.Holds) == 0:
				return fmt.Errorf("%s.holds: missing", where)
			}
			for _, size := range s.Holds {
				if held[size] {
					return fmt.Errorf("%s.holds: %v pages have two structures", where, size)
				}
				held[size] = true
			}
		}
	}
	for _, size := range all { // else the hierarchy would forget a translation as it gets it
		if !holds[0][size] && !holds[2][size] && !holds[3][size] {
			return fmt.Errorf("holds: no structure has %v pages of instructions", size)
		}
		if !holds[1][size] && !holds[2][size] && !holds[4][size] {
			return fmt.Errorf("holds: no structure has %v pages of data", size)
		}
	}
	for _, t := range []struct {
		name string
		n    int
	}{{"pml4e", p.Tables.PML4E}, {"pdpte", p.Tables.PDPTE}, {"pde", p.Tables.PDE}} {
		if t.n < 0 || t.n > maxWays {
			return fmt.Errorf("tables.%s: %d is not between 0 and %d", t.name, t.n, maxWays)
		}
	}
	return nil
}

// MarshalText and UnmarshalText have sizes and policies in JSON as they print.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads 4K, 2M or 1G.
func (s *Size) UnmarshalText(text []byte) error {
	i := slices.IndexFunc(all, func(s Size) bool { return s.String() == string(text) })
	if i < 0 {
		return fmt.Errorf("page size %q: want 4K, 2M or 1G", text)
	}
	*s = all[i]
	return nil
}

// MarshalText returns lru, plru or random.
func (p Policy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads lru, plru or random.
func (p *Policy) UnmarshalText(text []byte) error {
	for _, q := range []Policy{LRU, PLRU, Random} {
		if q.String() == string(text) {
			*p = q
			return nil
		}
	}
	return fmt.Errorf("policy %q: want lru, plru or random", text)
}
