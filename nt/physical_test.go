package nt_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// enable enables a privilege that the process may enable.
func (c *caller) enable(p nt.Privilege) {
	c.t.Helper()
	b := binary.LittleEndian.AppendUint32(nil, 1)
	b = binary.LittleEndian.AppendUint64(b, uint64(p))
	b = binary.LittleEndian.AppendUint32(b, 2) // SE_PRIVILEGE_ENABLED
	c.must("NtAdjustPrivilegesToken", c.openToken(0x28), 0, c.bytes(b), 0, 0, 0)
}

// TestCombinePhysicalMemory has NtSetSystemInformation, class 130, free the frames of identical pages.
func TestCombinePhysicalMemory(t *testing.T) {
	c := newCallerOf(t, nt.Config{Privileges: []nt.Privilege{nt.SeProfileSingleProcessPrivilege}})
	const class = 130
	info := c.bytes(make([]byte, 24))
	require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, c.call("NtSetSystemInformation", class, info, 16))
	c.enable(nt.SeProfileSingleProcessPrivilege)
	require.Equal(t, ntdef.STATUS_INFO_LENGTH_MISMATCH, c.call("NtSetSystemInformation", class, info, 20))
	c.must("NtSetSystemInformation", class, info, 16)

	base, size := c.cell(0), c.cell(5<<12)
	c.must("NtAllocateVirtualMemory", self, base, 0, size, uint64(ntdef.MEM_RESERVE|ntdef.MEM_COMMIT), uint64(ntdef.PAGE_READWRITE))
	at := c.u64(base)
	page := make([]byte, 5<<12)
	for i := range page {
		page[i] = byte(i%4096*7 + 3)
	}
	require.NoError(t, c.p.Thread().Write(at, page))
	c.must("NtSetSystemInformation", class, info, 24)
	require.EqualValues(t, 4, c.u64(info+8), "PagesCombined")
	require.EqualValues(t, 5, c.p.AddressSpace().Page(x86.VirtAddr(at)).Share)
	require.NoError(t, c.p.Thread().Write(at, []byte{1}))
	page[0] = 1
	require.Equal(t, page, c.get(at, uint64(len(page))), "a write is one page's")

	flags := make([]byte, 24)
	flags[16] = 1
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtSetSystemInformation", class, c.bytes(flags), 24))
}

// TestSectionOfLargePages has NtCreateSection with SEC_LARGE_PAGES, for those who hold SeLockMemoryPrivilege.
func TestSectionOfLargePages(t *testing.T) {
	c := newCallerOf(t, nt.Config{Privileges: []nt.Privilege{nt.SeLockMemoryPrivilege}})
	section, size := c.cell(0), c.cell(2*ntmm.LargePageSize)
	create := func() ntdef.Status {
		return c.call("NtCreateSection", section, 0xf001f, 0, size, uint64(ntdef.PAGE_READWRITE),
			uint64(ntdef.SEC_COMMIT|ntdef.SEC_LARGE_PAGES), 0)
	}
	require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, create())
	c.enable(nt.SeLockMemoryPrivilege)
	require.Equal(t, ntdef.STATUS_SUCCESS, create())
	var views [2]uint64
	for i := range views {
		base := c.cell(0)
		c.must("NtMapViewOfSection", c.u64(section), self, base, 0, 0, 0, c.cell(0), 1, uint64(ntdef.MEM_LARGE_PAGES), uint64(ntdef.PAGE_READWRITE))
		views[i] = c.u64(base)
		require.Zero(t, views[i]%ntmm.LargePageSize)
	}
	require.NoError(t, c.p.Thread().Write(views[0]+ntmm.LargePageSize-2, []byte("over the border")))
	require.Equal(t, []byte("over the border"), c.get(views[1]+ntmm.LargePageSize-2, 15))
	p := c.p.AddressSpace().Page(x86.VirtAddr(views[1]))
	require.True(t, p.Large && p.Shared)
	require.EqualValues(t, 2, p.Share)
	c.must("NtUnmapViewOfSection", self, views[0])
	c.must("NtUnmapViewOfSection", self, views[1])
}
