package loader

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// testImage builds a PE32+ file with one section, .all, at RVA 0x1000: enough to hold every table.
type testImage struct {
	headers     [0x200]byte
	data        []byte // of the section
	virtualSize uint32 // of the section; 0: the length of data
	narrow      bool   // a PE32 image, its optional header as large as that of PE32+
}

const (
	testBase    = 0x140000000
	testSection = 0x1000 // RVA
	testRaw     = 0x200  // file offset
	peAt        = 0x80
	optionalAt  = peAt + 24
	sectionAt   = optionalAt + 112 + 16*8
)

var le = binary.LittleEndian

func newTestImage() *testImage {
	b := &testImage{}
	h := b.headers[:]
	copy(h, "MZ")
	le.PutUint32(h[0x3c:], peAt)
	copy(h[peAt:], "PE\x00\x00")
	le.PutUint16(h[peAt+4:], MachineAMD64)
	le.PutUint16(h[peAt+6:], 1)
	le.PutUint32(h[peAt+8:], 0x5eed)
	le.PutUint16(h[peAt+20:], 112+16*8)
	le.PutUint16(h[peAt+22:], 0x22)
	o := h[optionalAt:]
	le.PutUint16(o[0:], 0x20b)
	le.PutUint32(o[16:], 0x1010)
	le.PutUint64(o[24:], testBase)
	le.PutUint32(o[32:], 0x1000)
	le.PutUint32(o[36:], 0x200)
	le.PutUint16(o[40:], 4)
	le.PutUint16(o[42:], 1)
	le.PutUint16(o[48:], 5)
	le.PutUint16(o[50:], 2)
	le.PutUint32(o[56:], 0x3000)
	le.PutUint32(o[60:], 0x200)
	le.PutUint32(o[64:], 0xc4ec)
	le.PutUint16(o[68:], 3)
	le.PutUint16(o[70:], 0x160)
	le.PutUint64(o[72:], 0x200000)
	le.PutUint64(o[80:], 0x1000)
	le.PutUint64(o[88:], 0x100000)
	le.PutUint64(o[96:], 0x2000)
	le.PutUint32(o[108:], 16)
	copy(h[sectionAt:], ".all")
	le.PutUint32(h[sectionAt+12:], testSection)
	le.PutUint32(h[sectionAt+20:], testRaw)
	le.PutUint32(h[sectionAt+36:], 0xe0000060)
	b.data = make([]byte, 0x20)
	return b
}

// add appends bytes to the section, 8-aligned, and returns their RVA.
func (b *testImage) add(data []byte) uint32 {
	for len(b.data)%8 != 0 {
		b.data = append(b.data, 0)
	}
	rva := uint32(testSection + len(b.data))
	b.data = append(b.data, data...)
	return rva
}

func (b *testImage) str(s string) uint32 { return b.add(append([]byte(s), 0)) }

func (b *testImage) u32(v ...uint32) uint32 {
	var d []byte
	for _, v := range v {
		d = le.AppendUint32(d, v)
	}
	return b.add(d)
}

func (b *testImage) u64(v ...uint64) uint32 {
	var d []byte
	for _, v := range v {
		d = le.AppendUint64(d, v)
	}
	return b.add(d)
}

// hint adds an import by name.
func (b *testImage) hint(hint uint16, name string) uint64 {
	return uint64(b.add(append(le.AppendUint16(nil, hint), name+"\x00"...)))
}

func (b *testImage) directory(i int, rva uint32) {
	size := testSection + uint32(len(b.data)) - rva
	at := optionalAt + 112
	if b.narrow {
		at = optionalAt + 96
	}
	le.PutUint32(b.headers[at+8*i:], rva)
	le.PutUint32(b.headers[at+8*i+4:], size)
}

func (b *testImage) put16(at int, v uint16) { le.PutUint16(b.headers[at:], v) }
func (b *testImage) put32(at int, v uint32) { le.PutUint32(b.headers[at:], v) }

// file returns the image as a file, mapped as it lies in memory.
func (b *testImage) file() []byte {
	size := b.virtualSize
	if size == 0 {
		size = uint32(len(b.data))
	}
	h := b.headers
	le.PutUint32(h[sectionAt+8:], size)
	le.PutUint32(h[sectionAt+16:], uint32(len(b.data)))
	return append(h[:], b.data...)
}

