package loader

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

const helloKernel = "../tests/kernels/hello.elf"

func TestParseELF(t *testing.T) {
	data, err := os.ReadFile(helloKernel)
	require.NoError(t, err)
	e, err := ParseELF(bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, 32, e.Bits)
	entry, err := e.PhysEntry()
	require.NoError(t, err)
	require.GreaterOrEqual(t, entry, uint64(0x100000))

	spoil := func(at int, v byte) []byte {
		b := bytes.Clone(data)
		b[at] = v
		return b
	}
	for why, bad := range map[string][]byte{
		"bad magic":           []byte("MZ and so on, for long enough to be looked at as a header at all, which it is not."),
		"EM_ARM":              spoil(18, 40),
		"ET_REL":              spoil(16, 1),
		"EOF":                 data[:20],
		"no loadable segment": spoil(44, 0),
	} {
		_, err := ParseELF(bytes.NewReader(bad))
		require.ErrorContains(t, err, why)
	}
	e.Entry = 0x10
	_, err = e.PhysEntry()
	require.ErrorContains(t, err, "0x10 is in no segment")
}

// multibootImage is a flat image with a header at 16.
func multibootImage(flags uint32, words ...uint32) []byte {
	b := make([]byte, 16, 128)
	for _, w := range append([]uint32{multibootMagic, flags, -(multibootMagic + flags)}, words...) {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return append(b, make([]byte, 64)...)
}

func TestParseMultiboot(t *testing.T) {
	m, err := ParseMultiboot(bytes.NewReader(multibootImage(3)))
	require.NoError(t, err)
	require.EqualValues(t, 16, m.Offset)

	image := multibootImage(MultibootAddresses, 0x100010, 0x100000, 0x100020, 0x100100, 0x100030)
	m, err = ParseMultiboot(bytes.NewReader(image))
	require.NoError(t, err)
	s, err := m.Segment(bytes.NewReader(image), int64(len(image)))
	require.NoError(t, err)
	require.EqualValues(t, 0x100000, s.Phys)
	require.EqualValues(t, 0x20, s.FileSize)
	require.EqualValues(t, 0x100, s.MemSize)
	got, err := io.ReadAll(io.NewSectionReader(s, 0, int64(s.FileSize)))
	require.NoError(t, err)
	require.Equal(t, image[:0x20], got)

	_, err = ParseMultiboot(bytes.NewReader(make([]byte, 10000)))
	require.ErrorIs(t, err, ErrNoMultiboot)
	for why, words := range map[string][]uint32{
		"do not fit":            {0x100000, 0x100010, 0, 0, 0},
		"below load_addr":       {0x100010, 0x100000, 0x0fffff, 0, 0},
		"below the end of what": {0x100010, 0x100000, 0x100020, 0x100010, 0},
	} {
		_, err = ParseMultiboot(bytes.NewReader(multibootImage(MultibootAddresses, words...)))
		require.ErrorContains(t, err, why)
	}
	_, err = ParseMultiboot(bytes.NewReader(multibootImage(8)))
	require.ErrorContains(t, err, "requires features 0x8")
	m, err = ParseMultiboot(bytes.NewReader(multibootImage(MultibootAddresses, 0x100010, 0x100000, 0x200000, 0, 0x100030)))
	require.NoError(t, err)
	_, err = m.Segment(bytes.NewReader(image), int64(len(image)))
	require.ErrorContains(t, err, "0x100000 bytes are to be loaded")
}

// FuzzKernelImages holds both parsers to a value or an error on any bytes.
func FuzzKernelImages(f *testing.F) {
	data, err := os.ReadFile(helloKernel)
	require.NoError(f, err)
	f.Add(data[:512])
	f.Add(multibootImage(MultibootAddresses, 0x100010, 0x100000, 0, 0, 0x100030))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		if e, err := ParseELF(r); err == nil {
			require.NotEmpty(t, e.Segments)
			_, _ = e.PhysEntry()
		}
		m, err := ParseMultiboot(r)
		if err != nil || m.Flags&MultibootAddresses == 0 {
			return
		}
		if s, err := m.Segment(r, int64(len(data))); err == nil {
			require.LessOrEqual(t, s.FileSize, s.MemSize)
			require.LessOrEqual(t, s.FileSize, uint64(len(data)))
		}
	})
}
