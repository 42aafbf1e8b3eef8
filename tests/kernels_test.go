package tests

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/machine"
	"github.com/stretchr/testify/require"
)

// kernels are the bare-metal guests of tests/kernels, with the exit code that each leaves by. What they print was recorded
// from QEMU (kernels/record.sh) into kernels/golden.
var kernels = []struct {
	name    string
	cmdline string
	code    int
}{
	{"hello", "key=value", 33},
}

func TestKernelsPrintWhatQEMUPrints(t *testing.T) {
	for _, k := range kernels {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(filepath.Join("kernels", "golden", k.name+".txt"))
			require.NoError(t, err)
			var out bytes.Buffer
			r, err := pagewalk.Boot(context.Background(), filepath.Join("kernels", k.name+".elf"), pagewalk.BootConfig{
				Cmdline: k.cmdline, Stdout: &out, Stdin: strings.NewReader(""), MaxInstructions: 2e9,
			})
			require.NoError(t, err, out.String())
			require.Equal(t, string(want), out.String())
			require.Equal(t, machine.Exited, r.Reason)
			require.Equal(t, k.code, r.Code)
		})
	}
}
