package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntmm"
)

// TestSortThroughThePageFile sorts five times the RAM, in two areas of that size. The checksum is what sort.exe prints under
// wine64. guests/README.md has the same with 64 MB of RAM and 512 MB to sort.
func TestSortThroughThePageFile(t *testing.T) {
	want, err := os.ReadFile("guests/golden/sort.stdout")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "pagefile.sys")
	r, stdout, _ := run(t, "sort", []string{"64"}, pagewalk.Config{
		RAM: 12 << 20, PageFile: nt.PageFile{Bytes: 16 << 20, Maximum: 256 << 20, Path: path},
	})
	require.Equal(t, string(want), stdout)
	m := r.Memory
	require.Equal(t, m.PageFaults, m.DemandZeroFaults+m.TransitionFaults+m.PageFileFaults+m.MappedFileFaults+m.WriteCopies+
		m.GuardFaults+m.StackGrowths+m.SpuriousFaults+m.AccessViolations+m.InPageErrors+m.NoMemoryFaults)
	require.Greater(t, m.PageFileFaults, uint64(20_000))
	require.GreaterOrEqual(t, m.PagesInput, m.PageFileFaults+m.MappedFileFaults)
	require.Equal(t, m.PageReads, m.PageFileFaults+m.MappedFileFaults, "each hard fault is one read")
	require.Greater(t, m.PagesOutput, 8*m.PageWrites, "writes are clustered")
	require.Equal(t, m.PhysicalPages, m.ActivePages+m.AvailablePages()+m.ModifiedPages+m.ModifiedNoWrite+m.BadPages)
	require.Greater(t, m.PageFilePages, uint64(16<<20>>12), "the file was extended")
	_, err = os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist, "the page file is removed")
}

// TestSortWithCompression has the same program compress its pages, and combine them: it prints the same, and reads less.
func TestSortWithCompression(t *testing.T) {
	sorted := func(compress, combine bool) (string, ntmm.Counters) {
		r, stdout, _ := run(t, "sort", []string{"2"}, pagewalk.Config{
			RAM: 2 << 20, PageFile: nt.PageFile{Bytes: 64 << 20}, Compress: compress, Combine: combine,
		})
		m := r.Memory
		require.Equal(t, m.PageFaults, m.DemandZeroFaults+m.TransitionFaults+m.CompressedFaults+m.PageFileFaults+m.MappedFileFaults+
			m.WriteCopies+m.GuardFaults+m.StackGrowths+m.SpuriousFaults+m.AccessViolations+m.InPageErrors+m.NoMemoryFaults)
		require.Equal(t, m.CompressedFaults, m.PagesDecompressed)
		require.LessOrEqual(t, m.PagesDecompressed+m.StorePagesOutput+m.StorePages, m.PagesCompressed, "what came in went out, or is there")
		require.LessOrEqual(t, m.StorePagesOutput, m.PagesOutput)
		require.LessOrEqual(t, m.PageFilePagesUsed, m.PagesOutput, "what lies in the page file was written")
		require.Equal(t, m.PhysicalPages, m.ActivePages+m.AvailablePages()+m.ModifiedPages+m.ModifiedNoWrite+m.BadPages)
		return stdout, m
	}
	plain, alone := sorted(false, false)
	require.Zero(t, alone.PagesCompressed+alone.CompressedFaults)
	for _, combine := range []bool{false, true} {
		stdout, m := sorted(true, combine)
		require.Equal(t, plain, stdout)
		require.Greater(t, m.CompressedFaults, uint64(1000))
		require.Less(t, m.PageFileFaults, alone.PageFileFaults)
	}
}

// TestOneSeedOneRunUnderPressure holds the paging to the instruction count: two engines, the same counters.
func TestOneSeedOneRunUnderPressure(t *testing.T) {
	var counters []any
	for _, step := range []bool{false, false, true} {
		r, stdout, _ := run(t, "sort", []string{"1"}, pagewalk.Config{
			RAM: 1 << 20, PageFile: nt.PageFile{Bytes: 32 << 20}, StepOnly: step,
		})
		require.True(t, strings.HasPrefix(stdout, "16384 records sorted"), stdout)
		require.Greater(t, r.Memory.PageFileFaults, uint64(1000))
		counters = append(counters, r.Memory)
	}
	require.Equal(t, counters[0], counters[1])
	require.Equal(t, counters[0], counters[2])
}
