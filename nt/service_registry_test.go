package nt_test

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

const (
	keyAll     = uint64(nt.KEY_ALL_ACCESS)
	testKey    = `\Registry\Machine\Software\Test`
	createLink = uint64(nt.REG_OPTION_CREATE_LINK)
)

// open and create return a key's handle and the status.
func (c *caller) open(root uint64, name string, access uint64) (uint64, ntdef.Status) {
	cell := c.cell(0xdead)
	st := c.call("NtOpenKey", cell, access, c.attributes(root, name))
	return c.u64(cell), st
}

func (c *caller) create(root uint64, name string, access, options uint64) (uint64, ntdef.Status) {
	cell := c.cell(0xdead)
	st := c.call("NtCreateKey", cell, access, c.attributes(root, name), 0, 0, options, c.cell(0))
	return c.u64(cell), st
}

func (c *caller) mustCreate(root uint64, name string) uint64 {
	c.t.Helper()
	h, st := c.create(root, name, keyAll, 0)
	require.Equal(c.t, ntdef.STATUS_SUCCESS.String(), st.String(), name)
	return h
}

// set sets a value.
func (c *caller) set(key uint64, name string, typ uint32, data []byte) ntdef.Status {
	return c.call("NtSetValueKey", key, c.ustr(name), 0, uint64(typ), c.bytes(data), uint64(len(data)))
}

// queryValue returns what NtQueryValueKey stores in a buffer of a length, and the length that it needs.
func (c *caller) queryValue(key uint64, name string, class, length uint64) ([]byte, uint32, ntdef.Status) {
	buffer, result := c.room(length+16), c.cell(0)
	st := c.call("NtQueryValueKey", key, c.ustr(name), class, buffer, length, result)
	return c.get(buffer, length), c.u32(result), st
}

// text returns a REG_SZ value.
func (c *caller) text(path, name string) string {
	c.t.Helper()
	h, st := c.open(0, path, uint64(nt.KEY_READ))
	require.Equal(c.t, ntdef.STATUS_SUCCESS.String(), st.String(), path)
	v, st := c.p.QueryValue(ntdef.Handle(h), name)
	require.Equal(c.t, ntdef.STATUS_SUCCESS.String(), st.String(), "%s\\%s", path, name)
	require.Equal(c.t, ntdef.STATUS_SUCCESS, c.p.CloseHandle(ntdef.Handle(h)))
	var units []uint16
	for i := 0; i+1 < len(v.Data); i += 2 {
		units = append(units, binary.LittleEndian.Uint16(v.Data[i:]))
	}
	return strings.TrimRight(nt.DecodeWTF16(units), "\x00")
}

