package physmem

import (
	"testing"

	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// log is a device that remembers what was asked of it.
type log struct {
	reads, writes [][2]uint64 // offset, size
}

func (l *log) ReadPhys(offset uint64, size int) uint64 {
	l.reads = append(l.reads, [2]uint64{offset, uint64(size)})
	return 0x1122334455667788
}

func (l *log) WritePhys(offset uint64, size int, v uint64) {
	l.writes = append(l.writes, [2]uint64{offset, v})
}

func TestMapAddsRAM(t *testing.T) {
	m, err := New(1 << 20)
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	const high = x86.PhysAddr(0xab_cdef_0000)
	require.NoError(t, m.Map(high, 0x3000))
	require.NoError(t, m.Map(4<<30, 64<<30)) // costs nothing
	require.Nil(t, m.Frame(high-1))
	require.Nil(t, m.Frame(high+0x3000))
	require.NotNil(t, m.Frame(high+0x2fff))
	m.Store64(high+0x1008, 42)
	require.EqualValues(t, 42, m.Load64(high+0x1008))
	require.EqualValues(t, 42, m.Frame(high + 0x1000)[8])
	require.True(t, m.CompareAndSwap64(high+0x1008, 42, 43))

	var told []x86.PhysAddr
	m.OnCodeWrite = func(pa x86.PhysAddr) { told = append(told, pa) }
	m.MarkCode(high + 0x2004)
	require.True(t, m.IsCode(high+0x2ff0))
	require.False(t, m.IsCode(high+0x1000))
	m.Write(high+0x2000, []byte{1})
	require.Equal(t, []x86.PhysAddr{high + 0x2000}, told)

	require.Equal(t, []Range{{0, 1 << 20}, {4 << 30, 64 << 30}, {high, 0x3000}}, m.Ranges())
	for _, bad := range []struct {
		at   x86.PhysAddr
		size uint64
		why  string
	}{
		{0x1000, 0x1000, "overlaps RAM at 0x0-0xfffff"},
		{high + 0x2000, 0x2000, "overlaps 0xabcdef0000-0xabcdef2fff"},
		{high - 0x1000, 0x2000, "overlaps"},
		{1 << 32, 0x800, "multiples of 4096"},
		{1<<32 + 8, 0x1000, "multiples of 4096"},
		{1 << 52, 0x1000, "52-bit"},
		{1<<52 - 0x1000, 0x2000, "52-bit"},
		{1 << 33, 0, "multiples"},
	} {
		require.ErrorContains(t, m.Map(bad.at, bad.size), bad.why)
		require.ErrorContains(t, m.MapDevice(bad.at, bad.size, &log{}), bad.why)
	}
}

func TestDevicesAnswerInNaturalPieces(t *testing.T) {
	m, err := New(1 << 20)
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	const at = x86.PhysAddr(0xfee00000)
	var d log
	require.NoError(t, m.MapDevice(at, 0x1000, &d))
	require.Nil(t, m.Frame(at))
	b := make([]byte, 7)
	m.Read(at+1, b)
	require.Equal(t, [][2]uint64{{1, 1}, {2, 2}, {4, 4}}, d.reads)
	require.Equal(t, []byte{0x88, 0x88, 0x77, 0x88, 0x77, 0x66, 0x55}, b)
	m.Write(at+0x20, []byte{1, 2, 3, 4})
	require.Equal(t, [][2]uint64{{0x20, 0x04030201}}, d.writes)
	require.Equal(t, ^uint64(0), m.Load64(at), "page tables are not read from devices")
	m.Read(at-4, b[:4])
	require.Equal(t, []byte{0xff, 0xff, 0xff, 0xff}, b[:4])
	m.Write(at-4, b[:4])
}
