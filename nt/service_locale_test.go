package nt_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// writeFile makes a file of the guest.
func (c *caller) writeFile(path, text string) {
	h, _, st := c.p.CreateFile(&nt.OpenRequest{Path: path, Access: ntdef.GENERIC_WRITE, Disposition: ntdef.FILE_CREATE})
	require.Equal(c.t, ntdef.STATUS_SUCCESS, st)
	_, st = c.p.WriteFile(h, []byte(text))
	require.Equal(c.t, ntdef.STATUS_SUCCESS, st)
	require.Equal(c.t, ntdef.STATUS_SUCCESS, c.p.CloseHandle(h))
}

// Tables are read-only views of files of the Windows folder; what is not there is not found.
func TestNlsTablesAreFilesOfTheWindowsFolder(t *testing.T) {
	c := newCaller(t)
	base, size, lcid := c.cell(0), c.cell(0), c.cell(0)
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, c.call("NtInitializeNlsFiles", base, lcid, size))
	for _, name := range []string{"locale", "l_intl", "c_1252", "c_037", "normnfc", "sortdefault"} {
		c.writeFile(`C:\Windows\System32\`+name+".nls", "the table "+name)
	}
	c.must("NtInitializeNlsFiles", base, lcid, size)
	require.Equal(t, "the table locale", string(c.get(c.u64(base), 16)))
	require.EqualValues(t, 0x409, c.u32(lcid))
	require.EqualValues(t, 16, c.u64(size))
	info, st := c.p.QueryVirtualMemory(c.u64(base))
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.EqualValues(t, ntdef.MEM_MAPPED, info.Type)
	require.EqualValues(t, ntdef.PAGE_READONLY, info.Protect)

	for _, row := range []struct {
		typ, data uint64
		want      string
		st        ntdef.Status
	}{
		{9, 0, "the table sortdefault", ntdef.STATUS_SUCCESS},
		{9, 1, "", ntdef.STATUS_INVALID_PARAMETER_1},
		{10, 0, "the table l_intl", ntdef.STATUS_SUCCESS},
		{10, 1, "", ntdef.STATUS_UNSUCCESSFUL},
		{11, 1252, "the table c_1252", ntdef.STATUS_SUCCESS},
		{11, 37, "the table c_037", ntdef.STATUS_SUCCESS},
		{11, 1 << 31, "", ntdef.STATUS_OBJECT_NAME_NOT_FOUND},
		{12, 1, "the table normnfc", ntdef.STATUS_SUCCESS},
		{12, 3, "", ntdef.STATUS_OBJECT_NAME_NOT_FOUND},
		{12, 6, "", ntdef.STATUS_OBJECT_NAME_NOT_FOUND},
		{6, 0, "", ntdef.STATUS_INVALID_PARAMETER_1},
	} {
		require.Equal(t, row.st.String(), c.call("NtGetNlsSectionPtr", row.typ, row.data, 0, base, size).String(), row)
		if row.st == ntdef.STATUS_SUCCESS {
			require.Equal(t, row.want, string(c.get(c.u64(base), uint64(len(row.want)))))
			require.EqualValues(t, x86.PageSize, c.u64(size))
		}
	}
	require.Equal(t, ntdef.STATUS_ACCESS_VIOLATION, c.call("NtGetNlsSectionPtr", 10, 0, 0, 0x10, size))
}

func TestLocalesAndLanguages(t *testing.T) {
	c := newCaller(t)
	cell := c.cell(0)
	c.must("NtQueryDefaultLocale", 1, cell)
	require.EqualValues(t, 0x409, c.u64(cell))
	c.must("NtSetDefaultLocale", 1, 0x407)
	c.must("NtQueryDefaultLocale", 1, cell)
	require.EqualValues(t, 0x407, c.u64(cell))
	c.must("NtQueryDefaultLocale", 0, cell)
	require.EqualValues(t, 0x409, c.u64(cell))
	c.must("NtQueryDefaultLocale", 0xfffffff0_ffffff00, cell)
	require.EqualValues(t, 0x409, c.u64(cell), "a BOOLEAN is a byte: above it is what was there")
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtSetDefaultLocale", 0, 0xfff00000))
	for _, service := range []string{"NtQueryDefaultUILanguage", "NtQueryInstallUILanguage"} {
		cell := c.cell(0xaaaa_0000)
		c.must(service, cell)
		require.EqualValues(t, 0xaaaa_0409, c.u64(cell), "a LANGID is 16 bits wide")
	}
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtSetDefaultUILanguage", 0x407))
	c.must("NtSetDefaultUILanguage", 0x409)
	c.must("NtIsUILanguageComitted")
}
