package nt_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
)

// TestAJobBoundsWhatItsProcessesCommit sets limits that can be kept, and one that cannot.
func TestAJobBoundsWhatItsProcessesCommit(t *testing.T) {
	p := newScript(t).p
	h, st := p.CreateJob(&nt.ObjectRequest{})
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_SUCCESS, p.AssignProcess(h, ntdef.CurrentProcess))
	limits := func(flags uint32, process, job uint64) ntdef.Status {
		b := make([]byte, 144)
		binary.LittleEndian.PutUint32(b[16:], flags)
		binary.LittleEndian.PutUint64(b[112:], process)
		binary.LittleEndian.PutUint64(b[120:], job)
		return p.SetJobInformation(h, 9, b)
	}
	commit := func(size uint64) ntdef.Status {
		return p.AllocateVirtualMemory(&ntmm.Request{Size: size, Type: ntdef.MEM_RESERVE | ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE})
	}
	for _, flag := range []uint32{0x100, 0x200} { // of the process, of the job
		require.Equal(t, ntdef.STATUS_SUCCESS, limits(flag, 2<<20, 2<<20))
		require.Equal(t, ntdef.STATUS_COMMITMENT_LIMIT, commit(2<<20))
		require.Equal(t, ntdef.STATUS_SUCCESS, commit(256<<10))
	}
	require.Equal(t, ntdef.STATUS_SUCCESS, limits(0x2000, 0, 0))
	require.Equal(t, ntdef.STATUS_SUCCESS, commit(2<<20))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, limits(0x2, 0, 0), "no time limits")
	b, st := p.JobInformation(0, 9, 144)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.EqualValues(t, 0x2000, binary.LittleEndian.Uint32(b[16:]))
	require.Greater(t, binary.LittleEndian.Uint64(b[136:]), uint64(2<<20), "the peak")
}
