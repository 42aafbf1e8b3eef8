package cpu

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	crc "hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/stretchr/testify/require"
)

// Vectors are what a processor made of instructions (package hostcpu, testdata/faults): go test ./cpu -run Vectors
// -record renews them on linux/amd64, and -live=N compares N fresh cases of each encoding with the processor instead.
var (
	record = flag.Bool("record", false, "record the cases from the host processor")
	live   = flag.Int("live", 0, "compare this many fresh cases of each encoding with the host processor")
)

// A vectorSet is a group of encodings proven by a processor. A case is the state before, which both sides draw from
// the same generator (caseSeed), and the text of what the instruction changed.
//
// testdata/FILE.vec.gz has a line for each encoding: its bytes in hexadecimal, a blank and then a CRC-32 in hexadecimal
// for each batch of cases.
type vectorSet struct {
	file  string
	mode  decode.Mode
	least int // cases of each row
	codes [][]byte
	ours  func(code []byte, n int) string        // runs case n here
	host  func() func(code []byte, n int) string // makes what runs it on the processor
	show  func(code []byte, n int) string        // the state before
}

const batch = 50 // cases under one checksum

func (v vectorSet) test(t *testing.T) {
	if *live != 0 {
		v.compare(t, *live)
		return
	}
	if *record {
		v.record(t)
	} else {
		t.Parallel()
	}
	v.replay(t)
}

func (v vectorSet) path() string { return filepath.Join("testdata", v.file+".vec.gz") }

// checksum returns the checksum of a batch.
func checksum(run func(code []byte, n int) string, code []byte, b int) uint32 {
	var sum uint32
	for n := b * batch; n < (b+1)*batch; n++ {
		sum = crc.Update(sum, crc.IEEETable, []byte(run(code, n)))
	}
	return sum
}

func (v vectorSet) replay(t *testing.T) {
	f, err := os.Open(v.path())
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	lines, cases := 0, map[decode.Op]int{}
	in := bufio.NewScanner(z)
	for ; in.Scan(); lines++ {
		var code, want []byte
		_, err := fmt.Sscanf(in.Text(), "%x %x", &code, &want)
		require.NoError(t, err)
		require.Equal(t, hex.EncodeToString(v.codes[lines]), hex.EncodeToString(code), "record again")
		for b := range len(want) / 4 {
			require.Equal(t, binary.BigEndian.Uint32(want[4*b:]), checksum(v.ours, code, b),
				"%x cases from %d: %s; -live=%d shows the case", code, b*batch, v.name(code), (b+1)*batch)
			cases[v.op(t, code)] += batch
		}
	}
	require.NoError(t, in.Err())
	require.Len(t, v.codes, lines, "encodings without vectors: record again")
	total := 0
	for op, n := range cases {
		require.GreaterOrEqual(t, n, v.least, "%v has too few vectors", op)
		total += n
	}
	t.Logf("%d rows, %d encodings, %d cases", len(cases), lines, total)
}

func (v vectorSet) record(t *testing.T) {
	encodings := map[decode.Op]int{}
	for _, code := range v.codes {
		encodings[v.op(t, code)]++
	}
	f, err := os.Create(v.path())
	require.NoError(t, err)
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	require.NoError(t, err)
	host := v.host()
	for _, code := range v.codes {
		fmt.Fprintf(z, "%x ", code)
		for b := 0; b*batch*encodings[v.op(t, code)] < v.least; b++ {
			fmt.Fprintf(z, "%08x", checksum(host, code, b))
		}
		fmt.Fprintln(z)
	}
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
}

func (v vectorSet) compare(t *testing.T, n int) {
	host, bad := v.host(), 0
	for _, code := range v.codes {
		for i := range n {
			if want, got := host(code, i), v.ours(code, i); want != got {
				t.Errorf("%x case %d: %s\nfrom %s\nhost %s\nours %s", code, i, v.name(code), v.show(code, i), want, got)
				if bad++; bad > 20 {
					t.FailNow()
				}
				break
			}
		}
	}
	t.Logf("%d encodings, %d cases", len(v.codes), len(v.codes)*n)
}

// caseSeed derives the generator of a case from its bytes and number.
func caseSeed(code []byte, n int) *rand.Rand {
	var key [2]uint64
	for i, b := range code {
		key[i/8%2] = key[i/8%2]<<8 | uint64(b)
	}
	return rand.New(rand.NewPCG(key[0]^uint64(n)<<32, key[1]))
}

func decodeOne(t testing.TB, code []byte) Inst {
	in, err := decode.Decode(code, decode.Mode(64))
	require.NoError(t, err, "%x", code)
	require.Equal(t, len(code), int(in.Len), "length of %x", code)
	return in
}

func (v vectorSet) decode(code []byte) (Inst, error) { return decode.Decode(code, v.mode) }

func (v vectorSet) op(t testing.TB, code []byte) decode.Op {
	in, err := v.decode(code)
	require.NoError(t, err, "%x", code)
	require.Equal(t, len(code), int(in.Len), "length of %x", code)
	return in.Op
}

func (v vectorSet) name(code []byte) string {
	in, err := v.decode(code)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%v %v %v", in.Op, in.Args, in.Imm)
}
