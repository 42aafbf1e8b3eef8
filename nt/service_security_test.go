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
	require.Equal(t, ntdef.STATUS_INVALID_SECURITY_DESCR, c.call("NtAccessCheck", c.bytes(append([]byte{1}, make([]byte, 39)...)), client, 1, mapping, privileges, length, granted, status))
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

// secured returns the address of an OBJECT_ATTRIBUTES with a descriptor; "" is no name.
func (c *caller) secured(name string, attributes uint64, d []byte) uint64 {
	b := make([]byte, 48)
	le := binary.LittleEndian
	le.PutUint32(b, 48)
	if name != "" {
		le.PutUint64(b[16:], c.ustr(name))
	}
	le.PutUint64(b[24:], attributes)
	if d != nil {
		le.PutUint64(b[32:], c.bytes(d))
	}
	return c.bytes(b)
}

// security returns parts of an object's descriptor.
func (c *caller) security(handle, parts uint64) []byte {
	c.t.Helper()
	need, buffer := c.cell(0), c.room(512)
	c.must("NtQuerySecurityObject", handle, parts, buffer, 512, need)
	return c.get(buffer, uint64(c.u32(need)))
}

const (
	eventAll = 0x1f0003
	openIf   = 0x80
)

func TestObjectsAreMadeWithTheirDescriptor(t *testing.T) {
	c := newCaller(t)
	user := c.queryToken(c.openToken(8), 1)[16:]
	cell := c.cell(0)
	base := `\Sessions\1\BaseNamedObjects\`
	given := descriptor(user, ace(0, 0x80000000, everyone)) // GENERIC_READ
	c.must("NtCreateEvent", cell, eventAll, c.secured(base+"given", 0, given), 0, 0)
	made := c.u64(cell)
	got := c.security(made, 7)
	require.Equal(t, descriptor(user, ace(0, 0x20001, everyone)), got, "as it was given, the generic right spelled out")

	// Who opens it by its name gets what it grants, also where the name is that of something to be made.
	for _, open := range []func(access uint64) ntdef.Status{
		func(access uint64) ntdef.Status {
			return c.call("NtOpenEvent", cell, access, c.secured(base+"given", 0, nil))
		},
		func(access uint64) ntdef.Status {
			return c.call("NtCreateEvent", cell, access, c.secured(base+"given", openIf, nil), 0, 0)
		},
		func(access uint64) ntdef.Status {
			return c.call("NtDuplicateObject", self, made, self, cell, access, 0, 0)
		},
	} {
		require.True(t, open(1).IsSuccess())
	}
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtOpenEvent", cell, eventAll, c.secured(base+"given", 0, nil)))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtCreateEvent", cell, eventAll, c.secured(base+"given", openIf, nil), 0, 0))
	c.must("NtOpenEvent", cell, 1, c.secured(base+"given", 0, nil))
	weak := c.u64(cell)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtDuplicateObject", self, weak, self, cell, eventAll, 0, 0), "more than the handle has")
	c.must("NtDuplicateObject", self, made, self, cell, eventAll, 0, 0)

	// What a descriptor does not say is the token's.
	c.must("NtCreateEvent", cell, eventAll, c.secured(base+"default", 0, nil), 0, 0)
	got = c.security(c.u64(cell), 7)
	require.Equal(t, user, got[20:20+len(user)], "the owner")
	acl := got[binary.LittleEndian.Uint32(got[16:]):]
	require.EqualValues(t, 3, acl[4], "the user, the system, the logon session")
	require.EqualValues(t, eventAll, binary.LittleEndian.Uint32(acl[12:]))

	// Without a name and a descriptor there is none.
	c.must("NtCreateEvent", cell, eventAll, 0, 0, 0)
	nameless := c.u64(cell)
	require.Equal(t, "0100008000000000000000000000000000000000", hex.EncodeToString(c.security(nameless, 7)))
	require.Equal(t, ntdef.STATUS_NO_SECURITY_ON_OBJECT, c.call("NtSetSecurityObject", nameless, 4, c.bytes(given)))
	c.must("NtCreateEvent", cell, eventAll, c.secured("", 0, given), 0, 0)
	require.Equal(t, descriptor(user, ace(0, 0x20001, everyone)), c.security(c.u64(cell), 7))
}

func TestDescriptorsThatAreNone(t *testing.T) {
	c := newCaller(t)
	user := c.queryToken(c.openToken(8), 1)[16:]
	cell := c.cell(0)
	change := func(at int, v byte) []byte {
		d := descriptor(user, ace(0, 1, everyone))
		d[at] = v
		return d
	}
	absolute := make([]byte, 40)
	absolute[0] = 1
	binary.LittleEndian.PutUint64(absolute[8:], 0x10)
	for _, row := range []struct {
		d  []byte
		st ntdef.Status
	}{
		{descriptor(user), ntdef.STATUS_SUCCESS},
		{change(0, 2), ntdef.STATUS_UNKNOWN_REVISION},
		{change(20, 2), ntdef.STATUS_INVALID_SID},
		{change(21, 16), ntdef.STATUS_INVALID_SID},
		{change(20+len(user)+len(everyone)+4, 2), ntdef.STATUS_INVALID_ACL},
		{change(20+len(user)+len(everyone), 9), ntdef.STATUS_INVALID_ACL},
		{descriptor(nobody), ntdef.STATUS_INVALID_OWNER},
		{absolute, ntdef.STATUS_ACCESS_VIOLATION},
	} {
		require.Equal(t, row.st.String(), c.call("NtCreateMutant", cell, 0x1f0001, c.secured("", 0, row.d), 0).String())
		require.Equal(t, row.st.String(), c.call("NtCreateSemaphore", cell, 0x1f0003, c.secured("", 0, row.d), 0, 1).String())
	}
	at := c.secured("", 0, descriptor(user))
	require.NoError(t, c.p.Thread().Store64(at+32, c.u64(at+32)+2))
	require.Equal(t, ntdef.STATUS_DATATYPE_MISALIGNMENT, c.call("NtCreateMutant", cell, 0x1f0001, at, 0))

	// A system ACL: labels may be had, what is to be audited needs a privilege.
	labelled := func(kind byte, sid ...byte) []byte {
		d := append(descriptor(user), 2, 0, byte(16+len(sid)), 0, 1, 0, 0, 0, kind, 0, byte(8+len(sid)), 0, 1, 0, 0, 0)
		binary.LittleEndian.PutUint32(d[12:], uint32(len(d)-16))
		d[2] |= 0x10
		return append(d, sid...)
	}
	low := []byte{1, 1, 0, 0, 0, 0, 0, 16, 0, 0x10, 0, 0}
	c.must("NtCreateMutant", cell, 0x1f0001, c.secured("", 0, labelled(0x11, low...)), 0)
	require.Equal(t, low, c.security(c.u64(cell), 0x10)[20+16:])
	high := []byte{1, 1, 0, 0, 0, 0, 0, 16, 0, 0x30, 0, 0}
	require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, c.call("NtCreateMutant", cell, 0x1f0001, c.secured("", 0, labelled(0x11, high...)), 0))
	require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, c.call("NtCreateMutant", cell, 0x1f0001, c.secured("", 0, labelled(2, everyone...)), 0))
	require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, c.call("NtCreateMutant", cell, 0x01000000, 0, 0))
}

// Keys, files, folders, pipes, threads and tokens have theirs like any other object.
func TestWhatElseHasADescriptor(t *testing.T) {
	c := newCaller(t)
	user := c.queryToken(c.openToken(8), 1)[16:]
	cell, status := c.cell(0), c.room(16)
	only := func(access uint32) []byte { return descriptor(user, ace(0, access, everyone)) }

	c.must("NtCreateKey", cell, keyAll, c.secured(testKey, 0, only(nt.KEY_READ)), 0, 0, 0, 0)
	key := c.u64(cell)
	require.Equal(t, only(nt.KEY_READ), c.security(key, 7))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtOpenKey", cell, keyAll, c.secured(testKey, 0, nil)))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtCreateKey", cell, keyAll, c.secured(testKey+`\below`, 0, nil), 0, 0, 0, 0), "nothing is made in it")

	const read, write, remove, readAndWrite = 1, 2, 0x10000, 0xc0000000
	create := func(name string, access, disposition, options uint64, d []byte) (uint64, ntdef.Status) {
		st := c.call("NtCreateFile", cell, access, c.secured(`\??\C:\Temp\`+name, 0, d), status, 0, 0, 7, disposition, options, 0, 0)
		return c.u64(cell), st
	}
	file, st := create("guarded.txt", readAndWrite, 2, 0, only(ntdef.FILE_GENERIC_READ))
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, only(ntdef.FILE_GENERIC_READ), c.security(file, 7))
	_, st = create("guarded.txt", write, 1, 0, nil)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, st)
	_, st = create("guarded.txt", uint64(ntdef.FILE_GENERIC_READ), 5, 0, nil)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, st, "overwriting it is writing")
	most, st := create("guarded.txt", 0x02000000, 1, 0, nil)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtWriteFile", most, 0, 0, 0, status, c.bytes([]byte("x")), 1, c.cell(0), 0))
	_, st = create("guarded.txt", remove, 1, 0, nil)
	require.Equal(t, ntdef.STATUS_SUCCESS, st, "its folder lets go what is in it")
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtDuplicateObject", self, c.u64(cell), self, cell, read, 0, 0), "a file gets no more by duplication")

	// What is made in a folder inherits.
	inherit := only(0x10000000)
	inherit[len(inherit)-19] = 3 // objects and containers
	_, st = create("shelf", readAndWrite, 2, 1, inherit)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	file, st = create(`shelf\book`, readAndWrite, 2, 0, nil)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, "00101400ff011f00"+hex.EncodeToString(everyone), hex.EncodeToString(c.security(file, 4)[28:]))
	_, st = create("closed", readAndWrite, 2, 1, only(1))
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	_, st = create(`closed\book`, readAndWrite, 2, 0, nil)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, st)

	pipe := func(access uint64, d []byte) ntdef.Status {
		return c.call("NtCreateNamedPipeFile", cell, access, c.secured(`\??\pipe\guarded`, 0, d), status, 3, 3, 0, 0, 0, 0, 4, 64, 64, c.cell(^uint64(9)))
	}
	require.Equal(t, ntdef.STATUS_SUCCESS, pipe(readAndWrite, only(ntdef.FILE_GENERIC_READ)))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, pipe(readAndWrite, nil), "another instance")
	open := func(access uint64) ntdef.Status {
		return c.call("NtOpenFile", cell, access, c.secured(`\??\pipe\guarded`, 0, nil), status, 7, 0)
	}
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, open(readAndWrite))
	require.Equal(t, ntdef.STATUS_SUCCESS, open(uint64(ntdef.FILE_READ_DATA)))

	c.must("NtCreateThreadEx", cell, 0x1fffff, c.secured("", 0, only(0x40)), self, 0x1000, 0, 1, 0, 0, 0, 0)
	require.Equal(t, only(0x40), c.security(c.u64(cell), 7))
}

// Processes and threads are opened by their identifiers, and refused by their descriptors like anything else; a debugger may open them all.
func TestProcessesAndThreadsAreRefusedByTheirDescriptor(t *testing.T) {
	c := newCallerOf(t, nt.Config{Privileges: []nt.Privilege{nt.SeDebugPrivilege}})
	user := c.queryToken(c.openToken(8), 1)[16:]
	cell := c.cell(0)
	id := c.bytes(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, c.p.ID()), c.p.Thread().ID()))
	onlyQuery := c.bytes(descriptor(user, ace(0, 0x1000, everyone)))
	for _, service := range []struct {
		open   string
		handle uint64
		all    uint64
	}{{"NtOpenProcess", self, 0x1fffff}, {"NtOpenThread", thisThread, 0x1fffff}} {
		open := func(access uint64) ntdef.Status { return c.call(service.open, cell, access, c.secured("", 0, nil), id) }
		require.Equal(t, ntdef.STATUS_SUCCESS, open(service.all), "%s: the user's own", service.open)
		c.must("NtSetSecurityObject", service.handle, 4, onlyQuery)
		require.Equal(t, ntdef.STATUS_ACCESS_DENIED, open(service.all))
		require.Equal(t, ntdef.STATUS_ACCESS_DENIED, open(1))
		require.Equal(t, ntdef.STATUS_SUCCESS, open(0x02000000), "as much as there is")
		most := c.u64(cell)
		require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtDuplicateObject", self, most, self, cell, 1, 0, 0))
		c.must("NtClose", most)
		require.Equal(t, ntdef.STATUS_ACCESS_DENIED, open(1), "its descriptor stays when there is no handle")
	}
	next := func() ntdef.Status { return c.call("NtGetNextProcess", 0, 1, 0, 0, cell) }
	require.Equal(t, ntdef.STATUS_NO_MORE_ENTRIES, next(), "one that may not be opened is not there")
	require.Equal(t, ntdef.STATUS_NO_MORE_ENTRIES, c.call("NtGetNextThread", self, 0, 1, 0, 0, cell))

	enable := c.bytes([]byte{1, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0})
	c.must("NtAdjustPrivilegesToken", c.openToken(0x20), 0, enable, 16, 0, 0)
	c.must("NtOpenProcess", cell, 0x1fffff, c.secured("", 0, nil), id)
	c.must("NtOpenThread", cell, 0x1fffff, c.secured("", 0, nil), id)
	require.Equal(t, ntdef.STATUS_SUCCESS, next())
}

// impersonate has the caller's thread act with a copy of its process's token at a level; impersonateToken with one of another.
func (c *caller) impersonate(level byte) { c.impersonateToken(c.openToken(2), level) }

func (c *caller) impersonateToken(token uint64, level byte) {
	cell := c.cell(0)
	attributes := make([]byte, 48)
	attributes[0] = 48
	binary.LittleEndian.PutUint64(attributes[0x28:], c.bytes([]byte{12, 0, 0, 0, level, 0, 0, 0, 0, 0, 0, 0}))
	c.must("NtDuplicateToken", token, 0xf01ff, c.bytes(attributes), 0, 2, cell)
	c.must("NtSetInformationThread", thisThread, 5, cell, 8)
}

// A thread is judged by the token that it impersonates: one that only identifies opens nothing.
func TestThreadsAreJudgedByTheirToken(t *testing.T) {
	c := newCallerOf(t, nt.Config{Privileges: []nt.Privilege{nt.SeDebugPrivilege}})
	cell := c.cell(0)
	event := c.secured(`\Sessions\1\BaseNamedObjects\seen`, openIf, nil)
	c.must("NtCreateEvent", cell, eventAll, event, 0, 0)
	id := c.bytes(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, c.p.ID()), 0))
	enable := c.bytes([]byte{1, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0})
	opens := map[string]func() ntdef.Status{
		"an event":                 func() ntdef.Status { return c.call("NtOpenEvent", cell, 1, event) },
		"an event that is created": func() ntdef.Status { return c.call("NtCreateEvent", cell, 1, event, 0, 0) },
		"a new event": func() ntdef.Status {
			return c.call("NtCreateEvent", cell, 1, c.secured(`\Sessions\1\BaseNamedObjects\new`, openIf, nil), 0, 0)
		},
		"a process": func() ntdef.Status { return c.call("NtOpenProcess", cell, 0x1000, c.secured("", 0, nil), id) },
		"a key": func() ntdef.Status {
			return c.call("NtOpenKey", cell, uint64(nt.KEY_READ), c.secured(`\Registry\Machine`, 0, nil))
		},
		"a file": func() ntdef.Status {
			return c.call("NtOpenFile", cell, 1, c.secured(`\??\C:\Temp`, 0, nil), c.room(16), 7, 0)
		},
	}
	c.impersonate(1)
	for what, open := range opens {
		require.Equal(t, ntdef.STATUS_BAD_IMPERSONATION_LEVEL, open(), what)
	}
	c.must("NtCreateEvent", cell, eventAll, 0, 0, 0) // without a name nothing is looked at
	require.Equal(t, ntdef.STATUS_BAD_IMPERSONATION_LEVEL, c.call("NtOpenThreadToken", thisThread, 8, 0, cell))
	c.must("NtOpenThreadToken", thisThread, 8, 1, cell) // as the process
	c.must("NtSetInformationThread", thisThread, 5, c.cell(0), 8)

	c.impersonate(2)
	for what, open := range opens {
		require.True(t, open().IsSuccess(), what)
	}
	// A privilege of the thread's token is not the process's, and the other way round.
	c.must("NtOpenThreadToken", thisThread, 0x28, 0, cell)
	c.must("NtAdjustPrivilegesToken", c.u64(cell), 0, enable, 16, 0, 0)
	require.True(t, c.p.Holds(nt.SeDebugPrivilege))
	c.must("NtSetInformationThread", thisThread, 5, c.cell(0), 8)
	require.False(t, c.p.Holds(nt.SeDebugPrivilege))
}

// SECURITY_ATTRIBUTES of kernel32 are the same descriptors; what is wrong with one is found where an object is made.
func TestSecurityAttributes(t *testing.T) {
	c := newCaller(t)
	user := c.queryToken(c.openToken(8), 1)[16:]
	attributes := func(d uint64) nt.SecurityAttributes {
		b := binary.LittleEndian.AppendUint64([]byte{24, 0, 0, 0, 0, 0, 0, 0}, d)
		a, err := c.p.Thread().SecurityAttributes(c.bytes(append(b, 1, 0, 0, 0)))
		require.NoError(t, err)
		return a
	}
	d := descriptor(user, ace(0, 1, everyone))
	h, st := c.p.CreateEvent(&nt.ObjectRequest{Name: "mine", SecurityAttributes: attributes(c.bytes(d))}, true, false)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, d, c.security(uint64(h), 7))
	inherit, _, _ := c.p.HandleFlags(h)
	require.True(t, inherit)
	_, st = c.p.CreateEvent(&nt.ObjectRequest{Name: "mine"}, true, false)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, st, "all rights to the one that is there")
	_, st = c.p.CreateEvent(&nt.ObjectRequest{SecurityAttributes: attributes(0x10)}, true, false)
	require.Equal(t, ntdef.STATUS_ACCESS_VIOLATION, st)
	_, _, st = c.p.CreateFile(&nt.OpenRequest{
		Path: `C:\Temp\file`, Access: ntdef.GENERIC_READ, Disposition: ntdef.FILE_OPEN, SecurityAttributes: attributes(c.bytes(make([]byte, 40))),
	})
	require.Equal(t, ntdef.STATUS_UNKNOWN_REVISION, st)
}

// tokenGroups returns the address of TOKEN_GROUPS without attributes.
func (c *caller) tokenGroups(sids ...[]byte) uint64 {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(sids)))
	for _, s := range sids {
		b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, c.bytes(s)), 0)
	}
	return c.bytes(b)
}

// A token that was filtered may do less: what another token made refuses it.
func TestRestrictedTokens(t *testing.T) {
	c := newCallerOf(t, nt.Config{Privileges: []nt.Privilege{nt.SeDebugPrivilege}})
	token := c.openToken(0xf01ff)
	user := c.queryToken(token, 1)[16:]
	users := []byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 33, 2, 0, 0}
	cell := c.cell(0)
	names := map[string]string{}
	for who, sid := range map[string][]byte{"the group": users, "everybody": everyone, "the user": user} {
		names[who] = `\Sessions\1\BaseNamedObjects\for ` + who
		c.must("NtCreateEvent", cell, eventAll, c.secured(names[who], 0, descriptor(user, ace(0, 3, sid))), 0, 0)
	}
	filter := func(flags uint64, disable, privileges, restrict uint64) uint64 {
		c.must("NtFilterToken", token, flags, disable, privileges, restrict, cell)
		return c.u64(cell)
	}
	opens := func(who string, access uint64) bool {
		st := c.call("NtOpenEvent", cell, access, c.secured(names[who], 0, nil))
		require.Contains(t, []ntdef.Status{ntdef.STATUS_SUCCESS, ntdef.STATUS_ACCESS_DENIED}, st)
		return st == ntdef.STATUS_SUCCESS
	}
	const read, write, readControl = 1, 2, 0x20000
	for _, row := range []struct {
		what  string
		token uint64
		opens map[string]uint64 // the most that may be opened of read, write and READ_CONTROL
	}{
		{"all", token, map[string]uint64{"the group": 0x20003, "everybody": 0x20003, "the user": 0x20003}},
		{"without the group", filter(0, c.tokenGroups(users), 0, 0), map[string]uint64{"the group": 0x20000, "everybody": 0x20003, "the user": 0x20003}},
		{"without the user", filter(0, c.tokenGroups(user), 0, 0), map[string]uint64{"the group": 3, "everybody": 3, "the user": 0}},
		{"restricted to everybody", filter(0, 0, 0, c.tokenGroups(everyone)), map[string]uint64{"the group": 0, "everybody": 3, "the user": 0}},
		{"which writes as everybody", filter(8, 0, 0, c.tokenGroups(everyone)), map[string]uint64{"the group": 0x20001, "everybody": 0x20003, "the user": 0x20001}},
	} {
		c.impersonateToken(row.token, 2)
		for who, most := range row.opens {
			for _, right := range []uint64{read, write, readControl} {
				require.Equal(t, most&right != 0, opens(who, right), "%s: %#x of what is for %s", row.what, right, who)
			}
		}
		c.must("NtSetInformationThread", thisThread, 5, c.cell(0), 8)
	}

	restricted := filter(3, 0, 0, c.tokenGroups(everyone))
	require.Equal(t, "01000000", hex.EncodeToString(c.queryToken(restricted, 40)))
	require.Equal(t, "01000000", hex.EncodeToString(c.queryToken(restricted, 21)))
	require.Equal(t, "01000000", hex.EncodeToString(c.queryToken(restricted, 15)))
	require.EqualValues(t, 1, c.queryToken(restricted, 3)[0], "of its privileges SeChangeNotifyPrivilege is left")
	require.Equal(t, everyone, c.queryToken(restricted, 11)[24:])
	require.EqualValues(t, 0x10, c.queryToken(filter(0, c.tokenGroups(user), 0, 0), 1)[8], "for deny only")
	debug := c.bytes([]byte{1, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	require.Equal(t, c.queryToken(token, 3)[0]-1, c.queryToken(filter(0, 0, debug, 0), 3)[0])
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtFilterToken", token, 16, 0, 0, 0, cell))
	require.Equal(t, ntdef.STATUS_NOT_SUPPORTED, c.call("NtFilterToken", token, 4, 0, 0, 0, cell))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtFilterToken", c.openToken(8), 0, 0, 0, 0, cell))
}