// What the syntax of a path gives, and the rules for what is made. Source: public conformance tests.
func TestKeyPaths(t *testing.T) {
	c := newCaller(t)
	for name, want := range map[string]ntdef.Status{
		``:                           ntdef.STATUS_OBJECT_PATH_SYNTAX_BAD,
		`\`:                          ntdef.STATUS_OBJECT_TYPE_MISMATCH,
		`\\\`:                        ntdef.STATUS_OBJECT_NAME_INVALID,
		`\Registry`:                  ntdef.STATUS_SUCCESS,
		`\Registry\\`:                ntdef.STATUS_SUCCESS,
		`\registry\machine\SOFTWARE`: ntdef.STATUS_SUCCESS,
		`\Foobar`:                    ntdef.STATUS_OBJECT_NAME_NOT_FOUND,
		`\Foobar\Machine`:            ntdef.STATUS_OBJECT_PATH_NOT_FOUND,
		`\Machine\Software\Classes`:  ntdef.STATUS_OBJECT_PATH_NOT_FOUND,
		`Machine\Software\Classes`:   ntdef.STATUS_OBJECT_PATH_SYNTAX_BAD,
		`\Registry\Machine\None`:     ntdef.STATUS_OBJECT_NAME_NOT_FOUND,
	} {
		h, st := c.open(0, name, uint64(nt.KEY_READ))
		require.Equal(t, want.String(), st.String(), name)
		require.Equal(t, st == ntdef.STATUS_SUCCESS, h != 0, "a key that is not opened gives handle 0")
	}
	root := c.mustCreate(0, testKey)
	c.mustCreate(root, "one")
	for name, want := range map[string]ntdef.Status{
		`test\sub\key`:           ntdef.STATUS_OBJECT_NAME_NOT_FOUND,
		`test\\subkey`:           ntdef.STATUS_OBJECT_NAME_NOT_FOUND,
		`\test`:                  ntdef.STATUS_OBJECT_PATH_SYNTAX_BAD,
		`one\`:                   ntdef.STATUS_SUCCESS,
		`one\\two\\`:             ntdef.STATUS_SUCCESS,
		``:                       ntdef.STATUS_SUCCESS, // the key itself
		strings.Repeat("n", 257): ntdef.STATUS_INVALID_PARAMETER,
	} {
		_, st := c.create(root, name, keyAll, 0)
		require.Equal(t, want.String(), st.String(), name)
	}
	_, st := c.create(0, `\Registry\Machine\Hive`, keyAll, 0)
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, st, "no hive holds it")
	volatile, st := c.create(root, "volatile", keyAll, uint64(nt.REG_OPTION_VOLATILE))
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	_, st = c.create(volatile, "kept", keyAll, 0)
	require.Equal(t, ntdef.STATUS_CHILD_MUST_BE_VOLATILE, st)
	_, st = c.create(root, "x", keyAll, 0x80)
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, st)

	// Names have no case, but for letters outside of the first plane.
	c.mustCreate(root, "öóō\u0371𐐀")
	_, st = c.open(root, "ÖÓŌ\u0370𐐀", keyAll)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	_, st = c.open(root, "ÖÓŌ\u0370𐐨", keyAll)
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, st)

	attributes := c.attributes(0, testKey)
	require.NoError(t, c.p.Thread().Store32(attributes, 96))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtOpenKey", c.cell(0), keyAll, attributes))
	require.Equal(t, ntdef.STATUS_ACCESS_VIOLATION, c.call("NtCreateKey", 0, keyAll, c.attributes(0, testKey), 0, 0, 0, 0))
	require.Equal(t, ntdef.STATUS_ACCESS_VIOLATION, c.call("NtCreateKey", c.cell(0), keyAll, 0, 0, 0, 0, 0))
}

func TestValuesByEveryClass(t *testing.T) {
	c := newCaller(t)
	root := c.mustCreate(0, testKey)
	require.Equal(t, ntdef.STATUS_SUCCESS, c.set(root, "deletetest", nt.REG_DWORD, []byte{0xc7, 2, 0, 0}))
	name := hex.EncodeToString(nt.EncodeUTF16("deletetest"))
	for class, row := range []struct {
		fixed uint64
		want  string
	}{
		{12, "00000000" + "04000000" + "14000000" + name},
		{20, "00000000" + "04000000" + "28000000" + "04000000" + "14000000" + name + "c7020000"},
		{12, "00000000" + "04000000" + "04000000" + "c7020000"},
		{20, "00000000" + "04000000" + "28000000" + "04000000" + "14000000" + name + "c7020000"},
		{8, "04000000" + "04000000" + "c7020000"},
	} {
		want, err := hex.DecodeString(row.want)
		require.NoError(t, err)
		n := uint64(len(want))
		b, need, st := c.queryValue(root, "DELETETEST", uint64(class), n)
		require.Equal(t, ntdef.STATUS_SUCCESS.String(), st.String(), class)
		require.Equal(t, row.want, hex.EncodeToString(b), class)
		require.EqualValues(t, n, need)
		b, need, st = c.queryValue(root, "deletetest", uint64(class), row.fixed)
		require.Equal(t, ntdef.STATUS_BUFFER_OVERFLOW, st, class)
		require.Equal(t, want[:row.fixed], b, "a part is stored")
		require.EqualValues(t, n, need)
		b, need, st = c.queryValue(root, "deletetest", uint64(class), row.fixed-1)
		require.Equal(t, ntdef.STATUS_BUFFER_TOO_SMALL, st, class)
		require.Equal(t, make([]byte, row.fixed-1), b, "nothing is stored")
		require.EqualValues(t, n, need)
	}
	_, _, st := c.queryValue(root, "deletetest", 9, 100)
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, st)
	_, _, st = c.queryValue(root, "none", 2, 100)
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, st)

	// Types are anything, data may be none, the default value has no name.
	require.Equal(t, ntdef.STATUS_SUCCESS, c.set(root, "", 0xff00ff00, nil))
	b, _, st := c.queryValue(root, "", 2, 12)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, "00000000"+"00ff00ff"+"00000000", hex.EncodeToString(b))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.set(root, strings.Repeat("a", 16384), nt.REG_SZ, nil))

	// Values come in the order of their making.
	for i, want := range []string{"deletetest", ""} {
		buffer := c.room(64)
		c.must("NtEnumerateValueKey", root, uint64(i), 0, buffer, 64, c.cell(0))
		require.Equal(t, nt.EncodeUTF16(want), c.get(buffer+12, uint64(c.u32(buffer+8))))
	}
	require.Equal(t, ntdef.STATUS_NO_MORE_ENTRIES, c.call("NtEnumerateValueKey", root, 2, 0, c.room(64), 64, c.cell(0)))

	// Several at once.
	entries := c.room(48)
	require.NoError(t, c.p.Thread().Store64(entries, c.ustr("")))
	require.NoError(t, c.p.Thread().Store64(entries+24, c.ustr("deletetest")))
	buffer, length := c.room(16), c.cell(16)
	c.must("NtQueryMultipleValueKey", root, entries, 2, buffer, length, c.cell(0))
	require.EqualValues(t, 4, c.u32(length))
	require.EqualValues(t, 0x2c7, c.u32(buffer))
	require.Equal(t, []uint32{4, 0, 4}, []uint32{c.u32(entries + 32), c.u32(entries + 36), c.u32(entries + 40)})
	require.Equal(t, ntdef.STATUS_BUFFER_OVERFLOW, c.call("NtQueryMultipleValueKey", root, entries, 2, buffer, c.cell(3), length))
	require.EqualValues(t, 4, c.u32(length))

	c.must("NtDeleteValueKey", root, c.ustr("DeleteTest"))
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, c.call("NtDeleteValueKey", root, c.ustr("deletetest")))
}

func TestKeysByEveryClass(t *testing.T) {
	c := newCaller(t)
	cell := c.cell(0)
	c.must("NtCreateKey", cell, keyAll, c.attributes(0, testKey), 0, c.ustr("Class"), 0, c.cell(0))
	root := c.u64(cell)
	sub := c.mustCreate(root, "Beta")
	c.mustCreate(root, "alpha")
	require.Equal(t, ntdef.STATUS_SUCCESS, c.set(root, "val", nt.REG_DWORD, make([]byte, 4)))
	query := func(key, class uint64) string {
		buffer, need := c.room(256), c.cell(0)
		c.must("NtQueryKey", key, class, buffer, 256, need)
		b := c.get(buffer, uint64(c.u32(need)))
		if class <= 2 || class == 4 {
			require.NotZero(t, binary.LittleEndian.Uint64(b))
			b = b[8:]
		}
		return hex.EncodeToString(b)
	}
	text := func(s string) string { return hex.EncodeToString(nt.EncodeUTF16(s)) }
	require.Equal(t, "00000000"+"08000000"+text("Test"), query(root, 0))
	require.Equal(t, "00000000"+"20000000"+"0a000000"+"08000000"+text("Test")+text("Class"), query(root, 1))
	require.Equal(t, "00000000"+"ffffffff"+"00000000"+"08000000"+text("Beta"), query(sub, 1))
	require.Equal(t, "00000000"+"2c000000"+"0a000000"+"02000000"+"0a000000"+"00000000"+"01000000"+"06000000"+"04000000"+text("Class"), query(root, 2))
	require.Equal(t, "48000000"+text(`\REGISTRY\MACHINE\SOFTWARE\Test\Beta`), query(sub, 3))
	require.Equal(t, "00000000"+"02000000"+"0a000000"+"01000000"+"06000000"+"04000000"+"08000000"+"00000000", query(root, 4))
	require.Equal(t, "000000000000000000000000", query(root, 5))

	for i, want := range []string{"alpha", "Beta"} { // by name
		buffer := c.room(64)
		c.must("NtEnumerateKey", root, uint64(i), 0, buffer, 64, c.cell(0))
		require.Equal(t, nt.EncodeUTF16(want), c.get(buffer+16, uint64(c.u32(buffer+12))))
	}
	require.Equal(t, ntdef.STATUS_NO_MORE_ENTRIES, c.call("NtEnumerateKey", root, 2, 0, c.room(64), 64, c.cell(0)))
	need := c.cell(0)
	require.Equal(t, ntdef.STATUS_BUFFER_TOO_SMALL, c.call("NtQueryKey", root, 3, 0, 0, need))
	require.Equal(t, ntdef.STATUS_BUFFER_OVERFLOW, c.call("NtQueryKey", root, 3, c.room(16), 4, need))
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtQueryKey", root, 99, c.room(16), 16, need))

	// What is set by NtSetInformationKey is seen.
	c.must("NtSetInformationKey", root, 0, c.cell(0x1234), 8)
	buffer := c.room(256)
	c.must("NtQueryKey", root, 0, buffer, 256, need)
	require.EqualValues(t, 0x1234, c.u64(buffer))
	require.Equal(t, ntdef.STATUS_INFO_LENGTH_MISMATCH, c.call("NtSetInformationKey", root, 0, c.cell(0), 4))
	require.Equal(t, ntdef.STATUS_INVALID_INFO_CLASS, c.call("NtSetInformationKey", root, 77, c.cell(0), 4))
}

func TestRightsOfKeys(t *testing.T) {
	c := newCaller(t)
	c.mustCreate(0, testKey)
	read, st := c.open(0, testKey, uint64(ntdef.GENERIC_READ))
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.set(read, "x", nt.REG_SZ, nil))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtDeleteKey", read))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtDeleteValueKey", read, c.ustr("x")))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.call("NtRenameKey", read, c.ustr("x")))
	write, st := c.open(0, testKey, uint64(nt.KEY_WRITE))
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_SUCCESS, c.set(write, "x", nt.REG_SZ, nil))
	_, _, st = c.queryValue(write, "x", 2, 100)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, st)
	require.Equal(t, ntdef.STATUS_INVALID_HANDLE, c.set(0, "x", nt.REG_SZ, nil))
	require.Equal(t, ntdef.STATUS_INVALID_HANDLE, c.call("NtFlushKey", 0))
	require.Equal(t, ntdef.STATUS_OBJECT_TYPE_MISMATCH, c.call("NtFlushKey", uint64(c.p.StandardHandle(1))))
	require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, c.call("NtLoadKey", 0, 0))
	require.Equal(t, ntdef.STATUS_PRIVILEGE_NOT_HELD, c.call("NtSaveKey", read, 0))
}

func TestDeletedKeysLiveOnInTheirHandles(t *testing.T) {
	c := newCaller(t)
	root := c.mustCreate(0, testKey)
	sub := c.mustCreate(root, "sub")
	require.Equal(t, ntdef.STATUS_CANNOT_DELETE, c.call("NtDeleteKey", root))
	c.must("NtDeleteKey", sub)
	c.must("NtDeleteKey", sub)
	require.Equal(t, ntdef.STATUS_KEY_DELETED, c.set(sub, "x", nt.REG_SZ, nil))
	_, _, st := c.queryValue(sub, "x", 0, 100)
	require.Equal(t, ntdef.STATUS_KEY_DELETED, st)
	require.Equal(t, ntdef.STATUS_KEY_DELETED, c.call("NtEnumerateKey", sub, 0, 2, c.room(64), 64, c.cell(0)))
	require.Equal(t, ntdef.STATUS_KEY_DELETED, c.call("NtQueryKey", sub, 3, c.room(64), 64, c.cell(0)))
	_, st = c.create(sub, "x", keyAll, 0)
	require.Equal(t, ntdef.STATUS_KEY_DELETED, st)
	_, st = c.open(root, "sub", keyAll)
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, st)
	hive, st := c.open(0, `\Registry\Machine\SAM`, keyAll)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_CANNOT_DELETE, c.call("NtDeleteKey", hive))

	one := c.mustCreate(root, "one")
	require.Equal(t, ntdef.STATUS_CANNOT_DELETE, c.call("NtRenameKey", one, c.ustr("one")))
	c.must("NtRenameKey", one, c.ustr("two"))
	_, st = c.open(root, "two", keyAll)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtRenameKey", one, c.ustr("")))
	require.Equal(t, ntdef.STATUS_ACCESS_VIOLATION, c.call("NtRenameKey", one, 0))
}

func TestSymbolicLinksOfKeys(t *testing.T) {
	c := newCaller(t)
	root := c.mustCreate(0, testKey)
	link, st := c.create(root, "link", keyAll, createLink)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	target := nt.EncodeUTF16(testKey + `\target`)
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.set(link, "SymbolicLinkValue", nt.REG_SZ, target))
	require.Equal(t, ntdef.STATUS_ACCESS_DENIED, c.set(link, "other", nt.REG_LINK, target))
	require.Equal(t, ntdef.STATUS_SUCCESS, c.set(link, "SymbolicLinkValue", nt.REG_LINK, target))
	_, st = c.open(root, "link", keyAll)
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, st)
	through := c.mustCreate(root, "link") // makes the target
	require.Equal(t, ntdef.STATUS_SUCCESS, c.set(through, "value", nt.REG_DWORD, []byte{1, 0, 0, 0}))
	there, st := c.open(root, "target", keyAll)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	_, _, st = c.queryValue(there, "value", 2, 100)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	_, st = c.create(root, "link", keyAll, createLink)
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_COLLISION, st)

	attributes := c.attributes(root, "link")
	require.NoError(t, c.p.Thread().Store32(attributes+24, 0x100)) // OBJ_OPENLINK
	cell := c.cell(0)
	c.must("NtOpenKeyEx", cell, keyAll, attributes, 0)
	b, n, st := c.queryValue(c.u64(cell), "SymbolicLinkValue", 2, 200)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, target, b[12:n])

	// A link to itself ends, and so does one with a terminator or of a relative path.
	require.Equal(t, ntdef.STATUS_SUCCESS, c.set(link, "SymbolicLinkValue", nt.REG_LINK, nt.EncodeUTF16(testKey+`\link\link`)))
	_, st = c.open(root, "link", keyAll)
	require.Equal(t, ntdef.STATUS_NAME_TOO_LONG, st)
	for _, text := range []string{testKey + "\\target\x00", "target", ""} {
		require.Equal(t, ntdef.STATUS_SUCCESS, c.set(link, "SymbolicLinkValue", nt.REG_LINK, nt.EncodeUTF16(text)))
		_, st = c.open(root, "link", keyAll)
		require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, st, "%q", text)
	}
}

// The filter and the depth of a handle's first notification hold for all, and closing the handle ends them.
func TestNotificationsOfKeys(t *testing.T) {
	c := newCaller(t)
	root := c.mustCreate(0, testKey)
	other, st := c.open(0, testKey, keyAll)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	newEvent := func() uint64 {
		h, st := c.p.CreateEvent(&nt.ObjectRequest{}, true, true)
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		return uint64(h)
	}
	isSet := func(h uint64) bool {
		st, err := c.p.Thread().Wait([]ntdef.Handle{ntdef.Handle(h)}, false, 0, false)
		require.NoError(t, err)
		return st == ntdef.STATUS_SUCCESS
	}
	iosb := c.cell(0)
	notify := func(key, event, filter, tree uint64) {
		require.Equal(t, ntdef.STATUS_PENDING, c.call("NtNotifyChangeKey", key, event, 0, 0, iosb, filter, tree, 0, 0, 1))
		require.False(t, isSet(event))
	}
	events := []uint64{newEvent(), newEvent(), newEvent()}
	notify(root, events[0], 1, 0)
	notify(root, events[1], 0, 0)
	notify(other, events[2], 0, 0)
	require.Equal(t, ntdef.STATUS_SUCCESS, c.set(root, "value", nt.REG_SZ, nil))
	require.False(t, isSet(events[0]), "values are not asked for")
	sub := c.mustCreate(root, "sub")
	require.True(t, isSet(events[0]))
	require.True(t, isSet(events[1]))
	require.False(t, isSet(events[2]))
	require.EqualValues(t, ntdef.STATUS_NOTIFY_ENUM_DIR, c.u32(iosb))

	notify(root, events[0], 1, 0)
	c.must("NtDeleteKey", sub)
	require.True(t, isSet(events[0]))
	notify(root, events[0], 1, 0)
	require.Equal(t, ntdef.STATUS_SUCCESS, c.p.CloseHandle(ntdef.Handle(root)))
	require.True(t, isSet(events[0]))
	require.EqualValues(t, ntdef.STATUS_NOTIFY_CLEANUP, c.u32(iosb))

	software, st := c.open(0, `\Registry\Machine\Software`, keyAll)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	notify(software, events[1], 4, 1)
	require.Equal(t, ntdef.STATUS_SUCCESS, c.set(other, "value", nt.REG_SZ, nil))
	require.True(t, isSet(events[1]), "a change far below")
	require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, c.call("NtNotifyChangeKey", other, 0, 0, 0, iosb, 0x40, 0, 0, 0, 1))
}

// A guest cannot fill the host's memory with values and keys.
func TestTheRegistryIsBounded(t *testing.T) {
	c := newCaller(t)
	root := c.mustCreate(0, testKey)
	data := make([]byte, 16<<20)
	for i := range 3 {
		require.Equal(t, ntdef.STATUS_SUCCESS, c.p.SetValue(ntdef.Handle(root), string(rune('a'+i)), nt.REG_BINARY, data))
	}
	require.Equal(t, ntdef.STATUS_REGISTRY_QUOTA_LIMIT, c.p.SetValue(ntdef.Handle(root), "d", nt.REG_BINARY, data))
	require.Equal(t, ntdef.STATUS_REGISTRY_QUOTA_LIMIT, c.call("NtSetValueKey", root, c.ustr("d"), 0, 3, 0x10, 0xffffffff))
	require.Equal(t, ntdef.STATUS_SUCCESS, c.p.SetValue(ntdef.Handle(root), "a", nt.REG_BINARY, data[:1]))
	require.Equal(t, ntdef.STATUS_SUCCESS, c.p.SetValue(ntdef.Handle(root), "d", nt.REG_BINARY, data))
	deep := root
	for i := 0; ; i++ {
		mark := c.next
		h, st := c.create(deep, "k", keyAll, 0)
		if st != ntdef.STATUS_SUCCESS {
			require.Equal(t, ntdef.STATUS_INVALID_PARAMETER, st)
			require.Greater(t, i, 500)
			break
		}
		deep = h
		c.next = mark
	}
}

// What the initial keys say is what the machine says.
func TestInitialKeys(t *testing.T) {
	c := newCaller(t)
	require.Equal(t, "19045", c.text(`\Registry\Machine\Software\Microsoft\Windows NT\CurrentVersion`, "CurrentBuildNumber"))
	require.Equal(t, "1252", c.text(`\Registry\Machine\System\CurrentControlSet\Control\Nls\CodePage`, "ACP"))
	require.Equal(t, "00000409", c.text(`\Registry\Machine\System\CurrentControlSet\Control\Nls\Locale`, ""))
	require.Equal(t, "PAGEWALK", c.text(`\Registry\Machine\System\CurrentControlSet\Control\ComputerName\ActiveComputerName`, "ComputerName"))
	require.Equal(t, "GenuineIntel", c.text(`\Registry\Machine\Hardware\Description\System\CentralProcessor\0`, "VendorIdentifier"))
	require.Equal(t, "UTC", c.text(`\Registry\Machine\System\ControlSet001\Control\TimeZoneInformation`, "TimeZoneKeyName"))
	require.Equal(t, "en-US", c.text(nt.CurrentUserKey+`\Control Panel\International`, "LocaleName"))
}

// The registry's file keeps what a guest wrote, but for volatile keys, and brings it back.
func TestRegistryFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "registry.json")
	run := func(use func(p *nt.Process)) {
		c := newCallerOf(t, nt.Config{Registry: file})
		use(c.p)
		require.NoError(t, c.p.System().Close())
	}
	values := []nt.KeyValue{
		{Name: "", Type: nt.REG_SZ, Data: nt.EncodeUTF16("text\x00")},
		{Name: "two\x00zeros", Type: nt.REG_SZ, Data: nt.EncodeUTF16("a\x00b\x00")},
		{Name: "no end", Type: nt.REG_SZ, Data: nt.EncodeUTF16("text")},
		{Name: "odd", Type: 77, Data: []byte{1, 2, 3}},
		{Name: "surrogate", Type: nt.REG_SZ, Data: []byte{0, 0xd8, 0, 0}},
	}
	run(func(p *nt.Process) {
		h, created, st := p.CreateKey(&nt.KeyRequest{Name: testKey, Access: nt.KEY_ALL_ACCESS, Class: "class"})
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		require.True(t, created)
		for _, v := range values {
			require.Equal(t, ntdef.STATUS_SUCCESS, p.SetValue(h, v.Name, v.Type, v.Data))
		}
		_, _, st = p.CreateKey(&nt.KeyRequest{Root: h, Name: "volatile", Options: nt.REG_OPTION_VOLATILE})
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
	})
	first, err := os.ReadFile(file)
	require.NoError(t, err)
	run(func(p *nt.Process) {
		h, st := p.OpenKey(&nt.KeyRequest{Name: testKey, Access: nt.KEY_READ})
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		info, st := p.QueryKey(h, false)
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		require.Equal(t, []any{"class", uint32(0)}, []any{info.Class, info.SubKeys})
		for i, want := range values {
			got, st := p.EnumerateValue(h, uint32(i))
			require.Equal(t, ntdef.STATUS_SUCCESS, st)
			require.Equal(t, want, got)
		}
		_, st = p.OpenKey(&nt.KeyRequest{Name: `\Registry\Machine\System\CurrentControlSet\Control`, Access: nt.KEY_READ})
		require.Equal(t, ntdef.STATUS_SUCCESS, st, "volatile keys are made anew")
	})
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(first), string(again))
	left, err := filepath.Glob(file + ".*")
	require.NoError(t, err)
	require.Empty(t, left)

	for text, want := range map[string]string{
		"{": "unexpected end", `{"pagewalk_registry":2}`: "version 2",
		`{"pagewalk_registry":1,"keys":[{"name":"A"},{"name":"a"}]}`: "is there twice",
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		_, err := nt.New(nt.Config{RAMBytes: 64 << 20, Registry: file})
		require.ErrorContains(t, err, want)
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, text, string(b), "what cannot be read is kept")
	}
}

// A call that waits for a notification returns the notification's status, whatever another thread writes to its IO_STATUS_BLOCK meanwhile.
func TestASynchronousNotificationKeepsItsStatus(t *testing.T) {
	perform(t, func(a *actor) {
		attributes, key, block := a.attributes(testKey), a.cell(0), a.cell(0)
		a.cell(0) // the block's second half
		a.must("NtCreateKey", key, keyAll, attributes, 0, 0, 0, 0)
		a.thread(a.code, 0, func(b *actor) {
			b.must("NtSetValueKey", b.get(key), b.name("value"), 0, 3, 0, 0)
			b.is(uint64(ntdef.STATUS_NOTIFY_ENUM_DIR), b.get(block), "the block of a notification that is through")
			b.put(block, 0x12345678)
		})
		const lastSet = 4
		a.is(ntdef.STATUS_NOTIFY_ENUM_DIR, a.call("NtNotifyChangeKey", a.get(key), 0, 0, 0, block, lastSet, 0, 0, 0, 0), "the call that waited")
		a.is(uint64(0x12345678), a.get(block), "what the other thread wrote")
	})
}
