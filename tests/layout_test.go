package tests

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/nt"
)

// start makes the machine of a program.
func start(t *testing.T, program string, cfg pagewalk.Config) *pagewalk.Machine {
	m, err := pagewalk.New(program, nil, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// TestAddressSpaceLayouts has the bounds of nt-rules: 128 TB, 8 TB, and 2 GB for a program whose header does not say that it can bear
// more; everything lies inside of them, and the program runs.
func TestAddressSpaceLayouts(t *testing.T) {
	small := filepath.Join(t.TempDir(), "small.exe")
	image, err := os.ReadFile(guest("vm"))
	require.NoError(t, err)
	header := binary.LittleEndian.Uint32(image[0x3c:])
	flags := image[header+4+18:]
	binary.LittleEndian.PutUint16(flags, binary.LittleEndian.Uint16(flags)&^0x20) // IMAGE_FILE_LARGE_ADDRESS_AWARE
	require.NoError(t, os.WriteFile(small, image, 0o644))
	want, err := os.ReadFile("guests/golden/vm.stdout")
	require.NoError(t, err)
	for _, c := range []struct {
		program string
		layout  nt.Layout
		high    uint64
	}{
		{guest("vm"), nt.Layout128TB, 0x7ffffffeffff},
		{guest("vm"), nt.Layout8TB, 0x7fffffeffff},
		{small, nt.Layout128TB, 0x7ffeffff},
		{small, nt.Layout8TB, 0x7ffeffff},
	} {
		var stdout bytes.Buffer
		m := start(t, c.program, pagewalk.Config{Layout: c.layout, Stdout: &stdout})
		_, err := m.Run(context.Background())
		require.NoError(t, err)
		require.Equal(t, string(want), stdout.String())
		require.EqualValues(t, c.high, m.Process().AddressSpace().Layout().High)
		for _, module := range m.Process().Modules() {
			require.LessOrEqual(t, module.Base+module.Size, c.high+1, module.Name)
		}
	}
}

// TestASLR has what moves with the seed: the program by 1 to 254 units of 64 KB, all DLLs by one bias, TEB and PEB.
func TestASLR(t *testing.T) {
	places := map[string]map[uint64]bool{}
	note := func(what string, at uint64) {
		if places[what] == nil {
			places[what] = map[uint64]bool{}
		}
		places[what][at] = true
	}
	const seeds = 40
	for seed := range uint64(seeds) {
		m := start(t, guest("hello"), pagewalk.Config{Seed: seed})
		_, err := m.Run(context.Background())
		require.NoError(t, err)
		p := m.Process()
		delta := p.Program().Base - 0x140000000
		require.Zero(t, delta%0x10000)
		require.GreaterOrEqual(t, delta, uint64(0x10000))
		require.LessOrEqual(t, delta, uint64(0xfe0000))
		var bias []uint64
		for _, module := range p.Modules() {
			if module != p.Program() {
				bias = append(bias, module.Base&0xffffff_ffff)
				note(module.Name, module.Base)
			}
		}
		require.Len(t, bias, 3)
		require.Equal(t, bias[1]-bias[0], bias[2]-bias[1], "the DLLs' preferred bases are equally far apart")
		note("program", delta)
		note("PEB", p.PEB())
		note("TEB", p.Thread().TEB())
	}
	for what, all := range places {
		require.Greater(t, len(all), seeds*3/4, what)
	}
}
