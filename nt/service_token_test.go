package nt_test

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

const (
	self       = uint64(ntdef.CurrentProcess)
	thisThread = uint64(ntdef.CurrentThread)
	ownToken   = ^uint64(3) // GetCurrentProcessToken()
)

func (c *caller) openToken(access uint64) uint64 {
	c.t.Helper()
	cell := c.cell(0)
	c.must("NtOpenProcessToken", self, access, cell)
	return c.u64(cell)
}

// queryToken returns a class's answer with the buffer's address taken out of pointers, which are the first n values of 8 bytes at
// multiples of 16.
func (c *caller) queryToken(token, class uint64) []byte {
	c.t.Helper()
	need := c.cell(0)
	require.Equal(c.t, ntdef.STATUS_BUFFER_TOO_SMALL.String(), c.call("NtQueryInformationToken", token, class, 0, 0, need).String())
	n := uint64(c.u32(need))
	buffer := c.room(n)
	c.must("NtQueryInformationToken", token, class, buffer, n, need)
	return c.get(buffer, n)
}

// sidAt reads the SID at an address.
func (c *caller) sidAt(va uint64) []byte { return c.get(va, 8+4*uint64(c.get(va+1, 1)[0])) }

func TestWhoTheTokenIs(t *testing.T) {
	c := newCallerOf(t, nt.Config{Privileges: []nt.Privilege{nt.SeDebugPrivilege}})
	token := c.openToken(0x18)
	user := c.queryToken(token, 1)
	require.Equal(t, user[16:], c.sidAt(binary.LittleEndian.Uint64(user)), "the SID lies behind the pointer to it")
	require.Equal(t, "010500000000000515000000", hex.EncodeToString(user[16:28]))
	require.Zero(t, binary.LittleEndian.Uint32(user[8:]))
	require.Equal(t, user[16:], c.queryToken(token, 4)[8:], "the user owns what he makes")
	require.Equal(t, user[8:], c.queryToken(ownToken, 1)[8:])

	groups := c.queryToken(token, 2)
	n := int(binary.LittleEndian.Uint32(groups))
	require.Greater(t, n, 8)
	seen := map[string]uint32{}
	for i := range n {
		e := groups[8+16*i:]
		seen[hex.EncodeToString(c.sidAt(binary.LittleEndian.Uint64(e)))] = binary.LittleEndian.Uint32(e[8:])
	}
	require.EqualValues(t, 7, seen["010100000000000100000000"], "everyone")
	require.EqualValues(t, 0x60, seen["010100000000001000200000"], "the medium integrity level")
	require.NotContains(t, seen, "01020000000000052000000020020000", "not an administrator")

	require.Equal(t, "05000000"+"140000000000000000000000"+"170000000000000003000000"+"190000000000000000000000"+
		"210000000000000000000000"+"220000000000000000000000", hex.EncodeToString(c.queryToken(token, 3)))
	for class, want := range map[uint64]string{
		8: "01000000", 12: "01000000", 18: "01000000", 20: "00000000", 26: "00000000", 29: "00000000", 17: "e703000000000000",
		11: "0000000000000000", 31: "0000000000000000",
	} {
		require.Equal(t, want, hex.EncodeToString(c.queryToken(token, class)), class)
	}
	statistics := c.queryToken(token, 10)
	require.Len(t, statistics, 56)
	require.EqualValues(t, n, binary.LittleEndian.Uint32(statistics[40:]))
	require.Len(t, c.queryToken(token, 7), 16)
	require.Equal(t, ntdef.STATUS_INVALID_INFO_CLASS, c.call("NtQueryInformationToken", token, 9, 0, 0, c.cell(0)), "a primary token has no level")
	require.Equal(t, ntdef.STATUS_NO_SUCH_LOGON_SESSION, c.call("NtQueryInformationToken", token, 19, 0, 0, c.cell(0)))
	require.Equal(t, ntdef.STATUS_INVALID_INFO_CLASS, c.call("NtQueryInformationToken", token, 99, 0, 0, c.cell(0)))
}

func TestRightsOfTokens(t *testing.T) {
	c := newCaller(t)
	duplicate := c.openToken(2)
	need := c.cell(0)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtQueryInformationToken", duplicate, 1, 0, 0, need))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtQueryInformationToken", c.openToken(8), 7, 0, 0, need))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtAdjustPrivilegesToken", duplicate, 1, 0, 0, 0, 0))
	require.Equal(t, ntdef.STATUS_INVALID_HANDLE, c.call("NtQueryInformationToken", 0, 1, 0, 0, need))
	require.Equal(t, ntdef.STATUS_OBJECT_TYPE_MISMATCH, c.call("NtQueryInformationToken", uint64(c.p.StandardHandle(1)), 1, 0, 0, need))
	require.Equal(t, ntdef.STATUS_INVALID_HANDLE, c.call("NtOpenProcessToken", 0, 8, need))
	require.Equal(t, ntdef.STATUS_ACCESS_VIOLATION, c.call("NtOpenProcessToken", self, 8, 0))
	require.Equal(t, ntdef.STATUS_NO_TOKEN, c.call("NtOpenThreadToken", thisThread, 8, 0, need))
	require.Equal(t, ntdef.STATUS_NO_TOKEN, c.call("NtQueryInformationToken", ownToken-1, 1, 0, 0, need))
}