func (b *testImage) mapped() []byte {
	m := make([]byte, 0x3000)
	f := b.file()
	copy(m, f[:testRaw])
	copy(m[testSection:], f[testRaw:])
	return m
}

// both runs a claim over the image parsed from its file and from memory.
func (b *testImage) both(t *testing.T, claim func(t *testing.T, p *PE)) {
	t.Helper()
	t.Run("file", func(t *testing.T) {
		f := b.file()
		p, err := ParsePE(bytesAt(f), int64(len(f)))
		require.NoError(t, err)
		claim(t, p)
	})
	t.Run("mapped", func(t *testing.T) {
		p, err := ParseMappedPE(bytesAt(b.mapped()))
		require.NoError(t, err)
		claim(t, p)
	})
}

// allTables fills an image with one of each table.
func allTables() *testImage {
	b := newTestImage()
	addImports(b)
	addDelayImports(b)
	addExports(b)
	addRelocations(b)
	addTLS(b)
	addLoadConfig(b)
	b.directory(DirectoryException, b.u32(0x1010, 0x1018, 0x1100, 0x1018, 0x1020, 0x1104, 0, 0, 0))
	return b
}

func addImports(b *testImage) {
	dll, old := b.str("first.dll"), b.str("OLD.dll")
	one, two := b.hint(7, "One"), b.hint(0, "Two")
	lookup := b.u64(one, 1<<63|513, two, 0)
	iat := b.u64(one, 1<<63|513, two, 0)
	oldIAT := b.u64(two, 0)
	b.directory(DirectoryImport, b.u32(
		lookup, 0, 0, dll, iat,
		0, 0, 0, old, oldIAT,
		0, 0, 0, 0, 0))
}

func addDelayImports(b *testImage) {
	dll, late := b.str("late.dll"), b.hint(3, "Late")
	lookup, iat := b.u64(late, 0), b.u64(testBase+0x1018, 0)
	b.directory(DirectoryDelayImport, b.u32(
		1, dll, 0, iat, lookup, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0))
}

// addExports exports alpha and its alias omega at ordinal 10, nothing at 11, ordinal 12 without a name, and a forwarder.
func addExports(b *testImage) {
	name, alpha, omega, forward := b.str("all.dll"), b.str("alpha"), b.str("omega"), b.str("forward")
	names := b.u32(omega, alpha, forward) // not sorted: the look-up must not depend on it
	ordinals := b.add([]byte{0, 0, 0, 0, 3, 0})
	dir := b.add(make([]byte, 40))
	functions := b.u32(0x1010, 0, 0x1018, 0)
	target := b.str("other.Function")
	d := b.data[dir-testSection:]
	le.PutUint32(d[12:], name)
	le.PutUint32(d[16:], 10)
	le.PutUint32(d[20:], 4)
	le.PutUint32(d[24:], 3)
	le.PutUint32(d[28:], functions)
	le.PutUint32(d[32:], names)
	le.PutUint32(d[36:], ordinals)
	le.PutUint32(b.data[functions-testSection+12:], target)
	b.directory(DirectoryExport, dir)
}

func addRelocations(b *testImage) {
	d := le.AppendUint32(nil, 0x1000)
	d = le.AppendUint32(d, 16)
	for _, e := range []uint16{0xa008, 0xaff8, 0xa010, 0} {
		d = le.AppendUint16(d, e)
	}
	d = le.AppendUint32(d, 0x2000)
	d = le.AppendUint32(d, 12)
	d = append(d, 0x20, 0xa0, 0, 0)
	b.directory(DirectoryRelocations, b.add(d))
}

func addTLS(b *testImage) {
	rva := b.u64(testBase+0x1010, testBase+0x1018, testBase+0x1000, testBase+0x1008, 0x00300000_00000020)
	b.directory(DirectoryTLS, rva)
}

func addLoadConfig(b *testImage) {
	d := make([]byte, 0x94)
	le.PutUint32(d, 0x140)
	le.PutUint64(d[0x58:], testBase+0x1000)
	le.PutUint64(d[0x70:], testBase+0x1008)
	le.PutUint64(d[0x78:], testBase+0x1010)
	le.PutUint32(d[0x90:], 0x10014500)
	b.directory(DirectoryLoadConfig, b.add(d))
}
