package ntmm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// TestUsesOfFrames has a frame of every use, and all frames counted once.
func TestUsesOfFrames(t *testing.T) {
	w := newWorldOf(t, 4096, Config{Compress: true})
	private := w.must(0, 8<<12, commitNow, rw)
	w.fill(private, 6)
	w.writePage(private+6<<12, 9, 64)
	w.writePage(private+7<<12, 9, 64)
	require.EqualValues(t, 1, w.m.Combine())
	s, _ := w.m.NewSection(newFile(4<<12), 0, rw, ntdef.SEC_COMMIT)
	var file View
	require.Equal(t, success, w.as.MapView(s, &file))
	w.ok(file.Base, x86.Read, 0)
	_, st := w.large(LargePageSize, rw, true)
	require.Equal(t, success, st)
	_, st = w.as.AllocatePhysical(3)
	require.Equal(t, success, st)
	w.as.RemoveFromWorkingSet(private, private+2<<12)
	w.m.FlushModified()
	w.as.RemoveFromWorkingSet(private+2<<12, private+3<<12)

	uses := w.m.Uses()
	c := w.m.Counters()
	require.Equal(t, [pfnStates]uint64{PFNActive: 3, PFNStandby: 2, PFNModified: 1}, uses[UseProcessPrivate])
	require.Equal(t, [pfnStates]uint64{PFNActive: 1}, uses[UseShareable], "two combined pages")
	require.Equal(t, [pfnStates]uint64{PFNActive: 1, PFNStandby: 3}, uses[UseMappedFile])
	require.Equal(t, [pfnStates]uint64{PFNActive: c.PageTablePages}, uses[UsePageTable])
	require.Equal(t, [pfnStates]uint64{PFNActive: 512}, uses[UseLargePage])
	require.Equal(t, [pfnStates]uint64{PFNActive: 3}, uses[UseAWE])
	require.Equal(t, [pfnStates]uint64{PFNActive: c.StoreFrames}, uses[UseCompressed])
	require.EqualValues(t, 1, c.StoreFrames)
	require.Equal(t, [pfnStates]uint64{PFNZeroed: c.ZeroedPages, PFNFree: c.FreePages}, uses[UseUnused])
	all := uint64(0)
	for _, states := range uses {
		for _, n := range states {
			all += n
		}
	}
	require.Equal(t, c.PhysicalPages, all)
	require.NoError(t, w.m.verify())
}