func TestDuplicatedTokens(t *testing.T) {
	c := newCaller(t)
	token := c.openToken(0xf01ff)
	cell := c.cell(0)
	qos := c.bytes([]byte{12, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}) // SecurityImpersonation
	attributes := make([]byte, 48)
	attributes[0] = 48
	binary.LittleEndian.PutUint64(attributes[0x28:], qos)
	c.must("NtDuplicateToken", token, 0xf, c.bytes(attributes), 0, 2, cell)
	impersonation := c.u64(cell)
	require.Equal(t, "02000000", hex.EncodeToString(c.queryToken(impersonation, 8)))
	require.Equal(t, "02000000", hex.EncodeToString(c.queryToken(impersonation, 9)))
	require.NotEqual(t, c.queryToken(token, 10)[:8], c.queryToken(impersonation, 10)[:8], "a token of its own")
	c.must("NtDuplicateToken", impersonation, 0, 0, 0, 1, cell)
	require.NoError(t, c.p.Thread().Store32(qos+4, 3))
	require.Equal(t, ntdef.STATUS_BAD_IMPERSONATION_LEVEL, c.call("NtDuplicateToken", impersonation, 0, c.bytes(attributes), 0, 2, cell))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtDuplicateToken", token, 0, 0, 0, 3, cell))

	// A thread that impersonates has a token.
	require.Equal(t, ntdef.STATUS_BAD_TOKEN_TYPE, c.call("NtSetInformationThread", thisThread, 5, c.cell(token), 8))
	c.must("NtSetInformationThread", thisThread, 5, c.cell(impersonation), 8)
	c.must("NtOpenThreadTokenEx", thisThread, 8, 0, 0, cell)
	require.Equal(t, c.queryToken(impersonation, 10), c.queryToken(c.u64(cell), 10))
	c.must("NtSetInformationThread", thisThread, 5, c.cell(0), 8)
	require.Equal(t, ntdef.STATUS_NO_TOKEN, c.call("NtOpenThreadToken", thisThread, 8, 0, cell))
}

func TestPrivilegesAndGroups(t *testing.T) {
	c := newCallerOf(t, nt.Config{Privileges: []nt.Privilege{nt.SeDebugPrivilege}})
	token := c.openToken(0xf01ff)
	check := func(all uint32, privileges ...uint64) bool {
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(privileges)))
		b = binary.LittleEndian.AppendUint32(b, all)
		for _, p := range privileges {
			b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(b, p), 0)
		}
		result := c.cell(0)
		c.must("NtPrivilegeCheck", token, c.bytes(b), result)
		return c.u64(result) != 0
	}
	require.True(t, check(1, 23))
	require.False(t, check(1, 23, 20))
	require.True(t, check(0, 23, 20))
	require.False(t, check(1, 1<<40))
	enable := c.bytes([]byte{1, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0})
	previous, need := c.room(16), c.cell(0)
	before := c.queryToken(token, 10)[48:]
	c.must("NtAdjustPrivilegesToken", token, 0, enable, 16, previous, need)
	require.NotEqual(t, before, c.queryToken(token, 10)[48:], "the token was modified")
	require.Equal(t, "01000000"+"1400000000000000"+"00000000", hex.EncodeToString(c.get(previous, 16)))
	require.True(t, check(1, 23, 20))

	everyone := c.bytes([]byte{1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0})
	groups := make([]byte, 24)
	groups[0] = 1
	binary.LittleEndian.PutUint64(groups[8:], everyone)
	require.Equal(t, ntdef.STATUS_CANT_DISABLE_MANDATORY, c.call("NtAdjustGroupsToken", token, 0, c.bytes(groups), 24, 0, 0))
	require.NoError(t, c.p.Thread().Write(everyone, []byte{1, 1, 0, 0, 0, 0, 0, 9}))
	require.Equal(t, ntdef.STATUS_NOT_ALL_ASSIGNED, c.call("NtAdjustGroupsToken", token, 0, c.bytes(groups), 24, 0, 0))
	c.must("NtAdjustGroupsToken", token, 1, 0, 0, 0, 0)

	// What new objects get can be set; somebody else cannot own them.
	require.Equal(t, ntdef.STATUS_INVALID_OWNER, c.call("NtSetInformationToken", token, 4, c.cell(everyone), 8))
	require.Equal(t, ntdef.STATUS_INVALID_PRIMARY_GROUP, c.call("NtSetInformationToken", token, 5, c.cell(everyone), 8))
	require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, c.call("NtSetInformationToken", token, 12, c.cell(1), 4))
	c.must("NtSetInformationToken", token, 6, c.cell(c.bytes([]byte{2, 0, 8, 0, 0, 0, 0, 0})), 8)
	require.Equal(t, "0200080000000000", hex.EncodeToString(c.queryToken(token, 6)[8:]))
	require.Equal(t, ntdef.STATUS_INVALID_ACL, c.call("NtSetInformationToken", token, 6, c.cell(c.bytes([]byte{2, 0, 8, 0, 1, 0, 0, 0})), 8))

	luid := c.cell(0)
	c.must("NtAllocateLocallyUniqueId", luid)
	first := c.u64(luid)
	c.must("NtAllocateLocallyUniqueId", luid)
	require.Equal(t, first+1, c.u64(luid))
}
