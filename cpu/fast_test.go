package cpu

import (
	"math/rand/v2"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// TestFastFormsLeaveTheBodysState walks every encoding that has a fast form and compares whole states with the row's
// body, memory and undefined flags included.
func TestFastFormsLeaveTheBodysState(t *testing.T) {
	codes, cares := encodings()
	codes = append(codes, branchCodes()...)
	seen := map[decode.Op]bool{}
	c := testCPU(t)
	for _, code := range codes {
		in := decodeOne(t, code)
		fast := fastForms[in.Op]
		if fast == nil || fast(&in) == nil {
			continue
		}
		seen[in.Op] = true
		for n := range 50 {
			compareForms(t, c, code, draw(caseSeed(code, n), &in, cares[string(code)]))
		}
	}
	v := vectorCPU(t)
	for _, code := range sseEncodings() {
		in := decodeOne(t, code)
		fast := fastForms[in.Op]
		if fast == nil || fast(&in) == nil {
			continue
		}
		seen[in.Op] = true
		for n := range 200 {
			before := drawVector(caseSeed(code, n))
			if n%10 == 0 {
				before.R[RSI] = misplaced[n/10%len(misplaced)]
			}
			compareVectorForms(t, v, code, before)
		}
	}
	for op, fast := range fastForms {
		require.Equal(t, fast != nil, seen[decode.Op(op)], "%v: a fast form without an encoding under test", decode.Op(op))
	}
}

// FuzzFastForms draws the encoding and the state from the fuzzer.
func FuzzFastForms(f *testing.F) {
	codes, cares := encodings()
	codes = append(codes, branchCodes()...)
	f.Add(uint64(1), uint64(2))
	c := testCPU(f)
	f.Fuzz(func(t *testing.T, pick, seed uint64) {
		code := codes[pick%uint64(len(codes))]
		in := decodeOne(t, code)
		compareForms(t, c, code, draw(rand.New(rand.NewPCG(seed, pick)), &in, cares[string(code)]))
	})
}

// FuzzFastVectorForms draws an SSE encoding and the state from the fuzzer.
func FuzzFastVectorForms(f *testing.F) {
	codes := sseEncodings()
	f.Add(uint64(1), uint64(2))
	c := vectorCPU(f)
	f.Fuzz(func(t *testing.T, pick, seed uint64) {
		compareVectorForms(t, c, codes[pick%uint64(len(codes))], drawVector(rand.New(rand.NewPCG(seed, pick))))
	})
}

// branchCodes are encodings that set RIP.
func branchCodes() [][]byte {
	codes := [][]byte{
		{0xeb, 0x10},
		{0xe9, 0x00, 0x01, 0x00, 0x00},
		{0xe8, 0x00, 0x02, 0x00, 0x00},
		{0xc3},
		{0x66, 0x0f, 0x1f, 0x40, 0x00},
	}
	for cc := range byte(16) {
		codes = append(codes, []byte{0x70 + cc, 0x20}, []byte{0x0f, 0x80 + cc, 0xf0, 0xff, 0xff, 0xff})
	}
	return codes
}

// whole is everything that an instruction can change.
type whole struct {
	State testState
	RIP   uint64
	IC    uint64
	Kind  ExitKind
}

func compareForms(t *testing.T, c *CPU, code []byte, before *testState) {
	t.Helper()
	result := func(step func() Exit) whole {
		c.load(before, code)
		c.IC = 0
		e := step()
		w := whole{RIP: c.RIP, IC: c.IC, Kind: e.Kind}
		if e.Kind == ExitBudget {
			w.Kind = ExitNone
		}
		c.store(&w.State)
		return w
	}
	want := result(c.Step)
	got := result(func() Exit { return c.Run(1) })
	if want != got {
		require.Empty(t, gocmp.Diff(want, got), "%x", code)
	}
}

func compareVectorForms(t *testing.T, c *CPU, code []byte, before *vectorState) {
	t.Helper()
	result := func(step func() Exit) (s vectorState, f x86.Fault) {
		c.loadVector(before, code)
		if e := step(); e.Kind == ExitException {
			f = *e.Fault
		}
		c.storeVector(&s)
		return s, f
	}
	want, wantFault := result(c.Step)
	got, gotFault := result(func() Exit { return c.Run(1) })
	if want != got || wantFault != gotFault {
		require.Empty(t, gocmp.Diff(want, got), "%x", code)
		require.Equal(t, wantFault, gotFault, "%x", code)
	}
}

// misplaced are values of RSI at which the memory operands of sseEncodings are not aligned, not mapped, not canonical, and
// half on a page that is not mapped.
var misplaced = []uint64{memBase + window + 8, 1 << 30, 1 << 63, 1<<30 - 4}

// TestBranchesAtTheEndOfCanonicalAddresses compares whether conditional branches fault, which they do where they are taken.
func TestBranchesAtTheEndOfCanonicalAddresses(t *testing.T) {
	c := testCPU(t)
	for _, origin := range []uint64{0x7fff_ffff_fff0, 0xffff_8000_0000_0000, testCode} {
		for _, imm := range []int64{-0x20, 0x20} {
			for cond := range decode.Cond(16) {
				in := Inst{Op: decode.Jcc, Cond: cond, Len: 2, Off: 4, Imm: imm, Width: 8, Args: [4]decode.Operand{decode.Rel}}
				run := func(b body) (rip uint64, f x86.Fault) {
					c.SetFlags(0)
					c.R[slotOrigin], c.RIP = origin, origin+6
					if e := b(c, &in); e != nil {
						return c.RIP, *e
					}
					return c.RIP, f
				}
				wantRIP, want := run(rows[decode.Jcc].body)
				rip, f := run(fastForms[decode.Jcc](&in))
				require.Equal(t, want, f, "%#x%+#x condition %d", origin, imm, cond)
				require.Equal(t, wantRIP, rip, "%#x%+#x condition %d", origin, imm, cond)
			}
		}
	}
}
