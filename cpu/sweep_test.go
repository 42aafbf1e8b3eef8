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

func TestOpcodeSweep(t *testing.T) {
	host, qemu := loadSweep(t, "host.gz"), loadSweep(t, "nehalem.gz")
	c := program(t)
	c.features = defaultFeatures
	require.Nil(t, c.MMU.SetCR4(c.MMU.CR4()|x86.CR4OSXSAVE))
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
		code = append(code, bytes.Repeat([]byte{0x10}, 15)...)[:15]
		in, err := decode.Decode(code, 64)
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
		if why := explainSweep(code, &in, host[i], qemu[i], got); why != "" {
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

// explainSweep says why we differ from a record on purpose, or returns "" where there is no reason to.
func explainSweep(code []byte, in *decode.Inst, host, qemu, got byte) string {
	switch {
	case got == host && qemu&sweepUD != 0:
		return laterThanNehalem[in.Op]
	case got&^sweepUD == host&^sweepUD+2 && got&sweepUD == host&sweepUD && in.Prefix&decode.Size16 != 0:
		switch in.Op {
		case decode.CALL, decode.JMP, decode.Jcc:
			return "near branches with 66 have 32-bit displacements on Intel's processors and 16-bit ones on AMD's (SDM vol. 2A, JMP)"
		}
	case code[0] == 0xf0 && code[1] == 0x0f && (code[2] == 0x20 || code[2] == 0x22):
		return "AMD's processors take LOCK MOV CR0 for MOV CR8 (AMD APM vol. 3, MOV CRn)"
	case code[0] == 0xf0 && code[1] == 0x0f && code[2] == 0x00 && code[3]>>3&7 == 5:
		return "the processor ignores LOCK in front of VERW, which is #UD (SDM vol. 2A, LOCK)"
	case in.Op == decode.NOP && host&qemu&sweepUD != 0 && bytes.Contains(code[:5], []byte{0x0f, 0x0d}):
		return "0F 0D with a register is a reserved NOP on Intel's processors and #UD on AMD's and QEMU's (SDM vol. 2D table A-3)"
	}
	return ""
}

// laterThanNehalem lists what QEMU's Nehalem refuses and we, as the other processor, do not.
var laterThanNehalem = map[decode.Op]string{
	decode.SHA1MSG1:    "QEMU has no SHA",
	decode.SHA1MSG2:    "QEMU has no SHA",
	decode.SHA1NEXTE:   "QEMU has no SHA",
	decode.SHA1RNDS4:   "QEMU has no SHA",
	decode.SHA256MSG1:  "QEMU has no SHA",
	decode.SHA256MSG2:  "QEMU has no SHA",
	decode.SHA256RNDS2: "QEMU has no SHA",
	decode.INVPCID:     "QEMU has no INVPCID",
	decode.XSAVEC:      "QEMU has no XSAVEC and XSAVES",
	decode.XSAVES:      "QEMU has no XSAVEC and XSAVES",
	decode.XRSTORS:     "QEMU has no XSAVEC and XSAVES",
	decode.RDPID:       "QEMU's user mode has no RDPID",
	decode.SYSRET:      "QEMU checks the privilege of SYSRET too late: it is #GP in user mode (SDM vol. 2B, SYSRET)",
	decode.ICEBP:       "QEMU's user mode has no INT1",
	decode.TEST:        "QEMU has no F6 /1 and F7 /1, which are TEST on every processor (AMD APM vol. 3 table A-6)",
	decode.NOP:         "QEMU has no register forms of 0F 18, which are NOPs (AMD APM vol. 3 table A-3)",
}
