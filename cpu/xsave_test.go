package cpu

import (
	"encoding/binary"
	"testing"

	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// TestXSAVE saves and restores through every instruction of the family, and looks at the header that each leaves.
func TestXSAVE(t *testing.T) {
	const area = 0x6000
	for _, test := range []struct {
		name    string
		save    []byte // at [rbx]
		restore []byte
		mask    uint64
		state   uint64 // XSTATE_BV expected
		comp    uint64 // XCOMP_BV expected
	}{
		{"XSAVE", []byte{0x0f, 0xae, 0x23}, []byte{0x0f, 0xae, 0x2b}, 3, 3, 0},
		{"XSAVE64", []byte{0x48, 0x0f, 0xae, 0x23}, []byte{0x48, 0x0f, 0xae, 0x2b}, 3, 3, 0},
		{"XSAVE of SSE", []byte{0x0f, 0xae, 0x23}, []byte{0x0f, 0xae, 0x2b}, 2, 2, 0},
		{"XSAVEOPT", []byte{0x0f, 0xae, 0x33}, []byte{0x0f, 0xae, 0x2b}, 3, 3, 0},
		{"XSAVEC", []byte{0x0f, 0xc7, 0x23}, []byte{0x0f, 0xae, 0x2b}, 3, 3, 1<<63 | 3},
		{"XSAVES", []byte{0x0f, 0xc7, 0x2b}, []byte{0x0f, 0xc7, 0x1b}, 3, 3, 1<<63 | 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			code := append(append([]byte{}, test.save...), 0xd9, 0xee, 0x0f, 0x57, 0xc0) // fldz; xorps xmm0, xmm0
			code = append(append(code, test.restore...), 0xf4)
			c := bare(t, code...)
			require.Nil(t, c.MMU.SetCR4(c.MMU.CR4()|x86.CR4OSXSAVE))
			c.xcr0 = 3
			c.R[RBX], c.R[RAX] = area, test.mask
			c.XMM[0] = XMMReg{1, 2}
			c.MXCSR = 0x1f81
			c.FPU.push(float80{1 << 63, 0x3fff})
			want := c.FPU
			require.Equal(t, ExitHalt, c.Run(10).Kind)
			require.EqualValues(t, testCode+len(code), c.RIP)
			header := c.mem.Frame(area)[xsaveHeader:]
			require.Equal(t, test.state, binary.LittleEndian.Uint64(header))
			require.Equal(t, test.comp, binary.LittleEndian.Uint64(header[8:]))
			require.Equal(t, XMMReg{1, 2}, c.XMM[0])
			require.EqualValues(t, 0x1f81, c.MXCSR)
			if test.mask&1 != 0 {
				require.Equal(t, want.status, c.FPU.status)
				require.Equal(t, want.st, c.FPU.st)
			} else {
				require.NotEqual(t, want.status, c.FPU.status)
			}
		})
	}
}

// TestXRSTORInitialises loads an area whose header says that nothing is in it.
func TestXRSTORInitialises(t *testing.T) {
	c := bare(t, 0x0f, 0xae, 0x2b, 0xf4)
	require.Nil(t, c.MMU.SetCR4(c.MMU.CR4()|x86.CR4OSXSAVE))
	c.xcr0 = 3
	c.R[RBX], c.R[RAX] = 0x6000, 3
	c.XMM[5] = XMMReg{1, 2}
	binary.LittleEndian.PutUint32(c.mem.Frame(0x6000)[fxMXCSR:], 0x1fa0)
	require.Equal(t, ExitHalt, c.Run(10).Kind)
	require.Zero(t, c.XMM[5])
	require.EqualValues(t, 0x1fa0, c.MXCSR, "the standard form loads MXCSR whatever the header says")

	for name, spoil := range map[string]func(c *CPU){
		"unaligned":      func(c *CPU) { c.R[RBX] = 0x6010 },
		"unknown state":  func(c *CPU) { c.mem.Frame(0x6000)[xsaveHeader] = 4 },
		"header":         func(c *CPU) { c.mem.Frame(0x6000)[xsaveHeader+16] = 1 },
		"reserved MXCSR": func(c *CPU) { c.mem.Frame(0x6000)[fxMXCSR+2] = 1 },
	} {
		c := bare(t, 0x0f, 0xae, 0x2b, 0xf4)
		require.Nil(t, c.MMU.SetCR4(c.MMU.CR4()|x86.CR4OSXSAVE))
		c.xcr0 = 3
		c.R[RBX], c.R[RAX] = 0x6000, 3
		spoil(c)
		require.Equal(t, x86.VectorGP, handled(t, c), name)
	}
}
