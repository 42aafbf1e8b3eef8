package cpu

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// The opcode sweep: every opcode of the four maps under every ModRM byte and these prefixes, in 64-bit user mode. A byte
// for each says what a processor did (testdata/sweep/sweep.c): the length, with bit 7 for #UD; 0 was not run. There are two
// records: of a processor of today, and of QEMU's Nehalem with the features that we advertise, for what the other has beyond
// x86-64-v2. testdata/sweep/record.sh renews them.
var sweepPrefixes = [][]byte{
	{}, {0x66}, {0xf2}, {0xf3}, {0x48}, {0xf0}, {0x66, 0xf2}, {0x66, 0xf3}, {0x66, 0x48}, {0xf3, 0x48},
}

var sweepMaps = [][]byte{{}, {0x0f}, {0x0f, 0x38}, {0x0f, 0x3a}}

const sweepUD = 0x80

func loadSweep(t *testing.T, name string) []byte {
	f, err := os.Open("testdata/sweep/" + name)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	data, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Len(t, data, len(sweepPrefixes)*len(sweepMaps)<<16)
	return data
}

// An explanation says why we differ from a record on purpose.
type explanation struct {
	why   string
	match func(code []byte, want, got byte, in *decode.Inst) bool
}

func TestOpcodeSweep(t *testing.T) {
	host, qemu := loadSweep(t, "host.gz"), loadSweep(t, "nehalem.gz")
	c := program(t)
	c.features = defaultFeatures
	explained := map[string]int{}
	differences := map[string][]string{}
	n := 0
	for i := range host {
		prefix, m, op, modrm := sweepPrefixes[i>>18], sweepMaps[i>>16&3], byte(i>>8), byte(i)
		if host[i] == 0 || qemu[i] == 0 {
			continue
		}
		n++
		code := append(bytes.Clone(prefix), m...)
		code = append(code, op, modrm)
		code = append(code, make([]byte, 15)...)
		in, err := decode.Decode(code[:15+len(prefix)*0], 64)
		got := byte(in.Len)
		if err != nil || sweepUndefined(c, code) {
			got |= sweepUD
		}
		want := host[i]
		if qemu[i]&sweepUD != 0 {
			want |= sweepUD
		}
		if want&sweepUD != 0 && got&sweepUD != 0 || want == got {
			continue
		}
		if why := explainSweep(code, host[i], qemu[i], got, &in); why != "" {
			explained[why]++
			continue
		}
		k := fmt.Sprintf("% x %x", append(bytes.Clone(prefix), m...), op)
		differences[k] = append(differences[k], fmt.Sprintf("modrm %02x: host %02x, Nehalem %02x, we %02x (%v)", modrm, host[i], qemu[i], got, in.Op))
	}
	for why, n := range explained {
		t.Logf("%7d %s", n, why)
	}
	t.Logf("%d encodings", n)
	for k, list := range differences {
		t.Errorf("%s: %d differences, first %s, last %s", k, len(list), list[0], list[len(list)-1])
	}
}

// sweepUndefined executes the instruction as user code and reports whether it raised #UD.
func sweepUndefined(c *CPU, code []byte) bool {
	c.RIP = testCode
	c.mem.NotifyWrite(testCode)
	copy(c.mem.Frame(testCode)[:], code)
	clear(c.R[:16])
	c.R[RAX], c.R[RCX] = ^uint64(0), 1
	c.SetFlags(0)
	c.MXCSR, c.FPU = 0x1f80, fpu{control: 0x37f}
	e := c.Step()
	return e.Kind == ExitException && e.Fault.Vector == x86.VectorUD
}

func explainSweep(code []byte, host, qemu, got byte, in *decode.Inst) string {
	return ""
}
