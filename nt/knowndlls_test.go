package nt_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// \KnownDlls has sections of system DLLs, which everybody can map, and nobody can write to or add to.
func TestKnownDlls(t *testing.T) {
	c := newCaller(t)
	cell := c.cell(0)
	c.must("NtOpenDirectoryObject", cell, 3, c.attributes(0, `\KnownDlls`))
	folder := c.u64(cell)
	buffer, context := c.room(4096), c.cell(0)
	c.must("NtQueryDirectoryObject", folder, buffer, 4096, 0, 1, context, 0)
	types := map[string]string{}
	for at := buffer; c.u64(at+8) != 0; at += 32 {
		text := func(at uint64) string {
			b := c.get(c.u64(at+8), uint64(c.u32(at)&0xffff))
			units := make([]uint16, len(b)/2)
			for i := range units {
				units[i] = binary.LittleEndian.Uint16(b[2*i:])
			}
			return nt.DecodeWTF16(units)
		}
		types[text(at)] = text(at + 16)
	}
	require.Equal(t, map[string]string{"KnownDllPath": "SymbolicLink", "kernel32.dll": "Section", "ntdll.dll": "Section"}, types)

	// Two that open it have one section, which stays when both have closed it.
	const query, write, read, execute = 1, 2, 4, 8
	open := func(access uint64) uint64 {
		c.must("NtOpenSection", cell, access, c.attributes(folder, "KERNEL32.dll"))
		return c.u64(cell)
	}
	bases := map[uint64]bool{}
	for range 2 {
		section := open(query | read | execute)
		image := c.room(64)
		c.must("NtQuerySection", section, 1, image, 64, 0)
		base, size := c.cell(0), c.cell(0)
		st := c.call("NtMapViewOfSection", section, self, base, 0, 0, 0, size, 2, 0, 2)
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		require.Equal(t, "MZ", string(c.get(c.u64(base), 2)))
		c.must("NtUnmapViewOfSection", self, c.u64(base))
		c.must("NtClose", section)
		bases[c.u64(base)] = true
	}
	require.Len(t, bases, 1)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtOpenSection", cell, write, c.attributes(folder, "kernel32.dll")))
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, c.call("NtOpenSection", cell, read, c.attributes(folder, "nothing.dll")))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtCreateEvent", cell, eventAll, c.attributes(0, `\KnownDlls\mine`), 0, 0))
	c.must("NtOpenSymbolicLinkObject", cell, 1, c.attributes(folder, "KnownDllPath"))

	key, st := c.open(0, `\Registry\Machine\System\CurrentControlSet\Control\Session Manager\KnownDLLs`, uint64(nt.KEY_READ))
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	v, st := c.p.QueryValue(ntdef.Handle(key), "kernel32")
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, nt.EncodeUTF16("kernel32.dll\x00"), v.Data)
}

// What the last handle of a permanent object leaves is the object as it was.
func TestPermanentObjectsStay(t *testing.T) {
	c := newCallerOf(t, nt.Config{Privileges: []nt.Privilege{16}}) // SeCreatePermanentPrivilege
	cell := c.cell(0)
	for range 2 {
		low := c.attributes(0, `\KernelObjects\LowMemoryCondition`)
		require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtOpenEvent", cell, 2, low), "its descriptor")
		c.must("NtOpenEvent", cell, 1, low)
		c.must("NtClose", c.u64(cell))
	}
	c.enable(16)
	const permanent, all = 0x10, 0xf001f
	name := `\Sessions\1\BaseNamedObjects\stays`
	size := c.cell(0x1000)
	c.must("NtCreateSection", cell, all, c.secured(name, permanent, nil), size, 4, 0x8000000, 0)
	c.must("NtClose", c.u64(cell))
	c.must("NtOpenSection", cell, all, c.secured(name, 0, nil))
	section := c.u64(cell)
	c.must("NtMapViewOfSection", section, self, c.cell(0), 0, 0, 0, c.cell(0), 2, 0, 4)
	c.must("NtMakeTemporaryObject", section)
	c.must("NtClose", section)
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, c.call("NtOpenSection", cell, all, c.secured(name, 0, nil)))
}

// The last handle of a permanent object goes, and the object does not end: a job ends its processes, a timer runs on, a port forgets its packets.
func TestWhatTheLastHandleOfAPermanentObjectDoes(t *testing.T) {
	c := newCallerOf(t, nt.Config{Privileges: []nt.Privilege{16}})
	c.enable(16)
	cell := c.cell(0)
	const permanent, all = 0x10, 0x1f0003
	named := func(name string) uint64 { return c.secured(`\Sessions\1\BaseNamedObjects\`+name, permanent, nil) }

	c.must("NtCreateTimer", cell, all, named("timer"), 0)
	c.must("NtSetTimer", c.u64(cell), c.cell(^uint64(999)), 0, 0, 0, 0, 0)
	c.must("NtClose", c.u64(cell))
	c.must("NtDelayExecution", 0, c.cell(^uint64(1999)))
	c.must("NtOpenTimer", cell, all, named("timer"))
	require.Equal(t, ntdef.STATUS_SUCCESS, c.call("NtWaitForSingleObject", c.u64(cell), 0, c.cell(0)), "it was due meanwhile")

	c.must("NtCreateIoCompletion", cell, all, named("port"), 0)
	c.must("NtSetIoCompletion", c.u64(cell), 0, 0, 0, 0)
	c.must("NtClose", c.u64(cell))
	c.must("NtOpenIoCompletion", cell, all, named("port"))
	require.Equal(t, ntdef.STATUS_TIMEOUT, c.call("NtRemoveIoCompletion", c.u64(cell), c.cell(0), c.cell(0), c.room(16), c.cell(0)))

	c.must("NtCreateJobObject", cell, 0x1f003f, named("job"))
	limits := c.room(144)
	require.NoError(t, c.p.Thread().Store32(limits+16, 0x2000)) // JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	c.must("NtSetInformationJobObject", c.u64(cell), 9, limits, 144)
	c.must("NtAssignProcessToJobObject", c.u64(cell), self)
	require.False(t, c.p.Doomed())
	c.must("NtClose", c.u64(cell))
	require.True(t, c.p.Doomed())
	c.must("NtOpenJobObject", cell, 0x1f003f, named("job"))
}
