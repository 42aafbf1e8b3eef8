package tests

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pagewalk/pagewalk"
	"github.com/stretchr/testify/require"
)

var explore = flag.Uint("explore", 97, "take every N-th combination of rights in TestExplorer; 1 is all, 19 million accesses")

// An access of the explorer kernel (kernels/explorer.c), and the machine that it meets.
type access struct {
	wp, smep, smap, nxe, pke    bool
	levels                      int // 4 for a 4K page, 3 for 2M, 2 for 1G
	rights                      int // 3 bits for each level, from the PML4E down: R/W, U/S, XD; above them: the leaf is absent
	write, fetch, user, ac      bool
	accessDisable, writeDisable bool // of the page's key
	qemu                        bool // as QEMU's TCG 7.2 has it wrong
}

// outcome is what SDM vol. 3A 4.6 to 4.8 have happen: the error code + 100h of a page fault or 0, in bits 16 to 19 whether
// each entry is accessed then, in bit 20 whether the leaf is dirty.
func (a *access) outcome() (v uint64) {
	fault := func(code uint64) uint64 {
		if a.write {
			code |= 2
		}
		if a.user {
			code |= 4
		}
		if a.fetch && (a.smep || a.nxe) {
			code |= 16
		}
		return v | code | 0x100
	}
	write, user, execute := true, true, true
	for level := range a.levels {
		leaf := level == a.levels-1
		if leaf && a.rights>>(3*a.levels) != 0 {
			return fault(0)
		}
		r := a.rights >> (3 * level)
		if r&4 != 0 && !a.nxe {
			if a.qemu { // reserved bits in an entry that is not present
				return fault(8)
			}
			return fault(1 | 8)
		}
		write, user, execute = write && r&1 != 0, user && r&2 != 0, execute && r&4 == 0
		if !leaf || a.qemu && a.levels == 2 { // a 1G page is accessed before its rights are looked at
			v |= 1 << (16 + level)
		}
	}
	switch {
	case a.fetch:
		if !execute || a.user && !user || !a.user && user && a.smep {
			return fault(1)
		}
	default:
		key := a.pke && user && (a.accessDisable || a.writeDisable && a.write && (a.user || a.wp))
		switch {
		case key:
			return fault(1 | 32)
		case a.user && !user, a.write && !write && (a.user || a.wp), !a.user && user && a.smap && !a.ac:
			return fault(1)
		}
	}
	v |= 1 << (16 + a.levels - 1)
	if a.write {
		v |= 1 << 20
	}
	return v
}

// modify is the outcome of a read-modify-write, which is a write from its first byte on; QEMU reads, and then writes.
func (a access) modify() uint64 {
	if !a.qemu {
		a.write = true
		return a.outcome()
	}
	v := a.outcome()
	if v&0x100 == 0 {
		a.write = true
		if v = a.outcome(); v&0x100 != 0 {
			v |= 1 << (16 + a.levels - 1)
		}
	}
	return v
}

// explored is what the kernel prints, by the model.
func explored(step int, qemu bool) string {
	var b strings.Builder
	for levels := 4; levels >= 2; levels-- {
		for c := range 32 {
			hash, cases := uint64(0xcbf29ce484222325), 0
			for rights := 0; rights < 1<<(3*levels+1); rights += step {
				for k := range 64 {
					a := access{
						wp: c&1 != 0, smep: c&2 != 0, smap: c&4 != 0, nxe: c&8 != 0, pke: c&16 != 0, levels: levels, rights: rights,
						write: k&3 == 1, fetch: k&3 == 3, ac: k&4 != 0, user: k&8 != 0,
						accessDisable: k&16 != 0, writeDisable: k&32 != 0, qemu: qemu,
					}
					v := a.outcome()
					if k&3 == 2 {
						v = a.modify()
					}
					hash = (hash ^ v) * 0x100000001b3
					cases++
				}
			}
			fmt.Fprintf(&b, "%d %d %d %016x\n", levels, c, cases, hash)
		}
	}
	return b.String()
}

// TestExplorer has a kernel make every kind of access under every combination of rights, controls and page sizes, and see
// what the manual says of each.
func TestExplorer(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r, err := pagewalk.Boot(context.Background(), filepath.Join("kernels", "explorer.elf"), pagewalk.BootConfig{
		Cmdline: fmt.Sprintf("step=%d", *explore), Stdout: &out, Stdin: strings.NewReader(""), MaxInstructions: 1e11,
	})
	require.NoError(t, err, out.String())
	require.Equal(t, 1, r.Code)
	require.Equal(t, explored(int(*explore), false), out.String())
}

// TestExplorerOnQEMU has the model give what the kernel prints on QEMU, where that is wrong as QEMU is known to be: the
// kernel sees what happens, and the model knows why.
func TestExplorerOnQEMU(t *testing.T) {
	want, err := os.ReadFile("kernels/golden/explorer.txt")
	require.NoError(t, err)
	require.Equal(t, explored(97, true), string(want))
}
