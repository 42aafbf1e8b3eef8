package tests

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntmm"
)

var long = flag.Bool("long", false, "run the tests that take minutes too")

// requireSums holds the memory manager's counters to each other. Every fault is of one kind. A hard fault is one read, of the page
// and of those ahead of it. What lies in the page file was written there, by what is modified or by the store. What came out of
// the store had come in. Every frame is on a list, or in use. Nothing is committed that RAM and page files do not hold.
func requireSums(t *testing.T, m *ntmm.Counters) {
	t.Helper()
	require.Equal(t, m.PageFaults, m.DemandZeroFaults+m.TransitionFaults+m.CompressedFaults+m.PageFileFaults+m.MappedFileFaults+
		m.WriteCopies+m.GuardFaults+m.StackGrowths+m.SpuriousFaults+m.AccessViolations+m.InPageErrors+m.NoMemoryFaults)
	require.Equal(t, m.PageReads, m.PageFileFaults+m.MappedFileFaults)
	require.GreaterOrEqual(t, m.PagesInput, m.PageReads)
	require.LessOrEqual(t, m.PageFilePagesUsed, m.PagesOutput-m.MappedPagesOutput)
	require.LessOrEqual(t, m.PageFilePagesUsed, m.PageFilePages)
	require.GreaterOrEqual(t, m.PagesOutput, m.PageWrites)
	require.LessOrEqual(t, m.StorePagesOutput, m.PagesOutput)
	require.Equal(t, m.CompressedFaults, m.PagesDecompressed)
	require.LessOrEqual(t, m.PagesDecompressed+m.StorePagesOutput+m.StorePages, m.PagesCompressed)
	require.LessOrEqual(t, m.StoreBytes, m.StoreFrames<<12)
	require.Equal(t, m.PhysicalPages, m.ActivePages+m.AvailablePages()+m.ModifiedPages+m.ModifiedNoWrite+m.BadPages)
	require.LessOrEqual(t, m.StoreFrames+m.PageTablePages, m.ActivePages)
	require.LessOrEqual(t, m.CommittedPages, m.CommitPeak)
	require.LessOrEqual(t, m.CommitPeak, m.CommitLimit)
	require.Equal(t, m.CommitLimit, m.PhysicalPages+m.PageFilePages)
}

// TestSortThroughThePageFile sorts 64 MB in two areas of that size with 12 MB of RAM. The checksum is what sort.exe prints under wine64.
func TestSortThroughThePageFile(t *testing.T) {
	want, err := os.ReadFile("guests/golden/sort.stdout")
	require.NoError(t, err)
	sortThroughThePageFile(t, "64", string(want), pagewalk.Config{RAM: 12 << 20, PageFile: nt.PageFile{Bytes: 16 << 20, Maximum: 256 << 20}})
}

// TestSortOfHalfAGigabyte sorts 512 MB, in two areas of that size, with 64 MB of RAM; the checksum is wine64's.
func TestSortOfHalfAGigabyte(t *testing.T) {
	if !*long {
		t.Skip("takes minutes: -long")
	}
	for _, compress := range []bool{false, true} {
		sortThroughThePageFile(t, "512", "8388608 records sorted, checksum e94873320903c402\r\n", pagewalk.Config{
			RAM: 64 << 20, PageFile: nt.PageFile{Bytes: 64 << 20, Maximum: 1200 << 20}, Compress: compress,
		})
	}
}

func sortThroughThePageFile(t *testing.T, megabytes, want string, cfg pagewalk.Config) {
	t.Helper()
	cfg.PageFile.Path = filepath.Join(t.TempDir(), "pagefile.sys")
	r, stdout, _ := run(t, "sort", []string{megabytes}, cfg)
	require.Equal(t, want, stdout)
	m := &r.Memory
	requireSums(t, m)
	t.Logf("%d MB: %d hard, %d soft, %d demand-zero, %d compressed faults; %d pages in, %d out", cfg.RAM>>20, m.PageFileFaults+m.MappedFileFaults,
		m.TransitionFaults, m.DemandZeroFaults, m.CompressedFaults, m.PagesInput, m.PagesOutput)
	require.Greater(t, m.PageFileFaults, uint64(20_000))
	require.Greater(t, m.PagesOutput, 8*m.PageWrites, "writes are clustered")
	require.Greater(t, m.PageFilePages, cfg.PageFile.Bytes>>12, "the file was extended")
	_, err := os.Stat(cfg.PageFile.Path)
	require.ErrorIs(t, err, os.ErrNotExist, "the page file is removed")
}

// TestSortWithCompression has the same program compress its pages, and combine them: it prints the same, and reads less.
func TestSortWithCompression(t *testing.T) {
	sorted := func(compress, combine bool) (string, ntmm.Counters) {
		r, stdout, _ := run(t, "sort", []string{"2"}, pagewalk.Config{
			RAM: 2 << 20, PageFile: nt.PageFile{Bytes: 64 << 20}, Compress: compress, Combine: combine,
		})
		requireSums(t, &r.Memory)
		return stdout, r.Memory
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
