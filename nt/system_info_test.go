package nt_test

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// querySystem returns a class's whole answer, and looks that one byte less is too little.
func (c *caller) querySystem(class uint64) []byte {
	c.t.Helper()
	buffer, need := c.room(8192), c.cell(0)
	c.must("NtQuerySystemInformation", class, buffer, 8192, need)
	n := uint64(c.u32(need))
	require.Equal(c.t, ntdef.STATUS_INFO_LENGTH_MISMATCH, c.call("NtQuerySystemInformation", class, buffer, n-1, need))
	require.EqualValues(c.t, n, c.u32(need))
	return c.get(buffer, n)
}

func TestWhatTheSystemIs(t *testing.T) {
	c := newCaller(t)
	le := binary.LittleEndian
	for class, want := range map[uint64]string{
		9: "00000000", 11: "00000000", 28: "5a6202005a62020001000000", 35: "0001", 149: "000000",
		1: "0900060005" + "1a" + "0100" + "be3d0100",
		73: "0100000000000000" + "0000000000000000" + "00000000000000000000000000000000" + "0100000000000000" + "0100000000000000" +
			"00000000000000000000000000000000" + "0100000000000000" + "0300000000000000" + "00000000000000000000000000000000",
	} {
		require.Equal(t, want, hex.EncodeToString(c.querySystem(class)), class)
	}
	require.Equal(t, c.querySystem(0), c.querySystem(62))
	require.Len(t, c.querySystem(44), 172)
	require.Len(t, c.querySystem(102), 432)
	require.Len(t, c.querySystem(8), 48)
	require.Len(t, c.querySystem(90), 32)

	buffer := c.room(48)
	c.must("NtQuerySystemInformation", 3, buffer, 16, 0)
	boot, now := c.u64(buffer), c.u64(buffer+8)
	require.Equal(t, c.p.System().SystemTime(), now)
	require.Equal(t, c.p.System().InterruptTime(), now-boot)
	require.Equal(t, ntdef.STATUS_INFO_LENGTH_MISMATCH, c.call("NtQuerySystemInformation", 3, buffer, 64, 0))

	quota := c.querySystem(37)
	require.Less(t, le.Uint32(quota[4:]), le.Uint32(quota))
	require.Equal(t, ntdef.STATUS_INVALID_INFO_CLASS, c.call("NtQuerySystemInformation", 999, buffer, 48, 0))
	require.Equal(t, ntdef.STATUS_INVALID_DEVICE_REQUEST, c.call("NtQuerySystemInformation", 76, buffer, 48, 0))
	integrity := c.cell(8)
	c.must("NtQuerySystemInformation", 103, integrity, 8, 0)
	require.EqualValues(t, 8, c.u64(integrity))
}

func TestProcessesAndHandlesOfTheSystem(t *testing.T) {
	c := newCaller(t)
	le := binary.LittleEndian
	list := c.querySystem(5)
	require.Zero(t, le.Uint32(list), "the last one")
	require.EqualValues(t, 1, le.Uint32(list[4:]))
	require.Equal(t, c.p.ID(), le.Uint64(list[0x50:]))
	require.Equal(t, c.p.HandleCount(), le.Uint32(list[0x60:]))
	require.Equal(t, c.p.VMCounters()[8:16], list[0x78:0x80], "the virtual size")
	require.Equal(t, c.p.Thread().ID(), le.Uint64(list[0x100+0x30:]))
	name := nt.EncodeUTF16("tiny.exe")
	require.Equal(t, name, c.get(le.Uint64(list[0x40:]), uint64(len(name))))

	handles := c.querySystem(64)
	require.EqualValues(t, c.p.HandleCount(), le.Uint64(handles))
	require.Equal(t, c.p.ID(), le.Uint64(handles[16+8:]))
	require.EqualValues(t, c.p.StandardHandle(0), le.Uint64(handles[16+16:]))
	small := c.querySystem(16)
	require.Equal(t, c.p.HandleCount(), le.Uint32(small))
	require.EqualValues(t, c.p.StandardHandle(0), le.Uint16(small[8+6:]))

	request := c.bytes(make([]byte, 24))
	require.NoError(t, c.p.Thread().Store64(request, c.p.ID()))
	require.Equal(t, ntdef.STATUS_INFO_LENGTH_MISMATCH, c.call("NtQuerySystemInformation", 88, request, 24, 0))
	require.NoError(t, c.p.Thread().Store64(request+16, c.room(200)))
	c.must("NtQuerySystemInformation", 88, request, 24, 0)
	path := nt.EncodeUTF16(`\Device\HarddiskVolume1\guest\tiny.exe`)
	require.Equal(t, path, c.get(c.u64(request+16), uint64(len(path))))
	require.NoError(t, c.p.Thread().Store64(request, 2))
	require.Equal(t, ntdef.STATUS_INVALID_CID, c.call("NtQuerySystemInformation", 88, request, 24, 0))
}

