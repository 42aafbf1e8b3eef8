package physmem

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

func TestNewRefusesImpossibleSizes(t *testing.T) {
	for _, size := range []uint64{0, 1, 4095, 4097, MaxSize + 4096, 1 << 63} {
		_, err := New(size)
		require.ErrorContains(t, err, strconv.FormatUint(size, 10))
	}
}

func TestUnbackedAddressesAreAnswered(t *testing.T) {
	m, err := New(8192)
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	require.NotNil(t, m.Frame(8191))
	for _, pa := range []x86.PhysAddr{8192, 1 << 40, ^x86.PhysAddr(0)} {
		require.Nil(t, m.Frame(pa))
		require.Equal(t, ^uint64(0), m.Load64(pa))
		m.Store64(pa, 1)
		m.MarkCode(pa)
		require.False(t, m.IsCode(pa))
		m.NotifyWrite(pa)
	}
}

func TestCodeWriteIsToldOnce(t *testing.T) {
	m, err := New(1 << 20)
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	var told []x86.PhysAddr
	m.OnCodeWrite = func(pa x86.PhysAddr) { told = append(told, pa) }
	m.MarkCode(0x3123)
	m.Store64(0x2ff8, 1)
	m.Store64(0x4000, 1)
	require.Empty(t, told)
	m.Store64(0x3008, 7)
	m.Store64(0x3010, 7)
	require.Equal(t, []x86.PhysAddr{0x3000}, told)
	require.Equal(t, uint64(7), m.Load64(0x3008))
}

// TestHostMemoryIsTakenAsFramesAreTouched holds a 64 GiB machine to a few megabytes.
func TestHostMemoryIsTakenAsFramesAreTouched(t *testing.T) {
	m, err := New(MaxSize)
	if err != nil {
		t.Skip("this host cannot reserve 64 GiB of address space:", err)
	}
	defer func() { require.NoError(t, m.Close()) }()
	before := residentKiB(t)
	for pa := x86.PhysAddr(0); pa < MaxSize; pa += 1 << 30 {
		m.Frame(pa)[0] = 1
	}
	require.Less(t, residentKiB(t)-before, 16<<10)
}

func residentKiB(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc/self/status on this host")
	}
	for _, line := range strings.Split(string(status), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			n, err := strconv.Atoi(f[1])
			require.NoError(t, err)
			return n
		}
	}
	t.Fatal("no VmRSS in /proc/self/status")
	return 0
}
