package tests

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/trace"
)

// program is tiny.exe with other code: at most textSize bytes at its entry point, which is where its code begins.
func program(t testing.TB, code []byte) string {
	data, err := os.ReadFile(guest("tiny"))
	require.NoError(t, err)
	le := binary.LittleEndian
	pe := int(le.Uint32(data[0x3c:]))
	section := data[pe+24+240:]
	require.Equal(t, ".text", string(section[:5]))
	at, size := le.Uint32(section[20:]), le.Uint32(section[16:])
	le.PutUint32(section[8:], size)
	text := data[at : at+size]
	for i := range text {
		text[i] = 0xcc
	}
	copy(text, code)
	le.PutUint32(data[pe+24+16:], le.Uint32(section[12:])) // the entry point
	path := filepath.Join(t.TempDir(), "fuzz.exe")
	require.NoError(t, os.WriteFile(path, data, 0o644))
	return path
}

// runBoth runs code on both engines for a bounded time. Whatever it does, nothing panics or hangs, and both do the same.
func runBoth(t testing.TB, code []byte) {
	path := program(t, code)
	type result struct {
		r     pagewalk.Result
		out   string
		trace string
		err   string
	}
	var results [2]result
	for i := range results {
		var out, errs, events bytes.Buffer
		r, err := pagewalk.Run(context.Background(), path, nil, pagewalk.Config{
			RAM: 4 << 20, MaxInstructions: 20_000, StepOnly: i == 1, Stdout: &out, Stderr: &errs,
			Trace: &events, TraceKinds: trace.Faults | trace.Exceptions | trace.Services, TraceFormat: trace.JSONL,
		})
		r.TLB = results[0].r.TLB // Step fetches every instruction anew
		if i == 0 {
			results[0].r.TLB = r.TLB
		}
		results[i] = result{r: r, out: out.String() + errs.String(), trace: events.String()}
		if err != nil {
			var stop *nt.Stop
			require.True(t, errors.As(err, &stop) || errors.Is(err, nt.ErrInstructions), "%v", err)
			results[i].err = err.Error()
		}
		results[i].r.Exception = nil
		results[i].r.TLB = results[0].r.TLB
	}
	require.Equal(t, results[0].err, results[1].err)
	require.Equal(t, results[0].out, results[1].out)
	require.Equal(t, results[0].trace, results[1].trace)
	require.Equal(t, results[0].r.Instructions, results[1].r.Instructions)
	require.Equal(t, results[0].r.Memory, results[1].r.Memory)
}

// FuzzCode runs arbitrary bytes as a program.
func FuzzCode(f *testing.F) {
	for _, seed := range [][]byte{
		{0xc3},
		{0x0f, 0x0b},
		{0xeb, 0xfe},
		{0x48, 0x31, 0xe4, 0x50}, // xor rsp,rsp; push rax
		{0xf3, 0xaa},             // rep stosb
		{0xc6, 0x05, 0xfa, 0xff, 0xff, 0xff, 0x90, 0xeb, 0xf7}, // a store to its own read-only code
		{0x0f, 0x05},
		{0xcd, 0x29},
		{0xcd, 0x2e},
		{0xf4},
		{0x9d},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, code []byte) { runBoth(t, code) })
}

// FuzzServices calls services and built-in functions with arguments that are as wrong as they can be.
func FuzzServices(f *testing.F) {
	for seed := range uint64(16) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { runBoth(t, wildCalls(t, seed)) })
}

// wildCalls is a program of a few calls of services and built-in functions.
func wildCalls(t testing.TB, seed uint64) []byte {
	set, err := pagewalk.SystemDLLs()
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(seed, 3))
	value := func() uint64 {
		switch rng.IntN(6) {
		case 0:
			return uint64(rng.IntN(10))
		case 1:
			return ^uint64(rng.IntN(4))
		case 2:
			return 0x140000000 + rng.Uint64N(0x8000)
		case 3:
			return 0x7ffe0000 + rng.Uint64N(0x1000)
		case 4:
			return 1 << rng.IntN(64)
		}
		return rng.Uint64()
	}
	var code []byte
	for range 9 {
		for _, mov := range [][]byte{{0x49, 0xba}, {0x48, 0xba}, {0x49, 0xb8}, {0x49, 0xb9}} { // r10 rdx r8 r9
			if mov[1] == 0xba && rng.IntN(3) == 0 {
				code = append(code, 0x48, 0x89, 0xe2, 0x49, 0x89, 0xe2) // the stack: mov rdx,rsp; mov r10,rsp
				continue
			}
			code = binary.LittleEndian.AppendUint64(append(code, mov...), value())
		}
		n := uint32(rng.IntN(len(nt.Services()) + 3))
		if rng.IntN(2) == 0 {
			n = nt.UserFuncBase + uint32(rng.IntN(len(set.Funcs)))
		}
		code = binary.LittleEndian.AppendUint32(append(code, 0xb8), n)
		code = append(code, 0x0f, 0x05)
	}
	return code
}

// TestWildPrograms runs a sample of what the fuzz targets run for as long as they are given.
func TestWildPrograms(t *testing.T) {
	n := 150
	if testing.Short() {
		n = 15
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range n {
		code := make([]byte, 1+rng.IntN(400))
		for i := range code {
			code[i] = byte(rng.Uint32())
		}
		runBoth(t, code)
		runBoth(t, wildCalls(t, rng.Uint64()))
	}
}
