package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/machine"
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/stretchr/testify/require"
)

// kernels are the bare-metal guests of tests/kernels, with the exit code that each leaves by. What they print was recorded
// from QEMU (kernels/record.sh) into kernels/golden, and put right by the manual where QEMU is known to be wrong.
var kernels = []struct {
	name    string
	cmdline string
	code    int
}{
	{"hello", "key=value", 33},
	{"exceptions", "", 1},
	{"system", "", 1},
	{"compat", "", 1},
	{"minios", "", 1},
}

func TestKernelsPrintWhatQEMUPrints(t *testing.T) {
	for _, k := range kernels {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			want := goldenOutput(t, k.name)
			var out bytes.Buffer
			r, err := pagewalk.Boot(context.Background(), filepath.Join("kernels", k.name+".elf"), pagewalk.BootConfig{
				Cmdline: k.cmdline, Stdout: &out, Stdin: strings.NewReader(""), MaxInstructions: 2e9,
			})
			require.NoError(t, err, out.String())
			require.Equal(t, want, out.String())
			require.Equal(t, machine.Exited, r.Reason)
			require.Equal(t, k.code, r.Code)
		})
	}
}

// TestAnOperatingSystemUnderEveryTLB has the kernel of processes print the same whatever the translation buffers hold, and
// when, with PCIDs and without: a stale translation that should not be there would change a process's numbers.
func TestAnOperatingSystemUnderEveryTLB(t *testing.T) {
	want := goldenOutput(t, "minios")
	for _, profile := range tlb.Names() {
		for _, cfg := range []pagewalk.BootConfig{{}, {Exact: true}, {Timing: true}, {Off: []cpu.Feature{cpu.PCID}}} {
			t.Run(fmt.Sprintf("%s/%v/%v/%v", profile, cfg.Exact, cfg.Timing, cfg.Off), func(t *testing.T) {
				t.Parallel()
				var out bytes.Buffer
				cfg.TLB, cfg.Stdout, cfg.Stdin, cfg.MaxInstructions = profile, &out, strings.NewReader(""), 1e9
				_, err := pagewalk.Boot(context.Background(), filepath.Join("kernels", "minios.elf"), cfg)
				require.NoError(t, err, out.String())
				require.Equal(t, want, out.String())
			})
		}
	}
}

// goldenOutput is what QEMU printed, with the lines of golden/NAME.sdm in the place of those that start alike, up to "] ".
func goldenOutput(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join("kernels", "golden", name+".txt"))
	require.NoError(t, err)
	manual, err := os.ReadFile(filepath.Join("kernels", "golden", name+".sdm"))
	if errors.Is(err, os.ErrNotExist) {
		return string(text)
	}
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	for _, right := range strings.Split(string(manual), "\n") {
		if right == "" || strings.HasPrefix(right, ";") {
			continue
		}
		prefix, _, ok := strings.Cut(right, "] ")
		require.True(t, ok, "no case: %s", right)
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, prefix+"] ") })
		require.GreaterOrEqual(t, i, 0, "no such case: %s", right)
		require.NotEqual(t, right, lines[i], "QEMU has it right")
		lines[i] = right
	}
	return strings.Join(lines, "\n")
}
