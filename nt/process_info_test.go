package nt_test

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// queryProcess returns a class's answer of a length.
func (c *caller) queryProcess(process, class, length uint64) []byte {
	c.t.Helper()
	buffer := c.room(length)
	c.must("NtQueryInformationProcess", process, class, buffer, length, c.cell(0))
	return c.get(buffer, length)
}

func TestWhatAProcessIs(t *testing.T) {
	c := newCaller(t)
	le := binary.LittleEndian
	basic := c.queryProcess(self, 0, 48)
	require.Equal(t, "03010000", hex.EncodeToString(basic[:4]), "it runs")
	require.Equal(t, c.p.PEB(), le.Uint64(basic[8:]))
	require.EqualValues(t, 8, le.Uint32(basic[24:]))
	require.Equal(t, c.p.ID(), le.Uint64(basic[32:]))
	require.Equal(t, basic, c.queryProcess(self, 0, 64)[8:56])

	for class, want := range map[uint64]string{
		7: "0000000000000000", 12: "01000000", 18: "0002", 21: "0100000000000000", 22: "00000000", 24: "01000000", 26: "0000000000000000",
		28: "01000000", 29: "00000000", 31: "01000000", 33: "02000000", 48: "00000000", 61: "00", 75: "00000000",
	} {
		require.Equal(t, want, hex.EncodeToString(c.queryProcess(self, class, uint64(len(want)/2))), class)
	}
	require.Equal(t, ntdef.STATUS_PORT_NOT_SET, c.call("NtQueryInformationProcess", self, 30, c.cell(0), 8, 0))
	cookie := c.queryProcess(self, 36, 4)
	require.Equal(t, cookie, c.queryProcess(self, 36, 4), "it stays")
	require.EqualValues(t, 4, le.Uint32(c.queryProcess(self, 23, 36)), "there is C:")
	image := c.queryProcess(self, 37, 64)
	require.Equal(t, c.p.Program().Base>>32, le.Uint64(image)>>32)
	require.EqualValues(t, 0x8664, le.Uint16(image[48:]))
	times := c.queryProcess(self, 4, 32)
	require.NotZero(t, le.Uint64(times))
	require.Zero(t, le.Uint64(times[8:]), "it has not ended")

	before := c.queryProcess(self, 2, 48)
	_, st := c.p.WriteFile(c.p.StandardHandle(1), make([]byte, 77))
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	after := c.queryProcess(self, 2, 48)
	require.Equal(t, le.Uint64(before[8:])+1, le.Uint64(after[8:]))
	require.Equal(t, le.Uint64(before[32:])+77, le.Uint64(after[32:]))

	for class, want := range map[uint64]string{
		27: `\Device\HarddiskVolume1\guest\tiny.exe`, 43: `C:\guest\tiny.exe`, 60: `C:\guest\tiny.exe`,
	} {
		need, buffer := c.cell(0), c.room(200)
		require.Equal(t, ntdef.STATUS_INFO_LENGTH_MISMATCH, c.call("NtQueryInformationProcess", self, class, buffer, 16, need))
		c.must("NtQueryInformationProcess", self, class, buffer, uint64(c.u32(need)), need)
		text := nt.EncodeUTF16(want)
		require.Equal(t, text, c.get(c.u64(buffer+8), uint64(len(text))), want)
		require.EqualValues(t, 16+len(text)+2, c.u32(need))
	}
	handles := c.room(4096)
	c.must("NtQueryInformationProcess", self, 51, handles, 4096, 0)
	require.EqualValues(t, c.p.HandleCount(), c.u64(handles))
	require.EqualValues(t, c.p.StandardHandle(0), c.u64(handles+16))

	require.Equal(t, ntdef.STATUS_INFO_LENGTH_MISMATCH, c.call("NtQueryInformationProcess", self, 7, c.cell(0), 4, 0))
	require.Equal(t, ntdef.STATUS_INVALID_INFO_CLASS, c.call("NtQueryInformationProcess", self, 999, c.cell(0), 4, 0))
	require.Equal(t, ntdef.STATUS_INVALID_HANDLE, c.call("NtQueryInformationProcess", 0, 4, c.cell(0), 32, 0))
}

func TestWhatAProcessCanSet(t *testing.T) {
	c := newCaller(t)
	c.must("NtSetInformationProcess", self, 12, c.cell(3), 4)
	require.EqualValues(t, 3, c.queryProcess(self, 12, 4)[0])
	c.must("NtSetInformationProcess", self, 18, c.cell(0x0300), 2)
	require.Equal(t, []byte{0, 3}, c.queryProcess(self, 18, 2))
	require.EqualValues(t, 13, c.queryProcess(self, 0, 48)[24], "high")
	require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, c.call("NtSetInformationProcess", self, 18, c.cell(0x0400), 2))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtSetInformationProcess", self, 18, c.cell(0x0900), 2))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtSetInformationProcess", self, 21, c.cell(2), 8), "there is one processor")
	require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, c.call("NtSetInformationProcess", self, 29, c.cell(1), 4))
	require.Equal(t, ntdef.STATUS_INFO_LENGTH_MISMATCH, c.call("NtSetInformationProcess", self, 22, c.cell(1), 8))
	require.Equal(t, ntdef.STATUS_INVALID_INFO_CLASS, c.call("NtSetInformationProcess", self, 7, c.cell(1), 8))

	stack := c.bytes(make([]byte, 24))
	require.NoError(t, c.p.Thread().Store64(stack, 0x100000))
	c.must("NtSetInformationProcess", self, 41, stack, 24)
	info, st := c.p.QueryVirtualMemory(c.u64(stack + 16))
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.EqualValues(t, ntdef.MEM_RESERVE, info.State)
	require.EqualValues(t, 0x100000, info.RegionSize)
}
