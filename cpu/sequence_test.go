package cpu

import (
	"math/rand/v2"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/cpu/decode"
)

// sequenceCodes are the integer encodings that sequences are made of: registers only, RSP and the string registers' users
// left out, and no flag undefined, so that one instruction's result can be the next one's operand.
func sequenceCodes(t testing.TB) (codes [][]byte) {
	all, cares := encodings()
next:
	for _, code := range all {
		in := decodeOne(t, code)
		if rows[in.Op].undef != 0 || cares[string(code)] != careNone || rows[in.Op].kind&endBlock != 0 {
			continue
		}
		switch in.Op {
		case decode.PUSH, decode.POP, decode.PUSHF, decode.POPF, decode.ENTER, decode.LEAVE, decode.CLD, decode.STD, decode.LEA:
			continue
		}
		for _, a := range in.Args {
			if a.Class() == decode.Mem || a == decode.GPR|RSP {
				continue next
			}
		}
		codes = append(codes, code)
	}
	return codes
}

// sequence draws 20 instructions and a state.
func sequence(rng *rand.Rand, codes [][]byte) (code []byte, before *testState) {
	const most = 145 // what the host's page has room for
	for range 20 {
		if next := codes[rng.IntN(len(codes))]; len(code)+len(next) <= most {
			code = append(code, next...)
		}
	}
	nop := decode.Inst{Op: decode.NOP}
	return code, draw(rng, &nop, careNone)
}

// runSequence executes code to its end, on blocks or step by step.
func runSequence(t testing.TB, c *CPU, code []byte, before *testState, step bool) testState {
	c.load(before, append(append([]byte(nil), code...), 0xcc))
	var e Exit
	if step {
		for e = c.Step(); e.Kind == ExitNone; e = c.Step() {
		}
	} else {
		e = c.Run(1000)
	}
	require.Equal(t, ExitInterrupt, e.Kind, "%x: %v", code, e.Fault)
	after := *before
	c.store(&after)
	return after
}

// TestSequences compares Step with the block engine on random sequences; with -live=N also with the host processor.
func TestSequences(t *testing.T) {
	codes := sequenceCodes(t)
	require.Greater(t, len(codes), 300)
	c := testCPU(t)
	n := 3000
	if *live != 0 {
		n = *live
	}
	var host func(code []byte, s *testState)
	if *live != 0 {
		host = newHost(t)
	}
	for i := range n {
		rng := rand.New(rand.NewPCG(uint64(i), 20))
		code, before := sequence(rng, codes)
		blocks := runSequence(t, c, code, before, false)
		steps := runSequence(t, c, code, before, true)
		require.Empty(t, gocmp.Diff(steps, blocks), "%x", code)
		if host != nil {
			after := *before
			host(code, &after)
			require.Equal(t, diff(before, &after, 0), diff(before, &steps, 0), "%x", code)
		}
	}
}
