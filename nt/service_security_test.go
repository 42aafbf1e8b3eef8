package nt_test

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// The SIDs of the tests: everyone, SYSTEM, and one that nobody here is.
var (
	everyone = []byte{1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}
	nobody   = []byte{1, 1, 0, 0, 0, 0, 0, 5, 99, 0, 0, 0}
)

// ace is an entry of an ACL: kind 0 allows, 1 denies.
func ace(kind byte, mask uint32, sid []byte) []byte {
	b := []byte{kind, 0, byte(8 + len(sid)), 0}
	return append(binary.LittleEndian.AppendUint32(b, mask), sid...)
}

// descriptor is a self-relative security descriptor with everyone as its group.
func descriptor(owner []byte, entries ...[]byte) []byte {
	acl := []byte{2, 0, 0, 0, byte(len(entries)), 0, 0, 0}
	for _, e := range entries {
		acl = append(acl, e...)
	}
	binary.LittleEndian.PutUint16(acl[2:], uint16(len(acl)))
	b := make([]byte, 20)
	b[0], b[2], b[3] = 1, 4, 0x80
	binary.LittleEndian.PutUint32(b[4:], 20)
	binary.LittleEndian.PutUint32(b[8:], uint32(20+len(owner)))
	binary.LittleEndian.PutUint32(b[16:], uint32(20+len(owner)+len(everyone)))
	return append(append(append(b, owner...), everyone...), acl...)
}

func TestAccessCheck(t *testing.T) {
	c := newCaller(t)
	token := c.openToken(0xf01ff)
	cell := c.cell(0)
	attributes := make([]byte, 48)
	attributes[0] = 48
	binary.LittleEndian.PutUint64(attributes[0x28:], c.bytes([]byte{12, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}))
	c.must("NtDuplicateToken", token, 0xf, c.bytes(attributes), 0, 2, cell)
	client := c.u64(cell)
	user := c.queryToken(token, 1)[16:]
	mapping := c.bytes([]byte{1, 0, 2, 0, 2, 0, 2, 0, 4, 0, 2, 0, 7, 0, 0x1f, 0})
	privileges, length, granted, status := c.room(32), c.cell(32), c.cell(0), c.cell(0)
	check := func(d []byte, desired uint64) (uint32, ntdef.Status) {
		c.must("NtAccessCheck", c.bytes(d), client, desired, mapping, privileges, length, granted, status)
		return c.u32(granted), ntdef.Status(c.u32(status))
	}
	const maximum = 0x02000000
	for _, row := range []struct {
		d             []byte
		want, granted uint64
		st            ntdef.Status
	}{
		{descriptor(nobody, ace(0, 3, everyone)), 1, 1, ntdef.STATUS_SUCCESS},
		{descriptor(nobody, ace(0, 3, everyone)), maximum, 3, ntdef.STATUS_SUCCESS},
		{descriptor(nobody, ace(0, 3, everyone)), 4, 0, ntdef.STATUS_ACCESS_DENIED},
		{descriptor(nobody, ace(1, 1, everyone), ace(0, 3, everyone)), 1, 0, ntdef.STATUS_ACCESS_DENIED},
		{descriptor(nobody, ace(1, 1, everyone), ace(0, 3, everyone)), maximum, 2, ntdef.STATUS_SUCCESS},
		{descriptor(nobody, ace(0, 3, everyone), ace(1, 1, everyone)), 1, 1, ntdef.STATUS_SUCCESS}, // what was given stays
		{descriptor(nobody, ace(0, 7, nobody)), 1, 0, ntdef.STATUS_ACCESS_DENIED},
		{descriptor(nobody, ace(0, 0x80000000, everyone)), 1, 1, ntdef.STATUS_SUCCESS}, // GENERIC_READ
		{descriptor(user), 0x60000, 0x60000, ntdef.STATUS_SUCCESS},                     // the owner reads and writes the DACL
		{descriptor(user), 1, 0, ntdef.STATUS_ACCESS_DENIED},
		{descriptor(nobody, ace(0, 7, everyone)), 0x01000000, 0, ntdef.STATUS_PRIVILEGE_NOT_HELD},
	} {
		got, st := check(row.d, row.want)
		require.Equal(t, row.st.String(), st.String(), row)
		require.EqualValues(t, row.granted, got, row)
	}
	d := c.bytes(descriptor(nobody))
	require.Equal(t, ntdef.STATUS_NO_IMPERSONATION_TOKEN, c.call("NtAccessCheck", d, token, 1, mapping, privileges, length, granted, status))
	require.Equal(t, ntdef.STATUS_GENERIC_NOT_MAPPED, c.call("NtAccessCheck", d, client, 0x80000000, mapping, privileges, length, granted, status))
	require.Equal(t, ntdef.STATUS_INVALID_SECURITY_DESCR, c.call("NtAccessCheck", c.bytes(make([]byte, 40)), client, 1, mapping, privileges, length, granted, status))
}

// What a descriptor denies is not opened any more, by no name; who owns it can change it.
func TestSecurityOfObjects(t *testing.T) {
	c := newCaller(t)
	user := c.queryToken(c.openToken(8), 1)[16:]
	key := c.mustCreate(0, testKey)
	need, buffer := c.cell(0), c.room(256)
	require.Equal(t, ntdef.STATUS_BUFFER_TOO_SMALL, c.call("NtQuerySecurityObject", key, 7, 0, 0, need))
	c.must("NtQuerySecurityObject", key, 1, buffer, 256, need)
	require.Equal(t, user, c.get(buffer+20, uint64(len(user))), "the user's")

	onlyRead := descriptor(user, ace(0, nt.KEY_READ, everyone))
	c.must("NtSetSecurityObject", key, 4, c.bytes(onlyRead))
	c.must("NtQuerySecurityObject", key, 4, buffer, 256, need)
	acl := onlyRead[len(onlyRead)-28:]
	require.Equal(t, hex.EncodeToString(acl), hex.EncodeToString(c.get(buffer+20, 28)))
	_, st := c.open(0, testKey, keyAll)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, st)
	read, st := c.open(0, testKey, uint64(nt.KEY_READ))
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtSetSecurityObject", read, 4, c.bytes(onlyRead)))
	most, st := c.open(0, testKey, 0x02000000)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.set(most, "x", nt.REG_SZ, nil))
	c.must("NtSetSecurityObject", most, 4, c.bytes(descriptor(user, ace(0, nt.KEY_ALL_ACCESS, everyone))))
	_, st = c.open(0, testKey, keyAll)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)

	require.Equal(t, ntdef.STATUS_INVALID_OWNER, c.call("NtSetSecurityObject", key, 1, c.bytes(descriptor(nobody))))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtQuerySecurityObject", key, 8, buffer, 256, need))
	require.Equal(t, ntdef.STATUS_INVALID_DEVICE_REQUEST, c.call("NtSetSecurityObject", uint64(c.p.StandardHandle(1)), 4, c.bytes(onlyRead)))

	event, st := c.p.CreateEvent(&nt.ObjectRequest{Name: "guarded"}, true, false)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	c.must("NtSetSecurityObject", uint64(event), 4, c.bytes(descriptor(user, ace(1, 2, everyone), ace(0, 0x1f0003, everyone))))
	_, st = c.p.OpenEvent(&nt.ObjectRequest{Name: "guarded", Access: 2})
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, st)
	_, st = c.p.OpenEvent(&nt.ObjectRequest{Name: "guarded", Access: 1})
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
}