func TestProcessorTopology(t *testing.T) {
	c := newCaller(t)
	query := func(class, input, inputLength, room uint64) (string, ntdef.Status) {
		buffer, need := c.room(room), c.cell(0)
		st := c.call("NtQuerySystemInformationEx", class, c.cell(input), inputLength, buffer, room, need)
		if st != ntdef.STATUS_SUCCESS {
			return "", st
		}
		return hex.EncodeToString(c.get(buffer, uint64(c.u32(need)))), st
	}
	core, st := query(107, 0, 4, 512)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, "0000000030000000"+"00000000000000000000000000000000000000000000"+"0100"+"01000000000000000000000000000000", core)
	all, _ := query(107, 0xffff, 4, 512)
	require.Len(t, all, 2*(3*48+80))
	group, _ := query(107, 4, 4, 512)
	require.Equal(t, "0400000050000000"+"01000100", group[:24])
	require.Equal(t, "0100000000000000", group[2*72:])
	_, st = query(107, 0xffff, 4, 10)
	require.Equal(t, ntdef.STATUS_INFO_LENGTH_MISMATCH, st)
	machines, _ := query(181, self, 8, 64)
	require.Equal(t, "64860f0000000000", machines)
	machines, _ = query(181, 0, 8, 64)
	require.Equal(t, "6486070000000000", machines)
	sets, _ := query(175, 0, 8, 64)
	require.Equal(t, "200000000000000000010000", sets[:24])
	_, st = query(181, 0x444, 8, 64)
	require.Equal(t, ntdef.STATUS_INVALID_HANDLE, st)
	_, st = query(999, 0, 8, 64)
	require.Equal(t, ntdef.STATUS_INVALID_INFO_CLASS, st)
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtQuerySystemInformationEx", 107, 0, 0, 0, 0, 0))
}

func TestServicesOfTheSystem(t *testing.T) {
	c := newCaller(t)
	a, b, d := c.cell(0), c.cell(0), c.cell(0)
	require.EqualValues(t, c.p.System().TickCount(), c.call("NtGetTickCount"))

	for _, service := range []string{
		"NtSetSystemTime", "NtShutdownSystem", "NtQuerySystemEnvironmentValue", "NtQuerySystemEnvironmentValueEx", "NtDisplayString",
	} {
		require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, c.call(service, 0, 0, 0, 0, 0), service)
	}
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtSetUuidSeed", a))

	// Licence values: public conformance tests.
	buffer := c.room(32)
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtQueryLicenseValue", 0, a, buffer, 32, b))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtQueryLicenseValue", c.ustr(""), a, buffer, 32, b))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtQueryLicenseValue", c.ustr("Kernel-MUI-Number-Allowed"), a, buffer, 32, 0))
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, c.call("NtQueryLicenseValue", c.ustr("None"), a, buffer, 32, b))
	require.Equal(t, ntdef.STATUS_BUFFER_TOO_SMALL, c.call("NtQueryLicenseValue", c.ustr("Kernel-MUI-Language-Allowed"), a, buffer, 2, b))
	require.Equal(t, []uint32{1, 12}, []uint32{c.u32(a), c.u32(b)})
	c.must("NtQueryLicenseValue", c.ustr("kernel-mui-number-allowed"), 0, buffer, 32, b)
	require.EqualValues(t, 1000, c.u32(buffer))

	c.must("NtPowerInformation", 11, 0, 0, buffer, 24)
	require.EqualValues(t, 1000, c.u32(buffer+4))
	require.Equal(t, ntdef.STATUS_BUFFER_TOO_SMALL, c.call("NtPowerInformation", 11, 0, 0, buffer, 23))
	require.Equal(t, ntdef.STATUS_NOT_IMPLEMENTED, c.call("NtPowerInformation", 77, 0, 0, buffer, 23))

	c.must("NtRaiseHardError", 0xc0000022, 1, 1, c.cell(c.ustr("what")), 1, a)
	require.EqualValues(t, 6, c.u32(a), "acknowledged")
	c.must("NtRaiseHardError", 0xc0000022, 0, 0, 0, 4, a)
	require.EqualValues(t, 0, c.u32(a), "nobody says yes or no")

	seed := c.room(8)
	c.must("NtAllocateUuids", a, b, d, seed)
	first := c.u64(a)
	c.must("NtAllocateUuids", a, b, d, seed)
	require.Equal(t, first+uint64(c.u32(b)), c.u64(a), "ranges do not overlap")
	require.EqualValues(t, 1, c.get(seed, 1)[0]&1)
}
