package machine

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/cpu"
)

func (b *Board) msr(t *testing.T, n uint32) uint64 {
	v, ok := b.ReadMSR(n)
	require.True(t, ok, "%#x", n)
	return v
}

// TestPMUCounts has instructions counted between two writes of the controls, and none outside.
func TestPMUCounts(t *testing.T) {
	nops := make([]byte, 100)
	for i := range nops {
		nops[i] = 0x90
	}
	b, _ := start(t, Config{}, append(nops, 0xf4)...)
	require.True(t, b.WriteMSR(msrPerfEvtSel0, evtSelEnable|evtSelOS|evtSelUser|instructions))
	require.True(t, b.WriteMSR(msrFixedCtrCtrl, 3))
	require.True(t, b.WriteMSR(msrGlobalCtrl, 1|1<<32))
	require.Equal(t, cpu.ExitBudget, b.cpu.Run(40).Kind)
	require.EqualValues(t, 40, b.msr(t, msrPMC0))
	require.EqualValues(t, 40, b.msr(t, msrFixedCtr0))
	require.True(t, b.WriteMSR(msrGlobalCtrl, 1<<32))
	require.Equal(t, cpu.ExitBudget, b.cpu.Run(40).Kind)
	require.EqualValues(t, 40, b.msr(t, msrPMC0), "it is stopped")
	require.EqualValues(t, 80, b.msr(t, msrFixedCtr0))
	v, ok := b.cpu.PMC(1 << 30)
	require.True(t, ok)
	require.EqualValues(t, 80, v)

	require.True(t, b.WriteMSR(msrPMC0, 0xffff_fffe), "32 bits, sign-extended")
	require.EqualValues(t, 0xffff_ffff_fffe, b.msr(t, msrPMC0))
	require.True(t, b.WriteMSR(msrGlobalCtrl, 1))
	require.Zero(t, b.msr(t, msrGlobalStatus))
	_, err := b.Run(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 21-2, b.msr(t, msrPMC0), "20 NOPs and HLT")
	require.EqualValues(t, 1, b.msr(t, msrGlobalStatus), "it has been through zero")
	require.True(t, b.WriteMSR(msrGlobalOvfCtrl, 1))
	require.Zero(t, b.msr(t, msrGlobalStatus))
}

// TestPMURefuses has #GP for what the unit has not, so that no counter counts something else than it was told to.
func TestPMURefuses(t *testing.T) {
	b, _ := start(t, Config{}, 0xf4)
	const on = evtSelEnable | evtSelOS | evtSelUser
	for name, w := range map[string]struct {
		msr uint32
		v   uint64
	}{
		"an event that is not known":   {msrPerfEvtSel0, on | 0x4f2e},
		"user mode only":               {msrPerfEvtSel0, evtSelEnable | evtSelUser | instructions},
		"kernel mode only":             {msrPerfEvtSel0, evtSelEnable | evtSelOS | instructions},
		"an interrupt":                 {msrPerfEvtSel0 + 1, on | instructions | 1<<20},
		"a threshold":                  {msrPerfEvtSel0 + 3, on | instructions | 1<<24},
		"a fixed counter's interrupt":  {msrFixedCtrCtrl, 0xb},
		"a fixed counter of ring 3":    {msrFixedCtrCtrl, 0x2},
		"a counter that is not there":  {msrGlobalCtrl, 1 << 4},
		"the status":                   {msrGlobalStatus, 0},
		"more than 48 bits":            {msrFixedCtr0, 1 << 48},
		"a select that is not there":   {msrPerfEvtSel0 + 4, 0},
		"a register between the known": {0xc5, 0},
	} {
		require.False(t, b.WriteMSR(w.msr, w.v), name)
	}
	_, ok := b.cpu.PMC(4)
	require.False(t, ok)
	_, ok = b.cpu.PMC(1<<30 | 3)
	require.False(t, ok)
	require.Equal(t, [4]uint32{0x07300402, 0x78, 0, 0x603}, b.cpu.PerformanceLeaf)
}
